//! What a history costs, as the end summary counts it: headers by purpose, batches, requests.

use std::collections::BTreeSet;
use std::path::Path;

use perpdex_simnet::chain::EvmChain;
use perpdex_simnet::node::{EvmNode, EvmOptions};
use perpdex_simnet::world::{World, WorldOptions};
use serde_json::Value;

use crate::support::{Engine, folder, perpdex_ok};

/// Seeds of the worlds.
const SEEDS: std::ops::RangeInclusive<u64> = 1..=3;
/// Headers besides the ends of ranges that a history may cost, in percent of its blocks.
const BUDGET_PERCENT: u64 = 2;
/// Calls of one batch at most.
const BATCH_CALLS_MAX: u64 = 100;

/// What one run counted.
struct Counted {
    blocks: u64,
    ranges: u64,
    requests: u64,
    probe: u64,
    time: u64,
    settling: u64,
    suspicious: u64,
}

fn sync(folder: &Path, name: &str, chain_name: &str, chain: &EvmChain, log_timestamps: bool, endpoints: usize) -> Counted {
    let options = EvmOptions { final_depth: 0, log_timestamps, ..EvmOptions::default() };
    let serve = || EvmNode::serve_with(chain.clone(), options.clone()).expect("the node starts");
    let nodes: Vec<EvmNode> = (0..endpoints).map(|_| serve()).collect();
    let url = Engine::Sqlite.database(folder, name);
    let from = format!("{chain_name}={}", chain.blocks[0].number);
    let mut args: Vec<String> =
        ["sync", "--once", "--json", "--chain", chain_name, "--from", &from, "--database", &url].map(str::to_owned).to_vec();
    args.extend(nodes.iter().flat_map(|node| ["--endpoint".to_owned(), format!("{chain_name}={}", node.url())]));
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let summary: Value = serde_json::from_str(&perpdex_ok(folder, &args).stdout).expect("the summary is JSON");
    let report = &summary["chains"][0];
    let number = |value: &Value| value.as_u64().unwrap_or(0);
    let headers = &report["traffic"]["headers"];
    let counted = Counted {
        blocks: number(&report["blocks"]),
        ranges: number(&report["ranges"]),
        requests: number(&report["traffic"]["requests"]),
        probe: number(&headers["probe"]),
        time: number(&headers["time"]),
        settling: number(&report["proof"]["blocks_settling"]),
        suspicious: number(&report["proof"]["stretches_suspicious"]),
    };
    let of_kinds = number(&headers["witness"]) + counted.probe + counted.time + number(&headers["look"]);
    let asked = nodes.iter().map(|node| node.calls().get("eth_getBlockByNumber").copied().unwrap_or(0)).sum::<u64>();
    assert_eq!(of_kinds, asked, "the summary counts every header that the node was asked for: {summary}");
    assert_eq!(counted.requests, nodes.iter().map(EvmNode::requests).sum::<u64>(), "and every request: {summary}");
    assert_eq!(counted.blocks, chain.blocks.len() as u64);
    counted
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_keep_to_their_budget() {
    let folder = folder();
    // One range after the other, so that the second endpoint is free when it is wanted.
    std::fs::write(folder.path().join("perpdex.toml"), "[sync]\nfetch_ahead = 1\n").expect("the configuration can be written");
    let mut suspicious = 0;
    for seed in SEEDS {
        let world = World::build(&WorldOptions { seed, hours: 1, events: 6_000, ..WorldOptions::default() });
        for (chain_name, chain) in [("bnb", world.bnb), ("arbitrum", world.arbitrum)] {
            let run = |name: &str, log_timestamps, endpoints| {
                let name = format!("{chain_name}{seed}{name}");
                sync(folder.path(), &name, chain_name, &chain, log_timestamps, endpoints)
            };
            let (alone, beside) = (run("alone", true, 1), run("beside", true, 2));
            for counted in [&alone, &beside] {
                assert_eq!(counted.time, 0, "the logs state their times");
                assert_within_budget(counted.probe - counted.settling, counted.blocks);
            }
            // What is suspicious is asked of the second endpoint; alone it is looked at, and so often is counted apart.
            assert_within_budget(beside.probe, beside.blocks);
            assert!((0 < alone.settling) == (0 < alone.suspicious), "{} looks at {} stretches", alone.settling, alone.suspicious);
            suspicious += alone.suspicious;

            let silent = run("silent", false, 1);
            let busy: BTreeSet<u64> = chain.blocks.iter().filter(|block| !block.logs.is_empty()).map(|block| block.number).collect();
            assert!(0 < silent.time && silent.time <= busy.len() as u64, "at most one header a block with logs: {}", silent.time);
            let batches = silent.time.div_ceil(BATCH_CALLS_MAX) + silent.ranges;
            assert!(silent.requests <= alone.requests + batches, "in batches: {} of {}", silent.requests, alone.requests);
        }
    }
    assert!(0 < suspicious, "some world has a stretch that chance does not explain");
}

#[track_caller]
fn assert_within_budget(headers: u64, blocks: u64) {
    assert!(0 < headers && headers * 100 <= blocks * BUDGET_PERCENT, "{headers} headers for {blocks} blocks");
}
