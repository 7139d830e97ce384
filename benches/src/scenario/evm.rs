//! History of an EVM chain from a simulated node.

use std::time::Instant;

use anyhow::{Context, Result};
use perpdex_core::ChainId;
use perpdex_simnet::chain::EvmChain;
use perpdex_simnet::node::EvmNode;
use perpdex_simnet::world::{Shares, World, WorldOptions};
use serde::Deserialize;
use serde_json::json;
use std::borrow::Cow;

use super::{Bench, Figure, Place, Plain};

/// Blocks of one plain request.
const PLAIN_BLOCKS: u64 = 500;

/// A kind of chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mix {
    /// Aster 1001x and the vault on BNB Chain: about 1 kB of JSON a log.
    Bnb,
    /// GMX v2 on Arbitrum: several kB a log.
    Gmx,
}

/// A log as a node prints it, borrowed.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PlainLog<'a> {
    #[serde(borrow)]
    address: Cow<'a, str>,
    #[serde(borrow)]
    topics: Vec<Cow<'a, str>>,
    #[serde(borrow)]
    data: Cow<'a, str>,
    #[serde(borrow)]
    block_hash: Cow<'a, str>,
    #[serde(borrow)]
    block_number: Cow<'a, str>,
    #[serde(borrow)]
    transaction_hash: Cow<'a, str>,
    #[serde(borrow)]
    log_index: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    result: Vec<PlainLog<'a>>,
}

impl Mix {
    /// How figures call it.
    pub fn name(self) -> &'static str {
        match self {
            Mix::Bnb => "BNB-like EVM history",
            Mix::Gmx => "GMX-like EVM history",
        }
    }

    /// A chain with about so many logs.
    pub(super) fn chain(self, logs: u64) -> EvmChain {
        let shares = match self {
            Mix::Bnb => Shares { aster_bnb: 950, vault_bnb: 50, ..Shares::NONE },
            Mix::Gmx => Shares { gmx: 1_000, ..Shares::NONE },
        };
        let world = World::build(&WorldOptions { events: logs, shares, is_quiet: true, ..WorldOptions::default() });
        match self {
            Mix::Bnb => world.bnb,
            Mix::Gmx => world.arbitrum,
        }
    }

    /// Figures of both engines, and of plain reading and parsing of the same answers.
    pub async fn measure(self, bench: &Bench, logs: u64) -> Result<(Vec<Figure>, Vec<Plain>)> {
        let chain = self.chain(logs);
        let id = ChainId(chain.chain_id);
        let (first, last) = (chain.blocks.first().context("blocks")?.number, chain.blocks.last().context("blocks")?.number);
        let node = EvmNode::serve(chain)?;
        node.set_finalized(last)?;
        let plain = self.plain(&node.url(), first, last).await?;
        let bytes = plain[0].bytes;
        let folder = bench.folder()?;
        let mut figures = Vec::new();
        for place in Place::both(bench, folder.path(), if self == Mix::Bnb { "bnb" } else { "gmx" }).await? {
            let (slug, url) = (id.to_string(), place.url());
            let (endpoint, from, to) = (format!("{slug}={}", node.url()), format!("{slug}={first}"), format!("{slug}={last}"));
            let args = ["sync", "--chain", &slug, "--endpoint", &endpoint, "--from", &from, "--to", &to, "--database", &url];
            let (requests, calls) = (node.requests(), node.calls().values().sum::<u64>());
            let run = place.measured(bench, &mut bench.command(folder.path(), &args), |_| ()).await?;
            let (requests, calls) = (node.requests() - requests, node.calls().values().sum::<u64>() - calls);
            let traffic =
                format!("{requests} requests, {calls} calls, {} MB of logs ({} B a log)", bytes / 1_000_000, bytes / plain[0].items.max(1));
            figures.push(place.figure(bench, format!("{} into {}", self.name(), place.engine()), "log", run, traffic).await?);
        }
        node.stop().await;
        Ok((figures, plain))
    }

    async fn plain(self, url: &str, first: u64, last: u64) -> Result<Vec<Plain>> {
        let client = reqwest::Client::new();
        let (mut bodies, mut bytes) = (Vec::new(), 0);
        let started = Instant::now();
        for from in (first..=last).step_by(usize::try_from(PLAIN_BLOCKS)?) {
            let to = last.min(from + PLAIN_BLOCKS - 1);
            let filter = json!({"fromBlock": format!("{from:#x}"), "toBlock": format!("{to:#x}")});
            let call = json!({"jsonrpc": "2.0", "id": 1, "method": "eth_getLogs", "params": [filter]});
            let request = client.post(url).header("content-type", "application/json").body(call.to_string());
            let body = request.send().await?.bytes().await?;
            bytes += body.len() as u64;
            bodies.push(body);
        }
        let read_s = started.elapsed().as_secs_f64();
        let started = Instant::now();
        let mut logs = 0;
        for body in &bodies {
            let answer: Answer<'_> = serde_json::from_slice(body)?;
            for log in &answer.result {
                let texts = [&log.address, &log.data, &log.block_hash, &log.block_number, &log.transaction_hash, &log.log_index];
                std::hint::black_box(texts.iter().map(|text| text.len()).sum::<usize>() + log.topics.len());
            }
            logs += answer.result.len() as u64;
        }
        let parse_s = started.elapsed().as_secs_f64();
        let plain = |what: &str, wall_s| Plain { work: format!("{}: {what}", self.name()), items: logs, unit: "log", bytes, wall_s };
        Ok(vec![plain("plain reading of the answers", read_s), plain("plain parse of the answers", parse_s)])
    }
}
