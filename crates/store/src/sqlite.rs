//! SQLite: one writing connection, a few reading ones, write-ahead log.

use std::path::Path;
use std::time::Duration;

use futures::TryStreamExt;
use sqlx::sqlite::{
    SqliteArguments, SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteRow, SqliteSynchronous,
};
use sqlx::{Arguments, AssertSqlSafe, Column, Connection, Executor, Row, SqlSafeStr, Sqlite, Statement, Transaction, TypeInfo, ValueRef};

use crate::sql::{Bulk, Fault, Lot, Param, Record, Result, Table, Value};

/// Parameters of one statement, SQLite's own limit.
const PARAMS_MAX: usize = 32_766;
/// Rows of one insert; more gain nothing.
const ROWS_MAX: usize = 500;
/// Reading connections of a file.
const READERS_MAX: u32 = 4;
/// Page cache of the writer, as the pragma takes it: kibibytes, below zero. A commit's pages should fit.
const WRITER_CACHE_SIZE: &str = "-32768";
/// Page cache of a reader: what it reads again and again is little, and the system's cache is behind it.
const READER_CACHE_SIZE: &str = "-4096";
/// How long to wait for another process that writes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(60);
/// How long to wait for the writer of this process: commits are long, but not this long.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(600);

#[derive(Debug)]
pub(crate) struct SqliteDb {
    write: SqlitePool,
    read: SqlitePool,
    in_memory: bool,
}

impl SqliteDb {
    pub(crate) async fn open(path: Option<&Path>, create: bool) -> Result<SqliteDb> {
        let options = match path {
            Some(path) => SqliteConnectOptions::new().filename(path).create_if_missing(create),
            None => SqliteConnectOptions::new().in_memory(true),
        };
        let options = options.busy_timeout(BUSY_TIMEOUT).foreign_keys(false).pragma("cache_size", READER_CACHE_SIZE);
        // A memory database lives as long as its one connection: it must never be dropped for idleness or age.
        let pool = |connections| {
            SqlitePoolOptions::new()
                .max_connections(connections)
                .min_connections(u32::from(path.is_none()))
                .acquire_timeout(ACQUIRE_TIMEOUT)
                .idle_timeout(None)
                .max_lifetime(None)
        };
        let writer = options
            .clone()
            .pragma("cache_size", WRITER_CACHE_SIZE)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal);
        let write = match path {
            Some(_) => pool(1).after_release(|writer, _| Box::pin(is_out_of_transaction(writer))).connect_lazy_with(writer),
            None => pool(1).connect_lazy_with(options.clone()),
        };
        let read = match path {
            Some(_) => pool(READERS_MAX).connect_lazy_with(options.read_only(true).create_if_missing(false)),
            None => write.clone(),
        };
        let db = SqliteDb { write, read, in_memory: path.is_none() };
        if create {
            drop(db.write.acquire().await?);
        } else {
            drop(db.read.acquire().await?);
        }
        Ok(db)
    }

    pub(crate) async fn begin(&self) -> Result<SqliteTx> {
        Ok(SqliteTx(self.write.begin_with("BEGIN IMMEDIATE").await?))
    }

    pub(crate) async fn rows(&self, sql: &str, params: Vec<Param>) -> Result<Vec<Record>> {
        rows(&mut *self.read.acquire().await?, sql, params).await
    }

    pub(crate) async fn query(&self, sql: &str, rows_max: usize) -> Result<Table> {
        let mut connection = self.read.acquire().await?;
        connection.execute("PRAGMA query_only = ON").await?;
        let answer = table(&mut connection, sql, rows_max).await;
        // The memory database has but this connection; the reading connections of a file cannot write at all.
        if self.in_memory {
            connection.execute("PRAGMA query_only = OFF").await?;
        }
        answer
    }

    pub(crate) async fn close(&self) {
        self.read.close().await;
        self.write.close().await;
    }
}

/// Whether a writer that is given back can begin anew. SQLite itself undoes the transaction of some failures (a full disk), after
/// which the driver's own rollback fails and it believes for ever to be inside: such a connection is closed.
async fn is_out_of_transaction(writer: &mut SqliteConnection) -> sqlx::Result<bool> {
    // Behind the rollback, which is but queued when a transaction is dropped.
    writer.ping().await?;
    Ok(!writer.is_in_transaction())
}

#[derive(Debug)]
pub(crate) struct SqliteTx(Transaction<'static, Sqlite>);

impl SqliteTx {
    pub(crate) async fn execute(&mut self, sql: &str, params: Vec<Param>) -> Result<u64> {
        let query = sqlx::query_with(AssertSqlSafe(sql), arguments(params)?).persistent(sql.len() < 2_000);
        Ok(query.execute(&mut *self.0).await?.rows_affected())
    }

    pub(crate) async fn rows(&mut self, sql: &str, params: Vec<Param>) -> Result<Vec<Record>> {
        rows(&mut self.0, sql, params).await
    }

    pub(crate) async fn insert(&mut self, bulk: Bulk, tail: &str) -> Result<()> {
        let (width, mut rest) = (bulk.columns.len(), bulk.rows());
        let rows_max = ROWS_MAX.min(PARAMS_MAX / width);
        let whole = insert_sql(&bulk, rows_max, tail);
        let last = insert_sql(&bulk, rest % rows_max, tail);
        let mut cells = bulk.cells.into_iter();
        let mut chunk = move || arguments(cells.by_ref().take(rows_max * width).collect());
        let mut next = chunk()?;
        while rest > 0 {
            let is_whole = rest >= rows_max;
            rest = rest.saturating_sub(rows_max);
            let sql = AssertSqlSafe(if is_whole { whole.as_str() } else { last.as_str() });
            let insert = sqlx::query_with(sql, next).persistent(is_whole).execute(&mut *self.0);
            // SQLite works on a thread of its own: meanwhile the next rows are made ready.
            let (done, prepared) = futures::join!(insert, async { chunk() });
            done?;
            next = prepared?;
        }
        Ok(())
    }

    /// Inserts rows whose keys are not stored.
    pub(crate) async fn write<T>(&mut self, lot: Lot<T>) -> Result<()> {
        let mut parts = lot.parts(ROWS_MAX);
        let mut next = parts.next();
        while let Some(bulk) = next {
            // SQLite works on a thread of its own: meanwhile the next rows are made ready.
            let (done, prepared) = futures::join!(self.insert(bulk, ""), async { parts.next() });
            done?;
            next = prepared;
        }
        Ok(())
    }

    pub(crate) async fn script(&mut self, sql: &str) -> Result<()> {
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *self.0).await?;
        Ok(())
    }

    pub(crate) async fn commit(self) -> Result<()> {
        Ok(self.0.commit().await?)
    }
}

/// Unnumbered parameters: SQLite looks numbered ones up by name, one by one.
fn insert_sql(bulk: &Bulk, rows: usize, tail: &str) -> String {
    let row = format!("({})", vec!["?"; bulk.columns.len()].join(","));
    format!("INSERT INTO {} ({}) VALUES {} {tail}", bulk.table, bulk.columns.join(", "), vec![row.as_str(); rows].join(","))
}

async fn rows(connection: &mut SqliteConnection, sql: &str, params: Vec<Param>) -> Result<Vec<Record>> {
    let query = sqlx::query_with(AssertSqlSafe(sql), arguments(params)?).persistent(sql.len() < 2_000);
    let mut answer = query.fetch(connection);
    let mut out = Vec::new();
    while let Some(row) = answer.try_next().await? {
        out.push(Record(values(&row)?));
    }
    Ok(out)
}

async fn table(connection: &mut SqliteConnection, sql: &str, rows_max: usize) -> Result<Table> {
    let statement = connection.prepare(AssertSqlSafe(sql).into_sql_str()).await?;
    let columns = statement.columns().iter().map(|column| column.name().to_owned()).collect();
    let mut out = Table { columns, rows: Vec::new(), is_truncated: false };
    let mut answer = statement.query().persistent(false).fetch(connection);
    while let Some(row) = answer.try_next().await? {
        if out.rows.len() == rows_max {
            out.is_truncated = true;
            break;
        }
        out.rows.push(values(&row)?);
    }
    Ok(out)
}

fn values(row: &SqliteRow) -> Result<Vec<Value>> {
    (0..row.len())
        .map(|at| {
            let raw = row.try_get_raw(at)?;
            if raw.is_null() {
                return Ok(Value::Null);
            }
            match raw.type_info().name() {
                "INTEGER" | "BOOLEAN" => Ok(Value::Int(row.try_get_unchecked(at)?)),
                "REAL" => Ok(Value::Float(row.try_get_unchecked(at)?)),
                "TEXT" => Ok(Value::Text(row.try_get_unchecked(at)?)),
                "BLOB" => Ok(Value::Bytes(row.try_get_unchecked(at)?)),
                other => Err(Fault::Sql(format!("column {} has type {other}", row.column(at).name()))),
            }
        })
        .collect()
}

fn arguments(params: Vec<Param>) -> Result<SqliteArguments> {
    let mut out = SqliteArguments::default();
    out.reserve(params.len(), 0);
    for param in params {
        let added = match param {
            Param::Null => out.add(None::<i64>),
            Param::Int(value) => out.add(value),
            Param::Float(value) => out.add(value),
            Param::Text(value) => out.add(value),
            Param::Name(value) => out.add(value),
            Param::Bytes(value) => out.add(value),
            Param::Exact(value) => out.add(value.to_string()),
        };
        added.map_err(|error| Fault::Sql(error.to_string()))?;
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_full_disk_ends_one_transaction_and_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let db = SqliteDb::open(Some(&folder.path().join("full.db")), true).await.unwrap();
        let mut tx = db.begin().await.unwrap();
        tx.script("CREATE TABLE cells (cell BLOB)").await.unwrap();
        tx.commit().await.unwrap();
        let mut tx = db.begin().await.unwrap();
        // The limit is the connection's own; the error is that of a full disk.
        tx.rows("PRAGMA max_page_count = 20", Vec::new()).await.unwrap();
        let fault = tx.execute("INSERT INTO cells VALUES (zeroblob(1000000))", Vec::new()).await.unwrap_err();
        assert!(matches!(&fault, Fault::Sql(text) if text.contains("database or disk is full")), "{fault:?}");
        drop(tx);
        let mut tx = db.begin().await.expect("the failed transaction is over");
        tx.execute("INSERT INTO cells VALUES (zeroblob(1000000))", Vec::new()).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(db.rows("SELECT COUNT(*) FROM cells", Vec::new()).await.unwrap()[0].int(0).unwrap(), 1);
    }
}
