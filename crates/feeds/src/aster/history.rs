//! Streams that can be asked for at any time: volume, settled funding, single executions; market by market, page by page.

use std::collections::HashMap;
use std::sync::Mutex;

use futures::future::BoxFuture;
use futures::{StreamExt, TryStreamExt, stream};
use perpdex_core::{BlockRange, RawRecord, SourceError, SourceErrorKind};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::Parts;
use super::calls::{KLINES_PER_PAGE, ROWS_PER_PAGE, TradesFrom};
use super::markets::{Listing, Market};
use super::record::NewRecord;

const HOUR_MS: u64 = 3_600_000;
/// The API takes executions of less than an hour at once.
pub(super) const TRADES_MS_MAX: u64 = HOUR_MS - 1;
/// A settlement is published some moments behind its stamp: its height is the stamp and this, so that nobody asks too early.
const PUBLISHED_MS: u64 = 60_000;
/// Settlements are stamped on the hour or this much behind it.
const STAMP_LATE_MS_MAX: u64 = 60_000;
/// Longest distance of two settlements, and a little.
const INTERVAL_MS_MAX: u64 = 9 * HOUR_MS;
/// Calls under way at once in one fetch.
const CONCURRENT: usize = 6;
/// Fetches whose markets are remembered.
const REMEMBERED_MAX: usize = 8;

/// Markets of unfinished fetches that are done: after a refusal only the others are asked again.
#[derive(Default)]
pub(super) struct Memo(Mutex<HashMap<(&'static str, BlockRange), BySymbol>>);

type BySymbol = HashMap<String, Vec<RawRecord>>;

impl Memo {
    fn get(&self, fetch: (&'static str, BlockRange), symbol: &str) -> Option<Vec<RawRecord>> {
        self.0.lock().expect("no one panics while holding the memo").get(&fetch)?.get(symbol).cloned()
    }

    fn put(&self, fetch: (&'static str, BlockRange), symbol: &str, records: &[RawRecord]) {
        let mut kept = self.0.lock().expect("no one panics while holding the memo");
        if kept.len() >= REMEMBERED_MAX && !kept.contains_key(&fetch) {
            kept.clear();
        }
        kept.entry(fetch).or_default().insert(symbol.to_owned(), records.to_vec());
    }

    fn done(&self, fetch: (&'static str, BlockRange)) {
        self.0.lock().expect("no one panics while holding the memo").remove(&fetch);
    }
}

/// Hourly klines that close in the range.
pub(super) async fn klines(parts: &Parts, range: BlockRange) -> Result<Vec<RawRecord>, SourceError> {
    // A kline ends with the last millisecond of its hour.
    let first_close = (range.from() + 1).div_ceil(HOUR_MS) * HOUR_MS - 1;
    if range.to() < first_close {
        return Ok(Vec::new());
    }
    parts.settled(range.to()).await?;
    Stream::Klines.of_markets(parts, range).await
}

async fn klines_of(parts: &Parts, range: BlockRange, market: &Market) -> Result<Vec<RawRecord>, SourceError> {
    let mut records = Vec::new();
    let mut from = range.from().saturating_sub(HOUR_MS - 1).max(market.onboard_ms.saturating_sub(HOUR_MS - 1));
    while from <= range.to() {
        let rows = parts.calls.klines(&market.symbol, from, range.to()).await?;
        let is_last = rows.len() < KLINES_PER_PAGE;
        for answer in &rows {
            let (open_ms, close_ms) = kline_times(parts, answer)?;
            from = from.max(open_ms + 1);
            if range.contains(close_ms) {
                records.push(row(("klines", "kline"), market, close_ms, answer).make());
            }
        }
        if is_last {
            break;
        }
    }
    Ok(records)
}

fn kline_times(parts: &Parts, answer: &RawValue) -> Result<(u64, u64), SourceError> {
    let cells: Vec<&RawValue> = serde_json::from_str(answer.get())
        .map_err(|error| parts.calls.error(SourceErrorKind::Transient, format!("klines: unexpected answer: {error}")))?;
    let number = |at: usize| cells.get(at).and_then(|cell| cell.get().parse::<u64>().ok());
    number(0)
        .zip(number(6))
        .ok_or_else(|| parts.calls.error(SourceErrorKind::Transient, format!("klines: a row without times: {}", answer.get())))
}

/// Settled rates whose height lies in the range.
pub(super) async fn funding(parts: &Parts, range: BlockRange) -> Result<Vec<RawRecord>, SourceError> {
    let first_due = range.from().saturating_sub(PUBLISHED_MS + STAMP_LATE_MS_MAX).div_ceil(HOUR_MS) * HOUR_MS;
    if range.to() < first_due + PUBLISHED_MS {
        return Ok(Vec::new());
    }
    Stream::Funding.of_markets(parts, range).await
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Settlement {
    funding_time: u64,
}

async fn funding_of(parts: &Parts, range: BlockRange, market: &Market, interval_hours: Option<i64>) -> Result<Vec<RawRecord>, SourceError> {
    let mut records = Vec::new();
    let mut previous_ms = None;
    // From before the range, so that the first settlement in it has its predecessor.
    let mut from = range.from().saturating_sub(PUBLISHED_MS + INTERVAL_MS_MAX);
    let to = range.to() - PUBLISHED_MS;
    while from <= to {
        let rows = parts.calls.funding_rates(&market.symbol, from, to).await?;
        let is_last = rows.len() < ROWS_PER_PAGE;
        for answer in &rows {
            let stamp_ms = parts.calls.read::<Settlement>("fundingRate", answer)?.funding_time;
            from = from.max(stamp_ms + 1);
            let height = stamp_ms + PUBLISHED_MS;
            if range.contains(height) {
                let record = NewRecord { interval_hours, previous_ms, ..row(("funding", "funding_rate"), market, height, answer) };
                records.push(record.make());
            }
            previous_ms = Some(stamp_ms);
        }
        if is_last {
            break;
        }
    }
    Ok(records)
}

/// Single executions in a range of less than an hour. A market whose last trade lies before it is not asked.
pub(super) async fn trades(parts: &Parts, range: BlockRange) -> Result<Vec<RawRecord>, SourceError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct LastTrade {
        symbol: String,
        close_time: u64,
    }
    parts.settled(range.to()).await?;
    let mut last_trades = HashMap::new();
    for answer in parts.calls.tickers().await? {
        let last: LastTrade = parts.calls.read("ticker/24hr", &answer)?;
        last_trades.insert(last.symbol, last.close_time);
    }
    Stream::Trades(last_trades).of_markets(parts, range).await
}

#[derive(Deserialize)]
struct AggTrade {
    a: i64,
    #[serde(rename = "T")]
    time: u64,
}

async fn trades_of(parts: &Parts, range: BlockRange, market: &Market) -> Result<Vec<RawRecord>, SourceError> {
    let mut records = Vec::new();
    let mut page = TradesFrom::Between(range.from(), range.to());
    loop {
        let rows = parts.calls.agg_trades(&market.symbol, page).await?;
        let mut is_last = rows.len() < ROWS_PER_PAGE;
        for answer in &rows {
            let trade: AggTrade = parts.calls.read("aggTrades", answer)?;
            is_last |= range.to() < trade.time;
            page = TradesFrom::Id(trade.a + 1);
            let id = trade.a.to_string();
            records.push(NewRecord { id: &id, ord: trade.a, ..row(("prints", "agg_trade"), market, trade.time, answer) }.make());
        }
        if is_last {
            return Ok(records);
        }
    }
}

fn row<'a>((part, row): (&'a str, &'a str), market: &'a Market, height: u64, answer: &'a RawValue) -> NewRecord<'a> {
    NewRecord { part, row, symbol: &market.symbol, height, id: "", ord: 0, interval_hours: None, previous_ms: None, answer }
}

/// A stream that is asked for market by market.
enum Stream {
    Klines,
    Funding,
    /// With the time of each market's last trade.
    Trades(HashMap<String, u64>),
}

impl Stream {
    fn part(&self) -> &'static str {
        match self {
            Stream::Klines => "klines",
            Stream::Funding => "funding",
            Stream::Trades(_) => "prints",
        }
    }

    async fn of_market(&self, parts: &Parts, range: BlockRange, listing: &Listing, market: &Market) -> Result<Vec<RawRecord>, SourceError> {
        match self {
            Stream::Klines => klines_of(parts, range, market).await,
            Stream::Funding => funding_of(parts, range, market, listing.interval_hours(&market.symbol)).await,
            Stream::Trades(last) if last.get(&market.symbol).is_some_and(|last_ms| *last_ms < range.from()) => Ok(Vec::new()),
            Stream::Trades(_) => trades_of(parts, range, market).await,
        }
    }

    /// A market of a fetch, unless an earlier try of the same fetch has had it.
    async fn of_market_once(
        &self,
        parts: &Parts,
        fetch: (&'static str, BlockRange),
        listing: &Listing,
        market: &Market,
    ) -> Result<Vec<RawRecord>, SourceError> {
        if let Some(records) = parts.memo.get(fetch, &market.symbol) {
            return Ok(records);
        }
        let records = self.of_market(parts, fetch.1, listing, market).await?;
        parts.memo.put(fetch, &market.symbol, &records);
        Ok(records)
    }

    /// Asks for all markets that traded by the range's end, some at once; those that are done are not asked again after a
    /// failure.
    async fn of_markets(&self, parts: &Parts, range: BlockRange) -> Result<Vec<RawRecord>, SourceError> {
        let listing = parts.markets.at(&parts.calls, range.to()).await?;
        let fetch = (self.part(), range);
        let listing = &*listing;
        let mut asked: Vec<BoxFuture<'_, Result<Vec<RawRecord>, SourceError>>> = Vec::new();
        for market in listing.by(range.to()) {
            asked.push(Box::pin(self.of_market_once(parts, fetch, listing, market)));
        }
        let found: Vec<Vec<RawRecord>> = stream::iter(asked).buffer_unordered(CONCURRENT).try_collect().await?;
        parts.memo.done(fetch);
        Ok(found.into_iter().flatten().collect())
    }
}
