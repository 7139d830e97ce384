//! The perpetuals and their AMMs.

use perpdex_core::{ChainId, Deployment};

/// One market.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Market {
    /// The perpetual, which names the market.
    pub(super) key: &'static str,
    /// Its AMM, which tells the funding index.
    pub(super) amm: &'static str,
    /// The collateral, 18 decimals: a token, or a name of its own where it is not known.
    pub(super) collateral: &'static str,
    /// A contract counts one dollar against a collateral in ether: a long of it is a short of ether.
    pub(super) is_inverse: bool,
}

/// All markets. Ether is named as tokens.toml names a chain's native coin.
pub(super) const MARKETS: &[Market; 5] = &[
    Market {
        key: "0x220a9f0dd581cbc58fcfb907de0454cbf3777f76",
        amm: "0xaaac8434217575643b2d2ab6f12ce8600c625520",
        collateral: "0xfdae1ba7c826abdc4c99903c8056f82a1a04a615",
        is_inverse: true,
    },
    linear(
        "0xa04197e5f7971e7aef78cf5ad2bc65aac1a967aa",
        "0x7230d622d067d9c30154a750dbd29c035ba7605a",
        "mcdex_v2:0xa04197e5f7971e7aef78cf5ad2bc65aac1a967aa",
    ),
    linear(
        "0xfa203e643d1fddc5d8b91253ea23b3bd826cae9e",
        "0x5378b0388ef594f0c2eb194504aee2b48d1eac18",
        "mcdex_v2:0xfa203e643d1fddc5d8b91253ea23b3bd826cae9e",
    ),
    linear(
        "0xd48c88a18bfa81486862c6d1d172a39f1365e8ac",
        "0xbe83943d5ca2d66fb7ba3a8d4a983782f31a42dc",
        "mcdex_v2:0xd48c88a18bfa81486862c6d1d172a39f1365e8ac",
    ),
    linear(
        "0x4cc89906db523af7c3bb240a959be21cb812b434",
        "0x942df696cd1995ba2eab710d168b2d9cee53b52c",
        "mcdex_v2:0x4cc89906db523af7c3bb240a959be21cb812b434",
    ),
];

/// Rows for [`perpdex_core::VenueInfo`]: perpetuals, then AMMs.
pub(super) static DEPLOYMENTS: [Deployment; 2 * MARKETS.len()] = deployments();

/// A block before all of them: mined on 2 January 2020, three months before the first commit of their source.
const BEFORE_ALL: u64 = 9_200_000;

const fn linear(key: &'static str, amm: &'static str, collateral: &'static str) -> Market {
    Market { key, amm, collateral, is_inverse: false }
}

const fn deployments() -> [Deployment; 2 * MARKETS.len()] {
    let mut out = [deployment(MARKETS[0].key); 2 * MARKETS.len()];
    let mut i = 0;
    while i < MARKETS.len() {
        out[i] = deployment(MARKETS[i].key);
        out[MARKETS.len() + i] = deployment(MARKETS[i].amm);
        i += 1;
    }
    out
}

const fn deployment(address: &'static str) -> Deployment {
    Deployment { chain: ChainId::ETHEREUM, address, first_height: Some(BEFORE_ALL), source: "mcdexio/documents, deployed contracts" }
}

/// The market of a perpetual or an AMM, in lower-case hex.
pub(super) fn find(address: &str) -> Option<&'static Market> {
    MARKETS.iter().find(|market| market.key == address || market.amm == address)
}
