//! What was stored of heights that were not believed, or under another version of a stream, does not outlive the answer that is: the store
//! ends as one that has seen that answer alone.

mod support;

use perpdex_core::{BlockRange, Commit, Event, Hole, HoleReason, Store, StreamId};
use perpdex_store::SqlStore;
use support::history::{self, ASTER, GMX, close, event, listed, open, payment, price, targets, told};
use support::{Database, Engine, ints};

on_both_engines! {
    half_a_transaction_is_made_anew,
    what_the_answer_does_not_have_goes,
    another_version_is_read_anew,
    closes_wait_across_what_is_uncovered,
}

const MARKET: Option<&str> = Some("0xbtc");

/// A market with a trade before and one behind what is doubted.
fn around() -> Vec<Event> {
    vec![
        event(0, 0, 0, GMX, MARKET, listed(Some("BTC/USD"), Some(8), true)),
        event(1, 0, 0, GMX, MARKET, price(60_000)),
        event(1, 1, 0, ASTER, Some("0xbase"), listed(Some("BTC/USD"), Some(8), true)),
        event(2, 0, 0, ASTER, Some("0xbase"), open("p", 100)),
        event(8, 0, 0, ASTER, None, close("p", 3)),
        event(9, 0, 0, GMX, MARKET, price(61_000)),
    ]
}

fn with(more: impl IntoIterator<Item = Event>) -> Vec<Event> {
    let mut out = around();
    out.extend(more);
    out.sort_by_key(|event| (event.key.height, event.key.rec));
    out
}

/// Without coverage of some heights.
fn unproven(mut commit: Commit, (from, to): (u64, u64)) -> Commit {
    let range = BlockRange::new(from, to).unwrap();
    commit.holes.push(Hole { range, reason: HoleReason::Unproven, detail: "not believed".to_owned(), streams: Vec::new() });
    commit
}

fn in_version(mut commit: Commit, version: u32) -> Commit {
    let raise = |stream: &mut StreamId| stream.version = version;
    commit.streams.iter_mut().for_each(raise);
    commit.records.iter_mut().for_each(|(stream, _)| raise(stream));
    commit
}

async fn dump(store: &SqlStore) -> String {
    store.reduce().await.unwrap();
    store.dump().await.unwrap()
}

/// What a store holds that sees these commits and nothing else.
async fn clean(commits: Vec<Commit>) -> String {
    let database = Database::new(Engine::Sqlite, "clean").await.unwrap();
    let store = database.open().await;
    store.set_targets(&targets(0)).await.unwrap();
    for commit in commits {
        store.commit(commit).await.unwrap();
    }
    dump(&store).await
}

async fn assert_clean(store: &SqlStore, want: Vec<Commit>, what: &str) {
    let got = dump(store).await;
    support::assert_same(&got, &clean(want).await, what);
    let before = store.dump().await.unwrap();
    store.rebuild().await.unwrap();
    support::assert_same(&store.dump().await.unwrap(), &before, &format!("{what}, sums made anew"));
}

/// Two records of one transaction, of which the first alone says less.
async fn half_a_transaction_is_made_anew(database: Database) {
    let store = database.open().await;
    store.set_targets(&targets(0)).await.unwrap();
    let one_tx = |mut commit: Commit| {
        for (_, record) in commit.records.iter_mut().filter(|(_, record)| record.height == 5) {
            record.tx_id = "0x5-whole".into();
        }
        commit
    };
    let half = with([event(5, 0, 0, GMX, MARKET, payment(7)), event(5, 0, 1, GMX, MARKET, price(59_000))]);
    let whole = with([event(5, 0, 0, GMX, MARKET, payment(11)), event(5, 1, 0, GMX, MARKET, payment(13))]);
    store.commit(unproven(one_tx(told((0, 9), &half)), (5, 5))).await.unwrap();
    store.reduce().await.unwrap();
    let done = store.commit(one_tx(told((5, 5), &whole))).await.unwrap();
    assert_eq!((done.records, done.records_known, done.events), (2, 0, 2));
    assert_clean(&store, vec![one_tx(told((0, 9), &whole))], "half a transaction").await;
}

async fn what_the_answer_does_not_have_goes(database: Database) {
    let store = database.open().await;
    store.set_targets(&targets(0)).await.unwrap();
    let phantom = with([
        event(4, 0, 0, GMX, MARKET, payment(5)),
        event(5, 0, 0, GMX, MARKET, payment(7)),
        event(5, 1, 0, ASTER, Some("0xbase"), open("p", 900)),
        event(6, 0, 0, GMX, Some("0xphantom"), listed(Some("PHANTOM"), Some(8), true)),
    ]);
    let proved = with([event(4, 0, 0, GMX, MARKET, payment(5))]);
    store.commit(unproven(told((0, 9), &phantom), (4, 6))).await.unwrap();
    store.reduce().await.unwrap();
    let done = store.commit(told((4, 6), &proved)).await.unwrap();
    assert_eq!((done.records, done.records_known), (0, 1), "what both have is not read anew");
    assert_clean(&store, vec![told((0, 9), &proved)], "records that the answer does not have").await;
}

async fn another_version_is_read_anew(database: Database) {
    let store = database.open().await;
    store.set_targets(&targets(0)).await.unwrap();
    let old = with([event(5, 0, 0, GMX, MARKET, payment(7))]);
    // Other numbers, and records that the old filter had passed over.
    let new = with([event(4, 0, 0, ASTER, Some("0xbase"), open("p", 50)), event(5, 0, 0, GMX, MARKET, payment(11))]);
    store.commit(told((0, 9), &old)).await.unwrap();
    store.reduce().await.unwrap();
    for range in [(3, 6), (7, 9), (0, 2)] {
        store.commit(in_version(told(range, &new), 2)).await.unwrap();
    }
    let versions = ints(&store, "SELECT DISTINCT version FROM covered_ranges UNION ALL SELECT DISTINCT version FROM raw_events").await;
    assert_eq!(versions, [[2], [2]]);
    assert_clean(&store, vec![in_version(told((0, 9), &new), 2)], "another version").await;
}

async fn closes_wait_across_what_is_uncovered(database: Database) {
    let store = database.open().await;
    store.set_targets(&targets(0)).await.unwrap();
    store.commit(told((0, 9), &around())).await.unwrap();
    let joined = "SELECT COUNT(*) FROM joined_closes";
    assert_eq!(ints(&store, joined).await, [[1]]);
    store.uncover(&history::stream(ASTER), BlockRange::new(3, 5).unwrap()).await.unwrap();
    store.reduce().await.unwrap();
    assert_eq!(ints(&store, joined).await, [[0]], "what lies between is not known any more");
    let all = with([event(4, 0, 0, ASTER, Some("0xbase"), open("p", 50))]);
    store.commit(told((3, 5), &all)).await.unwrap();
    assert_clean(&store, vec![told((0, 9), &all)], "uncovered").await;
    assert_eq!(ints(&store, joined).await, [[1]]);
}
