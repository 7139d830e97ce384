//! One range, fetched with all it takes: other endpoints, pauses, narrower ranges; checked, proved and decoded.

mod ask;
mod evidence;
mod salvage;
mod settle;

use std::sync::{Arc, Mutex};

use perpdex_core::{
    Batch, BlockRange, ChainId, Commit, Event, Filter, Headers, Hole, HoleReason, RangeSet, RawRecord, SourceError, SourceErrorKind, Venue,
};

use crate::check::contradicts;
use crate::decode::Times;
use crate::endpoints::{Ask, Endpoints, GaveUp};
use crate::error::{ChainError, ChainStop};
use crate::fetch::evidence::{Evidences, busy};
use crate::job::JobStream;
use crate::options::EngineOptions;
use crate::plan::Planned;
use crate::quiet::Seen;
use crate::room::{Room, Taken};
use crate::state::decoded;

/// What fetching tasks of a chain share.
pub(crate) struct FetchContext {
    pub(crate) chain: ChainId,
    pub(crate) streams: Vec<JobStream>,
    pub(crate) venues: &'static [&'static dyn Venue],
    pub(crate) endpoints: Endpoints,
    pub(crate) options: Arc<EngineOptions>,
    pub(crate) evidences: Mutex<Evidences>,
    pub(crate) room: Arc<Room>,
    /// Heights whose records earlier looks left in doubt.
    pub(crate) doubted: Mutex<RangeSet>,
}

/// What became of the first part of a planned range.
pub(crate) enum Fetched {
    /// It is ready to be committed.
    Piece(Box<Piece>),
    /// Nothing of it could be had.
    Nothing { range: BlockRange, streams: Arc<[usize]>, holes: Vec<Hole>, gave_up: bool },
}

/// A decoded range, or several that follow one another.
pub(crate) struct Piece {
    pub(crate) commit: Commit,
    /// Ranges it was fetched in.
    pub(crate) ranges: u64,
    pub(crate) streams: Arc<[usize]>,
    /// Position of the endpoint that gave it.
    pub(crate) endpoint: usize,
    /// What it showed of each of the streams; empty where the source's answers are not probed.
    pub(crate) seen: Vec<Seen>,
    /// Its room in memory, given back with the piece.
    pub(crate) taken: Taken,
}

impl Piece {
    /// Whether one commit of both proves what two would: the same streams by the same endpoint with the same evidence, whole,
    /// the other right behind this one and its blocks upon these, and no more than so many bytes.
    pub(crate) fn goes_on_with(&self, next: &Piece, bytes_max: usize) -> bool {
        let is_whole = |commit: &Commit| commit.holes.is_empty() && commit.malformed.is_empty();
        let (one, two) = (&self.commit, &next.commit);
        let seam = one.blocks.last().zip(two.blocks.first());
        self.streams == next.streams
            && (self.endpoint, one.evidence) == (next.endpoint, two.evidence)
            && one.range.to().checked_add(1) == Some(two.range.from())
            && is_whole(one)
            && is_whole(two)
            && seam.is_none_or(|(below, above)| contradicts(below, above).is_none())
            && self.taken.bytes().saturating_add(next.taken.bytes()) < bytes_max
    }

    /// Takes in the piece that goes on from this one.
    pub(crate) fn join(&mut self, next: Piece) {
        let (one, two) = (&mut self.commit, next.commit);
        one.range = BlockRange::new(one.range.from(), two.range.to()).expect("what follows ends higher");
        one.to_ms = two.to_ms;
        one.blocks.extend(two.blocks);
        one.records.extend(two.records);
        one.events.extend(two.events);
        one.failures.extend(two.failures);
        self.ranges += next.ranges;
        self.taken.join(next.taken);
    }
}

impl Fetched {
    /// The heights that are dealt with.
    pub(crate) fn range(&self) -> BlockRange {
        match self {
            Fetched::Piece(piece) => piece.commit.range,
            Fetched::Nothing { range, .. } => *range,
        }
    }
}

/// Memory of a record besides the payload, about.
const RECORD_OVERHEAD_BYTES: usize = 512;
/// Memory of an event's body, names and keys besides its fixed size, about.
const EVENT_BODY_BYTES: usize = 1_536;

/// Heights looked at, downwards, for the time of a range in which no block stands.
const NEAREST_BLOCK_STEPS_MAX: u64 = 64;

/// Bytes that records hold in memory, about.
pub(crate) fn held_bytes(records: &[RawRecord]) -> usize {
    records.iter().map(|record| record.size_bytes() + RECORD_OVERHEAD_BYTES).sum()
}

/// Bytes that a decoded range holds, about. A record of one block can become thousands of events, each larger than its text.
fn decoded_bytes(commit: &Commit) -> usize {
    let records: usize = commit.records.iter().map(|(_, record)| record.size_bytes() + RECORD_OVERHEAD_BYTES).sum();
    records + commit.events.len() * (size_of::<Event>() + EVENT_BODY_BYTES)
}

impl FetchContext {
    pub(crate) fn new(
        chain: ChainId,
        streams: Vec<JobStream>,
        venues: &'static [&'static dyn Venue],
        endpoints: Endpoints,
        options: Arc<EngineOptions>,
    ) -> FetchContext {
        let evidences = Mutex::new(Evidences::new(streams.len()));
        let room = Arc::new(Room::new(options.bytes_in_flight_max));
        FetchContext { chain, streams, venues, endpoints, options, evidences, room, doubted: Mutex::default() }
    }

    /// Fetches the first part of `planned`, as much of it as an endpoint gives in one answer; `slot` is its place in line.
    pub(crate) async fn fetch(&self, slot: u64, planned: &Planned, headers: Headers) -> Result<Fetched, ChainStop> {
        let streams: Vec<&JobStream> = planned.streams.iter().map(|stream| &self.streams[*stream]).collect();
        let filter = Filter { streams: streams.iter().map(|stream| (stream.id.clone(), stream.watch.clone())).collect(), headers };
        let nothing = |range, holes, gave_up| Fetched::Nothing { range, streams: planned.streams.clone(), holes, gave_up };
        let (batch, endpoint, taken) = match self.ask(slot, planned, &streams, &filter).await {
            Ok(answer) => answer,
            Err(Refusal { gave_up: GaveUp::NoneLeft { last }, asked }) if self.endpoints.live(Ask::Records).is_empty() => {
                let what = format!("range {asked}");
                return Err(ChainStop::Failed(GaveUp::NoneLeft { last }.into_error(self.chain, &what)));
            }
            Err(Refusal { gave_up, asked }) => {
                let is_pruned = matches!(&gave_up, GaveUp::Tries { last, .. } if last.kind == SourceErrorKind::Pruned);
                let reason = if is_pruned { HoleReason::Missing } else { HoleReason::Failed };
                let detail = gave_up.into_error(self.chain, &format!("range {asked}")).to_string();
                return Ok(nothing(asked, vec![Hole { range: asked, reason, detail, streams: Vec::new() }], !is_pruned));
            }
        };
        let is_hole = {
            let of_all = batch.holes.iter().filter(|hole| hole.streams.is_empty());
            RangeSet::from_ranges(of_all.map(|hole| hole.range)).missing(batch.range).is_empty()
        };
        if is_hole && batch.records.is_empty() && batch.malformed.is_empty() {
            return Ok(nothing(batch.range, batch.holes, false));
        }
        let times = match outer_times(&batch) {
            Some(times) => times,
            // Nothing is covered, so that no time is written.
            None if is_hole => Times { from_ms: 0, to_ms: 0 },
            None => self.nearest_time(batch.range).await.map_err(ChainStop::Failed)?,
        };
        self.decoded(planned, batch, times, endpoint, taken).await
    }

    /// Blocks to plan for one fetch.
    pub(crate) fn blocks_per_fetch(&self, streams: &[usize], headers: Headers) -> u64 {
        let blocks = self.endpoints.blocks_per_fetch(streams);
        match headers {
            Headers::Needed => blocks,
            Headers::All => blocks.min(self.options.tail_blocks_per_fetch).max(1),
        }
    }

    /// The time of the nearest block below a range in which no block stands.
    async fn nearest_time(&self, range: BlockRange) -> Result<Times, ChainError> {
        let from = range.from();
        for height in (from.saturating_sub(NEAREST_BLOCK_STEPS_MAX)..from).rev() {
            if let Some(block) = self.endpoints.block_ref(height).await?.value {
                return Ok(Times { from_ms: block.time_ms, to_ms: block.time_ms });
            }
        }
        let message = format!("no block in {range} and none in the {NEAREST_BLOCK_STEPS_MAX} heights below: the range has no time");
        Err(ChainError::Job { chain: self.chain, message })
    }

    async fn decoded(
        &self,
        planned: &Planned,
        batch: Batch,
        times: Times,
        endpoint: usize,
        mut taken: Taken,
    ) -> Result<Fetched, ChainStop> {
        let streams: Vec<JobStream> = planned.streams.iter().map(|stream| self.streams[*stream].clone()).collect();
        let can_probe = self.endpoints.source(endpoint).can_probe();
        let seen = if can_probe { streams.iter().map(|stream| Seen::new(&busy(stream, &batch))).collect() } else { Vec::new() };
        match decoded(self.chain, streams, self.venues, batch, times, &self.endpoints).await {
            Ok(commit) => {
                taken.settle(decoded_bytes(&commit));
                Ok(Fetched::Piece(Box::new(Piece { commit, ranges: 1, streams: planned.streams.clone(), endpoint, seen, taken })))
            }
            Err(error) => Err(ChainStop::Failed(error)),
        }
    }

    /// The error of an answer that cannot be believed.
    fn disbelief(&self, endpoint: usize, kind: SourceErrorKind, message: String) -> SourceError {
        SourceError { label: self.endpoints.source(endpoint).label().to_owned(), kind, message }
    }
}

/// Times of the outermost blocks, or records.
pub(crate) fn outer_times(batch: &Batch) -> Option<Times> {
    let blocks = batch.blocks.first().zip(batch.blocks.last()).map(|(first, last)| (first.time_ms, last.time_ms));
    let records = || batch.records.first().zip(batch.records.last()).map(|(first, last)| (first.time_ms, last.time_ms));
    blocks.or_else(records).map(|(from_ms, to_ms)| Times { from_ms, to_ms })
}

/// The narrowest range that was refused, and why.
struct Refusal {
    gave_up: GaveUp,
    asked: BlockRange,
}
