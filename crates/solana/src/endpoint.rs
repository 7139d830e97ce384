//! Where Solana is read.

use std::fmt;
use std::time::Duration;

/// What [`SourceErrorKind::WrongChain`] carries here: clusters have a hash for a name, no number.
pub(crate) const NO_CHAIN_NUMBER: u64 = 0;

/// Where Solana is read and within which limits.
#[derive(Clone)]
pub struct SolanaEndpoint {
    /// Address, `http` or `https`. It may hold a key and is never shown.
    pub url: String,
    /// What errors and logs call the endpoint.
    pub label: String,
    /// Longest wait for one answer.
    pub timeout: Duration,
    /// Largest answer that is read, in bytes.
    pub response_bytes_max: usize,
    /// Transactions asked for at the same time within one range; at least one.
    pub concurrency: usize,
    /// Whether ranges are read block by block instead of by the listings of addresses: complete by itself, and every
    /// transaction of the chain is transferred.
    pub by_block: bool,
    /// Genesis hash of the cluster the endpoint is meant to serve, base58; `None`: not checked.
    pub genesis_hash: Option<String>,
}

impl SolanaEndpoint {
    /// Largest answer that is read where nothing else is configured: 16 MiB.
    pub const RESPONSE_BYTES_MAX: usize = 16 << 20;

    /// Genesis hash of mainnet-beta (Solana documentation, "Clusters and public RPC endpoints").
    pub const MAINNET_GENESIS_HASH: &'static str = "5eykt4UsFv8P8NJdTREpY1vzqKqZKvdpKuc147dw2N9d";
}

impl fmt::Debug for SolanaEndpoint {
    /// Without the address.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SolanaEndpoint")
            .field("label", &self.label)
            .field("timeout", &self.timeout)
            .field("response_bytes_max", &self.response_bytes_max)
            .field("concurrency", &self.concurrency)
            .field("by_block", &self.by_block)
            .field("genesis_hash", &self.genesis_hash)
            .finish_non_exhaustive()
    }
}
