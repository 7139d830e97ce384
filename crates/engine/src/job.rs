//! What a run is to do for one chain.

use std::fmt;
use std::sync::Arc;

use perpdex_core::{ChainId, Evidence, Heads, Source, StreamId, Target, Venue, Watch};

/// The work of a run on one chain.
#[derive(Clone)]
pub struct ChainJob {
    /// The chain. A run has at most one job for it.
    pub chain: ChainId,
    /// Where to read it, in order of preference.
    pub sources: Vec<Arc<dyn Source>>,
    /// What to read.
    pub streams: Vec<JobStream>,
    /// The decoders, at least those of the streams' venues.
    pub venues: &'static [&'static dyn Venue],
    /// Where to stop.
    pub until: Until,
    /// The weakest evidence that counts as covered.
    pub evidence_min: Evidence,
    /// Whether every stream is fetched by itself. For files, where a hole belongs to one stream: a batch's holes count
    /// for all streams it was asked for.
    pub fetch_apart: bool,
}

/// One stream of a job.
#[derive(Clone, Debug)]
pub struct JobStream {
    /// The stream.
    pub id: StreamId,
    /// What it watches.
    pub watch: Watch,
    /// First height wanted, inclusive.
    pub from: u64,
    /// First height at which the stream can hold anything, if known. Nothing below it is fetched.
    pub first_height: Option<u64>,
    /// Whether unknown events of the emitter would be seen.
    pub sees_unknown: bool,
}

/// Where a chain's work ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// At this height, inclusive. A height above the tip is waited for.
    Height(u64),
    /// At the final height read at the start, inclusive.
    Final,
    /// At the tip read at the start, inclusive: takes the provisional tail along.
    Latest,
    /// Never: follows the head until cancelled.
    Forever,
}

impl JobStream {
    /// First height that is fetched, inclusive.
    pub(crate) fn start(&self) -> u64 {
        self.from.max(self.first_height.unwrap_or(0))
    }

    /// What the store is told to want of the stream.
    pub(crate) fn target(&self, until: Until, evidence_min: Evidence) -> Target {
        let to = match until {
            Until::Height(height) => Some(height),
            Until::Final | Until::Latest | Until::Forever => None,
        };
        let (stream, from) = (self.id.clone(), self.start());
        Target { stream, from, to, first_height: self.first_height, evidence_min, sees_unknown: self.sees_unknown }
    }
}

impl Until {
    /// The highest height that a run takes which sees these heads at its start, inclusive.
    pub(crate) fn last(self, heads: &Heads) -> Option<u64> {
        match self {
            Until::Height(height) => Some(height),
            Until::Final => Some(heads.finalized.min(heads.latest.height)),
            Until::Latest => Some(heads.latest.height),
            Until::Forever => None,
        }
    }

    /// Whether a complete round at these heads was the last one. The head may be lower by now than at the start; what is
    /// there is taken all the same.
    pub(crate) fn is_done(self, heads: &Heads) -> bool {
        match self {
            Until::Height(height) => height <= heads.latest.height,
            Until::Final | Until::Latest => true,
            Until::Forever => false,
        }
    }
}

impl fmt::Debug for ChainJob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChainJob")
            .field("chain", &self.chain)
            .field("sources", &self.sources.iter().map(|source| source.label()).collect::<Vec<_>>())
            .field("streams", &self.streams)
            .field("until", &self.until)
            .field("evidence_min", &self.evidence_min)
            .field("fetch_apart", &self.fetch_apart)
            .finish_non_exhaustive()
    }
}
