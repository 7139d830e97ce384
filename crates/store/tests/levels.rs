//! Levels through the store: stated parts that make a whole, gaps, prices that are no marks, numbers that do not fit.

mod support;

use perpdex_core::{
    Action, Amount, Basis, BlockRange, Commit, EventBody, Evidence, MarketListed, OiAnchor, OiBasis, RangeSet, Side, Size, Store, Target,
    VerifyStore,
};
use perpdex_store::{SqlStore, Value};
use support::history::{self, ASTER, GMX, targets, told, wide};
use support::{Database, assert_same, ints};

on_both_engines! {
    parts_of_two_collaterals_make_one_level,
    a_takeover_is_no_mark,
    a_market_that_overflows_stops_no_other,
    a_late_price_reaches_the_hours_up_to_the_next,
    a_level_that_failed_begins_at_no_later_statement,
    a_market_without_prices_goes_by_the_median_of_other_venues,
    lots_begin_where_nothing_was_open,
    an_entry_cost_that_is_not_told_is_null,
    a_level_needs_proof_of_all_before_it,
}

async fn rows(store: &SqlStore, sql: &str) -> Vec<String> {
    let cell = |value: &Value| match value {
        Value::Null => "-".to_owned(),
        Value::Int(value) => value.to_string(),
        Value::Float(value) => value.to_string(),
        Value::Text(value) => value.clone(),
        Value::Bytes(value) => format!("{value:?}"),
    };
    let table = store.query(sql, 1_000).await.unwrap();
    table.rows.iter().map(|row| row.iter().map(cell).collect::<Vec<_>>().join(" ")).collect()
}

const LEVELS: &str = "SELECT hour_id - 480000, long_q, short_q FROM market_hour ORDER BY hour_id";

fn pair() -> EventBody {
    EventBody::MarketListed(MarketListed {
        symbol: Some("BTC/USD".to_owned()),
        index_token: None,
        native_qty_decimals: Some(8),
        quote: "USD".to_owned(),
        collateral_tokens: vec!["0xa".into(), "0xb".into()],
        oi_basis: OiBasis::Qty,
        volume_basis: Basis::Exec,
        is_creation: false,
    })
}

/// A statement of one side in one collateral; native units are 100 of the asset's.
fn stated(collateral: &str, long: Option<i64>, short: Option<i64>) -> EventBody {
    EventBody::OiAnchor(OiAnchor {
        collateral_token: Some(collateral.into()),
        long: long.map(|qty| Amount::market_qty(wide(qty))),
        short: short.map(|qty| Amount::market_qty(wide(qty))),
        long_entry_usd: None,
        short_entry_usd: None,
    })
}

async fn parts_of_two_collaterals_make_one_level(database: Database) {
    let one = |height, body| history::event(height, 0, 0, GMX, Some("0xpair"), body);
    // Blocks are seven minutes: heights 9 to 17 are the second hour, 35 to 42 the fifth.
    let events = [
        one(3, pair()),
        one(4, stated("0xa", Some(100), None)),
        one(5, stated("0xa", None, Some(50))),
        one(10, stated("0xb", Some(7), None)),
        one(11, stated("0xa", Some(110), None)),
        one(12, stated("0xb", None, Some(3))),
        one(14, history::open("p", 20)),
        // Behind the gap each part has to be stated again.
        one(28, stated("0xa", Some(90), None)),
        one(36, stated("0xa", None, Some(40))),
        one(37, stated("0xb", Some(8), None)),
        one(40, stated("0xb", None, Some(4))),
    ];
    let store = database.open().await;
    store.set_targets(&targets(0)).await.unwrap();
    store.commit(told((2, 19), &events)).await.unwrap();
    store.commit(told((27, 50), &events)).await.unwrap();
    store.reduce().await.unwrap();
    let wanted = ["0 - -", "1 20011700 5300", "2 - -", "3 - -", "4 9800 4400", "5 - -"];
    assert_eq!(rows(&store, LEVELS).await, wanted);
    // With the gap filled the first base holds throughout.
    store.commit(told((20, 26), &events)).await.unwrap();
    store.reduce().await.unwrap();
    let level = "20011700 5300";
    let wanted = ["0 - -".to_owned(), format!("1 {level}"), format!("2 {level}"), format!("3 {level}"), format!("4 {level}")];
    assert_eq!(rows(&store, LEVELS).await[..5], wanted);
    let before = store.dump().await.unwrap();
    store.rebuild().await.unwrap();
    assert_eq!(store.dump().await.unwrap(), before);
}

async fn a_takeover_is_no_mark(database: Database) {
    let one = |height, body| history::event(height, 0, 0, ASTER, Some("0xbase"), body);
    let mut taken = history::open("b", 900);
    if let EventBody::Fill(fill) = &mut taken {
        fill.in_volume = false;
    }
    let store = database.open().await;
    store.set_targets(&targets(0)).await.unwrap();
    store.commit(told((0, 17), &[one(1, history::open("a", 100)), one(5, taken)])).await.unwrap();
    store.reduce().await.unwrap();
    let marks = "SELECT hour_id - 480000, mark, mark_source FROM market_hour WHERE hour_id = 480000";
    assert_eq!(rows(&store, marks).await, ["0 3100 execution"]);
}

async fn a_market_that_overflows_stops_no_other(database: Database) {
    let huge = |height, position: &str| {
        let mut body = history::open(position, 100);
        if let EventBody::Fill(fill) = &mut body {
            let qty = Amount::decimals(wide(i64::MAX / 1_000_000 - 1), 4);
            fill.qty = qty;
            fill.price = Amount::decimals(wide(1), 18);
            fill.after = Some(Size { qty: Some(qty), entry_usd: None });
        }
        history::event(height, 0, 0, GMX, Some("0xhuge"), body)
    };
    let mut events = vec![
        history::event(1, 0, 0, GMX, Some("0xhuge"), history::listed(Some("BTC/USD"), Some(4), true)),
        history::event(2, 0, 0, ASTER, Some("0xbase"), history::open("a", 100)),
    ];
    events.extend([huge(3, "x"), huge(12, "y")]);
    let store = database.open().await;
    store.set_targets(&targets(0)).await.unwrap();
    store.commit(told((0, 26), &events)).await.unwrap();
    let stats = store.reduce().await.unwrap();
    assert_eq!(stats.failures, 1);
    let told = "SELECT market, hour_id - 480000, column_name FROM v_reduce_failures";
    assert_eq!(rows(&store, told).await, ["0xhuge 1 long_q"]);
    let levels = "SELECT market, SUM(covered), COUNT(*) FROM v_open_interest_hourly GROUP BY market ORDER BY market";
    assert_eq!(rows(&store, levels).await, ["0xbase 3 4", "0xhuge 1 4"]);
}

async fn a_late_price_reaches_the_hours_up_to_the_next(database: Database) {
    let one = |height, rec, body| history::event(height, rec, 0, ASTER, Some("0xbase"), body);
    let events = [
        one(1, 0, history::open("a", 100)),
        one(8, 1, history::price(1_000)),
        one(16, 1, history::price(2_000)),
        one(25, 1, history::price(3_000)),
    ];
    let store = database.open().await;
    store.set_targets(&targets(0)).await.unwrap();
    let marks = "SELECT hour_id - 480000, mark FROM market_hour WHERE long_q IS NOT NULL ORDER BY hour_id";
    store.commit(told((0, 10), &events)).await.unwrap();
    store.commit(told((20, 30), &events)).await.unwrap();
    store.reduce().await.unwrap();
    assert_eq!(rows(&store, marks).await, ["0 60001"]);
    store.commit(told((11, 19), &events)).await.unwrap();
    store.reduce().await.unwrap();
    assert_eq!(rows(&store, marks).await[..3], ["0 60001", "1 60002", "2 60003"]);
}

async fn a_level_that_failed_begins_at_no_later_statement(database: Database) {
    let one = |height, body| history::event(height, 0, 0, GMX, Some("0xpair"), body);
    let mut lost = history::open("never opened", 100);
    if let EventBody::Fill(fill) = &mut lost {
        std::mem::swap(&mut fill.before, &mut fill.after);
    }
    let events = [
        one(3, pair()),
        one(10, lost),
        one(36, stated("0xa", Some(90), None)),
        one(37, stated("0xa", None, Some(40))),
        one(38, stated("0xb", Some(8), None)),
        one(40, stated("0xb", None, Some(4))),
    ];
    let store = database.open().await;
    store.set_targets(&targets(0)).await.unwrap();
    for range in [(0, 25), (26, 50)] {
        store.commit(told(range, &events)).await.unwrap();
        store.reduce().await.unwrap();
    }
    assert_eq!(rows(&store, "SELECT hour_id - 480000, column_name FROM reduce_failures").await, ["1 long_q"]);
    let before = store.dump().await.unwrap();
    store.rebuild().await.unwrap();
    assert_same(&store.dump().await.unwrap(), &before, "made anew");
}

async fn a_market_without_prices_goes_by_the_median_of_other_venues(database: Database) {
    let aster = |height, body| history::event(height, 0, 0, ASTER, Some("0xbase"), body);
    let gmx = |height, rec, body| history::event(height, rec, 0, GMX, Some("0xbtc"), body);
    // Aster's only price is its execution in the first hour; that of GMX comes in every hour, the third one late.
    let events = [
        aster(0, history::listed(Some("BTC/USD"), None, true)),
        aster(1, history::open("a", 100)),
        gmx(2, 1, history::price(1_000)),
        gmx(10, 1, history::price(2_000)),
        gmx(20, 1, history::price(3_000)),
        gmx(30, 1, history::price(4_000)),
    ];
    let marks = "SELECT k.hour_id - 480000, k.mark, k.mark_source, k.one_mark_usd_e6 FROM market_hour k JOIN markets m ON m.market_id = k.market_id \
                 WHERE m.market_key = '0xbase' AND k.hour_id < 480004 ORDER BY k.hour_id";
    let store = database.open().await;
    store.set_targets(&targets(0)).await.unwrap();
    for range in [(0, 17), (26, 40)] {
        store.commit(told(range, &events)).await.unwrap();
        store.reduce().await.unwrap();
    }
    assert_eq!(rows(&store, marks).await, ["0 3100 execution 15500000", "1 60002 median -", "2 - - -", "3 60004 median -"]);
    store.commit(told((18, 25), &events)).await.unwrap();
    store.reduce().await.unwrap();
    let wanted = ["0 3100 execution 15500000", "1 60002 median 300010000", "2 60003 median 300015000", "3 60004 median 300020000"];
    assert_eq!(rows(&store, marks).await, wanted);
    let apart = "SELECT COUNT(*) FROM price_divergence p JOIN markets m ON m.market_id = p.market_id WHERE m.market_key = '0xbase'";
    assert_eq!(rows(&store, apart).await, ["1"], "a median says nothing against the others");
    let before = store.dump().await.unwrap();
    store.rebuild().await.unwrap();
    assert_same(&store.dump().await.unwrap(), &before, "made anew");
}

/// A change of a long whose size before and after is not told.
fn untold(action: Action, amount: i64) -> EventBody {
    let mut body = history::open("p", amount);
    if let EventBody::Fill(fill) = &mut body {
        (fill.before, fill.after, fill.action) = (None, None, action);
        fill.side = if action == Action::Increase { Side::Buy } else { Side::Sell };
    }
    body
}

async fn lots_begin_where_nothing_was_open(database: Database) {
    let one = |height, rec, body| history::event(height, rec, 0, GMX, Some("0xpair"), body);
    let mut listing = pair();
    if let EventBody::MarketListed(listed) = &mut listing {
        listed.collateral_tokens = vec!["0xa".into()];
    }
    // The market is not seen from its creation on, and nobody says that an increase opened a position.
    let late = [one(3, 0, untold(Action::Decrease, 4))];
    let events = [
        one(4, 0, listing),
        one(5, 0, stated("0xa", Some(0), Some(0))),
        one(20, 0, untold(Action::Increase, 10)),
        one(30, 0, untold(Action::Decrease, 6)),
    ];
    const LOTS: &str = "SELECT closed_q, known_q, CAST(held_q_ms AS TEXT) FROM closed_lots_day ORDER BY day_id";
    let store = database.open().await;
    // Where the venue's first block is not known, no market is known to have begun with nothing.
    let unknown = |target: Target| Target { first_height: None, ..target };
    store.set_targets(&targets(0).into_iter().map(unknown).collect::<Vec<_>>()).await.unwrap();
    // The first day ends with height 205.
    store.commit(told((0, 220), &events)).await.unwrap();
    store.reduce().await.unwrap();
    let of_the_market = [format!("{} {} {}", 6_000_000, 6_000_000, 6_000_000_i64 * 10 * 420_000)];
    assert_eq!(rows(&store, LOTS).await, of_the_market, "a level of nothing was stated before all fills");
    // With a fill before the statement somebody held something, and nobody says since when.
    let first = RangeSet::from_ranges([BlockRange::new(0, 3).unwrap()]);
    store.withdraw(history::CHAIN, &first).await.unwrap();
    store.commit(told((0, 3), &late)).await.unwrap();
    store.reduce().await.unwrap();
    assert_eq!(rows(&store, LOTS).await, [format!("{} 0 0", 10_000_000)]);
    let mended = store.dump().await.unwrap();
    store.rebuild().await.unwrap();
    assert_same(&store.dump().await.unwrap(), &mended, "rebuilt");
    store.withdraw(history::CHAIN, &first).await.unwrap();
    store.commit(told((0, 3), &[])).await.unwrap();
    store.reduce().await.unwrap();
    assert_eq!(rows(&store, LOTS).await, of_the_market);
}

async fn an_entry_cost_that_is_not_told_is_null(database: Database) {
    let one = |height, body| history::event(height, 0, 0, ASTER, Some("0xbase"), body);
    let mut untold = history::open("b", 200);
    if let EventBody::Fill(fill) = &mut untold {
        fill.after = fill.after.map(|after| Size { entry_usd: None, ..after });
    }
    // Even amounts are longs: the shorts' cost stays known. A block is seven minutes.
    let events = [one(1, history::open("a", 100)), one(2, history::open("s", 101)), one(12, untold)];
    let store = database.open().await;
    store.set_targets(&targets(0)).await.unwrap();
    store.commit(told((0, 30), &events)).await.unwrap();
    store.reduce().await.unwrap();
    let sql = "SELECT COUNT(long_q), COUNT(long_entry_usd_e6), COUNT(short_entry_usd_e6) FROM market_hour";
    assert_eq!(ints(&store, sql).await, [[3, 1, 3]]);
    let sql = "SELECT COUNT(oi_long), COUNT(oi_gross_entry_usd) FROM v_open_interest_hourly";
    assert_eq!(ints(&store, sql).await, [[3, 1]]);
}

async fn a_level_needs_proof_of_all_before_it(database: Database) {
    let events = [history::event(25, 0, 0, ASTER, Some("0xbase"), history::open("a", 100))];
    let store = database.open().await;
    store.set_targets(&targets(0)).await.unwrap();
    let known = "SELECT COUNT(*), COUNT(long_q) FROM market_hour";
    let whole = |range| Commit { evidence: Evidence::Witnessed, ..told(range, &events) };
    for range in [(0, 9), (10, 19), (20, 42)] {
        store.commit(whole(range)).await.unwrap();
    }
    store.reduce().await.unwrap();
    assert_eq!(ints(&store, known).await[0][1], 0, "the evidence is weaker than the target wants");
    for range in [(0, 9), (20, 42)] {
        store.commit(told(range, &events)).await.unwrap();
    }
    store.reduce().await.unwrap();
    assert_eq!(ints(&store, known).await[0][1], 0, "the market may have begun between 10 and 19");
    store.commit(told((10, 19), &events)).await.unwrap();
    store.reduce().await.unwrap();
    assert!(ints(&store, known).await[0][1] > 0);
}
