//! The records the two programs print.

use super::Key;
use crate::encode::anchor::{Layout, Value};
use crate::truth::Held;

/// What a fill meets on one side: the entry cost of what it reduces, and the whole position where it turns it around.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Existing {
    pub(super) entry: Option<i128>,
    pub(super) base: Option<i128>,
}

/// A fill.
#[derive(Clone, Debug)]
pub(super) struct Fill {
    pub(super) secs: i64,
    pub(super) which: usize,
    pub(super) number: i128,
    /// Number of the taker's order; the maker's is one more.
    pub(super) order: i128,
    pub(super) base: i128,
    pub(super) quote: i128,
    /// Whether the taker buys.
    pub(super) buys: bool,
    pub(super) taker: Option<(Key, Existing)>,
    pub(super) maker: Option<(Key, Existing)>,
    pub(super) taker_fee: i128,
    pub(super) maker_fee: i128,
    pub(super) explanation: &'static str,
    /// Positions before and after, taker first.
    pub(super) held: Vec<Held>,
}

fn int(value: impl Into<i128>) -> Value {
    Value::Int(value.into())
}

fn some(value: i128) -> Value {
    Value::maybe_int(Some(value))
}

fn index(which: usize) -> Value {
    int(which as i64)
}

pub(super) fn fill(layout: &Layout, fill: &Fill) -> Vec<u8> {
    let side = |buys: bool| Value::some(Value::Variant(if buys { "Long" } else { "Short" }));
    let mut fields = vec![
        ("ts", int(fill.secs)),
        ("action", Value::Variant("Fill")),
        ("action_explanation", Value::Variant(fill.explanation)),
        ("market_index", index(fill.which)),
        ("market_type", Value::Variant("Perp")),
        ("fill_record_id", some(fill.number)),
        ("base_asset_amount_filled", some(fill.base)),
        ("quote_asset_amount_filled", some(fill.quote)),
        ("oracle_price", int(fill.quote * 1_000_000_000 / fill.base)),
    ];
    if let Some((taker, existing)) = fill.taker {
        fields.extend([
            ("taker", Value::some(Value::Key(taker))),
            ("taker_fee", some(fill.taker_fee)),
            ("taker_order_id", some(fill.order)),
            ("taker_order_direction", side(fill.buys)),
            ("taker_existing_quote_entry_amount", Value::maybe_int(existing.entry)),
            ("taker_existing_base_asset_amount", Value::maybe_int(existing.base)),
        ]);
    }
    if let Some((maker, existing)) = fill.maker {
        fields.extend([
            ("maker", Value::some(Value::Key(maker))),
            ("maker_fee", some(fill.maker_fee)),
            ("maker_order_id", some(fill.order + 1)),
            ("maker_order_direction", side(!fill.buys)),
            ("maker_existing_quote_entry_amount", Value::maybe_int(existing.entry)),
            ("maker_existing_base_asset_amount", Value::maybe_int(existing.base)),
        ]);
    }
    layout.event("OrderActionRecord", &fields, None)
}

/// The record that goes with a liquidation's fill: taken over, or filled for the program.
pub(super) fn liquidation(layout: &Layout, fill: &Fill, user: Key, liquidator: Key, is_takeover: bool) -> Vec<u8> {
    let base = if fill.buys { fill.base } else { -fill.base };
    let perp = vec![
        ("market_index", index(fill.which)),
        ("base_asset_amount", int(base)),
        ("quote_asset_amount", int(if fill.buys { -fill.quote } else { fill.quote })),
        ("fill_record_id", int(fill.number)),
        ("user_order_id", int(fill.order)),
        ("liquidator_order_id", int(if is_takeover { fill.order + 1 } else { 0 })),
        ("liquidator_fee", int(if is_takeover { fill.quote / 100 } else { 0 })),
        ("if_fee", int(fill.quote / 1_000)),
    ];
    let fields = [
        ("ts", int(fill.secs)),
        ("liquidation_type", Value::Variant("LiquidatePerp")),
        ("user", Value::Key(user)),
        ("liquidator", Value::Key(liquidator)),
        ("liquidate_perp", Value::Fields(perp)),
    ];
    layout.event("LiquidationRecord", &fields, None)
}

/// A rate in quote per base unit with nine decimals.
pub(super) fn rate(layout: &Layout, secs: i64, which: usize, rate_e9: i128, price_e6: i128) -> Vec<u8> {
    let fields = [
        ("ts", int(secs)),
        ("market_index", index(which)),
        ("funding_rate", int(rate_e9)),
        ("funding_rate_long", int(rate_e9)),
        ("funding_rate_short", int(rate_e9)),
        ("oracle_price_twap", int(price_e6)),
        ("mark_price_twap", int(price_e6)),
    ];
    layout.event("FundingRateRecord", &fields, None)
}

/// The house's curve, with the users' levels where the program tells them.
pub(super) fn curve(tells_levels: bool, layout: &Layout, secs: i64, which: usize, price_e6: i128, (long, short): (i128, i128)) -> Vec<u8> {
    let mut fields = vec![("ts", int(secs)), ("market_index", index(which)), ("oracle_price", int(price_e6))];
    if !tells_levels {
        return layout.event("AmmCurveChanged", &fields, None);
    }
    fields.extend([
        ("base_asset_amount_long", int(long)),
        ("base_asset_amount_short", int(short)),
        ("base_asset_amount_with_amm", int(long - short)),
    ]);
    layout.event("CurveRecord", &fields, None)
}

/// A user's funding with the position that paid.
pub(super) fn payment(layout: &Layout, secs: i64, which: usize, (user, payment, base): (Key, i128, i128)) -> Vec<u8> {
    let fields = [
        ("ts", int(secs)),
        ("user", Value::Key(user)),
        ("market_index", index(which)),
        ("funding_payment", int(payment)),
        ("base_asset_amount", int(base)),
    ];
    layout.event("FundingPaymentRecord", &fields, None)
}

pub(super) fn deposit(layout: &Layout, secs: i64, (user, into, native): (Key, bool, i128)) -> Vec<u8> {
    let fields = [
        ("ts", int(secs)),
        ("user", Value::Key(user)),
        ("direction", Value::Variant(if into { "Deposit" } else { "Withdraw" })),
        ("amount", int(native)),
    ];
    layout.event("DepositRecord", &fields, None)
}

/// An order that is placed: no trade.
pub(super) fn noise(layout: &Layout, secs: i64) -> Vec<u8> {
    let fields = [("ts", int(secs)), ("action", Value::Variant("Place")), ("market_type", Value::Variant("Perp"))];
    layout.event("OrderActionRecord", &fields, None)
}
