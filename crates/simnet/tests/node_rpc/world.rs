//! The world's chains fit the nodes: what a client reads off the sockets is what the world wrote.

use perpdex_simnet::node::{EvmNode, SolanaNode};
use perpdex_simnet::world::{World, WorldOptions};
use serde_json::{Value, json};

use crate::client::result;

/// Blocks asked for at once.
const PAGE_BLOCKS: u64 = 500;

fn world() -> World {
    World::build(&WorldOptions { hours: 1, events: 3_000, ..WorldOptions::default() })
}

#[tokio::test]
async fn every_log_is_served() {
    let world = world();
    for chain in [world.arbitrum, world.bnb, world.ethereum] {
        let node = EvmNode::serve(chain.clone()).unwrap();
        let (first, last) = (chain.blocks[0].number, node.head());
        let mut served = Vec::new();
        for from in (first..=last).step_by(usize::try_from(PAGE_BLOCKS).unwrap()) {
            let to = last.min(from + PAGE_BLOCKS - 1);
            let filter = json!([{"fromBlock": format!("{from:#x}"), "toBlock": format!("{to:#x}")}]);
            served.extend(result(&node.url(), "eth_getLogs", filter).await.as_array().unwrap().clone());
        }
        let written: Vec<Value> = chain
            .blocks
            .iter()
            .flat_map(|block| block.logs.iter().map(move |log| json!([block.hash, log.tx_hash, log.address, log.topics, log.data])))
            .collect();
        let served: Vec<Value> = served
            .iter()
            .map(|log| json!([log["blockHash"], log["transactionHash"], log["address"], log["topics"], log["data"]]))
            .collect();
        assert!(!written.is_empty());
        assert!(served == written, "chain {}: {} logs served, {} written", chain.chain_id, served.len(), written.len());
        let branch = chain.branch(3, 9);
        node.reorg(branch.clone()).unwrap();
        let tip = result(&node.url(), "eth_getBlockByNumber", json!(["latest", false])).await;
        assert_eq!(tip["hash"], json!(branch[2].hash));
    }
}

#[tokio::test]
async fn every_transaction_is_listed() {
    let chain = world().solana;
    let program = &chain.blocks.iter().find_map(|block| block.transactions.first()).unwrap().instructions[0].program;
    let mut written: Vec<String> = chain
        .blocks
        .iter()
        .flat_map(|block| &block.transactions)
        .filter(|transaction| {
            transaction.instructions.iter().any(|top| top.program == *program || top.inner.iter().any(|inner| inner.program == *program))
        })
        .map(|transaction| transaction.signature.clone())
        .collect();
    written.reverse();
    let node = SolanaNode::serve(chain.clone()).unwrap();
    node.set_finalized(node.head()).unwrap();
    let mut served: Vec<String> = Vec::new();
    while served.len() < written.len() {
        let mut config = json!({"limit": 100});
        if let Some(last) = served.last() {
            config["before"] = json!(last);
        }
        let page = result(&node.url(), "getSignaturesForAddress", json!([program, config])).await;
        let page = page.as_array().unwrap().iter().map(|entry| entry["signature"].as_str().unwrap().to_owned());
        let before = served.len();
        served.extend(page);
        assert!(served.len() > before, "the listing ends after {before} of {}", written.len());
    }
    assert_eq!(served, written);
}
