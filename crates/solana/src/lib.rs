//! [`SolanaSource`]: one Solana JSON-RPC endpoint as a [`perpdex_core::Source`]. Heights are slots.
//!
//! Promises: a range is answered from a listing of signatures that the endpoint evaluated at a slot not below the range's
//! end; a transaction that is listed and cannot be had is an error, one whose metadata was not recorded is a hole. Failed
//! transactions give no records. The endpoint's address appears in no error, log line or `Debug` output.
//!
//! Does not: retry, wait, choose between endpoints or detect reorgs. That is the engine's work. It asks for no account and
//! decodes no event: instruction data and log payloads are handed on as bytes.
//!
//! Listings run from the newest signature down, ranges run upwards: listings of finalized slots are kept in memory, within
//! a named limit, so that the next range does not list again.

mod bisect;
mod blocks;
mod client;
mod events;
mod fetch;
mod http;
mod listing;
mod program_log;
mod refusal;
mod source;
mod transaction;

pub use source::{SolanaEndpoint, SolanaSource};
