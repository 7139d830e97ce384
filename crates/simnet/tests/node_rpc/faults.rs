//! Faults over the wire. The grammar and the choice of calls are tested where they are defined.

use std::time::{Duration, Instant};

use perpdex_simnet::node::{EvmNode, EvmOptions, SolanaNode};
use serde_json::{Value, json};

use crate::client::{call, error, post, result};
use crate::fixture::{VENUE, evm_chain, solana_chain};

fn node(faults: &str) -> EvmNode {
    EvmNode::serve_with(evm_chain(), EvmOptions { faults: faults.parse().unwrap(), ..EvmOptions::default() }).unwrap()
}

fn request(method: &str, params: Value) -> String {
    json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string()
}

#[tokio::test]
async fn a_status_replaces_the_response() {
    let node = node("on eth_chainId 2 status=429 retry_after_secs=2\non eth_chainId 3 status=503");
    let ask = async || post(&node.url(), &request("eth_chainId", json!([]))).await;
    assert_eq!(ask().await.status, 200);
    let limited = ask().await;
    assert_eq!((limited.status, limited.header("retry-after")), (429, Some("2")));
    let broken = ask().await;
    assert_eq!((broken.status, broken.header("retry-after"), broken.body.len()), (503, None, 0));
    assert_eq!(ask().await.status, 200);
}

#[tokio::test]
async fn a_fault_of_one_call_hits_its_batch() {
    let node = node("on eth_blockNumber 1 status=502");
    let batch = json!([{"id": 1, "method": "eth_chainId"}, {"id": 2, "method": "eth_blockNumber"}]).to_string();
    assert_eq!(post(&node.url(), &batch).await.status, 502);
    assert_eq!(post(&node.url(), &batch).await.status, 200);
}

#[tokio::test]
async fn a_cut_body_was_announced_in_full() {
    let node = node("on * 2 cut_bytes=100\non * 3 cut_bytes=100000");
    let ask = async || post(&node.url(), &request("eth_getLogs", json!([{"fromBlock": "earliest"}]))).await;
    let whole = ask().await.body;
    let cut = ask().await;
    assert_eq!(cut.header("content-length"), Some(whole.len().to_string().as_str()));
    assert_eq!(cut.body, whole[..100]);
    assert_eq!(ask().await.body, whole, "an answer shorter than the cut is whole");
}

#[tokio::test]
async fn results_and_errors_are_replaced() {
    let node = node("on eth_getBlockByNumber 2 null\non eth_chainId * result=0x5\non eth_getLogs 1 error=-32005 message=limit exceeded");
    let block = async || result(&node.url(), "eth_getBlockByNumber", json!(["0x3e8", false])).await;
    assert!(block().await.is_object());
    assert!(block().await.is_null());
    assert!(block().await.is_object());
    assert_eq!(result(&node.url(), "eth_chainId", json!([])).await, json!("0x5"));
    assert_eq!(error(&node.url(), "eth_getLogs", json!([{}])).await, (-32_005, "limit exceeded".to_owned()));
    assert_eq!(result(&node.url(), "eth_getLogs", json!([{}])).await, json!([]));
}

#[tokio::test]
async fn a_hole_is_served_as_if_nothing_was_there() {
    let node = node("on eth_getLogs * from=1002 to=1004 empty\non eth_getBlockReceipts 1 empty");
    let logs = async |from: &str| result(&node.url(), "eth_getLogs", json!([{"fromBlock": from}])).await;
    let found: Vec<_> = logs("earliest").await.as_array().unwrap().iter().map(|log| log["blockNumber"].clone()).collect();
    assert_eq!(found, [json!("0x3ed"), json!("0x3f0")]);
    assert_eq!(logs("0x3ed").await.as_array().unwrap().len(), 2);
    assert_eq!(result(&node.url(), "eth_getBlockReceipts", json!(["0x3ea"])).await, json!([]));
    assert_eq!(result(&node.url(), "eth_getBlockReceipts", json!(["0x3ea"])).await.as_array().unwrap().len(), 2);
    node.set_faults("".parse().unwrap()).unwrap();
    assert_eq!(logs("earliest").await.as_array().unwrap().len(), 5);
}

#[tokio::test]
async fn one_log_is_malformed_the_rest_is_not() {
    let node = node("on eth_getLogs 1 malformed_log");
    let data = async || {
        let logs = result(&node.url(), "eth_getLogs", json!([{"fromBlock": "0x3ea", "toBlock": "0x3ea"}])).await;
        logs.as_array().unwrap().iter().map(|log| log["data"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(data().await, ["0xzz", "0x", "0x07"]);
    assert_eq!(data().await, ["0x0001feff", "0x", "0x07"]);
}

#[tokio::test]
async fn a_delay_is_waited_for() {
    let node = node("on eth_chainId 1 delay_ms=60");
    let start = Instant::now();
    result(&node.url(), "eth_chainId", json!([])).await;
    assert!(start.elapsed() >= Duration::from_millis(60));
}

#[tokio::test]
async fn solana_nodes_fail_alike() {
    let node = SolanaNode::serve(solana_chain()).unwrap();
    let faults = "on getSlot 1 error=-32005 message=Node is behind by 42 slots\non getTransaction * null\non getSignaturesForAddress 1 from=0 to=1098 empty\non getBlock * from=1001 to=1001 status=500";
    node.set_faults(faults.parse().unwrap()).unwrap();
    assert_eq!(error(&node.url(), "getSlot", json!([])).await, (-32_005, "Node is behind by 42 slots".to_owned()));
    assert_eq!(call(&node.url(), "getTransaction", json!(["x"])).await["result"], json!(null));
    let listed = result(&node.url(), "getSignaturesForAddress", json!([VENUE, {"commitment": "confirmed"}])).await;
    assert_eq!(listed.as_array().unwrap().len(), 2);
    assert_eq!(post(&node.url(), &request("getBlock", json!([1_001]))).await.status, 500);
    assert_eq!(post(&node.url(), &request("getBlock", json!([1_002]))).await.status, 200);
    let refused = node.set_faults("on eth_getLogs 1 null".parse().unwrap()).unwrap_err().to_string();
    assert_eq!(refused, "fault on eth_getLogs: this node has no such method");
}
