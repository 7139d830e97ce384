//! The lines of a capture.

use std::io;

use perpdex_core::{BlockRange, BlockRef, ChainId, Evidence, Hole, RawRecord, StreamId};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Name and version of the format, as the first line of every capture gives it.
pub const FORMAT: &str = "perpdex-raw/1";

/// Longest line that is read, in bytes. A block of a Hyperliquid node can be a line of 20 MB, twice that when escaped.
pub(super) const LINE_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// A covered range with its blocks and all of its records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaptureRange {
    /// The chain.
    pub chain: ChainId,
    /// The heights that are covered, but for the holes.
    pub range: BlockRange,
    /// The streams that are covered.
    pub streams: Vec<StreamId>,
    /// How well the range is known.
    pub evidence: Evidence,
    /// Blocks, ascending and unique: those with records, and both ends where they exist.
    pub blocks: Vec<BlockRef>,
    /// Parts that could not be had.
    pub holes: Vec<Hole>,
    /// Records in canonical order: height, then `ord`.
    pub records: Vec<RawRecord>,
}

/// A capture that cannot be read or written. Names file and line.
#[derive(Debug, Error)]
pub enum CaptureError {
    /// The file system refused.
    #[error("{file}: {error}")]
    Io {
        /// The file's name.
        file: String,
        /// What it said.
        error: io::Error,
    },
    /// A line that cannot be what it must be there.
    #[error("{file}, line {line}: {message}")]
    Line {
        /// The file's name.
        file: String,
        /// Line number, from one.
        line: u64,
        /// What is wrong.
        message: String,
    },
}

/// First line.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Header {
    pub(super) format: String,
}

/// Line of a range; `records` lines with its records follow.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct RangeLine {
    pub(super) range: RangeHead,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RangeHead {
    pub(super) chain: ChainId,
    pub(super) heights: BlockRange,
    pub(super) streams: Vec<StreamId>,
    pub(super) evidence: Evidence,
    pub(super) blocks: Vec<BlockRef>,
    pub(super) holes: Vec<Hole>,
    pub(super) records: u64,
}

/// Line of a record.
#[derive(Debug, Deserialize)]
pub(super) struct RecordLine {
    pub(super) record: RawRecord,
}

/// The same, for writing.
#[derive(Debug, Serialize)]
pub(super) struct RecordLineRef<'a> {
    pub(super) record: &'a RawRecord,
}
