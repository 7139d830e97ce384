//! One range of the stream, and single blocks held against what a filter found.

use std::collections::{BTreeMap, BTreeSet};

use perpdex_core::{
    Batch, BlockRange, BlockRef, Evidence, Filter, Headers, Hole, HoleReason, Probe, RawRecord, SourceError, SourceErrorKind,
};

use super::line::{Header, Line};
use super::{PortalSource, query};
use crate::blocks::SKIPPED_RUN_MAX;
use crate::watched::Watched;

/// Streams a range, or its first part; see [`perpdex_core::Source::fetch`].
pub(super) async fn fetch(portal: &PortalSource, range: BlockRange, filter: &Filter) -> Result<Batch, SourceError> {
    let watched = Watched::new(filter).map_err(|message| portal.error(SourceErrorKind::Permanent, message))?;
    let start = portal.start().await?;
    let before = start.checked_sub(1).and_then(|last| BlockRange::new(range.from(), last)).filter(|_| range.from() < start);
    let Some(asked) = BlockRange::new(range.from().max(start), range.to()) else {
        return Err(portal.error(SourceErrorKind::Pruned, format_args!("range {range}: the dataset begins at slot {start}")));
    };
    let lines = portal.http.stream(&query::filtered(asked, filter, &watched)).await?;
    let to = proved(portal, asked, &lines, filter.headers).await?;
    let mut batch = Batch {
        range: BlockRange::new(range.from(), to).unwrap_or(range),
        blocks: Vec::new(),
        records: Vec::new(),
        malformed: Vec::new(),
        holes: Vec::new(),
        evidence: Evidence::Witnessed,
    };
    batch.holes.extend(before.map(|range| Hole {
        range,
        reason: HoleReason::Missing,
        detail: format!("{}: the dataset begins at slot {start}", portal.http.label()),
        streams: Vec::new(),
    }));
    let last = lines.len().saturating_sub(1);
    for (at, line) in lines.iter().enumerate() {
        let slot = line.header.number;
        let broken = |message: String| portal.error(SourceErrorKind::Transient, format_args!("finalized-stream {slot}: {message}"));
        let read = line.read(&watched).map_err(broken)?;
        let block: Option<BlockRef> = line.header.block_ref().map_err(broken)?;
        let is_wanted = at == 0 || at == last || !read.records.is_empty() || filter.headers == Headers::All;
        batch.blocks.extend(block.filter(|_| is_wanted));
        batch.records.extend(read.records);
        batch.holes.extend(read.holes);
    }
    Ok(batch)
}

/// The last slot that the lines answer for. The first block names a parent below the range, so that nothing is missing
/// before it; the last one is where the answer ends, unless the block above it shows that the slots behind were skipped.
async fn proved(portal: &PortalSource, asked: BlockRange, lines: &[Line], headers: Headers) -> Result<u64, SourceError> {
    let left_out = |header: &Header| {
        let (parent, slot) = (header.parent_number, header.number);
        portal.error(SourceErrorKind::Omitted, format_args!("finalized-stream {asked}: leaves out slot {parent}, the parent of {slot}"))
    };
    if let Some(line) = lines.iter().find(|line| !asked.contains(line.header.number)) {
        let message = format_args!("finalized-stream {asked}: holds block {}", line.header.number);
        return Err(portal.error(SourceErrorKind::Transient, message));
    }
    if let Some(first) = lines.first().filter(|first| asked.from() <= first.header.parent_number) {
        return Err(left_out(&first.header));
    }
    if headers == Headers::All
        && let Some(pair) = lines.windows(2).find(|pair| pair[1].header.parent_number != pair[0].header.number)
    {
        return Err(left_out(&pair[1].header));
    }
    let last = lines.last().map(|line| &line.header);
    let next = last.map_or(asked.from(), |last| last.number + 1);
    if asked.to() < next {
        return Ok(asked.to());
    }
    let ends_here = |last: Option<&Header>| {
        let known = last.map(|last| last.number);
        known.ok_or_else(|| {
            portal.error(SourceErrorKind::Transient, format_args!("finalized-stream {asked}: not even its first block is told"))
        })
    };
    // An answer that breaks off far before the end of the range needs no look behind it.
    if SKIPPED_RUN_MAX <= asked.to() - next {
        return ends_here(last);
    }
    let above = match portal.headers(next, asked.to().saturating_add(SKIPPED_RUN_MAX), last).await {
        Ok(mut above) => above.swap_remove(0).header,
        // The archive ends there.
        Err(error) if error.kind == SourceErrorKind::Lagging && last.is_some() => return ends_here(last),
        Err(error) => return Err(error),
    };
    match last {
        _ if above.number <= asked.to() => ends_here(last),
        _ if next <= above.parent_number => Err(left_out(&above)),
        Some(last) if above.parent_number == last.number && above.parent_hash != last.hash => {
            let message = format_args!("finalized-stream {}: does not follow block {}", above.number, last.number);
            Err(portal.error(SourceErrorKind::Transient, message))
        }
        _ => Ok(asked.to()),
    }
}

/// Reads single blocks without a filter; see [`perpdex_core::Source::probe`].
pub(super) async fn probe(portal: &PortalSource, heights: &[u64], filter: &Filter, batch: &Batch) -> Result<Probe, SourceError> {
    let watched = Watched::new(filter).map_err(|message| portal.error(SourceErrorKind::Permanent, message))?;
    let mut given: BTreeMap<u64, BTreeSet<i64>> = BTreeMap::new();
    for RawRecord { height, rec, .. } in &batch.records {
        given.entry(*height).or_default().insert(*rec);
    }
    let mut probe = Probe::default();
    for height in heights.iter().copied().filter(|height| !batch.holes.iter().any(|hole| hole.range.contains(*height))) {
        let lines = match portal.http.stream(&query::whole(height)).await {
            Ok(lines) => lines,
            Err(error) if error.kind == SourceErrorKind::Density => {
                probe.unsettled.push(height);
                continue;
            }
            Err(error) => return Err(error),
        };
        let Some(line) = lines.first() else {
            if portal.block_at(height).await?.is_some() {
                probe.unsettled.push(height);
            }
            continue;
        };
        let whole = line.read(&watched);
        let whole =
            whole.map_err(|message| portal.error(SourceErrorKind::Transient, format_args!("finalized-stream {height}: {message}")))?;
        let is_given = |record: &RawRecord| given.get(&height).is_some_and(|given| given.contains(&record.rec));
        if !whole.holes.is_empty() || !whole.records.iter().all(is_given) {
            probe.omitted.push(height);
        }
    }
    Ok(probe)
}
