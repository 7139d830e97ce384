//! The first look at a chain's endpoints.

use futures::future::join_all;
use perpdex_core::{Heads, SourceError, SourceErrorKind};
use tokio::time::{Instant, sleep, timeout};

use super::{Ask, Endpoints};
use crate::error::ChainError;
use crate::retry::{Pauses, Tries};

/// Looks at silent endpoints before a chain is called unreachable: one of them may just have been slow.
const LOOKS_MIN: u32 = 2;

impl Endpoints {
    /// One look at every endpoint, side by side; none is waited for longer than the start allows.
    pub(crate) async fn greet(&self) -> Vec<Result<Heads, SourceError>> {
        let limit = self.options.unreachable_after();
        let live = self.live(Ask::Heads);
        let answers = join_all(live.iter().map(|endpoint| async move {
            let permit = self.permit_at(*endpoint, Ask::Heads);
            let source = self.source(*endpoint);
            let silent = || SourceError {
                label: source.label().to_owned(),
                kind: SourceErrorKind::Unreachable,
                message: format!("no answer to the first call within {} ms", limit.as_millis()),
            };
            let answer = timeout(limit, source.heads()).await.unwrap_or_else(|_| Err(silent()));
            match &answer {
                Ok(heads) => {
                    self.with(*endpoint, |state| state.earliest = Some(heads.earliest));
                    permit.succeeded();
                }
                Err(error) => permit.failed(error),
            }
            answer
        }))
        .await;
        let heads = live.iter().zip(&answers).filter_map(|(endpoint, answer)| Some((*endpoint, *answer.as_ref().ok()?)));
        self.judge_lag(&heads.collect::<Vec<_>>());
        answers
    }

    /// The heads as the endpoint gives them that sees furthest, tried until one answers or the start's limits are reached.
    pub(crate) async fn reach(&self) -> Result<Heads, ChainError> {
        let answers = self.greet().await;
        self.reach_after(answers, Instant::now()).await
    }

    /// [`Endpoints::reach`] after a first look at all endpoints that began at or before `started`.
    pub(crate) async fn reach_after(&self, mut answers: Vec<Result<Heads, SourceError>>, started: Instant) -> Result<Heads, ChainError> {
        let mut tries = Tries::new(&self.options);
        let mut pauses = Pauses::new(&self.options);
        for look in 1.. {
            if let Some(heads) = furthest(&answers) {
                return Ok(heads);
            }
            let errors: Vec<SourceError> = answers.into_iter().filter_map(Result::err).collect();
            self.start_is_hopeless(errors, look, started, &mut tries)?;
            let pause = pauses.next().min(self.options.unreachable_after());
            sleep(pause).await;
            // Whether any is left to ask is found by the next look at all of them.
            drop(self.ready(Ask::Heads, &[]).await);
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
        if let Some(last) = self.last_drop(Ask::Heads) {
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
}

/// The heads of the endpoint that knows most as final, the first of those: one that lags must not end a history early.
fn furthest(answers: &[Result<Heads, SourceError>]) -> Option<Heads> {
    let heads = answers.iter().filter_map(|answer| answer.as_ref().ok());
    heads.copied().reduce(|best, heads| if best.finalized < heads.finalized { heads } else { best })
}
