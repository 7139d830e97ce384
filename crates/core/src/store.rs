//! What a database gives the engine.

use async_trait::async_trait;
use serde::Serialize;

use crate::{
    BlockConflict, BlockRange, BlockRef, ChainId, Covered, Event, Evidence, Failure, Hole, MalformedRecord, RangeSet, RawRecord, RunState,
    StoreError, StreamId, Target, Turn,
};

/// The store: rows and coverage move in one transaction, and every aggregate equals a recomputation from rows.
#[async_trait]
pub trait Store: Send + Sync {
    /// Writes what is wanted; coverage outside of targets is kept.
    async fn set_targets(&self, targets: &[Target]) -> Result<(), StoreError>;

    /// All covered ranges of a chain, of all stream versions, ascending per stream.
    async fn coverage(&self, chain: ChainId) -> Result<Vec<Covered>, StoreError>;

    /// Blocks above the chain's final height, ascending. Their hashes decide what a reorg is.
    async fn unfinal_blocks(&self, chain: ChainId) -> Result<Vec<BlockRef>, StoreError>;

    /// The stored block at a height, if one is stored.
    async fn block(&self, chain: ChainId, height: u64) -> Result<Option<BlockRef>, StoreError>;

    /// One transaction: blocks, raw records, events with their rows and contributions, failures, coverage, holes.
    ///
    /// Records already stored are skipped with their events; doing it twice changes nothing. A record or block whose
    /// hash differs from the stored one at its key is [`StoreError::Conflict`], and nothing is written.
    async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        self.commit_in_turn(commit, Turn::now()).await
    }

    /// [`Store::commit`] behind others that are under way, whose heights are not its own. What hangs on nothing that they write may be
    /// prepared before its turn has come; nothing is seen of it before it is written whole, and a turn that never comes leaves nothing.
    async fn commit_in_turn(&self, commit: Commit, turn: Turn) -> Result<Committed, StoreError>;

    /// Whether commits that wait for their turn get anything done: else they but take memory.
    fn prepares_ahead(&self) -> bool;

    /// One transaction: removes everything of the chain above `to` (the last block kept), takes its contributions out,
    /// cuts coverage and writes a row of `reorgs`.
    async fn revert(&self, chain: ChainId, to: BlockRef, conflict: BlockConflict) -> Result<Reverted, StoreError>;

    /// Raises the chain's final and newest known height (inclusive); neither ever falls.
    async fn set_heads(&self, chain: ChainId, finalized: u64, latest: u64) -> Result<(), StoreError>;

    /// Takes back that a stream is covered there: its records turned out to be incomplete. What is stored of it stays.
    async fn uncover(&self, stream: &StreamId, range: BlockRange) -> Result<(), StoreError>;

    /// Heights of a chain, of any stream, whose records an earlier look left in doubt: holes that were left out or unproven.
    async fn doubted(&self, chain: ChainId) -> Result<RangeSet, StoreError>;

    /// Records that a range could not be had, without covering anything.
    async fn record_holes(&self, streams: &[StreamId], holes: &[Hole]) -> Result<(), StoreError>;

    /// Keeps where a chain's run stands, in the place of what was kept of its runs before.
    async fn record_run(&self, run: &RunState) -> Result<(), StoreError>;

    /// Recomputes levels and windows that commits and reverts left dirty.
    async fn reduce(&self) -> Result<ReduceStats, StoreError>;
}

/// What one commit writes.
#[derive(Clone, Debug)]
pub struct Commit {
    /// The chain.
    pub chain: ChainId,
    /// Heights the batch answers for; holes are left out of coverage.
    pub range: BlockRange,
    /// Streams that the batch answers for.
    pub streams: Vec<StreamId>,
    /// How well.
    pub evidence: Evidence,
    /// Time of the range's first height, unix milliseconds.
    pub from_ms: i64,
    /// Time of the range's last height, unix milliseconds.
    pub to_ms: i64,
    /// Blocks to remember: with records, at the range's ends, and all unfinal ones.
    pub blocks: Vec<BlockRef>,
    /// Raw records with the venue each was routed to, canonical order.
    pub records: Vec<(StreamId, RawRecord)>,
    /// Events of those records, canonical order.
    pub events: Vec<Event>,
    /// Records that a decoder could not use (failures and unknown events).
    pub failures: Vec<(StreamId, Failure)>,
    /// Things that were not even records.
    pub malformed: Vec<MalformedRecord>,
    /// Parts of the range that could not be had.
    pub holes: Vec<Hole>,
}

/// What a commit did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Committed {
    /// Raw records written.
    pub records: u64,
    /// Raw records that were there already.
    pub records_known: u64,
    /// Events written.
    pub events: u64,
    /// Records that could not be decoded (known kinds only; unknown events are not failures).
    pub failures: u64,
}

/// What an unwinding removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Reverted {
    /// Raw records removed.
    pub records: u64,
    /// Blocks removed.
    pub blocks: u64,
}

/// What a reduction did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ReduceStats {
    /// Markets looked at.
    pub markets: u64,
    /// Market-hours written.
    pub market_hours: u64,
    /// Cells of the whole store that are NULL because their number fits no column or cannot be.
    pub failures: u64,
}
