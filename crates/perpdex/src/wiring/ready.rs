//! Jobs of a run with settled heights.

use std::collections::BTreeMap;

use anyhow::Result;
use futures::future::join_all;
use perpdex_core::{ChainId, Target};
use perpdex_engine::{ChainError, ChainJob, EngineOptions, Until};

use super::jobs::{Plan, RunRange, ready_job};
use super::sources::open_sources;
use crate::config::Config;

/// Jobs, and the chains for which none could be made.
#[derive(Debug, Default)]
pub(crate) struct Ready {
    /// Jobs to run.
    pub(crate) jobs: Vec<ChainJob>,
    /// Chains that could not be asked where they stand.
    pub(crate) failed: Vec<(ChainId, ChainError)>,
    /// What is not read, with the reason.
    pub(crate) off: Vec<(ChainId, String)>,
}

/// Settles all chains of the plan side by side, so that unreachable ones cost their wait once.
///
/// The error means that nothing may be started: an endpoint of another chain, or a folder that cannot be read. Starting
/// the other chains would hide a mistake in the configuration.
pub(crate) async fn ready_jobs(
    config: &Config,
    plan: &Plan<'_>,
    ranges: &BTreeMap<ChainId, RunRange>,
    until: Until,
    known: &[Target],
    options: &EngineOptions,
) -> Result<Ready> {
    let mut ready = Ready::default();
    let mut opened = Vec::new();
    for (chain, streams) in &plan.chains {
        let sources = open_sources(chain, &config.sync)?;
        let (present, absent): (Vec<_>, Vec<_>) = streams.iter().cloned().partition(|stream| sources.has(&stream.watch));
        ready.off.extend(absent.iter().map(|stream| (chain.chain, format!("{}: the folder has no files of it", stream.id.name()))));
        opened.push((*chain, present, sources.sources));
    }
    let settled = join_all(opened.into_iter().map(|(chain, streams, sources)| async move {
        let range = ranges.get(&chain.chain).copied().unwrap_or_default();
        (chain.chain, ready_job(chain, sources, streams, range, until, known, options).await)
    }))
    .await;
    for (chain, result) in settled {
        match result {
            Ok(job) => ready.jobs.push(job),
            Err(error @ ChainError::WrongChain { .. }) => return Err(error.into()),
            Err(error) => ready.failed.push((chain, error)),
        }
    }
    Ok(ready)
}
