//! Executions and liquidations out of the states that stand before them.

use alloy_primitives::I256;
use perpdex_core::{Action, Amount, Decimal, Fill, Forced, Liquidation, LiquidationKind, RawRecord, Size, Text};

use super::{
    DECIMALS,
    contracts::Market,
    log::{Liquidate, Trade, Update},
};
use crate::{
    emit::DecodeError,
    signed::{action, position_side, trade_side},
};

/// States that no execution has used yet, and the maker's half of the execution that is being told.
#[derive(Debug, Default)]
pub(super) struct Open {
    updates: Vec<Update>,
    maker: Option<(Update, Text)>,
}

/// One account's part. Positions are signed as those of the contract.
struct Leg<'a> {
    account: &'a str,
    before: I256,
    after: I256,
    price: I256,
    is_taker: bool,
    trade_key: Text,
    /// The liquidated account's keeper, or nothing for the keeper itself.
    taken_over: Option<Option<&'a str>>,
}

impl Open {
    pub(super) fn push(&mut self, update: Update) {
        self.updates.push(update);
    }

    /// The fill of one side, and the level of open interest behind the second one where it is told.
    pub(super) fn trade(&mut self, market: &Market, record: &RawRecord, trade: &Trade) -> Result<(Fill, Option<I256>), DecodeError> {
        let (update, trade_key, is_taker, total) = match self.maker.take() {
            Some((update, trade_key)) => {
                let total = told(&update);
                (update, trade_key, false, total)
            }
            None => {
                let [taker, maker] = self.last_two()?;
                let trade_key = Text::from(format!("{}/{}", record.tx_id, record.rec));
                self.maker = Some((maker, trade_key.clone()));
                (taker, trade_key, true, None)
            }
        };
        if update.trader != trade.trader || update.price != trade.price {
            let error =
                format!("a trade of {} at {} follows the state of {} at {}", trade.trader, trade.price, update.trader, update.price);
            return Err(DecodeError::invalid(error));
        }
        let before = before(update.after, trade.change)?;
        let (account, after, price) = (trade.trader.as_str(), update.after, trade.price);
        let leg = Leg { account, before, after, price, is_taker, trade_key, taken_over: None };
        Ok((leg.fill(market, trade.change), total))
    }

    /// The fills of the liquidated account and of its keeper, and the level of open interest behind them where it is told.
    pub(super) fn liquidate(
        &mut self,
        market: &Market,
        record: &RawRecord,
        liquidate: &Liquidate,
    ) -> Result<([Fill; 2], Option<I256>), DecodeError> {
        let [trader, keeper] = self.last_two()?;
        if trader.trader != liquidate.trader || keeper.trader != liquidate.keeper {
            let error = format!("the liquidation of {} follows the states of {} and {}", liquidate.trader, trader.trader, keeper.trader);
            return Err(DecodeError::invalid(error));
        }
        let is_long = is_long(&trader, &keeper, liquidate)?;
        let taken = if is_long { liquidate.amount } else { -liquidate.amount };
        let price = liquidate.price;
        let trade_key = Text::from(format!("{}/{}", record.tx_id, record.rec));
        let leg = |update: &'_ Update, change: I256, account, taken_over| -> Result<Leg<'_>, DecodeError> {
            let before = before(update.after, change)?;
            let is_taker = change == taken;
            Ok(Leg { account, before, after: update.after, price, is_taker, trade_key: trade_key.clone(), taken_over: Some(taken_over) })
        };
        let liquidated = leg(&trader, -taken, &liquidate.trader, Some(liquidate.keeper.as_str()))?;
        let taker = leg(&keeper, taken, &liquidate.keeper, None)?;
        Ok(([liquidated.fill(market, -taken), taker.fill(market, taken)], told(&keeper)))
    }

    fn last_two(&mut self) -> Result<[Update; 2], DecodeError> {
        let missing = || DecodeError::invalid("the states of both sides do not stand before it".to_owned());
        let second = self.updates.pop().ok_or_else(missing)?;
        let first = self.updates.pop().ok_or_else(missing)?;
        Ok([first, second])
    }
}

impl Leg<'_> {
    fn fill(self, market: &Market, change: I256) -> Fill {
        let (before, after) = (market.sided(self.before), market.sided(self.after));
        let liquidator = self.taken_over.flatten();
        let is_takeover = self.taken_over.is_some();
        let price = if market.is_inverse { Decimal::from(1) } else { Decimal::new(self.price, DECIMALS) };
        let qty = abs(change);
        let size = |position| Some(Size { qty: Some(Amount::decimals(position, DECIMALS)), entry_usd: None });
        Fill {
            account: self.account.into(),
            position_key: format!("{}/{}", market.key, self.account).into(),
            position_side: None,
            collateral_token: None,
            trade_key: self.trade_key.clone(),
            order_key: Some(self.trade_key),
            is_taker: self.is_taker,
            is_directional: !is_takeover,
            in_volume: !is_takeover,
            forced: if is_takeover { Forced::Liq } else { Forced::None },
            side: trade_side(market.sided(change)),
            action: match (is_takeover, liquidator) {
                (false, _) => action(before, after),
                (true, Some(_)) => Action::Liquidation,
                (true, None) => Action::Takeover,
            },
            qty: Amount::decimals(qty, DECIMALS),
            price: Amount::decimals(price.value, price.scale),
            venue_notional_usd: None,
            before: size(before),
            after: size(after),
            fee: None,
            fee_token_price_usd: None,
            realized_pnl_usd: None,
            liquidation: liquidator.map(|liquidator| Liquidation {
                kind: LiquidationKind::Takeover,
                side: position_side(before),
                liquidator: Some(liquidator.into()),
                // A liquidation is made at the mark price.
                mark_price: Some(Amount::decimals(price.value, price.scale)),
                fee: None,
                is_partial: Some(!after.is_zero()),
            }),
        }
    }
}

/// The size of both sides, where the account stood on one before.
fn told(update: &Update) -> Option<I256> {
    (!update.total_size.is_zero()).then_some(update.total_size)
}

/// The side of the position that was taken over: that of what is left of it, else what the keeper's state makes of it. Both
/// sides are as large as each other before and after, and each state tells the total of the side its account stood on.
fn is_long(trader: &Update, keeper: &Update, liquidate: &Liquidate) -> Result<bool, DecodeError> {
    if !trader.after.is_zero() {
        return Ok(!trader.after.is_negative());
    }
    let (amount, left, total) = (liquidate.amount, abs(keeper.after), keeper.total_size);
    let before_keeper = trader.total_size;
    let grew_by = total.checked_sub(before_keeper);
    // Who held nothing, or stood on the same side, or went through zero, is on the side of what was taken over.
    let held_nothing = total.is_zero() && left == amount;
    let same_side = grew_by == Some(amount) && left > amount;
    let through_zero = grew_by == Some(left) && left < amount;
    // A larger position of the other side only became smaller.
    let other_side = grew_by == Some(I256::ZERO) && left <= total;
    match (held_nothing || same_side || through_zero, other_side) {
        _ if left.is_zero() => {}
        (true, _) => return Ok(!keeper.after.is_negative()),
        (false, true) => return Ok(keeper.after.is_negative()),
        (false, false) => {}
    }
    Err(DecodeError::invalid(format!("the side of the whole position of {} is not told by the keeper's", liquidate.trader)))
}

fn abs(size: I256) -> I256 {
    if size.is_negative() { -size } else { size }
}

fn before(after: I256, change: I256) -> Result<I256, DecodeError> {
    after.checked_sub(change).ok_or_else(|| DecodeError::invalid(format!("a change of {change} cannot lead to {after}")))
}
