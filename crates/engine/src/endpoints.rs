//! The endpoints of a chain: whom to ask next, how long to leave one alone, whom to drop.
//!
//! A failed call pauses its endpoint for all tasks; the next try goes to the first endpoint of the user's order that is
//! not paused. An endpoint that will never answer, or that serves another chain, is dropped for the run.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use futures::future::{BoxFuture, join_all};
use perpdex_core::{BlockRef, ChainId, Heads, Source, SourceError, SourceErrorKind};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tracing::warn;

use crate::error::ChainError;
use crate::options::EngineOptions;
use crate::retry::{Pauses, Tries};
use crate::sizing::RangeSizer;
use crate::tally::Tally;

/// All endpoints of one chain.
pub(crate) struct Endpoints {
    pub(crate) chain: ChainId,
    pub(crate) tally: Tally,
    pub(crate) options: Arc<EngineOptions>,
    sources: Vec<Arc<dyn Source>>,
    states: Mutex<Vec<State>>,
}

/// What is known of one endpoint.
struct State {
    dropped: Option<String>,
    resume_at: Instant,
    pauses: Pauses,
    sizer: RangeSizer,
    /// What its last answer about heads said of its first height; `None` before the first answer.
    earliest: Option<Option<u64>>,
}

/// An answer and who gave it.
pub(crate) struct Answer<T> {
    pub(crate) value: T,
    pub(crate) endpoint: usize,
}

/// Why a request ended without an answer.
#[derive(Debug)]
pub(crate) enum GaveUp {
    /// The limit of tries is reached.
    Tries { tries: u32, last: SourceError },
    /// All endpoints are dropped.
    NoneLeft { last: String },
}

/// Looks at silent endpoints before a chain is called unreachable: one of them may just have been slow.
const LOOKS_MIN: u32 = 2;

impl GaveUp {
    /// As an error of the chain.
    pub(crate) fn into_error(self, chain: ChainId, what: &str) -> ChainError {
        let what = what.to_owned();
        match self {
            GaveUp::Tries { tries, last } => ChainError::GaveUp { chain, what, tries, last },
            GaveUp::NoneLeft { last } => ChainError::NoneLeft { chain, what, last },
        }
    }
}

impl Endpoints {
    pub(crate) fn new(chain: ChainId, sources: Vec<Arc<dyn Source>>, options: Arc<EngineOptions>) -> Endpoints {
        let now = Instant::now();
        let state = |source: &Arc<dyn Source>| {
            let sizer = RangeSizer::new(&options, source.fetch_heights());
            State { dropped: None, resume_at: now, pauses: Pauses::new(&options), sizer, earliest: None }
        };
        let states = Mutex::new(sources.iter().map(state).collect());
        Endpoints { chain, tally: Tally::default(), options, sources, states }
    }

    /// Asks until an endpoint answers, within the limits of tries.
    pub(crate) async fn ask<T>(
        &self,
        what: &str,
        call: impl for<'a> Fn(&'a dyn Source) -> BoxFuture<'a, Result<T, SourceError>> + Send + Sync,
    ) -> Result<Answer<T>, ChainError> {
        let mut tries = Tries::new(&self.options);
        loop {
            let endpoint = self.ready(&[]).await.map_err(|gave_up| gave_up.into_error(self.chain, what))?;
            self.tally.call();
            match call(self.source(endpoint)).await {
                Ok(value) => {
                    self.succeeded(endpoint);
                    return Ok(Answer { value, endpoint });
                }
                Err(error) => {
                    self.failed(endpoint, &error);
                    if !tries.count(&error.kind) {
                        let gave_up = GaveUp::Tries { tries: tries.total(), last: error };
                        return Err(gave_up.into_error(self.chain, what));
                    }
                }
            }
        }
    }

    /// Asks one endpoint and no other, until it answers or will not, within the limits of tries.
    #[allow(dead_code, reason = "the comparison with a second endpoint comes in the next commits")]
    pub(crate) async fn ask_at<T>(
        &self,
        endpoint: usize,
        what: &str,
        call: impl for<'a> Fn(&'a dyn Source) -> BoxFuture<'a, Result<T, SourceError>> + Send + Sync,
    ) -> Result<T, ChainError> {
        let mut tries = Tries::new(&self.options);
        let others: Vec<usize> = (0..self.sources.len()).filter(|other| *other != endpoint).collect();
        loop {
            self.ready(&others).await.map_err(|gave_up| gave_up.into_error(self.chain, what))?;
            self.tally.call();
            let error = match call(self.source(endpoint)).await {
                Ok(value) => {
                    self.succeeded(endpoint);
                    return Ok(value);
                }
                Err(error) => error,
            };
            self.failed(endpoint, &error);
            if error.kind.is_final() || !tries.count(&error.kind) {
                return Err(GaveUp::Tries { tries: tries.total().max(1), last: error }.into_error(self.chain, what));
            }
        }
    }

    /// Tip and final height, from one endpoint.
    pub(crate) async fn heads(&self) -> Result<Heads, ChainError> {
        let answer = self.ask("heads", |source| source.heads()).await?;
        self.with(answer.endpoint, |state| state.earliest = Some(answer.value.earliest));
        Ok(answer.value)
    }

    /// The canonical block at a height.
    pub(crate) async fn block_ref(&self, height: u64) -> Result<Answer<Option<BlockRef>>, ChainError> {
        self.ask(&format!("block {height}"), |source| source.block_ref(height)).await
    }

    /// The block at a height once more, from another endpoint than `first` if there is one that answers.
    pub(crate) async fn second_answer(&self, height: u64, first: usize) -> Result<Answer<Option<BlockRef>>, ChainError> {
        for endpoint in self.live() {
            if endpoint == first {
                continue;
            }
            self.tally.call();
            match self.source(endpoint).block_ref(height).await {
                Ok(value) => return Ok(Answer { value, endpoint }),
                Err(error) => self.failed(endpoint, &error),
            }
        }
        self.block_ref(height).await
    }

    /// One look at every endpoint, side by side; none is waited for longer than the start allows.
    pub(crate) async fn greet(&self) -> Vec<Result<Heads, SourceError>> {
        let limit = self.options.unreachable_after();
        let live = self.live();
        let answers = join_all(live.iter().map(|endpoint| async move {
            self.tally.call();
            let source = self.source(*endpoint);
            let silent = || SourceError {
                label: source.label().to_owned(),
                kind: SourceErrorKind::Unreachable,
                message: format!("no answer to the first call within {} ms", limit.as_millis()),
            };
            timeout(limit, source.heads()).await.unwrap_or_else(|_| Err(silent()))
        }))
        .await;
        for (endpoint, answer) in live.iter().zip(&answers) {
            match answer {
                Ok(heads) => {
                    self.succeeded(*endpoint);
                    self.with(*endpoint, |state| state.earliest = Some(heads.earliest));
                }
                Err(error) => self.failed(*endpoint, error),
            }
        }
        answers
    }

    /// The heads as the first endpoint in order gives them, tried until one answers or the start's limits are reached.
    pub(crate) async fn reach(&self) -> Result<Heads, ChainError> {
        let answers = self.greet().await;
        self.reach_after(answers, Instant::now()).await
    }

    /// [`Endpoints::reach`] after a first look at all endpoints that began at or before `started`.
    pub(crate) async fn reach_after(&self, mut answers: Vec<Result<Heads, SourceError>>, started: Instant) -> Result<Heads, ChainError> {
        let mut tries = Tries::new(&self.options);
        let mut pauses = Pauses::new(&self.options);
        for look in 1.. {
            if let Some(heads) = answers.iter().find_map(|answer| answer.as_ref().ok()) {
                return Ok(*heads);
            }
            let errors: Vec<SourceError> = answers.into_iter().filter_map(Result::err).collect();
            self.start_is_hopeless(errors, look, started, &mut tries)?;
            let pause = pauses.next().min(self.options.unreachable_after());
            sleep(pause).await;
            // Whether any is left to ask is found by the next look at all of them.
            let _ = self.ready(&[]).await;
            answers = self.greet().await;
        }
        unreachable!("the limits of a start end it")
    }

    fn start_is_hopeless(&self, errors: Vec<SourceError>, look: u32, started: Instant, tries: &mut Tries) -> Result<(), ChainError> {
        let chain = self.chain;
        let is = |kind: fn(&SourceErrorKind) -> bool| errors.iter().all(|error| kind(&error.kind));
        if is(|kind| matches!(kind, SourceErrorKind::WrongChain { .. })) && !errors.is_empty() {
            return Err(ChainError::WrongChain { chain, errors });
        }
        if let Some(last) = self.last_drop() {
            return Err(ChainError::NoneLeft { chain, what: "heads".to_owned(), last });
        }
        let waited = started.elapsed();
        if is(|kind| *kind == SourceErrorKind::Unreachable) && LOOKS_MIN <= look && self.options.unreachable_after() <= waited {
            return Err(ChainError::Unreachable { chain, waited_ms: waited.as_millis() as u64, errors });
        }
        match errors.into_iter().find(|error| error.kind != SourceErrorKind::Unreachable) {
            Some(last) if !tries.count(&last.kind) => {
                Err(ChainError::GaveUp { chain, what: "heads".to_owned(), tries: tries.total(), last })
            }
            _ => Ok(()),
        }
    }

    /// Waits until one endpoint may be asked, in the user's order, leaving out those in `avoid`.
    pub(crate) async fn ready(&self, avoid: &[usize]) -> Result<usize, GaveUp> {
        loop {
            let now = Instant::now();
            let open: Vec<(Instant, usize)> = {
                let states = self.states();
                let open = states.iter().enumerate().filter(|(endpoint, state)| state.dropped.is_none() && !avoid.contains(endpoint));
                open.map(|(endpoint, state)| (state.resume_at.max(now), endpoint)).collect()
            };
            // The smallest pair is the earliest moment and, at the same moment, the first in order.
            match open.into_iter().min() {
                None => return Err(GaveUp::NoneLeft { last: self.last_drop().unwrap_or_else(|| "no other endpoint".to_owned()) }),
                Some((resume_at, endpoint)) if resume_at <= now => return Ok(endpoint),
                Some((resume_at, _)) => sleep_until(resume_at).await,
            }
        }
    }

    /// The endpoint answered well: its next pause is a short one.
    pub(crate) fn succeeded(&self, endpoint: usize) {
        self.with(endpoint, |state| state.pauses.reset());
    }

    /// Counts a failure and pauses or drops the endpoint.
    pub(crate) fn failed(&self, endpoint: usize, error: &SourceError) {
        self.tally.error(error);
        let mut states = self.states();
        let state = &mut states[endpoint];
        let pause = match &error.kind {
            SourceErrorKind::Permanent | SourceErrorKind::WrongChain { .. } => {
                warn!(chain = %self.chain, endpoint = error.label, error = error.message, "endpoint dropped");
                state.dropped = Some(error.to_string());
                return;
            }
            SourceErrorKind::Rate { retry_after } => {
                let own = state.pauses.next();
                retry_after.unwrap_or(own).min(Duration::from_millis(self.options.retry_after_max_ms))
            }
            // A node that is behind is behind by blocks, not by load.
            SourceErrorKind::Lagging => self.options.head_poll(),
            // Nothing is wrong with the endpoint as such, only with this answer or this range.
            SourceErrorKind::Range { .. } | SourceErrorKind::Density | SourceErrorKind::Pruned | SourceErrorKind::Omitted => Duration::ZERO,
            SourceErrorKind::Transient | SourceErrorKind::Unreachable => state.pauses.next(),
        };
        warn!(chain = %self.chain, endpoint = error.label, kind = error.kind.as_str(), pause_ms = pause.as_millis() as u64, error = error.message, "call failed");
        state.resume_at = state.resume_at.max(Instant::now() + pause);
    }

    /// The endpoint's source.
    pub(crate) fn source(&self, endpoint: usize) -> &dyn Source {
        self.sources[endpoint].as_ref()
    }

    /// Reads or changes the endpoint's range size.
    pub(crate) fn with_sizer<T>(&self, endpoint: usize, work: impl FnOnce(&mut RangeSizer) -> T) -> T {
        self.with(endpoint, |state| work(&mut state.sizer))
    }

    /// Blocks to plan for one fetch: what the first live endpoint takes.
    pub(crate) fn blocks_per_fetch(&self) -> u64 {
        self.states().iter().find(|state| state.dropped.is_none()).map_or(1, |state| state.sizer.blocks())
    }

    /// Time between two looks at the head: the shortest that a live endpoint asks for, else the configured one.
    pub(crate) fn head_poll(&self) -> Duration {
        let asked = self.live().into_iter().filter_map(|endpoint| self.source(endpoint).head_poll()).min();
        asked.unwrap_or_else(|| self.options.head_poll())
    }

    /// Endpoints that are not dropped, in order.
    pub(crate) fn live(&self) -> Vec<usize> {
        self.states().iter().enumerate().filter(|(_, state)| state.dropped.is_none()).map(|(endpoint, _)| endpoint).collect()
    }

    /// The lowest height that any live endpoint has, where all of them say so.
    pub(crate) fn earliest(&self) -> Option<u64> {
        let states = self.states();
        let live = states.iter().filter(|state| state.dropped.is_none());
        live.map(|state| state.earliest.flatten())
            .try_fold(u64::MAX, |lowest, earliest| Some(lowest.min(earliest?)))
            .filter(|h| *h < u64::MAX)
    }

    /// Labels of all endpoints, in order.
    pub(crate) fn labels(&self) -> String {
        self.sources.iter().map(|source| source.label()).collect::<Vec<_>>().join(", ")
    }

    /// Why the last endpoint was dropped, if none is left.
    fn last_drop(&self) -> Option<String> {
        let states = self.states();
        let all = states.iter().map(|state| state.dropped.clone()).collect::<Option<Vec<String>>>()?;
        Some(all.into_iter().next_back().unwrap_or_else(|| "none is configured".to_owned()))
    }

    fn with<T>(&self, endpoint: usize, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.states()[endpoint])
    }

    fn states(&self) -> MutexGuard<'_, Vec<State>> {
        self.states.lock().expect("no one panics while holding the endpoints")
    }
}
