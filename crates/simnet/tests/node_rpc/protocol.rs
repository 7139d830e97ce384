//! JSON-RPC itself: ids, batches, errors, counters, stopping.

use alloy::providers::{Provider, ProviderBuilder};
use perpdex_simnet::chain::EvmChain;
use perpdex_simnet::node::{EvmNode, NodeError};
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use crate::client::{error, post, result};
use crate::fixture::evm_chain;

#[tokio::test]
async fn a_batch_is_answered_in_order() {
    let node = EvmNode::serve(evm_chain()).unwrap();
    let batch = json!([
        {"jsonrpc": "2.0", "id": 7, "method": "eth_getBlockByNumber", "params": ["0xffff", false]},
        {"jsonrpc": "2.0", "id": "text", "method": "eth_chainId"},
        {"jsonrpc": "2.0", "id": 2, "method": "eth_nothing", "params": []},
        {"jsonrpc": "2.0", "id": 3, "method": "eth_getLogs", "params": [{"fromBlock": "0x2", "toBlock": "0x1"}]},
        5,
    ]);
    let answer = post(&node.url(), &batch.to_string()).await;
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let want = json!([
        {"jsonrpc": "2.0", "id": 7, "result": null},
        {"jsonrpc": "2.0", "id": "text", "result": "0xa4b1"},
        {"jsonrpc": "2.0", "id": 2, "error": {"code": -32601, "message": "the method eth_nothing does not exist/is not available"}},
        {"jsonrpc": "2.0", "id": 3, "error": {"code": -32602, "message": "invalid block range params"}},
        {"jsonrpc": "2.0", "id": null, "error": {"code": -32600, "message": "invalid request"}},
    ]);
    assert_eq!(answer.json(), want);
}

#[tokio::test]
async fn what_is_no_request_is_refused() {
    let node = EvmNode::serve(evm_chain()).unwrap();
    let many = Value::from(vec![json!({"id": 1, "method": "eth_chainId"}); 1_001]).to_string();
    let cases = [
        ("{", -32_700),
        ("", -32_700),
        ("[1,", -32_700),
        ("[]", -32_600),
        ("{\"id\":1}", -32_600),
        ("{\"id\":1,\"method\":5}", -32_600),
        (many.as_str(), -32_600),
        ("{\"id\":1,\"method\":\"eth_chainId\",\"params\":{\"a\":1}}", -32_602),
        ("{\"id\":1,\"method\":\"eth_getBlockByNumber\",\"params\":[true]}", -32_602),
    ];
    for (body, code) in cases {
        let answer = post(&node.url(), body).await;
        assert_eq!((answer.status, &answer.json()["error"]["code"]), (200, &json!(code)), "{body:.60}");
    }
}

#[tokio::test]
async fn calls_are_counted_by_method() {
    let node = EvmNode::serve(evm_chain()).unwrap();
    result(&node.url(), "eth_chainId", json!([])).await;
    let call = json!({"id": 1, "method": "eth_blockNumber"});
    post(&node.url(), &json!([call, call, {"id": 1, "method": "eth_chainId"}]).to_string()).await;
    error(&node.url(), "eth_one", json!([])).await;
    error(&node.url(), "eth_two", json!([])).await;
    let calls: Vec<_> = node.calls().into_iter().collect();
    assert_eq!(calls, [("(unknown)", 2), ("eth_blockNumber", 2), ("eth_chainId", 2)]);
    assert_eq!(node.requests(), 4);
}

#[tokio::test]
async fn a_stopped_node_does_not_listen() {
    let node = EvmNode::serve(evm_chain()).unwrap();
    let address = node.url().strip_prefix("http://127.0.0.1:").map(|port| format!("127.0.0.1:{port}")).unwrap();
    // A client that keeps its connections open must not keep the node alive.
    let client = ProviderBuilder::new().connect_http(node.url().parse().unwrap());
    assert_eq!(client.get_chain_id().await.unwrap(), 42_161);
    let mut idle = TcpStream::connect(&address).await.unwrap();
    node.stop().await;
    assert!(TcpStream::connect(&address).await.is_err());
    assert!(client.get_chain_id().await.is_err());
    assert_eq!(idle.read(&mut [0]).await.unwrap_or(0), 0);
}

#[test]
fn what_cannot_be_served_is_an_error() {
    assert!(matches!(EvmNode::serve(evm_chain()), Err(NodeError::NoRuntime)));
    assert!(matches!(EvmNode::serve(EvmChain { chain_id: 1, blocks: vec![], views: Default::default() }), Err(NodeError::EmptyChain)));
    let mut torn = evm_chain();
    torn.blocks.remove(4);
    let error = EvmNode::serve(torn).unwrap_err().to_string();
    assert_eq!(error, "block 1005 does not follow block 1003: its parent is at another height");
}
