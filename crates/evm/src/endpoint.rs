//! Where a chain is read.

use std::fmt;
use std::time::Duration;

use perpdex_core::ChainId;

/// Where a chain is read and within which limits.
#[derive(Clone)]
pub struct EvmEndpoint {
    /// The chain the endpoint is meant to serve; its number is the EIP-155 chain id.
    pub chain: ChainId,
    /// Address, `http` or `https`. It may hold a key and is never shown.
    pub url: String,
    /// What errors and logs call the endpoint.
    pub label: String,
    /// Longest wait for one answer.
    pub timeout: Duration,
    /// Largest answer that is read, in bytes; a larger one counts as too dense a range.
    pub response_bytes_max: usize,
    /// Blocks below the tip that count as final where the endpoint knows no `finalized` block.
    pub final_depth: u64,
}

impl EvmEndpoint {
    /// Largest answer that is read where nothing else is configured: 16 MiB.
    pub const RESPONSE_BYTES_MAX: usize = 16 << 20;
}

impl fmt::Debug for EvmEndpoint {
    /// Without the address.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EvmEndpoint")
            .field("chain", &self.chain)
            .field("label", &self.label)
            .field("timeout", &self.timeout)
            .field("response_bytes_max", &self.response_bytes_max)
            .field("final_depth", &self.final_depth)
            .finish_non_exhaustive()
    }
}
