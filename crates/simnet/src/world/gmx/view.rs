//! What the events of an executed order show, key by key.

use alloy_primitives::{Address, B256, I256, U256};

use super::market::{LONG_TOKEN, Market, Quotes, SHORT_TOKEN, pow10};
use super::position::{Charges, Order, Position, Reason};
use crate::encode::gmx::Items;

/// All that the events of an executed order show; the position is as it is after the order.
pub(super) struct View<'a> {
    pub(super) order: &'a Order,
    pub(super) position: &'a Position,
    pub(super) market: &'a Market,
    pub(super) now_secs: u64,
    pub(super) tokens: U256,
    pub(super) price: U256,
    /// Lower and upper price of the collateral.
    pub(super) prices: (U256, U256),
    pub(super) quotes: &'a Quotes,
}

impl View<'_> {
    /// Items of `PositionFeesCollected` and `PositionFeesInfo` of the generation of July 2025.
    pub(super) fn fees(&self, charges: &Charges) -> Items {
        let View { order, position, market, prices, .. } = self;
        let zero = U256::ZERO;
        let share = |amount: U256| amount * U256::from(37) / U256::from(100);
        let mut items = Items::default()
            .address("market", market.listing.market)
            .address("collateralToken", market.collateral(position.collateral))
            .address("affiliate", Address::ZERO)
            .address("trader", position.account)
            .address("uiFeeReceiver", Address::ZERO)
            .uint("collateralTokenPrice.min", prices.0)
            .uint("collateralTokenPrice.max", prices.1)
            .uint("tradeSizeUsd", order.size_usd)
            .uint("fundingFeeAmount", charges.funding)
            .uint("claimableLongTokenAmount", charges.claims[LONG_TOKEN])
            .uint("claimableShortTokenAmount", charges.claims[SHORT_TOKEN])
            .uint("latestFundingFeeAmountPerSize", position.fee_snapshot)
            .uint("latestLongTokenClaimableFundingAmountPerSize", position.claim_snapshot[LONG_TOKEN])
            .uint("latestShortTokenClaimableFundingAmountPerSize", position.claim_snapshot[SHORT_TOKEN])
            .uint("borrowingFeeUsd", charges.borrow_usd)
            .uint("borrowingFeeAmount", charges.borrow)
            .uint("borrowingFeeReceiverFactor", pow10(28) * U256::from(37))
            .uint("borrowingFeeAmountForFeeReceiver", share(charges.borrow))
            .uint("positionFeeFactor", pow10(26) * U256::from(5))
            .uint("protocolFeeAmount", charges.position - charges.discount)
            .uint("positionFeeReceiverFactor", pow10(28) * U256::from(37))
            .uint("feeReceiverAmount", share(charges.position))
            .uint("feeAmountForPool", charges.position - share(charges.position))
            .uint("positionFeeAmountForPool", charges.position - share(charges.position))
            .uint("positionFeeAmount", charges.position)
            .uint("totalCostAmount", charges.total())
            .uint("uiFeeReceiverFactor", zero)
            .uint("uiFeeAmount", zero);
        if !charges.liquidation.is_zero() {
            items = items.uint("liquidationFeeAmount", charges.liquidation);
        }
        if order.has_referral {
            items = items
                .uint("referral.totalRebateFactor", pow10(29))
                .uint("referral.traderDiscountFactor", pow10(29))
                .uint("referral.totalRebateAmount", charges.discount)
                .uint("referral.traderDiscountAmount", charges.discount)
                .uint("referral.affiliateRewardAmount", zero);
        }
        items
            .flag("isIncrease", order.reason == Reason::Increase)
            .word("orderKey", order.key)
            .word("positionKey", position.key(market))
            .word("referralCode", B256::ZERO)
    }

    /// Items of `InsolventClose`.
    pub(super) fn insolvent_close(&self, before: &Position) -> Items {
        Items::default()
            .uint("positionCollateralAmount", before.amount)
            .uint("remainingCostUsd", self.order.size_usd / U256::from(100))
            .int("basePnlUsd", self.base_pnl_usd())
            .word("orderKey", self.order.key)
    }

    /// Items of `PositionIncrease` or `PositionDecrease` of the generation of July 2025.
    pub(super) fn change(&self, before: &Position, grows: bool) -> Items {
        let View { order, position, market, prices, quotes, .. } = self;
        let collateral_delta = if grows { position.amount - before.amount } else { before.amount - position.amount };
        let mut items = Items::default()
            .address("account", position.account)
            .address("market", market.listing.market)
            .address("collateralToken", market.collateral(position.collateral))
            .uint("sizeInUsd", position.size_usd)
            .uint("sizeInTokens", position.size_tokens)
            .uint("collateralAmount", position.amount)
            .uint("borrowingFactor", position.borrow_snapshot)
            .uint("fundingFeeAmountPerSize", position.fee_snapshot)
            .uint("longTokenClaimableFundingAmountPerSize", position.claim_snapshot[LONG_TOKEN])
            .uint("shortTokenClaimableFundingAmountPerSize", position.claim_snapshot[SHORT_TOKEN])
            .uint("executionPrice", self.price)
            .uint("indexTokenPrice.max", quotes.index_max)
            .uint("indexTokenPrice.min", quotes.index_min)
            .uint("collateralTokenPrice.max", prices.1)
            .uint("collateralTokenPrice.min", prices.0)
            .uint("sizeDeltaUsd", order.size_usd)
            .uint("sizeDeltaInTokens", self.tokens);
        let now = U256::from(self.now_secs);
        items = if grows {
            items
                .uint("orderType", U256::from(order.order_type))
                .uint("increasedAtTime", now)
                .int("collateralDeltaAmount", I256::from_raw(collateral_delta))
                .int("pendingPriceImpactUsd", I256::ZERO)
                .int("pendingPriceImpactAmount", I256::ZERO)
        } else {
            items
                .uint("collateralDeltaAmount", collateral_delta)
                .uint("values.priceImpactDiffUsd", U256::ZERO)
                .uint("orderType", U256::from(order.order_type))
                .uint("decreasedAtTime", now)
                .int("priceImpactUsd", I256::ZERO)
                .int("basePnlUsd", self.base_pnl_usd())
                .int("uncappedBasePnlUsd", self.base_pnl_usd())
                .int("proportionalPendingImpactUsd", I256::ZERO)
                .int("totalImpactUsd", I256::ZERO)
        };
        items.flag("isLong", position.long).word("orderKey", order.key).word("positionKey", position.key(market))
    }

    /// Value of the tokens at the oracle's price less what they cost, from the trader's view.
    fn base_pnl_usd(&self) -> I256 {
        let price = if self.position.long { self.quotes.index_min } else { self.quotes.index_max };
        let gain = I256::from_raw(self.tokens * price) - I256::from_raw(self.order.size_usd);
        if self.position.long { gain } else { -gain }
    }
}
