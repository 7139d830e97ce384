//! Which blocks of an answer to look at again: suspicion, and a little chance.
//!
//! An endpoint that leaves records out leaves a quiet stretch. So the longest stretches without a record are looked at, judged
//! by each stream's own rate: with k of B blocks holding records and those spread by chance, a stretch of L or more quiet
//! blocks is to be expected (k + 1)(1 - L/B)^k times. The less it is to be expected, the sooner and the more of it is looked
//! at. Where a range is empty, the rate of the ranges before tells what to expect.
//!
//! Pure: the same range, records and rates give the same blocks.

use std::collections::{BTreeSet, VecDeque};

use perpdex_core::BlockRange;

use crate::options::EngineOptions;

const MILLION: f64 = 1_000_000.0;

/// Ranges that a rate remembers.
const RATE_RANGES: usize = 8;

/// What of a range to look at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ProbePlan {
    /// Heights to probe in any case, ascending.
    pub(crate) heights: Vec<u64>,
    /// Further heights that settle what is suspicious, ascending; probed where no second endpoint can be asked.
    pub(crate) suspect_heights: Vec<u64>,
    /// The quiet stretches that are suspicious, ascending.
    pub(crate) suspicious: Vec<BlockRange>,
    /// Whether one of them takes more looks than the options allow.
    pub(crate) is_beyond_looks: bool,
}

/// How many blocks of a stream's latest ranges held records.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rate {
    ranges: VecDeque<(u64, u64)>,
}

impl Rate {
    /// Adds a range of so many blocks, of which some held records.
    pub(crate) fn add(&mut self, blocks: u64, busy: u64) {
        if self.ranges.len() == RATE_RANGES {
            self.ranges.pop_front();
        }
        self.ranges.push_back((blocks, busy));
    }

    fn per_block(&self) -> f64 {
        let (blocks, busy) = self.ranges.iter().fold((0, 0), |sum: (u64, u64), range| (sum.0 + range.0, sum.1 + range.1));
        if blocks == 0 { 0.0 } else { busy as f64 / blocks as f64 }
    }
}

/// A quiet stretch of one stream.
struct Stretch {
    range: BlockRange,
    /// How often one as long is to be expected in such a range.
    odds: f64,
    /// Blocks to look at, so that a hole would show with sufficient probability.
    settled_by: u64,
}

/// Chooses. `busy` holds, for each stream, the heights with records, ascending and unique, and its rate before this range.
/// Both ends of the range are known from their headers already.
pub(crate) fn plan(range: BlockRange, busy: &[(Vec<u64>, Rate)], options: &EngineOptions) -> ProbePlan {
    let mut stretches: Vec<Stretch> = busy.iter().flat_map(|(heights, rate)| quiet_stretches(range, heights, rate, options)).collect();
    stretches.sort_by(|a, b| a.odds.total_cmp(&b.odds).then(b.range.blocks().cmp(&a.range.blocks())).then(a.range.cmp(&b.range)));

    // The ends are known already.
    let inside = range.to().checked_sub(1).and_then(|last| BlockRange::new(range.from().saturating_add(1), last));
    let Some(inside) = inside else { return ProbePlan::default() };
    let looks = |stretch: BlockRange, count: u64| {
        let part = stretch.intersect(&inside);
        part.into_iter().flat_map(move |part| spread(part, count, options.probe_seed))
    };
    let mut heights: BTreeSet<u64> = by_chance(inside, options).collect();
    let budget = allowance(range, options.probe_budget_ppm);
    for stretch in &stretches {
        let left = budget.saturating_sub(heights.len() as u64);
        if left == 0 {
            break;
        }
        // The most suspicious stretches get the most, but not all: a hole may be another one.
        let most = left.div_ceil(2).max(options.probe_blocks_min).min(left);
        let wanted = stretch.settled_by.min(most);
        heights.extend(looks(stretch.range, wanted));
    }

    let odds_max = options.quiet_odds_max_ppm as f64 / MILLION;
    let suspects = || stretches.iter().filter(|stretch| stretch.odds <= odds_max);
    let settling = suspects().flat_map(|stretch| looks(stretch.range, stretch.settled_by.min(options.suspect_blocks_max)));
    let suspect_heights: BTreeSet<u64> = settling.filter(|height| !heights.contains(height)).collect();
    let is_beyond_looks = suspects().any(|stretch| options.suspect_blocks_max < stretch.settled_by);
    let suspicious: BTreeSet<BlockRange> = suspects().map(|stretch| stretch.range).collect();
    ProbePlan {
        heights: heights.into_iter().collect(),
        suspect_heights: suspect_heights.into_iter().collect(),
        suspicious: suspicious.into_iter().collect(),
        is_beyond_looks,
    }
}

/// Blocks that settle a suspicious stretch, ascending: a hole that is all of it would be missed as seldom as the options ask.
/// `false` where the options allow fewer looks than that takes.
pub(crate) fn settling(stretch: BlockRange, per_block: f64, options: &EngineOptions) -> (Vec<u64>, bool) {
    let wanted = settled_by(stretch, per_block, options);
    let looks = wanted.min(options.suspect_blocks_max);
    (spread(stretch, looks, options.probe_seed).collect(), looks == wanted)
}

/// Whether chance picks this range for a second endpoint.
pub(crate) fn is_picked(range: BlockRange, options: &EngineOptions) -> bool {
    const SECOND: u64 = 0x5ec0_4d00;
    mix(options.probe_seed ^ SECOND, range.from()) % 1_000_000 < options.second_endpoint_ppm
}

fn quiet_stretches(range: BlockRange, busy: &[u64], rate: &Rate, options: &EngineOptions) -> Vec<Stretch> {
    let (all, count) = (range.blocks() as f64, busy.len() as f64);
    let mut stretches = Vec::with_capacity(busy.len() + 1);
    let mut next = Some(range.from());
    for end in busy.iter().copied().map(Some).chain([None]) {
        let Some(from) = next else { break };
        let last = end.map_or(Some(range.to()), |end| end.checked_sub(1));
        if let Some(quiet) = last.and_then(|last| BlockRange::new(from, last)) {
            let length = quiet.blocks() as f64;
            let (odds, per_block) = match busy {
                [] => ((-rate.per_block() * all).exp(), rate.per_block()),
                _ => ((count + 1.0) * (1.0 - length / all).powf(count), count / (all - length)),
            };
            stretches.push(Stretch { range: quiet, odds, settled_by: settled_by(quiet, per_block, options) });
        }
        next = end.and_then(|end| end.checked_add(1));
    }
    stretches
}

/// Blocks to look at, so that a hole in a stream with records in this share of its blocks shows.
fn settled_by(quiet: BlockRange, per_block: f64, options: &EngineOptions) -> u64 {
    let miss = (options.probe_miss_max_ppm as f64 / MILLION).clamp(1e-9, 0.5);
    let wanted = if per_block <= 0.0 { f64::MAX } else { miss.ln() / (1.0 - per_block.min(0.999)).ln() };
    // A float beyond 64 bits becomes the largest number, which the length bounds.
    (wanted.ceil() as u64).max(options.probe_blocks_min).min(quiet.blocks())
}

/// The part of the budget that falls on a range: shares of neighbouring ranges add up to that of their union.
fn allowance(range: BlockRange, ppm: u64) -> u64 {
    let up_to = |blocks: u128| blocks * u128::from(ppm) / 1_000_000;
    let share = up_to(u128::from(range.to()) + 1) - up_to(u128::from(range.from()));
    u64::try_from(share).unwrap_or(u64::MAX)
}

/// Blocks that chance picks, whatever range they are asked in.
fn by_chance(range: BlockRange, options: &EngineOptions) -> impl Iterator<Item = u64> {
    let (seed, ppm) = (options.probe_seed, options.probe_chance_ppm);
    (range.from()..=range.to()).filter(move |height| mix(seed, *height) % 1_000_000 < ppm)
}

/// So many heights of a stretch, one from each of as many equal parts.
fn spread(stretch: BlockRange, count: u64, seed: u64) -> impl Iterator<Item = u64> {
    let blocks = u128::from(stretch.blocks());
    let edge = move |part: u64| u64::try_from(blocks * u128::from(part) / u128::from(count.max(1))).unwrap_or(u64::MAX);
    (0..count.min(stretch.blocks())).map(move |part| {
        let (from, to) = (edge(part), edge(part + 1));
        stretch.from() + from + mix(seed, stretch.from() ^ part.rotate_left(32)) % (to - from).max(1)
    })
}

/// SplitMix64 of a seed and a number: an even spread without state.
fn mix(seed: u64, number: u64) -> u64 {
    let mut z = seed.wrapping_add(number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(from: u64, to: u64) -> BlockRange {
        BlockRange::new(from, to).unwrap()
    }

    /// Every fifth block of 1 to 2,000 is busy, but for the quiet part.
    fn busy_but(quiet: BlockRange) -> Vec<(Vec<u64>, Rate)> {
        vec![((1..=2_000).filter(|height| height % 5 == 0 && !quiet.contains(*height)).collect(), Rate::default())]
    }

    #[test]
    fn the_longest_stretch_gets_the_most() {
        let options = EngineOptions { probe_chance_ppm: 0, ..EngineOptions::default() };
        let hole = range(701, 780);
        let plan = plan(range(1, 2_000), &busy_but(hole), &options);
        let inside = plan.heights.iter().filter(|height| (701..=784).contains(*height)).count();
        assert_eq!((plan.heights.len(), inside), (40, 20), "{plan:?}");
        assert_eq!(plan.suspicious, [range(701, 784)]);
        // Together they leave a hole like this unseen once in a thousand times, at most.
        let settling = plan.suspect_heights.len() + inside;
        assert!((31..=51).contains(&settling), "{settling}");
    }

    #[test]
    fn nothing_is_suspicious_where_records_are_evenly_spread() {
        let plan = plan(range(1, 2_000), &busy_but(range(3_000, 3_000)), &EngineOptions::default());
        assert_eq!((plan.suspicious, plan.suspect_heights), (vec![], vec![]));
        assert!((1..=40).contains(&plan.heights.len()));
    }

    #[test]
    fn empty_ranges_are_judged_by_those_before() {
        let mut rate = Rate::default();
        let empty = |rate: &Rate| plan(range(1, 100), &[(vec![], rate.clone())], &EngineOptions::default());
        assert_eq!(empty(&rate).suspicious, [], "nothing is known yet");
        assert_eq!(empty(&rate).heights.len(), 2, "it is probed all the same");
        rate.add(1_000, 100);
        assert_eq!(empty(&rate).suspicious, [range(1, 100)], "ten blocks should have been busy");
        (0..RATE_RANGES).for_each(|_| rate.add(1_000, 1));
        assert_eq!(empty(&rate).suspicious, [], "it has been quiet for a while");
    }

    #[test]
    fn a_stream_of_its_own_rate_is_not_hidden_by_a_busy_one() {
        let busy: Vec<u64> = (1..=2_000).collect();
        let mut rate = Rate::default();
        rate.add(2_000, 400);
        let plan = plan(range(1, 2_000), &[(busy, Rate::default()), (vec![], rate)], &EngineOptions::default());
        assert_eq!(plan.suspicious, [range(1, 2_000)]);
    }

    #[test]
    fn budgets_of_neighbours_add_up() {
        let parts = (0..400).map(|part| allowance(range(part * 7, part * 7 + 6), 20_000)).sum::<u64>();
        assert_eq!((parts, allowance(range(0, 2_799), 20_000)), (56, 56));
        assert_eq!(allowance(range(u64::MAX - 99, u64::MAX), 20_000), 2);
    }

    #[test]
    fn spread_heights_are_inside_and_apart() {
        for (stretch, count) in [(range(5, 5), 3), (range(10, 12), 3), (range(100, 1_099), 40), (range(0, u64::MAX), 5)] {
            let heights: Vec<u64> = spread(stretch, count, 7).collect();
            assert_eq!(heights.len() as u64, count.min(stretch.blocks()));
            assert!(heights.is_sorted_by(|a, b| a < b) && heights.iter().all(|height| stretch.contains(*height)), "{heights:?}");
        }
    }

    #[test]
    fn chance_does_not_depend_on_how_a_range_is_cut() {
        let options = EngineOptions::default();
        let whole: Vec<u64> = by_chance(range(0, 99_999), &options).collect();
        let cut: Vec<u64> = (0..100).flat_map(|part| by_chance(range(part * 1_000, part * 1_000 + 999), &options)).collect();
        assert_eq!(whole, cut);
        assert!((50..=150).contains(&whole.len()), "{}", whole.len());
        let other = EngineOptions { probe_seed: 1, ..options };
        assert_ne!(whole, by_chance(range(0, 99_999), &other).collect::<Vec<_>>());
    }
}
