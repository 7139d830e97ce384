//! What must not change, or change in one way alone, when the same trading is told differently.

use perpdex_core::{
    Action, Amount, Basis, ChainId, Decimal, Event, EventBody, EventKey, Fill, Forced, OiBasis, PositionSide, Side, Size, VenueSlug,
};
use perpdex_reducer::{Expanded, HourContribution, MarketRow, Row, contributions, expand};
use proptest::prelude::*;

fn market(multiplier: i64) -> MarketRow {
    MarketRow {
        market_id: 1,
        venue: VenueSlug::known("gmx_v2"),
        chain: ChainId::ARBITRUM,
        market_key: "m".to_owned(),
        qty_scale: 6,
        multiplier,
        qty_decimals: Some(3),
        oi_basis: OiBasis::Qty,
        volume_basis: Basis::Exec,
    }
}

fn amount(native: i64) -> Amount {
    Amount::decimals(Decimal::from(native).value, 3)
}

/// A change of one position, in thousandths of a venue unit, at a price in hundredths.
fn fill(before: i64, after: i64, price: i64, time_ms: i64, side: PositionSide) -> Event {
    let grows = after > before;
    let signed = |size: i64| amount(if side == PositionSide::Long { size } else { -size });
    let size = |size: i64| Some(Size { qty: Some(signed(size)), entry_usd: None });
    let body = EventBody::Fill(Box::new(Fill {
        account: "a".into(),
        position_key: "p".into(),
        position_side: Some(side),
        collateral_token: None,
        trade_key: "t".into(),
        order_key: None,
        is_taker: true,
        is_directional: true,
        in_volume: true,
        forced: Forced::None,
        side: if grows == (side == PositionSide::Long) { Side::Buy } else { Side::Sell },
        action: if grows { Action::Increase } else { Action::Decrease },
        qty: amount((after - before).abs()),
        price: Amount::decimals(Decimal::from(price).value, 2),
        venue_notional_usd: None,
        before: size(before),
        after: size(after),
        fee: None,
        fee_token_price_usd: None,
        realized_pnl_usd: None,
        liquidation: None,
    }));
    Event {
        key: EventKey { height: 1, rec: 0, sub: 0 },
        ord: 0,
        chain: ChainId::ARBITRUM,
        venue: VenueSlug::known("gmx_v2"),
        market: Some("m".into()),
        time_ms,
        tx_id: "0x1".into(),
        body,
    }
}

fn sums(event: &Event, market: &MarketRow) -> HourContribution {
    let Expanded::Rows(rows) = expand(event, Some(market), &|_| None).unwrap() else { panic!("the market is known") };
    let Row::Fill(_) = &rows[0] else { panic!("a fill") };
    contributions(&rows[0]).hour.unwrap().2
}

proptest! {
    /// A multiplier times k and a quantity over k: no dollar changes, and the canonical quantity does not either.
    #[test]
    fn a_multiplier_changes_no_number(before in 0..50_000_i64, after in 0..50_000_i64, price in 1..100_000_i64) {
        prop_assume!(before != after);
        let lots = sums(&fill(before, after, price * 1_000, 0, PositionSide::Long), &market(1_000));
        let units = sums(&fill(before * 1_000, after * 1_000, price, 0, PositionSide::Long), &market(1));
        prop_assert_eq!(lots, units);
    }

    /// A short in the place of a long: the sides change places, nothing else does.
    #[test]
    fn sides_mirror(before in 0..50_000_i64, after in 0..50_000_i64, price in 1..100_000_i64, time in 0..3_600_000_i64) {
        prop_assume!(before != after);
        let long = sums(&fill(before, after, price, time, PositionSide::Long), &market(1));
        let short = sums(&fill(before, after, price, time, PositionSide::Short), &market(1));
        let mirrored = HourContribution {
            taker_buy_usd_e6: long.taker_sell_usd_e6,
            taker_sell_usd_e6: long.taker_buy_usd_e6,
            long_delta_q: long.short_delta_q,
            short_delta_q: long.long_delta_q,
            long_delta_usd_e6: long.short_delta_usd_e6,
            short_delta_usd_e6: long.long_delta_usd_e6,
            long_untold: long.short_untold,
            short_untold: long.long_untold,
            long_moment: long.short_moment,
            short_moment: long.long_moment,
            long_closed_q: long.short_closed_q,
            short_closed_q: long.long_closed_q,
            ..long
        };
        prop_assert_eq!(short, mirrored);
    }

    /// One fill told as two at the same price and time: only rows and trades count twice.
    #[test]
    fn a_split_fill_is_the_same_fill(before in 0..50_000_i64, steps in (1..20_000_i64, 1..20_000_i64), price in 1..100_000_i64, time in 0..3_600_000_i64) {
        let (middle, after) = (before + steps.0, before + steps.0 + steps.1);
        // Hundredths times thousandths are whole micro-dollars: nothing is rounded.
        let whole = sums(&fill(before, after, price, time, PositionSide::Long), &market(1));
        let parts = [(before, middle), (middle, after)].map(|(from, to)| sums(&fill(from, to, price, time, PositionSide::Long), &market(1)));
        let add = |value: fn(&HourContribution) -> i64| parts.iter().map(value).sum::<i64>();
        prop_assert_eq!(add(|c| c.volume_usd_e6), whole.volume_usd_e6);
        prop_assert_eq!(add(|c| c.long_delta_q), whole.long_delta_q);
        prop_assert_eq!(add(|c| c.taker_buy_usd_e6), whole.taker_buy_usd_e6);
        prop_assert_eq!(parts.iter().map(|c| c.long_moment.value()).sum::<i128>(), whole.long_moment.value());
        prop_assert_eq!(add(|c| c.trades), 2 * whole.trades);
    }
}
