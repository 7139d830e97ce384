//! `docs/questions.md`: every question is asked, on both engines, and its answer is the one on the page; `UPDATE_EXPECT=1`
//! rewrites the answers from SQLite. The report of the same database agrees with its views.

use std::fs;
use std::path::{Path, PathBuf};

use perpdex_store::{SqlStore, Value};

use crate::support::{Engine, folder, open, perpdex_ok, query};

/// The world of the page.
const WORLD: [&str; 6] = ["--seed", "7", "--hours", "48", "--events", "24000"];
/// Rows of an answer: more belong into no page.
const ROWS_MAX: usize = 60;
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
        report_agrees_with_the_views(folder.path(), &url);
    }
}

/// The last day of the store as a report: volume and open interest of each venue and chain are those of the views, and the
/// other forms hold the same figures.
fn report_agrees_with_the_views(folder: &Path, url: &str) {
    let report = |format| perpdex_ok(folder, &["report", "--last", "24h", "--format", format, "--database", url]).stdout;
    let document: serde_json::Value = serde_json::from_str(&report("json")).expect("a report is JSON");
    let sql = "SELECT venue, chain, volume_usd, oi_one_usd FROM v_chain_breakdown_daily WHERE day_id = 20551 ORDER BY venue, chain";
    let wanted = query(folder, url, sql);
    assert!(wanted.len() > 3, "{wanted:?}");
    for row in wanted {
        for (section, column) in [("volume", "volume_usd"), ("open_interest", "oi_one_usd")] {
            let rows = document[section]["by_venue_and_chain"].as_array().expect("a table has rows");
            let found = rows.iter().find(|found| found["venue"] == row["venue"] && found["chain"] == row["chain"]);
            let got = found.map(|found| found[column].as_f64());
            // The report also knows the figure of a market without positions that has no mark.
            let Some(wanted) = row[column].as_f64() else { continue };
            let is_close = got.flatten().is_some_and(|got| (got - wanted).abs() < 1e-3);
            assert!(is_close, "{section}.{column} of {row}: {got:?}");
        }
    }
    assert!(report("text").contains("Coverage and caveats") && report("md").contains("## Coverage and caveats"));
    assert_eq!(report("html").matches("<svg").count(), 4);
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
