//! What the reducer has to do again: hours of markets, and hours of assets whose windows read them.

use std::collections::BTreeMap;

use perpdex_core::ChainId;

use crate::db::Tx;
use crate::fact::height_cell;
use crate::sql::{Bulk, Param, Record, Result};

/// From the market's first hour on.
pub(crate) const ALWAYS: i64 = -(1 << 41);
/// To its last.
pub(crate) const FOREVER: i64 = 1 << 41;

/// Hours by market or asset, or days by market, first and last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Touched(BTreeMap<i64, (i64, i64)>);

impl Touched {
    /// Adds hours, or days.
    pub(crate) fn add(&mut self, id: i64, from: i64, to: i64) {
        let range = self.0.entry(id).or_insert((from, to));
        *range = (range.0.min(from), range.1.max(to));
    }
}

/// What an insert of a key that is there already does: `of` is `hour` or `day`.
fn widen(table: &str, key: &str, of: &str) -> String {
    let bound = |column: &str, sign: &str| {
        format!("{column} = CASE WHEN excluded.{column} {sign} {table}.{column} THEN excluded.{column} ELSE {table}.{column} END")
    };
    format!("ON CONFLICT ({key}) DO UPDATE SET {}, {}", bound(&format!("from_{of}"), "<"), bound(&format!("to_{of}"), ">"))
}

/// Marks hours of markets whose rows came or went.
pub(crate) async fn mark(tx: &mut Tx, touched: &Touched) -> Result<()> {
    put(tx, Bulk::new("dirty", &["market_id", "from_hour", "to_hour"]), touched).await
}

/// Marks days of markets whose fills came or went, or that became known or unknown.
pub(crate) async fn mark_lots(tx: &mut Tx, touched: &Touched) -> Result<()> {
    put(tx, Bulk::new("dirty_lots", &["market_id", "from_day", "to_day"]), touched).await
}

/// Marks hours of assets whose windows read what has changed.
pub(crate) async fn mark_assets(tx: &mut Tx, touched: &Touched) -> Result<()> {
    put(tx, Bulk::new("dirty_assets", &["asset_id", "from_hour", "to_hour"]), touched).await
}

async fn put(tx: &mut Tx, mut bulk: Bulk, touched: &Touched) -> Result<()> {
    for (id, (from, to)) in &touched.0 {
        bulk.push([(*id).into(), (*from).into(), (*to).into()]);
    }
    let tail = widen(bulk.table, bulk.columns[0], bulk.columns[1].trim_start_matches("from_"));
    tx.upsert(bulk, &tail).await
}

/// Marks all markets of venues on a chain from an hour on: their calendar has changed there.
pub(crate) async fn mark_venues(tx: &mut Tx, chain: ChainId, venues: impl IntoIterator<Item = (i64, i64)>) -> Result<()> {
    let mut touched = Touched::default();
    venues.into_iter().for_each(|(venue_id, from_hour)| touched.add(venue_id, from_hour, from_hour));
    if touched.0.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "INSERT INTO dirty (market_id, from_hour, to_hour) \
         SELECT m.market_id, CAST(k.value ->> 1 AS BIGINT), CAST(k.value ->> 2 AS BIGINT) \
         FROM {} JOIN markets m ON m.venue_id = CAST(k.value ->> 0 AS BIGINT) AND m.chain_id = $1 WHERE m.market_id IS NOT NULL {}",
        tx.elements("$2"),
        widen("dirty", "market_id", "hour")
    );
    let hours: Vec<_> = touched.0.into_iter().map(|(venue_id, (from, to))| (venue_id, from, to)).collect();
    let hours = serde_json::to_string(&hours).expect("numbers are JSON");
    tx.execute(&sql, vec![chain.market_chain().as_i64().into(), hours.into()]).await?;
    Ok(())
}

/// Marks all markets of a chain from an hour on.
pub(crate) async fn mark_chain(tx: &mut Tx, chain: ChainId, from_hour: i64) -> Result<()> {
    let sql = format!(
        "INSERT INTO dirty (market_id, from_hour, to_hour) SELECT market_id, $2, $3 FROM markets WHERE chain_id = $1 {}",
        widen("dirty", "market_id", "hour")
    );
    tx.execute(&sql, vec![chain.market_chain().as_i64().into(), from_hour.into(), FOREVER.into()]).await?;
    Ok(())
}

/// Marks everything.
pub(crate) async fn mark_all(tx: &mut Tx) -> Result<()> {
    for (table, key, of, all) in [
        ("dirty", "market_id", "hour", "SELECT market_id AS id FROM markets"),
        ("dirty_lots", "market_id", "day", "SELECT market_id AS id FROM markets"),
        ("dirty_assets", "asset_id", "hour", "SELECT asset_id AS id FROM markets UNION SELECT asset_id FROM asset_hour UNION SELECT 0"),
    ] {
        let sql = format!(
            "INSERT INTO {table} ({key}, from_{of}, to_{of}) SELECT id, {ALWAYS}, {FOREVER} FROM ({all}) x WHERE id IS NOT NULL {}",
            widen(table, key, of)
        );
        tx.execute(&sql, Vec::new()).await?;
    }
    Ok(())
}

/// Forgets markets that are gone.
pub(crate) async fn forget_gone(tx: &mut Tx) -> Result<()> {
    for table in ["dirty", "dirty_lots"] {
        tx.execute(&format!("DELETE FROM {table} WHERE market_id NOT IN (SELECT market_id FROM markets)"), Vec::new()).await?;
    }
    Ok(())
}

/// Marks all windows of the assets of the markets under a condition, which are about to leave them.
pub(crate) async fn mark_assets_of(tx: &mut Tx, markets: &str, params: Vec<Param>) -> Result<()> {
    let sql = format!(
        "INSERT INTO dirty_assets (asset_id, from_hour, to_hour) SELECT DISTINCT asset_id, {ALWAYS}, {FOREVER} FROM markets WHERE {markets} {}",
        widen("dirty_assets", "asset_id", "hour")
    );
    tx.execute(&sql, params).await?;
    Ok(())
}

/// Rates or index values of one market that follow each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FundingLine {
    table: &'static str,
    time: &'static str,
    kind: String,
    side: String,
    /// Time of the first one looked at, unix milliseconds.
    pub(crate) first_ms: i64,
}

impl FundingLine {
    /// Whether it gives rates with a beginning of their own, or differences.
    const TABLES: [(&str, &str, &str); 2] =
        [("funding_rates", "end_ms", "CAST('' AS TEXT)"), ("funding_index", "ts_ms", "COALESCE(side, '')")];

    /// The lines of a market with a point at or after a time.
    pub(crate) async fn since(tx: &mut Tx, market_id: i64, from_ms: i64) -> Result<Vec<FundingLine>> {
        let mut out = Vec::new();
        for (table, time, side) in FundingLine::TABLES {
            let sql = format!(
                "SELECT kind, {side}, MIN({time}) FROM {table} WHERE market_id = $1 AND kind IN ('funding', 'borrow') AND {time} >= $2 \
                 GROUP BY 1, 2"
            );
            for r in &tx.rows(&sql, vec![market_id.into(), from_ms.into()]).await? {
                out.push(FundingLine { table, time, kind: r.string(0)?, side: r.string(1)?, first_ms: r.int(2)? });
            }
        }
        Ok(out)
    }

    /// Time of the last point before another time.
    pub(crate) async fn last_before(&self, tx: &mut Tx, market_id: i64, ms: i64) -> Result<Option<i64>> {
        let (table, time) = (self.table, self.time);
        let side = if self.table == "funding_index" { "AND COALESCE(side, '') = $4" } else { "" };
        let sql = format!("SELECT MAX({time}) FROM {table} WHERE market_id = $1 AND kind = $2 AND {time} < $3 {side}");
        let mut params: Vec<Param> = vec![market_id.into(), self.kind.clone().into(), ms.into()];
        if !side.is_empty() {
            params.push(self.side.clone().into());
        }
        tx.rows(&sql, params).await?.first().map_or(Ok(None), |row| row.opt_int(0))
    }

    /// Whether it is the line of this table, kind and side.
    pub(crate) fn is_of(&self, table: &str, kind: &str, side: &str) -> bool {
        (self.table, self.kind.as_str(), self.side.as_str()) == (table, kind, side)
    }
}

/// Marks the hours that rates above a height gave to the time before them: back to the last point that stays.
pub(crate) async fn mark_funding_above(tx: &mut Tx, chain: ChainId, height: u64) -> Result<()> {
    let mut touched = Touched::default();
    for (table, time, side) in FundingLine::TABLES {
        let sql = format!(
            "SELECT market_id, kind, {side}, MIN({time}), MAX({time}) FROM {table} WHERE chain_id = $1 AND height > $2 GROUP BY 1, 2, 3"
        );
        let rows: Vec<Record> = tx.rows(&sql, vec![chain.as_i64().into(), height_cell(height)]).await?;
        for r in &rows {
            let market_id = r.int(0)?;
            let line = FundingLine { table, time, kind: r.string(1)?, side: r.string(2)?, first_ms: r.int(3)? };
            let from_ms = line.last_before(tx, market_id, line.first_ms).await?.unwrap_or(line.first_ms - 1);
            touched.add(market_id, perpdex_reducer::hour_id(from_ms), perpdex_reducer::hour_id(r.int(4)?));
        }
    }
    mark(tx, &touched).await
}

/// One row of `dirty` or `dirty_assets`: id, first and last hour; of `dirty_lots`: first and last day.
pub(crate) type Dirty = (i64, i64, i64);

/// The first rows behind an id; `of` is `hour` or `day`.
pub(crate) async fn dirty_rows(tx: &mut Tx, table: &str, key: &str, of: &str, after: i64, limit: i64) -> Result<Vec<Dirty>> {
    let sql = format!("SELECT {key}, from_{of}, to_{of} FROM {table} WHERE {key} > $1 ORDER BY {key} LIMIT {limit}");
    tx.rows(&sql, vec![after.into()]).await?.iter().map(|r| Ok((r.int(0)?, r.int(1)?, r.int(2)?))).collect()
}
