//! Whole runs of the release binary over local sockets and files, each with the limit it is compared with.
//!
//! The limit of a run is the plainest way to write exactly the rows it ended with: one binary COPY a table on PostgreSQL,
//! multi-row inserts in one transaction on SQLite, into tables with the same indexes, by one connection with nothing else
//! to do. Databases, nodes and files are made for the run and removed behind it.

mod counted;
mod database;
mod evm;
mod head;
mod hypercore;
mod memory;
mod postgres;
mod scale;
mod sqlite;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use crate::machine::Ran;
pub use database::Place;
pub use evm::Mix;
pub use head::latency;
pub use hypercore::Day;
pub use memory::{Held, PEAK_RSS_BYTES_MAX, memory};
pub use scale::{Growth, Step as GrowthStep, scale};

/// What is measured with.
#[derive(Clone, Debug)]
pub struct Bench {
    /// The release binary.
    pub program: PathBuf,
    /// URL of a maintenance database; new databases are made beside it.
    pub postgres: String,
    /// Folder for databases and files, some gigabytes.
    pub folder: PathBuf,
    /// No run may take longer.
    pub limit: Duration,
}

/// One measured run.
#[derive(Clone, Debug)]
pub struct Figure {
    /// What was done, and into what.
    pub work: String,
    /// What is counted.
    pub unit: &'static str,
    /// How many of them.
    pub items: u64,
    /// The run.
    pub ran: Ran,
    /// Seconds of the limit, and what it did.
    pub limit: Option<(f64, &'static str)>,
    /// Time of the database server on processors, seconds.
    pub server_cpu_s: Option<f64>,
    /// Requests, calls and bytes of answers; or bytes of files.
    pub traffic: String,
    /// Bytes the database takes.
    pub database_bytes: u64,
}

/// A reading or parsing of the same bytes by plain means.
#[derive(Clone, Debug)]
pub struct Plain {
    /// What was done.
    pub work: String,
    /// Things and what they are.
    pub items: u64,
    /// What is counted.
    pub unit: &'static str,
    /// Bytes.
    pub bytes: u64,
    /// Seconds.
    pub wall_s: f64,
}

impl Figure {
    /// Things a second.
    pub fn per_s(&self) -> f64 {
        self.items as f64 / self.ran.wall_s
    }

    /// Share of the limit that was reached, 1 at most in practice.
    pub fn ratio(&self) -> Option<f64> {
        self.limit.map(|(seconds, _)| seconds / self.ran.wall_s)
    }
}

impl Bench {
    /// The program without any setting of the caller's environment.
    pub(crate) fn command(&self, folder: &Path, args: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(args).current_dir(folder);
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("PERPDEX_")) {
            command.env_remove(name);
        }
        command
    }

    /// A folder that is removed with the value.
    pub(crate) fn folder(&self) -> Result<tempfile::TempDir> {
        Ok(tempfile::Builder::new().prefix("perpdex-bench-").tempdir_in(&self.folder)?)
    }
}
