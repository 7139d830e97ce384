//! `eth_getLogs`: what matches, what is refused, what a log looks like.

use alloy::providers::{Provider, ProviderBuilder};
use alloy::rpc::types::Filter;
use perpdex_simnet::node::{EvmNode, EvmOptions};
use serde_json::{Value, json};

use crate::client::{error, result};
use crate::fixture::{address, evm_chain, hash, topic};

#[tokio::test]
async fn logs_have_alloys_shape() {
    let node = EvmNode::serve(evm_chain()).unwrap();
    let provider = ProviderBuilder::new().connect_http(node.url().parse().unwrap());
    let logs = provider.get_logs(&Filter::new().from_block(1_000).to_block(1_009)).await.unwrap();
    let chain = evm_chain();
    let want: Vec<_> =
        chain.blocks.iter().flat_map(|block| block.logs.iter().enumerate().map(move |(index, log)| (block, index, log))).collect();
    assert_eq!(logs.len(), want.len());
    for (log, (block, index, want)) in logs.iter().zip(want) {
        assert_eq!((log.address(), log.topics(), &log.data().data), (want.address, want.topics.as_slice(), &want.data));
        assert_eq!((log.block_number, log.block_hash), (Some(block.number), Some(block.hash)));
        assert_eq!(log.block_timestamp, Some(block.timestamp_secs));
        assert_eq!((log.transaction_hash, log.transaction_index), (Some(want.tx_hash), Some(want.tx_index)));
        assert_eq!((log.log_index, log.removed), (Some(index.try_into().unwrap()), false));
    }
}

#[tokio::test]
async fn an_older_node_gives_no_times() {
    let node = EvmNode::serve_with(evm_chain(), EvmOptions { log_timestamps: false, ..EvmOptions::default() }).unwrap();
    let logs = result(&node.url(), "eth_getLogs", json!([{"fromBlock": "earliest"}])).await;
    assert_eq!(logs.as_array().unwrap().len(), 5);
    assert!(logs.as_array().unwrap().iter().all(|log| log.get("blockTimestamp").is_none()));
}

#[tokio::test]
async fn filters_select() {
    let node = EvmNode::serve(evm_chain()).unwrap();
    let (a, b) = (address(0xaa), address(0xbb));
    let all = json!([[1_002, 0], [1_002, 1], [1_002, 2], [1_005, 0], [1_008, 0]]);
    let cases = [
        (json!({"fromBlock": "0x3e8", "toBlock": "0x3f1"}), all.clone()),
        (json!({"fromBlock": "earliest", "toBlock": "latest"}), all.clone()),
        (json!({"fromBlock": "earliest", "toBlock": "latest", "address": [], "topics": []}), all),
        (json!({}), json!([])),
        (json!({"fromBlock": "0x3ea", "toBlock": "0x3ea"}), json!([[1_002, 0], [1_002, 1], [1_002, 2]])),
        (json!({"fromBlock": "earliest", "address": a}), json!([[1_002, 0], [1_002, 2]])),
        (json!({"fromBlock": "earliest", "address": [a, b], "topics": [topic(1)]}), json!([[1_002, 0], [1_002, 1], [1_005, 0]])),
        (json!({"fromBlock": "earliest", "topics": [null, topic(2)]}), json!([[1_002, 0], [1_005, 0]])),
        (json!({"fromBlock": "earliest", "topics": [[topic(6), topic(1)], [topic(3)]]}), json!([[1_002, 1]])),
        (json!({"fromBlock": "earliest", "topics": [topic(6), null]}), json!([])),
        (json!({"blockHash": hash(1_005, 0), "address": b}), json!([[1_005, 0]])),
        (json!({"blockHash": hash(1_004, 0)}), json!([])),
    ];
    for (filter, want) in cases {
        let logs = result(&node.url(), "eth_getLogs", json!([filter])).await;
        let number = |value: &Value| u64::from_str_radix(value.as_str().unwrap().trim_start_matches("0x"), 16).unwrap();
        let found: Vec<_> =
            logs.as_array().unwrap().iter().map(|log| json!([number(&log["blockNumber"]), number(&log["logIndex"])])).collect();
        assert_eq!(Value::from(found), want, "{filter}");
    }
}

#[tokio::test]
async fn refusals_read_like_a_real_nodes() {
    let options = EvmOptions { range_blocks_max: Some(8), logs_max: Some(2), ..EvmOptions::default() };
    let node = EvmNode::serve_with(evm_chain(), options).unwrap();
    node.set_head(1_008).unwrap();
    let cases = [
        (json!([{"fromBlock": "0x3e9", "toBlock": "0x3f1"}]), -32_602, "block range extends beyond current head block"),
        (json!([{"fromBlock": "0x3ea", "toBlock": "0x3e9"}]), -32_602, "invalid block range params"),
        (json!([{"fromBlock": "0x3e8", "toBlock": "0x3f1"}]), -32_602, "exceed maximum block range 8"),
        (json!([{"fromBlock": "0x3e7", "toBlock": "0x3e9"}]), 4_444, "pruned history unavailable"),
        (json!([{"fromBlock": "0x3e8", "toBlock": "0x3ef"}]), -32_602, "query exceeds max results 2, retry with the range 1000-1001"),
        (json!([{"fromBlock": "0x3ea", "toBlock": "0x3eb"}]), -32_602, "query exceeds max results 2, retry with the range 1002-1001"),
        (json!([{"blockHash": hash(1_009, 0)}]), -32_000, "unknown block"),
        (json!([{"blockHash": hash(1_005, 0), "fromBlock": "0x1"}]), -32_602, "choose one or the other"),
        (json!([{"topics": [null, null, null, null, null]}]), -32_602, "exceed max topics"),
        (json!([{"fromBlock": 5}]), -32_602, "invalid argument 0"),
        (json!([{"fromBlock": "0x03ea"}]), -32_602, "hex number with leading zero digits"),
        (json!([{"address": "0x12"}]), -32_602, "invalid argument 0"),
        (json!([]), -32_602, "missing value for required argument 0"),
    ];
    for (params, code, fragment) in cases {
        let found = error(&node.url(), "eth_getLogs", params.clone()).await;
        assert_eq!(found.0, code, "{params}: {}", found.1);
        assert!(found.1.contains(fragment), "{params}: {}", found.1);
    }
    let one_block = result(&node.url(), "eth_getLogs", json!([{"fromBlock": "0x3ea", "toBlock": "0x3ea"}])).await;
    assert_eq!(one_block.as_array().unwrap().len(), 3, "a single block is never too many");
    let widest = result(&node.url(), "eth_getLogs", json!([{"fromBlock": "0x3e8", "toBlock": "0x3f0", "address": address(0xcc)}])).await;
    assert_eq!(widest.as_array().unwrap().len(), 1);
}
