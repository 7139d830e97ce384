//! [`PortalSource`]: a dataset of the SQD Portal as a [`perpdex_core::Source`] of final history.
//!
//! The archive filters by program itself, so that a range costs one request whatever else happened on the chain. An answer
//! is believed up to its last line: the interface promises that the first and the last block of what was looked at are
//! always told, and an answer that breaks off ends on a line (sqd-portal, `spec/14-interface-binding.md` IB-4 and
//! `spec/07-invariants.md` INV-20, INV-25, INV-29, 2026). Blocks name their parents, which proves both ends of a range.
//! Whether the filter lost something in between is asked of single blocks without a filter ([`Source::probe`]); what was
//! lost when the archive was filled shows nowhere but at another endpoint. So the evidence is [`perpdex_core::Evidence::Witnessed`].

mod fetch;
mod http;
mod line;
mod query;

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use perpdex_core::{Batch, BlockRange, BlockRef, ChainId, Filter, Heads, Probe, Source, SourceError, SourceErrorKind, Traffic};
use serde::Deserialize;
use tokio::sync::OnceCell;

use crate::blocks::SKIPPED_RUN_MAX;
use crate::endpoint::NO_CHAIN_NUMBER;
use http::PortalHttp;
use line::{Header, Line};

/// Where a dataset is read and within which limits.
#[derive(Clone)]
pub struct PortalEndpoint {
    /// Address of the dataset, such as `https://portal.sqd.dev/datasets/solana-mainnet`. It may hold a key and is never shown.
    pub url: String,
    /// What errors and logs call the endpoint.
    pub label: String,
    /// Longest wait for one answer. What came of a longer one is used up to its last whole line.
    pub timeout: Duration,
    /// Bytes of one answer, unpacked, that are read. What lies behind is asked for again.
    pub response_bytes_max: usize,
    /// Name of the dataset that must be served; `None`: not checked.
    pub dataset: Option<String>,
}

impl PortalEndpoint {
    /// The Portal's name for mainnet-beta.
    pub const MAINNET_DATASET: &'static str = "solana-mainnet";
}

impl fmt::Debug for PortalEndpoint {
    /// Without the address.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PortalEndpoint")
            .field("label", &self.label)
            .field("timeout", &self.timeout)
            .field("response_bytes_max", &self.response_bytes_max)
            .field("dataset", &self.dataset)
            .finish_non_exhaustive()
    }
}

/// A dataset of a Portal.
#[derive(Debug)]
pub struct PortalSource {
    http: PortalHttp,
    dataset: Option<String>,
    start: OnceCell<u64>,
}

/// The answer of `metadata`.
#[derive(Deserialize)]
struct Metadata {
    dataset: String,
    /// The first block; absent where the Portal does not know it.
    start_block: Option<u64>,
}

/// The answer of `finalized-head`.
#[derive(Deserialize)]
struct Head {
    number: u64,
    hash: String,
}

/// The answer of `timestamps`.
#[derive(Deserialize)]
struct Found {
    block_number: u64,
}

impl PortalSource {
    /// A source over this dataset. Nothing is sent yet; the error is about the address itself.
    pub fn new(endpoint: PortalEndpoint) -> Result<PortalSource, SourceError> {
        Ok(PortalSource { http: PortalHttp::new(&endpoint)?, dataset: endpoint.dataset, start: OnceCell::new() })
    }

    fn error(&self, kind: SourceErrorKind, message: impl fmt::Display) -> SourceError {
        self.http.error(kind, message)
    }

    /// First slot of the dataset, once it is known that it is the right one.
    async fn start(&self) -> Result<u64, SourceError> {
        let ask = || async {
            let metadata: Metadata = self.http.get("metadata", "metadata").await?.ok_or_else(|| self.no_answer("metadata"))?;
            match &self.dataset {
                Some(wanted) if *wanted != metadata.dataset => {
                    let message = format_args!("serves the dataset {} instead of {wanted}", metadata.dataset);
                    Err(self.error(SourceErrorKind::WrongChain { found: NO_CHAIN_NUMBER }, message))
                }
                _ => Ok(metadata.start_block.unwrap_or(0)),
            }
        };
        self.start.get_or_try_init(ask).await.copied()
    }

    fn no_answer(&self, what: &str) -> SourceError {
        self.error(SourceErrorKind::Lagging, format_args!("{what}: nothing there yet"))
    }

    /// The headers of the first blocks at or above a slot; at least one.
    async fn headers(&self, from: u64, to: u64, parent: Option<&Header>) -> Result<Vec<Line>, SourceError> {
        let range = BlockRange::new(from, to).unwrap_or(BlockRange::single(from));
        let lines = self.http.stream(&query::headers(range, parent)).await?;
        match lines.is_empty() {
            true => Err(self.no_answer(&format!("finalized-stream {range}"))),
            false => Ok(lines),
        }
    }

    /// The block of a slot; `None` where the next block proves that there is none.
    async fn block_at(&self, height: u64) -> Result<Option<Line>, SourceError> {
        let mut lines = self.headers(height, height.saturating_add(SKIPPED_RUN_MAX), None).await?;
        let first = lines.swap_remove(0);
        match &first.header {
            header if header.number == height => Ok(Some(first)),
            header if header.parent_number < height => Ok(None),
            header => {
                let message =
                    format_args!("finalized-stream {height}: leaves out slot {}, the parent of {}", header.parent_number, header.number);
                Err(self.error(SourceErrorKind::Omitted, message))
            }
        }
    }

    fn block_ref_of(&self, header: &Header) -> Result<BlockRef, SourceError> {
        let read = header.block_ref().map_err(|message| self.error(SourceErrorKind::Transient, message))?;
        read.ok_or_else(|| self.error(SourceErrorKind::Transient, format_args!("block {}: its time was not recorded", header.number)))
    }
}

#[async_trait]
impl Source for PortalSource {
    fn chain(&self) -> ChainId {
        ChainId::SOLANA
    }

    fn label(&self) -> &str {
        self.http.label()
    }

    /// The newest final block; what is not final is not asked for here.
    async fn heads(&self) -> Result<Heads, SourceError> {
        let earliest = Some(self.start().await?);
        let head: Option<Head> = self.http.get("finalized-head", "finalized-head").await?;
        let head = head.ok_or_else(|| self.no_answer("finalized-head"))?;
        let header = self.headers(head.number, head.number, None).await?.swap_remove(0).header;
        if (header.number, &header.hash) != (head.number, &head.hash) {
            let message =
                format_args!("finalized-head: block {} is {}, streamed is {} {}", head.number, head.hash, header.number, header.hash);
            return Err(self.error(SourceErrorKind::Transient, message));
        }
        let latest = self.block_ref_of(&header)?;
        Ok(Heads { earliest, latest, finalized: latest.height })
    }

    async fn fetch(&self, range: BlockRange, filter: &Filter) -> Result<Batch, SourceError> {
        let batch = fetch::fetch(self, range, filter).await?;
        tracing::debug!(label = self.label(), range = %batch.range, records = batch.records.len(), holes = batch.holes.len(), "range streamed");
        Ok(batch)
    }

    fn can_probe(&self) -> bool {
        true
    }

    async fn probe(&self, heights: &[u64], filter: &Filter, batch: &Batch) -> Result<Probe, SourceError> {
        fetch::probe(self, heights, filter, batch).await
    }

    fn traffic(&self) -> Traffic {
        self.http.traffic()
    }

    async fn block_ref(&self, height: u64) -> Result<Option<BlockRef>, SourceError> {
        match self.block_at(height).await? {
            Some(line) => self.block_ref_of(&line.header).map(Some),
            None => Ok(None),
        }
    }

    async fn height_at(&self, time_ms: i64) -> Result<Option<u64>, SourceError> {
        // Blocks have whole seconds.
        let secs = time_ms.max(0).unsigned_abs().div_ceil(1_000);
        let found: Option<Found> = self.http.get("timestamps", &format!("timestamps/{secs}/block")).await?;
        Ok(found.map(|found| found.block_number))
    }
}
