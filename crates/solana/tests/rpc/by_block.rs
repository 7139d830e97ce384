//! Blocks read whole: as proof of a range, and to test what a listing gave.

use perpdex_core::{Evidence, Headers, HoleReason, Probe, Source, SourceErrorKind};
use perpdex_solana::{SolanaEndpoint, SolanaSource};
use serde_json::{Value, json};

use crate::node::{Act, EVERY, FIRST, Node, chain, filter, range, refused};

fn by_block(node: &Node) -> SolanaSource {
    SolanaSource::new(SolanaEndpoint { by_block: true, ..node.endpoint() }).unwrap()
}

#[tokio::test]
async fn both_ways_give_the_same_records() {
    let node = Node::start(chain()).await;
    let listed = node.source().fetch(range(FIRST, 1_011), &filter(Headers::Needed)).await.unwrap();
    let read = by_block(&node).fetch(range(FIRST, 1_011), &filter(Headers::Needed)).await.unwrap();
    assert_eq!((read.range, &read.records, read.evidence), (listed.range, &listed.records, Evidence::Receipts));
    assert_eq!((read.records.len(), read.blocks.len()), (3, 10), "every block of the range with its hash");
    assert!(read.blocks.iter().all(|block| block.link.is_some()));
}

#[tokio::test]
async fn a_proof_reads_every_block() {
    let node = Node::start(chain()).await;
    let source = node.source();
    let proof = source.prove(range(1_012, 1_013), &filter(Headers::Needed), Evidence::Receipts).await.unwrap();
    assert_eq!((proof.batch.records.len(), proof.batch.evidence, node.calls("getSignaturesForAddress")), (1, Evidence::Receipts, 0));
    let weaker = source.prove(range(1_012, 1_013), &filter(Headers::Needed), Evidence::Second).await.unwrap();
    assert_eq!((weaker.batch.records, weaker.batch.evidence), (proof.batch.records, Evidence::Witnessed));
}

#[tokio::test]
async fn a_block_that_getblocks_leaves_out_is_noticed() {
    for (part, left_out) in [(range(1_001, 1_009), 1_004), (range(1_001, 1_004), 1_004), (range(1_004, 1_009), 1_004)] {
        let node = Node::start(chain()).await;
        node.rule(
            "getBlocks",
            EVERY,
            Act::Edit(|slots| {
                let kept = slots.as_array().unwrap().iter().filter(|slot| **slot != json!(1_004)).cloned().collect();
                *slots = Value::Array(kept);
            }),
        );
        let (kind, message) = refused(by_block(&node).fetch(part, &filter(Headers::Needed)).await);
        assert_eq!(kind, SourceErrorKind::Omitted, "{part}");
        assert!(message.contains(&format!("leaves out slot {left_out}")), "{part}: {message}");
    }
}

#[tokio::test]
async fn behind_the_last_block_nothing_is_known_yet() {
    let node = Node::start(chain()).await;
    node.change(|chain| chain.finalized = 1_011);
    let batch = by_block(&node).fetch(range(1_005, 1_011), &filter(Headers::Needed)).await.unwrap();
    assert_eq!(batch.range, range(1_005, 1_009), "slots 1010 and 1011 may still be filled as far as this node tells");
    assert_eq!(refused(by_block(&node).fetch(range(1_010, 1_011), &filter(Headers::Needed)).await).0, SourceErrorKind::Lagging);
}

#[tokio::test]
async fn a_block_with_metadata_missing_is_a_hole() {
    let node = Node::start(chain()).await;
    node.rule("getBlock", 1, Act::Edit(|block| block["transactions"][0]["meta"] = Value::Null));
    let batch = by_block(&node).fetch(range(1_012, 1_012), &filter(Headers::Needed)).await.unwrap();
    assert_eq!((batch.records.len(), batch.holes[0].range, batch.holes[0].reason), (0, range(1_012, 1_012), HoleReason::NotRecorded));
}

#[tokio::test]
async fn a_probe_finds_what_a_listing_left_out() {
    let node = Node::start(chain()).await;
    node.rule(
        "getSignaturesForAddress",
        EVERY,
        Act::Edit(|lines| lines.as_array_mut().unwrap().retain(|line| line["slot"] != json!(1_004))),
    );
    let source = node.source();
    let batch = source.fetch(range(FIRST, 1_030), &filter(Headers::Needed)).await.unwrap();
    assert_eq!(batch.records.len(), 4);
    let probe = source.probe(&[1_002, 1_004, 1_010, 1_012, 1_015], &filter(Headers::Needed), &batch).await.unwrap();
    assert_eq!(probe, Probe { omitted: vec![1_004], unsettled: Vec::new() });
    node.rule("getBlock", EVERY, Act::Error(-32001, "Block cleaned up"));
    let probe = source.probe(&[1_002], &filter(Headers::Needed), &batch).await.unwrap();
    assert_eq!(probe, Probe { omitted: Vec::new(), unsettled: vec![1_002] });
}
