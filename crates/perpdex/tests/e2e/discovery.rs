//! A market that no table names is named and measured by what its token's contract answers, and by nothing else.

use std::path::Path;

use perpdex_simnet::chain::EvmChain;
use perpdex_simnet::node::EvmNode;
use perpdex_simnet::world::{World, WorldOptions};
use serde_json::Value;

use crate::support::{Engine, assert_same_text, dump, folder, perpdex, perpdex_ok, query};

/// The market that simnet lists in a wide world.
const MARKET: &str = "0xd09e000000000000000000000000000000000001";

fn world() -> World {
    World::build(&WorldOptions { seed: 8, hours: 1, events: 6_000, is_wide: true, ..WorldOptions::default() })
}

/// Syncs the whole chain from these nodes; the exit code.
fn sync(folder: &Path, url: &str, chain: &EvmChain, nodes: &[&EvmNode]) -> Option<i32> {
    let from = format!("arbitrum={}", chain.blocks[0].number);
    let endpoints: Vec<String> = nodes.iter().map(|node| format!("arbitrum={}", node.url())).collect();
    let mut args = vec!["sync", "--once", "--chain", "arbitrum", "--from", &from, "--database", url];
    args.extend(endpoints.iter().flat_map(|endpoint| ["--endpoint", endpoint]));
    perpdex(folder, &args).code
}

/// A node that serves everything but contract values.
fn mute(chain: &EvmChain) -> EvmNode {
    let node = node(chain);
    let fault = "on eth_call * error=-32601 message=the method eth_call does not exist/is not available";
    node.set_faults(fault.parse().expect("a fault")).expect("the node takes it");
    node
}

fn node(chain: &EvmChain) -> EvmNode {
    let node = EvmNode::serve(chain.clone()).expect("the node starts");
    node.set_finalized(chain.blocks[chain.blocks.len() - 1].number).expect("the height is on the chain");
    node
}

fn market(folder: &Path, url: &str) -> Value {
    let sql = format!(
        "SELECT m.symbol, a.symbol AS asset, m.mapped, m.qty_decimals FROM markets m JOIN assets a ON a.asset_id = m.asset_id WHERE m.market_key = '{MARKET}'"
    );
    query(folder, url, &sql).pop().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_market_of_no_table_is_found_by_its_token() {
    for engine in Engine::all("a_market_of_no_table_is_found_by_its_token") {
        let World { arbitrum, truth, .. } = world();
        let (folder, node) = (folder(), node(&arbitrum));
        let (root, url) = (folder.path(), engine.database(folder.path(), "found"));
        assert_eq!(sync(root, &url, &arbitrum, &[&node]), Some(0));
        let found = market(root, &url);
        assert_eq!((&found["symbol"], &found["asset"]), (&"DOGE".into(), &"DOGE".into()), "{found}");
        assert_eq!((found["mapped"].as_i64(), found["qty_decimals"].as_i64()), (Some(1), Some(8)), "{found}");

        // Everything it traded is there, to the unit.
        let hours = truth.hours.iter().filter(|hour| hour.market == MARKET);
        let wanted = hours.fold((0, 0), |sum, hour| (sum.0 + hour.trades, sum.1 + hour.volume_usd_e6));
        let sql = format!(
            "SELECT CAST(SUM(h.trades) AS BIGINT) AS trades, CAST(SUM(h.volume_usd_e6) AS BIGINT) AS volume FROM agg_market_hour h \
             JOIN markets m ON m.market_id = h.market_id WHERE m.market_key = '{MARKET}'"
        );
        let sums = &query(root, &url, &sql)[0];
        assert!(wanted.0 > 10, "the world trades it");
        assert_eq!((sums["trades"].as_i64(), sums["volume"].as_i64()), (Some(wanted.0), Some(wanted.1)));

        // The answers stand beside the logs, so that what was decoded with them can be decoded again without a node.
        drop(node);
        let fresh = dump(&url).await;
        let recorded = query(root, &url, "SELECT tx_id FROM raw_events WHERE tx_id = 'state'").len();
        assert_eq!(recorded, 8, "symbol and decimals of four index tokens");
        perpdex_ok(root, &["redecode", "--database", &url]);
        assert_same_text(&dump(&url).await, &fresh, "decoded again");
        let capture = root.join("capture.jsonl");
        perpdex_ok(root, &["export", "--raw", capture.to_str().unwrap(), "--database", &url]);
        let replayed = Engine::Sqlite.database(root, "replayed");
        perpdex_ok(root, &["replay", capture.to_str().unwrap(), "--database", &replayed]);
        assert_eq!(market(root, &replayed), found);
    }
}

/// Nothing is guessed where the node has no `eth_call`: the height is a gap that says why, and the next node closes it.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_without_calls_leaves_a_gap_that_the_next_one_closes() {
    let World { arbitrum, .. } = world();
    let folder = folder();
    let (root, url) = (folder.path(), Engine::Sqlite.database(folder.path(), "mended"));
    let (mute, whole) = (mute(&arbitrum), node(&arbitrum));
    assert_eq!(sync(root, &url, &arbitrum, &[&mute]), Some(1), "a gap is left");
    let gaps = query(root, &url, "SELECT * FROM v_gaps");
    let text = format!("{gaps:?}");
    assert!(text.contains("cannot be asked 0x") && text.contains("no endpoint answers the call"), "{text}");

    // What was traded meanwhile waits for the market's decimals: visible, exact, under the market's key.
    let sql = format!("SELECT COUNT(*) AS n FROM v_unresolved WHERE market = '{MARKET}' AND event = 'fill'");
    assert!(
        query(root, &url, &sql)[0]["n"].as_i64() > Some(10),
        "{:?}",
        query(root, &url, "SELECT market, event, COUNT(*) AS n FROM v_unresolved GROUP BY 1, 2")
    );
    let unmapped = market(root, &url);
    assert_eq!((unmapped["mapped"].as_i64(), &unmapped["symbol"]), (Some(0), &MARKET.into()), "{unmapped}");

    assert_eq!(sync(root, &url, &arbitrum, &[&whole]), Some(0));
    let clean = Engine::Sqlite.database(root, "clean");
    assert_eq!(sync(root, &clean, &arbitrum, &[&whole]), Some(0));
    assert_same_text(&dump(&url).await, &dump(&clean).await, "mended and clean");
    assert_eq!(query(root, &url, "SELECT * FROM v_gaps"), Vec::<Value>::new());

    // With both at hand there is no gap in the first place.
    let both = Engine::Sqlite.database(root, "both");
    assert_eq!(sync(root, &both, &arbitrum, &[&mute, &whole]), Some(0));
    assert_eq!(market(root, &both), market(root, &clean));
}
