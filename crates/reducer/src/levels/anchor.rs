//! The base of a market's levels where history does not begin at zero: the first moment at which the chain has stated
//! every part of the level.

use std::collections::BTreeMap;

use super::{AnchorPoint, CoveredTime, HOUR_MS, Level, TailDelta};

/// One part of a stated level: collateral, and whether it is the long side.
type Part<'a> = (Option<&'a str>, bool);

/// A whole anchor: the state after all of its block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Base {
    pub(super) height: u64,
    pub(super) ts_ms: i64,
    level: Level,
}

/// The first height after which every (collateral, side) part has been stated, with the newest value of each part.
pub(super) fn first_whole(anchors: &[AnchorPoint], parts_wanted: usize) -> Option<Base> {
    let mut parts: BTreeMap<Part<'_>, (i64, Option<i64>)> = BTreeMap::new();
    let mut whole: Option<(u64, i64)> = None;
    for anchor in anchors {
        if whole.is_some_and(|(height, _)| anchor.height != height) {
            break;
        }
        let collateral = anchor.collateral_token.as_deref();
        parts.extend(anchor.long_q.map(|q| ((collateral, true), (q, anchor.long_usd_e6))));
        parts.extend(anchor.short_q.map(|q| ((collateral, false), (q, anchor.short_usd_e6))));
        let is_whole = if parts_wanted == 0 { parts.len() >= 2 } else { parts.len() >= parts_wanted };
        if is_whole {
            whole = Some((anchor.height, anchor.ts_ms));
        }
    }
    let (height, ts_ms) = whole?;
    let side = |long: bool| {
        let rows = parts.iter().filter(|((_, is_long), _)| *is_long == long).map(|(_, value)| *value);
        rows.fold((0, Some(0)), |(q, usd), (row_q, row_usd)| (q + row_q, usd.zip(row_usd).map(|(a, b)| a + b)))
    };
    let ((long_q, long_usd_e6), (short_q, short_usd_e6)) = (side(true), side(false));
    Some(Base { height, ts_ms, level: Level { long_q, short_q, long_usd_e6, short_usd_e6 } })
}

impl Base {
    pub(super) fn hour_id(&self) -> i64 {
        self.ts_ms.div_euclid(HOUR_MS)
    }

    /// The level at the end of the base's hour; `None` unless the rest of the hour is covered.
    pub(super) fn level_at_hour_end(&self, tail: &[TailDelta], covered: &[CoveredTime]) -> Option<Level> {
        let end_ms = (self.hour_id() + 1) * HOUR_MS;
        let is_covered = covered.iter().any(|stretch| stretch.from_ms <= self.ts_ms && end_ms <= stretch.to_ms);
        let later = tail.iter().filter(|tail| tail.height > self.height);
        is_covered.then(|| later.fold(self.level, |level, tail| level.plus(&tail.delta)))
    }
}
