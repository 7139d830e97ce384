//! The execution of one GMX v2 order: what it charges, what it changes, what it emits, in the contract's order.

use alloy_primitives::{Address, B256, U256, keccak256};

use super::market::{LONG_TOKEN, Market, Quotes, SHORT_TOKEN, USDC, pow10, side};
use super::view::View;
use crate::encode::abi::Emitted;
use crate::encode::gmx::{EventEmitter, Items, topic};

/// A position.
#[derive(Clone, Debug)]
pub(super) struct Position {
    pub(super) account: Address,
    /// Index of the collateral among the market's.
    pub(super) collateral: usize,
    pub(super) long: bool,
    pub(super) size_usd: U256,
    pub(super) size_tokens: U256,
    /// Meant for the cascade.
    pub(super) is_whale: bool,
    pub(super) amount: U256,
    pub(super) fee_snapshot: U256,
    pub(super) claim_snapshot: [U256; 2],
    pub(super) borrow_snapshot: U256,
}

/// Why an order is executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// The trader wants more, or changes collateral alone.
    Increase,
    /// The trader wants less.
    Decrease,
    /// The position is liquidated; insolvent ones pay no fees.
    Liquidation { insolvent: bool },
    /// The position is auto-deleveraged.
    Adl,
}

/// One order.
#[derive(Clone, Copy, Debug)]
pub(super) struct Order {
    pub(super) key: B256,
    pub(super) reason: Reason,
    /// `orderType` of the contracts.
    pub(super) order_type: u64,
    /// Dollars times 10^30.
    pub(super) size_usd: U256,
    /// How much worse than the oracle the price is for a buyer, parts per million.
    pub(super) impact_ppm: i64,
    pub(super) has_referral: bool,
}

/// What an order did, for the truth.
#[derive(Clone, Copy, Debug)]
pub(super) struct Executed {
    /// Index tokens that changed hands.
    pub(super) tokens: U256,
    /// Execution price, dollars times 10^30 per smallest unit.
    pub(super) price: U256,
    pub(super) charges: Charges,
}

/// What a position pays, in its collateral, and what it may claim, by token.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Charges {
    pub(super) position: U256,
    pub(super) discount: U256,
    pub(super) funding: U256,
    pub(super) borrow: U256,
    pub(super) claims: [U256; 2],
    pub(super) borrow_usd: U256,
    pub(super) liquidation: U256,
}

impl Position {
    /// A position of nothing, with the market's present sums behind it.
    pub(super) fn new(account: Address, collateral: usize, long: bool, market: &Market) -> Position {
        let mut position = Position {
            account,
            collateral,
            long,
            size_usd: U256::ZERO,
            size_tokens: U256::ZERO,
            is_whale: false,
            amount: U256::ZERO,
            fee_snapshot: U256::ZERO,
            claim_snapshot: [U256::ZERO; 2],
            borrow_snapshot: U256::ZERO,
        };
        position.settle(market);
        position
    }

    /// Signed size in the index token's smallest units.
    pub(super) fn signed(&self) -> i128 {
        let size = i128::try_from(self.size_tokens).expect("sizes of the world fit in 128 bits");
        if self.long { size } else { -size }
    }

    fn settle(&mut self, market: &Market) {
        let side = side(self.long);
        self.fee_snapshot = market.fee_per_size[self.collateral][side];
        self.claim_snapshot = [market.claim_per_size[LONG_TOKEN][side], market.claim_per_size[SHORT_TOKEN][side]];
        self.borrow_snapshot = market.borrowing[side];
    }

    /// The contracts' key of the position.
    pub(super) fn key(&self, market: &Market) -> B256 {
        let flag = U256::from(u8::from(self.long));
        let words = [topic(self.account), topic(market.listing.market), topic(market.collateral(self.collateral)), flag.into()];
        keccak256(words.map(|word| word.0).concat())
    }

    fn charges(&self, order: &Order, market: &Market, price_min: U256) -> Charges {
        let side = side(self.long);
        let funding = (self.size_usd * (market.fee_per_size[self.collateral][side] - self.fee_snapshot)).div_ceil(pow10(45));
        let claim = |token: usize| self.size_usd * (market.claim_per_size[token][side] - self.claim_snapshot[token]) / pow10(45);
        let borrow_usd = self.size_usd * (market.borrowing[side] - self.borrow_snapshot) / pow10(30);
        let position = order.size_usd / U256::from(2_000) / price_min;
        let forced = matches!(order.reason, Reason::Liquidation { .. });
        Charges {
            position,
            discount: if order.has_referral { position / U256::from(10) } else { U256::ZERO },
            funding,
            borrow: borrow_usd.div_ceil(price_min),
            claims: [claim(LONG_TOKEN), claim(SHORT_TOKEN)],
            borrow_usd,
            liquidation: if forced { order.size_usd / U256::from(500) / price_min } else { U256::ZERO },
        }
    }
}

impl Charges {
    /// `totalCostAmount` of the contracts.
    pub(super) fn total(&self) -> U256 {
        self.position - self.discount + self.funding + self.borrow + self.liquidation
    }
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
