use alloy_primitives::{Address, I256};
use perpdex_core::{Decimal, PositionSide};

use super::{
    collateral::{COLLATERALS, Collateral},
    generation, holding,
    log::{Accumulated, Generation, Held, Level, Log, Pair, TradeId},
    market,
};

const PAIR: Pair = Pair { index: 1, collateral: 3 };

fn n(value: i64) -> I256 {
    I256::try_from(value).unwrap()
}

fn level(generation: Generation, pair: Pair, side: PositionSide) -> Option<Log> {
    let zeros = [Decimal::ZERO; 2];
    Some(Log::Level(Level { generation, pair, side, size: zeros, tokens: None }))
}

#[test]
fn a_trade_under_v10_is_of_the_level_that_it_changes() {
    let (long, short) = (PositionSide::Long, PositionSide::Short);
    let old = [level(Generation::V9, PAIR, long)];
    assert_eq!(generation(PAIR, long, Generation::V10, &old), Generation::V9);
    assert_eq!(generation(PAIR, short, Generation::V10, &old), Generation::V10, "another side");
    let other = Pair { collateral: 1, ..PAIR };
    assert_eq!(generation(other, long, Generation::V10, &old), Generation::V10, "another collateral");
    let both = [level(Generation::V9, PAIR, long), level(Generation::V10, PAIR, long)];
    assert_eq!(generation(PAIR, long, Generation::V10, &both), Generation::V10);
    assert_eq!(generation(PAIR, long, Generation::V9, &both), Generation::V9);
    let swapped = [level(Generation::V10, PAIR, long), level(Generation::V9, PAIR, long)];
    assert_eq!(generation(PAIR, long, Generation::V10, &swapped), Generation::V9, "the nearest before it");
    assert_eq!(market(PAIR, Generation::V10), "1/3");
    assert_eq!(market(PAIR, Generation::V9), "1/3/v9");
}

#[test]
fn an_accumulator_needs_the_price_of_its_pair() {
    let update = Accumulated { pair: PAIR, long: n(5), short: n(-7) };
    let price = |pair| Some(Log::PairPrice(pair, Decimal::from(2_600)));
    let other = Pair { index: 2, ..PAIR };
    assert!(holding::indexes(&update, perpdex_core::FundingKind::Funding, &[price(other)]).is_none());
    // Of another collateral the price is the same.
    let same = Pair { collateral: 1, ..PAIR };
    let [long, short] = holding::indexes(&update, perpdex_core::FundingKind::Funding, &[price(other), price(same)]).unwrap();
    assert_eq!((long.value, short.value), (Decimal::new(n(5), 22), Decimal::new(n(-7), 22)));
}

#[test]
fn a_level_without_tokens_states_no_quantity_even_where_it_is_empty() {
    for collateral in COLLATERALS.iter().map(|collateral| collateral.index) {
        let Some(Log::Level(empty)) = level(Generation::V9, Pair { index: 0, collateral }, PositionSide::Long) else { unreachable!() };
        let anchor = holding::anchor(&empty, &[]).unwrap();
        assert_eq!((anchor.long, anchor.short), (None, None), "in collateral {collateral}");
    }
}

#[test]
fn settled_fees_are_signed_from_the_account() {
    let held = Held { id: TradeId { user: Address::ZERO, index: 4 }, collateral: 3, funding: n(-30), borrowing: n(20) };
    let payments = holding::payments(&held, &[]).unwrap();
    let amounts: Vec<_> = payments.iter().map(|payment| (payment.kind.as_str(), payment.amount.native)).collect();
    assert_eq!(amounts, [("funding", n(30)), ("borrow", n(-20))]);
    assert!(Collateral::of(5).is_err());
}
