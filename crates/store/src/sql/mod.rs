//! One small language over both engines: parameters, values, rows, transactions. Everything above this module is the
//! same text on both.

mod bulk;
mod fault;
mod numbers;
mod value;

use crate::place::Place;
use crate::postgres::{PostgresDb, PostgresTx};
use crate::sqlite::{SqliteDb, SqliteTx};
pub(crate) use bulk::{Bulk, Lot};
pub(crate) use fault::{Fault, Result};
pub(crate) use numbers::{Numbers, Page, Pages, Reading, Start};
pub(crate) use value::{EachRecord, Param, Record};
pub use value::{Table, Value};

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

/// The first cell of the first row, of a statement that always gives one.
pub(crate) fn first_int(rows: &[Record]) -> Result<i64> {
    rows.first().ok_or_else(|| Fault::Corrupt("a count gave no row".to_owned()))?.int(0)
}

/// A writing transaction; dropped without [`Tx::commit`], it leaves nothing.
#[derive(Debug)]
pub(crate) enum Tx {
    Sqlite(SqliteTx),
    Postgres(PostgresTx),
}

impl Tx {
    /// Makes a transaction that began ahead the one that writes; waits for the writer before.
    pub(crate) async fn take_turn(&mut self) -> Result<()> {
        match self {
            Tx::Sqlite(_) => Ok(()),
            Tx::Postgres(tx) => tx.take_turn().await,
        }
    }

    /// Lets [`Tx::back_to_mark`] undo what follows. Only a transaction that began ahead has need of it.
    pub(crate) async fn mark(&mut self) -> Result<()> {
        match self {
            Tx::Sqlite(_) => Ok(()),
            Tx::Postgres(tx) => tx.mark().await,
        }
    }

    /// Undoes what was written since the mark, in a transaction that began ahead and whose turn has come.
    pub(crate) async fn back_to_mark(&mut self) -> Result<()> {
        match self {
            Tx::Sqlite(_) => Ok(()),
            Tx::Postgres(tx) => tx.back_to_mark().await,
        }
    }

    /// Runs a statement and gives the number of rows it touched.
    pub(crate) async fn execute(&mut self, sql: &str, params: Vec<Param>) -> Result<u64> {
        match self {
            Tx::Sqlite(tx) => tx.execute(sql, params).await,
            Tx::Postgres(tx) => tx.execute(sql, params).await,
        }
    }

    /// Runs a statement that gives rows.
    pub(crate) async fn rows(&mut self, sql: &str, params: Vec<Param>) -> Result<Vec<Record>> {
        match self {
            Tx::Sqlite(tx) => tx.rows(sql, params).await,
            Tx::Postgres(tx) => tx.rows(sql, params).await,
        }
    }

    /// The elements of the JSON array at a parameter as a table `k` with one column, `value`.
    pub(crate) fn elements(&self, param: &str) -> String {
        match self {
            Tx::Sqlite(_) => format!("json_each({param}) AS k"),
            Tx::Postgres(_) => format!("json_array_elements(CAST({param} AS JSON)) AS k(value)"),
        }
    }

    /// Runs a statement that gives many rows of so many integers and texts, and gives them to `each`.
    pub(crate) async fn many(&mut self, sql: &str, width: usize, params: Vec<Param>, each: &mut EachRecord<'_>) -> Result<()> {
        match self {
            Tx::Sqlite(tx) => tx.many(sql, width, params, each).await,
            Tx::Postgres(tx) => tx.rows(sql, params).await?.into_iter().try_for_each(each),
        }
    }

    /// Begins to read a page of numbers; gives where the one behind it begins, too.
    pub(crate) async fn begin_page(&mut self, of: &Numbers<'_>, start: Start) -> Result<(Reading, Option<Start>)> {
        match self {
            Tx::Sqlite(tx) => tx.begin_page(of, start).await,
            Tx::Postgres(tx) => tx.begin_page(of, start).await,
        }
    }

    /// Keeps this transaction's statements to the indexes: what a commit reads, it names by keys.
    pub(crate) async fn look_up_by_keys(&mut self) -> Result<()> {
        match self {
            Tx::Sqlite(_) => Ok(()),
            Tx::Postgres(tx) => tx.look_up_by_keys().await,
        }
    }

    /// Lets this transaction's statements walk along the index that leads to the fewest rows, wherever these lie, and take them in its
    /// order. A market's fills are scattered: PostgreSQL would rather look through those of all markets, which lie in a row, once for
    /// each market, or sort all that is left of a day for every page of it.
    pub(crate) async fn walk_along_indexes(&mut self) -> Result<()> {
        match self {
            Tx::Sqlite(_) => Ok(()),
            Tx::Postgres(tx) => tx.walk_along_indexes().await,
        }
    }

    /// Rows of a table that are written at once: fewer should wait for those that are being made.
    pub(crate) fn rows_at_once(&self) -> usize {
        match self {
            Tx::Sqlite(_) => SqliteTx::ROWS_AT_ONCE,
            Tx::Postgres(_) => PostgresTx::ROWS_AT_ONCE,
        }
    }

    /// Inserts many rows whose keys are not stored yet, as fast as the engine can.
    pub(crate) async fn write<T>(&mut self, lots: Vec<Lot<T>>) -> Result<()> {
        match self {
            Tx::Sqlite(tx) => tx.write(lots).await,
            Tx::Postgres(tx) => {
                for lot in lots.into_iter().filter(|lot| !lot.rows.is_empty()) {
                    tx.write(lot).await?;
                }
                Ok(())
            }
        }
    }

    /// Inserts rows whose keys are not stored yet.
    pub(crate) async fn bulk(&mut self, bulk: Bulk) -> Result<()> {
        self.upsert(bulk, "").await
    }

    /// Inserts rows with `tail` behind them (`ON CONFLICT …`).
    pub(crate) async fn upsert(&mut self, bulk: Bulk, tail: &str) -> Result<()> {
        match self {
            _ if bulk.cells.is_empty() => Ok(()),
            Tx::Sqlite(tx) => tx.insert(bulk, tail).await,
            Tx::Postgres(tx) => tx.insert(bulk, tail).await,
        }
    }

    /// Runs the statements of a migration.
    pub(crate) async fn script(&mut self, sql: &str) -> Result<()> {
        match self {
            Tx::Sqlite(tx) => tx.script(sql).await,
            Tx::Postgres(tx) => tx.script(sql).await,
        }
    }

    /// Makes it last.
    pub(crate) async fn commit(self) -> Result<()> {
        match self {
            Tx::Sqlite(tx) => tx.commit().await,
            Tx::Postgres(tx) => tx.commit().await,
        }
    }
}
