//! How many raw records each chain has, kept as they come and go: to count a hundred million rows takes minutes, and `status` asks.

use perpdex_core::ChainId;

use crate::db::Tx;
use crate::sql::{Param, Result};

/// Adds records that came.
pub(crate) async fn add(tx: &mut Tx, chain: ChainId, records: u64) -> Result<()> {
    if records == 0 {
        return Ok(());
    }
    let sql = "INSERT INTO record_counts (chain_id, records) VALUES ($1, $2) \
               ON CONFLICT (chain_id) DO UPDATE SET records = record_counts.records + excluded.records";
    tx.execute(sql, cells(chain, records)).await?;
    Ok(())
}

/// Takes records off that went.
pub(crate) async fn subtract(tx: &mut Tx, chain: ChainId, records: u64) -> Result<()> {
    if records == 0 {
        return Ok(());
    }
    // A chain without records has no row.
    tx.execute("DELETE FROM record_counts WHERE chain_id = $1 AND records <= $2", cells(chain, records)).await?;
    tx.execute("UPDATE record_counts SET records = records - $2 WHERE chain_id = $1", cells(chain, records)).await?;
    Ok(())
}

/// Counts the rows.
pub(crate) async fn rebuild(tx: &mut Tx) -> Result<()> {
    tx.execute("DELETE FROM record_counts", Vec::new()).await?;
    tx.execute("INSERT INTO record_counts (chain_id, records) SELECT chain_id, COUNT(*) FROM raw_events GROUP BY chain_id", Vec::new())
        .await?;
    Ok(())
}

fn cells(chain: ChainId, records: u64) -> Vec<Param> {
    vec![chain.as_i64().into(), i64::try_from(records).expect("rows are fewer than 2^63").into()]
}
