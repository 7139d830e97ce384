//! Real receipts from the reference folder give the values that their sources state.
//!
//! The folder is named by `PERPDEX_REFERENCE`; without it, `../shared/reference` beside the repository is tried. Where it is
//! absent the tests say that they were skipped; under `CI=true` that is a failure.

mod common;

use std::{fs, path::PathBuf};

use alloy_primitives::{Address, B256, Bytes, I256};
use perpdex_core::{
    ChainId, Decimal, Decoded, EventBody, EvmLog, Fill, Forced, FundingRate, Period, PositionSide, RawBody, RawRecord, Unit, Venue,
};
use serde_json::Value;

#[test]
fn gmx_v2_increase_short_zec() {
    let Some((sample, decoded)) = gmx_sample("gmx_v2_increase_short_zec") else { return };
    let fill = check_trade(&sample, &decoded, "PositionIncrease");
    assert_eq!(fill.position_side, Some(PositionSide::Short));
    assert_eq!(fill.realized_pnl_usd, None);
    check_rate(&sample, &decoded, 41);
}

#[test]
fn gmx_v2_partial_decrease_long_btc() {
    let Some((sample, decoded)) = gmx_sample("gmx_v2_partial_decrease_long_btc_with_swap") else { return };
    let fill = check_trade(&sample, &decoded, "PositionDecrease");
    assert_eq!(fill.position_side, Some(PositionSide::Long));
    let pnl = sample["expected"]["derived"]["base_pnl_usd"].as_str().unwrap();
    assert_eq!(fill.realized_pnl_usd, Some(Decimal::parse(pnl).unwrap()));
    check_rate(&sample, &decoded, 109);
}

#[test]
fn gmx_v2_funding_update_without_a_trade() {
    let Some((sample, decoded)) = gmx_sample("gmx_v2_funding_update_withdrawal_b") else { return };
    let derived = &sample["expected"]["derived"];
    check_rate(&sample, &decoded, derived["seconds_since_last_update_from_borrowing"].as_i64().unwrap());
    let rate = rate(&decoded);
    let per_hour = derived["funding_rate_per_hour_paying_side"].as_str().unwrap();
    assert_eq!(rate.cost_long_1h, Some(Decimal::parse(per_hour).unwrap()));
    // Per dollar of size shorts get 8075216067106249056560 / 66570049747838359683724 in WETH and
    // 199759472062185 / 222350227821259 in USDC of what longs pay: 1.0197… in all.
    let received = rate.cost_short_1h.unwrap().neg();
    let share = received.div(&rate.cost_long_1h.unwrap(), 12).unwrap();
    assert_eq!(share, Decimal::parse("1.019704164520").unwrap());
    assert_eq!(count(&decoded, |body| matches!(body, EventBody::Fill(_))), 0);
    assert_eq!(count(&decoded, |body| matches!(body, EventBody::OiAnchor(_))), 0);
    assert_eq!(count(&decoded, |body| matches!(body, EventBody::FundingIndex(_))), 2);
}

/// Account, keys, sizes, price, fees and levels of the one trade of a receipt.
fn check_trade(sample: &Value, decoded: &Decoded, event: &str) -> Fill {
    let expected = &sample["expected"];
    let (position, fees, derived) = (&expected[event], &expected["PositionFeesCollected"], &expected["derived"]);
    let decimals = u8::try_from(expected["index_token_decimals"].as_u64().unwrap()).unwrap();
    let fills: Vec<&Fill> = bodies(decoded, |body| match body {
        EventBody::Fill(fill) => Some(&**fill),
        _ => None,
    });
    let [fill] = fills[..] else { panic!("{} fills", fills.len()) };
    assert_eq!(fill.account, address(&position["account"]));
    assert_eq!(fill.position_key, text(&position["positionKey"]));
    assert_eq!(fill.order_key.as_deref(), Some(text(&position["orderKey"])));
    assert_eq!(fill.collateral_token.as_deref(), Some(address(&position["collateralToken"]).as_str()));
    assert_eq!((fill.forced, fill.liquidation.is_some()), (Forced::None, derived["is_liquidation"].as_bool().unwrap()));
    assert_eq!(fill.action.as_str(), text(&derived["position_change"]));

    let in_units = |amount: &perpdex_core::Amount| amount.to_decimal(Some(decimals)).unwrap();
    assert_eq!(in_units(&fill.qty), decimal(&derived["size_delta_tokens"]));
    assert_eq!(in_units(&fill.price), decimal(&derived["execution_price"]));
    assert_eq!(in_units(&fill.venue_notional_usd.unwrap()), decimal(&derived["size_delta_usd"]));
    let (before, after) = (fill.before.unwrap(), fill.after.unwrap());
    assert_eq!(in_units(&after.entry_usd.unwrap()), decimal(&derived["size_after_usd"]));
    assert_eq!(after.qty.unwrap().native.abs(), native(&position["sizeInTokens"]));
    let change = (after.qty.unwrap().native - before.qty.unwrap().native).abs();
    assert_eq!((change, after.qty.unwrap().unit), (native(&position["sizeDeltaInTokens"]), Unit::MarketQty));

    check_costs(decoded, fill, fees);
    check_level(decoded, expected, fill.position_side.unwrap(), decimals);
    fill.clone()
}

/// `totalCostAmount` = trading fee after discounts + borrowing + funding + UI fee, out of the decoded events.
fn check_costs(decoded: &Decoded, fill: &Fill, fees: &Value) {
    let fee = fill.fee.as_ref().unwrap();
    let discount = fees.get("referral.traderDiscountAmount").map_or(I256::ZERO, native);
    assert_eq!(fee.native, native(&fees["positionFeeAmount"]) - discount);
    assert_eq!(fill.fee_token_price_usd, Some(Decimal::new(native(&fees["collateralTokenPrice.min"]), 30)));
    let paid: Vec<I256> = bodies(decoded, |body| match body {
        EventBody::FundingPayment(payment) if payment.amount.native.is_negative() => Some(-payment.amount.native),
        _ => None,
    });
    let paid = paid.into_iter().fold(I256::ZERO, |sum, amount| sum + amount);
    assert_eq!(fee.native + paid + native(&fees["uiFeeAmount"]), native(&fees["totalCostAmount"]));
    let granted = ["claimableLongTokenAmount", "claimableShortTokenAmount"].map(|key| native(&fees[key]));
    let received: Vec<I256> = bodies(decoded, |body| match body {
        EventBody::FundingPayment(payment) if !payment.amount.native.is_negative() => Some(payment.amount.native),
        _ => None,
    });
    assert_eq!(received, granted.into_iter().filter(|amount| !amount.is_zero()).collect::<Vec<_>>());
}

fn check_level(decoded: &Decoded, expected: &Value, side: PositionSide, decimals: u8) {
    let anchors = bodies(decoded, |body| match body {
        EventBody::OiAnchor(anchor) => Some(anchor),
        _ => None,
    });
    let [anchor] = anchors[..] else { panic!("{} anchors", anchors.len()) };
    let (qty, usd) = match side {
        PositionSide::Long => (anchor.long, anchor.long_entry_usd),
        PositionSide::Short => (anchor.short, anchor.short_entry_usd),
    };
    let derived = &expected["derived"];
    let in_units = |amount: perpdex_core::Amount| amount.to_decimal(Some(decimals)).unwrap();
    assert_eq!(qty.map(in_units), Some(decimal(&derived["oi_tokens_after_this_market_collateral_side"])));
    assert_eq!(usd.map(in_units), Some(decimal(&derived["oi_usd_after_this_market_collateral_side"])));
}

/// The paying side, its factor per second, and the whole seconds it was charged for.
fn check_rate(sample: &Value, decoded: &Decoded, seconds: i64) {
    let derived = &sample["expected"]["derived"];
    let rate = rate(decoded);
    let (payer, receiver) = match text(&derived["funding_paying_side"]) {
        "long" => (rate.cost_long_1h, rate.cost_short_1h),
        _ => (rate.cost_short_1h, rate.cost_long_1h),
    };
    let per_hour = decimal(&derived["funding_factor_per_second"]).mul(&Decimal::from(3_600)).unwrap();
    assert_eq!(payer, Some(per_hour));
    assert!(receiver.unwrap().is_negative());
    let end_ms = sample["block_time"].as_i64().unwrap() * 1_000;
    assert_eq!(rate.period, Period::Exact { start_ms: end_ms - seconds * 1_000, end_ms });
}

fn rate(decoded: &Decoded) -> FundingRate {
    let rates = bodies(decoded, |body| match body {
        EventBody::FundingRate(rate) => Some(*rate),
        _ => None,
    });
    let [rate] = rates[..] else { panic!("{} rates", rates.len()) };
    rate
}

fn bodies<'a, T>(decoded: &'a Decoded, pick: impl Fn(&'a EventBody) -> Option<T>) -> Vec<T> {
    decoded.events.iter().filter_map(|event| pick(&event.body)).collect()
}

fn count(decoded: &Decoded, is: impl Fn(&EventBody) -> bool) -> usize {
    decoded.events.iter().filter(|event| is(&event.body)).count()
}

/// The sample and what comes of the logs that the stream asks for; `None` where there is no reference folder.
fn gmx_sample(name: &str) -> Option<(Value, Decoded)> {
    let path = reference(name)?.join(format!("arbitrum/samples/{name}.json"));
    let sample: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    let venue: &dyn Venue = perpdex_venues::venue("gmx_v2").unwrap();
    let watch = venue.streams(ChainId::ARBITRUM).remove(0).watch;
    let mut records: Vec<RawRecord> = sample["logs"].as_array().unwrap().iter().map(|log| record(&sample, log)).collect();
    records.retain(|record| watch.matches(record));
    let decoded = common::decode(venue, &records);
    assert_eq!((decoded.failures.as_slice(), decoded.unknown.as_slice()), (&[][..], &[][..]), "{name}");
    Some((sample, decoded))
}

fn record(sample: &Value, log: &Value) -> RawRecord {
    let index = log["log_index"].as_i64().unwrap();
    RawRecord {
        chain: ChainId::ARBITRUM,
        height: sample["block_number"].as_u64().unwrap(),
        rec: index,
        ord: index,
        tx_id: text(&sample["tx_hash"]).into(),
        tx_index: None,
        time_ms: sample["block_time"].as_i64().unwrap() * 1_000,
        body: RawBody::EvmLog(EvmLog {
            address: text(&log["address"]).parse().unwrap(),
            topics: log["topics"].as_array().unwrap().iter().map(|topic| text(topic).parse().unwrap()).collect(),
            data: text(&log["data"]).parse::<Bytes>().unwrap(),
            block_hash: B256::ZERO,
        }),
    }
}

fn reference(test: &str) -> Option<PathBuf> {
    let named = std::env::var_os("PERPDEX_REFERENCE").map(PathBuf::from);
    let folder = named.unwrap_or_else(|| common::root().join("../shared/reference"));
    if folder.is_dir() {
        return Some(folder);
    }
    assert!(std::env::var_os("CI").is_none_or(|value| value != "true"), "no reference folder for {test}; PERPDEX_REFERENCE names it");
    eprintln!("skipped: {test}");
    None
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn native(value: &Value) -> I256 {
    text(value).parse().unwrap()
}

fn decimal(value: &Value) -> Decimal {
    Decimal::parse(text(value)).unwrap()
}

fn address(value: &Value) -> String {
    format!("{:#x}", text(value).parse::<Address>().unwrap())
}
