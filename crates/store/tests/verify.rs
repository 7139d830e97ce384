//! What a store keeps of verification, and heights that go and come back, on both engines.

mod support;

use perpdex_core::{
    BlockRange, Commit, Difference, DifferenceKind, EndpointErrors, Evidence, RangeSet, RunState, Store, Verification, Verified,
    VerifyStore,
};
use perpdex_store::{SqlStore, Value};
use support::history::{ASTER, Block, CHAIN, GMX, blocks, commit, conflict, hash, stream, targets, time_ms};
use support::{Database, assert_same};

on_both_engines! {
    withdrawn_heights_that_come_back_leave_no_trace,
    withdrawn_heights_are_gaps,
    a_close_waits_again_where_its_position_is_withdrawn,
    what_differs_is_listed_and_what_is_proved_is_marked,
    a_proof_covers_nothing_new,
    a_revert_takes_marks_and_differences_along,
    a_run_takes_the_place_of_the_one_before,
}

/// Blocks of each history.
const COUNT: u64 = 80;

fn heights(ranges: &[(u64, u64)]) -> RangeSet {
    RangeSet::from_ranges(ranges.iter().map(|(from, to)| BlockRange::new(*from, *to).unwrap()))
}

async fn filled(database: &Database, blocks: &[Block]) -> SqlStore {
    let store = database.open().await;
    store.set_targets(&targets(0)).await.unwrap();
    store.set_heads(CHAIN, COUNT - 1, COUNT - 1).await.unwrap();
    store.commit(commit((0, COUNT - 1), blocks)).await.unwrap();
    store.reduce().await.unwrap();
    store
}

/// The commit of some heights alone.
fn part(blocks: &[Block], range: BlockRange) -> Commit {
    commit((range.from(), range.to()), blocks)
}

async fn text(store: &SqlStore, sql: &str) -> Vec<String> {
    let cell = |value: &Value| match value {
        Value::Null => "NULL".to_owned(),
        Value::Int(value) => value.to_string(),
        Value::Text(value) => value.clone(),
        other => format!("{other:?}"),
    };
    let rows = store.query(sql, 1_000).await.unwrap().rows;
    rows.iter().map(|row| row.iter().map(cell).collect::<Vec<_>>().join(" ")).collect()
}

async fn withdrawn_heights_that_come_back_leave_no_trace(database: Database) {
    for (seed, ranges) in [(1, vec![(20, 20)]), (2, vec![(0, 3), (7, 7), (40, 60)]), (3, vec![(0, 79)]), (4, vec![(1, 1), (3, 3), (5, 5)])]
    {
        let database = Database::new(database.engine, "withdrawn_heights").await.unwrap();
        let blocks = blocks(seed, COUNT, 0);
        let store = filled(&database, &blocks).await;
        let before = store.dump().await.unwrap();
        let withdrawn = store.withdraw(CHAIN, &heights(&ranges)).await.unwrap();
        assert!(heights(&ranges).without(&withdrawn.heights).is_empty());
        let is_gone = |block: &&Block| withdrawn.heights.ranges().iter().any(|range| range.contains(block.block.height));
        let records: usize = blocks.iter().filter(is_gone).map(|block| block.records.len()).sum();
        assert_eq!(withdrawn.records, records as u64);
        assert_ne!(store.dump().await.unwrap(), before, "seed {seed}");
        store.reduce().await.unwrap();
        let reduced = store.dump().await.unwrap();
        store.rebuild().await.unwrap();
        assert_same(&store.dump().await.unwrap(), &reduced, "sums after a withdrawal are those of the rows left");
        for range in withdrawn.heights.ranges() {
            store.commit(part(&blocks, *range)).await.unwrap();
        }
        store.reduce().await.unwrap();
        assert_same(&store.dump().await.unwrap(), &before, &format!("seed {seed}"));
        store.close().await;
    }
}

async fn withdrawn_heights_are_gaps(database: Database) {
    let store = filled(&database, &blocks(5, COUNT, 0)).await;
    let withdrawn = store.withdraw(CHAIN, &heights(&[(30, 34), (79, 79)])).await.unwrap();
    let gaps = "SELECT from_height, to_height FROM v_gaps WHERE stream = 'gmx_v2' ORDER BY from_height";
    let wanted: Vec<String> = withdrawn.heights.ranges().iter().map(|range| format!("{} {}", range.from(), range.to())).collect();
    assert_eq!(text(&store, gaps).await, wanted);
    assert!(!store.status().await.unwrap().is_complete());
    let rows = "SELECT COUNT(*) FROM (SELECT height FROM fills UNION ALL SELECT height FROM raw_events UNION ALL SELECT height FROM prices) x \
                WHERE height BETWEEN 30 AND 34 OR height = 79";
    assert_eq!(text(&store, rows).await, ["0"]);
}

async fn a_close_waits_again_where_its_position_is_withdrawn(database: Database) {
    let blocks = blocks(6, COUNT, 0);
    let store = filled(&database, &blocks).await;
    let joined = "SELECT since_height, height FROM joined_closes WHERE height > since_height + 1 ORDER BY height";
    let pairs = text(&store, joined).await;
    let pair = pairs.first().expect("the history has a joined close");
    let (open, close) = pair.split_once(' ').map(|(a, b)| (a.parse::<u64>().unwrap(), b.parse::<u64>().unwrap())).unwrap();
    let waiting = format!("SELECT COUNT(*) FROM v_unresolved WHERE height = {close}");
    assert_eq!(text(&store, &waiting).await, ["0"]);
    // At the open, or anywhere between the two: what comes there anew may be another open.
    for height in [open, (open + close) / 2] {
        let before = store.dump().await.unwrap();
        let withdrawn = store.withdraw(CHAIN, &heights(&[(height, height)])).await.unwrap();
        assert_eq!(withdrawn.heights, heights(&[(height, height)]));
        assert_ne!(text(&store, &waiting).await, ["0"]);
        store.commit(commit((height, height), &blocks)).await.unwrap();
        store.reduce().await.unwrap();
        assert_same(&store.dump().await.unwrap(), &before, "what was withdrawn came again");
    }
}

fn difference(height: u64, rec: i64, kind: DifferenceKind) -> Difference {
    let digest = |byte| Some(alloy_primitives::B256::repeat_byte(byte));
    let (stored, proved) = match kind {
        DifferenceKind::Missing => (None, digest(2)),
        DifferenceKind::Extra => (digest(1), None),
        DifferenceKind::Changed => (digest(1), digest(2)),
    };
    Difference { stream: stream(GMX), height, rec, kind, tx_id: "0xt".into(), stored, proved }
}

fn verification(range: (u64, u64), evidence: Evidence, differences: Vec<Difference>, proved_ms: i64) -> Verification {
    Verification {
        chain: CHAIN,
        streams: vec![stream(GMX), stream(ASTER)],
        range: BlockRange::new(range.0, range.1).unwrap(),
        evidence,
        from_ms: time_ms(range.0),
        to_ms: time_ms(range.1),
        differences,
        proved_ms,
    }
}

async fn what_differs_is_listed_and_what_is_proved_is_marked(database: Database) {
    let store = filled(&database, &blocks(7, COUNT, 0)).await;
    let differences = vec![difference(12, 0, DifferenceKind::Missing), difference(12, 5, DifferenceKind::Extra)];
    store.record_verification(&verification((0, 19), Evidence::Bloom, differences.clone(), 500)).await.unwrap();
    store.record_verification(&verification((20, 39), Evidence::Bloom, vec![], 400)).await.unwrap();
    store.record_verification(&verification((40, 49), Evidence::Receipts, vec![], 600)).await.unwrap();
    let of_gmx = |verified: Vec<Verified>| -> Vec<_> {
        let of_gmx = verified.into_iter().filter(|verified| verified.stream == stream(GMX));
        of_gmx.map(|verified| (verified.range.from(), verified.range.to(), verified.evidence, verified.verified_ms)).collect()
    };
    use Evidence::{Bloom, Receipts};
    let marks = of_gmx(store.verified(CHAIN).await.unwrap());
    assert_eq!(marks, [(0, 11, Bloom, 500), (13, 39, Bloom, 400), (40, 49, Receipts, 600)]);
    assert_eq!(store.status().await.unwrap().differences, differences);
    let gaps = "SELECT stream, reason, from_height, to_height, detail FROM v_gaps";
    assert_eq!(text(&store, gaps).await, ["gmx_v2 verify_difference 12 12 2 records differ, see v_verify_differences"]);
    let coverage = "SELECT from_height, to_height, evidence, verified_blocks FROM v_coverage WHERE stream = 'gmx_v2' ORDER BY from_height";
    assert_eq!(text(&store, coverage).await, ["0 19 probed 19", "20 39 bloom 20", "40 49 receipts 10", "50 79 probed 0"]);
    let listed = "SELECT height, rec, kind, evidence, ts_ms FROM v_verify_differences ORDER BY rec";
    assert_eq!(text(&store, listed).await, ["12 0 missing bloom 500", "12 5 extra bloom 500"]);
    // A later proof of the height takes them away.
    store.record_verification(&verification((10, 14), Evidence::Bloom, vec![], 700)).await.unwrap();
    assert_eq!(store.status().await.unwrap().differences, []);
    assert_eq!(of_gmx(store.verified(CHAIN).await.unwrap()), [(0, 39, Bloom, 400), (40, 49, Receipts, 600)]);
    assert!(store.status().await.unwrap().is_complete());
}

async fn a_proof_covers_nothing_new(database: Database) {
    let store = filled(&database, &blocks(8, COUNT, 0)).await;
    store.withdraw(CHAIN, &heights(&[(10, 12)])).await.unwrap();
    let before = store.status().await.unwrap().streams[0].covered_blocks;
    store.record_verification(&verification((0, 19), Evidence::Receipts, vec![], 1)).await.unwrap();
    let status = store.status().await.unwrap();
    assert_eq!(status.streams[0].covered_blocks, before);
    let uncovered = heights(&[(10, 12)]);
    let marked = RangeSet::from_ranges(store.verified(CHAIN).await.unwrap().iter().map(|verified| verified.range));
    assert_eq!(marked.without(&uncovered), marked, "what is not covered is not verified");
}

async fn a_revert_takes_marks_and_differences_along(database: Database) {
    let blocks = blocks(9, COUNT, 0);
    let store = filled(&database, &blocks).await;
    let differences = vec![difference(12, 0, DifferenceKind::Changed), difference(40, 0, DifferenceKind::Changed)];
    store.record_verification(&verification((0, 49), Evidence::Bloom, differences.clone(), 500)).await.unwrap();
    store.revert(CHAIN, blocks[30].block, conflict(31)).await.unwrap();
    assert_eq!(store.status().await.unwrap().differences, differences[..1]);
    let tops: Vec<u64> = store.verified(CHAIN).await.unwrap().iter().map(|verified| verified.range.to()).collect();
    assert_eq!(tops.iter().max(), Some(&30));
    assert_eq!(store.block(CHAIN, 30).await.unwrap().and_then(|block| block.hash()), Some(hash(30, 0)));
}

async fn a_run_takes_the_place_of_the_one_before(database: Database) {
    let store = database.open().await;
    let run = |phase: &str, outcome: Option<&str>, labels: &[&str]| RunState {
        chain: CHAIN,
        phase: phase.to_owned(),
        outcome: outcome.map(str::to_owned),
        error: None,
        started_ms: 1_000,
        updated_ms: 2_000,
        blocks_done: 5,
        blocks_total: 9,
        ranges_in_flight: 4,
        records: 77,
        calls: 12,
        errors: labels
            .iter()
            .map(|label| EndpointErrors { label: (*label).to_owned(), kind: "rate".to_owned(), count: 3, last: "429".to_owned() })
            .collect(),
    };
    store.record_run(&run("history", None, &["a", "b"])).await.unwrap();
    let ended = run("ended", Some("done"), &["b"]);
    store.record_run(&ended).await.unwrap();
    assert_eq!(store.status().await.unwrap().runs, [ended]);
}
