//! Chains: their numbers, slugs and kinds.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The number of a chain: the EIP-155 chain id for EVM chains, a number of our own (900001 and up) for the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ChainId(pub u64);

/// What kind of machine a chain is; it decides which source reads it and what a height means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChainKind {
    /// An Ethereum-like chain; heights are block numbers.
    Evm,
    /// Solana; heights are slots.
    Svm,
    /// Hyperliquid's exchange layer; heights are HyperCore block numbers.
    HyperCore,
    /// Records that name a time and no block, of a matching engine or of files and interfaces that leave the block out;
    /// heights are unix milliseconds.
    OffChain,
}

/// One row of the table of known chains.
#[derive(Clone, Copy, Debug)]
pub struct ChainInfo {
    /// The chain's number.
    pub id: ChainId,
    /// The name shown in views and used on the command line.
    pub slug: &'static str,
    /// The kind of chain.
    pub kind: ChainKind,
    /// Blocks below the tip that count as final where a node serves no `finalized` tag.
    pub final_depth: u64,
}

/// All chains perpdex knows by name. The numbers are those of `docs/ARCHITECTURE.md`, section Names.
pub const CHAINS: &[ChainInfo] = &[
    info(ChainId::ETHEREUM, "ethereum", ChainKind::Evm, 96),
    info(ChainId::BNB, "bnb", ChainKind::Evm, 24),
    info(ChainId::ARBITRUM, "arbitrum", ChainKind::Evm, 7_200),
    info(ChainId::BASE, "base", ChainKind::Evm, 1_200),
    info(ChainId::OPBNB, "opbnb", ChainKind::Evm, 1_200),
    info(ChainId::HYPEREVM, "hyperevm", ChainKind::Evm, 64),
    info(ChainId::SOLANA, "solana", ChainKind::Svm, 32),
    info(ChainId::HYPERLIQUID, "hyperliquid", ChainKind::HyperCore, 0),
    info(ChainId::OFFCHAIN_ASTER, "offchain/aster", ChainKind::OffChain, 0),
    info(ChainId::HYPERLIQUID_FILES, "hyperliquid/files", ChainKind::OffChain, 0),
    info(ChainId::HYPERLIQUID_API, "hyperliquid/api", ChainKind::OffChain, 0),
];

const fn info(id: ChainId, slug: &'static str, kind: ChainKind, final_depth: u64) -> ChainInfo {
    ChainInfo { id, slug, kind, final_depth }
}

impl ChainId {
    /// Ethereum mainnet.
    pub const ETHEREUM: ChainId = ChainId(1);
    /// BNB Chain.
    pub const BNB: ChainId = ChainId(56);
    /// Arbitrum One.
    pub const ARBITRUM: ChainId = ChainId(42_161);
    /// Base.
    pub const BASE: ChainId = ChainId(8_453);
    /// opBNB.
    pub const OPBNB: ChainId = ChainId(204);
    /// Hyperliquid's EVM.
    pub const HYPEREVM: ChainId = ChainId(999);
    /// Solana mainnet-beta.
    pub const SOLANA: ChainId = ChainId(900_001);
    /// Hyperliquid's exchange layer, HyperCore.
    pub const HYPERLIQUID: ChainId = ChainId(900_002);
    /// Aster Pro, matched off chain.
    pub const OFFCHAIN_ASTER: ChainId = ChainId(900_003);
    /// HyperCore's records that name no block: the archive's older fills and trades, and its asset contexts.
    pub const HYPERLIQUID_FILES: ChainId = ChainId(900_004);
    /// HyperCore as its public interface shows it.
    pub const HYPERLIQUID_API: ChainId = ChainId(900_005);

    /// The chain that a market told of here stands on: itself, but for chains that are another view of one.
    pub fn market_chain(self) -> ChainId {
        match self {
            ChainId::HYPERLIQUID_FILES | ChainId::HYPERLIQUID_API => ChainId::HYPERLIQUID,
            own => own,
        }
    }

    /// The chain with this slug, or `None` for a name that is not in [`CHAINS`].
    pub fn from_slug(slug: &str) -> Option<ChainId> {
        CHAINS.iter().find(|chain| chain.slug == slug).map(|chain| chain.id)
    }

    /// The table row of this chain, or `None` for a chain added by configuration alone.
    pub fn info(self) -> Option<&'static ChainInfo> {
        CHAINS.iter().find(|chain| chain.id == self)
    }

    /// The number as databases store it. Chain ids above 2^63 do not exist in EIP-155 practice.
    pub fn as_i64(self) -> i64 {
        i64::try_from(self.0).expect("chain ids are below 2^63")
    }
}

impl fmt::Display for ChainId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.info() {
            Some(chain) => f.write_str(chain.slug),
            None => write!(f, "chain-{}", self.0),
        }
    }
}
