//! The source: heads, blocks and ranges of one endpoint.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use perpdex_core::{
    Batch, BlockRange, BlockRef, ChainId, Evidence, Filter, Headers, Heads, ListingWindows, Probe, Proof, Source, SourceError,
    SourceErrorKind, Traffic,
};
use solana_commitment_config::CommitmentConfig;
use tokio::sync::Mutex;

use crate::bisect::height_at;
use crate::blocks::{SKIPPED_RUN_MAX, Slot, last_block, slot};
use crate::client::Client;
use crate::listing::{Desk, Listing};
use crate::watched::Watched;
use crate::windows::MemoryWindows;
use crate::{by_block, fetch, probe};

/// What [`SourceErrorKind::WrongChain`] carries here: clusters have a hash for a name, no number.
pub(crate) const NO_CHAIN_NUMBER: u64 = 0;

/// Where Solana is read and within which limits.
#[derive(Clone)]
pub struct SolanaEndpoint {
    /// Address, `http` or `https`. It may hold a key and is never shown.
    pub url: String,
    /// What errors and logs call the endpoint.
    pub label: String,
    /// Longest wait for one answer.
    pub timeout: Duration,
    /// Largest answer that is read, in bytes.
    pub response_bytes_max: usize,
    /// Transactions asked for at the same time within one range; at least one.
    pub concurrency: usize,
    /// Whether ranges are read block by block instead of by the listings of addresses: complete by itself, and every
    /// transaction of the chain is transferred.
    pub by_block: bool,
    /// Genesis hash of the cluster the endpoint is meant to serve, base58; `None`: not checked.
    pub genesis_hash: Option<String>,
}

impl SolanaEndpoint {
    /// Largest answer that is read where nothing else is configured: 16 MiB.
    pub const RESPONSE_BYTES_MAX: usize = 16 << 20;

    /// Genesis hash of mainnet-beta (Solana documentation, "Clusters and public RPC endpoints").
    pub const MAINNET_GENESIS_HASH: &'static str = "5eykt4UsFv8P8NJdTREpY1vzqKqZKvdpKuc147dw2N9d";
}

impl fmt::Debug for SolanaEndpoint {
    /// Without the address.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SolanaEndpoint")
            .field("label", &self.label)
            .field("timeout", &self.timeout)
            .field("response_bytes_max", &self.response_bytes_max)
            .field("concurrency", &self.concurrency)
            .field("by_block", &self.by_block)
            .field("genesis_hash", &self.genesis_hash)
            .finish_non_exhaustive()
    }
}

/// Solana through one JSON-RPC endpoint.
#[derive(Debug)]
pub struct SolanaSource {
    client: Client,
    concurrency: usize,
    by_block: bool,
    genesis_hash: Option<String>,
    cluster_checked: AtomicBool,
    /// Listings by address.
    listings: Mutex<HashMap<String, Arc<Mutex<Listing>>>>,
    windows: Arc<dyn ListingWindows>,
    /// Answers of `null` for transactions that were listed as final.
    nulls: std::sync::Mutex<HashMap<String, u32>>,
}

impl SolanaSource {
    /// A source over this endpoint that keeps its windows in memory. Nothing is sent yet; the error is about the address
    /// itself.
    pub fn new(endpoint: SolanaEndpoint) -> Result<SolanaSource, SourceError> {
        SolanaSource::with_windows(endpoint, Arc::new(MemoryWindows::default()))
    }

    /// A source over this endpoint that shares windows with others, and with later runs.
    pub fn with_windows(endpoint: SolanaEndpoint, windows: Arc<dyn ListingWindows>) -> Result<SolanaSource, SourceError> {
        Ok(SolanaSource {
            client: Client::new(&endpoint)?,
            concurrency: endpoint.concurrency.max(1),
            by_block: endpoint.by_block,
            genesis_hash: endpoint.genesis_hash,
            cluster_checked: AtomicBool::new(false),
            listings: Mutex::default(),
            windows,
            nulls: std::sync::Mutex::default(),
        })
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    pub(crate) fn concurrency(&self) -> usize {
        self.concurrency
    }

    pub(crate) fn windows(&self) -> &dyn ListingWindows {
        self.windows.as_ref()
    }

    /// The listing of an address; ranges that are read side by side wait for one another's walk.
    pub(crate) async fn listing(&self, address: &str) -> Arc<Mutex<Listing>> {
        let mut listings = self.listings.lock().await;
        let new = || Arc::new(Mutex::new(Listing::new(self.chain_id(), address)));
        listings.entry(address.to_owned()).or_insert_with(new).clone()
    }

    /// Counts an answer of `null` for a transaction; how many there were.
    pub(crate) fn count_null(&self, signature: &str) -> u32 {
        let mut nulls = self.nulls.lock().expect("no one panics while counting");
        let count = nulls.entry(signature.to_owned()).or_default();
        *count += 1;
        *count
    }

    /// The transaction is there after all.
    pub(crate) fn forget_null(&self, signature: &str) {
        self.nulls.lock().expect("no one panics while counting").remove(signature);
    }

    pub(crate) fn chain_id(&self) -> ChainId {
        ChainId::SOLANA
    }

    async fn check_cluster(&self) -> Result<(), SourceError> {
        let Some(wanted) = &self.genesis_hash else { return Ok(()) };
        if self.cluster_checked.load(Ordering::Relaxed) {
            return Ok(());
        }
        let found = self.client.genesis_hash().await?;
        if found != *wanted {
            let message = format_args!("serves the cluster with genesis hash {found} instead of {wanted}");
            return Err(self.client.error(SourceErrorKind::WrongChain { found: NO_CHAIN_NUMBER }, message));
        }
        self.cluster_checked.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// The newest block at or just below a slot.
    async fn newest(&self, confirmed: u64) -> Result<BlockRef, SourceError> {
        let range = BlockRange::new(confirmed.saturating_sub(SKIPPED_RUN_MAX), confirmed).unwrap_or(BlockRange::single(confirmed));
        let latest = last_block(&self.client, range, CommitmentConfig::confirmed()).await?;
        latest.ok_or_else(|| self.client.error(SourceErrorKind::Lagging, format_args!("getBlock {range}: no block here")))
    }
}

#[async_trait]
impl Source for SolanaSource {
    fn chain(&self) -> ChainId {
        self.chain_id()
    }

    fn label(&self) -> &str {
        self.client.label()
    }

    async fn heads(&self) -> Result<Heads, SourceError> {
        self.check_cluster().await?;
        let finalized = self.client.slot(CommitmentConfig::finalized()).await?;
        let confirmed = self.client.slot(CommitmentConfig::confirmed()).await?;
        let latest = self.newest(confirmed).await?;
        Ok(Heads { earliest: None, latest, finalized: finalized.min(latest.height) })
    }

    async fn fetch(&self, range: BlockRange, filter: &Filter) -> Result<Batch, SourceError> {
        let batch = if self.by_block { by_block::fetch(self, range, filter).await? } else { fetch::fetch(self, range, filter).await? };
        tracing::debug!(label = self.label(), range = %batch.range, records = batch.records.len(), holes = batch.holes.len(), "range fetched");
        Ok(batch)
    }

    async fn prepare(&self, range: BlockRange, filter: &Filter) -> Result<bool, SourceError> {
        if self.by_block || filter.headers == Headers::All {
            return Ok(false);
        }
        let watched = Watched::new(filter).map_err(|message| self.client.error(SourceErrorKind::Permanent, message))?;
        let desk = Desk { client: &self.client, windows: self.windows() };
        for address in watched.lists.keys() {
            if self.listing(address).await.lock().await.step(&desk, range).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn can_probe(&self) -> bool {
        !self.by_block
    }

    async fn probe(&self, heights: &[u64], filter: &Filter, batch: &Batch) -> Result<Probe, SourceError> {
        probe::probe(self, heights, filter, batch).await
    }

    /// From [`Evidence::Bloom`] on, which no block here has, every block is read. The listing is not walked beside it.
    async fn prove(&self, range: BlockRange, filter: &Filter, level: Evidence) -> Result<Proof, SourceError> {
        let batch = if level < Evidence::Bloom { self.fetch(range, filter).await? } else { by_block::fetch(self, range, filter).await? };
        Ok(Proof { batch, omitted: Vec::new() })
    }

    fn traffic(&self) -> Traffic {
        self.client.traffic()
    }

    async fn block_ref(&self, height: u64) -> Result<Option<BlockRef>, SourceError> {
        match slot(&self.client, height, CommitmentConfig::confirmed()).await? {
            Slot::Block(block) => Ok(Some(block)),
            Slot::Skipped => Ok(None),
            Slot::NotAvailable => Err(self.client.error(SourceErrorKind::Lagging, format_args!("getBlock {height}: not available here"))),
        }
    }

    async fn height_at(&self, time_ms: i64) -> Result<Option<u64>, SourceError> {
        let first = match self.client.first_available_block().await {
            Ok(first) => first,
            Err(error) if error.kind == SourceErrorKind::Permanent => 0,
            Err(error) => return Err(error),
        };
        let head = self.client.slot(CommitmentConfig::confirmed()).await?;
        match BlockRange::new(first, head) {
            Some(range) => height_at(&self.client, range, time_ms, CommitmentConfig::confirmed()).await,
            None => Ok(None),
        }
    }
}
