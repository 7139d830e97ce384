//! The limit of SQLite: all rows of a file through sqlx into a new file, many rows a statement, a transaction a table.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use futures::TryStreamExt;
use sqlx::sqlite::{SqliteArguments, SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteRow, SqliteSynchronous};
use sqlx::{Arguments, AssertSqlSafe, Column, ConnectOptions, Connection, Executor, Row, TypeInfo, ValueRef};

use super::Bench;
use super::counted::{SUMMED, count_sql};

/// Parameters of one statement (SQLite's own limit), and rows.
const PARAMS_MAX: usize = 32_766;
const ROWS_MAX: usize = 500;
/// Page cache in kibibytes, below zero as the pragma takes it: the store's own.
const CACHE_SIZE: &str = "-24576";

/// What is counted, bytes of the file, and seconds of inserting all its rows into a new one. Removes both.
pub(super) async fn limit(bench: &Bench, path: &Path, unit: &str) -> Result<(u64, u64, f64)> {
    let mut from = SqliteConnectOptions::new().filename(path).connect().await?;
    let count: i64 = sqlx::query_scalar(count_sql(unit)).fetch_one(&mut from).await?;
    let bytes: i64 =
        sqlx::query_scalar("SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()").fetch_one(&mut from).await?;
    let folder = bench.folder()?;
    let copy = folder.path().join("limit.db");
    let url = format!("sqlite:{}", copy.display());
    let made = bench.command(folder.path(), &["db", "migrate", "--database", &url]).output()?;
    if !made.status.success() {
        bail!("db migrate ended with {}: {}", made.status, String::from_utf8_lossy(&made.stderr));
    }
    let options = SqliteConnectOptions::new().filename(&copy).journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Normal);
    let mut to = options.foreign_keys(false).pragma("cache_size", CACHE_SIZE).connect().await?;
    let tables: Vec<String> =
        sqlx::query_scalar("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY 1")
            .fetch_all(&mut from)
            .await?;
    let mut spent = Duration::ZERO;
    for table in &tables {
        to.execute(AssertSqlSafe(format!("DELETE FROM {table}"))).await?;
        spent += copy_table(&mut from, &mut to, table).await?;
    }
    to.close().await?;
    from.close().await?;
    for suffix in ["", "-wal", "-shm"] {
        let file = format!("{}{suffix}", path.display());
        if Path::new(&file).exists() {
            std::fs::remove_file(file)?;
        }
    }
    Ok((u64::try_from(count)?, u64::try_from(bytes)?, spent.as_secs_f64()))
}

/// Seconds of looking at the numbers of the fills that sums are made of, inside of SQLite.
pub(super) async fn scan(path: &Path) -> Result<f64> {
    let mut connection = SqliteConnectOptions::new().filename(path).connect().await?;
    let numbers: Vec<String> = SUMMED.iter().map(|column| format!("MAX({column})")).collect();
    let started = Instant::now();
    connection.fetch_one(AssertSqlSafe(format!("SELECT {} FROM fills", numbers.join(", ")))).await?;
    let seconds = started.elapsed().as_secs_f64();
    connection.close().await?;
    Ok(seconds)
}

/// Time of the writing alone: reading and binding are prepared beforehand, a statement at a time.
async fn copy_table(from: &mut SqliteConnection, to: &mut SqliteConnection, table: &str) -> Result<Duration> {
    let mut spent = Duration::ZERO;
    let mut timed = async |to: &mut SqliteConnection, sql: String, arguments: SqliteArguments, is_whole: bool| -> Result<()> {
        let started = Instant::now();
        sqlx::query_with(AssertSqlSafe(sql), arguments).persistent(is_whole).execute(to).await?;
        spent += started.elapsed();
        Ok(())
    };
    timed(to, "BEGIN IMMEDIATE".to_owned(), SqliteArguments::default(), true).await?;
    let sql = format!("SELECT * FROM {table}");
    let mut rows = sqlx::query(AssertSqlSafe(sql.as_str())).fetch(from);
    let (mut arguments, mut width, mut held) = (SqliteArguments::default(), 1, 0);
    let insert = |rows: usize, width: usize| {
        let row = format!("({})", vec!["?"; width].join(","));
        format!("INSERT INTO {table} VALUES {}", vec![row.as_str(); rows].join(","))
    };
    while let Some(row) = rows.try_next().await? {
        width = row.len();
        bind(&mut arguments, &row)?;
        held += 1;
        if held == ROWS_MAX.min(PARAMS_MAX / width) {
            timed(to, insert(held, width), std::mem::take(&mut arguments), true).await?;
            held = 0;
        }
    }
    if held > 0 {
        timed(to, insert(held, width), arguments, false).await?;
    }
    timed(to, "COMMIT".to_owned(), SqliteArguments::default(), true).await?;
    Ok(spent)
}

fn bind(arguments: &mut SqliteArguments, row: &SqliteRow) -> Result<()> {
    for at in 0..row.len() {
        let raw = row.try_get_raw(at)?;
        let added = match (raw.is_null(), raw.type_info().name()) {
            (true, _) => arguments.add(None::<i64>),
            (_, "INTEGER" | "BOOLEAN") => arguments.add(row.try_get_unchecked::<i64, _>(at)?),
            (_, "REAL") => arguments.add(row.try_get_unchecked::<f64, _>(at)?),
            (_, "TEXT") => arguments.add(row.try_get_unchecked::<String, _>(at)?),
            (_, "BLOB") => arguments.add(row.try_get_unchecked::<Vec<u8>, _>(at)?),
            (_, other) => bail!("column {} has type {other}", row.column(at).name()),
        };
        added.map_err(|error| anyhow::anyhow!("column {}: {error}", row.column(at).name()))?;
    }
    Ok(())
}
