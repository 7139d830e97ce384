//! The source: heads, blocks and ranges of one endpoint.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use perpdex_core::{
    Batch, BlockRange, BlockRef, ChainId, Evidence, Filter, Headers, Heads, ListingWindows, Probe, Proof, Source, SourceError,
    SourceErrorKind, Traffic,
};
use solana_commitment_config::CommitmentConfig;

use crate::bisect::height_at;
use crate::blocks::{SKIPPED_RUN_MAX, Slot, last_block, slot};
use crate::endpoint::{NO_CHAIN_NUMBER, SolanaEndpoint};
use crate::listing::Desk;
use crate::node::Node;
use crate::watched::Watched;
use crate::windows::MemoryWindows;
use crate::{by_block, fetch, probe};

/// Solana through one JSON-RPC endpoint.
#[derive(Debug)]
pub struct SolanaSource {
    node: Node,
    by_block: bool,
    genesis_hash: Option<String>,
    cluster_checked: AtomicBool,
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
            node: Node::new(&endpoint, windows)?,
            by_block: endpoint.by_block,
            genesis_hash: endpoint.genesis_hash,
            cluster_checked: AtomicBool::new(false),
        })
    }

    async fn check_cluster(&self) -> Result<(), SourceError> {
        let Some(wanted) = &self.genesis_hash else { return Ok(()) };
        if self.cluster_checked.load(Ordering::Relaxed) {
            return Ok(());
        }
        let found = self.node.client.genesis_hash().await?;
        if found != *wanted {
            let message = format_args!("serves the cluster with genesis hash {found} instead of {wanted}");
            return Err(self.node.client.error(SourceErrorKind::WrongChain { found: NO_CHAIN_NUMBER }, message));
        }
        self.cluster_checked.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// The newest block at or just below a slot.
    async fn newest(&self, confirmed: u64) -> Result<BlockRef, SourceError> {
        let range = BlockRange::new(confirmed.saturating_sub(SKIPPED_RUN_MAX), confirmed).unwrap_or(BlockRange::single(confirmed));
        let latest = last_block(&self.node.client, range, CommitmentConfig::confirmed()).await?;
        latest.ok_or_else(|| self.node.client.error(SourceErrorKind::Lagging, format_args!("getBlock {range}: no block here")))
    }
}

#[async_trait]
impl Source for SolanaSource {
    fn chain(&self) -> ChainId {
        ChainId::SOLANA
    }

    fn label(&self) -> &str {
        self.node.client.label()
    }

    async fn heads(&self) -> Result<Heads, SourceError> {
        self.check_cluster().await?;
        let finalized = self.node.client.slot(CommitmentConfig::finalized()).await?;
        let confirmed = self.node.client.slot(CommitmentConfig::confirmed()).await?;
        let latest = self.newest(confirmed).await?;
        Ok(Heads { earliest: None, latest, finalized: finalized.min(latest.height) })
    }

    async fn fetch(&self, range: BlockRange, filter: &Filter) -> Result<Batch, SourceError> {
        let batch =
            if self.by_block { by_block::fetch(&self.node, range, filter).await? } else { fetch::fetch(&self.node, range, filter).await? };
        tracing::debug!(label = self.label(), range = %batch.range, records = batch.records.len(), holes = batch.holes.len(), "range fetched");
        Ok(batch)
    }

    async fn prepare(&self, range: BlockRange, filter: &Filter) -> Result<bool, SourceError> {
        if self.by_block || filter.headers == Headers::All {
            return Ok(false);
        }
        let watched = Watched::new(filter).map_err(|message| self.node.client.error(SourceErrorKind::Permanent, message))?;
        let desk = Desk { client: &self.node.client, windows: self.node.windows.as_ref() };
        for address in watched.lists.keys() {
            if self.node.listing(address).await.lock().await.step(&desk, range).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn can_probe(&self) -> bool {
        !self.by_block
    }

    async fn probe(&self, heights: &[u64], filter: &Filter, batch: &Batch) -> Result<Probe, SourceError> {
        probe::probe(&self.node, heights, filter, batch).await
    }

    /// From [`Evidence::Bloom`] on, which no block here has, every block is read. The listing is not walked beside it.
    async fn prove(&self, range: BlockRange, filter: &Filter, level: Evidence) -> Result<Proof, SourceError> {
        let batch =
            if level < Evidence::Bloom { self.fetch(range, filter).await? } else { by_block::fetch(&self.node, range, filter).await? };
        Ok(Proof { batch, omitted: Vec::new() })
    }

    fn traffic(&self) -> Traffic {
        self.node.client.traffic()
    }

    async fn block_ref(&self, height: u64) -> Result<Option<BlockRef>, SourceError> {
        match slot(&self.node.client, height, CommitmentConfig::confirmed()).await? {
            Slot::Block(block) => Ok(Some(block)),
            Slot::Skipped => Ok(None),
            Slot::NotAvailable => {
                Err(self.node.client.error(SourceErrorKind::Lagging, format_args!("getBlock {height}: not available here")))
            }
        }
    }

    async fn height_at(&self, time_ms: i64) -> Result<Option<u64>, SourceError> {
        let first = match self.node.client.first_available_block().await {
            Ok(first) => first,
            Err(error) if error.kind == SourceErrorKind::Permanent => 0,
            Err(error) => return Err(error),
        };
        let head = self.node.client.slot(CommitmentConfig::confirmed()).await?;
        match BlockRange::new(first, head) {
            Some(range) => height_at(&self.node.client, range, time_ms, CommitmentConfig::confirmed()).await,
            None => Ok(None),
        }
    }
}
