//! `perpdex reduce`: levels and windows from the stored rows.

use std::io;

use perpdex_core::Store;

use crate::args::{CommonArgs, ReduceArgs};
use crate::exit::{CommandResult, Exit, Failure};
use crate::output::{Format, Grid, write_json};
use crate::wiring;

/// Runs the verb.
pub(crate) async fn run(common: &CommonArgs, args: ReduceArgs) -> CommandResult {
    let config = super::load(common, Vec::new())?;
    let catalog = wiring::catalog(&config).map_err(Failure::refused)?;
    let store = wiring::open_store_existing(&config.database.value, catalog).await.map_err(Failure::refused)?;
    if args.check_oi {
        return super::verify_oi::write(&store, args.output.format()).await;
    }
    let stats = if args.rebuild { store.rebuild().await? } else { store.reduce().await? };
    let mut out = io::stdout().lock();
    match args.output.format() {
        Format::Json => write_json(&mut out, &stats)?,
        format => {
            let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX).into();
            let mut grid = Grid::new(&["markets", "market_hours_written", "failures"]);
            grid.push(vec![number(stats.markets), number(stats.market_hours), number(stats.failures)]);
            grid.write(&mut out, format)?;
        }
    }
    Ok(if stats.failures == 0 { Exit::Done } else { Exit::Incomplete })
}
