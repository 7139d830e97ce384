//! The source against a real node. `PERPDEX_ANVIL` names the anvil binary; without it the test is reported as skipped, and
//! fails where `CI` is set.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use alloy::primitives::{Address, B256, Bytes, hex};
use alloy::rpc::client::RpcClient;
use perpdex_core::{
    Batch, BlockRange, ChainId, Evidence, EvmFilter, Filter, Headers, RawBody, Source, SourceErrorKind, StateAt, StateCall, StreamId,
    VenueSlug, Watch,
};
use perpdex_evm::{EvmEndpoint, EvmSource};
use serde_json::{Value, json};

/// Contracts that return the block's number, revert, or are none.
async fn contract_values(source: &EvmSource, rpc: &RpcClient, height: u64) {
    let [number, refuses, nobody] = [0x2e, 0x3e, 0x4e].map(Address::repeat_byte);
    call(rpc, "anvil_setCode", json!([number, "0x435f5260205ff3"])).await;
    call(rpc, "anvil_setCode", json!([refuses, "0x5f5ffd"])).await;
    let head = source.heads().await.unwrap().latest.height;
    let ask = |address, at| (height, StateCall { address, calldata: Bytes::from_static(&[1, 2, 3, 4]), at });
    let calls =
        [ask(number, StateAt::Immutable), ask(refuses, StateAt::Immutable), ask(nobody, StateAt::Immutable), ask(nobody, StateAt::Height)];
    let outputs = source.state(&calls).await.unwrap();
    let word = |number: u64| Some(Bytes::copy_from_slice(&B256::from(alloy::primitives::U256::from(number))[..]));
    assert!(outputs[0] == word(head) || outputs[0] == word(head + 1), "{outputs:?}");
    assert_eq!(outputs[1..], [Some(Bytes::new()), Some(Bytes::new()), Some(Bytes::new())]);
}

/// A contract that emits one log for each record of its call data: topic count, data length (3 bytes), topics, data.
const EMITTER_CODE: &str = "0x5f5b803611600957005b8035805f1a9060081b60e81c8160051b830160040181815f378101928060640135816044013582602401358360040135855f88600902604401565ba0505050506071565ba1505050607156005ba2505060715600005ba3506071560000005ba4607156000000005b505050600156";

const EMITTER: Address = Address::repeat_byte(0x1e);

/// Lines of output read while waiting for the node to listen.
const START_LINES_MAX: usize = 200;

#[tokio::test]
async fn logs_and_a_reorg_of_a_real_node() {
    let Some(binary) = anvil() else { return };
    let node = Anvil::start(&binary);
    let rpc = RpcClient::new_http(node.url.parse().unwrap());
    call(&rpc, "anvil_setCode", json!([EMITTER, EMITTER_CODE])).await;
    let source = source(&node.url, ChainId::BNB);

    emit(&rpc, &[(&[1, 2], b"first"), (&[], b"no topic"), (&[3, 4, 5, 6], b"")]).await;
    emit(&rpc, &[(&[1], b"kept")]).await;
    let kept = source.heads().await.unwrap().latest;
    emit(&rpc, &[(&[1], b"dropped")]).await;
    call(&rpc, "anvil_mine", json!(["0x2"])).await;
    let head = source.heads().await.unwrap().latest;
    assert_eq!(head.height, kept.height + 3);

    for (headers, evidence) in [(Headers::Needed, Evidence::Witnessed), (Headers::All, Evidence::Bloom)] {
        let batch = source.fetch(BlockRange::new(0, head.height).unwrap(), &filter(headers)).await.unwrap();
        assert_eq!((batch.evidence, data(&batch)), (evidence, texts(&["first", "no topic", "", "kept", "dropped"])));
        assert_eq!(batch.records.iter().map(|record| record.rec).collect::<Vec<_>>(), [0, 1, 2, 0, 0]);
        assert!(batch.records.iter().all(|record| record.time_ms > 0 && record.time_ms % 1_000 == 0));
    }

    contract_values(&source, &rpc, kept.height).await;

    call(&rpc, "anvil_reorg", json!([3, []])).await;
    emit(&rpc, &[(&[1], b"instead")]).await;
    let now = source.heads().await.unwrap().latest;
    let batch = source.fetch(BlockRange::new(0, now.height).unwrap(), &filter(Headers::All)).await.unwrap();
    assert_eq!(data(&batch), texts(&["first", "no topic", "", "kept", "instead"]));
    assert_eq!(source.block_ref(kept.height).await.unwrap(), Some(kept), "the block below the fork stays");
    assert_ne!(source.block_ref(head.height).await.unwrap().unwrap().hash(), head.hash(), "the old tip is gone");
    let replaced = source.block_ref(kept.height + 1).await.unwrap().unwrap();
    let found = source.height_at(replaced.time_ms).await.unwrap().unwrap();
    // Several blocks may share a second; the first of them is meant.
    assert!(found <= replaced.height && source.block_ref(found).await.unwrap().unwrap().time_ms == replaced.time_ms);

    let beyond = BlockRange::new(0, now.height + 5).unwrap();
    assert_eq!(source.fetch(beyond, &filter(Headers::Needed)).await.unwrap_err().kind, SourceErrorKind::Lagging);
    let wrong = self::source(&node.url, ChainId::ETHEREUM).heads().await.unwrap_err();
    assert_eq!(wrong.kind, SourceErrorKind::WrongChain { found: ChainId::BNB.0 });
}

fn anvil() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("PERPDEX_ANVIL") {
        return Some(path.into());
    }
    assert!(std::env::var("CI").as_deref() != Ok("true"), "PERPDEX_ANVIL must name the anvil binary");
    eprintln!("skipped: anvil (set PERPDEX_ANVIL to the path of its binary)");
    None
}

struct Anvil {
    child: Child,
    url: String,
    /// Kept open: the node writes to it as long as it runs.
    _output: BufReader<ChildStdout>,
}

impl Anvil {
    fn start(binary: &Path) -> Anvil {
        let chain_id = ChainId::BNB.0.to_string();
        let arguments = ["--chain-id", &chain_id, "--host", "127.0.0.1", "--port", "0", "--slots-in-an-epoch", "4"];
        let mut child = Command::new(binary).args(arguments).stdout(Stdio::piped()).spawn().expect("PERPDEX_ANVIL starts");
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let address =
            (&mut output).lines().take(START_LINES_MAX).find_map(|line| Some(line.ok()?.strip_prefix("Listening on ")?.to_owned()));
        let url = format!("http://{}", address.expect("anvil says where it listens"));
        Anvil { child, url, _output: output }
    }
}

impl Drop for Anvil {
    fn drop(&mut self) {
        // A node that has already ended is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn source(url: &str, chain: ChainId) -> EvmSource {
    EvmSource::new(EvmEndpoint {
        chain,
        url: url.to_owned(),
        label: "http://anvil".to_owned(),
        timeout: Duration::from_secs(20),
        response_bytes_max: EvmEndpoint::RESPONSE_BYTES_MAX,
        final_depth: 8,
    })
    .unwrap()
}

fn filter(headers: Headers) -> Filter {
    let id = StreamId { chain: ChainId::BNB, venue: VenueSlug::known("aster_vault"), part: String::new(), version: 1 };
    let watch = Watch::Evm(vec![EvmFilter { addresses: vec![EMITTER], topics: Default::default() }]);
    Filter { streams: vec![(id, watch)], headers }
}

async fn call(rpc: &RpcClient, method: &'static str, params: Value) -> Value {
    rpc.request::<Value, Value>(method, params).await.unwrap_or_else(|error| panic!("{method}: {error}"))
}

/// One transaction with these logs, in a block of its own.
async fn emit(rpc: &RpcClient, logs: &[(&[u8], &[u8])]) {
    let mut input = Vec::new();
    for (topics, data) in logs {
        input.push(topics.len() as u8);
        input.extend_from_slice(&(data.len() as u32).to_be_bytes()[1..]);
        topics.iter().for_each(|topic| input.extend_from_slice(B256::with_last_byte(*topic).as_slice()));
        input.extend_from_slice(data);
    }
    let accounts = call(rpc, "eth_accounts", json!([])).await;
    let transaction = json!({"from": accounts[0], "to": EMITTER, "input": hex::encode_prefixed(input), "gas": "0x100000"});
    call(rpc, "evm_setAutomine", json!([false])).await;
    call(rpc, "eth_sendTransaction", json!([transaction])).await;
    call(rpc, "evm_mine", json!([])).await;
}

fn data(batch: &Batch) -> Vec<Bytes> {
    let data = |body: &RawBody| match body {
        RawBody::EvmLog(log) => log.data.clone(),
        other => panic!("{other:?}"),
    };
    batch.records.iter().map(|record| data(&record.body)).collect()
}

fn texts(texts: &[&'static str]) -> Vec<Bytes> {
    texts.iter().map(|text| Bytes::from_static(text.as_bytes())).collect()
}
