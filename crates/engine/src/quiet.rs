//! Quiet stretches that reach over the borders of ranges: how long a stream may be silent does not depend on how its history
//! is cut into requests.
//!
//! Inside one range [`crate::probe`] judges. Here the latest gaps between busy blocks tell what to expect of the next one: if
//! k of them took S blocks together and records come by chance, the next is L blocks or longer with probability (1 + L/S)^-k.
//!
//! Pure: the same ranges in the same order give the same stretches.

use std::collections::{BTreeSet, VecDeque};

use perpdex_core::BlockRange;

use crate::options::EngineOptions;

/// Gaps that are remembered.
const GAPS_MAX: usize = 64;

const MILLION: f64 = 1_000_000.0;

/// What an answer showed of one stream, as far as it matters to its neighbours.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// The first height with a record.
    first: Option<u64>,
    /// The latest heights with records, ascending.
    latest: Vec<u64>,
}

impl Seen {
    /// Whether it showed no record.
    pub(crate) fn is_silent(&self) -> bool {
        self.first.is_none()
    }

    /// From all heights with records, ascending and unique.
    pub(crate) fn new(busy: &[u64]) -> Seen {
        Seen { first: busy.first().copied(), latest: busy[busy.len().saturating_sub(GAPS_MAX + 1)..].to_vec() }
    }
}

/// A stretch that chance does not explain.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Silence {
    pub(crate) range: BlockRange,
    /// Share of blocks that held records before it.
    pub(crate) per_block: f64,
    /// Endpoints that answered for it, with the heights, ascending.
    pub(crate) parts: Vec<(usize, BlockRange)>,
}

/// One stream, range after range.
#[derive(Clone, Debug, Default)]
pub(crate) struct Quiet {
    /// The latest heights with records, ascending.
    busy: VecDeque<u64>,
    /// Ranges without a record since the last busy block, or since they were looked at, that touch one another.
    parts: Vec<(usize, BlockRange)>,
    /// Up to where the silence was told as one that nothing settles.
    told_to: Option<u64>,
}

impl Quiet {
    /// Takes the answer of an endpoint for the next range. Gives the silence that ends in it, or goes on, if it began before it
    /// and is longer than chance explains.
    pub(crate) fn pass(&mut self, endpoint: usize, range: BlockRange, seen: &Seen, options: &EngineOptions) -> Option<Silence> {
        let touches = self.parts.last().is_some_and(|(_, last)| last.to().checked_add(1) == Some(range.from()));
        if !touches {
            self.parts.clear();
        }
        if self.busy.back().is_some_and(|last| range.from() <= *last) {
            self.busy.clear();
        }
        let quiet_to = seen.first.map_or(Some(range.to()), |first| first.checked_sub(1));
        if let Some(quiet) = quiet_to.and_then(|to| BlockRange::new(range.from(), to)) {
            self.parts.push((endpoint, quiet));
        }
        let silence = if touches { self.unlikely(options) } else { None };
        if let (Some(_), Some(last)) = (seen.first, seen.latest.last()) {
            self.busy.extend(&seen.latest);
            self.busy.drain(..self.busy.len().saturating_sub(GAPS_MAX + 1));
            let rest = last.checked_add(1).and_then(|from| BlockRange::new(from, range.to()));
            self.parts = rest.into_iter().map(|rest| (endpoint, rest)).collect();
        }
        silence
    }

    /// The silence that goes on, from where one of these endpoints answered first.
    pub(crate) fn said_by(&self, endpoints: &BTreeSet<usize>) -> Option<BlockRange> {
        let (_, first) = self.parts.iter().find(|(endpoint, _)| endpoints.contains(endpoint))?;
        BlockRange::new(first.from(), self.parts.last()?.1.to())
    }

    /// What was silent so far was looked at, or is asked for again: it says nothing about what follows.
    pub(crate) fn forget(&mut self) {
        self.parts.clear();
    }

    /// The first height of a silence that was not told yet as one that nothing settles; from now on all of it is.
    pub(crate) fn tell(&mut self, silence: &Silence) -> u64 {
        let told_to = self.told_to.replace(silence.range.to());
        let next = told_to.filter(|told| silence.range.contains(*told)).and_then(|told| told.checked_add(1));
        next.unwrap_or(silence.range.from())
    }

    /// The silence is real: the stream speaks less often than it did, and how often, what follows has to tell.
    pub(crate) fn settled(&mut self) {
        self.parts.clear();
        self.busy.clear();
    }

    fn unlikely(&self, options: &EngineOptions) -> Option<Silence> {
        let ((_, first), (_, last)) = (self.parts.first()?, self.parts.last()?);
        let range = BlockRange::new(first.from(), last.to())?;
        let gaps = self.busy.len().checked_sub(1).filter(|gaps| 0 < *gaps)? as f64;
        let took = (self.busy.back()? - self.busy.front()?) as f64;
        // As many gaps as were looked back at were candidates, and this one.
        let odds = (gaps + 1.0) * (1.0 + range.blocks() as f64 / took).powf(-gaps);
        let is_unlikely = odds <= options.quiet_odds_max_ppm as f64 / MILLION;
        is_unlikely.then(|| Silence { range, per_block: gaps / took, parts: self.parts.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every tenth block up to 1,000 is busy, then none until `silent_to`; ranges of `size` blocks.
    fn silences(size: u64, silent_to: u64, options: &EngineOptions) -> Vec<BlockRange> {
        let mut quiet = Quiet::default();
        let ranges = (0..).map(|n| (n * size + 1, (n + 1) * size)).take_while(|(from, _)| *from <= 2_000);
        let pass = |(from, to): (u64, u64)| {
            let busy: Vec<u64> = (from..=to).filter(|height| height % 10 == 0 && (*height <= 1_000 || silent_to < *height)).collect();
            let found = quiet.pass(0, BlockRange::new(from, to).unwrap(), &Seen::new(&busy), options);
            found.map(|silence| {
                quiet.forget();
                silence.range
            })
        };
        ranges.filter_map(pass).collect()
    }

    #[test]
    fn silence_is_found_however_it_is_cut() {
        for size in [5, 10, 50, 100] {
            let found = silences(size, 1_500, &EngineOptions::default());
            let first = found.first().unwrap_or_else(|| panic!("nothing at {size}"));
            assert_eq!(first.from(), 1_001, "{size}: {found:?}");
            assert!(first.to() < 1_300, "{size}: {found:?}");
        }
    }

    #[test]
    fn ordinary_gaps_are_none() {
        let options = EngineOptions::default();
        for size in [5, 10, 50, 100] {
            assert_eq!(silences(size, 1_050, &options), [], "{size}");
        }
        let never = EngineOptions { quiet_odds_max_ppm: 0, ..options };
        assert_eq!(silences(10, 2_000, &never), []);
    }

    #[test]
    fn what_does_not_touch_begins_anew() {
        let (mut quiet, options) = (Quiet::default(), EngineOptions::default());
        let mut pass = |from, to, busy: &[u64]| quiet.pass(0, BlockRange::new(from, to).unwrap(), &Seen::new(busy), &options);
        let busy: Vec<u64> = (1..=50).map(|n| n * 2).collect();
        assert_eq!(pass(1, 100, &busy), None);
        assert_eq!(pass(201, 10_000, &[]), None, "nothing is known of what lies between");
        let silence = pass(10_001, 10_002, &[]).expect("it is long by now");
        assert_eq!(silence.range, BlockRange::new(201, 10_002).unwrap());
        assert_eq!(pass(1, 10, &[3, 4]), None, "heights from before are asked for again");
    }
}
