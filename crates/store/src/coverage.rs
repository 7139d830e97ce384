//! Coverage and holes of a stream: which heights are known, how well, and which could not be had.

use std::collections::HashMap;

use perpdex_core::{BlockRange, Commit, Covered, Evidence, Hole, HoleReason, RangeSet, StreamId};

use crate::db::{Db, Tx};
use crate::fact::{height_cell, named, read_chain, read_u32, read_venue};
use crate::join::Reach;
use crate::sql::{Bulk, Param, Record, Result};

/// One covered stretch of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stretch {
    pub(crate) range: BlockRange,
    pub(crate) from_ms: i64,
    pub(crate) to_ms: i64,
    pub(crate) evidence: Evidence,
}

/// Columns of `covered_ranges` as [`read`] takes them.
pub(crate) const COLUMNS: &str = "chain_id, venue_id, part, version, from_height, to_height, from_ms, to_ms, evidence";

/// All covered ranges of a chain, ascending per stream.
pub(crate) async fn of_chain(db: &Db, chain: i64) -> Result<Vec<Covered>> {
    let sql = format!("SELECT {COLUMNS} FROM covered_ranges WHERE chain_id = $1 ORDER BY venue_id, part, version, from_height");
    db.rows(&sql, vec![chain.into()]).await?.iter().map(read).collect()
}

/// Reads a row of [`COLUMNS`].
pub(crate) fn read(r: &Record) -> Result<Covered> {
    Ok(Covered {
        stream: read_stream(r)?,
        range: read_range(r)?,
        from_ms: r.int(6)?,
        to_ms: r.int(7)?,
        evidence: r.parsed(8, "evidence", named)?,
    })
}

/// Reads chain, venue, part and version from the first four columns.
pub(crate) fn read_stream(r: &Record) -> Result<StreamId> {
    Ok(StreamId { chain: read_chain(r, 0)?, venue: read_venue(r, 1)?, part: r.string(2)?, version: read_u32(r, 3)? })
}

/// Reads a range from columns 4 and 5.
pub(crate) fn read_range(r: &Record) -> Result<BlockRange> {
    BlockRange::new(r.height(4)?, r.height(5)?).ok_or_else(|| r.unexpected(5, "the end of a range"))
}

/// The cells of a stream's key.
pub(crate) fn stream_cells(stream: &StreamId) -> Vec<Param> {
    vec![stream.chain.as_i64().into(), stream.venue.id().into(), stream.part.clone().into(), i64::from(stream.version).into()]
}

/// The condition that goes with [`stream_cells`].
pub(crate) const STREAM: &str = "chain_id = $1 AND venue_id = $2 AND part = $3 AND version = $4";

/// Adds what a commit proves to the coverage of its streams, of which `stored` was there, and takes it off their holes.
pub(crate) async fn extend(tx: &mut Tx, commit: &Commit, stored: Vec<Vec<Stretch>>) -> Result<Vec<Reach>> {
    let ranges = |stretches: &[Stretch]| RangeSet::from_ranges(stretches.iter().map(|stretch| stretch.range));
    let mut reaches = Vec::with_capacity(commit.streams.len());
    let mut changes = Vec::new();
    for (stream, stored) in commit.streams.iter().zip(stored) {
        let merged = overlay(stored.clone(), &proved(commit, stream));
        let (before, now) = (ranges(&stored), ranges(&merged));
        let grown_from = now.without(&before).ranges().first().map(BlockRange::from);
        let was_covered = before.ranges().iter().any(|range| range.intersect(&commit.range).is_some());
        let changed_from_ms = first_difference_ms(&stored, &merged);
        reaches.push(Reach { stream: stream.clone(), covered: now, was_covered, grown_from, changed_from_ms });
        changes.push((stream, stored, merged));
    }
    replace(tx, &changes).await?;
    let holes = load_holes(tx, &commit.streams).await?;
    for (reach, stored) in reaches.iter().zip(holes) {
        put_holes(tx, &reach.stream, &commit.holes, stored, &reach.covered).await?;
    }
    Ok(reaches)
}

/// The time from which on two states of a stream's coverage differ; `i64::MIN` where they do from the beginning.
fn first_difference_ms(old: &[Stretch], new: &[Stretch]) -> Option<i64> {
    let equal = old.iter().zip(new).take_while(|(old, new)| old == new).count();
    let (old_next, new_next) = (old.get(equal), new.get(equal));
    let from_ms = match (old_next, new_next) {
        (None, None) => return None,
        (Some(old), Some(new)) if (old.range.from(), old.from_ms, old.evidence) == (new.range.from(), new.from_ms, new.evidence) => {
            old.to_ms.min(new.to_ms)
        }
        (old, new) => [old, new].into_iter().flatten().map(|stretch| stretch.from_ms).min().unwrap_or(i64::MIN),
    };
    // Ranges that touch are one stretch of time: it may have grown from the end of the one before.
    match equal.checked_sub(1) {
        Some(before) => Some(from_ms.min(new[before].to_ms)),
        None if old_next.zip(new_next).is_some_and(|(old, new)| old.range.from() == new.range.from()) => Some(from_ms),
        None => Some(i64::MIN),
    }
}

/// The stretches of a stream, ascending.
pub(crate) async fn load(tx: &mut Tx, stream: &StreamId) -> Result<Vec<Stretch>> {
    Ok(load_all(tx, std::slice::from_ref(stream)).await?.pop().unwrap_or_default())
}

/// The stretches of each stream, ascending.
pub(crate) async fn load_all(tx: &mut Tx, streams: &[StreamId]) -> Result<Vec<Vec<Stretch>>> {
    let read = |r: &Record| {
        let Covered { range, from_ms, to_ms, evidence, .. } = read(r)?;
        Ok(Stretch { range, from_ms, to_ms, evidence })
    };
    of_streams(tx, "covered_ranges", COLUMNS, streams, read).await
}

/// Rows of a table of ranges by stream, each stream's in ascending order, in one statement however many streams there are.
async fn of_streams<T>(
    tx: &mut Tx,
    table: &str,
    columns: &str,
    streams: &[StreamId],
    read: impl Fn(&Record) -> Result<T>,
) -> Result<Vec<Vec<T>>> {
    let keys: Vec<_> = streams.iter().map(|stream| (stream.chain.as_i64(), stream.venue.id(), &stream.part, stream.version)).collect();
    let keys = serde_json::to_string(&keys).expect("texts and numbers are JSON");
    let sql = format!(
        "SELECT {columns} FROM {} JOIN {table} ON chain_id = CAST(k.value ->> 0 AS BIGINT) AND venue_id = CAST(k.value ->> 1 AS BIGINT) \
         AND part = k.value ->> 2 AND version = CAST(k.value ->> 3 AS BIGINT) ORDER BY from_height",
        tx.elements("$1")
    );
    let mut out: Vec<Vec<T>> = streams.iter().map(|_| Vec::new()).collect();
    for row in &tx.rows(&sql, vec![keys.into()]).await? {
        let stream = read_stream(row)?;
        let of = streams.iter().position(|one| *one == stream).ok_or_else(|| row.unexpected(1, "a stream that was asked for"))?;
        out[of].push(read(row)?);
    }
    Ok(out)
}

/// Writes what differs between the stretches that streams had and have.
async fn replace(tx: &mut Tx, changes: &[(&StreamId, Vec<Stretch>, Vec<Stretch>)]) -> Result<()> {
    const COVERED: &[&str] =
        &["chain_id", "venue_id", "part", "version", "from_height", "to_height", "from_ms", "to_ms", "evidence", "evidence_rank"];
    let mut bulk = Bulk::new("covered_ranges", COVERED);
    for (stream, old, new) in changes {
        let by_start = |stretches: &[Stretch]| stretches.iter().map(|one| (one.range.from(), *one)).collect::<HashMap<u64, Stretch>>();
        let (old_by_start, new_by_start) = (by_start(old), by_start(new));
        // Mostly a stretch has grown at its end: its row stays.
        for gone in old.iter().filter(|old| !new_by_start.contains_key(&old.range.from())) {
            let mut cells = stream_cells(stream);
            cells.push(height_cell(gone.range.from()));
            tx.execute(&format!("DELETE FROM covered_ranges WHERE {STREAM} AND from_height = $5"), cells).await?;
        }
        for stretch in new.iter().filter(|new| old_by_start.get(&new.range.from()) != Some(new)) {
            bulk.cells.extend(stream_cells(stream));
            bulk.cells.extend([height_cell(stretch.range.from()), height_cell(stretch.range.to())]);
            bulk.cells.extend([stretch.from_ms.into(), stretch.to_ms.into()]);
            bulk.cells.extend([Param::Name(stretch.evidence.as_str()), rank(stretch.evidence).into()]);
        }
    }
    let tail = "ON CONFLICT (chain_id, venue_id, part, version, from_height) DO UPDATE SET to_height = excluded.to_height, \
                from_ms = excluded.from_ms, to_ms = excluded.to_ms, evidence = excluded.evidence, evidence_rank = excluded.evidence_rank";
    tx.upsert(bulk, tail).await
}

/// The place of evidence among all, weakest first; what SQL compares.
pub(crate) fn rank(evidence: Evidence) -> i64 {
    evidence as i64
}

/// The heights of a commit that it answers for: those of no hole of the stream.
pub(crate) fn answered(commit: &Commit, stream: &StreamId) -> RangeSet {
    let holes = RangeSet::from_ranges(commit.holes.iter().filter(|hole| hole.is_of(stream)).map(|hole| hole.range));
    RangeSet::from_ranges([commit.range]).without(&holes)
}

/// The range of a commit without the stream's holes, with the times the commit knows.
fn proved(commit: &Commit, stream: &StreamId) -> Vec<Stretch> {
    let times = || commit.blocks.iter().map(|block| (block.height, block.time_ms));
    let pieces = answered(commit, stream);
    // A piece that begins or ends at a hole is known from its first to its last block with a known time: never more.
    let known = |range: &BlockRange| times().filter(|(height, _)| range.contains(*height)).map(|(_, ms)| ms).collect::<Vec<i64>>();
    pieces
        .ranges()
        .iter()
        .map(|range| {
            let known = known(range);
            let from_ms =
                if range.from() == commit.range.from() { commit.from_ms } else { known.iter().min().copied().unwrap_or(commit.to_ms) };
            let to_ms = if range.to() == commit.range.to() { commit.to_ms } else { known.iter().max().copied().unwrap_or(from_ms) };
            Stretch { range: *range, from_ms, to_ms: to_ms.max(from_ms), evidence: commit.evidence }
        })
        .collect()
}

/// Lays new stretches over stored ones: where both know a height, the stronger evidence stands. Neighbours of equal
/// evidence become one.
fn overlay(stored: Vec<Stretch>, new: &[Stretch]) -> Vec<Stretch> {
    let mut all = stored;
    for stretch in new {
        let mut next = Vec::with_capacity(all.len() + 2);
        let mut left = RangeSet::from_ranges([stretch.range]);
        for old in all {
            let Some(both) = old.range.intersect(&stretch.range) else {
                next.push(old);
                continue;
            };
            if old.evidence >= stretch.evidence {
                left = left.without(&RangeSet::from_ranges([both]));
                next.push(old);
            } else {
                next.extend(cut(&old, &RangeSet::from_ranges([old.range]).without(&RangeSet::from_ranges([both])), stretch));
            }
        }
        let whole = *stretch;
        next.extend(
            left.ranges()
                .iter()
                .map(|range| Stretch {
                    range: *range,
                    from_ms: if range.from() == whole.range.from() {
                        whole.from_ms
                    } else {
                        neighbour_ms(&next, range.from(), whole.from_ms)
                    },
                    to_ms: if range.to() == whole.range.to() { whole.to_ms } else { neighbour_ms(&next, range.to(), whole.to_ms) },
                    evidence: whole.evidence,
                })
                .collect::<Vec<_>>(),
        );
        next.sort_by_key(|stretch| stretch.range);
        all = join(next);
    }
    all
}

/// What is left of `old` where a stronger stretch took a part of it.
fn cut(old: &Stretch, left: &RangeSet, by: &Stretch) -> Vec<Stretch> {
    let part = |range: &BlockRange| Stretch {
        range: *range,
        from_ms: if range.from() == old.range.from() { old.from_ms } else { by.to_ms },
        to_ms: if range.to() == old.range.to() { old.to_ms } else { by.from_ms },
        evidence: old.evidence,
    };
    left.ranges().iter().map(part).collect()
}

/// The time at a height where a stretch was cut: that of the stretch which begins or ends beside it.
fn neighbour_ms(stretches: &[Stretch], height: u64, otherwise: i64) -> i64 {
    let below = stretches.iter().find(|stretch| stretch.range.to().checked_add(1) == Some(height)).map(|stretch| stretch.to_ms);
    let above = stretches.iter().find(|stretch| stretch.range.from().checked_sub(1) == Some(height)).map(|stretch| stretch.from_ms);
    below.or(above).unwrap_or(otherwise)
}

fn join(sorted: Vec<Stretch>) -> Vec<Stretch> {
    let mut out: Vec<Stretch> = Vec::with_capacity(sorted.len());
    for stretch in sorted {
        match out.last_mut() {
            Some(last) if last.evidence == stretch.evidence && last.range.to().checked_add(1) == Some(stretch.range.from()) => {
                last.range = BlockRange::new(last.range.from(), stretch.range.to()).expect("a union is not empty");
                last.to_ms = stretch.to_ms;
            }
            _ => out.push(stretch),
        }
    }
    out
}

/// Records those holes that are the stream's, less what is covered; of holes that overlap the newer word stands.
pub(crate) async fn add_holes(tx: &mut Tx, stream: &StreamId, holes: &[Hole], covered: &RangeSet) -> Result<()> {
    let stored = load_holes(tx, std::slice::from_ref(stream)).await?.pop().unwrap_or_default();
    put_holes(tx, stream, holes, stored, covered).await
}

async fn put_holes(tx: &mut Tx, stream: &StreamId, holes: &[Hole], stored: Vec<Hole>, covered: &RangeSet) -> Result<()> {
    let mut next: Vec<Hole> = Vec::new();
    let mut taken = covered.clone();
    for hole in holes.iter().filter(|hole| hole.is_of(stream)).chain(&stored) {
        for range in taken.missing(hole.range).ranges() {
            next.push(Hole { range: *range, reason: hole.reason, detail: hole.detail.clone(), streams: Vec::new() });
        }
        taken = RangeSet::from_ranges(taken.ranges().iter().copied().chain([hole.range]));
    }
    next.sort_by_key(|hole| hole.range);
    let next = join_holes(next);
    if next == stored {
        return Ok(());
    }
    tx.execute(&format!("DELETE FROM gaps WHERE {STREAM}"), stream_cells(stream)).await?;
    const GAPS: &[&str] = &["chain_id", "venue_id", "part", "version", "from_height", "to_height", "reason", "detail"];
    let mut bulk = Bulk::new("gaps", GAPS);
    for hole in next {
        bulk.cells.extend(stream_cells(stream));
        bulk.cells.extend([height_cell(hole.range.from()), height_cell(hole.range.to())]);
        bulk.cells.extend([Param::Name(hole.reason.as_str()), hole.detail.into()]);
    }
    tx.bulk(bulk).await
}

/// Holes that meet and have the same cause are one: the head of a chain of times moves on in small steps while nothing is heard.
fn join_holes(sorted: Vec<Hole>) -> Vec<Hole> {
    let mut out: Vec<Hole> = Vec::with_capacity(sorted.len());
    for hole in sorted {
        match out.last_mut() {
            Some(last)
                if last.range.to().checked_add(1) == Some(hole.range.from())
                    && (last.reason, &last.detail) == (hole.reason, &hole.detail) =>
            {
                last.range = BlockRange::new(last.range.from(), hole.range.to()).expect("a union is not empty");
            }
            _ => out.push(hole),
        }
    }
    out
}

/// Heights of a chain at which a hole of some stream is one of doubt.
pub(crate) async fn doubted(db: &Db, chain: i64) -> Result<RangeSet> {
    let reasons = [HoleReason::Omitted, HoleReason::Unproven].map(HoleReason::as_str);
    let sql = format!("SELECT {HOLE_COLUMNS} FROM gaps WHERE chain_id = $1 AND reason IN ($2, $3)");
    let rows = db.rows(&sql, vec![chain.into(), Param::Name(reasons[0]), Param::Name(reasons[1])]).await?;
    let ranges: Vec<BlockRange> = rows.iter().map(read_range).collect::<Result<_>>()?;
    Ok(RangeSet::from_ranges(ranges))
}

async fn load_holes(tx: &mut Tx, streams: &[StreamId]) -> Result<Vec<Vec<Hole>>> {
    of_streams(tx, "gaps", HOLE_COLUMNS, streams, read_hole).await
}

/// Columns of `gaps` as [`read_hole`] takes them.
pub(crate) const HOLE_COLUMNS: &str = "chain_id, venue_id, part, version, from_height, to_height, reason, detail";

/// Reads a row of [`HOLE_COLUMNS`].
pub(crate) fn read_hole(r: &Record) -> Result<Hole> {
    Ok(Hole { range: read_range(r)?, reason: r.parsed(6, "a reason", named::<HoleReason>)?, detail: r.string(7)?, streams: Vec::new() })
}

/// Cuts all coverage and holes of a chain above the last block kept.
pub(crate) async fn cut_above(tx: &mut Tx, chain: i64, height: u64, time_ms: i64) -> Result<()> {
    let above = || vec![Param::Int(chain), height_cell(height)];
    for table in ["covered_ranges", "gaps", "verified_ranges"] {
        tx.execute(&format!("DELETE FROM {table} WHERE chain_id = $1 AND from_height > $2"), above()).await?;
    }
    tx.execute("DELETE FROM verify_differences WHERE chain_id = $1 AND height > $2", above()).await?;
    let sql = "UPDATE covered_ranges SET to_height = $2, to_ms = $3 WHERE chain_id = $1 AND to_height > $2";
    tx.execute(sql, vec![chain.into(), height_cell(height), time_ms.into()]).await?;
    for table in ["gaps", "verified_ranges"] {
        tx.execute(&format!("UPDATE {table} SET to_height = $2 WHERE chain_id = $1 AND to_height > $2"), above()).await?;
    }
    Ok(())
}

/// Cuts some heights out of a stream's coverage.
pub(crate) async fn cut_out(tx: &mut Tx, stream: &StreamId, heights: &RangeSet) -> Result<()> {
    let stored = load(tx, stream).await?;
    let mut left = Vec::with_capacity(stored.len());
    for stretch in &stored {
        for range in RangeSet::from_ranges([stretch.range]).without(heights).ranges() {
            left.push(part(tx, stream, stretch, *range).await?);
        }
    }
    replace(tx, &[(stream, stored, left)]).await
}

/// A part of a stretch, known from its first to its last stored block where it was cut: never more.
async fn part(tx: &mut Tx, stream: &StreamId, whole: &Stretch, range: BlockRange) -> Result<Stretch> {
    let sql = "SELECT MIN(ts_ms), MAX(ts_ms) FROM blocks WHERE chain_id = $1 AND height BETWEEN $2 AND $3";
    let cells = vec![stream.chain.as_i64().into(), height_cell(range.from()), height_cell(range.to())];
    let rows = tx.rows(sql, cells).await?;
    let known = |at: usize| rows.first().map_or(Ok(None), |row| row.opt_int(at));
    // A piece without any stored block lies at one end of the stretch: it is known at that end alone.
    let (from_is_cut, to_is_cut) = (range.from() != whole.range.from(), range.to() != whole.range.to());
    let from_ms = if from_is_cut { known(0)?.unwrap_or(whole.to_ms) } else { whole.from_ms };
    let to_ms = if to_is_cut { known(1)?.unwrap_or(from_ms) } else { whole.to_ms };
    Ok(Stretch { range, from_ms: from_ms.min(to_ms), to_ms, evidence: whole.evidence })
}

/// Raises the evidence of a part of a stream's coverage to that of a proof of it.
pub(crate) async fn strengthen(tx: &mut Tx, stream: &StreamId, proved: Stretch) -> Result<()> {
    let stored = load(tx, stream).await?;
    let raised = overlay(stored.clone(), &[proved]);
    replace(tx, &[(stream, stored, raised)]).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stretch(from: u64, to: u64, evidence: Evidence) -> Stretch {
        let ms = |height: u64| i64::try_from(height).unwrap() * 1_000;
        Stretch { range: BlockRange::new(from, to).unwrap(), from_ms: ms(from), to_ms: ms(to), evidence }
    }

    /// What is stored, what comes, what is known then.
    type Case<'a> = (&'a [Stretch], Stretch, &'a [(u64, u64, Evidence)]);

    fn ranges(stretches: &[Stretch]) -> Vec<(u64, u64, Evidence)> {
        stretches.iter().map(|stretch| (stretch.range.from(), stretch.range.to(), stretch.evidence)).collect()
    }

    #[test]
    fn neighbours_of_equal_evidence_become_one() {
        use Evidence::{Bloom, Probed, Witnessed};
        let cases: &[Case<'_>] = &[
            (&[], stretch(5, 9, Probed), &[(5, 9, Probed)]),
            (&[stretch(1, 4, Probed)], stretch(5, 9, Probed), &[(1, 9, Probed)]),
            (&[stretch(1, 4, Probed), stretch(8, 9, Probed)], stretch(3, 8, Probed), &[(1, 9, Probed)]),
            (&[stretch(1, 9, Witnessed)], stretch(4, 5, Bloom), &[(1, 3, Witnessed), (4, 5, Bloom), (6, 9, Witnessed)]),
            (&[stretch(4, 5, Bloom)], stretch(1, 9, Witnessed), &[(1, 3, Witnessed), (4, 5, Bloom), (6, 9, Witnessed)]),
            (&[stretch(1, 9, Bloom)], stretch(4, 5, Witnessed), &[(1, 9, Bloom)]),
            (&[stretch(1, 9, Witnessed)], stretch(1, 9, Bloom), &[(1, 9, Bloom)]),
            (&[stretch(1, 3, Witnessed), stretch(4, 6, Bloom)], stretch(2, 5, Probed), &[(1, 1, Witnessed), (2, 3, Probed), (4, 6, Bloom)]),
        ];
        for (stored, new, want) in cases {
            assert_eq!(ranges(&overlay(stored.to_vec(), &[*new])), *want, "{stored:?} with {new:?}");
        }
    }

    #[test]
    fn evidence_ranks_as_it_orders() {
        let all = [Evidence::Provisional, Evidence::Witnessed, Evidence::Probed, Evidence::Second, Evidence::Bloom, Evidence::Receipts];
        assert!(all.windows(2).all(|pair| pair[0] < pair[1] && rank(pair[0]) < rank(pair[1])));
    }
}
