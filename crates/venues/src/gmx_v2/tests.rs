//! Two accounts, two orders or two markets in one transaction: each event takes only what is its own.

use alloy_primitives::{Address, B256, I256};
use perpdex_core::{ChainId, Decimal, DecodeUnit, EventBody, Period, PositionSide, RawRecord, Text};

use super::log::{ClaimableFunding, CumulativeBorrowing, Factor, Fees, Log, PerSize, Position};
use super::{funding, trade};
use crate::{emit::Emitter, hex_texts::HexTexts};

fn n(value: i64) -> I256 {
    I256::try_from(value).unwrap()
}

/// Names that begin with different letters are different addresses.
fn address(name: &str) -> Address {
    Address::repeat_byte(name.as_bytes()[0])
}

fn fees(trader: &str, order: u8, position: u8, fee: i64) -> Option<Log> {
    Some(Log::Fees(Box::new(Fees {
        market: address("m"),
        trader: address(trader),
        collateral_token: address("c"),
        collateral_price_min: n(1),
        position_fee: n(fee),
        discount: I256::ZERO,
        liquidation_fee: None,
        borrowing_fee: I256::ZERO,
        funding_fee: I256::ZERO,
        order_key: B256::repeat_byte(order),
        position_key: Some(B256::repeat_byte(position)),
    })))
}

fn increase(order: u8, position: u8) -> Position {
    Position {
        is_increase: true,
        account: address("a"),
        market: address("m"),
        collateral_token: address("c"),
        side: PositionSide::Long,
        size_usd: n(20),
        size_tokens: n(2),
        delta_usd: n(10),
        delta_tokens: n(1),
        execution_price: n(10),
        index_price_min: n(10),
        index_price_max: n(10),
        order_type: n(2),
        order_key: B256::repeat_byte(order),
        position_key: B256::repeat_byte(position),
        base_pnl_usd: None,
    }
}

#[test]
fn funding_received_belongs_to_the_next_fees_of_the_same_account() {
    let logs = [fees("a", 1, 1, 5), None, fees("b", 2, 2, 5), fees("a", 3, 3, 5)];
    let claimable = ClaimableFunding { market: address("m"), token: address("c"), account: address("a"), delta: n(7) };
    let payment = trade::received(&claimable, &logs[1..], &mut HexTexts::default()).unwrap();
    assert_eq!((payment.position_key, payment.amount.native), (Text::from(B256::repeat_byte(3).to_string()), n(7)));
}

#[test]
fn a_grant_looks_only_behind_itself() {
    let claimable = ClaimableFunding { market: address("m"), token: address("c"), account: address("a"), delta: n(7) };
    let logs = [fees("a", 1, 1, 5), Some(Log::ClaimableFunding(claimable)), fees("a", 3, 3, 5)];
    let line = include_str!("../../../../tests/golden/arbitrum/gmx_v2/recorded_funding_update/records.jsonl").lines().next().unwrap();
    let record: RawRecord = serde_json::from_str(line).unwrap();
    let records = vec![record; logs.len()];
    let unit = DecodeUnit { chain: ChainId::ARBITRUM, height: 1, time_ms: 0, tx_id: &"t".into(), records: &records, state: &[] };
    let mut emitter = Emitter::new(&unit, super::SLUG);
    super::emit(&mut emitter, &mut HexTexts::default(), &unit, &logs, 1).unwrap();
    let events = emitter.finish().events;
    let EventBody::FundingPayment(payment) = &events[0].body else { panic!("{events:?}") };
    assert_eq!(payment.position_key, B256::repeat_byte(3).to_string());
}

#[test]
fn a_fill_takes_the_fees_of_its_order() {
    let logs = [fees("a", 1, 9, 5), fees("a", 2, 9, 6)];
    for (order, fee) in [(1, 5), (2, 6)] {
        let fill = trade::fill(&increase(order, 9), &logs, &mut HexTexts::default()).unwrap().unwrap();
        assert_eq!(fill.fee.unwrap().native, n(fee));
    }
}

#[test]
fn a_change_of_dollars_alone_is_a_fill() {
    let no_tokens = Position { delta_tokens: I256::ZERO, ..increase(1, 9) };
    assert!(trade::fill(&no_tokens, &[], &mut HexTexts::default()).unwrap().is_some());
    let no_dollars = Position { delta_usd: I256::ZERO, delta_tokens: I256::ZERO, ..increase(1, 9) };
    assert!(trade::fill(&no_dollars, &[], &mut HexTexts::default()).unwrap().is_none());
}

#[test]
fn a_rate_is_made_of_its_own_market() {
    let per_size = |market: &str, is_claimable, side, delta| {
        let (market, collateral_token) = (address(market), address("c"));
        Some(Log::PerSize(PerSize { is_claimable, market, collateral_token, side, delta: n(delta) }))
    };
    let borrowing = |market: &str, seconds: i64| {
        let cumulative = CumulativeBorrowing { market: address(market), side: PositionSide::Long, delta: n(seconds), next_value: n(1_000) };
        [Some(Log::CumulativeBorrowing(cumulative)), Some(Log::Borrowing(Factor { market: address(market), per_second: n(1) }))]
    };
    let mut logs = vec![
        per_size("other", false, PositionSide::Short, 900),
        per_size("other", true, PositionSide::Long, 900),
        per_size("m", false, PositionSide::Long, 100),
        per_size("m", true, PositionSide::Short, 50),
        Some(Log::Funding(Factor { market: address("m"), per_second: n(1) })),
    ];
    logs.extend(borrowing("other", 77));
    logs.extend(borrowing("m", 11));
    let update = Factor { market: address("m"), per_second: n(1) };
    let rate = funding::rate(&update, &logs, 4, 100_000).unwrap().unwrap();
    assert_eq!(rate.period, Period::Exact { start_ms: 89_000, end_ms: 100_000 });
    let hour = Decimal::new(n(3_600), 30);
    assert_eq!(rate.cost_long_1h, Some(hour));
    assert_eq!(rate.cost_short_1h, Some(Decimal::new(n(-1_800), 30)));
}
