//! Closes that leave something to their position are joined to its latest earlier state, where no gap lies between the two:
//! there, everything that could stand between is known. So the outcome depends on what is covered alone, not on the order
//! in which it came nor on where a run was told to begin.

mod positions;
mod undo;

use std::collections::HashMap;

use perpdex_core::{BlockRange, Event, EventBody, RangeSet, StreamId, VenueSlug, market_id};
use perpdex_reducer::join_close;

use crate::batch::Batch;
use crate::db::Tx;
use crate::fact::height_cell;
use crate::kept::parse_event;
use crate::market::load;
use crate::sql::Result;
use positions::Positions;
pub(crate) use undo::unjoin_across;

/// Closes joined in one go.
const CLOSES_MAX: usize = 2_000;

/// What of a stream is covered after a commit.
#[derive(Clone, Debug)]
pub(crate) struct Reach {
    pub(crate) stream: StreamId,
    pub(crate) covered: RangeSet,
    /// Whether something of the committed range was covered before.
    pub(crate) was_covered: bool,
    /// The lowest height that the commit added to it.
    pub(crate) grown_from: Option<u64>,
    /// The time from which on its coverage is another than before, unix milliseconds.
    pub(crate) changed_from_ms: Option<i64>,
}

/// Joins closes, and the waiting ones for whose position the commit may have brought something; others wait.
pub(crate) async fn join(tx: &mut Tx, batch: &mut Batch<'_>, closes: Vec<Event>, reaches: &[Reach]) -> Result<()> {
    let mut pending = closes;
    // Nothing new stands before a close below what was added, unless rows were made anew.
    let from = |reach: &Reach| if batch.has_redone() { Some(0) } else { reach.grown_from };
    let grown: Vec<(&Reach, u64)> = reaches.iter().filter_map(|reach| Some((reach, from(reach)?))).collect();
    let unfinished = unfinished(tx, &grown).await?;
    for ((reach, from), (has_waiting, has_unsettled)) in grown.into_iter().zip(unfinished) {
        if has_waiting {
            pending.extend(take_waiting(tx, &reach.stream, from).await?);
        }
        if has_unsettled {
            let run_from = reach.covered.ranges().iter().find(|range| range.contains(from)).map_or(from, BlockRange::from);
            pending.extend(undo::unjoin_unsettled(tx, batch, &reach.stream, from, run_from).await?);
        }
    }
    pending.sort_by_key(|event| (event.venue, event.key.height, event.ord, event.key.sub));
    for of_venue in pending.chunk_by(|a, b| a.venue == b.venue) {
        for chunk in of_venue.chunks(CLOSES_MAX) {
            join_chunk(tx, batch, chunk, reaches).await?;
        }
    }
    Ok(())
}

/// The height from which on everything up to the close is covered; `None` where the close itself is not.
fn gap_free_from(close: &Event, reaches: &[Reach]) -> Option<u64> {
    let run = |reach: &Reach| reach.covered.ranges().iter().find(|range| range.contains(close.key.height)).map(BlockRange::from);
    // A close may stand for several streams of its venue: all must know the heights between.
    let of_venue = reaches.iter().filter(|reach| reach.stream.venue == close.venue);
    of_venue.map(run).collect::<Option<Vec<u64>>>()?.into_iter().max()
}

/// Which streams' venues have closes that wait, and closes that were joined to a position of unknown size, from a height on: asked
/// at once, since there are seldom any.
async fn unfinished(tx: &mut Tx, grown: &[(&Reach, u64)]) -> Result<Vec<(bool, bool)>> {
    let Some((first, _)) = grown.first() else { return Ok(Vec::new()) };
    let keys: Vec<(usize, i64, u64)> = grown.iter().enumerate().map(|(at, (reach, from))| (at, reach.stream.venue.id(), *from)).collect();
    let has = |table: &str, condition: &str| {
        format!(
            "CASE WHEN EXISTS (SELECT 1 FROM {table} w WHERE {condition} AND w.chain_id = $1 AND w.venue_id = CAST(k.value ->> 1 AS BIGINT) \
             AND w.height >= CAST(k.value ->> 2 AS BIGINT)) THEN 1 ELSE 0 END"
        )
    };
    let sql = format!(
        "SELECT {}, {} FROM {} ORDER BY CAST(k.value ->> 0 AS BIGINT)",
        has("unresolved", "w.target = 'open'"),
        has("joined_closes", "w.is_settled = 0"),
        tx.elements("$2")
    );
    let keys = serde_json::to_string(&keys).expect("numbers are JSON");
    let rows = tx.rows(&sql, vec![first.stream.chain.as_i64().into(), keys.into()]).await?;
    rows.iter().map(|row| Ok((row.flag(0)?, row.flag(1)?))).collect()
}

/// Takes the waiting closes of a stream's venue from a height on out of `unresolved`.
async fn take_waiting(tx: &mut Tx, stream: &StreamId, from: u64) -> Result<Vec<Event>> {
    const WAITING: &str = "target = 'open' AND chain_id = $1 AND venue_id = $2 AND height >= $3";
    let cells = || vec![stream.chain.as_i64().into(), stream.venue.id().into(), height_cell(from)];
    let rows = tx.rows(&format!("SELECT body FROM unresolved WHERE {WAITING}"), cells()).await?;
    if !rows.is_empty() {
        tx.execute(&format!("DELETE FROM unresolved WHERE {WAITING}"), cells()).await?;
    }
    rows.iter().map(|row| parse_event(row.text(0)?)).collect()
}

async fn join_chunk(tx: &mut Tx, batch: &mut Batch<'_>, closes: &[Event], reaches: &[Reach]) -> Result<()> {
    let Some(first) = closes.first() else { return Ok(()) };
    let mut positions = Positions::load(tx, first.chain, first.venue, closes).await?;
    let mut markets = HashMap::new();
    if !positions.is_empty() {
        markets = load(tx, first.chain, &[first.venue], batch.catalog()).await?;
    }
    let make = |batch: &mut Batch<'_>, close: &Event| {
        let stands = gap_free_from(close, reaches).and_then(|from| positions.before(close, from));
        let joined = stands.and_then(|stands| {
            let events = join_close(close, &stands.position, &|token| batch.token(token))?;
            Some((events, stands))
        });
        let Some((events, stands)) = joined else {
            batch.wait_for_open(close.clone());
            return Ok(());
        };
        for event in &events {
            if let EventBody::Fill(fill) = &event.body {
                positions.close(close, fill, &stands.position);
            }
        }
        batch.joined(close, stands.since, stands.position.qty.is_some());
        for event in events {
            let market = event.market.as_deref().and_then(|key| markets.get(&market_id(event.venue, event.chain, key)));
            batch.expand(&event, market)?;
        }
        Ok(())
    };
    batch.write_as_made(tx, Vec::new(), closes, make).await
}

/// The heights of those of some events, by venue, that are rows of positions or closes of them.
pub(crate) fn of_positions(events: &[Event]) -> Vec<(VenueSlug, BlockRange)> {
    let mut out: Vec<(VenueSlug, BlockRange)> = Vec::new();
    for event in events.iter().filter(|event| matches!(event.body, EventBody::Fill(_) | EventBody::Close(_))) {
        let height = event.key.height;
        match out.iter_mut().find(|(venue, _)| *venue == event.venue) {
            Some((_, range)) => *range = BlockRange::new(range.from().min(height), range.to().max(height)).unwrap_or(*range),
            None => out.push((event.venue, BlockRange::single(height))),
        }
    }
    out
}
