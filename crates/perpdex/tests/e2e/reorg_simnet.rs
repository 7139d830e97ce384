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
    let mut reorged = EvmChain { blocks: chain.blocks[..VISIBLE - branch.len()].to_vec(), ..chain.clone() };
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

/// A chain whose last blocks may be exchanged, with the node that serves it.
struct Forked {
    whole: EvmChain,
    node: EvmNode,
}

impl Forked {
    fn new(seed: u64) -> Forked {
        let mut whole = World::build(&WorldOptions { seed, hours: 1, events: 4_000, ..WorldOptions::default() }).bnb;
        whole.blocks.truncate(VISIBLE);
        let node = EvmNode::serve(whole.clone()).expect("the node starts");
        node.set_finalized(whole.blocks[VISIBLE - 1].number - UNFINAL).expect("the height is on the chain");
        Forked { whole, node }
    }

    /// Takes the chain onto another branch of the last `depth` blocks.
    fn fork(&mut self, depth: usize, seed: u64) {
        let branch = self.whole.branch(depth, seed);
        self.whole.blocks.truncate(VISIBLE - depth);
        self.whole.blocks.extend(branch.iter().cloned());
        self.node.reorg(branch).expect("the branch follows the chain");
    }

    fn tip(&self) -> (u64, alloy_primitives::B256) {
        let tip = &self.whole.blocks[VISIBLE - 1];
        (tip.number, tip.hash)
    }

    fn arguments<'a>(&self, url: &'a str, more: &'a [&'a str]) -> Vec<String> {
        let (endpoint, from) = (format!("bnb={}", self.node.url()), format!("bnb={}", self.whole.blocks[0].number));
        let fixed = ["sync", "--chain", "bnb", "--endpoint", &endpoint, "--from", &from, "--database", url];
        fixed.iter().chain(more).map(|text| (*text).to_owned()).collect()
    }

    fn run(&self, folder: &std::path::Path, url: &str) {
        let args = self.arguments(url, &["--once=latest"]);
        perpdex_ok(folder, &args.iter().map(String::as_str).collect::<Vec<_>>());
    }

    /// Follows the head in the background.
    fn follow(&self, folder: &std::path::Path, url: &str) -> Guarded {
        let args = self.arguments(url, &[]);
        let mut sync = command(folder, &args.iter().map(String::as_str).collect::<Vec<_>>());
        sync.env("PERPDEX_SYNC_HEAD_POLL_MS", "50").stdout(Stdio::null()).stderr(Stdio::null());
        Guarded(sync.spawn().expect("the binary starts"))
    }

    async fn reached(&self, url: &str) {
        let (head, hash) = self.tip();
        until("taking the branch", || async move { stored_hash(url, head).await == Some(hash) }).await;
    }

    /// The store equals one that never saw anything but the chain as it is now.
    async fn assert_clean(&self, folder: &std::path::Path, engine: &Engine, url: &str, what: &str) {
        let clean_url = engine.database(folder, &format!("clean_{}", what.replace(' ', "_")));
        self.run(folder, &clean_url);
        assert_same_text(&dump(&clean_url).await, &dump(url).await, what);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn branches_dropped_while_stopped_leave_no_trace() {
    for engine in Engine::all("branches_dropped_while_stopped_leave_no_trace") {
        let (mut forked, folder) = (Forked::new(7), folder());
        let url = engine.database(folder.path(), "stopped");
        forked.run(folder.path(), &url);
        // Two reorgs happen before anybody looks again; the second is shorter than the first.
        forked.fork(12, 1);
        forked.fork(5, 2);
        forked.run(folder.path(), &url);
        forked.assert_clean(folder.path(), &engine, &url, "while stopped").await;
        let reorgs = query(folder.path(), &url, "SELECT depth FROM v_reorgs");
        assert_eq!(reorgs.iter().map(|row| row["depth"].as_u64()).collect::<Vec<_>>(), [Some(12)]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn branches_dropped_one_after_the_other_leave_no_trace() {
    for engine in Engine::all("branches_dropped_one_after_the_other_leave_no_trace") {
        let (mut forked, folder) = (Forked::new(8), folder());
        let url = engine.database(folder.path(), "in_a_row");
        let child = forked.follow(folder.path(), &url);
        forked.reached(&url).await;
        for (depth, seed) in [(4, 1), (9, 2), (1, 3)] {
            forked.fork(depth, seed);
            forked.reached(&url).await;
        }
        // At once, as one poll may see them.
        forked.fork(6, 4);
        forked.fork(2, 5);
        forked.reached(&url).await;
        assert_eq!(interrupt(child), Some(130));
        forked.assert_clean(folder.path(), &engine, &url, "in a row").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_branch_dropped_between_history_and_head_leaves_no_trace() {
    for engine in Engine::all("a_branch_dropped_between_history_and_head_leaves_no_trace") {
        let (mut forked, folder) = (Forked::new(9), folder());
        let url = engine.database(folder.path(), "hand_over");
        // History is slow, so that its plan still holds the old tip when the tail is read from the new branch.
        forked.node.set_faults("on eth_getLogs 1-3 delay_ms=300".parse().expect("a fault")).expect("the node takes it");
        let child = forked.follow(folder.path(), &url);
        let node = &forked.node;
        until("asking for history", || async { node.calls().get("eth_getLogs").is_some_and(|calls| *calls > 0) }).await;
        forked.fork(UNFINAL as usize - 1, 1);
        forked.reached(&url).await;
        assert_eq!(interrupt(child), Some(130));
        forked.assert_clean(folder.path(), &engine, &url, "at the hand over").await;
    }
}
