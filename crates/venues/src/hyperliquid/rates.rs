//! Settled funding rates of the public interface. The time that a rate was in force is that since the rate before, which stands
//! beside it: eight hours in the first month, one hour since.

use std::borrow::Cow;

use perpdex_core::{Decimal, DecodeUnit, Decoded, Event, EventBody, EventKey, FundingKind, FundingRate, Period, RawRecord, derived_id};
use serde::Deserialize;

use super::SLUG;
use super::fills::is_perpetual;
use super::lines::{Trouble, decimal, failure, name};

/// Milliseconds of an hour: settlements stand some milliseconds behind a full one.
const HOUR_MS: i64 = 3_600_000;
/// Hours of an interval at first, and when the last such interval ended (recorded rows of BTC: eight hours apart up to this one,
/// hourly from the next).
const FIRST_INTERVAL_HOURS: i64 = 8;
const FIRST_INTERVALS_END_MS: i64 = 1_686_182_400_254;
/// Digits of a rate for one hour, where it was paid for several.
const RATE_DECIMALS: u8 = 18;

#[derive(Deserialize)]
struct SettledRate<'a> {
    /// Time of the market's rate before this one, unix milliseconds; `None` for its first.
    previous_ms: Option<i64>,
    #[serde(borrow)]
    row: Row<'a>,
}

/// A row of `fundingHistory`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row<'a> {
    #[serde(borrow)]
    coin: Cow<'a, str>,
    #[serde(borrow)]
    funding_rate: Cow<'a, str>,
    time: i64,
}

/// Decodes settled rates of one moment, one a line.
pub(super) fn decode(unit: &DecodeUnit<'_>, record: &RawRecord, text: &str) -> Decoded {
    let mut out = Decoded::default();
    for (index, line) in text.split('\n').enumerate() {
        match rate(unit, index, line) {
            Ok(event) => out.events.extend(event),
            Err(trouble) => out.failures.push(failure(record, index.to_string(), trouble)),
        }
    }
    out
}

fn rate(unit: &DecodeUnit<'_>, index: usize, line: &str) -> Result<Option<Event>, Trouble> {
    let settled: SettledRate<'_> = serde_json::from_str(line).map_err(|error| Trouble::malformed(format!("settled rate: {error}")))?;
    let Row { coin, funding_rate, time } = settled.row;
    if !is_perpetual(&coin) {
        return Ok(None);
    }
    name("coin", &coin)?;
    let paid = decimal("fundingRate", &funding_rate)?;
    let end_ms = time.div_euclid(HOUR_MS) * HOUR_MS;
    // Nothing tells for how long the first rate of a market was in force.
    let Some(previous_ms) = settled.previous_ms else { return Ok(None) };
    let hours = (end_ms - previous_ms.div_euclid(HOUR_MS) * HOUR_MS) / HOUR_MS;
    if hours < 1 {
        return Err(Trouble::invalid(format!("rate of {coin} at {time}: the one before is of the same hour or later")));
    }
    // More than an hour since the rate before is a pause of the market, but for the time of eight-hourly rates.
    let hours = if hours == FIRST_INTERVAL_HOURS && time <= FIRST_INTERVALS_END_MS { hours } else { 1 };
    let hourly = if hours == 1 { paid } else { paid.div(&Decimal::from(hours), RATE_DECIMALS).map_err(Trouble::invalid)? };
    Ok(Some(event(unit, index, &coin, hourly, end_ms - hours * HOUR_MS, end_ms)?))
}

fn event(unit: &DecodeUnit<'_>, index: usize, coin: &str, hourly: Decimal, start_ms: i64, end_ms: i64) -> Result<Event, Trouble> {
    let rate = FundingRate {
        kind: FundingKind::Funding,
        period: Period::Exact { start_ms, end_ms },
        cost_long_1h: Some(hourly),
        cost_short_1h: Some(hourly.neg()),
    };
    Ok(Event {
        key: EventKey { height: unit.height, rec: derived_id(&["settled_rate", coin, &end_ms.to_string()]), sub: 0 },
        ord: i64::try_from(index).map_err(Trouble::invalid)?,
        chain: unit.chain,
        venue: SLUG,
        market: Some(coin.into()),
        time_ms: unit.time_ms,
        tx_id: unit.tx_id.to_owned(),
        body: EventBody::FundingRate(rate),
    })
}
