//! An Ethereum JSON-RPC node over a simulated chain.
//!
//! Methods: `eth_blockNumber eth_call eth_chainId eth_getBlockByHash eth_getBlockByNumber eth_getBlockReceipts eth_getLogs
//! eth_syncing net_version web3_clientVersion`. Blocks come with transaction hashes, never with whole transactions; only
//! transactions that emitted a log exist. Blocks below the chain's first are pruned history, as geth calls it.

mod call;
mod filter;
mod render;
mod service;

use std::collections::BTreeMap;

use super::NodeError;
use super::fault::Faults;
use super::server::Server;
use crate::chain::{EvmBlock, EvmChain};
use service::EvmService;

/// How a node limits and finalises.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvmOptions {
    /// Largest `toBlock - fromBlock` of `eth_getLogs`; `None` sets no limit.
    pub range_blocks_max: Option<u64>,
    /// Most logs in one answer; `None` sets no limit.
    pub logs_max: Option<usize>,
    /// Blocks below the head that are not final yet, until [`EvmNode::set_finalized`] says otherwise.
    pub final_depth: u64,
    /// Whether logs carry `blockTimestamp`; older nodes leave it out.
    pub log_timestamps: bool,
    /// Blocks below the head whose state can be asked; `None` is an archive.
    pub state_depth: Option<u64>,
    /// What goes wrong from the start.
    pub faults: Faults,
}

impl Default for EvmOptions {
    /// No limits, no faults, final 64 blocks below the head.
    fn default() -> EvmOptions {
        EvmOptions {
            range_blocks_max: None,
            logs_max: None,
            final_depth: 64,
            log_timestamps: true,
            state_depth: None,
            faults: Faults::default(),
        }
    }
}

/// A running node and the handle that steers its chain. Dropping it stops it.
#[derive(Debug)]
pub struct EvmNode {
    server: Server<EvmService>,
}

impl EvmNode {
    /// Serves a chain with default options, all of it visible. Must be called inside a tokio runtime.
    pub fn serve(chain: EvmChain) -> Result<EvmNode, NodeError> {
        EvmNode::serve_with(chain, EvmOptions::default())
    }

    /// Serves a chain, all of it visible. Must be called inside a tokio runtime.
    pub fn serve_with(chain: EvmChain, options: EvmOptions) -> Result<EvmNode, NodeError> {
        let faults = options.faults.clone();
        Ok(EvmNode { server: Server::start(EvmService::new(chain, options)?, faults)? })
    }

    /// Address to ask, `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Number of the newest visible block.
    pub fn head(&self) -> u64 {
        self.server.service().read().ledger.head().block.number
    }

    /// Shows the chain up to this block and hides the rest.
    pub fn set_head(&self, number: u64) -> Result<(), NodeError> {
        self.server.service().write().ledger.set_head(number)
    }

    /// Shows so many more blocks, as far as the chain has them; the new head's number.
    pub fn advance(&self, blocks: usize) -> u64 {
        self.server.service().write().ledger.advance(blocks)
    }

    /// Makes everything up to this block final, instead of counting from the head. Never more than what is visible.
    pub fn set_finalized(&self, number: u64) -> Result<(), NodeError> {
        self.server.service().write().ledger.set_finalized(number)
    }

    /// Puts `blocks` in the place of everything from the first one's number on. They must follow the block below and one
    /// another. If a visible block is replaced, the last of `blocks` is the new head.
    pub fn reorg(&self, blocks: Vec<EvmBlock>) -> Result<(), NodeError> {
        self.server.service().reorg(blocks)
    }

    /// Replaces the faults; call numbers go on counting from the start of the node.
    pub fn set_faults(&self, faults: Faults) -> Result<(), NodeError> {
        self.server.set_faults(faults)
    }

    /// Calls so far by method, those of batches one by one; methods the node does not have under `(unknown)`.
    pub fn calls(&self) -> BTreeMap<&'static str, u64> {
        self.server.calls()
    }

    /// HTTP requests so far; a batch is one.
    pub fn requests(&self) -> u64 {
        self.server.requests()
    }

    /// Stops listening and waits until answers under way are sent.
    pub async fn stop(self) {
        self.server.stop().await;
    }
}
