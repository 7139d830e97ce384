//! Random ways to one history: splits, overlaps, repeats, holes, moved targets, an undone branch. All must end as the
//! straight way does, and sums made anew must change nothing on the way.

mod support;

use perpdex_core::{BlockRange, Commit, Hole, HoleReason, Store};
use perpdex_store::SqlStore;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use support::history::{self, ASTER, Block, CHAIN, GMX, block, blocks, commit, conflict, event, listed, log, stream, targets};
use support::{Database, Engine};

/// Blocks of a history.
const BLOCKS: u64 = 60;
/// Random ways on each engine: a database is dear on PostgreSQL.
const CASES: [(Engine, u32); 2] = [(Engine::Sqlite, 12), (Engine::Postgres, 2)];

/// One step on the way.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// Commits a range.
    Commit { from: u64, blocks: u64 },
    /// Commits a range of which some blocks could not be had.
    Holed { from: u64, blocks: u64, hole: u64 },
    /// Starts the targets elsewhere.
    Aim { from: u64 },
    /// Recomputes hours.
    Reduce,
}

/// A way through a history: steps on a branch, the last block of it kept, steps on the branch that stays.
#[derive(Clone, Debug)]
struct Way {
    seed: u64,
    before: Vec<Step>,
    kept: u64,
    after: Vec<Step>,
    chunk: u64,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0..BLOCKS, 1..20_u64).prop_map(|(from, blocks)| Step::Commit { from, blocks }),
        2 => (0..BLOCKS, 3..20_u64, 0..20_u64).prop_map(|(from, blocks, hole)| Step::Holed { from, blocks, hole }),
        1 => (0..BLOCKS).prop_map(|from| Step::Aim { from }),
        1 => Just(Step::Reduce),
    ];
    prop::collection::vec(step, 0..8)
}

fn ways() -> impl Strategy<Value = Way> {
    (0..1_000_u64, steps(), 0..BLOCKS, steps(), 1..BLOCKS).prop_map(|(seed, before, kept, after, chunk)| Way {
        seed,
        before,
        kept,
        after,
        chunk,
    })
}

/// A history whose markets are described in the midst of it, and in which a position's name is used twice.
fn history(seed: u64, branch: u8, from: u64) -> Vec<Block> {
    let mut out = blocks(seed, BLOCKS, branch);
    let listing = from + (seed + u64::from(branch)) % (BLOCKS - from);
    let mut push = |height: u64, rec: i64, venue, market, body| {
        let at = &mut out[usize::try_from(height).unwrap()];
        at.records.push((stream(venue), log(height, rec, branch)));
        at.events.push(event(height, rec, 0, venue, market, body));
    };
    push(listing, 20, GMX, Some("0xnew"), listed(Some("kPEPE"), None, true));
    push(listing, 21, ASTER, Some("0xbase"), listed(Some("ETH/USD"), None, false));
    for (height, again) in (from..BLOCKS).step_by(7).zip(1_i64..) {
        push(height, 30, ASTER, Some("0xbase"), history::open("again", 10 * again));
        push((height + 4).min(BLOCKS - 1), 31 + again, ASTER, None, history::close("again", again));
    }
    out
}

fn part(from: u64, count: u64, blocks: &[Block]) -> Commit {
    commit((from, (from + count - 1).min(BLOCKS - 1)), blocks)
}

/// A commit without the blocks of a hole.
fn holed(whole: Commit, hole: u64) -> Commit {
    let (first, last) = (whole.range.from(), whole.range.to());
    let from = first + hole % (last - first + 1);
    let range = BlockRange::new(from, (from + 2).min(last)).unwrap();
    let mut out = whole;
    out.blocks.retain(|block| !range.contains(block.height));
    out.records.retain(|(_, record)| !range.contains(record.height));
    out.events.retain(|event| !range.contains(event.key.height));
    out.holes = vec![Hole { range, reason: HoleReason::Missing, detail: String::new() }];
    out
}

async fn walk(store: &SqlStore, steps: &[Step], blocks: &[Block]) {
    for step in steps {
        match *step {
            Step::Commit { from, blocks: count } => drop(store.commit(part(from, count, blocks)).await.unwrap()),
            Step::Holed { from, blocks: count, hole } => drop(store.commit(holed(part(from, count, blocks), hole)).await.unwrap()),
            Step::Aim { from } => store.set_targets(&targets(from)).await.unwrap(),
            Step::Reduce => drop(store.reduce().await.unwrap()),
        }
    }
}

async fn reduced_dump(store: &SqlStore) -> String {
    store.reduce().await.unwrap();
    store.dump().await.unwrap()
}

/// Sums and hours made anew are what stands.
async fn assert_rebuilt(store: &SqlStore, what: &str) {
    let before = reduced_dump(store).await;
    store.rebuild().await.unwrap();
    support::assert_same(&store.dump().await.unwrap(), &before, what);
}

async fn one_way(way: &Way, engine: Engine) {
    let old = history(way.seed, 0, 0);
    let mut new = history(way.seed + 1, 1, way.kept + 1 - u64::from(way.kept + 1 == BLOCKS));
    new.splice(..=usize::try_from(way.kept).unwrap(), old[..=usize::try_from(way.kept).unwrap()].iter().cloned());
    let database = Database::new(engine, "random ways").await.unwrap();
    let store = database.open().await;
    store.set_targets(&targets(0)).await.unwrap();
    walk(&store, &way.before, &old).await;
    assert_rebuilt(&store, &format!("before the revert of {way:?}")).await;
    store.revert(CHAIN, block(way.kept, 0), conflict(way.kept + 1)).await.unwrap();
    assert_rebuilt(&store, &format!("after the revert of {way:?}")).await;
    walk(&store, &way.after, &new).await;
    for from in (0..BLOCKS).step_by(usize::try_from(way.chunk).unwrap()) {
        store.commit(part(from, way.chunk, &new)).await.unwrap();
    }
    store.set_targets(&targets(0)).await.unwrap();
    let got = reduced_dump(&store).await;
    let folder = Database::new(Engine::Sqlite, "clean").await.unwrap();
    let clean = folder.open().await;
    clean.set_targets(&targets(0)).await.unwrap();
    clean.commit(part(0, BLOCKS, &new)).await.unwrap();
    support::assert_same(&got, &reduced_dump(&clean).await, &format!("{way:?}"));
    assert_rebuilt(&store, &format!("the end of {way:?}")).await;
    store.close().await;
}

#[test]
fn every_way_ends_where_the_straight_one_does() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    for (engine, cases) in CASES {
        if runtime.block_on(Database::new(engine, "every_way_ends_where_the_straight_one_does")).is_none() {
            continue;
        }
        let mut runner = TestRunner::new(Config { cases, max_shrink_iters: 64, failure_persistence: None, ..Config::default() });
        let outcome = runner.run(&ways(), |way| {
            runtime.block_on(one_way(&way, engine));
            Ok(())
        });
        assert!(outcome.is_ok(), "{engine:?}: {}", outcome.unwrap_err());
    }
}
