//! The bodies of `TradeEvent` and `OrderUpdated`. Dollars carry twenty decimals; prices are dollars per smallest unit of a token, with the same.

use crate::borsh::{Padding, Pubkey, borsh_struct};

borsh_struct! {
    /// `TradeEvent`.
    struct TradeEvent {
        flags: u8,
        padding_0: Padding<7>,
        trade_id: u64,
        authority: Pubkey,
        store: Pubkey,
        market_token: Pubkey,
        user: Pubkey,
        position: Pubkey,
        order: Pubkey,
        final_output_token: Pubkey,
        ts: i64,
        slot: u64,
        before: EventPositionState,
        after: EventPositionState,
        transfer_out: EventTransferOut,
        padding_1: Padding<8>,
        prices: EventTradePrices,
        execution_price: u128,
        price_impact_value: i128,
        price_impact_diff: u128,
        pnl: EventTradePnl,
        fees: EventTradeFees,
        output_amounts: EventTradeOutputAmounts,
    }

    /// `OrderUpdated`.
    struct OrderUpdated {
        is_create: bool,
        id: u64,
        ts: i64,
        slot: u64,
        store: Pubkey,
        order: Pubkey,
        market_token: Pubkey,
        owner: Pubkey,
        params: OrderParamsForEvent,
    }

    /// Part of [`OrderUpdated`].
    struct OrderParamsForEvent {
        kind: u8,
        is_long: bool,
        decrease_position_swap_type: u8,
        position: Option<Pubkey>,
        collateral_token: Pubkey,
        initial_collateral_token: Option<Pubkey>,
        initial_collateral_delta_amount: u64,
        size_delta_value: u128,
        min_output: u128,
        trigger_price: u128,
        acceptable_price: u128,
        valid_from_ts: i64,
    }

    /// Part of [`TradeEvent`].
    struct EventTradeFees {
        order_fee_for_receiver_amount: u128,
        order_fee_for_pool_amount: u128,
        liquidation_fee_amount: u128,
        liquidation_fee_for_receiver_amount: u128,
        total_borrowing_fee_amount: u128,
        borrowing_fee_for_receiver_amount: u128,
        funding_fee_amount: u128,
        claimable_funding_fee_long_token_amount: u128,
        claimable_funding_fee_short_token_amount: u128,
    }

    /// Part of [`TradeEvent`].
    struct EventTradePnl {
        pnl: i128,
        uncapped_pnl: i128,
    }

    /// Part of [`TradeEvent`].
    struct EventPositionState {
        trade_id: u64,
        increased_at: i64,
        updated_at_slot: u64,
        decreased_at: i64,
        size_in_tokens: u128,
        collateral_amount: u128,
        size_in_usd: u128,
        borrowing_factor: u128,
        funding_fee_amount_per_size: u128,
        long_token_claimable_funding_amount_per_size: u128,
        short_token_claimable_funding_amount_per_size: u128,
        reserved: Padding<128>,
    }

    /// Part of [`TradeEvent`].
    struct EventTradeOutputAmounts {
        output_amount: u128,
        secondary_output_amount: u128,
    }

    /// Part of [`TradeEvent`].
    struct EventTradePrices {
        index: EventTradePrice,
        long: EventTradePrice,
        short: EventTradePrice,
    }

    /// Part of [`TradeEvent`].
    struct EventTradePrice {
        min: u128,
        max: u128,
    }

    /// Part of [`TradeEvent`].
    struct EventTransferOut {
        executed: u8,
        padding_0: Padding<7>,
        final_output_token: u64,
        secondary_output_token: u64,
        long_token: u64,
        short_token: u64,
        long_token_for_claimable_account_of_user: u64,
        short_token_for_claimable_account_of_user: u64,
        long_token_for_claimable_account_of_holding: u64,
        short_token_for_claimable_account_of_holding: u64,
    }
}
