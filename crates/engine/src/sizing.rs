//! How many blocks to ask an endpoint for.
//!
//! A cap belongs to the endpoint: it only ever tightens, and one that does not help is not believed a second time. The size
//! below it belongs to endpoint and filter: it grows step by step after a full answer that was small and shrinks when one was
//! too large, in records or in bytes.

use std::collections::HashMap;

use perpdex_core::{FetchHeights, RawRecord};

use crate::options::EngineOptions;

/// Characters of an answer besides its payload, for each record: names of fields, hashes, numbers. Measured of logs.
const RECORD_TEXT_BYTES: usize = 600;

/// Blocks by which a size grows at most where answers are far from the target.
const STEP_BLOCKS: u64 = 500;

/// The range sizes of one endpoint.
#[derive(Clone, Debug)]
pub(crate) struct RangeSizer {
    /// Never more than this: the configured maximum or the endpoint's cap.
    ceiling: u64,
    /// Whether the ceiling is a number that the endpoint named.
    named: bool,
    start: u64,
    /// What to ask for next, by the streams of the request.
    sizes: HashMap<Vec<usize>, Size>,
    records_target: usize,
    bytes_target: usize,
}

/// What is known of one filter's answers.
#[derive(Clone, Copy, Debug)]
struct Size {
    blocks: u64,
    /// Bytes of text for a block, about, in the densest of the latest answers.
    bytes_per_block: Option<u64>,
}

impl RangeSizer {
    /// The sizer of a source that asks for sizes of its own, or goes by the options.
    pub(crate) fn new(options: &EngineOptions, own: Option<FetchHeights>) -> RangeSizer {
        let configured = FetchHeights { start: options.blocks_start_per_fetch, max: options.blocks_max_per_fetch };
        let heights = own.unwrap_or(configured);
        let ceiling = heights.max.max(1);
        let start = heights.start.clamp(1, ceiling);
        let (records_target, bytes_target) = (options.records_target_per_fetch.max(1), options.bytes_target_per_fetch.max(1));
        RangeSizer { ceiling, named: false, start, sizes: HashMap::new(), records_target, bytes_target }
    }

    /// Blocks to ask for of these streams, at least one.
    pub(crate) fn blocks(&self, streams: &[usize]) -> u64 {
        self.sizes.get(streams).map_or(self.start, |size| size.blocks).min(self.ceiling)
    }

    /// Most blocks the endpoint is known to take, at least one.
    pub(crate) fn ceiling(&self) -> u64 {
        self.ceiling
    }

    /// Bytes that an answer for so many blocks may have, where earlier answers tell.
    pub(crate) fn bytes_expected(&self, streams: &[usize], blocks: u64) -> Option<u64> {
        self.sizes.get(streams)?.bytes_per_block.map(|bytes| bytes.saturating_mul(blocks))
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
    }

    /// An answer for `asked` blocks was too large.
    pub(crate) fn too_dense(&mut self, streams: &[usize], asked: u64) {
        let half = (asked / 2).max(1);
        let size = self.size(streams);
        size.blocks = size.blocks.min(half);
    }

    /// The endpoint answered for `asked` blocks with these records.
    pub(crate) fn answered(&mut self, streams: &[usize], asked: u64, records: &[RawRecord]) {
        let bytes: usize = records.iter().map(RawRecord::size_bytes).sum();
        let percent = self.fill_percent(records.len(), bytes);
        // Payload is written in hex, base64 or digits: about twice its bytes.
        let per_block = ((2 * bytes + RECORD_TEXT_BYTES * records.len()) as u64).div_ceil(asked);
        let size = self.size(streams);
        // The densest of late: it fades by an eighth with each answer.
        let before = size.bytes_per_block.map_or(0, |before| before - before / 8);
        size.bytes_per_block = Some(per_block.max(before));
        self.filled(streams, asked, percent);
    }

    /// How full an answer was, of the fuller of both targets.
    fn fill_percent(&self, records: usize, bytes: usize) -> usize {
        let percent = |part: usize, target: usize| part.saturating_mul(100) / target;
        percent(records, self.records_target).max(percent(bytes, self.bytes_target))
    }

    fn filled(&mut self, streams: &[usize], asked: u64, percent: usize) {
        let ceiling = self.ceiling;
        if 200 < percent {
            return self.too_dense(streams, asked);
        }
        let size = self.size(streams);
        if size.blocks.min(ceiling) <= asked && percent < 100 {
            // Near the target it creeps, as a cap that the endpoint has not named may be near.
            let creep = size.blocks / 10 + 1;
            let step = if percent < 50 { creep.max(STEP_BLOCKS.min(size.blocks)) } else { creep };
            size.blocks = size.blocks.saturating_add(step).min(ceiling);
        }
    }

    fn size(&mut self, streams: &[usize]) -> &mut Size {
        if !self.sizes.contains_key(streams) {
            self.sizes.insert(streams.to_vec(), Size { blocks: self.start, bytes_per_block: None });
        }
        self.sizes.get_mut(streams).expect("it was just put there")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &[usize] = &[0];

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
        assert_eq!((sizer.blocks(ONE), sizer.ceiling()), (own.start, own.max));
    }

    #[test]
    fn grows_only_after_full_answers_that_were_small() {
        let mut sizer = sizer(100, 9_000);
        for (asked, percent, want) in [
            (50, 0, 100),
            (100, 0, 200),
            (200, 60, 221),
            (221, 150, 221),
            (221, 201, 110),
            (110, 0, 220),
            (220, 0, 440),
            (440, 0, 880),
            (880, 0, 1_380),
            (1_380, 49, 1_880),
        ] {
            sizer.filled(ONE, asked, percent);
            assert_eq!(sizer.blocks(ONE), want, "after {asked} blocks and an answer of {percent} % of the target");
        }
        for _ in 0..20 {
            sizer.filled(ONE, sizer.blocks(ONE), 0);
        }
        assert_eq!(sizer.blocks(ONE), 9_000);
    }

    #[test]
    fn the_fuller_target_decides() {
        for (records, bytes, want) in [(0, 0, 0), (100, 10, 50), (10, 500, 50), (400, 3_000, 300)] {
            assert_eq!(sizer(1, 1).fill_percent(records, bytes), want, "{records} records of {bytes} bytes");
        }
    }

    #[test]
    fn caps_only_tighten_and_hold_for_every_filter() {
        let mut capped = sizer(2_000, 100_000);
        capped.refused(2_000, Some(1_000));
        assert_eq!((capped.blocks(ONE), capped.blocks(&[1]), capped.ceiling()), (1_000, 1_000, 1_000));
        capped.filled(ONE, 1_000, 0);
        assert_eq!(capped.blocks(ONE), 1_000);
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
    fn density_is_forgotten_and_belongs_to_a_filter() {
        let mut sizer = sizer(1_000, 1_000);
        sizer.too_dense(ONE, 1_000);
        sizer.too_dense(ONE, 500);
        assert_eq!((sizer.blocks(ONE), sizer.blocks(&[0, 1])), (250, 1_000));
        sizer.filled(ONE, 250, 0);
        sizer.filled(ONE, 500, 0);
        assert_eq!(sizer.blocks(ONE), 1_000);
    }
}
