//! Hyperliquid's recorded samples of each kind of file through `replay`, on both engines: each lands as the rows it should be, once.

use std::fs;
use std::io::Write;
use std::path::Path;

use lz4_flex::frame::FrameEncoder;
use serde_json::{Value, json};

use crate::support::{Engine, folder, perpdex_ok, query, reference};

/// A child vault of HLP that takes positions over (the ADL sample names it).
const LIQUIDATOR_VAULT: &str = "0x2e3d94f0562703b25c83308a05046ddaf9a8dd14";

/// One kind of sample.
struct Case {
    name: &'static str,
    /// Path below the folder that is replayed, and what stands there.
    file: (&'static str, String),
    /// Questions with their answers.
    answers: Vec<(&'static str, Value)>,
}

const LIQUIDATIONS: &str = "SELECT market, account, side, kind, qty, notional_usd FROM v_liquidations ORDER BY account";
const LIQUIDATION_TOTALS: &str = "SELECT CAST(SUM(liq_rows) AS BIGINT) AS liq_rows, CAST(SUM(liq_long_usd_e6 + liq_short_usd_e6) AS BIGINT) AS liq_usd_e6, \
                                  CAST(SUM(adl_rows) AS BIGINT) AS adl_rows, CAST(SUM(volume_usd_e6) AS BIGINT) AS volume_usd_e6 FROM agg_market_hour";
const FILLS: &str = "SELECT m.market_key AS market, f.account, f.is_taker, f.in_volume, f.forced, f.fee_usd_e6 FROM fills f \
                     JOIN markets m ON m.market_id = f.market_id ORDER BY 1, 3";

fn sample(test: &str, name: &str) -> Option<String> {
    reference(test, &format!("hyperliquid/samples/{name}")).map(|path| fs::read_to_string(path).expect("the sample is text"))
}

/// Lines of the older fills from pairs of account and fill.
fn lines(pairs: impl Iterator<Item = Value>) -> String {
    pairs.map(|pair| format!("{pair}\n")).collect()
}

fn cases(test: &str) -> Option<Vec<Case>> {
    Some(vec![
        adl(sample(test, "node_fills_by_block_adl_20251010.jsonl")?),
        backstop(&sample(test, "backstop_liquidation_pair_20250621.json")?),
        streaming(sample(test, "node_fills_streaming_liquidation_maker_20260628.jsonl")?),
        trades(sample(test, "node_trades_20250624_part1.jsonl")?),
        fills(&sample(test, "userFills_dust_and_net_child_vaults.json")?),
        funding(sample(test, "misc_events_20260611.jsonl")?),
        contexts(&sample(test, "metaAndAssetCtxs_main_20250822.json")?),
    ])
}

/// The profitable account that is closed: its own kind, in no total of liquidations. Its counterpart is not published.
fn adl(text: String) -> Case {
    let row = json!({"market": "AVAX", "account": "0xe92d2041199b18f611b137457f3acee8bedb22d3", "side": "short", "kind": "adl", "qty": 28.53, "notional_usd": 629.79975});
    Case {
        name: "auto-deleveraging",
        file: ("node_fills_by_block/hourly/20251010/21", text),
        answers: vec![
            (LIQUIDATIONS, json!([row])),
            (LIQUIDATION_TOTALS, json!([{"liq_rows": 0, "liq_usd_e6": 0, "adl_rows": 1, "volume_usd_e6": 629_799_750}])),
        ],
    }
}

/// Both legs say `Liquidated Isolated Long`; one is the liquidated account's. The sample leaves out what stands on the vault's leg.
fn backstop(text: &str) -> Case {
    let sample: Value = serde_json::from_str(text).expect("the sample is JSON");
    let [victim, vault] = [&sample["events"][0], &sample["events"][1]];
    let mut legs = [victim.clone(), vault.clone()];
    legs[1][0] = json!(LIQUIDATOR_VAULT);
    for (key, value) in
        [("startPosition", json!("0.0")), ("fee", json!("0.0")), ("feeToken", json!("USDC")), ("tid", victim[1]["tid"].clone())]
    {
        legs[1][1][key] = value;
    }
    let row = json!({"market": "ETH", "account": "0x4e8ffa69c78d7a067e1795fbe16a5c80c90b6c05", "side": "long", "kind": "backstop", "qty": 0.1037, "notional_usd": 240.1692});
    Case {
        name: "backstop",
        file: ("node_fills/hourly/20250621/21.lz4", lines(legs.into_iter())),
        answers: vec![
            (LIQUIDATIONS, json!([row])),
            (LIQUIDATION_TOTALS, json!([{"liq_rows": 1, "liq_usd_e6": 240_169_200, "adl_rows": 0, "volume_usd_e6": 240_169_200}])),
        ],
    }
}

/// One leg of a block that is spread over lines: the maker beside a market liquidation, and no liquidation of its own.
fn streaming(text: String) -> Case {
    // In this form a block is complete when the next one begins.
    let next = json!({"block_time": "2026-06-28T08:43:54", "block_number": 1_052_527_673, "events": []});
    let row = json!({"market": "SOL", "account": "0xa775d1bd91ee2cc4cae6113e5fd9c0c17b355277", "is_taker": 0, "in_volume": 1, "forced": "liq", "fee_usd_e6": -1_255});
    Case {
        name: "streaming",
        file: ("node_fills_streaming/hourly/20260628/8", format!("{}\n{next}\n", text.trim_end())),
        answers: vec![(FILLS, json!([row])), (LIQUIDATIONS, json!([]))],
    }
}

/// Thirteen trades, eight of them spot.
fn trades(text: String) -> Case {
    let totals = "SELECT COUNT(*) AS legs, COUNT(DISTINCT trade_key) AS trades, CAST(SUM(CASE WHEN is_taker = 1 THEN notional_usd_e6 END) AS BIGINT) AS volume_usd_e6 FROM fills";
    Case {
        name: "older trades",
        file: ("node_trades/hourly/20250624/2.lz4", text),
        answers: vec![
            // 0.74 x 36.773 + 208.4 x 0.15823 + 83 x 3.5816 + 1835 x 0.27225 + 73 x 0.2685
            (totals, json!([{"legs": 10, "trades": 5, "volume_usd_e6": 876_639_202}])),
            (LIQUIDATIONS, json!([])),
        ],
    }
}

/// Two fills, a spot buy, dust and a move between vaults, as the older files would write them.
fn fills(text: &str) -> Case {
    let mut rows: Vec<Value> = serde_json::from_str(text).expect("the sample is JSON");
    // The spot rows are of months before, and a pause of months is a gap: here they are of the same minute.
    let first_ms = rows
        .iter()
        .filter(|row| !row["coin"].as_str().is_some_and(|coin| coin.starts_with('@')))
        .filter_map(|row| row["time"].as_u64())
        .min();
    for row in rows.iter_mut().filter(|row| row["time"].as_u64() < first_ms) {
        row["time"] = json!(first_ms);
    }
    rows.sort_by_key(|row| row["time"].as_u64());
    let row = |market: &str, is_taker: i64, in_volume: i64| json!({"market": market, "account": "0xa", "is_taker": is_taker, "in_volume": in_volume, "forced": "none", "fee_usd_e6": 0});
    Case {
        name: "older fills",
        file: ("node_fills/hourly/20260627/2.lz4", lines(rows.into_iter().map(|fill| json!(["0xa", fill])))),
        answers: vec![(FILLS, json!([row("ARB", 0, 1), row("JUP", 0, 1), row("MANTA", 1, 0)]))],
    }
}

/// Two payments of an hour with their rates; transfers and rewards of the same blocks make nothing.
fn funding(text: String) -> Case {
    let payments = "SELECT market, account, side, token_symbol, amount_usd FROM v_funding_payments ORDER BY market";
    let rates = "SELECT market, cost_long_1h, ts_ms - start_ms AS interval_ms FROM v_funding_rates ORDER BY market";
    let mut lines: Vec<&str> = text.lines().collect();
    // The sample has its two blocks in the order of its tests.
    lines.sort_by_key(|line| serde_json::from_str::<Value>(line).expect("a block")["block_number"].as_u64());
    Case {
        name: "funding",
        file: ("misc_events_by_block/hourly/20260611/1", lines.join("\n") + "\n"),
        answers: vec![
            (
                payments,
                json!([
                    {"market": "HYPE", "account": "0x00000000002f3d928030df28cb15b27b56888b9b", "side": "short", "token_symbol": "USDC", "amount_usd": 4.506878},
                    {"market": "ZEC", "account": "0x00000000000dfd47d200dc26e4e5c79b7e6de984", "side": "long", "token_symbol": "USDC", "amount_usd": 9.330246},
                ]),
            ),
            (
                rates,
                json!([
                    {"market": "HYPE", "cost_long_1h": 0.0000308526, "interval_ms": 3_600_000},
                    {"market": "ZEC", "cost_long_1h": -0.0000810249, "interval_ms": 3_600_000},
                ]),
            ),
        ],
    }
}

/// Rows of a CSV, constructed: no recorded one is at hand. Values are those of a recorded answer, columns those of the archive's description.
fn contexts(text: &str) -> Case {
    let answer: Value = serde_json::from_str(text).expect("the sample is JSON");
    let mut csv =
        "time,coin,funding,open_interest,prev_day_px,day_ntl_vlm,premium,oracle_px,mark_px,mid_px,impact_bid_px,impact_ask_px\n".to_owned();
    for at in [0, 1] {
        let (name, context) = (&answer[0]["universe"][at]["name"], &answer[1][at]);
        let cell = |key: &str| context[key].as_str().unwrap_or_default().to_owned();
        let cells = ["funding", "openInterest", "prevDayPx", "dayNtlVlm", "premium", "oraclePx", "markPx", "midPx"].map(cell).join(",");
        csv += &format!("2025-08-22T07:00:00Z,{},{cells},,\n", name.as_str().expect("a name"));
    }
    let levels = "SELECT m.market_key AS market, CAST(o.long_q AS DOUBLE PRECISION) / a.qty_unit AS long, CAST(o.short_q AS DOUBLE PRECISION) / a.qty_unit AS short \
                  FROM oi_anchors o JOIN markets m ON m.market_id = o.market_id JOIN assets a ON a.asset_id = m.asset_id WHERE m.market_key = 'BTC'";
    let prices =
        "SELECT p.kind, p.price_f FROM prices p JOIN markets m ON m.market_id = p.market_id WHERE m.market_key = 'BTC' ORDER BY p.kind";
    Case {
        name: "contexts",
        file: ("asset_ctxs/20250822.csv.lz4", csv),
        answers: vec![
            (levels, json!([{"market": "BTC", "long": 25_877.149_16, "short": 25_877.149_16}])),
            (
                prices,
                json!([{"kind": "mark", "price_f": 113_080.0}, {"kind": "mid", "price_f": 113_079.5}, {"kind": "oracle", "price_f": 113_106.0}]),
            ),
            ("SELECT COUNT(*) AS n FROM oi_anchors", json!([{"n": 2}])),
        ],
    }
}

#[test]
fn every_sample_lands_as_its_kind_once() {
    let test = "every_sample_lands_as_its_kind_once";
    let Some(cases) = cases(test) else { return };
    for engine in Engine::all(test) {
        for case in &cases {
            let folder = folder();
            let url = engine.database(folder.path(), "sample");
            let path = folder.path().join("hl").join(case.file.0);
            fs::create_dir_all(path.parent().expect("a folder")).expect("the folder is made");
            let text = case.file.1.as_bytes();
            // The archive's files are whole; of a plain one the last moment may still go on.
            let bytes = if case.file.0.ends_with(".lz4") { frame(text) } else { text.to_vec() };
            fs::write(&path, bytes).expect("the file is written");
            for run in ["first", "second"] {
                perpdex_ok(folder.path(), &["replay", "hl", "--database", &url]);
                check(folder.path(), &url, case, run);
            }
        }
    }
}

fn frame(text: &[u8]) -> Vec<u8> {
    let mut frame = FrameEncoder::new(Vec::new());
    frame.write_all(text).expect("memory is written to");
    frame.finish().expect("memory is written to")
}

fn check(folder: &Path, url: &str, case: &Case, run: &str) {
    for (sql, want) in &case.answers {
        assert_eq!(Value::Array(query(folder, url, sql)), *want, "{}, {run} run: {sql}", case.name);
    }
    for trouble in ["v_gaps", "v_decode_failures", "v_unresolved"] {
        assert_eq!(query(folder, url, &format!("SELECT * FROM {trouble}")), Vec::<Value>::new(), "{}, {run} run: {trouble}", case.name);
    }
}
