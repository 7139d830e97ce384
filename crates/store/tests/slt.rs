//! Statements and the rows they must give: the files of `tests/slt`, on both engines.
//!
//! A file holds blocks divided by empty lines. `statement` is followed by SQL to run; `query` by SQL, a line `----` and
//! the rows, cells divided by ` | `. Lines that begin with `#` are words. `UPDATE_EXPECT=1` rewrites the rows from SQLite.

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use perpdex_store::{SqlStore, Value};
use support::{Database, Engine};

on_both_engines! {
    every_file_gives_its_rows,
}

/// Rows of one query of a file.
const ROWS_MAX: usize = 1_000;

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/slt");
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "slt"));
    files.sort();
    files
}

async fn every_file_gives_its_rows(database: Database) {
    let files = files();
    assert!(!files.is_empty(), "tests/slt holds no file");
    for path in files {
        let database = Database::new(database.engine, "every_file_gives_its_rows").await.unwrap();
        let store = database.open().await;
        let text = fs::read_to_string(&path).unwrap();
        let mut got = Vec::new();
        for block in text.split("\n\n").map(str::trim).filter(|block| !block.is_empty()) {
            got.push(run(&database, &store, block, &path).await);
        }
        let got = got.join("\n\n") + "\n";
        if database.engine == Engine::Sqlite && std::env::var("UPDATE_EXPECT").as_deref() == Ok("1") {
            fs::write(&path, &got).unwrap();
        } else if let Some((got, want)) = got.lines().zip(text.lines()).find(|(got, want)| got != want) {
            panic!("{} on {:?}\n got {got}\nwant {want}", path.display(), database.engine);
        }
    }
}

/// Runs a block and gives it back with the rows it gave.
async fn run(database: &Database, store: &SqlStore, block: &str, path: &Path) -> String {
    let body = block.lines().skip_while(|line| line.starts_with('#')).collect::<Vec<&str>>();
    let Some((verb, sql)) = body.split_first() else { return block.to_owned() };
    match *verb {
        "statement" => {
            database.execute(&sql.join("\n")).await.unwrap_or_else(|error| panic!("{}: {error}\n{block}", path.display()));
            block.to_owned()
        }
        "query" => {
            let head = block.split("\n----").next().unwrap_or(block);
            let sql: Vec<&str> = sql.iter().take_while(|line| **line != "----").copied().collect();
            let table = store.query(&sql.join("\n"), ROWS_MAX).await.unwrap_or_else(|error| panic!("{}: {error}\n{block}", path.display()));
            let rows = table.rows.iter().map(|row| row.iter().map(cell).collect::<Vec<String>>().join(" | "));
            [head.to_owned(), "----".to_owned()].into_iter().chain(rows).collect::<Vec<String>>().join("\n")
        }
        other => panic!("{}: unknown verb {other:?}", path.display()),
    }
}

/// Doubles in full: both engines must agree bit for bit.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Int(value) => value.to_string(),
        Value::Float(value) => format!("{value:?}"),
        Value::Text(value) => value.clone(),
        Value::Bytes(value) => format!("{value:?}"),
    }
}
