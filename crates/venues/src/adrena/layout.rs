//! Bodies of release 39. `OpenPositionEvent` and `IncreasePositionEvent` have one body.

use crate::borsh::{Pubkey, borsh_struct};

borsh_struct! {
    /// `OpenPositionEvent`.
    struct Opened {
        owner: Pubkey,
        position: Pubkey,
        custody_mint: Pubkey,
        custody_seed: [u8; 32],
        side: u8,
        size_usd: u64,
        price: u64,
        collateral_amount_usd: u64,
        leverage: u32,
        position_id: u64,
        pool_type: u8,
    }

    /// `ClosePositionEvent`.
    struct Closed {
        owner: Pubkey,
        position: Pubkey,
        custody_mint: Pubkey,
        custody_seed: [u8; 32],
        side: u8,
        size_usd: u64,
        price: u64,
        collateral_amount_usd: u64,
        profit_usd: u64,
        loss_usd: u64,
        borrow_fee_usd: u64,
        exit_fee_usd: u64,
        position_id: u64,
        percentage: u64,
        funding_paid_usd: u64,
        funding_received_usd: u64,
        pool_type: u8,
    }

    /// `LiquidateEvent`.
    struct Liquidated {
        owner: Pubkey,
        position: Pubkey,
        custody_mint: Pubkey,
        custody_seed: [u8; 32],
        side: u8,
        size_usd: u64,
        price: u64,
        collateral_amount_usd: u64,
        loss_usd: u64,
        borrow_fee_usd: u64,
        exit_fee_usd: u64,
        position_id: u64,
        funding_paid_usd: u64,
        funding_received_usd: u64,
        pool_type: u8,
        confiscated_collateral_usd: u64,
    }
}
