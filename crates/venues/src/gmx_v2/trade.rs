//! Fills, payments, levels and listings from the events of one transaction.

use alloy_primitives::{B256, I256};
use perpdex_core::{
    Action, Amount, Basis, Decimal, DecodeUnit, Fill, Forced, FundingKind, FundingPayment, Liquidation, LiquidationKind, MarketListed,
    OiAnchor, OiBasis, PositionSide, Price, PriceKind, Size, Text, TokenAmount, Unit,
};

use super::{
    USD_DECIMALS,
    log::{ClaimableFunding, Fees, Log, MarketCreated, ORDER_TYPE_LIQUIDATION, OpenInterest, Position, SECONDARY_ORDER_TYPE_ADL},
};
use crate::{emit::DecodeError, erc20, hex_texts::HexTexts};

/// The fill of a position event; `None` where only collateral changed.
pub(super) fn fill(position: &Position, logs: &[Option<Log>], texts: &mut HexTexts) -> Result<Option<Box<Fill>>, DecodeError> {
    if position.delta_usd.is_zero() {
        return Ok(None);
    }
    let (before, after) = sizes(position)?;
    let fees = fees_of(position, logs);
    let forced = forced(position, logs);
    Ok(Some(Box::new(Fill {
        account: texts.address(position.account),
        position_key: texts.hash(&position.position_key),
        position_side: Some(position.side),
        collateral_token: Some(texts.address(position.collateral_token)),
        // An order changes one position once: its key names the trade.
        trade_key: texts.hash(&position.order_key),
        order_key: Some(texts.hash(&position.order_key)),
        is_taker: true,
        is_directional: forced != Forced::Adl,
        in_volume: true,
        forced,
        side: position.side.trade_side(position.is_increase),
        action: action(position, forced),
        qty: Amount::market_qty(position.delta_tokens),
        price: price(position.execution_price),
        venue_notional_usd: Some(usd(position.delta_usd)),
        before: Some(before),
        after: Some(after),
        fee: fees.map(|fees| TokenAmount { native: fees.position_fee - fees.discount, token: texts.address(fees.collateral_token) }),
        fee_token_price_usd: fees.map(collateral_price),
        realized_pnl_usd: position.base_pnl_usd.map(|pnl| Decimal::new(pnl, USD_DECIMALS)),
        liquidation: liquidation(position, forced, fees, texts),
    })))
}

/// The middle of the oracle's bounds, rounded down in the native integer.
pub(super) fn oracle_price(position: &Position) -> Price {
    // Both are below 2^255, so their sum fits.
    let (low, high) = (position.index_price_min.into_raw(), position.index_price_max.into_raw());
    let middle = (low + high) >> 1;
    Price { kind: PriceKind::Oracle, price: price(I256::from_raw(middle)) }
}

/// Funding and borrowing fees paid at a position change; zeros are left out.
pub(super) fn paid(fees: &Fees, logs: &[Option<Log>], texts: &mut HexTexts) -> Vec<FundingPayment> {
    let position = positions(logs).find(|position| fees.is_of(position));
    let amounts = [(FundingKind::Funding, fees.funding_fee), (FundingKind::Borrow, fees.borrowing_fee)];
    let paid = amounts.into_iter().filter(|(_, amount)| !amount.is_zero());
    let payment = |(kind, amount): (FundingKind, I256)| FundingPayment {
        account: texts.address(fees.trader),
        position_key: position_key(fees, position, texts),
        side: position.map(|position| position.side),
        kind,
        amount: TokenAmount { native: -amount, token: texts.address(fees.collateral_token) },
        token_price_usd: Some(collateral_price(fees)),
        size: position.and_then(size_before),
        interval_end_ms: None,
    };
    paid.map(payment).collect()
}

/// Funding granted to an account. The event does not name the position; the fees that follow it in `later` do. Without
/// them the account's share of the market stands for the position.
pub(super) fn received(claimable: &ClaimableFunding, later: &[Option<Log>], texts: &mut HexTexts) -> Option<FundingPayment> {
    if claimable.delta.is_zero() {
        return None;
    }
    let fees = later.iter().flatten().find_map(|log| match log {
        Log::Fees(fees) if fees.market == claimable.market && fees.trader == claimable.account => Some(fees),
        _ => None,
    });
    let position = fees.and_then(|fees| positions(later).find(|position| fees.is_of(position)));
    let position_key = match fees {
        Some(fees) => position_key(fees, position, texts),
        None => [texts.address(claimable.account), texts.address(claimable.market)].join("/").into(),
    };
    Some(FundingPayment {
        account: texts.address(claimable.account),
        position_key,
        side: position.map(|position| position.side),
        kind: FundingKind::Funding,
        amount: TokenAmount { native: claimable.delta, token: texts.address(claimable.token) },
        token_price_usd: fees.filter(|fees| fees.collateral_token == claimable.token).map(|fees| collateral_price(fees)),
        size: position.and_then(size_before),
        interval_end_ms: None,
    })
}

/// The anchor of an open interest event. Dollars and tokens of one (market, collateral, side) follow each other in most
/// transactions: then the second gives one anchor with both, and the first none.
pub(super) fn anchor(level: &OpenInterest, previous: Option<&Log>, next: Option<&Log>, texts: &mut HexTexts) -> Option<OiAnchor> {
    if twin(level, next).is_some() {
        return None;
    }
    let both = [Some(level), twin(level, previous)];
    let value = |in_tokens: bool, side: PositionSide| {
        let of_kind = both.into_iter().flatten().find(|level| level.in_tokens == in_tokens && level.side == side)?;
        Some(if in_tokens { Amount::market_qty(of_kind.next_value) } else { usd(of_kind.next_value) })
    };
    Some(OiAnchor {
        collateral_token: Some(texts.address(level.collateral_token)),
        long: value(true, PositionSide::Long),
        short: value(true, PositionSide::Short),
        long_entry_usd: value(false, PositionSide::Long),
        short_entry_usd: value(false, PositionSide::Short),
    })
}

/// The listing of a new market; `None` for a swap-only one. Symbol and decimals stand in the market table.
pub(super) fn listed(created: &MarketCreated, unit: &DecodeUnit<'_>, texts: &mut HexTexts) -> Option<MarketListed> {
    let index_token = created.index_token?;
    let mut collateral_tokens = vec![texts.address(created.long_token)];
    if created.short_token != created.long_token {
        collateral_tokens.push(texts.address(created.short_token));
    }
    Some(MarketListed {
        symbol: erc20::symbol(unit, index_token),
        index_token: Some(texts.address(index_token)),
        native_qty_decimals: erc20::decimals(unit, index_token),
        quote: "USD".to_owned(),
        collateral_tokens,
        oi_basis: OiBasis::Qty,
        volume_basis: Basis::Entry,
        is_creation: true,
    })
}

fn positions(logs: &[Option<Log>]) -> impl Iterator<Item = &Position> {
    logs.iter().flatten().filter_map(|log| match log {
        Log::Position(position) => Some(&**position),
        _ => None,
    })
}

/// The position that fees name, or that their order changed; without either the account's share of the market stands for it.
fn position_key(fees: &Fees, position: Option<&Position>, texts: &mut HexTexts) -> Text {
    match fees.position_key.or(position.map(|position| position.position_key)) {
        Some(key) => texts.hash(&key),
        None => [texts.address(fees.trader), texts.address(fees.market)].join("/").into(),
    }
}

fn fees_of<'a>(position: &Position, logs: &'a [Option<Log>]) -> Option<&'a Fees> {
    logs.iter().flatten().find_map(|log| match log {
        Log::Fees(fees) if fees.is_of(position) => Some(&**fees),
        _ => None,
    })
}

fn forced(position: &Position, logs: &[Option<Log>]) -> Forced {
    let is = |value: I256, number: u8| u8::try_from(value).is_ok_and(|value| value == number);
    if position.is_increase {
        Forced::None
    } else if is(position.order_type, ORDER_TYPE_LIQUIDATION) {
        Forced::Liq
    } else if secondary_order_type(position.order_key, logs).is_some_and(|value| is(value, SECONDARY_ORDER_TYPE_ADL)) {
        Forced::Adl
    } else {
        Forced::None
    }
}

fn secondary_order_type(order_key: B256, logs: &[Option<Log>]) -> Option<I256> {
    logs.iter().flatten().find_map(|log| match log {
        Log::OrderExecuted(executed) if executed.key == order_key => executed.secondary_order_type,
        _ => None,
    })
}

fn action(position: &Position, forced: Forced) -> Action {
    match (forced, position.is_increase) {
        (Forced::Liq, _) => Action::Liquidation,
        (Forced::Adl, _) => Action::Adl,
        (Forced::None, true) if position.size_usd == position.delta_usd => Action::Open,
        (Forced::None, true) => Action::Increase,
        (Forced::None, false) if position.size_usd.is_zero() => Action::Close,
        (Forced::None, false) => Action::Decrease,
    }
}

fn liquidation(position: &Position, forced: Forced, fees: Option<&Fees>, texts: &mut HexTexts) -> Option<Liquidation> {
    let kind = match forced {
        Forced::None => return None,
        Forced::Liq => LiquidationKind::Pool,
        Forced::Adl => LiquidationKind::Adl,
    };
    let fee = |fees: &Fees| Some(TokenAmount { native: fees.liquidation_fee?, token: texts.address(fees.collateral_token) });
    Some(Liquidation {
        kind,
        side: position.side,
        liquidator: None,
        mark_price: None,
        fee: fees.and_then(fee),
        is_partial: Some(!position.size_usd.is_zero()),
    })
}

/// The position before and after. The event holds the state after it and the change.
fn sizes(position: &Position) -> Result<(Size, Size), DecodeError> {
    let (tokens, usd) =
        (before(position, position.size_tokens, position.delta_tokens), before(position, position.size_usd, position.delta_usd));
    match (tokens, usd) {
        (Some(tokens), Some(usd)) => Ok((size(position.side, tokens, usd), size(position.side, position.size_tokens, position.size_usd))),
        _ => Err(DecodeError::invalid("the size after the event and its change give no size before it".to_owned())),
    }
}

fn before(position: &Position, after: I256, delta: I256) -> Option<I256> {
    let before = if position.is_increase { after.checked_sub(delta) } else { after.checked_add(delta) };
    before.filter(|before| !before.is_negative())
}

fn size_before(position: &Position) -> Option<Amount> {
    before(position, position.size_tokens, position.delta_tokens).map(|tokens| Amount::market_qty(signed(position.side, tokens)))
}

fn size(side: PositionSide, tokens: I256, entry_usd: I256) -> Size {
    Size { qty: Some(Amount::market_qty(signed(side, tokens))), entry_usd: Some(usd(entry_usd)) }
}

fn signed(side: PositionSide, tokens: I256) -> I256 {
    match side {
        PositionSide::Long => tokens,
        PositionSide::Short => -tokens,
    }
}

fn twin<'a>(level: &OpenInterest, other: Option<&'a Log>) -> Option<&'a OpenInterest> {
    match other {
        Some(Log::OpenInterest(other)) => {
            let same = other.market == level.market && other.collateral_token == level.collateral_token && other.side == level.side;
            (same && other.in_tokens != level.in_tokens).then_some(other)
        }
        _ => None,
    }
}

fn usd(native: I256) -> Amount {
    Amount::decimals(native, USD_DECIMALS)
}

fn price(native: I256) -> Amount {
    Amount { native, unit: Unit::MarketPrice(USD_DECIMALS) }
}

/// Dollars for one smallest unit of the collateral token; the lower bound is what the contract charges by.
fn collateral_price(fees: &Fees) -> Decimal {
    Decimal::new(fees.collateral_price_min, USD_DECIMALS)
}
