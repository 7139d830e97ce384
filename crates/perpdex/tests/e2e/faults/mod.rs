//! Every fault of `tests/scenario/faults`: what the built binary makes of it over real sockets, and whether it recovers by
//! itself once the fault has ended. The table in `docs/reliability.md` is written from what was seen.
//!
//! `PERPDEX_FAULTS=TEXT` plays only scenarios whose names hold the text, and leaves the table alone.

mod database;
mod look;
mod run;
mod scenario;
mod stage;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::runtime::Handle;

use self::run::play;
use self::scenario::Scenario;
use self::stage::Stage;
use crate::support::Engine;
use crate::table;

/// Scenarios at once; most of their time is waiting.
const AT_ONCE: usize = 4;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_ends_in_correct_rows_or_a_visible_gap() {
    let scenarios = Scenario::read_all(&root().join("tests/scenario/faults"));
    assert!(35 <= scenarios.len(), "only {} scenarios found", scenarios.len());
    let engines = Engine::all("every_fault_ends_in_correct_rows_or_a_visible_gap");
    let chosen = std::env::var("PERPDEX_FAULTS").unwrap_or_default();
    let is_whole = 1 < engines.len() && chosen.is_empty();
    let is_played = |scenario: &Arc<Scenario>| scenario.name.contains(&chosen) && usize::from(scenario.is_postgres) < engines.len();
    let scenarios: Vec<_> = scenarios.into_iter().filter(is_played).collect();
    assert!(!scenarios.is_empty(), "no scenario is named {chosen:?}");
    let (stage, engines) = (Arc::new(Stage::new()), Arc::new(engines));
    let (mut lines, mut failed) = (Vec::new(), Vec::new());
    for part in scenarios.chunks(AT_ONCE) {
        let begin = |scenario: &Arc<Scenario>| {
            let (stage, scenario, engines, runtime) = (stage.clone(), scenario.clone(), engines.clone(), Handle::current());
            // On threads of their own: they wait for child processes, which the runtime's nodes have to answer.
            tokio::task::spawn_blocking(move || runtime.block_on(play(&stage, &scenario, &engines[usize::from(scenario.is_postgres)])))
        };
        let playing: Vec<_> = part.iter().map(|scenario| (scenario, begin(scenario))).collect();
        for (scenario, played) in playing {
            match played.await {
                Ok((first, then)) => lines.push(format!("| {} | {first} | {then} |\n", scenario.about)),
                Err(_) => failed.push(scenario.name.clone()),
            }
        }
    }
    assert!(failed.is_empty(), "{failed:?} ended otherwise than expected: see above");
    if !is_whole {
        // The table tells of all of them, on both engines.
        return;
    }
    let head = "| fault | outcome | once it has ended |\n| --- | --- | --- |\n";
    table::check(&root().join("docs/reliability.md"), "faults", &format!("{head}{}", lines.concat()));
}
