//! One chain from start to end, in rounds: look at the head, compare the stored tail with it, plan what is missing,
//! fetch it ahead and commit it in order. History and head are the same round; only the number of rounds differs.

mod prepare;
mod silence;
mod take;
mod unwind;
mod wait;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use perpdex_core::{
    BlockRange, ChainId, Evidence, Headers, Heads, Hole, HoleReason, RangeSet, SourceError, SourceErrorKind, Store, StoreError, Target,
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::committer::Committer;
use crate::endpoints::Endpoints;
use crate::error::{ChainError, ChainStop};
use crate::fetch::FetchContext;
use crate::job::{ChainJob, JobStream, Until};
use crate::ledger::Ledger;
use crate::options::EngineOptions;
use crate::plan::{self, Planned};
use crate::progress::{Phase, Progress};
use crate::quiet::Quiet;
use crate::report::{ChainOutcome, ChainReport};
use crate::retry::Pauses;

/// What all chains of a run share.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) options: Arc<EngineOptions>,
    pub(crate) cancel: CancellationToken,
    pub(crate) progress: Arc<dyn Progress>,
}

/// The first look at a chain's endpoints.
pub(crate) struct Greeting {
    pub(crate) answers: Vec<Result<Heads, SourceError>>,
    pub(crate) started: Instant,
}

/// A chain at work.
pub(crate) struct ChainRun {
    shared: Shared,
    context: Arc<FetchContext>,
    committer: Committer,
    until: Until,
    evidence_min: Evidence,
    fetch_apart: bool,
    ledger: Ledger,
    /// Silences of the streams over the ranges that were committed.
    quiet: Vec<Quiet>,
    /// Silences in which records were left out, by stream, until they are taken back.
    lied: BTreeMap<usize, BlockRange>,
    failed_in_a_row: u32,
    contradictions_in_a_row: u32,
    /// Rounds since the last commit that ended since the database was not available.
    store_failures: u32,
    store_pauses: Pauses,
    /// The final height that the stored tail was compared at.
    final_height: Option<u64>,
    /// When the run's state was last kept in the store.
    kept: Option<Instant>,
}

/// How a round ended.
enum RoundEnd {
    /// Everything planned is dealt with.
    Complete,
    /// Stored history changed, or an answer did not fit it: look again.
    Again,
    /// Range after range fails.
    Stuck(ChainError),
    /// The database is away or busy; whether the last transaction was written is read from it.
    Unavailable(StoreError),
}

impl ChainRun {
    pub(crate) fn new(job: ChainJob, shared: Shared) -> ChainRun {
        let chain = job.chain;
        let endpoints = Endpoints::new(chain, job.sources, shared.options.clone());
        let context = FetchContext::new(chain, job.streams, job.venues, endpoints, shared.options.clone());
        ChainRun {
            committer: Committer::new(chain, shared.store.clone()),
            ledger: Ledger::new(chain, &context.streams, shared.progress.clone()),
            quiet: vec![Quiet::default(); context.streams.len()],
            lied: BTreeMap::new(),
            store_failures: 0,
            store_pauses: Pauses::new(&shared.options),
            shared,
            context: Arc::new(context),
            until: job.until,
            evidence_min: job.evidence_min,
            fetch_apart: job.fetch_apart,
            failed_in_a_row: 0,
            contradictions_in_a_row: 0,
            final_height: None,
            kept: None,
        }
    }

    /// Looks at every endpoint once; refuses the job where all of them serve another chain.
    pub(crate) async fn greet(&self) -> Result<Greeting, ChainError> {
        let started = Instant::now();
        let answers = tokio::select! {
            biased;
            () = self.shared.cancel.cancelled() => Vec::new(),
            answers = self.endpoints().greet() => answers,
        };
        let errors: Vec<SourceError> = answers.iter().filter_map(|answer| answer.as_ref().err().cloned()).collect();
        let is_other = |error: &SourceError| matches!(error.kind, SourceErrorKind::WrongChain { .. });
        if !errors.is_empty() && errors.len() == answers.len() && errors.iter().all(is_other) {
            return Err(ChainError::WrongChain { chain: self.chain(), errors });
        }
        Ok(Greeting { answers, started })
    }

    /// Works until the job's end and tells how it went.
    pub(crate) async fn drive(mut self, greeting: Greeting) -> ChainReport {
        let started = greeting.started;
        let outcome = match self.work(greeting).await {
            Ok(()) => ChainOutcome::Done,
            Err(ChainStop::Failed(error)) => ChainOutcome::Failed { error: error.to_string() },
            Err(ChainStop::Halted(error)) => ChainOutcome::Halted { error: error.to_string() },
            Err(ChainStop::Interrupted) => ChainOutcome::Interrupted,
        };
        let context = self.context.clone();
        let state = self.ledger.state(&context.endpoints.tally, Some(&outcome));
        if let Err(error) = self.shared.store.record_run(&state).await {
            warn!(chain = %self.chain(), %error, "the end of the run could not be kept; its summary tells it");
        }
        self.ledger.close(outcome, &context, started.elapsed())
    }

    async fn work(&mut self, greeting: Greeting) -> Result<(), ChainStop> {
        self.ledger.show(Phase::Starting);
        // Before any call, so that a run without network leaves a database that knows what is wanted.
        self.shared.store.set_targets(&self.targets()).await?;
        if self.shared.cancel.is_cancelled() {
            return Err(ChainStop::Interrupted);
        }
        let context = self.context.clone();
        let reached = self.unless_cancelled(context.endpoints.reach_after(greeting.answers, greeting.started)).await?;
        let mut heads = reached.map_err(ChainStop::Failed)?;
        let last = self.until.last(&heads);
        loop {
            let end = match self.round(&heads, last).await {
                // A run that follows forever outlives a network that goes away in the middle of a round.
                Err(ChainStop::Failed(error @ ChainError::GaveUp { .. })) if self.until == Until::Forever => RoundEnd::Stuck(error),
                Err(ChainStop::Failed(ChainError::Store(error @ StoreError::Unavailable { .. }))) => RoundEnd::Unavailable(error),
                end => end?,
            };
            let end = match end {
                RoundEnd::Complete if self.until.is_done(&heads) => return Ok(()),
                RoundEnd::Stuck(error) if self.until != Until::Forever => return Err(ChainStop::Failed(error)),
                end => end,
            };
            match end {
                RoundEnd::Complete => {
                    self.ledger.show(Phase::Following);
                    self.keep_state(false).await?;
                    self.wait_for_head().await?;
                }
                RoundEnd::Again => {}
                RoundEnd::Stuck(error) => self.rest(&error).await?,
                RoundEnd::Unavailable(error) => self.wait_for_store(error).await?,
            }
            heads = self.look().await?;
        }
    }

    /// The next look at the head. A run that follows forever outlives a network that is away for a while.
    async fn look(&mut self) -> Result<Heads, ChainStop> {
        let context = self.context.clone();
        self.unless_cancelled(context.endpoints.compare_heads()).await?;
        loop {
            match self.unless_cancelled(context.endpoints.heads()).await? {
                Ok(heads) => return Ok(heads),
                Err(error @ ChainError::GaveUp { .. }) if self.until == Until::Forever => self.rest(&error).await?,
                Err(error) => return Err(ChainStop::Failed(error)),
            }
        }
    }

    async fn round(&mut self, heads: &Heads, last: Option<u64>) -> Result<RoundEnd, ChainStop> {
        if self.unwound(heads).await? {
            return Ok(RoundEnd::Again);
        }
        // What one endpoint knows as final stays final, whatever a slower one says.
        let finalized = heads.finalized.min(heads.latest.height).max(self.final_height.unwrap_or(0));
        self.shared.store.set_heads(self.chain(), finalized, heads.latest.height).await?;
        self.final_height = Some(finalized);
        let to = last.unwrap_or(u64::MAX).min(heads.latest.height);
        let plans = self.plan(to, finalized).await?;
        self.ledger.planned(plan::blocks(&plans), heads.latest.height);
        self.keep_state(self.kept.is_none()).await?;
        let (history, tail) = plan::split(plans, finalized);
        for (plans, headers, phase) in [(history, Headers::Needed, Phase::History), (tail, Headers::All, Phase::Tail)] {
            if plans.is_empty() {
                continue;
            }
            self.ledger.show(phase);
            if phase == Phase::History {
                self.prepare(&plans).await?;
            }
            match self.fetch_and_commit(plans, headers).await? {
                RoundEnd::Complete => {}
                end => return Ok(end),
            }
        }
        Ok(RoundEnd::Complete)
    }

    /// What is missing up to `to`, inclusive, and may be asked for. Above the final height any evidence will do: what is read
    /// there is provisional, and read again where it was not proved.
    async fn plan(&mut self, to: u64, finalized: u64) -> Result<Vec<Planned>, ChainStop> {
        if self.until == Until::Forever {
            let retry = Duration::from_millis(self.shared.options.failed_retry_ms);
            self.ledger.forget_after(retry);
        }
        let coverage = self.shared.store.coverage(self.chain()).await?;
        *self.context.doubted.lock().expect("no one panics while looking at doubts") = self.shared.store.doubted(self.chain()).await?;
        let missing_of = |(index, stream): (usize, &JobStream)| {
            let Some(wanted) = BlockRange::new(stream.start(), to) else { return RangeSet::default() };
            plan::missing(&stream.id, wanted, &coverage, self.evidence_min, finalized).without(&self.ledger.given_up(index))
        };
        let missing: Vec<RangeSet> = self.context.streams.iter().enumerate().map(missing_of).collect();
        let plans = plan::merge(&missing, self.fetch_apart);
        let Some(below_all) = self.endpoints().earliest().and_then(|earliest| earliest.checked_sub(1)) else { return Ok(plans) };
        let (absent, plans) = plan::split(plans, below_all);
        for plan in absent {
            let detail = format!("{} begin at {}", self.endpoints().labels(), below_all + 1);
            let hole = Hole { range: plan.range, reason: HoleReason::Missing, detail, streams: Vec::new() };
            self.record_nothing(&plan.streams, plan.range, &[hole]).await?;
        }
        Ok(plans)
    }

    fn targets(&self) -> Vec<Target> {
        let target = |stream: &JobStream| stream.target(self.until, self.evidence_min);
        self.context.streams.iter().map(target).collect()
    }

    fn chain(&self) -> ChainId {
        self.context.chain
    }

    fn endpoints(&self) -> &Endpoints {
        &self.context.endpoints
    }
}
