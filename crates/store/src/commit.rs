//! One commit: what a batch brought becomes rows, sums and coverage in one transaction.

use std::collections::{HashMap, HashSet};

use alloy_primitives::{B256, hex};
use perpdex_core::{
    BlockConflict, BlockRange, BlockRef, Catalog, ChainId, Commit, Committed, Event, Evidence, Failure, FailureKind, RangeSet, RawBody,
    RawRecord, StoreError, StreamId, VenueSlug, derived_id,
};
use perpdex_reducer::hour_id;

use crate::batch::{Batch, event_name};
use crate::fact::{FACT_TABLES, height_cell};
use crate::reference::ensure_chain;
use crate::sql::{Bulk, Db, Fault, Param, Result, Tx};
use crate::{coverage, dirty, join, raw};

/// Writes a commit; `drops_raw`: its records without their payload.
pub(crate) async fn commit(db: &Db, catalog: &Catalog, commit: Commit, drops_raw: bool) -> Result<Committed> {
    check(&commit)?;
    let mut tx = db.begin().await?;
    tx.look_up_by_keys().await?;
    ensure_chain(&mut tx, commit.chain).await?;
    write_blocks(&mut tx, &commit).await?;
    let known = Known::load(&mut tx, &commit).await?;
    let covered = coverage::load_all(&mut tx, &commit.streams).await?;
    check_settled(&mut tx, &commit, &covered).await?;
    let mut done = Committed::default();
    let mut commit = commit;
    let records = new_records(&mut commit, &known, &mut done)?;
    let records = match drops_raw {
        true => raw::lots_dropped(records, &commit.failures),
        false => vec![raw::lot(records)],
    };
    let mut batch = Batch::new(catalog, commit.chain);
    gather_failures(&mut batch, &commit, &known, &mut done);
    let events: Vec<Event> = std::mem::take(&mut commit.events).into_iter().filter(|event| !known.has_event(event)).collect();
    done.events = events.len() as u64;
    let changed = join::of_positions(&events);
    let mut closes = batch.write(&mut tx, records, events).await?;
    let reaches = coverage::extend(&mut tx, &commit, covered).await?;
    let changed_ms = reaches.iter().filter_map(|reach| Some((reach.stream.venue.id(), hour_from(reach.changed_from_ms?))));
    dirty::mark_venues(&mut tx, commit.chain, changed_ms).await?;
    for (venue, range) in changed {
        // Only what was covered before can have been joined across the new rows.
        if reaches.iter().any(|reach| reach.stream.venue == venue && reach.was_covered) {
            closes.extend(join::unjoin_across(&mut tx, &mut batch, commit.chain, Some(venue), range).await?);
        }
    }
    join::join(&mut tx, &mut batch, closes, &reaches).await?;
    done.failures += batch.failed;
    batch.finish(&mut tx).await?;
    tx.commit().await?;
    Ok(done)
}

/// Every height must lie inside the range, and the range below 2^63: the engine has checked, and the store does not trust.
fn check(commit: &Commit) -> Result<()> {
    let inside = |height: u64| commit.range.contains(height);
    let bad = if i64::try_from(commit.range.to()).is_err() {
        Some(commit.range.to())
    } else {
        let heights = commit.records.iter().map(|(_, record)| record.height);
        heights.chain(commit.events.iter().map(|event| event.key.height)).find(|height| !inside(*height))
    };
    match bad {
        Some(height) => Err(Fault::Store(StoreError::Number {
            chain: commit.chain,
            height,
            message: format!("the height is outside of the committed range {}", commit.range),
        })),
        None => Ok(()),
    }
}

async fn write_blocks(tx: &mut Tx, commit: &Commit) -> Result<()> {
    let sql = "SELECT height, hash FROM blocks WHERE chain_id = $1 AND height BETWEEN $2 AND $3";
    let mut stored: HashMap<u64, Option<B256>> = HashMap::new();
    for row in tx.rows(sql, range_cells(commit)).await? {
        stored.insert(row.height(0)?, row.opt_bytes(1)?.map(B256::from_slice));
    }
    let mut bulk = Bulk::new("blocks", &["chain_id", "height", "hash", "parent_hash", "ts_ms"]);
    for block in &commit.blocks {
        match (stored.get(&block.height), block.hash()) {
            (Some(Some(known)), Some(found)) if *known != found => {
                return Err(conflict(commit.chain, block.height, known.as_slice(), found.as_slice()));
            }
            (Some(None), Some(_)) => {
                let sql = "DELETE FROM blocks WHERE chain_id = $1 AND height = $2";
                tx.execute(sql, vec![commit.chain.as_i64().into(), height_cell(block.height)]).await?;
            }
            (Some(_), _) => continue,
            (None, _) => {}
        }
        stored.insert(block.height, block.hash());
        bulk.push(block_cells(commit.chain, block));
    }
    for (_, record) in &commit.records {
        let (RawBody::EvmLog(log), Some(Some(known))) = (&record.body, stored.get(&record.height)) else { continue };
        if log.block_hash != *known {
            return Err(conflict(commit.chain, record.height, known.as_slice(), log.block_hash.as_slice()));
        }
    }
    tx.bulk(bulk).await
}

/// What was read before it was final must be there when it is read again: a record that is not is a conflict.
async fn check_settled(tx: &mut Tx, commit: &Commit, covered: &[Vec<coverage::Stretch>]) -> Result<()> {
    if commit.evidence <= Evidence::Provisional {
        return Ok(());
    }
    let given: HashSet<(u64, i64)> = commit.records.iter().map(|(_, record)| (record.height, record.rec)).collect();
    for (stream, stretches) in commit.streams.iter().zip(covered) {
        for range in provisional(stretches, &coverage::answered(commit, stream)) {
            let sql = "SELECT e.height, e.rec, e.tx_id, b.hash FROM raw_events e LEFT JOIN blocks b ON b.chain_id = e.chain_id AND b.height = e.height \
                       WHERE e.chain_id = $1 AND e.venue_id = $2 AND e.part = $3 AND e.version = $4 AND e.height BETWEEN $5 AND $6 \
                       ORDER BY e.height, e.ord, e.rec";
            let mut cells = coverage::stream_cells(stream);
            cells.extend([height_cell(range.from()), height_cell(range.to())]);
            for row in tx.rows(sql, cells).await? {
                let (height, rec) = (row.height(0)?, row.int(1)?);
                if !given.contains(&(height, rec)) {
                    let stored = match row.opt_bytes(3)? {
                        Some(hash) => hex::encode_prefixed(hash),
                        None => row.string(2)?,
                    };
                    let conflict = BlockConflict { height, stored, found: format!("a block without {}", row.text(2)?) };
                    return Err(Fault::Store(StoreError::Conflict { chain: commit.chain, conflict }));
                }
            }
        }
    }
    Ok(())
}

/// The provisional parts of some heights.
fn provisional(stretches: &[coverage::Stretch], heights: &RangeSet) -> Vec<BlockRange> {
    let stretches = stretches.iter().filter(|stretch| stretch.evidence == Evidence::Provisional);
    stretches.flat_map(|stretch| heights.ranges().iter().filter_map(|range| range.intersect(&stretch.range))).collect()
}

fn block_cells(chain: ChainId, block: &BlockRef) -> [Param; 5] {
    let [hash, parent] = block.link.map_or([Param::Null, Param::Null], |link| [link.hash.to_vec().into(), link.parent.to_vec().into()]);
    [chain.as_i64().into(), height_cell(block.height), hash, parent, block.time_ms.into()]
}

fn conflict(chain: ChainId, height: u64, stored: &[u8], found: &[u8]) -> Fault {
    let conflict = BlockConflict { height, stored: hex::encode_prefixed(stored), found: hex::encode_prefixed(found) };
    Fault::Store(StoreError::Conflict { chain, conflict })
}

fn range_cells(commit: &Commit) -> Vec<Param> {
    vec![commit.chain.as_i64().into(), height_cell(commit.range.from()), height_cell(commit.range.to())]
}

/// Takes the records out of the commit and gives those that are new.
fn new_records(commit: &mut Commit, known: &Known, done: &mut Committed) -> Result<Vec<(StreamId, RawRecord)>> {
    let mut rows = std::mem::take(&mut commit.records);
    let mut seen: HashSet<(u64, i64)> = HashSet::with_capacity(rows.len());
    let mut conflict = None;
    rows.retain(|(_, record)| match known.has_record(commit.chain, record) {
        Ok(true) => {
            done.records_known += 1;
            false
        }
        Ok(false) => seen.insert((record.height, record.rec)),
        Err(fault) => {
            conflict.get_or_insert(fault);
            false
        }
    });
    if let Some(fault) = conflict {
        return Err(fault);
    }
    done.records += rows.len() as u64;
    Ok(rows)
}

pub(crate) fn gather_failures(batch: &mut Batch<'_>, commit: &Commit, known: &Known, done: &mut Committed) {
    let is_new = |stream: &StreamId, failure: &Failure| !known.is_stored_for(stream.venue, failure.height, failure.rec);
    for (stream, failure) in commit.failures.iter().filter(|(stream, failure)| is_new(stream, failure)) {
        done.failures += u64::from(failure.kind != FailureKind::UnknownEvent);
        let (part, kind) = (failure.part.clone(), failure.kind.as_str());
        batch.fail(stream, failure.height, failure.rec, part, kind, failure.error.clone(), None);
    }
    for malformed in &commit.malformed {
        // It has no key of its own: where, what and why together are one.
        let rec = derived_id(&["malformed", &malformed.stream.name(), &hex::encode(&malformed.text), &malformed.error.replace('\0', " ")]);
        let (error, text) = (malformed.error.clone(), malformed.text.replace('\0', "\u{fffd}"));
        batch.fail(&malformed.stream, malformed.height, rec, String::new(), "not_a_record", error, Some(text));
    }
}

/// What of the commit's range is stored already.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// Each stored record, by height and `rec`.
    records: HashMap<(u64, i64), KnownRecord>,
    /// Kind and key of each stored event; read only where records are known.
    events: HashSet<(&'static str, u64, i64, i64)>,
}

/// What is looked at of a stored record.
#[derive(Debug)]
struct KnownRecord {
    /// The venue it was stored for first. Another one that watches it too may come later.
    venue_id: i64,
    tx_id: String,
    block_hash: Option<B256>,
}

impl Known {
    async fn load(tx: &mut Tx, commit: &Commit) -> Result<Known> {
        let mut known = Known::default();
        let sql = "SELECT height, rec, tx_id, block_hash, venue_id FROM raw_events WHERE chain_id = $1 AND height BETWEEN $2 AND $3";
        for row in tx.rows(sql, range_cells(commit)).await? {
            let block_hash = row.opt_bytes(3)?.map(B256::from_slice);
            let record = KnownRecord { venue_id: row.int(4)?, tx_id: row.string(2)?, block_hash };
            known.records.insert((row.height(0)?, row.int(1)?), record);
        }
        if known.records.is_empty() {
            return Ok(known);
        }
        for table in FACT_TABLES {
            known.load_events(tx, commit, table, table).await?;
        }
        known.load_events(tx, commit, "market_listings", "market_listings").await?;
        for name in WAITING_EVENTS {
            known.load_events(tx, commit, &format!("(SELECT * FROM unresolved WHERE event = '{name}') w"), stored_in(name)).await?;
        }
        Ok(known)
    }

    async fn load_events(&mut self, tx: &mut Tx, commit: &Commit, from: &str, kind: &'static str) -> Result<()> {
        let sql = format!("SELECT height, rec, sub FROM {from} WHERE chain_id = $1 AND height BETWEEN $2 AND $3");
        for row in tx.rows(&sql, range_cells(commit)).await? {
            self.events.insert((kind, row.height(0)?, row.int(1)?, row.int(2)?));
        }
        Ok(())
    }

    fn has_record(&self, chain: ChainId, record: &RawRecord) -> Result<bool> {
        let Some(KnownRecord { tx_id, block_hash, .. }) = self.records.get(&(record.height, record.rec)) else { return Ok(false) };
        if let (RawBody::EvmLog(log), Some(known)) = (&record.body, block_hash)
            && log.block_hash != *known
        {
            return Err(conflict(chain, record.height, known.as_slice(), log.block_hash.as_slice()));
        }
        if *tx_id != record.tx_id {
            let conflict = BlockConflict { height: record.height, stored: tx_id.clone(), found: record.tx_id.to_string() };
            return Err(Fault::Store(StoreError::Conflict { chain, conflict }));
        }
        Ok(true)
    }

    fn is_stored_for(&self, venue: VenueSlug, height: u64, rec: i64) -> bool {
        self.records.get(&(height, rec)).is_some_and(|record| record.venue_id == venue.id())
    }

    /// Whether the event's record is stored for its venue, or the event itself: where its key is not its record's, or its
    /// record was stored for another venue first.
    fn has_event(&self, event: &Event) -> bool {
        let key = event.key;
        self.is_stored_for(event.venue, key.height, key.rec)
            || self.events.contains(&(stored_in(event_name(&event.body)), key.height, key.rec, i64::from(key.sub)))
    }
}

/// Kinds of events that can stand in `unresolved`.
const WAITING_EVENTS: [&str; 10] = [
    "fill",
    "close",
    "funding_rate",
    "funding_index",
    "funding_payment",
    "oi_anchor",
    "price",
    "token_price",
    "collateral_flow",
    "volume_bar",
];

/// The table whose key tells that an event of this kind is stored; a joined close is a fill.
fn stored_in(event: &str) -> &'static str {
    match event {
        "fill" | "close" => "fills",
        "funding_payment" => "funding_payments",
        "funding_rate" => "funding_rates",
        "funding_index" => "funding_index",
        "oi_anchor" => "oi_anchors",
        "price" => "prices",
        "token_price" => "token_prices",
        "collateral_flow" => "collateral_flows",
        "volume_bar" => "volume_bars",
        _ => "market_listings",
    }
}

/// The hour of a moment from which on something is dirty.
fn hour_from(ms: i64) -> i64 {
    hour_id(ms).max(dirty::ALWAYS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_event_is_looked_for_where_it_is_stored() {
        for name in WAITING_EVENTS {
            assert!(FACT_TABLES.contains(&stored_in(name)), "{name}");
        }
        assert_eq!(stored_in("market_listed"), "market_listings");
    }
}
