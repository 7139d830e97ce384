//! The state of a chain's run as it is kept beside the data, for those who look from outside.

use serde::{Deserialize, Serialize};

use crate::ChainId;

/// Where the newest run of a chain stands, or how it ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunState {
    /// The chain.
    pub chain: ChainId,
    /// What it is doing: `starting`, `history`, `tail`, `following`, `ended`.
    pub phase: String,
    /// How it ended: `done`, `failed`, `halted`, `interrupted`; `None` while it goes on, or where it was killed.
    pub outcome: Option<String>,
    /// Why it failed or halted.
    pub error: Option<String>,
    /// When it began, unix milliseconds.
    pub started_ms: i64,
    /// When this was written, unix milliseconds.
    pub updated_ms: i64,
    /// Blocks of its plan that are done or given up.
    pub blocks_done: u64,
    /// Blocks of its plan so far.
    pub blocks_total: u64,
    /// Ranges that are being fetched or wait for their commit.
    pub ranges_in_flight: u64,
    /// Raw records written.
    pub records: u64,
    /// Calls to endpoints.
    pub calls: u64,
    /// Failed calls, by endpoint and class.
    pub errors: Vec<EndpointErrors>,
}

/// Failed calls of one endpoint and class.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointErrors {
    /// Label of the endpoint, never its address.
    pub label: String,
    /// The class, as [`crate::SourceErrorKind::as_str`] names it.
    pub kind: String,
    /// How many.
    pub count: u64,
    /// The last one's message.
    pub last: String,
}
