//! One run of the engine over the small world.

use std::sync::{Arc, Mutex};

use perpdex_core::{BlockRange, ChainId, Evidence, Source};
use perpdex_engine::{ChainJob, ChainOutcome, ChainProgress, ChainReport, EngineOptions, JobStream, Progress, RunReport, Until, run};
use tokio_util::sync::CancellationToken;

use super::endpoint::Endpoint;
use super::store::MemoryStore;
use super::venue::{STREAM_A, VENUES, stream};
use super::world::{CHAIN, World};

/// What a run is made of; fields are changed before [`Setup::run`].
pub(crate) struct Setup {
    pub(crate) world: Arc<World>,
    pub(crate) endpoints: Vec<Arc<Endpoint>>,
    pub(crate) streams: Vec<JobStream>,
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) options: EngineOptions,
    pub(crate) until: Until,
    pub(crate) fetch_apart: bool,
    pub(crate) cancel: CancellationToken,
    pub(crate) notes: Arc<Notes>,
}

/// Keeps what a run told.
#[derive(Default)]
pub(crate) struct Notes {
    pub(crate) notes: Mutex<Vec<String>>,
    pub(crate) updates: Mutex<Vec<ChainProgress>>,
    /// Called with each update, to change the world while a run goes on.
    #[allow(clippy::type_complexity)]
    pub(crate) on_update: Mutex<Option<Box<dyn FnMut(&ChainProgress) + Send>>>,
}

impl Progress for Notes {
    fn update(&self, _chain: ChainId, progress: &ChainProgress) {
        self.updates.lock().unwrap().push(*progress);
        if let Some(react) = self.on_update.lock().unwrap().as_mut() {
            react(progress);
        }
    }

    fn note(&self, _chain: ChainId, note: &str) {
        self.notes.lock().unwrap().push(note.to_owned());
    }
}

impl Setup {
    /// Stream A from block 1 of a chain, one endpoint named `one`, ranges of 10 blocks, each with a commit of its own.
    pub(crate) fn new(tip: u64, finalized: u64) -> Setup {
        let world = Arc::new(World::new(tip, finalized));
        let options = EngineOptions {
            blocks_start_per_fetch: 10,
            blocks_max_per_fetch: 10,
            tail_blocks_per_fetch: 4,
            bytes_max_per_commit: 0,
            ..EngineOptions::default()
        };
        Setup {
            endpoints: vec![Arc::new(Endpoint::new(&world, "one"))],
            world,
            streams: vec![stream(STREAM_A, 1)],
            store: Arc::default(),
            options,
            until: Until::Final,
            fetch_apart: false,
            cancel: CancellationToken::new(),
            notes: Arc::default(),
        }
    }

    /// Changes the first endpoint.
    pub(crate) fn endpoint(&mut self, work: impl FnOnce(&mut Endpoint)) {
        work(Arc::get_mut(&mut self.endpoints[0]).expect("endpoints are changed before the run"));
    }

    /// Replaces the first endpoint by a fresh one, changed for the next run.
    pub(crate) fn endpoint_of_run(&mut self, work: impl FnOnce(&mut Endpoint)) {
        self.endpoints[0] = Arc::new(Endpoint::new(&self.world, "one"));
        self.endpoint(work);
    }

    /// Adds an endpoint.
    pub(crate) fn add_endpoint(&mut self, label: &str, work: impl FnOnce(&mut Endpoint)) {
        let mut endpoint = Endpoint::new(&self.world, label);
        work(&mut endpoint);
        self.endpoints.push(Arc::new(endpoint));
    }

    pub(crate) fn job(&self) -> ChainJob {
        ChainJob {
            chain: CHAIN,
            sources: self.endpoints.iter().map(|endpoint| endpoint.clone() as Arc<dyn Source>).collect(),
            streams: self.streams.clone(),
            venues: VENUES,
            until: self.until,
            evidence_min: Evidence::Witnessed,
            fetch_apart: self.fetch_apart,
        }
    }

    pub(crate) async fn run_all(&self) -> RunReport {
        run(vec![self.job()], self.store.clone(), self.options.clone(), self.cancel.clone(), self.notes.clone()).await
    }

    pub(crate) async fn run(&self) -> ChainReport {
        self.run_all().await.chains.into_iter().next().expect("one job, one report")
    }

    /// Runs and asserts that the chain reached its end without holes.
    pub(crate) async fn run_clean(&self) -> ChainReport {
        let report = self.run().await;
        assert!(report.is_clean(), "{report:#?}\n{:#?}", self.notes.notes.lock().unwrap());
        report
    }
}

/// The error of a chain that failed, halted or was refused.
pub(crate) fn first_error(report: &ChainReport) -> &str {
    match &report.outcome {
        ChainOutcome::Failed { error } | ChainOutcome::Halted { error } | ChainOutcome::Refused { error } => error,
        ChainOutcome::Done | ChainOutcome::Interrupted | ChainOutcome::NotStarted => "",
    }
}

pub(crate) fn range(from: u64, to: u64) -> BlockRange {
    BlockRange::new(from, to).unwrap()
}
