//! Rows that speak of a market: listings, sums, rates, levels, prices.

use alloy_primitives::I256;
use perpdex_core::{
    Amount, BarKind, Basis, Decimal, EventBody, FailureKind, FundingKind, FundingRate, MarketListed, OiAnchor, OiBasis, Period, Price,
    PriceKind, VolumeBar,
};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::Told;

const HOUR_MS: i64 = 3_600_000;
/// A settlement is stamped on the hour, or a little behind it.
const STAMP_LATE_MS_MAX: i64 = 60_000;
/// Hours between two settlements that the venue uses.
const INTERVALS_HOURS: [i64; 4] = [1, 2, 4, 8];
/// Quotes that count as a dollar.
const DOLLARS: [&str; 6] = ["USDT", "USDC", "USD1", "USDF", "USD", "U"];

/// Why a row gave nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trouble {
    pub(super) kind: FailureKind,
    pub(super) error: String,
}

impl Trouble {
    pub(super) fn malformed(error: impl ToString) -> Trouble {
        Trouble { kind: FailureKind::Malformed, error: error.to_string() }
    }

    pub(super) fn invalid(error: impl ToString) -> Trouble {
        Trouble { kind: FailureKind::Invalid, error: error.to_string() }
    }

    pub(super) fn unknown(error: impl ToString) -> Trouble {
        Trouble { kind: FailureKind::UnknownEvent, error: error.to_string() }
    }
}

/// Reads a row of a shape.
pub(super) fn read<T: DeserializeOwned>(answer: &str) -> Result<T, Trouble> {
    serde_json::from_str(answer).map_err(Trouble::malformed)
}

/// A decimal of a named field.
pub(super) fn decimal(field: &str, text: &str) -> Result<Decimal, Trouble> {
    // An exponent stands in no answer; a long one would not fit anything.
    if text.contains(['e', 'E']) {
        return Err(Trouble::invalid(format!("{field}: not a plain decimal number: {text:?}")));
    }
    Decimal::parse(text).map_err(|error| Trouble::invalid(format!("{field}: {error}")))
}

/// A decimal that is not below zero.
pub(super) fn unsigned(field: &str, text: &str) -> Result<Decimal, Trouble> {
    let value = decimal(field, text)?;
    if value.is_negative() { Err(Trouble::invalid(format!("{field} is below zero: {text}"))) } else { Ok(value) }
}

/// An amount in venue units.
pub(super) fn amount(value: Decimal) -> Amount {
    Amount::decimals(value.value, value.scale)
}

/// `exchangeInfo.symbols[]`: the market came to be at its onboard date.
pub(super) fn market(answer: &str) -> Told {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Row {
        base_asset: String,
        quote_asset: String,
        margin_asset: String,
        onboard_date: i64,
    }
    let row: Row = read(answer)?;
    if !DOLLARS.contains(&row.quote_asset.as_str()) {
        return Err(Trouble::invalid(format!("quote {} is no dollar: notionals would not be dollars", row.quote_asset)));
    }
    let listed = MarketListed {
        symbol: Some(row.base_asset),
        index_token: None,
        native_qty_decimals: None,
        quote: row.quote_asset,
        collateral_tokens: vec![row.margin_asset.into()],
        oi_basis: OiBasis::Qty,
        volume_basis: Basis::Exec,
        is_creation: true,
    };
    Ok(vec![(row.onboard_date, EventBody::MarketListed(listed))])
}

/// A row of `klines`: open time, open, high, low, close, volume, close time, quote volume, trades, taker buy volume, taker
/// buy quote volume, and one more that says nothing.
type Kline = (i64, String, String, String, String, String, i64, String, i64, String, String, String);

/// A closed kline: the volume of its time.
pub(super) fn kline(answer: &str) -> Told {
    let (open_ms, _, _, _, close, volume, close_ms, quote_volume, trades, _, taker_quote, _): Kline = read(answer)?;
    let notional_usd = unsigned("quote volume", &quote_volume)?;
    let taker_buy_usd = unsigned("taker buy quote volume", &taker_quote)?;
    if notional_usd.add(&taker_buy_usd.neg()).is_ok_and(|sold| sold.is_negative()) {
        return Err(Trouble::invalid(format!("takers bought {taker_quote} of {quote_volume}")));
    }
    let bar = VolumeBar {
        kind: BarKind::Hour,
        start_ms: open_ms,
        end_ms: close_ms.saturating_add(1),
        trades,
        qty: amount(unsigned("volume", &volume)?),
        notional_usd,
        taker_buy_usd: Some(taker_buy_usd),
        close: amount(unsigned("close", &close)?),
    };
    Ok(vec![(open_ms, EventBody::VolumeBar(times_hold(bar)?))])
}

/// A row of `ticker/24hr`.
pub(super) fn ticker(answer: &str) -> Told {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Row {
        last_price: String,
        volume: String,
        quote_volume: String,
        open_time: i64,
        close_time: i64,
        count: i64,
    }
    let row: Row = read(answer)?;
    let bar = VolumeBar {
        kind: BarKind::Rolling24h,
        start_ms: row.open_time,
        end_ms: row.close_time.saturating_add(1),
        trades: row.count,
        qty: amount(unsigned("volume", &row.volume)?),
        notional_usd: unsigned("quoteVolume", &row.quote_volume)?,
        taker_buy_usd: None,
        close: amount(unsigned("lastPrice", &row.last_price)?),
    };
    Ok(vec![(row.close_time, EventBody::VolumeBar(times_hold(bar)?))])
}

fn times_hold(bar: VolumeBar) -> Result<VolumeBar, Trouble> {
    if bar.trades < 0 || bar.end_ms <= bar.start_ms {
        return Err(Trouble::invalid(format!("{} trades from {} to {} ms", bar.trades, bar.start_ms, bar.end_ms)));
    }
    Ok(bar)
}

/// A row of `fundingRate`: what was settled, for the time since the settlement before.
pub(super) fn funding_rate(answer: &str, previous_ms: Option<i64>, interval_hours: Option<i64>) -> Told {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Row {
        funding_rate: String,
        funding_time: i64,
    }
    let row: Row = read(answer)?;
    let end_ms = on_the_hour(row.funding_time);
    let since = previous_ms.map(|previous| end_ms - on_the_hour(previous)).filter(|ms| ms % HOUR_MS == 0).map(|ms| ms / HOUR_MS);
    let known = |hours: &i64| INTERVALS_HOURS.contains(hours);
    let Some(hours) = since.filter(known).or(interval_hours.filter(known)) else {
        return Err(Trouble::invalid(format!("the interval of the settlement at {} is not known", row.funding_time)));
    };
    let rate = decimal("fundingRate", &row.funding_rate)?;
    Ok(vec![(end_ms, rate_over(FundingKind::Funding, &rate, hours, end_ms)?)])
}

/// A row of `premiumIndex`: mark, index, and the rate that the coming settlement would have.
pub(super) fn premium_index(answer: &str, interval_hours: Option<i64>) -> Told {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Row {
        mark_price: String,
        index_price: String,
        last_funding_rate: String,
        next_funding_time: i64,
        time: i64,
    }
    let row: Row = read(answer)?;
    let mut told = Vec::new();
    for (kind, field, text) in [(PriceKind::Mark, "markPrice", &row.mark_price), (PriceKind::Index, "indexPrice", &row.index_price)] {
        let price = unsigned(field, text)?;
        // Zero stands for a price that there is not.
        if !price.is_zero() {
            told.push((row.time, EventBody::Price(Price { kind, price: amount(price) })));
        }
    }
    if let Some(hours) = interval_hours.filter(|hours| INTERVALS_HOURS.contains(hours) && row.next_funding_time > 0) {
        let rate = decimal("lastFundingRate", &row.last_funding_rate)?;
        told.push((row.time, rate_over(FundingKind::Predicted, &rate, hours, row.next_funding_time)?));
    }
    Ok(told)
}

/// `openInterest`: one number a symbol in units of the base, as many longs as shorts.
pub(super) fn open_interest(answer: &str) -> Told {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Row {
        open_interest: String,
        time: i64,
    }
    let row: Row = read(answer)?;
    let level = amount(unsigned("openInterest", &row.open_interest)?);
    let anchor = OiAnchor { collateral_token: None, long: Some(level), short: Some(level), long_entry_usd: None, short_entry_usd: None };
    Ok(vec![(row.time, EventBody::OiAnchor(anchor))])
}

/// The stamp's own boundary where it stands a little behind one.
fn on_the_hour(stamp_ms: i64) -> i64 {
    let late_ms = stamp_ms.rem_euclid(HOUR_MS);
    if late_ms <= STAMP_LATE_MS_MAX { stamp_ms - late_ms } else { stamp_ms }
}

/// Rate above zero: longs pay. A rate for several hours is divided exactly: by 8 at most.
fn rate_over(kind: FundingKind, rate: &Decimal, hours: i64, end_ms: i64) -> Result<EventBody, Trouble> {
    let per_hour = rate.div(&Decimal::new(I256::try_from(hours).expect("64 bits fit in 256"), 0), rate.scale.saturating_add(3));
    let per_hour = per_hour.map_err(Trouble::invalid)?;
    let period = Period::Exact { start_ms: end_ms - hours * HOUR_MS, end_ms };
    Ok(EventBody::FundingRate(FundingRate { kind, period, cost_long_1h: Some(per_hour), cost_short_1h: Some(per_hour.neg()) }))
}
