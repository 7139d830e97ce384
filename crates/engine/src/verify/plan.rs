//! What is to be proved: stored and final, less what an earlier run proved as well.

use perpdex_core::{BlockRange, Covered, Evidence, RangeSet, Verified};

use super::VerifyJob;
use crate::plan::{Planned, merge};

/// Heights to prove, and how many were left out as proved before.
#[derive(Debug)]
pub(super) struct VerifyPlan {
    pub(super) pieces: Vec<Planned>,
    pub(super) blocks_known: u64,
}

/// Cuts what is stored of the wanted streams into ranges of which the same streams are known throughout.
pub(super) fn plan(job: &VerifyJob, coverage: &[Covered], verified: &[Verified], finalized: u64) -> VerifyPlan {
    let to = job.to.unwrap_or(u64::MAX).min(finalized);
    let Some(wanted) = BlockRange::new(job.from.unwrap_or(0), to) else { return VerifyPlan { pieces: Vec::new(), blocks_known: 0 } };
    let mut blocks_known = 0;
    let mut sets = Vec::with_capacity(job.job.streams.len());
    for stream in &job.job.streams {
        if !job.venues.is_empty() && !job.venues.contains(&stream.id.venue) {
            sets.push(RangeSet::default());
            continue;
        }
        let of_stream = coverage.iter().filter(|covered| covered.stream == stream.id);
        let stored = RangeSet::from_ranges(of_stream.filter_map(|covered| covered.range.intersect(&wanted)));
        let known = verified.iter().filter(|known| known.stream == stream.id && is_enough(known.evidence, job));
        let left = stored.without(&RangeSet::from_ranges(known.map(|known| known.range)));
        blocks_known += stored.blocks() - left.blocks();
        sets.push(left);
    }
    VerifyPlan { pieces: merge(&sets, job.job.fetch_apart), blocks_known }
}

fn is_enough(evidence: Evidence, job: &VerifyJob) -> bool {
    !job.again && job.level <= evidence
}
