//! Why a call of the store failed.

use thiserror::Error;

use crate::{BlockConflict, ChainId};

/// A failed call of the store. Nothing was written.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The database could not be reached or refused.
    #[error("{database}: {message}")]
    Database {
        /// Kind and place without password.
        database: String,
        /// What it said.
        message: String,
    },
    /// The database is away or busy, or undid the transaction for another's sake: the same call may succeed later.
    #[error("{database}: {message}")]
    Unavailable {
        /// Kind and place without password.
        database: String,
        /// What it said.
        message: String,
    },
    /// The database was made by a newer perpdex.
    #[error("{database}: schema version {found} is newer than this program's {known}: use a newer perpdex or another database")]
    Newer {
        /// Kind and place without password.
        database: String,
        /// Its version.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// A stored block or record has another hash.
    #[error("{chain}: block {} is stored with hash {} but the endpoint gives {}", conflict.height, conflict.stored, conflict.found)]
    Conflict {
        /// The chain.
        chain: ChainId,
        /// The two hashes.
        conflict: BlockConflict,
    },
    /// A commit before this one was not written.
    #[error("the commit before this one was not written, so neither is this one")]
    OutOfTurn,
    /// A number does not fit its column.
    #[error("{chain}: event at height {height}: {message}")]
    Number {
        /// The chain.
        chain: ChainId,
        /// Where.
        height: u64,
        /// Which number.
        message: String,
    },
    /// Stored data contradict themselves; a defect of ours or of the disk.
    #[error("{database}: {message}")]
    Corrupt {
        /// Kind and place without password.
        database: String,
        /// What does not fit.
        message: String,
    },
}
