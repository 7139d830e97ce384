//! What was asked for once stays asked for.

use perpdex_simnet::node::EvmNode;
use perpdex_simnet::world::{World, WorldOptions};

use crate::support::{Engine, folder, perpdex_ok, query};

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_takes_nothing_back() {
    let mut chain = World::build(&WorldOptions { seed: 6, hours: 1, events: 2_000, ..WorldOptions::default() }).bnb;
    chain.blocks.truncate(200);
    let first = chain.blocks[0].number;
    let node = EvmNode::serve(chain).expect("the node starts");
    let folder = folder();
    let (wide, part) = (Engine::Sqlite.database(folder.path(), "wide"), Engine::Sqlite.database(folder.path(), "part"));
    let endpoint = format!("bnb={}", node.url());
    let sync = |url: &str, from: u64| {
        let from = format!("bnb={from}");
        perpdex_ok(folder.path(), &["sync", "--chain", "bnb", "--endpoint", &endpoint, "--from", &from, "--once", "--database", url]);
    };
    sync(&wide, first);
    sync(&part, first + 50);
    let capture = folder.path().join("part.jsonl");
    perpdex_ok(folder.path(), &["export", "--raw", capture.to_str().unwrap(), "--database", &part]);
    let targets = || query(folder.path(), &wide, "SELECT venue_id, from_height, to_height FROM targets ORDER BY 1");
    let before = targets();
    assert_eq!(before[0]["from_height"].as_u64(), Some(first));
    perpdex_ok(folder.path(), &["replay", capture.to_str().unwrap(), "--database", &wide]);
    assert_eq!(targets(), before);
}
