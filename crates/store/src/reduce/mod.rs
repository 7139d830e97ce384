//! Levels and windows: what is dirty is computed from the tables and written where it differs.
//!
//! A market is computed from its earliest dirty hour on, with the level stored before it. The hours that changed make the
//! windows of its asset dirty; these are computed when all markets are done, a second time where the median that a market
//! without prices goes by has changed.

mod asset;
mod asset_mark;
mod bases;
mod cascade;
mod day_rows;
mod history;
mod holding;
mod lots;
mod market;
mod market_row;
mod params;
mod replace;

use perpdex_core::ReduceStats;

use crate::db::{Db, Tx};
use crate::dirty::{self, dirty_rows};
use crate::sql::{Result, first_int};
pub(crate) use history::fills_covered;
use params::Params;

/// Markets reduced in one transaction; between two of them commits may come in.
const MARKETS_PER_TRANSACTION: i64 = 32;
/// Assets in one transaction.
const ASSETS_PER_TRANSACTION: i64 = 8;

/// What is held of single markets.
pub(crate) const OF_MARKETS: [&str; 10] = [
    "market_hour",
    "funding_hour",
    "liquidation_hour",
    "market_day",
    "reduce_failures",
    "price_divergence",
    "funding_extremes",
    "position_lots",
    "closed_lots_day",
    "dirty_lots",
];

/// Marks all levels and windows, so that the next reduction computes all of them; removes what no market stands behind.
pub(crate) async fn mark_all(tx: &mut Tx) -> Result<()> {
    for table in OF_MARKETS {
        tx.execute(&format!("DELETE FROM {table} WHERE market_id NOT IN (SELECT market_id FROM markets)"), Vec::new()).await?;
    }
    dirty::mark_all(tx).await
}

/// Recomputes every market and asset that is dirty when its turn comes.
pub(crate) async fn reduce(db: &Db, mark_age_ms_max: i64) -> Result<ReduceStats> {
    let mut stats = reduce_markets(db, mark_age_ms_max).await?;
    if write_asset_marks(db).await? {
        stats.market_hours += reduce_markets(db, mark_age_ms_max).await?.market_hours;
    }
    lots::reduce(db).await?;
    reduce_assets(db).await?;
    let failures = db.rows("SELECT COUNT(*) FROM reduce_failures", Vec::new()).await?;
    stats.failures = u64::try_from(first_int(&failures)?).unwrap_or_default();
    Ok(stats)
}

async fn reduce_markets(db: &Db, mark_age_ms_max: i64) -> Result<ReduceStats> {
    let mut stats = ReduceStats::default();
    let mut after = i64::MIN;
    loop {
        let mut tx = db.begin().await?;
        let markets = dirty_rows(&mut tx, "dirty", "market_id", "hour", after, MARKETS_PER_TRANSACTION).await?;
        let Some((last, ..)) = markets.last() else { break };
        after = *last;
        for (market_id, from_hour, to_hour) in markets {
            stats.market_hours += market::reduce(&mut tx, market_id, (from_hour, to_hour), mark_age_ms_max).await?;
            stats.markets += 1;
            tx.execute("DELETE FROM dirty WHERE market_id = $1", vec![market_id.into()]).await?;
        }
        tx.commit().await?;
    }
    Ok(stats)
}

/// Makes the medians over venues anew where the markets of an asset have changed; tells whether one did.
async fn write_asset_marks(db: &Db) -> Result<bool> {
    let (mut after, mut has_changed) = (0, false);
    loop {
        let mut tx = db.begin().await?;
        let assets = dirty_rows(&mut tx, "dirty_assets", "asset_id", "hour", after, ASSETS_PER_TRANSACTION).await?;
        let Some((last, ..)) = assets.last() else { break };
        after = *last;
        for (asset_id, from_hour, to_hour) in assets {
            has_changed |= asset_mark::write(&mut tx, asset_id, (from_hour, to_hour)).await?;
        }
        tx.commit().await?;
    }
    Ok(has_changed)
}

/// Recomputes the windows of assets, and those over all assets (id 0) when the others are done.
async fn reduce_assets(db: &Db) -> Result<()> {
    let params = Params::load(&mut db.begin().await?).await?;
    let mut after = 0;
    loop {
        let mut tx = db.begin().await?;
        let assets = dirty_rows(&mut tx, "dirty_assets", "asset_id", "hour", after, ASSETS_PER_TRANSACTION).await?;
        let Some((last, ..)) = assets.last() else { break };
        after = *last;
        for (asset_id, from_hour, to_hour) in assets {
            asset::reduce(&mut tx, &params, asset_id, (from_hour, to_hour)).await?;
            tx.execute("DELETE FROM dirty_assets WHERE asset_id = $1", vec![asset_id.into()]).await?;
        }
        tx.commit().await?;
    }
    let mut tx = db.begin().await?;
    if let Some((_, from_hour, to_hour)) = dirty_rows(&mut tx, "dirty_assets", "asset_id", "hour", -1, 1).await?.first() {
        asset::reduce_all(&mut tx, (*from_hour, *to_hour)).await?;
        tx.execute("DELETE FROM dirty_assets WHERE asset_id = 0", Vec::new()).await?;
        tx.commit().await?;
    }
    Ok(())
}
