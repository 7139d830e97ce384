//! Stored raw records decoded once more, with today's decoders.

use async_trait::async_trait;

use crate::{BlockRange, BlockRef, ChainId, Commit, Committed, RangeSet, RawRecord, Store, StoreError, StreamId, VenueSlug};

/// A covered piece of a chain as it was read.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredPiece {
    /// The heights.
    pub range: BlockRange,
    /// The parts with all of their records, ascending.
    pub whole: Vec<StoredRange>,
    /// The parts whose records were stored without their payload, so that their rows cannot be made anew: each from a height with
    /// such a record up to the next one whose records are whole.
    pub dropped: RangeSet,
    /// The first height that has rows but no raw record: those were removed, so that its rows cannot be made anew.
    pub without_raw: Option<u64>,
}

/// A stored range with all of its records: the same streams are covered throughout.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredRange {
    /// The heights.
    pub range: BlockRange,
    /// Streams that are covered throughout the range.
    pub streams: Vec<StreamId>,
    /// Stored blocks of the range, ascending.
    pub blocks: Vec<BlockRef>,
    /// All records of the range with the stream each came by, canonical order.
    pub records: Vec<(StreamId, RawRecord)>,
}

/// A store whose rows can be made anew from its raw records.
#[async_trait]
pub trait RedecodeStore: Store {
    /// The first covered part of a range, not larger than one transaction bears; `None` where nothing of it is covered.
    async fn stored_piece(&self, chain: ChainId, range: BlockRange) -> Result<Option<StoredPiece>, StoreError>;

    /// One transaction: the rows of these venues in the commit's range go with their contributions, and those of its events
    /// come. Raw records, blocks and coverage stay as they are. `records_read` is the number of raw records that were stored in the range
    /// when it was read, of all venues: where it holds others by now, another process writes, which is an error.
    async fn replace(&self, commit: Commit, venues: &[VenueSlug], records_read: u64) -> Result<Committed, StoreError>;
}
