//! What is missing: target minus coverage, and which streams are asked for together.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use perpdex_core::{BlockRange, Covered, Evidence, RangeSet, StreamId};

/// A range that the same streams lack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Planned {
    pub(crate) range: BlockRange,
    /// Positions of the streams in the job.
    pub(crate) streams: Arc<[usize]>,
}

/// What of `wanted` a stream's coverage, of its own version and of sufficient evidence, leaves out. Evidence is asked for up
/// to the final height; above it all coverage counts.
pub(crate) fn missing(stream: &StreamId, wanted: BlockRange, coverage: &[Covered], evidence_min: Evidence, finalized: u64) -> RangeSet {
    let own = coverage.iter().filter(|covered| covered.stream == *stream);
    let tail = finalized.checked_add(1).and_then(|from| BlockRange::new(from, u64::MAX));
    let sufficient = own.filter_map(|covered| {
        if evidence_min <= covered.evidence { Some(covered.range) } else { tail.and_then(|tail| covered.range.intersect(&tail)) }
    });
    RangeSet::from_ranges(sufficient).missing(wanted)
}

/// Ranges to fetch, ascending, each for all streams that lack it (or one by one, where streams are fetched apart).
pub(crate) fn merge(missing: &[RangeSet], fetch_apart: bool) -> Vec<Planned> {
    if fetch_apart {
        let each = missing
            .iter()
            .enumerate()
            .flat_map(|(stream, set)| set.ranges().iter().map(move |range| Planned { range: *range, streams: Arc::from([stream]) }));
        let mut plans: Vec<Planned> = each.collect();
        plans.sort_by_key(|plan| (plan.range, plan.streams[0]));
        return plans;
    }
    let mut changes: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
    let mut last = 0;
    for (stream, set) in missing.iter().enumerate() {
        for range in set.ranges() {
            changes.entry(range.from()).or_default().push(stream);
            last = last.max(range.to());
            if let Some(after) = range.to().checked_add(1) {
                changes.entry(after).or_default().push(stream);
            }
        }
    }
    let mut plans = Vec::new();
    let mut lacking: BTreeSet<usize> = BTreeSet::new();
    let mut starts = changes.into_iter().peekable();
    while let Some((from, toggled)) = starts.next() {
        for stream in toggled {
            // Ranges of one set never touch, so that a stream begins or ends at a height, not both.
            if !lacking.remove(&stream) {
                lacking.insert(stream);
            }
        }
        let to = starts.peek().map_or(last, |(next, _)| next - 1);
        if let Some(range) = BlockRange::new(from, to).filter(|_| !lacking.is_empty()) {
            plans.push(Planned { range, streams: lacking.iter().copied().collect() });
        }
    }
    plans
}

/// The plan up to `height`, inclusive, and the plan above it.
pub(crate) fn split(plans: Vec<Planned>, height: u64) -> (Vec<Planned>, Vec<Planned>) {
    let (mut below, mut above) = (Vec::new(), Vec::new());
    for plan in plans {
        let with = |range| Planned { range, streams: plan.streams.clone() };
        below.extend(BlockRange::new(plan.range.from(), plan.range.to().min(height)).map(with));
        if let Some(first) = height.checked_add(1) {
            above.extend(BlockRange::new(plan.range.from().max(first), plan.range.to()).map(with));
        }
    }
    (below, above)
}

/// Number of blocks in a plan.
pub(crate) fn blocks(plans: &[Planned]) -> u64 {
    plans.iter().map(|plan| plan.range.blocks()).fold(0, u64::saturating_add)
}

#[cfg(test)]
mod tests {
    use perpdex_core::{ChainId, VenueSlug};

    use super::*;

    fn set(ranges: &[(u64, u64)]) -> RangeSet {
        RangeSet::from_ranges(ranges.iter().map(|(from, to)| BlockRange::new(*from, *to).unwrap()))
    }

    fn shape(plans: &[Planned]) -> Vec<(u64, u64, Vec<usize>)> {
        plans.iter().map(|plan| (plan.range.from(), plan.range.to(), plan.streams.to_vec())).collect()
    }

    #[test]
    fn same_gaps_are_fetched_together() {
        for (missing, want) in [
            (vec![set(&[(1, 9)]), set(&[(1, 9)])], vec![(1, 9, vec![0, 1])]),
            (vec![set(&[(1, 9)]), set(&[(5, 20)])], vec![(1, 4, vec![0]), (5, 9, vec![0, 1]), (10, 20, vec![1])]),
            (
                vec![set(&[(1, 4), (8, 9)]), set(&[(3, 8)])],
                vec![(1, 2, vec![0]), (3, 4, vec![0, 1]), (5, 7, vec![1]), (8, 8, vec![0, 1]), (9, 9, vec![0])],
            ),
            (vec![set(&[]), set(&[(7, 7)])], vec![(7, 7, vec![1])]),
            (vec![set(&[(5, u64::MAX)]), set(&[(9, 9)])], vec![(5, 8, vec![0]), (9, 9, vec![0, 1]), (10, u64::MAX, vec![0])]),
            (vec![set(&[(1, 2)]), set(&[(10, 12)])], vec![(1, 2, vec![0]), (10, 12, vec![1])]),
        ] {
            assert_eq!(shape(&merge(&missing, false)), want);
        }
    }

    #[test]
    fn apart_keeps_streams_alone() {
        let missing = [set(&[(1, 9)]), set(&[(1, 9), (20, 21)])];
        assert_eq!(shape(&merge(&missing, true)), vec![(1, 9, vec![0]), (1, 9, vec![1]), (20, 21, vec![1])]);
    }

    #[test]
    fn final_and_tail_part() {
        let plans = merge(&[set(&[(1, 9), (20, 30)])], false);
        let (below, above) = split(plans.clone(), 25);
        assert_eq!((shape(&below), shape(&above)), (vec![(1, 9, vec![0]), (20, 25, vec![0])], vec![(26, 30, vec![0])]));
        assert_eq!(blocks(&below) + blocks(&above), blocks(&plans));
        assert_eq!(split(plans, u64::MAX).1, vec![]);
    }

    #[test]
    fn only_own_version_and_sufficient_evidence_counts() {
        let stream = |version| StreamId { chain: ChainId(1), venue: VenueSlug::known("gmx_v2"), part: String::new(), version };
        let covered = |version, from, to, evidence| Covered {
            stream: stream(version),
            range: BlockRange::new(from, to).unwrap(),
            from_ms: 0,
            to_ms: 0,
            evidence,
        };
        let coverage =
            [covered(2, 1, 10, Evidence::Witnessed), covered(2, 11, 20, Evidence::Bloom), covered(1, 21, 30, Evidence::Receipts)];
        let wanted = BlockRange::new(1, 30).unwrap();
        for (version, evidence_min, finalized, want) in [
            (2, Evidence::Witnessed, 30, set(&[(21, 30)])),
            (2, Evidence::Probed, 30, set(&[(1, 10), (21, 30)])),
            (1, Evidence::Probed, 30, set(&[(1, 20)])),
            (2, Evidence::Probed, 6, set(&[(1, 6), (21, 30)])),
            (2, Evidence::Probed, u64::MAX, set(&[(1, 10), (21, 30)])),
        ] {
            assert_eq!(missing(&stream(version), wanted, &coverage, evidence_min, finalized), want);
        }
    }
}
