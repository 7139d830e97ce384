//! Reorgs of depth 1 to 20, one after the other, on a real anvil node while the head is followed.
//!
//! The logs are those of the simulated world, emitted at the venue's own address by a few bytes of code that log their
//! calldata. The venue is Aster 1001x: it has no known first height that anvil's low block numbers would lie below.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};

use alloy_primitives::{Address, B256, hex};
use perpdex_core::ChainId;
use perpdex_simnet::chain::EvmLog;
use perpdex_simnet::world::{World, WorldOptions};
use serde_json::{Value, json};

use crate::reorg_simnet::chain_hash;
use crate::support::{Engine, Guarded, assert_same_text, command, dump, folder, interrupt, perpdex_ok, query, setting, until};

/// The diamond of Aster 1001x on Arbitrum.
const EMITTER: &str = "0xb3879e95a4b8e3ee570c232b19d520821f540e48";
/// Calldata is a list of `[topics: 1][data length: 3, big endian][topics x 32][data]`; one log each.
const LOG_CALLDATA: &str = "0x5f5b803611600957005b8035805f1a9060081b60e81c8160051b830160040181815f378101928060640135816044013582602401358360040135855f88600902604401565ba0505050506071565ba1505050607156005ba2505060715600005ba3506071560000005ba4607156000000005b505050600156";
const DEPTHS: std::ops::RangeInclusive<u64> = 1..=20;
/// Transactions, and blocks, before the first reorg: more than are not final.
const BLOCKS: usize = 50;
const GAS: &str = "0x1312d00";

#[tokio::test(flavor = "multi_thread")]
async fn a_branch_dropped_by_anvil_leaves_no_trace() {
    let test = "a_branch_dropped_by_anvil_leaves_no_trace";
    let Some(binary) = setting(test, "PERPDEX_ANVIL") else { return };
    for engine in Engine::all(test) {
        let anvil = Anvil::start(&binary);
        let mut transactions = venue_transactions().into_iter();
        for logs in transactions.by_ref().take(BLOCKS) {
            anvil.emit(&logs);
        }
        let folder = folder();
        let (url, endpoint) = (engine.database(folder.path(), "followed"), format!("arbitrum={}", anvil.url()));
        let follow = ["sync", "--chain", "arbitrum", "--endpoint", &endpoint, "--from", "arbitrum=0", "--database", &url];
        let mut sync = command(folder.path(), &follow);
        sync.env("PERPDEX_SYNC_HEAD_POLL_MS", "50").stdout(Stdio::null()).stderr(Stdio::null());
        let child = Guarded(sync.spawn().expect("the binary starts"));
        let (old_head, old_hash) = anvil.head();
        until("following to anvil's head", || has(&url, old_head, old_hash)).await;

        for depth in DEPTHS {
            let (_, old_hash) = anvil.head();
            // The new branch has its transactions at other heights than the old one had.
            let logs: Vec<Vec<EvmLog>> = transactions.by_ref().take(2).collect();
            let replacement: Vec<Value> =
                logs.iter().enumerate().map(|(block, logs)| json!([transaction(logs), (block as u64).min(depth - 1)])).collect();
            anvil.call("anvil_reorg", json!([depth, replacement]));
            let (new_head, new_hash) = anvil.head();
            assert_ne!(old_hash, new_hash);
            until("taking anvil's reorg", || has(&url, new_head, new_hash)).await;
        }
        assert_eq!(interrupt(child), Some(130));

        let clean_url = engine.database(folder.path(), "clean");
        let clean =
            ["sync", "--chain", "arbitrum", "--endpoint", &endpoint, "--from", "arbitrum=0", "--once=latest", "--database", &clean_url];
        perpdex_ok(folder.path(), &clean);
        assert_same_text(&dump(&clean_url).await, &dump(&url).await, "after anvil's reorgs");
        let reorgs = query(folder.path(), &url, "SELECT depth FROM v_reorgs ORDER BY depth");
        let depths: Vec<u64> = reorgs.iter().filter_map(|row| row["depth"].as_u64()).collect();
        assert_eq!(depths, DEPTHS.collect::<Vec<_>>());
        let rows = query(folder.path(), &url, "SELECT COUNT(*) AS n FROM fills");
        assert!(rows[0]["n"].as_i64() > Some(0), "the logs are trades: {rows:?}");
    }
}

pub(crate) async fn has(url: &str, height: u64, hash: B256) -> bool {
    chain_hash(url, ChainId::ARBITRUM, height).await == Some(hash)
}

/// Logs of the venue in a simulated world by transaction: the listings first, then trades.
pub(crate) fn venue_transactions() -> Vec<Vec<EvmLog>> {
    let emitter: Address = EMITTER.parse().expect("an address");
    let world = World::build(&WorldOptions { seed: 5, hours: 1, events: 14_000, ..WorldOptions::default() });
    let logs = world.arbitrum.blocks.into_iter().flat_map(|block| block.logs).filter(|log| log.address == emitter);
    let mut out: Vec<Vec<EvmLog>> = Vec::new();
    for log in logs {
        match out.last_mut() {
            Some(transaction) if transaction[0].tx_hash == log.tx_hash => transaction.push(log),
            _ => out.push(vec![log]),
        }
    }
    assert!(out.len() >= BLOCKS + 40, "the world trades enough there: {} transactions", out.len());
    out
}

fn transaction(logs: &[EvmLog]) -> Value {
    let mut calldata = Vec::new();
    for log in logs {
        let length = u32::try_from(log.data.len()).expect("a log is short").to_be_bytes();
        calldata.push(u8::try_from(log.topics.len()).expect("at most four topics"));
        calldata.extend(&length[1..]);
        calldata.extend(log.topics.iter().flatten());
        calldata.extend(&log.data);
    }
    json!({ "from": "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266", "to": EMITTER, "gas": GAS, "data": hex::encode_prefixed(calldata) })
}

/// An anvil process on a free loopback port.
pub(crate) struct Anvil {
    _process: Guarded,
    pub(crate) port: u16,
}

impl Anvil {
    pub(crate) fn start(binary: &str) -> Anvil {
        let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port();
        let port_text = port.to_string();
        let args = [
            "--chain-id",
            "42161",
            "--host",
            "127.0.0.1",
            "--port",
            &port_text,
            "--slots-in-an-epoch",
            "12",
            "--gas-limit",
            "300000000",
            "--silent",
        ];
        let process = Command::new(binary).args(args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("anvil starts");
        let anvil = Anvil { _process: Guarded(process), port };
        for _ in 0..200 {
            if anvil.try_call("eth_chainId", json!([])).is_some() {
                anvil.call("anvil_setCode", json!([EMITTER, LOG_CALLDATA]));
                return anvil;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        panic!("anvil does not answer on its port");
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Sends one transaction and waits for its block.
    pub(crate) fn emit(&self, logs: &[EvmLog]) {
        let hash = self.call("eth_sendTransaction", json!([transaction(logs)]));
        for _ in 0..200 {
            let receipt = self.call("eth_getTransactionReceipt", json!([hash]));
            if !receipt.is_null() {
                assert_eq!(receipt["status"], "0x1", "{receipt}");
                assert_eq!(receipt["logs"].as_array().map(Vec::len), Some(logs.len()));
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        panic!("anvil mined no block for {hash}");
    }

    pub(crate) fn head(&self) -> (u64, B256) {
        let block = self.call("eth_getBlockByNumber", json!(["latest", false]));
        let number = block["number"].as_str().and_then(|text| text.strip_prefix("0x")).expect("a number");
        (u64::from_str_radix(number, 16).expect("hex"), block["hash"].as_str().expect("a hash").parse().expect("a hash"))
    }

    fn call(&self, method: &str, params: Value) -> Value {
        self.try_call(method, params).unwrap_or_else(|| panic!("anvil gives no answer to {method}"))
    }

    fn try_call(&self, method: &str, params: Value) -> Option<Value> {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string();
        let mut socket = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        let head = format!(
            "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        socket.write_all(head.as_bytes()).ok()?;
        socket.write_all(body.as_bytes()).ok()?;
        let mut answer = String::new();
        socket.read_to_string(&mut answer).ok()?;
        let (_, json) = answer.split_once("\r\n\r\n")?;
        let mut answer: Value = serde_json::from_str(json).ok()?;
        assert!(answer["error"].is_null(), "{method}: {}", answer["error"]);
        Some(answer["result"].take())
    }
}
