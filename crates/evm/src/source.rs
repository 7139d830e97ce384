//! The source: heads, blocks and ranges of one endpoint.

use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use alloy::primitives::{Bytes, U64};
use async_trait::async_trait;
use perpdex_core::{
    Batch, BlockRange, BlockRef, ChainId, Evidence, Filter, Heads, Probe, Proof, Source, SourceError, SourceErrorKind, StateCall, Traffic,
};
use serde_json::json;

use crate::bisect::{header, height_at};
use crate::bloom::BloomTest;
use crate::client::{Answer, Call, Client};
use crate::endpoint::EvmEndpoint;
use crate::fetch::fetch;
use crate::headers::{Header, read_header};
use crate::hints::Hints;
use crate::node::Node;
use crate::proof::{probe, prove};
use crate::purpose::Purpose;
use crate::state::state;

/// An EVM chain through one JSON-RPC endpoint.
#[derive(Debug)]
pub struct EvmSource {
    node: Node,
    final_depth: u64,
    chain_checked: AtomicBool,
    /// Where new heads are announced; may hold a key and is never shown.
    hint_url: Option<HintUrl>,
    hints: OnceLock<Hints>,
}

/// An address that prints as nothing.
struct HintUrl(String);

impl fmt::Debug for HintUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HintUrl")
    }
}

impl EvmSource {
    /// A source over this endpoint. Nothing is sent yet; the error is about the address itself.
    pub fn new(endpoint: EvmEndpoint) -> Result<EvmSource, SourceError> {
        Ok(EvmSource {
            node: Node { chain: endpoint.chain, client: Client::new(&endpoint)?, bloom_test: BloomTest::default() },
            final_depth: endpoint.final_depth,
            chain_checked: AtomicBool::new(false),
            hint_url: None,
            hints: OnceLock::new(),
        })
    }

    /// Listens to the `newHeads` of a WebSocket (`ws` or `wss`) as hints of when to look at the head.
    pub fn with_hints(self, ws_url: String) -> EvmSource {
        EvmSource { hint_url: Some(HintUrl(ws_url)), ..self }
    }

    /// The newest block, and the final one where the endpoint names it.
    async fn newest(&self) -> Result<(Header, Option<u64>), SourceError> {
        let mut calls = vec![block_call("latest"), block_call("finalized")];
        let checks_chain = !self.chain_checked.load(Ordering::Relaxed);
        if checks_chain {
            calls.insert(0, Call { method: "eth_chainId", params: json!([]), asked: None });
        }
        self.node.client.count_headers(Purpose::Look, calls.len() - usize::from(checks_chain));
        let mut answers = Vec::with_capacity(calls.len());
        for part in calls.chunks(self.node.client.batch_calls_max()) {
            answers.extend(self.node.client.batch(part).await?);
        }
        let mut answers = answers.into_iter();
        let mut next = || answers.next().expect("a batch has an answer for every call");
        if checks_chain {
            self.check_chain(next())?;
        }
        let latest = self.read_block("latest", next())?;
        let latest =
            latest.ok_or_else(|| self.node.client.error(SourceErrorKind::Lagging, "eth_getBlockByNumber: no latest block here"))?;
        Ok((latest, self.read_tag("finalized", next())?))
    }

    fn check_chain(&self, answer: Answer) -> Result<(), SourceError> {
        let found: U64 = serde_json::from_str(answer?.get())
            .map_err(|error| self.node.client.error(SourceErrorKind::Transient, format_args!("eth_chainId: unreadable answer: {error}")))?;
        let found = found.to::<u64>();
        if found != self.node.chain.0 {
            let message = format!("serves chain id {found} instead of {} ({})", self.node.chain.0, self.node.chain);
            return Err(self.node.client.error(SourceErrorKind::WrongChain { found }, message));
        }
        self.chain_checked.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// The height behind a tag; `None` where the endpoint does not know the tag. An endpoint that is busy or broken is no
    /// answer to that question.
    fn read_tag(&self, tag: &str, answer: Answer) -> Result<Option<u64>, SourceError> {
        match answer {
            Err(error)
                if matches!(error.kind, SourceErrorKind::Rate { .. } | SourceErrorKind::Unreachable | SourceErrorKind::Transient) =>
            {
                Err(error)
            }
            Err(_) => Ok(None),
            answer => Ok(self.read_block(tag, answer)?.map(|header| header.number)),
        }
    }

    fn read_block(&self, tag: &str, answer: Answer) -> Result<Option<Header>, SourceError> {
        read_header(&answer?)
            .map_err(|message| self.node.client.error(SourceErrorKind::Transient, format_args!("eth_getBlockByNumber {tag}: {message}")))
    }

    /// Final height by depth, and not above the `safe` block where the endpoint knows that one at least.
    async fn final_by_depth(&self, latest: u64) -> Result<u64, SourceError> {
        let answer = self.node.client.batch(&[block_call("safe")]).await?.into_iter().next();
        let safe = match answer {
            Some(answer) => self.read_tag("safe", answer)?,
            None => None,
        };
        let by_depth = latest.saturating_sub(self.final_depth);
        Ok(safe.map_or(by_depth, |safe| safe.min(by_depth)))
    }
}

#[async_trait]
impl Source for EvmSource {
    fn chain(&self) -> ChainId {
        self.node.chain
    }

    fn label(&self) -> &str {
        self.node.client.label()
    }

    async fn heads(&self) -> Result<Heads, SourceError> {
        let (latest, finalized) = self.newest().await?;
        let finalized = match finalized {
            Some(finalized) => finalized.min(latest.number),
            None => self.final_by_depth(latest.number).await?,
        };
        Ok(Heads { earliest: None, latest: latest.block_ref(), finalized })
    }

    async fn fetch(&self, range: BlockRange, filter: &Filter) -> Result<Batch, SourceError> {
        let batch = fetch(&self.node, range, filter).await?;
        tracing::debug!(label = self.label(), %range, records = batch.records.len(), evidence = batch.evidence.as_str(), "range fetched");
        Ok(batch)
    }

    async fn block_ref(&self, height: u64) -> Result<Option<BlockRef>, SourceError> {
        // Heights have no gaps here: an endpoint without the block is behind, which is no word about the chain.
        let header = header(&self.node.client, height).await?;
        let header = header.ok_or_else(|| {
            self.node.client.error(SourceErrorKind::Lagging, format_args!("eth_getBlockByNumber: no block {height} here"))
        })?;
        Ok(Some(header.block_ref()))
    }

    async fn new_head(&self) {
        match &self.hint_url {
            Some(HintUrl(url)) => self.hints.get_or_init(|| Hints::listen(url.clone(), self.label().to_owned())).next().await,
            None => std::future::pending().await,
        }
    }

    async fn height_at(&self, time_ms: i64) -> Result<Option<u64>, SourceError> {
        let (latest, _) = self.newest().await?;
        height_at(&self.node.client, latest, time_ms).await
    }

    fn can_probe(&self) -> bool {
        true
    }

    async fn probe(&self, heights: &[u64], filter: &Filter, batch: &Batch) -> Result<Probe, SourceError> {
        probe(&self.node, heights, filter, batch).await
    }

    async fn prove(&self, range: BlockRange, filter: &Filter, level: Evidence) -> Result<Proof, SourceError> {
        if Evidence::Bloom <= level {
            return prove(&self.node, range, filter, level).await;
        }
        Ok(Proof { batch: self.fetch(range, filter).await?, omitted: Vec::new() })
    }

    async fn state(&self, calls: &[(u64, StateCall)]) -> Result<Vec<Option<Bytes>>, SourceError> {
        state(&self.node.client, calls).await
    }

    fn traffic(&self) -> Traffic {
        self.node.client.traffic()
    }
}

fn block_call(tag: &'static str) -> Call {
    Call { method: "eth_getBlockByNumber", params: json!([tag, false]), asked: None }
}
