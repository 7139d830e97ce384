//! Memory of a sync does not follow the length of the history, the size of ranges or their number at once.
//!
//! `scripts/memory` runs the ignored test with a million logs and the release build.

use std::env;

use alloy_primitives::{B256, keccak256};
use perpdex_simnet::chain::{EvmBlock, EvmChain, EvmLog};
use perpdex_simnet::node::{EvmNode, EvmOptions};
use perpdex_simnet::world::{World, WorldOptions};
use serde_json::Value;

use crate::support::{Engine, command, folder, query};

/// What a sync of a million logs may hold.
const PEAK_RSS_BYTES_MAX: u64 = 150_000_000;

/// Logs of a block of the chain; one answer of 16 MiB has those of about 800 blocks.
const LOGS_PER_BLOCK: usize = 40;

/// First blocks of a request, most blocks of one, and ranges at once.
const SHAPES: [(u64, u64, u64); 4] = [(2_000, 100_000, 4), (2_000, 100_000, 64), (1_000_000, 10_000_000, 64), (10, 10, 64)];

/// Deposits and withdrawals of the Aster treasury, over and over.
fn chain(logs: usize) -> EvmChain {
    let world = World::build(&WorldOptions { seed: 5, hours: 1, events: 20_000, ..WorldOptions::default() });
    let (first, template): (u64, Vec<EvmLog>) =
        (world.ethereum.blocks[0].number, world.ethereum.blocks.into_iter().flat_map(|block| block.logs).collect());
    let hash = |number: u64| keccak256(number.to_be_bytes());
    let block = |index: usize| {
        let number = first + index as u64;
        let logs = (0..LOGS_PER_BLOCK).map(|place| {
            let log = &template[(index * LOGS_PER_BLOCK + place) % template.len()];
            let tx_hash: B256 = keccak256([number.to_be_bytes(), (place as u64).to_be_bytes()].concat());
            EvmLog { tx_hash, tx_index: place as u64, ..log.clone() }
        });
        EvmBlock {
            number,
            hash: hash(number),
            parent: hash(number - 1),
            timestamp_secs: 1_775_520_000 + 12 * index as u64,
            logs: logs.collect(),
        }
    };
    EvmChain { chain_id: 1, blocks: (0..logs / LOGS_PER_BLOCK).map(block).collect(), views: Default::default() }
}

/// Syncs such a chain in each shape; peak memory in bytes, by shape.
fn peaks(logs: usize, engine: &Engine) -> Vec<u64> {
    let chain = chain(logs);
    let (first, count) = (chain.blocks[0].number, (chain.blocks.len() * LOGS_PER_BLOCK) as u64);
    let node = EvmNode::serve_with(chain, EvmOptions { final_depth: 0, ..EvmOptions::default() }).expect("the node starts");
    let measure = |(start, max, ahead): (u64, u64, u64)| {
        let folder = folder();
        let url = engine.database(folder.path(), "memory");
        let (endpoint, from) = (format!("ethereum={}", node.url()), format!("ethereum={first}"));
        let mut sync = command(
            folder.path(),
            &["sync", "--once", "--json", "--chain", "ethereum", "--endpoint", &endpoint, "--from", &from, "--database", &url],
        );
        for (name, value) in [("BLOCKS_START_PER_FETCH", start), ("BLOCKS_MAX_PER_FETCH", max), ("FETCH_AHEAD", ahead)] {
            sync.env(format!("PERPDEX_SYNC_{name}"), value.to_string());
        }
        let output = sync.output().expect("the binary starts");
        let text = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(0), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
        let summary: Value = serde_json::from_str(&text).expect("the summary is JSON");
        assert_eq!(summary["chains"][0]["records"].as_u64(), Some(count), "{summary}");
        assert_eq!(query(folder.path(), &url, "SELECT 1 FROM v_gaps").len(), 0);
        engine.drop_database(&url);
        summary["peak_rss_bytes"].as_u64().expect("the system tells the peak")
    };
    SHAPES.into_iter().map(measure).collect()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes: scripts/memory runs it"]
async fn a_million_logs() {
    let logs = env::var("PERPDEX_TEST_LOGS").ok().map_or(1_000_000, |logs| logs.parse().expect("a number of logs"));
    let mut all = Vec::new();
    for engine in Engine::all("a_million_logs") {
        let name = if matches!(engine, Engine::Sqlite) { "SQLite" } else { "PostgreSQL" };
        let peaks = tokio::task::block_in_place(|| peaks(logs, &engine));
        for ((start, max, ahead), peak) in SHAPES.into_iter().zip(&peaks) {
            eprintln!("| {name} | {start} | {max} | {ahead} | {} MB |", peak / 1_000_000);
        }
        all.extend(peaks);
    }
    assert!(all.iter().all(|peak| *peak < PEAK_RSS_BYTES_MAX), "{all:?}");
}
