//! A store as canonical text: what two stores of the same history must have in common.

use std::cmp::Ordering;
use std::fmt::Write;

use crate::db::Db;
use crate::sql::{Record, Result, Value};

/// How a table takes part in the comparison of stores.
enum Compared {
    /// All columns, by this many key columns.
    Whole(usize),
    /// The answer of this statement, which has no operational columns, by this many key columns.
    Part(&'static str, usize),
    /// Operational: not compared.
    No,
}

/// All tables, in the order of the migrations.
const TABLES: &[(&str, Compared)] = &[
    ("chains", Compared::Whole(1)),
    ("venues", Compared::Whole(1)),
    ("assets", Compared::Whole(1)),
    ("tokens", Compared::Whole(2)),
    ("markets", Compared::Whole(1)),
    ("market_listings", Compared::Whole(4)),
    ("heads", Compared::No),
    // Blocks without records are witnesses of how a range was read, not of what it held; so are links of those with records,
    // whose hashes the records have.
    (
        "blocks",
        Compared::Part(
            "SELECT chain_id, height, ts_ms FROM blocks b WHERE EXISTS (SELECT 1 FROM raw_events e WHERE e.chain_id = b.chain_id AND e.height = b.height)",
            2,
        ),
    ),
    ("targets", Compared::No),
    ("covered_ranges", Compared::Part("SELECT chain_id, venue_id, part, version, from_height, to_height FROM covered_ranges", 5)),
    ("gaps", Compared::Part("SELECT chain_id, venue_id, part, version, from_height, to_height, reason FROM gaps", 5)),
    ("reorgs", Compared::No),
    ("verified_ranges", Compared::No),
    ("verify_differences", Compared::No),
    ("runs", Compared::No),
    ("run_errors", Compared::No),
    ("listing_windows", Compared::No),
    ("raw_events", Compared::Whole(3)),
    ("record_counts", Compared::Whole(1)),
    ("decode_failures", Compared::Whole(4)),
    ("unresolved", Compared::Whole(5)),
    ("undescribed_events", Compared::Whole(5)),
    ("fills", Compared::Whole(4)),
    ("liquidations", Compared::Whole(4)),
    ("funding_payments", Compared::Whole(4)),
    ("funding_rates", Compared::Whole(4)),
    ("funding_index", Compared::Whole(4)),
    ("oi_anchors", Compared::Whole(4)),
    ("prices", Compared::Whole(4)),
    ("token_prices", Compared::Whole(4)),
    ("volume_bars", Compared::Whole(4)),
    ("collateral_flows", Compared::Whole(4)),
    ("agg_market_hour", Compared::Whole(2)),
    ("liq_minute", Compared::Whole(3)),
    ("liq_zone_day", Compared::Whole(4)),
    ("collateral_flow_hour", Compared::Whole(5)),
    ("dirty", Compared::No),
    ("reduce_failures", Compared::Whole(3)),
    ("market_hour", Compared::Whole(2)),
    ("funding_hour", Compared::Whole(3)),
    ("liquidation_hour", Compared::Whole(2)),
    ("market_day", Compared::Whole(2)),
    ("dirty_assets", Compared::No),
    ("reduce_params", Compared::Whole(2)),
    ("asset_hour", Compared::Whole(3)),
    ("asset_mark", Compared::Whole(2)),
    ("price_divergence", Compared::Whole(2)),
    ("holding_time_day", Compared::Whole(4)),
    ("concentration_day", Compared::Whole(3)),
    ("funding_extremes", Compared::Whole(2)),
    ("cascades", Compared::Whole(3)),
    ("cascade_venues", Compared::Whole(4)),
    ("signals", Compared::Whole(4)),
    ("external_metrics", Compared::Whole(6)),
    // Made on demand.
    ("oi_checks", Compared::No),
    ("joined_closes", Compared::Whole(4)),
    ("dirty_lots", Compared::No),
    ("position_lots", Compared::Whole(5)),
    ("closed_lots_day", Compared::Whole(3)),
];

/// Names of all tables.
pub(crate) fn table_names() -> impl Iterator<Item = &'static str> {
    TABLES.iter().map(|(name, _)| *name)
}

/// The compared tables, rows by key, one line a row.
pub(crate) async fn dump(db: &Db) -> Result<String> {
    let mut out = String::new();
    for (name, compared) in TABLES {
        let (sql, keys) = match compared {
            Compared::Whole(keys) => (format!("SELECT * FROM {name}"), *keys),
            Compared::Part(sql, keys) => ((*sql).to_owned(), *keys),
            Compared::No => continue,
        };
        let mut rows = db.rows(&sql, Vec::new()).await?;
        if *name == "covered_ranges" {
            rows = merged(rows)?;
        }
        // Sorted here: the engines order text differently.
        rows.sort_by(|a, b| by_key(&a.0[..keys], &b.0[..keys]));
        writeln!(out, "# {name}").expect("text takes everything");
        for row in rows {
            let cells: Vec<String> = row.0.iter().map(cell).collect();
            writeln!(out, "{}", cells.join("\t")).expect("text takes everything");
        }
    }
    Ok(out)
}

/// Covered ranges that touch, as one.
fn merged(mut rows: Vec<Record>) -> Result<Vec<Record>> {
    rows.sort_by(|a, b| by_key(&a.0[..5], &b.0[..5]));
    let mut out: Vec<Record> = Vec::with_capacity(rows.len());
    for row in rows {
        match out.last_mut() {
            Some(last) if last.0[..4] == row.0[..4] && last.int(5)?.checked_add(1) == Some(row.int(4)?) => last.0[5] = row.0[5].clone(),
            _ => out.push(row),
        }
    }
    Ok(out)
}

fn by_key(a: &[Value], b: &[Value]) -> Ordering {
    let order = |a: &Value, b: &Value| match (a, b) {
        (Value::Int(a), Value::Int(b)) => a.cmp(b),
        (Value::Text(a), Value::Text(b)) => a.cmp(b),
        _ => Ordering::Equal,
    };
    a.iter().zip(b).map(|(a, b)| order(a, b)).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::Int(value) => value.to_string(),
        Value::Float(value) => format!("{value:?}"),
        Value::Text(value) => format!("{value:?}"),
        Value::Bytes(value) => alloy_primitives::hex::encode_prefixed(value),
    }
}
