//! Every way to read Solana gives the same store, through the built binary: listings, whole blocks, recorded blocks in a
//! folder, a filtered archive.

use std::fs;
use std::path::Path;

use perpdex_simnet::chain::SolanaChain;
use perpdex_simnet::node::{PortalNode, PortalOptions, SolanaNode, SolanaOptions, write_solana_folder};
use perpdex_simnet::world::{Shares, World, WorldOptions};
use tempfile::TempDir;

use crate::support::{Engine, Run, assert_same_text, command, dump, folder, query};

/// Slots of a file of recorded blocks.
const SLOTS_PER_FILE: u64 = 150;

fn chain() -> SolanaChain {
    build(Shares::default())
}

/// A chain on which hardly a slot is silent, so that chance explains no silence.
fn busy_chain() -> SolanaChain {
    build(Shares { phoenix: 900, ..Shares::default() })
}

fn build(shares: Shares) -> SolanaChain {
    let mut chain = World::build(&WorldOptions { seed: 21, hours: 1, events: 6_000, shares, ..WorldOptions::default() }).solana;
    chain.blocks.truncate(600);
    chain
}

fn first(chain: &SolanaChain) -> u64 {
    chain.blocks[0].slot
}

fn last(chain: &SolanaChain) -> u64 {
    chain.blocks[chain.blocks.len() - 1].slot
}

fn node(chain: &SolanaChain) -> SolanaNode {
    let node = SolanaNode::serve_with(chain.clone(), SolanaOptions::default()).expect("the node starts");
    node.set_finalized(last(chain)).expect("the slot is on the chain");
    node
}

fn portal(chain: &SolanaChain, options: PortalOptions) -> PortalNode {
    PortalNode::serve(chain.clone(), options).expect("the archive starts")
}

fn faults(text: &str) -> PortalOptions {
    PortalOptions { faults: text.parse().expect("the faults can be read"), ..PortalOptions::default() }
}

/// Reads the whole chain from endpoints, in the order of preference.
fn sync(folder: &Path, chain: &SolanaChain, url: &str, endpoints: &[&str]) -> Run {
    let (from, to) = (format!("solana={}", first(chain)), format!("solana={}", last(chain)));
    let endpoints: Vec<String> = endpoints.iter().map(|endpoint| format!("solana={endpoint}")).collect();
    let mut args = vec!["sync", "--chain", "solana", "--from", &from, "--to", &to, "--database", url];
    args.extend(endpoints.iter().flat_map(|endpoint| ["--endpoint", endpoint.as_str()]));
    let mut command = command(folder, &args);
    for (name, value) in [("BACKOFF_INITIAL_MS", "1"), ("BACKOFF_MAX_MS", "20"), ("BLOCKS_START_PER_FETCH", "200")] {
        command.env(format!("PERPDEX_SYNC_{name}"), value);
    }
    command.output().expect("the binary starts").into()
}

/// One chain and the database it is read into by listings.
struct Case {
    engine: Engine,
    folder: TempDir,
    chain: SolanaChain,
    clean: String,
}

impl Case {
    async fn all(test: &str, chain: SolanaChain) -> Vec<Case> {
        let mut cases = Vec::new();
        for engine in Engine::all(test) {
            let mut case = Case { engine, folder: folder(), chain: chain.clone(), clean: String::new() };
            let node = node(&case.chain);
            let (url, _) = case.read("listed", &[&node.url()]);
            case.clean = dump(&url).await;
            cases.push(case);
        }
        cases
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Reads the chain into a database of this name; its address.
    fn read(&self, name: &str, endpoints: &[&str]) -> (String, Run) {
        let url = self.engine.database(self.path(), name);
        let run = sync(self.path(), &self.chain, &url, endpoints);
        assert_eq!(run.code, Some(0), "{name}: {}\n{}", run.stdout, run.stderr);
        (url, run)
    }

    fn evidence(&self, url: &str) -> Vec<String> {
        let rows = query(self.path(), url, "SELECT DISTINCT evidence FROM v_coverage ORDER BY evidence");
        rows.iter().filter_map(|row| row["evidence"].as_str().map(str::to_owned)).collect()
    }

    fn gaps(&self, url: &str) -> Vec<serde_json::Value> {
        query(self.path(), url, "SELECT DISTINCT reason, from_height, to_height, detail FROM v_gaps WHERE reason <> 'not_indexed'")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whole_blocks_give_the_same_store() {
    for case in Case::all("whole_blocks_give_the_same_store", chain()).await {
        let node = node(&case.chain);
        let (url, _) = case.read("blocks", &[&format!("blocks+{}", node.url())]);
        assert_same_text(&case.clean, &dump(&url).await, "read block by block");
        assert_eq!(case.evidence(&url), ["receipts"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn recorded_blocks_give_the_same_store() {
    for case in Case::all("recorded_blocks_give_the_same_store", chain()).await {
        let recorded = folder();
        write_solana_folder(&case.chain, recorded.path(), SLOTS_PER_FILE).unwrap();
        assert!(fs::read_dir(recorded.path()).unwrap().count() > 3);
        let place = recorded.path().to_str().unwrap();
        let (url, _) = case.read("recorded", &[place]);
        assert_same_text(&case.clean, &dump(&url).await, "read from files");
        assert_eq!(case.evidence(&url), ["receipts"]);

        // A file that ends in the middle of a line is a gap from there to the next block, until it is whole again.
        let mut files: Vec<_> = fs::read_dir(recorded.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        let whole = fs::read(&files[1]).unwrap();
        fs::write(&files[1], &whole[..whole.len() - 100]).unwrap();
        let url = case.engine.database(case.path(), "cut");
        assert_eq!(sync(case.path(), &case.chain, &url, &[place]).code, Some(1));
        let gaps = case.gaps(&url);
        assert_eq!((gaps.len(), gaps[0]["reason"].as_str()), (1, Some("missing")), "{gaps:?}");
        assert!(gaps[0]["detail"].as_str().unwrap().starts_with("blocks-"), "{gaps:?}");
        fs::write(&files[1], whole).unwrap();
        assert_eq!(sync(case.path(), &case.chain, &url, &[place]).code, Some(0));
        assert_same_text(&case.clean, &dump(&url).await, "after the file was mended");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_gives_the_same_store() {
    for case in Case::all("an_archive_gives_the_same_store", chain()).await {
        let archive = portal(&case.chain, PortalOptions::default());
        let (url, _) = case.read("archive", &[&format!("portal+{}", archive.url())]);
        assert_same_text(&case.clean, &dump(&url).await, "read from an archive");
        assert_eq!(case.evidence(&url), ["probed"], "single blocks were asked for without a filter");

        // Cut, limited, overloaded, broken off, of another mind about the chain: all of it passes without a trace.
        let text = "on finalized-stream 1 cut_bytes=4000\non finalized-stream 2 status=429 retry_after_secs=0\non finalized-stream 4 status=503\n\
                    on finalized-stream 6 status=409\non metadata 1 status=529 retry_after_secs=0\non finalized-stream 9-11 cut_bytes=2500\n\
                    on finalized-head 1 status=502";
        let troubled = portal(&case.chain, PortalOptions { lines_max: Some(60), ..faults(text) });
        let (url, _) = case.read("troubled", &[&format!("portal+{}", troubled.url())]);
        assert_same_text(&case.clean, &dump(&url).await, "from a troubled archive");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_archive_lost_comes_from_another_endpoint() {
    for case in Case::all("what_an_archive_lost_comes_from_another_endpoint", busy_chain()).await {
        let (from, to) = (first(&case.chain) + 100, first(&case.chain) + 499);
        let lossy = portal(&case.chain, faults(&format!("on finalized-stream * from={from} to={to} empty")));
        let archive = format!("portal+{}", lossy.url());
        let alone = case.engine.database(case.path(), "alone");
        assert_eq!(sync(case.path(), &case.chain, &alone, &[&archive]).code, Some(1), "what the filter lost is a gap");
        assert!(!case.gaps(&alone).is_empty());
        let node = node(&case.chain);
        let (url, _) = case.read("both", &[&archive, &node.url()]);
        assert_same_text(&case.clean, &dump(&url).await, "with a node behind the archive");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_an_archive_never_had_are_gaps_with_their_signature() {
    for case in Case::all("lines_an_archive_never_had_are_gaps_with_their_signature", chain()).await {
        let archive = portal(&case.chain, PortalOptions { log_bytes_max: Some(600), ..PortalOptions::default() });
        let url = case.engine.database(case.path(), "cut");
        assert_eq!(sync(case.path(), &case.chain, &url, &[&format!("portal+{}", archive.url())]).code, Some(1));
        let gaps = case.gaps(&url);
        assert!(!gaps.is_empty());
        for gap in &gaps {
            assert_eq!(gap["reason"].as_str(), Some("not_recorded"), "{gap}");
            assert!(gap["detail"].as_str().unwrap().ends_with("log messages were truncated"), "{gap}");
        }
        // What programs pass to themselves does not depend on the log.
        let venues = query(case.path(), &url, "SELECT DISTINCT venue FROM v_gaps");
        assert!(!venues.is_empty());
        for row in &venues {
            assert!(["drift_v2", "velocity", "adrena", "aster_vault"].contains(&row["venue"].as_str().unwrap()), "{row}");
        }
        let node = node(&case.chain);
        let run = sync(case.path(), &case.chain, &url, &[&node.url()]);
        assert_eq!(run.code, Some(0), "{}\n{}", run.stdout, run.stderr);
        assert_same_text(&case.clean, &dump(&url).await, "after a node gave the lines");
    }
}
