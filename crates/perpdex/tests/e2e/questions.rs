//! `docs/questions.md`: every question is asked, on both engines, and its answer is the one on the page. The report of the
//! same database stands in `tests/report`. `UPDATE_EXPECT=1` rewrites both from SQLite.

use std::fs;
use std::path::{Path, PathBuf};

use perpdex_store::{SqlStore, Value};

use crate::support::{Engine, folder, open, perpdex_ok};

/// The world of the page.
const WORLD: [&str; 6] = ["--seed", "7", "--hours", "48", "--events", "24000"];
/// Rows of an answer: more belong into no page.
const ROWS_MAX: usize = 20;
/// Questions of the page.
const QUESTIONS: usize = 40;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn is_update() -> bool {
    std::env::var("UPDATE_EXPECT").as_deref() == Ok("1")
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_have_the_answers_of_the_page() {
    let folder = folder();
    for engine in Engine::all("questions_have_the_answers_of_the_page") {
        let url = engine.database(folder.path(), "questions");
        perpdex_ok(folder.path(), &["demo"].into_iter().chain(WORLD).chain(["--database", &url]).collect::<Vec<_>>());
        let figures = root().join("docs/questions.csv");
        perpdex_ok(folder.path(), &["import", "metric", figures.to_str().unwrap(), "--database", &url]);
        let path = root().join("docs/questions.md");
        let page = fs::read_to_string(&path).unwrap();
        let answered = answered(&open(&url).await, &page).await;
        expect(&path, &answered, matches!(engine, Engine::Sqlite));
        for (format, ending) in [("text", "txt"), ("md", "md"), ("json", "json"), ("html", "html")] {
            let report = perpdex_ok(folder.path(), &["report", "--last", "24h", "--format", format, "--database", &url]).stdout;
            // The place is that of the test's own folder or server.
            let place = open(&url).await.place();
            let report = report.replace(&place, "questions.db");
            expect(&root().join(format!("tests/report/demo.{ending}")), &report, matches!(engine, Engine::Sqlite));
        }
    }
}

/// Compares with a file, or writes it.
#[track_caller]
fn expect(path: &Path, got: &str, may_write: bool) {
    if is_update() && may_write {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, got).unwrap();
    }
    let want = fs::read_to_string(path).unwrap_or_default();
    let differing = got.lines().zip(want.lines()).enumerate().find(|(_, (got, want))| got != want);
    assert!(
        got == want,
        "{}: is stale (UPDATE_EXPECT=1 rewrites it), got and want differ first in {differing:?}",
        path.strip_prefix(root()).unwrap_or(path).display()
    );
}

/// The page with the answers that a store gives.
async fn answered(store: &SqlStore, page: &str) -> String {
    let mut out = String::new();
    let mut rest = page;
    let mut questions = 0;
    while let Some((before, after)) = rest.split_once("```sql\n") {
        let (sql, after) = after.split_once("\n```").expect("SQL ends");
        let (between, after) = after.split_once("```answer\n").expect("a question has an answer");
        let (_, after) = after.split_once("\n```").expect("an answer ends");
        let table = store.query(sql, ROWS_MAX).await.unwrap_or_else(|error| panic!("{error}\n{sql}"));
        assert!(!table.is_truncated, "more than {ROWS_MAX} rows:\n{sql}");
        let rows = table.rows.iter().map(|row| row.iter().map(cell).collect::<Vec<_>>().join(" | "));
        let answer = [table.columns.join(" | ")].into_iter().chain(rows).collect::<Vec<_>>().join("\n");
        out.push_str(&format!("{before}```sql\n{sql}\n```{between}```answer\n{answer}\n```"));
        questions += 1;
        rest = after;
    }
    assert_eq!(questions, QUESTIONS);
    out + rest
}

/// A value; doubles to six digits: the last bits of a floating sum depend on the engine.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Int(value) => value.to_string(),
        Value::Float(value) if value.abs() < 1e-12 => "0".to_owned(),
        Value::Float(value) => {
            let power = 10_f64.powi(5 - value.abs().log10().floor() as i32);
            format!("{}", (value * power).round() / power)
        }
        Value::Text(text) => text.clone(),
        Value::Bytes(bytes) => format!("{} bytes", bytes.len()),
    }
}
