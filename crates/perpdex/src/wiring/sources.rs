//! Sources of a chain: one per configured endpoint, by the chain's kind.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use perpdex_core::{ChainId, ChainKind, HyperliquidStream, ListingWindows, Source, Watch};
use perpdex_evm::{EvmEndpoint, EvmSource};
use perpdex_feeds::ApiEndpoint;
use perpdex_feeds::aster::{AsterEndpoint, AsterSource};
use perpdex_hyperliquid::{ApiOptions, ApiSource, FolderSource};
use perpdex_solana::{PortalEndpoint, PortalSource, RecordedBlocks, SolanaEndpoint, SolanaSource};

use super::options::count;
use crate::config::{ChainConfig, Endpoint, Location, SyncOptions};

/// The sources of one chain.
pub(crate) struct OpenedChain {
    /// In order of preference.
    pub(crate) sources: Vec<Arc<dyn Source>>,
    /// Node streams that have files; `None` where the question does not arise.
    pub(crate) node_streams: Option<Vec<HyperliquidStream>>,
}

impl OpenedChain {
    fn add_files(&mut self, source: FolderSource) {
        self.node_streams.get_or_insert_default().extend(source.streams());
        self.sources.push(Arc::new(source));
    }

    /// Whether the sources can have anything of a stream.
    pub(crate) fn has(&self, watch: &Watch) -> bool {
        match (&self.node_streams, watch) {
            (Some(present), Watch::HyperCore(stream)) => present.contains(stream),
            _ => true,
        }
    }
}

/// Opens every endpoint of the chain. Connects to nothing but a bucket, which is listed; a folder is read and indexed. `listens`: trades of a
/// public interface are wanted. Listings that run from the newest entry down keep how far they have come in `windows`, together.
pub(crate) async fn open_sources(
    config: &ChainConfig,
    sync: &SyncOptions,
    listens: bool,
    windows: &Arc<dyn ListingWindows>,
) -> Result<OpenedChain> {
    let mut opened = OpenedChain { sources: Vec::new(), node_streams: None };
    let kind = config.chain.info().map(|info| info.kind);
    for endpoint in &config.endpoints.value {
        match endpoint.location() {
            Location::Url(url) if kind == Some(ChainKind::Svm) => {
                opened.sources.push(Arc::new(solana(endpoint, url.as_str(), sync, false, windows)?));
            }
            Location::Blocks(url) => opened.sources.push(Arc::new(solana(endpoint, url.as_str(), sync, true, windows)?)),
            Location::Portal(url) => opened.sources.push(Arc::new(portal(endpoint, url.as_str(), sync)?)),
            Location::Folder(path) if kind == Some(ChainKind::Svm) => {
                let source = RecordedBlocks::open(path, endpoint.label()).with_context(|| format!("chain {}", config.chain))?;
                opened.sources.push(Arc::new(source));
            }
            Location::Url(url) => opened.sources.push(open_url(config, endpoint, url.as_str(), sync, listens)?),
            Location::Folder(path) => {
                let source = FolderSource::open(path, config.chain, endpoint.label());
                opened.add_files(source.with_context(|| format!("chain {}", config.chain))?);
            }
            Location::Bucket(url) => {
                let source = FolderSource::open_bucket(url, config.chain, endpoint.label()).await;
                opened.add_files(source.with_context(|| format!("chain {}", config.chain))?);
            }
        }
    }
    Ok(opened)
}

fn open_url(config: &ChainConfig, endpoint: &Endpoint, url: &str, sync: &SyncOptions, listens: bool) -> Result<Arc<dyn Source>> {
    let (url, label) = (url.to_owned(), endpoint.label().to_owned());
    let timeout = Duration::from_millis(sync.request_timeout_ms.value);
    let response_bytes_max = count(sync.response_bytes_max.value);
    match config.chain.info().map(|info| info.kind) {
        Some(ChainKind::Evm) => {
            let final_depth = config.final_depth.value;
            let source = EvmSource::new(EvmEndpoint { chain: config.chain, url, label, timeout, response_bytes_max, final_depth })?;
            Ok(match endpoint.ws_url() {
                Some(ws_url) => Arc::new(source.with_hints(ws_url.to_owned())),
                None => Arc::new(source),
            })
        }
        Some(ChainKind::OffChain) if config.chain == ChainId::HYPERLIQUID_API => {
            let endpoint = ApiEndpoint { url, label, timeout, response_bytes_max };
            let contexts_every = Duration::from_millis(sync.hyperliquid_look_ms.value);
            let lag = Duration::from_millis(sync.hyperliquid_lag_ms.value);
            Ok(Arc::new(ApiSource::new(ApiOptions { trades: listens, contexts_every, lag, ..ApiOptions::new(endpoint) })?))
        }
        Some(ChainKind::OffChain) => {
            let api = ApiEndpoint { url, label, timeout, response_bytes_max };
            let weight_per_minute =
                u32::try_from(sync.aster_weight_per_minute.value).expect("the configuration checks the option's bounds");
            let (settle_ms, look_ms) = (sync.aster_settle_ms.value, sync.head_poll_ms.value);
            let silence_ms = sync.aster_silence_ms.value;
            let endpoint = AsterEndpoint { weight_per_minute, settle_ms, look_ms, silence_ms, ..AsterEndpoint::new(api) };
            Ok(Arc::new(AsterSource::new(endpoint)?))
        }
        _ => Err(anyhow!("chain {}: endpoint {endpoint} does not fit the chain's kind", config.chain)),
    }
}

/// Solana by the listings of programs, or block by block.
fn solana(endpoint: &Endpoint, url: &str, sync: &SyncOptions, by_block: bool, windows: &Arc<dyn ListingWindows>) -> Result<SolanaSource> {
    let endpoint = SolanaEndpoint {
        url: url.to_owned(),
        label: endpoint.label().to_owned(),
        timeout: Duration::from_millis(sync.request_timeout_ms.value),
        response_bytes_max: count(sync.response_bytes_max.value),
        concurrency: count(sync.solana_requests_max.value),
        by_block,
        genesis_hash: Some(SolanaEndpoint::MAINNET_GENESIS_HASH.to_owned()),
    };
    Ok(SolanaSource::with_windows(endpoint, windows.clone())?)
}

/// Solana's final history from a filtered archive.
fn portal(endpoint: &Endpoint, url: &str, sync: &SyncOptions) -> Result<PortalSource> {
    let endpoint = PortalEndpoint {
        url: url.to_owned(),
        label: endpoint.label().to_owned(),
        timeout: Duration::from_millis(sync.request_timeout_ms.value),
        response_bytes_max: count(sync.response_bytes_max.value),
        dataset: Some(PortalEndpoint::MAINNET_DATASET.to_owned()),
    };
    Ok(PortalSource::new(endpoint)?)
}
