//! Hourly funding and borrow: rates and differences of indexes, spread over the hours they were in force.

use std::collections::BTreeMap;

use perpdex_core::{AmountError, Decimal, FundingKind, IndexBasis, Period, PositionSide};

use super::{CoveredTime, Failed, HOUR_MS, HourFailure, HourFunding, MarketHistory, MarketHours, RateValue, wide};

/// Cost per hour times 10^12 over a stretch of time.
#[derive(Clone, Copy)]
struct Interval {
    start_ms: i64,
    end_ms: i64,
    long_e12: Option<i64>,
    short_e12: Option<i64>,
}

/// sum(rate x overlap) and sum(overlap) of one side.
#[derive(Clone, Copy, Default)]
struct Sum {
    weighted: i128,
    covered_ms: i64,
}

impl Sum {
    fn add(&mut self, rate_e12: Option<i64>, overlap_ms: i64) {
        if let Some(rate) = rate_e12 {
            self.weighted += i128::from(rate) * i128::from(overlap_ms);
            self.covered_ms += overlap_ms;
        }
    }

    /// The mean rate, half to even.
    fn mean(&self) -> Result<Option<i64>, AmountError> {
        if self.covered_ms == 0 {
            return Ok(None);
        }
        let weighted = Decimal::new(self.weighted.try_into().expect("128 bits fit in 256"), 0);
        weighted.div(&Decimal::from(self.covered_ms), 0)?.to_i64(0).map(Some)
    }
}

/// One row per hour of the calendar and kind with a rate.
pub(super) fn hours(history: &MarketHistory, out: &mut MarketHours) {
    for kind in [FundingKind::Funding, FundingKind::Borrow] {
        let mut sums: BTreeMap<i64, (Sum, Sum)> = BTreeMap::new();
        for interval in intervals(history, kind, &mut out.failures) {
            spread(&interval, (history.from_hour, history.last_hour), &mut sums);
        }
        for (hour_id, (long, short)) in sums {
            let level = usize::try_from(hour_id - history.from_hour).ok().and_then(|index| out.levels.get(index));
            let weight_usd_e6 = level.and_then(|level| level.one_mark_usd_e6);
            let mut failed = Failed { hour_id, failures: &mut out.failures };
            let cost_long_1h_e12 = failed.told("cost_long_1h_e12", long.mean()).flatten();
            let cost_short_1h_e12 = failed.told("cost_short_1h_e12", short.mean()).flatten();
            let weighted = weight_usd_e6.zip(cost_long_1h_e12).map(weighted).transpose();
            out.funding.push(HourFunding {
                hour_id,
                kind,
                cost_long_1h_e12,
                cost_short_1h_e12,
                covered_ms: long.covered_ms.max(short.covered_ms).min(HOUR_MS),
                weight_usd_e6,
                weighted_usd_e9: failed.told("weighted_usd_e9", weighted).flatten(),
            });
        }
    }
}

/// round(weight x rate / 10^9): micro-dollars times 10^-12 in nano-dollars.
fn weighted((weight_usd_e6, rate_e12): (i64, i64)) -> Result<i64, AmountError> {
    Decimal::from(weight_usd_e6).mul(&Decimal::new(wide(rate_e12), 9))?.to_i64(0)
}

fn spread(interval: &Interval, (from_hour, last_hour): (i64, i64), sums: &mut BTreeMap<i64, (Sum, Sum)>) {
    let from = interval.start_ms.div_euclid(HOUR_MS).max(from_hour);
    let to = (interval.end_ms - 1).div_euclid(HOUR_MS).min(last_hour);
    for hour_id in from..=to {
        let overlap_ms = interval.end_ms.min((hour_id + 1) * HOUR_MS) - interval.start_ms.max(hour_id * HOUR_MS);
        let (long, short) = sums.entry(hour_id).or_default();
        long.add(interval.long_e12, overlap_ms);
        short.add(interval.short_e12, overlap_ms);
    }
}

/// Rates with a beginning and an end. A rate or index value without a predecessor gives none, nor does a rate whose
/// predecessor may be missing; values of one instant merge into the next difference.
fn intervals(history: &MarketHistory, kind: FundingKind, failures: &mut Vec<HourFailure>) -> Vec<Interval> {
    let mut out = Vec::new();
    let mut rate_end_ms = None;
    let mut newest: BTreeMap<Option<PositionSide>, (i64, Decimal)> = BTreeMap::new();
    for point in history.rates.iter().filter(|point| point.kind == kind) {
        match &point.value {
            RateValue::Rate { period, cost_long_1h_e12, cost_short_1h_e12 } => {
                let (start_ms, end_ms) = match period {
                    Period::Exact { start_ms, end_ms } => (Some(*start_ms), *end_ms),
                    Period::SincePrevious { end_ms } => {
                        (rate_end_ms.filter(|start_ms| !is_cut(&history.funding_covered, *start_ms, *end_ms)), *end_ms)
                    }
                };
                if let Some(start_ms) = start_ms.filter(|start_ms| *start_ms < end_ms) {
                    out.push(Interval { start_ms, end_ms, long_e12: *cost_long_1h_e12, short_e12: *cost_short_1h_e12 });
                }
                rate_end_ms = Some(end_ms);
            }
            RateValue::Index { side, value, basis, is_reset } => {
                let before = newest.get(side).copied().filter(|_| !is_reset);
                match before {
                    Some((start_ms, _)) if start_ms == point.ts_ms => continue,
                    Some((start_ms, old)) => {
                        let cost = cost_1h_e12(value, &old, basis, point.ts_ms - start_ms);
                        let hour_id = (point.ts_ms - 1).div_euclid(HOUR_MS);
                        let mut failed = Failed { hour_id, failures: &mut *failures };
                        let cost = if hour_id < history.from_hour { cost.ok() } else { failed.told("cost_long_1h_e12", cost) };
                        out.push(sided(*side, cost.flatten(), start_ms, point.ts_ms));
                    }
                    None => {}
                }
                newest.insert(*side, (point.ts_ms, *value));
            }
        }
    }
    out
}

/// Whether coverage ends or begins between two instants: what lies between them need not be all there was.
fn is_cut(covered: &[CoveredTime], start_ms: i64, end_ms: i64) -> bool {
    covered
        .iter()
        .any(|stretch| (start_ms <= stretch.to_ms && stretch.to_ms < end_ms) || (start_ms < stretch.from_ms && stretch.from_ms <= end_ms))
}

/// An index difference over `duration_ms` as cost per hour times 10^12; `None` where the price is zero.
fn cost_1h_e12(value: &Decimal, before: &Decimal, basis: &IndexBasis, duration_ms: i64) -> Result<Option<i64>, AmountError> {
    let per_hour = value.add(&before.neg())?.mul(&Decimal::from(HOUR_MS))?;
    let divisor = match basis {
        IndexBasis::Fraction => Decimal::from(duration_ms),
        IndexBasis::QuotePerUnit { price } => Decimal::from(duration_ms).mul(price)?,
    };
    if divisor.is_zero() {
        return Ok(None);
    }
    per_hour.div(&divisor, 12)?.to_i64(12).map(Some)
}

fn sided(side: Option<PositionSide>, cost_e12: Option<i64>, start_ms: i64, end_ms: i64) -> Interval {
    let (long_e12, short_e12) = match side {
        None => (cost_e12, cost_e12.map(|cost| -cost)),
        Some(PositionSide::Long) => (cost_e12, None),
        Some(PositionSide::Short) => (None, cost_e12),
    };
    Interval { start_ms, end_ms, long_e12, short_e12 }
}
