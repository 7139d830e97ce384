//! Jobs of a verification.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Result, anyhow};
use perpdex_core::{ChainId, ChainKind, Evidence, ListingWindows, VenueSlug};
use perpdex_engine::{Bound, ChainJob, EngineOptions, Until, VerifyJob, resolve_height};
use perpdex_venues::VENUES;

use super::jobs::{Plan, RunRange, evidence_min, height_or_time};
use super::sources::open_sources;
use crate::config::Config;

/// What is wanted of a verification.
#[derive(Clone, Debug)]
pub(crate) struct VerifyWish {
    /// Venues; empty: all.
    pub(crate) venues: Vec<VenueSlug>,
    /// How well EVM chains are proved.
    pub(crate) level: Evidence,
    /// Whether to mend.
    pub(crate) repair: bool,
    /// Whether to prove again what is proved.
    pub(crate) again: bool,
}

/// Settles heights and makes the jobs; asks endpoints only where a bound is a time. A job always knows all streams of its
/// chain: a height that is mended is mended for all of them.
pub(crate) async fn verify_jobs(
    config: &Config,
    plan: &Plan<'_>,
    ranges: &BTreeMap<ChainId, RunRange>,
    wish: &VerifyWish,
    options: &EngineOptions,
    windows: &Arc<dyn ListingWindows>,
) -> Result<Vec<VerifyJob>> {
    let mut jobs = Vec::new();
    for (chain, streams) in &plan.chains {
        let id = chain.chain;
        // What was listened to is nowhere to be read again.
        let sources = open_sources(chain, &config.sync, false, windows).await?.sources;
        let kind = id.info().map_or(ChainKind::Evm, |info| info.kind);
        // Only EVM chains have blooms and receipts; what other sources answer with says itself how well it is known.
        let level = if kind == ChainKind::Evm { wish.level } else { Evidence::Witnessed };
        if level == Evidence::Second && sources.len() < 2 {
            return Err(anyhow!("{id}: --level second compares two endpoints and {} is configured", sources.len()));
        }
        let range = ranges.get(&id).copied().unwrap_or_default();
        let (mut from, mut to) = (None, None);
        for (bound, point, slot) in [(Bound::AtOrAfter, range.from, &mut from), (Bound::AtOrBefore, range.to, &mut to)] {
            if let Some(point) = point {
                *slot = Some(resolve_height(id, &sources, height_or_time(point), bound, options).await?);
            }
        }
        let job = ChainJob {
            chain: id,
            sources,
            streams: streams.clone(),
            venues: VENUES,
            until: Until::Final,
            evidence_min: evidence_min(Some(kind)),
            fetch_apart: kind == ChainKind::HyperCore,
        };
        let VerifyWish { venues, repair, again, .. } = wish.clone();
        jobs.push(VerifyJob { job, venues, from, to, level, repair, again });
    }
    Ok(jobs)
}
