//! What a chain crate gives the engine: a few calls, and no retry policy, no loop and no reorg logic of its own.

use std::collections::BTreeMap;
use std::time::Duration;

use alloy_primitives::Bytes;
use async_trait::async_trait;
use serde::Serialize;
use thiserror::Error;

use crate::{BlockRange, BlockRef, ChainId, Evidence, Hole, RawRecord, StateCall, StreamId, Watch};

/// Reads one chain through one endpoint (or one folder).
#[async_trait]
pub trait Source: Send + Sync {
    /// The chain.
    fn chain(&self) -> ChainId;

    /// Scheme and host, or the last part of a path; never a key. This is what logs and errors carry.
    fn label(&self) -> &str;

    /// The tip and what is final, from one endpoint at one moment. Also checks, once, that the endpoint serves the
    /// chain it is meant to serve ([`SourceErrorKind::WrongChain`]).
    async fn heads(&self) -> Result<Heads, SourceError>;

    /// All records that match the filter in the range, with the proof that the endpoint has the range.
    ///
    /// A source may answer for a shorter range that starts at the same height (a file's end, a page's end);
    /// `Batch::range` says which.
    async fn fetch(&self, range: BlockRange, filter: &Filter) -> Result<Batch, SourceError>;

    /// Does a bounded part of the work that a range needs before it can be read, and tells whether more is to be done. What
    /// is done is kept, so that a failed call or an ended run costs no more than its own part.
    ///
    /// For sources that find old records only by way of newer ones. [`Source::fetch`] answers without it, in one long call.
    async fn prepare(&self, _range: BlockRange, _filter: &Filter) -> Result<bool, SourceError> {
        Ok(false)
    }

    /// The canonical block at a height; `None` where there is none (a skipped slot).
    async fn block_ref(&self, height: u64) -> Result<Option<BlockRef>, SourceError>;

    /// The first block at or after `time_ms` (unix milliseconds), by bisection over block times; `None` above the tip.
    async fn height_at(&self, time_ms: i64) -> Result<Option<u64>, SourceError>;

    /// How many heights one fetch should be for; `None`: as the engine is configured, for chains of blocks.
    fn fetch_heights(&self) -> Option<FetchHeights> {
        None
    }

    /// The height from which on it has heard what is told only as it happens, where that may lie above its head; known once heads
    /// were asked for.
    fn hears_from(&self) -> Option<u64> {
        None
    }

    /// Waits until the endpoint hints that there is a new block, where it gives hints; never returns where it gives none. A
    /// hint is no fact: it may come late, twice or not at all.
    async fn new_head(&self) {
        std::future::pending().await
    }

    /// Whether single blocks tell that records were left out ([`Source::probe`]). A source that answers with complete blocks
    /// or files has nothing to probe.
    fn can_probe(&self) -> bool {
        false
    }

    /// Tests single blocks of a batch that this source gave: does anything show that records were left out there?
    ///
    /// `heights` ascend and lie in `batch.range`; `filter` is the one the batch was asked with.
    async fn probe(&self, heights: &[u64], _filter: &Filter, _batch: &Batch) -> Result<Probe, SourceError> {
        Ok(Probe { unsettled: heights.to_vec(), ..Probe::default() })
    }

    /// Reads a range with proof of `level`, or the best this source can give: `Proof::batch.evidence` says what was reached.
    ///
    /// [`Evidence::Bloom`] tests every header and reads the receipts of blocks that may hold more than was answered;
    /// [`Evidence::Receipts`] reads the receipts of every block. Weaker levels are those of [`Source::fetch`]. As with
    /// `fetch`, the answer may be for a shorter range that starts at the same height.
    async fn prove(&self, range: BlockRange, filter: &Filter, level: Evidence) -> Result<Proof, SourceError> {
        let headers = if Evidence::Bloom <= level { Headers::All } else { filter.headers };
        let batch = self.fetch(range, &Filter { headers, ..filter.clone() }).await?;
        Ok(Proof { batch, omitted: Vec::new() })
    }

    /// What contracts answer: for each call, at its height or now as it says, the output; empty where the call reverts, `None`
    /// where the endpoint no longer has the state of that block, or does not serve such calls. Source: `eth_call`.
    async fn state(&self, _calls: &[(u64, StateCall)]) -> Result<Vec<Option<Bytes>>, SourceError> {
        let message = "reads no contract values".to_owned();
        Err(SourceError { label: self.label().to_owned(), kind: SourceErrorKind::Permanent, message })
    }

    /// What was asked of the endpoint since the source was made.
    fn traffic(&self) -> Traffic {
        Traffic::default()
    }

    /// Time between two looks at the head; `None`: as the engine is configured.
    fn head_poll(&self) -> Option<Duration> {
        None
    }
}

/// Sizes of a fetch, in heights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FetchHeights {
    /// Of the first one.
    pub start: u64,
    /// At most.
    pub max: u64,
}

/// What probed blocks said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Probe {
    /// Heights whose block shows records that the batch lacks, ascending. The batch is not to be believed.
    pub omitted: Vec<u64>,
    /// Heights for which this endpoint can tell neither that nothing is missing nor that something is, ascending.
    pub unsettled: Vec<u64>,
}

/// A range read with stronger proof than an ordinary fetch brings.
#[derive(Clone, Debug)]
pub struct Proof {
    /// The range with everything that was found, whichever way it was found.
    pub batch: Batch,
    /// Heights at which the endpoint's ordinary answer lacked records that its own blocks have, ascending.
    pub omitted: Vec<u64>,
}

/// Requests to one endpoint, counted by the source.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Traffic {
    /// Requests sent; a batch is one.
    pub requests: u64,
    /// Calls by method, those of batches one by one.
    pub calls: BTreeMap<&'static str, u64>,
    /// Headers read, by what they were read for.
    pub headers: BTreeMap<&'static str, u64>,
}

impl Traffic {
    /// Adds what another endpoint was asked.
    pub fn add(&mut self, other: &Traffic) {
        self.requests += other.requests;
        other.calls.iter().for_each(|(method, calls)| *self.calls.entry(method).or_default() += calls);
        other.headers.iter().for_each(|(purpose, headers)| *self.headers.entry(purpose).or_default() += headers);
    }
}

/// The state of a chain as one endpoint sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heads {
    /// First height the endpoint can serve, where it says so (files).
    pub earliest: Option<u64>,
    /// The newest block.
    pub latest: BlockRef,
    /// Height of the newest final block, inclusive. Falls back to a depth where the node knows no such tag.
    pub finalized: u64,
}

/// Which headers a fetch brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Headers {
    /// Those of both ends, and of blocks with records whose time the records do not carry. For final history.
    Needed,
    /// Of every block. For the unfinal tail, where hashes decide.
    All,
}

/// What to fetch.
#[derive(Clone, Debug)]
pub struct Filter {
    /// The streams; the source merges their watches into as few requests as it can.
    pub streams: Vec<(StreamId, Watch)>,
    /// Which headers to bring.
    pub headers: Headers,
}

/// What came back for a range.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The heights this batch answers for.
    pub range: BlockRange,
    /// Blocks of the range, ascending and unique: both ends where they exist, every block with a record, and every
    /// block at all under [`Headers::All`].
    pub blocks: Vec<BlockRef>,
    /// Records in canonical order: height, then `ord`.
    pub records: Vec<RawRecord>,
    /// Records of the right address that could not be read as records at all.
    pub malformed: Vec<MalformedRecord>,
    /// Parts of the range that could not be had. They are not covered.
    pub holes: Vec<Hole>,
    /// How well the range is known.
    pub evidence: Evidence,
}

/// Something that should have been a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MalformedRecord {
    /// The stream it belongs to.
    pub stream: StreamId,
    /// Height, as far as known: else the start of the range.
    pub height: u64,
    /// What was wrong.
    pub error: String,
    /// The bytes as they came.
    pub text: String,
}

/// A failed call.
#[derive(Clone, Debug, Error)]
#[error("{label}: {message}")]
pub struct SourceError {
    /// Label of the endpoint, never its address.
    pub label: String,
    /// What to do about it.
    pub kind: SourceErrorKind,
    /// What happened, lower-case, with range and method.
    pub message: String,
}

/// Classes of failure, each with its own cure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceErrorKind {
    /// The range has more blocks than the endpoint takes. Ask again at once, narrower, and never wider again.
    Range {
        /// The cap the endpoint named, in blocks counted inclusively.
        blocks_max: Option<u64>,
    },
    /// The answer would be too large. Ask again at once, narrower, for this range only.
    Density,
    /// Too many requests. Wait; the range is fine.
    Rate {
        /// How long the endpoint asked to wait.
        retry_after: Option<Duration>,
    },
    /// The endpoint does not have the block yet. Wait or ask another; the range is fine.
    Lagging,
    /// Time-out, server error, broken answer. Try again.
    Transient,
    /// Nothing listens there.
    Unreachable,
    /// The endpoint will never answer this.
    Permanent,
    /// The endpoint does not have that part of history, and never will.
    Pruned,
    /// The endpoint's answer lacked records that its own blocks, or another endpoint, show: the answer is worthless.
    Omitted,
    /// The endpoint serves another chain than configured.
    WrongChain {
        /// What it serves.
        found: u64,
    },
}

impl SourceErrorKind {
    /// Whether the same endpoint would say the same to the same question again.
    pub fn is_final(&self) -> bool {
        use SourceErrorKind::{Density, Omitted, Permanent, Pruned, Range, WrongChain};
        matches!(self, Range { .. } | Density | Permanent | Pruned | Omitted | WrongChain { .. })
    }

    /// The name in summaries.
    pub fn as_str(&self) -> &'static str {
        match self {
            SourceErrorKind::Range { .. } => "range",
            SourceErrorKind::Density => "density",
            SourceErrorKind::Rate { .. } => "rate",
            SourceErrorKind::Lagging => "lagging",
            SourceErrorKind::Transient => "transient",
            SourceErrorKind::Unreachable => "unreachable",
            SourceErrorKind::Permanent => "permanent",
            SourceErrorKind::Pruned => "pruned",
            SourceErrorKind::Omitted => "omitted",
            SourceErrorKind::WrongChain { .. } => "wrong chain",
        }
    }
}
