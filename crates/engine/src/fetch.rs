//! One range, fetched with all it takes: other endpoints, pauses, narrower ranges; checked and decoded.

use std::sync::Arc;

use perpdex_core::{Batch, BlockRange, ChainId, Commit, Filter, Headers, Hole, HoleReason, RangeSet, SourceError, SourceErrorKind, Venue};

use crate::check::check;
use crate::decode::{Times, decode};
use crate::endpoints::{Endpoints, GaveUp};
use crate::error::{ChainError, ChainStop};
use crate::job::JobStream;
use crate::options::EngineOptions;
use crate::plan::Planned;
use crate::retry::Tries;

/// What fetching tasks of a chain share.
pub(crate) struct FetchContext {
    pub(crate) chain: ChainId,
    pub(crate) streams: Vec<JobStream>,
    pub(crate) venues: &'static [&'static dyn Venue],
    pub(crate) endpoints: Endpoints,
    pub(crate) options: Arc<EngineOptions>,
}

/// What became of the first part of a planned range.
pub(crate) enum Fetched {
    /// It is ready to be committed.
    Piece(Box<Piece>),
    /// Nothing of it could be had.
    Nothing { range: BlockRange, streams: Arc<[usize]>, holes: Vec<Hole>, gave_up: bool },
}

/// A decoded range.
pub(crate) struct Piece {
    pub(crate) commit: Commit,
    pub(crate) streams: Arc<[usize]>,
    /// Position of the endpoint that gave it.
    pub(crate) endpoint: usize,
    /// Bytes it holds in memory, about.
    pub(crate) bytes: usize,
}

impl Fetched {
    /// The heights that are dealt with.
    pub(crate) fn range(&self) -> BlockRange {
        match self {
            Fetched::Piece(piece) => piece.commit.range,
            Fetched::Nothing { range, .. } => *range,
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        match self {
            Fetched::Piece(piece) => piece.bytes,
            Fetched::Nothing { .. } => 0,
        }
    }
}

/// Memory of a record and its events besides the payload, about.
const RECORD_OVERHEAD_BYTES: usize = 512;

/// Heights looked at, downwards, for the time of a range in which no block stands.
const NEAREST_BLOCK_STEPS_MAX: u64 = 64;

impl FetchContext {
    /// Fetches the first part of `planned`, as much of it as an endpoint gives in one answer.
    pub(crate) async fn fetch(&self, planned: &Planned, headers: Headers) -> Result<Fetched, ChainStop> {
        let streams: Vec<&JobStream> = planned.streams.iter().map(|stream| &self.streams[*stream]).collect();
        let filter = Filter { streams: streams.iter().map(|stream| (stream.id.clone(), stream.watch.clone())).collect(), headers };
        let nothing = |range, holes, gave_up| Fetched::Nothing { range, streams: planned.streams.clone(), holes, gave_up };
        let (batch, endpoint) = match self.ask(planned.range, &streams, &filter).await {
            Ok(answer) => answer,
            Err(Refusal { gave_up: GaveUp::NoneLeft { last }, asked }) if self.endpoints.live().is_empty() => {
                let what = format!("range {asked}");
                return Err(ChainStop::Failed(GaveUp::NoneLeft { last }.into_error(self.chain, &what)));
            }
            Err(Refusal { gave_up, asked }) => {
                let detail = gave_up.into_error(self.chain, &format!("range {asked}")).to_string();
                return Ok(nothing(asked, vec![Hole { range: asked, reason: HoleReason::Failed, detail }], true));
            }
        };
        let is_hole = RangeSet::from_ranges(batch.holes.iter().map(|hole| hole.range)).missing(batch.range).is_empty();
        if is_hole && batch.records.is_empty() && batch.malformed.is_empty() {
            return Ok(nothing(batch.range, batch.holes, false));
        }
        let times = match outer_times(&batch) {
            Some(times) => times,
            // Nothing is covered, so that no time is written.
            None if is_hole => Times { from_ms: 0, to_ms: 0 },
            None => self.nearest_time(batch.range).await.map_err(ChainStop::Failed)?,
        };
        self.decoded(planned, batch, times, endpoint).await
    }

    /// Asks until an endpoint gives a good answer for a range that starts where `wanted` does.
    async fn ask(&self, wanted: BlockRange, streams: &[&JobStream], filter: &Filter) -> Result<(Batch, usize), Refusal> {
        let mut request = Request { tries: Tries::new(&self.options), blocks_max: u64::MAX, narrowings: 0, refused_by: Vec::new() };
        let mut asked = wanted;
        loop {
            let endpoint = match self.endpoints.ready(&request.refused_by).await {
                Ok(endpoint) => endpoint,
                Err(gave_up) => return Err(Refusal { gave_up, asked }),
            };
            asked = wanted.split_at(self.blocks_for(endpoint, filter.headers).min(request.blocks_max)).0;
            self.endpoints.tally.call();
            let source = self.endpoints.source(endpoint);
            let answer = source.fetch(asked, filter).await.and_then(|batch| {
                check(self.chain, asked, streams, &batch).map_err(|message| SourceError {
                    label: source.label().to_owned(),
                    kind: SourceErrorKind::Transient,
                    message,
                })?;
                Ok(batch)
            });
            match answer {
                Ok(batch) => {
                    self.endpoints.succeeded(endpoint);
                    self.endpoints.with_sizer(endpoint, |sizer| sizer.answered(batch.range.blocks(), &batch.records));
                    return Ok((batch, endpoint));
                }
                Err(error) => self.cope(&mut request, endpoint, asked, error)?,
            }
        }
    }

    /// Draws the consequences of a failed call: narrower, later, elsewhere, or not at all.
    fn cope(&self, request: &mut Request, endpoint: usize, asked: BlockRange, error: SourceError) -> Result<(), Refusal> {
        let blocks = asked.blocks();
        self.endpoints.failed(endpoint, &error);
        let tries = request.tries.total() + request.narrowings;
        match error.kind {
            SourceErrorKind::Range { .. } | SourceErrorKind::Density if blocks == 1 => {
                // Nothing is narrower than one block; another endpoint may take it.
                request.refused_by.push(endpoint);
                if self.endpoints.live().iter().all(|live| request.refused_by.contains(live)) {
                    return Err(Refusal { gave_up: GaveUp::Tries { tries: tries + 1, last: error }, asked });
                }
            }
            SourceErrorKind::Range { blocks_max } => {
                self.endpoints.with_sizer(endpoint, |sizer| sizer.refused(blocks, blocks_max));
                request.narrowings += 1;
            }
            SourceErrorKind::Density => {
                self.endpoints.with_sizer(endpoint, |sizer| sizer.too_dense(blocks));
                request.blocks_max = blocks / 2;
                request.narrowings += 1;
            }
            SourceErrorKind::Permanent | SourceErrorKind::WrongChain { .. } => {}
            SourceErrorKind::Pruned | SourceErrorKind::Omitted => {
                request.refused_by.push(endpoint);
                if self.endpoints.live().iter().all(|live| request.refused_by.contains(live)) {
                    return Err(Refusal { gave_up: GaveUp::Tries { tries: tries + 1, last: error }, asked });
                }
            }
            ref kind => {
                if !request.tries.count(kind) {
                    return Err(Refusal { gave_up: GaveUp::Tries { tries: tries + 1, last: error }, asked });
                }
                // Time-outs that repeat may come from the size of the work.
                if *kind == SourceErrorKind::Transient && request.tries.total().is_multiple_of(2) {
                    request.blocks_max = (blocks / 2).max(1);
                }
            }
        }
        if self.options.narrowings_max < request.narrowings {
            return Err(Refusal { gave_up: GaveUp::Tries { tries: tries + 1, last: error }, asked });
        }
        Ok(())
    }

    /// Blocks to plan for one fetch.
    pub(crate) fn blocks_per_fetch(&self, headers: Headers) -> u64 {
        let blocks = self.endpoints.blocks_per_fetch();
        match headers {
            Headers::Needed => blocks,
            Headers::All => blocks.min(self.options.tail_blocks_per_fetch).max(1),
        }
    }

    fn blocks_for(&self, endpoint: usize, headers: Headers) -> u64 {
        let ceiling = self.endpoints.with_sizer(endpoint, |sizer| sizer.ceiling());
        match headers {
            Headers::Needed => ceiling,
            Headers::All => ceiling.min(self.options.tail_blocks_per_fetch).max(1),
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

    /// Decodes on a thread of its own, so that the network and the commits of other ranges go on.
    async fn decoded(&self, planned: &Planned, batch: Batch, times: Times, endpoint: usize) -> Result<Fetched, ChainStop> {
        let (chain, venues, range) = (self.chain, self.venues, batch.range);
        let bytes = batch.records.iter().map(|record| record.size_bytes() + RECORD_OVERHEAD_BYTES).sum();
        let streams: Vec<JobStream> = planned.streams.iter().map(|stream| self.streams[*stream].clone()).collect();
        let work = tokio::task::spawn_blocking(move || {
            let streams: Vec<&JobStream> = streams.iter().collect();
            decode(chain, &streams, venues, batch, times)
        });
        match work.await {
            Ok(commit) => Ok(Fetched::Piece(Box::new(Piece { commit, streams: planned.streams.clone(), endpoint, bytes }))),
            Err(error) => Err(ChainStop::Failed(ChainError::Decoder { chain, range, message: error.to_string() })),
        }
    }
}

/// Times of the outermost blocks, or records.
fn outer_times(batch: &Batch) -> Option<Times> {
    let blocks = batch.blocks.first().zip(batch.blocks.last()).map(|(first, last)| (first.time_ms, last.time_ms));
    let records = || batch.records.first().zip(batch.records.last()).map(|(first, last)| (first.time_ms, last.time_ms));
    blocks.or_else(records).map(|(from_ms, to_ms)| Times { from_ms, to_ms })
}

/// State of one request over its tries.
struct Request {
    tries: Tries,
    /// Never ask wider than this again.
    blocks_max: u64,
    narrowings: u32,
    /// Endpoints that cannot answer for even one block of it.
    refused_by: Vec<usize>,
}

/// The narrowest range that was refused, and why.
struct Refusal {
    gave_up: GaveUp,
    asked: BlockRange,
}
