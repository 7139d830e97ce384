//! What an order is about: the position, the reason, the charges.

use alloy_primitives::{Address, B256, U256, keccak256};

use super::market::{LONG_TOKEN, Market, SHORT_TOKEN, pow10, side};
use crate::encode::gmx::topic;

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

    /// Nothing is owed any more: the market's present sums stand behind the position.
    pub(super) fn settle(&mut self, market: &Market) {
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

    /// What an order costs the position, before it is settled.
    pub(super) fn charges(&self, order: &Order, market: &Market, price_min: U256) -> Charges {
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
