//! Sums that rows add to and, when they go, subtract from. What is added is [`perpdex_reducer::contributions`] and
//! nothing else, on insert, removal and rebuild alike.

use std::collections::BTreeMap;

use alloy_primitives::I256;
use perpdex_core::{Catalog, ChainId, Decimal, Period, StoreError};
use perpdex_reducer::{Contributions, HourContribution, PriceZone, Row, contributions, day_id, flow_contribution, hour_id};

use crate::db::Tx;
use crate::dirty::{self, Touched};
use crate::fact::{key_of, price_cells};
use crate::sql::{Bulk, Fault, Param, Record, Result};

const HOUR_COLUMNS: &[&str] = &[
    "market_id",
    "hour_id",
    "rows",
    "trades",
    "volume_usd_e6",
    "exec_volume_usd_e6",
    "taker_buy_usd_e6",
    "taker_sell_usd_e6",
    "closing_legs_usd_e6",
    "liq_volume_usd_e6",
    "adl_volume_usd_e6",
    "liq_rows",
    "liq_long_usd_e6",
    "liq_short_usd_e6",
    "liq_market_usd_e6",
    "liq_pool_usd_e6",
    "liq_backstop_usd_e6",
    "liq_takeover_usd_e6",
    "adl_rows",
    "adl_usd_e6",
    "long_delta_q",
    "short_delta_q",
    "long_delta_usd_e6",
    "short_delta_usd_e6",
    "long_untold",
    "short_untold",
    "long_moment_hi",
    "long_moment_lo",
    "short_moment_hi",
    "short_moment_lo",
    "long_closed_q",
    "short_closed_q",
    "fees_usd_e6",
    "fees_unpriced",
    "funding_received_usd_e6",
    "funding_charged_usd_e6",
    "borrow_charged_usd_e6",
];

/// Sums of an hour.
const HOUR_SUMS: usize = 35;

/// The sums of a contribution, in the order of [`HOUR_COLUMNS`] behind the key.
fn hour_sums(c: &HourContribution) -> [i64; HOUR_SUMS] {
    // Taken apart by name: a new sum does not compile until it has a column.
    let HourContribution {
        rows,
        trades,
        volume_usd_e6,
        exec_volume_usd_e6,
        taker_buy_usd_e6,
        taker_sell_usd_e6,
        closing_legs_usd_e6,
        liq_volume_usd_e6,
        adl_volume_usd_e6,
        liq_rows,
        liq_long_usd_e6,
        liq_short_usd_e6,
        liq_market_usd_e6,
        liq_pool_usd_e6,
        liq_backstop_usd_e6,
        liq_takeover_usd_e6,
        adl_rows,
        adl_usd_e6,
        long_delta_q,
        short_delta_q,
        long_delta_usd_e6,
        short_delta_usd_e6,
        long_untold,
        short_untold,
        long_moment,
        short_moment,
        long_closed_q,
        short_closed_q,
        fees_usd_e6,
        fees_unpriced,
        funding_received_usd_e6,
        funding_charged_usd_e6,
        borrow_charged_usd_e6,
    } = *c;
    [
        rows,
        trades,
        volume_usd_e6,
        exec_volume_usd_e6,
        taker_buy_usd_e6,
        taker_sell_usd_e6,
        closing_legs_usd_e6,
        liq_volume_usd_e6,
        adl_volume_usd_e6,
        liq_rows,
        liq_long_usd_e6,
        liq_short_usd_e6,
        liq_market_usd_e6,
        liq_pool_usd_e6,
        liq_backstop_usd_e6,
        liq_takeover_usd_e6,
        adl_rows,
        adl_usd_e6,
        long_delta_q,
        short_delta_q,
        long_delta_usd_e6,
        short_delta_usd_e6,
        long_untold,
        short_untold,
        long_moment.hi,
        long_moment.lo,
        short_moment.hi,
        short_moment.lo,
        long_closed_q,
        short_closed_q,
        fees_usd_e6,
        fees_unpriced,
        funding_received_usd_e6,
        funding_charged_usd_e6,
        borrow_charged_usd_e6,
    ]
}

/// What is to be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sign {
    /// The row came.
    Plus,
    /// The row went.
    Minus,
}

type FlowKey = (i64, i64, String, &'static str, i64);

#[derive(Clone, Copy, Debug, Default)]
struct FlowSums {
    /// deposits, withdrawals, deposits_usd_e6, withdrawals_usd_e6.
    sums: [i64; 4],
    deposits_native: I256,
    withdrawals_native: I256,
}

impl FlowSums {
    fn plus(&self, other: &FlowSums) -> Option<FlowSums> {
        let mut total = *self;
        accumulate(&mut total.sums, &other.sums, Sign::Plus)?;
        total.deposits_native = shift(total.deposits_native, other.deposits_native, Sign::Plus)?;
        total.withdrawals_native = shift(total.withdrawals_native, other.withdrawals_native, Sign::Plus)?;
        Some(total)
    }
}

/// Contributions of many rows, added up before they touch the database.
#[derive(Debug, Default)]
pub(crate) struct Sums {
    hours: BTreeMap<(i64, i64), [i64; HOUR_SUMS]>,
    minutes: BTreeMap<(i64, i64, &'static str), [i64; 2]>,
    zones: BTreeMap<(i64, i64, &'static str, i32), [i64; 2]>,
    flows: BTreeMap<FlowKey, FlowSums>,
    /// Hours of markets whose rows came or went, with contributions or without.
    touched: Touched,
    /// Days of markets whose fills came or went.
    touched_lots: Touched,
    has_minus: bool,
}

impl Sums {
    /// Adds what rows contribute.
    pub(crate) fn add(&mut self, rows: &[Row], sign: Sign) -> Result<()> {
        self.has_minus |= sign == Sign::Minus && !rows.is_empty();
        for row in rows {
            self.add_one(row, sign).ok_or_else(|| overflow(row))?;
        }
        Ok(())
    }

    /// Marks a market for the reducer from its first hour on.
    pub(crate) fn touch_whole(&mut self, market_id: i64) {
        self.touched.add(market_id, dirty::ALWAYS, dirty::FOREVER);
    }

    fn add_one(&mut self, row: &Row, sign: Sign) -> Option<()> {
        if let Some((market_id, from_hour, to_hour)) = hours_of(row) {
            self.touched.add(market_id, from_hour, to_hour);
        }
        if let Row::Fill(fill) = row {
            self.touched_lots.add(fill.market_id, day_id(fill.ts_ms), day_id(fill.ts_ms));
        }
        let Contributions { hour, minute, zone } = contributions(row);
        if let Some((market_id, hour_id, contribution)) = hour {
            self.add_hour(market_id, hour_id, &contribution, sign)?;
        }
        if let Some(minute) = minute {
            let key = (minute.market_id, minute.minute_id, minute.side.as_str());
            accumulate(self.minutes.entry(key).or_default(), &[minute.rows, minute.usd_e6], sign)?;
        }
        if let Some(zone) = zone
            && let Some(number) = zone.zone
        {
            let key = (zone.market_id, zone.day_id, zone.side.as_str(), number);
            accumulate(self.zones.entry(key).or_default(), &[zone.rows, zone.usd_e6], sign)?;
        }
        if let Row::Flow(flow) = row {
            let c = flow_contribution(flow);
            let key = (c.venue.id(), c.chain.as_i64(), c.token, c.scope.as_str(), c.hour_id);
            let sums = self.flows.entry(key).or_default();
            accumulate(&mut sums.sums, &[c.deposits, c.withdrawals, c.deposits_usd_e6, c.withdrawals_usd_e6], sign)?;
            sums.deposits_native = shift(sums.deposits_native, c.deposits_native, sign)?;
            sums.withdrawals_native = shift(sums.withdrawals_native, c.withdrawals_native, sign)?;
        }
        Some(())
    }

    /// Adds to an hour; `None` where a sum does not fit.
    pub(crate) fn add_hour(&mut self, market_id: i64, hour_id: i64, contribution: &HourContribution, sign: Sign) -> Option<()> {
        accumulate(self.hours.entry((market_id, hour_id)).or_insert([0; HOUR_SUMS]), &hour_sums(contribution), sign)
    }

    /// Hours of markets that are added to.
    pub(crate) fn hours(&self) -> usize {
        self.hours.len()
    }

    /// Adds all of it to the tables and marks the markets for the reducer.
    pub(crate) async fn apply(self, tx: &mut Tx, catalog: &Catalog) -> Result<()> {
        dirty::mark(tx, &self.touched).await?;
        dirty::mark_lots(tx, &self.touched_lots).await?;
        let mut hours = Bulk::new("agg_market_hour", HOUR_COLUMNS);
        for ((market_id, hour_id), sums) in &self.hours {
            hours.cells.extend([Param::Int(*market_id), Param::Int(*hour_id)]);
            hours.cells.extend(sums.iter().map(|sum| Param::Int(*sum)));
        }
        tx.upsert(hours, &add_on_conflict("agg_market_hour", HOUR_COLUMNS, 2)).await?;
        const MINUTE_COLUMNS: &[&str] = &["market_id", "minute_id", "side", "rows", "usd_e6"];
        let mut minutes = Bulk::new("liq_minute", MINUTE_COLUMNS);
        for ((market_id, minute_id, side), [rows, usd_e6]) in &self.minutes {
            minutes.push([(*market_id).into(), (*minute_id).into(), Param::Name(side), (*rows).into(), (*usd_e6).into()]);
        }
        tx.upsert(minutes, &add_on_conflict("liq_minute", MINUTE_COLUMNS, 3)).await?;
        self.apply_zones(tx).await?;
        apply_flows(tx, catalog, &self.flows).await?;
        if self.has_minus {
            self.remove_empty(tx).await?;
        }
        Ok(())
    }

    async fn apply_zones(&self, tx: &mut Tx) -> Result<()> {
        const COLUMNS: &[&str] =
            &["market_id", "day_id", "side", "zone", "price_from", "price_from_f", "price_to", "price_to_f", "rows", "usd_e6"];
        let mut zones = Bulk::new("liq_zone_day", COLUMNS);
        for ((market_id, day_id, side, number), [rows, usd_e6]) in &self.zones {
            let zone = PriceZone::of(*number).ok_or_else(|| Fault::Corrupt(format!("there is no price zone {number}")))?;
            zones.cells.extend([Param::Int(*market_id), Param::Int(*day_id), Param::Name(side), Param::Int(i64::from(*number))]);
            zones.cells.extend([zone.from, zone.to].iter().flat_map(price_cells));
            zones.cells.extend([Param::Int(*rows), Param::Int(*usd_e6)]);
        }
        let add = "rows = liq_zone_day.rows + excluded.rows, usd_e6 = liq_zone_day.usd_e6 + excluded.usd_e6";
        tx.upsert(zones, &format!("ON CONFLICT (market_id, day_id, side, zone) DO UPDATE SET {add}")).await
    }

    async fn remove_empty(&self, tx: &mut Tx) -> Result<()> {
        for (market_id, hour_id) in self.hours.keys() {
            let sql = "DELETE FROM agg_market_hour WHERE market_id = $1 AND hour_id = $2 AND rows = 0";
            tx.execute(sql, vec![(*market_id).into(), (*hour_id).into()]).await?;
        }
        for (market_id, minute_id, side) in self.minutes.keys() {
            let sql = "DELETE FROM liq_minute WHERE market_id = $1 AND minute_id = $2 AND side = $3 AND rows = 0";
            tx.execute(sql, vec![(*market_id).into(), (*minute_id).into(), Param::Name(side)]).await?;
        }
        for (market_id, day_id, side, zone) in self.zones.keys() {
            let sql = "DELETE FROM liq_zone_day WHERE market_id = $1 AND day_id = $2 AND side = $3 AND zone = $4 AND rows = 0";
            tx.execute(sql, vec![(*market_id).into(), (*day_id).into(), Param::Name(side), i64::from(*zone).into()]).await?;
        }
        Ok(())
    }
}

/// The double of a token's native sum; `None` where the catalog does not know its decimals.
pub(crate) fn token_units(catalog: &Catalog, chain: ChainId, token: &str, native: I256) -> Option<f64> {
    catalog.token(chain, token).map(|token| Decimal::new(native, token.decimals).to_f64())
}

const FLOW_COLUMNS: &[&str] = &[
    "venue_id",
    "chain_id",
    "token",
    "scope",
    "hour_id",
    "deposits",
    "withdrawals",
    "deposits_native",
    "withdrawals_native",
    "deposits_f",
    "withdrawals_f",
    "deposits_usd_e6",
    "withdrawals_usd_e6",
];

/// Natives are wider than any integer of SQLite: sums are read, added up here and written.
async fn apply_flows(tx: &mut Tx, catalog: &Catalog, flows: &BTreeMap<FlowKey, FlowSums>) -> Result<()> {
    if flows.is_empty() {
        return Ok(());
    }
    let mut bulk = Bulk::new("collateral_flow_hour", FLOW_COLUMNS);
    for ((key, sums), before) in flows.iter().zip(stored_flows(tx, flows).await?) {
        let (venue_id, chain_id, token, scope, hour_id) = key;
        let total = sums.plus(&before).ok_or_else(|| Fault::Corrupt(format!("the flows of token {token} in hour {hour_id} do not fit")))?;
        let cells = [Param::Int(*venue_id), Param::Int(*chain_id), Param::Text(token.clone()), Param::Name(scope), Param::Int(*hour_id)];
        let [deposits, withdrawals, deposits_usd_e6, withdrawals_usd_e6] = total.sums;
        if deposits == 0 && withdrawals == 0 {
            let key = "venue_id = $1 AND chain_id = $2 AND token = $3 AND scope = $4 AND hour_id = $5";
            tx.execute(&format!("DELETE FROM collateral_flow_hour WHERE {key}"), cells.to_vec()).await?;
            continue;
        }
        let units = |native| token_units(catalog, ChainId(chain_id.unsigned_abs()), token, native);
        bulk.cells.extend(cells);
        bulk.cells.extend([deposits.into(), withdrawals.into(), total.deposits_native.into(), total.withdrawals_native.into()]);
        bulk.cells.extend([units(total.deposits_native).into(), units(total.withdrawals_native).into()]);
        bulk.cells.extend([deposits_usd_e6.into(), withdrawals_usd_e6.into()]);
    }
    let sums: Vec<String> = FLOW_COLUMNS[5..].iter().map(|column| format!("{column} = excluded.{column}")).collect();
    tx.upsert(bulk, &format!("ON CONFLICT ({}) DO UPDATE SET {}", FLOW_COLUMNS[..5].join(", "), sums.join(", "))).await
}

/// What is stored under each of the keys, in their order; zeros where nothing is.
async fn stored_flows(tx: &mut Tx, flows: &BTreeMap<FlowKey, FlowSums>) -> Result<Vec<FlowSums>> {
    let keys: Vec<(usize, &FlowKey)> = flows.keys().enumerate().collect();
    let keys = serde_json::to_string(&keys).expect("texts and numbers are JSON");
    let sql = format!(
        "SELECT h.deposits, h.withdrawals, h.deposits_usd_e6, h.withdrawals_usd_e6, h.deposits_native, h.withdrawals_native \
         FROM {} LEFT JOIN collateral_flow_hour h ON h.venue_id = CAST(k.value -> 1 ->> 0 AS BIGINT) \
         AND h.chain_id = CAST(k.value -> 1 ->> 1 AS BIGINT) AND h.token = k.value -> 1 ->> 2 AND h.scope = k.value -> 1 ->> 3 \
         AND h.hour_id = CAST(k.value -> 1 ->> 4 AS BIGINT) ORDER BY CAST(k.value ->> 0 AS BIGINT)",
        tx.elements("$1")
    );
    let rows = tx.rows(&sql, vec![keys.into()]).await?;
    let read = |row: &Record| {
        let sum = |at| row.opt_int(at).map(Option::unwrap_or_default);
        let native = |at| row.opt_exact(at).map(Option::unwrap_or_default);
        Ok(FlowSums { sums: [sum(0)?, sum(1)?, sum(2)?, sum(3)?], deposits_native: native(4)?, withdrawals_native: native(5)? })
    };
    rows.iter().map(read).collect()
}

/// `ON CONFLICT` of a table whose first `keys` columns are its key and whose others are sums.
fn add_on_conflict(table: &str, columns: &[&str], keys: usize) -> String {
    let sums: Vec<String> = columns[keys..].iter().map(|column| format!("{column} = {table}.{column} + excluded.{column}")).collect();
    format!("ON CONFLICT ({}) DO UPDATE SET {}", columns[..keys].join(", "), sums.join(", "))
}

fn accumulate<const N: usize>(sums: &mut [i64; N], add: &[i64; N], sign: Sign) -> Option<()> {
    for (sum, add) in sums.iter_mut().zip(add) {
        *sum = match sign {
            Sign::Plus => sum.checked_add(*add)?,
            Sign::Minus => sum.checked_sub(*add)?,
        };
    }
    Some(())
}

fn shift(sum: I256, add: I256, sign: Sign) -> Option<I256> {
    match sign {
        Sign::Plus => sum.checked_add(add),
        Sign::Minus => sum.checked_sub(add),
    }
}

/// The market of a row and the hours, first and last, whose levels read it.
fn hours_of(row: &Row) -> Option<(i64, i64, i64)> {
    let within = |market_id: i64, ts_ms: i64| Some((market_id, hour_id(ts_ms), hour_id(ts_ms)));
    match row {
        Row::Fill(row) => within(row.market_id, row.ts_ms),
        Row::Liquidation(row) => within(row.market_id, row.ts_ms),
        Row::Payment(row) => Some((row.market_id, row.hour_id, row.hour_id)),
        Row::Rate(row) => {
            let (start_ms, end_ms) = match row.period {
                Period::Exact { start_ms, end_ms } => (start_ms, end_ms),
                Period::SincePrevious { end_ms } => (end_ms - 1, end_ms),
            };
            Some((row.market_id, hour_id(start_ms), hour_id(end_ms)))
        }
        // A difference up to a whole hour belongs to the hour before it.
        Row::Index(row) => Some((row.market_id, hour_id(row.ts_ms - 1), hour_id(row.ts_ms))),
        Row::Anchor(row) => within(row.market_id, row.ts_ms),
        Row::Price(row) => within(row.market_id, row.ts_ms),
        Row::Bar(row) => within(row.market_id, row.start_ms),
        Row::TokenPrice(_) | Row::Flow(_) => None,
    }
}

fn overflow(row: &Row) -> Fault {
    let key = key_of(row);
    let message = "a sum of the commit does not fit in 64 bits".to_owned();
    Fault::Store(StoreError::Number { chain: key.chain, height: key.height, message })
}
