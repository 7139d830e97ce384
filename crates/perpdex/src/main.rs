//! The perpdex command line: answers on stdout, everything else on stderr, and an exit code that means something.
//!
//! Promises: one `error:` line for what could not be done; a closed pipe is a normal end. Does not: contain any logic of
//! fetching, decoding or storing; it wires the other crates together.

#[cfg(target_os = "linux")]
mod allocator;
mod args;
mod commands;
mod config;
mod exit;
mod instant;
mod output;
mod progress;
mod summary;
mod wiring;

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use clap::Parser;
use tracing_subscriber::EnvFilter;

use crate::args::Cli;
use crate::exit::{CommandResult, Exit, Failure};

fn main() -> ExitCode {
    let cli = Cli::parse();
    match start(cli) {
        Ok(exit) => exit.into(),
        Err(failure) if is_broken_pipe(&failure.error) => Exit::Done.into(),
        Err(failure) => {
            stderr_line(&format!("error: {}", one_line(&failure.error)));
            failure.exit.into()
        }
    }
}

/// Prints a line on stderr. Nothing can be done about a stderr that is gone; the exit code still tells.
fn stderr_line(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// The error with its causes. A cause that its effect already repeats is said once.
fn one_line(error: &anyhow::Error) -> String {
    let mut line = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if line.is_empty() {
            line = cause;
        } else if !line.ends_with(&cause) {
            line = format!("{line}: {cause}");
        }
    }
    line.replace('\n', " ")
}

fn start(cli: Cli) -> CommandResult {
    let filter =
        EnvFilter::try_new(&cli.common.log).map_err(|error| Failure::refused(anyhow::anyhow!("--log {:?}: {error}", cli.common.log)))?;
    let colours = io::stderr().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_ansi(colours).init();
    // An answer of megabytes is read at one go, and what its thread has just woken waits behind it: with one thread a processor,
    // processors were idle meanwhile.
    let threads = 2 * std::thread::available_parallelism().map_or(1, usize::from);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build()?;
    runtime.block_on(commands::run(cli))
}

/// Whoever read our answer has read enough.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let io_kind = cause.downcast_ref::<io::Error>().map(io::Error::kind);
        let json_kind = cause.downcast_ref::<serde_json::Error>().and_then(serde_json::Error::io_error_kind);
        io_kind.or(json_kind) == Some(io::ErrorKind::BrokenPipe)
    })
}
