//! One commit: what a batch brought becomes rows, sums and coverage in one transaction.

use std::collections::{HashMap, HashSet};

use alloy_primitives::{B256, hex};
use perpdex_core::{
    BlockConflict, BlockRange, BlockRef, Catalog, ChainId, Commit, Committed, Event, Evidence, Failure, FailureKind, RangeSet, RawBody,
    RawRecord, StoreError, StreamId, Turn, VenueSlug, derived_id,
};
use perpdex_reducer::hour_id;

use crate::batch::Batch;
use crate::db::{Db, Tx};
use crate::fact::height_cell;
use crate::kept::is_close;
use crate::known::{Known, conflict, range_cells};
use crate::raw::Records;
use crate::reference::ensure_chain;
use crate::sql::{Bulk, Fault, Param, Result};
use crate::{coverage, dirty, doubt, join, raw, record_count, withdraw};

/// Writes a commit; `drops_raw`: its records without their payload.
///
/// What hangs on nothing but the commit's own heights (blocks, records, rows of markets that stand) is written before its turn where the
/// engine can, in a transaction that keeps no other writer out yet. All else is read and written behind the commits before it.
pub(crate) async fn commit(db: &Db, catalog: &Catalog, mut what: Commit, drops_raw: bool, turn: Turn) -> Result<Committed> {
    check(&what)?;
    let (mut tx, turn) = begin(db, turn).await?;
    let is_ahead = turn.is_some();
    let told = |fault: Fault| if is_ahead { fault.of_another_writer() } else { fault };
    tx.look_up_by_keys().await?;
    let known = known(&mut tx, &what).await.map_err(told)?;
    let doubts = doubt::doubts(&mut tx, &what, &known).await.map_err(told)?;
    if !doubts.stored.is_empty() {
        drop(tx);
        if let Some(turn) = turn {
            turn.wait().await?;
        }
        // A crash between the two leaves a gap, which is read again.
        for (venue, heights) in doubts.stored {
            withdraw::withdraw_venue(db, catalog, what.chain, venue, &heights).await?;
        }
        return Box::pin(commit(db, catalog, what, drops_raw, Turn::now())).await;
    }
    doubts.leave_out(&mut what);
    let mut batch = Batch::new(catalog, what.chain);
    let own = write_own(&mut tx, &mut batch, &mut what, known, drops_raw, turn).await.map_err(told)?;
    write_shared(tx, batch, what, own).await
}

/// A transaction, and the turn that is still to be waited for in it.
async fn begin(db: &Db, turn: Turn) -> Result<(Tx, Option<Turn>)> {
    if !turn.has_come()
        && let Some(tx) = db.begin_ahead().await?
    {
        return Ok((tx, Some(turn)));
    }
    turn.wait().await?;
    Ok((db.begin().await?, None))
}

/// What a commit brought, and what of it is new.
struct Own {
    done: Committed,
    known: Known,
    /// Height and `rec` of each of its records.
    given: HashSet<(u64, i64)>,
    /// Heights of new rows of positions, by venue.
    positions: Vec<(VenueSlug, BlockRange)>,
    /// New closes.
    closes: Vec<Event>,
}

/// Writes the blocks of the commit and gives what is stored of its records.
async fn known(tx: &mut Tx, commit: &Commit) -> Result<Known> {
    write_blocks(tx, commit).await?;
    Known::load(tx, commit).await
}

/// Writes what no other commit touches; behind it the commit's turn has come.
async fn write_own(
    tx: &mut Tx,
    batch: &mut Batch<'_>,
    commit: &mut Commit,
    known: Known,
    drops_raw: bool,
    turn: Option<Turn>,
) -> Result<Own> {
    let mut done = Committed::default();
    let given = commit.records.iter().map(|(_, record)| (record.height, record.rec)).collect();
    let records = new_records(commit, &known, &mut done)?;
    let records = match drops_raw {
        true => raw::lots_dropped(records, &commit.failures),
        false => vec![raw::lot(records)],
    };
    let events: Vec<Event> = std::mem::take(&mut commit.events).into_iter().filter(|event| !known.has_event(event)).collect();
    done.events = events.len() as u64;
    let positions = join::of_positions(&events);
    let closes = write_rows(tx, batch, records, events, turn).await?;
    Ok(Own { done, known, given, positions, closes })
}

/// Writes records and the rows of events; gives closes back.
async fn write_rows(
    tx: &mut Tx,
    batch: &mut Batch<'_>,
    records: Vec<Records>,
    events: Vec<Event>,
    turn: Option<Turn>,
) -> Result<Vec<Event>> {
    let Some(turn) = turn else { return batch.write(tx, records, events).await };
    let used = batch.write_ahead(tx, records, &events).await?;
    turn.wait().await?;
    tx.take_turn().await?;
    if let Some(used) = used {
        if batch.still_stand(tx, &used).await? {
            return Ok(events.into_iter().filter(is_close).collect());
        }
        tx.back_to_mark().await?;
        *batch = batch.anew();
    }
    batch.write(tx, Vec::new(), events).await
}

/// Writes what commits share: failures, coverage, joined closes, sums.
async fn write_shared(mut tx: Tx, mut batch: Batch<'_>, commit: Commit, own: Own) -> Result<Committed> {
    let Own { mut done, known, given, positions, mut closes } = own;
    ensure_chain(&mut tx, commit.chain).await?;
    record_count::add(&mut tx, commit.chain, done.records).await?;
    let covered = coverage::load_all(&mut tx, &commit.streams).await?;
    check_settled(&mut tx, &commit, &covered, &given).await?;
    gather_failures(&mut batch, &commit, &known, &mut done);
    let reaches = coverage::extend(&mut tx, &commit, covered).await?;
    let changed_ms = reaches.iter().filter_map(|reach| Some((reach.stream.venue.id(), hour_from(reach.changed_from_ms?))));
    dirty::mark_venues(&mut tx, commit.chain, changed_ms).await?;
    for (venue, range) in positions {
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
async fn check_settled(tx: &mut Tx, commit: &Commit, covered: &[Vec<coverage::Stretch>], given: &HashSet<(u64, i64)>) -> Result<()> {
    if commit.evidence <= Evidence::Provisional {
        return Ok(());
    }
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
        let (error, text) = (malformed.error.clone(), malformed.text.clone());
        batch.fail(&malformed.stream, malformed.height, rec, String::new(), "not_a_record", error, Some(text));
    }
}

/// The hour of a moment from which on something is dirty.
fn hour_from(ms: i64) -> i64 {
    hour_id(ms).max(dirty::ALWAYS)
}
