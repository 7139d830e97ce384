//! Blocks and ranges of blocks. "Height" is a block number, a slot or a HyperCore block number.

use std::fmt;

use alloy_primitives::B256;
use serde::{Deserialize, Serialize};

/// The hash of a block and of its parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The block's own hash.
    pub hash: B256,
    /// The hash of the block below it (on Solana: of the parent slot's block).
    pub parent: B256,
}

/// One canonical block as a source reported it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockRef {
    /// Height of the block.
    pub height: u64,
    /// Hashes, where the chain has them (HyperCore has none, Solana only where a block was fetched).
    pub link: Option<Link>,
    /// Unix milliseconds. On EVM chains header seconds times 1,000, always.
    pub time_ms: i64,
}

impl BlockRef {
    /// The block's own hash, if the chain has one.
    pub fn hash(&self) -> Option<B256> {
        self.link.map(|link| link.hash)
    }
}

/// A non-empty range of heights, inclusive at both ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "(u64, u64)", into = "(u64, u64)")]
pub struct BlockRange {
    from: u64,
    to: u64,
}

impl BlockRange {
    /// A range from `from` to `to`, both inside; `None` if it would be empty.
    pub fn new(from: u64, to: u64) -> Option<BlockRange> {
        (from <= to).then_some(BlockRange { from, to })
    }

    /// The range that holds one height.
    pub fn single(height: u64) -> BlockRange {
        BlockRange { from: height, to: height }
    }

    /// First height, inside the range.
    pub fn from(&self) -> u64 {
        self.from
    }

    /// Last height, inside the range.
    pub fn to(&self) -> u64 {
        self.to
    }

    /// Number of heights, at least 1; saturates for the range of all heights.
    pub fn blocks(&self) -> u64 {
        (self.to - self.from).saturating_add(1)
    }

    /// Whether `height` lies inside.
    pub fn contains(&self, height: u64) -> bool {
        self.from <= height && height <= self.to
    }

    /// The heights both ranges hold, or `None`.
    pub fn intersect(&self, other: &BlockRange) -> Option<BlockRange> {
        BlockRange::new(self.from.max(other.from), self.to.min(other.to))
    }

    /// The first `blocks` heights (at least one) and the rest, if any.
    pub fn split_at(&self, blocks: u64) -> (BlockRange, Option<BlockRange>) {
        let last = self.from.saturating_add(blocks.max(1) - 1).min(self.to);
        let rest = last.checked_add(1).and_then(|from| BlockRange::new(from, self.to));
        (BlockRange { from: self.from, to: last }, rest)
    }
}

impl fmt::Display for BlockRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..={}", self.from, self.to)
    }
}

impl TryFrom<(u64, u64)> for BlockRange {
    type Error = String;

    fn try_from((from, to): (u64, u64)) -> Result<Self, Self::Error> {
        BlockRange::new(from, to).ok_or_else(|| format!("range {from}..={to} is empty"))
    }
}

impl From<BlockRange> for (u64, u64) {
    fn from(range: BlockRange) -> Self {
        (range.from, range.to)
    }
}

/// Two hashes at one height.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockConflict {
    /// Where.
    pub height: u64,
    /// The stored hash.
    pub stored: String,
    /// The hash the source gives now.
    pub found: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn split_keeps_every_height_once() {
        let range = BlockRange::new(10, 14).unwrap();
        let (head, rest) = range.split_at(2);
        assert_eq!((head.from(), head.to()), (10, 11));
        assert_eq!(rest, BlockRange::new(12, 14));
        assert_eq!(range.split_at(5), (range, None));
        assert_eq!(BlockRange::new(5, 4), None);
        assert_eq!(BlockRange::single(u64::MAX).split_at(1).1, None);
    }
}
