//! Collateral that moves into a venue and out of it.

use serde::{Deserialize, Serialize};

use crate::{Text, TokenAmount};

/// Who moved collateral.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FlowScope {
    /// A trader's margin.
    Margin,
    /// Liquidity of a pool.
    Pool,
    /// Between accounts of the venue.
    Transfer,
    /// A leg of a bridge.
    Bridge,
    /// A token transfer to or from a custody contract that none of its events explains: money that the venue credits, or its own.
    Plain,
}

impl FlowScope {
    /// The name in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            FlowScope::Margin => "margin",
            FlowScope::Pool => "pool",
            FlowScope::Transfer => "transfer",
            FlowScope::Bridge => "bridge",
            FlowScope::Plain => "plain",
        }
    }
}

/// Into the venue or out of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FlowDirection {
    /// Into the venue.
    In,
    /// Out of the venue.
    Out,
}

/// Collateral that moved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CollateralFlow {
    /// The account as the venue names it.
    pub account: Text,
    /// Whose money.
    pub scope: FlowScope,
    /// Which way.
    pub direction: FlowDirection,
    /// Unsigned amount.
    pub amount: TokenAmount,
    /// Fee beside or inside the amount (the venue's page says which, where known), unsigned.
    pub fee_native: Option<alloy_primitives::I256>,
}
