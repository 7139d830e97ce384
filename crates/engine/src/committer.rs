//! The only writer of a chain's history: one update after the other, each one transaction of the store. A range may be begun while
//! the one before it is being written; what is seen of them is seen in their order.

use std::collections::VecDeque;
use std::sync::Arc;

use perpdex_core::{BlockConflict, BlockRange, BlockRef, ChainId, Committed, Hole, Reverted, Store, StoreError, Turn};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::check::contradicts;
use crate::decode;
use crate::fetch::Piece;

/// What is told of a range when it is written, or was not.
pub(crate) struct About {
    pub(crate) range: BlockRange,
    /// Ranges it was fetched in.
    pub(crate) ranges: u64,
    pub(crate) streams: Arc<[usize]>,
    pub(crate) endpoint: usize,
    pub(crate) holes: Vec<Hole>,
    /// Records of kinds that no layout lists.
    pub(crate) unknown: u64,
    /// Things that were not even records.
    pub(crate) malformed: u64,
}

/// What became of a range.
pub(crate) enum Applied {
    Committed(Committed),
    /// The range does not fit the stored blocks; nothing was written.
    Conflict(BlockConflict),
}

/// A range on its way into the store.
struct Begun {
    about: About,
    writing: JoinHandle<Result<Committed, StoreError>>,
}

/// Applies updates in the order they come.
pub(crate) struct Committer {
    chain: ChainId,
    store: Arc<dyn Store>,
    /// The last block of the last range begun, so that an unbroken run needs no look into the store.
    last: Option<BlockRef>,
    begun: VecDeque<Begun>,
    /// Comes when the last range begun is written.
    written: Option<oneshot::Receiver<()>>,
}

impl Committer {
    pub(crate) fn new(chain: ChainId, store: Arc<dyn Store>) -> Committer {
        Committer { chain, store, last: None, begun: VecDeque::new(), written: None }
    }

    /// Ranges that are begun and of which it was not told yet what became of them.
    pub(crate) fn under_way(&self) -> usize {
        self.begun.len()
    }

    /// Whether none of the ranges under way has a height of this one: blocks and records of a height may be those of several streams.
    pub(crate) fn is_apart(&self, range: BlockRange) -> bool {
        self.begun.iter().all(|begun| begun.about.range.intersect(&range).is_none())
    }

    /// Begins to add a range behind those under way, from which it is apart. A conflict: it does not fit the block below, and was not begun.
    pub(crate) async fn begin(&mut self, piece: Piece) -> Result<Option<BlockConflict>, StoreError> {
        let first = piece.commit.blocks.first().copied();
        if let Some(first) = first
            && let Some(below) = self.block_below(&first).await?
            && let Some((low, high)) = contradicts(&below, &first)
        {
            return Ok(Some(BlockConflict { height: below.height, stored: hex(low.hash), found: hex(high.parent) }));
        }
        self.last = piece.commit.blocks.last().copied();
        let about = About::of(&piece);
        let turn = match self.written.take() {
            Some(before) => Turn::after(async move { before.await.is_ok() }),
            None => Turn::now(),
        };
        let (written, after) = oneshot::channel();
        let store = self.store.clone();
        let writing = tokio::spawn(async move {
            // The room it takes in memory is given back when it is written.
            let Piece { commit, taken, .. } = piece;
            let outcome = store.commit_in_turn(commit, turn).await;
            drop(taken);
            if outcome.is_ok() {
                // No one waits where nothing was begun behind it.
                let _ = written.send(());
            }
            outcome
        });
        self.written = Some(after);
        self.begun.push_back(Begun { about, writing });
        Ok(None)
    }

    /// Waits for the first range under way; `None` where there is none. Where it was not written, none behind it is either: see
    /// [`Committer::abandon`].
    ///
    /// May be cancelled without losing anything.
    pub(crate) async fn next(&mut self) -> Option<(About, Result<Applied, StoreError>)> {
        let outcome = joined((&mut self.begun.front_mut()?.writing).await);
        let Begun { about, .. } = self.begun.pop_front().expect("it was the first");
        let applied = match outcome {
            Ok(committed) => Ok(Applied::Committed(committed)),
            Err(StoreError::Conflict { conflict, .. }) => Ok(Applied::Conflict(conflict)),
            Err(error) => Err(error),
        };
        Some((about, applied))
    }

    /// Waits for the ranges under way without telling of them. Behind one that was not written they end by themselves, since their
    /// turn never comes.
    pub(crate) async fn abandon(&mut self) {
        (self.last, self.written) = (None, None);
        while let Some(begun) = self.begun.pop_front() {
            let _ = joined(begun.writing.await);
        }
    }

    /// Everything above a block goes, because of a conflict. Nothing may be under way.
    pub(crate) async fn revert(&mut self, to: BlockRef, conflict: BlockConflict) -> Result<Reverted, StoreError> {
        assert_eq!(self.under_way(), 0, "what is under way would be written behind the revert");
        self.abandon().await;
        self.store.revert(self.chain, to, conflict).await
    }

    async fn block_below(&self, block: &BlockRef) -> Result<Option<BlockRef>, StoreError> {
        let Some(height) = block.height.checked_sub(1) else { return Ok(None) };
        if block.link.is_none() {
            return Ok(None);
        }
        match self.last {
            Some(last) if last.height == height => Ok(Some(last)),
            _ => self.store.block(self.chain, height).await,
        }
    }
}

impl About {
    fn of(piece: &Piece) -> About {
        let commit = &piece.commit;
        About {
            range: commit.range,
            ranges: piece.ranges,
            streams: piece.streams.clone(),
            endpoint: piece.endpoint,
            holes: commit.holes.clone(),
            unknown: decode::unknown(commit),
            malformed: commit.malformed.len() as u64,
        }
    }
}

fn joined<T>(outcome: Result<T, tokio::task::JoinError>) -> T {
    outcome.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
}

/// A hash as explorers print it.
pub(crate) fn hex(hash: alloy_primitives::B256) -> String {
    format!("{hash:#x}")
}
