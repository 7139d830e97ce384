//! The collaterals of Arbitrum: trades name them by number, and no event of a trade tells their decimals.

use perpdex_core::{Amount, Decimal};

use crate::emit::DecodeError;

/// A collateral token.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Collateral {
    /// Its number in the diamond.
    pub(super) index: u8,
    /// Contract.
    pub(super) token: &'static str,
    /// Decimals of its smallest unit.
    pub(super) decimals: u8,
    /// Whether it stands for a dollar. Then sizes, which are collateral over price, are units of the asset; else they move with
    /// the collateral's own price.
    pub(super) is_dollar: bool,
}

/// In the order of `getCollaterals()`. Sources: docs.gains.trade, GainsNetwork-org/sdk.
pub(super) const COLLATERALS: [Collateral; 4] = [
    Collateral { index: 1, token: "0xda10009cbd5d07dd0cecc66161fc93d7c9000da1", decimals: 18, is_dollar: true }, // DAI
    Collateral { index: 2, token: "0x82af49447d8a07e3bd95bd0d56f35241523fbab1", decimals: 18, is_dollar: false }, // WETH
    Collateral { index: 3, token: "0xaf88d065e77c8cc2239327c5edb3a432268e5831", decimals: 6, is_dollar: true },  // USDC
    Collateral { index: 4, token: "0x18c11fd286c5ec11c3b683caa813b77f5163a122", decimals: 18, is_dollar: false }, // GNS
];

/// Decimals of a collateral's price in dollars.
pub(super) const PRICE_DECIMALS: u8 = 8;

impl Collateral {
    /// The collateral of this number.
    pub(super) fn of(index: u8) -> Result<&'static Collateral, DecodeError> {
        let known = COLLATERALS.iter().find(|collateral| collateral.index == index);
        known.ok_or_else(|| DecodeError::invalid(format!("collateral {index} is none of the {} known ones", COLLATERALS.len())))
    }

    /// Dollars of one smallest unit, where one token is worth `price_usd`.
    pub(super) fn unit_usd(&self, price_usd: &Decimal) -> Decimal {
        Decimal::new(price_usd.value, price_usd.scale + self.decimals)
    }
}

/// The number as an amount.
pub(super) fn amount(number: Decimal) -> Amount {
    Amount::decimals(number.value, number.scale)
}
