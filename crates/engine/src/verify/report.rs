//! What a verification found, chain by chain.

use perpdex_core::{BlockRange, ChainId, Difference};
use serde::Serialize;

use crate::report::{ChainOutcome, ErrorGroup, Verdict};

/// What a verification found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct VerifyReport {
    /// The chains, in the order of the jobs.
    pub chains: Vec<ChainVerifyReport>,
    /// Why the last reduction failed, if it did: levels and windows then lag behind the rows.
    pub reduce_error: Option<String>,
    /// Wall clock in milliseconds.
    pub elapsed_ms: u64,
}

/// What was found on one chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChainVerifyReport {
    /// The chain.
    pub chain: ChainId,
    /// How it ended.
    #[serde(flatten)]
    pub outcome: ChainOutcome,
    /// Heights proved in this run; a height counts once for each group of streams proved together.
    pub blocks: u64,
    /// Heights that were left out because an earlier run had proved them as well.
    pub blocks_known: u64,
    /// Raw records compared.
    pub records: u64,
    /// Records that were stored nowhere.
    pub missing: u64,
    /// Stored records that the proof does not have.
    pub extra: u64,
    /// Stored records that differ from the proof's.
    pub changed: u64,
    /// Differing records that were mended.
    pub mended: u64,
    /// Stored records that had lost their payload and have it again.
    pub restored: u64,
    /// Heights at which an endpoint left out records that its own blocks, or another endpoint, have.
    pub omitted: u64,
    /// Differences that remain, at most [`DIFFERENCES_LISTED_MAX`]; the store has them all.
    pub differences: Vec<Difference>,
    /// Differences that remain.
    pub remaining: u64,
    /// Ranges that could not be proved as well as asked.
    pub unproven: Vec<UnprovenReport>,
    /// Calls to endpoints.
    pub calls: u64,
    /// Failed calls, grouped by endpoint and kind.
    pub errors: Vec<ErrorGroup>,
    /// Wall clock of the chain in milliseconds.
    pub elapsed_ms: u64,
}

/// Differences that a report lists.
pub const DIFFERENCES_LISTED_MAX: usize = 100;

/// A range that could not be proved as well as asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UnprovenReport {
    /// The heights.
    pub range: BlockRange,
    /// Why.
    pub reason: String,
}

impl VerifyReport {
    /// The run in one word; the worst chain decides.
    pub fn verdict(&self) -> Verdict {
        let any = |test: fn(&ChainVerifyReport) -> bool| self.chains.iter().any(test);
        if any(|chain| chain.outcome == ChainOutcome::Interrupted) {
            Verdict::Interrupted
        } else if self.reduce_error.is_some() || any(|chain| !chain.is_clean()) {
            Verdict::Incomplete
        } else {
            Verdict::Clean
        }
    }
}

impl ChainVerifyReport {
    /// Whether everything asked for was proved, and the store holds exactly that.
    pub fn is_clean(&self) -> bool {
        self.outcome == ChainOutcome::Done && self.remaining == 0 && self.unproven.is_empty()
    }

    pub(super) fn new(chain: ChainId) -> ChainVerifyReport {
        ChainVerifyReport {
            chain,
            outcome: ChainOutcome::NotStarted,
            blocks: 0,
            blocks_known: 0,
            records: 0,
            missing: 0,
            extra: 0,
            changed: 0,
            mended: 0,
            restored: 0,
            omitted: 0,
            differences: Vec::new(),
            remaining: 0,
            unproven: Vec::new(),
            calls: 0,
            errors: Vec::new(),
            elapsed_ms: 0,
        }
    }

    pub(super) fn remains(&mut self, differences: &[Difference]) {
        self.remaining += differences.len() as u64;
        let room = DIFFERENCES_LISTED_MAX.saturating_sub(self.differences.len());
        self.differences.extend(differences.iter().take(room).cloned());
    }
}
