//! The markets that the venue lists, read again whenever a later moment is asked for.

use std::collections::HashMap;
use std::sync::Arc;

use perpdex_core::{BlockRange, RawRecord, SourceError};
use serde::Deserialize;
use tokio::sync::Mutex;

use super::calls::{Calls, Row};
use super::record::NewRecord;

/// Listings before this moment stand at it: 2021-01-01. Equal to the first height of the venue's streams.
const FIRST_MS: u64 = 1_609_459_200_000;

/// The listing, kept between calls.
#[derive(Default)]
pub(super) struct Markets {
    kept: Mutex<Option<Arc<Listing>>>,
}

/// All markets at a moment.
pub(super) struct Listing {
    at_ms: u64,
    pub(super) markets: Vec<Market>,
    intervals_hours: HashMap<String, i64>,
}

/// One market.
pub(super) struct Market {
    pub(super) symbol: String,
    /// When it began to trade, not before the venue's first height.
    pub(super) onboard_ms: u64,
    answer: Row,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Symbol {
    symbol: String,
    contract_type: String,
    onboard_date: u64,
}

impl Listing {
    /// Markets that traded at or before a moment.
    pub(super) fn by(&self, to_ms: u64) -> impl Iterator<Item = &Market> {
        self.markets.iter().filter(move |market| market.onboard_ms <= to_ms)
    }

    /// Hours between two settlements of a symbol, at present.
    pub(super) fn interval_hours(&self, symbol: &str) -> Option<i64> {
        self.intervals_hours.get(symbol).copied()
    }

    /// Whether it is a market, not an index.
    pub(super) fn has(&self, symbol: &str) -> bool {
        self.markets.iter().any(|market| market.symbol == symbol)
    }
}

impl Markets {
    /// The listing, not older than a moment of the venue's clock.
    pub(super) async fn at(&self, calls: &Calls, at_ms: u64) -> Result<Arc<Listing>, SourceError> {
        let mut kept = self.kept.lock().await;
        if let Some(listing) = kept.as_ref().filter(|listing| at_ms <= listing.at_ms) {
            return Ok(listing.clone());
        }
        let listing = Arc::new(read(calls).await?);
        *kept = Some(listing.clone());
        Ok(listing)
    }

    /// Markets whose first day lies in a range.
    pub(super) async fn listed_in(&self, calls: &Calls, range: BlockRange) -> Result<Vec<RawRecord>, SourceError> {
        let listing = self.at(calls, range.to()).await?;
        let inside = listing.markets.iter().filter(|market| range.contains(market.onboard_ms));
        Ok(inside
            .map(|market| {
                let (symbol, height, answer) = (market.symbol.as_str(), market.onboard_ms, &*market.answer);
                let record = NewRecord {
                    part: "markets",
                    row: "market",
                    symbol,
                    height,
                    id: "",
                    ord: 0,
                    interval_hours: None,
                    previous_ms: None,
                    answer,
                };
                record.make()
            })
            .collect())
    }
}

async fn read(calls: &Calls) -> Result<Listing, SourceError> {
    let (at_ms, symbols) = calls.exchange_info().await?;
    let mut markets = Vec::with_capacity(symbols.len());
    for answer in symbols {
        let symbol: Symbol = calls.read("exchangeInfo", &answer)?;
        // A symbol that is still to come has no contract type; contracts that end are no perpetuals.
        if symbol.contract_type == "PERPETUAL" {
            markets.push(Market { symbol: symbol.symbol, onboard_ms: symbol.onboard_date.max(FIRST_MS), answer });
        }
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Interval {
        symbol: String,
        funding_interval_hours: i64,
    }
    let mut intervals_hours = HashMap::new();
    for answer in calls.funding_info().await? {
        let interval: Interval = calls.read("fundingInfo", &answer)?;
        intervals_hours.insert(interval.symbol, interval.funding_interval_hours);
    }
    Ok(Listing { at_ms, markets, intervals_hours })
}
