//! Memory of a sync does not follow the length of the history, the size of ranges or their number at once.

use anyhow::{Context, Result, ensure};
use perpdex_core::ChainId;
use perpdex_simnet::chain::{EvmBlock, EvmChain, EvmLog};
use perpdex_simnet::node::{EvmNode, EvmOptions};
use perpdex_simnet::world::{World, WorldOptions};
use serde_json::Value;

use alloy_primitives::{B256, keccak256};

use super::{Bench, Place};

/// What a sync may hold, bytes.
pub const PEAK_RSS_BYTES_MAX: u64 = 150_000_000;

/// Logs of a block of the chain; an answer of 16 MiB has those of about 800 blocks.
const LOGS_PER_BLOCK: u64 = 40;

/// How a history is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Blocks of the first request.
    pub start_blocks: u64,
    /// Most blocks of one.
    pub max_blocks: u64,
    /// Ranges at once.
    pub ahead: u64,
}

/// The usual settings; many ranges at once; a first request of more than the whole history, so that its answers are cut again
/// and again; requests as small as some providers allow.
const SHAPES: [Shape; 4] = [
    Shape { start_blocks: 2_000, max_blocks: 100_000, ahead: 4 },
    Shape { start_blocks: 2_000, max_blocks: 100_000, ahead: 64 },
    Shape { start_blocks: 1_000_000, max_blocks: 10_000_000, ahead: 64 },
    Shape { start_blocks: 10, max_blocks: 10, ahead: 64 },
];

/// One sync.
#[derive(Clone, Copy, Debug)]
pub struct Held {
    /// Of the database.
    pub engine: &'static str,
    /// How it asked.
    pub shape: Shape,
    /// Logs that it stored, every one that the node has.
    pub logs: u64,
    /// Largest resident set, bytes.
    pub peak_rss_bytes: u64,
    /// From start to end, seconds.
    pub wall_s: f64,
}

/// Syncs a history of so many logs in each shape into each engine. An error where one log is missing or a gap stays.
pub async fn memory(bench: &Bench, logs: u64) -> Result<Vec<Held>> {
    let chain = chain(logs);
    let (id, first, stored) = (ChainId(chain.chain_id), chain.blocks[0].number, chain.blocks.len() as u64 * LOGS_PER_BLOCK);
    let node = EvmNode::serve_with(chain, EvmOptions { final_depth: 0, ..EvmOptions::default() })?;
    let mut all = Vec::new();
    for shape in SHAPES {
        let folder = bench.folder()?;
        for place in Place::both(bench, folder.path(), "memory").await? {
            let run = sync(bench, &place, folder.path(), (&id.to_string(), &node.url(), first), shape).await;
            let gaps = query(bench, &place, folder.path(), "SELECT COUNT(*) AS gaps FROM v_gaps");
            place.remove(bench).await?;
            let (held, gaps) = (run?, gaps?);
            ensure!(held.logs == stored, "{} of {stored} logs were stored: {held:?}", held.logs);
            ensure!(gaps[0]["gaps"] == 0, "gaps stay: {gaps}, {held:?}");
            all.push(held);
        }
    }
    node.stop().await;
    Ok(all)
}

async fn sync(
    bench: &Bench,
    place: &Place,
    folder: &std::path::Path,
    (chain, url, first): (&str, &str, u64),
    shape: Shape,
) -> Result<Held> {
    let (endpoint, from, database) = (format!("{chain}={url}"), format!("{chain}={first}"), place.url());
    let args = ["sync", "--once", "--json", "--chain", chain, "--endpoint", &endpoint, "--from", &from, "--database", &database];
    let mut command = bench.command(folder, &args);
    let settings =
        [("BLOCKS_START_PER_FETCH", shape.start_blocks), ("BLOCKS_MAX_PER_FETCH", shape.max_blocks), ("FETCH_AHEAD", shape.ahead)];
    for (name, value) in settings {
        command.env(format!("PERPDEX_SYNC_{name}"), value.to_string());
    }
    let (ran, _) = place.measured(bench, &mut command, |_| ()).await?;
    let summary: Value = serde_json::from_str(&ran.stdout).context("the summary is JSON")?;
    let number = |value: &Value, what: &str| value.as_u64().with_context(|| format!("the summary has no {what}: {summary}"));
    Ok(Held {
        engine: place.engine(),
        shape,
        logs: number(&summary["chains"][0]["records"], "records")?,
        peak_rss_bytes: number(&summary["peak_rss_bytes"], "peak_rss_bytes")?.max(ran.peak_rss_bytes),
        wall_s: ran.wall_s,
    })
}

fn query(bench: &Bench, place: &Place, folder: &std::path::Path, sql: &str) -> Result<Value> {
    let output = bench.command(folder, &["query", "--json", sql, "--database", &place.url()]).output()?;
    ensure!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Deposits and withdrawals of the Aster treasury, over and over.
fn chain(logs: u64) -> EvmChain {
    let world = World::build(&WorldOptions { seed: 5, hours: 1, events: 20_000, ..WorldOptions::default() });
    let first = world.ethereum.blocks[0].number;
    let template: Vec<EvmLog> = world.ethereum.blocks.into_iter().flat_map(|block| block.logs).collect();
    let mut logs_of_all = template.iter().cycle();
    let hash = |number: u64| keccak256(number.to_be_bytes());
    let mut block = |index: u64| {
        let number = first + index;
        let logs = (0..LOGS_PER_BLOCK).zip(&mut logs_of_all).map(|(place, log)| {
            let tx_hash: B256 = keccak256([number.to_be_bytes(), place.to_be_bytes()].concat());
            EvmLog { tx_hash, tx_index: place, ..log.clone() }
        });
        let logs = logs.collect();
        EvmBlock { number, hash: hash(number), parent: hash(number - 1), timestamp_secs: 1_775_520_000 + 12 * index, logs }
    };
    EvmChain { chain_id: 1, blocks: (0..logs / LOGS_PER_BLOCK).map(&mut block).collect(), views: Default::default() }
}
