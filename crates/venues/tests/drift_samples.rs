//! Recorded payloads of Drift v2 and Jupiter Perps against the values their source published, field by field. Payloads stand
//! in constructed envelopes: the samples give no block.

mod common;

use std::path::{Path, PathBuf};

use alloy_primitives::Bytes;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use perpdex_core::{
    Carrier, ChainId, Decimal, Decoded, Event, EventBody, Fill, FundingRate, Period, RawBody, RawRecord, Side, SolanaEvent,
};
use serde_json::Value;

#[test]
fn the_fill_of_2023() {
    let Some((sample, decoded)) = decoded("drift_v2", "drift_fill_match_2023") else { return };
    let told = &sample["expected"]["published"][0]["fields"];
    let fills = fills(&decoded);
    assert_eq!(fills.len(), 2, "taker and maker");
    for (event, fill) in &fills {
        assert_eq!(event.market.as_deref(), Some("1"));
        assert_eq!(event.time_ms, number(&told["ts"]) * 1_000);
        assert_eq!(fill.trade_key, format!("1/{}", text(&told["fill_record_id"])));
        assert_eq!(fill.qty.native.as_i64(), number(&told["base_asset_amount_filled"]));
        let quote = fill.qty.to_decimal(None).unwrap().mul(&fill.price.to_decimal(None).unwrap()).unwrap();
        assert_eq!(quote.to_i64(6), Ok(number(&told["quote_asset_amount_filled"])));
    }
    let [(_, taker), (_, maker)] = &fills[..] else { unreachable!() };
    assert_eq!((taker.account.as_str(), taker.side, taker.is_taker), (text(&told["taker"]), Side::Buy, true));
    assert_eq!((maker.account.as_str(), maker.side, maker.is_taker), (text(&told["maker"]), Side::Sell, false));
    let fee = |fill: &Fill| fill.fee.as_ref().unwrap().native.as_i64();
    assert_eq!((fee(taker), fee(maker)), (number(&told["taker_fee"]), number(&told["maker_fee"])));
    assert_eq!(taker.price.to_decimal(None).unwrap().to_string(), "27684.3");
}

/// The trigger has one prefix, the fill the other; the fill alone is a trade.
#[test]
fn the_trigger_and_the_fill_of_2025() {
    let Some((sample, decoded)) = decoded("drift_v2", "drift_trigger_then_fill_2025_07") else { return };
    let told = &sample["expected"]["decoded"][1]["fields"];
    let fills = fills(&decoded);
    let [(event, fill)] = &fills[..] else { panic!("{decoded:?}") };
    assert_eq!((event.market.as_deref(), fill.side, fill.is_taker), (Some("0"), Side::Sell, true));
    assert_eq!(fill.account, text(&told["taker"]));
    let entry = number(&told["taker_existing_quote_entry_amount"]);
    let gain = number(&told["quote_asset_amount_filled"]) - entry;
    assert_eq!(fill.realized_pnl_usd.unwrap(), Decimal::new(Decimal::from(gain).value, 6));
}

#[test]
fn the_rate_of_2025() {
    let Some((_, decoded)) = decoded("drift_v2", "drift_update_funding_rate_2025_08") else { return };
    let rates: Vec<&FundingRate> = decoded
        .events
        .iter()
        .filter_map(|event| match &event.body {
            EventBody::FundingRate(rate) => Some(rate),
            _ => None,
        })
        .collect();
    let [rate] = rates[..] else { panic!("{decoded:?}") };
    // (94833 / 1e9) / (620724 / 1e6) = 0.01528 % per hour.
    let cost_long = rate.cost_long_1h.unwrap();
    assert_eq!(cost_long.rescale(12).unwrap().to_string(), "0.000152778046");
    assert_eq!(cost_long.rescale(7).unwrap().to_string(), "0.0001528");
    assert_eq!(rate.cost_short_1h.unwrap(), cost_long.neg());
    // Stamped 19:01:55, it settles the hour up to 19:00.
    assert_eq!(rate.period, Period::Exact { start_ms: 1_756_576_800_000, end_ms: 1_756_580_400_000 });
}

#[test]
fn a_swap_and_a_loan_are_no_trades() {
    for (venue, sample) in
        [("drift_v2", "drift_swap_foreign_program_data_2025_10"), ("jupiter_perps", "jupiter_borrow_from_custody_2026_02")]
    {
        let Some((sample, decoded)) = decoded(venue, sample) else { return };
        assert!(!sample["events"].as_array().unwrap().is_empty());
        assert_eq!(decoded, Decoded::default(), "{venue}");
    }
}

/// A sample that comes in later must not lie there unread.
#[test]
fn every_sample_is_held_against_its_values() {
    const HERE: [&str; 5] = [
        "drift_fill_match_2023",
        "drift_trigger_then_fill_2025_07",
        "drift_update_funding_rate_2025_08",
        "drift_swap_foreign_program_data_2025_10",
        "jupiter_borrow_from_custody_2026_02",
    ];
    // An account, of which nothing is read, and a transaction in which no program told anything.
    const WITHOUT_EVENTS: [&str; 2] = ["account_jupiter_custody_sol", "drift_no_events_2025_08"];
    let Some(folder) = samples("every_sample_is_held_against_its_values") else { return };
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned());
    // Those of Phoenix are taken as they lie there (phoenix_samples.rs).
    let mut names: Vec<String> = names.filter(|name| !name.starts_with("phoenix_")).collect();
    let mut wanted: Vec<&str> = HERE.into_iter().chain(WITHOUT_EVENTS).collect();
    names.sort();
    wanted.sort_unstable();
    assert_eq!(names, wanted);
}

/// The sample and what comes of its events; `None` where the folder of samples is absent.
fn decoded(venue: &str, name: &str) -> Option<(Value, Decoded)> {
    let path = samples(name)?.join(name).with_extension("json");
    let sample: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    let records: Vec<RawRecord> = (0..).zip(sample["events"].as_array().unwrap()).map(|(n, event)| record(n, event)).collect();
    let decoded = common::decode(perpdex_venues::venue(venue).unwrap(), &records);
    Some((sample, decoded))
}

/// The folder of samples, where there is one.
fn samples(test: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("PERPDEX_REFERENCE").map_or_else(default_reference, PathBuf::from).join("solana/samples");
    if !folder.is_dir() {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "PERPDEX_REFERENCE must name the folder of recorded samples");
        eprintln!("skipped: {test} (set PERPDEX_REFERENCE to the folder of recorded samples)");
        return None;
    }
    Some(folder)
}

fn record(n: i64, event: &Value) -> RawRecord {
    RawRecord {
        chain: ChainId::SOLANA,
        height: 400_000_000,
        rec: n,
        ord: n,
        tx_id: "envelope".into(),
        tx_index: None,
        time_ms: 1_750_000_000_000,
        body: RawBody::SolanaEvent(SolanaEvent {
            program: text(&event["program"]).to_owned(),
            carrier: if event["carrier"] == "cpi" { Carrier::Cpi } else { Carrier::Log },
            position: n.to_string(),
            parent: String::new(),
            payload: Bytes::from(STANDARD.decode(text(&event["payload_base64"])).unwrap()),
        }),
    }
}

fn fills(decoded: &Decoded) -> Vec<(&Event, &Fill)> {
    assert_eq!((decoded.failures.len(), decoded.unknown.len()), (0, 0), "{decoded:?}");
    let mut fills = Vec::new();
    for event in &decoded.events {
        if let EventBody::Fill(fill) = &event.body {
            fills.push((event, fill.as_ref()));
        }
    }
    fills
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn number(value: &Value) -> i64 {
    text(value).parse().unwrap()
}

fn default_reference() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/reference")
}
