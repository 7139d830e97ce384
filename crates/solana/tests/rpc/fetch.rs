//! Records, blocks and holes of a range.

use perpdex_core::{Batch, Carrier, Evidence, Headers, HoleReason, RawBody, Source, VenueSlug, derived_id};
use serde_json::{Value, json};

use crate::node::{Act, CONFIRMED, EVENT, EVERY, Edit, FIRST, Node, chain, filter, printing, program, range, signature, time_ms};

fn numbers(batch: &Batch) -> Vec<u8> {
    let number = |body: &RawBody| match body {
        RawBody::SolanaEvent(event) => event.payload[EVENT.len()],
        other => panic!("{other:?}"),
    };
    batch.records.iter().map(|record| number(&record.body)).collect()
}

fn heights(batch: &Batch) -> Vec<(u64, bool)> {
    batch.blocks.iter().map(|block| (block.height, block.link.is_some())).collect()
}

#[tokio::test]
async fn records_of_a_final_range() {
    let node = Node::start(chain()).await;
    let batch = node.source().fetch(range(FIRST, 1_011), &filter(Headers::Needed)).await.unwrap();
    assert_eq!((batch.range, batch.evidence, numbers(&batch)), (range(FIRST, 1_011), Evidence::Witnessed, vec![4, 2, 6]));
    assert_eq!(heights(&batch), [(FIRST, true), (1_002, false), (1_004, false), (1_009, true)], "the range ends in skipped slots");
    assert_eq!((batch.holes.len(), batch.malformed.len()), (0, 0));

    let record = &batch.records[1];
    // The block holds 4, 3, 2: the listing's order inside a slot is no promise.
    assert_eq!((record.height, record.ord, record.time_ms), (1_002, (2 << 32) | (1 << 16) | 1, time_ms(1_002)));
    assert_eq!((batch.records[0].tx_index, record.tx_index), (Some(0), Some(2)));
    assert_eq!((record.rec, record.tx_id.as_str()), (derived_id(&[&signature(2), "cpi", "1.0"]), signature(2).as_str()));
    let RawBody::SolanaEvent(event) = &record.body else { panic!("{record:?}") };
    assert_eq!((event.program.as_str(), event.carrier), (program().as_str(), Carrier::Cpi));
    assert_eq!((event.position.as_str(), event.parent.as_str()), ("1.0", "1"));
    let asked: Vec<Value> = node.requests("getTransaction").iter().map(|params| params[0].clone()).collect();
    // The oldest one is asked for first of all: an endpoint that knows it may say that nothing is older.
    assert_eq!(asked[0], json!(signature(2)));
    assert_eq!(asked.len(), 4, "failed transactions are not fetched: {asked:?}");
    assert_eq!(node.requests("getBlock").iter().filter(|params| params[1]["transactionDetails"] == json!("signatures")).count(), 2);
}

#[tokio::test]
async fn the_tail_brings_hashes() {
    let node = Node::start(chain()).await;
    let batch = node.source().fetch(range(1_031, CONFIRMED), &filter(Headers::All)).await.unwrap();
    assert_eq!(batch.evidence, Evidence::Provisional);
    assert_eq!((numbers(&batch), heights(&batch)), (vec![12], vec![(1_031, true), (1_033, true), (1_039, true)]));
    assert_eq!(node.requests("getSignaturesForAddress")[0][1]["commitment"], json!("confirmed"));
}

#[tokio::test]
async fn the_place_in_the_block_is_used_where_it_is_given() {
    let node = Node::start(chain()).await;
    node.rule("getTransaction", EVERY, Act::Edit(|transaction| transaction["transactionIndex"] = json!(1_162)));
    let batch = node.source().fetch(range(1_012, 1_012), &filter(Headers::Needed)).await.unwrap();
    assert_eq!((batch.records[0].tx_index, batch.records[0].ord >> 32), (Some(1_162), 1_162));
    assert_eq!(node.requests("getBlock").iter().filter(|params| params[1]["transactionDetails"] == json!("signatures")).count(), 0);
}

#[tokio::test]
async fn events_in_the_log() {
    let node = Node::start(chain()).await;
    node.rule(
        "getTransaction",
        EVERY,
        Act::Edit(|transaction| {
            let id = crate::node::program();
            transaction["version"] = json!(1);
            transaction["meta"]["innerInstructions"] = json!([]);
            transaction["meta"]["logMessages"] =
                json!([format!("Program {id} invoke [1]"), "Program data: AQIDBAUGBwgJ", format!("Program {id} success")]);
        }),
    );
    let batch = node.source().fetch(range(1_012, 1_012), &printing(Headers::Needed)).await.unwrap();
    let record = &batch.records[0];
    let RawBody::SolanaEvent(event) = &record.body else { panic!("{record:?}") };
    assert_eq!((event.carrier, event.position.as_str(), record.ord), (Carrier::Log, "1", 1));
    assert_eq!(event.payload.as_ref(), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
}

#[tokio::test]
async fn what_was_not_recorded_is_a_hole() {
    let edits: [(&str, Edit, bool); 4] = [
        ("its metadata was not recorded", |transaction| transaction["meta"] = Value::Null, false),
        ("inner instructions were not recorded", |transaction| transaction["meta"]["innerInstructions"] = Value::Null, false),
        ("log messages were not recorded", |transaction| transaction["meta"]["logMessages"] = Value::Null, true),
        ("log messages were truncated", |transaction| transaction["meta"]["logMessages"] = json!(["Log truncated"]), true),
    ];
    for (why, edit, prints) in edits {
        let node = Node::start(chain()).await;
        node.rule("getTransaction", 1, Act::Edit(edit));
        let filter = if prints { printing(Headers::Needed) } else { filter(Headers::Needed) };
        let batch = node.source().fetch(range(1_003, 1_013), &filter).await.unwrap();
        assert_eq!(batch.holes.len(), 1, "{why}");
        let hole = &batch.holes[0];
        assert_eq!((hole.range.blocks(), hole.reason), (1, HoleReason::NotRecorded));
        assert!(hole.detail.ends_with(why), "{}", hole.detail);
    }
}

#[tokio::test]
async fn a_newer_kind_of_transaction_is_a_hole() {
    let node = Node::start(chain()).await;
    node.rule("getTransaction", 1, Act::Error(-32015, "Transaction version (2) is not supported by the requesting client"));
    let batch = node.source().fetch(range(1_012, 1_012), &filter(Headers::Needed)).await.unwrap();
    assert_eq!((batch.records.len(), batch.holes[0].reason), (0, HoleReason::NotRecorded));
    assert_eq!(batch.holes[0].detail, format!("{}: the transaction's version is not supported", signature(8)));
}

#[tokio::test]
async fn a_transaction_that_failed_after_all_gives_nothing() {
    let node = Node::start(chain()).await;
    node.rule("getTransaction", 1, Act::Edit(|transaction| transaction["meta"]["err"] = json!({"InstructionError": [0, {"Custom": 1}]})));
    let batch = node.source().fetch(range(1_012, 1_012), &filter(Headers::Needed)).await.unwrap();
    assert_eq!((batch.records.len(), batch.holes.len()), (0, 0));
}

#[tokio::test]
async fn a_transaction_without_time() {
    let node = Node::start(chain()).await;
    node.rule("getTransaction", 1, Act::Edit(|transaction| transaction["blockTime"] = Value::Null));
    let batch = node.source().fetch(range(1_012, 1_012), &filter(Headers::Needed)).await.unwrap();
    assert_eq!((batch.records[0].time_ms, node.calls("getBlockTime")), (time_ms(1_012), 1));
}

#[tokio::test]
async fn a_range_of_skipped_slots() {
    let node = Node::start(chain()).await;
    let batch = node.source().fetch(range(1_010, 1_011), &filter(Headers::Needed)).await.unwrap();
    assert_eq!((batch.records.len(), batch.blocks.len(), batch.holes.len()), (0, 0, 0));
}

#[tokio::test]
async fn a_hole_is_one_of_the_streams_that_may_lack_records() {
    let node = Node::start(chain()).await;
    node.rule(
        "getTransaction",
        EVERY,
        Act::Edit(|transaction| transaction["meta"]["logMessages"] = json!([format!("Program {} invoke [1]", program()), "Log truncated"])),
    );
    let mut both = filter(Headers::Needed);
    let (mut printed, watch) = printing(Headers::Needed).streams.remove(0);
    printed.venue = VenueSlug::known("drift_v2");
    both.streams.push((printed.clone(), watch));
    let batch = node.source().fetch(range(1_012, 1_012), &both).await.unwrap();
    assert_eq!((numbers(&batch), batch.holes.len()), (vec![8], 1));
    let hole = &batch.holes[0];
    assert_eq!(hole.streams, [printed.clone()], "what a program passes to itself does not depend on the log");
    assert!(hole.is_of(&printed) && !hole.is_of(&both.streams[0].0));

    // A transaction that is not there may have held anything.
    node.rule("getTransaction", EVERY, Act::Edit(|transaction| transaction["meta"] = json!(null)));
    let batch = node.source().fetch(range(1_012, 1_012), &both).await.unwrap();
    assert!(both.streams.iter().all(|(stream, _)| batch.holes[0].is_of(stream)), "{:?}", batch.holes);
}
