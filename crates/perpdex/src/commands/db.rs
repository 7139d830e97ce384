//! `perpdex db migrate|info`.

use std::io::{self, Write};

use perpdex_store::DbInfo;

use crate::args::{CommonArgs, DbCommand, OutputArgs};
use crate::exit::{CommandResult, Exit, Failure};
use crate::output::{Format, Grid, write_json};
use crate::wiring;

/// Runs the verb.
pub(crate) async fn run(common: &CommonArgs, command: DbCommand) -> CommandResult {
    let config = super::load(common, Vec::new())?;
    let catalog = wiring::catalog(&config).map_err(Failure::refused)?;
    match command {
        DbCommand::Migrate => {
            let store = wiring::open_store(&config.database.value, catalog).await.map_err(Failure::refused)?;
            let info = store.info().await?;
            writeln!(io::stdout(), "{}: schema version {}", info.place, info.schema_version)?;
        }
        DbCommand::Info(output) => {
            let store = wiring::open_store_existing(&config.database.value, catalog).await.map_err(Failure::refused)?;
            write_info(&store.info().await?, output)?;
        }
    }
    Ok(Exit::Done)
}

fn write_info(info: &DbInfo, output: OutputArgs) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let mut tables = Grid::new(&["table", "rows"]);
    for (table, rows) in &info.tables {
        tables.push(vec![table.as_str().into(), (*rows).into()]);
    }
    match output.format() {
        Format::Json => write_json(&mut out, info),
        Format::Csv => tables.write(&mut out, Format::Csv),
        Format::Table => {
            let (version, known) = (info.schema_version, info.schema_version_known);
            writeln!(out, "{} ({}), schema version {version} of {known}, {} bytes\n", info.place, info.engine, info.bytes)?;
            tables.write(&mut out, Format::Table)
        }
    }
}
