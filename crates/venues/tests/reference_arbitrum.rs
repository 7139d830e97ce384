//! Real logs of gTrade and GMX v1 from the reference folder give the values that their sources state. The folder is named as in
//! `reference.rs`.

mod common;

use std::path::PathBuf;

use alloy_primitives::{B256, Bytes};
use perpdex_core::{Action, ChainId, Decimal, Decoded, EventBody, EvmLog, Fill, OiAnchor, PositionSide, RawBody, RawRecord};
use serde_json::Value;

#[test]
fn gtrade_liquidation_long_eth() {
    let Some((sample, decoded)) = sample("gtrade", "gtrade_liquidation_long_eth") else { return };
    let (fill, values) = (fill(&decoded), &sample["expected"]["decoded"]);
    let trade = &values["t"];
    assert_eq!((fill.position_side, fill.action), (Some(PositionSide::Long), Action::Liquidation));
    assert_eq!(fill.position_key, format!("{}/{}", lower(&trade["user"]), text(&trade["index"])));
    assert_eq!(fill.qty.to_decimal(None).unwrap(), number(&trade["positionSizeToken"], 18));
    assert_eq!(fill.price.to_decimal(None).unwrap(), number(&values["oraclePrice"], 10));
    let liquidation = fill.liquidation.as_ref().unwrap();
    assert_eq!((liquidation.side, liquidation.liquidator.as_deref()), (PositionSide::Long, Some(lower(&values["triggerCaller"]).as_str())));
    // 90519.729023 USDC x 136.337 x 0.99987055; the source says between 12.33 and 12.35 million.
    assert_eq!(fill.venue_notional_usd.unwrap().to_decimal(None).unwrap().to_string(), "12339590.72898385855718305");
    check_profit(fill, values, "90519729023");
}

#[test]
fn gtrade_market_open_long() {
    let Some((sample, decoded)) = sample("gtrade", "gtrade_market_open_long") else { return };
    let (fill, values) = (fill(&decoded), &sample["expected"]["decoded"]);
    assert_eq!((fill.position_side, fill.action), (Some(PositionSide::Long), Action::Open));
    assert_eq!(fill.qty.to_decimal(None).unwrap(), number(&values["t"]["positionSizeToken"], 18));
    assert_eq!(fill.price.to_decimal(None).unwrap(), number(&values["t"]["openPrice"], 10));
    let notional = fill.venue_notional_usd.unwrap().to_decimal(None).unwrap();
    assert_eq!(notional.rescale(2).unwrap().to_string(), text(&sample["expected"]["published"]["notional_usd"]));
    assert_eq!((fill.realized_pnl_usd, fill.liquidation.is_some()), (None, false));
    // Size at the entry price is collateral times leverage, to the last unit of the tokens.
    let size = fill.qty.to_decimal(None).unwrap().mul(&fill.price.to_decimal(None).unwrap()).unwrap();
    assert_eq!(size.rescale(12).unwrap(), Decimal::from(10_000));
}

#[test]
fn gtrade_position_size_decrease_long() {
    let Some((sample, decoded)) = sample("gtrade", "gtrade_position_size_decrease_long") else { return };
    let (fill, values) = (fill(&decoded), &sample["expected"]["decoded"]["values"]);
    assert_eq!((fill.position_side, fill.action), (Some(PositionSide::Long), Action::Decrease));
    assert_eq!(fill.qty.to_decimal(None).unwrap(), number(&values["priceImpact"]["positionSizeToken"], 18));
    assert_eq!(fill.price.to_decimal(None).unwrap(), number(&values["priceImpact"]["priceAfterImpact"], 10));
    let notional = fill.venue_notional_usd.unwrap().to_decimal(None).unwrap();
    assert_eq!(notional.rescale(2).unwrap().to_string(), text(&sample["expected"]["published"]["notional_usd"]));
    let (before, after) = (fill.before.unwrap(), fill.after.unwrap());
    assert_eq!(before.entry_usd.unwrap().to_decimal(None).unwrap(), number(&values["existingPositionSizeCollateral"], 6));
    let left = number(&values["newCollateralAmount"], 6).mul(&number(&values["newLeverage"], 3)).unwrap();
    assert_eq!(after.entry_usd.unwrap().to_decimal(None).unwrap(), left.rescale(6).unwrap());
    assert_eq!(fill.fee.as_ref().unwrap().native.to_string(), text(&values["closingFeeCollateral"]));
    let pnl = number(&values["partialRawPnlCollateral"], 6).mul(&number(&sample["expected"]["decoded"]["collateralPriceUsd"], 8)).unwrap();
    assert_eq!(fill.realized_pnl_usd, Some(pnl));
}

#[test]
fn gtrade_pair_open_interest() {
    let Some((sample, decoded)) = sample("gtrade", "gtrade_pair_open_interest") else { return };
    let values = &sample["expected"]["decoded"];
    let anchors: Vec<(&str, &OiAnchor)> = decoded
        .events
        .iter()
        .filter_map(|event| match &event.body {
            EventBody::OiAnchor(anchor) => Some((event.market.as_deref().unwrap(), anchor)),
            _ => None,
        })
        .collect();
    let [("1/3", anchor)] = anchors[..] else { panic!("{anchors:?}") };
    let stated = [anchor.long, anchor.short, anchor.long_entry_usd, anchor.short_entry_usd].map(|amount| amount.unwrap().to_decimal(None));
    let (tokens, collateral) = (&values["newOiToken"], &values["newOiCollateral"]);
    let wanted = [
        number(&tokens["oiLongToken"], 18),
        number(&tokens["oiShortToken"], 18),
        number(&collateral["oiLongCollateral"], 6),
        number(&collateral["oiShortCollateral"], 6),
    ];
    assert_eq!(stated, wanted.map(Some));
}

#[test]
fn gmx_v1_close_short_eth() {
    let Some((sample, decoded)) = sample("gmx_v1", "gmx_v1_close_short_eth") else { return };
    let (fill, expected) = (fill(&decoded), &sample["expected"]);
    let derived = &expected["derived"];
    assert_eq!(fill.account, lower(&expected["published"]["trader"]));
    assert_eq!(fill.collateral_token.as_deref(), Some(lower(&expected["published"]["collateral_token"]).as_str()));
    assert_eq!((fill.position_side, fill.action.as_str()), (Some(PositionSide::Short), text(&derived["position_change"])));
    let told = |amount: perpdex_core::Amount| amount.to_decimal(None).unwrap().to_string();
    assert_eq!(told(fill.venue_notional_usd.unwrap()), text(&derived["size_delta_usd"]));
    assert_eq!(told(fill.price), text(&derived["price"]));
    assert_eq!(fill.realized_pnl_usd.unwrap().to_string(), text(&derived["realised_pnl_usd"]));
    let fee = Decimal::new(fill.fee.as_ref().unwrap().native, 0).mul(&fill.fee_token_price_usd.unwrap()).unwrap();
    assert_eq!(fee.to_string(), text(&derived["fee_usd"]));
    // 2447.676903569831305407188692 dollars at an entry price of 2566.296.
    assert_eq!(told(fill.qty), "0.953778092460819526");
    assert!(fill.after.unwrap().qty.unwrap().native.is_zero());
}

/// Profit in dollars over collateral in dollars is `percentProfit`, to its ten digits.
fn check_profit(fill: &Fill, values: &Value, collateral: &str) {
    let collateral = Decimal::new(collateral.parse().unwrap(), 6).mul(&number(&values["collateralPriceUsd"], 8)).unwrap();
    let percent = fill.realized_pnl_usd.unwrap().mul(&Decimal::from(100)).unwrap().div(&collateral, 10).unwrap();
    assert_eq!(percent, number(&values["percentProfit"], 10));
}

fn fill(decoded: &Decoded) -> &Fill {
    let fills: Vec<&Fill> = decoded
        .events
        .iter()
        .filter_map(|event| match &event.body {
            EventBody::Fill(fill) => Some(&**fill),
            _ => None,
        })
        .collect();
    let [fill] = fills[..] else { panic!("{} fills", fills.len()) };
    fill
}

/// A sample and what its venue makes of the logs that it asks for.
fn sample(venue: &str, name: &str) -> Option<(Value, Decoded)> {
    let named = std::env::var_os("PERPDEX_REFERENCE").map(PathBuf::from);
    let folder = named.unwrap_or_else(|| common::root().join("../shared/reference"));
    if !folder.is_dir() {
        assert!(std::env::var_os("CI").is_none_or(|value| value != "true"), "no reference folder for {name}; PERPDEX_REFERENCE names it");
        eprintln!("skipped: {name}");
        return None;
    }
    let text_of = std::fs::read_to_string(folder.join("arbitrum/samples").join(format!("{name}.json"))).unwrap();
    let sample: Value = serde_json::from_str(&text_of).unwrap();
    let venue = perpdex_venues::venue(venue).unwrap();
    let streams = venue.streams(ChainId::ARBITRUM);
    let records: Vec<RawRecord> = sample["logs"].as_array().unwrap().iter().map(|log| record(&sample, log)).collect();
    let watched: Vec<RawRecord> = records.into_iter().filter(|record| streams.iter().any(|stream| stream.watch.matches(record))).collect();
    let decoded = common::decode(venue, &watched);
    assert!(decoded.failures.is_empty() && decoded.unknown.is_empty(), "{decoded:?}");
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
        time_ms: sample["block_time"].as_i64().unwrap_or_default() * 1_000,
        body: RawBody::EvmLog(EvmLog {
            address: text(&log["address"]).parse().unwrap(),
            topics: log["topics"].as_array().unwrap().iter().map(|topic| text(topic).parse().unwrap()).collect(),
            data: text(&log["data"]).parse::<Bytes>().unwrap(),
            block_hash: B256::ZERO,
        }),
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn lower(value: &Value) -> String {
    text(value).to_lowercase()
}

fn number(value: &Value, decimals: u8) -> Decimal {
    Decimal::new(text(value).parse().unwrap(), decimals)
}
