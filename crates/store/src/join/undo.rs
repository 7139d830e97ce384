//! Joined closes become closes again where what they were joined to changes.

use perpdex_core::{BlockRange, ChainId, Event, StreamId, VenueSlug};
use perpdex_reducer::Row;

use crate::batch::{Batch, JOINED_SUBS};
use crate::db::Tx;
use crate::fact::{CONTRIBUTING, height_cell, read};
use crate::kept::parse_event;
use crate::sql::{Param, Result};

/// Undoes the joins of some closes: their rows and contributions go, and they are given back. `condition` is on
/// `joined_closes j`.
async fn unjoin(tx: &mut Tx, batch: &mut Batch<'_>, condition: &str, params: Vec<Param>) -> Result<Vec<Event>> {
    let sql = format!("SELECT j.chain_id, j.height, j.rec, j.sub, j.body FROM joined_closes j WHERE {condition}");
    let mut closes = Vec::new();
    for row in tx.rows(&sql, params).await? {
        let key = [row.int(0)?, row.int(1)?, row.int(2)?, row.int(3)?];
        remove_rows(tx, batch, key).await?;
        closes.push(parse_event(row.text(4)?)?);
    }
    batch.forget_joined(&closes);
    Ok(closes)
}

/// Undoes all joins across or inside a range of heights, of one venue or of all.
pub(crate) async fn unjoin_across(
    tx: &mut Tx,
    batch: &mut Batch<'_>,
    chain: ChainId,
    venue: Option<VenueSlug>,
    range: BlockRange,
) -> Result<Vec<Event>> {
    let mut params = vec![chain.as_i64().into(), height_cell(range.from()), height_cell(range.to())];
    let mut condition = "j.chain_id = $1 AND j.height >= $2 AND j.since_height <= $3".to_owned();
    if let Some(venue) = venue {
        condition.push_str(" AND j.venue_id = $4");
        params.push(venue.id().into());
    }
    unjoin(tx, batch, &condition, params).await
}

/// Undoes the joins to positions whose size was not known, where rows below now stand in the same covered run.
pub(super) async fn unjoin_unsettled(
    tx: &mut Tx,
    batch: &mut Batch<'_>,
    stream: &StreamId,
    from: u64,
    run_from: u64,
) -> Result<Vec<Event>> {
    let condition = "j.chain_id = $1 AND j.venue_id = $2 AND j.is_settled = 0 AND j.height >= $3 AND EXISTS (SELECT 1 FROM fills f \
                     WHERE f.position_key = j.position_key AND f.position_side IS NOT NULL AND f.chain_id = j.chain_id \
                     AND f.height >= $4 AND f.height < j.since_height)";
    let params = vec![stream.chain.as_i64().into(), stream.venue.id().into(), height_cell(from), height_cell(run_from)];
    unjoin(tx, batch, condition, params).await
}

async fn remove_rows(tx: &mut Tx, batch: &mut Batch<'_>, [chain, height, rec, sub]: [i64; 4]) -> Result<()> {
    const ROWS: &str = "chain_id = $1 AND height = $2 AND rec = $3 AND sub BETWEEN $4 AND $5";
    let cells = || -> Vec<Param> { vec![chain.into(), height.into(), rec.into(), sub.into(), (sub + i64::from(JOINED_SUBS)).into()] };
    for (table, columns) in CONTRIBUTING.iter().filter(|(table, _)| *table != "collateral_flows") {
        let sql = format!("SELECT {} FROM {table} WHERE {ROWS}", columns.join(", "));
        let rows = tx.rows(&sql, cells()).await?.iter().map(|record| read(table, record)).collect::<Result<Vec<Row>>>()?;
        if !rows.is_empty() {
            batch.subtract(&rows)?;
            tx.execute(&format!("DELETE FROM {table} WHERE {ROWS}"), cells()).await?;
        }
    }
    for table in ["unresolved", "undescribed_events"] {
        tx.execute(&format!("DELETE FROM {table} WHERE {ROWS} AND event IN ('fill','funding_payment')"), cells()).await?;
    }
    for sub in sub..=sub + i64::from(JOINED_SUBS) {
        let sql = "DELETE FROM decode_failures WHERE chain_id = $1 AND height = $2 AND rec = $3 AND part IN ($4, $5)";
        let parts = [format!("fill {sub}"), format!("funding_payment {sub}")].map(Param::from);
        tx.execute(sql, [chain, height, rec].map(Param::from).into_iter().chain(parts).collect()).await?;
    }
    let sql = "DELETE FROM joined_closes WHERE chain_id = $1 AND height = $2 AND rec = $3 AND sub = $4";
    tx.execute(sql, [chain, height, rec, sub].map(Param::from).to_vec()).await?;
    Ok(())
}
