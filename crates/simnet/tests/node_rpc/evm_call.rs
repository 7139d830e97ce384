//! What contracts answer to `eth_call`, and what a node says that cannot tell.

use std::collections::BTreeMap;

use alloy::primitives::Bytes;
use alloy::providers::{Provider, ProviderBuilder};
use alloy::rpc::types::TransactionRequest;
use perpdex_simnet::chain::EvmChain;
use perpdex_simnet::node::{EvmNode, EvmOptions};
use serde_json::json;

use crate::client::error;
use crate::fixture::{LAST, address, evm_chain};

const CALL: [u8; 4] = [0x95, 0xd8, 0x9b, 0x41];

fn chain() -> EvmChain {
    let answers = BTreeMap::from([(Bytes::from(CALL), Bytes::from_static(b"an answer"))]);
    EvmChain { views: BTreeMap::from([(address(0xaa), answers)]), ..evm_chain() }
}

#[tokio::test]
async fn contracts_answer_and_the_others_are_silent() {
    let node = EvmNode::serve(chain()).unwrap();
    let provider = ProviderBuilder::new().connect_http(node.url().parse().unwrap());
    let call = |to| TransactionRequest::default().to(to).input(Bytes::from(CALL).into());
    assert_eq!(provider.call(call(address(0xaa))).await.unwrap(), Bytes::from_static(b"an answer"));
    assert_eq!(provider.call(call(address(0xbb))).await.unwrap(), Bytes::new());
    let other = json!([{"to": address(0xaa), "data": "0x01020304"}, "latest"]);
    assert_eq!(error(&node.url(), "eth_call", other).await, (3, "execution reverted".to_owned()));
    let ahead = json!([{"to": address(0xaa), "data": "0x95d89b41"}, format!("{:#x}", LAST + 1)]);
    assert_eq!(error(&node.url(), "eth_call", ahead).await, (-32_000, "header not found".to_owned()));
}

#[tokio::test]
async fn old_state_is_gone_where_the_node_is_no_archive() {
    let node = EvmNode::serve_with(chain(), EvmOptions { state_depth: Some(3), ..EvmOptions::default() }).unwrap();
    let provider = ProviderBuilder::new().connect_http(node.url().parse().unwrap());
    let call = TransactionRequest::default().to(address(0xaa)).input(Bytes::from(CALL).into());
    for number in [LAST, LAST - 3] {
        assert_eq!(provider.call(call.clone()).block(number.into()).await.unwrap(), Bytes::from_static(b"an answer"));
    }
    let old = json!([{"to": address(0xaa), "data": "0x95d89b41"}, format!("{:#x}", LAST - 4)]);
    let (code, message) = error(&node.url(), "eth_call", old).await;
    assert!(code == -32_000 && message.starts_with("missing trie node"), "{code} {message}");
}
