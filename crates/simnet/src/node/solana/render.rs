//! Blocks and transactions as JSON.

use alloy_primitives::keccak256;

use crate::chain::{SolanaBlock, SolanaTransaction};
use crate::node::{base58, json};

/// Fee of every transaction, lamports.
const FEE_LAMPORTS: u64 = 5_000;
/// Compute units every transaction is said to have used.
const COMPUTE_UNITS: u64 = 100_000;

/// Account list of a transaction: what the message holds, then what a lookup table added.
struct Accounts<'a> {
    payer: String,
    in_message: Vec<&'a str>,
    loaded: Vec<&'a str>,
}

impl<'a> Accounts<'a> {
    /// Programs called at top level must stand in the message itself; those called from inside may be loaded, which only
    /// version 0 can.
    fn of(transaction: &'a SolanaTransaction) -> Accounts<'a> {
        let mut in_message: Vec<&str> = Vec::new();
        let mut loaded: Vec<&str> = Vec::new();
        for instruction in &transaction.instructions {
            push_new(&mut in_message, &instruction.program);
        }
        for inner in transaction.instructions.iter().flat_map(|instruction| &instruction.inner) {
            if transaction.version == Some(0) {
                if !in_message.contains(&inner.program.as_str()) {
                    push_new(&mut loaded, &inner.program);
                }
            } else {
                push_new(&mut in_message, &inner.program);
            }
        }
        for account in &transaction.accounts {
            push_new(&mut in_message, account);
        }
        Accounts { payer: derived_key("payer", &transaction.signature), in_message, loaded }
    }

    fn index(&self, program: &str) -> usize {
        let position = self.in_message.iter().chain(&self.loaded).position(|key| *key == program);
        1 + position.expect("the list was made from the same instructions")
    }
}

fn push_new<'a>(list: &mut Vec<&'a str>, key: &'a str) {
    if !list.contains(&key) {
        list.push(key);
    }
}

/// A public key that stands for an account the world does not model.
fn derived_key(role: &str, of: &str) -> String {
    base58::text(keccak256(format!("{role} {of}")).as_slice())
}

/// Opens the object of `getBlock`; the caller adds transactions or signatures and closes it.
pub(super) fn block_head(out: &mut Vec<u8>, block: &SolanaBlock, block_height: usize) {
    json::raw(out, "{\"blockHeight\":");
    json::number(out, block_height);
    json::field(out, "blockTime");
    json::number(out, block.time_secs);
    json::field(out, "blockhash");
    json::string(out, &block.blockhash);
    json::field(out, "parentSlot");
    json::number(out, block.parent_slot);
    json::field(out, "previousBlockhash");
    json::string(out, &block.previous_blockhash);
}

/// What a node has on record of a transaction's execution.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record {
    /// Neither logs nor inner instructions.
    pub(super) is_missing: bool,
    /// Bytes of log, as the runtime counts them.
    pub(super) log_bytes_max: usize,
}

/// A transaction of which only accounts and outcome are told.
pub(super) fn touched(out: &mut Vec<u8>, transaction: &SolanaTransaction) {
    let accounts = Accounts::of(transaction);
    json::raw(out, "{\"transaction\":{\"signatures\":[");
    json::string(out, &transaction.signature);
    json::raw(out, "],\"accountKeys\":");
    let keys = std::iter::once(accounts.payer.as_str()).chain(accounts.in_message.iter().chain(&accounts.loaded).copied());
    json::list(out, keys, |out, key| {
        json::raw(out, "{\"pubkey\":");
        json::string(out, key);
        json::raw(out, ",\"signer\":false,\"writable\":false,\"source\":\"transaction\"}");
    });
    json::raw(out, "},\"meta\":{\"err\":");
    error(out, transaction);
    json::raw(out, "}}");
}

/// The log as the runtime keeps it: what does not fit is lost, one mark stands in the place of the first such line, and
/// shorter lines after it are kept.
pub(crate) fn kept_log(lines: &[String], bytes_max: usize) -> Vec<&str> {
    let (mut kept, mut bytes, mut is_marked) = (Vec::with_capacity(lines.len()), 0_usize, false);
    for line in lines {
        if bytes.saturating_add(line.len()) <= bytes_max {
            bytes += line.len();
            kept.push(line.as_str());
        } else if !is_marked {
            is_marked = true;
            kept.push("Log truncated");
        }
    }
    kept
}

/// Fields `transaction`, `meta` and, where `version` is asked for, `version`; without braces.
pub(super) fn transaction(out: &mut Vec<u8>, block: &SolanaBlock, transaction: &SolanaTransaction, version: bool, record: &Record) {
    let accounts = Accounts::of(transaction);
    json::raw(out, "\"transaction\":{\"signatures\":[");
    json::string(out, &transaction.signature);
    json::raw(out, "],\"message\":");
    message(out, block, transaction, &accounts);
    json::raw(out, "},\"meta\":");
    meta(out, transaction, &accounts, record);
    if version {
        json::field(out, "version");
        match transaction.version {
            None => json::string(out, "legacy"),
            Some(version) => json::number(out, version),
        }
    }
}

fn message(out: &mut Vec<u8>, block: &SolanaBlock, transaction: &SolanaTransaction, accounts: &Accounts<'_>) {
    json::raw(out, "{\"header\":{\"numRequiredSignatures\":1,\"numReadonlySignedAccounts\":0,\"numReadonlyUnsignedAccounts\":");
    json::number(out, accounts.in_message.len());
    json::raw(out, "},\"accountKeys\":");
    let keys = std::iter::once(accounts.payer.as_str()).chain(accounts.in_message.iter().copied());
    json::list(out, keys, json::string);
    json::field(out, "recentBlockhash");
    json::string(out, &block.previous_blockhash);
    json::field(out, "instructions");
    json::list(out, &transaction.instructions, |out, top| {
        instruction(out, accounts.index(&top.program), &top.data, 1);
    });
    if transaction.version == Some(0) {
        json::field(out, "addressTableLookups");
        let table = (!accounts.loaded.is_empty()).then(|| derived_key("table", &transaction.signature));
        json::list(out, table, |out, table| {
            json::raw(out, "{\"accountKey\":");
            json::string(out, &table);
            json::raw(out, ",\"writableIndexes\":[],\"readonlyIndexes\":");
            json::list(out, 0..accounts.loaded.len(), json::number);
            out.push(b'}');
        });
    }
    if transaction.version == Some(1) {
        json::raw(out, ",\"transactionConfig\":{\"priorityFee\":null,\"computeUnitLimit\":null,");
        json::raw(out, "\"loadedAccountsDataSizeLimit\":null,\"heapSize\":null}");
    }
    out.push(b'}');
}

fn instruction(out: &mut Vec<u8>, program_index: usize, data: &[u8], stack_height: u32) {
    json::raw(out, "{\"programIdIndex\":");
    json::number(out, program_index);
    json::raw(out, ",\"accounts\":[0],\"data\":\"");
    base58::write(out, data);
    json::raw(out, "\",\"stackHeight\":");
    json::number(out, stack_height);
    out.push(b'}');
}

fn meta(out: &mut Vec<u8>, transaction: &SolanaTransaction, accounts: &Accounts<'_>, record: &Record) {
    json::raw(out, "{\"err\":");
    error(out, transaction);
    json::raw(out, ",\"status\":");
    if transaction.failed {
        json::raw(out, "{\"Err\":");
        error(out, transaction);
        out.push(b'}');
    } else {
        json::raw(out, "{\"Ok\":null}");
    }
    json::field(out, "fee");
    json::number(out, FEE_LAMPORTS);
    // Every account holds one lamport: balances are no matter here.
    let balances = 1 + accounts.in_message.len() + accounts.loaded.len();
    for key in ["preBalances", "postBalances"] {
        json::field(out, key);
        json::list(out, 0..balances, |out, _| json::number(out, 1));
    }
    json::field(out, "innerInstructions");
    if record.is_missing {
        json::raw(out, "null,\"logMessages\":null");
    } else {
        inner_instructions(out, transaction, accounts);
        json::field(out, "logMessages");
        json::list(out, kept_log(&transaction.logs, record.log_bytes_max), json::string);
    }
    json::raw(out, ",\"preTokenBalances\":[],\"postTokenBalances\":[],\"rewards\":null,\"loadedAddresses\":{\"writable\":[],\"readonly\":");
    json::list(out, accounts.loaded.iter().copied(), json::string);
    json::raw(out, "},\"computeUnitsConsumed\":");
    json::number(out, COMPUTE_UNITS);
    out.push(b'}');
}

fn inner_instructions(out: &mut Vec<u8>, transaction: &SolanaTransaction, accounts: &Accounts<'_>) {
    let callers = transaction.instructions.iter().enumerate().filter(|(_, top)| !top.inner.is_empty());
    json::list(out, callers, |out, (index, top)| {
        json::raw(out, "{\"index\":");
        json::number(out, index);
        json::field(out, "instructions");
        json::list(out, &top.inner, |out, inner| {
            instruction(out, accounts.index(&inner.program), &inner.data, inner.stack_height);
        });
        out.push(b'}');
    });
}

/// `null`, or the failure of the last instruction.
pub(super) fn error(out: &mut Vec<u8>, transaction: &SolanaTransaction) {
    if !transaction.failed {
        return json::raw(out, "null");
    }
    json::raw(out, "{\"InstructionError\":[");
    json::number(out, transaction.instructions.len().saturating_sub(1));
    json::raw(out, ",{\"Custom\":1}]}");
}
