//! Refusals, broken answers and answers that contradict themselves.

use std::time::Duration;

use perpdex_core::{BlockRange, Headers, Source, SourceErrorKind};
use perpdex_evm::{EvmEndpoint, EvmSource};
use serde_json::{Value, json};

use crate::node::{Act, EVERY, Edit, KEY, Node, chain, filter, hash, refused, whole};

async fn fetch_with(method: &'static str, call: usize, act: Act) -> (SourceErrorKind, String) {
    let node = Node::start(chain()).await;
    node.rule(method, call, act);
    refused(node.source().fetch(whole(), &filter(Headers::Needed)).await)
}

#[tokio::test]
async fn without_the_end_block_nothing_counts() {
    let node = Node::start(chain()).await;
    node.rule("eth_getBlockByNumber", 1, Act::Edit(|block| *block = Value::Null));
    node.rule("eth_getLogs", EVERY, Act::Edit(|logs| *logs = json!([])));
    let (kind, message) = refused(node.source().fetch(whole(), &filter(Headers::Needed)).await);
    assert_eq!((kind, message.as_str()), (SourceErrorKind::Lagging, "eth_getLogs 100..=119: no block 119 here"));
}

#[tokio::test]
async fn contradictions_are_never_stored() {
    let edits: [(&str, Edit); 8] = [
        ("is outside of the range", |logs| logs[0]["blockNumber"] = json!("0x63")),
        ("is marked as removed", |logs| logs[0]["removed"] = json!(true)),
        ("came twice in one answer", |logs| logs[1] = logs[0].clone()),
        ("two hashes in one answer", |logs| logs[1]["blockHash"] = json!(hash(1))),
        ("two hashes in one answer", |logs| {
            logs[1] = logs[0].clone();
            logs[1]["blockHash"] = json!(hash(1));
        }),
        ("was not asked for", |logs| logs[0]["address"] = json!(crate::node::address(5))),
        ("was not asked for", |logs| logs[0]["topics"] = json!([])),
        ("is no list of logs", |logs| *logs = Value::Null),
    ];
    for (wanted, edit) in edits {
        let (kind, message) = fetch_with("eth_getLogs", 2, Act::Edit(edit)).await;
        assert_eq!(kind, SourceErrorKind::Transient, "{wanted}");
        assert!(message.starts_with("eth_getLogs 100..=119: ") && message.contains(wanted), "{message}");
    }
}

#[tokio::test]
async fn headers_must_agree() {
    let edits: [(&str, Edit); 4] = [
        ("asked for block 119, got block 1", |block| block["number"] = json!("0x1")),
        ("two hashes in one answer", |block| block["hash"] = json!(hash(1))),
        ("unreadable header", |block| block["timestamp"] = json!("soon")),
        ("is out of range", |block| block["timestamp"] = json!("0xffffffffffffffff")),
    ];
    for (wanted, edit) in edits {
        let (kind, message) = fetch_with("eth_getBlockByNumber", 3, Act::Edit(edit)).await;
        assert_eq!(kind, SourceErrorKind::Transient, "{wanted}");
        assert!(message.contains(wanted), "{message}");
    }
}

#[tokio::test]
async fn a_log_with_another_hash_than_its_header() {
    let node = Node::start(chain()).await;
    let mut one_stream = filter(Headers::All);
    one_stream.streams.truncate(1);
    node.rule("eth_getLogs", 1, Act::Edit(|logs| logs[2]["blockHash"] = json!(hash(1))));
    let (kind, message) = refused(node.source().fetch(whole(), &one_stream).await);
    assert_eq!(kind, SourceErrorKind::Transient);
    assert!(message.contains("block 110 has two hashes"), "{message}");
}

#[tokio::test]
async fn refusals_say_what_to_do() {
    let secs = |secs| Some(Duration::from_secs(secs));
    let many = json!({"reason": "query returned more than 10000 results"});
    let cases = [
        (Act::Http(429, Some("7"), "slow down"), SourceErrorKind::Rate { retry_after: secs(7) }),
        (Act::Http(503, None, "<html>"), SourceErrorKind::Transient),
        (Act::Http(403, None, "no"), SourceErrorKind::Permanent),
        (Act::Http(301, None, ""), SourceErrorKind::Permanent),
        (Act::Http(200, None, "<html>"), SourceErrorKind::Transient),
        (
            Act::Http(
                400,
                None,
                r#"{"id":1,"jsonrpc":"2.0","error":{"code":35,"message":"ranges over 10 blocks are not supported on freetier"}}"#,
            ),
            SourceErrorKind::Range { blocks_max: Some(10) },
        ),
        (
            Act::Http(200, None, r#"{"id":null,"jsonrpc":"2.0","error":{"code":-32005,"message":"rate limit exceeded"}}"#),
            SourceErrorKind::Rate { retry_after: None },
        ),
        (Act::Error(-32000, "exceed maximum block range: 5", Value::Null), SourceErrorKind::Range { blocks_max: Some(5) }),
        (Act::Error(-32005, "limited", many), SourceErrorKind::Density),
        (Act::Error(-32005, "limit exceeded", Value::Null), SourceErrorKind::Permanent),
        (Act::Cut, SourceErrorKind::Transient),
    ];
    for (act, wanted) in cases {
        let (kind, message) = fetch_with("eth_getLogs", 1, act).await;
        assert_eq!(kind, wanted, "{message}");
        assert!(message.starts_with("eth_getLogs 100..=119: "), "{message}");
    }
}

#[tokio::test]
async fn a_provider_that_repeats_the_key_is_not_repeated() {
    let leak = "no such project: secret-key-0123456789";
    assert!(leak.contains(KEY));
    let (_, message) = fetch_with("eth_getLogs", 1, Act::Error(-32000, leak, Value::Null)).await;
    assert!(message.contains("no such project: ***"), "{message}");
}

#[tokio::test]
async fn an_endpoint_that_takes_few_calls_at_once_gets_few() {
    let mut without_times = chain();
    without_times.log_times = false;
    let node = Node::start(without_times).await;
    let few = r#"{"id":null,"jsonrpc":"2.0","error":{"code":31,"message":"Batch of more than 2 requests are not allowed"}}"#;
    node.rule("eth_getBlockByNumber", 5, Act::Http(500, None, few));
    let source = node.source();
    assert_eq!(refused(source.fetch(whole(), &filter(Headers::Needed)).await).0, SourceErrorKind::Transient);
    source.fetch(whole(), &filter(Headers::Needed)).await.unwrap();
    let sizes: Vec<usize> = node.posts().iter().map(Vec::len).collect();
    assert_eq!(sizes, [3, 3, 3, 3, 3, 1, 1, 1], "three headers at once, then one by one");
}

#[tokio::test]
async fn nothing_is_retried() {
    let node = Node::start(chain()).await;
    node.rule("eth_getLogs", EVERY, Act::Http(429, Some("0"), ""));
    refused(node.source().fetch(whole(), &filter(Headers::Needed)).await);
    assert_eq!(node.calls("eth_getLogs"), 1);
}

#[tokio::test]
async fn an_answer_over_the_limit_is_density() {
    let node = Node::start(chain()).await;
    // Zeros are no answer, which is seen where they are read to their end.
    node.rule("eth_getLogs", EVERY, Act::Http(200, None, "0".repeat(1_500).leak()));
    let source = EvmSource::new(EvmEndpoint { response_bytes_max: 2_000, ..node.endpoint() }).unwrap();
    let (kind, message) = refused(source.fetch(whole(), &filter(Headers::Needed)).await);
    // Several blocks may take half of what one may: they can be asked for in narrower ranges.
    assert_eq!((kind, message.as_str()), (SourceErrorKind::Density, "eth_getLogs 100..=119: answer of more than 1000 bytes"));
    let (kind, message) = refused(source.fetch(BlockRange::single(102), &filter(Headers::Needed)).await);
    assert_eq!(kind, SourceErrorKind::Transient, "{message}");
    assert!(message.starts_with("eth_getLogs 102..=102: broken answer: 1500 bytes are no json-rpc answer"), "{message}");
}

#[tokio::test]
async fn a_silent_endpoint_times_out() {
    let node = Node::start(chain()).await;
    node.rule("eth_getLogs", 1, Act::Silence);
    let source = EvmSource::new(EvmEndpoint { timeout: Duration::from_millis(300), ..node.endpoint() }).unwrap();
    let (kind, message) = refused(source.fetch(whole(), &filter(Headers::Needed)).await);
    assert_eq!((kind, message.as_str()), (SourceErrorKind::Transient, "eth_getLogs 100..=119: no answer within 300 ms"));
}

#[tokio::test]
async fn where_nothing_listens() {
    let node = Node::start(chain()).await;
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let source = EvmSource::new(EvmEndpoint { url: format!("http://{free}/{KEY}"), ..node.endpoint() }).unwrap();
    let (kind, message) = refused(source.heads().await);
    assert_eq!(kind, SourceErrorKind::Unreachable, "{message}");
    assert!(message.contains("nothing answers there"), "{message}");
}
