//! Every header of a range: links, blooms, receipts.

use alloy::primitives::Bloom;
use perpdex_core::{BlockRange, Evidence, Headers, Source, SourceErrorKind};
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
    assert_eq!(kind, SourceErrorKind::Transient);
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
async fn unfilled_blooms_prove_nothing() {
    let mut zeros = chain();
    zeros.blocks.iter_mut().for_each(|block| block.bloom = Bloom::ZERO);
    let node = Node::start(zeros).await;
    let source = node.source();
    assert_eq!(source.fetch(whole(), &filter(Headers::All)).await.unwrap().evidence, Evidence::Witnessed);
    let quiet = BlockRange::new(104, 106).unwrap();
    assert_eq!(source.fetch(quiet, &filter(Headers::All)).await.unwrap().evidence, Evidence::Witnessed, "no log, no filled bloom");
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
