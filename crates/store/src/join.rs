//! Closes that name only their position are joined to its open, where no gap lies between the two: there, every open
//! that could be the latest before the close is known. So the outcome depends on what is covered alone, not on the order
//! in which it came nor on where a run was told to begin.

use std::collections::HashMap;

use perpdex_core::{Amount, BlockRange, ChainId, Decimal, Event, EventBody, RangeSet, StreamId, VenueSlug, market_id};
use perpdex_reducer::{OpenPosition, join_close};

use crate::batch::{Batch, parse_event};
use crate::fact::{height_cell, named, read_decimal, read_u8};
use crate::market::load;
use crate::sql::{Fault, Param, Record, Result, Tx};

/// Positions looked up in one statement.
const KEYS_MAX: usize = 500;

/// What of a stream is covered after a commit.
#[derive(Clone, Debug)]
pub(crate) struct Reach {
    pub(crate) stream: StreamId,
    pub(crate) covered: RangeSet,
    /// The lowest height that the commit added to it.
    pub(crate) grown_from: Option<u64>,
    /// The time from which on its coverage is another than before, unix milliseconds.
    pub(crate) changed_from_ms: Option<i64>,
}

/// Joins the new closes, and the waiting ones whose open the commit may have brought; others wait.
pub(crate) async fn join(tx: &mut Tx, batch: &mut Batch<'_>, closes: Vec<Event>, reaches: &[Reach]) -> Result<()> {
    let mut pending = closes;
    for reach in reaches {
        // Nothing new stands before a close below what was added, unless rows were made anew.
        let from = if batch.has_redone() { Some(0) } else { reach.grown_from };
        if let Some(from) = from {
            pending.extend(take_waiting(tx, &reach.stream, from).await?);
        }
    }
    pending.sort_by_key(|event| (event.venue, event.key.height, event.ord, event.key.sub));
    for of_venue in pending.chunk_by(|a, b| a.venue == b.venue) {
        for chunk in of_venue.chunks(KEYS_MAX) {
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
    let opens = Opens::load(tx, first.chain, first.venue, closes).await?;
    let mut markets = HashMap::new();
    if !opens.by_position.is_empty() {
        markets = load(tx, first.chain, first.venue, batch.catalog()).await?;
    }
    for close in closes {
        let open = gap_free_from(close, reaches).and_then(|from| opens.latest_before(close, from));
        let joined = open.and_then(|open| join_close(close, open, &|token| batch.token(token)));
        match joined {
            Some(events) => {
                for event in events {
                    let market = event.market.as_deref().and_then(|key| markets.get(&market_id(event.venue, event.chain, key)));
                    batch.expand(event, market);
                }
            }
            None => batch.wait_for_open(close.clone()),
        }
    }
    batch.write_rows(tx).await
}

/// Height, order inside it, and ordinal.
type Place = (u64, i64, i64);

/// The fills that opened the positions of some closes.
struct Opens {
    /// Canonical place and open, by position key, ascending.
    by_position: HashMap<String, Vec<(Place, OpenPosition)>>,
}

impl Opens {
    async fn load(tx: &mut Tx, chain: ChainId, venue: VenueSlug, closes: &[Event]) -> Result<Opens> {
        let keys: Vec<&str> = closes.iter().filter_map(position_key).collect();
        let places: Vec<String> = (3..keys.len() + 3).map(|place| format!("${place}")).collect();
        let sql = format!(
            "SELECT f.position_key, f.height, f.ord, f.sub, m.market_key, f.position_side, f.qty_native, f.native_decimals, f.price, \
             m.multiplier, f.collateral_token FROM fills f JOIN markets m ON m.market_id = f.market_id \
             WHERE f.position_key IN ({}) AND f.position_side IS NOT NULL AND f.action IN ('open','increase') \
             AND f.chain_id = $1 AND m.venue_id = $2 ORDER BY f.position_key, f.height, f.ord, f.sub",
            places.join(", ")
        );
        let mut cells: Vec<Param> = vec![chain.as_i64().into(), venue.id().into()];
        cells.extend(keys.into_iter().map(Param::from));
        let mut by_position: HashMap<String, Vec<_>> = HashMap::new();
        for row in tx.rows(&sql, cells).await? {
            let place = (row.height(1)?, row.int(2)?, row.int(3)?);
            by_position.entry(row.string(0)?).or_default().push((place, read_open(&row)?));
        }
        Ok(Opens { by_position })
    }

    /// The latest open before a close, if it is not below `from`.
    fn latest_before(&self, close: &Event, from: u64) -> Option<&OpenPosition> {
        let place = (close.key.height, close.ord, i64::from(close.key.sub));
        let opens = self.by_position.get(position_key(close)?)?;
        let latest = opens.iter().rev().find(|(opened, _)| *opened < place);
        latest.filter(|((height, ..), _)| *height >= from).map(|(_, open)| open)
    }
}

fn read_open(r: &Record) -> Result<OpenPosition> {
    let multiplier = Decimal::from(r.int(9)?);
    let entry_price = read_decimal(r, 8)?.mul(&multiplier).map_err(|error| Fault::Corrupt(format!("entry price of an open: {error}")))?;
    Ok(OpenPosition {
        market_key: r.string(4)?,
        side: r.parsed(5, "a side", named)?,
        qty: Amount::decimals(r.exact(6)?, read_u8(r, 7)?),
        entry_price,
        collateral_token: r.opt_string(10)?,
    })
}

fn position_key(event: &Event) -> Option<&str> {
    match &event.body {
        EventBody::Close(close) => Some(&close.position_key),
        _ => None,
    }
}
