//! Raw records read back as they came: covered pieces with their blocks, records and holes.

use perpdex_core::{BlockRange, BlockRef, ChainId, Covered, Evidence, Hole, RangeSet, RawRecord, StoreError, StoredRecord, StreamId};

use crate::coverage::{self, COLUMNS, HOLE_COLUMNS, of_chain, read_hole, read_stream};
use crate::db::{Db, Snapshot};
use crate::fact::{height_cell, read_block};
use crate::place::Place;
use crate::raw::{self, RAW_EVENTS};
use crate::sql::{Result, first_int};

/// Records of one piece, about; a height is never cut.
const RECORDS_PER_PIECE: i64 = 5_000;

/// A range of which the same streams are known, or a part of one.
#[derive(Clone, Debug, PartialEq)]
pub struct RawCapture {
    /// The chain.
    pub chain: ChainId,
    /// The heights.
    pub range: BlockRange,
    /// Streams that are known throughout the range.
    pub streams: Vec<StreamId>,
    /// The weakest evidence among them.
    pub evidence: Evidence,
    /// Stored blocks of the range, ascending.
    pub blocks: Vec<BlockRef>,
    /// Records of the range outside of `dropped` with the stream each came by, canonical order.
    pub records: Vec<(StreamId, RawRecord)>,
    /// Parts of the range whose records were stored without their payload.
    pub dropped: RangeSet,
    /// Holes of the streams inside the range.
    pub holes: Vec<(StreamId, Hole)>,
}

impl RawCapture {
    /// The parts of the range whose records are whole.
    pub fn whole_parts(self) -> Vec<RawCapture> {
        if self.dropped.is_empty() {
            return vec![self];
        }
        let part = |range: &BlockRange| RawCapture {
            range: *range,
            streams: self.streams.clone(),
            blocks: self.blocks.iter().filter(|block| range.contains(block.height)).copied().collect(),
            records: self.records.iter().filter(|(_, record)| range.contains(record.height)).cloned().collect(),
            dropped: RangeSet::default(),
            holes: self.holes.iter().filter(|(_, hole)| hole.range.intersect(range).is_some()).cloned().collect(),
            ..self
        };
        RangeSet::from_ranges([self.range]).without(&self.dropped).ranges().iter().map(part).collect()
    }
}

/// Reads a chain's captures, lowest heights first, up to its final height: what reads them takes all of it for final.
#[derive(Debug)]
pub struct RawCaptures<'a> {
    db: &'a Db,
    place: &'a Place,
    chain: ChainId,
    /// Ranges with the same streams throughout, descending: the next is the last.
    ranges: Vec<BlockRange>,
}

impl<'a> RawCaptures<'a> {
    pub(crate) async fn begin(db: &'a Db, place: &'a Place, chain: ChainId) -> Result<RawCaptures<'a>> {
        let covered = final_part(of_chain(db, chain.as_i64()).await?, finalized(db, chain).await?);
        let mut ranges = uniform(&covered);
        ranges.reverse();
        Ok(RawCaptures { db, place, chain, ranges })
    }

    /// All that is covered of some heights, final or not.
    pub(crate) async fn inside(db: &'a Db, place: &'a Place, chain: ChainId, range: BlockRange) -> Result<RawCaptures<'a>> {
        let part = |one: Covered| one.range.intersect(&range).map(|range| Covered { range, ..one });
        let covered: Vec<Covered> = of_chain(db, chain.as_i64()).await?.into_iter().filter_map(part).collect();
        let mut ranges = uniform(&covered);
        ranges.reverse();
        Ok(RawCaptures { db, place, chain, ranges })
    }

    /// The next piece, or `None` after the last.
    pub async fn next(&mut self) -> std::result::Result<Option<RawCapture>, StoreError> {
        self.read_next().await.map_err(|fault| fault.told(self.place))
    }

    pub(crate) async fn read_next(&mut self) -> Result<Option<RawCapture>> {
        while let Some(range) = self.ranges.pop() {
            let mut now = self.db.snapshot().await?;
            let (range, rest) = self.split(&mut now, range).await?;
            self.ranges.extend(rest);
            let covered = self.covered(&mut now, range).await?;
            let pieces = uniform(&covered);
            if pieces == [range] {
                return self.read(&mut now, range, &covered).await.map(Some);
            }
            // Another process has taken some of it away since it was listed, or added to it.
            self.ranges.extend(pieces.into_iter().rev());
        }
        Ok(None)
    }

    /// Reads a piece throughout which these streams are known.
    async fn read(&self, now: &mut Snapshot, range: BlockRange, covered: &[Covered]) -> Result<RawCapture> {
        let cells = || vec![self.chain.as_i64().into(), height_cell(range.from()), height_cell(range.to())];
        const INSIDE: &str = "WHERE chain_id = $1 AND height BETWEEN $2 AND $3";
        let sql = format!("SELECT {} FROM raw_events {INSIDE} ORDER BY height, ord, rec", RAW_EVENTS.join(", "));
        let records = now.rows(&sql, cells()).await?.iter().map(raw::read).collect::<Result<Vec<_>>>()?;
        let dropped = dropped(range, &records);
        let sql = format!("SELECT height, hash, parent_hash, ts_ms FROM blocks {INSIDE} ORDER BY height");
        let blocks = now.rows(&sql, cells()).await?.iter().map(read_block).collect::<Result<_>>()?;
        let sql =
            format!("SELECT {HOLE_COLUMNS} FROM gaps WHERE chain_id = $1 AND to_height >= $2 AND from_height <= $3 ORDER BY from_height");
        let holes = now.rows(&sql, cells()).await?;
        let holes = holes.iter().map(|row| Ok((read_stream(row)?, read_hole(row)?))).collect::<Result<_>>()?;
        let evidence = covered.iter().map(|covered| covered.evidence).min().unwrap_or(Evidence::Witnessed);
        let mut streams: Vec<StreamId> = covered.iter().map(|covered| covered.stream.clone()).collect();
        streams.dedup();
        let records = whole(records, &dropped);
        Ok(RawCapture { chain: self.chain, range, streams, evidence, blocks, records, dropped, holes })
    }

    /// What is covered of a range now.
    async fn covered(&self, now: &mut Snapshot, range: BlockRange) -> Result<Vec<Covered>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM covered_ranges WHERE chain_id = $1 AND to_height >= $2 AND from_height <= $3 \
             ORDER BY venue_id, part, version, from_height"
        );
        let cells = vec![self.chain.as_i64().into(), height_cell(range.from()), height_cell(range.to())];
        let covered = now.rows(&sql, cells).await?.iter().map(coverage::read).collect::<Result<Vec<Covered>>>()?;
        Ok(covered.into_iter().filter_map(|one| one.range.intersect(&range).map(|range| Covered { range, ..one })).collect())
    }

    /// Cuts a range behind the height at which it has records enough.
    async fn split(&self, now: &mut Snapshot, range: BlockRange) -> Result<(BlockRange, Option<BlockRange>)> {
        let sql = format!(
            "SELECT COALESCE(MAX(height), -1) FROM (SELECT height FROM raw_events WHERE chain_id = $1 AND height BETWEEN $2 AND $3 \
             ORDER BY height LIMIT {RECORDS_PER_PIECE}) x"
        );
        let cells = |from: u64, to: u64| vec![self.chain.as_i64().into(), height_cell(from), height_cell(to)];
        let last = first_int(&now.rows(&sql, cells(range.from(), range.to())).await?)?;
        let Ok(last) = u64::try_from(last) else { return Ok((range, None)) };
        let sql = "SELECT height FROM raw_events WHERE chain_id = $1 AND height BETWEEN $2 AND $3 ORDER BY height LIMIT 1";
        let is_last = now.rows(sql, cells(last.saturating_add(1), range.to())).await?.is_empty();
        Ok(if is_last { (range, None) } else { range.split_at(last - range.from() + 1) })
    }
}

async fn finalized(db: &Db, chain: ChainId) -> Result<Option<u64>> {
    let rows = db.rows("SELECT finalized FROM heads WHERE chain_id = $1", vec![chain.as_i64().into()]).await?;
    rows.first().map(|row| row.height(0)).transpose()
}

/// Coverage up to the final height, where one is known.
fn final_part(covered: Vec<Covered>, finalized: Option<u64>) -> Vec<Covered> {
    let Some(finalized) = finalized else { return covered };
    let part = |one: Covered| BlockRange::new(one.range.from(), one.range.to().min(finalized)).map(|range| Covered { range, ..one });
    covered.into_iter().filter_map(part).collect()
}

/// Cuts coverage where any stream begins or ends, so that inside a range the same streams are known throughout.
fn uniform(covered: &[Covered]) -> Vec<BlockRange> {
    let mut starts: Vec<u64> = covered.iter().flat_map(|one| [Some(one.range.from()), one.range.to().checked_add(1)]).flatten().collect();
    starts.sort_unstable();
    starts.dedup();
    let all = RangeSet::from_ranges(covered.iter().map(|one| one.range));
    let cut = starts.windows(2).filter_map(|pair| BlockRange::new(pair[0], pair[1] - 1));
    cut.filter(|range| all.missing(*range).is_empty()).collect()
}

/// Parts of a range whose records lack payloads: what a height with such a record begins, the next one with whole records ends.
fn dropped(range: BlockRange, records: &[(StreamId, StoredRecord)]) -> RangeSet {
    let mut parts = Vec::new();
    let mut was_dropped = None;
    let mut from = range.from();
    for of_height in records.chunk_by(|(_, a), (_, b)| a.key().0 == b.key().0) {
        let height = of_height[0].1.key().0;
        let is_dropped = of_height.iter().any(|(_, record)| matches!(record, StoredRecord::Dropped(_)));
        match was_dropped.replace(is_dropped) {
            Some(true) if !is_dropped => parts.extend(BlockRange::new(from, height - 1)),
            Some(false) if is_dropped => from = height,
            _ => {}
        }
    }
    if was_dropped == Some(true) {
        parts.extend(BlockRange::new(from, range.to()));
    }
    RangeSet::from_ranges(parts)
}

/// The records outside of some parts, which are all whole.
fn whole(records: Vec<(StreamId, StoredRecord)>, dropped: &RangeSet) -> Vec<(StreamId, RawRecord)> {
    let is_outside = |height: u64| dropped.ranges().iter().all(|part| !part.contains(height));
    let whole = records.into_iter().filter_map(|(stream, record)| match record {
        StoredRecord::Whole(record) => Some((stream, record)),
        StoredRecord::Dropped(_) => None,
    });
    whole.filter(|(_, record)| dropped.is_empty() || is_outside(record.height)).collect()
}

#[cfg(test)]
mod tests {
    use perpdex_core::VenueSlug;

    use super::*;

    #[test]
    fn only_what_is_final_is_captured() {
        let stream = StreamId { chain: ChainId::BNB, venue: VenueSlug::known("gmx_v2"), part: String::new(), version: 1 };
        let covered = |from, to| Covered {
            stream: stream.clone(),
            range: BlockRange::new(from, to).unwrap(),
            from_ms: 0,
            to_ms: 0,
            evidence: Evidence::Bloom,
        };
        let all = vec![covered(1, 10), covered(20, 30), covered(40, 50)];
        let ranges =
            |finalized| final_part(all.clone(), finalized).iter().map(|one| (one.range.from(), one.range.to())).collect::<Vec<_>>();
        assert_eq!(ranges(Some(25)), [(1, 10), (20, 25)]);
        assert_eq!(ranges(None).len(), 3, "files without a head are final");
    }

    #[test]
    fn ranges_are_cut_where_a_stream_begins_or_ends() {
        let covered = |part: &str, from, to| Covered {
            stream: StreamId { chain: ChainId::BNB, venue: VenueSlug::known("gmx_v2"), part: part.to_owned(), version: 1 },
            range: BlockRange::new(from, to).unwrap(),
            from_ms: 0,
            to_ms: 0,
            evidence: Evidence::Probed,
        };
        let ranges = uniform(&[covered("a", 1, 10), covered("a", 20, 30), covered("b", 5, 20)]);
        let pairs: Vec<(u64, u64)> = ranges.iter().map(|range| (range.from(), range.to())).collect();
        assert_eq!(pairs, [(1, 4), (5, 10), (11, 19), (20, 20), (21, 30)]);
    }
}
