//! Events against the rows and contributions they must become.

use alloy_primitives::I256;
use perpdex_core::{
    Action, Amount, BarKind, Basis, ChainId, Decimal, Event, EventBody, EventKey, Fill, Forced, FundingKind, FundingPayment, Liquidation,
    LiquidationKind, OiBasis, PositionSide, Side, Size, TokenAmount, Unit, VenueSlug, VolumeBar,
};
use perpdex_reducer::{Contributions, Expanded, FillRow, MarketRow, Row, TokenRow, WaitFor, contributions, expand};
use proptest::prelude::*;

fn number(value: i64) -> I256 {
    I256::try_from(value).unwrap()
}

fn market() -> MarketRow {
    MarketRow {
        market_id: 1,
        venue: VenueSlug::known("gmx_v2"),
        chain: ChainId::ARBITRUM,
        market_key: "m".to_owned(),
        qty_scale: 2,
        multiplier: 1,
        qty_decimals: Some(3),
        oi_basis: OiBasis::EntryUsd,
        volume_basis: Basis::Entry,
    }
}

fn event(body: EventBody) -> Event {
    Event {
        key: EventKey { height: 10, rec: 4, sub: 0 },
        ord: 4,
        chain: ChainId::ARBITRUM,
        venue: VenueSlug::known("gmx_v2"),
        market: Some("m".into()),
        time_ms: 7_200_000,
        tx_id: "0x1".into(),
        body,
    }
}

/// A fill that moves a position from `before` to `after` thousandths of a unit at 100 dollars a unit.
fn fill(before: i64, after: i64) -> Fill {
    let size =
        |native: i64| Size { qty: Some(Amount::market_qty(number(native))), entry_usd: Some(Amount::decimals(number(native.abs()), 1)) };
    Fill {
        account: "a".into(),
        position_key: "p".into(),
        position_side: None,
        collateral_token: None,
        trade_key: "t".into(),
        order_key: None,
        is_taker: true,
        is_directional: true,
        in_volume: true,
        forced: Forced::None,
        side: if after >= before { Side::Buy } else { Side::Sell },
        action: Action::Increase,
        qty: Amount::market_qty(number((after - before).abs())),
        price: Amount { native: number(100_000), unit: Unit::MarketPrice(6) },
        venue_notional_usd: None,
        before: Some(size(before)),
        after: Some(size(after)),
        fee: None,
        fee_token_price_usd: None,
        realized_pnl_usd: None,
        liquidation: None,
    }
}

fn rows(body: EventBody) -> Vec<Row> {
    let token = |address: &str| (address == "usd").then_some(TokenRow { decimals: 6, usd_par: true });
    match expand(&event(body), Some(&market()), &token).unwrap() {
        Expanded::Rows(rows) => rows,
        Expanded::Waiting(what) => panic!("waits for {}", what.as_str()),
    }
}

fn fill_row(fill: Fill) -> FillRow {
    match rows(EventBody::Fill(Box::new(fill))).swap_remove(0) {
        Row::Fill(row) => *row,
        other => panic!("unexpected {other:?}"),
    }
}

#[test]
fn a_flip_moves_both_sides() {
    let row = fill_row(fill(1_500, -500));
    assert_eq!((row.long_delta_q, row.short_delta_q), (-150, 50));
    assert_eq!((row.long_delta_native, row.short_delta_native), (number(-1_500), number(500)));
    assert_eq!((row.long_delta_usd_e6, row.short_delta_usd_e6), (Some(-150_000_000), Some(50_000_000)));
    assert_eq!((row.qty_q, row.exec_notional_usd_e6, row.volume_basis), (200, 200_000_000, Basis::Exec));
    assert_eq!(row.price.to_string(), "100");
    let Contributions { hour, minute, .. } = contributions(&Row::Fill(Box::new(row)));
    let (market_id, hour_id, sums) = hour.unwrap();
    assert_eq!((market_id, hour_id, sums.trades, sums.taker_sell_usd_e6, minute), (1, 2, 1, 200_000_000, None));
}

#[test]
fn entry_notional_stands_beside_execution_notional() {
    let mut closing = fill(1_000, 0);
    closing.venue_notional_usd = Some(Amount::decimals(number(95), 0));
    closing.action = Action::Close;
    let row = fill_row(closing);
    assert_eq!((row.notional_usd_e6, row.exec_notional_usd_e6, row.volume_basis), (95_000_000, 100_000_000, Basis::Entry));
    let (_, _, sums) = contributions(&Row::Fill(Box::new(row))).hour.unwrap();
    assert_eq!((sums.closing_legs_usd_e6, sums.volume_usd_e6, sums.exec_volume_usd_e6), (95_000_000, 95_000_000, 100_000_000));
}

#[test]
fn adl_is_volume_but_never_a_liquidation_nor_a_direction() {
    let mut forced = fill(1_000, 400);
    forced.forced = Forced::Adl;
    forced.action = Action::Adl;
    forced.is_directional = false;
    forced.liquidation = Some(Liquidation {
        kind: LiquidationKind::Adl,
        side: PositionSide::Long,
        liquidator: None,
        mark_price: None,
        fee: None,
        is_partial: None,
    });
    let rows = rows(EventBody::Fill(Box::new(forced)));
    let sums: Vec<_> = rows.iter().map(|row| contributions(row).hour.unwrap().2).collect();
    assert_eq!((sums[0].adl_volume_usd_e6, sums[0].taker_buy_usd_e6, sums[0].taker_sell_usd_e6), (60_000_000, 0, 0));
    assert_eq!((sums[1].adl_rows, sums[1].adl_usd_e6, sums[1].liq_rows, sums[1].liq_long_usd_e6), (1, 60_000_000, 0, 0));
    assert_eq!(contributions(&rows[1]).minute, None);
}

#[test]
fn a_multiplier_leaves_dollars_alone() {
    let lots = MarketRow { multiplier: 1_000, ..market() };
    let body = EventBody::Fill(Box::new(fill(0, 1_500)));
    let Expanded::Rows(rows) = expand(&event(body), Some(&lots), &|_| None).unwrap() else { panic!("rows") };
    let Row::Fill(row) = &rows[0] else { panic!("fill") };
    assert_eq!((row.qty_q, row.exec_notional_usd_e6, row.price.to_string().as_str()), (150_000, 150_000_000, "0.1"));
}

#[test]
fn fees_at_par_at_the_event_s_price_or_unknown() {
    let fee = |token: &str, price: Option<&str>| {
        let mut paid = fill(0, 1_000);
        paid.fee = Some(TokenAmount { native: number(1_234_567), token: token.into() });
        paid.fee_token_price_usd = price.map(|price| Decimal::parse(price).unwrap());
        let row = fill_row(paid);
        (row.fee_usd_e6, contributions(&Row::Fill(Box::new(row))).hour.unwrap().2.fees_unpriced)
    };
    assert_eq!(fee("usd", None), (Some(1_234_567), 0));
    assert_eq!(fee("usd", Some("0.0000009")), (Some(1_234_567), 0));
    assert_eq!(fee("weth", Some("0.000000000003")), (Some(4), 0));
    assert_eq!(fee("weth", None), (None, 1));
}

#[test]
fn a_clocked_payment_belongs_to_the_hour_it_closes() {
    let payment = |interval_end_ms| FundingPayment {
        account: "a".into(),
        position_key: "p".into(),
        side: None,
        kind: FundingKind::Funding,
        amount: TokenAmount { native: number(-5), token: "usd".into() },
        token_price_usd: None,
        size: None,
        interval_end_ms,
    };
    let hour = |interval_end_ms| match &rows(EventBody::FundingPayment(payment(interval_end_ms)))[0] {
        Row::Payment(row) => {
            let sums = contributions(&Row::Payment(row.clone())).hour.unwrap().2;
            (row.hour_id, sums.funding_charged_usd_e6, sums.funding_received_usd_e6)
        }
        other => panic!("unexpected {other:?}"),
    };
    assert_eq!(hour(Some(7_200_000)), (1, 5, 0));
    assert_eq!(hour(None), (2, 5, 0));
}

#[test]
fn what_is_not_known_waits_and_what_does_not_fit_is_an_error() {
    let body = EventBody::Fill(Box::new(fill(0, 1)));
    let unknown_decimals = MarketRow { qty_decimals: None, ..market() };
    assert_eq!(expand(&event(body.clone()), None, &|_| None), Ok(Expanded::Waiting(WaitFor::Market)));
    assert_eq!(expand(&event(body), Some(&unknown_decimals), &|_| None), Ok(Expanded::Waiting(WaitFor::Market)));
    let huge = EventBody::Fill(Box::new(fill(0, i64::MAX)));
    assert!(expand(&event(huge), Some(&MarketRow { qty_scale: 18, ..market() }), &|_| None).is_err());
}

proptest! {
    /// Rounded states telescope: whatever the steps, a closed position leaves nothing behind.
    #[test]
    fn closed_positions_leave_no_residue(steps in proptest::collection::vec(-5_000_i64..5_000, 1..20)) {
        let mut position = 0;
        let (mut long, mut short, mut usd) = (0, 0, 0);
        for next in steps.into_iter().chain([0]) {
            let row = fill_row(fill(position, next));
            long += row.long_delta_q;
            short += row.short_delta_q;
            usd += row.long_delta_usd_e6.unwrap() + row.short_delta_usd_e6.unwrap();
            prop_assert!(long >= 0 && short >= 0);
            position = next;
        }
        prop_assert_eq!((long, short, usd), (0, 0, 0));
    }
}

#[test]
fn a_borrow_fee_that_is_paid_is_charged() {
    let payment = FundingPayment {
        account: "a".into(),
        position_key: "p".into(),
        side: None,
        kind: FundingKind::Borrow,
        amount: TokenAmount { native: number(-5), token: "usd".into() },
        token_price_usd: None,
        size: None,
        interval_end_ms: None,
    };
    let token = |_: &str| Some(TokenRow { decimals: 6, usd_par: true });
    let Expanded::Rows(rows) = expand(&event(EventBody::FundingPayment(payment)), Some(&market()), &token).unwrap() else {
        panic!("the market and the token are known")
    };
    let sums = contributions(&rows[0]).hour.unwrap().2;
    assert_eq!((sums.borrow_charged_usd_e6, sums.funding_charged_usd_e6), (5, 0));
}

fn bar(kind: BarKind, start_ms: i64, end_ms: i64) -> EventBody {
    EventBody::VolumeBar(VolumeBar {
        kind,
        start_ms,
        end_ms,
        trades: 7,
        qty: Amount::decimals(number(25), 1),
        notional_usd: Decimal::new(number(2_505), 1),
        taker_buy_usd: Some(Decimal::new(number(100), 0)),
        close: Amount::decimals(number(100), 0),
    })
}

#[test]
fn a_bar_is_the_volume_of_its_hour_and_of_no_other() {
    let hour = 3_600_000;
    let [Row::Bar(row)] = &rows(bar(BarKind::Hour, 2 * hour, 3 * hour))[..] else { panic!("a bar is one row") };
    assert_eq!((row.in_volume, row.qty_q, row.notional_usd_e6), (true, 250, 250_500_000));
    let Contributions { hour: sums, minute, .. } = contributions(&Row::Bar(row.clone()));
    let (_, hour_id, sums) = sums.unwrap();
    assert_eq!((hour_id, sums.trades, sums.volume_usd_e6, sums.exec_volume_usd_e6), (2, 7, 250_500_000, 250_500_000));
    assert_eq!((sums.taker_buy_usd_e6, sums.taker_sell_usd_e6, minute), (100_000_000, 150_500_000, None));
    for (kind, start_ms, end_ms) in [(BarKind::Rolling24h, 2 * hour, 3 * hour), (BarKind::Hour, 2 * hour + 1, 3 * hour + 1)] {
        let [Row::Bar(row)] = &rows(bar(kind, start_ms, end_ms))[..] else { panic!("a bar is one row") };
        assert_eq!((row.in_volume, contributions(&Row::Bar(row.clone())).hour), (false, None), "{kind:?}");
    }
}
