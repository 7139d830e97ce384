//! What a chain's run has done so far, what it tells of it, and what it no longer asks for.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use perpdex_core::{BlockRange, ChainId, Committed, EndpointErrors, Hole, RangeSet, RunState, Traffic};
use tokio::time::Instant;

use crate::fetch::FetchContext;
use crate::job::JobStream;
use crate::progress::{ChainProgress, Phase, Progress};
use crate::report::{ChainOutcome, ChainReport, HOLES_LISTED_MAX, HoleReport};
use crate::tally::Tally;

/// The books of one chain.
pub(crate) struct Ledger {
    chain: ChainId,
    /// Names of the job's streams, by position.
    names: Vec<String>,
    progress: Arc<dyn Progress>,
    report: ChainReport,
    shown: ChainProgress,
    given_up: Vec<GivenUp>,
    started_ms: i64,
    /// Ranges that are being fetched or wait for their commit.
    pub(crate) in_flight: usize,
}

/// A range that is not asked for again, at least for a while.
struct GivenUp {
    streams: Arc<[usize]>,
    range: BlockRange,
    since: Instant,
}

/// What one commit brought.
pub(crate) struct Brought {
    pub(crate) range: BlockRange,
    /// Ranges it was fetched in.
    pub(crate) ranges: u64,
    pub(crate) committed: Committed,
    /// Records of kinds that no layout lists.
    pub(crate) unknown: u64,
    /// Things that were not even records.
    pub(crate) malformed: u64,
}

impl Ledger {
    pub(crate) fn new(chain: ChainId, streams: &[JobStream], progress: Arc<dyn Progress>) -> Ledger {
        let names = streams.iter().map(|stream| stream.id.name()).collect();
        let report = ChainReport::new(chain, ChainOutcome::NotStarted);
        Ledger { chain, names, progress, report, shown: ChainProgress::default(), given_up: Vec::new(), started_ms: now_ms(), in_flight: 0 }
    }

    /// A new plan of so many blocks, at this newest height.
    pub(crate) fn planned(&mut self, blocks: u64, latest: u64) {
        self.shown.blocks_total = self.shown.blocks_done.saturating_add(blocks);
        self.shown.latest = latest;
    }

    /// A range was committed.
    pub(crate) fn brought(&mut self, brought: &Brought) {
        let Brought { range, ranges, committed, unknown, malformed } = brought;
        let report = &mut self.report;
        report.ranges += ranges;
        report.blocks += range.blocks();
        report.height = report.height.max(Some(range.to()));
        report.records += committed.records;
        report.records_known += committed.records_known;
        report.events += committed.events;
        report.failures += committed.failures + malformed;
        report.unknown += unknown;
        self.shown.height = self.shown.height.max(range.to());
        self.shown.records = report.records;
        self.shown.events = report.events;
        self.passed(*range);
    }

    /// A range of the plan is dealt with, whether it could be had or not.
    pub(crate) fn passed(&mut self, range: BlockRange) {
        self.shown.blocks_done = self.shown.blocks_done.saturating_add(range.blocks());
        self.show(self.shown.phase);
    }

    /// Parts that could not be had.
    pub(crate) fn missed(&mut self, streams: &Arc<[usize]>, holes: &[Hole]) {
        for hole in holes {
            let streams: Arc<[usize]> = streams.iter().copied().filter(|stream| self.is_of(hole, *stream)).collect();
            self.give_up(&streams, hole.range);
            self.report.holes += 1;
            let streams: Vec<String> = streams.iter().map(|stream| self.names[*stream].clone()).collect();
            self.note(&format!("hole {} ({}) of {}: {}", hole.range, hole.reason.as_str(), streams.join(", "), hole.detail));
            if self.report.holes_listed.len() < HOLES_LISTED_MAX {
                let (range, reason, detail) = (hole.range, hole.reason, hole.detail.clone());
                self.report.holes_listed.push(HoleReport { streams, range, reason, detail });
            }
        }
    }

    /// Whether a hole is one of the stream at this position.
    fn is_of(&self, hole: &Hole, stream: usize) -> bool {
        hole.streams.is_empty() || hole.streams.iter().any(|id| id.name() == self.names[stream])
    }

    /// A reorg was unwound; what was given up above the block that stays may be asked for again.
    pub(crate) fn unwound(&mut self, kept: u64, note: &str) {
        self.given_up.retain(|given_up| given_up.range.to() <= kept);
        self.report.reorgs += 1;
        self.note(note);
    }

    /// A range is not to be asked for again.
    pub(crate) fn give_up(&mut self, streams: &Arc<[usize]>, range: BlockRange) {
        self.given_up.push(GivenUp { streams: streams.clone(), range, since: Instant::now() });
    }

    /// What was given up so long ago may be asked for again.
    pub(crate) fn forget_after(&mut self, time: Duration) {
        self.given_up.retain(|given_up| given_up.since.elapsed() < time);
    }

    /// What is not to be asked for, of the stream at this position.
    pub(crate) fn given_up(&self, stream: usize) -> RangeSet {
        let given_up = self.given_up.iter().filter(|given_up| given_up.streams.contains(&stream));
        RangeSet::from_ranges(given_up.map(|given_up| given_up.range))
    }

    /// Tells where the chain stands.
    pub(crate) fn show(&mut self, phase: Phase) {
        self.shown.phase = phase;
        self.progress.update(self.chain, &self.shown);
    }

    /// Tells something worth a line.
    pub(crate) fn note(&self, note: &str) {
        self.progress.note(self.chain, note);
    }

    /// The books as they are kept beside the data; `outcome` where the run has ended.
    pub(crate) fn state(&self, tally: &Tally, outcome: Option<&ChainOutcome>) -> RunState {
        let (calls, errors) = tally.report();
        let (name, error) = outcome.map_or((None, None), |outcome| (Some(outcome.as_str()), outcome.error()));
        let errors = errors.into_iter().map(|group| EndpointErrors {
            label: group.label,
            kind: group.kind.to_owned(),
            count: group.count,
            last: group.last,
        });
        RunState {
            chain: self.chain,
            phase: if outcome.is_some() { Phase::Ended } else { self.shown.phase }.as_str().to_owned(),
            outcome: name.map(str::to_owned),
            error: error.map(str::to_owned),
            started_ms: self.started_ms,
            updated_ms: now_ms(),
            blocks_done: self.shown.blocks_done,
            blocks_total: self.shown.blocks_total,
            ranges_in_flight: if outcome.is_some() { 0 } else { self.in_flight as u64 },
            records: self.report.records,
            calls,
            errors: errors.collect(),
        }
    }

    /// Closes the books.
    pub(crate) fn close(mut self, outcome: ChainOutcome, context: &FetchContext, elapsed: Duration) -> ChainReport {
        self.show(Phase::Ended);
        let (calls, errors) = context.endpoints.tally.report();
        let mut traffic = Traffic::default();
        context.endpoints.sources().iter().for_each(|source| traffic.add(&source.traffic()));
        let (proof, routing, dropped) = (context.proof_report(), context.endpoints.tally.routing(), context.endpoints.dropped());
        ChainReport { outcome, calls, traffic, proof, routing, errors, dropped, elapsed_ms: elapsed.as_millis() as u64, ..self.report }
    }
}

/// Unix milliseconds by the wall clock.
pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
