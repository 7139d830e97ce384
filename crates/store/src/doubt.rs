//! Rows that stand at heights which their stream does not cover as it is read now: of an answer that was not believed whole, or of
//! another version of the stream. A commit that covers such heights must not take them for its own.

use std::collections::HashSet;

use perpdex_core::{BlockRange, Commit, RangeSet, StreamId, VenueSlug};

use crate::coverage::{answered, read_range, read_stream};
use crate::db::Tx;
use crate::known::{Known, range_cells};
use crate::sql::Result;

/// What of a commit and what of the store contradict each other.
#[derive(Debug, Default)]
pub(crate) struct Doubts {
    /// Heights by venue whose rows have to go before the commit is written, since they do not follow from its records: a record is stored
    /// that it does not bring, it brings another one of a transaction of which a part is stored, or they were read as another version.
    pub(crate) stored: Vec<(VenueSlug, RangeSet)>,
    /// Heights by stream that are covered, and that the commit itself does not believe its records of.
    brought: Vec<(StreamId, RangeSet)>,
}

impl Doubts {
    /// Leaves out of a commit what it does not believe of heights that are known.
    pub(crate) fn leave_out(&self, commit: &mut Commit) {
        for (stream, heights) in &self.brought {
            let is_at = |height: u64| heights.ranges().iter().any(|range| range.contains(height));
            commit.records.retain(|(of, record)| of != stream || !is_at(record.height));
            commit.events.retain(|event| event.venue != stream.venue || !is_at(event.key.height));
            commit.failures.retain(|(of, failure)| of != stream || !is_at(failure.height));
        }
    }
}

/// Holds a commit against what is stored of its heights.
pub(crate) async fn doubts(tx: &mut Tx, commit: &Commit, known: &Known) -> Result<Doubts> {
    let covered = covered(tx, commit).await?;
    let mut out = Doubts::default();
    for stream in &commit.streams {
        let answered = answered(commit, stream);
        let of = |is_own: bool| {
            let of_part = covered.iter().filter(|(id, _)| id.venue == stream.venue && id.part == stream.part);
            RangeSet::from_ranges(of_part.filter(|(id, _)| (id == stream) == is_own).map(|(_, range)| *range))
        };
        let own = of(true);
        let new = answered.without(&own);
        let settled: Vec<BlockRange> = own.without(&answered).ranges().iter().filter_map(|range| range.intersect(&commit.range)).collect();
        // Whose an event is, its venue alone tells: where another part of it is answered, all is taken.
        if !settled.is_empty() && commit.streams.iter().filter(|other| other.venue == stream.venue).count() == 1 {
            out.brought.push((stream.clone(), RangeSet::from_ranges(settled)));
        }
        let mut heights: Vec<BlockRange> = of(false).ranges().iter().flat_map(|range| intersection(&answered, range)).collect();
        heights.extend(unlike(commit, stream, known, &new).into_iter().map(BlockRange::single));
        if !heights.is_empty() {
            out.stored.push((stream.venue, RangeSet::from_ranges(heights)));
        }
    }
    Ok(out)
}

/// What streams of the chain cover in the range of the commit.
async fn covered(tx: &mut Tx, commit: &Commit) -> Result<Vec<(StreamId, BlockRange)>> {
    let sql = "SELECT chain_id, venue_id, part, version, from_height, to_height FROM covered_ranges \
               WHERE chain_id = $1 AND to_height >= $2 AND from_height <= $3";
    tx.rows(sql, range_cells(commit)).await?.iter().map(|row| Ok((read_stream(row)?, read_range(row)?))).collect()
}

fn intersection(heights: &RangeSet, range: &BlockRange) -> Vec<BlockRange> {
    heights.ranges().iter().filter_map(|one| one.intersect(range)).collect()
}

/// Those of some heights at which the stored records of a stream are not those that the commit brings, or a part of a transaction of them.
fn unlike(commit: &Commit, stream: &StreamId, known: &Known, heights: &RangeSet) -> HashSet<u64> {
    let is_at = |height: u64| heights.ranges().iter().any(|range| range.contains(height));
    let stored: Vec<_> = known.records_of(stream).filter(|((height, _), _)| is_at(*height)).collect();
    if stored.is_empty() {
        return HashSet::new();
    }
    let given: HashSet<(u64, i64)> = commit.records.iter().map(|(_, record)| (record.height, record.rec)).collect();
    let missing = stored.iter().filter(|(key, _)| !given.contains(key)).map(|((height, _), _)| *height);
    let begun: HashSet<(u64, &str)> = stored.iter().map(|((height, _), tx_id)| (*height, *tx_id)).collect();
    let keys: HashSet<(u64, i64)> = stored.iter().map(|(key, _)| *key).collect();
    let of_stream = commit.records.iter().filter(|(of, _)| of == stream).map(|(_, record)| record);
    let added = of_stream.filter(|record| begun.contains(&(record.height, &*record.tx_id)) && !keys.contains(&(record.height, record.rec)));
    missing.chain(added.map(|record| record.height)).collect()
}
