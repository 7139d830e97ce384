//! Bodies of the events that are read. Fields keep their names; amounts in dollars and prices carry six decimals.

use crate::borsh::{Pubkey, Tail, borsh_struct};

borsh_struct! {
    /// `IncreasePositionEvent`.
    struct Increase {
        position_key: Pubkey,
        position_side: u8,
        position_custody: Pubkey,
        position_collateral_custody: Pubkey,
        position_size_usd: u64,
        position_mint: Pubkey,
        position_request_key: Pubkey,
        position_request_mint: Pubkey,
        position_request_change: u8,
        position_request_type: u8,
        position_request_collateral_delta: u64,
        owner: Pubkey,
        pool: Pubkey,
        size_usd_delta: u64,
        collateral_usd_delta: u64,
        collateral_token_delta: u64,
        price: u64,
        price_slippage: Option<u64>,
        fee_token: u64,
        fee_usd: u64,
        open_time: i64,
        referral: Option<Pubkey>,
        fees: Tail<Fees>,
    }

    /// Parts of `fee_usd`, as increases tell them.
    struct Fees {
        position_fee_usd: u64,
        funding_fee_usd: u64,
        price_impact_fee_usd: u64,
    }

    /// `DecreasePositionEvent`.
    struct Decrease {
        position_key: Pubkey,
        position_side: u8,
        position_custody: Pubkey,
        position_collateral_custody: Pubkey,
        position_size_usd: u64,
        position_mint: Pubkey,
        position_request_key: Pubkey,
        position_request_mint: Pubkey,
        position_request_change: u8,
        position_request_type: u8,
        has_profit: bool,
        pnl_delta: u64,
        owner: Pubkey,
        pool: Pubkey,
        size_usd_delta: u64,
        transfer_amount_usd: u64,
        transfer_token: Option<u64>,
        price: u64,
        price_slippage: Option<u64>,
        fee_usd: u64,
        open_time: i64,
        referral: Option<Pubkey>,
        closing: Tail<Closing>,
    }

    /// What decreases and liquidations tell of fees and entry.
    struct Closing {
        position_fee_usd: u64,
        funding_fee_usd: u64,
        price_impact_fee_usd: u64,
        original_position_collateral_usd: u64,
        position_collateral_usd: u64,
        position_open_time: i64,
        position_price: u64,
    }

    /// `LiquidateFullPositionEvent`.
    struct LiquidateFull {
        position_key: Pubkey,
        position_side: u8,
        position_custody: Pubkey,
        position_collateral_custody: Pubkey,
        position_collateral_mint: Pubkey,
        position_mint: Pubkey,
        position_size_usd: u64,
        has_profit: bool,
        pnl_delta: u64,
        owner: Pubkey,
        pool: Pubkey,
        transfer_amount_usd: u64,
        transfer_token: u64,
        price: u64,
        fee_usd: u64,
        liquidation_fee_usd: u64,
        open_time: Tail<i64>,
        closing: Tail<Closing>,
    }

    /// `InstantIncreasePositionEvent`.
    struct InstantIncrease {
        position_key: Pubkey,
        position_side: u8,
        position_custody: Pubkey,
        position_collateral_custody: Pubkey,
        position_size_usd: u64,
        position_mint: Pubkey,
        owner: Pubkey,
        pool: Pubkey,
        size_usd_delta: u64,
        collateral_usd_delta: u64,
        collateral_token_delta: u64,
        price: u64,
        price_slippage: u64,
        fee_token: u64,
        fee_usd: u64,
        open_time: i64,
        referral: Option<Pubkey>,
        fees: Tail<Fees>,
    }

    /// `InstantDecreasePositionEvent`.
    struct InstantDecrease {
        position_key: Pubkey,
        position_side: u8,
        position_custody: Pubkey,
        position_collateral_custody: Pubkey,
        position_size_usd: u64,
        position_mint: Pubkey,
        desired_mint: Pubkey,
        has_profit: bool,
        pnl_delta: u64,
        owner: Pubkey,
        pool: Pubkey,
        size_usd_delta: u64,
        transfer_amount_usd: u64,
        transfer_token: u64,
        price: u64,
        price_slippage: u64,
        fee_usd: u64,
        open_time: i64,
        referral: Option<Pubkey>,
        closing: Tail<InstantClosing>,
        position_request: Tail<Option<Pubkey>>,
    }

    /// The same as [`Closing`] in another order.
    struct InstantClosing {
        position_fee_usd: u64,
        funding_fee_usd: u64,
        original_position_collateral_usd: u64,
        position_collateral_usd: u64,
        price_impact_fee_usd: u64,
        position_open_time: i64,
        position_price: u64,
    }

    /// `LiquidatePositionEvent`, of the time before `LiquidateFullPositionEvent`.
    struct Liquidate {
        position_key: Pubkey,
        position_side: u8,
        position_custody: Pubkey,
        position_collateral_custody: Pubkey,
        position_collateral_mint: Pubkey,
        position_mint: Pubkey,
        position_size_usd: u64,
        has_profit: bool,
        pnl_delta: u64,
        owner: Pubkey,
        pool: Pubkey,
        transfer_amount_usd: u64,
        transfer_token: u64,
        price: u64,
        fee_usd: u64,
    }
}

/// What a closing tells besides price and size: its fees, and the position's entry price.
#[derive(Clone, Copy, Debug)]
pub(super) struct Closed {
    pub(super) position_fee_usd: u64,
    pub(super) funding_fee_usd: u64,
    pub(super) position_price: u64,
}

impl From<Closing> for Closed {
    fn from(closing: Closing) -> Closed {
        let Closing { position_fee_usd, funding_fee_usd, position_price, .. } = closing;
        Closed { position_fee_usd, funding_fee_usd, position_price }
    }
}

impl From<InstantClosing> for Closed {
    fn from(closing: InstantClosing) -> Closed {
        let InstantClosing { position_fee_usd, funding_fee_usd, position_price, .. } = closing;
        Closed { position_fee_usd, funding_fee_usd, position_price }
    }
}
