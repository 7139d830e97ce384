//! What a run reads: the selected chains and streams, and from where to where.

use std::sync::Arc;

use anyhow::{Result, anyhow};
use perpdex_core::{ChainId, ChainKind, Evidence, Source, StreamId, StreamStart, Target, VenueSlug};
use perpdex_engine::{Bound, ChainError, ChainJob, EngineOptions, HeightOrTime, JobStream, Until, resolve_height};
use perpdex_venues::VENUES;

use crate::args::SelectionArgs;
use crate::config::{ChainConfig, Config, Start};
use crate::instant::Point;

/// The venues and chains that a run is narrowed down to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Selection {
    chains: Vec<ChainId>,
    venues: Vec<&'static str>,
}

impl Selection {
    /// Checks names against the registry.
    pub(crate) fn new(args: &SelectionArgs) -> Result<Selection> {
        let known = |name: &String| {
            perpdex_venues::venue(name).map(|venue| venue.info().slug.as_str()).ok_or_else(|| {
                let slugs: Vec<&str> = VENUES.iter().map(|venue| venue.info().slug.as_str()).collect();
                anyhow!("--venue {name:?}: not in the registry, expected one of {}", slugs.join(", "))
            })
        };
        Ok(Selection { chains: args.chains.clone(), venues: args.venues.iter().map(known).collect::<Result<_>>()? })
    }

    /// The same chains with all their venues.
    pub(crate) fn of_all_venues(&self) -> Selection {
        Selection { chains: self.chains.clone(), venues: Vec::new() }
    }

    /// The selected venues; empty: all.
    pub(crate) fn venues(&self) -> Vec<VenueSlug> {
        self.venues.iter().map(|slug| VenueSlug::known(slug)).collect()
    }

    /// Whether a chain is selected.
    pub(crate) fn takes(&self, chain: ChainId) -> bool {
        self.chains.is_empty() || self.chains.contains(&chain)
    }

    /// The streams of the selected venues on a chain.
    pub(crate) fn streams(&self, chain: ChainId) -> Vec<JobStream> {
        let selected = |slug: &str| self.venues.is_empty() || self.venues.contains(&slug);
        let venues = VENUES.iter().filter(|venue| selected(venue.info().slug.as_str()));
        venues
            .flat_map(|venue| {
                venue.streams(chain).into_iter().map(|spec| JobStream {
                    id: StreamId { chain, venue: venue.info().slug, part: spec.part.to_owned(), version: spec.version },
                    watch: spec.watch,
                    from: 0,
                    first_height: spec.first_height,
                    sees_unknown: spec.sees_unknown,
                })
            })
            .collect()
    }
}

/// From where to where a chain is read, as the user gave it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RunRange {
    /// `--from`; absent: the configured start.
    pub(crate) from: Option<Point>,
    /// `--to`; absent: as `until` says.
    pub(crate) to: Option<Point>,
}

/// The chains of a run, and those that stay out of it with the reason.
#[derive(Debug)]
pub(crate) struct Plan<'a> {
    /// Chains to read with their streams; `from` of each stream is still open.
    pub(crate) chains: Vec<(&'a ChainConfig, Vec<JobStream>)>,
    /// Chains that are off.
    pub(crate) off: Vec<(ChainId, String)>,
}

impl Plan<'_> {
    /// Applies the selection. Naming a chain that is off, or leaving nothing to read, is an error.
    pub(crate) fn new<'a>(config: &'a Config, selection: &Selection) -> Result<Plan<'a>> {
        let mut plan = Plan { chains: Vec::new(), off: Vec::new() };
        for chain in &selection.chains {
            if config.chain(*chain).is_none() {
                return Err(anyhow!("--chain {chain}: not configured: add [[chains.{chain}.endpoints]] or --endpoint {chain}=…"));
            }
        }
        for chain in &config.chains {
            let named = selection.chains.contains(&chain.chain);
            if !named && !selection.chains.is_empty() {
                continue;
            }
            let streams = selection.streams(chain.chain);
            let reason = match (chain.enabled.value, streams.is_empty()) {
                (false, _) => Some(chain.off_reason()),
                (true, true) => Some("no selected venue has a stream on it".to_owned()),
                (true, false) => None,
            };
            match reason {
                Some(reason) if named => return Err(anyhow!("--chain {}: {reason}", chain.chain)),
                Some(reason) => plan.off.push((chain.chain, reason)),
                None => plan.chains.push((chain, streams)),
            }
        }
        if plan.chains.is_empty() {
            return Err(anyhow!("no chain is left to read: see `perpdex chains`"));
        }
        Ok(plan)
    }
}

/// The weakest evidence that counts as covered. On EVM chains a node can answer with less than it has, and blocks tell.
pub(super) fn evidence_min(kind: Option<ChainKind>) -> Evidence {
    match kind {
        Some(ChainKind::Evm) => Evidence::Probed,
        _ => Evidence::Witnessed,
    }
}

/// Settles heights and makes the job. `known` are the targets of earlier runs: a start that is relative to the head
/// stays where the first run put it.
pub(crate) async fn ready_job(
    config: &ChainConfig,
    sources: Vec<Arc<dyn Source>>,
    mut streams: Vec<JobStream>,
    range: RunRange,
    until: Until,
    known: &[Target],
    options: &EngineOptions,
) -> Result<ChainJob, ChainError> {
    let chain = config.chain;
    let resolve = |at, bound| resolve_height(chain, &sources, at, bound, options);
    let fixed = match (range.from, config.start.value) {
        (Some(point), _) | (None, Start::At(point)) => Some(resolve(height_or_time(point), Bound::AtOrAfter).await?),
        (None, Start::Earliest) => Some(earliest(&sources).await),
        (None, Start::Recent) => None,
    };
    let mut recent = None;
    let mut head = None;
    for stream in &mut streams {
        let before = known.iter().find(|target| target.stream == stream.id).map(|target| target.from);
        match stream_start(stream) {
            StreamStart::Configured => {}
            StreamStart::First => {
                stream.from = stream.first_height.unwrap_or(0);
                continue;
            }
            StreamStart::Head { after } => {
                let height = match (before, head) {
                    (Some(before), _) => before,
                    (None, Some(head)) => head + after,
                    (None, None) => {
                        let latest = resolve(HeightOrTime::BelowLatest(0), Bound::AtOrAfter).await?;
                        let heard = sources.iter().filter_map(|source| source.hears_from()).min();
                        *head.insert(heard.unwrap_or(latest)) + after
                    }
                };
                // What a start in the past asks for cannot be had; one in the future is meant.
                stream.from = height.max(fixed.filter(|_| before.is_none()).unwrap_or(0));
                continue;
            }
        }
        stream.from = match (fixed, before, recent) {
            (Some(height), ..) | (None, Some(height), _) | (None, None, Some(height)) => height,
            (None, None, None) => {
                let height = resolve(HeightOrTime::BelowLatest(config.recent_blocks.value), Bound::AtOrAfter).await?;
                *recent.insert(height)
            }
        };
    }
    let until = match range.to {
        Some(point) => Until::Height(resolve(height_or_time(point), Bound::AtOrBefore).await?),
        None => until,
    };
    let kind = chain.info().map(|info| info.kind);
    let (evidence_min, fetch_apart) = (evidence_min(kind), matches!(kind, Some(ChainKind::HyperCore | ChainKind::OffChain)));
    Ok(ChainJob { chain, sources, streams, venues: VENUES, until, evidence_min, fetch_apart })
}

/// From where on the venue wants a stream.
fn stream_start(stream: &JobStream) -> StreamStart {
    let venue = VENUES.iter().find(|venue| venue.info().slug == stream.id.venue);
    venue.map_or(StreamStart::Configured, |venue| venue.stream_start(&stream.id.part))
}

pub(super) fn height_or_time(point: Point) -> HeightOrTime {
    match point {
        Point::Height(height) => HeightOrTime::Height(height),
        Point::Time(ts_ms) => HeightOrTime::TimeMs(ts_ms),
    }
}

/// The first height any source can serve, 0 where none says: a stream's own first height then decides.
async fn earliest(sources: &[Arc<dyn Source>]) -> u64 {
    let mut lowest: Option<u64> = None;
    for source in sources {
        // An endpoint that does not answer says so again in the run itself.
        if let Some(height) = source.heads().await.ok().and_then(|heads| heads.earliest) {
            lowest = Some(lowest.map_or(height, |known| known.min(height)));
        }
    }
    lowest.unwrap_or(0)
}
