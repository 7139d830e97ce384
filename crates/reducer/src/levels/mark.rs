//! The mark of a market at an hour's end: the best kind of its own prices that is not too old, else what its asset is worth
//! on other venues.

use perpdex_core::{Decimal, PriceKind};

use super::{HOUR_MS, MarkPoint, MedianMark};

/// Source of a mark that is the asset's median over venues.
pub const MEDIAN: &str = "median";

/// Kinds of a market's own prices from best to last resort. An execution older than an hour is none: the configured age bounds all alike.
const LADDER: [(Option<PriceKind>, &str); 5] = [
    (Some(PriceKind::Mark), "mark"),
    (Some(PriceKind::Oracle), "oracle"),
    (Some(PriceKind::Index), "index"),
    (Some(PriceKind::Mid), "mid"),
    (None, "execution"),
];

/// A mark and where it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) price: Decimal,
    pub(super) source: &'static str,
    pub(super) age_ms: i64,
}

/// Walks prices hour by hour.
pub(super) struct Ladder<'a> {
    points: std::iter::Peekable<std::slice::Iter<'a, MarkPoint>>,
    newest: [Option<&'a MarkPoint>; LADDER.len()],
    medians: std::iter::Peekable<std::slice::Iter<'a, MedianMark>>,
    age_ms_max: i64,
}

impl<'a> Ladder<'a> {
    pub(super) fn new(points: &'a [MarkPoint], medians: &'a [MedianMark], age_ms_max: i64) -> Ladder<'a> {
        Ladder { points: points.iter().peekable(), newest: [None; LADDER.len()], medians: medians.iter().peekable(), age_ms_max }
    }

    /// The mark at the end of an hour; hours must ascend.
    pub(super) fn at_end_of(&mut self, hour_id: i64) -> Option<Mark> {
        while let Some(point) = self.points.next_if(|point| point.hour_id <= hour_id) {
            if let Some(rung) = LADDER.iter().position(|(kind, _)| *kind == point.kind) {
                self.newest[rung] = Some(point);
            }
        }
        let end_ms = (hour_id + 1) * HOUR_MS;
        let own = LADDER.iter().zip(self.newest).find_map(|((_, source), point)| {
            let point = point?;
            let age_ms = end_ms - point.ts_ms;
            (age_ms <= self.age_ms_max).then_some(Mark { price: point.price, source, age_ms })
        });
        own.or_else(|| self.median_at(hour_id))
    }

    fn median_at(&mut self, hour_id: i64) -> Option<Mark> {
        while self.medians.next_if(|median| median.hour_id < hour_id).is_some() {}
        let median = self.medians.peek().filter(|median| median.hour_id == hour_id)?;
        Some(Mark { price: median.price, source: MEDIAN, age_ms: median.age_ms })
    }
}
