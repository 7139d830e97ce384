//! Bodies that Drift v2 and Velocity share. Base amounts carry nine decimals, quote amounts and prices six, funding rates
//! nine. Fields appended over the years stand in groups, each absent from the bodies before it.

use crate::borsh::{Pubkey, Tail, borsh_struct};

borsh_struct! {
    /// `OrderActionRecord`.
    struct OrderAction {
        ts: i64,
        action: u8,
        action_explanation: u8,
        market_index: u16,
        market_type: u8,
        filler: Option<Pubkey>,
        filler_reward: Option<u64>,
        fill_record_id: Option<u64>,
        base_asset_amount_filled: Option<u64>,
        quote_asset_amount_filled: Option<u64>,
        taker_fee: Option<u64>,
        maker_fee: Option<i64>,
        referrer_reward: Option<u32>,
        quote_asset_amount_surplus: Option<i64>,
        spot_fulfillment_method_fee: Option<u64>,
        taker: Option<Pubkey>,
        taker_order_id: Option<u32>,
        taker_order_direction: Option<u8>,
        taker_order_base_asset_amount: Option<u64>,
        taker_order_cumulative_base_asset_amount_filled: Option<u64>,
        taker_order_cumulative_quote_asset_amount_filled: Option<u64>,
        maker: Option<Pubkey>,
        maker_order_id: Option<u32>,
        maker_order_direction: Option<u8>,
        maker_order_base_asset_amount: Option<u64>,
        maker_order_cumulative_base_asset_amount_filled: Option<u64>,
        maker_order_cumulative_quote_asset_amount_filled: Option<u64>,
        oracle_price: i64,
        bit_flags: Tail<u8>,
        existing: Tail<Existing>,
        trigger_price: Tail<Option<u64>>,
        builder: Tail<Builder>,
    }

    /// What the fill meets on each side: nothing where it opens or adds; the entry cost of what it reduces; that and the
    /// whole position before where it goes through zero.
    struct Existing {
        taker_existing_quote_entry_amount: Option<u64>,
        taker_existing_base_asset_amount: Option<u64>,
        maker_existing_quote_entry_amount: Option<u64>,
        maker_existing_base_asset_amount: Option<u64>,
    }

    /// A third party's part of the fee.
    struct Builder {
        builder_idx: Option<u8>,
        builder_fee: Option<u64>,
    }

    /// `FundingPaymentRecord`.
    struct FundingPaid {
        ts: i64,
        user_authority: Pubkey,
        user: Pubkey,
        market_index: u16,
        funding_payment: i64,
        base_asset_amount: i64,
        user_last_cumulative_funding: i64,
        amm_cumulative_funding_long: i128,
        amm_cumulative_funding_short: i128,
    }

    /// `DepositRecord`.
    struct Deposit {
        ts: i64,
        user_authority: Pubkey,
        user: Pubkey,
        direction: u8,
        deposit_record_id: u64,
        amount: u64,
        market_index: u16,
        oracle_price: i64,
        market_deposit_balance: u128,
        market_withdraw_balance: u128,
        market_cumulative_deposit_interest: u128,
        market_cumulative_borrow_interest: u128,
        total_deposits_after: u64,
        total_withdraws_after: u64,
        explanation: u8,
        transfer_user: Option<Pubkey>,
        signed: Tail<Signed>,
    }

    /// Who signed a deposit, and what it left.
    struct Signed {
        signer: Option<Pubkey>,
        user_token_amount_after: i128,
    }

    /// Part of `LiquidationRecord`.
    struct LiquidateBorrowForPerpPnl {
        perp_market_index: u16,
        market_oracle_price: i64,
        pnl_transfer: u128,
        liability_market_index: u16,
        liability_price: i64,
        liability_transfer: u128,
    }

    /// Part of `LiquidationRecord`.
    struct LiquidatePerpPnlForDeposit {
        perp_market_index: u16,
        market_oracle_price: i64,
        pnl_transfer: u128,
        asset_market_index: u16,
        asset_price: i64,
        asset_transfer: u128,
    }

    /// Part of `LiquidationRecord`.
    struct PerpBankruptcy {
        market_index: u16,
        pnl: i128,
        if_payment: u128,
        clawback_user: Option<Pubkey>,
        clawback_user_payment: Option<u128>,
        cumulative_funding_rate_delta: i128,
    }

    /// Part of `LiquidationRecord`.
    struct SpotBankruptcy {
        market_index: u16,
        borrow_amount: u128,
        if_payment: u128,
        cumulative_deposit_interest_delta: u128,
    }
}

/// What a `LiquidationRecord` of a perpetual position says, whichever its body.
#[derive(Clone, Copy, Debug)]
pub(super) struct Liquidated {
    pub(super) user: Pubkey,
    pub(super) liquidator: Pubkey,
    pub(super) market_index: u16,
    /// Signed change of the user's position.
    pub(super) base_asset_amount: i64,
    pub(super) fill_record_id: u64,
    pub(super) user_order_id: u32,
    /// Whether the book filled it; else the liquidator took the position over.
    pub(super) is_on_book: bool,
}

/// What a `FundingRateRecord` says, whichever its body.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate {
    pub(super) ts: i64,
    pub(super) market_index: u16,
    pub(super) funding_rate_long: i128,
    pub(super) funding_rate_short: i128,
    pub(super) oracle_price_twap: i64,
}

/// `LiquidationType` of a perpetual position; the others move no base.
pub(super) const LIQUIDATE_PERP: u8 = 0;
/// The last `LiquidationType`.
pub(super) const LIQUIDATION_TYPE_MAX: u8 = 5;
