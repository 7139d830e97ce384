//! Log lines and inner instructions of the real runtime, read from a block of them.

use std::fs;

use litesvm::LiteSVM;
use litesvm::types::TransactionMetadata;
use perpdex_core::{Batch, BlockRange, Carrier, Headers, Source};
use perpdex_solana::RecordedBlocks;
use perpdex_solana_runtime_tests::{DRIFT, EVENT_TAG, JUPITER, PHOENIX, event, filter, id, passing, printing, program};
use serde_json::{Value, json};
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_message::Message;
use solana_signer::Signer;
use solana_transaction::Transaction;

const SLOT: u64 = 100;

/// A runtime in which every venue's id runs the program.
fn runtime(log_bytes_max: Option<usize>) -> (LiteSVM, Keypair) {
    let mut svm = LiteSVM::new();
    if log_bytes_max.is_some() {
        svm = svm.with_log_bytes_limit(log_bytes_max);
    }
    for venue in [DRIFT, JUPITER, PHOENIX] {
        svm.add_program(id(venue), &program()).unwrap();
    }
    let payer = Keypair::new();
    svm.airdrop(&payer.pubkey(), 1_000_000_000).unwrap();
    (svm, payer)
}

/// Executes instructions in one transaction and writes it down as a node would.
fn execute(svm: &mut LiteSVM, payer: &Keypair, instructions: &[Instruction]) -> Value {
    let message = Message::new(instructions, Some(&payer.pubkey()));
    let transaction = Transaction::new(&[payer], message.clone(), svm.latest_blockhash());
    let (meta, err): (TransactionMetadata, Value) = match svm.send_transaction(transaction) {
        Ok(meta) => (meta, Value::Null),
        Err(failed) => (failed.meta, json!(failed.err.to_string())),
    };
    let called = meta.inner_instructions.iter().enumerate().filter(|(_, inner)| !inner.is_empty());
    let inner: Vec<Value> = called
        .map(|(index, inner)| {
            let calls = inner.iter().map(|call| {
                json!({
                    "programIdIndex": call.instruction.program_id_index, "data": bs58::encode(&call.instruction.data).into_string(),
                    "stackHeight": call.stack_height,
                })
            });
            json!({"index": index, "instructions": calls.collect::<Vec<_>>()})
        })
        .collect();
    let tops = message
        .instructions
        .iter()
        .map(|top| json!({"programIdIndex": top.program_id_index, "data": bs58::encode(&top.data).into_string(), "stackHeight": 1}));
    json!({
        "transaction": {
            "signatures": [meta.signature.to_string()],
            "message": {
                "accountKeys": message.account_keys.iter().map(ToString::to_string).collect::<Vec<_>>(),
                "instructions": tops.collect::<Vec<_>>(),
            },
        },
        "meta": {"err": err, "innerInstructions": inner, "logMessages": meta.logs},
    })
}

/// What a program said in a block of these transactions.
async fn read(transactions: &[Value], program: &str, carrier: Carrier) -> Batch {
    let hash = |n: u8| bs58::encode([n; 32]).into_string();
    let block = json!({
        "blockhash": hash(2), "previousBlockhash": hash(1), "parentSlot": SLOT - 1, "blockTime": 1_700_000_000, "transactions": transactions,
    });
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(format!("blocks-{SLOT}-{SLOT}.jsonl")), format!("{}\n", json!({"slot": SLOT, "block": block}))).unwrap();
    let source = RecordedBlocks::open(folder.path(), "blocks").unwrap();
    source.fetch(BlockRange::single(SLOT), &filter(program, carrier, Headers::Needed)).await.unwrap()
}

fn payload(n: u8, length: usize) -> Vec<u8> {
    (0..length).map(|at| n.wrapping_add(at as u8)).collect()
}

#[tokio::test]
async fn printed_events() {
    let (mut svm, payer) = runtime(None);
    let (first, second, foreign) = (payload(1, 40), payload(2, 300), payload(3, 40));
    let calls = [printing(DRIFT, &first), printing(JUPITER, &foreign), printing(DRIFT, &second)];
    let transaction = execute(&mut svm, &payer, &calls);
    let batch = read(&[transaction.clone()], DRIFT, Carrier::Log).await;
    assert!(batch.holes.is_empty(), "{:?}", batch.holes);
    let found: Vec<(&[u8], Carrier)> = batch.records.iter().map(|record| (event(record).payload.as_ref(), event(record).carrier)).collect();
    assert_eq!(found, [(first.as_slice(), Carrier::Log), (second.as_slice(), Carrier::Log)]);
    let lines = transaction["meta"]["logMessages"].as_array().unwrap();
    for record in &batch.records {
        let line = lines[event(record).position.parse::<usize>().unwrap()].as_str().unwrap();
        assert!(line.starts_with("Program data: "), "{line}");
    }
    assert!(read(&[transaction], DRIFT, Carrier::Cpi).await.records.is_empty(), "a program that prints passes nothing to itself");
}

#[tokio::test]
async fn events_passed_to_itself() {
    for venue in [JUPITER, PHOENIX] {
        let (mut svm, payer) = runtime(None);
        let own = [&EVENT_TAG[..], &payload(7, 60)].concat();
        let other = if venue == JUPITER { PHOENIX } else { JUPITER };
        let calls = [printing(venue, &payload(1, 30)), passing(other, &own), passing(venue, &own)];
        let transaction = execute(&mut svm, &payer, &calls);
        let batch = read(&[transaction], venue, Carrier::Cpi).await;
        assert_eq!((batch.records.len(), batch.holes.len()), (1, 0), "{venue}");
        let found = event(&batch.records[0]);
        assert_eq!((found.payload.as_ref(), found.position.as_str(), found.parent.as_str()), (own.as_slice(), "2.0", "2"));
        assert_eq!((found.program.as_str(), batch.records[0].tx_index), (venue, Some(0)));
    }
}

#[tokio::test]
async fn the_runtimes_own_mark_of_truncation() {
    let (mut svm, payer) = runtime(Some(400));
    let calls = [printing(DRIFT, &payload(1, 40)), printing(DRIFT, &payload(2, 300)), printing(DRIFT, &payload(3, 20))];
    let transaction = execute(&mut svm, &payer, &calls);
    assert!(transaction["meta"]["logMessages"].as_array().unwrap().contains(&json!("Log truncated")), "{transaction}");
    let batch = read(&[transaction], DRIFT, Carrier::Log).await;
    assert_eq!(batch.records.len(), 1, "what stood before the mark is kept");
    assert_eq!(batch.holes.len(), 1);
    assert!(batch.holes[0].detail.ends_with("log messages were truncated"), "{:?}", batch.holes);

    let (mut svm, payer) = runtime(Some(100));
    let own = [&EVENT_TAG[..], &payload(7, 200)].concat();
    let transaction = execute(&mut svm, &payer, &[passing(JUPITER, &own)]);
    assert!(transaction["meta"]["logMessages"].as_array().unwrap().contains(&json!("Log truncated")), "{transaction}");
    let batch = read(&[transaction], JUPITER, Carrier::Cpi).await;
    assert_eq!((batch.records.len(), batch.holes.len()), (1, 0), "what a program passes to itself does not depend on the log");
}

#[tokio::test]
async fn a_failed_transaction_says_nothing() {
    let (mut svm, payer) = runtime(None);
    // The program's own account is not given, so that its call to itself fails; the runtime keeps what was printed before.
    let mut without_account = passing(DRIFT, &payload(1, 10));
    without_account.accounts.clear();
    let transaction = execute(&mut svm, &payer, &[printing(DRIFT, &payload(1, 40)), without_account]);
    assert_ne!(transaction["meta"]["err"], Value::Null, "{transaction}");
    assert!(transaction["meta"]["logMessages"].to_string().contains("Program data: "), "{transaction}");
    let batch = read(&[transaction], DRIFT, Carrier::Log).await;
    assert_eq!((batch.records.len(), batch.holes.len()), (0, 0));
}
