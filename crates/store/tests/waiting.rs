//! What waits for something that comes later: closes for their position, rows for the listing of their market.

mod support;

use perpdex_core::{Event, Store};
use perpdex_store::Value;
use support::history::{self, ASTER, CHAIN, block, conflict, targets, told};
use support::{Database, Engine, assert_same, ints};

on_both_engines! {
    closes_wait_for_what_could_still_come,
    a_close_is_joined_across_no_gap,
    a_late_listing_makes_rows_anew,
    an_undone_listing_makes_rows_anew,
}

async fn closes_wait_for_what_could_still_come(database: Database) {
    let one = |height, market, body| history::event(height, 0, 0, ASTER, market, body);
    // The position's name is used twice: each close belongs to the latest open before it.
    let events = [
        one(5, Some("0xbase"), history::open("7", 100)),
        one(15, None, history::close("7", 11)),
        one(25, Some("0xbase"), history::open("7", 300)),
        one(35, None, history::close("7", 12)),
        one(38, None, history::close("never opened", 12)),
    ];
    let store = database.open().await;
    store.set_targets(&targets(0)).await.unwrap();
    let open_now = "SELECT height FROM v_unresolved WHERE target = 'open' ORDER BY height";
    store.commit(told((30, 39), &events)).await.unwrap();
    store.commit(told((0, 9), &events)).await.unwrap();
    assert_eq!(ints(&store, open_now).await, [[35], [38]], "an open may still come between 10 and 29");
    store.commit(told((10, 19), &events)).await.unwrap();
    assert_eq!(ints(&store, open_now).await, [[35], [38]]);
    store.commit(told((20, 29), &events)).await.unwrap();
    assert_eq!(ints(&store, open_now).await, [[38]]);
    let fills = "SELECT height, qty_native FROM fills ORDER BY height";
    let quantities: Vec<Vec<Value>> = store.query(fills, 10).await.unwrap().rows;
    let wanted = [(5, "100"), (15, "100"), (25, "300"), (35, "300")];
    assert_eq!(quantities, wanted.map(|(height, qty)| vec![Value::Int(height), Value::Text(qty.to_owned())]));
    store.revert(CHAIN, block(32, 0), conflict(33)).await.unwrap();
    store.commit(told((33, 39), &events)).await.unwrap();
    store.reduce().await.unwrap();
    let folder = Database::new(Engine::Sqlite, "clean").await.unwrap();
    let clean = folder.open().await;
    clean.set_targets(&targets(0)).await.unwrap();
    clean.commit(told((0, 39), &events)).await.unwrap();
    clean.reduce().await.unwrap();
    assert_same(&store.dump().await.unwrap(), &clean.dump().await.unwrap(), "closes");
}

async fn a_close_is_joined_across_no_gap(database: Database) {
    let one = |height, market, body| history::event(height, 0, 0, ASTER, market, body);
    let events = [
        one(5, Some("0xbase"), history::open("7", 100)),
        one(15, Some("0xbase"), history::open("7", 300)),
        one(25, None, history::close("7", 11)),
    ];
    let store = database.open().await;
    store.set_targets(&targets(0)).await.unwrap();
    store.commit(told((0, 9), &events)).await.unwrap();
    // A later run begins behind a gap: the open before the gap need not be the latest.
    store.set_targets(&targets(20)).await.unwrap();
    store.commit(told((20, 29), &events)).await.unwrap();
    assert_eq!(ints(&store, "SELECT height FROM v_unresolved").await, [[25]]);
    store.commit(told((10, 19), &events)).await.unwrap();
    let fills = store.query("SELECT height, qty_native FROM fills ORDER BY height", 10).await.unwrap().rows;
    let wanted = [(5, "100"), (15, "300"), (25, "300")];
    assert_eq!(fills, wanted.map(|(height, qty)| vec![Value::Int(height), Value::Text(qty.to_owned())]));
}

/// A market that only its listing describes, with events before and behind the listing.
fn listed_market() -> [Event; 6] {
    let one = |height, body| history::event(height, 0, 0, ASTER, Some("0xlate"), body);
    [
        one(2, history::price(5)),
        one(3, history::payment(40)),
        one(4, history::open("a", 50)),
        one(6, history::listed(Some("kPEPE"), Some(4), false)),
        one(8, history::payment(60)),
        one(9, history::open("b", 70)),
    ]
}

async fn a_late_listing_makes_rows_anew(database: Database) {
    let events = listed_market();
    let folder = Database::new(Engine::Sqlite, "clean").await.unwrap();
    let clean = folder.open().await;
    clean.commit(told((0, 9), &events)).await.unwrap();
    clean.reduce().await.unwrap();
    let wanted = clean.dump().await.unwrap();
    assert_eq!(ints(&clean, "SELECT COUNT(*) FROM v_unresolved").await, [[0]]);
    assert_eq!(ints(&clean, "SELECT DISTINCT multiplier, qty_decimals FROM markets").await, [[1000, 4]]);
    for ranges in [[(0, 4), (5, 9), (5, 9)], [(5, 9), (0, 4), (0, 4)], [(7, 9), (0, 3), (4, 6)]] {
        let other = Database::new(database.engine, "a_late_listing_makes_rows_anew").await.unwrap();
        let store = other.open().await;
        for range in ranges {
            store.commit(told(range, &events)).await.unwrap();
        }
        store.reduce().await.unwrap();
        assert_same(&store.dump().await.unwrap(), &wanted, &format!("{ranges:?}"));
    }
}

async fn an_undone_listing_makes_rows_anew(database: Database) {
    let events = listed_market();
    let folder = Database::new(Engine::Sqlite, "clean").await.unwrap();
    let clean = folder.open().await;
    clean.commit(told((0, 5), &events)).await.unwrap();
    clean.reduce().await.unwrap();
    // A quantity in the market's own unit waits for its decimals; the rest stands under an asset of its own.
    assert_eq!(ints(&clean, "SELECT height FROM v_unresolved").await, [[3]]);
    let store = database.open().await;
    store.commit(told((0, 9), &events)).await.unwrap();
    store.reduce().await.unwrap();
    store.revert(CHAIN, block(5, 0), conflict(6)).await.unwrap();
    store.reduce().await.unwrap();
    assert_same(&store.dump().await.unwrap(), &clean.dump().await.unwrap(), "undone listing");
}
