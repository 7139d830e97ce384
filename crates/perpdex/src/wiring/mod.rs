//! From configuration to the parts of a run: catalog, store, sources, jobs.
//!
//! Does not: decide what the user wants (that is `args` and `config`) or how a run goes (that is `engine`).

mod catalog;
mod doubles;
mod jobs;
mod options;
mod ready;
mod run;
mod sources;
mod store;
mod verify;

pub(crate) use catalog::catalog;
pub(crate) use doubles::refuse_doubles;
pub(crate) use jobs::{Plan, RunRange, Selection};
pub(crate) use options::engine_options;
pub(crate) use ready::ready_jobs;
pub(crate) use run::{interruption, run_jobs};
pub(crate) use sources::open_sources;
pub(crate) use store::{keep_wider_targets, known_targets, open_store, open_store_existing, open_store_for_records};
pub(crate) use verify::{VerifyWish, verify_jobs};
