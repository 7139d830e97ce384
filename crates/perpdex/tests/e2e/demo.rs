//! The demo: equal to the world's truth on both engines, and whole after any kill.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::support::{Engine, Guarded, assert_same_text, command, dump, folder, perpdex_ok, setting};

/// A world small enough for a debug build.
const WORLD: [&str; 6] = ["--seed", "11", "--hours", "6", "--events", "12000"];

fn demo<'a>(url: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    ["demo"].into_iter().chain(WORLD).chain(["--database", url]).chain(more.iter().copied()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn both_engines_end_in_the_same_integers() {
    let folder = folder();
    let mut dumps = Vec::new();
    for engine in Engine::all("both_engines_end_in_the_same_integers") {
        let url = engine.database(folder.path(), "perpdex-demo");
        let run = perpdex_ok(folder.path(), &demo(&url, &[]));
        assert!(run.stdout.contains("equal"), "the report says whether the store equals the truth:\n{}", run.stdout);
        dumps.push(dump(&url).await);
    }
    assert!(dumps[0].lines().count() > 12_000, "a dump has a line for every row");
    for other in &dumps[1..] {
        assert_same_text(&dumps[0], other, "SQLite against PostgreSQL");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_twenty_times_it_ends_as_if_never() {
    const KILLS: u32 = 20;
    const ATTEMPTS_MAX: u32 = 100;
    let folder = folder();
    let whole_url = Engine::Sqlite.database(folder.path(), "whole");
    let (mut whole_run, syncing) = start(folder.path(), &whole_url);
    assert!(whole_run.0.wait().expect("the child ends").success());
    let whole_sync = syncing.elapsed();
    let whole = dump(&whole_url).await;
    // Moments from a fixed sequence of the splitmix64 kind, spread over the time that an unbroken run syncs.
    let mut seed: u64 = 0x9e37_79b9_7f4a_7c15;
    let (mut kills, mut databases) = (0, 0);
    let mut url = Engine::Sqlite.database(folder.path(), "killed_0");
    for _ in 0..ATTEMPTS_MAX {
        seed = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9) ^ 0x94d0_49bb;
        let moment = Duration::from_micros(seed % u64::try_from(whole_sync.as_micros()).unwrap());
        let (mut child, _) = start(folder.path(), &url);
        tokio::time::sleep(moment).await;
        if child.0.try_wait().expect("the child can be asked").is_none() {
            // SIGKILL: nothing of the child's own runs after this.
            child.0.kill().expect("the child was running");
            kills += 1;
        }
        let ended = child.0.wait().expect("the child ends");
        if kills < KILLS && !ended.success() {
            continue;
        }
        perpdex_ok(folder.path(), &demo(&url, &["--resume"]));
        assert_same_text(&whole, &dump(&url).await, &format!("after {kills} kills"));
        if kills == KILLS {
            return;
        }
        databases += 1;
        url = Engine::Sqlite.database(folder.path(), &format!("killed_{databases}"));
    }
    panic!("only {kills} of {ATTEMPTS_MAX} runs could be killed in flight");
}

/// Starts or resumes a demo and returns once its world is served and the sync begins.
fn start(folder: &std::path::Path, url: &str) -> (Guarded, Instant) {
    let mut command = command(folder, &demo(url, &["--resume"]));
    // What a killed run leaves of its world goes with the test.
    command.env("TMPDIR", folder);
    let mut child = Guarded(command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the binary starts"));
    let stderr = child.0.stderr.take().expect("stderr is piped");
    let mut lines = BufReader::new(stderr).lines();
    let served = lines.by_ref().map_while(Result::ok).any(|line| line.contains("built and served"));
    assert!(served, "the demo ended before it served its world");
    // Read on, so that the child never waits for a reader.
    std::thread::spawn(move || lines.map_while(Result::ok).count());
    (child, Instant::now())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_capture_replayed_is_the_same_store() {
    let folder = folder();
    let url = Engine::Sqlite.database(folder.path(), "perpdex-demo");
    perpdex_ok(folder.path(), &demo(&url, &[]));
    let capture = folder.path().join("capture.jsonl");
    perpdex_ok(folder.path(), &["export", "--raw", capture.to_str().unwrap(), "--database", &url]);
    for engine in Engine::all("a_capture_replayed_is_the_same_store") {
        let replayed = engine.database(folder.path(), "replayed");
        perpdex_ok(folder.path(), &["replay", capture.to_str().unwrap(), "--database", &replayed]);
        assert_same_text(&dump(&url).await, &dump(&replayed).await, "replayed capture");
    }
}

#[test]
fn postgres_is_part_of_a_full_test_run() {
    // Names the missing setting once, so that a run without PostgreSQL cannot look like one with it.
    if let Some(url) = setting("postgres_is_part_of_a_full_test_run", "PERPDEX_TEST_POSTGRES") {
        assert!(url.starts_with("postgres"), "PERPDEX_TEST_POSTGRES is not a postgres URL");
    }
}
