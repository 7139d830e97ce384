//! Solana through the built binary: a node that cuts pages, forgets, limits and forks.

use std::path::Path;
use std::process::Stdio;

use perpdex_core::{ChainId, Store};
use perpdex_simnet::chain::{SolanaBlock, SolanaChain};
use perpdex_simnet::node::{SolanaNode, SolanaOptions};
use perpdex_simnet::world::{Fork, World, WorldOptions};
use tempfile::TempDir;

use crate::support::{Engine, Guarded, Run, assert_same_text, command, dump, folder, interrupt, open, query, until};

/// Slots above the final one.
const UNFINAL: u64 = 40;

fn options() -> WorldOptions {
    WorldOptions { seed: 21, hours: 1, events: 3_000, ..WorldOptions::default() }
}

/// One chain, the databases it is read into, and its clean reading.
struct Case {
    engine: Engine,
    folder: TempDir,
    chain: SolanaChain,
}

impl Case {
    fn all(test: &str, chain: &SolanaChain) -> Vec<Case> {
        Engine::all(test).into_iter().map(|engine| Case { engine, folder: folder(), chain: chain.clone() }).collect()
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn url(&self, name: &str) -> String {
        self.engine.database(self.path(), name)
    }

    /// Reads the nodes into a database, in the order of preference.
    fn sync(&self, url: &str, nodes: &[&SolanaNode], until: &str) -> Run {
        self.command(url, nodes, until).output().expect("the binary starts").into()
    }

    fn command(&self, url: &str, nodes: &[&SolanaNode], until: &str) -> std::process::Command {
        let from = format!("solana={}", self.chain.blocks[0].slot);
        let mut args =
            vec!["sync".to_owned(), "--chain".into(), "solana".into(), "--from".into(), from, "--database".into(), url.to_owned()];
        args.extend(nodes.iter().flat_map(|node| ["--endpoint".to_owned(), format!("solana={}", node.url())]));
        args.extend((!until.is_empty()).then(|| until.to_owned()));
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let mut command = command(self.path(), &args);
        for (name, value) in
            [("BACKOFF_INITIAL_MS", "1"), ("BACKOFF_MAX_MS", "20"), ("HEAD_POLL_MS", "20"), ("BLOCKS_START_PER_FETCH", "200")]
        {
            command.env(format!("PERPDEX_SYNC_{name}"), value);
        }
        command
    }

    /// What an undisturbed run against an undisturbed node makes of the chain.
    async fn clean(&self, chain: &SolanaChain, finalized: u64, until: &str) -> String {
        let node = serve(chain, finalized, SolanaOptions::default());
        let url = self.url(&format!("clean_{finalized}"));
        let run = self.sync(&url, &[&node], until);
        assert_eq!(run.code, Some(0), "{}\n{}", run.stdout, run.stderr);
        dump(&url).await
    }
}

fn serve(chain: &SolanaChain, finalized: u64, options: SolanaOptions) -> SolanaNode {
    let node = SolanaNode::serve_with(chain.clone(), options).expect("the node starts");
    node.set_finalized(finalized).expect("the slot is on the chain");
    node
}

fn last(chain: &SolanaChain) -> u64 {
    chain.blocks[chain.blocks.len() - 1].slot
}

/// The chain up to a block whose last `blocks` hold transactions that succeeded.
fn with_busy_tail(mut chain: SolanaChain, blocks: usize) -> SolanaChain {
    let succeeded = |block: &SolanaBlock| block.transactions.iter().filter(|transaction| !transaction.failed).count();
    let busy = |end: &usize| chain.blocks[end - blocks..*end].iter().map(succeeded).sum::<usize>() > 3;
    let end = (2 * blocks..chain.blocks.len()).rev().find(busy).expect("the chain is busy somewhere");
    chain.blocks.truncate(end);
    chain
}

/// A slot with transactions that succeeded, about in the middle.
fn busy(chain: &SolanaChain) -> u64 {
    let has = |block: &&SolanaBlock| block.transactions.iter().any(|transaction| !transaction.failed);
    chain.blocks[chain.blocks.len() / 2..].iter().find(has).expect("something happens in the second half").slot
}

#[tokio::test(flavor = "multi_thread")]
async fn a_troubled_node_leaves_no_trace() {
    let chain = World::build(&options()).solana;
    for case in Case::all("a_troubled_node_leaves_no_trace", &chain) {
        let clean = case.clean(&chain, last(&chain), "--once").await;
        let faults = "on getTransaction 3-5 null\non getSignaturesForAddress 2 status=429 retry_after_secs=0\n\
                      on getTransaction 40 error=-32019 message=Failed to query long-term storage\non getTransaction 60 cut_bytes=100\n\
                      on getBlock 2 error=-32014 message=Block status not yet available for slot\n\
                      on getSignaturesForAddress 5 error=-32005 message=Node is behind by 42 slots\non getSlot 3 status=503";
        let options = SolanaOptions { page_max: 7, transaction_index: false, faults: faults.parse().unwrap(), ..SolanaOptions::default() };
        let node = serve(&chain, last(&chain), options);
        let url = case.url("troubled");
        let run = case.sync(&url, &[&node], "--once");
        assert_eq!(run.code, Some(0), "{}\n{}", run.stdout, run.stderr);
        assert_same_text(&clean, &dump(&url).await, "through cut pages, refusals and nulls, from a node that gives no places");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_is_never_given_is_a_gap_until_it_is() {
    let chain = World::build(&options()).solana;
    let slot = busy(&chain);
    for case in Case::all("a_transaction_that_is_never_given_is_a_gap_until_it_is", &chain) {
        let clean = case.clean(&chain, last(&chain), "--once").await;
        let faults = format!("on getTransaction * from={slot} to={slot} null");
        let node = serve(&chain, last(&chain), SolanaOptions { faults: faults.parse().unwrap(), ..SolanaOptions::default() });
        let url = case.url("gap");
        assert_eq!(case.sync(&url, &[&node], "--once").code, Some(1));
        let gaps =
            query(case.path(), &url, "SELECT DISTINCT reason, from_height, to_height, detail FROM v_gaps WHERE reason <> 'not_indexed'");
        assert_eq!(gaps.len(), 1, "{gaps:?}");
        assert_eq!((gaps[0]["from_height"].as_u64(), gaps[0]["reason"].as_str()), (Some(slot), Some("missing")), "{gaps:?}");
        assert!(gaps[0]["detail"].as_str().unwrap().contains("answered null 3 times"), "{gaps:?}");
        let head = query(case.path(), &url, "SELECT MIN(to_height) AS head FROM v_coverage");
        assert_eq!(head[0]["head"].as_u64(), Some(slot - 1), "the head stops below the gap");
        node.set_faults("".parse().unwrap()).unwrap();
        assert_eq!(case.sync(&url, &[&node], "--once").code, Some(0));
        assert_same_text(&clean, &dump(&url).await, "after the transaction came");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_recorded_is_a_gap_another_endpoint_fills() {
    let chain = World::build(&options()).solana;
    let slot = busy(&chain);
    for case in Case::all("what_was_not_recorded_is_a_gap_another_endpoint_fills", &chain) {
        let clean = case.clean(&chain, last(&chain), "--once").await;
        let node = serve(&chain, last(&chain), SolanaOptions { unrecorded: Some((slot, slot)), ..SolanaOptions::default() });
        let url = case.url("gap");
        assert_eq!(case.sync(&url, &[&node], "--once").code, Some(1));
        let gaps = query(case.path(), &url, "SELECT DISTINCT from_height FROM v_gaps WHERE reason = 'not_recorded'");
        assert_eq!((gaps.len(), gaps[0]["from_height"].as_u64()), (1, Some(slot)), "{gaps:?}");
        let whole = serve(&chain, last(&chain), SolanaOptions::default());
        assert_eq!(case.sync(&url, &[&whole], "--once").code, Some(0));
        assert_same_text(&clean, &dump(&url).await, "after another endpoint gave it");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pruned_endpoint_beside_a_whole_one() {
    let chain = World::build(&options()).solana;
    let middle = busy(&chain);
    for case in Case::all("a_pruned_endpoint_beside_a_whole_one", &chain) {
        let clean = case.clean(&chain, last(&chain), "--once").await;
        let pruned = serve(&chain, last(&chain), SolanaOptions { first_available: Some(middle), ..SolanaOptions::default() });
        let alone = case.url("alone");
        let run = case.sync(&alone, &[&pruned], "--once");
        assert_eq!(run.code, Some(1), "{}\n{}", run.stdout, run.stderr);
        let gaps = query(case.path(), &alone, "SELECT MIN(from_height) AS low FROM v_gaps");
        assert_eq!(gaps[0]["low"].as_u64(), Some(chain.blocks[0].slot), "{gaps:?}");
        let whole = serve(&chain, last(&chain), SolanaOptions::default());
        let url = case.url("both");
        let run = case.sync(&url, &[&pruned, &whole], "--once");
        assert_eq!(run.code, Some(0), "{}\n{}", run.stdout, run.stderr);
        assert_same_text(&clean, &dump(&url).await, "with a pruned endpoint first");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_walk_goes_on() {
    let chain = World::build(&options()).solana;
    for case in Case::all("a_killed_walk_goes_on", &chain) {
        let clean = case.clean(&chain, last(&chain), "--once").await;
        let node = serve(&chain, last(&chain), SolanaOptions { page_max: 1, ..SolanaOptions::default() });
        node.set_faults("on getSignaturesForAddress 80-100000 delay_ms=60000".parse().unwrap()).unwrap();
        let url = case.url("killed");
        let mut child = Guarded(case.command(&url, &[&node], "--once").stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        let pages = || node.calls().get("getSignaturesForAddress").copied().unwrap_or(0);
        until("the walk stops half-way", || async { 80 <= pages() }).await;
        child.0.kill().unwrap();
        child.0.wait().unwrap();
        node.set_faults("".parse().unwrap()).unwrap();
        let windows = query(case.path(), &url, "SELECT COUNT(*) AS n FROM listing_windows");
        let kept = windows[0]["n"].as_u64().unwrap();
        assert!(0 < kept, "the walk left windows behind");
        assert_eq!(case.sync(&url, &[&node], "--once").code, Some(0));
        let windows = query(case.path(), &url, "SELECT COUNT(*) AS n FROM listing_windows");
        assert!(kept < windows[0]["n"].as_u64().unwrap(), "the walk went on below {kept} windows: {windows:?}");
        assert_same_text(&clean, &dump(&url).await, "after a kill");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_that_never_finalises_goes() {
    let before = with_busy_tail(World::build(&options()).solana, 20);
    let end_secs = before.blocks[before.blocks.len() - 1].time_secs;
    let fork = Fork { at_ms: before.blocks[before.blocks.len() - 20].time_secs * 1_000, seed: 5 };
    let mut after = World::build(&WorldOptions { fork: Some(fork), ..options() }).solana;
    after.blocks.retain(|block| block.time_secs <= end_secs + 60);
    let kept = before.blocks.iter().zip(&after.blocks).take_while(|(a, b)| a.blockhash == b.blockhash).count();
    assert!(before.blocks.len() - 30 < kept && kept < before.blocks.len());
    assert_ne!(before.blocks[kept..].iter().map(|b| b.transactions.len()).sum::<usize>(), 0, "something is dropped");
    let finalized = before.blocks[kept - 1].slot;
    for case in Case::all("a_signature_that_never_finalises_goes", &before) {
        let clean = case.clean(&after, last(&after), "--once").await;
        let node = serve(&before, finalized, SolanaOptions::default());
        let url = case.url("followed");
        let child = Guarded(case.command(&url, &[&node], "").stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        let covers = |slot: u64, evidence: &'static str| {
            let url = url.clone();
            move || {
                let url = url.clone();
                async move { covered(&url, slot, evidence).await }
            }
        };
        until("following to the head", covers(last(&before), "provisional")).await;
        node.fork(after.blocks[kept..].to_vec()).expect("the branch follows the chain");
        node.set_finalized(last(&after)).expect("the slot is on the chain");
        until("settling the branch", covers(last(&after), "witnessed")).await;
        assert_eq!(interrupt(child), Some(130));
        assert_same_text(&clean, &dump(&url).await, "after the fork");
    }
}

/// Whether a slot is covered with evidence not weaker than this.
async fn covered(url: &str, slot: u64, evidence: &str) -> bool {
    let Ok(store) = perpdex_store::SqlStore::open_existing(url, Default::default(), Default::default()).await else { return false };
    let least = perpdex_core::Evidence::from_name(evidence);
    let covered = store.coverage(ChainId::SOLANA).await.unwrap_or_default();
    !covered.is_empty() && covered.iter().any(|covered| covered.range.contains(slot) && least <= Some(covered.evidence))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_listing_left_out_comes_once_it_is_final() {
    let chain = with_busy_tail(World::build(&options()).solana, 20);
    let head = last(&chain);
    let finalized = head - UNFINAL;
    let unfinal: Vec<u64> =
        chain.blocks.iter().filter(|block| finalized < block.slot && !block.transactions.is_empty()).map(|block| block.slot).collect();
    let (low, high) = (unfinal[0], unfinal[unfinal.len() - 1]);
    for case in Case::all("what_a_listing_left_out_comes_once_it_is_final", &chain) {
        let clean = case.clean(&chain, head, "--once").await;
        let faults = format!("on getSignaturesForAddress * from={low} to={high} empty");
        let node = serve(&chain, finalized, SolanaOptions { faults: faults.parse().unwrap(), ..SolanaOptions::default() });
        let url = case.url("left_out");
        assert_eq!(case.sync(&url, &[&node], "--once=latest").code, Some(0), "nothing final is missing");
        let stored = open(&url).await;
        let tail = stored.coverage(ChainId::SOLANA).await.unwrap();
        assert!(
            tail.iter().any(|covered| covered.range.contains(high) && covered.evidence == perpdex_core::Evidence::Provisional),
            "{tail:?}"
        );
        stored.close().await;
        node.set_faults("".parse().unwrap()).unwrap();
        node.set_finalized(head).unwrap();
        let run = case.sync(&url, &[&node], "--once");
        assert_eq!(run.code, Some(0), "{}\n{}", run.stdout, run.stderr);
        assert_same_text(&clean, &dump(&url).await, "after the range was read again");
    }
}
