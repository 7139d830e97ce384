//! `LogTrade` as the fills of its two sides.

use alloy_primitives::{I256, U256};
use perpdex_core::{Action, Amount, Decimal, Fill, Forced, Liquidation, LiquidationKind, Size, Text, TokenAmount};

use super::{
    BASE, Log, QUOTIENT,
    contracts::{Market, Role, find},
    log::{Moved, OrderFilled, Said, Trade},
    position_key, settled_before,
};
use crate::{
    emit::DecodeError,
    signed::{action, position_side, trade_side},
};

/// Which contract checked the trade.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Order,
    Liquidation,
    Deleveraging,
}

/// What every leg of a trade has in common.
struct Common<'a> {
    market: &'a Market,
    kind: Kind,
    qty: Amount,
    price: Decimal,
    mark_price: Option<Amount>,
    trade_key: Text,
}

/// One side of a trade. Positions are signed as those of the asset.
struct Leg<'a> {
    account: &'a str,
    before: I256,
    after: I256,
    is_taker: bool,
    order_key: Text,
    fee: Option<I256>,
    counterparty: &'a str,
}

/// Maker's and taker's fill of the `LogTrade` at a place of the transaction; none for a trade of nothing.
pub(super) fn legs(logs: &[Log<'_>], at: usize) -> Result<Vec<Fill>, DecodeError> {
    let (market, record) = (logs[at].contract.market, logs[at].record);
    let Said::Trade(trade) = &logs[at].said else { return Ok(Vec::new()) };
    if trade.position.is_zero() {
        return Ok(Vec::new());
    }
    let kind = kind(trade);
    let said = announced(logs, at, trade);
    let order = match said {
        Some(Said::OrderFilled(filled)) => Some(filled),
        _ => None,
    };
    let mark_price = match said {
        Some(Said::Forced(forced)) if !market.is_inverse => Some(Amount::decimals(forced.oracle_price, market.price_scale())),
        _ => None,
    };
    let trade_key = Text::from(format!("{}/{}", record.tx_id, record.rec));
    let common = Common {
        market,
        kind,
        qty: Amount::decimals(trade.position, market.position_decimals),
        price: price(trade, order.as_ref(), market)?,
        mark_price,
        trade_key: trade_key.clone(),
    };
    let change = if trade.is_buy { trade.position } else { -trade.position };
    let maker = Leg {
        account: &trade.maker,
        before: market.sided(trade.maker_after + change),
        after: market.sided(trade.maker_after),
        is_taker: false,
        order_key: order.map_or_else(|| trade_key.clone(), |order| order.order.to_string().into()),
        fee: order.map(|order| fee(trade, &order, market)).transpose()?,
        counterparty: &trade.taker,
    };
    let taker = Leg {
        account: &trade.taker,
        before: market.sided(trade.taker_after - change),
        after: market.sided(trade.taker_after),
        is_taker: true,
        order_key: trade_key,
        fee: None,
        counterparty: &trade.maker,
    };
    let passes_through = kind == Kind::Order && passes_through(logs, market, &trade.taker);
    let mut taker_fill = common.fill(&taker);
    if passes_through {
        // Both users are makers here: the one trade between them is counted where the account between them buys.
        taker_fill.is_taker = trade.is_buy;
        taker_fill.is_directional = false;
    }
    Ok(vec![common.fill(&maker), taker_fill])
}

/// The position that ended with the withdrawal at a place of the transaction, at the price the payout implies; `None` where
/// no settlement of funding told it.
pub(super) fn settlement(logs: &[Log<'_>], at: usize, moved: &Moved) -> Result<Option<Fill>, DecodeError> {
    let (market, record) = (logs[at].contract.market, logs[at].record);
    let Some(balance) = settled_before(logs, at, &moved.account).filter(|balance| !balance.position.is_zero()) else { return Ok(None) };
    let too_large = || DecodeError::invalid(format!("amount {} is no payout of a position", moved.amount));
    let worth = moved.amount.checked_add(moved.balance.margin).and_then(|worth| worth.checked_sub(balance.margin)).ok_or_else(too_large)?;
    let position = market.sided(balance.position);
    let price = match market.is_inverse {
        true => Decimal::from(1),
        false => {
            Decimal::new(worth, market.margin_decimals).div(&Decimal::new(balance.position, market.position_decimals), QUOTIENT)?.abs()
        }
    };
    let trade_key = Text::from(format!("{}/{}", record.tx_id, record.rec));
    let qty = if position.is_negative() { -position } else { position };
    Ok(Some(Fill {
        account: moved.account.clone(),
        position_key: position_key(market, &moved.account),
        position_side: None,
        collateral_token: None,
        trade_key: trade_key.clone(),
        order_key: Some(trade_key),
        is_taker: true,
        is_directional: false,
        in_volume: false,
        forced: Forced::None,
        side: trade_side(-position),
        action: Action::Settlement,
        qty: Amount::decimals(qty, market.position_decimals),
        price: Amount::decimals(price.value, price.scale),
        venue_notional_usd: None,
        before: Some(size(position, market)),
        after: Some(size(I256::ZERO, market)),
        fee: None,
        fee_token_price_usd: None,
        realized_pnl_usd: None,
        liquidation: None,
    }))
}

impl Common<'_> {
    fn fill(&self, leg: &Leg<'_>) -> Fill {
        let forced = self.kind != Kind::Order;
        let liquidation = self.liquidation(leg);
        Fill {
            account: leg.account.into(),
            position_key: position_key(self.market, leg.account),
            position_side: None,
            collateral_token: None,
            trade_key: self.trade_key.clone(),
            order_key: Some(leg.order_key.clone()),
            is_taker: leg.is_taker,
            is_directional: !forced,
            in_volume: self.kind != Kind::Liquidation,
            forced: match self.kind {
                Kind::Order => Forced::None,
                Kind::Liquidation => Forced::Liq,
                Kind::Deleveraging => Forced::Adl,
            },
            side: trade_side(leg.after - leg.before),
            action: match (self.kind, leg.is_taker) {
                (Kind::Order, _) => action(leg.before, leg.after),
                (Kind::Liquidation | Kind::Deleveraging, false) => Action::Liquidation,
                (Kind::Liquidation, true) => Action::Takeover,
                (Kind::Deleveraging, true) => Action::Adl,
            },
            qty: self.qty,
            price: Amount::decimals(self.price.value, self.price.scale),
            venue_notional_usd: None,
            before: Some(size(leg.before, self.market)),
            after: Some(size(leg.after, self.market)),
            fee: leg.fee.map(|native| TokenAmount { native, token: self.market.margin_token.into() }),
            fee_token_price_usd: None,
            realized_pnl_usd: None,
            liquidation,
        }
    }

    /// The liquidated account is the maker; the taker of a deleveraging is the profitable side that was closed.
    fn liquidation(&self, leg: &Leg<'_>) -> Option<Liquidation> {
        let kind = match (self.kind, leg.is_taker) {
            (Kind::Order, _) | (Kind::Liquidation, true) => return None,
            (Kind::Liquidation, false) => LiquidationKind::Takeover,
            (Kind::Deleveraging, false) => LiquidationKind::Market,
            (Kind::Deleveraging, true) => LiquidationKind::Adl,
        };
        Some(Liquidation {
            kind,
            side: position_side(leg.before),
            liquidator: (self.kind == Kind::Liquidation).then(|| leg.counterparty.to_owned()).map(Into::into),
            mark_price: self.mark_price,
            fee: None,
            is_partial: Some(!leg.after.is_zero()),
        })
    }
}

fn kind(trade: &Trade) -> Kind {
    match find(&trade.trader).map(|contract| contract.role) {
        Some(Role::Liquidation) => Kind::Liquidation,
        Some(Role::Deleveraging) => Kind::Deleveraging,
        Some(Role::Orders | Role::Perpetual) | None => Kind::Order,
    }
}

/// What the checking contract said of this trade: its last word before it, if the amount agrees.
fn announced(logs: &[Log<'_>], at: usize, trade: &Trade) -> Option<Said> {
    let last =
        logs[..at].iter().rev().take_while(|log| !matches!(log.said, Said::Trade(_))).find(|log| log.contract.address == trade.trader)?;
    let amount = match &last.said {
        Said::OrderFilled(filled) => filled.amount,
        Said::Forced(forced) => forced.amount,
        _ => return None,
    };
    (amount == trade.position).then(|| last.said.clone())
}

/// The execution price: the order's without its fee, else what changed hands. One dollar a contract on the inverse market.
fn price(trade: &Trade, order: Option<&OrderFilled>, market: &Market) -> Result<Decimal, DecodeError> {
    match order {
        _ if market.is_inverse => Ok(Decimal::from(1)),
        Some(order) => Ok(Decimal::new(order.price, market.price_scale())),
        None => {
            let (margin, position) =
                (Decimal::new(trade.margin, market.margin_decimals), Decimal::new(trade.position, market.position_decimals));
            Ok(margin.div(&position, QUOTIENT)?)
        }
    }
}

/// What the order's fee made the maker pay: the margin that changed hands against the margin at the order's price.
fn fee(trade: &Trade, order: &OrderFilled, market: &Market) -> Result<I256, DecodeError> {
    let one = I256::from_raw(U256::from(10).pow(U256::from(BASE)));
    let (factor, divisor) = if market.is_inverse { (one, order.price) } else { (order.price, one) };
    let refused = || DecodeError::invalid(format!("price {} is no price of {}", order.price, order.amount));
    let at_price = order.amount.checked_mul(factor).and_then(|product| product.checked_div(divisor)).ok_or_else(refused)?;
    let more = trade.margin.checked_sub(at_price).ok_or_else(refused)?;
    // The taker's purchase is the maker's sale, whose fee is taken off the margin received.
    Ok(if trade.is_buy { -more } else { more })
}

/// Whether an account bought and sold the same by orders of one transaction: it stands between two users.
fn passes_through(logs: &[Log<'_>], market: &Market, taker: &str) -> bool {
    let mut net = I256::ZERO;
    let mut sides = [false; 2];
    for log in logs {
        let Said::Trade(trade) = &log.said else { continue };
        if log.contract.market != market || trade.taker != taker || kind(trade) != Kind::Order || trade.position.is_zero() {
            continue;
        }
        sides[usize::from(trade.is_buy)] = true;
        // 120 bits each.
        net += if trade.is_buy { trade.position } else { -trade.position };
    }
    net.is_zero() && sides == [true; 2]
}

fn size(position: I256, market: &Market) -> Size {
    Size { qty: Some(Amount::decimals(position, market.position_decimals)), entry_usd: None }
}
