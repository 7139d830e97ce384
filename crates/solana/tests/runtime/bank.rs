//! The real runtime, and what it executes written down as a node writes blocks.

use std::fs;

use litesvm::LiteSVM;
use litesvm::types::TransactionMetadata;
use perpdex_core::{Batch, BlockRange, Carrier, Headers, Source};
use perpdex_solana::RecordedBlocks;
use serde_json::{Value, json};
use solana_address::Address;
use solana_instruction::{AccountMeta, Instruction};
use solana_keypair::Keypair;
use solana_message::{AddressLookupTableAccount, Message, VersionedMessage, v0, v1};
use solana_signer::Signer;
use solana_transaction::versioned::VersionedTransaction;

use crate::program::{filter, id, program};

/// Slot of every block.
const SLOT: u64 = 100;
/// The program that owns lookup tables.
const LOOKUP_TABLES: &str = "AddressLookupTab1e1111111111111111111111111";
/// Bytes of a lookup table before its addresses (solana-address-lookup-table-interface, `LOOKUP_TABLE_META_SIZE`).
const TABLE_HEAD_BYTES: usize = 56;

/// What a transaction of version 1 may use: what it does not name is zero.
const LIMITS: v1::TransactionConfig =
    v1::TransactionConfig::empty().with_compute_unit_limit(1_400_000).with_loaded_accounts_data_size_limit(64 << 20);

/// How a transaction is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    Legacy,
    /// With every address that may be looked up standing in a table.
    Zero,
    One,
}

/// A runtime in which the ids of programs run ours.
pub(crate) struct Bank {
    svm: LiteSVM,
    payer: Keypair,
    table: AddressLookupTableAccount,
}

impl Bank {
    /// `log_bytes_max`: what a transaction's log keeps, in bytes, instead of the runtime's 10,000.
    pub(crate) fn new(programs: &[&str], log_bytes_max: Option<usize>) -> Bank {
        let mut svm = LiteSVM::new();
        if log_bytes_max.is_some() {
            svm = svm.with_log_bytes_limit(log_bytes_max);
        }
        let code = program();
        programs.iter().for_each(|venue| svm.add_program(id(venue), &code).expect("the program loads"));
        let payer = Keypair::new();
        svm.airdrop(&payer.pubkey(), 1_000_000_000).expect("the faucet gives");
        let table = AddressLookupTableAccount {
            key: Address::new_from_array([7; 32]),
            addresses: programs.iter().map(|venue| id(venue)).collect(),
        };
        let mut account = svm.get_account(&payer.pubkey()).expect("the payer has an account");
        (account.owner, account.data) = (id(LOOKUP_TABLES), table_data(&table.addresses));
        svm.set_account(table.key, account).expect("the table is stored");
        // A table's addresses can be used from the slot after the one they were added in.
        svm.warp_to_slot(SLOT);
        Bank { svm, payer, table }
    }

    /// Executes instructions in one transaction and writes it down as a node would.
    pub(crate) fn execute(&mut self, version: Version, instructions: &[Instruction]) -> Value {
        let (payer, hash) = (self.payer.pubkey(), self.svm.latest_blockhash());
        let message = match version {
            Version::Legacy => VersionedMessage::Legacy(Message::new_with_blockhash(instructions, Some(&payer), &hash)),
            Version::Zero => {
                let tables = std::slice::from_ref(&self.table);
                VersionedMessage::V0(v0::Message::try_compile(&payer, instructions, tables, hash).expect("the message compiles"))
            }
            Version::One => {
                let compiled = v1::Message::try_compile_with_config(&payer, instructions, hash, LIMITS);
                VersionedMessage::V1(compiled.expect("the message compiles"))
            }
        };
        let transaction = VersionedTransaction::try_new(message.clone(), &[&self.payer]).expect("the payer signs");
        match self.svm.send_transaction(transaction) {
            Ok(meta) => self.written(&message, &meta, Value::Null),
            Err(failed) => self.written(&message, &failed.meta, json!(failed.err.to_string())),
        }
    }

    fn written(&self, message: &VersionedMessage, meta: &TransactionMetadata, err: Value) -> Value {
        let called = meta.inner_instructions.iter().enumerate().filter(|(_, inner)| !inner.is_empty());
        let inner: Vec<Value> = called
            .map(|(index, inner)| {
                let calls = inner.iter().map(|call| (&call.instruction, u32::from(call.stack_height)));
                json!({"index": index, "instructions": calls.map(|(call, height)| json!({
                    "programIdIndex": call.program_id_index, "data": bs58::encode(&call.data).into_string(), "stackHeight": height,
                })).collect::<Vec<_>>()})
            })
            .collect();
        let tops = message
            .instructions()
            .iter()
            .map(|top| json!({"programIdIndex": top.program_id_index, "data": bs58::encode(&top.data).into_string(), "stackHeight": 1}));
        json!({
            "transaction": {
                "signatures": [meta.signature.to_string()],
                "message": {
                    "accountKeys": message.static_account_keys().iter().map(ToString::to_string).collect::<Vec<_>>(),
                    "instructions": tops.collect::<Vec<_>>(),
                },
            },
            "meta": {
                "err": err, "innerInstructions": inner, "logMessages": meta.logs,
                "loadedAddresses": {"writable": self.looked_up(message, |lookup| &lookup.writable_indexes),
                    "readonly": self.looked_up(message, |lookup| &lookup.readonly_indexes)},
            },
        })
    }

    /// The addresses that a message takes from the table.
    fn looked_up(&self, message: &VersionedMessage, indexes: fn(&v0::MessageAddressTableLookup) -> &Vec<u8>) -> Vec<String> {
        let lookups = message.address_table_lookups().unwrap_or_default();
        lookups.iter().flat_map(indexes).map(|index| self.table.addresses[usize::from(*index)].to_string()).collect()
    }
}

/// An active lookup table with an authority and these addresses.
fn table_data(addresses: &[Address]) -> Vec<u8> {
    let mut data = Vec::new();
    data.extend(1_u32.to_le_bytes()); // a table, not an empty account
    data.extend(u64::MAX.to_le_bytes()); // never deactivated
    data.extend([0; 9]); // last extended in slot 0, from index 0 on
    data.extend([1]); // an authority follows
    data.extend([9; 32]);
    data.resize(TABLE_HEAD_BYTES, 0);
    addresses.iter().for_each(|address| data.extend(address.to_bytes()));
    data
}

/// An instruction that makes one program call another one, which is to do what `instruction` says.
pub(crate) fn routed(router: &str, instruction: &Instruction) -> Instruction {
    let venue = instruction.program_id;
    let data = [&[2], venue.as_ref(), &instruction.data].concat();
    Instruction { program_id: id(router), accounts: vec![AccountMeta::new_readonly(venue, false)], data }
}

/// What a program said in a block of these transactions.
pub(crate) async fn read(transactions: &[Value], program: &str, carrier: Carrier) -> Batch {
    let hash = |n: u8| bs58::encode([n; 32]).into_string();
    let block = json!({
        "blockhash": hash(2), "previousBlockhash": hash(1), "parentSlot": SLOT - 1, "blockTime": 1_700_000_000, "transactions": transactions,
    });
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(format!("blocks-{SLOT}-{SLOT}.jsonl")), format!("{}\n", json!({"slot": SLOT, "block": block}))).unwrap();
    let source = RecordedBlocks::open(folder.path(), "blocks").unwrap();
    source.fetch(BlockRange::single(SLOT), &filter(program, carrier, Headers::Needed)).await.unwrap()
}
