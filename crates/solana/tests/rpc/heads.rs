//! Heads, single blocks, and finding a slot by time.

use perpdex_core::{BlockRef, Link, Source, SourceErrorKind};
use perpdex_solana::{SolanaEndpoint, SolanaSource};

use crate::node::{Act, CONFIRMED, FIRST, KEY, Node, chain, key, refused, time_ms};

fn hash(slot: u64) -> alloy_primitives::B256 {
    [slot as u8; 32].into()
}

#[tokio::test]
async fn the_newest_block_lies_below_skipped_slots() {
    let node = Node::start(chain()).await;
    let heads = node.source().heads().await.unwrap();
    let latest = BlockRef {
        height: CONFIRMED - 1,
        link: Some(Link { hash: hash(CONFIRMED - 1), parent: hash(CONFIRMED - 2) }),
        time_ms: time_ms(CONFIRMED - 1),
    };
    assert_eq!((heads.earliest, heads.latest, heads.finalized), (None, latest, 1_030));
    assert_eq!(node.calls("getGenesisHash"), 0, "nothing to compare it with");
}

#[tokio::test]
async fn the_cluster_is_checked_once() {
    let node = Node::start(chain()).await;
    let with = |hash: String| SolanaSource::new(SolanaEndpoint { genesis_hash: Some(hash), ..node.endpoint() }).unwrap();
    let source = with(key(1));
    source.heads().await.unwrap();
    source.heads().await.unwrap();
    assert_eq!(node.calls("getGenesisHash"), 1);
    let (kind, message) = refused(with(key(2)).heads().await);
    assert_eq!(kind, SourceErrorKind::WrongChain { found: 0 });
    assert!(message.contains(&key(1)) && message.contains(&key(2)), "{message}");
}

#[tokio::test]
async fn blocks_by_slot() {
    let node = Node::start(chain()).await;
    let source = node.source();
    let block = source.block_ref(1_012).await.unwrap().unwrap();
    assert_eq!(block.link, Some(Link { hash: hash(1_012), parent: hash(1_009) }), "the parent's slot is the last one with a block");
    assert_eq!(source.block_ref(1_010).await.unwrap(), None);
    assert_eq!(refused(source.block_ref(CONFIRMED + 1).await).0, SourceErrorKind::Lagging, "not yet is not never");
    assert_eq!(refused(source.block_ref(FIRST - 1).await).0, SourceErrorKind::Pruned, "pruned is not skipped");
}

#[tokio::test]
async fn a_block_without_time() {
    let node = Node::start(chain()).await;
    node.rule("getBlock", 1, Act::Edit(|block| block["blockTime"] = serde_json::Value::Null));
    assert_eq!(node.source().block_ref(1_012).await.unwrap().unwrap().time_ms, time_ms(1_012));
    assert_eq!(node.calls("getBlockTime"), 1);
}

#[tokio::test]
async fn slots_by_time() {
    let node = Node::start(chain()).await;
    let source = node.source();
    for (asked, found) in [
        (time_ms(1_007), Some(1_007)),
        (time_ms(1_009) + 1, Some(1_012)),
        (time_ms(1_011), Some(1_012)),
        (0, Some(FIRST)),
        (time_ms(1_039), Some(1_039)),
        (time_ms(1_039) + 1, None),
    ] {
        assert_eq!(source.height_at(asked).await.unwrap(), found, "{asked}");
    }
}

#[tokio::test]
async fn addresses_are_never_shown() {
    let node = Node::start(chain()).await;
    let shown = format!("{:?} {:?}", node.endpoint(), node.source());
    assert!(shown.contains("http://loopback") && !shown.contains(KEY) && !shown.contains("127.0.0.1"), "{shown}");
    let endpoint = SolanaEndpoint { url: format!("ftp://{KEY}/x"), ..node.endpoint() };
    assert_eq!(refused(SolanaSource::new(endpoint)).0, SourceErrorKind::Permanent);
}
