//! Runs every story under `tests/cli` against the built program; the format is described there.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::process::Output;

use perpdex_simnet::node::EvmNode;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, Connection, Executor};

use crate::support;

/// Stands for any text inside an expected line.
const ANY: &str = "…";

#[tokio::test(flavor = "multi_thread")]
async fn every_story_holds() {
    let node = EvmNode::serve(support::quiet_chain(56, 70_000_000, 400)).unwrap();
    let words = vec![("{closed}", support::closed_url()), ("{bnb}", node.url().trim_end_matches('/').to_owned())];
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/cli");
    let mut paths: Vec<PathBuf> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "case"));
    paths.sort();
    assert!(!paths.is_empty(), "no case under {}", folder.display());
    let failures = tokio::task::spawn_blocking(move || {
        let story = |path: &PathBuf| run_story(path, &words).err().map(|error| format!("{}: {error}", path.display()));
        paths.iter().filter_map(story).collect::<Vec<_>>()
    })
    .await
    .unwrap();
    assert!(failures.is_empty(), "\n{}", failures.join("\n\n"));
}

/// A section: what follows `---`, and its lines.
struct Section {
    line: usize,
    head: String,
    body: Vec<String>,
}

fn sections(text: &str) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if let Some(head) = line.strip_prefix("--- ") {
            sections.push(Section { line: index + 1, head: head.to_owned(), body: Vec::new() });
        } else if let Some(section) = sections.last_mut() {
            section.body.push(line.to_owned());
        }
    }
    sections
}

fn run_story(path: &Path, words: &[(&str, String)]) -> Result<(), String> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    let text = words.iter().fold(text, |text, (word, value)| text.replace(word, value));
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let mut variables: Vec<(String, String)> = Vec::new();
    let mut last: Option<Output> = None;
    for section in sections(&text) {
        let at = |message: String| {
            let shown = last.as_ref().map(|output| format!("\nstdout:\n{}\nstderr:\n{}", lossy(&output.stdout), lossy(&output.stderr)));
            format!("line {}: {message}{}", section.line, shown.unwrap_or_default())
        };
        let (kind, rest) = section.head.split_once(' ').unwrap_or((&section.head, ""));
        let output = || last.as_ref().ok_or_else(|| at("nothing was run yet".to_owned()));
        let file = folder.path().join(rest);
        match kind {
            "file" => std::fs::write(file, section.body.join("\n") + "\n").map_err(|error| at(error.to_string()))?,
            "cut" => cut(folder.path(), rest).map_err(at)?,
            "env" => {
                let (name, value) = rest.split_once('=').ok_or_else(|| at("write it as NAME=VALUE".to_owned()))?;
                variables.push((name.to_owned(), value.to_owned()));
            }
            "sql" => section.body.iter().filter(|line| !line.is_empty()).try_for_each(|line| sql(&file, line)).map_err(at)?,
            "run" => {
                let mut command = support::perpdex(folder.path());
                command.args(arguments(rest)).envs(variables.iter().cloned());
                last = Some(command.output().map_err(|error| at(error.to_string()))?);
            }
            "exit" if support::code(output()?).to_string() == rest => {}
            "exit" => return Err(at(format!("exit code {}, expected {rest}", support::code(output()?)))),
            "stdout" => expect(&lossy(&output()?.stdout), rest, &section.body).map_err(at)?,
            "stderr" => expect(&lossy(&output()?.stderr), rest, &section.body).map_err(at)?,
            "exists" if file.exists() => {}
            "absent" if !file.exists() => {}
            "exists" | "absent" => return Err(at(format!("{rest}: expected {kind}"))),
            other => return Err(at(format!("unknown section {other:?}"))),
        }
    }
    last.map(drop).ok_or_else(|| "nothing was run".to_owned())
}

/// Takes bytes off the end of a file: `NAME BYTES`.
fn cut(folder: &Path, rest: &str) -> Result<(), String> {
    let (name, bytes) = rest.rsplit_once(' ').ok_or("write it as NAME BYTES")?;
    let bytes: u64 = bytes.parse().map_err(|_| format!("{bytes:?} is not a number of bytes"))?;
    let file = OpenOptions::new().write(true).open(folder.join(name)).map_err(|error| error.to_string())?;
    let length = file.metadata().map_err(|error| error.to_string())?.len();
    file.set_len(length.saturating_sub(bytes)).map_err(|error| error.to_string())
}

/// Runs one statement on a SQLite file, from a thread outside of the runtime's own.
fn sql(file: &Path, statement: &str) -> Result<(), String> {
    tokio::runtime::Handle::current().block_on(async {
        let options = SqliteConnectOptions::new().filename(file);
        let mut connection = SqliteConnection::connect_with(&options).await.map_err(|error| error.to_string())?;
        let done = connection.execute(AssertSqlSafe(statement)).await.map_err(|error| error.to_string());
        connection.close().await.map_err(|error| error.to_string())?;
        done.map(drop)
    })
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Splits at blanks outside of double quotes.
fn arguments(text: &str) -> Vec<String> {
    let mut arguments = Vec::new();
    for (index, part) in text.split('"').enumerate() {
        if index % 2 == 1 {
            arguments.push(part.to_owned());
        } else {
            arguments.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    arguments
}

fn expect(got: &str, how: &str, wanted: &[String]) -> Result<(), String> {
    if got.contains("hunter2") {
        return Err("a secret was printed".to_owned());
    }
    match how {
        "empty" if got.trim().is_empty() => Ok(()),
        "empty" => Err("expected no output".to_owned()),
        _ => {
            let mut lines = got.lines();
            for wanted in wanted.iter().filter(|line| !line.is_empty()) {
                if !lines.any(|line| matches(line, wanted)) {
                    return Err(format!("missing (or out of order): {wanted}"));
                }
            }
            Ok(())
        }
    }
}

/// Whether a line is the expected one, `…` standing for any text.
fn matches(line: &str, wanted: &str) -> bool {
    let Some((first, others)) = wanted.split_once(ANY) else { return line == wanted };
    let (middle, last) = others.rsplit_once(ANY).unwrap_or(("", others));
    let Some(mut rest) = line.strip_prefix(first).and_then(|rest| rest.strip_suffix(last)) else { return false };
    middle.split(ANY).all(|part| match rest.find(part) {
        Some(at) => {
            rest = &rest[at + part.len()..];
            true
        }
        None => false,
    })
}
