//! Input that is broken on the way: one clear error, everything else kept.

use std::fs;

use perpdex_simnet::node::{EvmNode, write_hyperliquid_folder};
use perpdex_simnet::world::{World, WorldOptions};

use crate::support::{Engine, folder, perpdex, perpdex_ok, query};

fn options() -> WorldOptions {
    WorldOptions { seed: 8, hours: 1, events: 4_000, ..WorldOptions::default() }
}

#[test]
fn a_truncated_lz4_file_keeps_its_complete_lines() {
    let core = World::build(&options()).hyperliquid;
    let folder = folder();
    write_hyperliquid_folder(&core, &folder.path().join("node"), true).expect("the folder is written");
    let whole = Engine::Sqlite.database(folder.path(), "whole");
    perpdex_ok(folder.path(), &["replay", "node", "--database", &whole]);
    let fills = folder.path().join("node/node_fills_by_block/hourly");
    let day = fs::read_dir(&fills).unwrap().next().unwrap().unwrap().path();
    let mut hours: Vec<_> = fs::read_dir(&day).unwrap().map(|entry| entry.unwrap().path()).collect();
    hours.sort_by_key(|path| fs::metadata(path).unwrap().len());
    let largest = hours.pop().expect("an hour with fills");
    let bytes = fs::read(&largest).unwrap();
    fs::write(&largest, &bytes[..bytes.len() * 2 / 3]).unwrap();

    let cut = Engine::Sqlite.database(folder.path(), "cut");
    let run = perpdex(folder.path(), &["replay", "node", "--database", &cut]);
    assert_eq!(run.code, Some(1), "{}\n{}", run.stdout, run.stderr);
    let name = largest.file_name().unwrap().to_str().unwrap();
    assert!(run.stdout.contains("truncated") && run.stdout.contains(name), "the hole names the file {name}:\n{}", run.stdout);
    let fills_of = |url: &str| query(folder.path(), url, "SELECT height, rec, sub, price, qty_q FROM fills ORDER BY height, rec, sub");
    let (all, kept) = (fills_of(&whole), fills_of(&cut));
    assert!(!kept.is_empty() && kept.len() < all.len(), "{} of {} fills", kept.len(), all.len());
    assert!(kept.iter().all(|row| all.contains(row)), "what is kept is what the whole file says");
    let gaps = query(folder.path(), &cut, "SELECT stream, from_height, to_height FROM v_gaps WHERE stream = 'hyperliquid.fills'");
    assert!(!gaps.is_empty(), "the lost blocks are a gap");
    let covered = query(folder.path(), &cut, "SELECT MAX(to_height) AS n FROM v_coverage WHERE stream = 'hyperliquid.fills'");
    let beyond = all.iter().filter(|row| !kept.contains(row)).map(|row| row["height"].as_i64()).min().flatten();
    let gap = gaps.iter().find(|gap| gap["from_height"].as_i64() <= beyond && beyond <= gap["to_height"].as_i64());
    assert!(gap.is_some(), "the first lost fill, at {beyond:?}, lies in a gap: {gaps:?}, covered to {covered:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_log_is_kept_with_its_bytes_and_the_run_goes_on() {
    let mut chain = World::build(&options()).bnb;
    chain.blocks.truncate(600);
    let (first, last) = (chain.blocks[0].number, chain.blocks[599].number);
    let folder = folder();
    let sync = |url: &str, node: &EvmNode| {
        let (endpoint, from, to) = (format!("bnb={}", node.url()), format!("bnb={first}"), format!("bnb={last}"));
        perpdex(folder.path(), &["sync", "--chain", "bnb", "--endpoint", &endpoint, "--from", &from, "--to", &to, "--database", url])
    };
    let clean = Engine::Sqlite.database(folder.path(), "clean");
    let node = EvmNode::serve(chain.clone()).expect("the node starts");
    assert_eq!(sync(&clean, &node).code, Some(0));

    let broken = Engine::Sqlite.database(folder.path(), "broken");
    let node = EvmNode::serve(chain).expect("the node starts");
    // Whatever is asked again is damaged again: once would be taken for damage on the way.
    let faults = format!("on eth_getLogs * from={first} to={} malformed_log", first + 100);
    node.set_faults(faults.parse().expect("a fault")).expect("the node takes it");
    let run = sync(&broken, &node);
    assert_eq!(run.code, Some(1), "{}\n{}", run.stdout, run.stderr);
    assert!(run.stderr.contains("malformed record") && run.stderr.contains("bnb"), "one line says so:\n{}", run.stderr);
    let failures = query(folder.path(), &broken, "SELECT chain, kind, error, text FROM v_decode_failures");
    assert_eq!(failures.len(), 1, "{failures:?}");
    assert!(failures[0]["text"].as_str().is_some_and(|text| !text.is_empty()), "the bytes are kept: {failures:?}");
    let records = |url: &str| query(folder.path(), url, "SELECT COUNT(*) AS n FROM raw_events")[0]["n"].as_i64().unwrap();
    assert_eq!(records(&broken) + 1, records(&clean), "every other record is there");
    assert_eq!(perpdex(folder.path(), &["status", "--check", "--database", &broken]).code, Some(1), "status is not green");
}
