//! `perpdex serve` over real sockets: what it says of a store that is whole and of one that is not.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Stdio;

use perpdex_simnet::chain::EvmChain;
use perpdex_simnet::node::{EvmNode, EvmOptions, Faults};
use perpdex_simnet::world::{World, WorldOptions};
use serde_json::Value;

use crate::support::{Engine, Guarded, command, folder, interrupt, perpdex, perpdex_ok};
use crate::table;

fn chain() -> EvmChain {
    let mut chain = World::build(&WorldOptions { seed: 8, hours: 1, events: 4_000, ..WorldOptions::default() }).bnb;
    chain.blocks.truncate(600);
    chain
}

/// Reads the chain into a new database; its URL and the exit code.
fn sync(folder: &Path, engine: &Engine, chain: &EvmChain, faults: Faults) -> (String, Option<i32>) {
    let node = EvmNode::serve_with(chain.clone(), EvmOptions { final_depth: 0, faults, ..EvmOptions::default() }).expect("the node starts");
    let url = engine.database(folder, "served");
    let (endpoint, from) = (format!("bnb={}", node.url()), format!("bnb={}", chain.blocks[0].number));
    let run = perpdex(folder, &["sync", "--once", "--chain", "bnb", "--endpoint", &endpoint, "--from", &from, "--database", &url]);
    (url, run.code)
}

/// A process that serves.
struct Serving {
    child: Guarded,
    address: String,
}

impl Serving {
    fn start(folder: &Path, url: &str) -> Serving {
        let mut serve = command(folder, &["serve", "--listen", "127.0.0.1:0", "--max-age-ms", "0", "--database", url]);
        let mut child = Guarded(serve.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the binary starts"));
        let mut line = String::new();
        BufReader::new(child.0.stderr.take().expect("a pipe")).read_line(&mut line).expect("it says where it listens");
        let address = line.split("http://").nth(1).and_then(|rest| rest.split(": ").next()).expect("an address").to_owned();
        Serving { child, address }
    }

    /// Status code and body.
    fn get(&self, path: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).expect("it listens");
        write!(stream, "GET {path} HTTP/1.1\r\nHost: perpdex\r\nConnection: close\r\n\r\n").expect("a request is sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer of text");
        let (head, body) = answer.split_once("\r\n\r\n").expect("head and body");
        (head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status"), body.to_owned())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_served_is_what_the_store_knows() {
    let chain = chain();
    let last = chain.blocks[chain.blocks.len() - 1].number;
    for engine in Engine::all("what_is_served_is_what_the_store_knows") {
        let folder = folder();
        let (url, code) = sync(folder.path(), &engine, &chain, Faults::default());
        assert_eq!(code, Some(0));
        let serving = Serving::start(folder.path(), &url);
        assert_eq!(serving.get("/health"), (200, "up\n".to_owned()));
        let (code, ready) = serving.get("/ready");
        assert!(code == 200 && ready.starts_with("green"), "{code} {ready}");
        let (_, metrics) = serving.get("/metrics");
        for line in [
            "perpdex_state{state=\"complete\"} 1".to_owned(),
            "perpdex_state{state=\"incomplete\"} 0".to_owned(),
            format!("perpdex_chain_head_height{{chain=\"bnb\"}} {last}"),
            format!("perpdex_chain_indexed_height{{chain=\"bnb\"}} {last}"),
            "perpdex_stream_missing_blocks{chain=\"bnb\",stream=\"aster_1001x\"} 0".to_owned(),
        ] {
            assert!(metrics.lines().any(|found| found == line), "{line} is not in\n{metrics}");
        }
        let (_, status) = serving.get("/status");
        let served: Value = serde_json::from_str(&status).expect("JSON");
        let told: Value = serde_json::from_str(&perpdex_ok(folder.path(), &["status", "--json", "--database", &url]).stdout).expect("JSON");
        assert_eq!((&served["verdict"], &served["streams"]), (&told["verdict"], &told["streams"]));
        assert_eq!(serving.get("/nothing").0, 404);
        assert_eq!(interrupt(serving.child), Some(130));
        check_list(&metrics);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_with_a_gap_is_not_ready() {
    let chain = chain();
    let first = chain.blocks[0].number;
    let faults = format!("on eth_getLogs * from={} to={} empty", first + 200, first + 400);
    let folder = folder();
    let (url, code) = sync(folder.path(), &Engine::Sqlite, &chain, faults.parse().expect("faults"));
    assert_eq!(code, Some(1));
    let serving = Serving::start(folder.path(), &url);
    let (code, ready) = serving.get("/ready");
    assert!(code == 503 && ready.starts_with("NOT green"), "{code} {ready}");
    let (_, metrics) = serving.get("/metrics");
    let has = |start: &str| metrics.lines().any(|line| line.starts_with(start));
    assert!(has("perpdex_state{state=\"incomplete\"} 1"), "{metrics}");
    assert!(has("perpdex_stream_holes{chain=\"bnb\",stream=\"aster_1001x\",reason=\"omitted\"} "), "{metrics}");
    assert!(has("perpdex_endpoint_errors_total{chain=\"bnb\",endpoint="), "{metrics}");
}

#[test]
fn without_a_database_nothing_is_served() {
    let folder = folder();
    let run = perpdex(folder.path(), &["serve", "--listen", "127.0.0.1:0", "--database", "sqlite:absent.db"]);
    assert_eq!(run.code, Some(2), "{}", run.stderr);
}

/// The list in the document is what is served.
fn check_list(metrics: &str) {
    let mut text = "| metric | type | meaning |\n| --- | --- | --- |\n".to_owned();
    let lines: Vec<&str> = metrics.lines().collect();
    for pair in lines.windows(2) {
        let (Some(help), Some(kind)) = (pair[0].strip_prefix("# HELP "), pair[1].strip_prefix("# TYPE ")) else { continue };
        let ((name, help), (_, kind)) = (help.split_once(' ').expect("a help"), kind.split_once(' ').expect("a type"));
        text.push_str(&format!("| `{name}` | {kind} | {help} |\n"));
    }
    table::check(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/serve.md"), "metrics", &text);
}
