//! How long positions were held, on 500 mainnet blocks of Hyperliquid: the figures are those of a script that folds the raw lines
//! with a queue for each account and coin, in decimals, and knows nothing of this program.
//!
//! Lots are told of whole days alone. The day around the real half minute is constructed: a block without fills at each other
//! hour, and on the day before one trade of each coin, so that their markets are there when the day begins.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use perpdex_core::Decimal;
use serde_json::{Value, json};

use crate::support::{Engine, folder, perpdex_ok, query, reference};

const PARTS: [&str; 2] =
    ["hyperliquid/samples/node_fills_by_block_20251027_17_part1.jsonl", "hyperliquid/samples/node_fills_by_block_20251027_17_part2.jsonl"];
const FIRST: u64 = 777_010_829;
const LAST: u64 = 777_011_328;
/// 2025-10-26T00:00:00Z.
const DAY_BEFORE_MS: u64 = 1_761_436_800_000;

/// Coin, what closed, units closed, of them with an opening inside the sample, and sum of these times the milliseconds they were
/// held. BTC: 10.86715 were closed, 3.87241 of them had been opened in the same 36 seconds, 5.117 seconds before on average.
const WANT: [(&str, &str, &str, &str, &str); 8] = [
    ("BTC", "account", "10.86715", "3.87241", "19817.05736"),
    ("ETH", "account", "59.0738", "0.0866", "80.6072"),
    ("FARTCOIN", "account", "57457.8", "6934", "47816489"),
    ("PUMP", "account", "25030533", "1074852", "15859132206"),
    ("SOL", "account", "585.56", "19.68", "369736.87"),
    ("WLFI", "liquidation", "890", "0", "0"),
    ("XRP", "account", "32427", "11", "412885"),
    ("ZEC", "account", "36.82", "1.08", "9515.32"),
];
/// Coins of which something was closed, and those of which the sample tells some opening.
const COINS: (usize, usize) = (133, 18);

#[test]
fn real_fills_were_held_as_long_as_their_lines_say() {
    let test = "real_fills_were_held_as_long_as_their_lines_say";
    let (Some(part_1), Some(part_2)) = (reference(test, PARTS[0]), reference(test, PARTS[1])) else { return };
    let real = [part_1, part_2].map(|path| fs::read_to_string(path).expect("the sample is text")).concat();
    for engine in Engine::all(test) {
        let folder = folder();
        let url = engine.database(folder.path(), "holding");
        fs::write(folder.path().join("blocks.jsonl"), around(&real)).expect("the file is written");
        perpdex_ok(folder.path(), &["replay", "blocks.jsonl", "--database", &url]);
        let lots = "SELECT m.market_key, m.multiplier, a.qty_scale, c.closed_by, c.closed_q, c.known_q, CAST(c.held_q_ms AS TEXT) AS held FROM closed_lots_day c \
                    JOIN markets m ON m.market_id = c.market_id JOIN assets a ON a.asset_id = m.asset_id WHERE c.day_id = 20388";
        let rows = query(folder.path(), &url, lots);
        let got: BTreeMap<(String, String), [String; 3]> = rows.iter().map(row).collect();
        for (coin, by, closed, known, held) in WANT {
            let got = got.get(&(coin.to_owned(), by.to_owned()));
            assert_eq!(got, Some(&[closed, known, held].map(str::to_owned)), "{coin}, closed by {by}");
        }
        let coins: BTreeSet<&String> = got.keys().map(|(coin, _)| coin).collect();
        let known: BTreeSet<&String> = got.iter().filter(|(_, sums)| sums[1] != "0").map(|((coin, _), _)| coin).collect();
        assert_eq!((coins.len(), known.len()), COINS);
        // 19,817.05736 BTC milliseconds / 3.87241 BTC = 5,117.4998 ms; 3.87241 / 10.86715 = 0.356341.
        let view = "SELECT CAST(ROUND(CAST(mean_hours * 3600000 AS NUMERIC), 0) AS BIGINT) AS mean_ms, CAST(ROUND(CAST(known_share * 1000000 AS NUMERIC), 0) AS BIGINT) AS known_ppm \
                    FROM v_holding_time_daily WHERE day_id = 20388 AND asset = 'BTC' AND method = 'fifo'";
        assert_eq!(query(folder.path(), &url, view), [json!({"mean_ms": 5_117, "known_ppm": 356_341})]);
    }
}

/// Coin and way of closing; closed, known and held in units of the coin as the venue counts it.
fn row(row: &Value) -> ((String, String), [String; 3]) {
    let int = |name: &str| row[name].as_i64().unwrap_or_else(|| panic!("{name} of {row}"));
    let text = |name: &str| row[name].as_str().unwrap_or_else(|| panic!("{name} of {row}")).to_owned();
    let scale = u8::try_from(int("qty_scale")).expect("a scale");
    let units = |q: &str| {
        let canonical = Decimal::new(q.parse().expect("an integer"), scale);
        canonical.div(&Decimal::from(int("multiplier")), 12).expect("it fits").trimmed().to_string()
    };
    let sums = [units(&int("closed_q").to_string()), units(&int("known_q").to_string()), units(&text("held"))];
    ((text("market_key"), text("closed_by")), sums)
}

/// The real lines with the constructed ones around them, two days in all.
fn around(real: &str) -> String {
    let mut coins = BTreeSet::new();
    for line in real.lines() {
        let block: Value = serde_json::from_str(line).expect("a block");
        let events = block["events"].as_array().expect("events");
        coins.extend(events.iter().map(|event| event[1]["coin"].as_str().expect("a coin").to_owned()));
    }
    let trades =
        coins.iter().filter(|coin| !coin.starts_with('@') && !coin.contains('/')).zip(1..).flat_map(|(coin, tid)| trade(coin, tid));
    // The real blocks begin 203 ms before 17:00 of the second day.
    let hours_before = 24 + 17;
    let mut out = String::new();
    for hour in 0..hours_before {
        let events = if hour == 0 { trades.clone().collect() } else { Vec::new() };
        out += &block(FIRST - hours_before + hour, hour, &events);
    }
    out += real.trim_end();
    out += "\n";
    for (height, hour) in (LAST + 1..).zip(42..=49) {
        out += &block(height, hour, &[]);
    }
    out
}

fn block(height: u64, hour: u64, events: &[Value]) -> String {
    let (day, hour) = (26 + hour / 24, hour % 24);
    format!("{}\n", json!({"block_time": format!("2025-10-{day}T{hour:02}:00:00.000000000"), "block_number": height, "events": events}))
}

/// One unit at one dollar between two accounts that the sample does not name.
fn trade(coin: &str, tid: u64) -> [Value; 2] {
    let leg = |user: &str, side: &str| {
        json!([user, {"coin": coin, "px": "1", "sz": "1", "side": side, "time": DAY_BEFORE_MS, "startPosition": "0", "dir": "",
            "closedPnl": "0", "hash": "0x1", "oid": tid, "crossed": side == "B", "fee": "0", "tid": tid, "feeToken": "USDC"}])
    };
    [leg("0xa", "B"), leg("0xb", "A")]
}
