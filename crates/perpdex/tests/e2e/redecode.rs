//! `perpdex redecode` makes the rows of a fresh sync out of stored records alone, and `verify --oi` holds levels against them.

use std::path::Path;

use perpdex_simnet::chain::EvmChain;
use perpdex_simnet::node::EvmNode;
use perpdex_simnet::world::{World, WorldOptions};
use serde_json::Value;

use crate::support::{Engine, assert_same_text, dump, execute, folder, perpdex, perpdex_ok, query};

fn world() -> World {
    World::build(&WorldOptions { seed: 5, hours: 1, events: 6_000, is_wide: true, ..WorldOptions::default() })
}

fn serve(chain: &EvmChain) -> EvmNode {
    let head = chain.blocks[chain.blocks.len() - 1].number;
    let node = EvmNode::serve(chain.clone()).expect("the node starts");
    node.set_finalized(head).expect("the height is on the chain");
    node
}

/// Two chains synced to their final heads; the nodes are gone afterwards.
fn synced(folder: &Path, url: &str) -> World {
    let world = world();
    let (arbitrum, bnb) = (serve(&world.arbitrum), serve(&world.bnb));
    let mut args = vec!["sync", "--once", "--database", url, "--json"];
    let pairs = [("arbitrum", &world.arbitrum, arbitrum.url()), ("bnb", &world.bnb, bnb.url())];
    let owned: Vec<[String; 3]> = pairs
        .iter()
        .map(|(name, chain, node)| [(*name).to_owned(), format!("{name}={node}"), format!("{name}={}", chain.blocks[0].number)])
        .collect();
    for [name, endpoint, from] in &owned {
        args.extend(["--chain", name, "--endpoint", endpoint, "--from", from]);
    }
    perpdex_ok(folder, &args);
    world
}

fn json(folder: &Path, args: &[&str]) -> (Option<i32>, Value) {
    let run = perpdex(folder, args);
    let answer = serde_json::from_str(&run.stdout).unwrap_or_else(|_| panic!("perpdex {args:?}\n{}\n{}", run.stdout, run.stderr));
    (run.code, answer)
}

/// Rows that a defective decoder would have left: wrong, missing and too many.
const SPOILED: [&str; 5] = [
    "UPDATE fills SET account = 'nobody', trade_key = 'x' WHERE action = 'open'",
    "DELETE FROM prices WHERE height % 2 = 0",
    "DELETE FROM funding_index",
    "DELETE FROM unresolved",
    "DELETE FROM decode_failures",
];

#[tokio::test(flavor = "multi_thread")]
async fn stored_records_give_the_rows_of_a_fresh_sync() {
    for engine in Engine::all("stored_records_give_the_rows_of_a_fresh_sync") {
        let folder = folder();
        let root = folder.path();
        let url = engine.database(root, "redecode");
        synced(root, &url);
        let fresh = dump(&url).await;
        let again = ["redecode", "--json", "--database", &url];
        let (code, answer) = json(root, &again);
        assert_eq!(code, Some(0), "{answer:#}");
        assert_same_text(&dump(&url).await, &fresh, "nothing has changed, and nothing changes");
        let records: u64 = answer.as_array().unwrap().iter().map(|chain| chain["records"].as_u64().unwrap()).sum();
        assert_eq!(query(root, &url, "SELECT COUNT(*) AS n FROM raw_events")[0]["n"], records);

        for statement in SPOILED {
            execute(&url, statement).await;
        }
        assert_ne!(dump(&url).await, fresh);
        let (code, answer) = json(root, &again);
        assert_eq!(code, Some(0), "{answer:#}");
        assert_same_text(&dump(&url).await, &fresh, "what was spoiled is made anew");

        // One venue, some heights: the others keep their rows.
        let middle = query(root, &url, "SELECT (MIN(height) + MAX(height)) / 2 AS h FROM fills WHERE chain_id = 56")[0]["h"].to_string();
        let to = format!("bnb={middle}");
        let (code, answer) =
            json(root, &["redecode", "--chain", "bnb", "--venue", "aster_1001x", "--to", &to, "--json", "--database", &url]);
        assert_eq!(code, Some(0), "{answer:#}");
        assert_same_text(&dump(&url).await, &fresh, "a part of one venue");

        // Rows whose records are gone are named and left.
        execute(&url, &format!("DELETE FROM raw_events WHERE chain_id = 56 AND height = (SELECT MAX(height) FROM fills WHERE chain_id = 56 AND height <= {middle})")).await;
        let left = dump(&url).await;
        let (code, answer) = json(root, &["redecode", "--chain", "bnb", "--json", "--database", &url]);
        assert_eq!(code, Some(1), "{answer:#}");
        let refused = answer[0]["refused"].as_array().unwrap();
        assert!(refused.iter().any(|one| one["reason"].as_str().unwrap().contains("raw records are gone")), "{answer:#}");
        assert_same_text(&dump(&url).await, &left, "a refused range stays as it is");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stated_levels_equal_the_computed_ones() {
    let folder = folder();
    let root = folder.path();
    let url = Engine::Sqlite.database(root, "oi");
    synced(root, &url);
    let check = ["verify", "--oi", "--json", "--database", &url];
    let (code, answer) = json(root, &check);
    assert_eq!((code, &answer["differing"]), (Some(0), &0.into()), "{answer:#}");
    let venues = query(
        root,
        &url,
        "SELECT venue, COUNT(*) AS n, COUNT(difference_long_native) + COUNT(difference_short_native) AS native FROM v_oi_checks GROUP BY venue ORDER BY venue",
    );
    for row in &venues {
        assert!(row["native"].as_u64() > Some(0), "{venues:?}");
    }
    let named: Vec<&str> = venues.iter().filter_map(|row| row["venue"].as_str()).collect();
    assert!(named.contains(&"gmx_v2") && named.contains(&"aster_1001x"), "{venues:?}");

    // One fill that counts for one unit more.
    execute(
        &url,
        "UPDATE fills SET long_delta_native = CAST(CAST(long_delta_native AS INTEGER) + 1 AS TEXT) WHERE chain_id = 56 AND (height, rec) = \
         (SELECT f.height, f.rec FROM fills f JOIN markets m ON m.market_id = f.market_id WHERE m.chain_id = 56 AND m.venue_id = 5 \
         AND f.long_delta_q > 0 ORDER BY f.height LIMIT 1 OFFSET 20)",
    )
    .await;
    let (code, answer) = json(root, &check);
    assert_eq!(code, Some(1), "{answer:#}");
    assert_eq!(answer["differences"][0]["difference_long_native"], "1", "{answer:#}");
}
