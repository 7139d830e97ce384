//! What a run did, chain by chain.

use perpdex_core::{BlockRange, ChainId, HoleReason, Traffic};
use serde::Serialize;

/// What a run did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RunReport {
    /// The chains, in the order of the jobs.
    pub chains: Vec<ChainReport>,
    /// Why the last reduction failed, if it did: levels and windows then lag behind the rows.
    pub reduce_error: Option<String>,
    /// Wall clock of the run in milliseconds.
    pub elapsed_ms: u64,
}

/// A run in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Every chain reached its end without holes or failures.
    Clean,
    /// A chain failed or halted, a range could not be had, or a record could not be decoded.
    Incomplete,
    /// Cancelled before its end.
    Interrupted,
    /// Nothing was started, because a job cannot be done at all (an endpoint of another chain).
    Refused,
}

/// What a run did on one chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChainReport {
    /// The chain.
    pub chain: ChainId,
    /// How it ended.
    #[serde(flatten)]
    pub outcome: ChainOutcome,
    /// Ranges committed.
    pub ranges: u64,
    /// Blocks of those ranges.
    pub blocks: u64,
    /// Highest height committed, inclusive.
    pub height: Option<u64>,
    /// Raw records written.
    pub records: u64,
    /// Raw records that were stored already.
    pub records_known: u64,
    /// Events written.
    pub events: u64,
    /// Records of known kind that could not be decoded, and things that were not even records.
    pub failures: u64,
    /// Records of a kind no layout lists.
    pub unknown: u64,
    /// Parts that could not be had.
    pub holes: u64,
    /// The first of them, at most [`HOLES_LISTED_MAX`].
    pub holes_listed: Vec<HoleReport>,
    /// Unwindings.
    pub reorgs: u64,
    /// Calls to endpoints.
    pub calls: u64,
    /// What the endpoints counted of it: requests, calls by method, headers by purpose; all endpoints together.
    pub traffic: Traffic,
    /// How often another endpoint was taken, or one left alone.
    pub routing: RoutingReport,
    /// How often answers were looked at twice.
    pub proof: ProofReport,
    /// Failed calls, grouped by endpoint and kind.
    pub errors: Vec<ErrorGroup>,
    /// Endpoints that were no longer asked some kind of question in the end.
    pub dropped: Vec<DroppedEndpoint>,
    /// Wall clock of the chain in milliseconds.
    pub elapsed_ms: u64,
}

/// Holes that a report lists; the store has them all.
pub const HOLES_LISTED_MAX: usize = 20;

/// How a chain ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum ChainOutcome {
    /// At its end. Holes on the way are in the report.
    Done,
    /// Before its end; a later run goes on from there.
    Failed {
        /// Why.
        error: String,
    },
    /// Stopped, because endpoint and store contradict each other below the final height. Nothing was written.
    Halted {
        /// Both sides of the contradiction.
        error: String,
    },
    /// Cancelled.
    Interrupted,
    /// The job cannot be done; nothing was started, on no chain.
    Refused {
        /// Why.
        error: String,
    },
    /// Not begun, because another chain's job was refused.
    NotStarted,
}

impl ChainOutcome {
    /// The name in summaries and tables.
    pub fn as_str(&self) -> &'static str {
        match self {
            ChainOutcome::Done => "done",
            ChainOutcome::Failed { .. } => "failed",
            ChainOutcome::Halted { .. } => "halted",
            ChainOutcome::Interrupted => "interrupted",
            ChainOutcome::Refused { .. } => "refused",
            ChainOutcome::NotStarted => "not started",
        }
    }

    /// Why, where it did not go well.
    pub fn error(&self) -> Option<&str> {
        match self {
            ChainOutcome::Failed { error } | ChainOutcome::Halted { error } | ChainOutcome::Refused { error } => Some(error),
            ChainOutcome::Done | ChainOutcome::Interrupted | ChainOutcome::NotStarted => None,
        }
    }
}

/// A part that could not be had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HoleReport {
    /// Names of the streams that miss it.
    pub streams: Vec<String>,
    /// The heights.
    pub range: BlockRange,
    /// Why.
    pub reason: HoleReason,
    /// What to know about it.
    pub detail: String,
}

/// How often answers in final history were looked at twice.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ProofReport {
    /// Blocks whose header was tested because they were quiet, or by chance.
    pub blocks_probed: u64,
    /// Of these, blocks that settled quiet stretches which chance does not explain: they are outside of the budget.
    pub blocks_settling: u64,
    /// Probed blocks that told nothing, since their receipts could not be read.
    pub blocks_unsettled: u64,
    /// Quiet stretches that chance does not explain.
    pub stretches_suspicious: u64,
    /// Ranges asked of a second endpoint.
    pub ranges_second: u64,
    /// Ranges read again block by block, since their endpoint had left records out and no other was there.
    pub ranges_proved: u64,
}

/// How often another endpoint was taken, or one left alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RoutingReport {
    /// Requests that were asked of a second endpoint too, since the first took unusually long.
    pub hedged: u64,
    /// Of these, answered by the second endpoint first.
    pub hedges_won: u64,
    /// Times an endpoint was left alone by all tasks after a failure that may last (circuit breaker).
    pub breaks: u64,
    /// Times an endpoint was put behind the others, since its head lagged.
    pub put_behind: u64,
}

/// An endpoint that is no longer asked some kind of question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DroppedEndpoint {
    /// Its label.
    pub label: String,
    /// The kind of question: heads, records, blocks or proof.
    pub asked: &'static str,
    /// What it said.
    pub reason: String,
}

/// Failed calls of one endpoint and kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ErrorGroup {
    /// Label of the endpoint.
    pub label: String,
    /// Kind of failure, as [`perpdex_core::SourceErrorKind::as_str`] names it.
    pub kind: &'static str,
    /// How many.
    pub count: u64,
    /// The last one's message.
    pub last: String,
}

impl RunReport {
    /// The run in one word; the worst chain decides, and a refusal before an interruption.
    pub fn verdict(&self) -> Verdict {
        let any = |test: fn(&ChainReport) -> bool| self.chains.iter().any(test);
        if any(|chain| matches!(chain.outcome, ChainOutcome::Refused { .. })) {
            Verdict::Refused
        } else if any(|chain| chain.outcome == ChainOutcome::Interrupted) {
            Verdict::Interrupted
        } else if self.reduce_error.is_some() || any(|chain| !chain.is_clean()) {
            Verdict::Incomplete
        } else {
            Verdict::Clean
        }
    }
}

impl ChainReport {
    /// Whether the chain reached its end without holes or failures. Unknown events are no failure.
    pub fn is_clean(&self) -> bool {
        self.outcome == ChainOutcome::Done && self.holes == 0 && self.failures == 0
    }

    pub(crate) fn new(chain: ChainId, outcome: ChainOutcome) -> ChainReport {
        ChainReport {
            chain,
            outcome,
            ranges: 0,
            blocks: 0,
            height: None,
            records: 0,
            records_known: 0,
            events: 0,
            failures: 0,
            unknown: 0,
            holes: 0,
            holes_listed: Vec::new(),
            reorgs: 0,
            calls: 0,
            traffic: Traffic::default(),
            routing: RoutingReport::default(),
            proof: ProofReport::default(),
            errors: Vec::new(),
            dropped: Vec::new(),
            elapsed_ms: 0,
        }
    }
}
