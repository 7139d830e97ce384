//! `perpdex config show|check`.

use std::io::{self, Write};

use crate::args::ConfigCommand;
use crate::config::Config;
use crate::exit::{CommandResult, Exit, Failure};
use crate::output::Grid;
use crate::wiring::catalog;

/// Shows or checks a configuration that was read without error.
pub(crate) fn run(config: &Config, command: ConfigCommand) -> CommandResult {
    match command {
        ConfigCommand::Show(output) => {
            let mut grid = Grid::new(&["key", "value", "origin"]);
            for row in config.shown() {
                grid.push(vec![row.key.into(), row.value.into(), row.origin.into()]);
            }
            grid.write(&mut io::stdout().lock(), output.format())?;
        }
        ConfigCommand::Check => {
            catalog(config).map_err(Failure::refused)?;
            let (on, off): (Vec<_>, Vec<_>) = config.chains.iter().partition(|chain| chain.enabled.value);
            writeln!(io::stdout(), "configuration is valid: {} chains on, {} off", on.len(), off.len())?;
        }
    }
    Ok(Exit::Done)
}
