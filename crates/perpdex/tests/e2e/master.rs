//! The master property: whatever the range sizes, the concurrency, the faults, the reorgs, the crashes, the order of
//! backfill and the engine, the store ends byte-identical to that of a clean run, and equal to the world's truth.
//!
//! `PERPDEX_MASTER_SEEDS=FROM-TO` chooses the seeds; without it a handful run.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use perpdex_simnet::chain::{EvmBlock, EvmChain};
use perpdex_simnet::node::EvmNode;
use perpdex_simnet::truth::Truth;
use perpdex_simnet::world::{World, WorldOptions};
use serde_json::Value;

use crate::support::{Engine, Guarded, assert_same_text, command, dump, folder, perpdex_ok, query};

/// Seeds of an ordinary run.
const SEEDS: RangeInclusive<u64> = 1..=4;
/// Blocks below the tip that are not final while faults and reorgs last.
const UNFINAL: usize = 40;
/// Runs that are spoilt before the last, clean one.
const SPOILT_RUNS: u64 = 3;
/// Longest time one spoilt run is left alone; it is killed then, as it may wait for a fault to end.
const SPOILT_RUN_MAX: Duration = Duration::from_secs(8);

#[tokio::test(flavor = "multi_thread")]
async fn however_it_came_about_the_store_is_the_same() {
    let engines = Engine::all("however_it_came_about_the_store_is_the_same");
    for seed in seeds() {
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let engine = &engines[dice.below(engines.len() as u64) as usize];
        let world = World::build(&WorldOptions { seed: 100 + seed % 3, hours: 1, events: 6_000, ..WorldOptions::default() });
        let folder = folder();
        let chains = [Chain::new("bnb", world.bnb), Chain::new("arbitrum", world.arbitrum)];

        let clean_url = Engine::Sqlite.database(folder.path(), "clean");
        let clean_nodes: Vec<EvmNode> = chains.iter().map(|chain| serve(&chain.whole)).collect();
        finish(folder.path(), &clean_url, &chains, &clean_nodes);
        assert_truth(folder.path(), &clean_url, &world.truth);

        let url = engine.database(folder.path(), "spoilt");
        let nodes: Vec<EvmNode> = chains.iter().map(|chain| serve(&chain.on_a_branch(dice.next()))).collect();
        for _ in 0..SPOILT_RUNS {
            for (chain, node) in chains.iter().zip(&nodes) {
                node.set_faults(faults(&mut dice).parse().expect("faults")).expect("the node takes them");
                match dice.below(3) {
                    // Back to the chain that stays, or to yet another branch of it.
                    0 => node.reorg(chain.tail()).expect("the tail follows"),
                    1 => node.reorg(chain.branch(dice.next())).expect("the branch follows"),
                    _ => {}
                }
            }
            spoilt_run(folder.path(), &url, &chains, &nodes, &mut dice);
        }
        for (chain, node) in chains.iter().zip(&nodes) {
            node.set_faults(Default::default()).expect("no faults");
            node.reorg(chain.tail()).expect("the tail follows");
        }
        finish(folder.path(), &url, &chains, &nodes);
        assert_same_text(&dump(&url).await, &dump(&clean_url).await, &format!("seed {seed}"));
        assert_eq!(query(folder.path(), &url, "SELECT * FROM v_gaps"), Vec::<Value>::new(), "seed {seed}");
    }
}

fn seeds() -> RangeInclusive<u64> {
    let Ok(text) = std::env::var("PERPDEX_MASTER_SEEDS") else { return SEEDS };
    let bounds = text.split_once('-').and_then(|(from, to)| Some((from.parse().ok()?, to.parse().ok()?)));
    let (from, to) = bounds.expect("PERPDEX_MASTER_SEEDS is written FROM-TO");
    from..=to
}

/// A simulated chain under its name on the command line.
struct Chain {
    name: &'static str,
    whole: EvmChain,
}

impl Chain {
    fn new(name: &'static str, whole: EvmChain) -> Chain {
        Chain { name, whole }
    }

    fn first(&self) -> u64 {
        self.whole.blocks[0].number
    }

    fn kept(&self) -> usize {
        self.whole.blocks.len() - UNFINAL / 2
    }

    /// The last blocks as they stay in the end.
    fn tail(&self) -> Vec<EvmBlock> {
        self.whole.blocks[self.kept()..].to_vec()
    }

    /// Another version of them.
    fn branch(&self, seed: u64) -> Vec<EvmBlock> {
        self.whole.branch(UNFINAL / 2, seed)
    }

    fn on_a_branch(&self, seed: u64) -> EvmChain {
        let mut chain = EvmChain { chain_id: self.whole.chain_id, blocks: self.whole.blocks[..self.kept()].to_vec() };
        chain.blocks.extend(self.branch(seed));
        chain
    }
}

/// A node that shows the whole chain, the last blocks not final.
fn serve(chain: &EvmChain) -> EvmNode {
    let node = EvmNode::serve(chain.clone()).expect("the node starts");
    node.set_finalized(chain.blocks[chain.blocks.len() - UNFINAL].number).expect("the height is on the chain");
    node
}

/// The last run: no faults, everything up to the tip.
fn finish(folder: &Path, url: &str, chains: &[Chain], nodes: &[EvmNode]) {
    let mut args: Vec<String> = ["sync", "--once=latest", "--database", url].map(str::to_owned).to_vec();
    args.extend(arguments(chains, nodes, Chain::first));
    perpdex_ok(folder, &args.iter().map(String::as_str).collect::<Vec<_>>());
}

fn arguments(chains: &[Chain], nodes: &[EvmNode], from: impl Fn(&Chain) -> u64) -> Vec<String> {
    let of_chain = |(chain, node): (&Chain, &EvmNode)| {
        let name = chain.name;
        let endpoint = format!("{name}={}", node.url());
        ["--chain".to_owned(), name.to_owned(), "--endpoint".to_owned(), endpoint, "--from".to_owned(), format!("{name}={}", from(chain))]
    };
    chains.iter().zip(nodes).flat_map(of_chain).collect()
}

/// A run with sizes, concurrency and a first height by chance, which may be killed in the middle of anything.
fn spoilt_run(folder: &Path, url: &str, chains: &[Chain], nodes: &[EvmNode], dice: &mut Dice) {
    // Backfill in any order: what a run starts above, a later one brings.
    let skipped = [0, 0, 300, 700][dice.below(4) as usize];
    let mut args: Vec<String> = vec!["sync".to_owned(), "--database".to_owned(), url.to_owned()];
    args.extend(arguments(chains, nodes, |chain| chain.first() + skipped));
    args.extend([[].as_slice(), &["--once".to_owned()], &["--once=latest".to_owned()]][dice.below(3) as usize].iter().cloned());
    let blocks_max = 1 + dice.below(600);
    let settings = [
        ("FETCH_AHEAD", 1 + dice.below(8)),
        ("BLOCKS_MAX_PER_FETCH", blocks_max),
        ("BLOCKS_START_PER_FETCH", 1 + dice.below(blocks_max)),
        ("HEAD_POLL_MS", 20),
        ("BACKOFF_INITIAL_MS", 5),
        ("BACKOFF_MAX_MS", 50),
        ("REDUCE_EVERY_MS", 100 + dice.below(400)),
        ("REQUEST_TIMEOUT_MS", 2_000),
    ];
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let mut sync = command(folder, &args);
    for (name, value) in settings {
        sync.env(format!("PERPDEX_SYNC_{name}"), value.to_string());
    }
    let mut child = Guarded(sync.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the binary starts"));
    let asked = || nodes.iter().map(EvmNode::requests).sum::<u64>();
    let kill_at = asked() + 3 + dice.below(120);
    let started = Instant::now();
    loop {
        if child.0.try_wait().expect("the child can be asked").is_some() {
            return;
        }
        if kill_at <= asked() || SPOILT_RUN_MAX <= started.elapsed() {
            // SIGKILL: no handler runs, no transaction is finished.
            child.0.kill().expect("the child can be killed");
            child.0.wait().expect("the child ends");
            return;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Faults by chance, all of which end.
fn faults(dice: &mut Dice) -> String {
    let texts = [
        "on eth_getLogs {n}-{m} status=429 retry_after_secs=0",
        "on eth_getLogs {n}-{m} error=-32005 message=query returned more than 10000 results",
        "on eth_getLogs {n}-{m} error=-32602 message=query exceeds max block range 50",
        "on * {n} cut_bytes=120",
        "on * {n}-{m} status=503",
        "on eth_getBlockByNumber {n}-{m} null",
        "on eth_getLogs {n} delay_ms=30",
    ];
    let mut lines = Vec::new();
    for _ in 0..dice.below(4) {
        let first = 1 + dice.below(60);
        let text = texts[dice.below(texts.len() as u64) as usize];
        lines.push(text.replace("{n}", &first.to_string()).replace("{m}", &(first + dice.below(4)).to_string()));
    }
    lines.join("\n")
}

/// Sums per chain and venue against the world's truth.
#[track_caller]
fn assert_truth(folder: &Path, url: &str, truth: &Truth) {
    let sql = "SELECT c.slug AS chain, v.slug AS venue, CAST(SUM(a.trades) AS INTEGER) AS trades, \
               CAST(SUM(a.volume_usd_e6) AS INTEGER) AS volume, CAST(SUM(a.liq_rows) AS INTEGER) AS liqs, \
               CAST(SUM(a.fees_usd_e6) AS INTEGER) AS fees FROM agg_market_hour a JOIN markets m ON m.market_id = a.market_id \
               JOIN venues v ON v.venue_id = m.venue_id JOIN chains c ON c.chain_id = m.chain_id GROUP BY c.slug, v.slug";
    let rows = query(folder, url, sql);
    let numbers = |row: &Value| ["trades", "volume", "liqs", "fees"].map(|name| row[name].as_i64());
    let stored: BTreeMap<(String, String), _> = rows.iter().map(|row| ((name(&row["chain"]), name(&row["venue"])), numbers(row))).collect();
    let wanted: BTreeMap<(String, String), _> = truth
        .totals
        .iter()
        .filter(|total| ["bnb", "arbitrum"].contains(&total.chain) && total.trades > 0)
        .map(|total| {
            let sums = [total.trades, total.volume_usd_e6, total.liq_rows, total.fees_usd_e6].map(Some);
            ((total.chain.to_owned(), total.venue.to_owned()), sums)
        })
        .collect();
    assert!(wanted.len() >= 3, "the world trades: {wanted:?}");
    assert_eq!(stored, wanted);
}

fn name(value: &Value) -> String {
    value.as_str().expect("a name").to_owned()
}

/// Numbers from a seed.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 17
    }

    /// A number below `limit`.
    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}
