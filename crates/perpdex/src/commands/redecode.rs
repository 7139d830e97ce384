//! `perpdex redecode`: stored raw records through this program's decoders, without any endpoint.

use std::io::{self, Write};

use anyhow::{Result, anyhow};
use perpdex_core::{BlockRange, ChainId, Store};
use perpdex_engine::{RedecodeJob, RedecodeReport, redecode};
use perpdex_store::{SqlStore, Value};
use perpdex_venues::VENUES;

use crate::args::{CommonArgs, PerChain, RedecodeArgs};
use crate::exit::{CommandResult, Exit, Failure};
use crate::instant::Point;
use crate::output::{Format, Grid, write_json};
use crate::wiring::{self, Selection};

/// Refused ranges listed for people; JSON has all.
const LISTED_MAX: usize = 20;

/// Runs the verb.
pub(crate) async fn run(common: &CommonArgs, args: RedecodeArgs) -> CommandResult {
    let config = super::load(common, Vec::new())?;
    let selection = Selection::new(&args.selection).map_err(Failure::refused)?;
    let catalog = wiring::catalog(&config).map_err(Failure::refused)?;
    // Opened for writing, but never made: there is nothing to decode in a new database.
    drop(wiring::open_store_existing(&config.database.value, catalog.clone()).await.map_err(Failure::refused)?);
    let store = wiring::open_store(&config.database.value, catalog).await.map_err(Failure::refused)?;
    let jobs = jobs(&store, &selection, &args).await.map_err(Failure::refused)?;
    let mut reports = Vec::new();
    for job in &jobs {
        reports.push(redecode(job, store.as_ref()).await?);
    }
    store.reduce().await?;
    let mut out = io::stdout().lock();
    match args.output.format() {
        Format::Json => write_json(&mut out, &reports)?,
        format => write_text(&mut out, &reports, format)?,
    }
    let is_whole = reports.iter().all(|report| report.refused.is_empty() && report.failures == 0);
    Ok(if is_whole { Exit::Done } else { Exit::Incomplete })
}

/// One job for each selected chain of which anything is stored.
async fn jobs(store: &SqlStore, selection: &Selection, args: &RedecodeArgs) -> Result<Vec<RedecodeJob>> {
    let mut jobs = Vec::new();
    for info in perpdex_core::CHAINS {
        let chain = info.id;
        let covered = store.coverage(chain).await?;
        let ends = covered.iter().map(|one| one.range.from()).min().zip(covered.iter().map(|one| one.range.to()).max());
        let Some((lowest, highest)) = ends.filter(|_| selection.takes(chain)) else { continue };
        let from = match of_chain(&args.from, chain) {
            Some(point) => height(store, chain, point, true).await?,
            None => lowest,
        };
        let to = match of_chain(&args.to, chain) {
            Some(point) => height(store, chain, point, false).await?,
            None => highest,
        };
        let range = BlockRange::new(from, to).ok_or_else(|| anyhow!("{chain}: --from {from} lies above --to {to}"))?;
        let streams = selection.streams(chain);
        if !streams.is_empty() {
            jobs.push(RedecodeJob { chain, range, streams, venues: VENUES });
        }
    }
    if jobs.is_empty() {
        return Err(anyhow!("nothing of the selected chains and venues is stored: see `perpdex status`"));
    }
    Ok(jobs)
}

fn of_chain(points: &[PerChain<Point>], chain: ChainId) -> Option<Point> {
    points.iter().find(|point| point.chain == chain).map(|point| point.value)
}

/// A height as given, or the first stored block at or after a time, or the last at or before it: no endpoint is asked.
async fn height(store: &SqlStore, chain: ChainId, point: Point, is_start: bool) -> Result<u64> {
    let ms = match point {
        Point::Height(height) => return Ok(height),
        Point::Time(ms) => ms,
    };
    let (pick, side) = if is_start { ("MIN", ">=") } else { ("MAX", "<=") };
    let sql = format!("SELECT {pick}(height) FROM blocks WHERE chain_id = {} AND ts_ms {side} {ms}", chain.as_i64());
    match store.query(&sql, 1).await?.rows.first().and_then(|row| row.first()) {
        Some(Value::Int(height)) => Ok(u64::try_from(*height)?),
        _ => Err(anyhow!("{chain}: no block is stored {} that time: give a height", if is_start { "at or after" } else { "at or before" })),
    }
}

fn write_text(out: &mut impl Write, reports: &[RedecodeReport], format: Format) -> io::Result<()> {
    let mut grid = Grid::new(&["chain", "ranges", "blocks", "records", "events", "failures", "unknown", "refused"]);
    for report in reports {
        let counts =
            [report.ranges, report.blocks, report.records, report.events, report.failures, report.unknown, report.refused.len() as u64];
        let chain = serde_json::Value::from(report.chain.to_string());
        grid.push([chain].into_iter().chain(counts.map(serde_json::Value::from)).collect());
    }
    grid.write(&mut *out, format)?;
    for report in reports {
        for refused in report.refused.iter().take(LISTED_MAX) {
            writeln!(out, "refused: {} {}: {}", report.chain, refused.range, refused.reason)?;
        }
        match report.refused.len().saturating_sub(LISTED_MAX) {
            0 => {}
            more => writeln!(out, "{}: {more} more refused ranges, see --json", report.chain)?,
        }
    }
    Ok(())
}
