//! How often the signatures are listed, and what a listing's end means.

use std::sync::Arc;

use perpdex_core::{Evidence, Headers, HoleReason, Source, SourceErrorKind};
use perpdex_solana::{MemoryWindows, SolanaEndpoint, SolanaSource};
use serde_json::{Value, json};

use crate::node::{Act, Edit, FIRST, Node, chain, filter, key, range, refused, signature};

fn cursors(node: &Node, field: &str) -> Vec<Value> {
    node.requests("getSignaturesForAddress").iter().map(|params| params[1][field].clone()).collect()
}

#[tokio::test]
async fn one_walk_serves_all_later_ranges() {
    let mut short = chain();
    short.page_max = 2;
    let node = Node::start(short).await;
    let source = node.source();
    let mut slots = Vec::new();
    for part in [range(FIRST, 1_001), range(1_002, 1_003), range(1_004, 1_019), range(1_020, 1_030), range(1_002, 1_030)] {
        slots.extend(source.fetch(part, &filter(Headers::Needed)).await.unwrap().records.iter().map(|record| record.height));
    }
    assert_eq!(slots, [1_002, 1_002, 1_004, 1_012, 1_020, 1_002, 1_002, 1_004, 1_012, 1_020]);
    let page_ends = [8, 4, 2].map(|n| json!(signature(n)));
    assert_eq!(cursors(&node, "before"), [vec![Value::Null], page_ends.to_vec()].concat(), "short pages are no end, an empty one is");
    assert_eq!(cursors(&node, "minContextSlot"), vec![json!(1_030); 4], "the node must know the range's end");
}

#[tokio::test]
async fn a_walk_stops_below_the_range() {
    let mut short = chain();
    short.page_max = 1;
    let node = Node::start(short).await;
    let source = node.source();
    source.fetch(range(1_013, 1_030), &filter(Headers::Needed)).await.unwrap();
    assert_eq!(node.calls("getSignaturesForAddress"), 2, "the second page shows a lower slot");
    source.fetch(range(1_005, 1_012), &filter(Headers::Needed)).await.unwrap();
    assert_eq!(cursors(&node, "before")[2..], [json!(signature(10)), json!(signature(8))], "it goes on below the window");
}

#[tokio::test]
async fn a_newer_head_is_joined_on_top() {
    let node = Node::start(chain()).await;
    let source = node.source();
    source.fetch(range(1_003, 1_030), &filter(Headers::Needed)).await.unwrap();
    node.change(|chain| chain.finalized = 1_034);
    let batch = source.fetch(range(1_031, 1_034), &filter(Headers::Needed)).await.unwrap();
    assert_eq!(batch.records.iter().map(|record| record.height).collect::<Vec<_>>(), [1_033]);
    assert_eq!(cursors(&node, "until"), [Value::Null, json!(signature(8))]);
    let all = source.fetch(range(1_003, 1_034), &filter(Headers::Needed)).await.unwrap();
    assert_eq!(all.records.iter().map(|record| record.height).collect::<Vec<_>>(), [1_004, 1_012, 1_020, 1_033]);
    assert_eq!(node.calls("getSignaturesForAddress"), 2);
}

#[tokio::test]
async fn an_empty_page_above_what_was_listed_is_no_end() {
    let node = Node::start(chain()).await;
    let source = node.source();
    source.fetch(range(1_003, 1_030), &filter(Headers::Needed)).await.unwrap();
    node.change(|chain| chain.finalized = 1_034);
    node.rule("getSignaturesForAddress", 2, Act::Edit(|lines| *lines = json!([])));
    let (kind, message) = refused(source.fetch(range(1_031, 1_034), &filter(Headers::Needed)).await);
    assert_eq!(kind, SourceErrorKind::Transient);
    assert!(message.contains("listed before"), "{message}");
    let batch = source.fetch(range(1_031, 1_034), &filter(Headers::Needed)).await.unwrap();
    assert_eq!(batch.records.iter().map(|record| record.height).collect::<Vec<_>>(), [1_033]);
}

#[tokio::test]
async fn an_interrupted_walk_goes_on() {
    let mut short = chain();
    short.page_max = 2;
    let node = Node::start(short).await;
    node.rule("getSignaturesForAddress", 3, Act::Http(503, None, ""));
    let source = node.source();
    assert_eq!(refused(source.fetch(range(FIRST, 1_030), &filter(Headers::Needed)).await).0, SourceErrorKind::Transient);
    let batch = source.fetch(range(FIRST, 1_030), &filter(Headers::Needed)).await.unwrap();
    assert_eq!(batch.records.len(), 5);
    let pages = [8, 4, 6, 3, 2].map(|n| json!(signature(n)));
    assert_eq!(cursors(&node, "before"), [vec![Value::Null], pages.to_vec()].concat(), "below the last window, not from the newest");
}

#[tokio::test]
async fn a_head_below_the_range_is_lag() {
    let node = Node::start(chain()).await;
    let (kind, message) = refused(node.source().fetch(range(1_020, 1_031), &filter(Headers::Needed)).await);
    assert_eq!((kind, message.as_str()), (SourceErrorKind::Lagging, "getSlot: slot 1031 asked, endpoint is at finalized slot 1030"));
}

#[tokio::test]
async fn a_node_behind_the_head_it_named_is_lag() {
    let node = Node::start(chain()).await;
    node.rule("getSignaturesForAddress", 1, Act::Error(-32016, "Minimum context slot has not been reached"));
    assert_eq!(refused(node.source().fetch(range(1_020, 1_030), &filter(Headers::Needed)).await).0, SourceErrorKind::Lagging);
}

#[tokio::test]
async fn pruned_history_is_a_hole() {
    let mut pruned = chain();
    pruned.first_available = 1_003;
    let node = Node::start(pruned).await;
    let batch = node.source().fetch(range(FIRST, 1_009), &filter(Headers::Needed)).await.unwrap();
    let holes: Vec<_> = batch.holes.iter().map(|hole| (hole.range, hole.reason)).collect();
    assert_eq!(holes, [(range(FIRST, 1_002), HoleReason::Missing)]);
    assert_eq!((batch.records.len(), batch.blocks[0].height), (1, 1_003));
    let (kind, message) = refused(node.source().fetch(range(FIRST, 1_002), &filter(Headers::Needed)).await);
    assert_eq!(kind, SourceErrorKind::Pruned);
    assert!(message.ends_with("the listing ends at slot 1002, and the first available block is 1003"), "{message}");
}

#[tokio::test]
async fn an_address_without_transactions_on_a_pruned_node() {
    let mut pruned = chain();
    pruned.first_available = 1_003;
    pruned.transactions.clear();
    let node = Node::start(pruned).await;
    let source = node.source();
    let (kind, message) = refused(source.fetch(range(FIRST, 1_002), &filter(Headers::Needed)).await);
    assert_eq!(kind, SourceErrorKind::Pruned, "{message}");
    let (kind, _) = refused(source.fetch(range(FIRST, 1_001), &filter(Headers::Needed)).await);
    assert_eq!(kind, SourceErrorKind::Pruned, "with slots between the range and the window above");
    assert!(source.prepare(range(FIRST, 1_030), &filter(Headers::Needed)).await.is_err(), "preparing ends too");
    let batch = source.fetch(range(1_003, 1_030), &filter(Headers::Needed)).await.unwrap();
    assert_eq!((batch.records.len(), batch.holes.len()), (0, 0));
}

#[tokio::test]
async fn a_quiet_start_is_no_hole() {
    let node = Node::start(chain()).await;
    node.rule("getFirstAvailableBlock", 2, Act::Error(-32601, "Method not found"));
    for _ in 0..2 {
        let batch = node.source().fetch(range(FIRST, 1_001), &filter(Headers::Needed)).await.unwrap();
        assert_eq!((batch.holes.len(), batch.blocks.len()), (0, 2));
    }
}

#[tokio::test]
async fn listings_that_contradict_themselves() {
    let cases: [(&str, usize, Edit); 3] = [
        ("stands below slot", 1, |lines| lines.as_array_mut().unwrap().reverse()),
        ("has 32 bytes", 1, |lines| lines[0]["signature"] = json!(key(1))),
        ("ends with it", 2, |lines| *lines = json!([{"signature": signature(2), "slot": 1_002, "err": null}])),
    ];
    for (wanted, page, edit) in cases {
        let node = Node::start(chain()).await;
        node.rule("getSignaturesForAddress", page, Act::Edit(edit));
        let (kind, message) = refused(node.source().fetch(range(FIRST, 1_030), &filter(Headers::Needed)).await);
        assert_eq!(kind, SourceErrorKind::Transient);
        assert!(message.contains(wanted), "{message}");
    }
}

#[tokio::test]
async fn an_empty_page_below_an_unknown_transaction_is_no_end() {
    let mut short = chain();
    short.page_max = 2;
    let node = Node::start(short).await;
    node.rule("getSignaturesForAddress", 2, Act::Edit(|lines| *lines = json!([])));
    node.rule("getTransaction", 1, Act::Edit(|transaction| *transaction = Value::Null));
    let source = node.source();
    let (kind, message) = refused(source.fetch(range(FIRST, 1_030), &filter(Headers::Needed)).await);
    assert_eq!(kind, SourceErrorKind::Transient);
    assert!(message.ends_with("a transaction this endpoint does not know"), "{message}");
    assert_eq!(source.fetch(range(FIRST, 1_030), &filter(Headers::Needed)).await.unwrap().records.len(), 5);
}

/// Walks everything through one source, step by step.
async fn prepared(source: &SolanaSource) -> usize {
    let mut steps = 1;
    while source.prepare(range(FIRST, 1_030), &filter(Headers::Needed)).await.unwrap() {
        steps += 1;
        assert!(steps < 100);
    }
    steps
}

fn sharing(node: &Node, label: &str, windows: &Arc<MemoryWindows>) -> SolanaSource {
    let endpoint = SolanaEndpoint { label: format!("http://loopback{label}"), ..node.endpoint() };
    SolanaSource::with_windows(endpoint, windows.clone()).unwrap()
}

#[tokio::test]
async fn windows_outlive_a_run() {
    let mut short = chain();
    short.page_max = 1;
    let node = Node::start(short).await;
    let windows = Arc::new(MemoryWindows::default());
    node.rule("getSignaturesForAddress", 3, Act::Http(503, None, ""));
    let first = sharing(&node, "", &windows);
    assert!(first.prepare(range(FIRST, 1_030), &filter(Headers::Needed)).await.is_err());
    let walked = node.calls("getSignaturesForAddress");
    let second = sharing(&node, "", &windows);
    prepared(&second).await;
    let pages = &cursors(&node, "before")[walked..];
    assert_eq!(pages[0], json!(signature(10)), "the new run goes on below the last window");
    assert_eq!(prepared(&second).await, 1, "nothing is left to do");
    let third = sharing(&node, "", &windows);
    let batch = third.fetch(range(FIRST, 1_003), &filter(Headers::Needed)).await.unwrap();
    assert_eq!((batch.records.len(), batch.evidence), (2, Evidence::Witnessed));
}

#[tokio::test]
async fn a_second_endpoint_that_lists_the_same_is_evidence() {
    let (one, two) = (Node::start(chain()).await, Node::start(chain()).await);
    one.change(|chain| chain.page_max = 2);
    let windows = Arc::new(MemoryWindows::default());
    prepared(&sharing(&one, "-one", &windows)).await;
    let second = sharing(&two, "-two", &windows);
    let batch = second.fetch(range(FIRST, 1_030), &filter(Headers::Needed)).await.unwrap();
    assert_eq!((batch.records.len(), batch.evidence), (5, Evidence::Second));
}

#[tokio::test]
async fn an_endpoint_that_lists_less_is_not_believed() {
    let (one, two) = (Node::start(chain()).await, Node::start(chain()).await);
    one.change(|chain| chain.page_max = 2);
    two.change(|chain| chain.transactions.retain(|(_, n)| *n != 6));
    let windows = Arc::new(MemoryWindows::default());
    prepared(&sharing(&one, "-one", &windows)).await;
    let error = sharing(&two, "-two", &windows).fetch(range(FIRST, 1_030), &filter(Headers::Needed)).await.unwrap_err();
    assert_eq!(error.kind, SourceErrorKind::Omitted);
    assert!(error.message.ends_with("1 transactions in 1003..=1012 where http://loopback-one listed 2"), "{error}");
}

#[tokio::test]
async fn windows_of_an_endpoint_that_listed_less_are_walked_again() {
    let (one, two) = (Node::start(chain()).await, Node::start(chain()).await);
    one.change(|chain| {
        chain.page_max = 2;
        chain.transactions.retain(|(_, n)| *n != 6);
    });
    let windows = Arc::new(MemoryWindows::default());
    prepared(&sharing(&one, "-one", &windows)).await;
    let second = sharing(&two, "-two", &windows);
    let error = second.fetch(range(1_003, 1_030), &filter(Headers::Needed)).await.unwrap_err();
    assert_eq!(error.kind, SourceErrorKind::Transient);
    let batch = second.fetch(range(1_003, 1_030), &filter(Headers::Needed)).await.unwrap();
    assert_eq!(batch.records.iter().map(|record| record.height).collect::<Vec<_>>(), [1_004, 1_012, 1_020]);
}
