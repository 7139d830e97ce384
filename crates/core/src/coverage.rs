//! Coverage: which heights of which stream are known, how well, and what is missing.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{BlockRange, ChainId, VenueSlug};

/// The unit of coverage: one venue's records on one chain under one version of filter and decoder.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct StreamId {
    /// The chain.
    pub chain: ChainId,
    /// The venue.
    pub venue: VenueSlug,
    /// The venue's part of it, empty where it has one stream.
    pub part: String,
    /// Version of filter and decoder.
    pub version: u32,
}

impl StreamId {
    /// The stream's name without chain and version, as tables store it: `gmx_v2`, `hyperliquid.fills`.
    pub fn name(&self) -> String {
        if self.part.is_empty() { self.venue.to_string() } else { format!("{}.{}", self.venue, self.part) }
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{} on {}", self.name(), self.version, self.chain)
    }
}

/// What a stretch of coverage speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Family {
    /// Volume and changes of open interest.
    Volume,
    /// Liquidations.
    Liquidations,
    /// Settled funding and borrow.
    Funding,
}

/// Parts whose name says that they bring only some families.
const PART_FAMILIES: &[(&str, &[Family])] = &[
    ("fills", &[Family::Volume, Family::Liquidations]),
    ("misc", &[Family::Funding]),
    ("node_fills", &[Family::Volume, Family::Liquidations]),
    ("node_trades", &[Family::Volume]),
    ("trades", &[]),
    ("asset_ctxs", &[Family::Funding]),
    ("contexts", &[Family::Funding]),
    ("klines", &[Family::Volume]),
    ("funding", &[Family::Funding]),
    ("liquidations", &[Family::Liquidations]),
    ("prints", &[]),
    ("snapshots", &[]),
    ("markets", &[]),
];

impl Family {
    /// What a part brings. A part of any other name brings all families.
    pub fn of_part(part: &str) -> &'static [Family] {
        const ALL: &[Family] = &[Family::Volume, Family::Liquidations, Family::Funding];
        PART_FAMILIES.iter().find(|(name, _)| *name == part).map_or(ALL, |(_, families)| families)
    }
}

/// How well a range is known; later variants are stronger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Evidence {
    /// Read before it was final, on a chain whose blocks do not prove it: read again once it is final.
    Provisional,
    /// The answering endpoint has the end block, read in the same request.
    Witnessed,
    /// Quiet stretches were tested against header blooms.
    Probed,
    /// A second endpoint gave the same keys.
    Second,
    /// Every header's bloom was tested.
    Bloom,
    /// Every block's receipts were read; for files: every block's line is there.
    Receipts,
}

impl Evidence {
    /// The name in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Evidence::Provisional => "provisional",
            Evidence::Witnessed => "witnessed",
            Evidence::Probed => "probed",
            Evidence::Second => "second",
            Evidence::Bloom => "bloom",
            Evidence::Receipts => "receipts",
        }
    }

    /// The evidence with this name, or `None`.
    pub fn from_name(name: &str) -> Option<Evidence> {
        use Evidence::{Bloom, Probed, Provisional, Receipts, Second, Witnessed};
        [Provisional, Witnessed, Probed, Second, Bloom, Receipts].into_iter().find(|evidence| evidence.as_str() == name)
    }
}

/// One covered range of a stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Covered {
    /// The stream.
    pub stream: StreamId,
    /// The heights.
    pub range: BlockRange,
    /// Time of the first height in unix milliseconds.
    pub from_ms: i64,
    /// Time of the last height in unix milliseconds.
    pub to_ms: i64,
    /// How well it is known.
    pub evidence: Evidence,
}

/// What is wanted of a stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// The stream.
    pub stream: StreamId,
    /// First height wanted.
    pub from: u64,
    /// Last height wanted; `None`: follow the head.
    pub to: Option<u64>,
    /// First height at which the stream can hold anything, if known: history covered from here starts from zero.
    pub first_height: Option<u64>,
    /// The weakest evidence that counts as covered.
    pub evidence_min: Evidence,
    /// Whether unknown events of the emitter would be seen.
    pub sees_unknown: bool,
}

/// Why a hole is a hole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoleReason {
    /// The source does not have it (pruned, never written).
    Missing,
    /// A file ended inside it.
    Truncated,
    /// All tries failed.
    Failed,
    /// Metadata that events are read from was not recorded.
    NotRecorded,
    /// The only endpoint that answers leaves records out there.
    Omitted,
    /// What came is stored, but nothing proves that it is all of it.
    Unproven,
    /// The venue's stated level differs from the computed one.
    AnchorDifference,
}

impl HoleReason {
    /// The name in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            HoleReason::Missing => "missing",
            HoleReason::Truncated => "truncated",
            HoleReason::Failed => "failed",
            HoleReason::NotRecorded => "not_recorded",
            HoleReason::Omitted => "omitted",
            HoleReason::Unproven => "unproven",
            HoleReason::AnchorDifference => "anchor_difference",
        }
    }
}

/// A part of a range that could not be had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hole {
    /// The heights.
    pub range: BlockRange,
    /// Why.
    pub reason: HoleReason,
    /// What to know about it: file and line, endpoint label, signature.
    pub detail: String,
    /// The streams that may lack records there, where the source knows; empty: all that were asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub streams: Vec<StreamId>,
}

impl Hole {
    /// Whether the stream may lack records there.
    pub fn is_of(&self, stream: &StreamId) -> bool {
        self.streams.is_empty() || self.streams.contains(stream)
    }
}

/// A set of heights as disjoint, ascending, non-touching ranges.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RangeSet {
    ranges: Vec<BlockRange>,
}

impl RangeSet {
    /// The union of any ranges, in any order.
    pub fn from_ranges(ranges: impl IntoIterator<Item = BlockRange>) -> RangeSet {
        let mut sorted: Vec<BlockRange> = ranges.into_iter().collect();
        sorted.sort();
        let mut merged: Vec<BlockRange> = Vec::with_capacity(sorted.len());
        for range in sorted {
            match merged.last_mut() {
                Some(last) if range.from() <= last.to().saturating_add(1) => {
                    *last = BlockRange::new(last.from(), last.to().max(range.to())).expect("a union is not empty");
                }
                _ => merged.push(range),
            }
        }
        RangeSet { ranges: merged }
    }

    /// The ranges, ascending.
    pub fn ranges(&self) -> &[BlockRange] {
        &self.ranges
    }

    /// Whether no height is in the set.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Number of heights in the set.
    pub fn blocks(&self) -> u64 {
        self.ranges.iter().map(BlockRange::blocks).fold(0, u64::saturating_add)
    }

    /// The parts of `wanted` that are not in the set.
    pub fn missing(&self, wanted: BlockRange) -> RangeSet {
        let mut out = Vec::new();
        let mut next = Some(wanted.from());
        for have in &self.ranges {
            let Some(from) = next else { break };
            if have.to() < from {
                continue;
            }
            if have.from() > wanted.to() {
                break;
            }
            if from < have.from() {
                out.extend(BlockRange::new(from, have.from() - 1));
            }
            next = have.to().checked_add(1).filter(|from| *from <= wanted.to());
        }
        out.extend(next.and_then(|from| BlockRange::new(from, wanted.to())));
        RangeSet { ranges: out }
    }

    /// The set without `holes`.
    pub fn without(&self, holes: &RangeSet) -> RangeSet {
        RangeSet { ranges: self.ranges.iter().flat_map(|range| holes.missing(*range).ranges).collect() }
    }

    /// The last height of the gap-free run that starts at `from`, or `None` if `from` itself is not in the set.
    pub fn watermark(&self, from: u64) -> Option<u64> {
        self.ranges.iter().find(|range| range.contains(from)).map(BlockRange::to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(from: u64, to: u64) -> BlockRange {
        BlockRange::new(from, to).unwrap()
    }

    fn set(ranges: &[(u64, u64)]) -> RangeSet {
        RangeSet::from_ranges(ranges.iter().map(|(from, to)| range(*from, *to)))
    }

    #[test]
    fn neighbours_merge() {
        assert_eq!(set(&[(5, 9), (1, 2), (3, 4), (20, 30), (22, 25)]), set(&[(1, 9), (20, 30)]));
    }

    #[test]
    fn missing_and_present_make_the_whole() {
        let have = set(&[(3, 4), (8, 8), (12, 40)]);
        assert_eq!(have.missing(range(1, 20)), set(&[(1, 2), (5, 7), (9, 11)]));
        assert_eq!(have.missing(range(3, 4)), set(&[]));
        assert_eq!(have.missing(range(41, 50)), set(&[(41, 50)]));
        assert_eq!(set(&[]).missing(range(0, 0)), set(&[(0, 0)]));
        assert_eq!(set(&[(0, u64::MAX)]).missing(range(5, u64::MAX)), set(&[]));
    }

    #[test]
    fn holes_cut() {
        assert_eq!(set(&[(1, 10)]).without(&set(&[(3, 4), (10, 12)])), set(&[(1, 2), (5, 9)]));
        assert_eq!(set(&[(1, 10)]).watermark(4), Some(10));
        assert_eq!(set(&[(1, 10)]).watermark(11), None);
    }
}
