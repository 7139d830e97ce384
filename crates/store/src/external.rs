//! Figures of others: what is not on any chain, kept beside what is, never mixed into it.

use std::collections::BTreeMap;

use perpdex_core::{AmountError, Decimal};
use perpdex_reducer::hour_id;

use crate::db::{Db, Tx};
use crate::dirty::{self, Touched};
use crate::reference::asset_id;
use crate::sql::{Bulk, Param, Result};

/// What stands for all venues or all assets.
pub const ALL: &str = "ALL";

/// One figure as its source states it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalMetric {
    /// Who says so.
    pub source: String,
    /// What it measures, such as `options_call_share`.
    pub metric: String,
    /// Venue slug it is about, or [`ALL`].
    pub venue: String,
    /// Canonical asset it is about, or [`ALL`].
    pub asset: String,
    /// The moment it speaks of, unix milliseconds.
    pub as_of_ms: i64,
    /// The moment it was stated, unix milliseconds: a correction has a later one.
    pub published_ms: i64,
    /// The figure.
    pub value: Decimal,
    /// Its unit, such as `share` or `usd`.
    pub unit: String,
}

impl ExternalMetric {
    /// The figure in millionths, rounded half to even.
    ///
    /// # Errors
    ///
    /// Where that does not fit in 64 bits.
    pub fn value_e6(&self) -> std::result::Result<i64, AmountError> {
        self.value.to_i64(6)
    }
}

/// What an import did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Figures written.
    pub written: u64,
    /// Figures that were stored already, equal.
    pub known: u64,
    /// Figures that contradict a stored one, or an earlier one of the same call: place in the call, and the other
    /// figure with its unit. Where there is one, nothing was written.
    pub conflicts: Vec<(usize, String)>,
    /// Assets named that the database does not know, in order.
    pub unknown_assets: Vec<String>,
}

type Key = (String, String, String, String, i64, i64);

/// Writes figures in one transaction; what is stored already changes nothing.
pub(crate) async fn import(db: &Db, metrics: &[ExternalMetric]) -> Result<Imported> {
    let mut tx = db.begin().await?;
    let mut out = Imported { unknown_assets: unknown_assets(&mut tx, metrics).await?, ..Imported::default() };
    let mut fresh: BTreeMap<Key, &ExternalMetric> = BTreeMap::new();
    for (at, metric) in metrics.iter().enumerate() {
        let stored = match fresh.get(&key(metric)) {
            Some(other) => Some((other.value.to_string(), other.unit.clone())),
            None => stored(&mut tx, metric).await?,
        };
        match stored {
            None => {
                fresh.insert(key(metric), metric);
            }
            Some((value, unit)) if value == metric.value.to_string() && unit == metric.unit => out.known += 1,
            Some((value, unit)) => out.conflicts.push((at, format!("{value} {unit}"))),
        }
    }
    if !out.conflicts.is_empty() {
        return Ok(out);
    }
    out.written = fresh.len() as u64;
    write(&mut tx, fresh.into_values()).await?;
    tx.commit().await?;
    Ok(out)
}

fn key(metric: &ExternalMetric) -> Key {
    let ExternalMetric { source, metric: name, venue, asset, as_of_ms, published_ms, .. } = metric;
    (source.clone(), name.clone(), venue.clone(), asset.clone(), *as_of_ms, *published_ms)
}

async fn stored(tx: &mut Tx, metric: &ExternalMetric) -> Result<Option<(String, String)>> {
    let (source, name, venue, asset, as_of_ms, published_ms) = key(metric);
    let sql = "SELECT value, unit FROM external_metrics \
               WHERE source = $1 AND metric = $2 AND venue = $3 AND asset = $4 AND as_of_ms = $5 AND published_ms = $6";
    let cells = vec![source.into(), name.into(), venue.into(), asset.into(), as_of_ms.into(), published_ms.into()];
    tx.rows(sql, cells).await?.first().map(|row| Ok((row.string(0)?, row.string(1)?))).transpose()
}

async fn unknown_assets(tx: &mut Tx, metrics: &[ExternalMetric]) -> Result<Vec<String>> {
    let rows = tx.rows("SELECT symbol FROM assets", Vec::new()).await?;
    let known = rows.iter().map(|row| row.string(0)).collect::<Result<Vec<String>>>()?;
    let mut unknown: Vec<String> = metrics.iter().map(|metric| metric.asset.clone()).collect();
    unknown.retain(|asset| asset != ALL && !known.contains(asset));
    unknown.sort_unstable();
    unknown.dedup();
    Ok(unknown)
}

const COLUMNS: &[&str] = &["source", "metric", "venue", "asset", "as_of_ms", "published_ms", "value", "value_e6", "unit"];

async fn write<'a>(tx: &mut Tx, metrics: impl Iterator<Item = &'a ExternalMetric>) -> Result<()> {
    let mut bulk = Bulk::new("external_metrics", COLUMNS);
    // Signals read these figures from the hour in which they were stated on.
    let mut touched = Touched::default();
    for metric in metrics {
        let (from_ms, to_ms) = (metric.as_of_ms, metric.as_of_ms.max(metric.published_ms));
        touched.add(asset_id(&metric.asset), hour_id(from_ms), hour_id(to_ms));
        let value_e6 = metric.value_e6().map_err(|error| crate::sql::Fault::Corrupt(error.to_string()))?;
        let name = |text: &String| Param::Text(text.clone());
        bulk.push([
            name(&metric.source),
            name(&metric.metric),
            name(&metric.venue),
            name(&metric.asset),
            metric.as_of_ms.into(),
            metric.published_ms.into(),
            metric.value.to_string().into(),
            value_e6.into(),
            name(&metric.unit),
        ]);
    }
    dirty::mark_assets(tx, &touched).await?;
    tx.bulk(bulk).await
}
