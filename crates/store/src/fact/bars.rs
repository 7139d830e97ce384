//! Volume as venues sum it up.

use perpdex_reducer::{BarRow, Row};

use super::cells::{key_cells, named, price_cells, read_decimal, read_key};
use crate::sql::{Bulk, Param, Record, Result};

pub(super) const BARS: &[&str] = &[
    "chain_id",
    "height",
    "rec",
    "sub",
    "market_id",
    "kind",
    "start_ms",
    "end_ms",
    "in_volume",
    "trades",
    "qty_q",
    "notional_usd_e6",
    "taker_buy_usd_e6",
    "close",
    "close_f",
];

pub(super) fn push_bar(bulk: &mut Bulk, row: BarRow) {
    let [chain, height, rec, sub] = key_cells(&row.key);
    let [close, close_f] = price_cells(&row.close);
    bulk.push([
        chain,
        height,
        rec,
        sub,
        row.market_id.into(),
        Param::Name(row.kind.as_str()),
        row.start_ms.into(),
        row.end_ms.into(),
        row.in_volume.into(),
        row.trades.into(),
        row.qty_q.into(),
        row.notional_usd_e6.into(),
        row.taker_buy_usd_e6.into(),
        close,
        close_f,
    ]);
}

pub(super) fn read_bar(r: &Record) -> Result<Row> {
    Ok(Row::Bar(BarRow {
        key: read_key(r)?,
        market_id: r.int(4)?,
        kind: r.parsed(5, "a kind of bar", named)?,
        start_ms: r.int(6)?,
        end_ms: r.int(7)?,
        in_volume: r.flag(8)?,
        trades: r.int(9)?,
        qty_q: r.int(10)?,
        notional_usd_e6: r.int(11)?,
        taker_buy_usd_e6: r.opt_int(12)?,
        close: read_decimal(r, 13)?,
    }))
}
