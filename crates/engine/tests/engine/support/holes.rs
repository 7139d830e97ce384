//! A chain whose blocks hold a record or none by a share, and an endpoint that leaves a hole. Blocks can be probed, exactly.

use std::collections::BTreeSet;
use std::sync::Arc;

use alloy_primitives::{B256, Bytes};
use async_trait::async_trait;
use perpdex_core::{
    Batch, BlockRange, BlockRef, ChainId, Evidence, EvmLog, Filter, Headers, Heads, Link, Probe, Proof, RawBody, RawRecord, Source,
    SourceError,
};

use super::world::{CHAIN, EMITTER_A, hash};

/// Blocks 1 to the tip, all final.
pub(crate) struct Blocks {
    pub(crate) tip: u64,
    /// Heights with a record.
    pub(crate) busy: BTreeSet<u64>,
}

/// An endpoint over it.
pub(crate) struct HoleEndpoint {
    pub(crate) label: &'static str,
    pub(crate) blocks: Arc<Blocks>,
    /// Heights whose records it leaves out of its answers.
    pub(crate) hole: BTreeSet<u64>,
}

impl Blocks {
    /// So many of a thousand blocks hold a record.
    pub(crate) fn new(tip: u64, busy_permille: u64, seed: u64) -> Blocks {
        Blocks { tip, busy: (1..=tip).filter(|height| random(seed, *height) % 1_000 < busy_permille).collect() }
    }

    fn block(&self, height: u64) -> BlockRef {
        let parent = height.checked_sub(1).map_or(B256::ZERO, |below| hash(below, 0));
        BlockRef { height, link: Some(Link { hash: hash(height, 0), parent }), time_ms: height as i64 * 1_000 }
    }

    fn record(&self, height: u64) -> RawRecord {
        let body = EvmLog { address: EMITTER_A, topics: Vec::new(), data: Bytes::new(), block_hash: hash(height, 0) };
        let time_ms = height as i64 * 1_000;
        RawRecord {
            chain: CHAIN,
            height,
            rec: 0,
            ord: 0,
            tx_id: height.to_string().into(),
            tx_index: None,
            time_ms,
            body: RawBody::EvmLog(body),
        }
    }
}

/// SplitMix64.
pub(crate) fn random(seed: u64, number: u64) -> u64 {
    let mut z = seed.wrapping_mul(0xd129_0d39_13b5_7f4d).wrapping_add(number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl HoleEndpoint {
    fn batch(&self, range: BlockRange, filter: &Filter, is_whole: bool) -> Batch {
        let shown = |height: &&u64| is_whole || !self.hole.contains(height);
        let records: Vec<RawRecord> =
            self.blocks.busy.range(range.from()..=range.to()).filter(shown).map(|height| self.blocks.record(*height)).collect();
        let is_needed = |height: &u64| filter.headers == Headers::All || *height == range.from() || *height == range.to();
        let mut heights: BTreeSet<u64> = (range.from()..=range.to()).filter(is_needed).collect();
        heights.extend(records.iter().map(|record| record.height));
        let blocks = heights.into_iter().map(|height| self.blocks.block(height)).collect();
        Batch { range, blocks, records, malformed: Vec::new(), holes: Vec::new(), evidence: Evidence::Witnessed }
    }
}

#[async_trait]
impl Source for HoleEndpoint {
    fn chain(&self) -> ChainId {
        CHAIN
    }

    fn label(&self) -> &str {
        self.label
    }

    async fn heads(&self) -> Result<Heads, SourceError> {
        Ok(Heads { earliest: None, latest: self.blocks.block(self.blocks.tip), finalized: self.blocks.tip })
    }

    async fn fetch(&self, range: BlockRange, filter: &Filter) -> Result<Batch, SourceError> {
        Ok(self.batch(range, filter, false))
    }

    async fn block_ref(&self, height: u64) -> Result<Option<BlockRef>, SourceError> {
        Ok(Some(self.blocks.block(height)))
    }

    async fn height_at(&self, time_ms: i64) -> Result<Option<u64>, SourceError> {
        Ok(u64::try_from(time_ms / 1_000).ok())
    }

    fn can_probe(&self) -> bool {
        true
    }

    async fn probe(&self, heights: &[u64], _filter: &Filter, batch: &Batch) -> Result<Probe, SourceError> {
        let is_told = |height: u64| batch.records.binary_search_by_key(&height, |record| record.height).is_ok();
        let lacks = |height: &&u64| self.blocks.busy.contains(height) && !is_told(**height);
        Ok(Probe { omitted: heights.iter().filter(lacks).copied().collect(), unsettled: Vec::new() })
    }

    async fn prove(&self, range: BlockRange, filter: &Filter, level: Evidence) -> Result<Proof, SourceError> {
        let batch = Batch { evidence: level, ..self.batch(range, filter, true) };
        let omitted = self.blocks.busy.range(range.from()..=range.to()).filter(|height| self.hole.contains(height)).copied().collect();
        Ok(Proof { batch, omitted })
    }
}
