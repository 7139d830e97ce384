//! Joining a close that names only its position to the open that says what the position is.

use alloy_primitives::I256;
use perpdex_core::{
    Action, Amount, Close, CloseReason, Decimal, Event, EventBody, EventKey, Fill, Forced, FundingKind, FundingPayment, Liquidation,
    LiquidationKind, PositionSide, Size, TokenAmount,
};

use crate::TokenRow;

/// The open a close is joined to, as read back from its fill row.
#[derive(Clone, Debug, PartialEq)]
pub struct OpenPosition {
    /// The venue's key of the market.
    pub market_key: String,
    /// Side.
    pub side: PositionSide,
    /// Unsigned size in venue units.
    pub qty: Amount,
    /// Entry price in quote per ONE venue unit.
    pub entry_price: Decimal,
    /// Collateral token.
    pub collateral_token: Option<String>,
}

/// The events that a close becomes: its fill (with the liquidation it may be), and its funding and borrow payments.
/// They carry the close's own key, `sub` counting up from the close's; `None` if `close` is not a close. `token` looks a
/// token of the event's chain up.
pub fn join_close(close: &Event, open: &OpenPosition, token: &dyn Fn(&str) -> Option<TokenRow>) -> Option<Vec<Event>> {
    let EventBody::Close(body) = &close.body else { return None };
    let event = |sub: u32, body: EventBody| Event {
        key: EventKey { sub: close.key.sub + sub, ..close.key },
        market: Some(open.market_key.clone()),
        body,
        ..close.clone()
    };
    let mut events = vec![event(0, EventBody::Fill(Box::new(closing_fill(body, open, token))))];
    let payments = [(FundingKind::Funding, body.funding_native), (FundingKind::Borrow, -body.borrow_native)];
    for (sub, (kind, native)) in (1..).zip(payments) {
        let Some(token) = open.collateral_token.clone().filter(|_| !native.is_zero()) else { continue };
        events.push(event(
            sub,
            EventBody::FundingPayment(FundingPayment {
                account: body.account.clone(),
                position_key: body.position_key.clone(),
                side: Some(open.side),
                kind,
                amount: TokenAmount { native, token },
                token_price_usd: None,
                size: Some(signed(open)),
                interval_end_ms: None,
            }),
        ));
    }
    Some(events)
}

fn closing_fill(close: &Close, open: &OpenPosition, token: &dyn Fn(&str) -> Option<TokenRow>) -> Fill {
    let collateral = open.collateral_token.as_deref().and_then(token).filter(|row| row.usd_par);
    let liquidated = close.reason == CloseReason::Liquidation;
    let liquidation = liquidated.then_some(Liquidation {
        kind: LiquidationKind::Pool,
        side: open.side,
        liquidator: None,
        mark_price: None,
        fee: None,
        is_partial: Some(false),
    });
    Fill {
        account: close.account.clone(),
        position_key: close.position_key.clone(),
        position_side: Some(open.side),
        collateral_token: open.collateral_token.clone(),
        trade_key: close.position_key.clone(),
        order_key: Some(close.position_key.clone()),
        is_taker: true,
        is_directional: true,
        in_volume: true,
        forced: if liquidated { Forced::Liq } else { Forced::None },
        side: open.side.trade_side(false),
        action: if liquidated { Action::Liquidation } else { Action::Close },
        qty: open.qty,
        price: close.price,
        venue_notional_usd: None,
        before: Some(Size { qty: Some(signed(open)), entry_usd: entry_usd(open) }),
        after: Some(Size { qty: Some(Amount { native: I256::ZERO, unit: open.qty.unit }), entry_usd: None }),
        fee: open.collateral_token.clone().map(|token| TokenAmount { native: close.fee_native, token }),
        fee_token_price_usd: None,
        realized_pnl_usd: collateral.map(|row| Decimal::new(close.pnl_native, row.decimals)),
        liquidation,
    }
}

fn signed(open: &OpenPosition) -> Amount {
    match open.side {
        PositionSide::Long => open.qty,
        PositionSide::Short => Amount { native: -open.qty.native, unit: open.qty.unit },
    }
}

/// Entry cost of the whole position, equal to what its open added; `None` where the quantity has no known decimals.
fn entry_usd(open: &OpenPosition) -> Option<Amount> {
    let cost = open.qty.to_decimal(None)?.mul(&open.entry_price).ok()?;
    Some(Amount::decimals(cost.value, cost.scale))
}

#[cfg(test)]
mod tests {
    use perpdex_core::{ChainId, VenueSlug};

    use super::*;

    fn number(value: i64) -> I256 {
        I256::try_from(value).unwrap()
    }

    #[test]
    fn a_liquidated_short_becomes_fill_liquidation_and_payments() {
        let open = OpenPosition {
            market_key: "0xbase".to_owned(),
            side: PositionSide::Short,
            qty: Amount::decimals(number(15_000_000_000), 10),
            entry_price: Decimal::parse("100").unwrap(),
            collateral_token: Some("0xusdt".to_owned()),
        };
        let close = Event {
            key: EventKey { height: 7, rec: 3, sub: 0 },
            ord: 3,
            chain: ChainId::BNB,
            venue: VenueSlug::known("aster_1001x"),
            market: None,
            time_ms: 5,
            tx_id: "0x1".to_owned(),
            body: EventBody::Close(Box::new(Close {
                account: "0xa".to_owned(),
                position_key: "0xt".to_owned(),
                reason: CloseReason::Liquidation,
                price: Amount::decimals(number(11_000_000_000), 8),
                fee_native: number(4),
                funding_native: number(-9),
                borrow_native: number(2),
                pnl_native: number(-100),
            })),
        };
        let events = join_close(&close, &open, &|_| Some(TokenRow { decimals: 2, usd_par: true })).unwrap();
        assert_eq!(events.iter().map(|event| event.key.sub).collect::<Vec<_>>(), [0, 1, 2]);
        let EventBody::Fill(fill) = &events[0].body else { panic!("first is the fill") };
        assert_eq!((fill.side, fill.action, fill.forced), (perpdex_core::Side::Buy, Action::Liquidation, Forced::Liq));
        assert_eq!(fill.before.unwrap().entry_usd.unwrap().to_decimal(None).unwrap().to_string(), "150");
        assert_eq!(fill.realized_pnl_usd.unwrap().to_string(), "-1");
        assert!(fill.before.unwrap().qty.unwrap().native.is_negative());
        assert!(fill.after.unwrap().qty.unwrap().native.is_zero());
        let amounts: Vec<_> = events[1..]
            .iter()
            .map(|event| match &event.body {
                EventBody::FundingPayment(payment) => (payment.kind, payment.amount.native),
                other => panic!("unexpected {other:?}"),
            })
            .collect();
        assert_eq!(amounts, [(FundingKind::Funding, number(-9)), (FundingKind::Borrow, number(-2))]);
        assert_eq!(join_close(&events[0], &open, &|_| None), None);
    }
}
