//! `perpdex demo`: five simulated chains over real sockets, the ordinary way into a store, a report, and the comparison
//! with the world's ground truth.

mod compare;
mod database;
mod report;
mod world;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Instant;

use perpdex_core::ListingWindows;
use perpdex_engine::Until;
use perpdex_simnet::truth::Truth;
use perpdex_simnet::world::{World, WorldOptions};
use perpdex_store::SqlStore;
use serde::Serialize;

use crate::args::{CommonArgs, DemoArgs};
use crate::config::{Config, database_place};
use crate::exit::{CommandResult, Exit, Failure};
use crate::output::{Format, Grid, write_json};
use crate::progress::progress;
use crate::summary::Summary;
use crate::wiring::{self, Plan, Selection};
use compare::{Comparison, compare};
use database::DemoDatabase;
use world::Served;

/// Where the demo writes unless told otherwise. The configured database is never touched.
const DATABASE_DEFAULT: &str = "sqlite:perpdex-demo.db";

/// Differences that are printed; all are counted.
const DIFFERENCES_LISTED_MAX: usize = 20;

/// Runs the verb.
pub(crate) async fn run(common: &CommonArgs, args: DemoArgs) -> CommandResult {
    let started = Instant::now();
    let cancel = wiring::interruption();
    let url = common.database.as_deref().unwrap_or(DATABASE_DEFAULT);
    let catalog = perpdex_venues::builtin_catalog();
    let database = DemoDatabase::prepare(url, &args).map_err(Failure::refused)?;
    let store = wiring::open_store(url, catalog.clone()).await.map_err(Failure::refused)?;
    database.require_usable(&store, &args).await.map_err(Failure::refused)?;

    let scales = catalog.assets().map(|asset| (asset.symbol.clone(), asset.qty_scale)).collect();
    let (seed, hours, events) = (args.seed, args.hours, args.events);
    let options = WorldOptions { seed, hours, events, qty_scales: scales, is_wide: true, ..WorldOptions::default() };
    let built = tokio::task::spawn_blocking(move || World::build(&options)).await?;
    let (served, truth) = Served::start(built).await?;
    crate::stderr_line(&format!("world of seed {} built and served in {:.1} s", args.seed, started.elapsed().as_secs_f64()));

    let config = Config::isolated(served.layers()).map_err(Failure::refused)?;
    let plan = Plan::new(&config, &Selection::default()).map_err(Failure::refused)?;
    let engine = wiring::engine_options(&config.sync);
    // The simulated chains end with their world: what is final at the start is everything.
    let windows: Arc<dyn ListingWindows> = store.clone();
    let whole = BTreeMap::new();
    let ready = wiring::ready_jobs(&config, &plan, &whole, Until::Final, &[], &engine, &windows);
    let ready = ready.await.map_err(Failure::refused)?;
    let report = wiring::run_jobs(ready.jobs, store.clone(), engine, cancel, progress()).await;
    let summary = Summary::new(database_place(url), report, ready.failed, &[]);
    summary.write_text(&mut io::stderr().lock())?;
    if summary.exit() != Exit::Done {
        return Ok(summary.exit());
    }
    conclude(&store, &truth, &args, started).await
}

/// Report and comparison of a store that was filled to the end.
async fn conclude(store: &SqlStore, truth: &Truth, args: &DemoArgs, started: Instant) -> CommandResult {
    let report = report::by_venue_and_chain(store).await?;
    let comparison = compare(store, truth).await?;
    let answer = Answer { report, comparison: &comparison, elapsed_ms: started.elapsed().as_millis() };
    let mut out = io::stdout().lock();
    match args.output.format() {
        Format::Json => write_json(&mut out, &answer)?,
        format => {
            answer.report.write(&mut out, format)?;
            write_comparison(&mut out, &comparison)?;
        }
    }
    Ok(if comparison.is_equal() { Exit::Done } else { Exit::Incomplete })
}

/// The answer as JSON.
#[derive(Serialize)]
struct Answer<'a> {
    report: Grid,
    comparison: &'a Comparison,
    elapsed_ms: u128,
}

fn write_comparison(out: &mut impl Write, comparison: &Comparison) -> io::Result<()> {
    let compared = comparison.compared;
    if comparison.is_equal() {
        return writeln!(out, "\nthe store equals the world's ground truth: {compared} numbers compared, none differs");
    }
    let differences = &comparison.differences;
    writeln!(out, "\nthe store DIFFERS from the world's ground truth: {} of {compared} numbers", differences.len())?;
    for difference in differences.iter().take(DIFFERENCES_LISTED_MAX) {
        writeln!(out, "  {}: store {}, truth {}", difference.what, difference.store, difference.truth)?;
    }
    let unlisted = differences.len().saturating_sub(DIFFERENCES_LISTED_MAX);
    if unlisted > 0 {
        writeln!(out, "  and {unlisted} more")?;
    }
    Ok(())
}
