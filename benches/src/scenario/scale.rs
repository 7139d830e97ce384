//! What an event costs does not follow the length of the history: one database grows in steps.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use perpdex_simnet::day::Days;
use serde_json::Value;

use super::{Bench, Place};
use crate::machine::Ran;

/// Steps: days of as many fills each.
const STEPS: u64 = 8;

/// How one database grew.
#[derive(Clone, Debug)]
pub struct Growth {
    /// Of the database.
    pub engine: &'static str,
    /// Step by step.
    pub steps: Vec<Step>,
    /// `reduce --rebuild` of all of it at the end.
    pub rebuild: Ran,
}

/// One step of one database.
#[derive(Clone, Debug)]
pub struct Step {
    /// Fills stored before it.
    pub fills_before: u64,
    /// Fills that it brought.
    pub fills: u64,
    /// The run, its last reduction included.
    pub ran: Ran,
    /// Time of the database server on processors, seconds.
    pub server_cpu_s: Option<f64>,
    /// Bytes the database takes behind it.
    pub database_bytes: u64,
}

impl Step {
    /// Time on processors of the program and the server, microseconds a fill.
    pub fn cpu_us_per_fill(&self) -> f64 {
        (self.ran.cpu_s + self.server_cpu_s.unwrap_or_default()) * 1e6 / self.fills.max(1) as f64
    }

    /// Fills stored after it.
    pub fn fills_after(&self) -> u64 {
        self.fills_before + self.fills
    }
}

impl Growth {
    /// Fills stored at the end.
    pub fn fills(&self) -> u64 {
        self.steps.last().map_or(0, Step::fills_after)
    }
}

/// Grows a database of each engine to so many fills. An error where one is missing.
pub async fn scale(bench: &Bench, fills: u64) -> Result<Vec<Growth>> {
    let made = bench.folder()?;
    let mut days = Days::new(1);
    let folders = (0..STEPS).map(|_| Ok(days.write(made.path(), fills / STEPS)?)).collect::<Result<Vec<PathBuf>>>()?;
    let truth = days.truth();
    let mut all = Vec::new();
    let work = bench.folder()?;
    for place in Place::both(bench, work.path(), "scale").await? {
        let growth = grow(bench, &place, made.path(), &folders, work.path()).await;
        place.remove(bench).await?;
        let growth = growth?;
        ensure!(growth.fills() == truth.fills, "{} of {} fills were stored in {}", growth.fills(), truth.fills, growth.engine);
        all.push(growth);
    }
    Ok(all)
}

/// Gives a node's folder one day more at each step and replays it again.
async fn grow(bench: &Bench, place: &Place, made: &Path, days: &[PathBuf], work: &Path) -> Result<Growth> {
    let node = bench.folder()?;
    let (node_path, url) = (node.path().to_str().context("a folder with a plain name")?, place.url());
    let mut steps: Vec<Step> = Vec::new();
    for day in days {
        fs::create_dir_all(node.path().join(day))?;
        for hour in fs::read_dir(made.join(day))? {
            let hour = hour?;
            fs::hard_link(hour.path(), node.path().join(day).join(hour.file_name()))?;
        }
        let replay = &["replay", node_path, "--database", &url];
        let (ran, server_cpu_s) = place.measured(bench, &mut bench.command(work, replay), |_| ()).await?;
        let fills_before = steps.last().map_or(0, Step::fills_after);
        let fills = number(bench, work, &url, "SELECT COUNT(*) AS number FROM fills")? - fills_before;
        let database_bytes = number(bench, work, &url, bytes_sql(place))?;
        let step = Step { fills_before, fills, ran, server_cpu_s, database_bytes };
        eprintln!("{}: {fills} fills behind {fills_before}, {:.1} µs each", place.engine(), step.cpu_us_per_fill());
        steps.push(step);
    }
    let rebuild = &["reduce", "--rebuild", "--database", &url];
    let (rebuild, _) = place.measured(bench, &mut bench.command(work, rebuild), |_| ()).await?;
    Ok(Growth { engine: place.engine(), steps, rebuild })
}

fn bytes_sql(place: &Place) -> &'static str {
    match place {
        Place::Sqlite(_) => "SELECT page_count * page_size AS number FROM pragma_page_count(), pragma_page_size()",
        Place::Postgres(_) => "SELECT pg_database_size(current_database()) AS number",
    }
}

fn number(bench: &Bench, folder: &Path, url: &str, sql: &str) -> Result<u64> {
    let output = bench.command(folder, &["query", "--json", sql, "--database", url]).output()?;
    ensure!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
    let rows: Value = serde_json::from_slice(&output.stdout)?;
    rows[0]["number"].as_u64().with_context(|| format!("{sql} gave {rows}"))
}
