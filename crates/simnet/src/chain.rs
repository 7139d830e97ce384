//! Simulated chains as plain data: what the world writes and the nodes serve.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, Bytes};

/// What contracts answer to `eth_call`, by call data; the same at every height. An address that is not listed has no code.
pub type Views = BTreeMap<Address, BTreeMap<Bytes, Bytes>>;

/// A simulated EVM chain.
#[derive(Clone, Debug)]
pub struct EvmChain {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// Consecutive blocks, ascending, each one's parent being the one before.
    pub blocks: Vec<EvmBlock>,
    /// Contracts that can be asked.
    pub views: Views,
}

/// A block of a simulated EVM chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvmBlock {
    /// Number.
    pub number: u64,
    /// Hash.
    pub hash: B256,
    /// Hash of the block before.
    pub parent: B256,
    /// Header timestamp, unix seconds.
    pub timestamp_secs: u64,
    /// Logs in order; a log's index in the block is its index here.
    pub logs: Vec<EvmLog>,
}

/// A log of a simulated EVM chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvmLog {
    /// Emitting contract.
    pub address: Address,
    /// Topics.
    pub topics: Vec<B256>,
    /// Data.
    pub data: Bytes,
    /// Transaction.
    pub tx_hash: B256,
    /// Index of the transaction in its block.
    pub tx_index: u64,
}

/// A simulated Solana chain. Slots may be missing (skipped).
#[derive(Clone, Debug)]
pub struct SolanaChain {
    /// Blocks by ascending slot.
    pub blocks: Vec<SolanaBlock>,
}

/// A block of the simulated Solana chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SolanaBlock {
    /// Slot.
    pub slot: u64,
    /// Slot of the block before.
    pub parent_slot: u64,
    /// Block hash, base58.
    pub blockhash: String,
    /// Hash of the block before, base58.
    pub previous_blockhash: String,
    /// Block time, unix seconds.
    pub time_secs: i64,
    /// Transactions in order.
    pub transactions: Vec<SolanaTransaction>,
}

/// A transaction of the simulated Solana chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SolanaTransaction {
    /// First signature, base58.
    pub signature: String,
    /// 1, 0 or `None` for legacy.
    pub version: Option<u8>,
    /// Whether it failed; a failed transaction keeps its instructions and logs, and its events did not happen.
    pub failed: bool,
    /// Top-level instructions.
    pub instructions: Vec<SolanaInstruction>,
    /// Accounts that instructions name besides programs, base58.
    pub accounts: Vec<String>,
    /// Log lines.
    pub logs: Vec<String>,
}

/// A top-level instruction with everything it called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SolanaInstruction {
    /// Program id, base58.
    pub program: String,
    /// Data.
    pub data: Vec<u8>,
    /// Inner instructions in execution order.
    pub inner: Vec<SolanaInner>,
}

/// An inner instruction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SolanaInner {
    /// Program id, base58.
    pub program: String,
    /// Data.
    pub data: Vec<u8>,
    /// 2 for a call from the top level, 3 for a call from there, and so on.
    pub stack_height: u32,
}

/// The simulated HyperCore as the node files tell it.
#[derive(Clone, Debug)]
pub struct HyperCore {
    /// Blocks, ascending and consecutive.
    pub blocks: Vec<HyperCoreBlock>,
}

/// One block of the simulated HyperCore.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HyperCoreBlock {
    /// Block number.
    pub number: u64,
    /// Time, unix milliseconds.
    pub time_ms: i64,
    /// The block's line of `node_fills_by_block`, without line feed; also where the block has no fill (`"events":[]`).
    pub fills: String,
    /// The block's line of `misc_events_by_block`, likewise.
    pub misc: String,
}
