//! The simulated world: one seed, five chains, and the truth about them.
//!
//! Promises: [`World::build`] is a pure function of its options. Histories begin with the listing of every market and no
//! position, so that levels start at zero. Nothing happens in a block that lies outside the whole hours.
//! Does not: model profit, margin or solvency beyond what the records need; liquidations are decided, not computed.

mod amm;
mod aster;
mod aster_pro;
mod dydx_v1;
mod evm;
mod fx_v2;
mod gmx;
mod gmx_v1;
mod gtrade;
mod hyperliquid;
mod kiloex;
mod level;
mod lighter;
mod mcdex_v2;
mod mux_v1;
mod myx_v1;
mod ostium;
mod phoenix;
mod pool;
mod prices;
mod scene;
mod starkex;
mod svm;
mod treasury;
mod vault;

use std::collections::BTreeMap;

use self::evm::{EvmBuilder, Pace};
use self::scene::Scene;
use self::svm::SvmBuilder;
use crate::chain::{EvmChain, HyperCore, SolanaChain};
use crate::exchange::AsterExchange;
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

/// Five chains and the truth about them.
#[derive(Clone, Debug)]
pub struct World {
    /// Arbitrum One: GMX v2, Aster 1001x, Aster vault; in a wide world GMX v1, gTrade and Ostium, too.
    pub arbitrum: EvmChain,
    /// BNB Chain: Aster 1001x, Aster vault; in a wide world KiloEx, MUX v1, MYX v1 and Level, too.
    pub bnb: EvmChain,
    /// Ethereum: Aster vault; in a wide world dYdX v1, MCDEX v2, f(x) v2, Lighter, dYdX v3 and edgeX, too.
    pub ethereum: EvmChain,
    /// Solana: Phoenix Eternal, Jupiter Perps, Drift v2, Velocity, GMTrade, Flash Trade, Adrena, Aster treasury.
    pub solana: SolanaChain,
    /// HyperCore: Hyperliquid perps.
    pub hyperliquid: HyperCore,
    /// Aster Pro, matched off chain.
    pub aster_pro: AsterExchange,
    /// What a complete index of the five must say.
    pub truth: Truth,
}

/// 2026-04-07T00:00:00Z.
const START_MS: i64 = 1_775_520_000_000;

/// Digits of quantities, as the built-in catalog has them.
const QTY_SCALES: &[(&str, u8)] =
    &[("BTC", 10), ("ETH", 10), ("SOL", 8), ("BNB", 8), ("HYPE", 8), ("LINK", 8), ("XRP", 6), ("DOGE", 6), ("PEPE", 3)];

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
        let shares = &options.shares;

        // Enough to show all that a venue does; more of it would only take time.
        let of_wide = |share: u64| events(share).min(WIDE_LOGS_MAX);
        let mut arbitrum = EvmBuilder::new(options, ARBITRUM);
        gmx::play(&scene, events(shares.gmx), &mut arbitrum, &mut tally);
        aster::play(&scene, &aster::ARBITRUM, events(shares.aster_arbitrum), &mut arbitrum, &mut tally);
        vault::play(&scene, &vault::ARBITRUM, events(shares.vault_arbitrum), &mut arbitrum, &mut tally);
        if options.is_wide {
            gmx_v1::play(&scene, of_wide(shares.aster_arbitrum), &mut arbitrum, &mut tally);
            gtrade::play(&scene, of_wide(shares.aster_bnb), &mut arbitrum, &mut tally);
            ostium::play(&scene, of_wide(shares.aster_arbitrum), &mut arbitrum, &mut tally);
        }
        let mut bnb = EvmBuilder::new(options, BNB);
        aster::play(&scene, &aster::BNB, events(shares.aster_bnb), &mut bnb, &mut tally);
        vault::play(&scene, &vault::BNB, events(shares.vault_bnb), &mut bnb, &mut tally);
        if options.is_wide {
            kiloex::play(&scene, of_wide(shares.aster_bnb), &mut bnb, &mut tally);
            mux_v1::play(&scene, of_wide(shares.aster_arbitrum), &mut bnb, &mut tally);
            myx_v1::play(&scene, of_wide(shares.aster_arbitrum), &mut bnb, &mut tally);
            level::play(&scene, of_wide(shares.aster_arbitrum), &mut bnb, &mut tally);
        }
        let mut ethereum = EvmBuilder::new(options, ETHEREUM);
        vault::play(&scene, &vault::ETHEREUM, events(shares.vault_ethereum), &mut ethereum, &mut tally);
        if options.is_wide {
            dydx_v1::play(&scene, of_wide(shares.aster_arbitrum), &mut ethereum, &mut tally);
            mcdex_v2::play(&scene, of_wide(shares.aster_arbitrum), &mut ethereum, &mut tally);
            fx_v2::play(&scene, of_wide(shares.aster_arbitrum), &mut ethereum, &mut tally);
            lighter::play(&scene, of_wide(shares.aster_arbitrum), &mut ethereum, &mut tally);
            starkex::play(&scene, &starkex::DYDX_V3, of_wide(shares.aster_arbitrum), &mut ethereum, &mut tally);
            starkex::play(&scene, &starkex::EDGEX, of_wide(shares.aster_arbitrum), &mut ethereum, &mut tally);
        }
        let mut solana = SvmBuilder::new(options);
        phoenix::play(&scene, events(shares.phoenix), &mut solana, &mut tally);
        for program in pool::PROGRAMS {
            pool::play(&scene, program, events(shares.solana_other), &mut solana, &mut tally);
        }
        for program in amm::PROGRAMS {
            amm::play(&scene, program, events(shares.solana_other), &mut solana, &mut tally);
        }
        treasury::play(&scene, events(shares.treasury_solana), &mut solana, &mut tally);
        let hyperliquid = hyperliquid::play(&scene, events(shares.hyperliquid), &mut tally);

        let aster_pro = aster_pro::play(&scene, events(shares.aster_pro), &mut tally);

        World {
            aster_pro,
            arbitrum: arbitrum.finish(),
            bnb: bnb.finish(),
            ethereum: ethereum.finish(),
            solana: solana.finish(),
            hyperliquid,
            truth: tally.finish(),
        }
    }
}

/// Logs of a venue that only wide worlds have, at most.
const WIDE_LOGS_MAX: u64 = 3_000;

const ARBITRUM: Pace = Pace { chain_id: 42_161, first_number: 450_000_000, interval_secs: 2 };
const BNB: Pace = Pace { chain_id: 56, first_number: 70_000_000, interval_secs: 3 };
const ETHEREUM: Pace = Pace { chain_id: 1, first_number: 24_000_000, interval_secs: 12 };
