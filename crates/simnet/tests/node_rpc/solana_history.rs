//! `getSignaturesForAddress`: order, pages, commitment, forks.

use perpdex_simnet::node::{SolanaNode, SolanaOptions};
use serde_json::{Value, json};

use crate::client::{error, result};
use crate::fixture::{ROUTER, VENUE, blockhash, signature, solana_chain};

/// Transactions of the fixture.
const TRANSACTIONS: u64 = 180;
/// Transactions up to the finalized slot, 1067.
const FINALIZED: u64 = 122;

async fn list(node: &SolanaNode, address: &str, config: Value) -> Vec<Value> {
    result(&node.url(), "getSignaturesForAddress", json!([address, config])).await.as_array().unwrap().clone()
}

fn signatures(listed: &[Value]) -> Vec<String> {
    listed.iter().map(|entry| entry["signature"].as_str().unwrap().to_owned()).collect()
}

fn newest_first(numbers: impl DoubleEndedIterator<Item = u64>) -> Vec<String> {
    numbers.rev().map(signature).collect()
}

#[tokio::test]
async fn newest_comes_first() {
    let node = SolanaNode::serve(solana_chain()).unwrap();
    let confirmed = json!({"commitment": "confirmed"});
    let listed = list(&node, VENUE, confirmed.clone()).await;
    assert_eq!(signatures(&listed), newest_first(0..TRANSACTIONS));
    assert_eq!(signatures(&list(&node, VENUE, json!({})).await), newest_first(0..FINALIZED));
    assert_eq!(signatures(&list(&node, ROUTER, confirmed).await), newest_first((0..TRANSACTIONS).filter(|n| n % 5 == 0)));
    assert_eq!(list(&node, "11111111111111111111111111111111", json!({})).await, [json!(null); 0]);
    let entry = |n: u64| listed[usize::try_from(TRANSACTIONS - 1 - n).unwrap()].clone();
    let want = json!({
        "signature": signature(7), "slot": 1_004, "err": {"InstructionError": [0, {"Custom": 1}]}, "memo": null,
        "blockTime": 1_790_000_004, "confirmationStatus": "finalized", "transactionIndex": 1,
    });
    assert_eq!(entry(7), want);
    assert_eq!((&entry(8)["err"], &entry(179)["confirmationStatus"]), (&json!(null), &json!("confirmed")));
}

#[tokio::test]
async fn pages_end_in_an_empty_one() {
    let node = SolanaNode::serve(solana_chain()).unwrap();
    let mut found = Vec::new();
    let mut sizes = Vec::new();
    loop {
        let mut config = json!({"limit": 50, "commitment": "finalized"});
        if let Some(last) = found.last() {
            config["before"] = json!(last);
        }
        let page = signatures(&list(&node, VENUE, config).await);
        sizes.push(page.len());
        if page.is_empty() {
            break;
        }
        found.extend(page);
        assert!(sizes.len() < 10);
    }
    assert_eq!(found, newest_first(0..FINALIZED));
    assert_eq!(sizes, [50, 50, 22, 0]);
}

#[tokio::test]
async fn both_ends_are_exclusive() {
    let node = SolanaNode::serve(solana_chain()).unwrap();
    let cases = [
        (json!({"until": signature(100)}), 101..FINALIZED),
        (json!({"before": signature(20)}), 0..20),
        (json!({"before": signature(20), "until": signature(10)}), 11..20),
        (json!({"before": signature(20), "until": signature(10), "limit": 3}), 17..20),
        (json!({"before": signature(10), "until": signature(20)}), 0..0),
        (json!({"before": signature(9_999)}), 0..0),
        (json!({"until": signature(9_999)}), 0..FINALIZED),
        // Confirmed only: unknown to a reader of finalized history.
        (json!({"before": signature(170)}), 0..0),
    ];
    for (config, want) in cases {
        assert_eq!(signatures(&list(&node, VENUE, config.clone()).await), newest_first(want), "{config}");
    }
    let other = list(&node, ROUTER, json!({"before": signature(12), "until": signature(3)})).await;
    assert_eq!(signatures(&other), [signature(10), signature(5)], "the ends need not be of the address");
}

#[tokio::test]
async fn listings_that_are_refused() {
    let node = SolanaNode::serve(solana_chain()).unwrap();
    let cases = [
        (json!([VENUE, {"limit": 0}]), "Invalid limit; max 1000"),
        (json!([VENUE, {"limit": 1_001}]), "Invalid limit; max 1000"),
        (json!([VENUE, {"commitment": "processed"}]), "Method does not support commitment below `confirmed`"),
        (json!([signature(1)]), "Invalid param: WrongSize"),
        (json!([VENUE, {"before": "abc"}]), "Invalid param: WrongSize"),
        (json!([]), "missing value for required argument 0"),
    ];
    for (params, message) in cases {
        assert_eq!(error(&node.url(), "getSignaturesForAddress", params).await, (-32_602, message.to_owned()));
    }
}

#[tokio::test]
async fn a_fork_moves_signatures() {
    let node = SolanaNode::serve_with(solana_chain(), SolanaOptions { transaction_index: false, ..SolanaOptions::default() }).unwrap();
    let mut blocks = solana_chain().blocks[88..].to_vec();
    // The old last two blocks, 1098 and 1099: the fork skips 1098 and takes one of its transactions along in 1099.
    let moved = blocks[0].transactions.remove(1);
    blocks.remove(0);
    blocks[0].parent_slot = 1_097;
    blocks[0].previous_blockhash = blockhash(1_097);
    blocks[0].blockhash = blockhash(7);
    blocks[0].transactions = vec![moved];
    let kept = solana_chain().blocks[87].clone();
    assert_eq!(kept.slot, 1_097);
    let mut replaced = vec![kept];
    replaced.extend(blocks);
    node.fork(replaced).unwrap();
    assert_eq!(node.head(), 1_099);
    let listed = list(&node, VENUE, json!({"commitment": "confirmed", "limit": 2})).await;
    assert_eq!(signatures(&listed), [signature(177), signature(175)]);
    assert_eq!((&listed[0]["slot"], listed[0].get("transactionIndex")), (&json!(1_099), None));
    let config = json!({"commitment": "confirmed", "maxSupportedTransactionVersion": 1});
    assert_eq!(result(&node.url(), "getTransaction", json!([signature(176), config])).await, json!(null));
    assert_eq!(error(&node.url(), "getBlock", json!([1_098, config])).await.0, -32_007);
}
