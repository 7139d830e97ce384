//! A transaction as `encoding: "json"` gives it. Only what is read is named, so that new versions and fields do no harm.

use serde::Deserialize;
use serde::de::IgnoredAny;

/// The answer of `getTransaction`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Transaction {
    /// Slot it was processed in.
    pub(crate) slot: u64,
    /// Unix seconds; null where the node does not know.
    pub(crate) block_time: Option<i64>,
    /// Place in the block, where the node gives it.
    #[serde(default)]
    pub(crate) transaction_index: Option<u32>,
    /// What came of it; null where it was not recorded.
    pub(crate) meta: Option<Meta>,
    /// What was sent.
    pub(crate) transaction: Sent,
}

/// A block with its transactions: the answer of `getBlock`, or a line of a recorded file.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FullBlock {
    /// Hashes, parent and time.
    #[serde(flatten)]
    pub(crate) header: BlockHeader,
    /// In the order of the block.
    pub(crate) transactions: Vec<InBlock>,
}

/// A block without its transactions.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BlockHeader {
    /// Hash, base58.
    pub(crate) blockhash: String,
    /// Hash of the block of the parent slot, base58.
    pub(crate) previous_blockhash: String,
    /// Slot of the block before; every slot between was skipped.
    pub(crate) parent_slot: u64,
    /// Unix seconds; null where the node does not know.
    pub(crate) block_time: Option<i64>,
}

/// A transaction of a block.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct InBlock {
    /// What came of it; null where it was not recorded.
    pub(crate) meta: Option<Meta>,
    /// What was sent.
    pub(crate) transaction: Sent,
}

/// The signed part.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Sent {
    /// Signatures, base58; the first names the transaction.
    #[serde(default)]
    pub(crate) signatures: Vec<String>,
    /// The message.
    pub(crate) message: Message,
}

/// Accounts and top-level instructions.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Message {
    /// Accounts named in the message itself, base58.
    pub(crate) account_keys: Vec<String>,
    /// Top-level instructions.
    pub(crate) instructions: Vec<Instruction>,
}

/// One instruction.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Instruction {
    /// Index of the program in the resolved account list.
    pub(crate) program_id_index: usize,
    /// Data, base58.
    pub(crate) data: String,
    /// 1 at top level, 2 for a call from there and so on; null on old transactions.
    #[serde(default)]
    pub(crate) stack_height: Option<u32>,
}

/// What came of a transaction.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Meta {
    /// Not null: it failed, and nothing it says happened.
    pub(crate) err: Option<IgnoredAny>,
    /// Instructions that instructions called; null where they were not recorded.
    #[serde(default)]
    pub(crate) inner_instructions: Option<Vec<InnerInstructions>>,
    /// Log lines; null where they were not recorded.
    #[serde(default)]
    pub(crate) log_messages: Option<Vec<String>>,
    /// Accounts from lookup tables; absent for transactions that cannot have any.
    #[serde(default)]
    pub(crate) loaded_addresses: Option<LoadedAddresses>,
}

/// Instructions called under one top-level instruction.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct InnerInstructions {
    /// Index of the top-level instruction.
    pub(crate) index: usize,
    /// The calls, flat, in order of execution.
    pub(crate) instructions: Vec<Instruction>,
}

/// Accounts from lookup tables, base58.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct LoadedAddresses {
    /// Writable ones.
    pub(crate) writable: Vec<String>,
    /// The others.
    pub(crate) readonly: Vec<String>,
}

impl Message {
    /// The account list that indexes refer to: the message's own keys, then loaded ones, writable before readonly.
    pub(crate) fn accounts<'a>(&'a self, meta: &'a Meta) -> Vec<&'a str> {
        let loaded = meta.loaded_addresses.iter().flat_map(|loaded| loaded.writable.iter().chain(&loaded.readonly));
        self.account_keys.iter().chain(loaded).map(String::as_str).collect()
    }
}
