//! All chains of a run, side by side.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use perpdex_core::{ChainId, Store, StoreError};
use tokio::time::{Instant, interval_at, sleep};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::chain::{ChainRun, Greeting, Shared};
use crate::error::ChainError;
use crate::job::ChainJob;
use crate::options::EngineOptions;
use crate::progress::Progress;
use crate::report::{ChainOutcome, ChainReport, RunReport};
use crate::retry::Pauses;

/// Does the jobs and tells what was done.
///
/// Every job is looked at before any is begun: where one cannot be done at all (every endpoint serves another chain, no
/// endpoint, no decoder, two jobs for a chain), nothing is started and the report says [`ChainOutcome::Refused`]. After
/// that a chain that fails or halts leaves the others going. A cancelled run finishes the commits in hand. Levels and
/// windows are reduced now and then and, in any case, at the end.
pub async fn run(
    jobs: Vec<ChainJob>,
    store: Arc<dyn Store>,
    options: EngineOptions,
    cancel: CancellationToken,
    progress: Arc<dyn Progress>,
) -> RunReport {
    let started = Instant::now();
    let shared = Shared { store, options: Arc::new(options), cancel, progress };
    let refusals: Vec<Option<ChainError>> = jobs.iter().enumerate().map(|(place, job)| refusal(job, &jobs[..place])).collect();
    let chains: Vec<ChainId> = jobs.iter().map(|job| job.chain).collect();
    let runs: Vec<ChainRun> = jobs.into_iter().map(|job| ChainRun::new(job, shared.clone())).collect();
    let greetings = if refusals.iter().any(Option::is_some) {
        refusals.into_iter().map(|refusal| refusal.map_or(Ok(None), Err)).collect()
    } else {
        join_all(runs.iter().map(|run| async { run.greet().await.map(Some) })).await
    };
    let mut report = RunReport::default();
    match all_accepted(greetings) {
        Ok(greetings) => {
            report.chains = drive_all(&chains, runs, greetings, &shared).await;
            report.reduce_error = reduce_at_last(&shared).await.err().map(|error| error.to_string());
        }
        Err(outcomes) => {
            report.chains = chains.iter().zip(outcomes).map(|(chain, outcome)| ChainReport::new(*chain, outcome)).collect();
        }
    }
    report.elapsed_ms = started.elapsed().as_millis() as u64;
    report
}

/// Why a job cannot be done, as far as it shows without a call.
fn refusal(job: &ChainJob, earlier: &[ChainJob]) -> Option<ChainError> {
    let refuse = |message: String| Some(ChainError::Job { chain: job.chain, message });
    if earlier.iter().any(|other| other.chain == job.chain) {
        return refuse("two jobs for one chain: put their streams into one".to_owned());
    }
    if job.sources.is_empty() {
        return refuse("no endpoint is configured".to_owned());
    }
    if let Some(source) = job.sources.iter().find(|source| source.chain() != job.chain) {
        return refuse(format!("{} is an endpoint of {}", source.label(), source.chain()));
    }
    let is_decoded = |venue| job.venues.iter().any(|known| known.info().slug == venue);
    match job.streams.iter().find(|stream| stream.id.chain != job.chain || !is_decoded(stream.id.venue)) {
        Some(stream) if stream.id.chain != job.chain => refuse(format!("stream {} belongs to another chain", stream.id)),
        Some(stream) => refuse(format!("no decoder for stream {}", stream.id)),
        None => None,
    }
}

/// The greetings if no job is refused; else the outcome of every chain.
fn all_accepted(greetings: Vec<Result<Option<Greeting>, ChainError>>) -> Result<Vec<Greeting>, Vec<ChainOutcome>> {
    if greetings.iter().all(|greeting| matches!(greeting, Ok(Some(_)))) {
        return Ok(greetings.into_iter().filter_map(|greeting| greeting.ok().flatten()).collect());
    }
    let outcome = |greeting| match greeting {
        Ok(_) => ChainOutcome::NotStarted,
        Err(error) => ChainOutcome::Refused { error: ChainError::to_string(&error) },
    };
    Err(greetings.into_iter().map(outcome).collect())
}

async fn drive_all(chains: &[ChainId], runs: Vec<ChainRun>, greetings: Vec<Greeting>, shared: &Shared) -> Vec<ChainReport> {
    let ended = CancellationToken::new();
    let reducing = tokio::spawn(reduce_now_and_then(shared.store.clone(), shared.options.reduce_every_ms, ended.clone()));
    let tasks: Vec<_> = runs.into_iter().zip(greetings).map(|(run, greeting)| tokio::spawn(Box::pin(run.drive(greeting)))).collect();
    let results = join_all(tasks).await;
    ended.cancel();
    if let Err(error) = reducing.await {
        warn!(%error, "the reducing task ended abnormally; the run's last reduction makes up for it");
    }
    let report = |(chain, result): (&ChainId, Result<ChainReport, tokio::task::JoinError>)| {
        result.unwrap_or_else(|error| {
            let error = format!("{chain}: the chain's task ended abnormally: {error}: a defect of perpdex; what is committed is whole");
            ChainReport::new(*chain, ChainOutcome::Failed { error })
        })
    };
    chains.iter().zip(results).map(report).collect()
}

/// The last reduction, within the tries that a database gets which is not available.
async fn reduce_at_last(shared: &Shared) -> Result<(), StoreError> {
    let mut pauses = Pauses::new(&shared.options);
    let mut failures = 0;
    loop {
        match shared.store.reduce().await {
            Err(error @ StoreError::Unavailable { .. }) if failures < shared.options.store_retries_max => {
                warn!(%error, "the last reduction failed, will be done again");
                failures += 1;
                sleep(pauses.next()).await;
            }
            reduced => return reduced.map(|_| ()),
        }
    }
}

async fn reduce_now_and_then(store: Arc<dyn Store>, every_ms: u64, ended: CancellationToken) {
    let every = Duration::from_millis(every_ms.max(1));
    let mut ticks = interval_at(Instant::now() + every, every);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            () = ended.cancelled() => return,
            _ = ticks.tick() => {}
        }
        // Not cancelled by the select: a reduction is a transaction of the store. Its work is done again at the end.
        if let Err(error) = store.reduce().await {
            warn!(%error, "reduction failed, will be done again");
        }
    }
}
