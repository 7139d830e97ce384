//! Stored raw records through the present decoders, without any source: rows and contributions are replaced range by range.

use perpdex_core::{
    Batch, BlockRange, ChainId, Commit, Evidence, FailureKind, RedecodeStore, StoreError, StoredRange, StreamId, Venue, VenueSlug,
};
use serde::Serialize;

use crate::decode::{Decoding, Times, decode};
use crate::job::JobStream;

/// What to decode once more.
pub struct RedecodeJob {
    /// The chain.
    pub chain: ChainId,
    /// The heights.
    pub range: BlockRange,
    /// All streams of the venues to decode on this chain, as the program knows them.
    pub streams: Vec<JobStream>,
    /// The decoders, at least those of the streams' venues.
    pub venues: &'static [&'static dyn Venue],
}

impl std::fmt::Debug for RedecodeJob {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let streams = &self.streams;
        f.debug_struct("RedecodeJob")
            .field("chain", &self.chain)
            .field("range", &self.range)
            .field("streams", streams)
            .finish_non_exhaustive()
    }
}

/// What became of a [`RedecodeJob`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RedecodeReport {
    /// The chain.
    pub chain: ChainId,
    /// Transactions, one a range.
    pub ranges: u64,
    /// Heights decoded.
    pub blocks: u64,
    /// Raw records of the venues.
    pub records: u64,
    /// Events that became of them.
    pub events: u64,
    /// Records that could not be decoded.
    pub failures: u64,
    /// Records of kinds that no layout lists.
    pub unknown: u64,
    /// Ranges that stay as they are, and why.
    pub refused: Vec<RefusedRange>,
}

/// A stored range that cannot be decoded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RefusedRange {
    /// The heights.
    pub range: BlockRange,
    /// Why, and what to do.
    pub reason: String,
}

/// Decodes what is covered of a job's range, lowest heights first, one transaction a range. What is done when it fails stays
/// done: a further run gives the same rows.
pub async fn redecode(job: &RedecodeJob, store: &dyn RedecodeStore) -> Result<RedecodeReport, StoreError> {
    let mut report =
        RedecodeReport { chain: job.chain, ranges: 0, blocks: 0, records: 0, events: 0, failures: 0, unknown: 0, refused: Vec::new() };
    let mut rest = Some(job.range);
    while let Some(range) = rest {
        let Some(piece) = store.stored_piece(job.chain, range).await? else { break };
        let done = piece.range;
        rest = done.to().checked_add(1).and_then(|from| BlockRange::new(from, range.to()));
        if let Some(height) = piece.without_raw {
            let reason = format!("raw records are gone, first at height {height}: withdraw the range and sync it again");
            report.refused.push(RefusedRange { range: done, reason });
            continue;
        }
        piece.dropped.ranges().iter().for_each(|range| refuse_dropped(&mut report.refused, *range));
        for stored in piece.whole {
            replace_range(job, store, stored, &mut report).await?;
        }
    }
    Ok(report)
}

/// Decodes one range and replaces its rows.
async fn replace_range(
    job: &RedecodeJob,
    store: &dyn RedecodeStore,
    stored: StoredRange,
    report: &mut RedecodeReport,
) -> Result<(), StoreError> {
    let range = stored.range;
    let venues = venues_of(job, &stored.streams, range, &mut report.refused);
    if venues.is_empty() {
        return Ok(());
    }
    let records_read = stored.records.len() as u64;
    let commit = decoded(job, &venues, stored);
    report.ranges += 1;
    report.blocks += range.blocks();
    report.records += commit.records.len() as u64;
    report.unknown += crate::decode::unknown(&commit);
    let all = commit.failures.iter().filter(|(_, failure)| failure.kind != FailureKind::UnknownEvent).count() as u64;
    let replaced = store.replace(commit, &venues, records_read).await?;
    report.events += replaced.events;
    report.failures += replaced.failures.max(all);
    Ok(())
}

/// Why ranges without payloads stay as they are, and what to do.
const DROPPED: &str = "payloads of raw records were dropped (raw = \"drop\"): sync or replay the range into another database, or set \
                       raw = \"keep\" and bring them back with `perpdex verify --repair --again`";

/// Notes a range without payloads; neighbours are one.
fn refuse_dropped(refused: &mut Vec<RefusedRange>, range: BlockRange) {
    match refused.last_mut() {
        Some(last) if last.reason == DROPPED && last.range.to().checked_add(1) == Some(range.from()) => {
            last.range = BlockRange::new(last.range.from(), range.to()).expect("a union is not empty");
        }
        _ => refused.push(RefusedRange { range, reason: DROPPED.to_owned() }),
    }
}

/// The job's venues in a range. A venue of which a stream was read in another version is left as it is: its filter may have
/// been another.
fn venues_of(job: &RedecodeJob, stored: &[StreamId], range: BlockRange, refused: &mut Vec<RefusedRange>) -> Vec<VenueSlug> {
    let mut venues: Vec<VenueSlug> = Vec::new();
    for id in stored {
        if job.streams.iter().any(|stream| stream.id == *id) && !venues.contains(&id.venue) {
            venues.push(id.venue);
        }
    }
    for id in stored {
        let is_of_job = job.streams.iter().any(|stream| stream.id.venue == id.venue);
        if is_of_job && job.streams.iter().all(|stream| stream.id != *id) {
            let reason = format!("stream {id} is not one of this program's version: sync it again");
            refused.push(RefusedRange { range, reason });
            venues.retain(|venue| *venue != id.venue);
        }
    }
    venues
}

fn decoded(job: &RedecodeJob, venues: &[VenueSlug], stored: StoredRange) -> Commit {
    let streams: Vec<&JobStream> = job.streams.iter().filter(|stream| venues.contains(&stream.id.venue)).collect();
    let times = |at: Option<i64>| at.unwrap_or_default();
    let (from_ms, to_ms) =
        (times(stored.blocks.first().map(|block| block.time_ms)), times(stored.blocks.last().map(|block| block.time_ms)));
    let batch = Batch {
        range: stored.range,
        blocks: stored.blocks,
        records: stored.records.into_iter().map(|(_, record)| record).collect(),
        malformed: Vec::new(),
        holes: Vec::new(),
        evidence: Evidence::Witnessed,
    };
    // What contracts answered stands beside the records; a decoder that asks for more gets no answer.
    match decode(job.chain, &streams, job.venues, batch, Times { from_ms, to_ms }, true) {
        Decoding::Done(commit) => *commit,
        Decoding::Needs { .. } => unreachable!("the last decoding asks for nothing"),
    }
}

#[cfg(test)]
mod tests {
    use perpdex_core::{VenueSlug, Watch};

    use super::*;

    #[test]
    fn a_venue_with_a_stream_of_another_version_is_left() {
        let id =
            |venue: &'static str, version| StreamId { chain: ChainId::BNB, venue: VenueSlug::known(venue), part: String::new(), version };
        let stream = |venue| JobStream { id: id(venue, 2), watch: Watch::Evm(Vec::new()), from: 0, first_height: None, sees_unknown: true };
        let range = BlockRange::new(1, 9).unwrap();
        let job = RedecodeJob { chain: ChainId::BNB, range, streams: vec![stream("gtrade"), stream("gmx_v2")], venues: &[] };
        let mut refused = Vec::new();
        let venues = venues_of(&job, &[id("gtrade", 1), id("gmx_v2", 2), id("ostium", 1)], range, &mut refused);
        assert_eq!(venues, [VenueSlug::known("gmx_v2")]);
        assert_eq!(refused.len(), 1, "{refused:?}");
        assert!(refused[0].reason.contains("gtrade@1"), "{refused:?}");
    }
}
