//! Plan, fetch, check, decode, commit, unwind and follow: the one path that history, head and replay take.
//!
//! A run takes jobs, one a chain, and works on them side by side: it plans what is missing from the store's coverage,
//! fetches ahead within bounds, checks every answer before it believes it, decodes it and commits it in ascending order,
//! then follows the head and unwinds what a reorg dropped. Only the source differs between the uses.
//!
//! Promises:
//! - A range counts as covered in the same transaction that writes its records; a run that is killed at any moment goes
//!   on from there, and nothing that is covered is fetched twice.
//! - What cannot be had is recorded as a hole and reported; nothing is dropped in silence.
//! - Every retry, queue and wait has a limit in [`EngineOptions`]; all of them are in this crate.
//! - A chain that fails or halts leaves the others going.
//!
//! Does not: know a chain's protocol ([`perpdex_core::Source`]), a venue's layout ([`perpdex_core::Venue`]) or a database
//! ([`perpdex_core::Store`]).

pub mod capture;
mod chain;
mod check;
mod committer;
mod decode;
mod endpoints;
mod error;
mod fetch;
mod height;
mod job;
mod ledger;
mod options;
mod pipeline;
mod plan;
mod probe;
mod progress;
mod quiet;
mod redecode;
mod reorg;
mod report;
mod retry;
mod room;
mod run;
mod sizing;
mod state;
mod tally;
mod verify;

pub use error::ChainError;
pub use height::{Bound, HeightOrTime, resolve_height};
pub use job::{ChainJob, JobStream, Until};
pub use options::EngineOptions;
pub use progress::{ChainProgress, Phase, Progress, Silent};
pub use redecode::{RedecodeJob, RedecodeReport, RefusedRange, redecode};
pub use report::{
    ChainOutcome, ChainReport, DroppedEndpoint, ErrorGroup, HOLES_LISTED_MAX, HoleReport, ProofReport, RoutingReport, RunReport, Verdict,
};
pub use run::run;
pub use verify::{ChainVerifyReport, DIFFERENCES_LISTED_MAX, UnprovenReport, VerifyJob, VerifyReport, verify};
