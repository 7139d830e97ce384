//! `perpdex query "SQL"`.

use std::io;

use anyhow::anyhow;

use crate::args::{CommonArgs, QueryArgs};
use crate::exit::{CommandResult, Exit, Failure};
use crate::output::Grid;
use crate::wiring;

/// Runs one read-only statement and prints its rows.
pub(crate) async fn run(common: &CommonArgs, args: QueryArgs) -> CommandResult {
    let config = super::load(common, Vec::new())?;
    let catalog = wiring::catalog(&config).map_err(Failure::refused)?;
    let store = wiring::open_store_existing(&config.database.value, catalog).await.map_err(Failure::refused)?;
    let table = store.query(&args.sql, args.rows_max).await.map_err(Failure::refused)?;
    if table.is_truncated {
        return Err(anyhow!("the answer has more than {} rows: narrow it down or raise --rows-max", args.rows_max).into());
    }
    Grid::from(table).write(&mut io::stdout().lock(), args.output.format())?;
    Ok(Exit::Done)
}
