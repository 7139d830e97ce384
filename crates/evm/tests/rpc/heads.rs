//! Heads, single blocks, and finding a block by time.

use perpdex_core::{ChainId, Source, SourceErrorKind};
use perpdex_evm::EvmSource;
use serde_json::{Value, json};

use crate::node::{Act, EVERY, FIRST, KEY, LAST, Node, chain, hash, refused};

#[tokio::test]
async fn heads_come_from_one_batch() {
    let node = Node::start(chain()).await;
    let source = node.source();
    let heads = source.heads().await.unwrap();
    assert_eq!((heads.earliest, heads.latest.height, heads.finalized), (None, LAST, 112));
    assert_eq!((heads.latest.hash(), heads.latest.time_ms), (Some(hash(LAST)), (1_700_000_000 + 2 * LAST as i64) * 1_000));
    source.heads().await.unwrap();
    assert_eq!(node.calls("eth_chainId"), 1, "the chain is checked once");
    assert_eq!(node.posts(), [vec!["eth_chainId", "eth_getBlockByNumber", "eth_getBlockByNumber"], vec!["eth_getBlockByNumber"; 2]]);
}

#[tokio::test]
async fn another_chain_is_refused() {
    let node = Node::start(chain()).await;
    node.rule("eth_chainId", EVERY, Act::Edit(|id| *id = json!("0x5")));
    let (kind, message) = refused(node.source().heads().await);
    assert_eq!(kind, SourceErrorKind::WrongChain { found: 5 });
    assert_eq!(message, "serves chain id 5 instead of 56 (bnb)");
}

#[tokio::test]
async fn final_height_without_the_tag() {
    let mut unknown = chain();
    unknown.finalized = None;
    assert_eq!(Node::start(unknown).await.source().heads().await.unwrap().finalized, LAST - 5, "depth, below safe");

    let mut early = chain();
    (early.finalized, early.safe) = (None, Some(110));
    assert_eq!(Node::start(early).await.source().heads().await.unwrap().finalized, 110, "never above safe");

    let node = Node::start(chain()).await;
    node.rule("eth_getBlockByNumber", 2, Act::Error(-32602, "invalid argument 0: unknown tag", Value::Null));
    node.rule("eth_getBlockByNumber", 3, Act::Error(-39001, "Unknown block", Value::Null));
    assert_eq!(node.source().heads().await.unwrap().finalized, LAST - 5, "no tag at all");
}

#[tokio::test]
async fn a_busy_endpoint_does_not_lower_finality() {
    let node = Node::start(chain()).await;
    node.rule("eth_getBlockByNumber", 2, Act::Error(-32005, "project ID request rate exceeded", Value::Null));
    assert_eq!(refused(node.source().heads().await).0, SourceErrorKind::Rate { retry_after: None });
}

#[tokio::test]
async fn blocks_by_number() {
    let node = Node::start(chain()).await;
    let source = node.source();
    let block = source.block_ref(105).await.unwrap().unwrap();
    assert_eq!(block.link.map(|link| (link.hash, link.parent)), Some((hash(105), hash(104))));
    assert_eq!(refused(source.block_ref(LAST + 1).await).0, SourceErrorKind::Lagging, "a node that is behind drops no block");
}

#[tokio::test]
async fn blocks_by_time() {
    let node = Node::start(chain()).await;
    let source = node.source();
    let time_ms = |height: u64| (1_700_000_000 + 2 * height as i64) * 1_000;
    for (asked, found) in [
        (time_ms(107), Some(107)),
        (time_ms(107) + 1, Some(108)),
        (time_ms(LAST), Some(LAST)),
        (time_ms(LAST) + 1, None),
        (time_ms(FIRST), Some(FIRST)),
    ] {
        assert_eq!(source.height_at(asked).await.unwrap(), found, "{asked}");
    }
    let (kind, message) = refused(source.height_at(time_ms(FIRST) - 1).await);
    assert_eq!(kind, SourceErrorKind::Lagging, "a history that begins late is not one that was asked for late");
    assert!(message.contains("may lie below 100: eth_getBlockByNumber: no block 99 here"), "{message}");
}

#[tokio::test]
async fn addresses_are_never_shown() {
    let node = Node::start(chain()).await;
    let shown = format!("{:?} {:?}", node.endpoint(), node.source());
    assert!(shown.contains("http://loopback") && !shown.contains(KEY) && !shown.contains("127.0.0.1"), "{shown}");
    for url in ["no url secret-key-0123456789", "ftp://secret-key-0123456789/x"] {
        let mut endpoint = node.endpoint();
        (endpoint.chain, endpoint.url) = (ChainId::ETHEREUM, url.to_owned());
        assert_eq!(refused(EvmSource::new(endpoint)).0, SourceErrorKind::Permanent);
    }
}
