//! What world to build.

use std::collections::BTreeMap;

/// 2026-04-07T00:00:00Z.
const START_MS: i64 = 1_775_520_000_000;

/// Digits of quantities, as the built-in catalog has them.
const QTY_SCALES: &[(&str, u8)] =
    &[("BTC", 10), ("ETH", 10), ("SOL", 8), ("BNB", 8), ("HYPE", 8), ("LINK", 8), ("XRP", 6), ("DOGE", 6), ("PEPE", 3)];

/// What is left open of a world; equal options give equal worlds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorldOptions {
    /// Chooses everything that is left to chance.
    pub seed: u64,
    /// Whole hours of history, 1 or more.
    pub hours: u32,
    /// Approximate number of events: EVM logs, Solana market events, Hyperliquid fills and funding deltas.
    pub events: u64,
    /// Time of the first block, unix milliseconds, a whole hour.
    pub start_ms: i64,
    /// Digits of stored quantities by canonical asset; assets not in it have six.
    pub qty_scales: BTreeMap<String, u8>,
    /// Leaves the cascade out: no fall, and nobody is liquidated for it.
    pub is_quiet: bool,
    /// Lets every venue of the EVM chains trade, as the demo shows it, and more happen: GMX v2 lists a market that no table names, and
    /// tokens come and go at Aster's vaults beside deposits and withdrawals. Without it those chains have GMX v2 and Aster alone.
    pub is_wide: bool,
    /// Who has how much of the events.
    pub shares: Shares,
    /// A second future: the same world up to a moment, another one after it.
    pub fork: Option<Fork>,
}

/// What each venue has of the wanted number of events, in thousandths. A venue with none still lists its markets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shares {
    /// GMX v2.
    pub gmx: u64,
    /// Aster 1001x on BNB Chain.
    pub aster_bnb: u64,
    /// Aster 1001x on Arbitrum.
    pub aster_arbitrum: u64,
    /// Aster vault on BNB Chain.
    pub vault_bnb: u64,
    /// Aster vault on Arbitrum.
    pub vault_arbitrum: u64,
    /// Aster vault on Ethereum.
    pub vault_ethereum: u64,
    /// Aster's treasury program on Solana.
    pub treasury_solana: u64,
    /// Phoenix Eternal.
    pub phoenix: u64,
    /// Each of the other venues on Solana.
    pub solana_other: u64,
    /// Hyperliquid.
    pub hyperliquid: u64,
    /// Aster Pro, besides the thousand: no chain has to carry it. With none it lists nothing and settles nothing.
    pub aster_pro: u64,
}

impl Shares {
    /// Nothing anywhere.
    pub const NONE: Shares = Shares {
        gmx: 0,
        aster_bnb: 0,
        aster_arbitrum: 0,
        vault_bnb: 0,
        vault_arbitrum: 0,
        vault_ethereum: 0,
        treasury_solana: 0,
        phoenix: 0,
        solana_other: 0,
        hyperliquid: 0,
        aster_pro: 0,
    };
}

impl Default for Shares {
    /// A little of everything, most of it on Hyperliquid.
    fn default() -> Shares {
        Shares {
            gmx: 100,
            aster_bnb: 90,
            aster_arbitrum: 40,
            vault_bnb: 10,
            vault_arbitrum: 5,
            vault_ethereum: 5,
            treasury_solana: 5,
            phoenix: 180,
            solana_other: 10,
            hyperliquid: 510,
            aster_pro: 40,
        }
    }
}

/// A moment from which chance is drawn anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fork {
    /// Unix milliseconds; blocks before it are those of the unforked world.
    pub at_ms: i64,
    /// Chooses everything after it; also makes the later EVM block hashes differ.
    pub seed: u64,
}

impl Default for WorldOptions {
    fn default() -> WorldOptions {
        let qty_scales = QTY_SCALES.iter().map(|(asset, scale)| ((*asset).to_owned(), *scale)).collect();
        WorldOptions {
            seed: 1,
            hours: 24,
            events: 220_000,
            start_ms: START_MS,
            qty_scales,
            is_quiet: false,
            is_wide: false,
            shares: Shares::default(),
            fork: None,
        }
    }
}
