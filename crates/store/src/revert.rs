//! One unwinding: everything of a chain above the last block kept goes, as if it had never come.

use std::time::{SystemTime, UNIX_EPOCH};

use perpdex_core::{BlockConflict, BlockRef, Catalog, ChainId, Reverted, VenueSlug};
use perpdex_reducer::{Row, hour_id};

use crate::batch::Batch;
use crate::coverage::cut_above;
use crate::db::{Db, Tx};
use crate::dirty;
use crate::fact::{CONTRIBUTING, FACT_TABLES, height_cell, read, read_venue};
use crate::market::{Market, load, refresh};
use crate::record_count;
use crate::reduce::OF_MARKETS;
use crate::reference::remove_unused_assets;
use crate::sql::{Param, Result, first_int};

/// Removes everything of the chain above `to`.
pub(crate) async fn revert(db: &Db, catalog: &Catalog, chain: ChainId, to: BlockRef, conflict: BlockConflict) -> Result<Reverted> {
    let mut writer = db.begin().await?;
    let tx = &mut writer;
    let above = || vec![Param::Int(chain.as_i64()), height_cell(to.height)];
    const ABOVE: &str = "chain_id = $1 AND height > $2";
    let sql = "SELECT COALESCE(MAX(height), 0) FROM blocks WHERE chain_id = $1";
    let top = first_int(&tx.rows(sql, vec![chain.as_i64().into()]).await?)?;
    let mut batch = Batch::new(catalog, chain);
    for (table, columns) in CONTRIBUTING {
        let sql = format!("SELECT {} FROM {table} WHERE {ABOVE}", columns.join(", "));
        let rows = tx.rows(&sql, above()).await?.iter().map(|record| read(table, record)).collect::<Result<Vec<Row>>>()?;
        batch.subtract(&rows)?;
    }
    let sql = format!("SELECT DISTINCT market_id FROM market_listings WHERE {ABOVE}");
    let listed = tx.rows(&sql, above()).await?.iter().map(|row| row.int(0)).collect::<Result<Vec<i64>>>()?;
    let old = markets_of(tx, catalog, chain, &listed).await?;
    dirty::mark_funding_above(tx, chain, to.height).await?;
    for table in FACT_TABLES.iter().chain(&["market_listings", "decode_failures", "unresolved", "undescribed_events", "joined_closes"]) {
        tx.execute(&format!("DELETE FROM {table} WHERE {ABOVE}"), above()).await?;
    }
    let records = tx.execute(&format!("DELETE FROM raw_events WHERE {ABOVE}"), above()).await?;
    record_count::subtract(tx, chain, records).await?;
    let blocks = tx.execute(&format!("DELETE FROM blocks WHERE {ABOVE}"), above()).await?;
    cut_above(tx, chain.as_i64(), to.height, to.time_ms).await?;
    remove_markets(tx, chain, to.height).await?;
    for market in old.iter().filter(|market| market.is_seen_by(to.height)) {
        let (venue, key) = (market.row.venue, market.row.market_key.clone());
        let (new, is_changed) = refresh(tx, catalog, venue, chain, &key, Some(market), None).await?;
        if is_changed {
            batch.touch_whole(market.row.market_id);
        }
        batch.redo(tx, market, &new).await?;
        if !new.scales_like(market) {
            batch.leave_asset(tx, market).await?;
        }
    }
    dirty::mark_chain(tx, chain, hour_id(to.time_ms)).await?;
    batch.finish(tx).await?;
    dirty::forget_gone(tx).await?;
    remove_unused_assets(tx).await?;
    record(tx, chain, &to, &conflict, top, records).await?;
    writer.commit().await?;
    Ok(Reverted { records, blocks })
}

/// The rows of some markets of a chain.
pub(crate) async fn markets_of(tx: &mut Tx, catalog: &Catalog, chain: ChainId, ids: &[i64]) -> Result<Vec<Market>> {
    let mut venues: Vec<VenueSlug> = Vec::new();
    for id in ids {
        let row = tx.rows("SELECT venue_id FROM markets WHERE market_id = $1", vec![(*id).into()]).await?;
        for row in &row {
            let venue = read_venue(row, 0)?;
            if !venues.contains(&venue) {
                venues.push(venue);
            }
        }
    }
    let markets = load(tx, chain, &venues, catalog).await?;
    let mut out: Vec<Market> = markets.into_values().filter(|market| ids.contains(&market.row.market_id)).collect();
    out.sort_by_key(|market| market.row.market_id);
    Ok(out)
}

/// Removes the markets that were first met above the last block kept.
async fn remove_markets(tx: &mut Tx, chain: ChainId, height: u64) -> Result<()> {
    const GONE: &str = "SELECT market_id FROM markets WHERE chain_id = $1 AND first_height > $2";
    let cells = || vec![Param::Int(chain.as_i64()), height_cell(height)];
    dirty::mark_assets_of(tx, "chain_id = $1 AND first_height > $2", cells()).await?;
    for table in OF_MARKETS {
        tx.execute(&format!("DELETE FROM {table} WHERE market_id IN ({GONE})"), cells()).await?;
    }
    tx.execute("DELETE FROM markets WHERE chain_id = $1 AND first_height > $2", cells()).await?;
    Ok(())
}

async fn record(tx: &mut Tx, chain: ChainId, to: &BlockRef, conflict: &BlockConflict, top: i64, records: u64) -> Result<()> {
    let detected = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let kept = i64::try_from(to.height).unwrap_or(i64::MAX);
    let cells = vec![
        chain.as_i64().into(),
        kept.into(),
        height_cell(conflict.height),
        conflict.stored.clone().into(),
        conflict.found.clone().into(),
        top.saturating_sub(kept).max(0).into(),
        height_cell(records),
        i64::try_from(detected).unwrap_or(i64::MAX).into(),
    ];
    let sql = "INSERT INTO reorgs (chain_id, fork_height, conflict_height, old_hash, new_hash, depth, records_removed, detected_ms) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (chain_id, fork_height, old_hash, new_hash) DO UPDATE \
               SET depth = excluded.depth, records_removed = excluded.records_removed, detected_ms = excluded.detected_ms";
    tx.execute(sql, cells).await?;
    Ok(())
}
