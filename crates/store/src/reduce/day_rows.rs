//! Days of markets as windows of days read them.

use perpdex_reducer::DAY_HOURS;

use crate::db::Tx;
use crate::sql::{Record, Result};

/// One market and day.
pub(super) struct DayRow {
    pub(super) day_id: i64,
    pub(super) venue_id: i64,
    pub(super) is_book: bool,
    pub(super) tells_accounts: bool,
    pub(super) is_full: bool,
    pub(super) gross_tw_q: Option<i64>,
    pub(super) closed_q: Option<i64>,
    pub(super) oi_one: Option<i64>,
    pub(super) volume: Option<i64>,
}

/// Days of the markets of an asset, or of all (id 0), by day and venue.
pub(super) async fn day_rows(tx: &mut Tx, asset_id: i64, (from, to): (i64, i64)) -> Result<Vec<DayRow>> {
    let sql = "SELECT d.day_id, m.venue_id, v.model, d.hours, d.gross_tw_q, d.closed_q, d.oi_one_usd_e6, d.volume_usd_e6, v.tells_accounts FROM market_day d \
               JOIN markets m ON m.market_id = d.market_id JOIN venues v ON v.venue_id = m.venue_id \
               WHERE (m.asset_id = $1 OR $1 = 0) AND d.day_id >= $2 AND d.day_id <= $3 ORDER BY d.day_id, m.venue_id, d.market_id";
    let read = |r: &Record| {
        Ok(DayRow {
            day_id: r.int(0)?,
            venue_id: r.int(1)?,
            is_book: r.text(2)? == "book",
            is_full: r.int(3)? == DAY_HOURS,
            gross_tw_q: r.opt_int(4)?,
            closed_q: r.opt_int(5)?,
            oi_one: r.opt_int(6)?,
            volume: r.opt_int(7)?,
            tells_accounts: r.flag(8)?,
        })
    };
    tx.rows(sql, vec![asset_id.into(), from.into(), to.into()]).await?.iter().map(read).collect()
}

/// A sum over markets; `None` where one is not known.
pub(super) fn total<'a>(rows: &'a [DayRow], value: impl Fn(&'a DayRow) -> Option<i64>) -> Option<i128> {
    rows.iter().map(|row| value(row).map(i128::from)).sum()
}
