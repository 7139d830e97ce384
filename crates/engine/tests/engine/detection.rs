//! Which holes are found: shares over seeds, and for each setting a case that fails without it.

use std::collections::BTreeSet;
use std::env;
use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;

use perpdex_core::{Evidence, Source};
use perpdex_engine::{ChainJob, ChainReport, EngineOptions, Silent, Until, run};
use tokio_util::sync::CancellationToken;

use crate::support::{Blocks, CHAIN, HoleEndpoint, MemoryStore, STREAM_A, VENUES, random, stream};

pub(crate) const TIP: u64 = 6_000;
const SEEDS: u64 = 20;

/// How a history with a hole ended.
pub(crate) struct Ended {
    pub(crate) report: ChainReport,
    pub(crate) store: Arc<MemoryStore>,
}

impl Ended {
    pub(crate) fn is_found(&self) -> bool {
        self.report.errors.iter().any(|group| group.kind == "omitted")
    }

    /// Heights with a record that count as covered, and whose record is not there.
    pub(crate) fn lost(&self, blocks: &Blocks) -> Vec<u64> {
        let (records, covered) = (self.store.state().records, self.store.covered(STREAM_A));
        let is_covered = |height: u64| covered.ranges().iter().any(|range| range.contains(height));
        blocks.busy.iter().copied().filter(|height| is_covered(*height) && !records.contains_key(&(*height, 0))).collect()
    }
}

pub(crate) async fn sync(blocks: &Arc<Blocks>, hole: &BTreeSet<u64>, has_second: bool, options: EngineOptions) -> Ended {
    sync_into(Arc::default(), blocks, hole, has_second, options).await
}

/// A run into a store that may hold what an earlier one left.
pub(crate) async fn sync_into(
    store: Arc<MemoryStore>,
    blocks: &Arc<Blocks>,
    hole: &BTreeSet<u64>,
    has_second: bool,
    options: EngineOptions,
) -> Ended {
    // Writing takes its time, so that one range is begun while another is written.
    store.change(|state| state.commit_ms = 50);
    let endpoint = |label, hole| Arc::new(HoleEndpoint { label, blocks: blocks.clone(), hole }) as Arc<dyn Source>;
    let mut sources = vec![endpoint("one", hole.clone())];
    sources.extend(has_second.then(|| endpoint("two", BTreeSet::new())));
    let job = ChainJob {
        chain: CHAIN,
        sources,
        streams: vec![stream(STREAM_A, 1)],
        venues: VENUES,
        until: Until::Final,
        evidence_min: Evidence::Probed,
        fetch_apart: false,
    };
    let report = run(vec![job], store.clone(), options, CancellationToken::new(), Arc::new(Silent)).await;
    Ended { report: report.chains.into_iter().next().expect("one job, one report"), store }
}

/// So many blocks, in one piece or anywhere, of which at least one is busy.
pub(crate) fn hole(blocks: &Blocks, size: u64, is_scattered: bool, seed: u64) -> BTreeSet<u64> {
    (0..)
        .map(|attempt| {
            let pick = |n: u64| 2 + random(seed ^ 0x401e, n + attempt * 100_000) % (blocks.tip - 600);
            if is_scattered { (0..size).map(pick).collect() } else { (pick(0)..pick(0) + size).collect::<BTreeSet<u64>>() }
        })
        .find(|hole| hole.iter().any(|height| blocks.busy.contains(height)))
        .expect("some part of the chain is busy")
}

fn without_looks() -> EngineOptions {
    EngineOptions { probe_budget_ppm: 0, probe_chance_ppm: 0, quiet_odds_max_ppm: 0, second_endpoint_ppm: 0, ..EngineOptions::default() }
}

#[tokio::test(start_paused = true)]
async fn shares_of_holes_found() {
    let mut table = "| busy | hole | `witnessed` | `probed` | `second` |\n| --- | --- | --- | --- | --- |\n".to_owned();
    for busy_permille in [20, 100, 400] {
        for (size, is_scattered) in [(1, false), (20, false), (20, true), (500, false), (500, true)] {
            let mut found = [0; 3];
            for seed in 0..SEEDS {
                let blocks = Arc::new(Blocks::new(TIP, busy_permille, seed));
                let hole = hole(&blocks, size, is_scattered, seed);
                let probed = EngineOptions { probe_seed: seed, ..EngineOptions::default() };
                let second = EngineOptions { second_endpoint_ppm: 1_000_000, ..without_looks() };
                for (place, (options, has_second)) in [(without_looks(), false), (probed, false), (second, true)].into_iter().enumerate() {
                    let ended = sync(&blocks, &hole, has_second, options).await;
                    found[place] += u64::from(ended.is_found());
                    assert_never_silent(&blocks, &ended, has_second);
                }
            }
            let shape = if size == 1 {
                ""
            } else if is_scattered {
                ", scattered"
            } else {
                ", in one piece"
            };
            let shares = found.map(|found| format!("{} %", found * 100 / SEEDS));
            writeln!(
                table,
                "| {} % | {size} block{}{shape} | {} |",
                busy_permille / 10,
                if size == 1 { "" } else { "s" },
                shares.join(" | ")
            )
            .unwrap();
        }
    }
    check_table(&table);
}

/// However a history is cut into requests, a hole of five hundred blocks in one piece is found where one of ten blocks is busy.
#[tokio::test(start_paused = true)]
async fn small_ranges_hide_no_hole() {
    for size in [10, 50, 100, 400] {
        for seed in 0..5 {
            let blocks = Arc::new(Blocks::new(TIP, 100, seed));
            let hole: BTreeSet<u64> = (2_000..2_500).map(|height| height + seed * 137).collect();
            for has_second in [false, true] {
                let options = EngineOptions { blocks_start_per_fetch: size, blocks_max_per_fetch: size, ..EngineOptions::default() };
                let ended = sync(&blocks, &hole, has_second, options).await;
                assert!(ended.is_found(), "ranges of {size}, seed {seed}, second {has_second}: {:#?}", ended.report);
                assert_never_silent(&blocks, &ended, has_second);
                assert_eq!(ended.lost(&blocks), Vec::<u64>::new(), "ranges of {size}, seed {seed}, second {has_second}");
            }
        }
    }
}

/// A hole that was found is filled or is a gap.
#[track_caller]
fn assert_never_silent(blocks: &Blocks, ended: &Ended, has_second: bool) {
    if !ended.is_found() {
        return;
    }
    let (state, covered) = (ended.store.state(), ended.store.covered(STREAM_A));
    let is_there = |height: &u64| state.records.contains_key(&(*height, 0));
    let silent: Vec<u64> =
        blocks.busy.iter().filter(|height| covered.watermark(**height).is_some() && !is_there(height)).copied().collect();
    // What was committed before the endpoint was caught is as good as its evidence.
    assert!(!has_second || silent.is_empty(), "{silent:?}");
    assert!(has_second || 0 < ended.report.holes, "{:#?}", ended.report);
}

fn check_table(table: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reliability.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let (head, rest) = text.split_once("<!-- detection -->\n").expect("the document has the table");
    let (found, tail) = rest.split_once("<!-- /detection -->").expect("the document has the table's end");
    if found != table && env::var("UPDATE_EXPECT").is_ok_and(|value| value == "1") {
        std::fs::write(&path, format!("{head}<!-- detection -->\n{table}<!-- /detection -->{tail}")).unwrap();
    } else {
        assert_eq!(found, table, "docs/reliability.md: UPDATE_EXPECT=1 rewrites it");
    }
}

/// A chain that is busy everywhere but for a stretch, and one block in ten inside of it.
fn quiet_part(from: u64, to: u64) -> Arc<Blocks> {
    let is_busy = |height: &u64| !(from..=to).contains(height) || height.is_multiple_of(10);
    Arc::new(Blocks { tip: 2_000, busy: (1..=2_000).filter(is_busy).collect() })
}

/// Setting, chain, hole, whether there is a second endpoint, options with the setting and without it.
type Case<'a> = (&'a str, &'a Arc<Blocks>, BTreeSet<u64>, bool, EngineOptions, EngineOptions);

#[tokio::test(start_paused = true)]
async fn every_setting_finds_what_is_missed_without_it() {
    let default = EngineOptions { probe_chance_ppm: 0, ..EngineOptions::default() };
    let sparse = Arc::new(Blocks::new(2_000, 20, 3));
    let dense = quiet_part(2_001, 2_001);
    let by_chance = (2..2_000).collect::<BTreeSet<u64>>();
    let in_one_piece = |from: u64, blocks: u64| (from..from + blocks).collect::<BTreeSet<u64>>();
    let cases: [Case<'_>; 4] = [
        (
            "probe_budget_ppm",
            &sparse,
            in_one_piece(700, 400),
            false,
            default.clone(),
            EngineOptions { probe_budget_ppm: 0, ..default.clone() },
        ),
        (
            "probe_chance_ppm",
            &dense,
            by_chance.into_iter().filter(|height| height % 2 == 0).collect(),
            false,
            EngineOptions { probe_budget_ppm: 0, quiet_odds_max_ppm: 0, probe_chance_ppm: 20_000, ..default.clone() },
            EngineOptions { probe_budget_ppm: 0, quiet_odds_max_ppm: 0, ..default.clone() },
        ),
        (
            "quiet_odds_max_ppm",
            &dense,
            in_one_piece(500, 100),
            false,
            EngineOptions { probe_budget_ppm: 0, ..default.clone() },
            EngineOptions { probe_budget_ppm: 0, quiet_odds_max_ppm: 0, ..default.clone() },
        ),
        (
            "second_endpoint_ppm",
            &dense,
            in_one_piece(500, 1),
            true,
            EngineOptions { second_endpoint_ppm: 1_000_000, ..without_looks() },
            without_looks(),
        ),
    ];
    for (name, blocks, hole, has_second, with, without) in cases {
        let found = |ended: &Ended| ended.is_found();
        assert!(found(&sync(blocks, &hole, has_second, with).await), "{name}: not found");
        assert!(!found(&sync(blocks, &hole, has_second, without).await), "{name}: found without it");
    }
    // More looks find more: three of a quiet part with few busy blocks, or as many as settle a suspicious one.
    let few_busy = quiet_part(1_000, 1_060);
    let looks_min =
        |blocks_min| EngineOptions { probe_blocks_min: blocks_min, probe_budget_ppm: 2_000, quiet_odds_max_ppm: 0, ..default.clone() };
    let settled = |miss_max_ppm| EngineOptions { probe_budget_ppm: 0, probe_miss_max_ppm: miss_max_ppm, ..default.clone() };
    let evenly = Arc::new(Blocks::new(2_000, 100, 5));
    for (name, blocks, hole, with, without) in [
        ("probe_blocks_min", &few_busy, in_one_piece(1_000, 61), looks_min(3), looks_min(1)),
        ("probe_miss_max_ppm", &evenly, in_one_piece(900, 300), settled(1_000), settled(500_000)),
        ("suspect_blocks_max", &evenly, in_one_piece(900, 300), settled(1_000), EngineOptions { suspect_blocks_max: 5, ..settled(1_000) }),
    ] {
        let mut found = [0; 2];
        for probe_seed in 0..20 {
            for (place, options) in [&with, &without].into_iter().enumerate() {
                let options = EngineOptions { probe_seed, ..options.clone() };
                found[place] += u32::from(sync(blocks, &hole, false, options).await.is_found());
            }
        }
        assert!(found[1] < found[0], "{name}: found {} times of 20, and {} times without it", found[0], found[1]);
    }
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_looks_at_the_same_blocks() {
    let blocks = Arc::new(Blocks::new(TIP, 100, 1));
    let hole = hole(&blocks, 20, false, 1);
    let options = EngineOptions { fetch_ahead: 1, probe_seed: 5, ..EngineOptions::default() };
    let (one, other) = (sync(&blocks, &hole, false, options.clone()).await, sync(&blocks, &hole, false, options).await);
    assert_eq!(one.report.proof, other.report.proof);
    assert_eq!(one.store.dump(), other.store.dump());
}

#[tokio::test(start_paused = true)]
async fn a_good_history_costs_two_percent_of_headers_at_most() {
    for busy_permille in [5, 50, 300, 900] {
        let blocks = Arc::new(Blocks::new(TIP, busy_permille, 9));
        let ended = sync(&blocks, &BTreeSet::new(), false, EngineOptions::default()).await;
        let proof = &ended.report.proof;
        assert!(ended.report.is_clean() && 0 < proof.blocks_probed, "{:#?}", ended.report);
        assert!(proof.blocks_probed * 50 <= TIP, "{busy_permille} permille busy: {proof:?}");
    }
}
