//! `perpdex verify`: holes of every size are found and mended, whatever made them; what is verified stays so.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

use perpdex_simnet::chain::EvmChain;
use perpdex_simnet::node::EvmNode;
use perpdex_simnet::world::{World, WorldOptions};
use serde_json::Value;

use crate::support::{Engine, assert_same_text, dump, execute, folder, perpdex, perpdex_ok, query};

/// Blocks of each simulated history.
const BLOCKS: usize = 1_100;

fn world(seed: u64) -> EvmChain {
    let mut chain = World::build(&WorldOptions { seed, hours: 1, events: 8_000, ..WorldOptions::default() }).bnb;
    chain.blocks.truncate(BLOCKS);
    chain
}

/// A node with the whole chain final.
fn serve(chain: EvmChain) -> EvmNode {
    let head = chain.blocks[chain.blocks.len() - 1].number;
    let node = EvmNode::serve(chain).expect("the node starts");
    node.set_finalized(head).expect("the height is on the chain");
    node
}

/// Runs a verb on one chain with one endpoint list and gives exit code and JSON answer.
fn run_json(folder: &Path, verb: &str, url: &str, nodes: &[&EvmNode], more: &[&str]) -> (Option<i32>, Value) {
    let endpoints: Vec<String> = nodes.iter().map(|node| format!("bnb={}", node.url())).collect();
    let mut args = vec![verb, "--chain", "bnb", "--database", url, "--json"];
    endpoints.iter().for_each(|endpoint| args.extend(["--endpoint", endpoint]));
    args.extend(more);
    let run = perpdex(folder, &args);
    let answer = serde_json::from_str(&run.stdout).unwrap_or_else(|_| panic!("perpdex {args:?}\n{}\n{}", run.stdout, run.stderr));
    (run.code, answer)
}

fn sync(folder: &Path, url: &str, node: &EvmNode, first: u64) {
    let from = format!("bnb={first}");
    let (code, answer) = run_json(folder, "sync", url, &[node], &["--once", "--from", &from]);
    assert_eq!(code, Some(0), "{answer:#}");
}

/// Heights of a hole: one run of blocks, or as many spread over the history.
fn hole(chain: &EvmChain, blocks: usize, scattered: bool, seed: u64) -> BTreeSet<u64> {
    let with_logs: Vec<usize> = (0..chain.blocks.len()).filter(|at| !chain.blocks[*at].logs.is_empty()).collect();
    let start = with_logs[(seed as usize * 37) % with_logs.len()].min(chain.blocks.len() - blocks);
    let at = |n: usize| if scattered { (start + n * 97) % chain.blocks.len() } else { start + n };
    (0..blocks).map(|n| chain.blocks[at(n)].number).collect()
}

/// The chain as it looks to an index that lost the logs of some blocks: equal hashes, no trace of what is gone.
fn without(chain: &EvmChain, heights: &BTreeSet<u64>) -> EvmChain {
    let mut holed = chain.clone();
    holed.blocks.iter_mut().filter(|block| heights.contains(&block.number)).for_each(|block| block.logs.clear());
    holed
}

#[tokio::test(flavor = "multi_thread")]
async fn holes_of_every_size_are_found_and_mended() {
    let mut figures = String::new();
    for (blocks, scattered) in [(1, false), (20, false), (20, true), (500, false), (500, true)] {
        let (mut holes, mut lost, mut found) = (0, 0, 0);
        for seed in [1, 2, 3] {
            let chain = world(seed);
            let (first, heights) = (chain.blocks[0].number, hole(&chain, blocks, scattered, seed));
            let folder = folder();
            let node = serve(chain.clone());
            let (holed_url, clean_url) = (Engine::Sqlite.database(folder.path(), "holed"), Engine::Sqlite.database(folder.path(), "clean"));
            sync(folder.path(), &clean_url, &node, first);
            sync(folder.path(), &holed_url, &serve(without(&chain, &heights)), first);
            let is_lost = |height: u64| heights.contains(&height);
            let stored = query(folder.path(), &clean_url, "SELECT DISTINCT height FROM raw_events");
            let lost_here: BTreeSet<u64> = stored.iter().filter_map(|row| row["height"].as_u64()).filter(|h| is_lost(*h)).collect();

            let (code, answer) = run_json(folder.path(), "verify", &holed_url, &[&node], &[]);
            let listed = query(folder.path(), &holed_url, "SELECT DISTINCT height FROM v_verify_differences WHERE kind = 'missing'");
            let found_here: BTreeSet<u64> = listed.iter().filter_map(|row| row["height"].as_u64()).collect();
            assert_eq!(found_here, lost_here, "{blocks} blocks, scattered {scattered}, seed {seed}: {answer:#}");
            assert_eq!(code, Some(i32::from(!lost_here.is_empty())));
            (holes, lost, found) = (holes + 1, lost + lost_here.len(), found + found_here.len());

            let (code, answer) = run_json(folder.path(), "verify", &holed_url, &[&node], &["--repair", "--again"]);
            assert_eq!((code, &answer["verdict"]), (Some(0), &"clean".into()), "{answer:#}");
            assert_eq!(answer["chains"][0]["mended"], answer["chains"][0]["missing"]);
            assert_same_text(&dump(&holed_url).await, &dump(&clean_url).await, "after the repair");
            assert_eq!(query(folder.path(), &holed_url, "SELECT * FROM v_gaps"), Vec::<Value>::new());
        }
        let shape = if scattered { "scattered" } else { "contiguous" };
        writeln!(figures, "| {blocks} | {shape} | {holes} | {lost} | {found} |").expect("text takes everything");
    }
    assert_figures("| hole, blocks | shape | histories | blocks with lost records | found |\n| --- | --- | --- | --- | --- |\n", &figures);
}

/// The figures as `docs/verify.md` has them; `UPDATE_EXPECT=1` rewrites them there.
fn assert_figures(head: &str, figures: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/verify.md");
    let page = std::fs::read_to_string(&path).expect("docs/verify.md is there");
    let start = page.find(head).expect("the page has the table's head") + head.len();
    let end = start + page[start..].find("\n\n").map_or(page.len() - start, |end| end + 1);
    if std::env::var("UPDATE_EXPECT").as_deref() == Ok("1") {
        std::fs::write(&path, [&page[..start], figures, &page[end..]].concat()).expect("the page can be written");
        return;
    }
    assert_eq!(&page[start..end], figures, "docs/verify.md is stale: run with UPDATE_EXPECT=1");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_level_finds_what_the_endpoint_itself_leaves_out() {
    let chain = world(4);
    let (first, heights) = (chain.blocks[0].number, hole(&chain, 60, false, 4));
    let (low, high) = (heights.first().copied().unwrap(), heights.last().copied().unwrap());
    let folder = folder();
    let good = serve(chain.clone());
    let clean_url = Engine::Sqlite.database(folder.path(), "clean");
    sync(folder.path(), &clean_url, &good, first);
    let bad = serve(chain.clone());
    bad.set_faults(format!("on eth_getLogs * from={low} to={high} empty").parse().expect("a fault")).expect("the node takes it");
    for (name, level, nodes) in
        [("bloom", "bloom", vec![&bad]), ("receipts", "receipts", vec![&bad]), ("second", "second", vec![&bad, &good])]
    {
        let url = Engine::Sqlite.database(folder.path(), name);
        sync(folder.path(), &url, &serve(without(&chain, &heights)), first);
        let (code, answer) = run_json(folder.path(), "verify", &url, &nodes, &["--level", level]);
        assert_eq!(code, Some(1), "{level}: {answer:#}");
        let counts = &answer["chains"][0];
        assert!(counts["missing"].as_u64() > Some(0) && counts["omitted"].as_u64() > Some(0), "{level}: {answer:#}");
        let (code, answer) = run_json(folder.path(), "verify", &url, &nodes, &["--level", level, "--repair", "--again"]);
        assert_eq!(code, Some(0), "{level}: {answer:#}");
        assert_same_text(&dump(&url).await, &dump(&clean_url).await, level);
        let evidence = query(folder.path(), &url, "SELECT DISTINCT evidence FROM v_coverage");
        assert!(evidence.iter().all(|row| row["evidence"] == level), "{level}: {evidence:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_no_proof_has_go_and_changed_ones_are_put_right() {
    let chain = world(5);
    let first = chain.blocks[0].number;
    let node = serve(chain);
    for engine in Engine::all("rows_that_no_proof_has_go_and_changed_ones_are_put_right") {
        let folder = folder();
        let url = engine.database(folder.path(), "spoilt");
        sync(folder.path(), &url, &node, first);
        let clean = dump(&url).await;
        let columns = "chain_id, venue_id, part, version, tx_id, tx_index, kind, emitter";
        // The stored history is changed behind the program's back: a payload, and a record that never was.
        let payload = match engine {
            Engine::Sqlite => "x'0000ff'",
            Engine::Postgres(_) => "'\\x0000ff'",
        };
        let some = "(SELECT MIN(height) FROM raw_events WHERE height > (SELECT MIN(height) FROM raw_events))";
        let spoil = [
            format!("UPDATE raw_events SET payload = {payload} WHERE height = {some}"),
            format!(
                "INSERT INTO raw_events ({columns}, height, rec, ord, ts_ms, block_hash, payload) \
                 SELECT {columns}, height, 9999, 9999, ts_ms, block_hash, payload FROM raw_events WHERE height = \
                 (SELECT MAX(height) FROM raw_events) ORDER BY rec LIMIT 1"
            ),
        ];
        for statement in &spoil {
            execute(&url, statement).await;
        }
        let (code, answer) = run_json(folder.path(), "verify", &url, &[&node], &[]);
        let counts = &answer["chains"][0];
        assert_eq!(code, Some(1));
        assert_eq!((counts["missing"].as_u64(), counts["extra"].as_u64()), (Some(0), Some(1)), "{answer:#}");
        assert!(counts["changed"].as_u64() > Some(0), "{answer:#}");
        assert_eq!(perpdex(folder.path(), &["status", "--check", "--database", &url]).code, Some(1));
        let (code, answer) = run_json(folder.path(), "verify", &url, &[&node], &["--repair"]);
        assert_eq!(code, Some(0), "{answer:#}");
        assert_same_text(&dump(&url).await, &clean, "after the repair");
        perpdex_ok(folder.path(), &["status", "--check", "--database", &url]);
    }
}

/// The store is whole and the endpoint is not: what it leaves out stays stored.
#[tokio::test(flavor = "multi_thread")]
async fn a_repair_takes_nothing_away_on_a_doubtful_answer() {
    let chain = world(7);
    let first = chain.blocks[0].number;
    let folder = folder();
    let url = Engine::Sqlite.database(folder.path(), "whole");
    sync(folder.path(), &url, &serve(chain.clone()), first);
    let rows = [
        "SELECT chain_id, height, rec, venue_id, tx_id FROM raw_events ORDER BY 1, 2, 3",
        "SELECT chain_id, height, rec, sub, qty_native, price, account FROM fills ORDER BY 1, 2, 3, 4",
    ];
    let held = |url: &str| rows.iter().map(|sql| query(folder.path(), url, sql)).collect::<Vec<_>>();
    let whole = held(&url);
    let contract = chain.blocks.iter().rev().find_map(|block| block.logs.last()).expect("the chain has logs").address;
    let no_receipts = "on eth_getBlockReceipts * error=-32601 message=the method eth_getBlockReceipts does not exist\n";
    for (name, faults, code) in [
        ("a contract left out, which receipts show", format!("on eth_getLogs * without={contract}\n"), 0),
        ("all logs of a block but one, which blooms do not show", "on eth_getLogs * one_log_per_block\n".to_owned(), 1),
        ("a contract left out, and no receipts", format!("on eth_getLogs * without={contract}\n{no_receipts}"), 1),
        ("all logs of a block but one, and no receipts", format!("on eth_getLogs * one_log_per_block\n{no_receipts}"), 1),
    ] {
        let node = serve(chain.clone());
        node.set_faults(faults.parse().expect("faults that simnet reads")).expect("faults of the node");
        let (found, answer) = run_json(folder.path(), "verify", &url, &[&node], &["--repair", "--again"]);
        assert_eq!(found, Some(code), "{name}: {answer:#}");
        assert_eq!(held(&url), whole, "{name}");
    }
    let node = serve(chain);
    let (code, answer) = run_json(folder.path(), "verify", &url, &[&node], &["--repair", "--again"]);
    assert_eq!(code, Some(0), "{answer:#}");
    perpdex_ok(folder.path(), &["status", "--check", "--database", &url]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_verified_stays_so() {
    let chain = world(6);
    let first = chain.blocks[0].number;
    let folder = folder();
    let node = serve(chain);
    let url = Engine::Sqlite.database(folder.path(), "resumed");
    sync(folder.path(), &url, &node, first);
    let half = format!("bnb={}", first + BLOCKS as u64 / 2 - 1);
    let (code, answer) = run_json(folder.path(), "verify", &url, &[&node], &["--to", &half, "--venue", "aster_1001x"]);
    assert_eq!((code, answer["chains"][0]["blocks"].as_u64()), (Some(0), Some(BLOCKS as u64 / 2)), "{answer:#}");
    let calls = node.requests();
    let (code, answer) = run_json(folder.path(), "verify", &url, &[&node], &["--venue", "aster_1001x"]);
    assert_eq!((code, answer["chains"][0]["blocks_known"].as_u64()), (Some(0), Some(BLOCKS as u64 / 2)), "{answer:#}");
    assert_eq!(answer["chains"][0]["blocks"].as_u64(), Some(BLOCKS as u64 / 2));
    assert!(node.requests() > calls);
    let marks = query(folder.path(), &url, "SELECT venue, verified_blocks FROM v_coverage ORDER BY venue");
    assert_eq!(marks[0]["venue"], "aster_1001x");
    let verified: u64 = marks.iter().filter(|row| row["venue"] == "aster_1001x").filter_map(|row| row["verified_blocks"].as_u64()).sum();
    assert_eq!(verified, BLOCKS as u64, "{marks:?}");
    let others: u64 = marks.iter().filter(|row| row["venue"] != "aster_1001x").filter_map(|row| row["verified_blocks"].as_u64()).sum();
    assert_eq!(others, 0, "{marks:?}");
}
