//! [`EvmSource`]: one Ethereum JSON-RPC endpoint as a [`perpdex_core::Source`].
//!
//! Promises: a range is answered only together with the header of its last block, read in the same request; every log is
//! checked against the headers that are known, and the bloom of every header that is read is tested.
//! An answer that contradicts itself is an error, never a batch. What an endpoint's refusal means is decided by the table
//! `provider_errors.tsv` alone. The endpoint's address appears in no error, log line or `Debug` output.
//!
//! Does not: retry, wait, choose between endpoints, remember ranges or detect reorgs. That is the engine's work.

mod bisect;
mod bloom;
mod buffers;
mod client;
mod endpoint;
mod fetch;
mod headers;
mod hints;
mod http;
mod logs;
mod node;
mod pattern;
mod proof;
mod purpose;
mod query;
mod receipts;
mod refusal;
mod source;
mod state;
mod times;

pub use endpoint::EvmEndpoint;
pub use source::EvmSource;
