//! Aster Pro's public futures API as a source. Heights are unix milliseconds of the venue's clock.
//!
//! Two kinds of streams: history (`markets`, `klines`, `funding`, `prints`) can be asked for at any time; what happens only
//! now (`snapshots`, `liquidations`) is watched from the first look at the heads on and kept until it is fetched. What was
//! not watched is a hole.

mod calls;
mod history;
mod liquidations;
mod markets;
mod record;
mod snapshots;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use perpdex_core::{
    Batch, BlockRange, BlockRef, ChainId, Evidence, FetchHeights, Filter, Heads, Hole, HoleReason, RawRecord, Source, SourceError,
    SourceErrorKind, Watch,
};
use tokio::sync::OnceCell;
use tokio_util::sync::{CancellationToken, DropGuard};

use self::calls::Calls;
use self::history::Memo;
use self::liquidations::Liquidations;
use self::markets::Markets;
use self::snapshots::Snapshots;
use crate::api::ApiEndpoint;
use crate::socket::{Ping, SocketEndpoint};

/// Where Aster's API is, and how it is paced.
#[derive(Clone, Debug)]
pub struct AsterEndpoint {
    /// The REST host.
    pub api: ApiEndpoint,
    /// The WebSocket's address without stream name, as [`AsterEndpoint::socket_url`] gives it.
    pub socket_url: String,
    /// Weight to use of each minute; the venue allows 2,400 an address.
    pub weight_per_minute: u32,
    /// Distance of two snapshots, milliseconds; heads move in this step.
    pub slot_ms: u64,
    /// How long after a moment its klines and executions are asked for, milliseconds.
    pub settle_ms: u64,
    /// Time between two looks at the venue's clock while watching, milliseconds.
    pub look_ms: u64,
    /// Longest silence of the WebSocket before it counts as dead, milliseconds; it is pinged every third of it.
    pub silence_ms: u64,
}

/// Largest answer of the WebSocket.
const MESSAGE_BYTES_MAX: usize = 1 << 20;
/// Readings of the venue's clock until it shows what was waited for: several machines tell it, some a little behind.
const READINGS_MAX: u32 = 10;
/// Heights of the first fetch and of the longest one: a day, and twenty. Twenty days of hourly klines are 480 rows, the most
/// that cost two units of weight.
const FETCH: FetchHeights = FetchHeights { start: 86_400_000, max: 20 * 86_400_000 };

impl AsterEndpoint {
    /// The venue's own values for pacing.
    pub fn new(api: ApiEndpoint) -> AsterEndpoint {
        let socket_url = AsterEndpoint::socket_url(&api.url);
        AsterEndpoint { api, socket_url, weight_per_minute: 2_000, slot_ms: 300_000, settle_ms: 5_000, look_ms: 2_000, silence_ms: 30_000 }
    }

    /// The WebSocket that belongs to a REST address: `wss://fstream.…` for `https://fapi.…`, the same host elsewhere.
    pub fn socket_url(api_url: &str) -> String {
        let (scheme, rest) = api_url.split_once("://").unwrap_or(("https", api_url));
        let scheme = if scheme == "http" { "ws" } else { "wss" };
        let rest = rest.trim_end_matches('/');
        match rest.strip_prefix("fapi.") {
            Some(host) => format!("{scheme}://fstream.{host}"),
            None => format!("{scheme}://{rest}"),
        }
    }
}

/// The source.
pub struct AsterSource {
    parts: Arc<Parts>,
    watching: OnceCell<DropGuard>,
}

/// What calls and watching tasks share.
struct Parts {
    calls: Calls,
    markets: Markets,
    snapshots: Snapshots,
    liquidations: Liquidations,
    memo: Memo,
    endpoint: AsterEndpoint,
}

/// What one stream gave for a range.
#[derive(Default)]
struct Given {
    records: Vec<RawRecord>,
    holes: Vec<Hole>,
}

impl AsterSource {
    /// A source over this endpoint. Connects to nothing.
    pub fn new(endpoint: AsterEndpoint) -> Result<AsterSource, SourceError> {
        let calls = Calls::new(endpoint.api.clone(), endpoint.weight_per_minute)?;
        let socket = SocketEndpoint {
            url: format!("{}/ws/!forceOrder@arr", endpoint.socket_url.trim_end_matches('/')),
            label: endpoint.api.label.clone(),
            connect_timeout: endpoint.api.timeout,
            silence_max: Duration::from_millis(endpoint.silence_ms),
            ping: Ping::Frame(calls.clock()),
            message_bytes_max: MESSAGE_BYTES_MAX,
        };
        let parts = Parts {
            calls,
            markets: Markets::default(),
            snapshots: Snapshots::new(endpoint.slot_ms),
            liquidations: Liquidations::new(socket, endpoint.settle_ms),
            memo: Memo::default(),
            endpoint,
        };
        Ok(AsterSource { parts: Arc::new(parts), watching: OnceCell::new() })
    }

    /// Starts to watch what cannot be asked for later; ends with the source.
    async fn watch(&self) {
        self.watching
            .get_or_init(|| async {
                let ended = CancellationToken::new();
                for task in [Watcher::Snapshots, Watcher::Liquidations] {
                    let (parts, ended) = (self.parts.clone(), ended.clone());
                    tokio::spawn(async move { ended.run_until_cancelled(Box::pin(task.run(&parts))).await });
                }
                ended.drop_guard()
            })
            .await;
    }
}

/// The watching tasks.
#[derive(Clone, Copy)]
enum Watcher {
    Snapshots,
    Liquidations,
}

impl Watcher {
    async fn run(self, parts: &Parts) {
        match self {
            Watcher::Snapshots => parts.snapshots.watch(&parts.calls, &parts.markets, parts.endpoint.look_ms).await,
            Watcher::Liquidations => parts.liquidations.watch(&parts.calls, parts.endpoint.look_ms).await,
        }
    }
}

impl Parts {
    async fn part(&self, part: &str, range: BlockRange) -> Result<Given, SourceError> {
        let records = match part {
            "markets" => self.markets.listed_in(&self.calls, range).await?,
            "klines" => history::klines(self, range).await?,
            "funding" => history::funding(self, range).await?,
            "prints" => history::trades(self, range).await?,
            "snapshots" => return self.snapshots.fetch(range).await,
            "liquidations" => {
                self.settled(range.to()).await?;
                return Ok(self.liquidations.fetch(range).await);
            }
            other => return Err(self.calls.error(SourceErrorKind::Permanent, format!("no stream {other:?} here"))),
        };
        Ok(Given { records, holes: Vec::new() })
    }

    /// Waits until a moment is so far back that the venue has said all about it.
    async fn settled(&self, to_ms: u64) -> Result<(), SourceError> {
        let ready = to_ms.saturating_add(self.endpoint.settle_ms);
        for _ in 0..READINGS_MAX {
            let now = self.calls.now_ms().await?;
            if ready <= now {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis((ready - now).min(self.endpoint.settle_ms))).await;
        }
        Err(self.calls.error(SourceErrorKind::Transient, format!("the venue's clock does not reach {ready} ms")))
    }
}

#[async_trait]
impl Source for AsterSource {
    fn chain(&self) -> ChainId {
        ChainId::OFFCHAIN_ASTER
    }

    fn label(&self) -> &str {
        &self.parts.endpoint.api.label
    }

    /// The last boundary of a slot: everything up to it is final.
    async fn heads(&self) -> Result<Heads, SourceError> {
        let now = self.parts.calls.now_ms().await?;
        self.watch().await;
        let height = now - now % self.parts.endpoint.slot_ms;
        Ok(Heads { earliest: None, latest: block(height), finalized: height })
    }

    async fn fetch(&self, range: BlockRange, filter: &Filter) -> Result<Batch, SourceError> {
        let mut given = Given::default();
        let mut range = range;
        for (_, watch) in &filter.streams {
            let Watch::Api(name) = watch else {
                return Err(self.parts.calls.error(SourceErrorKind::Permanent, "a stream of another kind of source".to_owned()));
            };
            let part = name.rsplit_once('.').map_or(name.as_str(), |(_, part)| part);
            if part == "prints" {
                range = range.split_at(history::TRADES_MS_MAX).0;
            }
            let one = self.parts.part(part, range).await?;
            given.records.extend(one.records);
            given.holes.extend(one.holes);
        }
        Ok(batch(range, given))
    }

    async fn block_ref(&self, height: u64) -> Result<Option<BlockRef>, SourceError> {
        Ok(Some(block(height)))
    }

    async fn height_at(&self, time_ms: i64) -> Result<Option<u64>, SourceError> {
        let latest = self.heads().await?.latest.height;
        Ok(u64::try_from(time_ms.max(0)).ok().filter(|height| *height <= latest))
    }

    fn fetch_heights(&self) -> Option<FetchHeights> {
        Some(FETCH)
    }
}

impl fmt::Debug for AsterSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsterSource").field("label", &self.label()).finish_non_exhaustive()
    }
}

/// A batch of records in canonical order, each once; heights outside of the range are left to their own.
fn batch(range: BlockRange, given: Given) -> Batch {
    let mut records = given.records;
    records.retain(|record| range.contains(record.height));
    records.sort_by_key(|record| (record.height, record.ord, record.rec));
    records.dedup_by_key(|record| (record.height, record.rec));
    let mut heights: Vec<u64> = records.iter().map(|record| record.height).chain([range.from(), range.to()]).collect();
    heights.sort_unstable();
    heights.dedup();
    let clipped = |hole: Hole| hole.range.intersect(&range).map(|range| Hole { range, ..hole });
    Batch {
        range,
        blocks: heights.into_iter().map(block).collect(),
        records,
        malformed: Vec::new(),
        holes: given.holes.into_iter().filter_map(clipped).collect(),
        evidence: Evidence::Witnessed,
    }
}

fn block(height: u64) -> BlockRef {
    BlockRef { height, link: None, time_ms: i64::try_from(height).unwrap_or(i64::MAX) }
}

fn hole(from: u64, to: u64, detail: String) -> Option<Hole> {
    BlockRange::new(from, to).map(|range| Hole { range, reason: HoleReason::Missing, detail, streams: Vec::new() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_host_belongs_to_the_rest_host() {
        for (api, socket) in [
            ("https://fapi.asterdex.com", "wss://fstream.asterdex.com"),
            ("https://fapi.asterdex.com/", "wss://fstream.asterdex.com"),
            ("http://127.0.0.1:8080", "ws://127.0.0.1:8080"),
        ] {
            assert_eq!(AsterEndpoint::socket_url(api), socket);
        }
    }
}
