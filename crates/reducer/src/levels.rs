//! Levels and windows of one market, hour by hour: coverage, open interest, marks, funding.

use perpdex_core::{AmountError, Decimal, FundingKind, IndexBasis, Period, PositionSide, PriceKind};

use crate::HOUR_MS;
use crate::stats::div_half_even;

mod anchor;
mod funding;
mod mark;

pub use mark::MEDIAN;

/// A stretch of time in which a family of records of the market is known, unix milliseconds, inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CoveredTime {
    /// Start; `i64::MIN` where the stretch begins at the stream's first height (nothing can lie before).
    pub from_ms: i64,
    /// End.
    pub to_ms: i64,
}

/// The additive deltas of one hour, from `agg_market_hour`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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
    /// Sum of the long changes times the milliseconds that were left of the hour.
    pub long_moment: i128,
    /// The same of the short changes.
    pub short_moment: i128,
}

/// Open interest of both sides at one moment, in quantity and at entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Level {
    /// Longs, canonical units times 10^qty_scale.
    pub long_q: i64,
    /// Shorts.
    pub short_q: i64,
    /// Longs at entry, micro-dollars; `None` where a venue does not tell it.
    pub long_usd_e6: Option<i64>,
    /// Shorts at entry.
    pub short_usd_e6: Option<i64>,
}

/// A level that the venue stated at a moment, apart from any event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatedLevel {
    /// The hour at whose end it holds.
    pub hour_id: i64,
    /// When it was stated, unix milliseconds.
    pub ts_ms: i64,
    /// Longs.
    pub long_q: i64,
    /// Shorts.
    pub short_q: i64,
}

/// A stated level this long behind an hour's end is still the level at its end, milliseconds.
pub const STATED_LATE_MS_MAX: i64 = 60_000;
/// A stated level older than this at an hour's end says nothing about it, milliseconds.
pub const STATED_AGE_MS_MAX: i64 = 900_000;

/// One (collateral, side) part of a level that the chain has stated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnchorPart {
    /// Whether it is the long side.
    pub is_long: bool,
    /// Quantity.
    pub q: i64,
    /// At entry, micro-dollars, if stated.
    pub usd_e6: Option<i64>,
}

/// A moment at which the chain has stated every part of a level: the state after all of its block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnchorBase {
    /// Time of its block, unix milliseconds.
    pub ts_ms: i64,
    /// The newest value of each part.
    pub parts: Vec<AnchorPart>,
    /// Changes by later blocks of the same hour.
    pub tail: Vec<HourDelta>,
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

/// What an asset was worth on other venues at the end of an hour in which a market of it had no price of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MedianMark {
    /// Hour.
    pub hour_id: i64,
    /// Median over venues, quote per canonical unit.
    pub price: Decimal,
    /// Age of the oldest price behind it at the hour's end, milliseconds.
    pub age_ms: i64,
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

/// What levels are computed from: the hours of one market from a moment on, and what stood before.
#[derive(Clone, Debug, PartialEq)]
pub struct MarketHistory {
    /// Hour of the market's first event or listing.
    pub first_hour: i64,
    /// Hour from which on rows are wanted, not before `first_hour`.
    pub from_hour: i64,
    /// Hour up to which the calendar goes, inclusive.
    pub last_hour: i64,
    /// The level at the beginning of `from_hour`; not read where that is `first_hour`.
    pub before: Option<Level>,
    /// Digits of quantities.
    pub qty_scale: u8,
    /// Whether the market began inside the covered history (creation seen, or the stream covered from its first
    /// height): levels start at zero.
    pub starts_at_zero: bool,
    /// Coverage of fills and liquidations, ascending, disjoint.
    pub fills_covered: Vec<CoveredTime>,
    /// Coverage of funding.
    pub funding_covered: Vec<CoveredTime>,
    /// Coverage of liquidations, where they are told apart from fills; else that of fills.
    pub liquidations_covered: Vec<CoveredTime>,
    /// For each hour the level stated last before its end or at most [`STATED_LATE_MS_MAX`] behind it, ascending. Stands where
    /// no level follows from fills, if it is not older than [`STATED_AGE_MS_MAX`].
    pub stated: Vec<StatedLevel>,
    /// Hours with deltas from `from_hour` on, ascending.
    pub deltas: Vec<HourDelta>,
    /// The first whole anchor of each stretch of coverage, ascending.
    pub bases: Vec<AnchorBase>,
    /// Last price of each hour and kind, ascending by hour, from `mark_age_ms_max` before `from_hour` on.
    pub marks: Vec<MarkPoint>,
    /// Medians over venues, ascending, at most one an hour: the mark where the market has none of its own.
    pub medians: Vec<MedianMark>,
    /// Rates and index values by time, then canonical order: all from `from_hour` on, and of each kind and side the last
    /// before.
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
    /// Share of the hour in which liquidations are known; `None`: that of fills.
    pub liquidations_ppm: Option<i64>,
    /// Longs at the hour's end; `None` without a base or after a hole.
    pub long_q: Option<i64>,
    /// Shorts at the hour's end.
    pub short_q: Option<i64>,
    /// Longs at entry, micro-dollars.
    pub long_entry_usd_e6: Option<i64>,
    /// Shorts at entry.
    pub short_entry_usd_e6: Option<i64>,
    /// Longs, mean over the hour, half to even; `None` unless the level is known at both ends of it. The hour in which a
    /// market began counts from its beginning.
    pub long_tw_q: Option<i64>,
    /// Shorts, mean over the hour.
    pub short_tw_q: Option<i64>,
    /// Mark at the hour's end, quote per canonical unit.
    pub mark: Option<Decimal>,
    /// mark, oracle, index, mid, execution or median.
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

/// A number of an hour that fits no column, or a level that cannot be: its cell is NULL, and this says why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HourFailure {
    /// Hour.
    pub hour_id: i64,
    /// Column.
    pub column: &'static str,
    /// Why.
    pub error: String,
}

/// What [`levels`] gives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MarketHours {
    /// One row per calendar hour from `from_hour` on.
    pub levels: Vec<HourLevel>,
    /// One row per hour and kind with a rate.
    pub funding: Vec<HourFunding>,
    /// Cells that could not be filled.
    pub failures: Vec<HourFailure>,
}

/// Parts per million of a fully covered hour.
pub const FULL_PPM: i64 = 1_000_000;
/// How far below zero the roundings of many positions may carry a level that began at an anchor, units of 10^-qty_scale
/// or micro-dollars. It counts as zero.
const ROUNDING_MAX: i64 = 1_000;

/// The hours of a market: one row per calendar hour, and one per hour and kind with a rate.
///
/// A level is the base plus all deltas since, and `None` before a base or after an hour that is not fully covered, until
/// the first whole anchor behind that. What fits no column leaves its cell empty and is told.
pub fn levels(history: &MarketHistory) -> MarketHours {
    let mut out = MarketHours::default();
    let fills_covered = history.covered_from_listing(&history.fills_covered);
    let funding_covered = history.covered_from_listing(&history.funding_covered);
    let is_begin = history.from_hour <= history.first_hour;
    let mut running = if is_begin { history.starts_at_zero.then(Level::zero) } else { history.before };
    let mut deltas = history.deltas.iter().peekable();
    let are_apart = history.liquidations_covered != history.fills_covered;
    let liquidations_covered = history.covered_from_listing(&history.liquidations_covered);
    let mut stated = history.stated.iter().peekable();
    let mut marks = mark::Ladder::new(&history.marks, &history.medians, history.mark_age_ms_max);
    for hour_id in history.from_hour..=history.last_hour {
        let mut failed = Failed { hour_id, failures: &mut out.failures };
        let fills_ppm = covered_ppm(&fills_covered, hour_id);
        let mut delta = None;
        while let Some(next) = deltas.next_if(|next| next.hour_id <= hour_id) {
            delta = (next.hour_id == hour_id).then_some(next);
        }
        let start = running.filter(|_| fills_ppm == FULL_PPM);
        running = match start {
            Some(level) => match delta.map_or(Ok(level), |delta| level.plus(delta)) {
                Ok(level) => Some(level),
                Err((column, error)) => failed.told(column, Err(error)),
            },
            None => {
                let base = history.bases.iter().find(|base| base.hour_id() == hour_id);
                base.and_then(|base| failed.told("long_q", base.level_at_hour_end(&fills_covered)).flatten())
            }
        };
        let means = means(start, running, delta, &mut failed);
        let liquidations_ppm = are_apart.then(|| covered_ppm(&liquidations_covered, hour_id));
        let coverage = Shares { fills_ppm, funding_ppm: covered_ppm(&funding_covered, hour_id), liquidations_ppm };
        let mut told = None;
        while let Some(next) = stated.next_if(|next| next.hour_id <= hour_id) {
            told = next.level_at_end_of(hour_id);
        }
        out.levels.push(hour_row(history, coverage, (running.or(told), means), marks.at_end_of(hour_id), &mut failed));
    }
    funding::hours(history, &mut out);
    out
}

/// Gathers what went wrong in an hour.
struct Failed<'a> {
    hour_id: i64,
    failures: &'a mut Vec<HourFailure>,
}

impl Failed<'_> {
    /// The value, or `None` and a word on why there is none.
    fn told<T>(&mut self, column: &'static str, result: Result<T, AmountError>) -> Option<T> {
        result.map_err(|error| self.failures.push(HourFailure { hour_id: self.hour_id, column, error: error.to_string() })).ok()
    }
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

impl StatedLevel {
    fn level_at_end_of(&self, hour_id: i64) -> Option<Level> {
        let age_ms = (hour_id + 1) * HOUR_MS - self.ts_ms;
        let holds = self.hour_id == hour_id && (-STATED_LATE_MS_MAX..=STATED_AGE_MS_MAX).contains(&age_ms);
        holds.then_some(Level { long_q: self.long_q, short_q: self.short_q, long_usd_e6: None, short_usd_e6: None })
    }
}

impl Level {
    fn zero() -> Level {
        Level { long_q: 0, short_q: 0, long_usd_e6: Some(0), short_usd_e6: Some(0) }
    }

    /// The level behind an hour's changes; the error names the column that cannot be.
    fn plus(self, delta: &HourDelta) -> Result<Level, (&'static str, AmountError)> {
        let of = |column, level, delta| sum(level, delta).map_err(|error| (column, error));
        let usd =
            |column, level: Option<i64>, delta: Option<i64>| level.zip(delta).map(|(level, delta)| of(column, level, delta)).transpose();
        Ok(Level {
            long_q: of("long_q", self.long_q, delta.long_q)?,
            short_q: of("short_q", self.short_q, delta.short_q)?,
            long_usd_e6: usd("long_entry_usd_e6", self.long_usd_e6, delta.long_usd_e6)?,
            short_usd_e6: usd("short_entry_usd_e6", self.short_usd_e6, delta.short_usd_e6)?,
        })
    }
}

/// A level after a change: never below zero but for roundings, which count as zero.
fn sum(level: i64, change: i64) -> Result<i64, AmountError> {
    match level.checked_add(change) {
        Some(next) if next >= 0 => Ok(next),
        Some(next) if next >= -ROUNDING_MAX => Ok(0),
        _ => Err(AmountError::Overflow { what: "open interest", value: (i128::from(level) + i128::from(change)).to_string() }),
    }
}

/// Means of longs and shorts over an hour whose level is known at both ends.
fn means(start: Option<Level>, end: Option<Level>, delta: Option<&HourDelta>, failed: &mut Failed<'_>) -> (Option<i64>, Option<i64>) {
    let Some((start, _)) = start.zip(end) else { return (None, None) };
    let mut mean = |column, level: i64, moment: i128| {
        let weighted = i128::from(level) * i128::from(HOUR_MS) + moment;
        let mean = div_half_even(weighted, i128::from(HOUR_MS));
        let overflow = |_| AmountError::Overflow { what: "mean of open interest", value: mean.to_string() };
        failed.told(column, i64::try_from(mean).map_err(overflow))
    };
    let long = mean("long_tw_q", start.long_q, delta.map_or(0, |delta| delta.long_moment));
    let short = mean("short_tw_q", start.short_q, delta.map_or(0, |delta| delta.short_moment));
    (long, short)
}

/// How much of an hour is known, by family.
#[derive(Clone, Copy)]
struct Shares {
    fills_ppm: i64,
    funding_ppm: i64,
    liquidations_ppm: Option<i64>,
}

fn hour_row(
    history: &MarketHistory,
    Shares { fills_ppm, funding_ppm, liquidations_ppm }: Shares,
    (level, (long_tw_q, short_tw_q)): (Option<Level>, (Option<i64>, Option<i64>)),
    mark: Option<mark::Mark>,
    failed: &mut Failed<'_>,
) -> HourLevel {
    let hour_id = failed.hour_id;
    let mut at_mark = |column, qs: Option<(i64, i64)>, parts: i64| {
        // Nothing is worth nothing at any price.
        if qs == Some((0, 0)) {
            return Some(0);
        }
        let (q, mark) = qs.zip(mark)?;
        failed.told(column, usd_at_mark(q, parts, history.qty_scale, &mark.price))
    };
    HourLevel {
        hour_id,
        fills_ppm,
        funding_ppm,
        liquidations_ppm,
        long_q: level.map(|level| level.long_q),
        short_q: level.map(|level| level.short_q),
        long_entry_usd_e6: level.and_then(|level| level.long_usd_e6),
        short_entry_usd_e6: level.and_then(|level| level.short_usd_e6),
        long_tw_q,
        short_tw_q,
        mark: mark.map(|mark| mark.price),
        mark_source: mark.map(|mark| mark.source),
        mark_age_ms: mark.map(|mark| mark.age_ms),
        long_mark_usd_e6: at_mark("long_mark_usd_e6", level.map(|level| (level.long_q, 0)), 1),
        short_mark_usd_e6: at_mark("short_mark_usd_e6", level.map(|level| (level.short_q, 0)), 1),
        one_mark_usd_e6: at_mark("one_mark_usd_e6", level.map(|level| (level.long_q, level.short_q)), 2),
    }
}

/// The sum of two quantities at a price, over `parts`, in micro-dollars, half to even once.
pub(crate) fn usd_at_mark((a, b): (i64, i64), parts: i64, qty_scale: u8, price: &Decimal) -> Result<i64, AmountError> {
    let q = Decimal::from(a).add(&Decimal::from(b))?;
    let usd = Decimal::new(q.value, qty_scale).mul(price)?;
    // A half or a third digit behind is enough to see a tie of two parts.
    if parts == 1 { usd.to_i64(6) } else { usd.div(&Decimal::from(parts), usd.scale.saturating_add(1).max(7))?.to_i64(6) }
}

/// Half of longs plus shorts at a price, in micro-dollars, half to even once.
pub fn one_sided_usd_e6(gross_q: i64, qty_scale: u8, price: &Decimal) -> Result<i64, AmountError> {
    usd_at_mark((gross_q, 0), 2, qty_scale, price)
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
