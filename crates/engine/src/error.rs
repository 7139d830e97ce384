//! Why a chain stops.

use perpdex_core::{BlockConflict, BlockRange, ChainId, SourceError, StoreError};
use thiserror::Error;

/// Why a chain stops before its end.
#[derive(Debug, Error)]
pub enum ChainError {
    /// No endpoint answered at the start.
    #[error(
        "{chain}: no endpoint answered within {waited_ms} ms: {}: check the network and the chain's endpoints, then run again",
        list(errors)
    )]
    Unreachable {
        /// The chain.
        chain: ChainId,
        /// How long it was tried.
        waited_ms: u64,
        /// The last error of each endpoint.
        errors: Vec<SourceError>,
    },
    /// Every endpoint serves another chain.
    #[error("{chain}: every endpoint serves another chain: {}: correct the chain's endpoints", list(errors))]
    WrongChain {
        /// The chain.
        chain: ChainId,
        /// What each endpoint said.
        errors: Vec<SourceError>,
    },
    /// Endpoints answered, but never with what was asked.
    #[error("{chain}: {what}: {tries} tries failed, the last with: {last}")]
    GaveUp {
        /// The chain.
        chain: ChainId,
        /// What was asked.
        what: String,
        /// How often.
        tries: u32,
        /// The last error.
        last: SourceError,
    },
    /// No endpoint is left.
    #[error("{chain}: {what}: no endpoint is left, the last was dropped for: {last}: correct the chain's endpoints")]
    NoneLeft {
        /// The chain.
        chain: ChainId,
        /// What was asked.
        what: String,
        /// Why the last one was dropped.
        last: String,
    },
    /// Several ranges in a row could not be had.
    #[error("{chain}: {count} ranges in a row could not be had, the last is {range}: {detail}")]
    RangesInARow {
        /// The chain.
        chain: ChainId,
        /// How many.
        count: u32,
        /// The last of them.
        range: BlockRange,
        /// Why.
        detail: String,
    },
    /// The job itself cannot be done.
    #[error("{chain}: {message}")]
    Job {
        /// The chain.
        chain: ChainId,
        /// Why.
        message: String,
    },
    /// Endpoint and store contradict each other in final history.
    #[error(
        "{chain}: final block {} is stored with hash {} but {label} gives {}: one of them is wrong; nothing was written. \
         Check the endpoint; if the store is wrong, index this chain into a new database",
        conflict.height, conflict.stored, conflict.found
    )]
    BeyondFinality {
        /// The chain.
        chain: ChainId,
        /// The two hashes.
        conflict: BlockConflict,
        /// Label of the endpoint.
        label: String,
    },
    /// Endpoints keep contradicting themselves.
    #[error("{chain}: {count} contradictions in a row at block {} (stored {}, given {}) that no second answer confirmed: use another endpoint", conflict.height, conflict.stored, conflict.found)]
    Unsteady {
        /// The chain.
        chain: ChainId,
        /// How many.
        count: u32,
        /// The last one.
        conflict: BlockConflict,
    },
    /// A decoder panicked; a defect of ours.
    #[error("{chain}: decoding {range} ended abnormally: {message}: nothing of the range was written")]
    Decoder {
        /// The chain.
        chain: ChainId,
        /// What was decoded.
        range: BlockRange,
        /// What the task said.
        message: String,
    },
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// How a chain stops before its end.
#[derive(Debug)]
pub(crate) enum ChainStop {
    Failed(ChainError),
    Halted(ChainError),
    Interrupted,
}

impl From<StoreError> for ChainStop {
    fn from(error: StoreError) -> ChainStop {
        ChainStop::Failed(ChainError::Store(error))
    }
}

fn list(errors: &[SourceError]) -> String {
    let texts: Vec<String> = errors.iter().map(SourceError::to_string).collect();
    if texts.is_empty() { "none is configured".to_owned() } else { texts.join("; ") }
}
