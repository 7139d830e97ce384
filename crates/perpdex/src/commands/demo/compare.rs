//! Store against ground truth, number by number, joined by names.

use std::collections::{BTreeMap, HashMap};

use anyhow::{Context, Result, anyhow};
use perpdex_core::Decimal;
use perpdex_simnet::truth::{Truth, TruthHour};
use perpdex_store::{SqlStore, Value};
use serde::Serialize;

/// Rows of one comparison at most.
const ROWS_MAX: usize = 10_000_000;

/// What was compared and what differs.
#[derive(Debug, Default, Serialize)]
pub(super) struct Comparison {
    /// Numbers compared.
    pub(super) compared: u64,
    /// Those that differ.
    pub(super) differences: Vec<Difference>,
}

/// One number that differs.
#[derive(Debug, Serialize)]
pub(super) struct Difference {
    /// Which number, by names.
    pub(super) what: String,
    /// What the store holds; `nothing` where a row is missing.
    pub(super) store: String,
    /// What it must hold.
    pub(super) truth: String,
}

impl Comparison {
    /// Whether something was compared and nothing differs.
    pub(super) fn is_equal(&self) -> bool {
        self.compared > 0 && self.differences.is_empty()
    }

    fn number(&mut self, what: impl FnOnce() -> String, store: Option<&str>, truth: &str) {
        self.compared += 1;
        if store != Some(truth) {
            self.differences.push(Difference { what: what(), store: store.unwrap_or("nothing").to_owned(), truth: truth.to_owned() });
        }
    }
}

/// Compares aggregates, levels, rates, flows, row counts and the cascade.
pub(super) async fn compare(store: &SqlStore, truth: &Truth) -> Result<Comparison> {
    let mut comparison = Comparison::default();
    compare_sums(&mut comparison, store, truth).await.context("hourly sums")?;
    compare_levels(&mut comparison, store, truth).await.context("open interest")?;
    compare_rates(&mut comparison, store, truth).await.context("funding rates")?;
    compare_flows(&mut comparison, store, truth).await.context("collateral flows")?;
    compare_row_counts(&mut comparison, store, truth).await.context("row counts")?;
    compare_cascade(&mut comparison, store, truth).await.context("cascade")?;
    compare_found(&mut comparison, store, truth).await.context("cascade found")?;
    Ok(comparison)
}

/// Rows of a query by the names in their first columns; every value as text, NULL as `None`.
type Named = BTreeMap<Vec<String>, Vec<Option<String>>>;

async fn named(store: &SqlStore, sql: &str, names: usize) -> Result<Named> {
    let table = store.query(sql, ROWS_MAX).await?;
    if table.is_truncated {
        return Err(anyhow!("the store has more than {ROWS_MAX} rows to compare"));
    }
    let mut rows = Named::new();
    for row in table.rows {
        let mut cells = row.into_iter().map(text);
        let key: Vec<String> = cells.by_ref().take(names).map(Option::unwrap_or_default).collect();
        if let Some(twice) = rows.insert(key, cells.collect()).map(|_| sql) {
            return Err(anyhow!("two rows of the same names in {twice}"));
        }
    }
    Ok(rows)
}

fn text(value: Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::Int(number) => Some(number.to_string()),
        Value::Float(number) => Some(number.to_string()),
        Value::Text(text) => Some(text),
        Value::Bytes(bytes) => Some(format!("{} bytes", bytes.len())),
    }
}

fn hour_key(hour: &TruthHour) -> Vec<String> {
    vec![hour.chain.to_owned(), hour.venue.to_owned(), hour.market.clone(), hour.hour_id.to_string()]
}

const SUM_COLUMNS: [&str; 14] = [
    "trades",
    "volume_usd_e6",
    "exec_volume_usd_e6",
    "taker_buy_usd_e6",
    "taker_sell_usd_e6",
    "liq_rows",
    "liq_long_usd_e6",
    "liq_short_usd_e6",
    "adl_rows",
    "adl_usd_e6",
    "fees_usd_e6",
    "funding_received_usd_e6",
    "funding_charged_usd_e6",
    "borrow_charged_usd_e6",
];

fn sums(hour: &TruthHour) -> [i64; 14] {
    [
        hour.trades,
        hour.volume_usd_e6,
        hour.exec_volume_usd_e6,
        hour.taker_buy_usd_e6,
        hour.taker_sell_usd_e6,
        hour.liq_rows,
        hour.liq_long_usd_e6,
        hour.liq_short_usd_e6,
        hour.adl_rows,
        hour.adl_usd_e6,
        hour.fees_usd_e6,
        hour.funding_received_usd_e6,
        hour.funding_charged_usd_e6,
        hour.borrow_charged_usd_e6,
    ]
}

/// Additive sums. A quiet hour has no row, which is a row of zeros; a row of an hour that the truth does not know must
/// be one of zeros too.
async fn compare_sums(comparison: &mut Comparison, store: &SqlStore, truth: &Truth) -> Result<()> {
    let columns = SUM_COLUMNS.map(|column| format!("a.{column}")).join(", ");
    let sql = format!(
        "SELECT c.slug, v.slug, m.market_key, a.hour_id, {columns} FROM agg_market_hour a JOIN markets m ON m.market_id = a.market_id \
         JOIN chains c ON c.chain_id = m.chain_id JOIN venues v ON v.venue_id = m.venue_id"
    );
    let mut rows = named(store, &sql, 4).await?;
    for hour in &truth.hours {
        let key = hour_key(hour);
        let row = rows.remove(&key);
        for (index, (column, wanted)) in SUM_COLUMNS.iter().zip(sums(hour)).enumerate() {
            let found = row.as_ref().map_or(Some("0"), |row| row[index].as_deref());
            comparison.number(|| format!("{} {column}", key.join(" ")), found, &wanted.to_string());
        }
    }
    for (key, row) in &rows {
        for (column, found) in SUM_COLUMNS.iter().zip(row).filter(|(_, found)| found.as_deref() != Some("0")) {
            comparison.number(|| format!("{} {column}", key.join(" ")), found.as_deref(), "0");
        }
    }
    Ok(())
}

/// Levels at the end of every hour. One that nothing tells may be missing, but not wrong.
async fn compare_levels(comparison: &mut Comparison, store: &SqlStore, truth: &Truth) -> Result<()> {
    let sql = "SELECT c.slug, v.slug, m.market_key, h.hour_id, h.long_q, h.short_q FROM market_hour h JOIN markets m ON m.market_id = h.market_id \
               JOIN chains c ON c.chain_id = m.chain_id JOIN venues v ON v.venue_id = m.venue_id";
    let rows = named(store, sql, 4).await?;
    let mut first_hours: HashMap<&[String], i64> = HashMap::new();
    for key in rows.keys() {
        let hour_id: i64 = key[3].parse().unwrap_or(i64::MIN);
        first_hours.entry(&key[..3]).and_modify(|first| *first = hour_id.min(*first)).or_insert(hour_id);
    }
    for hour in &truth.hours {
        let key = hour_key(hour);
        let row = rows.get(&key);
        if hour.is_level_lost && row.is_none_or(|row| row.iter().all(Option::is_none)) {
            continue;
        }
        // Before its first record a market is not in the store, and nothing of it is open.
        let is_unmet = first_hours.get(&key[..3]).is_none_or(|first| hour.hour_id < *first);
        if is_unmet && (hour.long_q, hour.short_q) == (0, 0) {
            continue;
        }
        for (index, (column, wanted)) in [("long_q", hour.long_q), ("short_q", hour.short_q)].into_iter().enumerate() {
            let found = row.and_then(|row| row[index].as_deref());
            comparison.number(|| format!("{} {column}", key.join(" ")), found, &wanted.to_string());
        }
    }
    Ok(())
}

/// Rates, where the venue's rate is one number per hour.
async fn compare_rates(comparison: &mut Comparison, store: &SqlStore, truth: &Truth) -> Result<()> {
    let sql = "SELECT c.slug, v.slug, m.market_key, f.hour_id, f.cost_long_1h_e12 FROM funding_hour f JOIN markets m ON m.market_id = f.market_id \
               JOIN chains c ON c.chain_id = m.chain_id JOIN venues v ON v.venue_id = m.venue_id WHERE f.kind = 'funding'";
    let rows = named(store, sql, 4).await?;
    for hour in &truth.hours {
        let Some(wanted) = hour.cost_long_1h_e12 else { continue };
        let key = hour_key(hour);
        let found = rows.get(&key).and_then(|row| row[0].as_deref());
        comparison.number(|| format!("{} cost_long_1h_e12", key.join(" ")), found, &wanted.to_string());
    }
    Ok(())
}

/// Collateral that moved: counts, native integers and dollars, summed over scopes.
async fn compare_flows(comparison: &mut Comparison, store: &SqlStore, truth: &Truth) -> Result<()> {
    const COLUMNS: [&str; 6] =
        ["deposits", "withdrawals", "deposits_native", "withdrawals_native", "deposits_usd_e6", "withdrawals_usd_e6"];
    let columns = COLUMNS.map(|column| format!("f.{column}")).join(", ");
    let sql = format!(
        "SELECT c.slug, v.slug, f.token, f.hour_id, f.scope, {columns} FROM collateral_flow_hour f JOIN chains c ON c.chain_id = f.chain_id \
         JOIN venues v ON v.venue_id = f.venue_id"
    );
    let mut found: BTreeMap<Vec<String>, [Decimal; 6]> = BTreeMap::new();
    for (mut key, row) in named(store, &sql, 5).await? {
        key.truncate(4);
        let sums = found.entry(key).or_insert([Decimal::ZERO; 6]);
        for (sum, cell) in sums.iter_mut().zip(&row) {
            // Natives are wider than 64 bits and come as text, which SQL cannot add exactly on both engines.
            *sum = sum.add(&Decimal::parse(cell.as_deref().unwrap_or("0"))?)?;
        }
    }
    for flow in &truth.flows {
        let key = vec![flow.chain.to_owned(), flow.venue.to_owned(), flow.token.clone(), flow.hour_id.to_string()];
        let row = found.remove(&key).map(|row| row.map(|sum| sum.to_string()));
        let wanted = [
            flow.deposits.to_string(),
            flow.withdrawals.to_string(),
            flow.deposits_native.to_string(),
            flow.withdrawals_native.to_string(),
            flow.deposits_usd_e6.to_string(),
            flow.withdrawals_usd_e6.to_string(),
        ];
        for (index, (column, wanted)) in COLUMNS.iter().zip(&wanted).enumerate() {
            comparison.number(|| format!("{} {column}", key.join(" ")), row.as_ref().map(|row| row[index].as_str()), wanted);
        }
    }
    for (key, row) in &found {
        comparison.number(|| format!("{} deposits", key.join(" ")), Some(&row[0].to_string()), "no row");
    }
    Ok(())
}

/// Rows of the fact tables by chain and venue.
async fn compare_row_counts(comparison: &mut Comparison, store: &SqlStore, truth: &Truth) -> Result<()> {
    for (table, wanted) in &truth.tables {
        let venue = match *table {
            "fills" | "liquidations" | "funding_payments" => {
                "JOIN markets m ON m.market_id = t.market_id JOIN venues v ON v.venue_id = m.venue_id"
            }
            "collateral_flows" => "JOIN venues v ON v.venue_id = t.venue_id",
            other => return Err(anyhow!("the truth counts rows of {other}, a table that is not compared")),
        };
        let sql = format!(
            "SELECT c.slug, v.slug, COUNT(*) FROM {table} t {venue} JOIN chains c ON c.chain_id = t.chain_id GROUP BY c.slug, v.slug"
        );
        let mut rows = named(store, &sql, 2).await?;
        for ((chain, venue), count) in wanted {
            let row = rows.remove(&vec![(*chain).to_owned(), (*venue).to_owned()]);
            // No group is a count of zero.
            let found = row.as_ref().map_or(Some("0"), |row| row[0].as_deref());
            comparison.number(|| format!("{chain} {venue} rows of {table}"), found, &count.to_string());
        }
        for (key, row) in &rows {
            comparison.number(|| format!("{} rows of {table}", key.join(" ")), row[0].as_deref(), "0");
        }
    }
    Ok(())
}

/// Liquidated longs of the cascade's asset inside its window, by venue.
async fn compare_cascade(comparison: &mut Comparison, store: &SqlStore, truth: &Truth) -> Result<()> {
    let cascade = &truth.cascade;
    let sql = format!(
        "SELECT c.slug, v.slug, COUNT(*), CAST(SUM(l.exec_notional_usd_e6) AS BIGINT), MIN(l.ts_ms) FROM liquidations l \
         JOIN markets m ON m.market_id = l.market_id JOIN assets a ON a.asset_id = m.asset_id JOIN chains c ON c.chain_id = m.chain_id \
         JOIN venues v ON v.venue_id = m.venue_id WHERE a.symbol = '{}' AND l.side = 'long' AND l.kind <> 'adl' AND l.ts_ms >= {} AND l.ts_ms < {} \
         GROUP BY c.slug, v.slug",
        cascade.asset, cascade.start_ms, cascade.end_ms
    );
    let mut rows = named(store, &sql, 2).await?;
    for part in &cascade.venues {
        let row = rows.remove(&vec![part.chain.to_owned(), part.venue.to_owned()]);
        let wanted = [("rows", part.rows), ("usd_e6", part.usd_e6), ("first_ms", part.first_ms)];
        for (index, (column, wanted)) in wanted.into_iter().enumerate() {
            let found = row.as_ref().and_then(|row| row[index].as_deref());
            comparison.number(|| format!("cascade {} {} {column}", part.chain, part.venue), found, &wanted.to_string());
        }
    }
    for (key, row) in &rows {
        comparison.number(|| format!("cascade {} rows", key.join(" ")), row[0].as_deref(), "0");
    }
    Ok(())
}

/// The cascade that the reducer found, against the one that was scripted: when, of which side, who, how much, who first.
async fn compare_found(comparison: &mut Comparison, store: &SqlStore, truth: &Truth) -> Result<()> {
    let cascade = &truth.cascade;
    let of_asset = format!("asset = '{}' AND side = 'long'", cascade.asset);
    let rows = named(store, &format!("SELECT ts_ms, first_venue, cross_venue FROM v_cascades WHERE {of_asset}"), 0).await?;
    let mut venues: BTreeMap<&str, (i64, i64, i64)> = BTreeMap::new();
    for part in &cascade.venues {
        let sums = venues.entry(part.venue).or_insert((i64::MAX, 0, 0));
        *sums = (sums.0.min(part.first_ms), sums.1 + part.rows, sums.2 + part.usd_e6);
    }
    let first = venues.iter().min_by_key(|(_, (first_ms, ..))| *first_ms).map_or("", |(venue, _)| *venue);
    let row = rows.values().next();
    let wanted = [("start_ms", cascade.start_ms.to_string()), ("first_venue", first.to_owned()), ("cross_venue", "1".to_owned())];
    for (index, (column, wanted)) in wanted.iter().enumerate() {
        comparison.number(|| format!("cascade found {column}"), row.and_then(|row| row[index].as_deref()), wanted);
    }
    let sql = format!(
        "SELECT v.slug, c.first_ms, c.rows, c.usd_e6 FROM cascade_venues c JOIN venues v ON v.venue_id = c.venue_id \
         JOIN assets a ON a.asset_id = c.asset_id WHERE a.symbol = '{}' AND c.side = 'long'",
        cascade.asset
    );
    let mut rows = named(store, &sql, 1).await?;
    for (venue, (first_ms, count, usd_e6)) in venues {
        let row = rows.remove(&vec![venue.to_owned()]);
        for (index, (column, wanted)) in [("first_ms", first_ms), ("rows", count), ("usd_e6", usd_e6)].into_iter().enumerate() {
            let found = row.as_ref().and_then(|row| row[index].as_deref());
            comparison.number(|| format!("cascade found {venue} {column}"), found, &wanted.to_string());
        }
    }
    for (key, row) in &rows {
        comparison.number(|| format!("cascade found {} rows", key.join(" ")), row[1].as_deref(), "0");
    }
    Ok(())
}
