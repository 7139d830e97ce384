//! Every header of a range: links, blooms, receipts.

use alloy::primitives::Bloom;
use perpdex_core::{BlockRange, Evidence, Headers, Probe, Source, SourceErrorKind};
use serde_json::{Value, json};

use crate::node::{Act, EVERY, Edit, Node, chain, filter, hash, refused, whole};

#[tokio::test]
async fn every_header_is_tested() {
    let node = Node::start(chain()).await;
    let batch = node.source().fetch(whole(), &filter(Headers::All)).await.unwrap();
    assert_eq!((batch.evidence, batch.records.len(), batch.blocks.len()), (Evidence::Bloom, 4, 20));
    assert!(batch.blocks.iter().all(|block| block.link.is_some_and(|link| link.parent == hash(block.height - 1))));
}

#[tokio::test]
async fn an_omitted_log_is_found() {
    let node = Node::start(chain()).await;
    node.rule("eth_getLogs", EVERY, Act::Edit(|logs| drop(logs.as_array_mut().unwrap().pop())));
    let (kind, message) = refused(node.source().fetch(whole(), &filter(Headers::All)).await);
    assert_eq!(kind, SourceErrorKind::Omitted);
    assert!(message.contains("endpoint omitted logs") && message.contains("of block 110"), "{message}");
}

#[tokio::test]
async fn maybe_is_settled_by_receipts() {
    let full = |has_receipts: bool| {
        let mut chain = chain();
        chain.blocks[4].bloom = Bloom::repeat_byte(0xff);
        chain.has_receipts = has_receipts;
        chain
    };
    let node = Node::start(full(true)).await;
    let batch = node.source().fetch(whole(), &filter(Headers::All)).await.unwrap();
    assert_eq!((batch.evidence, node.calls("eth_getBlockReceipts")), (Evidence::Bloom, 1));

    let node = Node::start(full(false)).await;
    let source = node.source();
    for _ in 0..2 {
        assert_eq!(source.fetch(whole(), &filter(Headers::All)).await.unwrap().evidence, Evidence::Witnessed, "nothing settles it");
    }
    assert_eq!(node.calls("eth_getBlockReceipts"), 1, "a refusal for good is remembered");
}

#[tokio::test]
async fn receipts_that_cannot_settle() {
    let edits: [(Edit, Option<SourceErrorKind>); 3] = [
        (|receipts| *receipts = json!([]), None),
        (|receipts| *receipts = Value::Null, None),
        (|receipts| receipts[0]["logs"][0]["blockHash"] = json!(hash(7)), Some(SourceErrorKind::Transient)),
    ];
    for (edit, error) in edits {
        let mut chain = chain();
        chain.blocks[4].bloom = Bloom::repeat_byte(0xff);
        let node = Node::start(chain).await;
        node.rule("eth_getBlockReceipts", EVERY, Act::Edit(edit));
        let result = node.source().fetch(whole(), &filter(Headers::All)).await;
        match error {
            Some(kind) => assert_eq!(refused(result).0, kind),
            None => assert_eq!(result.unwrap().evidence, Evidence::Witnessed),
        }
    }
}

#[tokio::test]
async fn receipts_stand_in_for_blooms_that_are_not_filled() {
    let quiet = BlockRange::new(104, 106).unwrap();
    for (has_receipts, wanted) in [(true, Evidence::Receipts), (false, Evidence::Witnessed)] {
        let mut zeros = chain();
        zeros.blocks.iter_mut().for_each(|block| block.bloom = Bloom::ZERO);
        zeros.has_receipts = has_receipts;
        let node = Node::start(zeros).await;
        let source = node.source();
        let quiet_first = source.fetch(quiet, &filter(Headers::All)).await.unwrap().evidence;
        assert_eq!(quiet_first, wanted.min(Evidence::Bloom), "no log is known yet: a bloom of zeros says nothing");
        for range in [whole(), quiet] {
            assert_eq!(source.fetch(range, &filter(Headers::All)).await.unwrap().evidence, wanted, "known logs are denied: {range}");
        }
    }
    let mut zeros = chain();
    zeros.blocks.iter_mut().for_each(|block| block.bloom = Bloom::ZERO);
    let node = Node::start(zeros).await;
    node.rule("eth_getLogs", EVERY, Act::Edit(|logs| *logs = json!([])));
    let (kind, message) = refused(node.source().fetch(whole(), &filter(Headers::All)).await);
    assert_eq!(kind, SourceErrorKind::Omitted, "{message}");
}

#[tokio::test]
async fn single_blocks_are_probed() {
    let node = Node::start(chain()).await;
    let (source, wanted) = (node.source(), filter(Headers::Needed));
    let good = source.fetch(whole(), &wanted).await.unwrap();
    let probe = source.probe(&[103, 104, 110], &wanted, &good).await.unwrap();
    assert_eq!(probe, Probe::default(), "nothing is missing");

    let mut short = good.clone();
    short.records.retain(|record| record.height != 110);
    assert_eq!(source.probe(&[109, 111], &wanted, &short).await.unwrap(), Probe::default(), "the hole is not looked at");
    assert_eq!(source.probe(&[109, 110], &wanted, &short).await.unwrap().omitted, [110]);

    node.rule("eth_getBlockReceipts", EVERY, Act::Error(-32601, "method not found", Value::Null));
    let probe = source.probe(&[109, 110], &wanted, &short).await.unwrap();
    assert_eq!((probe.omitted, probe.unsettled), (vec![], vec![110]), "nothing settles a maybe");
    let headers = source.traffic().headers;
    assert_eq!(headers.get("probe"), Some(&9), "{headers:?}");
}

#[tokio::test]
async fn proof_finds_and_mends_what_was_left_out() {
    for level in [Evidence::Bloom, Evidence::Receipts] {
        let node = Node::start(chain()).await;
        node.rule("eth_getLogs", EVERY, Act::Edit(|logs| drop(logs.as_array_mut().unwrap().pop())));
        let proof = node.source().prove(whole(), &filter(Headers::Needed), level).await.unwrap();
        let places: Vec<_> = proof.batch.records.iter().map(|record| (record.height, record.rec)).collect();
        assert_eq!((proof.batch.evidence, proof.omitted), (level, vec![110, 115]), "{level:?}");
        assert_eq!(places, [(103, 1), (103, 2), (110, 1), (115, 1)], "{level:?}");
    }
    let first_of_two = |logs: &mut Value| {
        logs.as_array_mut().unwrap().retain(|log| log["logIndex"] != json!("0x1") || log["blockNumber"] != json!("0x67"));
    };
    for (level, wanted) in [(Evidence::Bloom, vec![]), (Evidence::Receipts, vec![103])] {
        let node = Node::start(chain()).await;
        node.rule("eth_getLogs", EVERY, Act::Edit(first_of_two));
        let proof = node.source().prove(whole(), &filter(Headers::Needed), level).await.unwrap();
        assert_eq!(proof.omitted, wanted, "a bloom cannot tell one log of a contract from two");
    }
    let first_of_all = |logs: &mut Value| logs.as_array_mut().unwrap().retain(|log| log["logIndex"] != json!("0x1"));
    for level in [Evidence::Bloom, Evidence::Receipts] {
        let node = Node::start(chain()).await;
        node.rule("eth_getLogs", EVERY, Act::Edit(first_of_all));
        let proof = node.source().prove(whole(), &filter(Headers::Needed), level).await.unwrap();
        assert_eq!(proof.omitted, [103, 110, 115], "beside blocks without their logs, receipts are read: {level:?}");
    }
    let mut without = chain();
    without.has_receipts = false;
    let proof = Node::start(without).await.source().prove(whole(), &filter(Headers::Needed), Evidence::Receipts).await.unwrap();
    assert_eq!(proof.batch.evidence, Evidence::Bloom, "the best there is");
}

#[tokio::test]
async fn a_dense_block_is_asked_for_in_parts() {
    let node = Node::start(chain()).await;
    let mut wanted = filter(Headers::Needed);
    wanted.streams.truncate(1);
    let of = |addresses: &[u8], topics: &[u8]| perpdex_core::EvmFilter {
        addresses: addresses.iter().map(|n| crate::node::address(*n)).collect(),
        topics: [topics.iter().map(|n| crate::node::topic(*n)).collect(), vec![], vec![], vec![]],
    };
    wanted.streams[0].1 = perpdex_core::Watch::Evm(vec![of(&[1, 2, 3], &[0x11, 0x22])]);
    for call in 1..=3 {
        node.rule("eth_getLogs", call, Act::Error(-32005, "query returned more than 10000 results", Value::Null));
    }
    let batch = node.source().fetch(BlockRange::single(103), &wanted).await.unwrap();
    assert_eq!(batch.records.iter().map(|record| record.rec).collect::<Vec<_>>(), [1, 2]);
    // All; address 1; of it topic 0x11, refused and taken from receipts, and topic 0x22; addresses 2 and 3.
    assert_eq!((node.calls("eth_getLogs"), node.calls("eth_getBlockReceipts")), (5, 1));
}

#[tokio::test]
async fn broken_links_are_contradictions() {
    let mut forked = chain();
    forked.blocks[8].parent = hash(1);
    let (kind, message) = refused(Node::start(forked).await.source().fetch(whole(), &filter(Headers::All)).await);
    assert_eq!(kind, SourceErrorKind::Transient);
    assert!(message.contains("block 108 has parent"), "{message}");
}

#[tokio::test]
async fn a_block_too_dense_for_logs_comes_from_receipts() {
    let node = Node::start(chain()).await;
    node.rule("eth_getLogs", EVERY, Act::Error(-32005, "query returned more than 10000 results", Value::Null));
    let batch = node.source().fetch(BlockRange::single(103), &filter(Headers::Needed)).await.unwrap();
    assert_eq!(batch.records.iter().map(|record| record.rec).collect::<Vec<_>>(), [1, 2]);
}

#[tokio::test]
async fn a_dense_block_is_never_empty_and_drops_no_log() {
    let dense = || Act::Error(-32005, "query returned more than 10000 results", Value::Null);
    let node = Node::start(chain()).await;
    node.rule("eth_getLogs", EVERY, dense()).rule("eth_getBlockReceipts", EVERY, Act::Edit(|receipts| *receipts = json!([])));
    let result = node.source().fetch(BlockRange::single(103), &filter(Headers::Needed)).await;
    assert_eq!(refused(result).0, SourceErrorKind::Density, "receipts without logs are not kept there");

    let node = Node::start(chain()).await;
    node.rule("eth_getLogs", EVERY, dense());
    // The stranger's log and the first one watched lose their index.
    let damage = |receipts: &mut Value| (0..2).for_each(|log| receipts[log]["logs"][0]["logIndex"] = Value::Null);
    node.rule("eth_getBlockReceipts", EVERY, Act::Edit(damage));
    let batch = node.source().fetch(BlockRange::single(103), &filter(Headers::Needed)).await.unwrap();
    assert_eq!(batch.records.iter().map(|record| record.rec).collect::<Vec<_>>(), [2]);
    let malformed: Vec<_> = batch.malformed.iter().map(|malformed| (malformed.height, malformed.error.as_str())).collect();
    assert_eq!(malformed, [(103, "logIndex is missing or null")]);
}
