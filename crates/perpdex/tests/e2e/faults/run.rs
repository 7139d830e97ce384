//! Plays scenarios: nodes on loopback, the built binary, and what happens to both.

use std::fs::File;
use std::process::Command;
use std::time::Duration;

use perpdex_simnet::chain::EvmChain;
use perpdex_simnet::node::{EvmNode, Faults};
use serde_json::Value;

use super::database::{Trouble, Way};
use super::scenario::{Scenario, Step};
use super::stage::{BLOCKS, Stage};
use crate::reorg_simnet::stored_hash;
use crate::support::{Engine, Guarded, command, folder, interrupt, until};

/// Longest wait for a number of calls before a kill.
const CALLS_WAIT: Duration = Duration::from_secs(60);

/// What a scenario has so far.
pub(super) struct Play<'a> {
    pub(super) stage: &'a Stage,
    pub(super) scenario: &'a Scenario,
    pub(super) folder: tempfile::TempDir,
    /// The database itself, past whatever stands in the program's way there.
    pub(super) url: String,
    way: Way,
    nodes: Vec<EvmNode>,
    pub(super) truth: EvmChain,
    reorgs: u64,
    /// How many of the newest blocks the last `sync` left out as not final.
    pub(super) left_out: u64,
    pub(super) summary: Value,
    /// What happens to the database during the next `sync`, after how many answers.
    troubles: Vec<(u64, Trouble)>,
    file_kib: Option<u64>,
    follower: Option<Guarded>,
}

/// Plays a scenario; what the first run came to, and what came after.
pub(super) async fn play(stage: &Stage, scenario: &Scenario, engine: &Engine) -> (String, String) {
    let folder = folder();
    let url = engine.database(folder.path(), "faults");
    let way = Way::new(url.clone()).await;
    let nodes: Vec<EvmNode> = scenario.nodes.iter().map(|node| stage.serve(node)).collect();
    std::fs::write(folder.path().join("perpdex.toml"), config(&way.url(), scenario, &nodes)).expect("the configuration can be written");
    let mut play = Play {
        stage,
        scenario,
        folder,
        url,
        way,
        nodes,
        truth: stage.chain.clone(),
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

    /// Number of the chain's first block.
    pub(super) fn first(&self) -> u64 {
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
