//! Where the diamond stands, and which pairs it has there.

use alloy_primitives::{Address, address};

/// A deployment of the diamond.
#[derive(Debug)]
pub(in crate::world) struct Deployment {
    pub(super) chain: &'static str,
    pub(super) diamond: Address,
    /// The dollar token of margins and its decimals.
    pub(super) token: (Address, u32),
    pub(super) pairs: &'static [(Address, &'static str, &'static str)],
    pub(super) label: u64,
}

/// BNB Chain: USDT, and the chain's wrapped tokens as pair ids.
pub(in crate::world) const BNB: Deployment = Deployment {
    chain: "bnb",
    diamond: address!("1b6f2d3844c6ae7d56ceb3c3643b9060ba28feb0"),
    token: (address!("55d398326f99059ff775485246999027b3197955"), 18),
    pairs: &[
        (address!("7130d2a12b9bcbfae4f2634d864a1ee1ce3ead9c"), "BTC", "BTC/USD"),
        (address!("2170ed0880ac9a755fd29b2688956bd959f933f8"), "ETH", "ETH/USD"),
        (address!("bb4cdb9cbd36b01bd1cbaebf2de08d9173bc095c"), "BNB", "BNB/USD"),
    ],
    label: 2,
};

/// Arbitrum One: USDC.
pub(in crate::world) const ARBITRUM: Deployment = Deployment {
    chain: "arbitrum",
    diamond: address!("b3879e95a4b8e3ee570c232b19d520821f540e48"),
    token: (address!("af88d065e77c8cc2239327c5edb3a432268e5831"), 6),
    pairs: &[
        (address!("2f2a2543b76a4166549f7aab2e75bef0aefc5b0f"), "BTC", "BTC/USD"),
        (address!("82af49447d8a07e3bd95bd0d56f35241523fbab1"), "ETH", "ETH/USD"),
    ],
    label: 3,
};
