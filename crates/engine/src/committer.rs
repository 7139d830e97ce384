//! The only writer of a chain's history: one update after the other, each one transaction of the store.

use std::sync::Arc;

use perpdex_core::{BlockConflict, BlockRef, ChainId, Committed, Reverted, Store, StoreError};

use crate::check::contradicts;
use crate::fetch::Piece;

/// What may happen to a chain's stored history. Nothing else changes it.
pub(crate) enum ChainUpdate {
    /// A range is added.
    Apply(Box<Piece>),
    /// Everything above a block goes, because of a conflict.
    Revert { to: BlockRef, conflict: BlockConflict },
}

/// What became of an update.
pub(crate) enum Applied {
    Committed(Committed),
    Reverted(Reverted),
    /// The range does not fit the stored blocks; nothing was written.
    Conflict(BlockConflict),
}

/// Applies updates in the order they come.
pub(crate) struct Committer {
    chain: ChainId,
    store: Arc<dyn Store>,
    /// The last block of the last commit, so that an unbroken run needs no look into the store.
    last: Option<BlockRef>,
}

impl Committer {
    pub(crate) fn new(chain: ChainId, store: Arc<dyn Store>) -> Committer {
        Committer { chain, store, last: None }
    }

    /// Applies one update.
    pub(crate) async fn take(&mut self, update: ChainUpdate) -> Result<Applied, StoreError> {
        match update {
            ChainUpdate::Apply(piece) => self.apply(*piece).await,
            ChainUpdate::Revert { to, conflict } => {
                self.last = None;
                self.store.revert(self.chain, to, conflict).await.map(Applied::Reverted)
            }
        }
    }

    async fn apply(&mut self, piece: Piece) -> Result<Applied, StoreError> {
        let first = piece.commit.blocks.first().copied();
        let last = piece.commit.blocks.last().copied();
        if let Some(first) = first
            && let Some(below) = self.stored_below(&first).await?
            && let Some((low, high)) = contradicts(&below, &first)
        {
            return Ok(Applied::Conflict(BlockConflict { height: below.height, stored: hex(low.hash), found: hex(high.parent) }));
        }
        match self.store.commit(piece.commit).await {
            Ok(committed) => {
                self.last = last;
                Ok(Applied::Committed(committed))
            }
            Err(StoreError::Conflict { conflict, .. }) => Ok(Applied::Conflict(conflict)),
            Err(error) => Err(error),
        }
    }

    async fn stored_below(&self, block: &BlockRef) -> Result<Option<BlockRef>, StoreError> {
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

/// A hash as explorers print it.
pub(crate) fn hex(hash: alloy_primitives::B256) -> String {
    format!("{hash:#x}")
}
