//! The only SQL of perpdex: SQLite and PostgreSQL, one logical schema, behind [`perpdex_core::Store`].
//!
//! Promises: rows, sums and coverage move in one transaction; a commit that is repeated changes nothing; an unwinding
//! leaves a store as if what it removes had never come; both engines hold the same integers. The engines differ in two
//! modules, `sqlite` and `postgres`, and `db` is either of them; all other SQL is the same text on both.
//!
//! Does not: decode, fetch, or know a venue. What a row adds to a sum is [`perpdex_reducer::contributions`] alone, what
//! an hour holds is [`perpdex_reducer::levels`].

mod aggregate;
mod batch;
mod capture;
mod commit;
mod coverage;
mod db;
mod dictionary;
mod dirty;
mod doubt;
mod dump;
mod external;
mod fact;
mod join;
mod kept;
mod known;
mod listing;
mod market;
pub mod measure;
mod migrate;
mod oi_check;
mod options;
mod pack;
mod pending;
mod place;
mod postgres;
mod raw;
mod rebuild;
mod record_count;
mod redecode;
mod reduce;
mod reference;
mod remove;
mod revert;
mod runs;
mod sql;
mod sqlite;
mod status;
mod store;
mod verify;
mod withdraw;

pub use capture::{RawCapture, RawCaptures};
pub use dictionary::dictionary;
pub use external::{ALL, ExternalMetric, Imported};
pub use oi_check::OiChecks;
pub use options::{StoreOptions, VenueRef};
pub use sql::{Table, Value};
pub use status::{ChainStatus, Status, StreamStatus};
pub use store::{DbInfo, SqlStore};
