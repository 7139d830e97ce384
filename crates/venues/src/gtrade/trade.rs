//! Fills and the prices they were made by.

use alloy_primitives::Address;
use perpdex_core::{
    Action, Decimal, Fill, Forced, Liquidation, LiquidationKind, PositionSide, Price, PriceKind, RawRecord, Size, Text, TokenAmount,
};

use super::{
    collateral::{Collateral, amount},
    log::{Executed, Fees, Generation, LIQ_CLOSE, Log, Pair, PositionUpdated, Resized, TOKEN_DECIMALS, TradeId},
};
use crate::{abi::hex, emit::DecodeError};

/// The fill of a trade that was opened or closed whole.
pub(super) fn executed(trade: &Executed, record: &RawRecord, before: &[Option<Log>]) -> Result<Fill, DecodeError> {
    let collateral = Collateral::of(trade.pair.collateral)?;
    let is_liquidation = trade.order_type == LIQ_CLOSE;
    let tokens = match trade.tokens {
        Some(tokens) => tokens,
        None => trade.size.div(&trade.open_price, TOKEN_DECIMALS)?,
    };
    let state = |tokens: Decimal, usd: Decimal| sizes(collateral, trade.side, tokens, usd);
    let (nothing, whole) = (state(Decimal::ZERO, Decimal::ZERO), state(tokens, trade.size));
    let fee = fees_of(trade, before).map(|fees| TokenAmount { native: fees.total, token: collateral.token.into() });
    let profit = trade.collateral_amount.mul(&trade.profit)?.mul(&trade.collateral_price_usd)?;
    let liquidation = is_liquidation.then(|| Liquidation {
        kind: LiquidationKind::Pool,
        side: trade.side,
        liquidator: trade.trigger.map(hex),
        mark_price: trade.oracle_price.map(amount),
        fee: fee.clone(),
        is_partial: Some(false),
    });
    let leg = Leg {
        collateral,
        id: trade.id,
        order: trade.order,
        side: trade.side,
        opens: trade.opens,
        tokens,
        size: trade.size,
        price: trade.price,
        collateral_price_usd: trade.collateral_price_usd,
        fee: if is_liquidation { None } else { fee },
    };
    Ok(Fill {
        forced: if is_liquidation { Forced::Liq } else { Forced::None },
        action: match (is_liquidation, trade.opens) {
            (true, _) => Action::Liquidation,
            (false, true) => Action::Open,
            (false, false) => Action::Close,
        },
        before: if trade.opens { nothing } else { whole },
        after: if trade.opens { whole } else { nothing },
        realized_pnl_usd: (!trade.opens).then_some(profit),
        liquidation,
        ..leg.fill(record)?
    })
}

/// The fill of a trade made larger or smaller.
pub(super) fn resized(trade: &Resized, record: &RawRecord, before: &[Option<Log>]) -> Result<Fill, DecodeError> {
    let collateral = Collateral::of(trade.pair.collateral)?;
    let left = left(trade.id, before);
    let (delta, after) = if trade.is_increase { grown(trade, left)? } else { shrunk(trade, left)? };
    let before = match (trade.is_increase, trade.worth_before.filter(|_| trade.side == PositionSide::Short)) {
        (true, Some(worth)) => tokens_before(trade, &worth)?,
        (true, None) => after.add(&delta.neg())?,
        (false, _) => after.add(&delta)?,
    };
    if before.is_negative() || trade.size_after.is_negative() {
        return Err(DecodeError::invalid(format!("a change of {delta} leaves {after} of a size of {before}")));
    }
    let leg = Leg {
        collateral,
        id: trade.id,
        order: trade.order,
        side: trade.side,
        opens: trade.is_increase,
        tokens: delta,
        size: trade.size_delta,
        price: trade.price,
        collateral_price_usd: trade.collateral_price_usd,
        fee: Some(TokenAmount { native: trade.fee, token: collateral.token.into() }),
    };
    Ok(Fill {
        action: if trade.is_increase { Action::Increase } else { Action::Decrease },
        before: sizes(collateral, trade.side, before, trade.size_before),
        after: sizes(collateral, trade.side, after, trade.size_after),
        realized_pnl_usd: trade.profit.map(|profit| profit.mul(&trade.collateral_price_usd)).transpose()?,
        ..leg.fill(record)?
    })
}

/// Tokens added, and tokens after. The new entry price is the mean over tokens, so that tokens add up.
fn grown(trade: &Resized, left: Option<&PositionUpdated>) -> Result<(Decimal, Decimal), DecodeError> {
    let delta = match trade.tokens_delta {
        Some(tokens) => tokens,
        None => trade.size_delta.div(&trade.price, TOKEN_DECIMALS)?,
    };
    let after = match (left.and_then(|update| update.tokens), trade.new_open_price) {
        (Some(tokens), _) => tokens,
        (None, Some(open_price)) => trade.size_after.div(&open_price, TOKEN_DECIMALS)?,
        (None, None) => return Err(DecodeError::invalid("an increase without newOpenPrice".to_owned())),
    };
    Ok((delta, after))
}

/// Tokens of a short before an increase of the time before October 2024. The contract then weighed the old entry price by size and profit
/// (`newOpen = (worth · oldOpen + delta · price) / (worth + delta)`, quoted by Pashov's review of the diamond, July 2024), by which tokens of
/// longs add up and those of shorts do not: the old entry price follows from the new one.
fn tokens_before(trade: &Resized, worth: &Decimal) -> Result<Decimal, DecodeError> {
    let new_open = trade.new_open_price.ok_or_else(|| DecodeError::invalid("an increase without newOpenPrice".to_owned()))?;
    let weighed = new_open.mul(&worth.add(&trade.size_delta)?)?.add(&trade.size_delta.mul(&trade.price)?.neg())?;
    let old_open = weighed.div(worth, TOKEN_DECIMALS)?;
    Ok(trade.size_before.div(&old_open, TOKEN_DECIMALS)?)
}

/// Tokens removed, and tokens after: at the entry price, which does not change.
fn shrunk(trade: &Resized, left: Option<&PositionUpdated>) -> Result<(Decimal, Decimal), DecodeError> {
    match (trade.tokens_delta, left) {
        (Some(delta), Some(PositionUpdated { tokens: Some(after), .. })) => Ok((delta, *after)),
        (Some(delta), _) => Ok((delta, trade.size_after.mul(&delta)?.div(&trade.size_delta, TOKEN_DECIMALS)?)),
        (None, Some(update)) => {
            let tokens = |size: &Decimal| size.div(&update.open_price, TOKEN_DECIMALS);
            Ok((tokens(&trade.size_delta)?, tokens(&trade.size_after)?))
        }
        (None, None) => Err(DecodeError::invalid("a decrease without the TradePositionUpdated that tells its entry price".to_owned())),
    }
}

/// What opening, closing and resizing have in common.
struct Leg {
    collateral: &'static Collateral,
    id: TradeId,
    order: TradeId,
    side: PositionSide,
    opens: bool,
    /// Size in tokens.
    tokens: Decimal,
    /// Size at entry in collateral.
    size: Decimal,
    price: Decimal,
    collateral_price_usd: Decimal,
    fee: Option<TokenAmount>,
}

impl Leg {
    /// The fill but for its kind, its sizes before and after, and its profit.
    fn fill(self, record: &RawRecord) -> Result<Fill, DecodeError> {
        if self.price.is_zero() || self.tokens.is_zero() {
            return Err(DecodeError::invalid(format!("a size of {} at a price of {}", self.tokens, self.price)));
        }
        // Tokens are collateral over price: of other collaterals than dollars they are worth what the collateral is.
        let qty = if self.collateral.is_dollar { self.tokens } else { self.tokens.mul(&self.collateral_price_usd)? };
        let trade_key = Text::from(format!("{}/{}", record.tx_id, record.rec));
        // Liquidations and other direct triggers have no order.
        let order_key = if self.order.user.is_zero() { trade_key.clone() } else { self.order.key() };
        Ok(Fill {
            account: hex(self.id.user),
            position_key: self.id.key(),
            position_side: Some(self.side),
            collateral_token: Some(self.collateral.token.into()),
            trade_key,
            order_key: Some(order_key),
            is_taker: true,
            is_directional: true,
            in_volume: true,
            forced: Forced::None,
            side: self.side.trade_side(self.opens),
            action: Action::Open,
            qty: amount(qty),
            price: amount(self.price),
            venue_notional_usd: Some(amount(self.size.mul(&self.collateral_price_usd)?)),
            before: None,
            after: None,
            fee_token_price_usd: self.fee.as_ref().map(|_| self.collateral.unit_usd(&self.collateral_price_usd)),
            fee: self.fee,
            realized_pnl_usd: None,
            liquidation: None,
        })
    }
}

/// A position's size; not told where it moves with the collateral's price.
fn sizes(collateral: &Collateral, side: PositionSide, tokens: Decimal, usd: Decimal) -> Option<Size> {
    let signed = if side == PositionSide::Long { tokens } else { tokens.neg() };
    // Of one scale, so that what the chain states can be held against sums of it.
    let native = signed.rescale(TOKEN_DECIMALS).ok()?;
    collateral.is_dollar.then(|| Size { qty: Some(amount(native)), entry_usd: Some(amount(usd)) })
}

/// The oracle's price, before spread and impact.
pub(super) fn oracle(price: Option<Decimal>) -> Option<Price> {
    price.filter(|price| !price.is_zero()).map(|price| Price { kind: PriceKind::Oracle, price: amount(price) })
}

/// What a settlement has to know of the trade that it is of.
pub(super) struct Settled {
    /// Its place in the transaction.
    pub(super) at: usize,
    pub(super) pair: Pair,
    pub(super) side: PositionSide,
    pub(super) generation: Generation,
}

/// The trade of this transaction on a position.
pub(super) fn trade_of(id: TradeId, logs: &[Option<Log>]) -> Option<Settled> {
    logs.iter().enumerate().find_map(|(at, log)| match log {
        Some(Log::Executed(trade)) if trade.id == id => {
            Some(Settled { at, pair: trade.pair, side: trade.side, generation: trade.generation })
        }
        Some(Log::Resized(trade)) if trade.id == id => {
            Some(Settled { at, pair: trade.pair, side: trade.side, generation: trade.generation })
        }
        _ => None,
    })
}

/// The trade of this transaction in a collateral, of an account.
pub(super) fn trade_in(user: Address, collateral: u8, logs: &[Option<Log>]) -> Option<TradeId> {
    logs.iter().flatten().find_map(|log| match log {
        Log::Executed(trade) if (trade.id.user, trade.pair.collateral) == (user, collateral) => Some(trade.id),
        Log::Resized(trade) if (trade.id.user, trade.pair.collateral) == (user, collateral) => Some(trade.id),
        _ => None,
    })
}

/// Dollars of one collateral token, by a trade of this transaction.
pub(super) fn collateral_price(index: u8, logs: &[Option<Log>]) -> Option<Decimal> {
    logs.iter().flatten().find_map(|log| match log {
        Log::Executed(trade) if trade.pair.collateral == index => Some(trade.collateral_price_usd),
        Log::Resized(trade) if trade.pair.collateral == index => Some(trade.collateral_price_usd),
        _ => None,
    })
}

/// What a change left of a trade stands before it.
fn left(id: TradeId, before: &[Option<Log>]) -> Option<&PositionUpdated> {
    before.iter().rev().flatten().find_map(|log| match log {
        Log::Position(update) if update.id == id => Some(update),
        _ => None,
    })
}

/// The fees of a trade stand before it, the nearest of its trader, collateral and kind of order.
fn fees_of<'a>(trade: &Executed, before: &'a [Option<Log>]) -> Option<&'a Fees> {
    before.iter().rev().flatten().find_map(|log| match log {
        Log::Fees(fees) => {
            let same = (fees.trader, fees.collateral, fees.order_type) == (trade.id.user, trade.pair.collateral, trade.order_type);
            same.then_some(fees)
        }
        _ => None,
    })
}
