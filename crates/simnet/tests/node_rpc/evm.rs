//! Blocks, heads, growth and reorgs of an EVM node, as alloy reads them.

use alloy::eips::BlockNumberOrTag;
use alloy::primitives::{Bloom, BloomInput};
use alloy::providers::{Provider, ProviderBuilder};
use alloy::rpc::types::{Filter, SyncStatus};
use perpdex_simnet::node::{EvmNode, EvmOptions};
use serde_json::json;

use crate::client::{error, result};
use crate::fixture::{FIRST, LAST, address, evm_branch, evm_chain, hash, topic};

fn provider(node: &EvmNode) -> impl Provider {
    ProviderBuilder::new().connect_http(node.url().parse().unwrap())
}

#[tokio::test]
async fn small_answers_have_their_shapes() {
    let node = EvmNode::serve(evm_chain()).unwrap();
    let provider = provider(&node);
    assert_eq!(provider.get_chain_id().await.unwrap(), 42_161);
    assert_eq!(provider.get_net_version().await.unwrap(), 42_161);
    assert_eq!(provider.get_block_number().await.unwrap(), LAST);
    assert!(matches!(provider.syncing().await.unwrap(), SyncStatus::None));
    assert!(provider.get_client_version().await.unwrap().starts_with("perpdex-simnet/v"));
}

#[tokio::test]
async fn blocks_have_alloys_shape() {
    let node = EvmNode::serve(evm_chain()).unwrap();
    let provider = provider(&node);
    for want in evm_chain().blocks {
        let block = provider.get_block_by_number(want.number.into()).await.unwrap().unwrap();
        assert_eq!(block.header.number, want.number);
        assert_eq!(block.header.hash, want.hash);
        assert_eq!(block.header.parent_hash, want.parent);
        assert_eq!(block.header.timestamp, want.timestamp_secs);
        let mut bloom = Bloom::ZERO;
        for log in &want.logs {
            bloom.accrue(BloomInput::Raw(log.address.as_slice()));
            log.topics.iter().for_each(|topic| bloom.accrue(BloomInput::Raw(topic.as_slice())));
        }
        assert_eq!(block.header.logs_bloom, bloom);
        let mut transactions: Vec<_> = want.logs.iter().map(|log| log.tx_hash).collect();
        transactions.dedup();
        assert_eq!(block.transactions.hashes().collect::<Vec<_>>(), transactions);
        assert_eq!(provider.get_block_by_hash(want.hash).await.unwrap().unwrap(), block);
    }
    assert!(provider.get_block_by_number((LAST + 1).into()).await.unwrap().is_none());
    let pruned = error(&node.url(), "eth_getBlockByNumber", json!([format!("{:#x}", FIRST - 1), false])).await;
    assert_eq!(pruned, (4_444, "pruned history unavailable".to_owned()));
    assert!(provider.get_block_by_hash(hash(LAST, 9)).await.unwrap().is_none());
    let full = error(&node.url(), "eth_getBlockByNumber", json!(["latest", true])).await;
    assert_eq!(full, (-32_602, "this node has transaction hashes only: ask with false".to_owned()));
}

#[tokio::test]
async fn receipts_have_alloys_shape() {
    let node = EvmNode::serve(evm_chain()).unwrap();
    let provider = provider(&node);
    let receipts = provider.get_block_receipts(1_002.into()).await.unwrap().unwrap();
    let block = &evm_chain().blocks[2];
    assert_eq!(receipts.len(), 2);
    let shape: Vec<_> =
        receipts.iter().map(|receipt| (receipt.transaction_hash, receipt.transaction_index, receipt.logs().len())).collect();
    assert_eq!(shape, [(block.logs[0].tx_hash, Some(3), 2), (block.logs[2].tx_hash, Some(7), 1)]);
    let logs: Vec<_> = receipts.iter().flat_map(|receipt| receipt.logs()).cloned().collect();
    assert_eq!(logs, provider.get_logs(&Filter::new().at_block_hash(block.hash)).await.unwrap());
    let header = provider.get_block_by_number(1_002.into()).await.unwrap().unwrap().header;
    let bloom = receipts.iter().fold(Bloom::ZERO, |bloom, receipt| bloom | *receipt.inner.logs_bloom());
    assert_eq!(header.logs_bloom, bloom);

    let by_hash = result(&node.url(), "eth_getBlockReceipts", json!([block.hash])).await;
    assert_eq!(by_hash, result(&node.url(), "eth_getBlockReceipts", json!(["0x3ea"])).await);
    assert_eq!(result(&node.url(), "eth_getBlockReceipts", json!(["0x3e8"])).await, json!([]));
    assert_eq!(result(&node.url(), "eth_getBlockReceipts", json!(["0xffff"])).await, json!(null));
}

#[tokio::test]
async fn tags_follow_head_and_finality() {
    let node = EvmNode::serve_with(evm_chain(), EvmOptions { final_depth: 4, ..EvmOptions::default() }).unwrap();
    let provider = provider(&node);
    let heights = async || {
        let mut heights = Vec::new();
        for tag in [BlockNumberOrTag::Earliest, BlockNumberOrTag::Finalized, BlockNumberOrTag::Safe, BlockNumberOrTag::Latest] {
            heights.push(provider.get_block_by_number(tag).await.unwrap().unwrap().header.number);
        }
        heights
    };
    assert_eq!(heights().await, [FIRST, LAST - 4, LAST - 4, LAST]);
    node.set_head(1_003).unwrap();
    assert_eq!(heights().await, [FIRST, FIRST, FIRST, 1_003]);
    assert!(provider.get_block_by_number(1_004.into()).await.unwrap().is_none());
    assert!(provider.get_block_by_hash(hash(1_004, 0)).await.unwrap().is_none());
    assert_eq!(node.advance(2), 1_005);
    assert_eq!(provider.get_block_number().await.unwrap(), 1_005);
    node.set_finalized(1_005).unwrap();
    assert_eq!(heights().await, [FIRST, 1_005, 1_005, 1_005]);
    assert_eq!(node.advance(100), LAST);
    assert_eq!(heights().await, [FIRST, 1_005, 1_005, LAST]);
    assert_eq!(node.set_head(LAST + 1).unwrap_err().to_string(), "height 1010 is outside the chain (1000 to 1009)");
}

#[tokio::test]
async fn a_reorg_leaves_nothing_of_the_old_branch() {
    let node = EvmNode::serve(evm_chain()).unwrap();
    let provider = provider(&node);
    let dropped = hash(1_008, 0);
    assert_eq!(provider.get_logs(&Filter::new().at_block_hash(dropped)).await.unwrap().len(), 1);
    node.reorg(evm_branch()).unwrap();
    assert_eq!((node.head(), provider.get_block_number().await.unwrap()), (1_010, 1_010));
    assert!(provider.get_block_by_hash(dropped).await.unwrap().is_none());
    let unknown = error(&node.url(), "eth_getLogs", json!([{"blockHash": dropped}])).await;
    assert_eq!(unknown, (-32_000, "unknown block".to_owned()));
    let logs = provider.get_logs(&Filter::new().from_block(1_006).to_block(1_010)).await.unwrap();
    let found: Vec<_> = logs.iter().map(|log| (log.block_number, log.block_hash, log.address(), log.topic0().copied())).collect();
    assert_eq!(found, [(Some(1_009), Some(hash(1_009, 1)), address(0xdd), Some(topic(0x09)))]);
    let mut parent = hash(1_007, 0);
    for number in 1_008..=1_010 {
        let header = provider.get_block_by_number(number.into()).await.unwrap().unwrap().header;
        assert_eq!(header.parent_hash, parent);
        parent = header.hash;
    }
    let stray = evm_branch()[1..].to_vec();
    node.set_head(1_004).unwrap();
    node.reorg(evm_chain().blocks[8..].to_vec()).unwrap();
    assert_eq!(node.head(), 1_004, "a change of hidden blocks does not move the head");
    let refused = node.reorg(stray).unwrap_err().to_string();
    assert_eq!(refused, "block 1009 does not follow block 1008: its parent has another hash");
}
