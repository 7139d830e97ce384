//! What a run tells while it works.

use perpdex_core::ChainId;
use serde::Serialize;

/// Hears about a run's progress. Called from several tasks; must return at once.
pub trait Progress: Send + Sync {
    /// A chain's numbers changed.
    fn update(&self, chain: ChainId, progress: &ChainProgress);

    /// Something worth a line: a reorg, a range given up, an endpoint dropped.
    fn note(&self, chain: ChainId, note: &str);
}

/// Where a chain stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ChainProgress {
    /// What it is doing.
    pub phase: Phase,
    /// Blocks of this run's plan that are done or given up; a block counts once for each group of streams fetched
    /// together.
    pub blocks_done: u64,
    /// Blocks of this run's plan so far.
    pub blocks_total: u64,
    /// Highest height committed in this run, inclusive.
    pub height: u64,
    /// The chain's newest known height, inclusive.
    pub latest: u64,
    /// Raw records written in this run.
    pub records: u64,
    /// Events written in this run.
    pub events: u64,
}

/// What a chain is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Asking the endpoints where the chain stands, comparing the stored tail with it.
    #[default]
    Starting,
    /// Fetching final history.
    History,
    /// Fetching blocks above the final height.
    Tail,
    /// Waiting for the next block.
    Following,
    /// Proving stored ranges once more.
    Verifying,
    /// Ended.
    Ended,
}

impl Phase {
    /// The name in tables and on screens.
    pub fn as_str(self) -> &'static str {
        match self {
            Phase::Starting => "starting",
            Phase::History => "history",
            Phase::Tail => "tail",
            Phase::Following => "following",
            Phase::Verifying => "verifying",
            Phase::Ended => "ended",
        }
    }
}

/// Tells nobody.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn update(&self, _chain: ChainId, _progress: &ChainProgress) {}

    fn note(&self, _chain: ChainId, _note: &str) {}
}
