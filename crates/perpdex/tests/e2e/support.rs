//! Running the binary, finding references and databases, reading stores.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use perpdex_core::Catalog;
use perpdex_store::{SqlStore, StoreOptions};
use serde_json::Value;
use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Connection, Executor};
use tempfile::TempDir;

/// The binary in a folder of its own, without any setting of the caller's environment. `PERPDEX_TEST_BINARY` names another
/// build of it: what is measured is measured of the release build.
pub(crate) fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env::var_os("PERPDEX_TEST_BINARY").unwrap_or_else(|| env!("CARGO_BIN_EXE_perpdex").into()));
    command.args(args).current_dir(folder).stdin(Stdio::null());
    for (name, _) in env::vars().filter(|(name, _)| name.starts_with("PERPDEX_")) {
        command.env_remove(name);
    }
    command
}

/// What a finished run said.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Run {
    fn from(output: Output) -> Run {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("the binary prints UTF-8");
        Run { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

/// Runs the binary to its end.
pub(crate) fn perpdex(folder: &Path, args: &[&str]) -> Run {
    command(folder, args).output().expect("the binary starts").into()
}

/// Runs the binary and requires exit code 0.
#[track_caller]
pub(crate) fn perpdex_ok(folder: &Path, args: &[&str]) -> Run {
    let run = perpdex(folder, args);
    assert_eq!(run.code, Some(0), "perpdex {args:?}\n--- stdout\n{}\n--- stderr\n{}", run.stdout, run.stderr);
    run
}

/// A child that is killed when the test ends before it.
pub(crate) struct Guarded(pub(crate) Child);

impl Drop for Guarded {
    fn drop(&mut self) {
        // The child may have ended by itself; both calls then fail harmlessly.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A file or folder of the reference, or `None` with a line that says which test is skipped. Under CI absence fails.
pub(crate) fn reference(test: &str, path: &str) -> Option<PathBuf> {
    let root = env::var_os("PERPDEX_REFERENCE")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/reference"), PathBuf::from);
    let found = root.join(path);
    found.exists().then_some(found).or_else(|| skip(test, "PERPDEX_REFERENCE does not lead to the reference"))
}

/// A setting of the test environment, or `None` with a line that says which test is skipped. Under CI absence fails.
pub(crate) fn setting(test: &str, name: &str) -> Option<String> {
    env::var(name).ok().or_else(|| skip(test, &format!("{name} is not set")))
}

fn skip<T>(test: &str, why: &str) -> Option<T> {
    assert!(env::var_os("CI").is_none(), "{test}: {why}, and CI must not skip it");
    eprintln!("skipped: {test}: {why}");
    None
}

/// Two kinds of database, each with a URL of its own for every name asked for.
pub(crate) enum Engine {
    Sqlite,
    /// URL of the cluster's maintenance database.
    Postgres(String),
}

impl Engine {
    /// Both engines; PostgreSQL only where the test environment has one.
    pub(crate) fn all(test: &str) -> Vec<Engine> {
        let postgres = setting(&format!("{test} on PostgreSQL"), "PERPDEX_TEST_POSTGRES").map(Engine::Postgres);
        [Some(Engine::Sqlite), postgres].into_iter().flatten().collect()
    }

    /// URL of a new, empty database.
    pub(crate) fn database(&self, folder: &Path, name: &str) -> String {
        match self {
            Engine::Sqlite => format!("sqlite:{}", folder.join(format!("{name}.db")).display()),
            Engine::Postgres(admin) => {
                let unique =
                    format!("e2e_{name}_{}_{}", std::process::id(), folder.file_name().and_then(|name| name.to_str()).unwrap_or("x"));
                let unique: String = unique.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
                let made = Command::new("psql").args([admin, "-qc", &format!("CREATE DATABASE {unique}")]).status();
                assert!(made.expect("psql starts").success(), "database {unique} could not be created");
                let (server, _) = admin.rsplit_once('/').expect("the admin URL ends with a database");
                format!("{server}/{unique}")
            }
        }
    }
}

impl Engine {
    /// Removes a database that is large; others go with their folder or cluster.
    pub(crate) fn drop_database(&self, url: &str) {
        let (Engine::Postgres(admin), Some((_, name))) = (self, url.rsplit_once('/')) else { return };
        let gone = Command::new("psql").args([admin, "-qc", &format!("DROP DATABASE {name} WITH (FORCE)")]).status();
        assert!(gone.expect("psql starts").success(), "database {name} could not be removed");
    }
}

/// Opens a store that a run has made.
pub(crate) async fn open(url: &str) -> SqlStore {
    SqlStore::open_existing(url, Catalog::default(), StoreOptions::default()).await.expect("the store opens")
}

/// The canonical text of a store.
pub(crate) async fn dump(url: &str) -> String {
    open(url).await.dump().await.expect("the store is dumped")
}

/// Rows of a query through the binary, as JSON objects.
pub(crate) fn query(folder: &Path, url: &str, sql: &str) -> Vec<Value> {
    let run = perpdex_ok(folder, &["query", sql, "--database", url, "--format", "json"]);
    serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("query {sql:?} printed no JSON rows: {error}\n{}", run.stdout))
}

/// A new folder for one test.
pub(crate) fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder for the test")
}

/// First line in which two texts differ, for messages that stay readable.
#[track_caller]
pub(crate) fn assert_same_text(left: &str, right: &str, what: &str) {
    if left != right {
        let differing = left.lines().zip(right.lines()).enumerate().find(|(_, (a, b))| a != b);
        let lines = (left.lines().count(), right.lines().count());
        panic!("{what}: texts of {lines:?} lines differ, first in {differing:?}");
    }
}

/// Asks until `done` says yes; fails after a bounded time.
pub(crate) async fn until<F, Fut>(what: &str, mut done: F)
where
    F: FnMut() -> Fut,
    Fut: Future<Output = bool>,
{
    const BOUND: Duration = Duration::from_secs(120);
    const PAUSE: Duration = Duration::from_millis(50);
    let start = Instant::now();
    while !done().await {
        assert!(start.elapsed() < BOUND, "{what} did not happen within {BOUND:?}");
        tokio::time::sleep(PAUSE).await;
    }
}

/// Interrupts a child as Ctrl-C does and waits for its exit code.
pub(crate) fn interrupt(mut child: Guarded) -> Option<i32> {
    let sent = Command::new("kill").args(["-INT", &child.0.id().to_string()]).status().expect("kill starts");
    assert!(sent.success(), "the child had ended before it was interrupted");
    child.0.wait().expect("the child ends").code()
}

/// Runs one statement on a database, behind the program's back.
pub(crate) async fn execute(url: &str, statement: &str) {
    let failed = match url.strip_prefix("sqlite:") {
        Some(path) => {
            let mut connection = SqliteConnection::connect(&format!("sqlite://{path}")).await.expect("the database opens");
            connection.execute(AssertSqlSafe(statement)).await.err()
        }
        None => {
            let mut connection = sqlx::PgConnection::connect(url).await.expect("the database opens");
            connection.execute(AssertSqlSafe(statement)).await.err()
        }
    };
    assert!(failed.is_none(), "{statement}: {failed:?}");
}
