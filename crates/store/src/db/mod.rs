//! A database of either engine: its connections and its transactions. Everything above this module is the same text on both.

mod pages;
mod snapshot;
mod tx;

pub(crate) use pages::Pages;
pub(crate) use snapshot::Snapshot;
pub(crate) use tx::Tx;

use crate::place::Place;
use crate::postgres::PostgresDb;
use crate::sql::{Param, Record, Result, Table, first_int};
use crate::sqlite::SqliteDb;

/// A database: a writer at a time, readers beside it.
#[derive(Debug)]
pub(crate) enum Db {
    Sqlite(SqliteDb),
    Postgres(PostgresDb),
}

impl Db {
    /// Connects. A file that does not exist is made only if `create`.
    pub(crate) async fn open(place: &Place, create: bool) -> Result<Db> {
        match place {
            Place::File(path) => Ok(Db::Sqlite(SqliteDb::open(Some(path), create).await?)),
            Place::Memory => Ok(Db::Sqlite(SqliteDb::open(None, create).await?)),
            Place::Postgres(url) => Ok(Db::Postgres(PostgresDb::open(url).await?)),
        }
    }

    /// Begins the one writing transaction; waits for the writer before.
    pub(crate) async fn begin(&self) -> Result<Tx> {
        match self {
            Db::Sqlite(db) => Ok(Tx::Sqlite(db.begin().await?)),
            Db::Postgres(db) => Ok(Tx::Postgres(db.begin().await?)),
        }
    }

    /// Begins a transaction beside the one that writes, which may add rows under keys that are its own, and nothing else before
    /// [`Tx::take_turn`]. `None`: the engine has one writer only, or enough have begun.
    pub(crate) async fn begin_ahead(&self) -> Result<Option<Tx>> {
        match self {
            Db::Sqlite(_) => Ok(None),
            Db::Postgres(db) => Ok(db.begin_ahead().await?.map(Tx::Postgres)),
        }
    }

    /// Reads outside of any transaction.
    pub(crate) async fn rows(&self, sql: &str, params: Vec<Param>) -> Result<Vec<Record>> {
        match self {
            Db::Sqlite(db) => db.rows(sql, params).await,
            Db::Postgres(db) => db.rows(sql, params).await,
        }
    }

    /// Begins to read one state; what is read waits for no writer.
    pub(crate) async fn snapshot(&self) -> Result<Snapshot> {
        match self {
            Db::Sqlite(db) => Ok(Snapshot::Sqlite(db.snapshot().await?)),
            Db::Postgres(db) => Ok(Snapshot::Postgres(db.snapshot().await?)),
        }
    }

    /// Runs a statement of the user's that cannot write.
    pub(crate) async fn query(&self, sql: &str, rows_max: usize) -> Result<Table> {
        match self {
            Db::Sqlite(db) => db.query(sql, rows_max).await,
            Db::Postgres(db) => db.query(sql, rows_max).await,
        }
    }

    /// Bytes the database takes.
    pub(crate) async fn bytes(&self) -> Result<i64> {
        let sql = match self {
            Db::Sqlite(_) => "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()",
            Db::Postgres(_) => "SELECT pg_database_size(current_database())",
        };
        first_int(&self.rows(sql, Vec::new()).await?)
    }

    /// Whether a table of this name exists.
    pub(crate) async fn has_table(&self, name: &str) -> Result<bool> {
        let sql = match self {
            Db::Sqlite(_) => "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = $1",
            Db::Postgres(_) => "SELECT COUNT(*) FROM pg_catalog.pg_class WHERE relkind = 'r' AND oid = to_regclass($1)",
        };
        Ok(first_int(&self.rows(sql, vec![name.into()]).await?)? > 0)
    }

    /// Ends all connections; what was committed stays.
    pub(crate) async fn close(&self) {
        match self {
            Db::Sqlite(db) => db.close().await,
            Db::Postgres(db) => db.close().await,
        }
    }
}
