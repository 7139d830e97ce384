//! Sums over the markets of a row: exact where every hour is known, else a reason.

use std::collections::BTreeSet;
use std::ops::Range;

use perpdex_core::{AmountError, Decimal};

use crate::figure::{Sum, grouped, scaled, usd};
use crate::input::{Hour, Input, Market};

/// An hour whose records are all indexed.
const WHOLE_PPM: i64 = 1_000_000;

/// Markets that a row is about.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scope<'a> {
    pub(crate) markets: Vec<&'a Market>,
}

/// A stored column and what it needs to be whole.
pub(crate) struct Measure {
    pick: fn(&Hour) -> Option<i64>,
    covered: fn(&Hour) -> i64,
    scale: u8,
    /// Why a venue does not tell it at all.
    untold: fn(&Market) -> Option<&'static str>,
}

impl Measure {
    /// Dollars of fills.
    pub(crate) const fn fills_usd(pick: fn(&Hour) -> Option<i64>) -> Measure {
        Measure { pick, covered: |hour| hour.fills_ppm, scale: 6, untold: |_| None }
    }

    /// A number of fills.
    pub(crate) const fn fills(pick: fn(&Hour) -> Option<i64>) -> Measure {
        Measure { scale: 0, ..Measure::fills_usd(pick) }
    }

    /// Dollars of funding records.
    pub(crate) const fn funding_usd(pick: fn(&Hour) -> Option<i64>) -> Measure {
        Measure { covered: |hour| hour.funding_ppm, ..Measure::fills_usd(pick) }
    }

    /// The same of liquidations, which some venues tell a sample of.
    pub(crate) const fn of_liquidations(self) -> Measure {
        Measure { untold: |market| market.is_liquidation_sample.then_some("tells a sample of liquidations only"), ..self }
    }

    /// The same of accounts, which some venues do not tell of.
    pub(crate) const fn of_accounts(self) -> Measure {
        Measure { untold: |market| (!market.tells_accounts).then_some("tells nothing of accounts"), ..self }
    }
}

/// Volume, each trade once.
pub(crate) const VOLUME: Measure = Measure::fills_usd(|hour| hour.volume_usd_e6);

impl<'a> Scope<'a> {
    /// All markets for which `of` holds.
    pub(crate) fn new(input: &'a Input, of: impl Fn(&Market) -> bool) -> Scope<'a> {
        Scope { markets: input.markets.iter().filter(|market| of(market)).collect() }
    }

    /// The sum of a column over hours; a market counts from its first hour on.
    pub(crate) fn sum(&self, hours: Range<i64>, measure: &Measure) -> Result<Sum, AmountError> {
        let (mut total, mut unknown, mut expected) = (Decimal::ZERO, 0_u64, 0_u64);
        let mut untold = BTreeSet::new();
        for market in &self.markets {
            if let Some(why) = (measure.untold)(market) {
                untold.insert(format!("{} {why}", market.venue));
                continue;
            }
            for hour_id in hours.start.max(market.first_hour)..hours.end {
                expected += 1;
                let hour = market.hours.get(&hour_id);
                let value = hour.and_then(|hour| (measure.pick)(hour));
                total = total.add(&scaled(value.unwrap_or(0), measure.scale))?;
                let is_whole = hour.is_some_and(|hour| (measure.covered)(hour) == WHOLE_PPM) && value.is_some();
                unknown += u64::from(!is_whole);
            }
        }
        let mut why: Vec<String> = untold.into_iter().collect();
        if unknown > 0 {
            why.push(format!("not covered: {unknown} of {expected} market hours are not fully indexed"));
        }
        Ok(match (expected, why.is_empty()) {
            (_, false) => Err(why.join("; ")),
            (0, _) => Err("no market existed yet".to_owned()),
            _ => Ok(total),
        })
    }

    /// One-sided open interest at mark at the end of an hour.
    pub(crate) fn interest(&self, hour_id: i64) -> Result<Sum, AmountError> {
        let mut total = Decimal::ZERO;
        let mut faults = Faults::default();
        for market in self.alive(hour_id) {
            faults.expected += 1;
            match level(market, hour_id) {
                Ok(one) => total = total.add(&one)?,
                Err(fault) => faults.count(fault, market),
            }
        }
        // Else one market without a price would leave nothing to see of its venue.
        Ok(faults.conclude(total).map_err(|why| match faults.known() {
            0 => why,
            _ => format!("{why}; the others come to {} USD", grouped(&total, 0)),
        }))
    }

    /// Change of one-sided open interest at mark from the end of one hour to the end of another, and its part that comes
    /// from quantities: each market's change of quantity at its mark before.
    pub(crate) fn change(&self, before: i64, after: i64) -> Result<Change, AmountError> {
        let (mut base, mut whole, mut quantity) = (Decimal::ZERO, Decimal::ZERO, Decimal::ZERO);
        let mut faults = Faults::default();
        for market in self.alive(after) {
            faults.expected += 1;
            let start = base_level(market, before);
            match (start, level(market, after)) {
                (Ok(start), Ok(end)) => {
                    let change = end.add(&start.neg())?;
                    base = base.add(&start)?;
                    whole = whole.add(&change)?;
                    quantity = quantity.add(&quantity_part(market, before, after, change)?)?;
                }
                (_, Err(fault)) => faults.count(fault, market),
                (Err(_), _) => faults.count("without a level at the window's start", market),
            }
        }
        let of = |sum: Decimal| faults.conclude(sum);
        let price = whole.add(&quantity.neg())?;
        Ok(Change { base: of(base), whole: of(whole), quantity: of(quantity), price: of(price) })
    }

    /// OI-weighted mean of the hourly rates, fraction per hour; and the share of the open interest behind it.
    pub(crate) fn weighted_rate(&self, hours: Range<i64>) -> Result<(Sum, Sum), AmountError> {
        let (mut weighted, mut weight, mut interest) = (Decimal::ZERO, Decimal::ZERO, Decimal::ZERO);
        for hour in self.markets.iter().flat_map(|market| market.hours.range(hours.clone())).map(|(_, hour)| hour) {
            interest = interest.add(&usd(hour.one_mark_usd_e6.unwrap_or(0)))?;
            if let (Some(product), Some(of)) = (hour.weighted_usd_e9, hour.weight_usd_e6) {
                weighted = weighted.add(&scaled(product, 9))?;
                weight = weight.add(&usd(of))?;
            }
        }
        if weight.is_zero() {
            let why = || "no hour has both a rate and an open interest".to_owned();
            return Ok((Err(why()), Err(why())));
        }
        let share = if interest.is_zero() { Err("open interest is 0".to_owned()) } else { Ok(weight.div(&interest, 6)?) };
        Ok((Ok(weighted.div(&weight, RATE_DIGITS)?), share))
    }

    fn alive(&self, hour_id: i64) -> impl Iterator<Item = &&'a Market> {
        self.markets.iter().filter(move |market| market.first_hour <= hour_id)
    }
}

/// Digits of a rate per hour behind the point.
const RATE_DIGITS: u8 = 15;

/// A change of open interest.
pub(crate) struct Change {
    /// What it started from.
    pub(crate) base: Sum,
    /// All of it.
    pub(crate) whole: Sum,
    /// Positions that were opened and closed.
    pub(crate) quantity: Sum,
    /// The rest: prices that moved.
    pub(crate) price: Sum,
}

/// Markets that a reason names before it counts the rest.
const NAMED_MAX: usize = 3;

/// Why markets have no level, and which.
#[derive(Default)]
struct Faults {
    expected: u64,
    kinds: Vec<(&'static str, Vec<String>)>,
}

impl Faults {
    fn count(&mut self, fault: &'static str, market: &Market) {
        let name = format!("{} {}", market.venue, market.symbol);
        match self.kinds.iter_mut().find(|(kind, _)| *kind == fault) {
            Some((_, names)) => names.push(name),
            None => self.kinds.push((fault, vec![name])),
        }
    }

    /// Markets without a fault.
    fn known(&self) -> u64 {
        self.expected - self.kinds.iter().map(|(_, names)| names.len() as u64).sum::<u64>()
    }

    fn conclude(&self, total: Decimal) -> Sum {
        match (self.expected, self.kinds.is_empty()) {
            (0, _) => Err("no market existed yet".to_owned()),
            (_, true) => Ok(total),
            _ => {
                let of = |(kind, names): &(&str, Vec<String>)| {
                    let named = names.iter().take(NAMED_MAX).map(String::as_str).collect::<Vec<_>>().join(", ");
                    let more = names
                        .len()
                        .checked_sub(NAMED_MAX)
                        .filter(|more| *more > 0)
                        .map_or(String::new(), |more| format!(" and {more} more"));
                    format!("{} of {} markets {kind}: {named}{more}", names.len(), self.expected)
                };
                Err(format!("not covered: {}", self.kinds.iter().map(of).collect::<Vec<_>>().join("; ")))
            }
        }
    }
}

fn level(market: &Market, hour_id: i64) -> Result<Decimal, &'static str> {
    let Some(hour) = market.hours.get(&hour_id) else { return Err("not indexed at the hour") };
    match (hour.long_q, hour.short_q, hour.one_mark_usd_e6) {
        (Some(0), Some(0), _) => Ok(Decimal::ZERO),
        (Some(_), Some(_), Some(one)) => Ok(usd(one)),
        (Some(_), Some(_), None) => Err("without a mark"),
        _ => Err("without a level (no anchor, or an uncovered hour before)"),
    }
}

/// The level before the window; a market that was listed since had none.
fn base_level(market: &Market, hour_id: i64) -> Result<Decimal, &'static str> {
    match market.listed_hour {
        Some(listed) if listed > hour_id => Ok(Decimal::ZERO),
        _ => level(market, hour_id),
    }
}

/// Change of the one-sided quantity at the mark before; all of the change where there was no position before.
fn quantity_part(market: &Market, before: i64, after: i64, change: Decimal) -> Result<Decimal, AmountError> {
    let gross = |hour_id: i64| market.hours.get(&hour_id).and_then(|hour| hour.long_q.zip(hour.short_q));
    let mark = market.hours.get(&before).and_then(|hour| hour.mark);
    let (Some((long, short)), Some((long_after, short_after)), Some(mark)) = (gross(before), gross(after), mark) else { return Ok(change) };
    if long == 0 && short == 0 {
        return Ok(change);
    }
    let scale = market.qty_scale;
    let moved = scaled(long_after, scale).add(&scaled(short_after, scale))?.add(&scaled(long, scale).add(&scaled(short, scale))?.neg())?;
    let product = moved.mul(&mark)?;
    product.div(&Decimal::from(2), product.scale + 1)?.rescale(6)
}
