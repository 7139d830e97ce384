//! Asks for a range until an endpoint gives a good answer: elsewhere, later, narrower, or not at all.

use perpdex_core::{Batch, BlockRange, Filter, Headers, SourceError, SourceErrorKind};
use tokio::time::{Instant, sleep};

use super::{FetchContext, Refusal, held_bytes};
use crate::check::check;
use crate::endpoints::{Ask, GaveUp, Permit};
use crate::job::JobStream;
use crate::plan::Planned;
use crate::retry::Tries;
use crate::room::Taken;

/// Bytes that an answer holds while it is read, for one that it has in the end: the text, what is parsed of it, the records.
const READING_FACTOR: usize = 2;

/// State of one request over its tries.
pub(super) struct Request {
    tries: Tries,
    /// Never ask wider than this again.
    blocks_max: u64,
    narrowings: u32,
    /// Whether an answer with something unreadable was asked for once more.
    is_reread: bool,
    /// Endpoints that cannot answer for even one block of it, or cannot be believed about it.
    refused_by: Vec<usize>,
}

/// What to do after a failed call.
enum Next {
    /// Ask again.
    Again,
    /// No endpoint is left to ask; this one left records out and may still prove what it has.
    Salvage(usize),
}

impl FetchContext {
    /// Asks until an endpoint gives a good answer for a range that starts where the planned one does.
    pub(super) async fn ask(
        &self,
        slot: u64,
        planned: &Planned,
        streams: &[&JobStream],
        filter: &Filter,
    ) -> Result<(Batch, usize, Taken), Refusal> {
        let (wanted, mut asked) = (planned.range, planned.range);
        let mut request =
            Request { tries: Tries::new(&self.options), blocks_max: u64::MAX, narrowings: 0, is_reread: false, refused_by: Vec::new() };
        loop {
            let first = self.endpoints.live(Ask::Records).into_iter().find(|endpoint| !request.refused_by.contains(endpoint));
            let blocks = first.map_or(1, |endpoint| self.blocks_for(endpoint, planned, filter.headers)).min(request.blocks_max);
            let mut taken = self.room.take(slot, self.bytes_expected(first, planned, wanted.split_at(blocks).0)).await;
            let permit = match self.endpoints.ready(Ask::Records, &request.refused_by).await {
                Ok(permit) => permit,
                Err(gave_up) => return Err(Refusal { gave_up, asked }),
            };
            asked = wanted.split_at(self.blocks_for(permit.endpoint, planned, filter.headers).min(request.blocks_max)).0;
            let (mut endpoint, mut answer) = self.hedged(permit, asked, streams, filter).await;
            if let Ok(batch) = &answer
                && let Some(malformed) = batch.malformed.first()
                && !request.is_reread
                && self.endpoints.source(endpoint).can_probe()
            {
                // It may have been damaged on the way; what stays unreadable is kept as it came.
                request.is_reread = true;
                let text = format!("unreadable record near height {}, {asked} is asked again: {}", malformed.height, malformed.error);
                self.endpoints.tally.error(&self.disbelief(endpoint, SourceErrorKind::Transient, text));
                continue;
            }
            if let Ok(batch) = answer {
                answer = self.proved(endpoint, planned, streams, filter, batch).await;
            }
            let error = match answer {
                Ok(batch) => {
                    taken.settle(held_bytes(&batch.records));
                    return Ok((batch, endpoint, taken));
                }
                Err(error) => error,
            };
            let is_late = filter.headers == Headers::All && error.kind == SourceErrorKind::Omitted;
            match self.cope(&mut request, endpoint, planned, asked, filter, error.clone())? {
                Next::Again => {}
                Next::Salvage(caught) => {
                    endpoint = caught;
                    let gave_up = GaveUp::Tries { tries: request.tries.total() + 1, last: error };
                    let batch = self.salvage(endpoint, asked, streams, filter).await.ok_or(Refusal { gave_up, asked })?;
                    taken.settle(held_bytes(&batch.records));
                    return Ok((batch, endpoint, taken));
                }
            }
            if is_late {
                // Near the head records may only be late.
                sleep(self.options.head_poll() / 2).await;
            }
        }
    }

    /// One checked answer of one endpoint.
    pub(super) async fn fetch_checked(
        &self,
        endpoint: usize,
        asked: BlockRange,
        streams: &[&JobStream],
        filter: &Filter,
    ) -> Result<Batch, SourceError> {
        let batch = self.endpoints.source(endpoint).fetch(asked, filter).await?;
        let checked = check(self.chain, asked, streams, &batch);
        checked.map_err(|message| self.disbelief(endpoint, SourceErrorKind::Transient, message))?;
        Ok(batch)
    }

    /// One checked answer, from another idle endpoint too where the first one takes unusually long: who answers first counts.
    async fn hedged(
        &self,
        permit: Permit<'_>,
        asked: BlockRange,
        streams: &[&JobStream],
        filter: &Filter,
    ) -> (usize, Result<Batch, SourceError>) {
        let (first, started) = (permit.endpoint, Instant::now());
        let mut one = std::pin::pin!(self.fetch_noted(permit, asked, streams, filter));
        let Some(patience) = self.endpoints.patience(first, Ask::Records) else { return (first, one.await) };
        let takes = |endpoint: usize| asked.blocks() <= self.most_blocks(endpoint, filter.headers);
        let other = async {
            sleep(patience).await;
            self.endpoints.idle_in_time(Ask::Records, &[first], takes).await
        };
        let other = tokio::select! {
            answer = &mut one => return (first, answer),
            other = other => other,
        };
        self.endpoints.tally.hedged();
        let second = other.endpoint;
        let mut two = std::pin::pin!(self.fetch_noted(other, asked, streams, filter));
        tokio::select! {
            answer = &mut one => if answer.is_ok() { (first, answer) } else { (second, two.await) },
            answer = &mut two => match answer {
                Ok(_) => {
                    self.endpoints.tally.hedge_won();
                    self.endpoints.outrun(first, Ask::Records, started.elapsed());
                    (second, answer)
                }
                Err(_) => (first, one.await),
            },
        }
    }

    /// One checked answer, with its endpoint's health noted.
    async fn fetch_noted(
        &self,
        permit: Permit<'_>,
        asked: BlockRange,
        streams: &[&JobStream],
        filter: &Filter,
    ) -> Result<Batch, SourceError> {
        let answer = self.fetch_checked(permit.endpoint, asked, streams, filter).await;
        match &answer {
            Ok(_) => permit.succeeded(),
            Err(error) => permit.failed(error),
        }
        answer
    }

    /// Draws the consequences of a failed call.
    fn cope(
        &self,
        request: &mut Request,
        endpoint: usize,
        planned: &Planned,
        asked: BlockRange,
        filter: &Filter,
        error: SourceError,
    ) -> Result<Next, Refusal> {
        let blocks = asked.blocks();
        let tries = request.tries.total() + request.narrowings + 1;
        let give_up = |last| Err(Refusal { gave_up: GaveUp::Tries { tries, last }, asked });
        match error.kind {
            SourceErrorKind::Omitted if filter.headers == Headers::Needed => {
                self.endpoints.caught(endpoint);
                request.refused_by.push(endpoint);
                if self.is_refused_by_all(request) {
                    return Ok(Next::Salvage(endpoint));
                }
            }
            SourceErrorKind::Pruned => {
                request.refused_by.push(endpoint);
                if self.is_refused_by_all(request) {
                    return give_up(error);
                }
            }
            SourceErrorKind::Range { .. } | SourceErrorKind::Density if blocks == 1 => {
                // Nothing is narrower than one block; another endpoint may take it.
                request.refused_by.push(endpoint);
                if self.is_refused_by_all(request) {
                    return give_up(error);
                }
            }
            SourceErrorKind::Range { blocks_max } => {
                self.endpoints.with_sizer(endpoint, |sizer| sizer.refused(blocks, blocks_max));
                request.narrowings += 1;
            }
            SourceErrorKind::Density => {
                self.endpoints.with_sizer(endpoint, |sizer| sizer.too_dense(&planned.streams, blocks));
                request.blocks_max = blocks / 2;
                request.narrowings += 1;
            }
            SourceErrorKind::Permanent | SourceErrorKind::WrongChain { .. } => {}
            ref kind => {
                if !request.tries.count(kind) {
                    return give_up(error);
                }
                // Time-outs that repeat may come from the size of the work.
                if *kind == SourceErrorKind::Transient && request.tries.total().is_multiple_of(2) {
                    request.blocks_max = (blocks / 2).max(1);
                }
            }
        }
        if self.options.narrowings_max < request.narrowings { give_up(error) } else { Ok(Next::Again) }
    }

    fn is_refused_by_all(&self, request: &Request) -> bool {
        self.endpoints.live(Ask::Records).iter().all(|live| request.refused_by.contains(live))
    }

    /// Blocks to ask the endpoint for. A range that was planned before answers turned out much denser is asked as the endpoint's
    /// answers are now: whole, it would be refused and halved once more for each of its parts.
    fn blocks_for(&self, endpoint: usize, planned: &Planned, headers: Headers) -> u64 {
        let size = self.endpoints.with_sizer(endpoint, |sizer| sizer.blocks(&planned.streams));
        // A little more is one request instead of two.
        let is_outdated = size.saturating_add(size / 4) < planned.range.blocks();
        self.most_blocks(endpoint, headers).min(if is_outdated { size } else { u64::MAX })
    }

    /// Most blocks that the endpoint is known to take.
    pub(super) fn most_blocks(&self, endpoint: usize, headers: Headers) -> u64 {
        let ceiling = self.endpoints.with_sizer(endpoint, |sizer| sizer.ceiling());
        match headers {
            Headers::Needed => ceiling,
            Headers::All => ceiling.min(self.options.tail_blocks_per_fetch).max(1),
        }
    }

    /// Room that an answer needs while it is read.
    fn bytes_expected(&self, endpoint: Option<usize>, planned: &Planned, asked: BlockRange) -> usize {
        let known = endpoint
            .and_then(|endpoint| self.endpoints.with_sizer(endpoint, |sizer| sizer.bytes_expected(&planned.streams, asked.blocks())));
        let bytes = known.and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(usize::MAX).min(self.options.answer_bytes_max);
        bytes.saturating_mul(READING_FACTOR)
    }
}
