//! `perpdex status`: what is wanted, known and missing, and one sentence that says whether all is well.

mod pace;

use std::io::{self, Write};

use perpdex_core::{BlockRange, RangeSet};
use perpdex_store::{Status, StreamStatus};
use serde::Serialize;
use serde_json::Value;

use crate::args::{CommonArgs, StatusArgs};
use crate::exit::{CommandResult, Exit, Failure};
use crate::instant::format_time;
use crate::output::{Format, Grid, write_json};
use crate::wiring;

pub(super) use pace::{Pace, paces};

/// Gaps listed for people; JSON has them all.
const GAPS_LISTED_MAX: usize = 20;

/// Runs the verb.
pub(crate) async fn run(common: &CommonArgs, args: StatusArgs) -> CommandResult {
    let config = super::load(common, Vec::new())?;
    let catalog = wiring::catalog(&config).map_err(Failure::refused)?;
    let store = wiring::open_store_existing(&config.database.value, catalog).await.map_err(Failure::refused)?;
    let status = store.status().await?;
    let verdict = verdict(&status, args.lag_blocks_max);
    let paces = paces(&status);
    let mut out = io::stdout().lock();
    match args.output.format() {
        Format::Json => write_json(&mut out, &Answer { verdict, database: store.place(), status: &status, paces: &paces })?,
        Format::Csv => streams(&status).write(&mut out, Format::Csv)?,
        Format::Table => {
            streams(&status).write(&mut out, Format::Table)?;
            writeln!(out)?;
            chains(&status).write(&mut out, Format::Table)?;
            writeln!(out)?;
            pace::grid(&paces).write(&mut out, Format::Table)?;
            let troubles = pace::troubles(&status);
            if !troubles.rows.is_empty() {
                writeln!(out)?;
                troubles.write(&mut out, Format::Table)?;
            }
            write_gaps(&mut out, &status)?;
            write_differences(&mut out, &status)?;
            if status.reduce_failures > 0 {
                writeln!(
                    out,
                    "\n{} numbers could not be computed: perpdex query \"SELECT * FROM v_reduce_failures\"",
                    status.reduce_failures
                )?;
            }
            writeln!(out, "\n{}", sentence(verdict))?;
        }
    }
    Ok(match (args.check, verdict) {
        (false, _) | (true, State::Complete) => Exit::Done,
        (true, State::Behind) => Exit::Behind,
        (true, State::Incomplete | State::Empty) => Exit::Incomplete,
    })
}

/// A store in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    /// Everything wanted is known and every record was decoded.
    Complete,
    /// Only the newest heights are missing.
    Behind,
    /// A gap, a hole, a record that could not be decoded, one that verification found to differ, or a number that could not
    /// be computed.
    Incomplete,
    /// Nothing was ever wanted.
    Empty,
}

impl State {
    /// All of them.
    pub(super) const ALL: [State; 4] = [State::Complete, State::Behind, State::Incomplete, State::Empty];

    /// The name in answers.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            State::Complete => "complete",
            State::Behind => "behind",
            State::Incomplete => "incomplete",
            State::Empty => "empty",
        }
    }
}

/// The answer as JSON.
#[derive(Serialize)]
pub(super) struct Answer<'a> {
    /// The store in one word.
    pub(super) verdict: State,
    /// Where it is, without password.
    pub(super) database: String,
    /// What it knows of itself.
    #[serde(flatten)]
    pub(super) status: &'a Status,
    /// How its chains move.
    pub(super) paces: &'a [Pace],
}

/// The store in one word; streams may be behind by so many heights.
pub(super) fn verdict(status: &Status, lag_blocks_max: u64) -> State {
    let wanted: Vec<&StreamStatus> = status.streams.iter().filter(|stream| stream.target.is_some()).collect();
    let failed =
        !status.differences.is_empty() || status.reduce_failures > 0 || status.chains.iter().any(|chain| chain.decode_failures > 0);
    let worst = |stream: &&StreamStatus| match () {
        () if !stream.holes.is_empty() || stream.wanted_to.is_none() => State::Incomplete,
        () if stream.missing.is_empty() => State::Complete,
        () => match lag_blocks(stream) {
            Some(blocks) if blocks <= lag_blocks_max => State::Complete,
            Some(_) => State::Behind,
            None => State::Incomplete,
        },
    };
    let states: Vec<State> = wanted.iter().map(worst).collect();
    match () {
        () if wanted.is_empty() => State::Empty,
        () if failed || states.contains(&State::Incomplete) => State::Incomplete,
        () if states.contains(&State::Behind) => State::Behind,
        () => State::Complete,
    }
}

/// Heights missing above a gap-free run from the target's start; `None` where something else is missing too.
fn lag_blocks(stream: &StreamStatus) -> Option<u64> {
    match &stream.missing[..] {
        [tail] if stream.watermark.and_then(|height| height.checked_add(1)) == Some(tail.from()) => Some(tail.blocks()),
        _ => None,
    }
}

/// The same as a sentence.
pub(super) fn sentence(state: State) -> &'static str {
    match state {
        State::Complete => "green: everything wanted is covered and decoded",
        State::Behind => "behind: only the newest heights are missing; `perpdex sync` fetches them",
        State::Incomplete => "NOT green: see gaps and failures above; `perpdex sync` tries again",
        State::Empty => "empty: nothing was asked for yet; `perpdex sync` or `perpdex replay` fills it",
    }
}

fn streams(status: &Status) -> Grid {
    let mut grid = Grid::new(&[
        "chain",
        "stream",
        "from",
        "to",
        "wanted_to",
        "covered_to",
        "covered_to_time",
        "covered",
        "missing",
        "holes",
        "evidence",
        "sees_unknown",
    ]);
    for stream in &status.streams {
        let target = stream.target.as_ref();
        let missing = stream.missing.iter().map(BlockRange::blocks).fold(0, u64::saturating_add);
        grid.push(vec![
            stream.stream.chain.to_string().into(),
            stream.stream.name().into(),
            target.map(|target| target.from).into(),
            // A target without an end follows the head.
            target.map_or(Value::Null, |target| target.to.map_or("head".into(), Value::from)),
            stream.wanted_to.into(),
            stream.watermark.into(),
            stream.covered_to_ms.map(format_time).into(),
            stream.covered_blocks.into(),
            missing.into(),
            stream.holes.len().into(),
            stream.evidence.map(|evidence| evidence.as_str()).into(),
            target.map(|target| target.sees_unknown).into(),
        ]);
    }
    grid
}

fn chains(status: &Status) -> Grid {
    let mut grid = Grid::new(&["chain", "head", "final", "records", "decode_failures", "unknown_events", "unresolved", "reorgs"]);
    for chain in &status.chains {
        grid.push(vec![
            chain.chain.to_string().into(),
            chain.latest.into(),
            chain.finalized.into(),
            chain.records.into(),
            chain.decode_failures.into(),
            chain.unknown_events.into(),
            chain.unresolved.into(),
            chain.reorgs.into(),
        ]);
    }
    grid
}

fn write_gaps(out: &mut impl Write, status: &Status) -> io::Result<()> {
    let missing = |stream: &StreamStatus| -> Vec<String> {
        // A hole says why it is one; only the rest is said to be merely missing.
        let told = RangeSet::from_ranges(stream.holes.iter().map(|hole| hole.range));
        let untold = RangeSet::from_ranges(stream.missing.iter().copied()).without(&told);
        untold.ranges().iter().map(|range| format!("{}: {range}: not indexed", stream.stream)).collect()
    };
    let holes = |stream: &StreamStatus| -> Vec<String> {
        stream.holes.iter().map(|hole| format!("{}: {}: {}: {}", stream.stream, hole.range, hole.reason.as_str(), hole.detail)).collect()
    };
    let gaps: Vec<String> = status.streams.iter().flat_map(|stream| [missing(stream), holes(stream)].concat()).collect();
    if !gaps.is_empty() {
        writeln!(out, "\ngaps:")?;
    }
    gaps.iter().take(GAPS_LISTED_MAX).try_for_each(|gap| writeln!(out, "  {gap}"))?;
    match gaps.len().saturating_sub(GAPS_LISTED_MAX) {
        0 => Ok(()),
        more => writeln!(out, "  and {more} more, see v_gaps"),
    }
}

fn write_differences(out: &mut impl Write, status: &Status) -> io::Result<()> {
    match status.differences.len() {
        0 => Ok(()),
        count => {
            writeln!(out, "\n{count} records differ from what was proved: see v_verify_differences; `perpdex verify --repair` mends them")
        }
    }
}
