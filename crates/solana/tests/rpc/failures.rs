//! Refusals, broken answers and answers that contradict themselves.

use std::time::Duration;

use perpdex_core::{Headers, HoleReason, HyperliquidStream, Source, SourceErrorKind, Watch};
use perpdex_solana::{SolanaEndpoint, SolanaSource};
use serde_json::{Value, json};

use crate::node::{Act, EVERY, Edit, KEY, Node, chain, filter, range, refused, signature};

#[tokio::test]
async fn a_listed_transaction_must_be_there() {
    let edits: [(&str, Edit); 4] = [
        ("listed in slot 1012 but not available here", |transaction| *transaction = Value::Null),
        ("listed in slot 1012, found in slot 1013", |transaction| transaction["slot"] = json!(1_013)),
        ("program index 9 is outside of the list of 3 accounts", |transaction| {
            transaction["meta"]["innerInstructions"][0]["instructions"][0]["programIdIndex"] = json!(9);
        }),
        ("broken answer: missing field `message`", |transaction| transaction["transaction"] = json!({})),
    ];
    for (wanted, edit) in edits {
        let node = Node::start(chain()).await;
        node.rule("getTransaction", 1, Act::Edit(edit));
        let (kind, message) = refused(node.source().fetch(range(1_012, 1_012), &filter(Headers::Needed)).await);
        assert_eq!(kind, SourceErrorKind::Transient);
        assert_eq!(message, format!("getTransaction {}: {wanted}", signature(8)));
    }
}

#[tokio::test]
async fn no_time_anywhere_is_an_error() {
    let node = Node::start(chain()).await;
    node.rule("getTransaction", EVERY, Act::Edit(|transaction| transaction["blockTime"] = Value::Null));
    node.rule("getBlockTime", EVERY, Act::Edit(|time| *time = Value::Null));
    let (kind, message) = refused(node.source().fetch(range(1_012, 1_012), &filter(Headers::Needed)).await);
    assert_eq!((kind, message.as_str()), (SourceErrorKind::Transient, "getBlockTime 1012: the time of the block is not known here"));
}

#[tokio::test]
async fn refusals_say_what_to_do() {
    let secs = |secs| Some(Duration::from_secs(secs));
    let cases = [
        (Act::Http(429, Some("7"), "slow down"), SourceErrorKind::Rate { retry_after: secs(7) }),
        (
            Act::Http(429, None, r#"{"jsonrpc":"2.0","id":1,"error":{"code":429,"message":"Too many requests"}}"#),
            SourceErrorKind::Rate { retry_after: None },
        ),
        (Act::Http(503, None, "<html>"), SourceErrorKind::Transient),
        (Act::Http(403, None, "no"), SourceErrorKind::Permanent),
        (Act::Http(301, None, ""), SourceErrorKind::Permanent),
        (Act::Http(200, None, "<html>"), SourceErrorKind::Transient),
        (Act::Error(-32005, "Node is behind by 42 slots"), SourceErrorKind::Lagging),
        (Act::Error(-32019, "Failed to query long-term storage"), SourceErrorKind::Transient),
        (Act::Error(-32011, "Transaction history is not available from this node"), SourceErrorKind::Permanent),
    ];
    for (act, wanted) in cases {
        let node = Node::start(chain()).await;
        node.rule("getTransaction", EVERY, act);
        let (kind, message) = refused(node.source().fetch(range(1_012, 1_012), &filter(Headers::Needed)).await);
        assert_eq!(kind, wanted, "{message}");
        assert!(message.starts_with(&format!("getTransaction {}: ", signature(8))), "{message}");
        assert_eq!(node.calls("getTransaction"), 1, "nothing is retried");
    }
}

#[tokio::test]
async fn a_provider_that_repeats_the_key_is_not_repeated() {
    let leak = "no such project: secret-key-0123456789";
    assert!(leak.contains(KEY));
    let node = Node::start(chain()).await;
    node.rule("getSlot", EVERY, Act::Error(-32603, leak));
    let (_, message) = refused(node.source().heads().await);
    assert!(message.contains("no such project: ***"), "{message}");
}

#[tokio::test]
async fn an_answer_over_the_limit_is_density() {
    let node = Node::start(chain()).await;
    let source = SolanaSource::new(SolanaEndpoint { response_bytes_max: 500, ..node.endpoint() }).unwrap();
    let (kind, message) = refused(source.fetch(range(1_002, 1_030), &filter(Headers::Needed)).await);
    assert_eq!(kind, SourceErrorKind::Density);
    assert!(message.ends_with("answer of more than 500 bytes"), "{message}");
}

#[tokio::test]
async fn a_silent_endpoint_times_out() {
    let node = Node::start(chain()).await;
    node.rule("getSlot", 1, Act::Silence);
    let source = SolanaSource::new(SolanaEndpoint { timeout: Duration::from_millis(300), ..node.endpoint() }).unwrap();
    let (kind, message) = refused(source.heads().await);
    assert_eq!((kind, message.as_str()), (SourceErrorKind::Transient, "getSlot: no answer within 300 ms"));
}

#[tokio::test]
async fn where_nothing_listens() {
    let node = Node::start(chain()).await;
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let source = SolanaSource::new(SolanaEndpoint { url: format!("http://{free}/{KEY}"), ..node.endpoint() }).unwrap();
    let (kind, message) = refused(source.heads().await);
    assert_eq!(kind, SourceErrorKind::Unreachable);
    assert!(message.starts_with("getSlot: nothing answers there"), "{message}");
}

#[tokio::test]
async fn another_chains_watch_is_refused() {
    let node = Node::start(chain()).await;
    let mut wrong = filter(Headers::Needed);
    wrong.streams[0].1 = Watch::HyperCore(HyperliquidStream::Fills);
    assert_eq!(refused(node.source().fetch(range(1_002, 1_030), &wrong).await).0, SourceErrorKind::Permanent);
}

#[tokio::test]
async fn a_transaction_that_stays_away_is_a_hole() {
    let node = Node::start(chain()).await;
    node.rule("getTransaction", EVERY, Act::Edit(|transaction| *transaction = Value::Null));
    let source = node.source();
    for _ in 0..2 {
        assert_eq!(refused(source.fetch(range(1_012, 1_012), &filter(Headers::Needed)).await).0, SourceErrorKind::Transient);
    }
    let batch = source.fetch(range(1_012, 1_012), &filter(Headers::Needed)).await.unwrap();
    let hole = &batch.holes[0];
    assert_eq!((batch.records.len(), hole.range, hole.reason), (0, range(1_012, 1_012), HoleReason::Missing));
    assert_eq!(hole.detail, format!("{}: listed in slot 1012, but http://loopback answered null 3 times", signature(8)));
}

#[tokio::test]
async fn above_the_final_height_a_transaction_that_is_not_there_is_waited_for() {
    let node = Node::start(chain()).await;
    node.rule("getTransaction", EVERY, Act::Edit(|transaction| *transaction = Value::Null));
    let source = node.source();
    for _ in 0..5 {
        assert_eq!(refused(source.fetch(range(1_031, 1_039), &filter(Headers::All)).await).0, SourceErrorKind::Transient);
    }
}

#[tokio::test]
async fn a_block_without_a_listed_transaction_is_an_error() {
    let node = Node::start(chain()).await;
    node.rule("getBlock", 1, Act::Edit(|block| block["signatures"] = json!([signature(9)])));
    let (kind, message) = refused(node.source().fetch(range(1_012, 1_012), &filter(Headers::Needed)).await);
    assert_eq!(kind, SourceErrorKind::Transient);
    assert!(message.ends_with("listed in this slot, is not in the block"), "{message}");
}
