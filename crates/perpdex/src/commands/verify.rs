//! `perpdex verify`: stored ranges proved once more, and what differs.

use std::io::{self, Write};
use std::sync::Arc;

use perpdex_core::{Difference, Evidence, ListingWindows};
use perpdex_engine::{ChainOutcome, ChainVerifyReport, Verdict, VerifyReport};
use serde::Serialize;
use serde_json::Value;

use super::sync::{endpoint_layers, run_ranges};
use crate::args::{CommonArgs, Level, VerifyArgs};
use crate::exit::{CommandResult, Exit, Failure};
use crate::output::{Format, Grid, write_json};
use crate::progress::progress;
use crate::wiring::{self, Plan, Selection, VerifyWish};

/// Differences and unproven ranges listed for people; JSON has more, the database all.
const LISTED_MAX: usize = 20;

/// Runs the verb.
pub(crate) async fn run(common: &CommonArgs, args: VerifyArgs) -> CommandResult {
    let config = super::load(common, endpoint_layers(&args.endpoints))?;
    if args.oi {
        return super::verify_oi::run(&config, args.json).await;
    }
    let selection = Selection::new(&args.selection).map_err(Failure::refused)?;
    let plan = Plan::new(&config, &selection.of_all_venues()).map_err(Failure::refused)?;
    let ranges = run_ranges(&plan, &args.from, &args.to).map_err(Failure::refused)?;
    let catalog = wiring::catalog(&config).map_err(Failure::refused)?;
    // Opened for writing, but never made: there is nothing to verify in a new database.
    drop(wiring::open_store_existing(&config.database.value, catalog.clone()).await.map_err(Failure::refused)?);
    let store = wiring::open_store_for_records(&config, catalog).await.map_err(Failure::refused)?;
    let cancel = wiring::interruption();
    let options = wiring::engine_options(&config.sync);
    let wish = VerifyWish { venues: selection.venues(), level: evidence(args.level), repair: args.repair, again: args.again };
    let windows: Arc<dyn ListingWindows> = store.clone();
    let jobs = wiring::verify_jobs(&config, &plan, &ranges, &wish, &options, &windows).await.map_err(Failure::refused)?;
    let report = Box::pin(perpdex_engine::verify(jobs, store.clone(), options, cancel, progress())).await;
    let answer = Answer { verdict: report.verdict(), database: store.place(), report: &report };
    let mut out = io::stdout().lock();
    match args.json {
        true => write_json(&mut out, &answer)?,
        false => write_text(&mut out, &answer, args.repair)?,
    }
    Ok(match answer.verdict {
        Verdict::Clean => Exit::Done,
        Verdict::Incomplete => Exit::Incomplete,
        Verdict::Interrupted => Exit::Interrupted,
        Verdict::Refused => Exit::Refused,
    })
}

fn evidence(level: Level) -> Evidence {
    match level {
        Level::Second => Evidence::Second,
        Level::Bloom => Evidence::Bloom,
        Level::Receipts => Evidence::Receipts,
    }
}

#[derive(Serialize)]
struct Answer<'a> {
    verdict: Verdict,
    database: String,
    #[serde(flatten)]
    report: &'a VerifyReport,
}

fn write_text(out: &mut impl Write, answer: &Answer<'_>, is_repair: bool) -> io::Result<()> {
    let report = answer.report;
    chains(report).write(out, Format::Table)?;
    for chain in &report.chains {
        write_chain(out, chain)?;
    }
    if let Some(error) = &report.reduce_error {
        writeln!(out, "levels and windows lag behind the rows: {error}")?;
    }
    let remaining: u64 = report.chains.iter().map(|chain| chain.remaining).sum();
    let sentence = match answer.verdict {
        Verdict::Clean => "verified: the store holds exactly what was proved",
        Verdict::Interrupted => "interrupted: what is verified stays so, a further run goes on from here",
        _ if remaining > 0 && !is_repair => "NOT verified: the store differs; `perpdex verify --repair` mends it",
        _ => "NOT verified: see above",
    };
    writeln!(out, "{sentence} ({:.1} s, {})", report.elapsed_ms as f64 / 1_000.0, answer.database)
}

fn chains(report: &VerifyReport) -> Grid {
    let mut grid = Grid::new(&[
        "chain",
        "outcome",
        "blocks",
        "known_blocks",
        "records",
        "missing",
        "extra",
        "changed",
        "mended",
        "restored",
        "remaining",
        "unproven",
        "calls",
    ]);
    for chain in &report.chains {
        let outcome = match &chain.outcome {
            ChainOutcome::Done if !chain.is_clean() => "incomplete",
            outcome => outcome.as_str(),
        };
        let counts = [
            chain.blocks,
            chain.blocks_known,
            chain.records,
            chain.missing,
            chain.extra,
            chain.changed,
            chain.mended,
            chain.restored,
            chain.remaining,
            chain.unproven.len() as u64,
            chain.calls,
        ];
        grid.push([Value::from(chain.chain.to_string()), outcome.into()].into_iter().chain(counts.map(Value::from)).collect());
    }
    grid
}

fn write_chain(out: &mut impl Write, chain: &ChainVerifyReport) -> io::Result<()> {
    let name = chain.chain;
    for Difference { stream, height, rec, kind, tx_id, .. } in chain.differences.iter().take(LISTED_MAX) {
        writeln!(out, "{}: {name} {} height {height} record {rec} ({tx_id})", kind.as_str(), stream.name())?;
    }
    match chain.remaining.saturating_sub(chain.differences.len().min(LISTED_MAX) as u64) {
        0 => {}
        more => writeln!(out, "{name}: {more} more differences, see v_verify_differences")?,
    }
    for unproven in chain.unproven.iter().take(LISTED_MAX) {
        writeln!(out, "unproven: {name} {}: {}", unproven.range, unproven.reason)?;
    }
    match chain.unproven.len().saturating_sub(LISTED_MAX) {
        0 => {}
        more => writeln!(out, "{name}: {more} more unproven ranges, see --json")?,
    }
    if chain.omitted > 0 {
        writeln!(out, "{name}: an endpoint left out records at {} heights", chain.omitted)?;
    }
    for group in &chain.errors {
        writeln!(out, "errors: {name} {} x {} at {}: {}", group.count, group.kind, group.label, group.last)?;
    }
    match &chain.outcome {
        ChainOutcome::Failed { error } => writeln!(out, "failed: {error}"),
        ChainOutcome::Halted { error } => writeln!(out, "halted: {error}"),
        _ => Ok(()),
    }
}
