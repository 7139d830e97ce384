//! Rows of a range made anew from its stored raw records: what they were goes and what they are now comes, in one transaction.

use std::collections::HashSet;

use perpdex_core::{
    BlockRange, Catalog, ChainId, Commit, Committed, Event, EventBody, RangeSet, StoreError, StoredPiece, StoredRange, StreamId, VenueSlug,
};

use crate::batch::Batch;
use crate::capture::{RawCapture, RawCaptures};
use crate::commit::gather_failures;
use crate::db::{Db, Tx};
use crate::fact::height_cell;
use crate::join::{Reach, join, unjoin_across};
use crate::known::Known;
use crate::place::Place;
use crate::reference::remove_unused_assets;
use crate::remove::{listed_in, relist, remove_markets, remove_of_venues};
use crate::sql::{Fault, Param, Result};
use crate::withdraw::{lift_first, met_at};
use crate::{coverage, dirty};

/// Rows of events whose raw records may have been removed.
const ROWS: [&str; 5] = ["fills", "funding_payments", "prices", "collateral_flows", "market_listings"];

/// The first covered part of some heights.
pub(crate) async fn stored_piece(db: &Db, place: &Place, chain: ChainId, range: BlockRange) -> Result<Option<StoredPiece>> {
    let Some(capture) = RawCaptures::inside(db, place, chain, range).await?.read_next().await? else { return Ok(None) };
    let (range, dropped) = (capture.range, capture.dropped.clone());
    let without_raw = without_raw(db, chain, range).await?;
    let stored = |RawCapture { range, streams, blocks, records, .. }| StoredRange { range, streams, blocks, records };
    let whole = capture.whole_parts().into_iter().map(stored).collect();
    Ok(Some(StoredPiece { range, whole, dropped, without_raw }))
}

/// The first height with rows and without any raw record.
async fn without_raw(db: &Db, chain: ChainId, range: BlockRange) -> Result<Option<u64>> {
    let selects = ROWS.map(|table| {
        format!(
            "SELECT MIN(r.height) AS h FROM {table} r WHERE r.chain_id = $1 AND r.height BETWEEN $2 AND $3 AND NOT EXISTS \
             (SELECT 1 FROM raw_events e WHERE e.chain_id = r.chain_id AND e.height = r.height)"
        )
    });
    let sql = format!("SELECT MIN(h) FROM ({}) x", selects.join(" UNION ALL "));
    let rows = db.rows(&sql, vec![chain.as_i64().into(), height_cell(range.from()), height_cell(range.to())]).await?;
    let lowest = rows.first().map_or(Ok(None), |row| row.opt_int(0))?;
    Ok(lowest.and_then(|height| u64::try_from(height).ok()))
}

/// Replaces the rows of some venues in the range of a commit by those of its events.
pub(crate) async fn replace(db: &Db, catalog: &Catalog, mut commit: Commit, venues: &[VenueSlug], records_read: u64) -> Result<Committed> {
    let mut writer = db.begin().await?;
    let tx = &mut writer;
    let (chain, range) = (commit.chain, commit.range);
    check_unchanged(tx, &commit, records_read).await?;
    // Rare enough that everything may be computed anew; before any market goes, so that its asset is among it.
    dirty::mark_all(tx).await?;
    let mut batch = Batch::new(catalog, chain);
    let mut closes = Vec::new();
    for venue in venues {
        let undone = unjoin_across(tx, &mut batch, chain, Some(*venue), range).await?;
        // Those inside come again with the events.
        closes.extend(undone.into_iter().filter(|close| !range.contains(close.key.height)));
    }
    let old = listed_in(tx, catalog, chain, range).await?;
    let met = met_at(tx, chain, &RangeSet::from_ranges([range])).await?;
    remove_of_venues(tx, &mut batch, chain, range, venues).await?;
    let gone = lift_first(tx, chain, &met).await?;
    remove_markets(tx, &gone).await?;
    let left: Vec<_> = old.into_iter().filter(|market| !gone.contains(&market.row.market_id)).collect();
    relist(tx, &mut batch, chain, &left).await?;
    // Once more: a market's row that was made anew carries the first height it had.
    lift_first(tx, chain, &met).await?;

    let kept = kept_token_prices(tx, chain, range).await?;
    let is_new = |event: &Event| {
        let key = (event.key.height, event.key.rec, i64::from(event.key.sub));
        venues.contains(&event.venue) && !(matches!(event.body, EventBody::TokenPrice(_)) && kept.contains(&key))
    };
    let events: Vec<Event> = std::mem::take(&mut commit.events).into_iter().filter(is_new).collect();
    let mut done = Committed { events: events.len() as u64, ..Committed::default() };
    commit.failures.retain(|(stream, _)| venues.contains(&stream.venue));
    gather_failures(&mut batch, &commit, &Known::default(), &mut done);
    closes.extend(batch.write(tx, Vec::new(), events).await?);
    let reaches = reaches(tx, chain, venues, range).await?;
    join(tx, &mut batch, closes, &reaches).await?;
    done.failures += batch.failed;
    batch.finish(tx).await?;
    dirty::forget_gone(tx).await?;
    remove_unused_assets(tx).await?;
    writer.commit().await?;
    Ok(done)
}

/// The records that were decoded must be those that are stored: another process may have written or reverted meanwhile.
async fn check_unchanged(tx: &mut Tx, commit: &Commit, records_read: u64) -> Result<()> {
    let sql = "SELECT height, rec FROM raw_events WHERE chain_id = $1 AND height BETWEEN $2 AND $3";
    let stored: HashSet<(u64, i64)> = tx
        .rows(sql, inside(commit.chain, commit.range))
        .await?
        .iter()
        .map(|row| Ok((row.height(0)?, row.int(1)?)))
        .collect::<Result<_>>()?;
    let changed =
        |height, message: &str| Err(Fault::Store(StoreError::Number { chain: commit.chain, height, message: message.to_owned() }));
    match commit.records.iter().find(|(_, record)| !stored.contains(&(record.height, record.rec))) {
        Some((_, record)) => changed(record.height, "its raw record is gone since it was read: another process writes, run again"),
        None if stored.len() as u64 != records_read => {
            changed(commit.range.from(), "raw records have come since it and those behind it were read: another process writes, run again")
        }
        None => Ok(()),
    }
}

fn inside(chain: ChainId, range: BlockRange) -> Vec<Param> {
    vec![chain.as_i64().into(), height_cell(range.from()), height_cell(range.to())]
}

const INSIDE: &str = "chain_id = $1 AND height BETWEEN $2 AND $3";

/// Keys of token prices that are left: they came by other venues.
async fn kept_token_prices(tx: &mut Tx, chain: ChainId, range: BlockRange) -> Result<HashSet<(u64, i64, i64)>> {
    let sql = format!("SELECT height, rec, sub FROM token_prices WHERE {INSIDE}");
    tx.rows(&sql, inside(chain, range)).await?.iter().map(|row| Ok((row.height(0)?, row.int(1)?, row.int(2)?))).collect()
}

/// What is covered of the venues' streams, which does not change: closes from the range on are looked at once more.
async fn reaches(tx: &mut Tx, chain: ChainId, venues: &[VenueSlug], range: BlockRange) -> Result<Vec<Reach>> {
    let sql = "SELECT DISTINCT chain_id, venue_id, part, version FROM covered_ranges WHERE chain_id = $1";
    let streams: Vec<StreamId> =
        tx.rows(sql, vec![chain.as_i64().into()]).await?.iter().map(coverage::read_stream).collect::<Result<_>>()?;
    let mut out = Vec::new();
    for stream in streams.into_iter().filter(|stream| venues.contains(&stream.venue)) {
        let covered = RangeSet::from_ranges(coverage::load(tx, &stream).await?.iter().map(|stretch| stretch.range));
        out.push(Reach { stream, covered, was_covered: true, grown_from: Some(range.from()), changed_from_ms: None });
    }
    Ok(out)
}
