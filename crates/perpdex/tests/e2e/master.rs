//! The master property, over every chain of the world that a chain shows: whatever the range sizes, the concurrency, the faults, the reorgs, the crashes, the order of
//! backfill and the engine, the store ends byte-identical to that of a clean run, and equal to the world's truth.
//!
//! `PERPDEX_MASTER_SEEDS=FROM-TO` chooses the seeds; without it a handful run.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use perpdex_simnet::chain::{EvmBlock, EvmChain, HyperCore, SolanaBlock, SolanaChain};
use perpdex_simnet::node::{EvmNode, SolanaNode, write_hyperliquid_folder};
use perpdex_simnet::truth::Truth;
use perpdex_simnet::world::{Fork, World, WorldOptions};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{Engine, Guarded, Run, assert_same_text, command, dump, folder, query};

/// Seeds of an ordinary run.
const SEEDS: RangeInclusive<u64> = 1..=3;
/// Blocks below the tip that are not final while faults and reorgs last.
const UNFINAL: usize = 40;
/// The same on Solana, whose branches part in the middle of it.
const SOLANA_UNFINAL: usize = 80;
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
        let options = WorldOptions { seed: 100 + seed % 3, hours: 1, events: 3_000, ..WorldOptions::default() };
        let world = World::build(&options);
        let parting = world.solana.blocks[world.solana.blocks.len() - SOLANA_UNFINAL / 2].time_secs * 1_000;
        let forked = World::build(&WorldOptions { fork: Some(Fork { at_ms: parting, seed: 5 }), ..options });
        let folder = folder();
        let truth = world.truth.clone();
        let chains = Chain::all(world, forked);

        let clean_url = Engine::Sqlite.database(folder.path(), "clean");
        let clean: Vec<Served> = chains.iter().map(Chain::serve).collect();
        finish(folder.path(), &clean_url, &chains, &clean);
        assert_truth(folder.path(), &clean_url, &truth);

        let url = engine.database(folder.path(), "spoilt");
        let served: Vec<Served> = chains.iter().map(|chain| chain.serve_spoilt(&mut dice)).collect();
        for _ in 0..SPOILT_RUNS {
            chains.iter().zip(&served).for_each(|(chain, served)| chain.disturb(served, &mut dice));
            spoilt_run(folder.path(), &url, &chains, &served, &mut dice);
        }
        let served: Vec<Served> = chains.iter().zip(served).map(|(chain, served)| chain.settle(served)).collect();
        finish(folder.path(), &url, &chains, &served);
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
    world: Kind,
}

/// What of the world it is.
enum Kind {
    Evm(EvmChain),
    /// As it stays in the end, and a version with another tail.
    Solana(SolanaChain, SolanaChain),
    Hyperliquid(HyperCore),
}

/// A chain that can be read.
enum Served {
    Evm(EvmNode),
    Solana(SolanaNode),
    Hyperliquid(TempDir),
}

impl Chain {
    /// All chains of a world; the forked world shares all but the last blocks of Solana with it.
    fn all(world: World, forked: World) -> Vec<Chain> {
        let evm = [("bnb", world.bnb), ("arbitrum", world.arbitrum), ("ethereum", world.ethereum)];
        let mut chains: Vec<Chain> = evm.into_iter().map(|(name, chain)| Chain { name, world: Kind::Evm(chain) }).collect();
        chains.push(Chain { name: "solana", world: Kind::Solana(world.solana, forked.solana) });
        chains.push(Chain { name: "hyperliquid", world: Kind::Hyperliquid(world.hyperliquid) });
        chains
    }

    /// First and last height.
    fn ends(&self) -> (u64, u64) {
        let heights: Vec<u64> = match &self.world {
            Kind::Evm(chain) => chain.blocks.iter().map(|block| block.number).collect(),
            Kind::Solana(chain, _) => chain.blocks.iter().map(|block| block.slot).collect(),
            Kind::Hyperliquid(core) => core.blocks.iter().map(|block| block.number).collect(),
        };
        (heights[0], heights[heights.len() - 1])
    }

    /// As it stays in the end, the last blocks not final.
    fn serve(&self) -> Served {
        match &self.world {
            Kind::Evm(chain) => Served::Evm(serve_evm(chain.clone())),
            Kind::Solana(chain, _) => Served::Solana(serve_solana(chain.clone(), chain)),
            Kind::Hyperliquid(core) => Served::Hyperliquid(write(core, folder())),
        }
    }

    /// As it is at first: another branch, or files that are not written to their end.
    fn serve_spoilt(&self, dice: &mut Dice) -> Served {
        match &self.world {
            Kind::Evm(chain) => {
                let kept = chain.blocks.len() - UNFINAL / 2;
                let mut blocks = chain.blocks[..kept].to_vec();
                blocks.extend(chain.branch(UNFINAL / 2, dice.next()));
                Served::Evm(serve_evm(EvmChain { chain_id: chain.chain_id, blocks }))
            }
            Kind::Solana(chain, forked) => Served::Solana(serve_solana(forked.clone(), chain)),
            Kind::Hyperliquid(core) => {
                let mut part = core.clone();
                part.blocks.truncate(core.blocks.len() / 2);
                Served::Hyperliquid(write(&part, folder()))
            }
        }
    }

    /// New faults and, perhaps, another branch.
    fn disturb(&self, served: &Served, dice: &mut Dice) {
        match (&self.world, served) {
            (Kind::Evm(chain), Served::Evm(node)) => {
                node.set_faults(faults(EVM_FAULTS, dice).parse().expect("faults")).expect("the node takes them");
                match dice.below(3) {
                    // Back to the chain that stays, or to yet another branch of it.
                    0 => node.reorg(tail(chain)).expect("the tail follows"),
                    1 => node.reorg(chain.branch(UNFINAL / 2, dice.next())).expect("the branch follows"),
                    _ => {}
                }
            }
            (Kind::Solana(chain, forked), Served::Solana(node)) => {
                node.set_faults(faults(SOLANA_FAULTS, dice).parse().expect("faults")).expect("the node takes them");
                match dice.below(3) {
                    0 => node.fork(fork(forked, chain)).expect("the tail follows"),
                    1 => node.fork(fork(chain, forked)).expect("the branch follows"),
                    _ => {}
                }
            }
            _ => {}
        }
    }

    /// The end of all faults; the chain as it stays.
    fn settle(&self, served: Served) -> Served {
        match (&self.world, served) {
            (Kind::Evm(chain), Served::Evm(node)) => {
                node.set_faults(Default::default()).expect("no faults");
                node.reorg(tail(chain)).expect("the tail follows");
                Served::Evm(node)
            }
            (Kind::Solana(chain, forked), Served::Solana(node)) => {
                node.set_faults(Default::default()).expect("no faults");
                node.fork(fork(forked, chain)).expect("the tail follows");
                Served::Solana(node)
            }
            (Kind::Hyperliquid(core), Served::Hyperliquid(folder)) => Served::Hyperliquid(write(core, folder)),
            _ => unreachable!("a chain is served as what it is"),
        }
    }
}

impl Served {
    fn place(&self) -> String {
        match self {
            Served::Evm(node) => node.url(),
            Served::Solana(node) => node.url(),
            Served::Hyperliquid(folder) => folder.path().display().to_string(),
        }
    }

    fn requests(&self) -> u64 {
        match self {
            Served::Evm(node) => node.requests(),
            // A transaction is a request there.
            Served::Solana(node) => node.requests() / 10,
            Served::Hyperliquid(_) => 0,
        }
    }
}

/// The last blocks as they stay in the end.
fn tail(chain: &EvmChain) -> Vec<EvmBlock> {
    chain.blocks[chain.blocks.len() - UNFINAL / 2..].to_vec()
}

/// The blocks of `to` that `from` does not have.
fn fork(from: &SolanaChain, to: &SolanaChain) -> Vec<SolanaBlock> {
    to.blocks[shared(from, to)..].to_vec()
}

fn shared(one: &SolanaChain, other: &SolanaChain) -> usize {
    one.blocks.iter().zip(&other.blocks).take_while(|(a, b)| a.blockhash == b.blockhash).count()
}

fn serve_evm(chain: EvmChain) -> EvmNode {
    let finalized = chain.blocks[chain.blocks.len() - UNFINAL].number;
    let node = EvmNode::serve(chain).expect("the node starts");
    node.set_finalized(finalized).expect("the height is on the chain");
    node
}

/// Final is what lies well below the place where the branches part.
fn serve_solana(chain: SolanaChain, whole: &SolanaChain) -> SolanaNode {
    let finalized = whole.blocks[whole.blocks.len() - SOLANA_UNFINAL].slot;
    let node = SolanaNode::serve(chain).expect("the node starts");
    node.set_finalized(finalized).expect("the slot is on the chain");
    node
}

fn write(core: &HyperCore, folder: TempDir) -> TempDir {
    write_hyperliquid_folder(core, folder.path(), false).expect("the files can be written");
    folder
}

/// The last run: no faults, everything up to the tip.
fn finish(folder: &Path, url: &str, chains: &[Chain], served: &[Served]) {
    let mut args: Vec<String> = ["sync", "--once=latest", "--database", url].map(str::to_owned).to_vec();
    args.extend(arguments(chains, served, |chain| chain.ends().0));
    let mut sync = command(folder, &args.iter().map(String::as_str).collect::<Vec<_>>());
    let run: Run = hurried(&mut sync).output().expect("the binary starts").into();
    assert_eq!(run.code, Some(0), "{}\n{}", run.stdout, run.stderr);
}

/// Nodes on loopback need no consideration.
fn hurried(sync: &mut Command) -> &mut Command {
    sync.env("PERPDEX_SYNC_REQUESTS_PER_S_START", "100000").env("PERPDEX_SYNC_SOLANA_REQUESTS_MAX", "16")
}

fn arguments(chains: &[Chain], served: &[Served], from: impl Fn(&Chain) -> u64) -> Vec<String> {
    let of_chain = |(chain, served): (&Chain, &Served)| {
        let name = chain.name;
        let endpoint = format!("{name}={}", served.place());
        ["--chain".to_owned(), name.to_owned(), "--endpoint".to_owned(), endpoint, "--from".to_owned(), format!("{name}={}", from(chain))]
    };
    chains.iter().zip(served).flat_map(of_chain).collect()
}

/// A run with sizes, concurrency and a first height by chance, which may be killed in the middle of anything.
fn spoilt_run(folder: &Path, url: &str, chains: &[Chain], served: &[Served], dice: &mut Dice) {
    // Backfill in any order: what a run starts above, a later one brings.
    let skipped_percent = [0, 0, 5, 10][dice.below(4) as usize];
    let skipped = |(first, last): (u64, u64)| first + (last - first) * skipped_percent / 100;
    let mut args: Vec<String> = vec!["sync".to_owned(), "--database".to_owned(), url.to_owned()];
    args.extend(arguments(chains, served, |chain| skipped(chain.ends())));
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
    hurried(&mut sync);
    for (name, value) in settings {
        sync.env(format!("PERPDEX_SYNC_{name}"), value.to_string());
    }
    let mut child = Guarded(sync.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the binary starts"));
    let asked = || served.iter().map(Served::requests).sum::<u64>();
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

const EVM_FAULTS: &[&str] = &[
    "on eth_getLogs {n}-{m} status=429 retry_after_secs=0",
    "on eth_getLogs {n}-{m} error=-32005 message=query returned more than 10000 results",
    "on eth_getLogs {n}-{m} error=-32602 message=query exceeds max block range 50",
    "on * {n} cut_bytes=120",
    "on * {n}-{m} status=503",
    "on eth_getBlockByNumber {n}-{m} null",
    "on eth_getLogs {n} delay_ms=30",
];

const SOLANA_FAULTS: &[&str] = &[
    "on getTransaction {n}-{m} status=429 retry_after_secs=0",
    "on getTransaction {n}-{m} null",
    "on getSignaturesForAddress {n} status=503",
    "on * {n} cut_bytes=100",
    "on getTransaction {n} delay_ms=30",
];

/// Faults by chance, all of which end.
fn faults(texts: &[&str], dice: &mut Dice) -> String {
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
        .filter(|total| 0 < total.trades && total.chain != "offchain/aster")
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
