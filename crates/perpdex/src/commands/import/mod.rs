//! `perpdex import metric FILE…`: figures that stand on no chain, from CSV into `external_metrics`.

mod metrics;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::anyhow;
use perpdex_core::Store;
use perpdex_store::{ExternalMetric, Imported};
use serde::Serialize;

use crate::args::{CommonArgs, ImportCommand, ImportMetricArgs};
use crate::exit::{CommandResult, Exit, Failure};
use crate::output::{Format, write_json};
use crate::wiring;
use metrics::{FileMetric, read};

/// Runs the verb.
pub(crate) async fn run(common: &CommonArgs, command: ImportCommand) -> CommandResult {
    match command {
        ImportCommand::Metric(args) => metric(common, args).await,
    }
}

async fn metric(common: &CommonArgs, args: ImportMetricArgs) -> CommandResult {
    // All files are read before the database is touched: what cannot be read as a whole is not written in part.
    let mut lines: Vec<FileMetric> = Vec::new();
    for path in &args.paths {
        lines.extend(read(path).map_err(Failure::refused)?);
    }
    let config = super::load(common, Vec::new())?;
    let catalog = wiring::catalog(&config).map_err(Failure::refused)?;
    let store = wiring::open_store(&config.database.value, catalog).await.map_err(Failure::refused)?;
    let metrics: Vec<ExternalMetric> = lines.iter().map(|line| line.metric.clone()).collect();
    let imported = store.import_metrics(&metrics).await?;
    if let Some((at, stored)) = imported.conflicts.first() {
        return Err(Failure::refused(contradiction(&lines[*at], stored, imported.conflicts.len())));
    }
    store.reduce().await?;
    let answer = Answer::new(&args.paths, &metrics, &imported);
    for asset in &imported.unknown_assets {
        crate::stderr_line(&format!("note: no market or catalog row names the asset {asset:?}; its figures are kept and join nothing yet"));
    }
    let mut out = io::stdout().lock();
    match args.output.format() {
        Format::Json => write_json(&mut out, &answer)?,
        _ => writeln!(out, "{answer}")?,
    }
    Ok(Exit::Done)
}

fn contradiction(line: &FileMetric, stored: &str, conflicts: usize) -> anyhow::Error {
    let FileMetric { place, metric } = line;
    let others = if conflicts > 1 { format!(" ({} more lines contradict too)", conflicts - 1) } else { String::new() };
    anyhow!(
        "{place}: {} of {} says {} {}, but {stored} is stored for the same moment: give a correction a later published_at; \
         nothing was written{others}",
        metric.metric,
        metric.source,
        metric.value,
        metric.unit
    )
}

/// What was imported.
#[derive(Serialize)]
struct Answer {
    files: usize,
    written: u64,
    known: u64,
    /// Figures of the files by metric.
    metrics: BTreeMap<String, u64>,
    unknown_assets: Vec<String>,
}

impl Answer {
    fn new(paths: &[PathBuf], metrics: &[ExternalMetric], imported: &Imported) -> Answer {
        let mut by_metric: BTreeMap<String, u64> = BTreeMap::new();
        for metric in metrics {
            *by_metric.entry(metric.metric.clone()).or_default() += 1;
        }
        let unknown_assets = imported.unknown_assets.clone();
        Answer { files: paths.len(), written: imported.written, known: imported.known, metrics: by_metric, unknown_assets }
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let metrics: Vec<String> = self.metrics.iter().map(|(name, count)| format!("{name} {count}")).collect();
        write!(f, "{} figures written, {} known already: {}", self.written, self.known, metrics.join(", "))
    }
}
