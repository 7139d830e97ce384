//! An endpoint of the world, with faults.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use perpdex_core::{
    Batch, BlockRange, BlockRef, ChainId, Evidence, Filter, Headers, Heads, Hole, HoleReason, MalformedRecord, Source, SourceError,
    SourceErrorKind,
};

use super::world::{CHAIN, World};

/// When a fault applies to a fetch.
#[derive(Clone, Copy, Debug)]
pub(crate) enum When {
    Always,
    /// On the n-th fetch, from one.
    Call(usize),
    /// When more blocks are asked for than this.
    BlocksAbove(u64),
    /// When the range holds this height.
    Holds(u64),
}

/// What goes wrong with a fetch.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    Error(SourceErrorKind),
    /// Answers for this many blocks at most.
    Short(u64),
    /// Gives a hole there.
    Hole(Hole),
    /// The whole range is a hole, with something in it that is no record.
    Garbage,
    /// Says the range starts one block later.
    Shifted,
    /// Gives the blocks the branch had before, so that parent links do not fit.
    Branch(u8),
}

/// One endpoint.
pub(crate) struct Endpoint {
    world: Arc<World>,
    pub(crate) chain: ChainId,
    label: String,
    pub(crate) faults: Vec<(When, Fault)>,
    /// Every call of heads gives this.
    pub(crate) heads_error: Option<SourceErrorKind>,
    pub(crate) heads_latency_ms: u64,
    pub(crate) earliest: Option<u64>,
    /// Wrong answers to `block_ref` and heads: height, branch it claims, how often.
    pub(crate) lies: Mutex<Vec<(u64, u8)>>,
    /// What the first fetches take in milliseconds; later ones take nothing.
    pub(crate) latencies_ms: Vec<u64>,
    pub(crate) asked: Mutex<Vec<(BlockRange, Vec<String>, Headers)>>,
    /// Error of every call of `block_ref` up to this number.
    pub(crate) block_ref_errors: Option<(SourceErrorKind, usize)>,
    /// Calls of `block_ref` so far.
    pub(crate) block_refs: Mutex<usize>,
    /// A head lower than the world's.
    pub(crate) head: Mutex<Option<u64>>,
}

impl Endpoint {
    pub(crate) fn new(world: &Arc<World>, label: &str) -> Endpoint {
        Endpoint {
            world: world.clone(),
            chain: CHAIN,
            label: label.to_owned(),
            faults: Vec::new(),
            heads_error: None,
            heads_latency_ms: 0,
            earliest: None,
            lies: Mutex::default(),
            latencies_ms: Vec::new(),
            asked: Mutex::default(),
            block_ref_errors: None,
            block_refs: Mutex::default(),
            head: Mutex::default(),
        }
    }

    /// Ranges asked for so far.
    pub(crate) fn ranges(&self) -> Vec<BlockRange> {
        self.asked.lock().unwrap().iter().map(|(range, ..)| *range).collect()
    }

    fn error(&self, kind: SourceErrorKind) -> SourceError {
        SourceError { label: self.label.clone(), kind, message: "scripted".to_owned() }
    }

    fn fault(&self, range: BlockRange, call: usize) -> Option<Fault> {
        let applies = |when: &When| match when {
            When::Always => true,
            When::Call(number) => call == *number,
            When::BlocksAbove(blocks) => *blocks < range.blocks(),
            When::Holds(height) => range.contains(*height),
        };
        self.faults.iter().find(|(when, _)| applies(when)).map(|(_, fault)| fault.clone())
    }
}

#[async_trait]
impl Source for Endpoint {
    fn chain(&self) -> ChainId {
        self.chain
    }

    fn label(&self) -> &str {
        &self.label
    }

    async fn heads(&self) -> Result<Heads, SourceError> {
        tokio::time::sleep(Duration::from_millis(self.heads_latency_ms)).await;
        if let Some(kind) = &self.heads_error {
            return Err(self.error(kind.clone()));
        }
        let heads = self.world.heads();
        let latest = self.head.lock().unwrap().and_then(|height| self.world.block(height)).unwrap_or(heads.latest);
        Ok(Heads { earliest: self.earliest, latest, finalized: heads.finalized.min(latest.height) })
    }

    async fn fetch(&self, range: BlockRange, filter: &Filter) -> Result<Batch, SourceError> {
        let call = {
            let mut asked = self.asked.lock().unwrap();
            asked.push((range, filter.streams.iter().map(|(stream, _)| stream.name()).collect(), filter.headers));
            asked.len()
        };
        if let Some(latency_ms) = self.latencies_ms.get(call - 1) {
            tokio::time::sleep(Duration::from_millis(*latency_ms)).await;
        }
        let (mut answered, mut holes, mut branch, mut is_garbage) = (range, Vec::new(), None, false);
        match self.fault(range, call) {
            Some(Fault::Error(kind)) => return Err(self.error(kind)),
            Some(Fault::Short(blocks)) => answered = range.split_at(blocks).0,
            Some(Fault::Hole(hole)) => holes.push(Hole { range: hole.range.intersect(&range).unwrap(), ..hole }),
            Some(Fault::Garbage) => {
                is_garbage = true;
                holes.push(Hole { range, reason: HoleReason::Truncated, detail: "scripted".to_owned(), streams: Vec::new() });
            }
            Some(Fault::Shifted) => answered = BlockRange::new(range.from() + 1, range.to()).unwrap(),
            Some(Fault::Branch(other)) => branch = Some(other),
            None => {}
        }
        let batch = self.batch(answered, holes, branch, filter);
        if !is_garbage {
            return Ok(batch);
        }
        let (stream, error, text) = (filter.streams[0].0.clone(), "no record".to_owned(), "?".to_owned());
        let malformed = vec![MalformedRecord { stream, height: range.from(), error, text }];
        Ok(Batch { malformed, blocks: Vec::new(), ..batch })
    }

    async fn block_ref(&self, height: u64) -> Result<Option<BlockRef>, SourceError> {
        let call = {
            let mut calls = self.block_refs.lock().unwrap();
            *calls += 1;
            *calls
        };
        if let Some((kind, _)) = self.block_ref_errors.as_ref().filter(|(_, last)| call <= *last) {
            return Err(self.error(kind.clone()));
        }
        let block = self.world.block(height);
        let mut lies = self.lies.lock().unwrap();
        match lies.iter().position(|(at, _)| *at == height) {
            Some(position) => {
                let (_, branch) = lies.remove(position);
                Ok(block.map(|block| on_branch(block, branch)))
            }
            None => Ok(block),
        }
    }

    async fn height_at(&self, time_ms: i64) -> Result<Option<u64>, SourceError> {
        let height = u64::try_from(time_ms.max(0)).unwrap().div_ceil(1_000);
        Ok(self.world.block(height).map(|block| block.height))
    }
}

impl Endpoint {
    fn batch(&self, range: BlockRange, holes: Vec<Hole>, branch: Option<u8>, filter: &Filter) -> Batch {
        let heights = range.from()..=range.to();
        let is_asked = |record: &perpdex_core::RawRecord| filter.streams.iter().any(|(_, watch)| watch.matches(record));
        let is_lost = |height: u64| holes.iter().any(|hole| hole.range.contains(height));
        let records: Vec<_> =
            heights.clone().filter(|height| !is_lost(*height)).flat_map(|height| self.world.records(height)).filter(is_asked).collect();
        let is_needed = |height: u64| {
            filter.headers == Headers::All
                || height == range.from()
                || height == range.to()
                || records.iter().any(|record| record.height == height)
        };
        let blocks = heights.filter(|height| is_needed(*height)).filter_map(|height| self.world.block(height));
        let blocks: Vec<BlockRef> = blocks.map(|block| branch.map_or(block, |branch| on_branch(block, branch))).collect();
        // On another branch there is nothing but blocks.
        let records = if branch.is_some() { Vec::new() } else { records };
        Batch { range, blocks, records, malformed: Vec::new(), holes, evidence: Evidence::Witnessed }
    }
}

fn on_branch(block: BlockRef, branch: u8) -> BlockRef {
    let parent = block.height.checked_sub(1).map(|below| super::world::hash(below, branch)).unwrap_or_default();
    let link = perpdex_core::Link { hash: super::world::hash(block.height, branch), parent };
    BlockRef { link: Some(link), ..block }
}
