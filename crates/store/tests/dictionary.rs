//! The data dictionary describes the views as they are.

mod support;

use std::fmt::Write;
use std::path::Path;

use perpdex_store::{Value, dictionary};
use support::Database;

on_both_engines! {
    every_column_is_described_in_order,
    metrics_stand_where_their_page_says,
}

/// Views and columns of a page: its headings and the first cells of its rows.
fn described(page: &str) -> String {
    let mut out = String::new();
    for line in page.lines() {
        if let Some(view) = line.strip_prefix("## v_") {
            write!(out, "\nv_{view}").unwrap();
        } else if let Some((column, _)) = line.strip_prefix("| `").and_then(|rest| rest.split_once("` | ")).filter(|_| !out.is_empty()) {
            write!(out, " {column}").unwrap();
        }
    }
    out
}

async fn every_column_is_described_in_order(database: Database) {
    let store = database.open().await;
    let sql = match database.engine {
        support::Engine::Sqlite => "SELECT name FROM sqlite_master WHERE type = 'view' AND name LIKE 'v%'",
        support::Engine::Postgres => {
            "SELECT table_name::text FROM information_schema.views WHERE table_schema = 'public' AND table_name LIKE 'v%'"
        }
    };
    let page = described(&dictionary());
    let mut views = 0;
    for row in store.query(sql, 1_000).await.unwrap().rows {
        let Value::Text(view) = &row[0] else { panic!("{row:?}") };
        let columns = store.query(&format!("SELECT * FROM {view}"), 1).await.unwrap().columns;
        let line = format!("{view} {}", columns.join(" "));
        assert!(page.lines().any(|described| described == line), "docs/data-dictionary.md does not have: {line}");
        views += 1;
    }
    assert_eq!(page.lines().filter(|line| !line.is_empty()).count(), views, "the dictionary describes views that are not there");
}

/// Columns that `docs/metrics.md` names are there, and every view of figures is named.
async fn metrics_stand_where_their_page_says(database: Database) {
    let store = database.open().await;
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/metrics.md")).unwrap();
    let named: Vec<(&str, &str)> =
        page.split('`').filter_map(|word| word.split_once('.')).filter(|(view, _)| view.starts_with("v_")).collect();
    assert!(named.len() > 50, "{named:?}");
    for (view, column) in &named {
        let columns = store.query(&format!("SELECT * FROM {view}"), 1).await.unwrap().columns;
        assert!(columns.iter().any(|name| name == column), "{view} has no column {column}: {columns:?}");
    }
    // What tells of the store itself, and rows as they came, are no figures.
    const OTHERS: [&str; 11] = [
        "v_trades",
        "v_funding_rates",
        "v_funding_payments",
        "v_volume_bars",
        "v_coverage",
        "v_gaps",
        "v_verify_differences",
        "v_reorgs",
        "v_decode_failures",
        "v_unresolved",
        "v_reduce_failures",
    ];
    for view in described(&dictionary()).lines().filter_map(|line| line.split(' ').next()).filter(|view| !view.is_empty()) {
        let is_named = named.iter().any(|(name, _)| name == &view);
        assert!(is_named || OTHERS.contains(&view), "docs/metrics.md says nothing of {view}");
    }
}

#[test]
fn the_page_is_the_one_in_docs() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/data-dictionary.md");
    if std::env::var("UPDATE_EXPECT").as_deref() == Ok("1") {
        std::fs::write(&path, dictionary()).unwrap();
    }
    let page = std::fs::read_to_string(&path).unwrap();
    assert!(page == dictionary(), "docs/data-dictionary.md is stale: run with UPDATE_EXPECT=1");
}
