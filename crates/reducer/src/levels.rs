//! Levels and windows of one market, hour by hour: coverage, open interest, marks, funding.

use perpdex_core::{AmountError, Decimal, FundingKind, IndexBasis, Period, PositionSide, PriceKind};

mod anchor;
mod funding;
mod mark;

/// A stretch of time in which a family of records of the market is known, unix milliseconds, inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CoveredTime {
    /// Start; `i64::MIN` where the stretch begins at the stream's first height (nothing can lie before).
    pub from_ms: i64,
    /// End.
    pub to_ms: i64,
}

/// The additive deltas of one hour, from `agg_market_hour`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HourDelta {
    /// Hour.
    pub hour_id: i64,
    /// Change of long open interest.
    pub long_q: i64,
    /// Change of short open interest.
    pub short_q: i64,
    /// Change of long open interest at entry, micro-dollars; `None` where the venue does not tell it of every change.
    pub long_usd_e6: Option<i64>,
    /// Change of short open interest at entry.
    pub short_usd_e6: Option<i64>,
}

/// One stated level, from `oi_anchors`. State after the whole record; other fills of its block may follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnchorPoint {
    /// Height.
    pub height: u64,
    /// Order inside the height.
    pub ord: i64,
    /// Unix milliseconds.
    pub ts_ms: i64,
    /// Collateral it is stated for.
    pub collateral_token: Option<String>,
    /// Longs, if stated.
    pub long_q: Option<i64>,
    /// Shorts, if stated.
    pub short_q: Option<i64>,
    /// Longs at entry, if stated.
    pub long_usd_e6: Option<i64>,
    /// Shorts at entry, if stated.
    pub short_usd_e6: Option<i64>,
}

/// Deltas of fills of one block, for the hour in which the base lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TailDelta {
    /// Height.
    pub height: u64,
    /// The hour's deltas of that block.
    pub delta: HourDelta,
}

/// The last price of a kind in an hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarkPoint {
    /// Hour.
    pub hour_id: i64,
    /// When, unix milliseconds.
    pub ts_ms: i64,
    /// Kind; `None` = an execution.
    pub kind: Option<PriceKind>,
    /// Quote per canonical unit.
    pub price: Decimal,
}

/// One rate or index row in canonical order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RatePoint {
    /// Unix milliseconds of the event.
    pub ts_ms: i64,
    /// Funding or borrow.
    pub kind: FundingKind,
    /// The value.
    pub value: RateValue,
}

/// A rate or an index value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RateValue {
    /// A rate over a period.
    Rate {
        /// When.
        period: Period,
        /// Cost of a long per hour times 10^12.
        cost_long_1h_e12: Option<i64>,
        /// Cost of a short likewise.
        cost_short_1h_e12: Option<i64>,
    },
    /// A value of a cumulative index.
    Index {
        /// Whose cost.
        side: Option<PositionSide>,
        /// Value.
        value: Decimal,
        /// What it counts.
        basis: IndexBasis,
        /// Starts anew.
        is_reset: bool,
    },
}

/// All of one market that levels are computed from.
#[derive(Clone, Debug, PartialEq)]
pub struct MarketHistory {
    /// Hour of the market's first event or listing.
    pub first_hour: i64,
    /// Hour up to which the calendar goes, inclusive.
    pub last_hour: i64,
    /// Digits of quantities.
    pub qty_scale: u8,
    /// Whether the market began inside the covered history (creation seen, or the stream covered from its first
    /// height): levels start at zero.
    pub starts_at_zero: bool,
    /// How many (collateral, side) rows make a whole anchor; 0 = any row states both sides.
    pub anchor_parts: usize,
    /// Coverage of fills and liquidations, ascending, disjoint.
    pub fills_covered: Vec<CoveredTime>,
    /// Coverage of funding.
    pub funding_covered: Vec<CoveredTime>,
    /// Hours with deltas, ascending.
    pub deltas: Vec<HourDelta>,
    /// Deltas by block in the hour of the first whole anchor, ascending; see [`first_anchor_hour`](Self::first_anchor_hour).
    pub tail: Vec<TailDelta>,
    /// Anchors up to the first whole one, and all others of its height, canonical order; empty where `starts_at_zero`.
    pub anchors: Vec<AnchorPoint>,
    /// Last price of each hour and kind, ascending by hour.
    pub marks: Vec<MarkPoint>,
    /// Rates and index values, canonical order.
    pub rates: Vec<RatePoint>,
    /// A mark older than this is no mark, milliseconds.
    pub mark_age_ms_max: i64,
}

/// Open interest and mark of one hour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HourLevel {
    /// Hour.
    pub hour_id: i64,
    /// Share of the hour in which fills are known, parts per million.
    pub fills_ppm: i64,
    /// Share of the hour in which funding is known.
    pub funding_ppm: i64,
    /// Longs at the hour's end; `None` without a base or after a hole.
    pub long_q: Option<i64>,
    /// Shorts at the hour's end.
    pub short_q: Option<i64>,
    /// Longs at entry, micro-dollars.
    pub long_entry_usd_e6: Option<i64>,
    /// Shorts at entry.
    pub short_entry_usd_e6: Option<i64>,
    /// Mark at the hour's end, quote per canonical unit.
    pub mark: Option<Decimal>,
    /// mark, oracle, index, mid or execution.
    pub mark_source: Option<&'static str>,
    /// Age of the mark at the hour's end, milliseconds.
    pub mark_age_ms: Option<i64>,
    /// Longs at mark, micro-dollars.
    pub long_mark_usd_e6: Option<i64>,
    /// Shorts at mark.
    pub short_mark_usd_e6: Option<i64>,
    /// (long + short) / 2 at mark, half to even.
    pub one_mark_usd_e6: Option<i64>,
}

/// Funding or borrow of one hour: sum(rate x overlap) / covered time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HourFunding {
    /// Hour.
    pub hour_id: i64,
    /// Funding or borrow.
    pub kind: FundingKind,
    /// Cost of a long per hour times 10^12.
    pub cost_long_1h_e12: Option<i64>,
    /// Cost of a short.
    pub cost_short_1h_e12: Option<i64>,
    /// Milliseconds of the hour that rates cover, 1 to 3,600,000.
    pub covered_ms: i64,
    /// One-sided open interest at mark at the hour's end, where known: the weight of the OI-weighted rate.
    pub weight_usd_e6: Option<i64>,
    /// round(weight_usd_e6 x cost_long_1h_e12 / 10^9).
    pub weighted_usd_e9: Option<i64>,
}

/// What [`levels`] gives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MarketHours {
    /// One row per calendar hour.
    pub levels: Vec<HourLevel>,
    /// One row per hour and kind with a rate.
    pub funding: Vec<HourFunding>,
}

/// Milliseconds of an hour.
const HOUR_MS: i64 = 3_600_000;
/// Parts per million of a fully covered hour.
const FULL_PPM: i64 = 1_000_000;

impl MarketHistory {
    /// The hour of the first whole anchor, for which `tail` must be loaded; `None` where none is whole.
    pub fn first_anchor_hour(anchors: &[AnchorPoint], anchor_parts: usize) -> Option<i64> {
        anchor::first_whole(anchors, anchor_parts).map(|base| base.ts_ms.div_euclid(HOUR_MS))
    }
}

/// The hours of a market: one row per calendar hour, and one per hour and kind with a rate.
///
/// A level is the base plus all deltas since, and `None` before the base or after an hour that is not fully covered.
/// A number that fits no column is an error.
pub fn levels(history: &MarketHistory) -> Result<MarketHours, AmountError> {
    let fills_covered = history.covered_from_listing(&history.fills_covered);
    let funding_covered = history.covered_from_listing(&history.funding_covered);
    let base = if history.starts_at_zero { None } else { anchor::first_whole(&history.anchors, history.anchor_parts) };
    let mut running = history.starts_at_zero.then(Level::zero);
    let mut deltas = history.deltas.iter().peekable();
    let mut marks = mark::Ladder::new(&history.marks, history.mark_age_ms_max);
    let mut rows = Vec::new();
    for hour_id in history.first_hour..=history.last_hour {
        let fills_ppm = covered_ppm(&fills_covered, hour_id);
        let mut delta = None;
        while let Some(next) = deltas.next_if(|next| next.hour_id <= hour_id) {
            delta = (next.hour_id == hour_id).then_some(next);
        }
        running = match (running, &base) {
            (_, Some(base)) if base.hour_id() == hour_id => base.level_at_hour_end(&history.tail, &fills_covered),
            (Some(level), _) if fills_ppm == FULL_PPM => Some(delta.map_or(level, |delta| level.plus(delta))),
            _ => None,
        };
        let funding_ppm = covered_ppm(&funding_covered, hour_id);
        rows.push(hour_row(history, hour_id, (fills_ppm, funding_ppm), running, marks.at_end_of(hour_id))?);
    }
    let funding = funding::hours(history, &rows)?;
    Ok(MarketHours { levels: rows, funding })
}

impl MarketHistory {
    /// Where the market began inside covered history, nothing can lie before: its first hour counts from its start.
    fn covered_from_listing(&self, covered: &[CoveredTime]) -> Vec<CoveredTime> {
        let mut covered = covered.to_vec();
        let first_hour_end_ms = (self.first_hour + 1) * HOUR_MS;
        if let Some(first) = covered.iter_mut().find(|stretch| stretch.to_ms >= self.first_hour * HOUR_MS)
            && self.starts_at_zero
            && first.from_ms < first_hour_end_ms
        {
            first.from_ms = i64::MIN;
        }
        covered
    }
}

/// Open interest of both sides, in quantity and at entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Level {
    long_q: i64,
    short_q: i64,
    long_usd_e6: Option<i64>,
    short_usd_e6: Option<i64>,
}

impl Level {
    fn zero() -> Level {
        Level { long_q: 0, short_q: 0, long_usd_e6: Some(0), short_usd_e6: Some(0) }
    }

    fn plus(self, delta: &HourDelta) -> Level {
        Level {
            long_q: self.long_q + delta.long_q,
            short_q: self.short_q + delta.short_q,
            long_usd_e6: self.long_usd_e6.zip(delta.long_usd_e6).map(|(usd, change)| usd + change),
            short_usd_e6: self.short_usd_e6.zip(delta.short_usd_e6).map(|(usd, change)| usd + change),
        }
    }
}

fn hour_row(
    history: &MarketHistory,
    hour_id: i64,
    (fills_ppm, funding_ppm): (i64, i64),
    level: Option<Level>,
    mark: Option<mark::Mark>,
) -> Result<HourLevel, AmountError> {
    let at_mark = |q: Option<i64>| match (q, mark) {
        (Some(q), Some(mark)) => Decimal::new(wide(q), history.qty_scale).mul(&mark.price)?.to_i64(6).map(Some),
        _ => Ok(None),
    };
    let (long_q, short_q) = (level.map(|level| level.long_q), level.map(|level| level.short_q));
    let gross = long_q.zip(short_q).map(|(long, short)| Decimal::from(long).add(&Decimal::from(short))).transpose()?;
    let one_mark_usd_e6 = match (gross, mark) {
        (Some(gross), Some(mark)) => {
            let usd = Decimal::new(gross.value, history.qty_scale).mul(&mark.price)?;
            let half = usd.div(&Decimal::from(2), usd.scale + 1)?;
            Some(half.to_i64(6)?)
        }
        _ => None,
    };
    Ok(HourLevel {
        hour_id,
        fills_ppm,
        funding_ppm,
        long_q,
        short_q,
        long_entry_usd_e6: level.and_then(|level| level.long_usd_e6),
        short_entry_usd_e6: level.and_then(|level| level.short_usd_e6),
        mark: mark.map(|mark| mark.price),
        mark_source: mark.map(|mark| mark.source),
        mark_age_ms: mark.map(|mark| mark.age_ms),
        long_mark_usd_e6: at_mark(long_q)?,
        short_mark_usd_e6: at_mark(short_q)?,
        one_mark_usd_e6,
    })
}

/// Share of an hour that the stretches cover, parts per million, rounded down: only a whole hour gives the full million.
fn covered_ppm(covered: &[CoveredTime], hour_id: i64) -> i64 {
    let (start_ms, end_ms) = (hour_id * HOUR_MS, (hour_id + 1) * HOUR_MS);
    let covered_ms: i64 = covered.iter().map(|stretch| (stretch.to_ms.min(end_ms) - stretch.from_ms.clamp(start_ms, end_ms)).max(0)).sum();
    covered_ms * FULL_PPM / HOUR_MS
}

fn wide(value: i64) -> alloy_primitives::I256 {
    Decimal::from(value).value
}

#[cfg(test)]
mod tests;
