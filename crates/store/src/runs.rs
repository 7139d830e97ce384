//! Where the newest run of each chain stands.

use perpdex_core::{EndpointErrors, RunState};

use crate::db::Db;
use crate::fact::{height_cell, read_chain};
use crate::reference::ensure_chain;
use crate::sql::{Bulk, Result};

const RUNS: &[&str] = &[
    "chain_id",
    "phase",
    "outcome",
    "error",
    "started_ms",
    "updated_ms",
    "blocks_done",
    "blocks_total",
    "ranges_in_flight",
    "records",
    "calls",
];

const RUN_ERRORS: &[&str] = &["chain_id", "label", "kind", "calls", "last"];

/// Keeps a run's state in the place of the chain's last.
pub(crate) async fn record(db: &Db, run: &RunState) -> Result<()> {
    let mut tx = db.begin().await?;
    ensure_chain(&mut tx, run.chain).await?;
    for table in ["runs", "run_errors"] {
        tx.execute(&format!("DELETE FROM {table} WHERE chain_id = $1"), vec![run.chain.as_i64().into()]).await?;
    }
    let mut bulk = Bulk::new("runs", RUNS);
    bulk.push([
        run.chain.as_i64().into(),
        run.phase.clone().into(),
        run.outcome.clone().into(),
        run.error.clone().into(),
        run.started_ms.into(),
        run.updated_ms.into(),
        height_cell(run.blocks_done),
        height_cell(run.blocks_total),
        height_cell(run.ranges_in_flight),
        height_cell(run.records),
        height_cell(run.calls),
    ]);
    tx.bulk(bulk).await?;
    let mut errors = Bulk::new("run_errors", RUN_ERRORS);
    for group in &run.errors {
        let (label, kind, last) = (group.label.clone(), group.kind.clone(), group.last.replace('\0', "\u{fffd}"));
        errors.push([run.chain.as_i64().into(), label.into(), kind.into(), height_cell(group.count), last.into()]);
    }
    tx.bulk(errors).await?;
    tx.commit().await
}

/// The newest run of every chain that ever had one, by chain.
pub(crate) async fn all(db: &Db) -> Result<Vec<RunState>> {
    let sql = format!("SELECT {} FROM run_errors ORDER BY chain_id, label, kind", RUN_ERRORS.join(", "));
    let mut errors = Vec::new();
    for row in &db.rows(&sql, Vec::new()).await? {
        let group = EndpointErrors { label: row.string(1)?, kind: row.string(2)?, count: row.height(3)?, last: row.string(4)? };
        errors.push((read_chain(row, 0)?, group));
    }
    let sql = format!("SELECT {} FROM runs ORDER BY chain_id", RUNS.join(", "));
    db.rows(&sql, Vec::new())
        .await?
        .iter()
        .map(|row| {
            let chain = read_chain(row, 0)?;
            Ok(RunState {
                chain,
                phase: row.string(1)?,
                outcome: row.opt_string(2)?,
                error: row.opt_string(3)?,
                started_ms: row.int(4)?,
                updated_ms: row.int(5)?,
                blocks_done: row.height(6)?,
                blocks_total: row.height(7)?,
                ranges_in_flight: row.height(8)?,
                records: row.height(9)?,
                calls: row.height(10)?,
                errors: errors.iter().filter(|(of, _)| *of == chain).map(|(_, group)| group.clone()).collect(),
            })
        })
        .collect()
}
