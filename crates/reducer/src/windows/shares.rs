//! Venues beside each other: hours of an asset by venue and over all, concentration, holding time, marks against marks.

use std::collections::BTreeMap;

use alloy_primitives::U256;
use perpdex_core::Decimal;

use crate::levels::FULL_PPM;
use crate::stats::{div_half_even, ppm};

/// One market's hour as its asset needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VenueHour {
    /// Hour.
    pub hour_id: i64,
    /// Venue.
    pub venue_id: i64,
    /// Share of the hour in which fills are known, parts per million.
    pub fills_ppm: i64,
    /// Longs and shorts at its end.
    pub level: Option<(i64, i64)>,
    /// One-sided open interest at mark at its end, micro-dollars.
    pub one_mark_usd_e6: Option<i64>,
    /// Mark of its own prices at its end.
    pub mark: Option<Decimal>,
    /// Taker volume, liquidated longs, liquidated shorts; read only where the hour is known in whole, `None` where no record tells
    /// them.
    pub sums: [Option<i64>; 3],
    /// Weight and weighted rate of its funding: micro-dollars and nano-dollars.
    pub rate: Option<(i64, i64)>,
}

/// One asset, venue and hour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssetHour {
    /// Hour.
    pub hour_id: i64,
    /// Venue; 0 = all.
    pub venue_id: i64,
    /// Venues whose open interest is known, ascending.
    pub venues: Vec<i64>,
    /// Whether all fills of the hour are known.
    pub is_closed: bool,
    /// Longs plus shorts.
    pub gross_q: Option<i64>,
    /// One-sided open interest at mark, micro-dollars.
    pub oi_one_usd_e6: Option<i64>,
    /// Taker volume, liquidated longs, liquidated shorts.
    pub sums: [Option<i64>; 3],
    /// Funding cost of a long per hour times 10^12, weighted by open interest, half to even.
    pub rate_1h_e12: Option<i64>,
    /// Open interest behind it, micro-dollars.
    pub rate_weight_usd_e6: Option<i64>,
    /// Median mark.
    pub mark: Option<Decimal>,
}

/// A sum in 128 bits that is known only if every part is.
#[derive(Clone, Copy, Default)]
struct Known {
    sum: i128,
    is_cut: bool,
}

impl Known {
    fn add(&mut self, part: Option<i128>) {
        match part {
            Some(part) => self.sum += part,
            None => self.is_cut = true,
        }
    }

    fn get(self) -> Option<i64> {
        i64::try_from(self.sum).ok().filter(|_| !self.is_cut)
    }
}

#[derive(Default)]
struct Gathered {
    gross: Known,
    usd: Known,
    sums: [Known; 3],
    is_open: bool,
    weight: i128,
    weighted: i128,
    marks: Vec<Decimal>,
}

/// The hours of an asset by venue, and over all of its venues that are known. A venue is known in an hour only with all
/// of its markets.
pub fn asset_hours(markets: &[VenueHour]) -> Vec<AssetHour> {
    let mut venues: BTreeMap<(i64, i64), Gathered> = BTreeMap::new();
    for market in markets {
        let gathered = venues.entry((market.hour_id, market.venue_id)).or_default();
        gathered.gross.add(market.level.map(|(long, short)| i128::from(long) + i128::from(short)));
        gathered.usd.add(market.one_mark_usd_e6.map(i128::from));
        let is_closed = market.fills_ppm == FULL_PPM;
        gathered.is_open |= !is_closed;
        for (sum, part) in gathered.sums.iter_mut().zip(market.sums) {
            sum.add(part.map(i128::from).filter(|_| is_closed));
        }
        if let Some((weight, weighted)) = market.rate {
            gathered.weight += i128::from(weight);
            gathered.weighted += i128::from(weighted);
        }
        gathered.marks.extend(market.mark);
    }
    let mut all: BTreeMap<i64, Gathered> = BTreeMap::new();
    let mut known_venues: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    let mut out = Vec::new();
    for ((hour_id, venue_id), gathered) in venues {
        let row = gathered.row(hour_id, venue_id);
        let sum = all.entry(hour_id).or_default();
        let known = |value: Option<i64>| Some(value.map_or(0, i128::from));
        sum.gross.add(known(row.gross_q));
        sum.usd.add(known(row.oi_one_usd_e6));
        for (sum, part) in sum.sums.iter_mut().zip(row.sums) {
            sum.add(known(part));
        }
        sum.is_open |= gathered.is_open;
        sum.weight += gathered.weight;
        sum.weighted += gathered.weighted;
        sum.marks.extend(row.mark);
        known_venues.entry(hour_id).or_default().extend(&row.venues);
        out.push(row);
    }
    out.extend(all.into_iter().map(|(hour_id, gathered)| {
        let venues = known_venues.remove(&hour_id).unwrap_or_default();
        let mut row = AssetHour { venues, ..gathered.row(hour_id, 0) };
        if row.venues.is_empty() {
            (row.gross_q, row.oi_one_usd_e6) = (None, None);
        }
        row
    }));
    out
}

impl Gathered {
    fn row(&self, hour_id: i64, venue_id: i64) -> AssetHour {
        let gross_q = self.gross.get();
        // Nano-dollars an hour over micro-dollars, in parts of 10^12.
        let rate = (self.weight > 0).then(|| div_half_even(self.weighted * 1_000_000_000, self.weight));
        AssetHour {
            hour_id,
            venue_id,
            venues: gross_q.map(|_| venue_id).into_iter().collect(),
            is_closed: !self.is_open,
            gross_q,
            oi_one_usd_e6: self.usd.get(),
            sums: self.sums.map(Known::get),
            rate_1h_e12: rate.and_then(|rate| i64::try_from(rate).ok()),
            rate_weight_usd_e6: i64::try_from(self.weight).ok().filter(|weight| *weight > 0),
            mark: median(self.marks.clone()),
        }
    }
}

/// The middle of some prices, the mean of the two in the middle where their number is even.
fn median(mut prices: Vec<Decimal>) -> Option<Decimal> {
    let below = |a: &Decimal, b: &Decimal| a.add(&b.neg()).is_ok_and(|difference| difference.is_negative());
    prices.sort_by(|a, b| below(b, a).cmp(&below(a, b)));
    let middle = prices.get(prices.len() / 2)?;
    if prices.len() % 2 == 1 {
        return Some(*middle);
    }
    let sum = middle.add(prices.get(prices.len() / 2 - 1)?).ok()?;
    sum.div(&Decimal::from(2), sum.scale.saturating_add(1)).ok()
}

/// A market of an asset at an hour's end, with the mark of its own prices if it has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnMark {
    /// Hour.
    pub hour_id: i64,
    /// Venue.
    pub venue_id: i64,
    /// Quote per canonical unit, and its age at the hour's end, milliseconds.
    pub mark: Option<(Decimal, i64)>,
}

/// What an asset was worth at the end of an hour in which one of its markets had no mark of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AssetMark {
    /// Hour.
    pub hour_id: i64,
    /// Median over venues, of which each is the median of its markets'.
    pub mark: Decimal,
    /// Age of the oldest of the marks, milliseconds.
    pub age_ms: i64,
    /// Venues with a mark.
    pub venues: i64,
}

/// The asset's median mark in each hour in which a market needs it and another has one. `markets` ascend by hour.
pub fn asset_marks(markets: &[OwnMark]) -> Vec<AssetMark> {
    let of_hour = |hour: &[OwnMark]| {
        let mut venues: BTreeMap<i64, Vec<Decimal>> = BTreeMap::new();
        for (venue_id, (mark, _)) in hour.iter().filter_map(|market| Some((market.venue_id, market.mark?))) {
            venues.entry(venue_id).or_default().push(mark);
        }
        let is_needed = hour.iter().any(|market| market.mark.is_none());
        let age_ms = hour.iter().filter_map(|market| market.mark).map(|(_, age_ms)| age_ms).max().filter(|_| is_needed)?;
        let medians: Vec<Decimal> = venues.into_values().filter_map(median).collect();
        let venues = i64::try_from(medians.len()).ok()?;
        Some(AssetMark { hour_id: hour[0].hour_id, mark: median(medians)?, age_ms, venues })
    };
    markets.chunk_by(|a, b| a.hour_id == b.hour_id).filter_map(of_hour).collect()
}

/// A market's mark at an hour's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarketMark {
    /// Market.
    pub market_id: i64,
    /// Venue.
    pub venue_id: i64,
    /// Quote per canonical unit.
    pub mark: Decimal,
}

/// A market's mark against the median of the other venues'.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Divergence {
    /// Market.
    pub market_id: i64,
    /// Its mark.
    pub mark: Decimal,
    /// Median of the other venues' marks, of which each is the median of its markets'.
    pub median: Decimal,
    /// (mark / median - 1), parts per million, half to even.
    pub divergence_ppm: i64,
    /// Number of other venues.
    pub venues: i64,
}

/// Each market of an asset in one hour against the other venues; nothing where there is but one.
pub fn divergences(marks: &[MarketMark]) -> Vec<Divergence> {
    let mut venues: BTreeMap<i64, Vec<Decimal>> = BTreeMap::new();
    for mark in marks {
        venues.entry(mark.venue_id).or_default().push(mark.mark);
    }
    let medians: Vec<(i64, Decimal)> = venues.into_iter().filter_map(|(venue, marks)| Some((venue, median(marks)?))).collect();
    let against = |mark: &MarketMark| {
        let others: Vec<Decimal> = medians.iter().filter(|(venue, _)| *venue != mark.venue_id).map(|(_, median)| *median).collect();
        let venues = i64::try_from(others.len()).ok()?;
        let median = median(others)?;
        let divergence_ppm = relative_ppm(&mark.mark, &median)?;
        Some(Divergence { market_id: mark.market_id, mark: mark.mark, median, divergence_ppm, venues })
    };
    marks.iter().filter_map(against).collect()
}

/// (a / b - 1) in parts per million, half to even; `None` where that fits no column.
pub fn relative_ppm(a: &Decimal, b: &Decimal) -> Option<i64> {
    a.add(&b.neg()).ok()?.div(b, 6).ok()?.to_i64(6).ok()
}

/// How a whole is spread over venues.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Concentration {
    /// The whole, micro-dollars.
    pub total_usd_e6: i64,
    /// Herfindahl-Hirschman index, 0 to 10,000, times 10^6, half up.
    pub hhi_e6: i64,
    /// 10,000 / index, times 10^6, half up.
    pub effective_venues_e6: i64,
    /// Venues, those without any part too.
    pub venues: i64,
}

/// Concentration of one value per venue; `None` where there is nothing to share.
pub fn concentration(values: &[i64]) -> Option<Concentration> {
    let total: i128 = values.iter().map(|value| i128::from(*value)).sum();
    let total_usd_e6 = i64::try_from(total).ok().filter(|total| *total > 0)?;
    let wide = |value: i64| U256::from(value.unsigned_abs());
    let squares = values.iter().fold(U256::ZERO, |sum, value| sum + wide(*value) * wide(*value));
    let whole = wide(total_usd_e6) * wide(total_usd_e6);
    let rounded = |n: U256, d: U256| i64::try_from((n + d / U256::from(2)) / d).ok();
    Some(Concentration {
        total_usd_e6,
        hhi_e6: rounded(squares * U256::from(10_000_000_000_u64), whole)?,
        effective_venues_e6: rounded(whole * U256::from(1_000_000), squares)?,
        venues: i64::try_from(values.len()).ok()?,
    })
}

/// Mean holding time in milliseconds: what is open on average over what is closed a day, half to even; `None` where nothing
/// is closed.
pub fn holding_ms(open: i128, closed_a_day: i128) -> Option<i64> {
    const DAY_MS: i128 = 86_400_000;
    (closed_a_day > 0).then(|| div_half_even(open * DAY_MS, closed_a_day)).and_then(|ms| i64::try_from(ms).ok())
}

/// A share, parts per million.
pub(crate) fn share_ppm(part: i128, whole: i128) -> i64 {
    ppm(part, whole).unwrap_or(0)
}
