//! A store in memory that keeps the contract of `perpdex_core::Store`, and remembers what was done to it.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use perpdex_core::{
    BlockConflict, BlockRange, BlockRef, ChainId, Commit, Committed, Covered, Event, Evidence, FailureKind, Hole, HoleReason, RangeSet,
    RawRecord, ReduceStats, Reverted, RunState, Store, StoreError, StreamId, Target, Turn,
};
use tokio_util::sync::CancellationToken;

#[derive(Default)]
pub(crate) struct MemoryStore {
    state: Mutex<State>,
    /// Cancelled by the n-th commit.
    pub(crate) cancel_at: Option<(usize, CancellationToken)>,
}

#[derive(Clone, Default)]
pub(crate) struct State {
    pub(crate) targets: Vec<Target>,
    pub(crate) coverage: BTreeMap<StreamId, RangeSet>,
    pub(crate) blocks: BTreeMap<u64, BlockRef>,
    pub(crate) records: BTreeMap<(u64, i64), (StreamId, RawRecord)>,
    pub(crate) events: Vec<Event>,
    pub(crate) holes: Vec<(Vec<StreamId>, Hole)>,
    /// Ranges of the commits, in their order.
    pub(crate) commits: Vec<BlockRange>,
    /// Each range that was begun, with the commits that were written by then.
    pub(crate) begun: Vec<(BlockRange, usize)>,
    /// Nothing is gained by beginning one commit while another is written.
    pub(crate) is_alone: bool,
    /// Ranges that are begun and not written yet.
    under_way: Vec<BlockRange>,
    /// How long a commit takes behind its turn.
    pub(crate) commit_ms: u64,
    pub(crate) reverts: Vec<(u64, BlockConflict)>,
    pub(crate) heads: (u64, u64),
    pub(crate) malformed: usize,
    pub(crate) reduced: usize,
    pub(crate) runs: Vec<RunState>,
    /// Error of every commit of a range that starts at this height or above.
    pub(crate) broken_from: Option<u64>,
    /// The next commit of a range that starts here finds another hash at its first block.
    pub(crate) conflicts_at: Option<u64>,
    /// The evidence that everything covered is said to have.
    pub(crate) evidence: Option<Evidence>,
    /// So many commits to come find the database away; every second one of them is written all the same.
    pub(crate) unavailable: usize,
}

impl MemoryStore {
    pub(crate) fn state(&self) -> State {
        self.state.lock().unwrap().clone()
    }

    pub(crate) fn change(&self, work: impl FnOnce(&mut State)) {
        work(&mut self.state.lock().unwrap());
    }

    /// Covered heights of the stream with this name.
    pub(crate) fn covered(&self, name: &str) -> RangeSet {
        let state = self.state();
        state.coverage.iter().find(|(stream, _)| stream.name() == name).map(|(_, ranges)| ranges.clone()).unwrap_or_default()
    }

    async fn write(&self, commit: Commit, turn: Turn) -> Result<Committed, StoreError> {
        turn.wait().await?;
        let time = Duration::from_millis(self.state().commit_ms);
        if !time.is_zero() {
            tokio::time::sleep(time).await;
        }
        let mut state = self.state.lock().unwrap();
        if state.broken_from.is_some_and(|from| from <= commit.range.from()) {
            return Err(StoreError::Database { database: "memory".to_owned(), message: "disk full".to_owned() });
        }
        if state.conflicts_at == Some(commit.range.from()) {
            state.conflicts_at = None;
            let conflict = BlockConflict { height: commit.range.from(), stored: "0xa".to_owned(), found: "0xb".to_owned() };
            return Err(StoreError::Conflict { chain: commit.chain, conflict });
        }
        let is_away = 0 < state.unavailable;
        state.unavailable = state.unavailable.saturating_sub(1);
        let away = || Err(StoreError::Unavailable { database: "memory".to_owned(), message: "connection lost".to_owned() });
        if is_away && state.unavailable.is_multiple_of(2) {
            return away();
        }
        for block in &commit.blocks {
            let stored = state.blocks.get(&block.height).and_then(BlockRef::hash);
            if let (Some(stored), Some(found)) = (stored, block.hash())
                && stored != found
            {
                let conflict = BlockConflict { height: block.height, stored: format!("{stored:#x}"), found: format!("{found:#x}") };
                return Err(StoreError::Conflict { chain: commit.chain, conflict });
            }
        }
        state.commits.push(commit.range);
        state.malformed += commit.malformed.len();
        state.blocks.extend(commit.blocks.iter().map(|block| (block.height, *block)));
        let covered = RangeSet::from_ranges([commit.range]).without(&RangeSet::from_ranges(commit.holes.iter().map(|hole| hole.range)));
        for stream in &commit.streams {
            let known = state.coverage.entry(stream.clone()).or_default();
            *known = RangeSet::from_ranges(known.ranges().iter().chain(covered.ranges()).copied());
        }
        state.holes.extend(commit.holes.iter().map(|hole| (commit.streams.clone(), hole.clone())));
        let mut done = Committed::default();
        for (stream, record) in commit.records {
            let key = (record.height, record.rec);
            match state.records.insert(key, (stream, record)) {
                Some(_) => done.records_known += 1,
                None => done.records += 1,
            }
        }
        done.events = commit.events.len() as u64;
        state.events.extend(commit.events);
        done.failures = commit.failures.iter().filter(|(_, failure)| failure.kind != FailureKind::UnknownEvent).count() as u64;
        if let Some((count, cancel)) = &self.cancel_at
            && *count == state.commits.len()
        {
            cancel.cancel();
        }
        if is_away { away() } else { Ok(done) }
    }

    /// Records as text, to compare stores.
    pub(crate) fn dump(&self) -> String {
        let state = self.state();
        format!("{:#?}\n{:#?}\n{:#?}\n{:#?}", state.coverage, state.records, state.events, state.blocks.keys())
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn set_targets(&self, targets: &[Target]) -> Result<(), StoreError> {
        self.change(|state| state.targets = targets.to_vec());
        Ok(())
    }

    async fn coverage(&self, _chain: ChainId) -> Result<Vec<Covered>, StoreError> {
        let state = self.state();
        let covered = |stream: &StreamId, range: BlockRange| Covered {
            stream: stream.clone(),
            range,
            from_ms: 0,
            to_ms: 0,
            evidence: state.evidence.unwrap_or(Evidence::Witnessed),
        };
        Ok(state.coverage.iter().flat_map(|(stream, set)| set.ranges().iter().map(move |range| covered(stream, *range))).collect())
    }

    async fn unfinal_blocks(&self, _chain: ChainId) -> Result<Vec<BlockRef>, StoreError> {
        let state = self.state();
        Ok(state.blocks.range(state.heads.0 + 1..).map(|(_, block)| *block).collect())
    }

    async fn block(&self, _chain: ChainId, height: u64) -> Result<Option<BlockRef>, StoreError> {
        Ok(self.state().blocks.get(&height).copied())
    }

    async fn commit_in_turn(&self, commit: Commit, turn: Turn) -> Result<Committed, StoreError> {
        self.change(|state| {
            state.begun.push((commit.range, state.commits.len()));
            let beside = state.under_way.iter().find(|range| range.intersect(&commit.range).is_some());
            assert_eq!(beside, None, "{} was begun beside a range with the same heights", commit.range);
            state.under_way.push(commit.range);
        });
        let range = commit.range;
        let outcome = self.write(commit, turn).await;
        self.change(|state| state.under_way.retain(|other| *other != range));
        outcome
    }

    fn prepares_ahead(&self) -> bool {
        !self.state().is_alone
    }

    async fn revert(&self, _chain: ChainId, to: BlockRef, conflict: BlockConflict) -> Result<Reverted, StoreError> {
        let mut state = self.state.lock().unwrap();
        let height = to.height;
        state.reverts.push((height, conflict));
        let (records, blocks) = (state.records.len(), state.blocks.len());
        state.records.retain(|(at, _), _| *at <= height);
        state.blocks.retain(|at, _| *at <= height);
        state.events.retain(|event| event.key.height <= height);
        let above = RangeSet::from_ranges(BlockRange::new(height + 1, u64::MAX));
        for ranges in state.coverage.values_mut() {
            *ranges = ranges.without(&above);
        }
        Ok(Reverted { records: (records - state.records.len()) as u64, blocks: (blocks - state.blocks.len()) as u64 })
    }

    async fn set_heads(&self, _chain: ChainId, finalized: u64, latest: u64) -> Result<(), StoreError> {
        self.change(|state| state.heads = (state.heads.0.max(finalized), state.heads.1.max(latest)));
        Ok(())
    }

    async fn uncover(&self, stream: &StreamId, range: BlockRange) -> Result<(), StoreError> {
        self.change(|state| {
            let known = state.coverage.entry(stream.clone()).or_default();
            *known = known.without(&RangeSet::from_ranges([range]));
        });
        Ok(())
    }

    async fn doubted(&self, _chain: ChainId) -> Result<RangeSet, StoreError> {
        let state = self.state();
        let doubts = state.holes.iter().filter(|(_, hole)| matches!(hole.reason, HoleReason::Omitted | HoleReason::Unproven));
        let doubted = RangeSet::from_ranges(doubts.map(|(_, hole)| hole.range));
        let covered = state.coverage.values().next().cloned().unwrap_or_default();
        Ok(doubted.without(&covered))
    }

    async fn record_holes(&self, streams: &[StreamId], holes: &[Hole]) -> Result<(), StoreError> {
        self.change(|state| state.holes.extend(holes.iter().map(|hole| (streams.to_vec(), hole.clone()))));
        Ok(())
    }

    async fn record_run(&self, run: &RunState) -> Result<(), StoreError> {
        self.change(|state| state.runs.push(run.clone()));
        Ok(())
    }

    async fn reduce(&self) -> Result<ReduceStats, StoreError> {
        self.change(|state| state.reduced += 1);
        Ok(ReduceStats::default())
    }
}
