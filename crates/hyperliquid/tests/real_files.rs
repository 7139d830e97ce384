//! 500 consecutive mainnet blocks (reference samples), read from files and decoded: every figure that was computed from
//! the files themselves comes out, however the files are written.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use perpdex_core::{
    Action, Batch, ChainId, Decimal, DecodeUnit, Event, EventBody, Fill, Forced, Headers, HoleReason, LiquidationKind, PositionSide, Side,
    Size, Source,
};
use perpdex_hyperliquid::FolderSource;
use serde_json::Value;
use support::{fills, frame, range, reference};

const PART_1: &str = "hyperliquid/samples/node_fills_by_block_20251027_17_part1.jsonl";
const PART_2: &str = "hyperliquid/samples/node_fills_by_block_20251027_17_part2.jsonl";
const EXPECTED: &str = "hyperliquid/samples/node_fills_by_block_20251027_17_part1and2.expected.json";

const FIRST: u64 = 777_010_829;
const LAST: u64 = 777_011_328;

fn samples(test: &str) -> Option<(PathBuf, PathBuf, Value)> {
    let expected = fs::read_to_string(reference(test, EXPECTED)?).unwrap();
    Some((reference(test, PART_1)?, reference(test, PART_2)?, serde_json::from_str(&expected).unwrap()))
}

async fn read(paths: &[PathBuf], to: u64) -> Batch {
    let source = FolderSource::from_files(paths, ChainId::HYPERLIQUID, "samples").unwrap();
    source.fetch(range(FIRST, to), &fills(Headers::All)).await.unwrap()
}

fn decode(batch: &Batch) -> Vec<Event> {
    let venue = perpdex_venues::venue("hyperliquid").unwrap();
    let mut events = Vec::new();
    for record in &batch.records {
        let unit = DecodeUnit {
            chain: record.chain,
            height: record.height,
            time_ms: record.time_ms,
            tx_id: &record.tx_id,
            records: std::slice::from_ref(record),
            state: &[],
        };
        let decoded = venue.decode(&unit);
        assert_eq!((decoded.failures, decoded.unknown), (vec![], vec![]));
        events.extend(decoded.events);
    }
    events
}

fn fill_of(event: &Event) -> &Fill {
    match &event.body {
        EventBody::Fill(fill) => fill,
        other => panic!("not a fill: {other:?}"),
    }
}

fn qty(fill: &Fill) -> Decimal {
    fill.qty.to_decimal(None).unwrap()
}

fn notional(fill: &Fill) -> Decimal {
    qty(fill).mul(&fill.price.to_decimal(None).unwrap()).unwrap()
}

fn position(size: &Option<Size>) -> Decimal {
    size.unwrap().qty.unwrap().to_decimal(None).unwrap()
}

fn sum(values: impl Iterator<Item = Decimal>) -> Decimal {
    values.fold(Decimal::ZERO, |sum, value| sum.add(&value).unwrap())
}

/// Change of one side's open interest: `sign` 1 for longs, -1 for shorts.
fn side_delta(fill: &Fill, long: bool) -> Decimal {
    let part = |size: Decimal| match size.is_negative() != long {
        true => size.abs(),
        false => Decimal::ZERO,
    };
    part(position(&fill.after)).add(&part(position(&fill.before)).neg()).unwrap()
}

fn decimal(value: &Value) -> Decimal {
    Decimal::parse(value.as_str().unwrap()).unwrap()
}

#[tokio::test]
async fn every_figure_of_the_sample_comes_out() {
    let Some((part_1, part_2, expected)) = samples("every_figure_of_the_sample_comes_out") else { return };
    let batch = read(&[part_2, part_1], LAST).await;
    assert_eq!((batch.blocks.len() as u64, &batch.holes), (expected["blocks"].as_u64().unwrap(), &vec![]));
    assert_eq!(batch.blocks.len() - batch.records.len(), expected["empty_blocks"].as_u64().unwrap() as usize);
    let events = decode(&batch);
    assert_eq!(events.len() as u64, expected["perp_fills"].as_u64().unwrap());
    let keys: BTreeSet<_> = events.iter().map(|event| event.key).collect();
    assert_eq!(keys.len(), events.len(), "keys are unique");
    coins(&events, &expected["perp_coins"]);
    totals(&events, &expected["totals"]);
    minutes(&events, &expected["minutes_volume_usd_e6"]);
    position_chains(&events, &expected);
    trades_balance(&events);
    the_liquidation(&events, &expected["liquidations"]);
}

fn coins(events: &[Event], expected: &Value) {
    let mut coins: BTreeMap<&str, Vec<&Fill>> = BTreeMap::new();
    for event in events {
        coins.entry(event.market.as_deref().unwrap()).or_default().push(fill_of(event));
    }
    let expected = expected.as_object().unwrap();
    assert!(coins.keys().copied().eq(expected.keys().map(String::as_str).collect::<BTreeSet<_>>()));
    for (coin, fills) in coins {
        let want = &expected[coin];
        let takers = || fills.iter().filter(|fill| fill.is_taker);
        assert_eq!(takers().count() as u64, want["trades"].as_u64().unwrap(), "{coin}");
        assert_eq!(fills.len() as u64, want["fills"].as_u64().unwrap(), "{coin}");
        let users: BTreeSet<_> = fills.iter().map(|fill| &fill.account).collect();
        assert_eq!(users.len() as u64, want["users"].as_u64().unwrap(), "{coin}");
        assert_eq!(sum(takers().map(|fill| qty(fill))), decimal(&want["volume_coin"]), "{coin}");
        for (side, name) in [(Side::Buy, "taker_buy_notional"), (Side::Sell, "taker_sell_notional")] {
            assert_eq!(sum(takers().filter(|fill| fill.side == side).map(|fill| notional(fill))), decimal(&want[name]), "{coin} {name}");
        }
        for (long, name) in [(true, "oi_delta_long"), (false, "oi_delta_short")] {
            assert_eq!(sum(fills.iter().map(|fill| side_delta(fill, long))), decimal(&want[name]), "{coin} {name}");
        }
    }
}

fn totals(events: &[Event], expected: &Value) {
    let all = || events.iter().map(fill_of);
    let takers = || all().filter(|fill| fill.is_taker);
    let usd_e6 = |fills: &mut dyn Iterator<Item = &Fill>| fills.map(|fill| notional(fill).to_i64(6).unwrap()).sum::<i64>();
    assert_eq!(takers().count() as u64, expected["perp_trades"].as_u64().unwrap());
    assert_eq!(usd_e6(&mut takers()), expected["perp_volume_usd_e6"].as_i64().unwrap());
    assert_eq!(usd_e6(&mut all()), expected["perp_both_legs_usd_e6"].as_i64().unwrap());
    assert_eq!(usd_e6(&mut takers().filter(|fill| fill.side == Side::Buy)), expected["perp_taker_buy_usd_e6"].as_i64().unwrap());
    assert!(all().all(|fill| fill.fee.as_ref().unwrap().token == "USDC"));
    for (is_taker, name) in [(true, "taker"), (false, "maker")] {
        let fees = all().filter(|fill| fill.is_taker == is_taker).map(|fill| Decimal::new(fill.fee.as_ref().unwrap().native, 8));
        assert_eq!(sum(fees), decimal(&expected["perp_fees"]["USDC"][name]), "{name}");
    }
    assert_eq!(sum(all().map(|fill| fill.realized_pnl_usd.unwrap())), decimal(&expected["perp_closed_pnl"]));
    let users: BTreeSet<_> = all().map(|fill| &fill.account).collect();
    assert_eq!(users.len() as u64, expected["distinct_perp_users"].as_u64().unwrap());
}

fn minutes(events: &[Event], expected: &Value) {
    let mut minutes: BTreeMap<i64, (i64, i64)> = BTreeMap::new();
    for event in events.iter().filter(|event| fill_of(event).is_taker) {
        let minute = minutes.entry(event.time_ms.div_euclid(60_000)).or_default();
        minute.0 += 1;
        minute.1 += notional(fill_of(event)).to_i64(6).unwrap();
    }
    let want: BTreeMap<&String, (i64, i64)> =
        expected.as_object().unwrap().iter().map(|(name, sums)| (name, (sums[0].as_i64().unwrap(), sums[1].as_i64().unwrap()))).collect();
    assert_eq!(minutes.into_values().collect::<Vec<_>>(), want.into_values().collect::<Vec<_>>());
}

/// The position after a fill is the one before the account's next fill of the coin.
fn position_chains(events: &[Event], expected: &Value) {
    let mut last: BTreeMap<&str, Decimal> = BTreeMap::new();
    let mut checked = 0;
    for fill in events.iter().map(fill_of) {
        if let Some(after) = last.insert(&fill.position_key, position(&fill.after)) {
            assert_eq!(after, position(&fill.before), "{}", fill.trade_key);
            checked += 1;
        }
    }
    assert_eq!(checked, expected["position_chain_checks_ok"].as_u64().unwrap());
}

/// Each trade has two legs: one taker, opposite sides, equal size and price.
fn trades_balance(events: &[Event]) {
    let mut trades: BTreeMap<&str, Vec<&Fill>> = BTreeMap::new();
    for fill in events.iter().map(fill_of) {
        trades.entry(&fill.trade_key).or_default().push(fill);
    }
    for (key, legs) in trades {
        let [a, b] = legs[..] else { panic!("{key} has {} legs", legs.len()) };
        assert!(a.is_taker != b.is_taker && a.side != b.side, "{key}");
        assert_eq!((a.qty, a.price, a.forced), (b.qty, b.price, b.forced), "{key}");
    }
}

fn the_liquidation(events: &[Event], expected: &Value) {
    let liquidated: Vec<_> = events.iter().filter(|event| fill_of(event).liquidation.is_some()).collect();
    let [event] = liquidated[..] else { panic!("{} liquidations", liquidated.len()) };
    let (fill, want) = (fill_of(event), &expected[0]);
    let row = fill.liquidation.as_ref().unwrap();
    assert_eq!((event.key.height, event.market.as_deref()), (want["block_number"].as_u64().unwrap(), want["coin"].as_str()));
    assert_eq!(Some(fill.account.as_str()), want["user"].as_str());
    assert_eq!((row.kind, row.side, fill.side), (LiquidationKind::Market, PositionSide::Short, Side::Buy));
    assert_eq!((fill.action, fill.forced), (Action::Liquidation, Forced::Liq));
    assert_eq!((qty(fill), fill.price.to_decimal(None).unwrap()), (decimal(&want["sz"]), decimal(&want["px"])));
    assert_eq!(
        (notional(fill), row.mark_price.unwrap().to_decimal(None).unwrap()),
        (decimal(&want["notional"]), decimal(&want["mark_px"]))
    );
    let forced = events.iter().filter(|event| fill_of(event).forced == Forced::Liq).count();
    assert_eq!(forced, 2, "both legs of the trade are of its class");
}

#[tokio::test]
async fn the_way_the_files_are_written_changes_nothing() {
    let Some((part_1, part_2, _)) = samples("the_way_the_files_are_written_changes_nothing") else { return };
    let want = decode(&read(&[part_1.clone(), part_2.clone()], LAST).await);
    let text = fs::read_to_string(part_1).unwrap() + &fs::read_to_string(part_2).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let lz4 = folder.path().join("17.lz4");
    fs::write(&lz4, frame(&text)).unwrap();
    assert_eq!(decode(&read(&[lz4], LAST).await), want);
    let spread = folder.path().join("streaming.jsonl");
    fs::write(&spread, one_event_a_line(&text)).unwrap();
    let batch = read(&[spread], LAST).await;
    assert_eq!(batch.blocks.len(), 500);
    assert_eq!(decode(&batch), want);
}

/// The same blocks as a streaming writer would write them.
fn one_event_a_line(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        let mut line: Value = serde_json::from_str(line).unwrap();
        let events = line["events"].as_array().unwrap().clone();
        for events in if events.is_empty() { vec![vec![]] } else { events.into_iter().map(|event| vec![event]).collect() } {
            line["events"] = Value::Array(events);
            out += &format!("{line}\n");
        }
    }
    out
}

#[tokio::test]
async fn a_file_cut_in_the_middle_gives_the_events_before_the_cut() {
    let Some((part_1, part_2, _)) = samples("a_file_cut_in_the_middle_gives_the_events_before_the_cut") else { return };
    let want = decode(&read(&[part_1.clone(), part_2.clone()], LAST).await);
    let text = fs::read_to_string(part_1).unwrap() + &fs::read_to_string(part_2).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let compressed = frame(&text);
    for (name, bytes) in [("cut.jsonl", &text.as_bytes()[..text.len() / 2]), ("cut.lz4", &compressed[..compressed.len() / 2])] {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        let source = FolderSource::open(&path, ChainId::HYPERLIQUID, "cut").unwrap();
        let latest = source.heads().await.unwrap().latest.height;
        let batch = read(&[path], latest).await;
        let events = decode(&batch);
        assert!(events.len() > 500 && events.len() < want.len(), "{name}: {}", events.len());
        assert_eq!(events[..], want[..events.len()], "{name}");
        assert_eq!(
            batch.holes.iter().map(|hole| (hole.range, hole.reason)).collect::<Vec<_>>(),
            [(range(latest, latest), HoleReason::Truncated)]
        );
    }
}
