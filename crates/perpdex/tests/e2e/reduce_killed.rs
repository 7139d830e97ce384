//! A reduction that is killed leaves what the next one needs: levels and windows end as if nothing had happened.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::support::{Engine, Guarded, assert_same_text, command, dump, execute, folder, perpdex_ok, query};

/// A world of a day and an hour: a whole day is what lots are folded over.
const WORLD: [&str; 6] = ["--seed", "11", "--hours", "25", "--events", "5000"];
const KILLS: u32 = 20;
const ATTEMPTS_MAX: u32 = 100;
/// Lets a reduction compute everything.
const ALL_DIRTY: &str = "INSERT INTO dirty (market_id, from_hour, to_hour) SELECT market_id, 0, 2199023255552 FROM markets WHERE 1 = 1 ON CONFLICT (market_id) DO NOTHING; \
                         INSERT INTO dirty_lots (market_id, from_day, to_day) SELECT market_id, 0, 2199023255552 FROM markets WHERE 1 = 1 ON CONFLICT (market_id) DO NOTHING";

#[tokio::test(flavor = "multi_thread")]
async fn killed_twenty_times_a_reduction_in_sqlite_ends_as_if_never() {
    killed_twenty_times("killed_twenty_times_a_reduction_in_sqlite_ends_as_if_never", |engine| matches!(engine, Engine::Sqlite)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_twenty_times_a_reduction_in_postgres_ends_as_if_never() {
    killed_twenty_times("killed_twenty_times_a_reduction_in_postgres_ends_as_if_never", |engine| matches!(engine, Engine::Postgres(_)))
        .await;
}

async fn killed_twenty_times(test: &str, is_wanted: fn(&Engine) -> bool) {
    let folder = folder();
    for engine in Engine::all(test).into_iter().filter(is_wanted) {
        let url = engine.database(folder.path(), "reduction_killed");
        perpdex_ok(folder.path(), &["demo"].into_iter().chain(WORLD).chain(["--database", &url]).collect::<Vec<_>>());
        let whole = dump(&url).await;
        let (again, on) = (["reduce", "--rebuild", "--database", &url], ["reduce", "--database", &url]);
        let again_time = timed(folder.path(), &again);
        assert_same_text(&whole, &dump(&url).await, "made anew without a kill");
        execute(&url, ALL_DIRTY).await;
        let on_time = timed(folder.path(), &on);
        assert_same_text(&whole, &dump(&url).await, "all of it dirty, without a kill");
        // Moments from a fixed sequence of the splitmix64 kind, spread over the time of an unbroken run.
        let mut seed: u64 = 0x9e37_79b9_7f4a_7c15;
        let (mut kills, mut in_the_midst) = (0, 0);
        for attempt in 0..ATTEMPTS_MAX {
            seed = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9) ^ 0x94d0_49bb;
            // Every other run goes on with what the one before it has left, and more.
            let (args, unbroken): (&[&str], Duration) = if attempt % 2 == 0 { (&again, again_time) } else { (&on, on_time) };
            if attempt % 2 == 1 {
                execute(&url, ALL_DIRTY).await;
            }
            let moment = Duration::from_micros(seed % u64::try_from(unbroken.as_micros()).unwrap());
            let spawned = command(folder.path(), args).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
            let mut child = Guarded(spawned.expect("the binary starts"));
            tokio::time::sleep(moment).await;
            let is_running = child.0.try_wait().expect("the child can be asked").is_none();
            // SIGKILL: nothing of the child's own runs after this.
            child.0.kill().expect("a child that was not waited for can be killed");
            child.0.wait().expect("the child ends");
            let left = "SELECT (SELECT COUNT(*) FROM dirty) + (SELECT COUNT(*) FROM dirty_lots) + (SELECT COUNT(*) FROM dirty_assets) AS left_over";
            let left = query(folder.path(), &url, left)[0]["left_over"].as_i64().expect("a count");
            kills += u32::from(is_running);
            in_the_midst += u32::from(is_running && left > 0);
            if kills == KILLS {
                break;
            }
        }
        assert_eq!(kills, KILLS, "runs killed in flight");
        assert!(in_the_midst >= KILLS / 4, "{in_the_midst} kills in the midst of a reduction");
        perpdex_ok(folder.path(), &on);
        assert_same_text(&whole, &dump(&url).await, &format!("after {kills} kills, {in_the_midst} of them with markets to go"));
        engine.drop_database(&url);
    }
}

/// The time of an unbroken run.
fn timed(folder: &Path, args: &[&str]) -> Duration {
    let started = Instant::now();
    perpdex_ok(folder, args);
    started.elapsed()
}
