//! [`SolanaSource`]: one Solana JSON-RPC endpoint as a [`perpdex_core::Source`]. Heights are slots.
//!
//! Promises: a range is answered from a listing of signatures that the endpoint evaluated at a slot not below the range's
//! end, or from every block of it; a transaction that is listed and cannot be had, or whose metadata was not recorded, is a
//! hole with its signature. What is read above the final height is provisional. A record's order is the place of its
//! transaction in its block. Failed transactions give no records. The endpoint's address appears in no error, log line or
//! `Debug` output.
//!
//! Does not: retry, wait, choose between endpoints or detect reorgs. That is the engine's work. It asks for no account and
//! decodes no event: instruction data and log payloads are handed on as bytes.
//!
//! Besides: [`RecordedBlocks`], blocks in a folder, and [`PortalSource`], a filtered archive over HTTP.

mod base58;
mod bisect;
mod blocks;
mod by_block;
mod client;
mod endpoint;
mod events;
mod fetch;
mod http;
mod listing;
mod named;
mod node;
#[cfg(any(test, feature = "oracle"))]
pub mod oracle;
mod order;
mod portal;
mod probe;
mod program_log;
mod recorded;
mod refusal;
mod source;
mod transaction;
mod watched;
mod whole;
mod windows;

pub use endpoint::SolanaEndpoint;
pub use portal::{PortalEndpoint, PortalSource};
pub use recorded::{RecordedBlocks, RecordedError};
pub use source::SolanaSource;
pub use windows::MemoryWindows;
