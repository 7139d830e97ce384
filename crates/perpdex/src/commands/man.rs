//! `perpdex man [FOLDER]`.

use std::fs;
use std::io::{self, Write};

use anyhow::Context;
use clap::CommandFactory;

use crate::args::{Cli, ManArgs};
use crate::exit::{CommandResult, Exit, Failure};

/// Prints the page of the program, or writes one page a verb.
pub(crate) fn run(args: &ManArgs) -> CommandResult {
    match &args.folder {
        None => {
            // Rendered first, so that a closed pipe is met by our own write.
            let mut page = Vec::new();
            clap_mangen::Man::new(Cli::command()).render(&mut page)?;
            io::stdout().write_all(&page)?;
        }
        Some(folder) => {
            let place = || format!("folder {}", folder.display());
            fs::create_dir_all(folder).with_context(place).map_err(Failure::refused)?;
            clap_mangen::generate_to(Cli::command(), folder).with_context(place)?;
        }
    }
    Ok(Exit::Done)
}
