//! The calls of the API with their weights, as its documentation gives them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use perpdex_core::{SourceError, SourceErrorKind};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::api::{ApiClient, ApiEndpoint};
use crate::weight::WeightBudget;

/// A row of an answer as it came.
pub(super) type Row = Box<RawValue>;

/// All calls.
pub(super) struct Calls {
    client: ApiClient,
    clock: Arc<AtomicU64>,
}

const MINUTE: Duration = Duration::from_secs(60);
/// In which answers tell how much weight the address has used this minute.
const USED_WEIGHT: &str = "x-mbx-used-weight-1m";

/// Rows of one page of `klines`: 499 cost 2, 99 cost 1.
pub(super) const KLINES_PER_PAGE: usize = 499;
const KLINES_PER_SMALL_PAGE: usize = 99;
/// Rows of one page of `fundingRate` and `aggTrades` at most.
pub(super) const ROWS_PER_PAGE: usize = 1_000;

/// From where a page of executions begins.
#[derive(Clone, Copy, Debug)]
pub(super) enum TradesFrom {
    /// All between two moments less than an hour apart, inclusive.
    Between(u64, u64),
    /// This number, inclusive.
    Id(i64),
}

impl Calls {
    pub(super) fn new(endpoint: ApiEndpoint, weight_per_minute: u32) -> Result<Calls, SourceError> {
        let budget = Arc::new(WeightBudget::new(weight_per_minute, MINUTE));
        Ok(Calls { client: ApiClient::new(endpoint, budget, Some(USED_WEIGHT))?, clock: Arc::default() })
    }

    /// An error of this endpoint.
    pub(super) fn error(&self, kind: SourceErrorKind, message: String) -> SourceError {
        self.client.error(kind, message)
    }

    /// The venue's clock, unix milliseconds.
    pub(super) async fn now_ms(&self) -> Result<u64, SourceError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Time {
            server_time: u64,
        }
        let now = self.get::<Time>("/fapi/v3/time", &[], 1).await?.server_time;
        self.clock.fetch_max(now, Ordering::AcqRel);
        Ok(now)
    }

    /// What the venue's clock showed last: it is that time, or later.
    pub(super) fn clock(&self) -> Arc<AtomicU64> {
        self.clock.clone()
    }

    /// All markets with the moment of the answer.
    pub(super) async fn exchange_info(&self) -> Result<(u64, Vec<Row>), SourceError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Info {
            server_time: u64,
            symbols: Vec<Row>,
        }
        let info: Info = self.get("/fapi/v3/exchangeInfo", &[], 1).await?;
        Ok((info.server_time, info.symbols))
    }

    pub(super) async fn funding_info(&self) -> Result<Vec<Row>, SourceError> {
        self.get("/fapi/v3/fundingInfo", &[], 1).await
    }

    pub(super) async fn premium_index(&self) -> Result<Vec<Row>, SourceError> {
        self.get("/fapi/v3/premiumIndex", &[], 1).await
    }

    pub(super) async fn tickers(&self) -> Result<Vec<Row>, SourceError> {
        self.get("/fapi/v3/ticker/24hr", &[], 40).await
    }

    pub(super) async fn open_interest(&self, symbol: &str) -> Result<Row, SourceError> {
        self.get("/fapi/v3/openInterest", &[("symbol", symbol)], 1).await
    }

    /// Hourly klines that open between two moments, inclusive; at most [`KLINES_PER_PAGE`], oldest first.
    pub(super) async fn klines(&self, symbol: &str, from_ms: u64, to_ms: u64) -> Result<Vec<Row>, SourceError> {
        let hours = usize::try_from((to_ms - from_ms) / 3_600_000 + 1).unwrap_or(usize::MAX);
        let (limit, weight) = if hours <= KLINES_PER_SMALL_PAGE { (KLINES_PER_SMALL_PAGE, 1) } else { (KLINES_PER_PAGE, 2) };
        let (from, to, limit) = (from_ms.to_string(), to_ms.to_string(), limit.to_string());
        let query = [("symbol", symbol), ("interval", "1h"), ("startTime", &from), ("endTime", &to), ("limit", &limit)];
        self.get("/fapi/v3/klines", &query, weight).await
    }

    /// Settlements between two moments, inclusive; at most [`ROWS_PER_PAGE`], oldest first.
    pub(super) async fn funding_rates(&self, symbol: &str, from_ms: u64, to_ms: u64) -> Result<Vec<Row>, SourceError> {
        let (from, to, limit) = (from_ms.to_string(), to_ms.to_string(), ROWS_PER_PAGE.to_string());
        let query = [("symbol", symbol), ("startTime", from.as_str()), ("endTime", &to), ("limit", &limit)];
        self.get("/fapi/v3/fundingRate", &query, 1).await
    }

    /// Aggregated executions, at most [`ROWS_PER_PAGE`], oldest first.
    pub(super) async fn agg_trades(&self, symbol: &str, page: TradesFrom) -> Result<Vec<Row>, SourceError> {
        let limit = ROWS_PER_PAGE.to_string();
        let (first, second) = match page {
            TradesFrom::Between(from, to) => (from.to_string(), to.to_string()),
            TradesFrom::Id(id) => (id.to_string(), String::new()),
        };
        let mut query = vec![("symbol", symbol), ("limit", limit.as_str())];
        match page {
            TradesFrom::Between(..) => query.extend([("startTime", first.as_str()), ("endTime", second.as_str())]),
            TradesFrom::Id(_) => query.push(("fromId", first.as_str())),
        }
        self.get("/fapi/v3/aggTrades", &query, 20).await
    }

    /// Reads a part of a row.
    pub(super) fn read<T: DeserializeOwned>(&self, what: &str, row: &RawValue) -> Result<T, SourceError> {
        self.client.read(what, row.get())
    }

    async fn get<T: DeserializeOwned>(&self, path: &str, query: &[(&str, &str)], weight: u32) -> Result<T, SourceError> {
        let body = self.client.get(path, query, weight).await?;
        self.client.read(&format!("GET {path}"), &body)
    }
}
