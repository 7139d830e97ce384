//! What reading a range needs of an endpoint.

use perpdex_core::ChainId;

use crate::bloom::BloomTest;
use crate::client::Client;

/// One endpoint and what was learnt of it.
#[derive(Debug)]
pub(crate) struct Node {
    /// The chain it is meant to serve.
    pub(crate) chain: ChainId,
    /// Its calls.
    pub(crate) client: Client,
    /// What its blooms are worth.
    pub(crate) bloom_test: BloomTest,
}
