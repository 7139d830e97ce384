//! One chain: piece after piece is proved, compared, recorded and, where asked, mended.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::Arc;

use perpdex_core::{
    Batch, BlockConflict, BlockRange, ChainId, Covered, Difference, DifferenceKind, Proof, RangeSet, StoredRecord, Verification,
    VerifyStore,
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::VerifyJob;
use super::compare::compare;
use super::plan::plan;
use super::prove::{Proved, Prover};
use super::report::{ChainVerifyReport, UnprovenReport};
use crate::decode::Times;
use crate::endpoints::Endpoints;
use crate::error::{ChainError, ChainStop};
use crate::fetch::outer_times;
use crate::job::JobStream;
use crate::ledger::now_ms;
use crate::options::EngineOptions;
use crate::plan::{Planned, blocks};
use crate::progress::{ChainProgress, Phase, Progress};
use crate::report::ChainOutcome;

/// Stored records that one piece compares, at most, unless a single block has more.
const RECORDS_PER_PIECE_MAX: u64 = 20_000;

/// A chain under verification.
pub(super) struct VerifyRun {
    pub(super) job: VerifyJob,
    pub(super) store: Arc<dyn VerifyStore>,
    pub(super) cancel: CancellationToken,
    pub(super) progress: Arc<dyn Progress>,
    pub(super) prover: Prover,
    pub(super) report: ChainVerifyReport,
    pub(super) shown: ChainProgress,
    /// What was covered when the run began: who has to be asked when a height is mended.
    pub(super) coverage: Vec<Covered>,
}

impl VerifyRun {
    pub(super) fn new(
        job: VerifyJob,
        store: Arc<dyn VerifyStore>,
        options: Arc<EngineOptions>,
        cancel: CancellationToken,
        progress: Arc<dyn Progress>,
    ) -> VerifyRun {
        let chain = job.job.chain;
        let endpoints = Endpoints::new(chain, job.job.sources.clone(), options.clone());
        let prover = Prover { chain, endpoints, options, level: job.level };
        let report = ChainVerifyReport::new(chain);
        VerifyRun { job, store, cancel, progress, prover, report, shown: ChainProgress::default(), coverage: Vec::new() }
    }

    /// Works through the chain and tells what was found.
    pub(super) async fn drive(mut self) -> ChainVerifyReport {
        let started = Instant::now();
        self.report.outcome = match self.work().await {
            Ok(()) => ChainOutcome::Done,
            Err(ChainStop::Failed(error)) => ChainOutcome::Failed { error: error.to_string() },
            Err(ChainStop::Halted(error)) => ChainOutcome::Halted { error: error.to_string() },
            Err(ChainStop::Interrupted) => ChainOutcome::Interrupted,
        };
        self.show(Phase::Ended);
        let (calls, errors) = self.prover.endpoints.tally.report();
        ChainVerifyReport { calls, errors, elapsed_ms: started.elapsed().as_millis() as u64, ..self.report }
    }

    async fn work(&mut self) -> Result<(), ChainStop> {
        self.show(Phase::Starting);
        let chain = self.chain();
        self.coverage = self.store.coverage(chain).await?;
        let verified = self.store.verified(chain).await?;
        let heads = unless_cancelled(&self.cancel, self.prover.endpoints.reach()).await?.map_err(ChainStop::Failed)?;
        let plan = plan(&self.job, &self.coverage, &verified, heads.finalized);
        self.report.blocks_known = plan.blocks_known;
        self.shown.blocks_total = blocks(&plan.pieces);
        self.shown.latest = heads.latest.height;
        let mut pieces: VecDeque<Planned> = plan.pieces.into();
        while let Some(piece) = pieces.pop_front() {
            let done = self.piece(&piece).await?;
            let rest = piece.range.split_at(done.blocks()).1;
            if let Some(range) = rest {
                pieces.push_front(Planned { range, streams: piece.streams });
            }
            self.report.blocks += done.blocks();
            self.shown.blocks_done += done.blocks();
            self.shown.height = self.shown.height.max(done.to());
            self.shown.records = self.report.records;
            self.show(Phase::Verifying);
        }
        Ok(())
    }

    /// Deals with the first part of a piece; gives the heights that are dealt with.
    async fn piece(&mut self, piece: &Planned) -> Result<BlockRange, ChainStop> {
        let range = self.bounded(piece.range).await?;
        let job = self.job.job.clone();
        let streams: Vec<&JobStream> = piece.streams.iter().map(|stream| &job.streams[*stream]).collect();
        let (proof, endpoint) = match unless_cancelled(&self.cancel, self.prover.prove(range, &streams)).await? {
            Proved::Read { proof, endpoint } => (*proof, endpoint),
            Proved::Refused { range, reason } => {
                self.unproven(range, reason);
                return Ok(range);
            }
        };
        let range = proof.batch.range;
        self.note_omitted(&proof, endpoint);
        let stored = self.store.records(self.chain(), range).await?;
        let differences = compare(&streams, &stored, &proof.batch.records);
        self.report.records += stored.len() as u64;
        self.count(&differences);
        self.check_blocks(&proof.batch, endpoint).await?;
        let holes = RangeSet::from_ranges(proof.batch.holes.iter().map(|hole| hole.range));
        if !holes.is_empty() || proof.batch.evidence < self.job.level {
            self.weak(&proof.batch, endpoint);
        }
        let remaining = match self.job.repair && !differences.is_empty() && holes.is_empty() {
            true => self.mend(&proof, &stored, &streams, &differences, endpoint).await?,
            false => differences,
        };
        if self.job.repair && stored.iter().any(|(_, record)| matches!(record, StoredRecord::Dropped(_))) {
            self.report.restored += self.store.restore(self.chain(), &proof.batch.records).await?;
        }
        self.report.remains(&remaining);
        if holes.is_empty() {
            self.record(&proof.batch, &streams, remaining).await?;
        }
        Ok(range)
    }

    /// As much of a range as has few enough stored records.
    async fn bounded(&self, range: BlockRange) -> Result<BlockRange, ChainStop> {
        let blocks_max = self.prover.options.blocks_max_per_fetch.max(1);
        let mut bounded = range.split_at(blocks_max).0;
        while 1 < bounded.blocks() && RECORDS_PER_PIECE_MAX < self.store.record_count(self.chain(), bounded).await? {
            bounded = bounded.split_at(bounded.blocks() / 2).0;
        }
        Ok(bounded)
    }

    /// A stored final block that is not the chain's cannot be mended record by record.
    async fn check_blocks(&self, batch: &Batch, endpoint: usize) -> Result<(), ChainStop> {
        for found in batch.blocks.iter().filter(|block| block.link.is_some()) {
            let stored = self.store.block(self.chain(), found.height).await?.and_then(|block| block.hash());
            if let (Some(stored), Some(found_hash)) = (stored, found.hash())
                && stored != found_hash
            {
                let conflict = BlockConflict { height: found.height, stored: format!("{stored:#x}"), found: format!("{found_hash:#x}") };
                return Err(self.halt(conflict, endpoint));
            }
        }
        Ok(())
    }

    pub(super) fn halt(&self, conflict: BlockConflict, endpoint: usize) -> ChainStop {
        let label = self.prover.endpoints.source(endpoint).label().to_owned();
        ChainStop::Halted(ChainError::BeyondFinality { chain: self.chain(), conflict, label })
    }

    async fn record(&self, batch: &Batch, streams: &[&JobStream], differences: Vec<Difference>) -> Result<(), ChainStop> {
        let Times { from_ms, to_ms } = outer_times(batch).unwrap_or(Times { from_ms: 0, to_ms: 0 });
        let verification = Verification {
            chain: self.chain(),
            streams: streams.iter().map(|stream| stream.id.clone()).collect(),
            range: batch.range,
            evidence: batch.evidence,
            from_ms,
            to_ms,
            differences,
            proved_ms: now_ms(),
        };
        Ok(self.store.record_verification(&verification).await?)
    }

    fn count(&mut self, differences: &[Difference]) {
        for difference in differences {
            match difference.kind {
                DifferenceKind::Missing => self.report.missing += 1,
                DifferenceKind::Extra => self.report.extra += 1,
                DifferenceKind::Changed => self.report.changed += 1,
            }
        }
    }

    fn note_omitted(&mut self, proof: &Proof, endpoint: usize) {
        if proof.omitted.is_empty() {
            return;
        }
        self.report.omitted += proof.omitted.len() as u64;
        let label = self.prover.endpoints.source(endpoint).label();
        let note = format!("{label}: the answer for {} left records out at {} heights", proof.batch.range, proof.omitted.len());
        self.progress.note(self.chain(), &note);
    }

    fn weak(&mut self, batch: &Batch, endpoint: usize) {
        let label = self.prover.endpoints.source(endpoint).label();
        let reason = match batch.holes.first() {
            Some(hole) => format!("{label}: {}: {}", hole.reason.as_str(), hole.detail),
            None => format!("{label}: proved only as {}, asked was {}", batch.evidence.as_str(), self.job.level.as_str()),
        };
        self.unproven(batch.range, reason);
    }

    /// Notes a range that was not proved as asked; neighbours with the same reason are one.
    pub(super) fn unproven(&mut self, range: BlockRange, reason: String) {
        match self.report.unproven.last_mut() {
            Some(last) if last.reason == reason && last.range.to().checked_add(1) == Some(range.from()) => {
                last.range = BlockRange::new(last.range.from(), range.to()).expect("a union is not empty");
            }
            _ => self.report.unproven.push(UnprovenReport { range, reason }),
        }
    }

    fn show(&mut self, phase: Phase) {
        self.shown.phase = phase;
        self.progress.update(self.chain(), &self.shown);
    }

    pub(super) fn chain(&self) -> ChainId {
        self.job.job.chain
    }
}

/// Waits for work that writes nothing; a cancelled run drops it.
pub(super) async fn unless_cancelled<T>(cancel: &CancellationToken, work: impl Future<Output = T>) -> Result<T, ChainStop> {
    tokio::select! {
        biased;
        () = cancel.cancelled() => Err(ChainStop::Interrupted),
        value = work => Ok(value),
    }
}
