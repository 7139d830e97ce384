//! The chain that scenarios play on, and what runs without faults make of it.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;

use perpdex_simnet::chain::EvmChain;
use perpdex_simnet::node::{EvmNode, EvmOptions, Faults};
use perpdex_simnet::world::{World, WorldOptions};
use serde_json::Value;
use tokio::sync::Mutex;

use super::scenario::Node;
use crate::support::{Engine, dump, folder, perpdex_ok, query};

/// Blocks of the simulated BNB chain.
pub(super) const BLOCKS: usize = 3_000;

/// The chain, and what runs without faults make of it.
pub(super) struct Stage {
    pub(super) chain: EvmChain,
    /// By the chain's last hash and the depth of what is not final.
    clean: Mutex<HashMap<(String, u64), Arc<Clean>>>,
}

/// Height, log index, transaction and bytes of a stored record.
pub(super) type Record = (u64, u64, String, String);

/// The store that a run without faults makes.
pub(super) struct Clean {
    pub(super) text: String,
    pub(super) records: BTreeSet<Record>,
}

/// Height and index of every log of the chain, but for the newest blocks.
fn places_of(chain: &EvmChain, left_out: u64) -> BTreeSet<(u64, u64)> {
    let blocks = &chain.blocks[..chain.blocks.len() - left_out as usize];
    blocks.iter().flat_map(|block| (0..block.logs.len() as u64).map(|index| (block.number, index))).collect()
}

fn places(records: &BTreeSet<Record>) -> BTreeSet<(u64, u64)> {
    records.iter().map(|record| (record.0, record.1)).collect()
}

/// What is stored of a database on SQLite.
pub(super) fn records(folder: &Path, url: &str) -> BTreeSet<Record> {
    let rows = query(folder, url, "SELECT height, rec, tx_id, hex(payload) AS bytes FROM raw_events");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let number = |value: &Value| value.as_u64().expect("a number");
    rows.iter().map(|row| (number(&row["height"]), number(&row["rec"]), text(&row["tx_id"]), text(&row["bytes"]))).collect()
}

impl Stage {
    pub(super) fn new() -> Stage {
        let world = World::build(&WorldOptions { seed: 11, hours: 3, events: 12_000, ..WorldOptions::default() });
        let mut chain = world.bnb;
        chain.blocks.truncate(BLOCKS);
        Stage { chain, clean: Mutex::default() }
    }

    /// Starts a node of a scenario.
    pub(super) fn serve(&self, node: &Node) -> EvmNode {
        let first = self.chain.blocks[0].number;
        let chain = EvmChain { blocks: self.chain.blocks[node.first..].to_vec(), ..self.chain.clone() };
        let faults = absolute(&node.faults, first).parse::<Faults>().expect("faults that simnet reads");
        let options = EvmOptions { final_depth: node.final_depth, log_timestamps: node.log_timestamps, faults, ..EvmOptions::default() };
        let served = EvmNode::serve_with(chain, options).expect("the node starts");
        if let Some(head) = node.head {
            served.set_head(first + head).expect("the height is on the chain");
        }
        served
    }

    /// The store that a run without faults makes of a chain.
    pub(super) async fn clean(&self, truth: &EvmChain, left_out: u64) -> Arc<Clean> {
        let key = (format!("{:#x}", truth.blocks[truth.blocks.len() - 1].hash), left_out);
        let mut known = self.clean.lock().await;
        if let Some(clean) = known.get(&key) {
            return clean.clone();
        }
        let folder = folder();
        let url = Engine::Sqlite.database(folder.path(), "clean");
        let node =
            EvmNode::serve_with(truth.clone(), EvmOptions { final_depth: left_out, ..EvmOptions::default() }).expect("the node starts");
        let (endpoint, from) = (format!("bnb={}", node.url()), format!("bnb={}", truth.blocks[0].number));
        perpdex_ok(folder.path(), &["sync", "--once", "--chain", "bnb", "--endpoint", &endpoint, "--from", &from, "--database", &url]);
        let clean = Arc::new(Clean { text: dump(&url).await, records: records(folder.path(), &url) });
        assert_eq!(places(&clean.records), places_of(truth, left_out), "a run without faults stores every log of the chain");
        known.insert(key, clean.clone());
        clean
    }
}

/// Faults with `+N` put in terms of the chain's first block.
fn absolute(faults: &str, first: u64) -> String {
    let word = |word: &str| match word.split_once("=+") {
        Some((key @ ("from" | "to"), offset)) => {
            let offset: u64 = offset.parse().unwrap_or_else(|_| panic!("{word:?} is no number"));
            format!("{key}={}", first + offset)
        }
        _ => word.to_owned(),
    };
    let line = |line: &str| line.split(' ').map(word).collect::<Vec<_>>().join(" ");
    faults.lines().map(line).collect::<Vec<_>>().join("\n")
}
