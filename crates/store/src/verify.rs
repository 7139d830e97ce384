//! What verification keeps: which ranges were proved again, and where the store differs from the proof.

use perpdex_core::{
    BlockRange, ChainId, Difference, DifferenceKind, Evidence, RangeSet, RawRecord, StoredRecord, StreamId, Verification, Verified,
};

use crate::coverage::{self, STREAM, Stretch, rank, read_range, read_stream, stream_cells};
use crate::db::{Db, Tx};
use crate::fact::{height_cell, named};
use crate::raw::{self, RAW_EVENTS};
use crate::sql::{Bulk, Fault, Param, Record, Result, first_int};

const INSIDE: &str = "chain_id = $1 AND height BETWEEN $2 AND $3";

fn inside(chain: ChainId, range: BlockRange) -> Vec<Param> {
    vec![chain.as_i64().into(), height_cell(range.from()), height_cell(range.to())]
}

/// Stored raw records inside a range, in canonical order.
pub(crate) async fn records(db: &Db, chain: ChainId, range: BlockRange) -> Result<Vec<(StreamId, StoredRecord)>> {
    let sql = format!("SELECT {} FROM raw_events WHERE {INSIDE} ORDER BY height, ord, rec", RAW_EVENTS.join(", "));
    db.rows(&sql, inside(chain, range)).await?.iter().map(raw::read).collect()
}

/// Puts the payloads of records in the place of their digests.
pub(crate) async fn restore(db: &Db, records: &[RawRecord]) -> Result<u64> {
    let sql = "UPDATE raw_events SET payload = $1 WHERE chain_id = $2 AND height = $3 AND rec = $4 AND payload = $5";
    let mut tx = db.begin().await?;
    let mut restored = 0;
    for record in records {
        let [whole, dropped] = raw::whole_and_dropped(&record.body);
        let cells = vec![whole.into(), record.chain.as_i64().into(), height_cell(record.height), record.rec.into(), dropped.into()];
        restored += tx.execute(sql, cells).await?;
    }
    tx.commit().await?;
    Ok(restored)
}

/// How many raw records are stored inside a range.
pub(crate) async fn record_count(db: &Db, chain: ChainId, range: BlockRange) -> Result<u64> {
    let count = first_int(&db.rows(&format!("SELECT COUNT(*) FROM raw_events WHERE {INSIDE}"), inside(chain, range)).await?)?;
    u64::try_from(count).map_err(|_| Fault::Corrupt(format!("{count} records are stored in {range} of {chain}")))
}

const VERIFIED: &[&str] =
    &["chain_id", "venue_id", "part", "version", "from_height", "to_height", "evidence", "evidence_rank", "verified_ms"];

fn read_verified(r: &Record) -> Result<Verified> {
    Ok(Verified { stream: read_stream(r)?, range: read_range(r)?, evidence: r.parsed(6, "evidence", named)?, verified_ms: r.int(8)? })
}

/// All verified ranges of a chain, ascending per stream.
pub(crate) async fn of_chain(db: &Db, chain: ChainId) -> Result<Vec<Verified>> {
    let columns = VERIFIED.join(", ");
    let sql = format!("SELECT {columns} FROM verified_ranges WHERE chain_id = $1 ORDER BY venue_id, part, version, from_height");
    db.rows(&sql, vec![chain.as_i64().into()]).await?.iter().map(read_verified).collect()
}

/// All stored differences, by chain, stream, height and record.
pub(crate) async fn differences(db: &Db) -> Result<Vec<Difference>> {
    let sql = "SELECT chain_id, venue_id, part, version, height, rec, kind, tx_id, stored_digest, proved_digest FROM verify_differences \
               ORDER BY chain_id, height, rec, venue_id, part, version";
    db.rows(sql, Vec::new()).await?.iter().map(read_difference).collect()
}

fn read_difference(r: &Record) -> Result<Difference> {
    let digest = |at: usize| r.opt_bytes(at)?.map(|bytes| bytes.try_into().map_err(|_| r.unexpected(at, "a digest"))).transpose();
    Ok(Difference {
        stream: read_stream(r)?,
        height: r.height(4)?,
        rec: r.int(5)?,
        kind: r.parsed(6, "a kind of difference", named::<DifferenceKind>)?,
        tx_id: r.shared(7)?,
        stored: digest(8)?,
        proved: digest(9)?,
    })
}

/// Writes what a proof has shown.
pub(crate) async fn record_verification(db: &Db, proof: &Verification) -> Result<()> {
    let mut tx = db.begin().await?;
    for stream in &proof.streams {
        let differing = proof.differences.iter().filter(|difference| difference.stream == *stream).collect::<Vec<_>>();
        replace_differences(&mut tx, stream, proof, &differing).await?;
        // Streams are decoded together: a height at which one differs is proved for none.
        let heights = RangeSet::from_ranges(proof.differences.iter().map(|difference| BlockRange::single(difference.height)));
        let covered = RangeSet::from_ranges(coverage::load(&mut tx, stream).await?.iter().map(|stretch| stretch.range));
        // Coverage may have been cut since the proof was asked for: nothing is marked that is not covered.
        let uncovered = covered.missing(proof.range);
        let proved = RangeSet::from_ranges([proof.range]).without(&heights).without(&uncovered);
        mark(&mut tx, stream, proof, &proved).await?;
        // Else the rest of the range keeps the evidence it has: its times are not known.
        if heights.is_empty() && uncovered.is_empty() {
            let to_ms = proof.to_ms.max(proof.from_ms);
            let stretch = Stretch { range: proof.range, from_ms: proof.from_ms, to_ms, evidence: proof.evidence };
            coverage::strengthen(&mut tx, stream, stretch).await?;
        }
    }
    tx.commit().await
}

async fn replace_differences(tx: &mut Tx, stream: &StreamId, proof: &Verification, differing: &[&Difference]) -> Result<()> {
    let mut cells = stream_cells(stream);
    cells.extend([height_cell(proof.range.from()), height_cell(proof.range.to())]);
    tx.execute(&format!("DELETE FROM verify_differences WHERE {STREAM} AND height BETWEEN $5 AND $6"), cells).await?;
    const DIFFERENCES: &[&str] = &[
        "chain_id",
        "venue_id",
        "part",
        "version",
        "height",
        "rec",
        "kind",
        "tx_id",
        "stored_digest",
        "proved_digest",
        "evidence",
        "found_ms",
    ];
    let mut bulk = Bulk::new("verify_differences", DIFFERENCES);
    for difference in differing {
        let digest = |digest: Option<alloy_primitives::B256>| Param::from(digest.map(|digest| digest.to_vec()));
        bulk.cells.extend(stream_cells(stream));
        bulk.cells.extend([height_cell(difference.height), difference.rec.into(), Param::Name(difference.kind.as_str())]);
        bulk.cells.extend([difference.tx_id.clone().into(), digest(difference.stored), digest(difference.proved)]);
        bulk.cells.extend([Param::Name(proof.evidence.as_str()), proof.proved_ms.into()]);
    }
    tx.bulk(bulk).await
}

/// Marks heights as verified; of what was marked before, nothing stays in the range of the proof.
async fn mark(tx: &mut Tx, stream: &StreamId, proof: &Verification, proved: &RangeSet) -> Result<()> {
    let stored = load(tx, stream).await?;
    let mut next: Vec<Mark> = Vec::with_capacity(stored.len() + 1);
    let proved_again = RangeSet::from_ranges([proof.range]);
    for mark in &stored {
        let kept = RangeSet::from_ranges([mark.range]).without(&proved_again);
        next.extend(kept.ranges().iter().map(|range| Mark { range: *range, ..*mark }));
    }
    next.extend(proved.ranges().iter().map(|range| Mark { range: *range, evidence: proof.evidence, verified_ms: proof.proved_ms }));
    next.sort_by_key(|mark| mark.range);
    replace(tx, stream, &join(next), &stored).await
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    range: BlockRange,
    evidence: Evidence,
    verified_ms: i64,
}

async fn load(tx: &mut Tx, stream: &StreamId) -> Result<Vec<Mark>> {
    let sql = format!("SELECT {} FROM verified_ranges WHERE {STREAM} ORDER BY from_height", VERIFIED.join(", "));
    let rows = tx.rows(&sql, stream_cells(stream)).await?;
    rows.iter()
        .map(|row| read_verified(row).map(|Verified { range, evidence, verified_ms, .. }| Mark { range, evidence, verified_ms }))
        .collect()
}

async fn replace(tx: &mut Tx, stream: &StreamId, marks: &[Mark], stored: &[Mark]) -> Result<()> {
    if marks == stored {
        return Ok(());
    }
    tx.execute(&format!("DELETE FROM verified_ranges WHERE {STREAM}"), stream_cells(stream)).await?;
    let mut bulk = Bulk::new("verified_ranges", VERIFIED);
    for mark in marks {
        bulk.cells.extend(stream_cells(stream));
        bulk.cells.extend([height_cell(mark.range.from()), height_cell(mark.range.to())]);
        bulk.cells.extend([Param::Name(mark.evidence.as_str()), rank(mark.evidence).into(), mark.verified_ms.into()]);
    }
    tx.bulk(bulk).await
}

/// Neighbours of equal evidence become one, as old as the older.
fn join(sorted: Vec<Mark>) -> Vec<Mark> {
    let mut out: Vec<Mark> = Vec::with_capacity(sorted.len());
    for mark in sorted {
        match out.last_mut() {
            Some(last) if last.evidence == mark.evidence && last.range.to().checked_add(1) == Some(mark.range.from()) => {
                last.range = BlockRange::new(last.range.from(), mark.range.to()).expect("a union is not empty");
                last.verified_ms = last.verified_ms.min(mark.verified_ms);
            }
            _ => out.push(mark),
        }
    }
    out
}

/// Takes heights out of a stream's marks and differences.
pub(crate) async fn forget(tx: &mut Tx, stream: &StreamId, heights: &RangeSet) -> Result<()> {
    let stored = load(tx, stream).await?;
    let kept = stored.iter().flat_map(|mark| {
        let left = RangeSet::from_ranges([mark.range]).without(heights);
        left.ranges().iter().map(|range| Mark { range: *range, ..*mark }).collect::<Vec<_>>()
    });
    replace(tx, stream, &kept.collect::<Vec<_>>(), &stored).await?;
    for range in heights.ranges() {
        let mut cells = stream_cells(stream);
        cells.extend([height_cell(range.from()), height_cell(range.to())]);
        tx.execute(&format!("DELETE FROM verify_differences WHERE {STREAM} AND height BETWEEN $5 AND $6"), cells).await?;
    }
    Ok(())
}
