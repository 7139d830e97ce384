//! The text form of scenarios.
//!
//! ```text
//! # What goes wrong, as the table tells it.
//! set retries_max 2                     an option of [sync]
//! database postgres                     the store is of this engine instead of SQLite
//! endpoint one head=+100                a node, in order of preference; see `Node` for its options
//!   on eth_getLogs * from=+10 to=+20 empty      a fault of it, as simnet reads them; `+N` is the N-th block
//! sync 1                                runs `sync --once` (`sync latest 1`: up to the tip) and requires this exit code
//! rows all                              the store equals that of a run without faults; `rows some`: it does not, and what it
//!                                       lacks lies in gaps or in `v_decode_failures`
//! gaps 10..=20 omitted                  what `v_gaps` has, one line a range; `gaps -`: nothing
//! gaps within 10..=20 omitted           there are gaps, all of them inside of this range
//! failures 1                            rows of `v_decode_failures`
//! errors one omitted                    the summary names such an error of the endpoint
//! heal                                  all faults end, all blocks are visible
//! head one +90                          the node shows the chain up to here
//! reorg 8                               the last eight blocks of every node are replaced
//! kill 3                                runs `sync` and kills it after the third answer to eth_getLogs
//! during 3 terminate                    while the next `sync` runs, after the third answer to eth_getLogs: the database's server
//!                                       ends all connections; `away 500`: it cannot be reached for 500 ms; `locked 500`: another
//!                                       program holds the lock for writing
//! now away 500                          the same at once, while a run follows
//! file_kib 500                          the next `sync` can write no file beyond this size
//! sql STATEMENTS                        runs them on the database, behind the program's back
//! says TEXT                             the chain ended with an error that has this text
//! counted hedges_won                    the summary counts at least one of these in `routing`
//! follow                                runs `sync` that follows the head, until `stop 130`, which interrupts it and requires the code
//! reaches +90                           waits until the block is stored
//! ```

use std::path::Path;
use std::sync::Arc;

use super::database::Trouble;

/// One scenario.
pub(super) struct Scenario {
    pub(super) name: String,
    pub(super) about: String,
    pub(super) is_postgres: bool,
    pub(super) settings: Vec<(String, String)>,
    pub(super) nodes: Vec<Node>,
    pub(super) steps: Vec<Step>,
}

/// A node before it is served.
pub(super) struct Node {
    pub(super) label: String,
    /// First block it has, counted from the chain's first.
    pub(super) first: usize,
    /// Last block it shows at first.
    pub(super) head: Option<u64>,
    /// Blocks below the head that are not final.
    pub(super) final_depth: u64,
    pub(super) log_timestamps: bool,
    pub(super) faults: String,
}

/// What happens, in order.
pub(super) enum Step {
    Sync { latest: bool, exit: i32 },
    Rows { all: bool },
    Gaps(Vec<String>),
    GapsWithin { from: u64, to: u64, reason: String },
    Failures(usize),
    Error { label: String, kind: String },
    Heal,
    Head { label: String, at: u64 },
    Reorg { depth: usize },
    Kill { calls: u64 },
    During { calls: u64, trouble: Trouble },
    Now(Trouble),
    FileKib(u64),
    Sql(String),
    Says(String),
    Counted(String),
    Follow,
    Reaches { at: u64 },
    Stop { exit: i32 },
}

impl Scenario {
    /// All scenarios of a folder, by name.
    pub(super) fn read_all(folder: &Path) -> Vec<Arc<Scenario>> {
        let entries = std::fs::read_dir(folder).expect("the folder of scenarios is there");
        let mut paths: Vec<_> = entries.map(|entry| entry.expect("the folder can be read").path()).collect();
        paths.sort();
        paths.iter().map(|path| Arc::new(Scenario::read(path))).collect()
    }

    fn read(path: &Path) -> Scenario {
        let name = path.file_stem().and_then(|name| name.to_str()).expect("a file name").to_owned();
        let text = std::fs::read_to_string(path).expect("the scenario can be read");
        let (about, rest) = text.split_once('\n').expect("a first line");
        let about = about.strip_prefix("# ").unwrap_or_else(|| panic!("{name}: the first line tells what goes wrong")).to_owned();
        let mut scenario = Scenario { name, about, is_postgres: false, settings: Vec::new(), nodes: Vec::new(), steps: Vec::new() };
        rest.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).for_each(|line| scenario.line(line));
        assert!(!scenario.nodes.is_empty() && !scenario.steps.is_empty(), "{}: no endpoint or no step", scenario.name);
        scenario
    }

    fn line(&mut self, line: &str) {
        let words: Vec<&str> = line.split(' ').collect();
        let number = |word: &str| word.trim_start_matches('+').parse::<u64>().unwrap_or_else(|_| panic!("{line:?}: {word:?} is no number"));
        let step = match words[..] {
            ["set", name, value] => return self.settings.push((name.to_owned(), value.to_owned())),
            ["database", "postgres"] => return self.is_postgres = true,
            ["endpoint", label, ref options @ ..] => return self.nodes.push(node(label, options)),
            ["on", ..] => {
                let node = self.nodes.last_mut().unwrap_or_else(|| panic!("{line:?} stands before any endpoint"));
                node.faults.push_str(line);
                return node.faults.push('\n');
            }
            ["sync", "latest", exit] => Step::Sync { latest: true, exit: exit.parse().expect("an exit code") },
            ["sync", exit] => Step::Sync { latest: false, exit: exit.parse().expect("an exit code") },
            ["rows", "all"] => Step::Rows { all: true },
            ["rows", "some"] => Step::Rows { all: false },
            ["gaps", "-"] => Step::Gaps(Vec::new()),
            ["gaps", "within", range, reason] => {
                let (from, to) = range.split_once("..=").unwrap_or_else(|| panic!("{line:?}: a range is FROM..=TO"));
                Step::GapsWithin { from: number(from), to: number(to), reason: reason.to_owned() }
            }
            ["failures", count] => Step::Failures(number(count) as usize),
            ["gaps", range, reason] => match self.steps.last_mut() {
                Some(Step::Gaps(gaps)) => return gaps.push(format!("{range} {reason}")),
                _ => Step::Gaps(vec![format!("{range} {reason}")]),
            },
            ["errors", label, ref kind @ ..] => Step::Error { label: label.to_owned(), kind: kind.join(" ") },
            ["heal"] => Step::Heal,
            ["head", label, at] => Step::Head { label: label.to_owned(), at: number(at) },
            ["reorg", depth] => Step::Reorg { depth: number(depth) as usize },
            ["kill", calls] => Step::Kill { calls: number(calls) },
            ["during", calls, ref what @ ..] => Step::During { calls: number(calls), trouble: trouble(what) },
            ["now", ref what @ ..] => Step::Now(trouble(what)),
            ["file_kib", kib] => Step::FileKib(number(kib)),
            ["sql", ref words @ ..] => Step::Sql(words.join(" ")),
            ["says", ref words @ ..] => Step::Says(words.join(" ")),
            ["counted", name] => Step::Counted(name.to_owned()),
            ["follow"] => Step::Follow,
            ["reaches", at] => Step::Reaches { at: number(at) },
            ["stop", exit] => Step::Stop { exit: exit.parse().expect("an exit code") },
            _ => panic!("{}: unknown line {line:?}", self.name),
        };
        self.steps.push(step);
    }
}

fn trouble(words: &[&str]) -> Trouble {
    let ms = |text: &str| text.parse().unwrap_or_else(|_| panic!("{text:?} is no number of milliseconds"));
    match words {
        ["terminate"] => Trouble::Terminate,
        ["away", time] => Trouble::Away { ms: ms(time) },
        ["locked", time] => Trouble::Locked { ms: ms(time) },
        _ => panic!("unknown trouble {words:?}"),
    }
}

fn node(label: &str, options: &[&str]) -> Node {
    let mut node = Node { label: label.to_owned(), first: 0, head: None, final_depth: 0, log_timestamps: true, faults: String::new() };
    for option in options {
        let number = |text: &str| text.trim_start_matches('+').parse::<u64>().unwrap_or_else(|_| panic!("{option:?} is no number"));
        match option.split_once('=') {
            Some(("first", at)) => node.first = number(at) as usize,
            Some(("head", at)) => node.head = Some(number(at)),
            Some(("final_depth", depth)) => node.final_depth = number(depth),
            None if *option == "no_timestamps" => node.log_timestamps = false,
            _ => panic!("unknown option {option:?} of endpoint {label}"),
        }
    }
    node
}
