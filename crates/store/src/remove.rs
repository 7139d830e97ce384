//! Rows of some heights in the middle of a history go, with everything they added.

use perpdex_core::{BlockRange, Catalog, ChainId, VenueSlug};
use perpdex_reducer::Row;

use crate::batch::Batch;
use crate::db::Tx;
use crate::fact::{CONTRIBUTING, FACT_TABLES, height_cell, read};
use crate::market::{Market, refresh};
use crate::reduce::OF_MARKETS;
use crate::revert::markets_of;
use crate::sql::{Param, Result};

/// Rows that hang on a record, beside those of [`FACT_TABLES`].
const OTHER_TABLES: [&str; 5] = ["market_listings", "decode_failures", "unresolved", "undescribed_events", "joined_closes"];

/// What went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Removed {
    /// Raw records.
    pub(crate) records: u64,
    /// Blocks.
    pub(crate) blocks: u64,
}

const INSIDE: &str = "chain_id = $1 AND height BETWEEN $2 AND $3";

fn inside(chain: ChainId, range: BlockRange) -> Vec<Param> {
    vec![chain.as_i64().into(), height_cell(range.from()), height_cell(range.to())]
}

/// Removes blocks, records and all rows born from them. The markets of listings that go must be known before, see
/// [`listed_in`], and made anew after, see [`relist`].
pub(crate) async fn remove(tx: &mut Tx, batch: &mut Batch<'_>, chain: ChainId, range: BlockRange) -> Result<Removed> {
    for (table, columns) in CONTRIBUTING {
        let sql = format!("SELECT {} FROM {table} WHERE {INSIDE}", columns.join(", "));
        let rows = tx.rows(&sql, inside(chain, range)).await?.iter().map(|record| read(table, record)).collect::<Result<Vec<Row>>>()?;
        batch.subtract(&rows)?;
    }
    for table in FACT_TABLES.iter().chain(&OTHER_TABLES) {
        tx.execute(&format!("DELETE FROM {table} WHERE {INSIDE}"), inside(chain, range)).await?;
    }
    let records = tx.execute(&format!("DELETE FROM raw_events WHERE {INSIDE}"), inside(chain, range)).await?;
    let blocks = tx.execute(&format!("DELETE FROM blocks WHERE {INSIDE}"), inside(chain, range)).await?;
    Ok(Removed { records, blocks })
}

/// Removes what the venues' records in a range have become, with its contributions.
pub(crate) async fn remove_of_venues(
    tx: &mut Tx,
    batch: &mut Batch<'_>,
    chain: ChainId,
    range: BlockRange,
    venues: &[VenueSlug],
) -> Result<()> {
    let ids = venues.iter().map(|venue| venue.id().to_string()).collect::<Vec<_>>().join(", ");
    let of_market = format!("market_id IN (SELECT m.market_id FROM markets m WHERE m.venue_id IN ({ids}))");
    let of_venue = format!("venue_id IN ({ids})");
    let of_record = format!(
        "EXISTS (SELECT 1 FROM raw_events e WHERE e.chain_id = token_prices.chain_id AND e.height = token_prices.height \
         AND e.rec = token_prices.rec AND e.venue_id IN ({ids}))"
    );
    for (table, columns) in CONTRIBUTING {
        let owned = if table == "collateral_flows" { &of_venue } else { &of_market };
        let sql = format!("SELECT {} FROM {table} WHERE {INSIDE} AND {owned}", columns.join(", "));
        let rows = tx.rows(&sql, inside(chain, range)).await?.iter().map(|record| read(table, record)).collect::<Result<Vec<Row>>>()?;
        batch.subtract(&rows)?;
    }
    let malformed_stay = format!("{of_venue} AND kind <> 'not_a_record'");
    let tables: [(&str, &String); 13] = [
        ("fills", &of_market),
        ("liquidations", &of_market),
        ("funding_payments", &of_market),
        ("funding_rates", &of_market),
        ("funding_index", &of_market),
        ("oi_anchors", &of_market),
        ("prices", &of_market),
        ("token_prices", &of_record),
        ("collateral_flows", &of_venue),
        ("undescribed_events", &of_market),
        ("market_listings", &of_market),
        ("unresolved", &of_venue),
        ("decode_failures", &malformed_stay),
    ];
    for (table, owned) in tables {
        tx.execute(&format!("DELETE FROM {table} WHERE {INSIDE} AND {owned}"), inside(chain, range)).await?;
    }
    Ok(())
}

/// The markets that something inside the range lists, as their rows are now.
pub(crate) async fn listed_in(tx: &mut Tx, catalog: &Catalog, chain: ChainId, range: BlockRange) -> Result<Vec<Market>> {
    let sql = format!("SELECT DISTINCT market_id FROM market_listings WHERE {INSIDE}");
    let ids = tx.rows(&sql, inside(chain, range)).await?.iter().map(|row| row.int(0)).collect::<Result<Vec<i64>>>()?;
    markets_of(tx, catalog, chain, &ids).await
}

/// Makes the rows of markets anew that lost a listing, and what hung on their old rows.
pub(crate) async fn relist(tx: &mut Tx, batch: &mut Batch<'_>, chain: ChainId, old: &[Market]) -> Result<()> {
    for market in old {
        let (venue, key) = (market.row.venue, market.row.market_key.clone());
        let (new, _) = refresh(tx, batch.catalog(), venue, chain, &key, Some(market), None).await?;
        batch.redo(tx, market, &new).await?;
    }
    Ok(())
}

/// Removes markets that no event names any more, with what was computed of them.
pub(crate) async fn remove_markets(tx: &mut Tx, ids: &[i64]) -> Result<()> {
    for id in ids {
        for table in OF_MARKETS.iter().copied().chain(["markets"]) {
            tx.execute(&format!("DELETE FROM {table} WHERE market_id = $1"), vec![(*id).into()]).await?;
        }
    }
    Ok(())
}
