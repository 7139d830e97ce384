//! A database of its own on a server, and its limit: one binary COPY a table of all its rows.

use std::fs::File;
use std::io::{Read, Write};
use std::time::Instant;

use anyhow::{Context, Result};
use futures::TryStreamExt;
use perpdex_store::measure::send_at_once;
use sqlx::postgres::PgPoolCopyExt;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, PgPool};

use super::Bench;
use super::counted::{SUMMED, count_sql};
use crate::machine;

/// Bytes sent at once.
const CHUNK_BYTES: u64 = 1 << 20;
/// Tables of fewer bytes are left out: their rows take no time, but the end of each COPY would.
const TABLE_BYTES_MIN: u64 = 1 << 16;

/// One database; dropped with [`PostgresPlace::remove`].
#[derive(Debug)]
pub struct PostgresPlace {
    server: String,
    name: String,
}

impl PostgresPlace {
    /// Makes it anew.
    pub async fn make(maintenance: &str, name: &str) -> Result<PostgresPlace> {
        let (server, _) = maintenance.rsplit_once('/').context("the URL of PostgreSQL ends with a database")?;
        let place = PostgresPlace { server: server.to_owned(), name: format!("perpdex_bench_{}_{name}", std::process::id()) };
        let mut connection = PgConnection::connect(maintenance).await?;
        connection.execute(AssertSqlSafe(format!("CREATE DATABASE {}", place.name))).await?;
        Ok(place)
    }

    /// Drops it.
    pub async fn remove(&self, maintenance: &str) -> Result<()> {
        let mut connection = PgConnection::connect(maintenance).await?;
        connection.execute(AssertSqlSafe(format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name))).await?;
        Ok(())
    }

    /// As the program takes it.
    pub fn url(&self) -> String {
        format!("{}/{}", self.server, self.name)
    }

    /// The process that all connections of the server are children of.
    pub(super) async fn server_pid(&self) -> Result<u32> {
        let mut connection = PgConnection::connect(&self.url()).await?;
        let worker: i32 = sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut connection).await?;
        // Asked while the connection stands: its process ends with it.
        let server = machine::parent_of(u32::try_from(worker)?)?;
        connection.close().await?;
        Ok(server)
    }

    /// Seconds of a COPY of the numbers of the fills that sums are made of, out of the database.
    pub(super) async fn scan(&self) -> Result<f64> {
        let mut connection = PgConnection::connect(&self.url()).await?;
        let started = Instant::now();
        let statement = format!("COPY (SELECT {} FROM fills) TO STDOUT (FORMAT binary)", SUMMED.join(", "));
        let mut rows = connection.copy_out_raw(&statement).await?;
        while let Some(part) = rows.try_next().await? {
            std::hint::black_box(part.len());
        }
        drop(rows);
        let seconds = started.elapsed().as_secs_f64();
        connection.close().await?;
        Ok(seconds)
    }

    /// What is counted, bytes of the database, and seconds of a COPY of all its rows into emptied tables.
    pub(super) async fn limit(&self, bench: &Bench, unit: &str) -> Result<(u64, u64, f64)> {
        let pool = PgPool::connect(&self.url()).await?;
        let count: i64 = sqlx::query_scalar(count_sql(unit)).fetch_one(&pool).await?;
        let bytes: i64 = sqlx::query_scalar("SELECT pg_database_size(current_database())").fetch_one(&pool).await?;
        let tables: Vec<String> = sqlx::query_scalar(
            "SELECT relname::text FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 1",
        )
        .fetch_all(&pool)
        .await?;
        let folder = bench.folder()?;
        for table in &tables {
            let mut file = File::create(folder.path().join(table))?;
            let mut rows = pool.copy_out_raw(&format!("COPY {table} TO STDOUT (FORMAT binary)")).await?;
            while let Some(part) = rows.try_next().await? {
                file.write_all(&part)?;
            }
        }
        pool.execute(AssertSqlSafe(format!("TRUNCATE {}", tables.join(", ")))).await?;
        pool.execute("CHECKPOINT").await?;
        let mut connection = PgConnection::connect(&self.url()).await?;
        send_at_once();
        let started = Instant::now();
        let mut tx = connection.begin().await?;
        for table in &tables {
            let mut file = File::open(folder.path().join(table))?;
            let mut left = file.metadata()?.len();
            if left < TABLE_BYTES_MIN {
                continue;
            }
            let mut copy = tx.copy_in_raw(&format!("COPY {table} FROM STDIN (FORMAT binary)")).await?;
            while left > 0 {
                let bytes = left.min(CHUNK_BYTES);
                let mut chunk = Vec::new();
                (&mut file).take(bytes).read_to_end(&mut chunk)?;
                copy.send(chunk).await?;
                left -= bytes;
            }
            copy.finish().await?;
        }
        tx.commit().await?;
        let seconds = started.elapsed().as_secs_f64();
        connection.close().await?;
        pool.close().await;
        self.remove(&bench.postgres).await?;
        Ok((u64::try_from(count)?, u64::try_from(bytes)?, seconds))
    }
}
