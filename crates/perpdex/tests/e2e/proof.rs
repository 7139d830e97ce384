//! What proof by blooms and by receipts finds of holes in `eth_getLogs`, over a simulated node's sockets.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use alloy_primitives::Address;
use perpdex_core::{BlockRange, ChainId, Evidence, Filter, Headers, Source, StreamId};
use perpdex_evm::{EvmEndpoint, EvmSource};
use perpdex_simnet::chain::EvmChain;
use perpdex_simnet::node::{EvmNode, EvmOptions, Faults};
use perpdex_simnet::world::{World, WorldOptions};
use perpdex_venues::VENUES;

use crate::table;

const BLOCKS: usize = 2_000;
const SEEDS: u64 = 5;

/// What is wrong with the answers.
enum Hole {
    /// So many blocks from the first one with logs behind the 500th, so far apart.
    Blocks(u64, u64),
    /// All logs of a block but the last.
    OneLogPerBlock,
    /// All logs of the contract with the fewest, in blocks where others have some, too.
    OneContract,
}

fn source(node: &EvmNode) -> EvmSource {
    let endpoint = EvmEndpoint {
        chain: ChainId::BNB,
        url: node.url(),
        label: "simnet".to_owned(),
        timeout: Duration::from_secs(30),
        response_bytes_max: EvmEndpoint::RESPONSE_BYTES_MAX,
        final_depth: 0,
    };
    EvmSource::new(endpoint).expect("a good address")
}

fn filter() -> Filter {
    let streams = VENUES.iter().flat_map(|venue| {
        venue.streams(ChainId::BNB).into_iter().map(|spec| {
            let id = StreamId { chain: ChainId::BNB, venue: venue.info().slug, part: spec.part.to_owned(), version: spec.version };
            (id, spec.watch)
        })
    });
    Filter { streams: streams.collect(), headers: Headers::Needed }
}

/// Blocks with left-out logs, and those of them that proof at this level finds. It must mend all it finds.
async fn found(chain: &EvmChain, hole: &Hole, level: Evidence) -> (usize, usize) {
    let (first, last) = (chain.blocks[0].number, chain.blocks[chain.blocks.len() - 1].number);
    let busy = chain.blocks.iter().skip(500).find(|block| !block.logs.is_empty()).expect("the chain has logs").number;
    let faults = match hole {
        Hole::Blocks(blocks, step) => (0..*blocks)
            .map(|n| busy + n * step)
            .fold(String::new(), |text, at| text + &format!("on eth_getLogs * from={at} to={at} empty\n")),
        Hole::OneLogPerBlock => "on eth_getLogs * one_log_per_block".to_owned(),
        Hole::OneContract => format!("on eth_getLogs * without={}", rarest(chain)),
    };
    let node = EvmNode::serve_with(chain.clone(), EvmOptions { final_depth: 0, ..EvmOptions::default() }).expect("the node starts");
    let (source, filter) = (source(&node), filter());
    let whole = BlockRange::new(first, last).expect("the chain has blocks");
    let truth = source.fetch(whole, &filter).await.expect("the node answers");
    node.set_faults(faults.parse::<Faults>().expect("faults that simnet reads")).expect("faults that the node has");
    let mut asked = source.fetch(whole, &filter).await.map(|batch| batch.records).unwrap_or_default();
    asked.sort_by_key(|record| (record.height, record.rec));
    let (mut omitted, mut records, mut rest) = (Vec::new(), Vec::new(), Some(whole));
    while let Some(range) = rest {
        let proof = source.prove(range, &filter, level).await.expect("the node answers");
        assert_eq!(proof.batch.evidence, level);
        rest = range.split_at(proof.batch.range.blocks()).1;
        omitted.extend(proof.omitted);
        records.extend(proof.batch.records);
    }
    let keys = |records: &[perpdex_core::RawRecord]| records.iter().map(|record| (record.height, record.rec)).collect::<BTreeSet<_>>();
    let lost: BTreeSet<u64> = keys(&truth.records).difference(&keys(&asked)).map(|(height, _)| *height).collect();
    let found = omitted.iter().filter(|height| lost.contains(height)).count();
    assert_eq!(found, omitted.len(), "nothing is found where nothing is missing");
    assert!(found < lost.len() || records == truth.records, "what was found is mended");
    (lost.len(), found)
}

/// A silent limit on the logs of an answer, which may end in the midst of a block.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_ends_inside_a_block_is_mended() {
    let mut chain = World::build(&WorldOptions { seed: 3, hours: 2, events: 8_000, ..WorldOptions::default() }).bnb;
    chain.blocks.truncate(BLOCKS);
    let range = BlockRange::new(chain.blocks[0].number, chain.blocks[999].number).expect("the chain has blocks");
    for logs in (3..40).step_by(4) {
        let node = EvmNode::serve_with(chain.clone(), EvmOptions { final_depth: 0, ..EvmOptions::default() }).expect("the node starts");
        let (source, filter) = (source(&node), filter());
        let truth = source.fetch(range, &filter).await.expect("the node answers");
        assert!(40 < truth.records.len());
        node.set_faults(format!("on eth_getLogs * logs_cut={logs}").parse::<Faults>().expect("faults that simnet reads"))
            .expect("a node's");
        let proof = source.prove(range, &filter, Evidence::Bloom).await.expect("the node answers");
        assert_eq!(proof.batch.records, truth.records, "{logs} logs");
    }
}

/// The contract with the fewest logs, some of them in blocks with logs of others.
fn rarest(chain: &EvmChain) -> Address {
    let mut logs: BTreeMap<Address, (usize, bool)> = BTreeMap::new();
    for block in &chain.blocks {
        for log in &block.logs {
            let (count, is_beside) = logs.entry(log.address).or_default();
            *count += 1;
            *is_beside |= block.logs.iter().any(|other| other.address != log.address);
        }
    }
    let beside = logs.iter().filter(|(_, (_, is_beside))| *is_beside);
    *beside.min_by_key(|(_, (count, _))| *count).expect("some block has logs of two contracts").0
}

#[tokio::test(flavor = "multi_thread")]
async fn blooms_find_every_empty_block_and_receipts_every_log() {
    let holes = [
        ("1 block", Hole::Blocks(1, 1)),
        ("20 blocks in one piece", Hole::Blocks(20, 1)),
        ("20 blocks, scattered", Hole::Blocks(20, 37)),
        ("500 blocks in one piece", Hole::Blocks(500, 1)),
        ("500 blocks, scattered", Hole::Blocks(500, 3)),
        ("all logs of one contract", Hole::OneContract),
        ("all logs of a block but one, everywhere", Hole::OneLogPerBlock),
    ];
    let mut text = "| hole | `bloom` | `receipts` |\n| --- | --- | --- |\n".to_owned();
    for (name, hole) in &holes {
        let mut cells = Vec::new();
        for level in [Evidence::Bloom, Evidence::Receipts] {
            let (mut lost, mut all) = (0, 0);
            for seed in 0..SEEDS {
                let mut chain = World::build(&WorldOptions { seed, hours: 2, events: 8_000, ..WorldOptions::default() }).bnb;
                chain.blocks.truncate(BLOCKS);
                let (missing, found) = found(&chain, hole, level).await;
                (lost, all) = (lost + missing, all + found);
            }
            cells.push(match lost {
                0 => "-".to_owned(),
                _ => format!("{} %", all * 100 / lost),
            });
        }
        writeln!(text, "| {name} | {} |", cells.join(" | ")).expect("text takes everything");
    }
    table::check(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reliability.md"), "proof", &text);
}
