//! The execution of one GMX v2 order: what it charges, what it changes, what it emits, in the contract's order.

use alloy_primitives::{Address, U256};

use super::market::{Market, Quotes, USDC};
use super::position::{Charges, Order, Position, Reason};
use super::view::View;
use crate::encode::abi::Emitted;
use crate::encode::gmx::{EventEmitter, Items, topic};

/// What an order did, for the truth.
#[derive(Clone, Copy, Debug)]
pub(super) struct Executed {
    /// Index tokens that changed hands.
    pub(super) tokens: U256,
    /// Execution price, dollars times 10^30 per smallest unit.
    pub(super) price: U256,
    pub(super) charges: Charges,
}

/// Executes the order on the position.
pub(super) fn execute(
    order: &Order,
    position: &mut Position,
    market: &mut Market,
    (now_secs, quotes): (u64, &Quotes),
    emitter: &EventEmitter,
    logs: &mut Vec<Emitted>,
) -> Executed {
    logs.push(oracle_price(market.listing.index_token, (quotes.index_min, quotes.index_max), now_secs, emitter));
    market.update(now_secs, quotes, emitter, logs);
    let grows = order.reason == Reason::Increase;
    let tokens = tokens_of(order, position, quotes, grows);
    let price = execution_price(order, position.long == grows, quotes);
    let (price_min, price_max) = quotes.collateral[position.collateral];
    let due = position.charges(order, market, price_min);
    for (token, claim) in due.claims.into_iter().enumerate().filter(|(_, claim)| !claim.is_zero()) {
        let items = Items::default()
            .address("market", market.listing.market)
            .address("token", market.collateral(token))
            .address("account", position.account)
            .uint("delta", claim)
            .uint("nextValue", claim + U256::from(1))
            .uint("nextPoolValue", claim * U256::from(1_000));
        logs.push(emitter.emit("ClaimableFundingUpdated", &[topic(position.account)], items));
    }
    let before = position.clone();
    position.settle(market);
    resize(position, order, tokens, grows, price_min);
    if !order.size_usd.is_zero() {
        logs.extend(market.move_interest((position.collateral, position.long), (order.size_usd, tokens), grows, emitter));
    }
    let view = View { order, position, market, now_secs, tokens, price, prices: (price_min, price_max), quotes };
    let insolvent = order.reason == Reason::Liquidation { insolvent: true };
    let charges = if insolvent { Charges { claims: due.claims, ..Charges::default() } } else { due };
    if insolvent {
        logs.push(emitter.emit("PositionFeesInfo", &[topic(market.listing.market)], view.fees(&due)));
        logs.push(emitter.emit("InsolventClose", &[], view.insolvent_close(&before)));
    }
    logs.push(emitter.emit("PositionFeesCollected", &[topic(market.listing.market)], view.fees(&charges)));
    let name = if grows { "PositionIncrease" } else { "PositionDecrease" };
    logs.push(emitter.emit(name, &[topic(position.account)], view.change(&before, grows)));
    let items = Items::default()
        .address("account", position.account)
        .uint("secondaryOrderType", U256::from(u8::from(order.reason == Reason::Adl)))
        .word("key", order.key);
    logs.push(emitter.emit("OrderExecuted", &[order.key, topic(position.account)], items));
    Executed { tokens, price, charges }
}

/// Index tokens that an order moves: at the oracle's price when it adds, its share of the position when it takes away.
fn tokens_of(order: &Order, position: &Position, quotes: &Quotes, grows: bool) -> U256 {
    match (grows, position.long) {
        (true, true) => order.size_usd / quotes.index_max,
        (true, false) => order.size_usd.div_ceil(quotes.index_min),
        (false, _) if order.size_usd == position.size_usd => position.size_tokens,
        (false, true) => (position.size_tokens * order.size_usd).div_ceil(position.size_usd.max(U256::from(1))),
        (false, false) => position.size_tokens * order.size_usd / position.size_usd.max(U256::from(1)),
    }
}

/// The oracle's price, worse or better by the price impact.
fn execution_price(order: &Order, buys: bool, quotes: &Quotes) -> U256 {
    let (oracle, ppm) =
        if buys { (quotes.index_max, 1_000_000 + order.impact_ppm) } else { (quotes.index_min, 1_000_000 - order.impact_ppm) };
    oracle * U256::from(ppm.unsigned_abs()) / U256::from(1_000_000)
}

fn resize(position: &mut Position, order: &Order, tokens: U256, grows: bool, price_min: U256) {
    let margin = (order.size_usd / U256::from(15) / price_min).max(U256::from(1));
    if grows {
        position.size_usd += order.size_usd;
        position.size_tokens += tokens;
        position.amount += margin;
    } else {
        position.size_usd -= order.size_usd;
        position.size_tokens -= tokens;
        position.amount = if position.size_usd.is_zero() { U256::ZERO } else { position.amount.saturating_sub(margin) };
    }
}

/// The log of a price that an order brings along; of no interest to a perp indexer, and the bulk of what real blocks hold.
fn oracle_price(token: Address, (min, max): (U256, U256), now_secs: u64, emitter: &EventEmitter) -> Emitted {
    let items = Items::default()
        .address("token", token)
        .address("provider", USDC)
        .uint("minPrice", min)
        .uint("maxPrice", max)
        .uint("timestamp", U256::from(now_secs - 1));
    emitter.emit("OraclePriceUpdate", &[topic(token)], items)
}
