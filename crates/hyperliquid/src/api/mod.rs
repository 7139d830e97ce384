//! [`ApiSource`]: Hyperliquid's public interface, where no node is at hand.
//!
//! Heights are unix milliseconds. Levels and prices (`metaAndAssetCtxs` of every dex) are asked for as time passes and have no past;
//! settled rates (`fundingHistory`) have all of it; trades come over a WebSocket from the moment of subscribing on. There is no feed
//! of liquidations, and positions are not told.
//!
//! Promises: calls stay within the weight limit; a time in which nothing was heard is a hole. Does not: retry, or reconnect by
//! itself: a lost connection is opened again with the next look at the head.

mod contexts;
mod funding;
mod trades;

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use perpdex_core::{
    Batch, BlockRange, BlockRef, ChainId, Evidence, FetchHeights, Filter, Heads, Hole, HyperliquidLine, HyperliquidStream, MalformedRecord,
    RawBody, RawRecord, Source, SourceError, SourceErrorKind, StreamId, Watch, derived_id,
};
use perpdex_feeds::{ApiClient, ApiEndpoint, WeightBudget};
use tokio::sync::Mutex;

use contexts::Contexts;
use funding::Funding;
use trades::Trades;

/// Weight that one address may use in [`WEIGHT_WINDOW`] (the interface's documentation, rate limits).
const WEIGHT_MAX: u32 = 1_200;
const WEIGHT_WINDOW: Duration = Duration::from_secs(60);
/// Weight of an info request, but for some that are lighter and none of these.
const INFO_WEIGHT: u32 = 20;
/// The path of info requests.
const INFO: &str = "info";
/// Heights of any fetch: twenty days, which is what one answer of `fundingHistory` holds. In smaller ranges the same history would cost
/// many times the weight, and the present comes in small ones anyway.
const HEIGHTS: FetchHeights = FetchHeights { start: 20 * 86_400_000, max: 20 * 86_400_000 };

/// Where the interface is and what is asked of it.
#[derive(Clone, Debug)]
pub struct ApiOptions {
    /// Address of the host and how long it may take.
    pub endpoint: ApiEndpoint,
    /// Whether trades are listened to.
    pub trades: bool,
    /// Time between two looks at all levels and prices.
    pub contexts_every: Duration,
    /// How far the head stays behind the clock: what is older has been published, and has arrived. A connection that is silent for as
    /// long counts as lost, so that no time is passed in which nothing could be heard.
    pub lag: Duration,
}

impl ApiOptions {
    /// Levels and prices every five minutes, two minutes behind the clock, with trades.
    pub fn new(endpoint: ApiEndpoint) -> ApiOptions {
        ApiOptions { endpoint, trades: true, contexts_every: Duration::from_secs(300), lag: Duration::from_secs(120) }
    }
}

/// The public interface of Hyperliquid.
pub struct ApiSource {
    options: ApiOptions,
    client: ApiClient,
    trades: Option<Trades>,
    contexts: Mutex<Contexts>,
    /// Not under one lock with the contexts: rates of the past take minutes of weight, and the present does not wait.
    funding: Mutex<Funding>,
    /// When the first of all levels and prices was heard, unix milliseconds.
    heard_from: OnceLock<u64>,
}

/// Lines of one stream with their moments, in order of time.
struct Lines {
    lines: Vec<(u64, String)>,
    holes: Vec<Hole>,
    malformed: Vec<MalformedRecord>,
}

impl ApiSource {
    /// Connects to nothing.
    pub fn new(options: ApiOptions) -> Result<ApiSource, SourceError> {
        let budget = Arc::new(WeightBudget::new(WEIGHT_MAX, WEIGHT_WINDOW));
        let client = ApiClient::new(options.endpoint.clone(), budget, None)?;
        let trades = options.trades.then(|| Trades::new(&options.endpoint, options.lag)).transpose()?;
        let contexts = Mutex::new(Contexts::new(options.contexts_every));
        Ok(ApiSource { options, client, trades, contexts, funding: Mutex::default(), heard_from: OnceLock::new() })
    }

    /// The newest height: the clock less the lag.
    fn latest(&self) -> u64 {
        now_ms().saturating_sub(self.options.lag.as_millis() as u64)
    }

    async fn lines(&self, range: BlockRange, id: &StreamId, stream: HyperliquidStream) -> Result<Lines, SourceError> {
        let nothing = || Lines { lines: Vec::new(), holes: Vec::new(), malformed: Vec::new() };
        match stream {
            HyperliquidStream::ApiContexts => Ok(self.contexts.lock().await.lines(range)),
            HyperliquidStream::ApiFunding => {
                let coins = self.contexts.lock().await.coins(&self.client).await?;
                let lines = self.funding.lock().await.lines(&self.client, range, &coins).await?;
                Ok(Lines { lines, ..nothing() })
            }
            HyperliquidStream::ApiTrades => match &self.trades {
                Some(trades) => Ok(trades.lines(range, id)),
                None => Err(self.client.error(SourceErrorKind::Permanent, "trades are not listened to".to_owned())),
            },
            other => Err(self.client.error(SourceErrorKind::Permanent, format!("stream {} is none of the interface", other.as_str()))),
        }
    }
}

#[async_trait]
impl Source for ApiSource {
    fn chain(&self) -> ChainId {
        ChainId::HYPERLIQUID_API
    }

    fn label(&self) -> &str {
        self.client.label()
    }

    async fn heads(&self) -> Result<Heads, SourceError> {
        let mut contexts = self.contexts.lock().await;
        contexts.look(&self.client).await?;
        if let Some(heard_ms) = contexts.first_ms() {
            self.heard_from.get_or_init(|| heard_ms);
        }
        if let Some(trades) = &self.trades {
            trades.listen(contexts.listed()).await;
        }
        let height = self.latest();
        Ok(Heads { earliest: None, latest: block(height), finalized: height })
    }

    async fn fetch(&self, range: BlockRange, filter: &Filter) -> Result<Batch, SourceError> {
        let mut batch = Batch {
            range,
            blocks: Vec::new(),
            records: Vec::new(),
            malformed: Vec::new(),
            holes: Vec::new(),
            evidence: Evidence::Witnessed,
        };
        for (id, watch) in &filter.streams {
            let Watch::HyperCore(stream) = watch else {
                return Err(self.client.error(SourceErrorKind::Permanent, format!("stream {id} is none of the interface")));
            };
            let read = self.lines(range, id, *stream).await?;
            batch.holes.extend(read.holes);
            batch.malformed.extend(read.malformed);
            batch.records.extend(read.lines.chunk_by(|a, b| a.0 == b.0).map(|lines| record(*stream, lines)));
        }
        batch.records.sort_by_key(|record| (record.height, record.ord));
        let edges = batch.holes.iter().flat_map(|hole| [hole.range.from().saturating_sub(1), hole.range.to() + 1]);
        let mut heights: Vec<u64> = batch.records.iter().map(|record| record.height).chain(edges).collect();
        heights.extend([range.from(), range.to()]);
        heights.retain(|height| range.contains(*height));
        heights.sort_unstable();
        heights.dedup();
        batch.blocks = heights.into_iter().map(block).collect();
        Ok(batch)
    }

    async fn block_ref(&self, height: u64) -> Result<Option<BlockRef>, SourceError> {
        Ok(Some(block(height)))
    }

    async fn height_at(&self, time_ms: i64) -> Result<Option<u64>, SourceError> {
        let height = u64::try_from(time_ms).unwrap_or(0);
        Ok((height <= self.latest()).then_some(height))
    }

    fn fetch_heights(&self) -> Option<FetchHeights> {
        Some(HEIGHTS)
    }

    fn hears_from(&self) -> Option<u64> {
        self.heard_from.get().copied()
    }
}

impl fmt::Debug for ApiSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiSource").field("options", &self.options).finish_non_exhaustive()
    }
}

/// All lines of one moment as one record.
fn record(stream: HyperliquidStream, lines: &[(u64, String)]) -> RawRecord {
    let height = lines[0].0;
    let text = lines.iter().map(|(_, line)| line.as_str()).collect::<Vec<_>>().join("\n");
    RawRecord {
        chain: ChainId::HYPERLIQUID_API,
        height,
        rec: derived_id(&["hypercore", stream.as_str()]),
        ord: stream as i64,
        tx_id: height.to_string().into(),
        tx_index: None,
        time_ms: ms(height),
        body: RawBody::HyperliquidLine(HyperliquidLine { stream, text }),
    }
}

fn block(height: u64) -> BlockRef {
    BlockRef { height, link: None, time_ms: ms(height) }
}

fn ms(height: u64) -> i64 {
    i64::try_from(height).unwrap_or(i64::MAX)
}

/// The clock, unix milliseconds.
fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

/// An answer on one line: JSON has line feeds between its parts only.
fn one_line(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}
