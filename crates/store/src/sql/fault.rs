//! What can go wrong below the store's interface.

use perpdex_core::StoreError;

/// What can go wrong below the store's interface; the store adds the database's name.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The engine refused.
    Sql(String),
    /// A key is stored already.
    Taken(String),
    /// The engine is away or busy, or undid the transaction for another's sake.
    Unavailable(String),
    /// Stored data contradict themselves.
    Corrupt(String),
    /// Already in the caller's terms.
    Store(StoreError),
}

pub(crate) type Result<T> = std::result::Result<T, Fault>;

impl From<sqlx::Error> for Fault {
    fn from(error: sqlx::Error) -> Fault {
        let message = error.to_string();
        match error.as_database_error() {
            _ if is_passing(&error) => Fault::Unavailable(message),
            Some(error) if error.is_unique_violation() => Fault::Taken(message),
            _ => Fault::Sql(message),
        }
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Fault {
        Fault::Store(error)
    }
}

impl Fault {
    /// The same in the caller's terms, of a database of this name.
    pub(crate) fn told(self, database: &impl ToString) -> StoreError {
        let database = database.to_string();
        match self {
            Fault::Sql(message) | Fault::Taken(message) => StoreError::Database { database, message },
            Fault::Unavailable(message) => StoreError::Unavailable { database, message },
            Fault::Corrupt(message) => StoreError::Corrupt { database, message },
            Fault::Store(error) => error,
        }
    }

    /// What a transaction meant that ran into rows which it cannot have seen: another process writes the same heights.
    pub(crate) fn of_another_writer(self) -> Fault {
        match self {
            Fault::Taken(message) => Fault::Unavailable(format!("another process writes the same heights: {message}")),
            other => other,
        }
    }
}

/// Whether the same may succeed later without anybody's help.
fn is_passing(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::Protocol(_) => true,
        sqlx::Error::Database(error) => error.code().is_some_and(|code| is_passing_code(&code)),
        _ => false,
    }
}

/// SQLSTATE of PostgreSQL (five signs: appendix A of its manual), or an extended result code of SQLite (a number, whose low
/// byte is the primary code).
fn is_passing_code(code: &str) -> bool {
    const SQLITE_BUSY: u32 = 5;
    const SQLITE_LOCKED: u32 = 6;
    /// serialization_failure, deadlock_detected, too_many_connections, lock_not_available, admin_shutdown, crash_shutdown,
    /// cannot_connect_now
    const PASSING: [&str; 7] = ["40001", "40P01", "53300", "55P03", "57P01", "57P02", "57P03"];
    /// connection_exception
    const CONNECTION: &str = "08";
    match code.len() {
        5 => PASSING.contains(&code) || code.starts_with(CONNECTION),
        _ => code.parse::<u32>().is_ok_and(|code| [SQLITE_BUSY, SQLITE_LOCKED].contains(&(code & 0xff))),
    }
}
