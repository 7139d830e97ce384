//! Hyperliquid's public interface through the binary: refusals, cut answers, lost connections and repeated first frames leave every
//! row once, and what was not heard is a gap. Then recorded answers.

#[path = "../../../hyperliquid/tests/support/info.rs"]
#[allow(dead_code, reason = "tests of the source use the rest")]
mod info;

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tokio::task::block_in_place;

use self::info::{Fault, InfoServer, Push, Rates, SOCKET};
use crate::support::{Engine, Guarded, command, folder, interrupt, perpdex, perpdex_ok, query, reference, until};

const HOUR_MS: u64 = 3_600_000;
/// Hours of settled rates that are asked for.
const HOURS: u64 = 30;

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is right").as_millis() as u64
}

fn contexts(dex: &str) -> Value {
    match dex {
        "" => json!([
            {"universe": [{"name": "BTC"}, {"name": "kPEPE"}]},
            [{"openInterest": "27353.17682", "markPx": "77562.0"}, {"openInterest": "5.0", "markPx": "0.012"}]
        ]),
        _ => json!([{"universe": [{"name": "xyz:NVDA"}]}, [{"openInterest": "2.5", "oraclePx": "190.1"}]]),
    }
}

/// Hourly rates of a market, stamped a little behind the hour, from long before what is asked for to long after.
fn hourly(coin: &str) -> Rates {
    let first = now_ms() / HOUR_MS - 2 * HOURS;
    (first..first + 4 * HOURS).map(|hour| (coin.to_owned(), hour * HOUR_MS + 40, format!("0.0000{:02}", hour % 90 + 10))).collect()
}

fn trade(coin: &str, tid: u64, time: u64) -> Value {
    json!({"coin": coin, "side": "B", "px": "100.5", "sz": "2.0", "hash": "0x1", "time": time, "tid": tid, "users": ["0xA", "0xB"]})
}

fn frame(trades: &[Value]) -> String {
    json!({"channel": "trades", "data": trades}).to_string()
}

/// A database that follows a server.
struct Followed<'a> {
    folder: &'a Path,
    url: &'a str,
    server: &'a InfoServer,
}

impl Followed<'_> {
    fn start(&self, from_ms: u64) -> Guarded {
        let (endpoint, from) = (format!("hyperliquid/api={}", self.server.url), format!("hyperliquid/api={from_ms}"));
        let args = ["sync", "--chain", "hyperliquid/api", "--endpoint", &endpoint, "--from", &from, "--database", self.url];
        let mut sync = command(self.folder, &args);
        let pace = [("HEAD_POLL_MS", "50"), ("HYPERLIQUID_LOOK_MS", "3600000"), ("HYPERLIQUID_LAG_MS", "3000")];
        // Levels of hours are computed at the end: on a busy machine those of hundreds of markets would hold the rows up.
        let seldom = [("REDUCE_EVERY_MS", "3600000"), ("BACKOFF_INITIAL_MS", "10"), ("BACKOFF_MAX_MS", "200")];
        for (name, value) in pace.into_iter().chain(seldom) {
            sync.env(format!("PERPDEX_SYNC_{name}"), value);
        }
        Guarded(sync.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the binary starts"))
    }

    fn rows(&self, sql: &str) -> Vec<Value> {
        query(self.folder, self.url, sql)
    }

    fn number(&self, sql: &str) -> i64 {
        self.rows(sql)[0]["n"].as_i64().unwrap_or_else(|| panic!("{sql}: no number"))
    }

    /// Waits until a count is reached; the database may not be there yet.
    async fn reaches(&self, what: &str, sql: &str, wanted: i64) {
        until(what, || async {
            // The server answers pings meanwhile.
            let run = block_in_place(|| perpdex(self.folder, &["query", sql, "--database", self.url, "--format", "json"]));
            run.code == Some(0) && serde_json::from_str::<Value>(&run.stdout).is_ok_and(|rows| rows[0]["n"].as_i64() >= Some(wanted))
        })
        .await;
    }

    async fn listening(&self, connections: usize) {
        until("subscriptions to three markets", || async { self.server.subscribed() >= 3 * connections }).await;
        // The server counts a subscription before the client has its answer.
        tokio::time::sleep(Duration::from_millis(300)).await;
    }

    /// Tells a trade of the present and waits for its row.
    async fn told(&self, coin: &str, tid: u64) -> u64 {
        let time = now_ms();
        self.server.push(Push::Text(frame(&[trade(coin, tid, time)])));
        self.reaches("the row of a trade", &format!("SELECT COUNT(*) AS n FROM v_trades WHERE trade_key LIKE '%/{tid}'"), 1).await;
        time
    }

    /// Waits until a moment lies in a gap of a stream.
    async fn lost(&self, part: &str, moment: u64) {
        let sql = format!("SELECT COUNT(*) AS n FROM gaps WHERE part = '{part}' AND from_height <= {moment} AND {moment} <= to_height");
        self.reaches(&format!("a gap of {part}"), &sql, 1).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn rows_of_the_public_interface_come_once_and_no_gap_is_unmarked() {
    // Side by side: most of the time is the head's lag.
    let engines = Engine::all("rows_of_the_public_interface_come_once_and_no_gap_is_unmarked");
    let runs: Vec<_> = engines.into_iter().map(|engine| tokio::spawn(follow_with_faults(engine))).collect();
    for run in runs {
        run.await.expect("no row is missing, doubled or unmarked");
    }
}

async fn follow_with_faults(engine: Engine) {
    let folder = folder();
    let url = engine.database(folder.path(), "api");
    let rates: Rates = ["BTC", "kPEPE", "xyz:NVDA"].iter().flat_map(|coin| hourly(coin)).collect();
    let first_frame: Arc<Mutex<String>> = Arc::default();
    let server = InfoServer::start(contexts, rates, first_frame.clone()).await;
    server.fail_next("perpDexs", &[Fault::TooMany(0), Fault::Broken]);
    server.fail_next("metaAndAssetCtxs", &[Fault::Cut, Fault::TooMany(1)]);
    server.fail_next("fundingHistory", &[Fault::Banned(1), Fault::Cut, Fault::Broken, Fault::TooMany(0)]);
    server.fail_next(SOCKET, &[Fault::Broken]);
    let run = Followed { folder: folder.path(), url: &url, server: &server };
    let from_ms = now_ms() - HOURS * HOUR_MS;

    let child = run.start(from_ms);
    run.listening(1).await;
    run.reaches("trades are covered", "SELECT COUNT(*) AS n FROM covered_ranges WHERE part = 'trades'", 1).await;
    let one = run.told("BTC", 1).await;
    run.told("xyz:NVDA", 2).await;
    // The connection is lost and cannot be opened for a while, with a trade meanwhile. The next one tells old trades again, to each market.
    server.fail_next(SOCKET, &[Fault::Broken; 1_000]);
    server.push(Push::Close);
    tokio::time::sleep(Duration::from_millis(20)).await;
    let unheard = now_ms();
    server.push(Push::Text(frame(&[trade("BTC", 99, unheard)])));
    *first_frame.lock().expect("no one panics with the frame") = frame(&[trade("BTC", 1, one)]);
    server.heal(SOCKET);
    run.listening(2).await;
    run.told("kPEPE", 3).await;
    run.lost("trades", unheard).await;
    // The connection dies without a word, with a trade meanwhile.
    server.push(Push::Freeze);
    let unsaid = now_ms();
    server.push(Push::Text(frame(&[trade("BTC", 98, unsaid)])));
    run.listening(3).await;
    run.told("kPEPE", 5).await;
    run.lost("trades", unsaid).await;
    assert_eq!(interrupt(child), Some(130));

    // The process is away.
    let away = now_ms();
    tokio::time::sleep(Duration::from_millis(50)).await;
    let child = run.start(from_ms);
    run.listening(4).await;
    run.told("BTC", 4).await;
    run.lost("trades", away).await;
    run.lost("contexts", away).await;
    // Two looks at three markets, one a run.
    run.reaches("the second look", "SELECT COUNT(*) AS n FROM oi_anchors", 6).await;
    assert_eq!(interrupt(child), Some(130));

    assert_eq!(run.number("SELECT COUNT(*) AS n FROM oi_anchors"), 6);
    assert_eq!(run.number("SELECT COUNT(*) AS n FROM v_trades"), 5, "every trade once");
    let heard = format!("SELECT COUNT(*) AS n FROM gaps WHERE part = 'trades' AND from_height <= {one} AND {one} <= to_height");
    assert_eq!(run.number(&heard), 0, "what was heard is no gap");
    assert_eq!(run.rows("SELECT * FROM gaps WHERE part = 'funding'"), Vec::<Value>::new(), "settled rates have a past");
    let settled = "SELECT COUNT(*) AS n FROM v_funding_rates";
    for coin in ["BTC", "kPEPE", "xyz:NVDA"] {
        let hours = run.number(&format!("{settled} WHERE market = '{coin}'"));
        assert!((HOURS as i64 - 1..=HOURS as i64 + 1).contains(&hours), "{coin}: {hours} hours");
    }
    assert_eq!(run.number(settled), run.number("SELECT COUNT(*) AS n FROM (SELECT DISTINCT market, ts_ms FROM v_funding_rates) x"));
    assert_eq!(run.number("SELECT COUNT(*) AS n FROM v_decode_failures"), 0);
    // There is no feed of liquidations: their sums are not known, and not zero.
    assert_eq!(run.number("SELECT COUNT(*) AS n FROM v_liquidations_hourly WHERE liq_usd IS NOT NULL"), 0);
}

/// A recorded answer.
fn recorded(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).expect("the sample is there")).expect("the sample is JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn recorded_contexts_become_levels_and_prices() {
    let test = "recorded_contexts_become_levels_and_prices";
    let (Some(main), Some(xyz)) = (
        reference(test, "hyperliquid/samples/metaAndAssetCtxs_main_20250822.json"),
        reference(test, "hyperliquid/samples/metaAndAssetCtxs_xyz_20260206.json"),
    ) else {
        return;
    };
    let (main, xyz) = (recorded(&main), recorded(&xyz));
    for engine in Engine::all(test) {
        let folder = folder();
        let url = engine.database(folder.path(), "contexts");
        let (main, xyz) = (main.clone(), xyz.clone());
        let answers = move |dex: &str| if dex.is_empty() { main.clone() } else { xyz.clone() };
        let server = InfoServer::start(answers, Rates::new(), Arc::default()).await;
        let run = Followed { folder: folder.path(), url: &url, server: &server };
        let child = run.start(now_ms());
        // 203 markets of which 32 are delisted, and 43 of which 10 are.
        run.reaches("every level", "SELECT COUNT(*) AS n FROM oi_anchors", 171 + 33).await;
        assert_eq!(interrupt(child), Some(130));
        assert_eq!(run.number("SELECT COUNT(*) AS n FROM oi_anchors"), 171 + 33);
        assert_eq!(run.number("SELECT COUNT(*) AS n FROM v_decode_failures"), 0);
        // Levels and marks as the answers print them; a level has six digits at most.
        let level = |market: &str| {
            let sql = format!(
                "SELECT o.long_q, o.short_q, a.qty_unit FROM oi_anchors o JOIN markets m ON m.market_id = o.market_id JOIN assets a ON a.asset_id = m.asset_id WHERE m.market_key = '{market}'"
            );
            let row = run.rows(&sql).remove(0);
            let units = |side: &str| row[side].as_f64().expect("a level") / row["qty_unit"].as_f64().expect("a unit");
            (units("long_q"), units("short_q"))
        };
        assert_eq!(level("BTC"), (25_877.149_16, 25_877.149_16));
        assert_eq!(level("xyz:XYZ100"), (4_643.144_4, 4_643.144_4));
        let mark = run.rows("SELECT p.price_f AS price FROM prices p JOIN markets m ON m.market_id = p.market_id WHERE m.market_key = 'BTC' AND p.kind = 'mark'");
        assert_eq!(mark, [json!({"price": 113_080.0})]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn recorded_rates_of_eight_hours_and_of_one_land_once() {
    let test = "recorded_rates_of_eight_hours_and_of_one_land_once";
    let Some(rows) = reference(test, "hyperliquid/samples/fundingHistory_BTC_2023_rows1-500.json") else { return };
    let rows = recorded(&rows);
    let rows = rows.as_array().expect("a list of rows");
    let text = |row: &Value, name: &str| row[name].as_str().expect("a text").to_owned();
    let rates: Rates =
        rows.iter().map(|row| (text(row, "coin"), row["time"].as_u64().expect("a time"), text(row, "fundingRate"))).collect();
    // A rate lies up to an hour behind its stamp, so that late ones are not passed over.
    let (first, last) = (rates[0].1, rates[rates.len() - 1].1 + HOUR_MS);
    let only_btc = |dex: &str| match dex {
        "" => json!([{"universe": [{"name": "BTC"}]}, [{"openInterest": "1.0"}]]),
        _ => json!([{"universe": []}, []]),
    };
    for engine in Engine::all(test) {
        let folder = folder();
        let url = engine.database(folder.path(), "rates");
        let server = InfoServer::start(only_btc, rates.clone(), Arc::default()).await;
        let (endpoint, from, to) =
            (format!("hyperliquid/api={}", server.url), format!("hyperliquid/api={first}"), format!("hyperliquid/api={last}"));
        let args = ["sync", "--chain", "hyperliquid/api", "--endpoint", &endpoint, "--from", &from, "--to", &to, "--database", &url];
        for run in ["first", "second"] {
            perpdex_ok(folder.path(), &args);
            let counts = "SELECT COUNT(*) AS n, CAST(SUM(CASE WHEN ts_ms - start_ms = 28800000 THEN 1 ELSE 0 END) AS BIGINT) AS long, \
                          CAST(SUM(CASE WHEN ts_ms - start_ms = 3600000 THEN 1 ELSE 0 END) AS BIGINT) AS short FROM v_funding_rates";
            let counts = query(folder.path(), &url, counts).remove(0);
            let eight_hourly = rates.iter().filter(|(_, time, _)| *time <= 1_686_182_400_254).count() - 1;
            // Nothing tells for how long the first rate was in force.
            let hourly = rates.len() - 1 - eight_hourly;
            assert_eq!(counts, json!({"n": rates.len() - 1, "long": eight_hourly, "short": hourly}), "{run} run");
        }
        // The rate of an hour is an eighth of what was paid for eight.
        let row = &query(folder.path(), &url, "SELECT cost_long_1h FROM v_funding_rates ORDER BY ts_ms LIMIT 1")[0];
        let paid: f64 = rates[1].2.parse().expect("a number");
        assert!((row["cost_long_1h"].as_f64().expect("a rate") * 8.0 - paid).abs() < 1e-11, "12 decimals are kept: {row} for {paid}");
    }
}
