//! The writing transaction.

use crate::postgres::PostgresTx;
use crate::sql::{Bulk, EachRecord, Lot, Numbers, Param, Reading, Record, Result, Start};
use crate::sqlite::SqliteTx;

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
