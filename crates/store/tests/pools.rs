//! What must hold of a pool beside a book, whichever way both were told: closes that name their position alone become what they
//! close, levels and lots follow from positions, and cascades are those of the definition.

mod support;

use std::collections::{BTreeMap, VecDeque};

use perpdex_core::{BlockRange, ChainId, RangeSet, Store, VerifyStore};
use perpdex_store::{SqlStore, Value};
use support::book::{self, Book};
use support::cascade::{Definition, Liquidation, by_definition};
use support::history::{self, Numbers};
use support::pool::{self, Pool, Told};
use support::{Database, Engine};

/// Two days and an hour at seven minutes a block.
const BLOCKS: u64 = 420;
const CASES: [(Engine, u32); 2] = [(Engine::Sqlite, 4), (Engine::Postgres, 1)];
const BOOK_CHAIN: ChainId = ChainId::ARBITRUM;
/// Stored units of a thousandth: ten digits of BTC.
const THOUSANDTH: i64 = 10_000_000;
const HOUR_MS: i64 = 3_600_000;

/// The day before every minute, as in the defaults; floors that a small world can meet.
const DEFINITION: Definition = Definition {
    floor_usd_e6: 1_000_000,
    baseline_minutes: 1_440,
    baseline_percentile: 99,
    baseline_factor: 1,
    gap_minutes: 8,
    venue_ppm: 50_000,
};
const PARAMS: &str = "UPDATE reduce_params SET value = 1 WHERE name IN ('cascade_floor_usd', 'cascade_keep_floors', 'cascade_keep_bursts', 'cascade_baseline_factor');
UPDATE reduce_params SET value = 8 WHERE name = 'cascade_gap_minutes'";

/// Both worlds in parts that come in any order, some of the pool's taken out again and brought back; reduced on the way.
async fn told(database: &Database, seed: u64, chunk: u64) -> (SqlStore, BTreeMap<(u64, i64), Told>) {
    let store = database.open().await;
    database.execute(PARAMS).await.unwrap();
    store.set_targets(&[book::target(BOOK_CHAIN), pool::target()]).await.unwrap();
    let of_book = Book::new(BOOK_CHAIN, "BTC", seed).blocks(BLOCKS);
    let mut pool = Pool::new(seed + 1);
    let of_pool = pool.blocks(BLOCKS);
    let mut numbers = Numbers::new(seed + 2);
    let ends = |from: u64| (from, (from + chunk - 1).min(BLOCKS - 1));
    let mut parts: Vec<(u64, u64)> = (0..BLOCKS).step_by(usize::try_from(chunk).unwrap()).map(ends).collect();
    while !parts.is_empty() {
        let range = parts.swap_remove(usize::try_from(numbers.below(parts.len() as u64)).unwrap());
        store.commit(book::part(BOOK_CHAIN, range, &of_book)).await.unwrap();
        store.commit(pool::part(range, &of_pool)).await.unwrap();
        match numbers.below(3) {
            0 => drop(store.reduce().await.unwrap()),
            1 => {
                let out = RangeSet::from_ranges([BlockRange::new(range.0, range.0 + (range.1 - range.0) / 2).unwrap()]);
                let withdrawn = store.withdraw(pool::CHAIN, &out).await.unwrap();
                for range in withdrawn.heights.ranges() {
                    store.commit(pool::part((range.from(), range.to()), &of_pool)).await.unwrap();
                }
            }
            _ => {}
        }
    }
    store.reduce().await.unwrap();
    (store, pool.rows)
}

async fn ints(store: &SqlStore, sql: &str) -> Vec<Vec<Option<i64>>> {
    let int = |value: &Value| match value {
        Value::Int(value) => Some(*value),
        Value::Null => None,
        other => panic!("{sql}: {other:?} is no integer"),
    };
    store.query(sql, 1_000_000).await.unwrap().rows.iter().map(|row| row.iter().map(int).collect()).collect()
}

/// Every record of the pool is the row that it must be, and nothing waits.
async fn closes_become_what_they_close(store: &SqlStore, want: &BTreeMap<(u64, i64), Told>) {
    let sql = format!(
        "SELECT f.height, f.rec, f.position_key, f.before_q, f.after_q, f.long_delta_q - f.short_delta_q, f.qty_q, \
         CASE WHEN l.kind IS NULL THEN 0 ELSE 1 END FROM fills f LEFT JOIN liquidations l ON l.chain_id = f.chain_id AND l.height = f.height \
         AND l.rec = f.rec AND l.sub = f.sub WHERE f.chain_id = {}",
        pool::CHAIN.as_i64()
    );
    let mut got = BTreeMap::new();
    for row in store.query(&sql, 1_000_000).await.unwrap().rows {
        let [
            Value::Int(height),
            Value::Int(rec),
            Value::Text(key),
            before,
            after,
            Value::Int(change),
            Value::Int(qty),
            Value::Int(liquidated),
        ] = &row[..]
        else {
            panic!("{row:?}")
        };
        assert_eq!(change.abs(), *qty, "what a row changes is its quantity: {row:?}");
        let stood = match (before, after) {
            (Value::Int(before), Value::Int(after)) => Some((before / THOUSANDTH, after / THOUSANDTH)),
            (Value::Null, Value::Null) => None,
            other => panic!("{other:?}"),
        };
        let told = Told { position_key: key.clone(), stood, change: change / THOUSANDTH, is_liquidation: *liquidated == 1 };
        got.insert((u64::try_from(*height).unwrap(), *rec), told);
    }
    for (place, want) in want {
        assert_eq!(got.get(place), Some(want), "the row of block and record {place:?}");
    }
    assert_eq!(got.len(), want.len());
    let waiting =
        "SELECT (SELECT COUNT(*) FROM unresolved), (SELECT COUNT(*) FROM decode_failures), (SELECT COUNT(*) FROM reduce_failures)";
    assert_eq!(ints(store, waiting).await, [[Some(0); 3]]);
}

/// The pool's level at each hour's end is the sum of its positions.
async fn levels_are_positions(store: &SqlStore, rows: &BTreeMap<(u64, i64), Told>) {
    let sql = format!(
        "SELECT k.hour_id, k.long_q, k.short_q FROM market_hour k JOIN markets m ON m.market_id = k.market_id WHERE m.chain_id = {} ORDER BY k.hour_id",
        pool::CHAIN.as_i64()
    );
    let levels = ints(store, &sql).await;
    let (last, over) = levels.split_last().unwrap();
    assert_eq!((over.len(), last[1]), (48, None), "the last hour is not over");
    for level in over {
        let end_ms = (level[0].unwrap() + 1) * HOUR_MS;
        let mut positions: BTreeMap<&str, i64> = BTreeMap::new();
        for ((height, _), row) in rows {
            if history::time_ms(*height) < end_ms {
                *positions.entry(&row.position_key).or_default() += row.change;
            }
        }
        let side = |sign: i64| positions.values().map(|size| (size * sign).max(0)).sum::<i64>() * THOUSANDTH;
        assert_eq!(level[1..], [Some(side(1)), Some(side(-1))], "hour {level:?}");
    }
}

/// First in, first out, unit by unit.
async fn lots_are_units_that_queue(store: &SqlStore, rows: &BTreeMap<(u64, i64), Told>) {
    let mut queues: BTreeMap<&str, VecDeque<i64>> = BTreeMap::new();
    let mut sizes: BTreeMap<&str, i64> = BTreeMap::new();
    let mut want: BTreeMap<(i64, i64), (i64, i64)> = BTreeMap::new();
    for ((height, _), row) in rows {
        let ts_ms = history::time_ms(*height);
        let size = sizes.entry(&row.position_key).or_default();
        let queue = queues.entry(&row.position_key).or_default();
        if *size * row.change >= 0 {
            queue.extend((0..row.change.abs()).map(|_| ts_ms));
        } else {
            for _ in 0..row.change.abs() {
                let sum = want.entry((ts_ms.div_euclid(24 * HOUR_MS), i64::from(row.is_liquidation))).or_default();
                *sum = (sum.0 + 1, sum.1 + ts_ms - queue.pop_front().unwrap());
            }
        }
        *size += row.change;
    }
    // The last day is not over, whether or not anything was closed in it.
    let last_day = history::time_ms(BLOCKS - 1).div_euclid(24 * HOUR_MS);
    want.retain(|(day, _), _| *day < last_day);
    let sql = format!(
        "SELECT c.day_id, CASE WHEN c.closed_by = 'liquidation' THEN 1 ELSE 0 END, c.closed_q, c.known_q, CAST(c.held_q_ms AS TEXT) FROM closed_lots_day c \
         JOIN markets m ON m.market_id = c.market_id WHERE m.chain_id = {}",
        pool::CHAIN.as_i64()
    );
    let mut got = BTreeMap::new();
    for row in store.query(&sql, 1_000).await.unwrap().rows {
        let [Value::Int(day), Value::Int(by), Value::Int(closed), Value::Int(known), Value::Text(held)] = &row[..] else {
            panic!("{row:?}")
        };
        assert_eq!(closed, known, "every opening is known");
        let held: i128 = held.parse().unwrap();
        got.insert((*day, *by), (closed / THOUSANDTH, i64::try_from(held / i128::from(THOUSANDTH)).unwrap()));
    }
    assert_eq!(got, want);
}

/// The cascades in the store, found bit by bit on the way, are those of the whole history by definition.
async fn cascades_are_those_of_the_definition(store: &SqlStore) {
    let sql = "SELECT l.ts_ms, m.venue_id, l.side, l.exec_notional_usd_e6 FROM liquidations l JOIN markets m ON m.market_id = l.market_id \
               WHERE l.kind <> 'adl' ORDER BY l.ts_ms";
    let liquidation = |row: &Vec<Value>| match &row[..] {
        [Value::Int(ts_ms), Value::Int(venue), Value::Text(side), Value::Int(usd)] => (*ts_ms, *venue, side.clone(), *usd),
        other => panic!("{other:?}"),
    };
    let rows: Vec<Liquidation> = store.query(sql, 1_000_000).await.unwrap().rows.iter().map(liquidation).collect();
    let sql = "SELECT side, start_ms, end_ms, usd_e6, long_usd_e6, burst_minutes, peak_minute_id, peak_minute_usd_e6, venues, first_venue_id, \
               cross_venue FROM cascades";
    let cell = |value: &Value| match value {
        Value::Int(value) => value.to_string(),
        Value::Text(value) => value.clone(),
        other => panic!("{other:?}"),
    };
    let found = store.query(sql, 1_000_000).await.unwrap().rows;
    let mut got: Vec<String> = found.iter().map(|row| row.iter().map(cell).collect::<Vec<_>>().join(" ")).collect();
    got.sort();
    let want = by_definition(&DEFINITION, &rows);
    // After the first day a minute has to stand out from the day before it: most do not.
    assert!(want.len() > 20 && want.len() * 2 < rows.len() * 3, "{} of {} liquidations", want.len(), rows.len());
    support::assert_same(&got.join("\n"), &want.join("\n"), "cascades");
}

#[test]
fn a_pool_is_what_its_positions_make_of_it() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    for (engine, cases) in CASES {
        if runtime.block_on(Database::new(engine, "a_pool_is_what_its_positions_make_of_it")).is_none() {
            continue;
        }
        let mut runner = support::property_runner(cases, 8);
        let outcome = runner.run(&(0..10_000_u64, 20..BLOCKS), |(seed, chunk)| {
            runtime.block_on(async {
                let database = Database::new(engine, "pools").await.unwrap();
                let (store, rows) = told(&database, seed, chunk).await;
                closes_become_what_they_close(&store, &rows).await;
                levels_are_positions(&store, &rows).await;
                lots_are_units_that_queue(&store, &rows).await;
                cascades_are_those_of_the_definition(&store).await;
                store.close().await;
            });
            Ok(())
        });
        assert!(outcome.is_ok(), "{engine:?}: {}", outcome.unwrap_err());
    }
}
