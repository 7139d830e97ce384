//! PostgreSQL: one writer at a time under an advisory lock, others beside it that add rows of their own, bulk rows by binary COPY.

mod bind;
mod copy;
pub(crate) mod no_delay;
mod numeric;
mod pages;
mod read;

use std::sync::Arc;
use std::time::Duration;

use futures::TryStreamExt;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, Column, Connection, Executor, Postgres, SqlSafeStr, Statement, Transaction};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use bind::{arguments, unnest};
use copy::{COPY_END, COPY_HEADER, copy_parts, copy_rows};
use read::values;

pub(crate) use copy::copy_buffer;

use crate::sql::{Bulk, Fault, Lot, Param, Record, Result, Table};

/// Connections of one store.
const CONNECTIONS_MAX: u32 = 12;
/// Those of them that may have begun a transaction before its turn.
const AHEAD_MAX: usize = 4;
/// How long to wait for a connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(60);
/// Bytes of rows sent at once.
const COPY_CHUNK_BYTES: usize = 1 << 18;
/// From so many cells on rows are copied: fewer are faster as one statement.
const COPY_CELLS_MIN: usize = 2_000;
/// Rows of one insert.
const INSERT_ROWS_MAX: usize = 10_000;
/// Joins in the order they are written in, row by row, through indexes.
const LOOK_UP_BY_KEYS: &str = "SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; \
                               SET LOCAL enable_bitmapscan = off; SET LOCAL enable_material = off; SET LOCAL join_collapse_limit = 1; \
                               SET LOCAL jit = off";
/// Rows along an index and in its order, whatever is known of the table and wherever they lie.
const WALK_ALONG_INDEXES: &str = "SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_sort = off; \
                                  SET LOCAL seq_page_cost = 0; SET LOCAL random_page_cost = 0; SET LOCAL jit = off";
/// Key of the advisory lock that keeps writers apart: the bytes of "perpdex".
const WRITER_LOCK: i64 = 0x0070_6572_7064_6578;

/// How long the writer waits for rows that a transaction ahead of its turn has written, seconds. Only two that write the same heights
/// meet, and the other one may be waiting for this one where the server cannot see it.
const ROW_WAIT_S_MAX: u32 = 10;

#[derive(Debug)]
pub(crate) struct PostgresDb {
    pool: PgPool,
    /// Transactions that may begin before their turn.
    ahead: Arc<Semaphore>,
}

impl PostgresDb {
    pub(crate) async fn open(url: &str) -> Result<PostgresDb> {
        let options: PgConnectOptions = url.parse().map_err(|_| Fault::Sql("the address is not a valid postgres:// URL".to_owned()))?;
        // The pool tries a refused connection again until its time is up: one try of our own tells at once.
        PgConnection::connect_with(&options).await?.close().await?;
        let pool = PgPoolOptions::new().max_connections(CONNECTIONS_MAX).acquire_timeout(ACQUIRE_TIMEOUT).after_connect(|_, _| {
            no_delay::set();
            Box::pin(async { Ok(()) })
        });
        Ok(PostgresDb { pool: pool.connect_lazy_with(options), ahead: Arc::new(Semaphore::new(AHEAD_MAX)) })
    }

    pub(crate) async fn begin(&self) -> Result<PostgresTx> {
        let mut tx = PostgresTx { inner: self.pool.begin().await?, beside: self.pool.clone(), ahead: None };
        tx.take_turn().await?;
        Ok(tx)
    }

    /// Begins without the lock; `None` where so many have begun that the connections are needed for those whose turn it is.
    pub(crate) async fn begin_ahead(&self) -> Result<Option<PostgresTx>> {
        let Ok(permit) = self.ahead.clone().try_acquire_owned() else { return Ok(None) };
        Ok(Some(PostgresTx { inner: self.pool.begin().await?, beside: self.pool.clone(), ahead: Some(permit) }))
    }

    pub(crate) async fn rows(&self, sql: &str, params: Vec<Param>) -> Result<Vec<Record>> {
        rows(&mut *self.pool.acquire().await?, sql, params).await
    }

    /// Begins to read the state that the first statement meets.
    pub(crate) async fn snapshot(&self) -> Result<Transaction<'static, Postgres>> {
        Ok(self.pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?)
    }

    pub(crate) async fn query(&self, sql: &str, rows_max: usize) -> Result<Table> {
        let mut tx = self.pool.begin_with("BEGIN READ ONLY").await?;
        let answer = table(&mut tx, sql, rows_max).await;
        tx.rollback().await?;
        answer
    }

    pub(crate) async fn close(&self) {
        self.pool.close().await;
    }
}

#[derive(Debug)]
pub(crate) struct PostgresTx {
    inner: Transaction<'static, Postgres>,
    /// Connections that read what is committed.
    beside: PgPool,
    /// Held by a transaction that began before its turn.
    ahead: Option<OwnedSemaphorePermit>,
}

impl PostgresTx {
    /// Rows of a table that are copied at once: enough that the answer to a COPY, which is waited for, takes little of its time.
    pub(crate) const ROWS_AT_ONCE: usize = 2_048;

    pub(crate) async fn take_turn(&mut self) -> Result<()> {
        self.script(&format!("SELECT pg_advisory_xact_lock({WRITER_LOCK}); SET LOCAL lock_timeout = '{ROW_WAIT_S_MAX}s'")).await
    }

    pub(crate) async fn mark(&mut self) -> Result<()> {
        match self.ahead {
            Some(_) => self.script("SAVEPOINT mark").await,
            None => Ok(()),
        }
    }

    pub(crate) async fn back_to_mark(&mut self) -> Result<()> {
        self.script("ROLLBACK TO SAVEPOINT mark").await?;
        // The lock was taken behind the mark, and is undone with the rest.
        self.take_turn().await
    }

    pub(crate) async fn execute(&mut self, sql: &str, params: Vec<Param>) -> Result<u64> {
        let query = sqlx::query_with(AssertSqlSafe(sql), arguments(params)?).persistent(sql.len() < 2_000);
        Ok(query.execute(&mut *self.inner).await?.rows_affected())
    }

    pub(crate) async fn rows(&mut self, sql: &str, params: Vec<Param>) -> Result<Vec<Record>> {
        rows(&mut self.inner, sql, params).await
    }

    /// Statistics of a new table are missing or old, and the planner would then rather read all of it.
    pub(crate) async fn look_up_by_keys(&mut self) -> Result<()> {
        self.script(LOOK_UP_BY_KEYS).await
    }

    pub(crate) async fn walk_along_indexes(&mut self) -> Result<()> {
        self.script(WALK_ALONG_INDEXES).await
    }

    /// Inserts rows with `tail` behind them.
    pub(crate) async fn insert(&mut self, bulk: Bulk, tail: &str) -> Result<()> {
        for chunk in bulk.cells.chunks(INSERT_ROWS_MAX * bulk.columns.len()) {
            let (sql, arguments) = unnest(bulk.table, bulk.columns, chunk, tail)?;
            sqlx::query_with(AssertSqlSafe(sql), arguments).execute(&mut *self.inner).await?;
        }
        Ok(())
    }

    /// Inserts rows whose keys are not stored; `push` makes a row's cells.
    pub(crate) async fn write<T>(&mut self, lot: Lot<T>) -> Result<()> {
        if lot.rows.len() * lot.columns.len() <= COPY_CELLS_MIN {
            return self.insert(lot.into_bulk(), "").await;
        }
        let statement = format!("COPY {} ({}) FROM STDIN (FORMAT binary)", lot.table, lot.columns.join(", "));
        let mut copy = self.inner.copy_in_raw(&statement).await?;
        let mut buffer = Vec::with_capacity(2 * COPY_CHUNK_BYTES);
        buffer.extend_from_slice(COPY_HEADER);
        for part in copy_parts(lot) {
            copy_rows(&mut buffer, &part);
            if buffer.len() >= COPY_CHUNK_BYTES {
                // The server takes a chunk in while the next one is made.
                copy.send(&buffer[..]).await?;
                buffer.clear();
            }
        }
        buffer.extend_from_slice(&COPY_END.to_be_bytes());
        copy.send(buffer).await?;
        copy.finish().await?;
        Ok(())
    }

    pub(crate) async fn script(&mut self, sql: &str) -> Result<()> {
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *self.inner).await?;
        Ok(())
    }

    pub(crate) async fn commit(self) -> Result<()> {
        Ok(self.inner.commit().await?)
    }
}

/// Runs a statement that gives rows.
pub(crate) async fn rows(connection: &mut PgConnection, sql: &str, params: Vec<Param>) -> Result<Vec<Record>> {
    let query = sqlx::query_with(AssertSqlSafe(sql), arguments(params)?).persistent(sql.len() < 2_000);
    let mut answer = query.fetch(connection);
    let mut out = Vec::new();
    while let Some(row) = answer.try_next().await? {
        out.push(Record(values(&row)?));
    }
    Ok(out)
}

async fn table(connection: &mut PgConnection, sql: &str, rows_max: usize) -> Result<Table> {
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
