//! How far behind a chain is, how fast its run goes, and what its endpoints refuse.

use std::time::{SystemTime, UNIX_EPOCH};

use perpdex_core::{ChainId, RunState};
use perpdex_store::{ChainStatus, Status};
use serde::Serialize;
use serde_json::Value;

use crate::output::Grid;

/// A run that has not written its state for so long is taken for killed. It writes every two seconds where it can.
const SILENT_MS_MAX: i64 = 60_000;

/// Where a chain stands and how fast it moves.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(in crate::commands) struct Pace {
    /// The chain.
    pub(in crate::commands) chain: ChainId,
    /// Highest height that every wanted stream of the chain knows without a gap from its start; `None` before the first.
    pub(in crate::commands) indexed: Option<u64>,
    /// Blocks that it lies below the newest known one.
    pub(in crate::commands) lag_blocks: Option<u64>,
    /// Seconds that its block is old.
    pub(in crate::commands) lag_s: Option<i64>,
    /// Share of the covered heights that verification has proved again, 0 to 1.
    pub(in crate::commands) verified_share: Option<f64>,
    /// What the newest run does, or how it ended; `killed` where it fell silent.
    run: Option<String>,
    /// Blocks that the run still has before it.
    pub(in crate::commands) blocks_left: Option<u64>,
    /// Ranges being fetched or waiting for their commit.
    pub(in crate::commands) ranges_in_flight: Option<u64>,
    /// Blocks a second of the newest run, over all of it.
    pub(in crate::commands) blocks_per_s: Option<f64>,
    /// Seconds until the run has done its plan at that rate, while it goes on.
    eta_s: Option<u64>,
}

/// The pace of every chain that is wanted or known.
pub(in crate::commands) fn paces(status: &Status) -> Vec<Pace> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now_ms = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
    status.chains.iter().map(|chain| pace(status, chain, now_ms)).collect()
}

fn pace(status: &Status, chain: &ChainStatus, now_ms: i64) -> Pace {
    let streams = || status.streams.iter().filter(|stream| stream.stream.chain == chain.chain && stream.target.is_some());
    // A stream that knows nothing yet holds the chain back.
    let indexed = streams().map(|stream| stream.watermark).min().flatten();
    let covered_to_ms = streams().map(|stream| stream.covered_to_ms).min().flatten();
    let covered: u64 = streams().map(|stream| stream.covered_blocks).sum();
    let verified: u64 = streams().map(|stream| stream.verified_blocks).sum();
    let run = status.runs.iter().find(|run| run.chain == chain.chain);
    let rate = run.and_then(rate);
    let is_going = run.is_some_and(|run| is_going(run, now_ms));
    let left = run.map(|run| run.blocks_total.saturating_sub(run.blocks_done));
    Pace {
        chain: chain.chain,
        indexed,
        lag_blocks: chain.latest.zip(indexed).map(|(latest, indexed)| latest.saturating_sub(indexed)),
        lag_s: covered_to_ms.map(|ms| (now_ms - ms).max(0) / 1_000),
        verified_share: (covered > 0).then(|| verified as f64 / covered as f64),
        run: run.map(|run| phase(run, is_going)),
        blocks_left: left.filter(|_| is_going),
        ranges_in_flight: run.map(|run| run.ranges_in_flight).filter(|_| is_going),
        blocks_per_s: rate,
        eta_s: left.zip(rate).filter(|_| is_going).map(|(left, rate)| (left as f64 / rate).ceil() as u64),
    }
}

fn is_going(run: &RunState, now_ms: i64) -> bool {
    run.outcome.is_none() && now_ms - run.updated_ms < SILENT_MS_MAX
}

fn phase(run: &RunState, is_going: bool) -> String {
    match &run.outcome {
        Some(outcome) => outcome.clone(),
        None if is_going => run.phase.clone(),
        None => format!("killed in {}", run.phase),
    }
}

/// Blocks a second; `None` before anything was done.
fn rate(run: &RunState) -> Option<f64> {
    let elapsed_ms = run.updated_ms - run.started_ms;
    (0 < elapsed_ms && 0 < run.blocks_done).then(|| run.blocks_done as f64 * 1_000.0 / elapsed_ms as f64)
}

/// The paces for people.
pub(super) fn grid(paces: &[Pace]) -> Grid {
    let mut grid =
        Grid::new(&["chain", "indexed", "lag_blocks", "lag_s", "verified_%", "run", "in_flight", "blocks_left", "blocks_per_s", "eta_s"]);
    let rounded = |value: f64, digits: i32| (value * 10_f64.powi(digits)).round() / 10_f64.powi(digits);
    for pace in paces {
        grid.push(vec![
            pace.chain.to_string().into(),
            pace.indexed.into(),
            pace.lag_blocks.into(),
            pace.lag_s.into(),
            pace.verified_share.map(|share| rounded(share * 100.0, 1)).into(),
            pace.run.clone().into(),
            pace.ranges_in_flight.into(),
            pace.blocks_left.into(),
            pace.blocks_per_s.map(|rate| rounded(rate, 1)).into(),
            pace.eta_s.into(),
        ]);
    }
    grid
}

/// Failed calls of the newest run of each chain, by endpoint and class, and why a chain stopped.
pub(super) fn troubles(status: &Status) -> Grid {
    let mut grid = Grid::new(&["chain", "endpoint", "class", "calls", "last"]);
    for run in &status.runs {
        for group in &run.errors {
            let name = [run.chain.to_string(), group.label.clone(), group.kind.clone()].map(Value::from);
            grid.push(name.into_iter().chain([group.count.into(), group.last.clone().into()]).collect());
        }
        if let Some(error) = &run.error {
            let outcome = run.outcome.clone().unwrap_or_default();
            grid.push(vec![run.chain.to_string().into(), Value::Null, outcome.into(), Value::Null, error.clone().into()]);
        }
    }
    grid
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(outcome: Option<&str>, updated_ms: i64) -> RunState {
        RunState {
            chain: ChainId::BNB,
            phase: "history".to_owned(),
            outcome: outcome.map(str::to_owned),
            error: None,
            started_ms: 1_000,
            updated_ms,
            blocks_done: 500,
            blocks_total: 2_000,
            ranges_in_flight: 3,
            records: 0,
            calls: 0,
            errors: Vec::new(),
        }
    }

    fn status(run: RunState) -> (Status, ChainStatus) {
        let chain = ChainStatus {
            chain: ChainId::BNB,
            finalized: Some(90),
            latest: Some(100),
            records: 0,
            decode_failures: 0,
            unknown_events: 0,
            reorgs: 0,
            unresolved: 0,
        };
        let status = Status {
            streams: vec![],
            chains: vec![chain.clone()],
            unresolved: vec![],
            reduce_failures: 0,
            differences: vec![],
            runs: vec![run],
        };
        (status, chain)
    }

    #[test]
    fn a_run_has_a_rate_and_an_end_while_it_goes_on() {
        let told = |run, now_ms| {
            let (status, chain) = status(run);
            let pace = pace(&status, &chain, now_ms);
            (pace.run.unwrap(), pace.blocks_per_s, pace.eta_s, pace.ranges_in_flight)
        };
        assert_eq!(told(run(None, 6_000), 7_000), ("history".to_owned(), Some(100.0), Some(15), Some(3)));
        assert_eq!(told(run(None, 6_000), 66_000), ("killed in history".to_owned(), Some(100.0), None, None));
        assert_eq!(told(run(Some("done"), 6_000), 7_000), ("done".to_owned(), Some(100.0), None, None));
        assert_eq!(told(run(None, 1_000), 1_000), ("history".to_owned(), None, None, Some(3)));
    }
}
