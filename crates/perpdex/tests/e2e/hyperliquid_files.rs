//! Hyperliquid's files as writers leave them, through the binary: forms of the same blocks, archives that overlap, a folder that a
//! node writes while it is read.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use lz4_flex::frame::FrameEncoder;
use serde_json::{Value, json};

use crate::replay_real::{EXPECTED, every_figure};
use crate::support::{Engine, Guarded, command, folder, interrupt, open, perpdex, perpdex_ok, query, reference, until};

const PART_1: &str = "hyperliquid/samples/node_fills_by_block_20251027_17_part1.jsonl";
const PART_2: &str = "hyperliquid/samples/node_fills_by_block_20251027_17_part2.jsonl";
const FIRST: u64 = 777_010_829;
const LAST: u64 = 777_011_328;

/// Everything that follows from fills.
const FACTS: &[&str] = &[
    "SELECT * FROM fills ORDER BY height, rec, sub",
    "SELECT * FROM liquidations ORDER BY height, rec, sub",
    "SELECT * FROM agg_market_hour ORDER BY market_id, hour_id",
    "SELECT * FROM market_hour ORDER BY market_id, hour_id",
    "SELECT * FROM v_gaps",
];

fn facts(folder: &Path, url: &str) -> Vec<Vec<Value>> {
    FACTS.iter().map(|sql| query(folder, url, sql)).collect()
}

fn database(folder: &Path, name: &str) -> String {
    format!("sqlite:{}", folder.join(format!("{name}.db")).display())
}

#[test]
fn every_form_of_the_real_blocks_gives_the_same_rows_and_every_expected_figure() {
    let test = "every_form_of_the_real_blocks_gives_the_same_rows_and_every_expected_figure";
    let (Some(part_1), Some(part_2)) = (reference(test, PART_1), reference(test, PART_2)) else { return };
    let Some(expected) = reference(test, EXPECTED) else { return };
    let expected: Value = serde_json::from_str(&fs::read_to_string(expected).unwrap()).unwrap();
    let folder = folder();
    let root = folder.path();
    let text = [&part_1, &part_2].map(|path| fs::read_to_string(path).unwrap());
    let whole = database(root, "whole");
    perpdex_ok(root, &["replay", part_1.to_str().unwrap(), part_2.to_str().unwrap(), "--database", &whole]);
    let want = facts(root, &whole);
    assert_eq!((want[0].len(), want[1].len(), want[4].len()), (3_332, 1, 0));

    // Files whose names are in another order than their blocks, in one LZ4 frame, and an event a line.
    let shuffled = root.join("shuffled");
    fs::create_dir(&shuffled).unwrap();
    let lines: Vec<&str> = text.iter().flat_map(|text| text.lines()).collect();
    for (at, lines) in lines.chunks(70).enumerate() {
        fs::write(shuffled.join(format!("{}.jsonl", (at * 5) % 8)), lines.join("\n") + "\n").unwrap();
    }
    let archive = root.join("archive/node_fills_by_block/hourly/20251027");
    fs::create_dir_all(&archive).unwrap();
    let mut frame = FrameEncoder::new(File::create(archive.join("17.lz4")).unwrap());
    text.iter().for_each(|text| frame.write_all(text.as_bytes()).unwrap());
    frame.finish().unwrap();
    let streaming = root.join("streaming/node_fills_streaming/hourly/20251027");
    fs::create_dir_all(&streaming).unwrap();
    let spread: Vec<String> = lines.iter().flat_map(|line| one_event_a_line(line)).collect();
    // The writer's files end inside a block.
    fs::write(streaming.join("17"), spread[..1_801].join("\n") + "\n").unwrap();
    fs::write(streaming.join("18"), spread[1_801..].join("\n") + "\n" + &after(LAST)).unwrap();
    for (name, path) in [("shuffled", "shuffled"), ("archive", "archive"), ("streaming", "streaming")] {
        let url = database(root, name);
        perpdex_ok(root, &["replay", path, "--database", &url]);
        assert!(facts(root, &url) == want, "{name}: rows differ from those of the plain files");
        every_figure(&|sql| query(root, &url, sql), &expected);
    }

    // In ten runs, each a little further.
    let url = database(root, "resumed");
    for step in 1..=10 {
        let to = format!("hyperliquid={}", FIRST - 1 + (LAST - FIRST + 1) * step / 10);
        let endpoint = format!("hyperliquid={}", root.join("archive").display());
        perpdex_ok(root, &["sync", "--chain", "hyperliquid", "--endpoint", &endpoint, "--to", &to, "--database", &url]);
    }
    assert!(facts(root, &url) == want, "ten runs give other rows than one");
    every_figure(&|sql| query(root, &url, sql), &expected);
}

/// A block without fills behind `height`: without it the newest block of a streaming file may still go on.
fn after(height: u64) -> String {
    format!("{}\n", json!({"block_time": "2025-10-27T17:00:40", "block_number": height + 1, "events": []}))
}

fn one_event_a_line(line: &str) -> Vec<String> {
    let mut line: Value = serde_json::from_str(line).unwrap();
    let events = line["events"].as_array().unwrap().clone();
    let parts = if events.is_empty() { vec![Value::Array(vec![])] } else { events.into_iter().map(|event| json!([event])).collect() };
    parts
        .into_iter()
        .map(|events| {
            line["events"] = events;
            line.to_string()
        })
        .collect()
}

/// The two legs of a trade as events, `tid` after its moment.
fn legs(tid: u64, time_ms: u64, before: i64) -> [Value; 2] {
    let leg = |user: &str, side: &str, start: i64| {
        json!([user, {"coin": "BTC", "px": "50000", "sz": "1", "side": side, "time": time_ms, "startPosition": start.to_string(),
            "dir": "", "closedPnl": "0", "hash": "0x1", "oid": tid, "crossed": side == "B", "fee": "0", "tid": tid, "feeToken": "USDC"}])
    };
    [leg("0xa", "B", before), leg("0xb", "A", -before)]
}

/// A second of 2026-01-01 as files write it, and in unix milliseconds.
fn second(second: u64) -> (String, u64) {
    let text = format!("2026-01-01T{:02}:{:02}:{:02}.000000000", second / 3_600, second / 60 % 60, second % 60);
    (text, 1_767_225_600_000 + second * 1_000)
}

fn block(number: u64, at: u64, events: &[Value]) -> String {
    let (time, _) = second(at);
    format!("{}\n", json!({"local_time": time, "block_time": time, "block_number": number, "events": events}))
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

#[test]
fn an_hour_that_stands_in_two_archives_is_taken_once() {
    let folder = folder();
    let root = folder.path();
    // Seconds 0 to 39 as trades, 20 to 59 as fills without blocks, 40 to 79 as blocks; every second a trade.
    let trade = |at: u64| {
        let (time, _) = second(at);
        let party = |user: &str, start: i64, oid: u64| json!({"user": user, "start_pos": start.to_string(), "oid": oid, "twap_id": null, "cloid": null});
        let side_info = [party("0xa", at as i64, 2 * at), party("0xb", -(at as i64), 2 * at + 1)];
        json!({"coin": "BTC", "side": "B", "time": time, "px": "50000", "sz": "1", "hash": "0x1", "trade_dir_override": "Na", "side_info": side_info})
    };
    let lines = |from: u64, to: u64, line: &dyn Fn(u64) -> String| (from..to).map(line).collect::<String>();
    write(&root.join("hl/node_trades/hourly/20260101/0"), &lines(0, 40, &|at| format!("{}\n", trade(at))));
    let fill_lines = |at: u64| legs(at, second(at).1, at as i64).map(|leg| format!("{leg}\n")).concat();
    write(&root.join("hl/node_fills/hourly/20260101/0"), &lines(20, 60, &fill_lines));
    let blocks = |at: u64| block(1_000 + at, at, &legs(at, second(at).1, at as i64));
    write(&root.join("hl/node_fills_by_block/hourly/20260101/0"), &lines(40, 80, &blocks));
    let url = database(root, "archives");
    for run in ["first", "again"] {
        perpdex_ok(root, &["replay", "hl", "--database", &url]);
        let rows = &query(
            root,
            &url,
            "SELECT COUNT(*) AS fills, COUNT(DISTINCT ts_ms) AS moments, CAST(SUM(is_taker) AS BIGINT) AS trades FROM fills",
        )[0];
        let counts = ["fills", "moments", "trades"].map(|name| rows[name].as_u64().unwrap());
        assert_eq!(counts, [160, 80, 80], "{run} run");
        let chains = query(root, &url, "SELECT chain_id, COUNT(*) AS n FROM fills GROUP BY 1 ORDER BY 1");
        assert_eq!(chains.iter().map(|row| row["n"].as_u64().unwrap()).collect::<Vec<_>>(), [80, 80]);
        assert_eq!(query(root, &url, "SELECT * FROM v_gaps"), Vec::<Value>::new());
        let markets = query(root, &url, "SELECT market_key FROM markets");
        assert_eq!(markets.len(), 1, "archives tell of the same market: {markets:?}");
    }
}

#[test]
fn a_stall_and_a_broken_end_are_gaps_until_another_copy_has_them() {
    let folder = folder();
    let root = folder.path();
    let blocks = |range: std::ops::Range<u64>| range.map(|at| block(at, at, &legs(at, second(at).1, at as i64))).collect::<String>();
    let path = root.join("hl/node_fills_by_block/hourly/20260101/0");
    let cut = blocks(15..21);
    write(&path, &(blocks(1..10) + &cut[..cut.len() - 30]));
    write(&root.join("hl/node_fills_by_block/hourly/20260101/1"), &blocks(21..30));
    let url = database(root, "stall");
    let run = perpdex(root, &["replay", "hl", "--database", &url]);
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    let gaps = query(root, &url, "SELECT from_height, to_height, reason FROM v_gaps ORDER BY 1");
    let told: Vec<(u64, u64, &str)> = gaps
        .iter()
        .map(|gap| (gap["from_height"].as_u64().unwrap(), gap["to_height"].as_u64().unwrap(), gap["reason"].as_str().unwrap()))
        .collect();
    assert_eq!(told, [(10, 14, "missing"), (20, 20, "truncated")]);
    write(&path, &blocks(1..21));
    perpdex_ok(root, &["replay", "hl", "--database", &url]);
    assert_eq!(query(root, &url, "SELECT * FROM v_gaps"), Vec::<Value>::new());
    let rows = &query(root, &url, "SELECT COUNT(*) AS fills FROM fills")[0];
    assert_eq!(rows["fills"], 2 * 29);
}

#[test]
fn open_interest_is_a_stated_level_and_the_fills_since() {
    let folder = folder();
    let root = folder.path();
    // A trade a minute opens one; before the first minute 100 were open, which only the contexts know.
    let blocks = (0..=180).map(|minute| block(1_000 + minute, 60 * minute, &legs(minute, second(60 * minute).1, minute as i64)));
    write(&root.join("hl/node_fills_by_block/hourly/20260101/0"), &blocks.collect::<String>());
    let row = |minute: u64, level: u64| format!("2026-01-01T{:02}:{:02}:00Z,BTC,{level}.0,50000\n", minute / 60, minute % 60);
    let rows = row(30, 131) + &row(31, 1) + &row(59, 160) + &row(90, 191) + &row(105, 999);
    write(&root.join("hl/asset_ctxs/20260101.csv"), &format!("time,coin,open_interest,mark_px\n{rows}"));
    let url = database(root, "levels");
    let run = perpdex(root, &["replay", "hl", "--database", &url]);
    assert_eq!(run.code, Some(1), "half an hour between two rows of contexts is a gap: {}{}", run.stdout, run.stderr);
    let hours = query(root, &url, "SELECT hour_id, oi_long, oi_short, mark_source FROM v_open_interest_hourly ORDER BY hour_id");
    let levels: Vec<(f64, f64)> =
        hours.iter().take(2).map(|hour| (hour["oi_long"].as_f64().unwrap(), hour["oi_short"].as_f64().unwrap())).collect();
    assert_eq!(levels, [(160.0, 160.0), (220.0, 220.0)], "the row of minute 31 is none of those that are taken");
    assert_eq!(hours[1]["mark_source"], "mark");
    let checked = perpdex(root, &["reduce", "--check-oi", "--json", "--database", &url]);
    let found: Value = serde_json::from_str(&checked.stdout).unwrap();
    let counts = ["markets", "checked", "differing", "unreachable"].map(|count| found[count].as_u64());
    assert_eq!((checked.code, counts), (Some(1), [Some(1), Some(3), Some(1), Some(1)]), "{found:#}");
    assert_eq!(found["differences"].as_array().map(Vec::len), Some(1), "{found:#}");
    let checks = query(root, &url, "SELECT computed_long, stated_long, difference_short, equal FROM v_oi_checks ORDER BY ts_ms");
    let last = json!({"computed_long": 206.0, "stated_long": 999.0, "difference_short": -793.0, "equal": 0});
    assert_eq!((checks.len(), &checks[2]), (3, &last));
    assert!(checks[..2].iter().all(|check| check["equal"] == 1), "{checks:?}");
}

/// A `sync` of a node's folder that follows it.
fn follow(root: &Path, url: &str) -> Guarded {
    let endpoint = format!("hyperliquid={}", root.join("hl").display());
    let args = ["sync", "--chain", "hyperliquid", "--endpoint", &endpoint, "--database", url];
    let child: Child = command(root, &args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    Guarded(child)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_is_followed_over_hours_days_and_files_written_anew() {
    let folder = folder();
    let root = folder.path().to_owned();
    let url = database(&root, "tail");
    let hours = root.join("hl/node_fills_by_block/hourly");
    let line = |number: u64| block(number, number, &legs(number, second(number).1, number as i64));
    write(&hours.join("20260101/22"), &line(1));
    let child = follow(&root, &url);
    let reaches = |height: u64| {
        let (root, url) = (root.clone(), url.clone());
        move || {
            let (root, url) = (root.clone(), url.clone());
            async move {
                let sql = "SELECT COALESCE(MAX(height), 0) AS top, COUNT(*) AS fills FROM fills";
                let run = perpdex(&root, &["query", sql, "--database", &url, "--format", "json"]);
                let rows: Vec<Value> = serde_json::from_str(&run.stdout).unwrap_or_default();
                rows.first().is_some_and(|row| row["top"].as_u64() == Some(height) && row["fills"].as_u64() == Some(2 * height))
            }
        }
    };
    until("the first block", reaches(1)).await;
    let append = |path: &Path, text: &str| {
        let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    };
    let second_line = line(2);
    append(&hours.join("20260101/22"), &second_line[..40]);
    append(&hours.join("20260101/22"), &second_line[40..]);
    until("a line that came in two parts", reaches(2)).await;
    write(&hours.join("20260101/23"), &line(3));
    until("the next hour's file", reaches(3)).await;
    write(&hours.join("20260102/0"), &line(4));
    until("the next day's folder", reaches(4)).await;
    // The node starts anew and writes its file from the start, shorter than it was, then further.
    append(&hours.join("20260102/0"), &line(5));
    until("one more", reaches(5)).await;
    fs::write(hours.join("20260102/0"), line(5)).unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(600)).await;
    append(&hours.join("20260102/0"), &line(6));
    until("the block behind a file that was cut back", reaches(6)).await;
    // An hour is compressed when it is over.
    let mut frame = FrameEncoder::new(File::create(hours.join("20260102/0.lz4")).unwrap());
    frame.write_all((line(5) + &line(6)).as_bytes()).unwrap();
    frame.finish().unwrap();
    fs::remove_file(hours.join("20260102/0")).unwrap();
    write(&hours.join("20260102/1"), &line(7));
    until("the block behind a compressed hour", reaches(7)).await;
    assert_eq!(interrupt(child), Some(130));
    assert_eq!(query(&root, &url, "SELECT * FROM v_gaps"), Vec::<Value>::new());
    assert_eq!(query(&root, &url, "SELECT * FROM v_decode_failures"), Vec::<Value>::new());
}

/// Lines whose way is measured.
const LINES: u64 = 20;

/// Prints how long a line of a node's file takes to be a row; a figure of this machine and build, so that nothing is asserted of it.
#[tokio::test(flavor = "multi_thread")]
async fn every_line_becomes_a_row_and_the_time_it_takes_is_told() {
    for engine in Engine::all("every_line_becomes_a_row_and_the_time_it_takes_is_told") {
        let folder = folder();
        let root = folder.path();
        let url = engine.database(root, "latency");
        let path = root.join("hl/node_fills_by_block/hourly/20260101/0");
        let line = |number: u64| block(number, number, &legs(number, second(number).1, number as i64));
        write(&path, &line(1));
        let child = follow(root, &url);
        until("the first block", || async {
            let run = perpdex(root, &["query", "SELECT 1 AS n FROM fills LIMIT 1", "--database", &url, "--format", "json"]);
            run.code == Some(0) && run.stdout.contains('1')
        })
        .await;
        let store = open(&url).await;
        let mut times = Vec::new();
        for number in 2..2 + LINES {
            let mut file = OpenOptions::new().append(true).open(&path).unwrap();
            let written = Instant::now();
            file.write_all(line(number).as_bytes()).unwrap();
            let sql = format!("SELECT height FROM fills WHERE height = {number}");
            while store.query(&sql, 2).await.unwrap().rows.is_empty() {
                assert!(written.elapsed() < Duration::from_secs(60), "block {number} never came");
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            times.push(written.elapsed());
        }
        assert_eq!(interrupt(child), Some(130));
        times.sort_unstable();
        let name = if url.starts_with("sqlite") { "SQLite" } else { "PostgreSQL" };
        eprintln!(
            "from line to row on {name}: median {} ms, longest {} ms",
            times[times.len() / 2].as_millis(),
            times[times.len() - 1].as_millis()
        );
    }
}
