//! First in, first out: how long what a market closed had been open.
//!
//! Only days of which every fill is known are folded, and each run of such days by itself. What of a day's end is open is
//! kept, so that a new day costs its own fills; a fill that comes late costs those behind it, up to the end of its run.

use std::collections::BTreeSet;

use alloy_primitives::I256;
use perpdex_core::{Action, LiquidationKind, PositionSide};
use perpdex_reducer::{ClosedBy, DAY_HOURS, HOUR_MS, Lot, LotBook, LotChanges, LotRow, PositionFill, day_id};

use super::replace::{Replaced, replace};
use crate::db::{Db, Tx};
use crate::dirty::{Dirty, Touched, dirty_rows, mark_assets};
use crate::fact::named;
use crate::sql::{self, Bulk, Fault, Param, Record, Result};

/// Markets with dirty days looked at in one transaction.
const MARKETS_PER_TRANSACTION: i64 = 32;
/// Fills behind which a transaction ends with the day it is in; between two of them commits may come in.
const FILLS_PER_TRANSACTION: u64 = 200_000;
/// Fills read at once.
const FILLS_PER_PAGE: i64 = 5_000;
const DAY_MS: i64 = DAY_HOURS * HOUR_MS;
const LOT_COLUMNS: &[&str] = &["market_id", "from_day", "position_key", "side", "opened_day", "to_day", "lots"];

/// Folds the dirty days of all markets.
pub(super) async fn reduce(db: &Db) -> Result<()> {
    drop_idle(db).await?;
    let mut after = i64::MIN;
    loop {
        let mut tx = db.begin().await?;
        tx.walk_along_indexes().await?;
        let markets = dirty_rows(&mut tx, "dirty_lots", "market_id", "day", after, MARKETS_PER_TRANSACTION).await?;
        if markets.is_empty() {
            return Ok(());
        }
        let mut fills = 0;
        for market in markets {
            let next_day = fold(&mut tx, market, &mut fills).await?;
            match next_day {
                Some(day) => {
                    let sql =
                        "UPDATE dirty_lots SET from_day = $2, to_day = CASE WHEN to_day < $2 THEN $2 ELSE to_day END WHERE market_id = $1";
                    tx.execute(sql, vec![market.0.into(), day.into()]).await?;
                    break;
                }
                None => {
                    tx.execute("DELETE FROM dirty_lots WHERE market_id = $1", vec![market.0.into()]).await?;
                    after = market.0;
                }
            }
        }
        tx.commit().await?;
    }
}

/// Forgets the days that are not over and have nothing of theirs stored: what a head brings between two midnights.
async fn drop_idle(db: &Db) -> Result<()> {
    let of_market = |table: &str, condition: &str| {
        format!("AND NOT EXISTS (SELECT 1 FROM {table} x WHERE x.market_id = dirty_lots.market_id AND {condition})")
    };
    let sql = format!(
        "DELETE FROM dirty_lots WHERE 1 = 1 {} {} {} {}",
        of_market("market_day", "x.day_id >= dirty_lots.from_day AND x.closed_q IS NOT NULL"),
        of_market("closed_lots_day", "x.day_id >= dirty_lots.from_day"),
        of_market("position_lots", "x.from_day >= dirty_lots.from_day"),
        of_market("position_lots", "x.to_day >= dirty_lots.from_day"),
    );
    let mut tx = db.begin().await?;
    tx.execute(&sql, Vec::new()).await?;
    tx.commit().await
}

/// Folds a market from its first dirty day on to the end of the run that its last one lies in. Gives the day to go on with
/// where there is too much for one transaction; counts the fills.
async fn fold(tx: &mut Tx, (market_id, from_day, to_day): Dirty, fills: &mut u64) -> Result<Option<i64>> {
    let days = Days::load(tx, market_id, from_day, to_day).await?;
    let scope = || vec![market_id.into(), days.first.into(), days.last.into()];
    tx.execute("DELETE FROM position_lots WHERE market_id = $1 AND from_day >= $2 AND from_day <= $3", scope()).await?;
    let reopen = "UPDATE position_lots SET to_day = NULL WHERE market_id = $1 AND to_day >= $2 AND from_day < $2";
    tx.execute(reopen, vec![market_id.into(), days.first.into()]).await?;
    let began = first_day(tx, market_id).await?;
    let (open, is_whole) = open_lots(tx, market_id, &days, began).await?;
    let mut book = LotBook::new(open, is_whole);
    let mut closed = Bulk::new("closed_lots_day", &["market_id", "day_id", "closed_by", "closed_q", "known_q", "held_q_ms"]);
    let (mut end, mut next_day) = (days.last, None);
    for (from, to) in days.runs() {
        if from != days.first || !days.has_before {
            book.begin(began == Some(from));
        }
        let stop = fold_run(tx, market_id, (from, to), &mut book, &mut closed, fills).await?;
        if stop < days.last && *fills >= FILLS_PER_TRANSACTION {
            (end, next_day) = (stop, Some(stop + 1));
            break;
        }
    }
    write_lots(tx, market_id, book.into_changes()).await?;
    let condition = "market_id = $1 AND day_id >= $2 AND day_id <= $3";
    let Replaced { changed, .. } = replace(tx, closed, 3, 1, condition, vec![market_id.into(), days.first.into(), end.into()]).await?;
    if let Some((first, last)) = changed {
        let asset = tx.rows("SELECT asset_id FROM markets WHERE market_id = $1", vec![market_id.into()]).await?;
        let mut touched = Touched::default();
        for row in &asset {
            touched.add(row.int(0)?, first * DAY_HOURS, (last + 1) * DAY_HOURS - 1);
        }
        mark_assets(tx, &touched).await?;
    }
    Ok(next_day)
}

/// The days of a market that are to be folded.
struct Days {
    first: i64,
    last: i64,
    /// Of them: those of which every fill is known.
    whole: BTreeSet<i64>,
    /// Whether the day before the first one is known, too: lots go on from there.
    has_before: bool,
}

impl Days {
    async fn load(tx: &mut Tx, market_id: i64, from_day: i64, to_day: i64) -> Result<Days> {
        let sql = "SELECT day_id FROM market_day WHERE market_id = $1 AND day_id >= $2 AND closed_q IS NOT NULL ORDER BY day_id";
        let rows = tx.rows(sql, vec![market_id.into(), (from_day - 1).into()]).await?;
        let mut whole = rows.iter().map(|row| row.int(0)).collect::<Result<BTreeSet<i64>>>()?;
        let mut last = to_day;
        while whole.contains(&(last + 1)) {
            last += 1;
        }
        let has_before = whole.remove(&(from_day - 1));
        whole.retain(|day| *day <= last);
        Ok(Days { first: from_day, last, whole, has_before })
    }

    /// Runs of days that follow each other, first and last.
    fn runs(&self) -> Vec<(i64, i64)> {
        let mut out: Vec<(i64, i64)> = Vec::new();
        for day in &self.whole {
            match out.last_mut() {
                Some((_, last)) if *last + 1 == *day => *last = *day,
                _ => out.push((*day, *day)),
            }
        }
        out
    }
}

/// The day in which a market began, where nothing can have been open before.
async fn first_day(tx: &mut Tx, market_id: i64) -> Result<Option<i64>> {
    let rows = tx.rows(BEGAN_AT_ZERO, vec![market_id.into()]).await?;
    rows.first().map(|row| Ok(row.int(0)?.div_euclid(DAY_HOURS))).transpose()
}

/// The market's first hour, where nothing was open when it began: its mean level is known, or it is stated to end with nothing
/// and no fill has changed a position by then.
pub(super) const BEGAN_AT_ZERO: &str = "SELECT k.hour_id FROM markets m JOIN market_hour k ON k.market_id = m.market_id AND k.hour_id = m.first_ms / 3600000 \
     WHERE m.market_id = $1 AND (k.long_tw_q IS NOT NULL AND k.short_tw_q IS NOT NULL OR k.long_q = 0 AND k.short_q = 0 AND NOT EXISTS (SELECT 1 \
     FROM fills f WHERE f.market_id = $1 AND f.ts_ms < (k.hour_id + 1) * 3600000 AND (f.long_delta_q <> 0 OR f.short_delta_q <> 0)))";

/// The lots that stand at the end of the day before the first one, and whether they go back to the market's beginning.
async fn open_lots(tx: &mut Tx, market_id: i64, days: &Days, began: Option<i64>) -> Result<(Vec<LotRow>, bool)> {
    if !days.has_before || !days.whole.contains(&days.first) {
        return Ok((Vec::new(), false));
    }
    let sql = "SELECT MAX(day_id) FROM market_day WHERE market_id = $1 AND day_id < $2 AND closed_q IS NULL";
    let hole = tx.rows(sql, vec![market_id.into(), days.first.into()]).await?.first().map_or(Ok(None), |row| row.opt_int(0))?;
    let sql = "SELECT position_key, side, lots, from_day FROM position_lots \
               WHERE market_id = $1 AND to_day IS NULL AND from_day > $2 AND from_day < $3";
    let params = vec![market_id.into(), hole.unwrap_or(i64::MIN).into(), days.first.into()];
    let row = |r: &Record| {
        let (position_key, side) = (r.string(0)?, r.parsed(1, "a side", named)?);
        Ok(LotRow { position_key, side, lots: read_lots(r.text(2)?)?, from_day: r.int(3)?, to_day: None })
    };
    let lots = tx.rows(sql, params).await?.iter().map(row).collect::<Result<Vec<LotRow>>>()?;
    Ok((lots, hole.is_none() && began.is_some()))
}

/// Folds days that follow each other, until there are too many fills for one transaction; gives the last day folded.
async fn fold_run(
    tx: &mut Tx,
    market_id: i64,
    (first, last): (i64, i64),
    book: &mut LotBook,
    closed: &mut Bulk,
    fills: &mut u64,
) -> Result<i64> {
    let mut pages = Pages::new(market_id, first * DAY_MS, (last + 1) * DAY_MS);
    let mut day = first;
    let mut end_day = |book: &mut LotBook, day: i64| {
        for (by, sum) in book.end_day(day) {
            let quantity = |q: i128| i64::try_from(q).map_err(|_| Fault::Corrupt(format!("market {market_id} closed {q} on day {day}")));
            let cells = [quantity(sum.closed_q)?.into(), quantity(sum.known_q)?.into()];
            closed.cells.extend([market_id.into(), day.into(), Param::Name(by.as_str())].into_iter().chain(cells));
            closed.cells.push(I256::try_from(sum.held_q_ms).expect("128 bits fit in 256").into());
        }
        Ok::<(), Fault>(())
    };
    loop {
        let page = pages.next(tx).await?;
        for r in &page {
            let ts_ms = r.int(0)?;
            while day < day_id(ts_ms) {
                end_day(book, day)?;
                if *fills >= FILLS_PER_TRANSACTION {
                    return Ok(day);
                }
                day += 1;
            }
            *fills += 1;
            book.take(&fill(r, ts_ms)?);
        }
        if page.is_empty() {
            for day in day..=last {
                end_day(book, day)?;
            }
            return Ok(last);
        }
    }
}

/// Fills that change a position, in canonical order, a page at a time.
struct Pages {
    market_id: i64,
    to_ms: i64,
    /// Place of the last one read; `None` behind the last page.
    after: Option<[i64; 6]>,
}

impl Pages {
    fn new(market_id: i64, from_ms: i64, to_ms: i64) -> Pages {
        Pages { market_id, to_ms, after: Some([from_ms, -1, 0, 0, 0, 0]) }
    }

    async fn next(&mut self, tx: &mut Tx) -> Result<Vec<Record>> {
        let Some(after) = self.after else { return Ok(Vec::new()) };
        // Few legs are forced: the kind is looked up for those alone.
        let sql = format!(
            "SELECT f.ts_ms, f.height, f.ord, f.sub, f.rec, f.chain_id, f.position_key, f.position_side, f.before_q, f.long_delta_q, \
             f.short_delta_q, f.action, CASE WHEN f.action IN ('liquidation', 'adl', 'takeover') THEN (SELECT l.kind FROM liquidations l \
             WHERE l.chain_id = f.chain_id AND l.height = f.height AND l.rec = f.rec AND l.sub = f.sub) END FROM fills f \
             WHERE f.market_id = $1 AND f.ts_ms >= $2 AND f.ts_ms < $3 AND (f.long_delta_q <> 0 OR f.short_delta_q <> 0) \
             AND (f.ts_ms, f.height, f.ord, f.sub, f.rec, f.chain_id) > ($2, $4, $5, $6, $7, $8) \
             ORDER BY f.ts_ms, f.height, f.ord, f.sub, f.rec, f.chain_id LIMIT {FILLS_PER_PAGE}"
        );
        let [from_ms, rest @ ..] = after;
        let params = [self.market_id, from_ms, self.to_ms].into_iter().chain(rest).map(Param::Int).collect();
        let mut page = Vec::new();
        let mut add = |r: Record| {
            page.push(r);
            Ok(())
        };
        tx.many(&sql, 13, params, &mut add).await?;
        self.after = match page.last() {
            Some(r) if page.len() as i64 == FILLS_PER_PAGE => Some([r.int(0)?, r.int(1)?, r.int(2)?, r.int(3)?, r.int(4)?, r.int(5)?]),
            _ => None,
        };
        Ok(page)
    }
}

fn fill(r: &Record, ts_ms: i64) -> Result<PositionFill<'_>> {
    let kind: Option<LiquidationKind> = r.opt_parsed(12, "a kind of liquidation", named)?;
    Ok(PositionFill {
        position_key: r.text(6)?,
        side: r.opt_parsed::<PositionSide>(7, "a side", named)?,
        ts_ms,
        before_q: r.opt_int(8)?,
        long_delta_q: r.int(9)?,
        short_delta_q: r.int(10)?,
        is_open: r.text(11)? == Action::Open.as_str(),
        closed_by: match kind {
            None => ClosedBy::Account,
            Some(LiquidationKind::Adl) => ClosedBy::Adl,
            Some(_) => ClosedBy::Liquidation,
        },
    })
}

async fn write_lots(tx: &mut Tx, market_id: i64, changes: LotChanges) -> Result<()> {
    let LotChanges { come, ended } = changes;
    // In the order of the key: neighbours of a page are written one after the other.
    let by_key = |mut rows: Vec<LotRow>| {
        rows.sort_by(|a, b| (a.from_day, &a.position_key).cmp(&(b.from_day, &b.position_key)));
        rows.into_iter().map(|row| (market_id, row)).collect::<Vec<_>>()
    };
    tx.write(vec![sql::Lot { table: "position_lots", columns: LOT_COLUMNS, rows: by_key(come), push }]).await?;
    let mut bulk = Bulk::new("position_lots", LOT_COLUMNS);
    by_key(ended).into_iter().for_each(|row| push(&mut bulk, row));
    let tail = "ON CONFLICT (market_id, from_day, position_key, side, opened_day) DO UPDATE SET to_day = excluded.to_day";
    tx.upsert(bulk, tail).await
}

fn push(bulk: &mut Bulk, (market_id, row): (i64, LotRow)) {
    let (side, opened_day, to_day) = (Param::Name(row.side.as_str()), row.opened_day().into(), row.to_day.into());
    let lots: Vec<[i64; 2]> = row.lots.iter().map(|lot| [lot.opened_ms, lot.q]).collect();
    let lots = serde_json::to_string(&lots).expect("numbers are JSON").into();
    bulk.push([market_id.into(), row.from_day.into(), row.position_key.into(), side, opened_day, to_day, lots]);
}

fn read_lots(text: &str) -> Result<Vec<Lot>> {
    let lots: Vec<[i64; 2]> = serde_json::from_str(text).map_err(|error| Fault::Corrupt(format!("lots of a position: {error}")))?;
    Ok(lots.into_iter().map(|[opened_ms, q]| Lot { opened_ms, q }).collect())
}
