//! The endpoints of a chain: whom to ask next, how fast, how long to leave one alone, whom to drop.
//!
//! One endpoint is asked until it fails: the first of the user's order that is neither dropped, paused, slow beyond reason,
//! behind the others nor caught leaving records out. So head and records come from the same endpoint as long as it is well. A failed call
//! pauses its endpoint for all tasks, and after the pause one call alone tries it. An endpoint that will never answer one
//! kind of question is dropped for that kind; one that serves another chain is dropped altogether.

mod breaker;
mod lag;
mod latency;
mod pace;
mod permit;
mod start;
mod state;

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use alloy_primitives::Bytes;
use futures::future::{BoxFuture, select_all};
use perpdex_core::{BlockRef, ChainId, Heads, Source, SourceError, SourceErrorKind, StateCall};
use tokio::sync::Notify;
use tokio::time::Instant;
use tracing::warn;

pub(crate) use self::permit::Permit;
use self::state::State;
use crate::error::ChainError;
use crate::options::EngineOptions;
use crate::report::DroppedEndpoint;
use crate::retry::Tries;
use crate::sizing::RangeSizer;
use crate::tally::Tally;

/// All endpoints of one chain.
pub(crate) struct Endpoints {
    pub(crate) chain: ChainId,
    pub(crate) tally: Tally,
    pub(crate) options: Arc<EngineOptions>,
    sources: Vec<Arc<dyn Source>>,
    states: Mutex<Vec<State>>,
    /// Told when a call ends: a paused endpoint may be open again.
    changed: Notify,
    /// When the heads of all endpoints were last held against one another.
    compared_at: Mutex<Instant>,
}

/// Kinds of questions. An endpoint that refuses one for good may still answer the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Ask {
    /// Where the chain stands.
    Heads,
    /// The records of a range.
    Records,
    /// One block, or the block of a time.
    Blocks,
    /// Proof of what was answered.
    Proof,
    /// What contracts hold.
    State,
}

impl Ask {
    /// The name in summaries.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Ask::Heads => "heads",
            Ask::Records => "records",
            Ask::Blocks => "blocks",
            Ask::Proof => "proof",
            Ask::State => "state",
        }
    }
}

/// An answer and who gave it.
pub(crate) struct Answer<T> {
    pub(crate) value: T,
    pub(crate) endpoint: usize,
}

/// Why a request ended without an answer.
#[derive(Debug)]
pub(crate) enum GaveUp {
    /// The limit of tries is reached, or every endpoint has said no.
    Tries { tries: u32, last: SourceError },
    /// All endpoints are dropped.
    NoneLeft { last: String },
}

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
        let states = Mutex::new(sources.iter().map(|source| State::new(&options, source.fetch_heights())).collect());
        let tally = Tally::default();
        Endpoints { chain, tally, options, sources, states, changed: Notify::new(), compared_at: Mutex::new(Instant::now()) }
    }

    /// Asks until an endpoint answers, within the limits of tries.
    pub(crate) async fn ask<T>(
        &self,
        ask: Ask,
        what: &str,
        call: impl for<'a> Fn(&'a dyn Source) -> BoxFuture<'a, Result<T, SourceError>> + Send + Sync,
    ) -> Result<Answer<T>, ChainError> {
        self.ask_but(ask, Vec::new(), what, call).await
    }

    async fn ask_but<T>(
        &self,
        ask: Ask,
        mut avoid: Vec<usize>,
        what: &str,
        call: impl for<'a> Fn(&'a dyn Source) -> BoxFuture<'a, Result<T, SourceError>> + Send + Sync,
    ) -> Result<Answer<T>, ChainError> {
        let mut tries = Tries::new(&self.options);
        loop {
            let permit = self.ready(ask, &avoid).await.map_err(|gave_up| gave_up.into_error(self.chain, what))?;
            let endpoint = permit.endpoint;
            let error = match call(self.source(endpoint)).await {
                Ok(value) => {
                    permit.succeeded();
                    return Ok(Answer { value, endpoint });
                }
                Err(error) => error,
            };
            permit.failed(&error);
            if error.kind.is_final() {
                avoid.push(endpoint);
            }
            let is_last = !tries.count(&error.kind) || self.live(ask).iter().all(|live| avoid.contains(live)) && !self.live(ask).is_empty();
            if is_last {
                return Err(GaveUp::Tries { tries: tries.total(), last: error }.into_error(self.chain, what));
            }
        }
    }

    /// Tip and final height, from one endpoint.
    pub(crate) async fn heads(&self) -> Result<Heads, ChainError> {
        let answer = self.ask(Ask::Heads, "heads", |source| source.heads()).await?;
        self.with(answer.endpoint, |state| state.earliest = Some(answer.value.earliest));
        Ok(answer.value)
    }

    /// Waits until any endpoint hints at a new block; may never return.
    pub(crate) async fn new_head(&self) {
        let hints = self.live(Ask::Heads).into_iter().map(|endpoint| self.source(endpoint).new_head());
        match hints.collect::<Vec<_>>() {
            hints if hints.is_empty() => std::future::pending().await,
            hints => _ = select_all(hints).await,
        }
    }

    /// The canonical block at a height.
    pub(crate) async fn block_ref(&self, height: u64) -> Result<Answer<Option<BlockRef>>, ChainError> {
        self.ask(Ask::Blocks, &format!("block {height}"), |source| source.block_ref(height)).await
    }

    /// What contracts answer, one output for each call, see [`Source::state`]. What one endpoint has not the others are asked for.
    pub(crate) async fn state(&self, calls: &[(u64, StateCall)]) -> Result<Vec<Option<Bytes>>, ChainError> {
        let what = format!("{} contract values", calls.len());
        let answer = self.ask(Ask::State, &what, |source| {
            let calls = calls.to_vec();
            Box::pin(async move { source.state(&calls).await })
        });
        let Answer { value: mut outputs, endpoint: first } = answer.await?;
        for endpoint in self.live(Ask::State).into_iter().filter(|endpoint| *endpoint != first) {
            let (places, missing): (Vec<usize>, Vec<_>) =
                (0..calls.len()).filter(|place| outputs[*place].is_none()).map(|place| (place, calls[place].clone())).unzip();
            if missing.is_empty() {
                break;
            }
            let permit = self.permit_at(endpoint, Ask::State);
            match self.source(endpoint).state(&missing).await {
                Ok(found) => {
                    permit.succeeded();
                    places.into_iter().zip(found).for_each(|(place, output)| outputs[place] = output);
                }
                Err(error) => permit.failed(&error),
            }
        }
        Ok(outputs)
    }

    /// The chain.
    pub(crate) fn chain(&self) -> ChainId {
        self.chain
    }

    /// The block at a height once more, from another endpoint than `first` if there is one that answers.
    pub(crate) async fn second_answer(&self, height: u64, first: usize) -> Result<Answer<Option<BlockRef>>, ChainError> {
        for endpoint in self.live(Ask::Blocks) {
            if endpoint == first {
                continue;
            }
            let permit = self.permit_at(endpoint, Ask::Blocks);
            match self.source(endpoint).block_ref(height).await {
                Ok(value) => {
                    permit.succeeded();
                    return Ok(Answer { value, endpoint });
                }
                Err(error) => permit.failed(&error),
            }
        }
        self.block_ref(height).await
    }

    /// The endpoint's source.
    pub(crate) fn source(&self, endpoint: usize) -> &dyn Source {
        self.sources[endpoint].as_ref()
    }

    /// Reads or changes the endpoint's range sizes.
    pub(crate) fn with_sizer<T>(&self, endpoint: usize, work: impl FnOnce(&mut RangeSizer) -> T) -> T {
        self.with(endpoint, |state| work(&mut state.sizer))
    }

    /// Blocks to plan for one fetch of these streams: what the endpoint takes that is asked next.
    pub(crate) fn blocks_per_fetch(&self, streams: &[usize]) -> u64 {
        self.live(Ask::Records).first().map_or(1, |endpoint| self.with_sizer(*endpoint, |sizer| sizer.blocks(streams)))
    }

    /// Time between two looks at the head: the shortest that a live endpoint asks for, else the configured one.
    pub(crate) fn head_poll(&self) -> Duration {
        let asked = self.live(Ask::Heads).into_iter().filter_map(|endpoint| self.source(endpoint).head_poll()).min();
        asked.unwrap_or_else(|| self.options.head_poll())
    }

    /// Endpoints that are not dropped for this kind of question, in the order they are asked.
    pub(crate) fn live(&self, ask: Ask) -> Vec<usize> {
        state::order(&self.states(), ask)
    }

    /// Remembers that the endpoint left records out: it is asked last from now on, and believed only with proof.
    pub(crate) fn caught(&self, endpoint: usize) {
        self.with(endpoint, |state| state.omissions += 1);
    }

    /// [`Endpoints::caught`], where it shows after the answer was believed: the failure is counted here.
    pub(crate) fn caught_late(&self, endpoint: usize, message: String) {
        let label = self.source(endpoint).label().to_owned();
        self.tally.error(&SourceError { label, kind: SourceErrorKind::Omitted, message });
        self.caught(endpoint);
    }

    /// Whether the endpoint was caught leaving records out.
    pub(crate) fn is_caught(&self, endpoint: usize) -> bool {
        self.with(endpoint, |state| 0 < state.omissions)
    }

    /// Endpoints whose word is worth nothing where another one's is doubted: those that were caught leaving records out, and those named.
    pub(crate) fn no_witnesses(&self, doubted: &[usize]) -> Vec<usize> {
        (0..self.sources.len()).filter(|endpoint| doubted.contains(endpoint) || self.is_caught(*endpoint)).collect()
    }

    /// The lowest height that any live endpoint has, where all of them say so.
    pub(crate) fn earliest(&self) -> Option<u64> {
        let live = self.live(Ask::Records);
        let states = self.states();
        live.iter()
            .map(|endpoint| states[*endpoint].earliest.flatten())
            .try_fold(u64::MAX, |lowest, earliest| Some(lowest.min(earliest?)))
            .filter(|h| *h < u64::MAX)
    }

    /// Labels of all endpoints, in the user's order.
    pub(crate) fn labels(&self) -> String {
        self.sources.iter().map(|source| source.label()).collect::<Vec<_>>().join(", ")
    }

    /// Endpoints that are no longer asked some kind of question.
    pub(crate) fn dropped(&self) -> Vec<DroppedEndpoint> {
        let states = self.states();
        let of = |(endpoint, state): (usize, &State)| {
            let label = self.source(endpoint).label().to_owned();
            let dropped = state.dropped.iter();
            dropped
                .map(|(ask, reason)| DroppedEndpoint { label: label.clone(), asked: ask.as_str(), reason: reason.clone() })
                .collect::<Vec<_>>()
        };
        states.iter().enumerate().flat_map(of).collect()
    }

    /// All sources, in the user's order.
    pub(crate) fn sources(&self) -> &[Arc<dyn Source>] {
        &self.sources
    }

    /// Counts a failure and pauses or drops the endpoint.
    fn failed(&self, endpoint: usize, ask: Ask, started: Instant, error: &SourceError) {
        self.tally.error(error);
        let mut states = self.states();
        let state = &mut states[endpoint];
        let pause = match &error.kind {
            SourceErrorKind::Permanent | SourceErrorKind::WrongChain { .. } => {
                warn!(chain = %self.chain, endpoint = error.label, asked = ask.as_str(), error = error.message, "endpoint dropped");
                let is_wrong = matches!(error.kind, SourceErrorKind::WrongChain { .. });
                state.drop_for(if is_wrong { None } else { Some(ask) }, &error.to_string());
                return;
            }
            SourceErrorKind::Rate { retry_after } => {
                state.pace.refused(started);
                let own = state.breaker.next_pause();
                retry_after.unwrap_or(own).min(Duration::from_millis(self.options.retry_after_max_ms))
            }
            // A node that is behind is behind by blocks, not by load.
            SourceErrorKind::Lagging => self.options.head_poll(),
            // Nothing is wrong with the endpoint as such, only with this answer or this range.
            SourceErrorKind::Range { .. } | SourceErrorKind::Density | SourceErrorKind::Pruned | SourceErrorKind::Omitted => Duration::ZERO,
            SourceErrorKind::Transient | SourceErrorKind::Unreachable => {
                self.tally.broke();
                state.breaker.doubt();
                state.breaker.next_pause()
            }
        };
        warn!(chain = %self.chain, endpoint = error.label, kind = error.kind.as_str(), pause_ms = pause.as_millis() as u64, error = error.message, "call failed");
        state.breaker.pause(pause);
    }

    /// Why the last endpoint was dropped for this kind of question, if none is left.
    fn last_drop(&self, ask: Ask) -> Option<String> {
        let states = self.states();
        let all = states.iter().map(|state| state.dropped.get(&ask).cloned()).collect::<Option<Vec<String>>>()?;
        Some(all.into_iter().next_back().unwrap_or_else(|| "none is configured".to_owned()))
    }

    fn with<T>(&self, endpoint: usize, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.states()[endpoint])
    }

    fn states(&self) -> MutexGuard<'_, Vec<State>> {
        self.states.lock().expect("no one panics while holding the endpoints")
    }
}
