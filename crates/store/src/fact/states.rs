//! Levels and prices that chains state, and collateral that moves.

use perpdex_core::FlowDirection;
use perpdex_reducer::{AnchorRow, FlowRow, PriceRow, Row, TokenPriceRow};

use super::cells::{key_cells, named, price_cells, read_key, read_venue};
use crate::sql::{Bulk, Param, Record, Result};

pub(super) const ANCHORS: &[&str] = &[
    "chain_id",
    "height",
    "rec",
    "sub",
    "ord",
    "market_id",
    "ts_ms",
    "collateral_token",
    "long_q",
    "short_q",
    "long_native",
    "short_native",
    "long_usd_e6",
    "short_usd_e6",
];

pub(super) fn push_anchor(bulk: &mut Bulk, row: AnchorRow) {
    let [chain, height, rec, sub] = key_cells(&row.key);
    bulk.push([
        chain,
        height,
        rec,
        sub,
        row.ord.into(),
        row.market_id.into(),
        row.ts_ms.into(),
        row.collateral_token.into(),
        row.long_q.into(),
        row.short_q.into(),
        row.long_native.into(),
        row.short_native.into(),
        row.long_usd_e6.into(),
        row.short_usd_e6.into(),
    ]);
}

pub(super) const PRICES: &[&str] = &["chain_id", "height", "rec", "sub", "ord", "market_id", "ts_ms", "kind", "price", "price_f"];

pub(super) fn push_price(bulk: &mut Bulk, row: PriceRow) {
    let [chain, height, rec, sub] = key_cells(&row.key);
    let [price, price_f] = price_cells(&row.price);
    bulk.push([
        chain,
        height,
        rec,
        sub,
        row.ord.into(),
        row.market_id.into(),
        row.ts_ms.into(),
        Param::Name(row.kind.as_str()),
        price,
        price_f,
    ]);
}

pub(super) const TOKEN_PRICES: &[&str] = &["chain_id", "height", "rec", "sub", "token", "ts_ms", "price", "price_f"];

pub(super) fn push_token_price(bulk: &mut Bulk, row: TokenPriceRow) {
    let [chain, height, rec, sub] = key_cells(&row.key);
    let [price, price_f] = price_cells(&row.price);
    bulk.push([chain, height, rec, sub, row.token.into(), row.ts_ms.into(), price, price_f]);
}

pub(super) const FLOWS: &[&str] = &[
    "chain_id",
    "height",
    "rec",
    "sub",
    "venue_id",
    "ts_ms",
    "tx_id",
    "account",
    "scope",
    "direction",
    "token",
    "amount_native",
    "fee_native",
    "usd_e6",
];

pub(super) fn push_flow(bulk: &mut Bulk, row: FlowRow) {
    let [chain, height, rec, sub] = key_cells(&row.key);
    let direction = match row.direction {
        FlowDirection::In => "in",
        FlowDirection::Out => "out",
    };
    bulk.push([
        chain,
        height,
        rec,
        sub,
        row.venue.id().into(),
        row.ts_ms.into(),
        row.tx_id.into(),
        row.account.into(),
        Param::Name(row.scope.as_str()),
        Param::Name(direction),
        row.token.into(),
        row.amount_native.into(),
        row.fee_native.into(),
        row.usd_e6.into(),
    ]);
}

pub(super) fn read_flow(r: &Record) -> Result<Row> {
    Ok(Row::Flow(FlowRow {
        key: read_key(r)?,
        venue: read_venue(r, 4)?,
        ts_ms: r.int(5)?,
        tx_id: r.shared(6)?,
        account: r.shared(7)?,
        scope: r.parsed(8, "a scope", named)?,
        direction: r.parsed(9, "a direction", named)?,
        token: r.shared(10)?,
        amount_native: r.exact(11)?,
        fee_native: r.opt_exact(12)?,
        usd_e6: r.opt_int(13)?,
    }))
}
