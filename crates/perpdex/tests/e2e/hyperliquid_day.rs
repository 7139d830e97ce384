//! A generated day of 100,000 fills through `replay`: every total equals the generator's, in one run or in many.

use std::collections::BTreeMap;

use perpdex_simnet::day::{CoinTruth, write_day};
use serde_json::Value;

use crate::support::{Engine, folder, perpdex, perpdex_ok, query};

const FILLS: u64 = 100_000;

#[test]
fn a_generated_day_gives_the_totals_of_its_generator() {
    let node = folder();
    let truth = write_day(node.path(), FILLS, 7).unwrap();
    assert_eq!(truth.fills, FILLS);
    for engine in Engine::all("a_generated_day_gives_the_totals_of_its_generator") {
        let folder = folder();
        let url = engine.database(folder.path(), "day");
        perpdex_ok(folder.path(), &["replay", node.path().to_str().unwrap(), "--database", &url]);
        let ask = |sql: &str| query(folder.path(), &url, sql);
        assert_eq!(totals(&ask), truth.coins.iter().map(|(coin, sums)| ((*coin).to_owned(), sums.clone())).collect());
        let rows = &ask("SELECT (SELECT COUNT(*) FROM fills) AS fills, (SELECT COUNT(*) FROM v_gaps) AS gaps")[0];
        assert_eq!((rows["fills"].as_u64(), rows["gaps"].as_u64()), (Some(truth.fills), Some(0)));
        // History from block 1 begins at nothing, so that the level at the last hour is what is open at the day's end.
        perpdex_ok(folder.path(), &["status", "--check", "--database", &url]);
        let again = perpdex(folder.path(), &["replay", node.path().to_str().unwrap(), "--database", &url]);
        assert_eq!(again.code, Some(0), "{}", again.stderr);
        assert_eq!(totals(&ask), truth.coins.iter().map(|(coin, sums)| ((*coin).to_owned(), sums.clone())).collect());
    }
}

fn totals(ask: &dyn Fn(&str) -> Vec<Value>) -> BTreeMap<String, CoinTruth> {
    let rows =
        ask("SELECT m.market_key, a.qty_unit, CAST(SUM(h.trades) AS BIGINT) AS trades, CAST(SUM(h.volume_usd_e6) AS BIGINT) AS volume, \
         CAST(SUM(h.taker_buy_usd_e6) AS BIGINT) AS buys, CAST(SUM(h.long_delta_q) AS BIGINT) AS longs, \
         CAST(SUM(h.short_delta_q) AS BIGINT) AS shorts, CAST(SUM(h.liq_rows) AS BIGINT) AS liqs, \
         CAST(SUM(h.liq_long_usd_e6 + h.liq_short_usd_e6) AS BIGINT) AS liq_usd \
         FROM agg_market_hour h JOIN markets m ON m.market_id = h.market_id JOIN assets a ON a.asset_id = m.asset_id GROUP BY 1, 2");
    let coin = |row: &Value| {
        let int = |name: &str| row[name].as_i64().unwrap_or_else(|| panic!("{name} of {row}"));
        let thousandths = |name: &str| int(name) / (int("qty_unit") / 1_000);
        let sums = CoinTruth {
            trades: int("trades"),
            volume_usd_e6: int("volume"),
            taker_buy_usd_e6: int("buys"),
            long_e3: thousandths("longs"),
            short_e3: thousandths("shorts"),
            liquidations: int("liqs"),
            liquidated_usd_e6: int("liq_usd"),
        };
        (row["market_key"].as_str().unwrap().to_owned(), sums)
    };
    rows.iter().map(coin).collect()
}
