//! From a block that a node serves to its rows in the database.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use perpdex_simnet::node::{EvmNode, EvmOptions};
use sqlx::{Connection, PgConnection};

use super::Bench;
use super::evm::Mix;
use super::postgres::PostgresPlace;

/// Blocks behind the head when the run starts.
const START_BLOCKS: u64 = 200;
/// Time between two looks of the program at the head: that of an own node.
const HEAD_POLL_MS: &str = "50";
/// Time between two blocks, and longest wait for rows.
const BLOCK_EVERY: Duration = Duration::from_millis(400);
const WAIT_MAX: Duration = Duration::from_secs(20);
/// Time between two looks at the database.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// Milliseconds from serving each of `blocks` blocks with logs to its rows in PostgreSQL, ascending.
pub async fn latency(bench: &Bench, blocks: usize) -> Result<Vec<f64>> {
    let chain = Mix::Bnb.chain(100_000);
    let with_logs: Vec<u64> = chain.blocks.iter().filter(|block| !block.logs.is_empty()).map(|block| block.number).collect();
    let first = chain.blocks.first().context("blocks")?.number;
    let start = first + START_BLOCKS;
    let node = EvmNode::serve_with(chain, EvmOptions { final_depth: 15, ..EvmOptions::default() })?;
    node.set_head(start)?;
    let place = PostgresPlace::make(&bench.postgres, "head").await?;
    let folder = bench.folder()?;
    let (endpoint, from) = (format!("bnb={}", node.url()), format!("bnb={first}"));
    let args = ["sync", "--chain", "bnb", "--endpoint", &endpoint, "--from", &from, "--database", &place.url()];
    let child =
        bench.command(folder.path(), &args).env("PERPDEX_SYNC_HEAD_POLL_MS", HEAD_POLL_MS).stdin(std::process::Stdio::null()).spawn()?;
    let _child = Ended(child);
    let mut look = Look { url: place.url(), connection: None };
    let shown = with_logs.iter().copied().rfind(|number| *number <= start).context("blocks with logs")?;
    look.until(shown).await?;
    let mut times = Vec::with_capacity(blocks);
    for number in with_logs.into_iter().filter(|number| start < *number).take(blocks) {
        tokio::time::sleep(BLOCK_EVERY).await;
        let served = Instant::now();
        node.set_head(number)?;
        look.until(number).await?;
        times.push(served.elapsed().as_secs_f64() * 1_000.0);
    }
    times.sort_by(f64::total_cmp);
    drop(_child);
    node.stop().await;
    drop(look);
    place.remove(&bench.postgres).await?;
    Ok(times)
}

/// A child that is ended with the value.
struct Ended(std::process::Child);

impl Drop for Ended {
    fn drop(&mut self) {
        // It may have ended by itself; both calls then fail harmlessly.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

struct Look {
    url: String,
    connection: Option<PgConnection>,
}

impl Look {
    /// Waits until a row of this block is visible.
    async fn until(&mut self, number: u64) -> Result<()> {
        let started = Instant::now();
        loop {
            if self.height().await.is_some_and(|height| i64::try_from(number).is_ok_and(|number| number <= height)) {
                return Ok(());
            }
            ensure!(started.elapsed() < WAIT_MAX, "block {number} was not in the database after {} s", WAIT_MAX.as_secs());
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// The highest block with a record; `None` before the tables stand.
    async fn height(&mut self) -> Option<i64> {
        if self.connection.is_none() {
            self.connection = PgConnection::connect(&self.url).await.ok();
        }
        let sql = "SELECT MAX(height) FROM raw_events WHERE chain_id = 56";
        sqlx::query_scalar::<_, Option<i64>>(sql).fetch_one(self.connection.as_mut()?).await.ok().flatten()
    }
}
