//! What must hold of every store, whatever came in whichever order: the invariants of the metrics, each asked of the rows and
//! aggregates of random books whose positions are known. `docs/invariants.md` says which test holds which invariant.

mod support;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use perpdex_core::{ChainId, Store};
use perpdex_store::{SqlStore, Value};
use support::book::{self, Book};
use support::history::{self, Block};
use support::{Database, Engine, ints};

/// Two days and an hour at seven minutes a block.
const BLOCKS: u64 = 420;
/// Random books on each engine: a database is dear on PostgreSQL.
const CASES: [(Engine, u32); 2] = [(Engine::Sqlite, 4), (Engine::Postgres, 1)];
/// The venue's two chains; the funding of the first is paid in a token with a known price.
const CHAINS: [ChainId; 2] = [ChainId::ARBITRUM, ChainId::BNB];

/// Thresholds that a small book can meet.
const PARAMS: &str = "UPDATE reduce_params SET value = 1 WHERE name IN ('cascade_floor_usd', 'cascade_keep_floors', 'cascade_keep_bursts', 'cascade_baseline_factor');
UPDATE reduce_params SET value = 8 WHERE name = 'cascade_gap_minutes';
UPDATE reduce_params SET value = 12 WHERE name = 'extremes_hours';
UPDATE reduce_params SET value = 3 WHERE name IN ('extremes_points_min', 'signal_hours', 'signal_flip_hours');
UPDATE reduce_params SET value = 300000 WHERE name = 'signal_rank_ppm'";

const DAY_MS: i64 = 86_400_000;

/// Fails with the rows of a statement that asks for faults, and where it looked at nothing.
async fn none_of(store: &SqlStore, what: &str, looked_at: &str, faults: &str) {
    let seen = ints(store, &format!("SELECT COUNT(*) FROM {looked_at}")).await[0][0];
    assert!(seen > 0, "{what}: {looked_at} is empty");
    let found = store.query(faults, 5).await.unwrap().rows;
    assert!(found.is_empty(), "{what}: {found:?}\n{faults}");
}

/// Two books of one venue on two chains, told in parts of some length from the back.
async fn told(database: &Database, seed: u64, chunk: u64) -> (SqlStore, [Book; 2]) {
    let store = database.open().await;
    database.execute(PARAMS).await.unwrap();
    store.set_targets(&CHAINS.map(book::target)).await.unwrap();
    let books = CHAINS.map(|chain| {
        let market = if chain == CHAINS[0] { "BTC" } else { "ETH/USD" };
        Book::new(chain, market, seed + chain.as_i64().unsigned_abs())
    });
    let mut books = books;
    let blocks: Vec<Vec<Block>> = books.iter_mut().map(|book| book.blocks(BLOCKS)).collect();
    let mut parts: Vec<(u64, u64)> =
        (0..BLOCKS).step_by(usize::try_from(chunk).unwrap()).map(|from| (from, (from + chunk - 1).min(BLOCKS - 1))).collect();
    parts.reverse();
    for range in parts {
        for (chain, blocks) in CHAINS.into_iter().zip(&blocks) {
            store.commit(book::part(chain, range, blocks)).await.unwrap();
        }
    }
    store.reduce().await.unwrap();
    (store, books)
}

async fn sums_of_hours_chains_and_markets(store: &SqlStore) {
    let days = "SELECT d.market_id, d.day_id, d.volume_usd_e6, d.trades, d.liq_long_usd_e6, SUM(a.volume_usd_e6), SUM(a.trades), SUM(a.liq_long_usd_e6) \
                FROM market_day d JOIN agg_market_hour a ON a.market_id = d.market_id AND a.hour_id / 24 = d.day_id \
                WHERE d.volume_usd_e6 IS NOT NULL GROUP BY d.market_id, d.day_id, d.volume_usd_e6, d.trades, d.liq_long_usd_e6 \
                HAVING d.volume_usd_e6 <> SUM(a.volume_usd_e6) OR d.trades <> SUM(a.trades) OR d.liq_long_usd_e6 <> SUM(a.liq_long_usd_e6)";
    none_of(store, "3: the hours of a day", "market_day WHERE volume_usd_e6 > 0", days).await;
    let markets = "SELECT h.asset_id, h.hour_id, h.volume_usd_e6, SUM(a.volume_usd_e6) FROM asset_hour h JOIN markets m ON m.asset_id = h.asset_id \
                   JOIN agg_market_hour a ON a.market_id = m.market_id AND a.hour_id = h.hour_id WHERE h.venue_id = 0 AND h.is_closed = 1 \
                   GROUP BY h.asset_id, h.hour_id, h.volume_usd_e6 HAVING h.volume_usd_e6 <> SUM(a.volume_usd_e6)";
    none_of(store, "3: the markets of an asset", "asset_hour WHERE venue_id = 0 AND volume_usd_e6 > 0", markets).await;
    let chains = "SELECT c.day_id, SUM(c.volume_usd), MAX(v.volume) FROM v_chain_breakdown_daily c \
                  JOIN (SELECT day_id, venue_id, SUM(volume_usd_e6) / 1e6 AS volume FROM h_venue_asset_day GROUP BY day_id, venue_id) v ON v.day_id = c.day_id \
                  GROUP BY c.day_id HAVING COUNT(*) <> 2 OR ABS(SUM(c.volume_usd) - MAX(v.volume)) > 0.000001";
    none_of(store, "3: the chains of a venue", "v_chain_breakdown_daily WHERE volume_usd > 0", chains).await;
}

async fn longs_are_shorts(store: &SqlStore) {
    let blocks = "SELECT chain_id, height FROM fills GROUP BY chain_id, height HAVING SUM(long_delta_q) <> SUM(short_delta_q)";
    none_of(store, "4: longs and shorts change alike in every block", "fills", blocks).await;
    let hours = "SELECT market_id, hour_id, long_q, short_q FROM market_hour WHERE long_q <> short_q OR long_q < 0 OR short_q < 0";
    none_of(store, "4, 5: longs are shorts, none below zero", "market_hour WHERE long_q > 0", hours).await;
    let levels = "SELECT k.market_id, k.hour_id, k.long_q FROM market_hour k WHERE k.long_q <> (SELECT COALESCE(SUM(f.long_delta_q), 0) FROM fills f \
                  WHERE f.market_id = k.market_id AND f.ts_ms < (k.hour_id + 1) * 3600000)";
    none_of(store, "5: the level at an hour's end is what all fills before it leave", "market_hour WHERE long_q > 0", levels).await;
}

/// Each account's fills follow each other, and its last one leaves what the book says it holds.
async fn positions_follow(store: &SqlStore, books: &[Book; 2]) {
    for book in books {
        let sql =
            format!("SELECT account, before_q, after_q FROM fills WHERE chain_id = {} ORDER BY height, ord, sub", book.chain.as_i64());
        let mut last: BTreeMap<String, i64> = BTreeMap::new();
        for row in store.query(&sql, 1_000_000).await.unwrap().rows {
            let (Value::Text(account), Value::Int(before), Value::Int(after)) = (&row[0], &row[1], &row[2]) else { panic!("{row:?}") };
            assert_eq!(last.insert(account.clone(), *after).unwrap_or(0), *before, "5: {account} goes on where it was");
        }
        // Thousandths, stored with ten digits.
        let held: BTreeMap<String, i64> = book.positions.iter().map(|(account, size)| (account.clone(), size * 10_000_000)).collect();
        assert_eq!(last, held, "5: what accounts hold at the end");
        let longs: i64 = held.values().filter(|size| **size > 0).sum();
        let sql = format!(
            "SELECT k.long_q FROM market_hour k JOIN markets m ON m.market_id = k.market_id WHERE m.chain_id = {} ORDER BY k.hour_id DESC LIMIT 1",
            book.chain.as_i64()
        );
        // The last hour is not over: its end is not known.
        let known = format!("SELECT SUM(long_delta_q) FROM fills WHERE chain_id = {}", book.chain.as_i64());
        assert_eq!(store.query(&sql, 1).await.unwrap().rows, [[Value::Null]]);
        assert_eq!(
            ints(store, &known.replace("SUM(long_delta_q)", "CAST(SUM(long_delta_q) AS BIGINT)")).await,
            [[longs]],
            "5: the level is the sum of positions"
        );
    }
}

async fn legs_come_in_pairs(store: &SqlStore) {
    let pairs = "SELECT chain_id, trade_key FROM fills GROUP BY chain_id, trade_key HAVING COUNT(*) <> 2 OR MIN(qty_q) <> MAX(qty_q) \
                 OR MIN(price) <> MAX(price) OR MIN(side) = MAX(side) OR SUM(is_taker) <> 1";
    none_of(store, "6: two legs, one size, one price, two sides, one taker", "fills", pairs).await;
    let trades =
        "SELECT a.t, f.n FROM (SELECT SUM(trades) AS t FROM agg_market_hour) a, (SELECT COUNT(*) AS n FROM fills) f WHERE 2 * a.t <> f.n";
    none_of(store, "6: trades are half of the legs", "fills", trades).await;
}

async fn funding_is_paid_between_accounts(store: &SqlStore) {
    let sql = "SELECT market_id, hour_id, SUM(amount_usd_e6), COUNT(*) FROM funding_payments WHERE amount_usd_e6 IS NOT NULL \
               GROUP BY market_id, hour_id HAVING ABS(SUM(amount_usd_e6)) > COUNT(*)";
    none_of(store, "7: payments of an hour end in nothing", "funding_payments WHERE amount_usd_e6 <> 0", sql).await;
    let gross = "SELECT a.market_id, a.hour_id FROM agg_market_hour a JOIN (SELECT market_id, hour_id, SUM(amount_usd_e6) AS net FROM funding_payments GROUP BY market_id, hour_id) p \
                 ON p.market_id = a.market_id AND p.hour_id = a.hour_id WHERE a.funding_received_usd_e6 - a.funding_charged_usd_e6 <> p.net";
    none_of(store, "7: what is received less what is charged is the net", "agg_market_hour WHERE funding_charged_usd_e6 > 0", gross).await;
}

async fn liquidations_are_part_of_the_volume(store: &SqlStore) {
    let volume = "SELECT a.market_id, a.hour_id FROM agg_market_hour a JOIN (SELECT market_id, ts_ms / 3600000 AS hour_id, SUM(exec_notional_usd_e6) AS usd FROM liquidations \
                  WHERE kind <> 'adl' AND in_volume = 1 GROUP BY market_id, ts_ms / 3600000) l ON l.market_id = a.market_id AND l.hour_id = a.hour_id \
                  WHERE l.usd > a.exec_volume_usd_e6 OR a.liq_long_usd_e6 + a.liq_short_usd_e6 <> l.usd \
                  OR a.liq_market_usd_e6 + a.liq_pool_usd_e6 + a.liq_backstop_usd_e6 + a.liq_takeover_usd_e6 <> l.usd";
    none_of(
        store,
        "8: no more is liquidated than traded, longs and shorts are all, kinds are all",
        "liquidations WHERE kind <> 'adl'",
        volume,
    )
    .await;
    let adl = "SELECT a.market_id FROM agg_market_hour a JOIN (SELECT market_id, ts_ms / 3600000 AS hour_id, SUM(exec_notional_usd_e6) AS usd FROM liquidations WHERE kind = 'adl' \
               GROUP BY market_id, ts_ms / 3600000) l ON l.market_id = a.market_id AND l.hour_id = a.hour_id WHERE l.usd <> a.adl_usd_e6";
    none_of(store, "8: auto-deleveraging stands apart", "liquidations WHERE kind = 'adl'", adl).await;
    let minutes = "SELECT SUM(l.usd_e6) FROM liq_minute l HAVING SUM(l.usd_e6) <> (SELECT SUM(exec_notional_usd_e6) FROM liquidations WHERE kind <> 'adl')";
    none_of(store, "8: minutes hold the same", "liq_minute", minutes).await;
}

async fn shares_are_a_whole(store: &SqlStore) {
    let shares = "SELECT day_id, asset FROM v_venue_share_daily WHERE oi_share IS NOT NULL GROUP BY day_id, asset \
                  HAVING ABS(SUM(oi_share) - 1) > 1e-12 OR ABS(SUM(volume_share) - 1) > 1e-12";
    none_of(store, "9: shares add up to one", "v_venue_share_daily WHERE oi_share > 0", shares).await;
    let lists =
        "SELECT day_id FROM v_venue_share_daily WHERE (oi_share IS NULL) <> (oi_venue_list IS NULL) OR oi_venue_list <> 'hyperliquid'";
    none_of(store, "9: the venues stand beside the share", "v_venue_share_daily WHERE oi_venue_list IS NOT NULL", lists).await;
    let bounds = "SELECT asset_id, day_id, hhi_e6, venues FROM concentration_day WHERE hhi_e6 > 10000000000 OR hhi_e6 * venues < 10000000000 - venues";
    none_of(store, "9: the index lies between an even spread and one venue", "concentration_day", bounds).await;
}

async fn changes_have_two_parts(store: &SqlStore) {
    let parts = "SELECT market_id, day_id FROM market_day WHERE oi_one_usd_e6 - oi_before_usd_e6 <> oi_quantity_usd_e6 + oi_price_usd_e6";
    none_of(store, "10: quantity and price make the change", "market_day WHERE oi_price_usd_e6 <> 0", parts).await;
}

/// What closed first in first out is what each unit's own clock says: thousandths of every account in a queue of their own,
/// the oldest leaving first, over the days of which all is known.
async fn lots_are_units_that_queue(store: &SqlStore, books: &[Book; 2]) {
    let sums = "SELECT d.market_id, d.day_id FROM market_day d LEFT JOIN closed_lots_day c ON c.market_id = d.market_id AND c.day_id = d.day_id \
                WHERE d.closed_q IS NOT NULL GROUP BY d.market_id, d.day_id, d.closed_q HAVING d.closed_q <> COALESCE(SUM(c.closed_q), 0)";
    none_of(store, "lots: the ways of closing make all that is closed", "market_day WHERE closed_q > 0", sums).await;
    for book in books {
        let chain = book.chain.as_i64();
        let sql = format!(
            "SELECT f.account, f.ts_ms, f.before_q, f.after_q, COALESCE(l.kind, '') FROM fills f LEFT JOIN liquidations l ON l.chain_id = f.chain_id \
             AND l.height = f.height AND l.rec = f.rec AND l.sub = f.sub WHERE f.chain_id = {chain} ORDER BY f.height, f.ord, f.sub"
        );
        let mut queues: BTreeMap<String, VecDeque<i64>> = BTreeMap::new();
        let mut want: BTreeMap<(i64, &str), (i64, i64)> = BTreeMap::new();
        for row in store.query(&sql, 1_000_000).await.unwrap().rows {
            let [Value::Text(account), Value::Int(ts_ms), Value::Int(before), Value::Int(after), Value::Text(kind)] = &row[..] else {
                panic!("{row:?}")
            };
            let (before, after) = (before / 10_000_000, after / 10_000_000);
            let (closing, opening) = if before.signum() * after.signum() < 0 {
                (before.abs(), after.abs())
            } else {
                ((before.abs() - after.abs()).max(0), (after.abs() - before.abs()).max(0))
            };
            let queue = queues.entry(account.clone()).or_default();
            let by = if kind.is_empty() {
                "account"
            } else if kind == "adl" {
                "adl"
            } else {
                "liquidation"
            };
            for _ in 0..closing {
                let sum = want.entry((ts_ms.div_euclid(DAY_MS), by)).or_default();
                *sum = (sum.0 + 1, sum.1 + ts_ms - queue.pop_front().unwrap());
            }
            queue.extend((0..opening).map(|_| *ts_ms));
        }
        let sql = format!(
            "SELECT c.day_id, c.closed_by, c.closed_q, c.known_q, CAST(c.held_q_ms AS TEXT) FROM closed_lots_day c JOIN markets m ON m.market_id = c.market_id \
             WHERE m.chain_id = {chain} ORDER BY c.day_id, c.closed_by"
        );
        let mut got: BTreeMap<(i64, &str), (i64, i64)> = BTreeMap::new();
        for row in store.query(&sql, 1_000).await.unwrap().rows {
            let [Value::Int(day), Value::Text(by), Value::Int(closed), Value::Int(known), Value::Text(held)] = &row[..] else {
                panic!("{row:?}")
            };
            assert_eq!(closed, known, "lots: every opening is known");
            let by = ["account", "adl", "liquidation"].into_iter().find(|name| name == by).unwrap();
            let held: i128 = held.parse().unwrap();
            got.insert((*day, by), (closed / 10_000_000, i64::try_from(held / 10_000_000).unwrap()));
        }
        // The third day is not over; in its one hour there may be no close.
        let over = history::time_ms(BLOCKS - 1).div_euclid(DAY_MS);
        want.retain(|(day, _), _| *day < over);
        assert_eq!(got, want, "lots: each unit's own clock");
        assert_eq!(got.keys().map(|(day, _)| day).collect::<BTreeSet<_>>().len(), 2, "lots: two days are over");
    }
}

/// Seed and chunk of books that a property once failed on: no position is closed in the hour of the third day.
const FOUND: (u64, u64) = (703, 60);

/// All of them on one book: making the store is what costs.
async fn invariants_hold(engine: Engine, seed: u64, chunk: u64) {
    let database = Database::new(engine, "invariants").await.unwrap();
    let (store, books) = told(&database, seed, chunk).await;
    sums_of_hours_chains_and_markets(&store).await;
    longs_are_shorts(&store).await;
    positions_follow(&store, &books).await;
    legs_come_in_pairs(&store).await;
    funding_is_paid_between_accounts(&store).await;
    liquidations_are_part_of_the_volume(&store).await;
    shares_are_a_whole(&store).await;
    changes_have_two_parts(&store).await;
    lots_are_units_that_queue(&store, &books).await;
    store.close().await;
}

#[test]
fn invariants_hold_of_random_books() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(invariants_hold(Engine::Sqlite, FOUND.0, FOUND.1));
    for (engine, cases) in CASES {
        if runtime.block_on(Database::new(engine, "invariants_hold_of_random_books")).is_none() {
            continue;
        }
        let mut runner = support::property_runner(cases, 8);
        let outcome = runner.run(&(0..10_000_u64, 20..BLOCKS), |(seed, chunk)| {
            runtime.block_on(invariants_hold(engine, seed, chunk));
            Ok(())
        });
        assert!(outcome.is_ok(), "{engine:?}: {}", outcome.unwrap_err());
    }
}

on_both_engines! {
    markets_apart_are_markets_together,
    the_future_changes_nothing_before,
    a_quiet_book_has_no_cascade_and_no_signal,
    sums_hold_what_no_double_does,
}

/// Tables in which every row belongs to one market or one asset.
const OF_ONE: [&str; 14] = [
    "agg_market_hour",
    "liq_minute",
    "liq_zone_day",
    "market_hour",
    "funding_hour",
    "liquidation_hour",
    "market_day",
    "asset_hour",
    "funding_extremes",
    "cascades",
    "cascade_venues",
    "signals",
    "position_lots",
    "closed_lots_day",
];

/// Lines of a dump by table.
fn tables(dump: &str) -> BTreeMap<String, Vec<String>> {
    let mut out: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut table = String::new();
    for line in dump.lines() {
        match line.strip_prefix("# ") {
            Some(name) => table = name.to_owned(),
            None => out.entry(table.clone()).or_default().push(line.to_owned()),
        }
    }
    out
}

async fn markets_apart_are_markets_together(database: Database) {
    let mut dumps = Vec::new();
    for chains in [&CHAINS[..], &CHAINS[..1], &CHAINS[1..]] {
        let database = Database::new(database.engine, "apart").await.unwrap();
        let store = database.open().await;
        database.execute(PARAMS).await.unwrap();
        for chain in chains {
            store.set_targets(&[book::target(*chain)]).await.unwrap();
            let blocks = Book::new(*chain, if *chain == CHAINS[0] { "BTC" } else { "ETH/USD" }, 7).blocks(260);
            store.commit(book::part(*chain, (0, 259), &blocks)).await.unwrap();
        }
        store.reduce().await.unwrap();
        dumps.push(tables(&store.dump().await.unwrap()));
    }
    for table in OF_ONE {
        let of = |at: usize| dumps[at].get(table).cloned().unwrap_or_default();
        let mut apart = [of(1), of(2)].concat();
        let mut together = of(0);
        apart.sort();
        together.sort();
        assert!(!together.is_empty(), "{table} is empty");
        assert_eq!(together, apart, "{table}");
    }
}

/// Rows of windows that ended before the cut, with all of their columns.
async fn windows_before(store: &SqlStore, cut_ms: i64) -> Vec<String> {
    let hour = cut_ms / 3_600_000;
    let mut out = Vec::new();
    for (table, condition) in [
        // Later minutes belong to a cascade up to the gap behind its end, eight minutes here.
        ("cascades", format!("end_ms + 480000 < {cut_ms}")),
        ("cascade_venues", format!("start_ms IN (SELECT start_ms FROM cascades WHERE end_ms + 480000 < {cut_ms})")),
        ("signals", format!("hour_id < {hour}")),
        ("funding_extremes", format!("hour_id < {hour}")),
        ("asset_hour", format!("hour_id < {}", hour - 1)),
        ("market_hour", format!("hour_id < {hour}")),
        ("liquidation_hour", format!("hour_id < {hour}")),
    ] {
        let rows = store.query(&format!("SELECT * FROM {table} WHERE {condition}"), 1_000_000).await.unwrap().rows;
        assert!(!rows.is_empty(), "{table} has no row before the cut");
        out.extend(rows.iter().map(|row| format!("{table} {row:?}")));
    }
    out.sort();
    out
}

async fn the_future_changes_nothing_before(database: Database) {
    let blocks = Book::new(CHAINS[0], "BTC", 11).blocks(BLOCKS);
    let store = database.open().await;
    database.execute(PARAMS).await.unwrap();
    store.set_targets(&[book::target(CHAINS[0])]).await.unwrap();
    let mut from = 0;
    // Of an hour the rate is told in its last block's successor: the cuts lie inside hours.
    for cut in [150, 185, 232, 301, 366, BLOCKS - 1] {
        let before = if from == 0 { Vec::new() } else { windows_before(&store, history::time_ms(from)).await };
        store.commit(book::part(CHAINS[0], (from, cut), &blocks)).await.unwrap();
        store.reduce().await.unwrap();
        if from > 0 {
            assert_eq!(windows_before(&store, history::time_ms(from)).await, before, "blocks {from} to {cut} changed what lay before them");
        }
        from = cut + 1;
    }
}

async fn a_quiet_book_has_no_cascade_and_no_signal(database: Database) {
    let blocks = Book::quiet(CHAINS[0], "BTC").blocks(BLOCKS);
    let store = database.open().await;
    store.set_targets(&[book::target(CHAINS[0])]).await.unwrap();
    store.commit(book::part(CHAINS[0], (0, BLOCKS - 1), &blocks)).await.unwrap();
    store.reduce().await.unwrap();
    let counts = "SELECT (SELECT COUNT(*) FROM cascades), (SELECT COUNT(*) FROM cascade_venues), (SELECT COUNT(*) FROM signals), \
                  (SELECT COUNT(*) FROM funding_extremes WHERE is_extreme = 1), (SELECT COUNT(*) FROM reduce_failures)";
    assert_eq!(ints(&store, counts).await, [[0; 5]]);
    assert_eq!(
        ints(&store, "SELECT COUNT(*) FROM asset_hour WHERE venue_id = 0 AND is_closed = 1").await,
        [[48]],
        "the hours were looked at"
    );
}

/// Volumes of hours and days, of markets and assets, each beside the one that counting trades gives.
async fn sums_hold_what_no_double_does(database: Database) {
    let blocks = Book::rich(CHAINS[0], "BTC").blocks(BLOCKS);
    let store = database.open().await;
    store.set_targets(&[book::target(CHAINS[0])]).await.unwrap();
    for range in [(210, BLOCKS - 1), (0, 209)] {
        store.commit(book::part(CHAINS[0], range, &blocks)).await.unwrap();
    }
    store.reduce().await.unwrap();
    // Thousandths times dollars are thousand micro-dollars each. A trade a block.
    let [first, other] = [book::FIRST_SIZE, book::RICH_SIZE].map(|size| size * book::RICH_USD * 1_000);
    let volume = |length_ms: i64, number: i64| -> i64 {
        let inside = (0..BLOCKS).filter(|height| history::time_ms(*height).div_euclid(length_ms) == number);
        inside.map(|height| if height == 0 { first } else { other }).sum()
    };
    for (table, id, length_ms, condition) in [
        ("agg_market_hour", "hour_id", 3_600_000, "1 = 1"),
        ("asset_hour", "hour_id", 3_600_000, "is_closed = 1"),
        ("market_day", "day_id", DAY_MS, "volume_usd_e6 IS NOT NULL"),
    ] {
        let rows = ints(&store, &format!("SELECT {id}, volume_usd_e6 FROM {table} WHERE {condition}")).await;
        let want: Vec<Vec<i64>> = rows.iter().map(|row| vec![row[0], volume(length_ms, row[0])]).collect();
        assert_eq!(rows, want, "{table}");
        assert!(rows.iter().any(|row| row[1] as f64 as i64 != row[1]), "a double would have done in {table}");
    }
}
