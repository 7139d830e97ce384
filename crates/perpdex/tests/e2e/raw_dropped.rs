//! `raw = "drop"`: the same store but for the payloads, with verification, and one clear word from whatever needs them.

use std::path::Path;
use std::process::Stdio;

use perpdex_simnet::chain::EvmChain;
use perpdex_simnet::day::write_day;
use perpdex_simnet::node::EvmNode;
use perpdex_simnet::world::{World, WorldOptions};
use serde_json::Value;

use crate::reorg_simnet::stored_hash;
use crate::support::{Engine, Guarded, assert_same_text, command, dump, execute, folder, interrupt, perpdex, perpdex_ok, query, until};

/// Two chains with the nodes that serve them; all but the last blocks are final.
struct Chains {
    world: World,
    nodes: [EvmNode; 2],
}

impl Chains {
    fn new(seed: u64) -> Chains {
        let world = World::build(&WorldOptions { seed, hours: 1, events: 6_000, is_wide: true, ..WorldOptions::default() });
        let nodes = [serve(&world.arbitrum, 0), serve(&world.bnb, 0)];
        Chains { world, nodes }
    }

    /// The arguments of a verb on both chains.
    fn arguments(&self, verb: &str, url: &str, more: &[&str]) -> Vec<String> {
        let mut args: Vec<String> = [verb, "--database", url, "--json"].iter().map(|text| (*text).to_owned()).collect();
        for (name, chain, node) in [("arbitrum", &self.world.arbitrum, &self.nodes[0]), ("bnb", &self.world.bnb, &self.nodes[1])] {
            let (endpoint, from) = (format!("{name}={}", node.url()), format!("{name}={}", chain.blocks[0].number));
            args.extend(["--chain", name, "--endpoint", &endpoint, "--from", &from].map(str::to_owned));
        }
        args.extend(more.iter().map(|text| (*text).to_owned()));
        args
    }

    fn run(&self, folder: &Path, verb: &str, url: &str, more: &[&str]) -> (Option<i32>, Value) {
        let args = self.arguments(verb, url, more);
        json(folder, &args.iter().map(String::as_str).collect::<Vec<_>>())
    }
}

fn serve(chain: &EvmChain, unfinal: u64) -> EvmNode {
    let head = chain.blocks[chain.blocks.len() - 1].number;
    let node = EvmNode::serve(chain.clone()).expect("the node starts");
    node.set_finalized(head - unfinal).expect("the height is on the chain");
    node
}

fn json(folder: &Path, args: &[&str]) -> (Option<i32>, Value) {
    let run = perpdex(folder, args);
    let answer = serde_json::from_str(&run.stdout).unwrap_or_else(|_| panic!("perpdex {args:?}\n{}\n{}", run.stdout, run.stderr));
    (run.code, answer)
}

/// Configures what is stored of raw records for the runs in a folder.
fn configure(folder: &Path, raw: &str) {
    let text = format!("[chains.arbitrum]\nraw = \"{raw}\"\n[chains.bnb]\nraw = \"{raw}\"\n");
    std::fs::write(folder.join("perpdex.toml"), text).expect("the file is written");
}

/// The canonical text of a store without the payloads of raw records, the last column of their table.
async fn dump_without_payloads(url: &str) -> String {
    let dump = dump(url).await;
    let (before, rest) = dump.split_once("# raw_events\n").expect("the table is there");
    let (records, after) = rest.split_once("\n# ").expect("other tables follow");
    let bare: Vec<&str> = records.lines().map(|line| line.rsplit_once('\t').expect("a row has columns").0).collect();
    assert!(!bare.is_empty());
    format!("{before}{}\n{after}", bare.join("\n"))
}

/// Records by the first byte of what is stored of them: 2 is a digest.
fn count_dropped(folder: &Path, url: &str) -> (u64, u64) {
    let first = if url.starts_with("sqlite:") { "substr(payload, 1, 1) = x'02'" } else { "get_byte(payload, 0) = 2" };
    let sql = format!("SELECT COUNT(*) AS n, CAST(SUM(CASE WHEN {first} THEN 1 ELSE 0 END) AS BIGINT) AS dropped FROM raw_events");
    let row = &query(folder, url, &sql)[0];
    (row["n"].as_u64().unwrap(), row["dropped"].as_u64().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_without_payloads_differs_in_nothing_else() {
    let chains = Chains::new(5);
    for engine in Engine::all("a_store_without_payloads_differs_in_nothing_else") {
        let folder = folder();
        let root = folder.path();
        let (kept, url) = (engine.database(root, "kept"), engine.database(root, "dropped"));
        for (raw, url) in [("keep", &kept), ("drop", &url)] {
            configure(root, raw);
            let (code, answer) = chains.run(root, "sync", url, &["--once"]);
            assert_eq!(code, Some(0), "{answer:#}");
        }
        assert_same_text(&dump_without_payloads(&url).await, &dump_without_payloads(&kept).await, "all but the payloads");
        let (records, dropped) = count_dropped(root, &url);
        assert!(records / 2 < dropped, "{dropped} of {records}");
        assert_eq!(count_dropped(root, &kept), (records, 0));
        let before = dump(&url).await;

        // What needs payloads says what is missing, and touches nothing.
        let (code, answer) = json(root, &["redecode", "--chain", "bnb", "--json", "--database", &url]);
        assert_eq!(code, Some(1), "{answer:#}");
        let reason = answer[0]["refused"][0]["reason"].as_str().unwrap();
        assert!(reason.contains("payloads of raw records were dropped") && reason.contains("verify --repair"), "{answer:#}");
        let exported = perpdex(root, &["export", "--raw", "dropped.jsonl", "--database", &url]);
        assert_eq!(exported.code, Some(1), "{exported:?}");
        for chain in ["arbitrum", "bnb"] {
            assert!(exported.stderr.contains(&format!("left out: {chain} ")), "{exported:?}");
        }
        assert_same_text(&dump(&url).await, &before, "ranges without payloads stay as they are");

        // A record is found changed by its digest or by a column, and mended as the setting says.
        let digest =
            if url.starts_with("sqlite:") { "CAST(x'02' || zeroblob(32) AS BLOB)" } else { "decode('02' || repeat('00', 32), 'hex')" };
        let some = |offset| {
            format!(
                "chain_id = 56 AND (height, rec) = (SELECT height, rec FROM raw_events WHERE chain_id = 56 AND kind = 'evm_log' ORDER BY height, rec LIMIT 1 OFFSET {offset})"
            )
        };
        execute(&url, &format!("UPDATE raw_events SET payload = {digest} WHERE {}", some(20))).await;
        execute(&url, &format!("UPDATE raw_events SET ts_ms = ts_ms - 1 WHERE {}", some(200))).await;
        let (code, answer) = chains.run(root, "verify", &url, &[]);
        let changed =
            |answer: &Value| answer["chains"].as_array().unwrap().iter().map(|chain| chain["changed"].as_u64().unwrap()).sum::<u64>();
        assert_eq!((code, changed(&answer)), (Some(1), 2), "{answer:#}");
        let (code, answer) = chains.run(root, "verify", &url, &["--repair"]);
        assert_eq!(code, Some(0), "{answer:#}");
        assert_eq!(count_dropped(root, &url), (records, dropped), "mended without payloads");

        // With `keep` the payloads come back, and with them everything that needs them.
        configure(root, "keep");
        let (code, answer) = chains.run(root, "verify", &url, &["--repair", "--again"]);
        assert_eq!(code, Some(0), "{answer:#}");
        let restored: u64 = answer["chains"].as_array().unwrap().iter().map(|chain| chain["restored"].as_u64().unwrap()).sum();
        assert_eq!((restored, count_dropped(root, &url)), (dropped, (records, 0)), "{answer:#}");
        assert_same_text(&dump(&url).await, &dump(&kept).await, "as if payloads had been kept");
        execute(&url, "DELETE FROM prices WHERE height % 2 = 0").await;
        let (code, answer) = json(root, &["redecode", "--json", "--database", &url]);
        assert_eq!(code, Some(0), "{answer:#}");
        assert_same_text(&dump(&url).await, &dump(&kept).await, "decoded from payloads that came back");
        perpdex_ok(root, &["export", "--raw", "whole.jsonl", "--database", &url]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_capture_of_a_mixed_store_claims_what_it_has() {
    let chains = Chains::new(6);
    let folder = folder();
    let root = folder.path();
    let url = Engine::Sqlite.database(root, "mixed");
    let middle = &chains.world.bnb.blocks[chains.world.bnb.blocks.len() / 2];
    let (name, endpoint) = ("bnb", format!("bnb={}", chains.nodes[1].url()));
    let (from, to) = (format!("bnb={}", chains.world.bnb.blocks[0].number), format!("bnb={}", middle.number));
    let args = ["sync", "--chain", name, "--endpoint", &endpoint, "--from", &from, "--database", &url];
    perpdex_ok(root, &[&args[..], &["--to", &to]].concat());
    configure(root, "drop");
    perpdex_ok(root, &[&args[..], &["--once"]].concat());
    let (records, dropped) = count_dropped(root, &url);
    assert!(0 < dropped && dropped < records);

    let exported = perpdex(root, &["export", "--raw", "mixed.jsonl", "--database", &url]);
    assert_eq!(exported.code, Some(1), "{exported:?}");
    let replayed = Engine::Sqlite.database(root, "replayed");
    perpdex(root, &["replay", "mixed.jsonl", "--raw", "keep", "--database", &replayed]);
    let low = format!("SELECT * FROM v_trades WHERE height <= {} ORDER BY height, event_key", middle.number);
    assert_eq!(query(root, &replayed, &low), query(root, &url, &low));
    let all = "SELECT height, rec, hex(payload) AS p FROM raw_events WHERE substr(payload, 1, 1) <> x'02' ORDER BY height, rec";
    let dropped_at = "SELECT DISTINCT height FROM raw_events WHERE substr(payload, 1, 1) = x'02'";
    let dropped_at: Vec<Value> = query(root, &url, dropped_at).into_iter().map(|row| row["height"].clone()).collect();
    let whole: Vec<Value> = query(root, &url, all).into_iter().filter(|row| !dropped_at.contains(&row["height"])).collect();
    assert_eq!(query(root, &replayed, all), whole);
    // No height without its records is covered.
    let covered = query(root, &replayed, "SELECT from_height AS low, to_height AS high FROM v_coverage");
    assert!(!covered.is_empty());
    let is_covered = |height: &Value| covered.iter().any(|row| (row["low"].as_u64()..=row["high"].as_u64()).contains(&height.as_u64()));
    assert_eq!(dropped_at.iter().find(|height| is_covered(height)), None);
}

/// Blocks of the simulated chain whose head is followed.
const VISIBLE: usize = 300;
/// Blocks below its tip that are not final.
const UNFINAL: u64 = 20;

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_run_and_a_reorg_leave_no_trace() {
    let mut chain = World::build(&WorldOptions { seed: 3, hours: 1, events: 4_000, ..WorldOptions::default() }).bnb;
    chain.blocks.truncate(VISIBLE);
    let branch = chain.branch(3, 99);
    let mut reorged = EvmChain { blocks: chain.blocks[..VISIBLE - branch.len()].to_vec(), ..chain.clone() };
    reorged.blocks.extend(branch.iter().cloned());
    let (first, head) = (chain.blocks[0].number, chain.blocks[VISIBLE - 1].number);
    for engine in Engine::all("a_killed_run_and_a_reorg_leave_no_trace") {
        let folder = folder();
        let root = folder.path();
        configure(root, "drop");
        let node = serve(&chain, UNFINAL);
        let (url, from, endpoint) = (engine.database(root, "followed"), format!("bnb={first}"), format!("bnb={}", node.url()));
        let args = ["sync", "--chain", "bnb", "--endpoint", &endpoint, "--from", &from, "--database", &url];
        let follow = || {
            let mut sync = command(root, &args);
            sync.env("PERPDEX_SYNC_BLOCKS_START_PER_FETCH", "10").env("PERPDEX_SYNC_BLOCKS_MAX_PER_FETCH", "10");
            sync.env("PERPDEX_SYNC_HEAD_POLL_MS", "50").stdout(Stdio::null()).stderr(Stdio::null());
            Guarded(sync.spawn().expect("the binary starts"))
        };
        let stored = |height, hash| {
            let url = url.clone();
            move || {
                let url = url.clone();
                async move { stored_hash(&url, height).await == Some(hash) }
            }
        };
        let child = follow();
        until("the first ranges", stored(first + 9, chain.blocks[9].hash)).await;
        drop(child);
        let child = follow();
        until("following to the head", stored(head, chain.blocks[VISIBLE - 1].hash)).await;
        node.reorg(branch.clone()).expect("the branch follows the chain");
        until("taking the reorg", stored(head, reorged.blocks[VISIBLE - 1].hash)).await;
        assert_eq!(interrupt(child), Some(130));
        assert_eq!(query(root, &url, "SELECT depth FROM v_reorgs").len(), 1);

        let node = serve(&reorged, UNFINAL);
        let endpoint = format!("bnb={}", node.url());
        for raw in ["drop", "keep"] {
            configure(root, raw);
            let clean = engine.database(root, raw);
            perpdex_ok(root, &["sync", "--chain", "bnb", "--endpoint", &endpoint, "--from", &from, "--once=latest", "--database", &clean]);
            match raw {
                "drop" => assert_same_text(&dump(&url).await, &dump(&clean).await, "after the reorg"),
                _ => assert_same_text(&dump_without_payloads(&url).await, &dump_without_payloads(&clean).await, "all but the payloads"),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_replayed_without_payloads() {
    let day = folder();
    write_day(day.path(), 5_000, 7).expect("the day is written");
    let path = day.path().to_str().expect("a path of text");
    for engine in Engine::all("files_are_replayed_without_payloads") {
        let folder = folder();
        let root = folder.path();
        let (kept, dropped) = (engine.database(root, "kept"), engine.database(root, "dropped"));
        perpdex_ok(root, &["replay", path, "--database", &kept]);
        perpdex_ok(root, &["replay", path, "--database", &dropped, "--raw", "drop"]);
        let (records, count) = count_dropped(root, &dropped);
        assert_eq!((records, count, count_dropped(root, &kept)), (count, count, (records, 0)));
        assert_same_text(&dump_without_payloads(&dropped).await, &dump_without_payloads(&kept).await, "all but the payloads");
        // A flag for this run goes before the file; what is stored stays.
        std::fs::write(root.join("perpdex.toml"), "[chains.hyperliquid]\nraw = \"drop\"\n").expect("the file is written");
        perpdex_ok(root, &["replay", path, "--database", &kept, "--raw", "keep"]);
        perpdex_ok(root, &["replay", path, "--database", &kept]);
        assert_eq!(count_dropped(root, &kept), (records, 0));
    }
}
