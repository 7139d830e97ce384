//! What each program writes of a change, and what of it is told.

use super::{Change, Program, Step, Venue, worth_e6};
use crate::encode::anchor::{Layout, Value};
use crate::num::pow10;

/// What a record tells besides the change itself, micro-dollars.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Told {
    /// Trading fee of the fill.
    pub(super) fee_e6: i128,
    pub(super) borrow_e6: i128,
    /// Funding, above zero = received.
    pub(super) funding_e6: [i128; 2],
    /// Whether a close counts at what it cost.
    pub(super) closes_count_at_cost: bool,
}

type Fields = Vec<(&'static str, Value)>;

impl Program {
    /// The event's bytes, and what they tell.
    pub(super) fn record(&self, layout: &Layout, change: &Change<'_>) -> (Vec<u8>, Told) {
        match self.venue {
            Venue::Jupiter => jupiter(layout, change),
            Venue::Gmtrade => gmtrade(layout, change),
            Venue::Flash => flash(layout, change),
            Venue::Adrena => adrena(layout, change),
        }
    }
}

fn int(value: i128) -> Value {
    Value::Int(value)
}

fn key(text: &str) -> Value {
    let bytes = bs58::decode(text).into_vec().expect("addresses are base58");
    Value::Key(bytes.try_into().expect("an address has 32 bytes"))
}

/// Basis points of the traded value.
fn fee_e6(change: &Change<'_>) -> i128 {
    change.exec_e6 * 6 / 10_000
}

/// Profit of what is closed.
fn gain_e6(change: &Change<'_>) -> i128 {
    let rise = change.exec_e6 - change.cost_e6;
    if change.is_long { rise } else { -rise }
}

/// A position that was added to has an entry price with more than six decimals: its closes are written as an old program
/// did, without entry price and parts of the fee.
fn jupiter(layout: &Layout, change: &Change<'_>) -> (Vec<u8>, Told) {
    let mut fields: Fields = vec![
        ("position_key", Value::Key(change.position_key)),
        ("position_side", int(if change.is_long { 1 } else { 2 })),
        ("position_custody", key(change.listing.accounts[0])),
        ("position_collateral_custody", key(change.listing.accounts[0])),
        ("owner", Value::Key(change.trader)),
        ("price", int(change.price_e6)),
        ("fee_usd", int(fee_e6(change) + change.chance)),
    ];
    let opens = matches!(change.step, Step::Open | Step::Increase);
    let is_old = !opens && change.before.is_added_to;
    let borrow_e6 = if change.step == Step::Open || is_old { 0 } else { change.chance };
    let told = Told { fee_e6: if is_old { 0 } else { fee_e6(change) }, borrow_e6, closes_count_at_cost: true, ..Told::default() };
    match change.step {
        Step::Liquidate => {
            fields.push(("position_size_usd", int(change.cost_e6)));
            fields.push(("liquidation_fee_usd", int(1_000_000)));
        }
        _ => {
            fields.push(("position_size_usd", int(change.after.cost_e6)));
            fields.push(("size_usd_delta", int(change.cost_e6)));
        }
    }
    if !opens {
        let gain = gain_e6(change);
        fields.push(("has_profit", Value::Bool(gain > 0)));
        fields.push(("pnl_delta", int(gain.abs())));
    }
    if !is_old {
        fields.push(("position_fee_usd", int(fee_e6(change))));
        fields.push(("funding_fee_usd", int(borrow_e6)));
    }
    if !opens && !is_old {
        fields.push(("position_price", int(change.before.first_price_e6)));
    }
    let is_instant = change.nth.is_multiple_of(2);
    let name = match (change.step, is_instant) {
        (Step::Open | Step::Increase, true) => "InstantIncreasePositionEvent",
        (Step::Open | Step::Increase, false) => "IncreasePositionEvent",
        (Step::Decrease | Step::Close, true) => "InstantDecreasePositionEvent",
        (Step::Decrease | Step::Close, false) => "DecreasePositionEvent",
        (Step::Liquidate, _) => "LiquidateFullPositionEvent",
    };
    (layout.event(name, &fields, is_old.then_some("position_fee_usd")), told)
}

/// Longs have the long token as collateral, shorts the dollar.
fn gmtrade(layout: &Layout, change: &Change<'_>) -> (Vec<u8>, Told) {
    const USD: u32 = 20;
    let unit_price = |price_e6: i128, decimals: u32| price_e6 * pow10(USD - 6) / pow10(decimals);
    let price = unit_price(change.price_e6, change.listing.decimals);
    let collateral_e6 = |native: i128| if change.is_long { worth_e6(native, change.price_e6) } else { native };
    let opens = matches!(change.step, Step::Open | Step::Increase);
    let state = |position: &super::Position| {
        Value::Fields(vec![("size_in_usd", int(position.cost_e6 * pow10(USD - 6))), ("size_in_tokens", int(position.units))])
    };
    let both = |price: i128| Value::Fields(vec![("min", int(price)), ("max", int(price))]);
    let (order_fee, funding, borrow) = (change.chance / 7, change.chance / 11, change.chance / 13);
    let is_settling = change.step != Step::Open;
    let received = if is_settling && change.nth.is_multiple_of(3) { funding } else { 0 };
    let paid = if is_settling && !change.nth.is_multiple_of(3) { funding } else { 0 };
    let borrowed = if is_settling { borrow } else { 0 };
    let fees = vec![
        ("order_fee_for_receiver_amount", int(order_fee / 3)),
        ("order_fee_for_pool_amount", int(order_fee - order_fee / 3)),
        ("liquidation_fee_amount", int(if change.step == Step::Liquidate { 5_000 } else { 0 })),
        ("total_borrowing_fee_amount", int(borrowed)),
        ("funding_fee_amount", int(paid)),
        ("claimable_funding_fee_short_token_amount", int(received)),
    ];
    let flags = i128::from(change.is_long) + 2 * i128::from(change.is_long) + 4 * i128::from(opens);
    let fields = [
        ("flags", int(flags)),
        ("trade_id", int(change.nth.into())),
        ("market_token", key(change.listing.accounts[0])),
        ("user", Value::Key(change.trader)),
        ("position", Value::Key(change.position_key)),
        ("ts", int(change.secs.into())),
        ("slot", int(change.slot.into())),
        ("before", state(&change.before)),
        ("after", state(&change.after)),
        ("prices", Value::Fields(vec![("index", both(price)), ("long", both(price)), ("short", both(unit_price(1_000_000, 6)))])),
        ("execution_price", int(price)),
        ("pnl", Value::Fields(vec![("pnl", int(if opens { 0 } else { gain_e6(change) * pow10(USD - 6) }))])),
        ("fees", Value::Fields(fees)),
    ];
    let told = Told {
        fee_e6: collateral_e6(order_fee),
        borrow_e6: collateral_e6(borrowed),
        funding_e6: [-collateral_e6(paid), received],
        closes_count_at_cost: true,
    };
    (layout.event("TradeEvent", &fields, None), told)
}

fn flash(layout: &Layout, change: &Change<'_>) -> (Vec<u8>, Told) {
    let account = change.listing.accounts[usize::from(!change.is_long)];
    let fee = fee_e6(change);
    let mut fields: Fields = vec![("owner", Value::Key(change.trader)), ("market", key(account)), ("trade_id", int(change.nth.into()))];
    let whole = |fields: &mut Fields| fields.extend([("size_amount", int(change.units)), ("size_usd", int(change.cost_e6))]);
    let part = |fields: &mut Fields| {
        fields.extend([
            ("delta_size_amount", int(change.units)),
            ("delta_size_usd", int(change.cost_e6)),
            ("final_size_amount", int(change.after.units)),
            ("final_size_usd", int(change.after.cost_e6)),
        ]);
    };
    let exit = |fields: &mut Fields| fields.extend([("exit_price", int(change.price_e6)), ("exit_price_exponent", int(-6))]);
    let name = match change.step {
        Step::Open => {
            whole(&mut fields);
            fields.extend([("entry_price", int(change.price_e6)), ("entry_price_exponent", int(-6)), ("entry_fee_usd", int(fee))]);
            "OpenPositionLogUSDv1"
        }
        Step::Increase => {
            part(&mut fields);
            fields.extend([("entry_price", int(1)), ("entry_fee_usd", int(fee))]);
            if change.nth.is_multiple_of(2) { "IncreaseSizeLogUSDv1" } else { "ExecuteLimitOrderLogUSDv1" }
        }
        Step::Decrease => {
            part(&mut fields);
            exit(&mut fields);
            fields.push(("exit_fee_usd", int(fee)));
            if change.nth.is_multiple_of(2) { "DecreaseSizeLogUSDv1" } else { "ExecuteTriggerOrderLogUSDv1" }
        }
        Step::Close | Step::Liquidate => {
            whole(&mut fields);
            exit(&mut fields);
            fields.push(("exit_fee_usd", int(fee)));
            if change.step == Step::Close { "ClosePositionLogUSDv1" } else { "LiquidateLogUSDv1" }
        }
    };
    (layout.event(name, &fields, None), Told { fee_e6: fee, ..Told::default() })
}

fn adrena(layout: &Layout, change: &Change<'_>) -> (Vec<u8>, Told) {
    let mut fields: Fields = vec![
        ("owner", Value::Key(change.trader)),
        ("position", Value::Key(change.position_key)),
        ("custody_mint", key(change.listing.accounts[0])),
        ("side", int(if change.is_long { 1 } else { 2 })),
        ("size_usd", int(change.cost_e6)),
        // Prices carry ten decimals.
        ("price", int(change.price_e6 * 10_000)),
    ];
    let name = match change.step {
        Step::Open => "OpenPositionEvent",
        Step::Increase => "IncreasePositionEvent",
        Step::Decrease | Step::Close => "ClosePositionEvent",
        Step::Liquidate => "LiquidateEvent",
    };
    if matches!(change.step, Step::Open | Step::Increase) {
        return (layout.event(name, &fields, None), Told { closes_count_at_cost: true, ..Told::default() });
    }
    let (exit_fee, borrow) = (fee_e6(change), change.chance);
    let (paid, received) = if change.nth.is_multiple_of(2) { (change.chance / 2, 0) } else { (0, change.chance / 3) };
    let net = gain_e6(change) - exit_fee - borrow - paid + received;
    // A liquidation always ends in a loss: whatever the price did, the costs make it one.
    let is_liquidation = change.step == Step::Liquidate;
    let borrow = if is_liquidation && net > 0 { borrow + net } else { borrow };
    let net = if is_liquidation { net.min(0) } else { net };
    if !is_liquidation {
        fields.push(("profit_usd", int(net.max(0))));
    }
    fields.extend([
        ("loss_usd", int((-net).max(0))),
        ("borrow_fee_usd", int(borrow)),
        ("exit_fee_usd", int(exit_fee)),
        ("funding_paid_usd", int(paid)),
        ("funding_received_usd", int(received)),
    ]);
    let told = Told {
        fee_e6: if is_liquidation { 0 } else { exit_fee },
        borrow_e6: borrow,
        funding_e6: [-paid, received],
        closes_count_at_cost: true,
    };
    (layout.event(name, &fields, None), told)
}
