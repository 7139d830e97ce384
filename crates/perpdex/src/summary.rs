//! The end of a run: chain by chain, what went wrong grouped and counted, and one plain sentence.

use std::collections::BTreeMap;
use std::io::{self, Write};

use perpdex_core::ChainId;
use perpdex_engine::{ChainError, ChainOutcome, ChainReport, RoutingReport, RunReport, Verdict};
use serde::Serialize;

use crate::exit::Exit;
use crate::output::{Format, Grid};

/// What a run did, with the chains that never came to a job.
#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    /// Where the rows are, without password.
    pub(crate) database: String,
    /// How the run ended, in one word.
    pub(crate) verdict: Verdict,
    /// What the engine did.
    #[serde(flatten)]
    pub(crate) report: RunReport,
    /// Chains that ended before their first request for data.
    pub(crate) unstarted: Vec<ChainNote>,
    /// Chains that are off, with the reason.
    pub(crate) off: Vec<ChainNote>,
    /// Most memory the process has held, in bytes, where the system tells.
    pub(crate) peak_rss_bytes: Option<u64>,
}

/// A chain and what there is to say about it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ChainNote {
    /// The chain's slug.
    pub(crate) chain: String,
    /// What.
    pub(crate) reason: String,
}

impl ChainNote {
    /// A chain with a reason.
    pub(crate) fn new(chain: ChainId, reason: impl Into<String>) -> ChainNote {
        ChainNote { chain: chain.to_string(), reason: reason.into() }
    }
}

impl Summary {
    /// Puts the parts together; a chain that never started makes the run incomplete.
    pub(crate) fn new(database: String, report: RunReport, unstarted: Vec<(ChainId, ChainError)>, off: &[(ChainId, String)]) -> Summary {
        let verdict = match report.verdict() {
            Verdict::Clean if !unstarted.is_empty() => Verdict::Incomplete,
            verdict => verdict,
        };
        Summary {
            database,
            verdict,
            report,
            unstarted: unstarted.iter().map(|(chain, error)| ChainNote::new(*chain, error.to_string())).collect(),
            off: off.iter().map(|(chain, reason)| ChainNote::new(*chain, reason)).collect(),
            peak_rss_bytes: peak_rss_bytes(),
        }
    }

    /// The exit code that says the same.
    pub(crate) fn exit(&self) -> Exit {
        match self.verdict {
            Verdict::Clean => Exit::Done,
            Verdict::Incomplete => Exit::Incomplete,
            Verdict::Interrupted => Exit::Interrupted,
            Verdict::Refused => Exit::Refused,
        }
    }

    /// Prints the summary for people.
    pub(crate) fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        if !self.report.chains.is_empty() {
            self.grid().write(out, Format::Table)?;
        }
        self.write_traffic(out)?;
        self.write_holes(out)?;
        self.write_errors(out)?;
        for note in &self.unstarted {
            writeln!(out, "failed: {}", note.reason)?;
        }
        for note in &self.off {
            writeln!(out, "off: {}: {}", note.chain, note.reason)?;
        }
        if let Some(error) = &self.report.reduce_error {
            writeln!(out, "levels and windows lag behind the rows: {error}")?;
        }
        let seconds = self.report.elapsed_ms as f64 / 1_000.0;
        let sentence = match self.verdict {
            Verdict::Clean => "complete: every target was met",
            Verdict::Incomplete => "incomplete: see above and `perpdex status`; a further run goes on from here",
            Verdict::Interrupted => "interrupted: a further run goes on from here",
            Verdict::Refused => "refused: nothing was started",
        };
        writeln!(out, "{sentence} ({seconds:.1} s, {})", self.database)
    }

    fn grid(&self) -> Grid {
        let mut grid = Grid::new(&[
            "chain", "outcome", "ranges", "blocks", "height", "records", "known", "events", "failures", "unknown", "holes", "reorgs",
            "calls",
        ]);
        for chain in &self.report.chains {
            grid.push(vec![
                chain.chain.to_string().into(),
                outcome(chain).into(),
                chain.ranges.into(),
                chain.blocks.into(),
                chain.height.into(),
                chain.records.into(),
                chain.records_known.into(),
                chain.events.into(),
                chain.failures.into(),
                chain.unknown.into(),
                chain.holes.into(),
                chain.reorgs.into(),
                chain.calls.into(),
            ]);
        }
        grid
    }

    fn write_traffic(&self, out: &mut impl Write) -> io::Result<()> {
        for chain in self.report.chains.iter().filter(|chain| 0 < chain.traffic.requests) {
            let list =
                |counts: &BTreeMap<&str, u64>| counts.iter().map(|(name, count)| format!("{count} {name}")).collect::<Vec<_>>().join(", ");
            let (slug, traffic, proof) = (chain.chain, &chain.traffic, &chain.proof);
            writeln!(out, "requests: {slug} {}: {}; headers: {}", traffic.requests, list(&traffic.calls), list(&traffic.headers))?;
            writeln!(
                out,
                "proof: {slug} {} blocks probed ({} for suspicious stretches, {} unsettled), {} suspicious stretches, {} ranges from a second endpoint, {} read block by block",
                proof.blocks_probed,
                proof.blocks_settling,
                proof.blocks_unsettled,
                proof.stretches_suspicious,
                proof.ranges_second,
                proof.ranges_proved
            )?;
        }
        for chain in self.report.chains.iter().filter(|chain| chain.routing != RoutingReport::default()) {
            let routing = &chain.routing;
            writeln!(
                out,
                "endpoints: {} {} requests hedged ({} won by the second), {} pauses after failures, {} times put behind for lag",
                chain.chain, routing.hedged, routing.hedges_won, routing.breaks, routing.put_behind
            )?;
        }
        for chain in &self.report.chains {
            for dropped in &chain.dropped {
                writeln!(out, "dropped: {} no longer asked for {}: {}", chain.chain, dropped.asked, dropped.reason)?;
            }
        }
        Ok(())
    }

    fn write_holes(&self, out: &mut impl Write) -> io::Result<()> {
        for chain in &self.report.chains {
            for hole in &chain.holes_listed {
                let streams = hole.streams.join(" ");
                writeln!(out, "hole: {} {} of {streams}: {}: {}", chain.chain, hole.range, hole.reason.as_str(), hole.detail)?;
            }
            let unlisted = chain.holes.saturating_sub(chain.holes_listed.len() as u64);
            if unlisted > 0 {
                writeln!(out, "hole: {}: {unlisted} more, see `perpdex status`", chain.chain)?;
            }
        }
        Ok(())
    }

    fn write_errors(&self, out: &mut impl Write) -> io::Result<()> {
        for chain in &self.report.chains {
            for group in &chain.errors {
                writeln!(out, "errors: {} {} x {} at {}: {}", chain.chain, group.count, group.kind, group.label, group.last)?;
            }
            match &chain.outcome {
                ChainOutcome::Failed { error } => writeln!(out, "failed: {error}")?,
                ChainOutcome::Halted { error } => writeln!(out, "halted: {error}")?,
                ChainOutcome::Refused { error } => writeln!(out, "refused: {error}")?,
                ChainOutcome::Done | ChainOutcome::Interrupted | ChainOutcome::NotStarted => {}
            }
        }
        Ok(())
    }
}

/// `VmHWM` of Linux's `/proc/self/status`, in bytes.
fn peak_rss_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let kib = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.trim().strip_suffix("kB")?;
    kib.trim().parse::<u64>().ok()?.checked_mul(1024)
}

fn outcome(chain: &ChainReport) -> &'static str {
    match &chain.outcome {
        ChainOutcome::Done if !chain.is_clean() => "incomplete",
        outcome => outcome.as_str(),
    }
}
