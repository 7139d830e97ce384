//! The simulated world: one seed, five chains, and the truth about them.
//!
//! Promises: [`World::build`] is a pure function of its options. Histories begin with the listing of every market and no
//! position, so that levels start at zero. Nothing happens in a block that lies outside the whole hours.
//! Does not: model profit, margin or solvency beyond what the records need; liquidations are decided, not computed.

mod amm;
mod aster;
mod evm;
mod gmx;
mod hyperliquid;
mod phoenix;
mod pool;
mod prices;
mod scene;
mod svm;
mod vault;

use std::collections::BTreeMap;

use self::evm::{EvmBuilder, Pace};
use self::scene::Scene;
use self::svm::SvmBuilder;
use crate::chain::{EvmChain, HyperCore, SolanaChain};
use crate::truth::{Tally, Truth};

/// What world to build.
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
    /// A second future: the same world up to a moment, another one after it.
    pub fork: Option<Fork>,
}

/// A moment from which chance is drawn anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fork {
    /// Unix milliseconds; blocks before it are those of the unforked world.
    pub at_ms: i64,
    /// Chooses everything after it; also makes the later EVM block hashes differ.
    pub seed: u64,
}

/// Five chains and the truth about them.
#[derive(Clone, Debug)]
pub struct World {
    /// Arbitrum One: GMX v2, Aster 1001x, Aster vault.
    pub arbitrum: EvmChain,
    /// BNB Chain: Aster 1001x, Aster vault.
    pub bnb: EvmChain,
    /// Ethereum: Aster vault.
    pub ethereum: EvmChain,
    /// Solana: Phoenix Eternal, Jupiter Perps, Drift v2, Velocity, GMTrade, Flash Trade, Adrena.
    pub solana: SolanaChain,
    /// HyperCore: Hyperliquid perps.
    pub hyperliquid: HyperCore,
    /// What a complete index of the five must say.
    pub truth: Truth,
}

/// 2026-04-07T00:00:00Z.
const START_MS: i64 = 1_775_520_000_000;

/// Digits of quantities, as the built-in catalog has them.
const QTY_SCALES: &[(&str, u8)] = &[("BTC", 10), ("ETH", 10), ("SOL", 8), ("BNB", 8), ("HYPE", 8), ("XRP", 6), ("DOGE", 6), ("PEPE", 3)];

impl Default for WorldOptions {
    fn default() -> WorldOptions {
        let qty_scales = QTY_SCALES.iter().map(|(asset, scale)| ((*asset).to_owned(), *scale)).collect();
        WorldOptions { seed: 1, hours: 24, events: 220_000, start_ms: START_MS, qty_scales, is_quiet: false, fork: None }
    }
}

/// Shares of the wanted number of events, in thousandths.
mod share {
    pub(super) const GMX: u64 = 100;
    pub(super) const ASTER_BNB: u64 = 90;
    pub(super) const ASTER_ARBITRUM: u64 = 40;
    pub(super) const VAULT_BNB: u64 = 10;
    pub(super) const VAULT_ARBITRUM: u64 = 5;
    pub(super) const VAULT_ETHEREUM: u64 = 5;
    pub(super) const PHOENIX: u64 = 180;
    /// Each of the other venues on Solana.
    pub(super) const SOLANA_OTHER: u64 = 10;
    pub(super) const HYPERLIQUID: u64 = 510;
}

impl World {
    /// Builds the world.
    ///
    /// # Panics
    ///
    /// Where `hours` is 0 or `start_ms` is not a whole hour.
    pub fn build(options: &WorldOptions) -> World {
        assert!(options.hours > 0, "a world has one hour or more");
        assert!(options.start_ms > 0 && options.start_ms % 3_600_000 == 0, "a world begins at a whole hour");
        let scene = Scene::new(options);
        let mut tally = Tally::new(options.start_ms, options.hours, scene.cascade());
        let events = |share: u64| options.events * share / 1_000;

        let mut arbitrum = EvmBuilder::new(options, ARBITRUM);
        gmx::play(&scene, events(share::GMX), &mut arbitrum, &mut tally);
        aster::play(&scene, &aster::ARBITRUM, events(share::ASTER_ARBITRUM), &mut arbitrum, &mut tally);
        vault::play(&scene, &vault::ARBITRUM, events(share::VAULT_ARBITRUM), &mut arbitrum, &mut tally);
        let mut bnb = EvmBuilder::new(options, BNB);
        aster::play(&scene, &aster::BNB, events(share::ASTER_BNB), &mut bnb, &mut tally);
        vault::play(&scene, &vault::BNB, events(share::VAULT_BNB), &mut bnb, &mut tally);
        let mut ethereum = EvmBuilder::new(options, ETHEREUM);
        vault::play(&scene, &vault::ETHEREUM, events(share::VAULT_ETHEREUM), &mut ethereum, &mut tally);
        let mut solana = SvmBuilder::new(options);
        phoenix::play(&scene, events(share::PHOENIX), &mut solana, &mut tally);
        for program in pool::PROGRAMS {
            pool::play(&scene, program, events(share::SOLANA_OTHER), &mut solana, &mut tally);
        }
        for program in amm::PROGRAMS {
            amm::play(&scene, program, events(share::SOLANA_OTHER), &mut solana, &mut tally);
        }
        let hyperliquid = hyperliquid::play(&scene, events(share::HYPERLIQUID), &mut tally);

        World {
            arbitrum: arbitrum.finish(),
            bnb: bnb.finish(),
            ethereum: ethereum.finish(),
            solana: solana.finish(),
            hyperliquid,
            truth: tally.finish(),
        }
    }
}

const ARBITRUM: Pace = Pace { chain_id: 42_161, first_number: 450_000_000, interval_secs: 2 };
const BNB: Pace = Pace { chain_id: 56, first_number: 70_000_000, interval_secs: 3 };
const ETHEREUM: Pace = Pace { chain_id: 1, first_number: 24_000_000, interval_secs: 12 };
