//! The master property, over every chain of the world that a chain shows: whatever the range sizes, the concurrency, the faults, the reorgs, the crashes, the order of
//! backfill and the engine, the store ends byte-identical to that of a clean run, and equal to the world's truth.
//!
//! `PERPDEX_MASTER_SEEDS=FROM-TO` chooses the seeds; without it a handful run.

mod chains;
mod dice;

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use perpdex_simnet::truth::Truth;
use perpdex_simnet::world::{Fork, World, WorldOptions};
use serde_json::Value;

use self::chains::{Chain, SOLANA_UNFINAL, Served};
use self::dice::Dice;
use crate::support::{Engine, Guarded, Run, assert_same_text, command, dump, folder, query};

/// Seeds of an ordinary run.
const SEEDS: RangeInclusive<u64> = 1..=3;
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
        let options = WorldOptions { seed: 100 + seed % 3, hours: 1, events: 3_000, is_wide: true, ..WorldOptions::default() };
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
