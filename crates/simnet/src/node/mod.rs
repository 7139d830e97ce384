//! Local nodes: the simulated chains behind real sockets, with faults on demand.
//!
//! [`EvmNode`] answers Ethereum JSON-RPC, [`SolanaNode`] Solana JSON-RPC, [`PortalNode`] is an archive of the same
//! chain behind the interface of the SQD Portal. [`write_solana_folder`] writes recorded blocks, [`write_hyperliquid_folder`]
//! what a Hyperliquid node leaves on disk, [`AsterNode`] speaks Aster Pro's public API, REST and WebSocket. Error codes and
//! texts are those of geth, Agave and Aster, so that a client which copes with these nodes copes with those.
//!
//! Promises: only 127.0.0.1 is bound, on a port the system picks; every answer is a function of the chain, the visible
//! head, the options and the faults; a node that is stopped or dropped no longer listens.
//! Does not: execute anything, or hold transactions beyond what the records need. State, transaction
//! and receipt roots of headers are constants, and a block's hash is the world's, not the hash of the header.

pub mod aster;
mod base58;
pub mod evm;
pub mod fault;
pub mod hyperliquid;
mod json;
mod ledger;
pub mod portal;
mod rpc;
mod server;
pub mod solana;

use thiserror::Error;

pub use aster::AsterNode;
pub use evm::{EvmNode, EvmOptions};
pub use fault::{Effect, Fault, FaultError, FaultLine, Faults};
pub use hyperliquid::write_hyperliquid_folder;
pub use portal::{PortalNode, PortalOptions};
pub use solana::{SolanaNode, SolanaOptions, write_solana_folder};

/// Why a node could not be served or told to change.
#[derive(Debug, Error)]
pub enum NodeError {
    /// No loopback port could be had.
    #[error("cannot listen on a loopback port: {0}")]
    Listen(#[from] std::io::Error),
    /// Nodes run as tasks of the caller's tokio runtime.
    #[error("a node can only be served from inside a tokio runtime")]
    NoRuntime,
    /// A chain without a block has no head.
    #[error("a chain without blocks cannot be served")]
    EmptyChain,
    /// A block does not follow the one before it.
    #[error("block {height} does not follow block {below}: {problem}")]
    BrokenChain {
        /// Height of the block.
        height: u64,
        /// Height of the block before it in the list.
        below: u64,
        /// What does not fit.
        problem: &'static str,
    },
    /// A height the chain does not have.
    #[error("height {height} is outside the chain ({first} to {last})")]
    Outside {
        /// The height asked for.
        height: u64,
        /// First height of the chain.
        first: u64,
        /// Last height of the chain, hidden blocks included.
        last: u64,
    },
    /// Faults that this node cannot apply.
    #[error(transparent)]
    Fault(#[from] FaultError),
}
