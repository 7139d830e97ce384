//! `perpdex completions SHELL`.

use std::io::{self, Write};

use clap::CommandFactory;
use clap_complete::Shell;

use crate::args::Cli;
use crate::exit::{CommandResult, Exit};

/// Prints the script.
pub(crate) fn run(shell: Shell) -> CommandResult {
    // Rendered first: the generator panics where its writer fails, and a closed pipe is no defect.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "perpdex", &mut script);
    io::stdout().write_all(&script)?;
    Ok(Exit::Done)
}
