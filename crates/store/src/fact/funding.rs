//! Funding: payments, rates, values of indexes.

use perpdex_core::{IndexBasis, Period};
use perpdex_reducer::{IndexRow, PaymentRow, RateRow, Row};

use super::cells::{key_cells, name, named, price_cells, read_key};
use crate::sql::{Bulk, Param, Record, Result};

pub(super) const PAYMENTS: &[&str] = &[
    "chain_id",
    "height",
    "rec",
    "sub",
    "market_id",
    "ts_ms",
    "hour_id",
    "tx_id",
    "account",
    "position_key",
    "side",
    "kind",
    "amount_usd_e6",
    "amount_native",
    "token",
    "size_q",
];

pub(super) fn push_payment(bulk: &mut Bulk, row: PaymentRow) {
    let [chain, height, rec, sub] = key_cells(&row.key);
    bulk.push([
        chain,
        height,
        rec,
        sub,
        row.market_id.into(),
        row.ts_ms.into(),
        row.hour_id.into(),
        row.tx_id.into(),
        row.account.into(),
        row.position_key.into(),
        name(row.side.map(|side| side.as_str())),
        Param::Name(row.kind.as_str()),
        row.amount_usd_e6.into(),
        row.amount_native.into(),
        row.token.into(),
        row.size_q.into(),
    ]);
}

pub(super) fn read_payment(r: &Record) -> Result<Row> {
    Ok(Row::Payment(PaymentRow {
        key: read_key(r)?,
        market_id: r.int(4)?,
        ts_ms: r.int(5)?,
        hour_id: r.int(6)?,
        tx_id: r.shared(7)?,
        account: r.shared(8)?,
        position_key: r.shared(9)?,
        side: r.opt_parsed(10, "a side", named)?,
        kind: r.parsed(11, "a kind", named)?,
        amount_usd_e6: r.opt_int(12)?,
        amount_native: r.exact(13)?,
        token: r.shared(14)?,
        size_q: r.opt_int(15)?,
    }))
}

pub(super) const RATES: &[&str] =
    &["chain_id", "height", "rec", "sub", "ord", "market_id", "kind", "start_ms", "end_ms", "cost_long_1h_e12", "cost_short_1h_e12"];

pub(super) fn push_rate(bulk: &mut Bulk, row: RateRow) {
    let [chain, height, rec, sub] = key_cells(&row.key);
    let (start_ms, end_ms) = match row.period {
        Period::Exact { start_ms, end_ms } => (Some(start_ms), end_ms),
        Period::SincePrevious { end_ms } => (None, end_ms),
    };
    bulk.push([
        chain,
        height,
        rec,
        sub,
        row.ord.into(),
        row.market_id.into(),
        Param::Name(row.kind.as_str()),
        start_ms.into(),
        end_ms.into(),
        row.cost_long_1h_e12.into(),
        row.cost_short_1h_e12.into(),
    ]);
}

pub(super) const INDEXES: &[&str] =
    &["chain_id", "height", "rec", "sub", "ord", "market_id", "ts_ms", "kind", "side", "value", "value_f", "basis_price", "is_reset"];

pub(super) fn push_index(bulk: &mut Bulk, row: IndexRow) {
    let [chain, height, rec, sub] = key_cells(&row.key);
    let [value, value_f] = price_cells(&row.value);
    let basis_price = match row.basis {
        IndexBasis::Fraction => None,
        IndexBasis::QuotePerUnit { price } => Some(price.to_string()),
    };
    bulk.push([
        chain,
        height,
        rec,
        sub,
        row.ord.into(),
        row.market_id.into(),
        row.ts_ms.into(),
        Param::Name(row.kind.as_str()),
        name(row.side.map(|side| side.as_str())),
        value,
        value_f,
        basis_price.into(),
        row.is_reset.into(),
    ]);
}
