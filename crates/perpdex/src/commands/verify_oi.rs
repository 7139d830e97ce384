//! `perpdex verify --oi`: stated open interest against what follows from stored rows.

use std::io::{self, Write};

use perpdex_store::{OiChecks, SqlStore, Value};
use serde::Serialize;

use crate::config::Config;
use crate::exit::{CommandResult, Exit, Failure};
use crate::output::{Format, Grid, write_json};
use crate::wiring;

/// Differences listed; `v_oi_checks` has all.
const LISTED_MAX: usize = 20;

#[derive(Serialize)]
struct Answer<'a> {
    #[serde(flatten)]
    checks: &'a OiChecks,
    differences: Vec<serde_json::Map<String, serde_json::Value>>,
}

/// Runs the check on a stored database.
pub(crate) async fn run(config: &Config, is_json: bool) -> CommandResult {
    let catalog = wiring::catalog(config).map_err(Failure::refused)?;
    let store = wiring::open_store_existing(&config.database.value, catalog).await.map_err(Failure::refused)?;
    write(&store, if is_json { Format::Json } else { Format::Table }).await
}

/// Checks, and prints counts and differences; a difference is an incomplete answer.
pub(crate) async fn write(store: &SqlStore, format: Format) -> CommandResult {
    let checks = store.check_open_interest().await?;
    let sql = "SELECT stated_by, venue, market, symbol, collateral_token, time, height, difference_long, difference_short, \
               difference_long_native, difference_short_native FROM v_oi_checks WHERE equal = 0 ORDER BY ts_ms, height, market";
    let listed = store.query(sql, LISTED_MAX).await?;
    let cells = |row: &[Value]| row.iter().map(|value| serde_json::to_value(value).unwrap_or_default()).collect::<Vec<_>>();
    let mut out = io::stdout().lock();
    if format == Format::Json {
        let differences = listed.rows.iter().map(|row| listed.columns.iter().cloned().zip(cells(row)).collect()).collect();
        write_json(&mut out, &Answer { checks: &checks, differences })?;
    } else {
        let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX).into();
        let mut grid = Grid::new(&["markets", "checked", "differing", "unreachable"]);
        grid.push(vec![number(checks.markets), number(checks.checked), number(checks.differing), number(checks.unreachable)]);
        grid.write(&mut out, format)?;
        if !listed.rows.is_empty() {
            let columns =
                ["chain", "venue", "market", "symbol", "collateral", "time", "height", "long", "short", "long_native", "short_native"];
            let mut grid = Grid::new(&columns);
            listed.rows.iter().for_each(|row| grid.push(cells(row)));
            grid.write(&mut out, format)?;
        }
        if listed.is_truncated {
            writeln!(out, "more differences: see v_oi_checks")?;
        }
    }
    Ok(if checks.differing == 0 { Exit::Done } else { Exit::Incomplete })
}
