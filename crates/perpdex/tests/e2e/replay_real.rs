//! 500 consecutive mainnet blocks of Hyperliquid through `replay`, on both engines.

use std::collections::BTreeMap;

use perpdex_core::Decimal;
use serde_json::Value;

use crate::support::{Engine, folder, perpdex_ok, query, reference};

const PART_1: &str = "hyperliquid/samples/node_fills_by_block_20251027_17_part1.jsonl";
const PART_2: &str = "hyperliquid/samples/node_fills_by_block_20251027_17_part2.jsonl";
pub(crate) const EXPECTED: &str = "hyperliquid/samples/node_fills_by_block_20251027_17_part1and2.expected.json";

/// Sums of one coin: trades, fills, accounts, quantity, taker buys and sells in micro-dollars, changes of open interest.
type Coin = (i64, i64, i64, String, i64, i64, String, String);

#[test]
fn five_hundred_real_blocks_give_exactly_the_expected_figures() {
    let test = "five_hundred_real_blocks_give_exactly_the_expected_figures";
    let Some(part_1) = reference(test, PART_1) else { return };
    let (Some(part_2), Some(expected)) = (reference(test, PART_2), reference(test, EXPECTED)) else { return };
    let expected: Value = serde_json::from_str(&std::fs::read_to_string(expected).unwrap()).unwrap();
    for engine in Engine::all(test) {
        let folder = folder();
        let url = engine.database(folder.path(), "replay");
        let parts = [part_1.to_str().unwrap(), part_2.to_str().unwrap()];
        perpdex_ok(folder.path(), &["replay", parts[0], parts[1], "--database", &url]);
        let ask = |sql: &str| query(folder.path(), &url, sql);
        every_figure(&ask, &expected);
        let gaps = ask("SELECT * FROM v_gaps");
        assert!(gaps.is_empty(), "complete files leave no gap: {gaps:?}");
        let before = ask("SELECT COUNT(*) AS n FROM fills");
        perpdex_ok(folder.path(), &["replay", parts[0], parts[1], "--database", &url]);
        assert_eq!(ask("SELECT COUNT(*) AS n FROM fills"), before, "a second replay changes nothing");
    }
}

/// Holds what is stored against what was computed from the two files.
#[track_caller]
pub(crate) fn every_figure(ask: &dyn Fn(&str) -> Vec<Value>, expected: &Value) {
    assert_eq!(coins(ask), expected_coins(expected));
    totals(ask, &expected["totals"]);
    minutes(ask, &expected["minutes_volume_usd_e6"]);
    the_liquidation(ask, &expected["liquidations"][0]);
}

fn coins(ask: &dyn Fn(&str) -> Vec<Value>) -> BTreeMap<String, Coin> {
    let rows = ask("SELECT m.market_key, a.qty_scale, m.multiplier, COUNT(*) AS fills, COUNT(DISTINCT f.account) AS users, \
         CAST(SUM(f.is_taker) AS BIGINT) AS trades, CAST(SUM(CASE WHEN f.is_taker = 1 THEN f.qty_q ELSE 0 END) AS BIGINT) AS qty_q, \
         CAST(SUM(CASE WHEN f.taker_dir = 1 THEN f.notional_usd_e6 ELSE 0 END) AS BIGINT) AS buys, \
         CAST(SUM(CASE WHEN f.taker_dir = -1 THEN f.notional_usd_e6 ELSE 0 END) AS BIGINT) AS sells, \
         CAST(SUM(f.long_delta_q) AS BIGINT) AS longs, CAST(SUM(f.short_delta_q) AS BIGINT) AS shorts \
         FROM fills f JOIN markets m ON m.market_id = f.market_id JOIN assets a ON a.asset_id = m.asset_id GROUP BY 1, 2, 3");
    let coin = |row: &Value| {
        let int = |name: &str| row[name].as_i64().unwrap_or_else(|| panic!("{name} of {row}"));
        let scale = u8::try_from(int("qty_scale")).unwrap();
        let venue_units = |q: i64| {
            let canonical = Decimal::new(q.try_into().unwrap(), scale);
            canonical.div(&Decimal::from(int("multiplier")), 9).unwrap().to_string()
        };
        let name = row["market_key"].as_str().unwrap().to_owned();
        let sums = (int("trades"), int("fills"), int("users"), venue_units(int("qty_q")), int("buys"), int("sells"));
        (name, (sums.0, sums.1, sums.2, sums.3, sums.4, sums.5, venue_units(int("longs")), venue_units(int("shorts"))))
    };
    rows.iter().map(coin).collect()
}

fn expected_coins(expected: &Value) -> BTreeMap<String, Coin> {
    let coin = |coin: &Value| {
        let int = |name: &str| coin[name].as_i64().unwrap();
        let text = |name: &str| Decimal::parse(coin[name].as_str().unwrap()).unwrap();
        let usd = |name: &str| text(name).to_i64(6).unwrap();
        let plain = |name: &str| text(name).to_string();
        let sums = (usd("taker_buy_notional"), usd("taker_sell_notional"));
        (int("trades"), int("fills"), int("users"), plain("volume_coin"), sums.0, sums.1, plain("oi_delta_long"), plain("oi_delta_short"))
    };
    expected["perp_coins"].as_object().unwrap().iter().map(|(name, sums)| (name.clone(), coin(sums))).collect()
}

fn totals(ask: &dyn Fn(&str) -> Vec<Value>, expected: &Value) {
    let hours = &ask("SELECT CAST(SUM(trades) AS BIGINT) AS trades, CAST(SUM(volume_usd_e6) AS BIGINT) AS volume, \
         CAST(SUM(taker_buy_usd_e6) AS BIGINT) AS buys, CAST(SUM(fees_usd_e6) AS BIGINT) AS fees FROM agg_market_hour")[0];
    assert_eq!(hours["trades"], expected["perp_trades"]);
    assert_eq!(hours["volume"], expected["perp_volume_usd_e6"]);
    assert_eq!(hours["buys"], expected["perp_taker_buy_usd_e6"]);
    let usd = |text: &Value| Decimal::parse(text.as_str().unwrap()).unwrap().to_i64(6).unwrap();
    let fees = &expected["perp_fees"]["USDC"];
    assert_eq!(hours["fees"], usd(&fees["maker"]) + usd(&fees["taker"]));
    let legs = &ask("SELECT CAST(SUM(notional_usd_e6) AS BIGINT) AS legs, COUNT(DISTINCT account) AS users, \
         CAST(SUM(CASE WHEN is_taker = 1 THEN fee_usd_e6 ELSE 0 END) AS BIGINT) AS taker_fees, \
         CAST(SUM(realized_pnl_usd_e6) AS BIGINT) AS pnl FROM fills")[0];
    assert_eq!(legs["legs"], expected["perp_both_legs_usd_e6"]);
    assert_eq!(legs["users"], expected["distinct_perp_users"]);
    assert_eq!(legs["taker_fees"], usd(&fees["taker"]));
    assert_eq!(legs["pnl"], usd(&expected["perp_closed_pnl"]));
}

fn minutes(ask: &dyn Fn(&str) -> Vec<Value>, expected: &Value) {
    let rows = ask("SELECT ts_ms / 60000 AS minute_id, COUNT(*) AS trades, CAST(SUM(notional_usd_e6) AS BIGINT) AS volume \
         FROM fills WHERE is_taker = 1 GROUP BY 1 ORDER BY 1");
    let got: Vec<(i64, i64)> = rows.iter().map(|row| (row["trades"].as_i64().unwrap(), row["volume"].as_i64().unwrap())).collect();
    let wanted: BTreeMap<&String, (i64, i64)> = expected
        .as_object()
        .unwrap()
        .iter()
        .map(|(minute, sums)| (minute, (sums[0].as_i64().unwrap(), sums[1].as_i64().unwrap())))
        .collect();
    assert_eq!(got, wanted.into_values().collect::<Vec<_>>());
}

fn the_liquidation(ask: &dyn Fn(&str) -> Vec<Value>, expected: &Value) {
    let rows = ask("SELECT market, account, side, kind, qty, notional_usd FROM v_liquidations");
    assert_eq!(rows.len(), 1, "{rows:?}");
    let row = &rows[0];
    assert_eq!((&row["market"], &row["account"]), (&expected["coin"], &expected["user"]));
    assert_eq!((row["side"].as_str(), row["kind"].as_str()), (Some("short"), Some("market")));
    let number = |text: &Value| text.as_str().unwrap().parse::<f64>().unwrap();
    assert_eq!(row["qty"].as_f64(), Some(number(&expected["sz"])));
    assert_eq!(row["notional_usd"].as_f64(), Some(number(&expected["notional"])));
    let sums = &ask("SELECT CAST(SUM(liq_rows) AS BIGINT) AS n, CAST(SUM(liq_short_usd_e6) AS BIGINT) AS usd FROM agg_market_hour")[0];
    let usd_e6 = Decimal::parse(expected["notional"].as_str().unwrap()).unwrap().to_i64(6).unwrap();
    assert_eq!((sums["n"].as_i64(), sums["usd"].as_i64()), (Some(1), Some(usd_e6)));
}
