//! Aster Pro's public API, followed through refusals, cut answers, a broken stream and a stopped process: every row once,
//! what cannot be asked for again is a gap where it was missed and nowhere else.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Stdio;

use perpdex_simnet::exchange::AsterExchange;
use perpdex_simnet::node::AsterNode;
use perpdex_simnet::truth::Truth;
use perpdex_simnet::world::{World, WorldOptions};
use tokio::task::block_in_place;

use crate::support::{Engine, Guarded, assert_same_text, command, dump, folder, interrupt, perpdex_ok, query, until};

const SLOT_MS: i64 = 300_000;
const HOUR_MS: i64 = 3_600_000;

/// Every kind of refusal, on calls of the first run.
const FAULTS: &str = "on exchangeInfo 1 cut_bytes=100\n\
                      on klines 2 status=429 retry_after_secs=1\n\
                      on klines 5 cut_bytes=30\n\
                      on fundingRate 3 status=418 retry_after_secs=1\n\
                      on openInterest 2 status=500\n\
                      on aggTrades 2 cut_bytes=40\n\
                      on premiumIndex 2 result={\"no\":\"list\"}\n\
                      on stream 1 status=503";

struct Followed<'a> {
    folder: &'a Path,
    url: &'a str,
    node: AsterNode,
    from_ms: i64,
    silence_ms: &'static str,
}

impl Followed<'_> {
    fn args(&self) -> Vec<String> {
        let (endpoint, from) = (format!("offchain/aster={}", self.node.url()), format!("offchain/aster={}", self.from_ms));
        ["sync", "--chain", "offchain/aster", "--endpoint", &endpoint, "--from", &from, "--database", self.url].map(str::to_owned).to_vec()
    }

    fn start(&self) -> Guarded {
        let args = self.args();
        let mut sync = command(self.folder, &args.iter().map(String::as_str).collect::<Vec<_>>());
        let pace = [("HEAD_POLL_MS", "20"), ("ASTER_SETTLE_MS", "0"), ("ASTER_SILENCE_MS", self.silence_ms)];
        for (name, value) in pace.into_iter().chain([("BACKOFF_INITIAL_MS", "10"), ("BACKOFF_MAX_MS", "200")]) {
            sync.env(format!("PERPDEX_SYNC_{name}"), value);
        }
        Guarded(sync.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the binary starts"))
    }

    /// Waits until all streams have dealt with everything up to the clock.
    async fn caught_up(&self) {
        let now = self.node.now_ms();
        // Records and holes are written together with coverage: a stream is through when one of them reaches the clock.
        let sql = format!(
            "SELECT COUNT(*) AS n FROM (SELECT part FROM covered_ranges WHERE to_height >= {now} \
             UNION SELECT part FROM gaps WHERE to_height >= {now}) x"
        );
        until("catching up with the venue's clock", || async {
            let path = self.url.strip_prefix("sqlite:");
            if path.is_some_and(|path| !Path::new(path).exists()) {
                return false;
            }
            // The node answers pings meanwhile.
            let run = block_in_place(|| crate::support::perpdex(self.folder, &["query", &sql, "--database", self.url, "--format", "json"]));
            // Liquidations begin with the next slot.
            let parts = if now < self.head_ms() + SLOT_MS { 5 } else { 6 };
            run.code == Some(0) && serde_json::from_str::<serde_json::Value>(&run.stdout).is_ok_and(|rows| rows[0]["n"] == parts)
        })
        .await;
    }

    async fn listening(&self) {
        until("listening to the stream", || async { self.node.streams() == 1 }).await;
    }

    /// Moves the clock slot by slot and lets the run catch up with each.
    async fn advance(&self, slots: i64) {
        for _ in 0..slots {
            self.node.set_now(self.node.now_ms() + SLOT_MS);
            self.caught_up().await;
        }
    }

    fn head_ms(&self) -> i64 {
        // The run began two hours before the history's end.
        self.from_ms + HEAD_AFTER_MS
    }
}

/// The world has three hours; the run begins after one.
const HEAD_AFTER_MS: i64 = HOUR_MS;

#[tokio::test(flavor = "multi_thread")]
async fn rows_come_once_and_no_gap_is_unmarked() {
    let world = World::build(&WorldOptions { seed: 5, hours: 3, events: 30_000, ..WorldOptions::default() });
    let (exchange, truth) = (world.aster_pro, world.truth);
    for engine in Engine::all("rows_come_once_and_no_gap_is_unmarked") {
        let folder = folder();
        let url = engine.database(folder.path(), "aster");
        let node = AsterNode::serve(exchange.clone()).expect("the node starts");
        let from_ms = exchange.end_ms - 3 * HOUR_MS;
        node.set_now(from_ms + HEAD_AFTER_MS);
        node.set_faults(FAULTS.parse().expect("the faults are well written")).expect("the node has these calls");
        let run = Followed { folder: folder.path(), url: &url, node, from_ms, silence_ms: "30000" };

        let child = run.start();
        run.listening().await;
        run.caught_up().await;
        run.advance(3).await;
        // The line breaks, and for a slot nobody can connect.
        run.node.set_faults("on stream * status=503".parse().unwrap()).expect("the node has streams");
        run.node.drop_streams(false);
        until("losing the stream", || async { run.node.streams() == 0 }).await;
        run.advance(2).await;
        run.node.set_faults("".parse().unwrap()).expect("no faults are faults too");
        run.listening().await;
        run.advance(3).await;
        assert_eq!(interrupt(child), Some(130));
        // The process is away for some slots; what can be asked for later is.
        run.node.set_now(run.node.now_ms() + 4 * SLOT_MS);
        let child = run.start();
        run.listening().await;
        run.caught_up().await;
        run.advance((exchange.end_ms - run.node.now_ms()) / SLOT_MS).await;
        assert_eq!(interrupt(child), Some(130));

        check(&run, &exchange, &truth);
        // Asked again at the same moment, nothing changes.
        let before = dump(&url).await;
        let mut again = run.args();
        again.push("--once".to_owned());
        let code = crate::support::perpdex(folder.path(), &again.iter().map(String::as_str).collect::<Vec<_>>()).code;
        assert_eq!(code, Some(1), "the gaps are still told");
        assert_same_text(&before, &dump(&url).await, "after asking again");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_dies_without_a_word_is_a_gap_until_it_is_heard_again() {
    let exchange = World::build(&WorldOptions { seed: 5, hours: 3, events: 30_000, ..WorldOptions::default() }).aster_pro;
    let from_ms = exchange.end_ms - 3 * HOUR_MS;
    let head_ms = from_ms + HEAD_AFTER_MS;
    // The slot behind the head in which a moment lies; pushed seven milliseconds behind the trade.
    let forced = exchange.markets.iter().flat_map(|market| &market.forced);
    let slots: BTreeSet<i64> = forced.map(|forced| (forced.time_ms + 7 - head_ms - 1).div_euclid(SLOT_MS)).collect();
    let dead = *slots.range(2..).next().expect("the world has forced orders");
    let last = *slots.range(dead + 2..).next().expect("and later ones");
    for engine in Engine::all("a_stream_that_dies_without_a_word_is_a_gap_until_it_is_heard_again") {
        let folder = folder();
        let url = engine.database(folder.path(), "aster");
        let node = AsterNode::serve(exchange.clone()).expect("the node starts");
        node.set_now(head_ms);
        let run = Followed { folder: folder.path(), url: &url, node, from_ms, silence_ms: "3000" };
        let child = run.start();
        run.listening().await;
        run.caught_up().await;
        run.advance(dead).await;
        // From here on nothing comes, not even the end of the connection.
        let died_ms = run.node.now_ms();
        run.node.freeze_streams();
        run.advance(1).await;
        run.listening().await;
        run.advance(1).await;
        let heard_ms = run.node.now_ms();
        run.advance(last - dead - 1).await;
        assert_eq!(interrupt(child), Some(130));

        let gaps =
            query(run.folder, run.url, "SELECT from_height, to_height FROM v_gaps WHERE stream = 'aster_pro.liquidations' ORDER BY 1");
        let gaps: Vec<(i64, i64)> =
            gaps.iter().map(|row| (row["from_height"].as_i64().unwrap(), row["to_height"].as_i64().unwrap())).collect();
        assert_eq!(gaps.first().map(|gap| gap.0), Some(died_ms + 1), "what was heard before is no gap: {gaps:?}");
        assert!(gaps.iter().all(|gap| gap.1 <= heard_ms), "what is heard again is no gap: {gaps:?}");
        let covered: i64 = gaps.iter().map(|gap| gap.1.min(died_ms + SLOT_MS - 1) - gap.0 + 1).sum();
        assert!(covered >= SLOT_MS - 1, "the dead slot is a gap as a whole: {gaps:?}");
        let stamps = query(run.folder, run.url, "SELECT market, ts_ms FROM v_liquidations");
        let stamps: Vec<_> = stamps.iter().map(|row| (row["market"].as_str().unwrap(), row["ts_ms"].as_i64().unwrap())).collect();
        for market in &exchange.markets {
            for forced in &market.forced {
                let pushed_ms = forced.time_ms + 7;
                let told = stamps.iter().filter(|stamp| **stamp == (market.symbol.as_str(), forced.time_ms)).count();
                let is_watched = head_ms + SLOT_MS < pushed_ms && pushed_ms <= run.node.now_ms();
                let is_lost = gaps.iter().any(|(from, to)| (*from..=*to).contains(&pushed_ms));
                assert!(
                    !is_watched || told == usize::from(!is_lost),
                    "{} at {}: {told} rows, in a gap: {is_lost}",
                    market.symbol,
                    forced.time_ms
                );
            }
        }
    }
}

fn check(run: &Followed<'_>, exchange: &AsterExchange, truth: &Truth) {
    let rows = |sql: &str| query(run.folder, run.url, sql);
    let number = |sql: &str| rows(sql)[0]["n"].as_i64();
    let head_ms = run.head_ms();
    let end_ms = run.node.now_ms();

    // Volume and settled rates, from the first hour of the history.
    for hour in truth.hours.iter().filter(|hour| hour.venue == "aster_pro") {
        let place = format!("market = '{}' AND hour_id = {}", hour.market, hour.hour_id);
        let row = &rows(&format!("SELECT trades, volume_usd, coverage FROM v_volume_hourly WHERE {place}"))[0];
        assert_eq!((row["trades"].as_i64(), row["coverage"].as_f64()), (Some(hour.trades), Some(1.0)), "{place}");
        assert_eq!(row["volume_usd"].as_f64(), Some(hour.volume_usd_e6 as f64 / 1e6), "{place}");
        let funding = rows(&format!("SELECT cost_long_1h FROM v_funding_hourly WHERE {place}"));
        assert_eq!(funding[0]["cost_long_1h"].as_f64(), hour.cost_long_1h_e12.map(|cost| cost as f64 / 1e12), "{place}");
    }
    // Open interest of the last hour, as stated at its end.
    for hour in truth.hours.iter().filter(|hour| hour.venue == "aster_pro" && !hour.is_level_lost) {
        let sql = format!(
            "SELECT h.long_q AS n FROM market_hour h JOIN markets m ON m.market_id = h.market_id WHERE m.market_key = '{}' AND h.hour_id = {}",
            hour.market, hour.hour_id
        );
        assert_eq!(number(&sql), Some(hour.long_q), "open interest of {}", hour.market);
    }
    // Executions since the first run, those of the absence among them, none of them volume.
    let expected: usize = exchange
        .markets
        .iter()
        .flat_map(|market| &market.trades)
        .filter(|trade| head_ms <= trade.time_ms && trade.time_ms <= end_ms)
        .count();
    assert_eq!(number("SELECT COUNT(*) AS n FROM v_trades WHERE action = 'trade' AND in_volume = 0"), i64::try_from(expected).ok());
    let sums = "SELECT COUNT(*) AS n FROM (SELECT t.market, t.hour_id, SUM(t.notional_usd) AS prints, MAX(v.volume_usd) AS volume FROM v_trades t \
                JOIN v_volume_hourly v ON v.market = t.market AND v.hour_id = t.hour_id GROUP BY t.market, t.hour_id) x WHERE ABS(prints - volume) > 0.001";
    assert_eq!(number(sums), Some(0), "executions add up to the klines");

    // A forced order is a row, or lies in a gap; never twice.
    let gaps: Vec<(i64, i64)> = rows("SELECT from_height, to_height FROM gaps WHERE part = 'liquidations'")
        .iter()
        .map(|row| (row["from_height"].as_i64().unwrap(), row["to_height"].as_i64().unwrap()))
        .collect();
    assert!(gaps.len() >= 2, "a broken stream and an absence: {gaps:?}");
    let (mut told, mut lost) = (0, 0);
    for market in &exchange.markets {
        for forced in &market.forced {
            // Pushed seven milliseconds behind the trade.
            let pushed_ms = forced.time_ms + 7;
            if pushed_ms < head_ms + SLOT_MS {
                continue;
            }
            let sql = format!("SELECT COUNT(*) AS n FROM v_liquidations WHERE market = '{}' AND ts_ms = {}", market.symbol, forced.time_ms);
            let in_gap = gaps.iter().any(|(from, to)| (*from..=*to).contains(&pushed_ms));
            let found = number(&sql).expect("a count");
            assert!(found == 1 || in_gap && found == 0, "{} at {}: {found} rows, in a gap: {in_gap}", market.symbol, forced.time_ms);
            if found == 0 {
                lost += 1;
            } else {
                told += 1;
            }
        }
    }
    assert!(told > 0 && lost > 0, "{told} told, {lost} lost: the scenario shows nothing");
    assert_eq!(number("SELECT COUNT(*) AS n FROM v_liquidations WHERE liquidation_feed <> 'sampled'"), Some(0));
    // Three slots passed unseen; the fourth was read when the process came back.
    let missed: i64 = rows("SELECT from_height, to_height FROM gaps WHERE part = 'snapshots'")
        .iter()
        .map(|row| row["to_height"].as_i64().unwrap() - row["from_height"].as_i64().unwrap() + 1)
        .sum();
    assert_eq!(missed, 3 * SLOT_MS, "snapshots of the absence");
    let refilled = "SELECT COUNT(*) AS n FROM gaps WHERE part NOT IN ('snapshots', 'liquidations')";
    assert_eq!(number(refilled), Some(0), "what can be asked for later has no gap");
    assert_eq!(number("SELECT COUNT(*) AS n FROM v_decode_failures"), Some(0));
    perpdex_ok(run.folder, &["status", "--database", run.url]);
}
