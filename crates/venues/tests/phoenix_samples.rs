//! The published payloads of Phoenix Eternal give the values that the venue's own decoder gave.
//!
//! Only the program's instructions of each transaction are published; signature, slot and stack paths are real. The folder
//! is named by `PERPDEX_REFERENCE`, as for the other real samples.

mod common;

use std::{
    fs,
    path::{Path, PathBuf},
};

use alloy_primitives::I256;
use base64::prelude::*;
use perpdex_core::{
    Carrier, ChainId, Decimal, Decoded, Event, EventBody, Fill, LiquidationKind, PriceKind, RawBody, RawRecord, Side, SolanaEvent,
    TokenAmount, derived_id,
};
use serde_json::Value;

const SAMPLES: &[&str] =
    &["taker_sell_with_collateral_transfer", "liquidation_transfer", "market_added", "stop_losses", "spline_parameters"];

#[test]
fn every_sample_gives_what_its_decoded_events_say() {
    let Some(samples) = samples("every_sample_gives_what_its_decoded_events_say") else { return };
    let mut checked = 0;
    for (name, sample) in &samples {
        let decoded = decode(&records(sample));
        assert_eq!((&decoded.failures, &decoded.unknown), (&vec![], &vec![]), "{name}");
        for event in published(sample) {
            checked += check(name, text(&event["name"]), &event["fields"], &decoded);
        }
    }
    assert_eq!(checked, 11, "events that make something");
}

#[test]
fn a_sale_of_spcx_in_dollars() {
    let Some(samples) = samples("a_sale_of_spcx_in_dollars") else { return };
    let decoded = decode(&records(&samples[0].1));
    let fills = fills(&decoded);
    let [maker, taker] = fills[..] else { panic!("{} fills", fills.len()) };
    assert!((maker.is_taker, taker.is_taker) == (false, true) && (maker.side, taker.side) == (Side::Buy, Side::Sell));
    assert_eq!(maker.trade_key, taker.trade_key);
    for fill in [maker, taker] {
        let (qty, price) = (number(&fill.qty), number(&fill.price));
        assert_eq!(qty.to_string(), "63.65");
        assert_eq!(price.rescale(3).unwrap().to_string(), "156.597");
        assert_eq!(qty.mul(&price).unwrap().rescale(6).unwrap().to_string(), "9967.3797");
    }
    let mark = decoded.events.iter().find_map(|event| match event.body {
        EventBody::Price(price) if price.kind == PriceKind::Mark => Some(price.price),
        _ => None,
    });
    let mark = number(&mark.unwrap());
    assert_eq!(mark.to_string(), "156.61");
    // The best price touched is told in ticks alone; what a tick is worth, the mark of the same transaction shows.
    let ticks = |event: &str, field: &str| {
        let mut all = published(&samples[0].1);
        let told = all.find(|one| text(&one["name"]) == event).unwrap_or_else(|| panic!("no {event}"));
        Decimal::new(native(&told["fields"][field]), 0)
    };
    let tick = Decimal::parse("0.01").unwrap();
    assert_eq!(ticks("PricesUpdated", "new_mark_price").mul(&tick).unwrap(), mark);
    assert_eq!(ticks("SplineFilled", "price").mul(&tick).unwrap().to_string(), "156.51");
    let event = decoded.events.iter().find(|event| matches!(event.body, EventBody::Fill(_))).unwrap();
    assert_eq!((event.market.as_deref(), event.time_ms), (Some("41:SPCX"), 1_782_492_410_000));
}

/// Whatever is cut off or overwritten, decoding ends; most damage is refused.
#[test]
fn damaged_payloads_never_panic() {
    let mut refusals = 0;
    for case in common::cases().into_iter().filter(|case| case.venue == "phoenix_eternal") {
        let records = case.records();
        for (at, record) in records.iter().enumerate() {
            let RawBody::SolanaEvent(event) = &record.body else { panic!("{}: not an event", case.path.display()) };
            for byte in 0..event.payload.len() {
                for payload in [event.payload[..byte].to_vec(), flipped(&event.payload, byte)] {
                    let mut records = records.clone();
                    records[at].body = RawBody::SolanaEvent(SolanaEvent { payload: payload.into(), ..event.clone() });
                    refusals += decode(&records).failures.len();
                }
            }
        }
    }
    assert!(refusals > 1_000, "only {refusals} refusals");
}

fn flipped(payload: &[u8], byte: usize) -> Vec<u8> {
    let mut payload = payload.to_vec();
    payload[byte] ^= 0xff;
    payload
}

/// Checks one published event; 1 if it makes something.
fn check(sample: &str, name: &str, fields: &Value, decoded: &Decoded) -> usize {
    let fills = fills(decoded);
    let usdc = |field: &str| native(&fields[field]);
    match name {
        "TradeSummary" | "SplineFilled" => {
            let is_taker = name == "TradeSummary";
            let account = text(&fields[if is_taker { "trader" } else { "maker" }]);
            let after = native(&fields[if is_taker { "base_lot_position" } else { "maker_base_lot_position" }]);
            let fill = fills.iter().find(|fill| fill.account == account).unwrap();
            assert_eq!((fill.is_taker, fill.qty.native), (is_taker, native(&fields["base_lots_filled"])), "{sample}");
            assert_eq!(fill.after.unwrap().qty.unwrap().native, after, "{sample}");
            assert_eq!(fill.side, if text(&fields["side"]) == "bid" { Side::Buy } else { Side::Sell }, "{sample}");
            let quote = number(&fill.qty).mul(&number(&fill.price)).unwrap();
            assert_eq!(quote.rescale(6).unwrap(), Decimal::new(usdc("quote_lots_filled"), 6), "{sample}");
            let fee = fill.fee.as_ref().map(|fee| fee.native);
            assert_eq!(fee, is_taker.then(|| usdc("fee_in_quote_lots")), "{sample}");
        }
        "LiquidationTransfer" => {
            let [from, to] = fills[..] else { panic!("{sample}: {} fills", fills.len()) };
            assert_eq!((from.account.as_str(), to.account.as_str()), (text(&fields["liquidatee"]), text(&fields["liquidator"])));
            let moved = native(&fields["base_lots_transferred"]);
            for (fill, change) in [(from, -moved), (to, moved)] {
                let (before, after) = (fill.before.unwrap().qty.unwrap().native, fill.after.unwrap().qty.unwrap().native);
                assert_eq!((after - before, fill.qty.native, fill.in_volume), (change, moved.abs(), false), "{sample}");
                assert!(fill.realized_pnl_usd.is_some(), "{sample}: before and after are those of a PnL");
            }
            assert_eq!(from.liquidation.as_ref().map(|row| row.kind), Some(LiquidationKind::Takeover));
            assert_eq!(to.liquidation, None);
        }
        "TraderFundingSettled" => {
            let paid: Vec<_> = bodies(decoded, |body| match body {
                EventBody::FundingPayment(payment) => Some(&payment.amount),
                _ => None,
            });
            assert_eq!(paid.iter().map(|amount: &&TokenAmount| amount.native).collect::<Vec<_>>(), [usdc("funding_payment")], "{sample}");
        }
        "MarketSummary" => {
            let levels: Vec<_> = bodies(decoded, |body| match body {
                EventBody::OiAnchor(anchor) => Some((anchor.long.unwrap().native, anchor.short.unwrap().native)),
                _ => None,
            });
            let level = native(&fields["open_interest"]);
            assert_eq!(levels, [(level, level)], "{sample}");
        }
        "PricesUpdated" => {
            assert!(bodies(decoded, |body| matches!(body, EventBody::Price(_)).then_some(())).len() >= 2, "{sample}");
        }
        "Header" | "MarketAdded" => {
            let is_creation = name == "MarketAdded";
            let listed: Vec<_> = bodies(decoded, |body| match body {
                EventBody::MarketListed(listed) if listed.is_creation == is_creation => Some(listed),
                _ => None,
            });
            assert_eq!(listed.len(), 1, "{sample}: once a transaction");
            let decimals = fields["base_lot_decimals"].as_u64().map(|decimals| u8::try_from(decimals).unwrap());
            assert!(
                is_creation
                    || (listed[0].native_qty_decimals == decimals && listed[0].symbol.as_deref() == fields["asset_symbol"].as_str())
            );
        }
        _ => return 0,
    }
    1
}

fn samples(test: &str) -> Option<Vec<(String, Value)>> {
    let default = common::root().join("../shared/reference");
    let root = std::env::var_os("PERPDEX_REFERENCE").map_or(default, PathBuf::from);
    let read = |name: &&str| -> Option<(String, Value)> {
        let text = fs::read_to_string(Path::new(&root).join(format!("solana/samples/phoenix_{name}.json"))).ok()?;
        Some(((*name).to_owned(), serde_json::from_str(&text).unwrap()))
    };
    let samples: Option<Vec<_>> = SAMPLES.iter().map(read).collect();
    if samples.is_none() {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{test}: no reference samples; set PERPDEX_REFERENCE");
        eprintln!("skipped: {test}");
    }
    samples
}

/// The inner instructions of the program as records.
fn records(sample: &Value) -> Vec<RawRecord> {
    let (signature, slot) = (text(&sample["signature"]), sample["slot"].as_u64().unwrap());
    let instructions = sample["transaction"]["instructions"].as_array().unwrap().iter();
    let record = |instruction: &Value| {
        let path: Vec<u64> = instruction["stack_path"].as_array().unwrap().iter().map(|part| part.as_u64().unwrap()).collect();
        let [top, inner] = path[..] else { return None };
        let position = format!("{top}.{inner}");
        Some(RawRecord {
            chain: ChainId::SOLANA,
            height: slot,
            rec: derived_id(&[signature, Carrier::Cpi.as_str(), &position]),
            ord: i64::try_from((top << 16) | (inner + 1)).unwrap(),
            tx_id: signature.into(),
            tx_index: None,
            time_ms: sample["block_time"].as_i64().unwrap() * 1_000,
            body: RawBody::SolanaEvent(SolanaEvent {
                program: text(&instruction["programId"]).to_owned(),
                carrier: Carrier::Cpi,
                position,
                parent: top.to_string(),
                payload: BASE64_STANDARD.decode(text(&instruction["data_base64"])).unwrap().into(),
            }),
        })
    };
    instructions.filter_map(record).collect()
}

fn published(sample: &Value) -> impl Iterator<Item = &Value> {
    sample["expected"]["decoded"].as_array().unwrap().iter().flat_map(|stream| stream["events"].as_array().unwrap())
}

fn decode(records: &[RawRecord]) -> Decoded {
    common::decode(perpdex_venues::venue("phoenix_eternal").unwrap(), records)
}

fn bodies<'a, T>(decoded: &'a Decoded, pick: impl Fn(&'a EventBody) -> Option<T>) -> Vec<T> {
    decoded.events.iter().map(|event: &Event| &event.body).filter_map(pick).collect()
}

fn fills(decoded: &Decoded) -> Vec<&Fill> {
    bodies(decoded, |body| match body {
        EventBody::Fill(fill) => Some(&**fill),
        _ => None,
    })
}

fn number(amount: &perpdex_core::Amount) -> Decimal {
    amount.to_decimal(None).unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("not text: {value}"))
}

fn native(value: &Value) -> I256 {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    text.parse().unwrap_or_else(|_| panic!("not a number: {value}"))
}
