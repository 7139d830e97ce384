//! Leave to make one call: waits for an endpoint that is open, and for its turn there.

use std::time::Duration;

use perpdex_core::SourceError;
use tokio::time::{Instant, sleep, sleep_until};

use super::breaker::Opening;
use super::{Ask, Endpoints, GaveUp, state};

/// Longest wait for a call that tries a paused endpoint, or keeps one busy, before the endpoints are looked at again.
const TRIAL_LOOK: Duration = Duration::from_millis(500);

/// Leave to make one call to one endpoint. Dropping it without a word counts as no answer at all.
pub(crate) struct Permit<'a> {
    endpoints: &'a Endpoints,
    pub(crate) endpoint: usize,
    ask: Ask,
    started: Instant,
}

impl Permit<'_> {
    /// The call was answered: the endpoint is well.
    pub(crate) fn succeeded(self) {
        self.endpoints.tally.call();
        let took = self.started.elapsed();
        self.endpoints.with(self.endpoint, |state| state.succeeded(self.ask, took));
    }

    /// The call failed.
    pub(crate) fn failed(self, error: &SourceError) {
        self.endpoints.tally.call();
        self.endpoints.failed(self.endpoint, self.ask, self.started, error);
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        let requests = self.endpoints.source(self.endpoint).traffic().requests;
        self.endpoints.with(self.endpoint, |state| state.ended(requests));
        self.endpoints.changed.notify_waiters();
    }
}

impl Endpoints {
    /// Waits until one endpoint may be asked, the best first, leaving out those in `avoid`.
    pub(crate) async fn ready(&self, ask: Ask, avoid: &[usize]) -> Result<Permit<'_>, GaveUp> {
        loop {
            // Registered before the look, so that no change is missed in between.
            let changed = self.changed.notified();
            match self.choose(ask, avoid) {
                Choice::None => {
                    return Err(GaveUp::NoneLeft { last: self.last_drop(ask).unwrap_or_else(|| "no other endpoint".to_owned()) });
                }
                Choice::Now(endpoint, turn) => {
                    let permit = Permit { endpoints: self, endpoint, ask, started: turn };
                    sleep_until(turn).await;
                    return Ok(permit);
                }
                Choice::At(resume_at) => sleep_until(resume_at).await,
                Choice::Busy(resume_at) => {
                    let look = async {
                        match resume_at {
                            Some(resume_at) => sleep_until(resume_at).await,
                            None => sleep(TRIAL_LOOK).await,
                        }
                    };
                    tokio::select! {
                        () = changed => {}
                        () = look => {}
                    }
                }
            }
        }
    }

    /// Leave to ask this endpoint at once, paused or not.
    pub(super) fn permit_at(&self, endpoint: usize, ask: Ask) -> Permit<'_> {
        self.with(endpoint, state::State::begins);
        Permit { endpoints: self, endpoint, ask, started: Instant::now() }
    }

    /// Leave to ask this endpoint, when its turn comes.
    pub(crate) async fn permit_for(&self, endpoint: usize, ask: Ask) -> Permit<'_> {
        let turn = self.with(endpoint, |state| {
            state.begins();
            state.pace.turn()
        });
        let permit = Permit { endpoints: self, endpoint, ask, started: turn };
        sleep_until(turn).await;
        permit
    }

    /// How long an answer of this endpoint is waited for before another one is asked too; `None`: as long as it takes.
    pub(crate) fn patience(&self, endpoint: usize, ask: Ask) -> Option<Duration> {
        let percent = self.options.hedge_percentile;
        let usual = self.with(endpoint, |state| state.percentile(ask, percent)).filter(|_| 0 < percent)?;
        Some(usual.max(Duration::from_millis(self.options.hedge_after_min_ms)))
    }

    /// Another endpoint answered first: this one takes so long at least.
    pub(crate) fn outrun(&self, endpoint: usize, ask: Ask, took: Duration) {
        self.with(endpoint, |state| state.took(ask, took));
    }

    /// Leave to ask another endpoint than those in `avoid`, if one is open and has nothing to do.
    pub(crate) fn idle(&self, ask: Ask, avoid: &[usize]) -> Option<Permit<'_>> {
        let endpoint = {
            let states = self.states();
            let is_idle = |endpoint: &usize| !avoid.contains(endpoint) && states[*endpoint].is_idle();
            state::order(&states, ask).into_iter().find(is_idle)?
        };
        Some(self.permit_at(endpoint, ask))
    }

    /// Waits until another endpoint than those in `avoid` is open and has nothing to do, of those that `fits`; may never return.
    pub(crate) async fn idle_in_time(&self, ask: Ask, avoid: &[usize], fits: impl Fn(usize) -> bool) -> Permit<'_> {
        loop {
            // Registered before the look, so that no change is missed in between.
            let changed = self.changed.notified();
            let unfit = self.live(ask).into_iter().filter(|endpoint| avoid.contains(endpoint) || !fits(*endpoint));
            if let Some(permit) = self.idle(ask, &unfit.collect::<Vec<_>>()) {
                return permit;
            }
            tokio::select! {
                () = changed => {}
                () = sleep(TRIAL_LOOK) => {}
            }
        }
    }

    fn choose(&self, ask: Ask, avoid: &[usize]) -> Choice {
        let mut states = self.states();
        let (mut earliest, mut is_busy): (Option<Instant>, bool) = (None, false);
        for endpoint in state::order(&states, ask).into_iter().filter(|endpoint| !avoid.contains(endpoint)) {
            match states[endpoint].breaker.opening() {
                Opening::Now => {
                    states[endpoint].begins();
                    return Choice::Now(endpoint, states[endpoint].pace.turn());
                }
                Opening::At(resume_at) => earliest = Some(earliest.map_or(resume_at, |earliest| earliest.min(resume_at))),
                Opening::Busy => is_busy = true,
            }
        }
        match (earliest, is_busy) {
            (earliest, true) => Choice::Busy(earliest),
            (Some(resume_at), false) => Choice::At(resume_at),
            (None, false) => Choice::None,
        }
    }
}

enum Choice {
    /// This endpoint, when its turn comes.
    Now(usize, Instant),
    /// One opens then.
    At(Instant),
    /// One is being tried, and another opens then.
    Busy(Option<Instant>),
    /// There is none.
    None,
}
