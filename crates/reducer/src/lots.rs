//! When what is closed was opened: the units of a position as lots, first in first out.
//!
//! A market's fills are folded day by day in canonical order. Days follow each other without a hole: behind one nothing is
//! known of what was opened before it, and nothing was open before the market began.

use std::collections::{BTreeMap, HashMap, VecDeque};

use perpdex_core::PositionSide;

use crate::rows::day_id;
use crate::stats::{div_half_even, ppm};

/// Units of one side of a position that were opened at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lot {
    /// When they were opened, unix milliseconds; [`Lot::UNKNOWN_MS`] where no record tells.
    pub opened_ms: i64,
    /// How many, canonical units times 10^qty_scale, above 0.
    pub q: i64,
}

impl Lot {
    /// Opened before everything that is known.
    pub const UNKNOWN_MS: i64 = 0;
}

/// What ended a part of a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ClosedBy {
    /// The account, or the venue at a settlement.
    Account,
    /// A liquidation of any kind.
    Liquidation,
    /// Auto-deleveraging.
    Adl,
}

impl ClosedBy {
    /// All of them.
    pub const ALL: [ClosedBy; 3] = [ClosedBy::Account, ClosedBy::Liquidation, ClosedBy::Adl];

    /// The name in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            ClosedBy::Account => "account",
            ClosedBy::Liquidation => "liquidation",
            ClosedBy::Adl => "adl",
        }
    }
}

/// What a fill does to its position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PositionFill<'a> {
    /// The position.
    pub position_key: &'a str,
    /// Its side where positions have one; what such a fill tells is of that side alone.
    pub side: Option<PositionSide>,
    /// Unix milliseconds, not before those of fills taken already.
    pub ts_ms: i64,
    /// Signed size before, where told.
    pub before_q: Option<i64>,
    /// Change of the long side.
    pub long_delta_q: i64,
    /// Change of the short side.
    pub short_delta_q: i64,
    /// Whether the fill says that it opened the position.
    pub is_open: bool,
    /// What it was that closed, where it closes.
    pub closed_by: ClosedBy,
}

/// Units closed, and how long those of them were open whose opening is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClosedLots {
    /// Units closed, canonical units times 10^qty_scale.
    pub closed_q: i128,
    /// Of them: with a known opening.
    pub known_q: i128,
    /// Sum over the known ones of quantity times milliseconds from open to close.
    pub held_q_ms: i128,
}

impl ClosedLots {
    /// The sum of both.
    pub fn plus(self, other: ClosedLots) -> ClosedLots {
        ClosedLots {
            closed_q: self.closed_q + other.closed_q,
            known_q: self.known_q + other.known_q,
            held_q_ms: self.held_q_ms + other.held_q_ms,
        }
    }

    /// Mean time from open to close by quantity, milliseconds, half to even; `None` where no opening is known.
    pub fn mean_ms(&self) -> Option<i64> {
        (self.known_q > 0).then(|| div_half_even(self.held_q_ms, self.known_q)).and_then(|ms| i64::try_from(ms).ok())
    }

    /// Share of what was closed whose opening is known, parts per million.
    pub fn known_ppm(&self) -> Option<i64> {
        ppm(self.known_q, self.closed_q)
    }
}

/// Lots of one side of a position that were opened on one day, as they stood at the ends of the days `from_day` up to, but without,
/// `to_day`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LotRow {
    /// The position.
    pub position_key: String,
    /// Side.
    pub side: PositionSide,
    /// The lots, oldest first, at least one.
    pub lots: Vec<Lot>,
    /// The first day at whose end they stood like this.
    pub from_day: i64,
    /// The first day at whose end they did not any more; `None` while they do.
    pub to_day: Option<i64>,
}

impl LotRow {
    /// The day on which they were opened, days since 1970; 0 where no record tells.
    pub fn opened_day(&self) -> i64 {
        opened_day(&self.lots)
    }
}

/// The day on which lots were opened, as the first one tells.
fn opened_day(lots: &[Lot]) -> i64 {
    lots.first().map_or(0, |lot| day_id(lot.opened_ms))
}

/// What became of a book's rows since it was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LotChanges {
    /// Rows that were not stored, those that have ended since among them.
    pub come: Vec<LotRow>,
    /// Rows that were, and have ended.
    pub ended: Vec<LotRow>,
}

/// The lots of a market's positions.
#[derive(Debug, Default)]
pub struct LotBook {
    positions: HashMap<String, Position>,
    /// Positions that have changed since the last day's end.
    touched: Vec<String>,
    closed: BTreeMap<ClosedBy, ClosedLots>,
    changes: LotChanges,
    /// Whether all fills since the market began have been taken: a position that is not here is flat.
    is_whole: bool,
}

/// Both sides of a position.
#[derive(Debug, Default)]
struct Position {
    sides: [Side; 2],
    is_touched: bool,
}

/// One side of a position: its lots now, and its rows as of the last day's end.
#[derive(Debug, Default)]
struct Side {
    lots: Lots,
    rows: Vec<SideRow>,
}

/// Lots opened on one day.
#[derive(Clone, Debug)]
struct SideRow {
    lots: Vec<Lot>,
    from_day: i64,
    is_stored: bool,
}

const SIDES: [PositionSide; 2] = [PositionSide::Long, PositionSide::Short];

impl LotBook {
    /// The book as it stood at the end of a day: stored lots that have not ended, in any order. `is_whole`: all fills since
    /// the market began are in it.
    pub fn new(mut rows: Vec<LotRow>, is_whole: bool) -> LotBook {
        rows.sort_by_key(LotRow::opened_day);
        let mut book = LotBook { is_whole, ..LotBook::default() };
        for row in rows {
            let at = usize::from(row.side == PositionSide::Short);
            let side = &mut book.positions.entry(row.position_key).or_default().sides[at];
            side.lots.0.extend(&row.lots);
            side.rows.push(SideRow { lots: row.lots, from_day: row.from_day, is_stored: true });
        }
        book
    }

    /// Takes a fill.
    pub fn take(&mut self, fill: &PositionFill<'_>) {
        if !self.positions.contains_key(fill.position_key) {
            self.positions.insert(fill.position_key.to_owned(), Default::default());
        }
        let Some(position) = self.positions.get_mut(fill.position_key) else { return };
        if !std::mem::replace(&mut position.is_touched, true) {
            self.touched.push(fill.position_key.to_owned());
        }
        let before_q = fill.before_q.or(fill.is_open.then_some(0));
        let changes = SIDES.into_iter().zip([(fill.long_delta_q, 1), (fill.short_delta_q, -1)]);
        for (side, (at, (delta_q, sign))) in position.sides.iter_mut().zip(changes) {
            if fill.side.is_some_and(|side| side != at) {
                continue;
            }
            let told = before_q.map(|before_q| before_q.saturating_mul(sign).max(0));
            let stood = told.or_else(|| (self.is_whole && side.lots.0.is_empty()).then_some(0));
            if let Some(closed) = side.lots.change(delta_q, stood, fill.ts_ms) {
                let sum = self.closed.entry(fill.closed_by).or_default();
                *sum = sum.plus(closed);
            }
        }
    }

    /// Ends a day: what was closed in it.
    pub fn end_day(&mut self, day_id: i64) -> BTreeMap<ClosedBy, ClosedLots> {
        for position_key in std::mem::take(&mut self.touched) {
            let Some(position) = self.positions.get_mut(&position_key) else { continue };
            position.is_touched = false;
            for (at, side) in SIDES.into_iter().zip(position.sides.iter_mut()) {
                for row in side.end_day(day_id) {
                    let rows = if row.is_stored { &mut self.changes.ended } else { &mut self.changes.come };
                    rows.push(row.told(&position_key, at, Some(day_id)));
                }
            }
            if position.sides.iter().all(|side| side.rows.is_empty()) {
                self.positions.remove(&position_key);
            }
        }
        std::mem::take(&mut self.closed)
    }

    /// Begins anew behind a hole, where nothing is known of any position, or (`is_whole`) with the market itself.
    pub fn begin(&mut self, is_whole: bool) {
        self.is_whole = is_whole;
        self.tell_open_rows();
        self.positions.clear();
        self.touched.clear();
    }

    /// The rows that have come or ended since the book was made.
    pub fn into_changes(mut self) -> LotChanges {
        self.tell_open_rows();
        self.changes
    }

    fn tell_open_rows(&mut self) {
        for (key, position) in &mut self.positions {
            for (at, side) in SIDES.into_iter().zip(&mut position.sides) {
                let rows = side.rows.drain(..).filter(|row| !row.is_stored);
                self.changes.come.extend(rows.map(|row| row.told(key, at, None)));
            }
        }
    }
}

impl SideRow {
    fn told(self, position_key: &str, side: PositionSide, to_day: Option<i64>) -> LotRow {
        LotRow { position_key: position_key.to_owned(), side, lots: self.lots, from_day: self.from_day, to_day }
    }
}

impl Side {
    /// Makes the rows those of a day's end; gives those that ended in it.
    fn end_day(&mut self, day: i64) -> Vec<SideRow> {
        let mut before: BTreeMap<i64, SideRow> = self.rows.drain(..).map(|row| (opened_day(&row.lots), row)).collect();
        for lots in self.lots.0.make_contiguous().chunk_by(|a, b| day_id(a.opened_ms) == day_id(b.opened_ms)) {
            let row = match before.get(&opened_day(lots)) {
                Some(row) if row.lots == lots => before.remove(&opened_day(lots)),
                _ => None,
            };
            self.rows.push(row.unwrap_or_else(|| SideRow { lots: lots.to_vec(), from_day: day, is_stored: false }));
        }
        before.into_values().collect()
    }
}

/// Lots of one side of a position, oldest first, at most one of each moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Lots(VecDeque<Lot>);

impl Lots {
    /// Takes a change of the side; gives what it closed. `stood`: its size before, where told.
    fn change(&mut self, delta_q: i64, stood: Option<i64>, ts_ms: i64) -> Option<ClosedLots> {
        if let Some(stood) = stood {
            self.agree(stood);
        }
        match delta_q {
            0 => None,
            // Nobody says what was open before: older units may be, and those leave first.
            1.. if stood.is_none() && self.0.is_empty() => {
                self.0.push_back(Lot { opened_ms: Lot::UNKNOWN_MS, q: delta_q });
                None
            }
            1.. => {
                match self.0.back_mut().filter(|last| last.opened_ms == ts_ms) {
                    Some(last) => last.q = last.q.saturating_add(delta_q),
                    None => self.0.push_back(Lot { opened_ms: ts_ms, q: delta_q }),
                }
                None
            }
            _ => Some(self.close(delta_q.saturating_neg(), ts_ms)),
        }
    }

    /// Makes the lots add up to a size: units that no record opened are the oldest, and the oldest are those that left
    /// without a record.
    fn agree(&mut self, size: i64) {
        let held: i128 = self.0.iter().map(|lot| i128::from(lot.q)).sum();
        let missing = i128::from(size) - held;
        if let Some(missing) = i64::try_from(missing).ok().filter(|missing| *missing > 0) {
            match self.0.front_mut().filter(|first| first.opened_ms == Lot::UNKNOWN_MS) {
                Some(first) => first.q += missing,
                None => self.0.push_front(Lot { opened_ms: Lot::UNKNOWN_MS, q: missing }),
            }
        } else if missing < 0 {
            self.leave(-missing, |_, _| {});
        }
    }

    fn close(&mut self, q: i64, ts_ms: i64) -> ClosedLots {
        let mut closed = ClosedLots { closed_q: i128::from(q), ..ClosedLots::default() };
        self.leave(i128::from(q), |lot, q| {
            if lot.opened_ms != Lot::UNKNOWN_MS {
                closed.known_q += i128::from(q);
                closed.held_q_ms += i128::from(q) * i128::from(ts_ms - lot.opened_ms);
            }
        });
        closed
    }

    /// Lets units leave, the oldest first, as far as there are any.
    fn leave(&mut self, mut q: i128, mut told: impl FnMut(&Lot, i64)) {
        while q > 0 {
            let Some(first) = self.0.front_mut() else { return };
            let part = i64::try_from(q).map_or(first.q, |q| q.min(first.q));
            told(first, part);
            first.q -= part;
            q -= i128::from(part);
            if first.q == 0 {
                self.0.pop_front();
            }
        }
    }
}

#[cfg(test)]
mod tests;
