//! One withdrawal: some heights of a chain go, so that an ordinary commit can bring them as they were proved.

use perpdex_core::{BlockRange, Catalog, ChainId, RangeSet, StreamId, VenueSlug, Withdrawn};

use crate::batch::Batch;
use crate::coverage::{self, read_stream};
use crate::db::{Db, Tx};
use crate::dirty;
use crate::fact::height_cell;
use crate::join::unjoin_across;
use crate::record_count;
use crate::reference::remove_unused_assets;
use crate::remove::{listed_in, relist, remove, remove_markets, remove_of_venues};
use crate::sql::{Param, Record, Result};
use crate::verify;

/// Removes everything of the chain at these heights. Closes that were joined to a position across one of them wait again.
pub(crate) async fn withdraw(db: &Db, catalog: &Catalog, chain: ChainId, heights: &RangeSet) -> Result<Withdrawn> {
    let mut writer = db.begin().await?;
    let tx = &mut writer;
    let records = take_out(tx, catalog, chain, None, heights).await?;
    // What is withdrawn may have come or gone behind the program's back.
    record_count::rebuild(tx).await?;
    writer.commit().await?;
    Ok(Withdrawn { records, heights: heights.clone() })
}

/// Removes a venue's records at these heights with all that they have become; blocks stay.
pub(crate) async fn withdraw_venue(db: &Db, catalog: &Catalog, chain: ChainId, venue: VenueSlug, heights: &RangeSet) -> Result<()> {
    let mut writer = db.begin().await?;
    let tx = &mut writer;
    let records = take_out(tx, catalog, chain, Some(venue), heights).await?;
    record_count::subtract(tx, chain, records).await?;
    writer.commit().await
}

/// Removes what stands at some heights, of one venue or of all, with the coverage; gives the number of raw records.
async fn take_out(tx: &mut Tx, catalog: &Catalog, chain: ChainId, venue: Option<VenueSlug>, heights: &RangeSet) -> Result<u64> {
    // Rare enough that everything may be computed anew; before any market goes, so that its asset is among it.
    dirty::mark_all(tx).await?;
    let mut batch = Batch::new(catalog, chain);
    for range in heights.ranges() {
        for close in unjoin_across(tx, &mut batch, chain, venue, *range).await? {
            if RangeSet::from_ranges([BlockRange::single(close.key.height)]).without(heights).is_empty() {
                continue;
            }
            batch.wait_for_open(close);
        }
    }
    let mut old = Vec::new();
    for range in heights.ranges() {
        old.extend(listed_in(tx, catalog, chain, *range).await?);
    }
    old.sort_by_key(|market| market.row.market_id);
    old.dedup_by_key(|market| market.row.market_id);
    let met = met_at(tx, chain, heights).await?;
    let mut records = 0;
    for range in heights.ranges() {
        records += match venue {
            None => remove(tx, &mut batch, chain, *range).await?.records,
            Some(venue) => remove_of_venue(tx, &mut batch, chain, *range, venue).await?,
        };
    }
    let gone = lift_first(tx, chain, &met).await?;
    remove_markets(tx, &gone).await?;
    old.retain(|market| !gone.contains(&market.row.market_id));
    relist(tx, &mut batch, chain, &old).await?;
    // Once more: a market's row that was made anew carries the first height it had.
    lift_first(tx, chain, &met).await?;
    for stream in streams(tx, chain).await?.into_iter().filter(|stream| venue.is_none_or(|venue| stream.venue == venue)) {
        coverage::cut_out(tx, &stream, heights).await?;
        verify::forget(tx, &stream, heights).await?;
    }
    batch.finish(tx).await?;
    dirty::forget_gone(tx).await?;
    remove_unused_assets(tx).await?;
    Ok(records)
}

/// Removes a venue's rows and raw records in a range; gives the number of the latter.
async fn remove_of_venue(tx: &mut Tx, batch: &mut Batch<'_>, chain: ChainId, range: BlockRange, venue: VenueSlug) -> Result<u64> {
    // Which of the venues has told a token's price, its record says.
    remove_of_venues(tx, batch, chain, range, &[venue]).await?;
    let sql = "DELETE FROM raw_events WHERE chain_id = $1 AND height BETWEEN $2 AND $3 AND venue_id = $4";
    tx.execute(sql, vec![chain.as_i64().into(), height_cell(range.from()), height_cell(range.to()), venue.id().into()]).await
}

/// Takes a range off a stream's coverage; its rows stay. Closes that were joined to a position across it wait again.
pub(crate) async fn uncover(db: &Db, catalog: &Catalog, stream: &StreamId, range: BlockRange) -> Result<()> {
    let heights = RangeSet::from_ranges([range]);
    let mut writer = db.begin().await?;
    let tx = &mut writer;
    // Levels and windows depend on what is covered.
    dirty::mark_all(tx).await?;
    coverage::cut_out(tx, stream, &heights).await?;
    verify::forget(tx, stream, &heights).await?;
    let mut batch = Batch::new(catalog, stream.chain);
    for close in unjoin_across(tx, &mut batch, stream.chain, Some(stream.venue), range).await? {
        batch.wait_for_open(close);
    }
    batch.finish(tx).await?;
    writer.commit().await
}

/// Ids of the markets that were first met at one of the heights.
pub(crate) async fn met_at(tx: &mut Tx, chain: ChainId, heights: &RangeSet) -> Result<Vec<i64>> {
    let mut ids = Vec::new();
    for range in heights.ranges() {
        let sql = "SELECT market_id FROM markets WHERE chain_id = $1 AND first_height BETWEEN $2 AND $3";
        let cells = vec![chain.as_i64().into(), height_cell(range.from()), height_cell(range.to())];
        for row in &tx.rows(sql, cells).await? {
            ids.push(row.int(0)?);
        }
    }
    Ok(ids)
}

/// Tables that name a market, with the time of the events behind their rows: a rate's own times are those of its period.
const OF_MARKET: [(&str, &str); 9] = [
    ("market_listings", "r.ts_ms"),
    ("fills", "r.ts_ms"),
    ("liquidations", "r.ts_ms"),
    ("funding_payments", "r.ts_ms"),
    ("funding_rates", "(SELECT b.ts_ms FROM blocks b WHERE b.chain_id = r.chain_id AND b.height = r.height)"),
    ("funding_index", "r.ts_ms"),
    ("oi_anchors", "r.ts_ms"),
    ("prices", "r.ts_ms"),
    ("unresolved", "r.ts_ms"),
];

/// Sets first height and time of markets to those of the rows that are left; gives the markets that have none.
pub(crate) async fn lift_first(tx: &mut Tx, chain: ChainId, ids: &[i64]) -> Result<Vec<i64>> {
    let mut gone = Vec::new();
    for id in ids {
        let selects =
            OF_MARKET.map(|(table, time)| format!("SELECT MIN(r.height) AS h, MIN({time}) AS t FROM {table} r WHERE r.market_id = $1"));
        let sql = format!("SELECT MIN(h), MIN(t) FROM ({}) x", selects.join(" UNION ALL "));
        let rows = tx.rows(&sql, vec![(*id).into()]).await?;
        let first = |at: usize| rows.first().map_or(Ok(None), |row: &Record| row.opt_int(at));
        match (first(0)?, first(1)?) {
            (Some(height), Some(ms)) => {
                let cells = vec![Param::Int(height), ms.into(), (*id).into(), chain.as_i64().into()];
                tx.execute("UPDATE markets SET first_height = $1, first_ms = $2 WHERE market_id = $3 AND chain_id = $4", cells).await?;
            }
            _ => gone.push(*id),
        }
    }
    Ok(gone)
}

/// All streams of which anything is known.
async fn streams(tx: &mut Tx, chain: ChainId) -> Result<Vec<StreamId>> {
    let sql = "SELECT chain_id, venue_id, part, version FROM covered_ranges WHERE chain_id = $1 \
               UNION SELECT chain_id, venue_id, part, version FROM verified_ranges WHERE chain_id = $1 \
               UNION SELECT chain_id, venue_id, part, version FROM verify_differences WHERE chain_id = $1";
    tx.rows(sql, vec![chain.as_i64().into()]).await?.iter().map(read_stream).collect()
}
