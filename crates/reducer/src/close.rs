//! Joining a close to the state of its position: what the record leaves open is read there.

use alloy_primitives::I256;
use perpdex_core::{
    Action, Amount, Close, ClosePnl, CloseReason, CloseSize, Decimal, Event, EventBody, EventKey, Fill, Forced, FundingKind,
    FundingPayment, Liquidation, LiquidationKind, PositionSide, Size, Text, TokenAmount, Unit,
};

use crate::TokenRow;
use crate::position::{Position, left_of, share};

/// The events that a close becomes: its fill (with the liquidation it may be), and its funding and borrow payments.
/// They carry the close's own key, `sub` counting up from the close's. `None` if `close` is not a close, or if the position
/// does not hold what the close leaves open, or contradicts it. `token` looks a token of the event's chain up.
pub fn join_close(close: &Event, position: &Position, token: &dyn Fn(&str) -> Option<TokenRow>) -> Option<Vec<Event>> {
    let EventBody::Close(body) = &close.body else { return None };
    let other_market = close.market.as_ref().is_some_and(|market| *market != position.market_key);
    let other_side = body.side.is_some_and(|side| side != position.side);
    if other_market || other_side {
        return None;
    }
    let change = Change::of(body.size, position)?;
    let event = |sub: u32, body: EventBody| Event {
        key: EventKey { sub: close.key.sub + sub, ..close.key },
        market: Some(position.market_key.clone().into()),
        body,
        ..close.clone()
    };
    let mut events = vec![event(0, EventBody::Fill(Box::new(closing_fill(body, position, &change, token))))];
    let payments = [(FundingKind::Funding, body.funding_native), (FundingKind::Borrow, -body.borrow_native)];
    for (sub, (kind, native)) in (1..).zip(payments) {
        let Some(token) = token_of(body, position).filter(|_| !native.is_zero()) else { continue };
        events.push(event(
            sub,
            EventBody::FundingPayment(FundingPayment {
                account: account_of(body, position),
                position_key: body.position_key.clone(),
                side: Some(position.side),
                kind,
                amount: TokenAmount { native, token },
                token_price_usd: body.token_price_usd,
                size: change.before.map(|before| signed(position.side, before)),
                interval_end_ms: None,
            }),
        ));
    }
    Some(events)
}

/// How a close changes its position. All sizes are unsigned.
struct Change {
    qty: Amount,
    before: Option<Amount>,
    after: Option<Amount>,
    is_whole: bool,
}

impl Change {
    fn of(size: CloseSize, position: &Position) -> Option<Change> {
        let before = position.qty;
        if before.is_some_and(|before| before.native.is_zero()) {
            return None;
        }
        let (qty, is_whole) = match size {
            CloseSize::Whole => (before?, true),
            CloseSize::Qty { qty, is_whole } => (qty, is_whole),
            CloseSize::Share { part, of } => {
                let before = before?;
                (Amount { native: part_of(before.native, part, of)?, unit: before.unit }, part == of)
            }
        };
        let after = if is_whole {
            let unit = before.map_or(qty.unit, |before| before.unit);
            Some(Amount { native: I256::ZERO, unit })
        } else {
            // What a decoder counts in the market's own unit, rows hold in the decimals of that unit.
            let left = |before: Amount| Amount { native: left_of(before.native, qty.native), unit: before.unit };
            before.filter(|before| before.unit == qty.unit || qty.unit == Unit::MarketQty).map(left)
        };
        Some(Change { qty, before: before.filter(|_| after.is_some()), after, is_whole })
    }
}

/// `whole * part / of` to the nearest unit.
fn part_of(whole: I256, part: I256, of: I256) -> Option<I256> {
    Decimal::new(whole, 0).mul(&Decimal::new(part, 0)).ok()?.div(&Decimal::new(of, 0), 0).ok().map(|share| share.value)
}

fn closing_fill(close: &Close, position: &Position, change: &Change, token: &dyn Fn(&str) -> Option<TokenRow>) -> Fill {
    let liquidated = close.reason == CloseReason::Liquidation;
    let liquidation = liquidated.then(|| Liquidation {
        kind: LiquidationKind::Pool,
        side: position.side,
        liquidator: close.liquidator.clone(),
        mark_price: None,
        fee: close.liquidation_fee.clone(),
        is_partial: Some(!change.is_whole),
    });
    let size = |qty: Amount, entry_usd: Option<Decimal>| Size {
        qty: Some(signed(position.side, qty)),
        entry_usd: entry_usd.map(|usd| Amount::decimals(usd.value, usd.scale)),
    };
    let entry_after = match (position.entry_usd, change.before, change.after) {
        (Some(cost), Some(before), Some(after)) if !after.native.is_zero() => share(&cost, after.native, before.native),
        _ => None,
    };
    Fill {
        account: account_of(close, position),
        position_key: close.position_key.clone(),
        position_side: Some(position.side),
        collateral_token: position.collateral_token.clone(),
        trade_key: close.trade_key.clone(),
        order_key: close.order_key.clone(),
        is_taker: true,
        is_directional: true,
        in_volume: true,
        forced: if liquidated { Forced::Liq } else { Forced::None },
        side: position.side.trade_side(false),
        action: match (liquidated, change.is_whole) {
            (true, _) => Action::Liquidation,
            (false, true) => Action::Close,
            (false, false) => Action::Decrease,
        },
        qty: change.qty,
        price: close.price,
        venue_notional_usd: close.venue_notional_usd,
        before: change.before.map(|before| size(before, position.entry_usd)),
        after: change.after.map(|after| size(after, entry_after)),
        fee: token_of(close, position).map(|token| TokenAmount { native: close.fee_native, token }),
        fee_token_price_usd: close.token_price_usd,
        realized_pnl_usd: realized(close, position, change, token),
        liquidation,
    }
}

fn account_of(close: &Close, position: &Position) -> Text {
    close.account.clone().unwrap_or_else(|| position.account.clone())
}

fn token_of(close: &Close, position: &Position) -> Option<Text> {
    close.token.clone().or_else(|| position.collateral_token.clone())
}

fn realized(close: &Close, position: &Position, change: &Change, token: &dyn Fn(&str) -> Option<TokenRow>) -> Option<Decimal> {
    match close.pnl {
        ClosePnl::Usd(usd) => Some(usd),
        ClosePnl::Untold => None,
        ClosePnl::Native(native) => {
            let row = token_of(close, position).as_deref().and_then(token).filter(|row| row.usd_par);
            match (row, close.token_price_usd) {
                (Some(row), _) => Some(Decimal::new(native, row.decimals)),
                (None, Some(price)) => Decimal::new(native, 0).mul(&price).ok(),
                (None, None) => None,
            }
        }
        ClosePnl::FromPrices => {
            let (cost, before) = position.entry_usd.zip(change.before)?;
            let qty = change.qty.to_decimal(None)?;
            let entry = share(&cost, change.qty.native, before.native)?;
            let gain = qty.mul(&close.price.to_decimal(None)?).ok()?.add(&entry.neg()).ok()?;
            Some(if position.side == PositionSide::Long { gain } else { gain.neg() })
        }
    }
}

fn signed(side: PositionSide, qty: Amount) -> Amount {
    match side {
        PositionSide::Long => qty,
        PositionSide::Short => Amount { native: -qty.native, unit: qty.unit },
    }
}

#[cfg(test)]
mod tests {
    use perpdex_core::{ChainId, Side, VenueSlug};

    use super::*;

    fn number(value: i64) -> I256 {
        I256::unchecked_from(value)
    }

    /// A short of 1.5 at 100, at stake in a token of two decimals.
    fn position() -> Position {
        Position {
            market_key: "0xbase".to_owned(),
            account: "0xopened".into(),
            side: PositionSide::Short,
            collateral_token: Some("0xusdt".into()),
            qty: Some(Amount::decimals(number(15_000_000_000), 10)),
            entry_usd: Some(Decimal::from(150)),
        }
    }

    fn close() -> Close {
        Close {
            account: Some("0xa".into()),
            position_key: "0xt".into(),
            side: None,
            size: CloseSize::Whole,
            trade_key: "0xt".into(),
            order_key: None,
            reason: CloseReason::Trader,
            price: Amount::decimals(number(11_000_000_000), 8),
            venue_notional_usd: None,
            token: None,
            token_price_usd: None,
            fee_native: number(4),
            funding_native: number(-9),
            borrow_native: number(2),
            pnl: ClosePnl::Native(number(-100)),
            liquidator: None,
            liquidation_fee: None,
        }
    }

    fn event(close: Close) -> Event {
        Event {
            key: EventKey { height: 7, rec: 3, sub: 0 },
            ord: 3,
            chain: ChainId::BNB,
            venue: VenueSlug::known("aster_1001x"),
            market: None,
            time_ms: 5,
            tx_id: "0x1".into(),
            body: EventBody::Close(Box::new(close)),
        }
    }

    fn usdt(_: &str) -> Option<TokenRow> {
        Some(TokenRow { decimals: 2, usd_par: true })
    }

    fn fill_of(close: Close, position: &Position) -> Option<Fill> {
        let events = join_close(&event(close), position, &usdt)?;
        match &events[0].body {
            EventBody::Fill(fill) => Some((**fill).clone()),
            other => panic!("first is the fill, not {other:?}"),
        }
    }

    fn dollars(size: Option<Size>) -> String {
        size.unwrap().entry_usd.unwrap().to_decimal(None).unwrap().trimmed().to_string()
    }

    #[test]
    fn a_liquidated_short_becomes_fill_liquidation_and_payments() {
        let close = Close { reason: CloseReason::Liquidation, liquidator: Some("0xkeeper".into()), ..close() };
        let events = join_close(&event(close), &position(), &usdt).unwrap();
        assert_eq!(events.iter().map(|event| event.key.sub).collect::<Vec<_>>(), [0, 1, 2]);
        let EventBody::Fill(fill) = &events[0].body else { panic!("first is the fill") };
        assert_eq!((fill.side, fill.action, fill.forced), (Side::Buy, Action::Liquidation, Forced::Liq));
        assert_eq!((fill.account.as_str(), dollars(fill.before).as_str()), ("0xa", "150"));
        assert_eq!(fill.realized_pnl_usd.unwrap().to_string(), "-1");
        assert!(fill.before.unwrap().qty.unwrap().native.is_negative());
        assert!(fill.after.unwrap().qty.unwrap().native.is_zero());
        let liquidation = fill.liquidation.as_ref().unwrap();
        assert_eq!((liquidation.liquidator.as_deref(), liquidation.is_partial), (Some("0xkeeper"), Some(false)));
        let amounts: Vec<_> = events[1..]
            .iter()
            .map(|event| match &event.body {
                EventBody::FundingPayment(payment) => (payment.kind, payment.amount.native),
                other => panic!("unexpected {other:?}"),
            })
            .collect();
        assert_eq!(amounts, [(FundingKind::Funding, number(-9)), (FundingKind::Borrow, number(-2))]);
        assert_eq!(join_close(&events[0], &position(), &|_| None), None, "a fill is no close");
    }

    #[test]
    fn a_share_goes_with_its_share_of_the_entry() {
        let size = CloseSize::Share { part: number(2_500), of: number(10_000) };
        let fill = fill_of(Close { account: None, size, pnl: ClosePnl::FromPrices, ..close() }, &position()).unwrap();
        assert_eq!((fill.action, fill.account.as_str()), (Action::Decrease, "0xopened"));
        assert_eq!((fill.qty.native, fill.after.unwrap().qty.unwrap().native), (number(3_750_000_000), number(-11_250_000_000)));
        assert_eq!((dollars(fill.before), dollars(fill.after)), ("150".to_owned(), "112.5".to_owned()));
        // 0.375 sold at 100 and bought back at 110.
        assert_eq!(fill.realized_pnl_usd.unwrap().trimmed().to_string(), "-3.75");
    }

    #[test]
    fn a_told_size_needs_only_the_side_and_a_whole_one_ends_at_zero() {
        let size = |native, is_whole| CloseSize::Qty { qty: Amount::decimals(number(native), 10), is_whole };
        let of_unknown_size = Position { qty: None, entry_usd: None, ..position() };
        let fill = fill_of(Close { size: size(7, false), ..close() }, &of_unknown_size).unwrap();
        assert_eq!((fill.action, fill.side, fill.before, fill.after), (Action::Decrease, Side::Buy, None, None));
        let fill = fill_of(Close { size: size(7, true), ..close() }, &of_unknown_size).unwrap();
        assert_eq!((fill.action, fill.before), (Action::Close, None));
        assert!(fill.after.unwrap().qty.unwrap().native.is_zero());
        // One unit apart by rounding: volume is what was told, and nothing of the position stays.
        let fill = fill_of(Close { size: size(14_999_999_999, true), ..close() }, &position()).unwrap();
        assert_eq!((fill.qty.native, fill.before.unwrap().qty.unwrap().native), (number(14_999_999_999), number(-15_000_000_000)));
    }

    #[test]
    fn what_the_position_does_not_hold_or_contradicts_is_not_joined() {
        let flat = Position { qty: Some(Amount::decimals(I256::ZERO, 10)), ..position() };
        let unknown = Position { qty: None, ..position() };
        assert_eq!(fill_of(close(), &flat), None);
        assert_eq!(fill_of(close(), &unknown), None);
        assert_eq!(fill_of(Close { size: CloseSize::Share { part: number(1), of: number(2) }, ..close() }, &unknown), None);
        assert_eq!(fill_of(Close { size: CloseSize::Share { part: number(1), of: number(0) }, ..close() }, &position()), None);
        assert_eq!(fill_of(Close { side: Some(PositionSide::Long), ..close() }, &position()), None);
        let elsewhere = Event { market: Some("0xother".into()), ..event(close()) };
        assert_eq!(join_close(&elsewhere, &position(), &usdt), None);
    }
}
