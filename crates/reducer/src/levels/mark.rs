//! The mark of a market at an hour's end: the best kind of price that is not too old.

use perpdex_core::{Decimal, PriceKind};

use super::{HOUR_MS, MarkPoint};

/// Kinds from best to last resort. An execution older than an hour is none: the configured age bounds all alike.
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
    age_ms_max: i64,
}

impl<'a> Ladder<'a> {
    pub(super) fn new(points: &'a [MarkPoint], age_ms_max: i64) -> Ladder<'a> {
        Ladder { points: points.iter().peekable(), newest: [None; LADDER.len()], age_ms_max }
    }

    /// The mark at the end of an hour; hours must ascend.
    pub(super) fn at_end_of(&mut self, hour_id: i64) -> Option<Mark> {
        while let Some(point) = self.points.next_if(|point| point.hour_id <= hour_id) {
            if let Some(rung) = LADDER.iter().position(|(kind, _)| *kind == point.kind) {
                self.newest[rung] = Some(point);
            }
        }
        let end_ms = (hour_id + 1) * HOUR_MS;
        LADDER.iter().zip(self.newest).find_map(|((_, source), point)| {
            let point = point?;
            let age_ms = end_ms - point.ts_ms;
            (age_ms <= self.age_ms_max).then_some(Mark { price: point.price, source, age_ms })
        })
    }
}
