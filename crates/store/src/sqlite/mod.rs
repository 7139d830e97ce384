//! SQLite: one writing connection, a few reading ones, write-ahead log.

mod insert;
mod log;
mod pages;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures::TryStreamExt;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteRow, SqliteSynchronous,
};
use sqlx::{AssertSqlSafe, Column, Connection, Executor, Row, SqlSafeStr, Sqlite, Statement, Transaction, TypeInfo, ValueRef};

use insert::{INSERT_ROWS, Insert, Texts, arguments, inserts};
use log::Log;

use crate::sql::{Bulk, EachRecord, Fault, Lot, Param, Record, Result, Table, Value};

/// Prepared statements that a connection keeps: those of every size and table, and the plain ones.
const STATEMENTS_KEPT: usize = 256;
/// Pages of the log after which the writer itself moves them to the file, 32 MB: a page of an index that every commit touches is
/// then moved once for several commits.
const LOG_PAGES_MAX: &str = "8192";
/// Reading connections of a file.
const READERS_MAX: u32 = 4;
/// Page cache of the writer, as the pragma takes it: kibibytes, below zero. A commit's pages should fit.
const WRITER_CACHE_SIZE: &str = "-24576";
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
    log: Arc<Log>,
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
            .pragma("wal_autocheckpoint", LOG_PAGES_MAX)
            .statement_cache_capacity(STATEMENTS_KEPT)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal);
        let write = match path {
            Some(_) => pool(1).after_release(|writer, _| Box::pin(is_out_of_transaction(writer))).connect_lazy_with(writer),
            None => pool(1).connect_lazy_with(options.clone()),
        };
        let read = match path {
            Some(_) => pool(READERS_MAX).connect_lazy_with(options.clone().read_only(true).create_if_missing(false)),
            None => write.clone(),
        };
        let mover = path.map(|_| pool(1).connect_lazy_with(options.create_if_missing(false).synchronous(SqliteSynchronous::Normal)));
        let log = Arc::new(Log::new(mover));
        let db = SqliteDb { write, read, log, in_memory: path.is_none() };
        if create {
            drop(db.write.acquire().await?);
        } else {
            drop(db.read.acquire().await?);
        }
        Ok(db)
    }

    pub(crate) async fn begin(&self) -> Result<SqliteTx> {
        let beside = (!self.in_memory).then(|| self.read.clone());
        Ok(SqliteTx { inner: self.write.begin_with("BEGIN IMMEDIATE").await?, beside, log: self.log.clone(), bytes: 0 })
    }

    pub(crate) async fn rows(&self, sql: &str, params: Vec<Param>) -> Result<Vec<Record>> {
        rows(&mut *self.read.acquire().await?, sql, params).await
    }

    /// Begins to read the state that the first statement meets.
    pub(crate) async fn snapshot(&self) -> Result<Transaction<'static, Sqlite>> {
        Ok(self.read.begin().await?)
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
        if let Some(mover) = &self.log.mover {
            mover.close().await;
        }
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
pub(crate) struct SqliteTx {
    inner: Transaction<'static, Sqlite>,
    /// Connections that read what is committed; a database in memory has none.
    beside: Option<SqlitePool>,
    log: Arc<Log>,
    /// Bytes of cells written.
    bytes: u64,
}

impl SqliteTx {
    pub(crate) async fn execute(&mut self, sql: &str, params: Vec<Param>) -> Result<u64> {
        let query = sqlx::query_with(AssertSqlSafe(sql), arguments(params)?).persistent(sql.len() < 2_000);
        Ok(query.execute(&mut *self.inner).await?.rows_affected())
    }

    pub(crate) async fn rows(&mut self, sql: &str, params: Vec<Param>) -> Result<Vec<Record>> {
        rows(&mut self.inner, sql, params).await
    }

    /// Rows of the largest insert.
    pub(crate) const ROWS_AT_ONCE: usize = INSERT_ROWS[0];

    /// Inserts rows with `tail` behind them.
    pub(crate) async fn insert(&mut self, bulk: Bulk, tail: &str) -> Result<()> {
        let (rows, mut cells) = (bulk.rows(), bulk.cells.into_iter());
        let take = |count: usize| cells.by_ref().take(count * bulk.columns.len()).collect();
        self.run(inserts(bulk.table, bulk.columns, rows, tail, take)).await
    }

    /// Inserts rows whose keys are not stored.
    pub(crate) async fn write<T>(&mut self, lots: Vec<Lot<T>>) -> Result<()> {
        self.run(lots.into_iter().flat_map(|Lot { table, columns, rows, push }| {
            let (count, mut rows) = (rows.len(), rows.into_iter());
            let take = move |count: usize| {
                let mut bulk = Bulk { table, columns, cells: Vec::with_capacity(count * columns.len()) };
                rows.by_ref().take(count).for_each(|row| push(&mut bulk, row));
                bulk.cells
            };
            inserts(table, columns, count, "", take)
        }))
        .await
    }

    async fn run(&mut self, mut inserts: impl Iterator<Item = Result<Insert>>) -> Result<()> {
        let mut next = inserts.next().transpose()?;
        let mut before = Texts::default();
        while let Some(Insert { sql, arguments, texts, bytes }) = next {
            self.bytes += bytes;
            let insert = sqlx::query_with(AssertSqlSafe(sql), arguments).execute(&mut *self.inner);
            // SQLite works on a thread of its own: meanwhile the next rows are made ready.
            let (done, made) = futures::join!(insert, async { inserts.next().transpose() });
            done?;
            next = made?;
            // Those of this statement may still be in use for a moment.
            drop(std::mem::replace(&mut before, texts));
        }
        Ok(())
    }

    /// Reads rows as one text, a JSON array a line.
    pub(crate) async fn many(&mut self, sql: &str, width: usize, params: Vec<Param>, each: &mut EachRecord<'_>) -> Result<()> {
        let columns = (0..width).map(|at| format!("c{at}")).collect::<Vec<String>>().join(", ");
        let lines = format!("WITH x ({columns}) AS ({sql}) SELECT group_concat(json_array({columns}), char(10)) FROM x");
        let records = self.rows(&lines, params).await?;
        let text = records.first().map_or(Ok(None), |record| record.opt_text(0))?.unwrap_or_default();
        text.lines().try_for_each(|line| {
            each(serde_json::from_str(line).map_err(|error| Fault::Corrupt(format!("a row read as JSON cannot be taken apart: {error}")))?)
        })
    }

    pub(crate) async fn script(&mut self, sql: &str) -> Result<()> {
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *self.inner).await?;
        Ok(())
    }

    pub(crate) async fn commit(self) -> Result<()> {
        self.inner.commit().await?;
        self.log.grew(self.bytes);
        Ok(())
    }
}

/// Runs a statement that gives rows.
pub(crate) async fn rows(connection: &mut SqliteConnection, sql: &str, params: Vec<Param>) -> Result<Vec<Record>> {
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering::Relaxed;

    use super::log::MOVED_BYTES;
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

    #[tokio::test]
    async fn the_log_is_moved_beside_the_writer() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.db");
        let db = SqliteDb::open(Some(&path), true).await.unwrap();
        let mut tx = db.begin().await.unwrap();
        tx.script("CREATE TABLE cells (cell BLOB)").await.unwrap();
        tx.commit().await.unwrap();
        let bytes = |path: &Path| std::fs::metadata(path).unwrap().len();
        for cells in [1, 8] {
            let mut tx = db.begin().await.unwrap();
            let mut bulk = Bulk::new("cells", &["cell"]);
            (0..cells).for_each(|_| bulk.push([vec![7; 1 << 20].into()]));
            tx.insert(bulk, "").await.unwrap();
            tx.commit().await.unwrap();
            while db.log.is_moving.load(Relaxed) {
                tokio::task::yield_now().await;
            }
            assert_eq!(bytes(&path) > MOVED_BYTES, cells == 8, "too little is left to the writer, which does so far later");
        }
        assert_eq!(db.rows("SELECT COUNT(*) FROM cells", Vec::new()).await.unwrap()[0].int(0).unwrap(), 9);
    }

    #[tokio::test]
    async fn many_rows_are_read_as_single_ones_are() {
        let db = SqliteDb::open(None, true).await.unwrap();
        let mut tx = db.begin().await.unwrap();
        tx.script("CREATE TABLE cells (place INTEGER PRIMARY KEY, number INTEGER, text TEXT)").await.unwrap();
        let texts = ["", "line\nline\r\n", "\"quoted\", [1]", "\\u0041", "\u{1}\u{7f}\u{2028}é€😀", "null"];
        let mut bulk = Bulk::new("cells", &["number", "text"]);
        for (text, number) in texts.into_iter().zip([i64::MIN, -1, 0, 1 << 53, (1 << 53) + 1, i64::MAX]) {
            bulk.push([number.into(), text.into()]);
            bulk.push([Param::Null, text.into()]);
            bulk.push([number.into(), Param::Null]);
        }
        tx.insert(bulk, "").await.unwrap();
        for condition in ["place > $1", "place < $1"] {
            let (sql, params) = (format!("SELECT place, number, text FROM cells WHERE {condition} ORDER BY place"), vec![Param::Int(0)]);
            let single = tx.rows(&sql, params.clone()).await.unwrap();
            let mut many = Vec::new();
            let mut add = |record: Record| {
                many.push(record);
                Ok(())
            };
            tx.many(&sql, 3, params, &mut add).await.unwrap();
            assert_eq!(many, single);
            assert_eq!(many.len(), if condition == "place > $1" { 18 } else { 0 });
        }
    }
}
