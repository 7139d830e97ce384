//! Records, blocks and times of a range, and what it costs to get them.

use perpdex_core::{Batch, BlockRange, Evidence, Headers, RawBody, Source};
use serde_json::json;

use crate::node::{Act, EVERY, Edit, FIRST, LAST, Node, address, chain, filter, hash, topic, whole};

fn places(batch: &Batch) -> Vec<(u64, i64)> {
    batch.records.iter().map(|record| (record.height, record.rec)).collect()
}

const PLACES: [(u64, i64); 4] = [(103, 1), (103, 2), (110, 1), (115, 1)];

fn time_ms(height: u64) -> i64 {
    (1_700_000_000 + 2 * height as i64) * 1_000
}

#[tokio::test]
async fn a_range_costs_one_batch_a_query() {
    let node = Node::start(chain()).await;
    let batch = node.source().fetch(whole(), &filter(Headers::Needed)).await.unwrap();
    assert_eq!((batch.range, batch.evidence, places(&batch)), (whole(), Evidence::Witnessed, PLACES.to_vec()));
    let blocks: Vec<_> = batch.blocks.iter().map(|block| (block.height, block.hash(), block.time_ms)).collect();
    let expected = [(FIRST, true), (103, false), (110, false), (115, false), (LAST, true)];
    assert_eq!(blocks, expected.map(|(height, has_header)| (height, has_header.then(|| hash(height)), time_ms(height))));
    assert_eq!(node.posts(), vec![vec!["eth_getBlockByNumber", "eth_getBlockByNumber", "eth_getLogs"]; 2]);

    let first = &batch.records[0];
    assert_eq!((first.ord, first.tx_index, first.time_ms), (1, Some(3), time_ms(103)));
    assert_eq!(first.tx_id, format!("{:#x}", topic(0xee)));
    let RawBody::EvmLog(log) = &first.body else { panic!("{first:?}") };
    assert_eq!((log.address, log.topics.as_slice(), log.block_hash), (address(1), &[topic(0x11), topic(0x77)][..], hash(103)));
    assert_eq!(log.data.as_ref(), [1, 2]);
}

#[tokio::test]
async fn one_block_needs_one_witness() {
    let node = Node::start(chain()).await;
    let batch = node.source().fetch(BlockRange::single(110), &filter(Headers::Needed)).await.unwrap();
    assert_eq!(places(&batch), [(110, 1)]);
    assert_eq!(node.posts(), vec![vec!["eth_getBlockByNumber", "eth_getLogs"]; 2]);
}

#[tokio::test]
async fn no_stream_still_needs_a_witness() {
    let node = Node::start(chain()).await;
    let mut none = filter(Headers::Needed);
    none.streams.clear();
    let batch = node.source().fetch(whole(), &none).await.unwrap();
    assert_eq!((batch.records.len(), batch.blocks.len(), node.calls("eth_getLogs")), (0, 2, 0));
}

#[tokio::test]
async fn missing_times_come_from_headers() {
    let mut without = chain();
    without.log_times = false;
    let node = Node::start(without).await;
    let batch = node.source().fetch(whole(), &filter(Headers::Needed)).await.unwrap();
    assert!(batch.records.iter().all(|record| record.time_ms == time_ms(record.height)), "{:?}", batch.records);
    assert!(batch.blocks.iter().all(|block| block.hash() == Some(hash(block.height))), "headers were read: {:?}", batch.blocks);
    assert_eq!(node.posts().last().unwrap(), &vec!["eth_getBlockByNumber"; 3], "one call for each distinct block, in one batch");
}

#[tokio::test]
async fn times_that_cannot_be_believed_come_from_headers() {
    let stated: [Edit; 4] = [
        |logs| logs.as_array_mut().unwrap().iter_mut().for_each(|log| log["blockTimestamp"] = json!("0x0")),
        |logs| logs[0]["blockTimestamp"] = json!("0x1"),
        |logs| logs[0]["blockTimestamp"] = json!("0x6553f1ff"),
        |logs| logs[0]["blockTimestamp"] = json!("0x7fffffffffffffff"),
    ];
    for edit in stated {
        let node = Node::start(chain()).await;
        node.rule("eth_getLogs", 2, Act::Edit(edit));
        let batch = node.source().fetch(whole(), &filter(Headers::Needed)).await.unwrap();
        assert!(batch.records.iter().all(|record| record.time_ms == time_ms(record.height)), "{:?}", batch.records);
        assert!(node.calls("eth_getBlockByNumber") > 4, "headers were asked");
    }
}

#[tokio::test]
async fn a_malformed_log_is_kept_beside_the_rest() {
    let node = Node::start(chain()).await;
    node.rule("eth_getLogs", EVERY, Act::Edit(|logs| logs[0]["data"] = json!("0xzz")));
    node.rule("eth_getLogs", 2, Act::Edit(|logs| logs.as_array_mut().unwrap().push(json!({"address": 7}))));
    let batch = node.source().fetch(whole(), &filter(Headers::Needed)).await.unwrap();
    assert_eq!(places(&batch), [(103, 2), (110, 1)]);
    let mut malformed: Vec<_> = batch.malformed.iter().map(|bad| (bad.stream.name(), bad.height)).collect();
    malformed.sort();
    assert_eq!(malformed, [("aster_1001x".to_owned(), FIRST), ("aster_1001x".to_owned(), 103), ("aster_vault".to_owned(), 115)]);
    assert!(batch.malformed.iter().any(|bad| bad.text.contains("0xzz")), "{:?}", batch.malformed);
}

#[tokio::test]
async fn overlapping_filters_give_each_log_once() {
    let node = Node::start(chain()).await;
    let mut wanted = filter(Headers::Needed);
    let everything_of_one = perpdex_core::EvmFilter { addresses: vec![address(1)], topics: Default::default() };
    wanted.streams[1].1 = perpdex_core::Watch::Evm(vec![everything_of_one]);
    let batch = node.source().fetch(whole(), &wanted).await.unwrap();
    assert_eq!(places(&batch), [(103, 1), (103, 2), (110, 1)]);
}
