//! Days of one market: sums over its hours, mean and final levels, and the change of open interest since the day before.

use perpdex_core::{AmountError, Decimal};

use crate::levels::{FULL_PPM, HourFailure, usd_at_mark};
use crate::stats::div_half_even;
use crate::{DAY_HOURS, HOUR_MS};

/// Sums of a day, in the order of [`DayHour::sums`].
pub const DAY_SUMS: [&str; 11] = [
    "trades",
    "volume_usd_e6",
    "exec_volume_usd_e6",
    "liq_volume_usd_e6",
    "adl_volume_usd_e6",
    "liq_rows",
    "liq_long_usd_e6",
    "liq_short_usd_e6",
    "adl_usd_e6",
    "fees_usd_e6",
    "closed_q",
];

/// What a day needs to know of one of its hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DayHour {
    /// Hour.
    pub hour_id: i64,
    /// Share of the hour in which fills are known, parts per million.
    pub fills_ppm: i64,
    /// Longs and shorts at its end.
    pub level: Option<(i64, i64)>,
    /// Whether its mean level is known.
    pub has_mean: bool,
    /// Moment of both sides' changes: quantity times milliseconds.
    pub moment: i128,
    /// One-sided open interest at mark at its end, micro-dollars.
    pub one_mark_usd_e6: Option<i64>,
    /// Mark at its end.
    pub mark: Option<Decimal>,
    /// Sums, by [`DAY_SUMS`]; `None` where no record tells them.
    pub sums: [Option<i64>; DAY_SUMS.len()],
}

/// One market and day. A sum is `None` unless every hour of the day is covered and tells it, or every hour since the market began
/// in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarketDay {
    /// Day.
    pub day_id: i64,
    /// Hours of it in the market's calendar.
    pub hours: i64,
    /// Sums, by [`DAY_SUMS`].
    pub sums: [Option<i64>; DAY_SUMS.len()],
    /// Longs plus shorts, mean over the day's hours, half to even.
    pub gross_tw_q: Option<i64>,
    /// Longs plus shorts at the day's end.
    pub gross_q: Option<i64>,
    /// One-sided open interest at mark at the day's end, micro-dollars.
    pub oi_one_usd_e6: Option<i64>,
    /// The same at the end of the day before; 0 where the market began in this day.
    pub oi_before_usd_e6: Option<i64>,
    /// Part of the change that is quantity: at the mark of the day before.
    pub oi_quantity_usd_e6: Option<i64>,
    /// The rest of the change, which is price.
    pub oi_price_usd_e6: Option<i64>,
}

/// The days from `from_day` on. `hours` ascend without a hole, from the last hour before `from_day` on where the market
/// has one; `first_hour` is the market's.
pub fn days(first_hour: i64, qty_scale: u8, from_day: i64, hours: &[DayHour]) -> (Vec<MarketDay>, Vec<HourFailure>) {
    let mut failures = Vec::new();
    let mut out = Vec::new();
    let mut before: Option<&DayHour> = None;
    for day in hours.chunk_by(|a, b| a.hour_id.div_euclid(DAY_HOURS) == b.hour_id.div_euclid(DAY_HOURS)) {
        if day[0].hour_id.div_euclid(DAY_HOURS) >= from_day {
            let market = Market { first_hour, qty_scale };
            out.push(market.day(before, day, &mut failures));
        }
        before = day.last();
    }
    (out, failures)
}

impl MarketDay {
    /// Quantity of both sides that was closed; `None` unless the day is known in whole and tells it.
    pub fn closed_q(&self) -> Option<i64> {
        self.sums[DAY_SUMS.len() - 1]
    }
}

struct Market {
    first_hour: i64,
    qty_scale: u8,
}

impl Market {
    fn day(&self, before: Option<&DayHour>, hours: &[DayHour], failures: &mut Vec<HourFailure>) -> MarketDay {
        let (first, last) = (&hours[0], &hours[hours.len() - 1]);
        let mut told = |column, result: Result<i64, AmountError>| {
            result.map_err(|error| failures.push(HourFailure { hour_id: last.hour_id, column, error: error.to_string() })).ok()
        };
        let is_over = last.hour_id.rem_euclid(DAY_HOURS) == DAY_HOURS - 1;
        let began_here = first.hour_id == self.first_hour && first.has_mean;
        let is_whole = is_over
            && hours.iter().all(|hour| hour.fills_ppm == FULL_PPM)
            && (first.hour_id.rem_euclid(DAY_HOURS) == 0 || first.hour_id == self.first_hour && first.level.is_some());
        let mut sums = [None; DAY_SUMS.len()];
        for (at, column) in DAY_SUMS.iter().enumerate().filter(|_| is_whole) {
            let sum = hours.iter().map(|hour| hour.sums[at].map(i128::from)).sum::<Option<i128>>();
            sums[at] = sum.and_then(|sum| told(column, fits(column, sum)));
        }
        let end = Some(last).filter(|_| is_over);
        let before = before.filter(|before| before.hour_id + 1 == first.hour_id);
        let oi_one = end.and_then(|end| end.one_mark_usd_e6);
        let oi_before = if began_here { Some(0) } else { before.and_then(|before| before.one_mark_usd_e6) };
        let change = oi_one.zip(oi_before).map(|(now, before)| now - before);
        let quantity = change.and_then(|change| told("oi_quantity_usd_e6", self.quantity_part(before, last, change)));
        MarketDay {
            day_id: first.hour_id.div_euclid(DAY_HOURS),
            hours: i64::try_from(hours.len()).expect("a day has 24 hours"),
            sums,
            gross_tw_q: self.mean(before, hours).filter(|_| is_whole).and_then(|mean| told("gross_tw_q", fits("gross_tw_q", mean))),
            gross_q: end.and_then(|end| end.level).and_then(|(long, short)| told("gross_q", fits("gross_q", gross(long, short)))),
            oi_one_usd_e6: oi_one,
            oi_before_usd_e6: oi_before,
            oi_quantity_usd_e6: quantity,
            oi_price_usd_e6: change.zip(quantity).and_then(|(change, quantity)| change.checked_sub(quantity)),
        }
    }

    /// The change of quantity at the mark before it; the whole change where there was nothing before.
    fn quantity_part(&self, before: Option<&DayHour>, last: &DayHour, change: i64) -> Result<i64, AmountError> {
        match before.and_then(|before| before.level.zip(before.mark)).zip(last.level) {
            Some((((long, short), mark), (long_now, short_now))) if (long, short) != (0, 0) => {
                let (now, before) = (gross(long_now, short_now), gross(long, short));
                usd_at_mark((fits("gross_q", now)?, -fits("gross_q", before)?), 2, self.qty_scale, &mark)
            }
            _ => Ok(change),
        }
    }

    /// The mean of longs plus shorts over the hours, from levels and moments; `None` where one is not known.
    fn mean(&self, before: Option<&DayHour>, hours: &[DayHour]) -> Option<i128> {
        let mut start = before.and_then(|before| before.level).or_else(|| (hours[0].hour_id == self.first_hour).then_some((0, 0)));
        let mut weighted: i128 = 0;
        for hour in hours {
            let (long, short) = start.filter(|_| hour.has_mean)?;
            weighted += gross(long, short) * i128::from(HOUR_MS) + hour.moment;
            start = hour.level;
        }
        Some(div_half_even(weighted, i128::from(HOUR_MS) * hours.len() as i128))
    }
}

fn gross(long: i64, short: i64) -> i128 {
    i128::from(long) + i128::from(short)
}

fn fits(what: &'static str, number: i128) -> Result<i64, AmountError> {
    i64::try_from(number).map_err(|_| AmountError::Overflow { what, value: number.to_string() })
}
