//! Plays scenarios: nodes on loopback, the built binary, and a look into its database.

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use perpdex_simnet::chain::EvmChain;
use perpdex_simnet::node::{EvmNode, EvmOptions, Faults};
use perpdex_simnet::world::{World, WorldOptions};
use serde_json::Value;
use tokio::sync::Mutex;

use super::database::{Trouble, Way};
use super::scenario::{Node, Scenario, Step};
use crate::reorg_simnet::stored_hash;
use crate::support::{Engine, Guarded, command, dump, folder, interrupt, perpdex_ok, query, until};

/// Blocks of the simulated BNB chain.
const BLOCKS: usize = 3_000;

/// Longest wait for a number of calls before a kill.
const CALLS_WAIT: Duration = Duration::from_secs(60);

/// The chain, and what runs without faults make of it.
pub(super) struct Stage {
    chain: EvmChain,
    /// By the chain's last hash and the depth of what is not final.
    clean: Mutex<HashMap<(String, u64), Arc<Clean>>>,
}

/// Height, log index, transaction and bytes of a stored record.
type Record = (u64, u64, String, String);

/// The store that a run without faults makes.
struct Clean {
    text: String,
    records: BTreeSet<Record>,
}

/// Height and index of every log of the chain, but for the newest blocks.
fn places_of(chain: &EvmChain, left_out: u64) -> BTreeSet<(u64, u64)> {
    let blocks = &chain.blocks[..chain.blocks.len() - left_out as usize];
    blocks.iter().flat_map(|block| (0..block.logs.len() as u64).map(|index| (block.number, index))).collect()
}

fn places(records: &BTreeSet<Record>) -> BTreeSet<(u64, u64)> {
    records.iter().map(|record| (record.0, record.1)).collect()
}

fn records(folder: &Path, url: &str) -> BTreeSet<Record> {
    let rows = query(folder, url, "SELECT height, rec, tx_id, hex(payload) AS bytes FROM raw_events");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let number = |value: &Value| value.as_u64().expect("a number");
    rows.iter().map(|row| (number(&row["height"]), number(&row["rec"]), text(&row["tx_id"]), text(&row["bytes"]))).collect()
}

/// What a scenario has so far.
struct Play<'a> {
    stage: &'a Stage,
    scenario: &'a Scenario,
    folder: tempfile::TempDir,
    /// The database itself, past whatever stands in the program's way there.
    url: String,
    way: Way,
    nodes: Vec<EvmNode>,
    truth: EvmChain,
    reorgs: u64,
    /// How many of the newest blocks the last `sync` left out as not final.
    left_out: u64,
    summary: Value,
    /// What happens to the database during the next `sync`, after how many answers.
    troubles: Vec<(u64, Trouble)>,
    file_kib: Option<u64>,
    follower: Option<Guarded>,
}

impl Stage {
    pub(super) fn new() -> Stage {
        let world = World::build(&WorldOptions { seed: 11, hours: 3, events: 12_000, ..WorldOptions::default() });
        let mut chain = world.bnb;
        chain.blocks.truncate(BLOCKS);
        Stage { chain, clean: Mutex::default() }
    }

    /// Plays a scenario; what the first run came to, and what came after.
    pub(super) async fn play(&self, scenario: &Scenario, engine: &Engine) -> (String, String) {
        let folder = folder();
        let url = engine.database(folder.path(), "faults");
        let way = Way::new(url.clone()).await;
        let nodes: Vec<EvmNode> = scenario.nodes.iter().map(|node| self.serve(node)).collect();
        std::fs::write(folder.path().join("perpdex.toml"), config(&way.url(), scenario, &nodes)).expect("the configuration can be written");
        let mut play = Play {
            stage: self,
            scenario,
            folder,
            url,
            way,
            nodes,
            truth: self.chain.clone(),
            reorgs: 0,
            left_out: 0,
            summary: Value::Null,
            troubles: Vec::new(),
            file_kib: None,
            follower: None,
        };
        let mut outcomes: Vec<Vec<String>> = Vec::new();
        for step in &scenario.steps {
            let words = play.step(step).await;
            match step {
                Step::Sync { .. } | Step::Stop { .. } => outcomes.push(words),
                _ => outcomes.last_mut().into_iter().for_each(|outcome| outcome.extend(words.iter().cloned())),
            }
        }
        engine.drop_database(&play.url);
        let mut outcomes = outcomes.into_iter().map(|words| words.join(", "));
        (outcomes.next().unwrap_or_default(), outcomes.next_back().unwrap_or_else(|| "-".to_owned()))
    }

    fn serve(&self, node: &Node) -> EvmNode {
        let first = self.chain.blocks[0].number;
        let chain = EvmChain { chain_id: self.chain.chain_id, blocks: self.chain.blocks[node.first..].to_vec() };
        let faults = absolute(&node.faults, first).parse::<Faults>().expect("faults that simnet reads");
        let options = EvmOptions { final_depth: node.final_depth, log_timestamps: node.log_timestamps, faults, ..EvmOptions::default() };
        let served = EvmNode::serve_with(chain, options).expect("the node starts");
        if let Some(head) = node.head {
            served.set_head(first + head).expect("the height is on the chain");
        }
        served
    }

    /// The store that a run without faults makes of a chain.
    async fn clean(&self, truth: &EvmChain, left_out: u64) -> Arc<Clean> {
        let key = (format!("{:#x}", truth.blocks[truth.blocks.len() - 1].hash), left_out);
        let mut known = self.clean.lock().await;
        if let Some(clean) = known.get(&key) {
            return clean.clone();
        }
        let folder = folder();
        let url = Engine::Sqlite.database(folder.path(), "clean");
        let node =
            EvmNode::serve_with(truth.clone(), EvmOptions { final_depth: left_out, ..EvmOptions::default() }).expect("the node starts");
        let (endpoint, from) = (format!("bnb={}", node.url()), format!("bnb={}", truth.blocks[0].number));
        perpdex_ok(folder.path(), &["sync", "--once", "--chain", "bnb", "--endpoint", &endpoint, "--from", &from, "--database", &url]);
        let clean = Arc::new(Clean { text: dump(&url).await, records: records(folder.path(), &url) });
        assert_eq!(places(&clean.records), places_of(truth, left_out), "a run without faults stores every log of the chain");
        known.insert(key, clean.clone());
        clean
    }
}

impl Play<'_> {
    /// Does a step; words for the table.
    async fn step(&mut self, step: &Step) -> Vec<String> {
        match step {
            Step::Sync { latest, exit } => self.sync(*latest, *exit).await,
            Step::Rows { all } => self.rows(*all).await,
            Step::Gaps(wanted) => self.gaps(wanted),
            Step::GapsWithin { from, to, reason } => self.gaps_within(*from, *to, reason),
            Step::Failures(count) => self.failures(*count),
            Step::Error { label, kind } => self.error(label, kind),
            Step::Heal => self.heal(),
            Step::Head { label, at } => {
                self.node(label).set_head(self.first() + at).map(|()| Vec::new()).expect("the height is on the chain")
            }
            Step::Reorg { depth } => self.reorg(*depth),
            Step::Kill { calls } => self.kill(*calls).await,
            Step::During { calls, trouble } => {
                self.troubles.push((*calls, *trouble));
                Vec::new()
            }
            Step::Now(trouble) => {
                self.way.make(*trouble).await;
                Vec::new()
            }
            Step::FileKib(kib) => {
                self.file_kib = Some(*kib);
                Vec::new()
            }
            Step::Sql(statements) => {
                self.way.execute(statements).await;
                Vec::new()
            }
            Step::Says(text) => self.says(text),
            Step::Counted(name) => self.counted(name),
            Step::Follow => self.follow(),
            Step::Reaches { at } => self.reaches(*at).await,
            Step::Stop { exit } => self.stop(*exit),
        }
    }

    fn args(&self, once: &'static str) -> Vec<String> {
        let from = format!("bnb={}", self.first());
        ["sync", once, "--chain", "bnb", "--json", "--from", &from].map(str::to_owned).to_vec()
    }

    async fn sync(&mut self, latest: bool, exit: i32) -> Vec<String> {
        let args = self.args(if latest { "--once=latest" } else { "--once" });
        let mut child = self.spawn(&args);
        for (calls, trouble) in std::mem::take(&mut self.troubles) {
            self.answers(calls).await;
            self.way.make(trouble).await;
        }
        let code = child.0.wait().expect("the binary ends").code();
        self.ended(code, exit);
        self.left_out = if latest { 0 } else { self.scenario.nodes[0].final_depth };
        vec![format!("exit {exit}")]
    }

    /// Starts the binary; what it says goes into files.
    fn spawn(&mut self, args: &[String]) -> Guarded {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let mut sync = command(self.folder.path(), &args);
        if let Some(kib) = self.file_kib.take() {
            sync = limited(&sync, kib);
        }
        let file = |name: &str| File::create(self.folder.path().join(name)).expect("a file for what the binary says");
        Guarded(sync.stdout(file("stdout")).stderr(file("stderr")).spawn().expect("the binary starts"))
    }

    /// Reads the summary of a run that has ended.
    fn ended(&mut self, code: Option<i32>, exit: i32) {
        let said = |name: &str| std::fs::read_to_string(self.folder.path().join(name)).expect("what the binary said");
        let (name, stdout) = (&self.scenario.name, said("stdout"));
        assert_eq!(code, Some(exit), "{name}: {stdout}\n{}", said("stderr"));
        self.summary = serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{name}: no summary: {error}: {stdout}"));
    }

    fn follow(&mut self) -> Vec<String> {
        let from = format!("bnb={}", self.first());
        let args = ["sync", "--chain", "bnb", "--json", "--from", &from].map(str::to_owned);
        self.follower = Some(self.spawn(&args));
        Vec::new()
    }

    async fn reaches(&self, at: u64) -> Vec<String> {
        let (url, height) = (self.url.clone(), self.first() + at);
        let is_stored = || async { stored_hash(&url, height).await.is_some() };
        until(&format!("{}: reaching block {at}", self.scenario.name), is_stored).await;
        Vec::new()
    }

    fn stop(&mut self, exit: i32) -> Vec<String> {
        let follower = self.follower.take().expect("a run follows");
        let code = interrupt(follower);
        self.ended(code, exit);
        self.left_out = 0;
        vec![format!("interrupted at the head, exit {exit}")]
    }

    fn says(&self, text: &str) -> Vec<String> {
        let error = self.summary["chains"][0]["error"].as_str().unwrap_or_default();
        assert!(error.contains(text), "{}: {text:?} is not in {error:?}", self.scenario.name);
        vec![format!("an error that says \"{text}\"")]
    }

    fn counted(&self, name: &str) -> Vec<String> {
        let routing = &self.summary["chains"][0]["routing"];
        assert!(routing[name].as_u64().is_some_and(|count| 0 < count), "{}: no {name} in {routing}", self.scenario.name);
        Vec::new()
    }

    /// Every row of a run without faults; or, where not all of them are there, all that lie outside of the gaps, and nothing
    /// besides.
    async fn rows(&self, all: bool) -> Vec<String> {
        let name = &self.scenario.name;
        let clean = self.stage.clean(&self.truth, self.left_out).await;
        let is_whole = clean.text == dump(&self.url).await;
        assert_eq!(is_whole, all, "{name}: whether the store equals that of a run without faults: {:#}", self.summary);
        if all {
            return vec!["every row".to_owned()];
        }
        let failed = query(self.folder.path(), &self.url, "SELECT DISTINCT height FROM v_decode_failures");
        let failed = failed.iter().map(|row| row["height"].as_u64().expect("a height")).map(|height| (height, height));
        let gaps: Vec<(u64, u64)> = self.gap_rows().iter().map(|row| (row.0, row.1)).chain(failed).collect();
        let is_in_gap = |record: &&Record| gaps.iter().any(|(from, to)| (*from..=*to).contains(&record.0));
        let stored = records(self.folder.path(), &self.url);
        let lost: Vec<&Record> = clean.records.difference(&stored).filter(|record| !is_in_gap(record)).collect();
        let added: Vec<&Record> = stored.difference(&clean.records).collect();
        assert!(lost.is_empty() && added.is_empty(), "{name}: lost outside of gaps {lost:?}, added {added:?}: {:#}", self.summary);
        vec!["every other row".to_owned()]
    }

    /// What `v_gaps` has: first and last height, reason.
    fn gap_rows(&self) -> Vec<(u64, u64, String)> {
        let rows = query(self.folder.path(), &self.url, "SELECT DISTINCT from_height, to_height, reason FROM v_gaps ORDER BY from_height");
        let height = |row: &Value, name: &str| row[name].as_u64().expect("a height");
        let mut gaps: Vec<(u64, u64, String)> = Vec::new();
        for row in &rows {
            let (from, to, reason) = (height(row, "from_height"), height(row, "to_height"), row["reason"].as_str().expect("a reason"));
            match gaps.last_mut() {
                // Neighbours of one reason are told as one.
                Some(last) if last.2 == reason && from <= last.1 + 1 => last.1 = last.1.max(to),
                _ => gaps.push((from, to, reason.to_owned())),
            }
        }
        gaps
    }

    fn gaps(&self, wanted: &[String]) -> Vec<String> {
        let first = self.first();
        let found: Vec<String> =
            self.gap_rows().iter().map(|(from, to, reason)| format!("{}..={} {reason}", from - first, to - first)).collect();
        assert_eq!(found, wanted, "{}: {}", self.scenario.name, self.summary);
        match &found[..] {
            [] => vec!["no gap".to_owned()],
            [one] => vec![format!("gap {one}")],
            found => vec![format!("gaps {}", found.join(" and "))],
        }
    }

    fn gaps_within(&self, from: u64, to: u64, reason: &str) -> Vec<String> {
        let (first, found) = (self.first(), self.gap_rows());
        let is_within = |gap: &(u64, u64, String)| first + from <= gap.0 && gap.1 <= first + to && gap.2 == reason;
        assert!(!found.is_empty() && found.iter().all(is_within), "{}: {found:?} {:#}", self.scenario.name, self.summary);
        // How many there are depends on which requests were under way together.
        vec![format!("gaps {reason} inside of {from}..={to}")]
    }

    fn failures(&self, count: usize) -> Vec<String> {
        let rows = query(self.folder.path(), &self.url, "SELECT height FROM v_decode_failures");
        assert_eq!(rows.len(), count, "{}: {}", self.scenario.name, self.summary);
        vec![format!("{count} in `v_decode_failures`")]
    }

    fn error(&self, label: &str, kind: &str) -> Vec<String> {
        let errors = self.summary["chains"][0]["errors"].as_array().cloned().unwrap_or_default();
        let is_told = errors.iter().any(|group| group["label"] == label && group["kind"] == kind);
        let dropped = self.summary["chains"][0]["dropped"].to_string();
        assert!(is_told, "{}: no {kind} of {label} in {errors:?} {dropped}", self.scenario.name);
        Vec::new()
    }

    fn heal(&mut self) -> Vec<String> {
        for node in &self.nodes {
            node.set_faults(Faults::default()).expect("no faults are fine");
            node.advance(BLOCKS);
        }
        Vec::new()
    }

    fn reorg(&mut self, depth: usize) -> Vec<String> {
        self.reorgs += 1;
        let branch = self.truth.branch(depth, 1_000 + self.reorgs);
        let kept = self.truth.blocks.len() - branch.len();
        self.truth.blocks.truncate(kept);
        self.truth.blocks.extend(branch.iter().cloned());
        self.nodes.iter().for_each(|node| node.reorg(branch.clone()).expect("the branch follows the chain"));
        Vec::new()
    }

    async fn kill(&mut self, calls: u64) -> Vec<String> {
        let args = self.args("--once");
        let child = self.spawn(&args);
        self.answers(calls).await;
        // Dropping it sends SIGKILL and waits.
        drop(child);
        Vec::new()
    }

    /// Waits until the nodes have answered eth_getLogs so many times.
    async fn answers(&self, calls: u64) {
        let asked = || self.nodes.iter().map(|node| node.calls().get("eth_getLogs").copied().unwrap_or(0)).sum::<u64>();
        let wait = async {
            while asked() < calls {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(CALLS_WAIT, wait).await.unwrap_or_else(|_| panic!("{}: {calls} calls never came", self.scenario.name));
    }

    fn node(&self, label: &str) -> &EvmNode {
        let place = self.scenario.nodes.iter().position(|node| node.label == label);
        &self.nodes[place.unwrap_or_else(|| panic!("{}: no endpoint {label}", self.scenario.name))]
    }

    fn first(&self) -> u64 {
        self.stage.chain.blocks[0].number
    }
}

/// The same command under a limit on the size of files; a write beyond it fails instead of ending the program.
fn limited(command: &Command, kib: u64) -> Command {
    let mut shell = Command::new("bash");
    let script = format!("trap '' XFSZ; ulimit -f {kib}; exec \"$0\" \"$@\"");
    shell.args(["-c", &script]).arg(command.get_program()).args(command.get_args());
    if let Some(folder) = command.get_current_dir() {
        shell.current_dir(folder);
    }
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell
}

/// The configuration of a scenario: labels for its nodes, short pauses, and what it sets itself.
fn config(url: &str, scenario: &Scenario, nodes: &[EvmNode]) -> String {
    let mut text = format!("[database]\nurl = \"{url}\"\n[sync]\n");
    let defaults = [("backoff_initial_ms", "20"), ("backoff_max_ms", "200"), ("head_poll_ms", "50"), ("unreachable_after_ms", "2000")];
    let is_set = |name: &str| scenario.settings.iter().any(|(other, _)| other == name);
    for (name, value) in defaults.iter().filter(|(name, _)| !is_set(name)) {
        text.push_str(&format!("{name} = {value}\n"));
    }
    scenario.settings.iter().for_each(|(name, value)| text.push_str(&format!("{name} = {value}\n")));
    for (node, served) in scenario.nodes.iter().zip(nodes) {
        text.push_str(&format!("[[chains.bnb.endpoints]]\nurl = \"{}\"\nlabel = \"{}\"\n", served.url(), node.label));
    }
    text
}

/// Faults with `+N` put in terms of the chain's first block.
fn absolute(faults: &str, first: u64) -> String {
    let word = |word: &str| match word.split_once("=+") {
        Some((key @ ("from" | "to"), offset)) => {
            let offset: u64 = offset.parse().unwrap_or_else(|_| panic!("{word:?} is no number"));
            format!("{key}={}", first + offset)
        }
        _ => word.to_owned(),
    };
    let line = |line: &str| line.split(' ').map(word).collect::<Vec<_>>().join(" ");
    faults.lines().map(line).collect::<Vec<_>>().join("\n")
}
