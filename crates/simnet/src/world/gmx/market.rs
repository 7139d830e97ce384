//! A GMX v2 market's own state: funding, borrowing and open interest by collateral and side.

use alloy_primitives::{Address, I256, U256, address};

use crate::encode::abi::Emitted;
use crate::encode::gmx::{EventEmitter, Items, topic};
use crate::truth::MarketId;

/// Native USDC of Arbitrum One.
pub(super) const USDC: Address = address!("af88d065e77c8cc2239327c5edb3a432268e5831");

/// Index of a market's long token among its collaterals.
pub(super) const LONG_TOKEN: usize = 0;
/// Index of USDC among a market's collaterals.
pub(super) const SHORT_TOKEN: usize = 1;

/// Index of a side.
pub(super) fn side(long: bool) -> usize {
    usize::from(!long)
}

/// What of a market is fixed.
#[derive(Debug)]
pub(super) struct Listing {
    pub(super) asset: &'static str,
    pub(super) market: Address,
    pub(super) index_token: Address,
    pub(super) index_decimals: u32,
    /// What the index token's contract calls itself; `None` for the made-up index of a synthetic market.
    pub(super) index_symbol: Option<&'static str>,
    pub(super) long_token: Address,
    /// Longs may post the long token, and then shorts always pay funding, so that it is paid in USDC alone: nobody states
    /// a dollar price for what is claimed in another token.
    pub(super) long_collateral: bool,
}

/// Three of the markets of gmx-interface's configuration (sdk/src/configs/markets.ts).
pub(super) const LISTINGS: &[Listing] = &[
    Listing {
        asset: "BTC",
        market: address!("47c031236e19d024b42f8ae6780e44a573170703"),
        index_token: address!("47904963fc8b2340414262125af798b9655e58cd"),
        index_decimals: 8,
        index_symbol: None,
        long_token: address!("2f2a2543b76a4166549f7aab2e75bef0aefc5b0f"),
        long_collateral: false,
    },
    Listing {
        asset: "ETH",
        market: address!("70d95587d40a2caf56bd97485ab3eec10bee6336"),
        index_token: address!("82af49447d8a07e3bd95bd0d56f35241523fbab1"),
        index_decimals: 18,
        index_symbol: Some("WETH"),
        long_token: address!("82af49447d8a07e3bd95bd0d56f35241523fbab1"),
        long_collateral: true,
    },
    Listing {
        asset: "SOL",
        market: address!("09400d9db990d5ed3f35d7be61dfaeb900af03c9"),
        index_token: address!("2bcc6d6cdbbdc0a4071e48bb3b969b06b3330c07"),
        index_decimals: 9,
        index_symbol: Some("SOL"),
        long_token: address!("2bcc6d6cdbbdc0a4071e48bb3b969b06b3330c07"),
        long_collateral: false,
    },
];

/// A market that no table names: what it trades stands in its index token's contract alone.
pub(super) const UNLISTED: Listing = Listing {
    asset: "DOGE",
    market: address!("d09e000000000000000000000000000000000001"),
    index_token: address!("d09e000000000000000000000000000000000002"),
    index_decimals: 8,
    index_symbol: Some("DOGE"),
    long_token: address!("d09e000000000000000000000000000000000002"),
    long_collateral: false,
};

/// A market's changing state. Arrays are by collateral, then by side.
#[derive(Debug)]
pub(super) struct Market {
    pub(super) listing: &'static Listing,
    pub(super) id: MarketId,
    /// Share of notional that the paying side pays per second, times 10^30.
    pub(super) funding_factor: U256,
    pub(super) longs_pay: bool,
    /// Tokens per dollar of size that payers owe so far, times 10^15.
    pub(super) fee_per_size: [[U256; 2]; 2],
    /// The same for what receivers may claim.
    pub(super) claim_per_size: [[U256; 2]; 2],
    /// Borrow fee per dollar of size so far, times 10^30, by side.
    pub(super) borrowing: [U256; 2],
    /// Dollars at entry times 10^30.
    pub(super) oi_usd: [[U256; 2]; 2],
    /// Index token's smallest units.
    pub(super) oi_tokens: [[U256; 2]; 2],
    updated_secs: u64,
}

/// Prices an order is executed at: dollars times 10^30 per smallest unit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Quotes {
    pub(super) index_min: U256,
    pub(super) index_max: U256,
    /// By collateral, lower and upper.
    pub(super) collateral: [(U256, U256); 2],
}

impl Market {
    /// A market as it is created.
    pub(super) fn new(listing: &'static Listing, id: MarketId, now_secs: u64) -> Market {
        Market {
            listing,
            id,
            funding_factor: U256::from(1_300_000_000_000_000_000_000_u128),
            longs_pay: !listing.long_collateral,
            fee_per_size: [[U256::ZERO; 2]; 2],
            claim_per_size: [[U256::ZERO; 2]; 2],
            borrowing: [U256::ZERO; 2],
            oi_usd: [[U256::ZERO; 2]; 2],
            oi_tokens: [[U256::ZERO; 2]; 2],
            updated_secs: now_secs,
        }
    }

    /// The collateral token with this index.
    pub(super) fn collateral(&self, index: usize) -> Address {
        if index == LONG_TOKEN { self.listing.long_token } else { USDC }
    }

    /// The log of its creation.
    pub(super) fn created(&self, emitter: &EventEmitter) -> Emitted {
        let Listing { market, index_token, long_token, .. } = self.listing;
        let items = Items::default()
            .address("marketToken", *market)
            .address("indexToken", *index_token)
            .address("longToken", *long_token)
            .address("shortToken", USDC)
            .word("salt", topic(*index_token))
            .word("marketType", alloy_primitives::keccak256("base-v1"));
        emitter.emit("MarketCreated", &[topic(*market)], items)
    }

    /// Brings funding and borrowing up to now, as every order does first.
    pub(super) fn update(&mut self, now_secs: u64, quotes: &Quotes, emitter: &EventEmitter, logs: &mut Vec<Emitted>) {
        let seconds = U256::from(now_secs - self.updated_secs);
        self.updated_secs = now_secs;
        self.update_funding(seconds, quotes, emitter, logs);
        self.update_borrowing(seconds, emitter, logs);
    }

    /// The log of a change of open interest in dollars and the one in tokens; a side grows or shrinks.
    pub(super) fn move_interest(
        &mut self,
        (collateral, long): (usize, bool),
        (usd, tokens): (U256, U256),
        grows: bool,
        emitter: &EventEmitter,
    ) -> [Emitted; 2] {
        let side = side(long);
        let token = self.collateral(collateral);
        let market = self.listing.market;
        let change = |name: &str, level: &mut U256, by: U256| {
            *level = if grows { *level + by } else { *level - by };
            let delta = I256::from_raw(by);
            let items = Items::default()
                .address("market", market)
                .address("collateralToken", token)
                .uint("nextValue", *level)
                .int("delta", if grows { delta } else { -delta })
                .flag("isLong", long);
            emitter.emit(name, &[topic(market)], items)
        };
        let in_usd = change("OpenInterestUpdated", &mut self.oi_usd[collateral][side], usd);
        [in_usd, change("OpenInterestInTokensUpdated", &mut self.oi_tokens[collateral][side], tokens)]
    }

    fn update_funding(&mut self, seconds: U256, quotes: &Quotes, emitter: &EventEmitter, logs: &mut Vec<Emitted>) {
        let (payer, receiver) = (side(self.longs_pay), side(!self.longs_pay));
        let total = |side: usize| self.oi_usd[LONG_TOKEN][side] + self.oi_usd[SHORT_TOKEN][side];
        let owed_to = total(receiver);
        let both = !total(payer).is_zero() && !owed_to.is_zero();
        let mut deltas = [U256::ZERO; 2];
        if both {
            for (collateral, delta) in deltas.iter_mut().enumerate().filter(|(collateral, _)| !self.oi_usd[*collateral][payer].is_zero()) {
                *delta = (self.funding_factor * seconds * pow10(15)).div_ceil(quotes.collateral[collateral].1);
            }
        }
        for (collateral, delta) in deltas.into_iter().enumerate().filter(|(_, delta)| !delta.is_zero()) {
            self.fee_per_size[collateral][payer] += delta;
            let value = self.fee_per_size[collateral][payer];
            logs.push(self.per_size("FundingFeeAmountPerSizeUpdated", collateral, self.longs_pay, (delta, value), emitter));
        }
        for (collateral, delta) in deltas.into_iter().enumerate().filter(|(_, delta)| !delta.is_zero()) {
            let claim = delta * self.oi_usd[collateral][payer] / owed_to;
            self.claim_per_size[collateral][receiver] += claim;
            let value = self.claim_per_size[collateral][receiver];
            if !claim.is_zero() {
                logs.push(self.per_size("ClaimableFundingAmountPerSizeUpdated", collateral, !self.longs_pay, (claim, value), emitter));
            }
        }
        let factor = if both { self.funding_factor } else { U256::ZERO };
        let items = Items::default().address("market", self.listing.market).uint("fundingFactorPerSecond", factor);
        logs.push(emitter.emit("Funding", &[topic(self.listing.market)], items));
    }

    fn per_size(&self, name: &str, collateral: usize, long: bool, (delta, value): (U256, U256), emitter: &EventEmitter) -> Emitted {
        let items = Items::default()
            .address("market", self.listing.market)
            .address("collateralToken", self.collateral(collateral))
            .uint("delta", delta)
            .uint("value", value)
            .flag("isLong", long);
        emitter.emit(name, &[topic(self.listing.market)], items)
    }

    /// Only the larger side borrows.
    fn update_borrowing(&mut self, seconds: U256, emitter: &EventEmitter, logs: &mut Vec<Emitted>) {
        let total = |side: usize| self.oi_usd[LONG_TOKEN][side] + self.oi_usd[SHORT_TOKEN][side];
        let totals = [total(0), total(1)];
        for long in [true, false] {
            let (own, other) = (totals[side(long)], totals[side(!long)]);
            let factor = if own > other { (own - other) / pow10(13) / U256::from(2) } else { U256::ZERO };
            let factor = factor.min(pow10(22));
            let delta = factor * seconds;
            self.borrowing[side(long)] += delta;
            let market = self.listing.market;
            let items = Items::default()
                .address("market", market)
                .uint("delta", delta)
                .uint("nextValue", self.borrowing[side(long)])
                .flag("isLong", long);
            logs.push(emitter.emit("CumulativeBorrowingFactorUpdated", &[topic(market)], items));
            let items = Items::default().address("market", market).uint("borrowingFactorPerSecond", factor);
            logs.push(emitter.emit("Borrowing", &[topic(market)], items));
        }
    }
}

/// 10^n.
pub(super) fn pow10(n: u32) -> U256 {
    U256::from(10).pow(U256::from(n))
}
