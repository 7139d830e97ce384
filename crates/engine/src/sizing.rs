//! How many blocks to ask an endpoint for.
//!
//! The size follows the density of the chain: it grows after a full answer that was small and shrinks when one was too
//! large, in records or in bytes. A cap that the endpoint names only ever tightens; one that does not help is not believed a second time.

use perpdex_core::{FetchHeights, RawRecord};

use crate::options::EngineOptions;

/// The range size of one endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RangeSizer {
    /// Never more than this: the configured maximum or the endpoint's cap.
    ceiling: u64,
    /// What to ask for next.
    blocks: u64,
    /// Whether the ceiling is a number that the endpoint named.
    named: bool,
    records_target: usize,
    bytes_target: usize,
}

impl RangeSizer {
    /// The sizer of a source that asks for sizes of its own, or goes by the options.
    pub(crate) fn new(options: &EngineOptions, own: Option<FetchHeights>) -> RangeSizer {
        let configured = FetchHeights { start: options.blocks_start_per_fetch, max: options.blocks_max_per_fetch };
        let heights = own.unwrap_or(configured);
        let ceiling = heights.max.max(1);
        let blocks = heights.start.clamp(1, ceiling);
        let (records_target, bytes_target) = (options.records_target_per_fetch.max(1), options.bytes_target_per_fetch.max(1));
        RangeSizer { ceiling, blocks, named: false, records_target, bytes_target }
    }

    /// Blocks to ask for, at least one.
    pub(crate) fn blocks(&self) -> u64 {
        self.blocks
    }

    /// Most blocks the endpoint is known to take, at least one.
    pub(crate) fn ceiling(&self) -> u64 {
        self.ceiling
    }

    /// The endpoint does not take `asked` blocks. The new ceiling is below `asked`, unless that is one block.
    pub(crate) fn refused(&mut self, asked: u64, cap: Option<u64>) {
        if self.ceiling < asked {
            // Asked before an earlier refusal was heard: nothing new.
            return;
        }
        let half = (asked / 2).max(1);
        let tighter = match cap {
            // A second cap after a named one means that the first was wrong: numbers stop being helpful.
            Some(cap) if !self.named && (1..asked).contains(&cap) => {
                self.named = true;
                cap
            }
            _ => half,
        };
        self.ceiling = self.ceiling.min(tighter);
        self.blocks = self.blocks.min(self.ceiling);
    }

    /// An answer for `asked` blocks was too large.
    pub(crate) fn too_dense(&mut self, asked: u64) {
        self.blocks = self.blocks.min((asked / 2).max(1));
    }

    /// The endpoint answered for `asked` blocks with these records.
    pub(crate) fn answered(&mut self, asked: u64, records: &[RawRecord]) {
        self.filled(asked, self.fill_percent(records.len(), records.iter().map(RawRecord::size_bytes).sum()));
    }

    /// How full an answer was, of the fuller of both targets.
    fn fill_percent(&self, records: usize, bytes: usize) -> usize {
        let percent = |part: usize, target: usize| part.saturating_mul(100) / target;
        percent(records, self.records_target).max(percent(bytes, self.bytes_target))
    }

    fn filled(&mut self, asked: u64, percent: usize) {
        if 200 < percent {
            self.too_dense(asked);
        } else if self.blocks <= asked && percent < 100 {
            // Far from the target it doubles; near it, it creeps, as a cap that the endpoint has not named may be near.
            let step = if percent < 25 { self.blocks } else { self.blocks / 10 + 1 };
            self.blocks = self.blocks.saturating_add(step).min(self.ceiling);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizer(start: u64, max: u64) -> RangeSizer {
        let options = EngineOptions {
            blocks_start_per_fetch: start,
            blocks_max_per_fetch: max,
            records_target_per_fetch: 200,
            bytes_target_per_fetch: 1_000,
            ..EngineOptions::default()
        };
        RangeSizer::new(&options, None)
    }

    #[test]
    fn a_source_may_ask_for_sizes_of_its_own() {
        let own = FetchHeights { start: 86_400_000, max: 864_000_000 };
        let sizer = RangeSizer::new(&EngineOptions::default(), Some(own));
        assert_eq!((sizer.blocks(), sizer.ceiling()), (own.start, own.max));
    }

    #[test]
    fn grows_only_after_full_answers_that_were_small() {
        let mut sizer = sizer(100, 450);
        for (asked, percent, want) in [(50, 0, 100), (100, 0, 200), (200, 30, 221), (221, 150, 221), (221, 201, 110), (110, 0, 220)] {
            sizer.filled(asked, percent);
            assert_eq!(sizer.blocks(), want, "after {asked} blocks and an answer of {percent} % of the target");
        }
        sizer.filled(220, 0);
        sizer.filled(440, 0);
        assert_eq!(sizer.blocks(), 450);
    }

    #[test]
    fn the_fuller_target_decides() {
        for (records, bytes, want) in [(0, 0, 0), (100, 10, 50), (10, 500, 50), (400, 3_000, 300)] {
            assert_eq!(sizer(1, 1).fill_percent(records, bytes), want, "{records} records of {bytes} bytes");
        }
    }

    #[test]
    fn caps_only_tighten() {
        let mut capped = sizer(2_000, 100_000);
        capped.refused(2_000, Some(1_000));
        assert_eq!((capped.blocks(), capped.ceiling()), (1_000, 1_000));
        capped.filled(1_000, 0);
        assert_eq!(capped.blocks(), 1_000);
        // The named cap was refused too: halve, whatever number comes with it.
        capped.refused(1_000, Some(999));
        assert_eq!(capped.ceiling(), 500);

        let mut wide = sizer(2_000, 100_000);
        wide.refused(2_000, Some(5_000));
        assert_eq!(wide.ceiling(), 1_000, "a cap that is not below what was asked cannot be meant");
        wide.refused(2_000, Some(1_500));
        assert_eq!(wide.ceiling(), 1_000, "a refusal of an older, wider request says nothing new");
        wide.refused(1, None);
        assert_eq!(wide.ceiling(), 1);
    }

    #[test]
    fn density_is_forgotten() {
        let mut sizer = sizer(1_000, 1_000);
        sizer.too_dense(1_000);
        sizer.too_dense(500);
        assert_eq!(sizer.blocks(), 250);
        sizer.filled(250, 0);
        sizer.filled(500, 0);
        assert_eq!(sizer.blocks(), 1_000);
    }
}
