//! Levels and windows: for every dirty market its hours are computed from the tables and written where they differ.

use std::collections::BTreeMap;

use perpdex_core::ReduceStats;
use perpdex_reducer::{HourFunding, HourLevel, levels};

use crate::fact::name;
use crate::history;
use crate::sql::{Bulk, Db, Fault, Param, Result, Tx, Value};

/// Markets reduced in one transaction; between two of them commits may come in.
const MARKETS_PER_TRANSACTION: i64 = 32;
/// Rows removed in one statement.
const HOURS_PER_DELETE: usize = 500;

/// Recomputes every market that is dirty when the call begins.
pub(crate) async fn reduce(db: &Db, mark_age_ms_max: i64) -> Result<ReduceStats> {
    let mut stats = ReduceStats::default();
    let mut after = i64::MIN;
    loop {
        let mut tx = db.begin().await?;
        let sql = format!("SELECT market_id FROM dirty WHERE market_id > $1 ORDER BY market_id LIMIT {MARKETS_PER_TRANSACTION}");
        let markets = tx.rows(&sql, vec![after.into()]).await?.iter().map(|row| row.int(0)).collect::<Result<Vec<i64>>>()?;
        let Some(last) = markets.last() else { return Ok(stats) };
        after = *last;
        for market_id in markets {
            stats.market_hours += reduce_market(&mut tx, market_id, mark_age_ms_max).await?;
            stats.markets += 1;
            tx.execute("DELETE FROM dirty WHERE market_id = $1", vec![market_id.into()]).await?;
        }
        tx.commit().await?;
    }
}

async fn reduce_market(tx: &mut Tx, market_id: i64, mark_age_ms_max: i64) -> Result<u64> {
    let hours = match history::load(tx, market_id, mark_age_ms_max).await? {
        Some(history) => levels(&history).map_err(|error| Fault::Corrupt(format!("hours of market {market_id}: {error}")))?,
        None => perpdex_reducer::MarketHours::default(),
    };
    let mut level_rows = Bulk::new("market_hour", LEVELS);
    hours.levels.iter().for_each(|hour| push_level(&mut level_rows, market_id, hour));
    let mut funding_rows = Bulk::new("funding_hour", FUNDING);
    hours.funding.iter().for_each(|hour| push_funding(&mut funding_rows, market_id, hour));
    Ok(replace(tx, market_id, level_rows, 2).await? + replace(tx, market_id, funding_rows, 3).await?)
}

/// Makes the table hold exactly these rows of the market, touching only what differs. The first `keys` columns are the
/// key, the first two of them market and hour. Gives the number of rows written.
async fn replace(tx: &mut Tx, market_id: i64, wanted: Bulk, keys: usize) -> Result<u64> {
    let width = wanted.columns.len();
    let sql = format!("SELECT {} FROM {} WHERE market_id = $1", wanted.columns.join(", "), wanted.table);
    let mut stored: BTreeMap<Vec<String>, Vec<Value>> = BTreeMap::new();
    for record in tx.rows(&sql, vec![market_id.into()]).await? {
        let key = record.0[..keys].iter().map(|value| format!("{value:?}")).collect();
        stored.insert(key, record.0);
    }
    let (mut missing, mut gone) = (Bulk::new(wanted.table, wanted.columns), Vec::new());
    for row in wanted.cells.chunks(width) {
        let values: Vec<Value> = row.iter().map(as_value).collect();
        let key: Vec<String> = values[..keys].iter().map(|value| format!("{value:?}")).collect();
        match stored.remove(&key) {
            Some(old) if old == values => {}
            old => {
                gone.extend(old);
                missing.cells.extend_from_slice(row);
            }
        }
    }
    gone.extend(stored.into_values());
    for chunk in gone.chunks(HOURS_PER_DELETE) {
        delete(tx, wanted.table, &wanted.columns[1..keys], market_id, chunk).await?;
    }
    let written = missing.rows() as u64;
    tx.bulk(missing).await?;
    Ok(written)
}

async fn delete(tx: &mut Tx, table: &str, key: &[&str], market_id: i64, rows: &[Vec<Value>]) -> Result<()> {
    let mut cells = vec![Param::Int(market_id)];
    let mut places = Vec::with_capacity(rows.len());
    for row in rows {
        let from = cells.len() + 1;
        cells.extend(row[1..=key.len()].iter().map(as_param));
        let place: Vec<String> = (from..from + key.len()).map(|at| format!("${at}")).collect();
        places.push(format!("({})", place.join(", ")));
    }
    let sql = format!("DELETE FROM {table} WHERE market_id = $1 AND ({}) IN (VALUES {})", key.join(", "), places.join(", "));
    tx.execute(&sql, cells).await?;
    Ok(())
}

/// A cell as it comes back from the database.
fn as_value(cell: &Param) -> Value {
    match cell {
        Param::Null => Value::Null,
        Param::Int(value) => Value::Int(*value),
        Param::Float(value) => Value::Float(*value),
        Param::Text(value) => Value::Text(value.clone()),
        Param::Name(value) => Value::Text((*value).to_owned()),
        Param::Bytes(value) => Value::Bytes(value.clone()),
        Param::Exact(value) => Value::Text(value.to_string()),
    }
}

fn as_param(value: &Value) -> Param {
    match value {
        Value::Null => Param::Null,
        Value::Int(value) => Param::Int(*value),
        Value::Float(value) => Param::Float(*value),
        Value::Text(value) => Param::Text(value.clone()),
        Value::Bytes(value) => Param::Bytes(value.clone()),
    }
}

const LEVELS: &[&str] = &[
    "market_id",
    "hour_id",
    "fills_ppm",
    "funding_ppm",
    "long_q",
    "short_q",
    "long_entry_usd_e6",
    "short_entry_usd_e6",
    "mark",
    "mark_f",
    "mark_source",
    "mark_age_ms",
    "long_mark_usd_e6",
    "short_mark_usd_e6",
    "one_mark_usd_e6",
];

fn push_level(bulk: &mut Bulk, market_id: i64, hour: &HourLevel) {
    bulk.push([
        market_id.into(),
        hour.hour_id.into(),
        hour.fills_ppm.into(),
        hour.funding_ppm.into(),
        hour.long_q.into(),
        hour.short_q.into(),
        hour.long_entry_usd_e6.into(),
        hour.short_entry_usd_e6.into(),
        hour.mark.map(|mark| mark.to_string()).into(),
        hour.mark.map(|mark| mark.to_f64()).into(),
        name(hour.mark_source),
        hour.mark_age_ms.into(),
        hour.long_mark_usd_e6.into(),
        hour.short_mark_usd_e6.into(),
        hour.one_mark_usd_e6.into(),
    ]);
}

const FUNDING: &[&str] =
    &["market_id", "hour_id", "kind", "cost_long_1h_e12", "cost_short_1h_e12", "covered_ms", "weight_usd_e6", "weighted_usd_e9"];

fn push_funding(bulk: &mut Bulk, market_id: i64, hour: &HourFunding) {
    bulk.push([
        market_id.into(),
        hour.hour_id.into(),
        Param::Name(hour.kind.as_str()),
        hour.cost_long_1h_e12.into(),
        hour.cost_short_1h_e12.into(),
        hour.covered_ms.into(),
        hour.weight_usd_e6.into(),
        hour.weighted_usd_e9.into(),
    ]);
}
