//! A Solana JSON-RPC node over a simulated chain.
//!
//! Methods: `getBlock getBlockTime getBlocks getFirstAvailableBlock getGenesisHash getHealth getSignaturesForAddress
//! getSlot getTransaction getVersion`, with encoding `json` only. A transaction is listed under every program that appears
//! in it, and under nothing else; its account list is a payer made from its signature and those programs, the ones that
//! were only called from inside standing in a lookup table where the transaction is of version 0.

mod folder;
mod render;
mod request;
mod service;
mod state;

use std::collections::BTreeMap;

use super::NodeError;
use super::fault::Faults;
use super::server::Server;
use crate::chain::{SolanaBlock, SolanaChain};
pub use folder::write_solana_folder;
pub(crate) use render::kept_log;
use service::SolanaService;

/// How a node finalises and what it tells of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SolanaOptions {
    /// Slots between the confirmed head and the finalized slot, until [`SolanaNode::set_finalized`] says otherwise.
    pub final_depth: u64,
    /// Answer of `getGenesisHash`, base58.
    pub genesis_hash: String,
    /// Whether listings and transactions carry `transactionIndex`; nodes before Agave 4 leave it out.
    pub transaction_index: bool,
    /// Most signatures in one page of a listing; nodes may give fewer than were asked for.
    pub page_max: usize,
    /// Bytes of log a transaction keeps; the runtime cuts at 10,000. A line that does not fit is lost with one mark in the
    /// place of the first such line, and shorter lines after it are kept.
    pub log_bytes_max: Option<usize>,
    /// Slots, inclusive, whose transactions have neither logs nor inner instructions on record.
    pub unrecorded: Option<(u64, u64)>,
    /// Lowest slot that is kept: blocks, transactions and listings below are pruned.
    pub first_available: Option<u64>,
    /// What goes wrong from the start.
    pub faults: Faults,
}

impl Default for SolanaOptions {
    /// 32 slots to finality, the genesis hash of mainnet-beta (as simulated EVM chains carry their mainnet's chain id),
    /// no faults.
    fn default() -> SolanaOptions {
        SolanaOptions {
            final_depth: 32,
            genesis_hash: "5eykt4UsFv8P8NJdTREpY1vzqKqZKvdpKuc147dw2N9d".to_owned(),
            transaction_index: true,
            page_max: 1_000,
            log_bytes_max: None,
            unrecorded: None,
            first_available: None,
            faults: Faults::default(),
        }
    }
}

/// A running node and the handle that steers its chain. Dropping it stops it.
#[derive(Debug)]
pub struct SolanaNode {
    server: Server<SolanaService>,
}

impl SolanaNode {
    /// Serves a chain with default options, all of it visible. Must be called inside a tokio runtime.
    pub fn serve(chain: SolanaChain) -> Result<SolanaNode, NodeError> {
        SolanaNode::serve_with(chain, SolanaOptions::default())
    }

    /// Serves a chain, all of it visible. Must be called inside a tokio runtime.
    pub fn serve_with(chain: SolanaChain, options: SolanaOptions) -> Result<SolanaNode, NodeError> {
        let faults = options.faults.clone();
        Ok(SolanaNode { server: Server::start(SolanaService::new(chain, options)?, faults)? })
    }

    /// Address to ask, `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Slot of the newest visible block.
    pub fn head(&self) -> u64 {
        self.server.service().read().ledger.head().slot
    }

    /// Shows the chain up to this slot and hides the rest.
    pub fn set_head(&self, slot: u64) -> Result<(), NodeError> {
        self.server.service().write().ledger.set_head(slot)
    }

    /// Shows so many more blocks, as far as the chain has them; the new head's slot.
    pub fn advance(&self, blocks: usize) -> u64 {
        self.server.service().write().ledger.advance(blocks)
    }

    /// Finalizes everything up to this slot, instead of counting from the head. Never more than what is visible.
    pub fn set_finalized(&self, slot: u64) -> Result<(), NodeError> {
        self.server.service().write().ledger.set_finalized(slot)
    }

    /// Puts `blocks` in the place of everything from the first one's slot on. They must follow the block below and one
    /// another. If a visible block is replaced, the last of `blocks` is the new head.
    pub fn fork(&self, blocks: Vec<SolanaBlock>) -> Result<(), NodeError> {
        self.server.service().fork(blocks)
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
