//! The answers of the API, in the shape of recorded ones: numbers with digits are strings, rows come oldest first.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::exchange::{AsterExchange, AsterMarket, AsterTrade, PRICE_DIGITS, QTY_DIGITS, RATE_DIGITS};
use crate::num::decimal;

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
/// Rows of a page unless the caller names fewer or more, and at most.
const KLINES: (usize, usize) = (500, 1_500);
const FUNDING_RATES: (usize, usize) = (100, 1_000);
const AGG_TRADES: (usize, usize) = (500, 1_000);

/// A refused call, with the venue's own code.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) code: i64,
    pub(super) message: String,
}

type Answer = Result<String, Refused>;

/// Parameters of a call.
#[derive(Debug)]
pub(super) struct Query(BTreeMap<String, String>);

impl Query {
    pub(super) fn parse(text: &str) -> Query {
        Query(text.split('&').filter_map(|pair| pair.split_once('=')).map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    fn number(&self, name: &str) -> Option<i64> {
        self.0.get(name)?.parse().ok()
    }

    fn limit(&self, (usual, most): (usize, usize)) -> usize {
        self.number("limit").and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usual).clamp(1, most)
    }

    /// Both ends of a time, inclusive; what lies behind the clock is not there yet.
    fn times(&self, now_ms: i64) -> (i64, i64) {
        (self.number("startTime").unwrap_or(0), self.number("endTime").unwrap_or(now_ms).min(now_ms))
    }
}

/// The answer to a call.
pub(super) fn answer(exchange: &AsterExchange, now_ms: i64, method: &str, query: &Query) -> Answer {
    let listed = || exchange.markets.iter().filter(|market| market.onboard_ms <= now_ms);
    let all = |row: &dyn Fn(&AsterMarket) -> Value| Ok(Value::Array(listed().map(row).collect()).to_string());
    match method {
        "time" => Ok(json!({ "serverTime": now_ms }).to_string()),
        "exchangeInfo" => {
            let symbols: Vec<Value> = listed().map(symbol).collect();
            Ok(json!({ "timezone": "UTC", "serverTime": now_ms, "rateLimits": [], "symbols": symbols }).to_string())
        }
        "fundingInfo" => all(&|market| {
            json!({ "symbol": market.symbol, "interestRate": "0.00010000", "time": now_ms, "fundingIntervalHours": market.interval_hours,
                "fundingFeeCap": 0.02, "fundingFeeFloor": -0.02 })
        }),
        "premiumIndex" => all(&|market| premium(market, now_ms)),
        "ticker/24hr" => all(&|market| ticker(market, now_ms)),
        other => {
            let wanted = query.0.get("symbol").map_or("", String::as_str);
            let invalid = || Refused { code: -1121, message: "Invalid symbol.".to_owned() };
            let market = listed().find(|market| market.symbol == wanted).ok_or_else(invalid)?;
            match other {
                "openInterest" => Ok(open_interest(market, now_ms).to_string()),
                "klines" => Ok(klines(market, now_ms, query).to_string()),
                "fundingRate" => Ok(funding_rates(market, now_ms, query).to_string()),
                _ => agg_trades(market, now_ms, query),
            }
        }
    }
}

fn symbol(market: &AsterMarket) -> Value {
    json!({ "symbol": market.symbol, "pair": market.symbol, "contractType": "PERPETUAL", "deliveryDate": 4_133_404_800_000_i64,
        "onboardDate": market.onboard_ms, "status": "TRADING", "baseAsset": market.base, "quoteAsset": market.quote,
        "marginAsset": market.quote, "pricePrecision": PRICE_DIGITS, "quantityPrecision": QTY_DIGITS })
}

fn last_trade(market: &AsterMarket, now_ms: i64) -> Option<&AsterTrade> {
    market.trades[..market.trades.partition_point(|trade| trade.time_ms <= now_ms)].last()
}

fn premium(market: &AsterMarket, now_ms: i64) -> Value {
    let price = last_trade(market, now_ms).map_or(0, |trade| trade.price);
    let interval_ms = market.interval_hours * HOUR_MS;
    let next_ms = now_ms.div_euclid(interval_ms) * interval_ms + interval_ms;
    let rate = market.settlements.iter().find(|(stamp_ms, _)| *stamp_ms >= next_ms).map_or(10_000, |(_, rate)| *rate);
    json!({ "symbol": market.symbol, "markPrice": price_text(price), "indexPrice": price_text(price), "estimatedSettlePrice": "0",
        "lastFundingRate": decimal(i128::from(rate), RATE_DIGITS), "interestRate": "0.00010000", "nextFundingTime": next_ms, "time": now_ms })
}

fn ticker(market: &AsterMarket, now_ms: i64) -> Value {
    let day: Vec<&AsterTrade> = market.trades.iter().filter(|trade| now_ms - DAY_MS < trade.time_ms && trade.time_ms <= now_ms).collect();
    let sums = Sums::of(day.iter().copied());
    let ends = day.first().zip(day.last()).map_or((now_ms, now_ms), |(first, last)| (first.time_ms, last.time_ms));
    let last = day.last().map_or(0, |trade| trade.price);
    json!({ "symbol": market.symbol, "lastPrice": price_text(last), "volume": qty_text(sums.qty), "quoteVolume": quote_text(sums.quote),
        "openTime": ends.0, "closeTime": ends.1, "count": sums.count })
}

fn open_interest(market: &AsterMarket, now_ms: i64) -> Value {
    let known = market.levels.partition_point(|(time_ms, _)| *time_ms <= now_ms);
    let level = market.levels[..known].last().map_or(0, |(_, level)| *level);
    json!({ "symbol": market.symbol, "openInterest": qty_text(i128::from(level)), "time": now_ms })
}

fn klines(market: &AsterMarket, now_ms: i64, query: &Query) -> Value {
    let (from_ms, to_ms) = query.times(now_ms);
    let first = (from_ms.max(market.onboard_ms) + HOUR_MS - 1).div_euclid(HOUR_MS);
    let hours = first..=to_ms.div_euclid(HOUR_MS);
    let rows = hours.take(query.limit(KLINES)).map(|hour| {
        let (open_ms, end_ms) = (hour * HOUR_MS, (hour + 1) * HOUR_MS);
        let trades = &market.trades;
        let inside =
            trades.partition_point(|trade| trade.time_ms < open_ms)..trades.partition_point(|trade| trade.time_ms < end_ms.min(now_ms + 1));
        let inside = &trades[inside];
        let (all, bought) = (Sums::of(inside), Sums::of(inside.iter().filter(|trade| trade.taker_buys)));
        let prices = inside.iter().map(|trade| trade.price);
        let price = |value: Option<i64>| price_text(value.unwrap_or(0));
        json!([
            open_ms,
            price(prices.clone().next()),
            price(prices.clone().max()),
            price(prices.clone().min()),
            price(prices.clone().next_back()),
            qty_text(all.qty),
            end_ms - 1,
            quote_text(all.quote),
            all.count,
            qty_text(bought.qty),
            quote_text(bought.quote),
            "0"
        ])
    });
    Value::Array(rows.collect())
}

fn funding_rates(market: &AsterMarket, now_ms: i64, query: &Query) -> Value {
    let (from_ms, to_ms) = query.times(now_ms);
    let inside = market.settlements.iter().filter(|(stamp_ms, _)| from_ms <= *stamp_ms && *stamp_ms <= to_ms);
    let rows = inside.take(query.limit(FUNDING_RATES)).map(|(stamp_ms, rate)| {
        // Stamps of the venue stand a few milliseconds behind the hour.
        json!({ "symbol": market.symbol, "fundingRate": decimal(i128::from(*rate), RATE_DIGITS), "fundingTime": stamp_ms })
    });
    Value::Array(rows.collect())
}

fn agg_trades(market: &AsterMarket, now_ms: i64, query: &Query) -> Answer {
    let (from_ms, to_ms) = query.times(now_ms);
    let bounds = query.number("startTime").zip(query.number("endTime"));
    if bounds.is_some_and(|(start_ms, end_ms)| end_ms - start_ms >= HOUR_MS) {
        return Err(Refused { code: -4188, message: "Time window must be less than 1 hour.".to_owned() });
    }
    let id_min = query.number("fromId").unwrap_or(0);
    let numbered = market.trades.iter().zip(1_i64..);
    let inside = numbered.filter(|(trade, id)| id_min <= *id && from_ms <= trade.time_ms && trade.time_ms <= to_ms);
    let rows = inside.take(query.limit(AGG_TRADES)).map(|(trade, id)| {
        json!({ "a": id, "p": price_text(trade.price), "q": qty_text(i128::from(trade.qty)), "f": id, "l": id, "T": trade.time_ms,
            "m": !trade.taker_buys })
    });
    Ok(Value::Array(rows.collect()).to_string())
}

#[derive(Default)]
struct Sums {
    count: i64,
    qty: i128,
    quote: i128,
}

impl Sums {
    fn of<'a>(trades: impl IntoIterator<Item = &'a AsterTrade>) -> Sums {
        trades.into_iter().fold(Sums::default(), |sums, trade| Sums {
            count: sums.count + 1,
            qty: sums.qty + i128::from(trade.qty),
            quote: sums.quote + i128::from(trade.qty) * i128::from(trade.price),
        })
    }
}

pub(super) fn price_text(price: i64) -> String {
    decimal(i128::from(price), PRICE_DIGITS)
}

pub(super) fn qty_text(qty: i128) -> String {
    decimal(qty, QTY_DIGITS)
}

fn quote_text(quote: i128) -> String {
    decimal(quote, PRICE_DIGITS + QTY_DIGITS)
}
