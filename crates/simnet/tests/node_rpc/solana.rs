//! Blocks, slots and transactions of a Solana node, read with Agave's own types.

use perpdex_simnet::node::{SolanaNode, SolanaOptions};
use serde_json::{Value, json};
use solana_transaction_status_client_types::{EncodedConfirmedTransactionWithStatusMeta, UiConfirmedBlock};

use crate::client::{error, result};
use crate::fixture::{FIRST, ROUTER, VENUE, blockhash, signature, solana_chain};

fn serve() -> SolanaNode {
    SolanaNode::serve(solana_chain()).unwrap()
}

/// Reads the answer with Agave's type and writes it again: nothing may be lost or added.
fn round_trip<T: serde::de::DeserializeOwned + serde::Serialize>(answer: &Value) -> T {
    let typed: T = serde_json::from_value(answer.clone()).unwrap_or_else(|error| panic!("{error}: {answer}"));
    assert_eq!(&serde_json::to_value(&typed).unwrap(), answer);
    typed
}

#[tokio::test]
async fn small_answers_have_their_shapes() {
    let node = serve();
    let url = node.url();
    assert_eq!(result(&url, "getSlot", json!([])).await, 1_067);
    assert_eq!(result(&url, "getSlot", json!([{"commitment": "finalized"}])).await, 1_067);
    assert_eq!(result(&url, "getSlot", json!([{"commitment": "confirmed"}])).await, 1_099);
    assert_eq!(result(&url, "getGenesisHash", json!([])).await, SolanaOptions::default().genesis_hash);
    assert_eq!(result(&url, "getHealth", json!([])).await, "ok");
    assert_eq!(result(&url, "getVersion", json!([])).await["solana-core"], "4.2.2");
    assert_eq!(result(&url, "getFirstAvailableBlock", json!([])).await, FIRST);
    assert_eq!(result(&url, "getBlockTime", json!([1_004])).await, 1_790_000_004);
}

#[tokio::test]
async fn finality_trails_the_head() {
    let node = serve();
    let slots = async || {
        let slot = async |commitment| result(&node.url(), "getSlot", json!([{"commitment": commitment}])).await;
        [slot("processed").await, slot("confirmed").await, slot("finalized").await]
    };
    assert_eq!(slots().await, [1_099, 1_099, 1_067]);
    node.set_head(1_053).unwrap();
    assert_eq!((node.head(), slots().await), (1_052, [json!(1_052), json!(1_052), json!(1_020)]));
    assert_eq!(node.advance(1), 1_054);
    node.set_finalized(1_053).unwrap();
    assert_eq!(slots().await, [1_054, 1_054, 1_052]);
}

#[tokio::test]
async fn blocks_are_as_agave_writes_them() {
    let node = serve();
    let ask = async |slot: u64, details: &str| {
        let config = json!({"transactionDetails": details, "rewards": false, "maxSupportedTransactionVersion": 1});
        result(&node.url(), "getBlock", json!([slot, config])).await
    };
    let bare: UiConfirmedBlock = round_trip(&ask(1_004, "none").await);
    assert_eq!((bare.parent_slot, bare.blockhash, bare.previous_blockhash), (1_002, blockhash(1_004), blockhash(1_002)));
    assert_eq!((bare.block_time, bare.block_height), (Some(1_790_000_004), Some(3)));
    assert_eq!((bare.transactions, bare.signatures, bare.rewards), (None, None, None));
    let listed: UiConfirmedBlock = round_trip(&ask(1_004, "signatures").await);
    assert_eq!(listed.signatures, Some(vec![signature(6), signature(7)]));
    let full: UiConfirmedBlock = round_trip(&ask(1_004, "full").await);
    assert_eq!(full.transactions.unwrap().len(), 2);
    assert_eq!(result(&node.url(), "getBlock", json!([1_000, {"transactionDetails": "none"}])).await["rewards"], json!([]));
}

#[tokio::test]
async fn blocks_that_are_not_there() {
    let node = serve();
    let confirmed = json!({"commitment": "confirmed", "transactionDetails": "none"});
    let cases = [
        ("getBlock", json!([1_003, confirmed]), -32_007, "Slot 1003 was skipped, or missing due to ledger jump to recent snapshot"),
        ("getBlockTime", json!([1_003]), -32_007, "Slot 1003 was skipped, or missing due to ledger jump to recent snapshot"),
        ("getBlock", json!([1_100, confirmed]), -32_004, "Block not available for slot 1100"),
        ("getBlock", json!([1_070]), -32_004, "Block not available for slot 1070"),
        ("getBlock", json!([999]), -32_001, "Block 999 cleaned up, does not exist on node. First available block: 1000"),
        ("getBlock", json!([1_000, {"commitment": "processed"}]), -32_602, "Method does not support commitment below `confirmed`"),
        (
            "getBlock",
            // It holds transactions 8 (version 1) and 9.
            json!([1_005, {"maxSupportedTransactionVersion": 0}]),
            -32_015,
            "Transaction version (1) is not supported by the requesting client. Please try the request again with the following \
             configuration parameter: \"maxSupportedTransactionVersion\": 1",
        ),
    ];
    for (method, params, code, message) in cases {
        assert_eq!(error(&node.url(), method, params.clone()).await, (code, message.to_owned()), "{method} {params}");
    }
    assert!(result(&node.url(), "getBlock", json!([1_070, confirmed])).await.is_object());
}

#[tokio::test]
async fn slots_with_blocks_are_listed() {
    let node = serve();
    let ask = async |params| result(&node.url(), "getBlocks", params).await;
    assert_eq!(ask(json!([1_001, 1_005])).await, json!([1_001, 1_002, 1_004, 1_005]));
    assert_eq!(ask(json!([1_066])).await, json!([1_066, 1_067]));
    assert_eq!(ask(json!([1_097, {"commitment": "confirmed"}])).await, json!([1_097, 1_098, 1_099]));
    assert_eq!(ask(json!([1_097, 9_999, {"commitment": "confirmed"}])).await, json!([1_097, 1_098, 1_099]));
    assert_eq!(ask(json!([1_097, 9_999])).await, json!([]));
    assert_eq!(ask(json!([1_005, 1_001])).await, json!([]));
}

#[tokio::test]
async fn transactions_are_as_agave_writes_them() {
    let node = serve();
    let chain = solana_chain();
    let placed = chain.blocks.iter().flat_map(|block| block.transactions.iter().map(move |transaction| (block, transaction)));
    let config = json!({"encoding": "json", "commitment": "confirmed", "maxSupportedTransactionVersion": 1});
    for (n, (block, want)) in placed.enumerate() {
        let mut answer = result(&node.url(), "getTransaction", json!([want.signature, config])).await;
        assert_eq!(answer["transactionIndex"], n % 2);
        let typed: EncodedConfirmedTransactionWithStatusMeta = round_trip(&answer);
        assert_eq!((typed.slot, typed.block_time), (block.slot, Some(block.time_secs)));
        let version = want.version.map_or(json!("legacy"), |version| json!(version));
        assert_eq!(answer["version"], version);
        assert_eq!(answer["meta"]["err"], if want.failed { json!({"InstructionError": [0, {"Custom": 1}]}) } else { json!(null) });
        assert_eq!(answer["meta"]["logMessages"], json!(want.logs));

        let mut accounts: Vec<Value> = answer["transaction"]["message"]["accountKeys"].as_array().unwrap().clone();
        accounts.append(answer["meta"]["loadedAddresses"]["readonly"].as_array_mut().unwrap());
        let instruction = |value: &Value| {
            let index = value["programIdIndex"].as_u64().unwrap();
            let data = bs58::decode(value["data"].as_str().unwrap()).into_vec().unwrap();
            (accounts[usize::try_from(index).unwrap()].as_str().unwrap().to_owned(), data, value["stackHeight"].as_u64())
        };
        let top: Vec<_> = answer["transaction"]["message"]["instructions"].as_array().unwrap().iter().map(instruction).collect();
        let groups = answer["meta"]["innerInstructions"].as_array().unwrap();
        assert_eq!(groups.len(), 1);
        assert_eq!(groups[0]["index"], 0);
        let inner: Vec<_> = groups[0]["instructions"].as_array().unwrap().iter().map(instruction).collect();
        let wanted = &want.instructions[0];
        assert_eq!(top, [(wanted.program.clone(), wanted.data.clone(), Some(1))]);
        let wanted: Vec<_> =
            wanted.inner.iter().map(|inner| (inner.program.clone(), inner.data.clone(), Some(inner.stack_height.into()))).collect();
        assert_eq!(inner, wanted);
    }
}

#[tokio::test]
async fn only_version_0_loads_a_called_program() {
    let node = serve();
    let config = json!({"commitment": "confirmed", "maxSupportedTransactionVersion": 1});
    // Routed transactions: 0 is legacy, 10 has version 0 (10 = 3 * 3 + 1), 5 has version 1.
    for (n, loaded) in [(0, json!([])), (10, json!([VENUE])), (5, json!([]))] {
        let answer = result(&node.url(), "getTransaction", json!([signature(n), config])).await;
        assert_eq!(answer["meta"]["loadedAddresses"]["readonly"], loaded, "{n}");
        let keys = answer["transaction"]["message"]["accountKeys"].as_array().unwrap();
        assert_eq!((keys.contains(&json!(ROUTER)), keys.contains(&json!(VENUE))), (true, loaded == json!([])), "{n}");
    }
}

#[tokio::test]
async fn transactions_that_are_not_given() {
    let node = serve();
    let url = node.url();
    let of = |n: u64, config: Value| json!([signature(n), config]);
    let confirmed = json!({"commitment": "confirmed", "maxSupportedTransactionVersion": 0});
    assert_eq!(error(&url, "getTransaction", of(8, confirmed.clone())).await.0, -32_015);
    assert_eq!(error(&url, "getTransaction", of(7, json!({}))).await.0, -32_015);
    assert_eq!(error(&url, "getTransaction", of(8, json!("json"))).await.0, -32_015);
    let legacy = result(&url, "getTransaction", of(6, json!("json"))).await;
    assert!(legacy.get("version").is_none(), "the version is told only to those who name the highest they know");
    assert_eq!(result(&url, "getTransaction", of(9_999, confirmed.clone())).await, json!(null));
    assert_eq!(result(&url, "getTransaction", of(177, json!({}))).await, json!(null), "confirmed, not finalized");
    assert_eq!(error(&url, "getTransaction", of(6, json!({"encoding": "base64"}))).await.0, -32_602);
    assert_eq!(error(&url, "getTransaction", json!(["111"])).await, (-32_602, "Invalid param: WrongSize".to_owned()));
    assert_eq!(error(&url, "getTransaction", json!(["0"])).await, (-32_602, "Invalid param: Invalid".to_owned()));
}
