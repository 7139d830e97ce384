//! Random ways to one history: splits, overlaps, repeats, holes, moved targets, writes that fail in the middle, an undone
//! branch, a range decoded anew by another decoder. All must end as the straight way does, and sums made anew must change
//! nothing on the way.

mod support;

use std::collections::BTreeSet;
use std::sync::Mutex;

use perpdex_core::{BlockRange, Commit, Decimal, EventBody, Hole, HoleReason, RangeSet, Store, Turn, VerifyStore};
use perpdex_store::SqlStore;
use proptest::prelude::*;
use support::history::{self, ASTER, Block, CHAIN, GMX, block, blocks, commit, conflict, event, listed, log, stream, targets};
use support::{Database, Engine};
use tokio::sync::oneshot;

/// Blocks of a history: two days and a half.
const BLOCKS: u64 = 60;
const BLOCK_MS: i64 = 3_700_000;
/// Random ways on each engine: a database is dear on PostgreSQL.
const CASES: [(Engine, u32); 2] = [(Engine::Sqlite, 8), (Engine::Postgres, 2)];

/// One step on the way.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// Commits a range.
    Commit { from: u64, blocks: u64 },
    /// Commits a range while its upper half is begun behind the lower one, which may be written or not.
    Halves { from: u64, blocks: u64, is_written: bool },
    /// Commits a range of which some blocks could not be had.
    Holed { from: u64, blocks: u64, hole: u64 },
    /// Commits a range of which some blocks were not believed.
    Doubted { from: u64, blocks: u64, hole: u64 },
    /// Starts the targets elsewhere.
    Aim { from: u64 },
    /// Recomputes levels and windows.
    Reduce,
    /// Ends without a word and begins anew.
    Crash,
    /// Commits a range and reduces while one table takes no rows: what was written by then stays, the rest is as if it had
    /// never begun.
    Torn { from: u64, blocks: u64, table: usize },
}

/// Tables that a commit or a reduction writes, each in the midst of other tables.
const TORN: [&str; 13] = [
    "fills",
    "prices",
    "agg_market_hour",
    "market_hour",
    "funding_hour",
    "market_day",
    "asset_mark",
    "asset_hour",
    "concentration_day",
    "funding_extremes",
    "signals",
    "position_lots",
    "closed_lots_day",
];

/// A way through a history: steps on a branch, the last block of it kept, steps on the branch that stays.
#[derive(Clone, Debug)]
struct Way {
    seed: u64,
    before: Vec<Step>,
    kept: u64,
    after: Vec<Step>,
    chunk: u64,
    /// First block and number of blocks that are decoded anew in the end.
    redecoded: (u64, u64),
}

/// Ways that once ended elsewhere.
fn found() -> [Way; 1] {
    use Step::{Commit, Holed, Reduce, Torn};
    // Cascades fifteen hours and more behind heights that come later, whose coverage these heights change.
    let before = vec![Commit { from: 0, blocks: 3 }, Holed { from: 37, blocks: 17, hole: 0 }, Reduce, Commit { from: 18, blocks: 3 }];
    [Way { seed: 432, before, kept: 0, after: vec![Torn { from: 22, blocks: 9, table: 7 }, Reduce], chunk: 47, redecoded: (28, 11) }]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0..BLOCKS, 1..20_u64).prop_map(|(from, blocks)| Step::Commit { from, blocks }),
        3 => (0..BLOCKS, 2..20_u64, prop::bool::weighted(0.8))
            .prop_map(|(from, blocks, is_written)| Step::Halves { from, blocks, is_written }),
        2 => (0..BLOCKS, 3..20_u64, 0..20_u64).prop_map(|(from, blocks, hole)| Step::Holed { from, blocks, hole }),
        2 => (0..BLOCKS, 3..20_u64, 0..20_u64).prop_map(|(from, blocks, hole)| Step::Doubted { from, blocks, hole }),
        1 => (0..BLOCKS).prop_map(|from| Step::Aim { from }),
        2 => Just(Step::Reduce),
        1 => Just(Step::Crash),
        2 => (0..BLOCKS, 1..20_u64, 0..TORN.len()).prop_map(|(from, blocks, table)| Step::Torn { from, blocks, table }),
    ];
    prop::collection::vec(step, 0..8)
}

fn ways() -> impl Strategy<Value = Way> {
    let redecoded = (0..BLOCKS, 1..30_u64);
    (0..1_000_u64, steps(), 0..BLOCKS, steps(), 1..BLOCKS, redecoded).prop_map(|(seed, before, kept, after, chunk, redecoded)| Way {
        seed,
        before,
        kept,
        after,
        chunk,
        redecoded,
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
    push(listing, 21, ASTER, Some("0xbase"), listed(Some("BTC/USD"), None, false));
    for (height, again) in (from..BLOCKS).step_by(7).zip(1_i64..) {
        push(height, 30, ASTER, Some("0xbase"), history::open("again", 10 * again));
        push((height + 4).min(BLOCKS - 1), 31 + again, ASTER, None, history::close("again", again));
    }
    // Steady prices and rates of two venues, so that windows have something to look back at.
    for height in (from..BLOCKS).filter(|height| !(height + seed).is_multiple_of(5)) {
        let number = i64::try_from(height * 7 % 40 + seed % 50).unwrap();
        push(height, 60, GMX, Some("0xbtc"), history::price(number * 1_000));
        push(height, 61, ASTER, Some("0xbase"), history::price(number * 900));
        push(height, 62, ASTER, Some("0xbase"), history::rate(height, number - 20));
    }
    out
}

fn part(from: u64, count: u64, blocks: &[Block]) -> Commit {
    commit((from, (from + count - 1).min(BLOCKS - 1)), blocks)
}

/// What another decoder makes of the same records: other prices and rates, and some of them not at all; of every other history
/// no fills.
fn decoded_anew(block: &Block, seed: u64) -> Block {
    let mut out = block.clone();
    let is_odd = block.block.height % 2 == 1;
    out.events.retain(|event| seed.is_multiple_of(2) || !matches!(event.body, EventBody::Fill(_)));
    out.events.retain(|event| !(is_odd && matches!(event.body, EventBody::Price(_) | EventBody::OiAnchor(_))));
    for event in &mut out.events {
        match &mut event.body {
            EventBody::Fill(fill) => fill.price.native += history::wide(17),
            EventBody::FundingRate(rate) => rate.cost_long_1h = rate.cost_long_1h.and_then(|cost| cost.mul(&Decimal::from(2)).ok()),
            EventBody::Close(close) => close.fee_native += history::wide(1),
            _ => {}
        }
    }
    out
}

/// Takes a range out and brings it, with the closes that went with it, as another decoder has it; gives the blocks as the
/// store now holds them.
async fn redecode(store: &SqlStore, Way { seed, redecoded: (from, count), .. }: &Way, blocks: &[Block]) -> Vec<Block> {
    let (seed, from) = (*seed, *from);
    let last = (from + count - 1).min(BLOCKS - 1);
    let range = BlockRange::new(from, last).unwrap();
    let now: Vec<Block> =
        blocks.iter().map(|block| if range.contains(block.block.height) { decoded_anew(block, seed) } else { block.clone() }).collect();
    let withdrawn = store.withdraw(CHAIN, &RangeSet::from_ranges([range])).await.unwrap();
    for range in withdrawn.heights.ranges() {
        store.commit(commit((range.from(), range.to()), &now)).await.unwrap();
    }
    now
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
    out.holes = vec![Hole { range, reason: HoleReason::Missing, detail: String::new(), streams: Vec::new() }];
    out
}

/// A commit with a hole whose blocks were read and not believed: they lack a record and have one that the chain has not, in a transaction
/// of its own or in one that it has.
fn doubted(whole: Commit, hole: u64) -> Commit {
    let (first, last) = (whole.range.from(), whole.range.to());
    let range = BlockRange::new(first + hole % (last - first + 1), last).unwrap().split_at(3).0;
    let mut out = whole;
    for height in range.from()..=range.to() {
        let Some(at) = out.records.iter().position(|(_, record)| record.height == height) else { continue };
        let (_, mut phantom) = if height % 2 == 0 { out.records.remove(at) } else { out.records[at].clone() };
        let rec = std::mem::replace(&mut phantom.rec, 77);
        if height % 2 == 0 {
            out.events.retain(|event| (event.key.height, event.key.rec) != (height, rec));
        } else {
            phantom.tx_id = "phantom".into();
        }
        let amount = i64::try_from(hole + height).unwrap();
        let mut other = phantom.clone();
        (other.rec, other.ord) = (78, 78);
        out.records.extend([(stream(GMX), phantom), (stream(ASTER), other)]);
        out.events.push(event(height, 77, 0, GMX, Some("0xbtc"), history::payment(amount)));
        out.events.push(event(height, 77, 1, GMX, Some("0xphantom"), listed(Some("SOL"), None, true)));
        out.events.push(event(height, 78, 0, ASTER, Some("0xbase"), history::open("again", 10 * amount)));
    }
    out.holes = vec![Hole { range, reason: HoleReason::Unproven, detail: String::new(), streams: Vec::new() }];
    out
}

/// Thresholds that so short a history can meet.
const PARAMS: &str = "UPDATE reduce_params SET value = 1 WHERE name IN ('cascade_floor_usd', 'cascade_keep_floors', 'cascade_keep_bursts');
UPDATE reduce_params SET value = 90 WHERE name IN ('cascade_gap_minutes', 'cascade_baseline_percentile');
UPDATE reduce_params SET value = 900 WHERE name = 'cascade_baseline_minutes';
UPDATE reduce_params SET value = 12 WHERE name = 'extremes_hours';
UPDATE reduce_params SET value = 3 WHERE name IN ('extremes_points_min', 'signal_hours', 'signal_flip_hours');
UPDATE reduce_params SET value = 300000 WHERE name IN ('signal_rank_ppm')";

async fn open(database: &Database) -> SqlStore {
    let store = database.open().await;
    database.execute(PARAMS).await.unwrap();
    store
}

async fn walk(database: &Database, mut store: SqlStore, steps: &[Step], blocks: &[Block]) -> SqlStore {
    for step in steps {
        match *step {
            Step::Crash => store = database.open().await,
            Step::Commit { from, blocks: count } => drop(store.commit(part(from, count, blocks)).await.unwrap()),
            Step::Halves { from, blocks: count, is_written } => commit_halves(&store, from, count, blocks, is_written).await,
            Step::Holed { from, blocks: count, hole } => drop(store.commit(holed(part(from, count, blocks), hole)).await.unwrap()),
            Step::Doubted { from, blocks: count, hole } => drop(store.commit(doubted(part(from, count, blocks), hole)).await.unwrap()),
            Step::Aim { from } => store.set_targets(&targets(from)).await.unwrap(),
            Step::Reduce => drop(store.reduce().await.unwrap()),
            Step::Torn { from, blocks: count, table } => {
                database.execute(&refuse(database.engine, TORN[table])).await.unwrap();
                // Either may get through where it has nothing for that table.
                let _ = store.commit(part(from, count, blocks)).await;
                let _ = store.reduce().await;
                database.execute(&accept(database.engine, TORN[table])).await.unwrap();
            }
        }
    }
    store
}

/// Commits both halves of a range at once, the upper one in its turn, which never comes where the lower one is not written.
async fn commit_halves(store: &SqlStore, from: u64, count: u64, blocks: &[Block], is_written: bool) {
    let (low, high) = (part(from, count / 2, blocks), (from + count / 2).min(BLOCKS - 1));
    if low.range.contains(high) {
        store.commit(low).await.unwrap();
        return;
    }
    let (written, before) = oneshot::channel();
    let (is_waiting, waits) = oneshot::channel();
    let turn = Turn::after(async move {
        is_waiting.send(()).unwrap();
        before.await.unwrap()
    });
    let lower = async {
        // The upper half is written as far as can be by now.
        waits.await.unwrap();
        if is_written {
            store.commit(low).await.unwrap();
        }
        written.send(is_written).unwrap();
    };
    let (upper, ()) = futures::join!(store.commit_in_turn(part(high, count - count / 2, blocks), turn), lower);
    assert_eq!(upper.is_ok(), is_written, "{upper:?}");
}

/// A trigger that fails every row of a table.
fn refuse(engine: Engine, table: &str) -> String {
    match engine {
        Engine::Sqlite => format!("CREATE TRIGGER torn BEFORE INSERT ON {table} BEGIN SELECT RAISE(ABORT, 'torn'); END"),
        Engine::Postgres => format!(
            "CREATE OR REPLACE FUNCTION torn() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''torn''; END'; \
             CREATE TRIGGER torn BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION torn()"
        ),
    }
}

fn accept(engine: Engine, table: &str) -> String {
    match engine {
        Engine::Sqlite => "DROP TRIGGER torn".to_owned(),
        Engine::Postgres => format!("DROP TRIGGER torn ON {table}"),
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

/// Tables that the reducer makes: over all ways each must have held a row.
const COMPUTED: [&str; 15] = [
    "market_hour",
    "funding_hour",
    "liquidation_hour",
    "market_day",
    "asset_mark",
    "asset_hour",
    "price_divergence",
    "holding_time_day",
    "concentration_day",
    "funding_extremes",
    "cascades",
    "cascade_venues",
    "signals",
    "position_lots",
    "closed_lots_day",
];

async fn one_way(way: &Way, engine: Engine, filled: &Mutex<BTreeSet<String>>) {
    let old = history(way.seed, 0, 0);
    let mut new = history(way.seed + 1, 1, way.kept + 1 - u64::from(way.kept + 1 == BLOCKS));
    new.splice(..=usize::try_from(way.kept).unwrap(), old[..=usize::try_from(way.kept).unwrap()].iter().cloned());
    let database = Database::new(engine, "random ways").await.unwrap();
    let store = open(&database).await;
    store.set_targets(&targets(0)).await.unwrap();
    let store = walk(&database, store, &way.before, &old).await;
    assert_rebuilt(&store, &format!("before the revert of {way:?}")).await;
    store.revert(CHAIN, block(way.kept, 0), conflict(way.kept + 1)).await.unwrap();
    assert_rebuilt(&store, &format!("after the revert of {way:?}")).await;
    let store = walk(&database, store, &way.after, &new).await;
    for from in (0..BLOCKS).step_by(usize::try_from(way.chunk).unwrap()) {
        store.commit(part(from, way.chunk, &new)).await.unwrap();
    }
    store.set_targets(&targets(0)).await.unwrap();
    let got = reduced_dump(&store).await;
    let folder = Database::new(Engine::Sqlite, "clean").await.unwrap();
    let clean = open(&folder).await;
    clean.set_targets(&targets(0)).await.unwrap();
    clean.commit(part(0, BLOCKS, &new)).await.unwrap();
    support::assert_same(&got, &reduced_dump(&clean).await, &format!("{way:?}"));
    assert_rebuilt(&store, &format!("the end of {way:?}")).await;
    let now = redecode(&store, way, &new).await;
    let got = reduced_dump(&store).await;
    let folder = Database::new(Engine::Sqlite, "clean").await.unwrap();
    let clean = open(&folder).await;
    clean.set_targets(&targets(0)).await.unwrap();
    clean.commit(part(0, BLOCKS, &now)).await.unwrap();
    support::assert_same(&got, &reduced_dump(&clean).await, &format!("decoded anew, {way:?}"));
    let tables = store.info().await.unwrap().tables;
    filled.lock().unwrap().extend(tables.into_iter().filter(|(_, rows)| *rows > 0).map(|(table, _)| table));
    store.close().await;
}

#[test]
fn every_way_ends_where_the_straight_one_does() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    history::set_block_ms(BLOCK_MS);
    for (engine, cases) in CASES {
        let filled = Mutex::new(BTreeSet::new());
        if runtime.block_on(Database::new(engine, "every_way_ends_where_the_straight_one_does")).is_none() {
            continue;
        }
        for way in found() {
            runtime.block_on(one_way(&way, engine, &filled));
        }
        let mut runner = support::property_runner(cases, 64);
        let outcome = runner.run(&ways(), |way| {
            runtime.block_on(one_way(&way, engine, &filled));
            Ok(())
        });
        assert!(outcome.is_ok(), "{engine:?}: {}", outcome.unwrap_err());
        let filled = filled.lock().unwrap();
        let empty: Vec<&str> = COMPUTED.into_iter().filter(|table| !filled.contains(*table)).collect();
        assert!(engine == Engine::Postgres || empty.is_empty(), "no way filled {empty:?}");
    }
}
