//! The contracts of the three markets. Source: dydxprotocol/perpetual, `migrations/deployed.json` over its history.

use perpdex_core::{ChainId, Deployment};

/// What a contract does for its market.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Holds margin and positions; its address is the market.
    Perpetual,
    /// Checks signed orders.
    Orders,
    /// Hands undercollateralised positions to a third party.
    Liquidation,
    /// Closes bankrupt positions against profitable ones.
    Deleveraging,
}

/// One watched contract.
#[derive(Clone, Copy, Debug)]
pub(super) struct Contract {
    /// Lower-case hex.
    pub(super) address: &'static str,
    pub(super) role: Role,
    pub(super) market: &'static Market,
}

/// One market.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Market {
    /// The perpetual's proxy, which names the market.
    pub(super) key: &'static str,
    /// Token of the margin.
    pub(super) margin_token: &'static str,
    pub(super) margin_decimals: u8,
    pub(super) position_decimals: u8,
    /// A position counts dollars against a margin in the asset: a long of the contract is a short of the asset.
    pub(super) is_inverse: bool,
}

/// USD Coin and wrapped ether on Ethereum.
const USDC: &str = "0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48";
const WETH: &str = "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2";

/// PBTC-USDC.
pub(super) static PBTC: Market = Market {
    key: "0x07abe965500a49370d331ecd613c7ac47dd6e547",
    margin_token: USDC,
    margin_decimals: 6,
    position_decimals: 8,
    is_inverse: false,
};

/// PLINK-USDC. The decimals of a position are those of `migrations/helpers.js`, by which its oracle is scaled.
pub(super) static PLINK: Market = Market {
    key: "0x1c50c582c7066049c560bca20416b1d9e0dfb003",
    margin_token: USDC,
    margin_decimals: 6,
    position_decimals: 6,
    is_inverse: false,
};

/// WETH-PUSD: margin in ether, positions in dollars.
pub(super) static PUSD: Market = Market {
    key: "0x09403fd14510f8196f7879ef514827cd76960b5d",
    margin_token: WETH,
    margin_decimals: 18,
    position_decimals: 6,
    is_inverse: true,
};

/// All watched contracts, those of former generations included.
pub(super) const CONTRACTS: &[Contract; 14] = &[
    contract("0x07abe965500a49370d331ecd613c7ac47dd6e547", Role::Perpetual, &PBTC),
    contract("0x3ea6f88ec8f7b24bb3ad206fa80124210e8e28f3", Role::Orders, &PBTC),
    contract("0x9b1289dd794f10af38a3117fe933836d685f7339", Role::Liquidation, &PBTC),
    contract("0x1f8b4f89a5b8ca0baa0edbd0d928dd68b3357280", Role::Liquidation, &PBTC),
    contract("0x18ba3f12f9d3699de7d451ca97ed55cd33dd0f80", Role::Liquidation, &PBTC),
    contract("0xa4e4a9ae84882be5049e450a3500ba1cd012f0c5", Role::Deleveraging, &PBTC),
    contract("0x1c50c582c7066049c560bca20416b1d9e0dfb003", Role::Perpetual, &PLINK),
    contract("0xac14b70adbf42bede4e4c7ef67e8cb618b0d4506", Role::Orders, &PLINK),
    contract("0xec4870b8dd7979bfc7c5e6220893b3a5dd646f0c", Role::Liquidation, &PLINK),
    contract("0x5f428e427096d5085d8d95d64d90f3e7c13c92fb", Role::Deleveraging, &PLINK),
    contract("0x09403fd14510f8196f7879ef514827cd76960b5d", Role::Perpetual, &PUSD),
    contract("0x1d3ccceee6d9f9c3b79ed5fadd98e32b5d48b22e", Role::Orders, &PUSD),
    contract("0x05f370ca0b6c156845f73a9115f35edcde052803", Role::Liquidation, &PUSD),
    contract("0xb9689e3f25c16173a552a7ac0dd5c1f6d47fcc88", Role::Deleveraging, &PUSD),
];

/// Their rows for [`perpdex_core::VenueInfo`].
pub(super) static DEPLOYMENTS: [Deployment; CONTRACTS.len()] = deployments();

/// A block before all of them: mined on 2 January 2020, twelve days before the first commit of their source.
const BEFORE_ALL: u64 = 9_200_000;

const fn contract(address: &'static str, role: Role, market: &'static Market) -> Contract {
    Contract { address, role, market }
}

const fn deployments() -> [Deployment; CONTRACTS.len()] {
    let mut out = [deployment(CONTRACTS[0].address); CONTRACTS.len()];
    let mut i = 1;
    while i < CONTRACTS.len() {
        out[i] = deployment(CONTRACTS[i].address);
        i += 1;
    }
    out
}

const fn deployment(address: &'static str) -> Deployment {
    Deployment {
        chain: ChainId::ETHEREUM,
        address,
        first_height: Some(BEFORE_ALL),
        source: "dydxprotocol/perpetual, migrations/deployed.json",
    }
}

/// The contract at an address in lower-case hex.
pub(super) fn find(address: &str) -> Option<&'static Contract> {
    CONTRACTS.iter().find(|contract| contract.address == address)
}
