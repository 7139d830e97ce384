//! What stood of positions before their closes, read from rows.

use std::collections::HashMap;

use alloy_primitives::I256;
use perpdex_core::{Action, Amount, ChainId, Decimal, Event, EventBody, Fill, PositionSide, Side, VenueSlug};
use perpdex_reducer::{Position, PositionRow};
use serde::Serialize;

use crate::db::Tx;
use crate::fact::{height_cell, named, read_decimal, read_u8};
use crate::sql::{Fault, Param, Record, Result};

/// Height, order inside it, and ordinal.
type Place = (u64, i64, i64);

/// Digits of micro-dollars, as rows hold entry costs.
const USD: u8 = 6;

/// A position as it stood before a close.
#[derive(Clone, Debug)]
pub(super) struct Stands {
    pub(super) position: Position,
    /// Height of the oldest row that it follows from.
    pub(super) since: u64,
}

/// The rows of the positions that some closes name.
pub(super) struct Positions {
    by_key: HashMap<String, Track>,
}

/// The rows of one position, ascending, and how far they are folded.
#[derive(Default)]
struct Track {
    rows: Vec<(Place, PositionRow)>,
    next: usize,
    /// Where the fold began: what is below lies behind a gap.
    from: u64,
    stands: Option<Stands>,
}

impl Positions {
    /// Loads the rows of each close's position from the last one on that says, below all of the closes, where it stood.
    pub(super) async fn load(tx: &mut Tx, chain: ChainId, venue: VenueSlug, closes: &[Event]) -> Result<Positions> {
        let mut by_key: HashMap<String, Track> = HashMap::new();
        let mut keys: Vec<&str> = closes.iter().filter_map(position_key).collect();
        keys.sort_unstable();
        keys.dedup();
        let (Some(lowest), Some(highest)) = (closes.first(), closes.last()) else { return Ok(Positions { by_key }) };
        if keys.is_empty() {
            return Ok(Positions { by_key });
        }
        // Each position is read from its own base on: how long ago that was differs from one to the next. Outer joins are made in
        // the order in which they stand, and a plus sign keeps either engine from every index but that of the position.
        let bases = bases(tx, chain, venue, &keys, lowest.key.height).await?;
        let sql = format!(
            "SELECT f.position_key, f.height, f.ord, f.sub, m.market_key, f.position_side, f.qty_native, f.native_decimals, f.price, \
             m.multiplier, f.collateral_token, f.account, f.action, f.side, f.after_native, f.after_usd_e6 \
             FROM {} LEFT JOIN fills f ON f.position_key = k.value ->> 0 AND f.height >= CAST(k.value ->> 1 AS BIGINT) \
             AND +f.height <= $3 AND f.position_side IS NOT NULL AND +f.chain_id = $1 \
             LEFT JOIN markets m ON m.market_id = f.market_id WHERE COALESCE(m.venue_id, -1) = $2 \
             ORDER BY f.position_key, f.height, f.ord, f.sub",
            tx.elements("$4")
        );
        let cells = vec![chain.as_i64().into(), venue.id().into(), height_cell(highest.key.height), json(&bases)];
        let mut add = |row: Record| {
            let place = (row.height(1)?, row.int(2)?, row.int(3)?);
            by_key.entry(row.string(0)?).or_default().rows.push((place, read(&row)?));
            Ok(())
        };
        tx.many(&sql, 16, cells, &mut add).await?;
        Ok(Positions { by_key })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }

    /// How the close's position stood before it, from rows at `from` and above. Closes come in canonical order.
    pub(super) fn before(&mut self, close: &Event, from: u64) -> Option<Stands> {
        let track = self.by_key.get_mut(position_key(close)?)?;
        track.fold(place(close), from);
        track.stands.clone()
    }

    /// Lets a close that was joined count as a row of its position.
    pub(super) fn close(&mut self, close: &Event, fill: &Fill, before: &Position) {
        let Some(track) = position_key(close).and_then(|key| self.by_key.get_mut(key)) else { return };
        track.take(close.key.height, &as_row(fill, before));
    }
}

impl Track {
    fn fold(&mut self, until: Place, from: u64) {
        if self.from != from {
            (self.from, self.next, self.stands) = (from, 0, None);
        }
        while let Some((place, row)) = self.rows.get(self.next).filter(|(place, _)| *place < until) {
            let (height, row) = (place.0, row.clone());
            if height >= from {
                self.take(height, &row);
            }
            self.next += 1;
        }
    }

    fn take(&mut self, height: u64, row: &PositionRow) {
        let tells_all = row.after_qty.is_some() || row.action == Action::Open;
        let position = Position::after(self.stands.as_ref().map(|stands| &stands.position), row);
        let since = match &self.stands {
            Some(stands) if !tells_all && position.qty.is_some() => stands.since,
            _ => height,
        };
        self.stands = Some(Stands { position, since });
    }
}

/// Each position with the height of its last row below `height` that says where it stood, 0 where no row does.
async fn bases(tx: &mut Tx, chain: ChainId, venue: VenueSlug, keys: &[&str], height: u64) -> Result<Vec<(String, u64)>> {
    let sql = format!(
        "SELECT k.value ->> 0, COALESCE((SELECT f.height FROM fills f \
         WHERE f.position_key = k.value ->> 0 AND f.position_side IS NOT NULL AND (f.after_native IS NOT NULL OR f.action = 'open') \
         AND f.height < $3 AND +f.chain_id = $1 AND (SELECT m.venue_id FROM markets m WHERE m.market_id = f.market_id) = $2 \
         ORDER BY f.height DESC LIMIT 1), 0) FROM {}",
        tx.elements("$4")
    );
    let keys: Vec<[&str; 1]> = keys.iter().map(|key| [*key]).collect();
    let cells = vec![chain.as_i64().into(), venue.id().into(), height_cell(height), json(&keys)];
    tx.rows(&sql, cells).await?.iter().map(|row| Ok((row.string(0)?, row.height(1)?))).collect()
}

fn json(value: &impl Serialize) -> Param {
    serde_json::to_string(value).expect("texts and numbers are JSON").into()
}

fn place(event: &Event) -> Place {
    (event.key.height, event.ord, i64::from(event.key.sub))
}

fn read(r: &Record) -> Result<PositionRow> {
    let multiplier = Decimal::from(r.int(9)?);
    let side: PositionSide = r.parsed(5, "a side", named)?;
    let trade_side: Side = r.parsed(13, "a side", named)?;
    Ok(PositionRow {
        market_key: r.string(4)?,
        account: r.shared(11)?,
        side,
        collateral_token: r.opt_shared(10)?,
        action: r.parsed(12, "an action", named)?,
        is_opening: trade_side == side.trade_side(true),
        qty: Amount::decimals(r.exact(6)?, read_u8(r, 7)?),
        price: read_decimal(r, 8)?.mul(&multiplier).map_err(|error| Fault::Corrupt(format!("price of a row: {error}")))?,
        after_qty: r.opt_exact(14)?,
        after_usd: r.opt_int(15)?.map(|usd| Decimal::new(I256::try_from(usd).expect("64 bits fit in 256"), USD)),
    })
}

/// A joined close as its row will read.
fn as_row(fill: &Fill, before: &Position) -> PositionRow {
    let unit = before.qty.map_or(fill.qty.unit, |qty| qty.unit);
    let after = fill.after.filter(|after| after.qty.is_some_and(|qty| qty.unit == unit || qty.native.is_zero()));
    let rounded = |usd: Amount| {
        let micro = usd.to_decimal(None)?.to_i64(USD).ok()?;
        Some(Decimal::new(I256::try_from(micro).expect("64 bits fit in 256"), USD))
    };
    PositionRow {
        market_key: before.market_key.clone(),
        account: fill.account.clone(),
        side: before.side,
        collateral_token: fill.collateral_token.clone(),
        action: fill.action,
        is_opening: false,
        qty: Amount { native: fill.qty.native, unit },
        price: Decimal::ZERO,
        after_qty: after.and_then(|after| after.qty).map(|qty| qty.native.abs()),
        after_usd: after.and_then(|after| after.entry_usd).and_then(rounded),
    }
}

/// The position a close names.
fn position_key(event: &Event) -> Option<&str> {
    match &event.body {
        EventBody::Close(close) => Some(&close.position_key),
        _ => None,
    }
}
