//! A reorg of depth three on a simulated chain while the head is followed.

use std::process::Stdio;

use perpdex_core::{ChainId, Store};
use perpdex_simnet::chain::EvmChain;
use perpdex_simnet::node::EvmNode;
use perpdex_simnet::world::{World, WorldOptions};

use crate::support::{Engine, Guarded, assert_same_text, command, dump, folder, interrupt, open, perpdex_ok, query, until};

const DEPTH: usize = 3;
/// Blocks of the simulated chain that are visible when following starts.
const VISIBLE: usize = 300;
/// Blocks below the visible tip that are not final.
const UNFINAL: u64 = 20;

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_branch_leaves_no_trace() {
    let mut chain = World::build(&WorldOptions { seed: 3, hours: 1, events: 4_000, ..WorldOptions::default() }).bnb;
    chain.blocks.truncate(VISIBLE);
    let branch = chain.branch(DEPTH, 99);
    let mut reorged = EvmChain { chain_id: chain.chain_id, blocks: chain.blocks[..VISIBLE - branch.len()].to_vec() };
    reorged.blocks.extend(branch.iter().cloned());
    let (first, head) = (chain.blocks[0].number, chain.blocks[VISIBLE - 1].number);
    assert_ne!(chain.blocks[VISIBLE - 1].hash, reorged.blocks[VISIBLE - 1].hash);
    for engine in Engine::all("a_dropped_branch_leaves_no_trace") {
        let folder = folder();
        let node = EvmNode::serve(chain.clone()).expect("the node starts");
        node.set_finalized(head - UNFINAL).expect("the height is on the chain");
        let url = engine.database(folder.path(), "followed");
        let from = format!("bnb={first}");
        let endpoint = format!("bnb={}", node.url());
        let mut sync = command(folder.path(), &["sync", "--chain", "bnb", "--endpoint", &endpoint, "--from", &from, "--database", &url]);
        let child = Guarded(sync.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the binary starts"));
        let stored = |hash| {
            let url = url.clone();
            move || {
                let url = url.clone();
                async move { stored_hash(&url, head).await == Some(hash) }
            }
        };
        until("following to the head", stored(chain.blocks[VISIBLE - 1].hash)).await;
        node.reorg(branch.clone()).expect("the branch follows the chain");
        until("taking the reorg", stored(reorged.blocks[VISIBLE - 1].hash)).await;
        assert_eq!(interrupt(child), Some(130));

        let clean_node = EvmNode::serve(reorged.clone()).expect("the node starts");
        clean_node.set_finalized(head - UNFINAL).expect("the height is on the chain");
        let clean_url = engine.database(folder.path(), "clean");
        let endpoint = format!("bnb={}", clean_node.url());
        perpdex_ok(
            folder.path(),
            &["sync", "--chain", "bnb", "--endpoint", &endpoint, "--from", &from, "--once=latest", "--database", &clean_url],
        );
        assert_same_text(&dump(&clean_url).await, &dump(&url).await, "after the reorg");
        let reorgs = query(folder.path(), &url, "SELECT depth FROM v_reorgs");
        assert_eq!(reorgs.len(), 1, "{reorgs:?}");
        assert_eq!(reorgs[0]["depth"].as_u64(), Some(DEPTH as u64));
    }
}

/// Hash of the stored block, `None` while there is no database, no schema, or no such block.
pub(crate) async fn stored_hash(url: &str, height: u64) -> Option<alloy_primitives::B256> {
    chain_hash(url, ChainId::BNB, height).await
}

/// The same for any chain.
pub(crate) async fn chain_hash(url: &str, chain: ChainId, height: u64) -> Option<alloy_primitives::B256> {
    let path = url.strip_prefix("sqlite:");
    if path.is_some_and(|path| !std::path::Path::new(path).exists()) {
        return None;
    }
    let store = perpdex_store::SqlStore::open_existing(url, Default::default(), Default::default()).await.ok()?;
    store.block(chain, height).await.ok()??.hash()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lower_head_is_not_a_reorg() {
    let mut chain = World::build(&WorldOptions { seed: 4, hours: 1, events: 2_000, ..WorldOptions::default() }).bnb;
    chain.blocks.truncate(VISIBLE);
    let (first, head) = (chain.blocks[0].number, chain.blocks[VISIBLE - 1].number);
    let node = EvmNode::serve(chain).expect("the node starts");
    node.set_finalized(head - UNFINAL).expect("the height is on the chain");
    let folder = folder();
    let url = Engine::Sqlite.database(folder.path(), "lag");
    let (from, endpoint) = (format!("bnb={first}"), format!("bnb={}", node.url()));
    let args = ["sync", "--chain", "bnb", "--endpoint", &endpoint, "--from", &from, "--once=latest", "--database", &url];
    perpdex_ok(folder.path(), &args);
    let before = dump(&url).await;
    node.set_head(head - 5).expect("the height is on the chain");
    perpdex_ok(folder.path(), &args);
    assert_same_text(&before, &dump(&url).await, "after a run against a lagging node");
    assert!(open(&url).await.block(ChainId::BNB, head).await.expect("the store answers").is_some());
}
