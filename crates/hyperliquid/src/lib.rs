//! Source over Hyperliquid node and archive files.
//!
//! Reads the folders that a node writes and that the public archive mirrors, plain or as LZ4 frames, block by block.
//! Heights are HyperCore block numbers.
//!
//! Promises: one record per block and stream with the lines as they stood; a block number that has no line is a hole,
//! never silence; a file that ends early keeps its complete lines and leaves a hole behind them; no file is held in
//! memory as a whole; successive ranges continue reading where the last one ended.
//! Does not: decode events, ask the public API, or read the legacy streams that carry no block numbers.

mod blocks;
mod envelope;
mod error;
mod fetch;
mod files;
mod folder;
mod layout;
mod lines;
mod source;

pub use lines::LINE_BYTES_MAX;
pub use source::FolderSource;
