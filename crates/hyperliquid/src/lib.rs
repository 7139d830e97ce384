//! Sources of Hyperliquid: node and archive files, and the public interface.
//!
//! Reads the folders that a node writes and that the public archives mirror, from disk or from a bucket, plain or compressed.
//! Heights are HyperCore block numbers, or unix milliseconds where lines name no block.
//!
//! Promises: one record per block and stream with the lines as they stood; a block number that has no line is a hole,
//! never silence; a file that ends early keeps its complete lines and leaves a hole behind them; no file is held in
//! memory as a whole; successive ranges continue reading where the last one ended.
//! Does not: decode events.

mod api;
mod blocks;
mod bucket;
mod contexts;
mod envelope;
mod error;
mod fetch;
mod files;
mod folder;
mod frames;
mod layout;
mod lines;
mod place;
mod repeats;
mod source;

pub use api::{ApiOptions, ApiSource};
pub use lines::LINE_BYTES_MAX;
pub use source::FolderSource;
