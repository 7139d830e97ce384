//! `perpdex doctor`: is everything here that a run needs? Every line says ok, warn or fail, and what to do.

mod database;
mod endpoint;

use std::io::{self, Write};
use std::sync::Arc;

use futures::future::join_all;
use perpdex_core::{Catalog, ChainId, Evidence, ListingWindows, StreamId, Watch};
use perpdex_engine::JobStream;
use serde::Serialize;
use serde_json::Value;

use super::sync::endpoint_layers;
use crate::args::{CommonArgs, DoctorArgs};
use crate::config::Config;
use crate::exit::{CommandResult, Exit, Failure};
use crate::output::{Format, Grid};
use crate::wiring::{self, Plan, Selection};

/// Runs the verb.
pub(crate) async fn run(common: &CommonArgs, args: DoctorArgs) -> CommandResult {
    let config = super::load(common, endpoint_layers(&args.endpoints))?;
    let selection = Selection::new(&args.selection).map_err(Failure::refused)?;
    let plan = Plan::new(&config, &selection).map_err(Failure::refused)?;
    let mut checks = configuration(&config, &plan);
    checks.extend(database::check(&config).await);
    // What listings keep is of no use to a look: it goes with the memory it stands in.
    let windows: Arc<dyn ListingWindows> = wiring::open_store("sqlite::memory:", Catalog::default()).await?;
    let mut looks = Vec::new();
    for (chain, streams) in &plan.chains {
        match wiring::open_sources(chain, &config.sync, false, &windows).await {
            Ok(opened) => looks.push(endpoint::check_chain(chain.chain, opened.sources, questions(streams))),
            Err(error) => checks.push(Check::fail(chain.chain.to_string(), "endpoints", format!("{error:#}"), "correct the configuration")),
        }
    }
    checks.extend(join_all(looks).await.into_iter().flatten());
    let worst = checks.iter().map(|check| check.state).max().unwrap_or(State::Ok);
    write(&mut io::stdout().lock(), &checks, worst, args.output.format())?;
    Ok(match worst {
        State::Ok | State::Warn => Exit::Done,
        State::Fail => Exit::Incomplete,
    })
}

/// How a check came out, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
    Ok,
    Warn,
    Fail,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Check {
    /// A chain with the label of its endpoint, or `database`, or `config`.
    subject: String,
    /// What was looked at.
    check: &'static str,
    state: State,
    /// What was found.
    found: String,
    /// What to do about it; empty where nothing has to be done.
    advice: String,
}

impl Check {
    pub(super) fn ok(subject: impl Into<String>, check: &'static str, found: impl Into<String>) -> Check {
        Check { subject: subject.into(), check, state: State::Ok, found: found.into(), advice: String::new() }
    }

    pub(super) fn warn(subject: impl Into<String>, check: &'static str, found: impl Into<String>, advice: &str) -> Check {
        Check { state: State::Warn, advice: advice.to_owned(), ..Check::ok(subject, check, found) }
    }

    pub(super) fn fail(subject: impl Into<String>, check: &'static str, found: impl Into<String>, advice: &str) -> Check {
        Check { state: State::Fail, ..Check::warn(subject, check, found, advice) }
    }
}

fn configuration(config: &Config, plan: &Plan<'_>) -> Vec<Check> {
    let mut checks = Vec::new();
    match wiring::catalog(config) {
        Ok(_) => checks.push(Check::ok("config", "configuration", format!("{} chains on, {} off", plan.chains.len(), plan.off.len()))),
        Err(error) => checks.push(Check::fail("config", "catalog", format!("{error:#}"), "correct the file under [catalog] files")),
    }
    for (chain, reason) in &plan.off {
        checks.push(Check::warn("config", "chain", format!("{chain} is off: {reason}"), "give it an endpoint, or leave it off"));
    }
    for (chain, _) in &plan.chains {
        if chain.endpoints.value.len() == 1 && endpoint::is_evm(chain.chain) {
            let found = format!("{} has one endpoint", chain.chain);
            let advice = "a second one settles doubts about the first and takes over when it fails";
            checks.push(Check::warn("config", "endpoints", found, advice));
        }
    }
    checks
}

/// What the streams of a chain are asked with, and the first height that any of them can have.
fn questions(streams: &[JobStream]) -> endpoint::Questions {
    let asked: Vec<(StreamId, Watch)> = streams.iter().map(|stream| (stream.id.clone(), stream.watch.clone())).collect();
    let first_height = streams.iter().filter_map(|stream| stream.first_height).min();
    endpoint::Questions { streams: asked, first_height }
}

fn write(out: &mut impl Write, checks: &[Check], worst: State, format: Format) -> io::Result<()> {
    let mut grid = Grid::new(&["state", "subject", "check", "found", "advice"]);
    for check in checks {
        let state = match check.state {
            State::Ok => "ok",
            State::Warn => "warn",
            State::Fail => "fail",
        };
        let cells = [state, &check.subject, check.check, &check.found, &check.advice];
        grid.push(cells.map(Value::from).to_vec());
    }
    grid.write(out, format)?;
    if format != Format::Table {
        return Ok(());
    }
    let sentence = match worst {
        State::Ok => "all is well",
        State::Warn => "usable; see the warnings",
        State::Fail => "NOT ready: see what fails",
    };
    writeln!(out, "\n{sentence}")
}

/// The level whose proof needs usable blooms and receipts.
const PROOF: Evidence = Evidence::Bloom;

/// A chain with an endpoint, as lines name it.
fn subject(chain: ChainId, label: &str) -> String {
    format!("{chain} {label}")
}
