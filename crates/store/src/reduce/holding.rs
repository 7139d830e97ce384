//! How long positions are held, one venue, asset and day: by Little's law, by turnover, and from the lots that were closed.

use std::collections::BTreeMap;

use perpdex_reducer::{ClosedBy, ClosedLots, holding_ms};

use super::day_rows::{DayRow, total};
use super::replace::replace;
use crate::db::Tx;
use crate::sql::{Bulk, Param, Result};

const COLUMNS: &[&str] = &["venue_id", "asset_id", "day_id", "method", "mean_ms", "known_ppm", "reason"];

/// Writes `holding_time_day` of an asset's days; `rows` are those of its markets, by day and venue.
pub(super) async fn write(tx: &mut Tx, asset_id: i64, days: (i64, i64), rows: &[DayRow]) -> Result<()> {
    let lots = closed_lots(tx, asset_id, days).await?;
    let mut out = Bulk::new("holding_time_day", COLUMNS);
    for venue in rows.chunk_by(|a, b| (a.day_id, a.venue_id) == (b.day_id, b.venue_id)) {
        let (venue_id, day_id) = (venue[0].venue_id, venue[0].day_id);
        let mut put = |method: &'static str, mean_ms: Option<i64>, known_ppm: Option<i64>, reason: Option<&'static str>| {
            let reason = reason.map_or(Param::Null, Param::Name);
            out.push([venue_id.into(), asset_id.into(), day_id.into(), Param::Name(method), mean_ms.into(), known_ppm.into(), reason]);
        };
        let (little, turnover) = from_levels(venue);
        for (method, mean_ms) in [("little", little), ("turnover", turnover)] {
            if mean_ms.is_some() {
                put(method, mean_ms, None, None);
            }
        }
        let of = |by: ClosedBy| lots.get(&(day_id, venue_id, by)).copied().unwrap_or_default();
        for (method, by) in [("fifo", ClosedBy::Account), ("fifo_liquidation", ClosedBy::Liquidation), ("fifo_adl", ClosedBy::Adl)] {
            let told = from_lots(venue, &of(by));
            // Of what was forced there is a row only where something was.
            if by == ClosedBy::Account || told.known_ppm.is_some() {
                put(method, told.mean_ms, told.known_ppm, told.reason);
            }
        }
    }
    let scope = vec![asset_id.into(), days.0.into(), days.1.into()];
    replace(tx, out, 4, 2, "asset_id = $1 AND day_id >= $2 AND day_id <= $3", scope).await?;
    Ok(())
}

/// By Little's law and by turnover.
fn from_levels(venue: &[DayRow]) -> (Option<i64>, Option<i64>) {
    // A market that began in the day has fewer hours than the others: their sum would mean nothing.
    if !venue.iter().all(|row| row.is_full) {
        return (None, None);
    }
    let open = total(venue, |row| row.gross_tw_q).zip(total(venue, |row| row.closed_q));
    // A book's volume is half of what its two users did, and every position is opened and closed once.
    let factor = if venue[0].is_book { 2 } else { 4 };
    let traded = total(venue, |row| row.oi_one).zip(total(venue, |row| row.volume));
    (open.and_then(|(open, closed)| holding_ms(open, closed)), traded.and_then(|(oi_one, volume)| holding_ms(factor * oi_one, volume)))
}

/// A mean, and what there is to say of it.
struct Told {
    mean_ms: Option<i64>,
    known_ppm: Option<i64>,
    reason: Option<&'static str>,
}

fn from_lots(venue: &[DayRow], closed: &ClosedLots) -> Told {
    let untold = |reason| Told { mean_ms: None, known_ppm: None, reason: Some(reason) };
    if !venue.iter().all(|row| row.tells_accounts) {
        return untold("the venue does not tell whose fills they are");
    }
    if venue.iter().any(|row| row.closed_q.is_none()) {
        return untold("the fills of the day are not all known");
    }
    if closed.closed_q == 0 {
        return untold("nothing was closed");
    }
    let (mean_ms, known_ppm) = (closed.mean_ms(), closed.known_ppm());
    Told { mean_ms, known_ppm, reason: mean_ms.is_none().then_some("all that was closed had been opened before what is known") }
}

/// What was closed, by day, venue and way.
async fn closed_lots(tx: &mut Tx, asset_id: i64, (from, to): (i64, i64)) -> Result<BTreeMap<(i64, i64, ClosedBy), ClosedLots>> {
    let sql = "SELECT c.day_id, m.venue_id, c.closed_by, c.closed_q, c.known_q, c.held_q_ms FROM closed_lots_day c \
               JOIN markets m ON m.market_id = c.market_id WHERE m.asset_id = $1 AND c.day_id >= $2 AND c.day_id <= $3";
    let mut out: BTreeMap<(i64, i64, ClosedBy), ClosedLots> = BTreeMap::new();
    for r in &tx.rows(sql, vec![asset_id.into(), from.into(), to.into()]).await? {
        let by = r.parsed(2, "a way of closing", |name| ClosedBy::ALL.into_iter().find(|by| by.as_str() == name))?;
        let held_q_ms = i128::try_from(r.exact(5)?).map_err(|_| r.unexpected(5, "a sum of 128 bits"))?;
        let lots = ClosedLots { closed_q: r.int(3)?.into(), known_q: r.int(4)?.into(), held_q_ms };
        let sum = out.entry((r.int(0)?, r.int(1)?, by)).or_default();
        *sum = sum.plus(lots);
    }
    Ok(out)
}
