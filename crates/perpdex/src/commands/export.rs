//! `perpdex export --raw FILE`: raw records with the coverage that goes with them.

use std::fs::OpenOptions;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use perpdex_core::{ChainId, Hole, RangeSet, StreamId};
use perpdex_engine::capture::{CaptureRange, CaptureWriter};
use perpdex_store::{RawCapture, SqlStore};

use crate::args::{CommonArgs, ExportArgs};
use crate::exit::{CommandResult, Exit, Failure};
use crate::wiring;

/// Runs the verb.
pub(crate) async fn run(common: &CommonArgs, args: ExportArgs) -> CommandResult {
    let config = super::load(common, Vec::new())?;
    let catalog = wiring::catalog(&config).map_err(Failure::refused)?;
    let store = wiring::open_store_existing(&config.database.value, catalog).await.map_err(Failure::refused)?;
    let chains = chains(&store, &args.chains).await.map_err(Failure::refused)?;
    let label = args.raw.display().to_string();
    // An existing file is never overwritten: a capture can be the only copy of what a node has pruned since.
    let file = OpenOptions::new().write(true).create_new(true).open(&args.raw).with_context(|| label.clone()).map_err(Failure::refused)?;
    let mut writer = CaptureWriter::new(label, BufWriter::new(file))?;
    let mut counts = Counts::default();
    let mut is_whole = true;
    for chain in chains {
        let dropped = export_chain(&store, chain, &mut writer, &mut counts).await?;
        is_whole &= dropped.is_empty();
        if let Some(note) = left_out(chain, &dropped) {
            crate::stderr_line(&note);
        }
    }
    let out = writer.finish()?;
    sync(out, &args.raw)?;
    writeln!(io::stdout(), "{}: {} ranges, {} records", args.raw.display(), counts.ranges, counts.records)?;
    Ok(if is_whole { Exit::Done } else { Exit::Incomplete })
}

#[derive(Debug, Default)]
struct Counts {
    ranges: u64,
    records: usize,
}

/// The stored chains; a chain that was named must be among them.
async fn chains(store: &SqlStore, named: &[ChainId]) -> Result<Vec<ChainId>> {
    let status = store.status().await?;
    let mut stored: Vec<ChainId> = status.streams.iter().map(|stream| stream.stream.chain).collect();
    stored.sort_unstable();
    stored.dedup();
    if let Some(absent) = named.iter().find(|chain| !stored.contains(chain)) {
        return Err(anyhow!("--chain {absent}: {} holds nothing of it", store.place()));
    }
    stored.retain(|chain| named.is_empty() || named.contains(chain));
    Ok(stored)
}

/// Writes what the chain has; gives what it lacks the payloads of, of which the capture says nothing.
async fn export_chain<W: Write>(store: &SqlStore, chain: ChainId, writer: &mut CaptureWriter<W>, counts: &mut Counts) -> Result<RangeSet> {
    let mut captures = store.raw_captures(chain).await?;
    let mut dropped = Vec::new();
    while let Some(capture) = captures.next().await? {
        dropped.extend_from_slice(capture.dropped.ranges());
        for part in capture.whole_parts() {
            counts.ranges += 1;
            counts.records += part.records.len();
            writer.write(&to_range(part))?;
        }
    }
    Ok(RangeSet::from_ranges(dropped))
}

/// What a capture leaves out of a chain, and what to do.
fn left_out(chain: ChainId, dropped: &RangeSet) -> Option<String> {
    let first = dropped.ranges().first()?;
    let more = match dropped.ranges().len() - 1 {
        0 => String::new(),
        more => format!(" and {more} more ranges"),
    };
    Some(format!(
        "left out: {chain} {first}{more}: payloads of raw records were dropped (raw = \"drop\"): export another database that has them, or set \
         raw = \"keep\" and bring them back with `perpdex verify --repair --again`"
    ))
}

/// A piece of the store as a capture has it.
fn to_range(capture: RawCapture) -> CaptureRange {
    let own = |(stream, hole): (StreamId, Hole)| capture.streams.contains(&stream).then_some(hole);
    CaptureRange {
        chain: capture.chain,
        range: capture.range,
        holes: capture.holes.into_iter().filter_map(own).collect(),
        streams: capture.streams,
        evidence: capture.evidence,
        blocks: capture.blocks,
        records: capture.records.into_iter().map(|(_, record)| record).collect(),
    }
}

fn sync(out: BufWriter<std::fs::File>, path: &Path) -> Result<()> {
    let file = out.into_inner().map_err(io::IntoInnerError::into_error);
    file.and_then(|file| file.sync_all()).with_context(|| format!("{}", path.display()))
}
