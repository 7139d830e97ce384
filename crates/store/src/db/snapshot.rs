//! Reads of one state, whatever is written meanwhile.

use sqlx::{Postgres, Sqlite, Transaction};

use crate::sql::{Param, Record, Result};
use crate::{postgres, sqlite};

/// A transaction that only reads: all that it gives is of one state of the database.
#[derive(Debug)]
pub(crate) enum Snapshot {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

impl Snapshot {
    /// Runs a statement that gives rows.
    pub(crate) async fn rows(&mut self, sql: &str, params: Vec<Param>) -> Result<Vec<Record>> {
        match self {
            Snapshot::Sqlite(tx) => sqlite::rows(tx, sql, params).await,
            Snapshot::Postgres(tx) => postgres::rows(tx, sql, params).await,
        }
    }
}
