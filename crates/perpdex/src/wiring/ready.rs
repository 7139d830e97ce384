//! Jobs of a run with settled heights.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Result;
use futures::future::join_all;
use perpdex_core::{ChainId, ListingWindows, Target};
use perpdex_engine::{ChainError, ChainJob, EngineOptions, Until};

use super::doubles;
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
    windows: &Arc<dyn ListingWindows>,
) -> Result<Ready> {
    let mut ready = Ready::default();
    let mut opened = Vec::new();
    let has_files = doubles::has_files(known, plan.chains.iter().flat_map(|(_, streams)| streams.iter().map(|stream| &stream.id)));
    for (chain, streams) in &plan.chains {
        let (doubled, streams): (Vec<_>, Vec<_>) = streams.iter().cloned().partition(|stream| has_files && doubles::is_public(&stream.id));
        ready.off.extend(doubled.iter().map(|stream| (chain.chain, format!("{}: the node's fills hold them", stream.id.name()))));
        let listens = streams.iter().any(|stream| doubles::is_public(&stream.id));
        let sources = open_sources(chain, &config.sync, listens, windows).await?;
        let (present, absent): (Vec<_>, Vec<_>) = streams.iter().cloned().partition(|stream| sources.has(&stream.watch));
        ready.off.extend(absent.iter().map(|stream| (chain.chain, format!("{}: the folder has no files of it", stream.id.name()))));
        opened.push((*chain, present, sources.sources));
    }
    let present = opened.iter().flat_map(|(_, streams, _)| streams.iter().map(|stream| &stream.id));
    doubles::refuse_doubles(known, present.clone())?;
    if present.clone().any(|stream| stream.chain == ChainId::HYPERLIQUID_FILES && stream.part.starts_with("node_")) {
        doubles::refuse_apart(opened.iter().map(|(chain, ..)| *chain))?;
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
