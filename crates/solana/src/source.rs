//! The source: heads, blocks and ranges of one endpoint.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use perpdex_core::{Batch, BlockRange, BlockRef, ChainId, Filter, Heads, Source, SourceError, SourceErrorKind};
use solana_commitment_config::CommitmentConfig;
use tokio::sync::Mutex;

use crate::bisect::height_at;
use crate::blocks::{SKIPPED_RUN_MAX, Slot, last_block, slot};
use crate::client::Client;
use crate::fetch::fetch;
use crate::listing::Listing;

/// What [`SourceErrorKind::WrongChain`] carries here: clusters have a hash for a name, no number.
const NO_CHAIN_NUMBER: u64 = 0;

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
            .field("genesis_hash", &self.genesis_hash)
            .finish_non_exhaustive()
    }
}

/// Solana through one JSON-RPC endpoint.
#[derive(Debug)]
pub struct SolanaSource {
    client: Client,
    concurrency: usize,
    genesis_hash: Option<String>,
    cluster_checked: AtomicBool,
    /// Final signatures by listed address.
    listings: Mutex<HashMap<String, Listing>>,
}

impl SolanaSource {
    /// A source over this endpoint. Nothing is sent yet; the error is about the address itself.
    pub fn new(endpoint: SolanaEndpoint) -> Result<SolanaSource, SourceError> {
        Ok(SolanaSource {
            client: Client::new(&endpoint)?,
            concurrency: endpoint.concurrency.max(1),
            genesis_hash: endpoint.genesis_hash,
            cluster_checked: AtomicBool::new(false),
            listings: Mutex::new(HashMap::new()),
        })
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    pub(crate) fn concurrency(&self) -> usize {
        self.concurrency
    }

    pub(crate) fn listings(&self) -> &Mutex<HashMap<String, Listing>> {
        &self.listings
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
        let batch = fetch(self, range, filter).await?;
        tracing::debug!(label = self.label(), range = %batch.range, records = batch.records.len(), holes = batch.holes.len(), "range fetched");
        Ok(batch)
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
