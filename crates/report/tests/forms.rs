//! A small window by hand, in all four forms, against what stands in `tests/forms`. `UPDATE_EXPECT=1` rewrites it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use perpdex_core::Decimal;
use perpdex_report::{
    Cascade, Divergence, Extreme, Flow, Hour, Input, LargestLiquidation, Market, Report, SignalRow, StreamState, WaitingEvents, Window,
    html, json, markdown, report, text,
};

/// 2026-04-07T00:00:00Z.
const FIRST: i64 = 493_200;

/// One hour of a market that is indexed as a whole: 100 dollars of volume an hour, of them 60 bought.
fn hour(long: i64, short: i64, mark: i64) -> Hour {
    Hour {
        fills_ppm: 1_000_000,
        funding_ppm: 1_000_000,
        trades: Some(2),
        volume_usd_e6: Some(100_000_000),
        taker_buy_usd_e6: Some(60_000_000),
        taker_sell_usd_e6: Some(40_000_000),
        liq_volume_usd_e6: Some(0),
        adl_volume_usd_e6: Some(0),
        liq_rows: Some(0),
        liq_long_usd_e6: Some(0),
        liq_short_usd_e6: Some(0),
        adl_usd_e6: Some(0),
        fees_usd_e6: Some(50_000),
        fees_unpriced: Some(0),
        funding_received_usd_e6: Some(10_000),
        funding_charged_usd_e6: Some(10_000),
        borrow_charged_usd_e6: Some(0),
        long_q: Some(long),
        short_q: Some(short),
        one_mark_usd_e6: Some((long + short) / 2 * mark * 10_000),
        mark: Some(Decimal::from(mark)),
        cost_long_1h_e12: Some(12_500_000),
        weight_usd_e6: Some((long + short) / 2 * mark * 10_000),
        weighted_usd_e9: Some((long + short) / 2 * mark * 125),
    }
}

fn market(venue: &str, chain: &str, hours: impl Iterator<Item = (i64, Hour)>) -> Market {
    Market {
        chain: chain.to_owned(),
        venue: venue.to_owned(),
        symbol: "ABC/USD".to_owned(),
        asset: "ABC".to_owned(),
        qty_scale: 2,
        is_entry_volume: venue == "gmx_v2",
        is_liquidation_sample: false,
        tells_accounts: true,
        first_hour: FIRST - 100,
        listed_hour: None,
        hours: hours.collect::<BTreeMap<i64, Hour>>(),
    }
}

/// Two whole venues and one with a hole: hours 3 and 4 of it are not indexed, and it has no level from then on.
fn input() -> Input {
    let window = Window { from_hour: FIRST, to_hour: FIRST + 24 };
    let read = || window.read_from_hour()..window.to_hour;
    // 5 units on each side at 100; at the window's end 7 at 110.
    let book = read().map(|id| (id, if id < FIRST + 12 { hour(500, 500, 100) } else { hour(700, 700, 110) }));
    // Longs 4, shorts 2 throughout; a liquidation of 30 dollars in the fifth hour.
    let pool = read().map(|id| {
        let liquidated = if id == FIRST + 4 { 30_000_000 } else { 0 };
        let whole = hour(400, 200, 100);
        (
            id,
            Hour {
                liq_rows: Some(i64::from(liquidated > 0)),
                liq_long_usd_e6: Some(liquidated),
                liq_volume_usd_e6: Some(liquidated),
                ..whole
            },
        )
    });
    let holed = read().filter(|id| !(FIRST + 3..FIRST + 5).contains(id)).map(|id| {
        let whole = hour(900, 900, 100);
        let known = id < FIRST + 3;
        let level = |q: Option<i64>| q.filter(|_| known);
        (id, Hour { long_q: level(whole.long_q), short_q: level(whole.short_q), one_mark_usd_e6: level(whole.one_mark_usd_e6), ..whole })
    });
    Input {
        window,
        place: "sqlite:by-hand.db".to_owned(),
        assets: vec!["ABC".to_owned()],
        venues: Vec::new(),
        markets: vec![market("hyperliquid", "hyperliquid", book), market("gmx_v2", "arbitrum", pool), market("aster_1001x", "bnb", holed)],
        ..lists()
    }
}

/// What is listed as it is stored.
fn lists() -> Input {
    let hour_ms = FIRST * 3_600_000;
    let owned = str::to_owned;
    Input {
        window: Window { from_hour: FIRST, to_hour: FIRST + 24 },
        place: String::new(),
        assets: Vec::new(),
        venues: Vec::new(),
        markets: Vec::new(),
        cascades: vec![Cascade {
            asset: owned("ABC"),
            side: owned("long"),
            start_ms: hour_ms + 60_000,
            end_ms: hour_ms + 420_000,
            usd_e6: 1_500_000_000_000,
            long_usd_e6: 1_200_000_000_000,
            burst_minutes: 4,
            peak_minute_usd_e6: 700_000_000_000,
            price_move_ppm: Some(-31_250),
            oi_destroyed_usd_e6: None,
            venue_list: owned("hyperliquid 80 %, gmx_v2 20 %"),
            first_venue: owned("gmx_v2"),
            is_cross_venue: true,
        }],
        extremes: vec![Extreme {
            chain: owned("bnb"),
            venue: owned("aster_1001x"),
            symbol: owned("ABC|USD"),
            hour_id: FIRST + 2,
            rate_1h_e12: 100_000_000,
            z_e6: None,
            rank_ppm: Some(995_500),
        }],
        signals: vec![SignalRow {
            name: owned("liq_spike"),
            asset: owned("ABC"),
            venue: owned("ALL"),
            hours: 2,
            last_hour_id: FIRST + 5,
            value_e6: Some(30_000_000),
            threshold_e6: Some(25_000_000),
        }],
        largest: vec![LargestLiquidation {
            ts_ms: hour_ms + 61_000,
            chain: owned("arbitrum"),
            venue: owned("gmx_v2"),
            asset: owned("ABC"),
            side: owned("long"),
            kind: owned("pool"),
            usd_e6: 30_000_000,
            tx_id: owned("0x<script>"),
        }],
        divergences: vec![Divergence {
            chain: owned("bnb"),
            venue: owned("aster_1001x"),
            symbol: owned("ABC/USD"),
            hour_id: FIRST + 7,
            divergence_ppm: -12_345,
            venues: 2,
        }],
        flows: vec![Flow {
            chain: owned("bnb"),
            venue: owned("aster_vault"),
            scope: owned("margin"),
            deposits: 3,
            withdrawals: 1,
            deposits_usd_e6: 1_000_500_000,
            withdrawals_usd_e6: 2_000_500_000,
        }],
        streams: vec![
            StreamState {
                chain: owned("bnb"),
                stream: owned("aster_1001x"),
                covered: 28_000,
                missing: Some(800),
                holes: 1,
                evidence: owned("probed"),
                sees_unknown: true,
                decode_failures: 2,
            },
            StreamState {
                chain: owned("hyperliquid"),
                stream: owned("hyperliquid.fills"),
                covered: 86_400,
                missing: None,
                holes: 0,
                evidence: owned("witnessed"),
                sees_unknown: false,
                decode_failures: 0,
            },
        ],
        waiting: vec![WaitingEvents { target: owned("open"), events: 7 }],
    }
}

#[test]
fn the_four_forms() {
    let made = report(&input()).unwrap();
    for (ending, got) in [("txt", text(&made)), ("md", markdown(&made)), ("json", json(&made)), ("html", html(&made).unwrap())] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/forms/by_hand.{ending}"));
        if std::env::var("UPDATE_EXPECT").as_deref() == Ok("1") {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, &got).unwrap();
        }
        let want = fs::read_to_string(&path).unwrap();
        let differing = got.lines().zip(want.lines()).enumerate().find(|(_, (got, want))| got != want);
        assert!(got == want, "{}: first difference {differing:?}", path.display());
    }
}

/// A figure of the JSON form.
fn figure(made: &Report, section: &str, table: &str, row: &[(&str, &str)], column: &str) -> String {
    let document: serde_json::Value = serde_json::from_str(&json(made)).unwrap();
    let rows = document[section][table].as_array().unwrap();
    let found = rows.iter().find(|cells| row.iter().all(|(key, value)| cells[key] == *value)).unwrap();
    found[column].to_string()
}

#[test]
fn figures_are_those_made_by_hand() {
    let made = report(&input()).unwrap();
    let book = [("venue", "hyperliquid")];
    for (section, column, want) in [
        // 7 at 110; before 5 at 100: 2 more at 100 are quantity, the rest of 770 - 500 is price.
        ("open_interest", "oi_one_usd", "770.0"),
        ("open_interest", "oi_change_usd", "270.0"),
        ("open_interest", "oi_change_pct", "54.0"),
        ("open_interest", "oi_change_quantity_usd", "200.0"),
        ("open_interest", "oi_change_price_usd", "70.0"),
        // 24 hours of 100.
        ("volume", "volume_usd", "2400.0"),
        ("volume", "taker_buy_pct", "60.0"),
        ("volume", "oi_over_volume", "0.320833333"),
        ("volume", "turnover", "3.116883117"),
        ("funding", "rate_8h_pct", "0.01"),
        ("funding", "apr_pct", "10.95"),
    ] {
        let got: f64 = figure(&made, section, "by_venue_and_chain", &book, column).parse().unwrap();
        assert_eq!(got, want.parse::<f64>().unwrap(), "{section}.{column}");
    }
    // 30 of 2,400 dollars, and of (4 + 2) / 2 units at 100.
    let pool = [("venue", "gmx_v2")];
    assert_eq!(figure(&made, "liquidations", "by_venue_and_chain", &pool, "liq_volume_pct"), "1.25");
    assert_eq!(figure(&made, "liquidations", "by_venue_and_chain", &pool, "liq_intensity_pct"), "10");
    // 770 and 300 of 1,070; the venue without a level is left out and named.
    let interest = [("asset", "ABC"), ("basis", "open interest")];
    assert_eq!(figure(&made, "concentration", "by_asset", &interest, "venues_left_out"), "\"aster_1001x\"");
    let hhi: f64 = figure(&made, "concentration", "by_asset", &interest, "hhi").parse().unwrap();
    assert!((hhi - (770.0_f64.powi(2) + 300.0_f64.powi(2)) / 1_070.0_f64.powi(2) * 10_000.0).abs() < 1e-6, "{hhi}");
}

#[test]
fn what_is_not_known_is_null_with_its_reason() {
    let made = report(&input()).unwrap();
    let holed = [("venue", "aster_1001x")];
    for (section, column, want) in [
        ("open_interest", "oi_one_usd", "1 of 1 markets without a level"),
        ("open_interest", "oi_change_usd", "1 of 1 markets without a level"),
        ("volume", "volume_usd", "2 of 24 market hours are not fully indexed"),
        ("liquidations", "liq_usd", "2 of 24 market hours are not fully indexed"),
        ("funding", "funding_charged_usd", "2 of 24 market hours are not fully indexed"),
    ] {
        assert_eq!(figure(&made, section, "by_venue_and_chain", &holed, column), "null", "{section}.{column}");
        let document: serde_json::Value = serde_json::from_str(&json(&made)).unwrap();
        let rows = document[section]["by_venue_and_chain"].as_array().unwrap();
        let missing = &rows.iter().find(|row| row["venue"] == "aster_1001x").unwrap()["missing"][column];
        assert!(missing.as_str().is_some_and(|why| why.contains(want)), "{section}.{column}: {missing}");
    }
    // A total over venues is no total where one of them is not known.
    assert_eq!(figure(&made, "volume", "by_venue_and_chain", &[("venue", "ALL")], "volume_usd"), "null");
}

#[test]
fn nothing_indexed_is_said_and_not_drawn() {
    let made = report(&Input { markets: Vec::new(), ..lists() }).unwrap();
    assert!(text(&made).contains("no market is indexed in the window"));
    assert!(!html(&made).unwrap().contains("<path"));
}

#[test]
fn html_stands_alone_and_trusts_no_text() {
    let page = html(&report(&input()).unwrap()).unwrap();
    for foreign in ["<script", "src=", "href=", "@import", "url("] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    assert_eq!(page.matches("<svg").count(), 4);
    assert!(page.contains("0x&lt;script&gt;"));
}

#[test]
fn a_sample_of_liquidations_is_named_as_the_reason() {
    let mut input = input();
    input.markets.retain(|market| market.venue != "aster_1001x");
    let sampled = input.markets.iter_mut().find(|market| market.venue == "gmx_v2").unwrap();
    (sampled.is_liquidation_sample, sampled.tells_accounts) = (true, false);
    let document: serde_json::Value = serde_json::from_str(&json(&report(&input).unwrap())).unwrap();
    for (section, column, want) in [
        ("liquidations", "liq_usd", "gmx_v2 tells a sample of liquidations only"),
        ("liquidations", "liq_volume_pct", "gmx_v2 tells a sample of liquidations only"),
        ("volume", "organic_usd", "gmx_v2 tells a sample of liquidations only"),
        ("volume", "fees_usd", "gmx_v2 tells nothing of accounts"),
    ] {
        for venue in ["gmx_v2", "ALL"] {
            let rows = document[section]["by_venue_and_chain"].as_array().unwrap();
            let row = rows.iter().find(|row| row["venue"] == venue).unwrap();
            assert_eq!(
                (&row[column], row["missing"][column].as_str()),
                (&serde_json::Value::Null, Some(want)),
                "{section}.{column} of {venue}"
            );
        }
    }
}
