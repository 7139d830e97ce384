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

use self::evm::{EvmBuilder, Pace};
use self::scene::Scene;
use self::svm::SvmBuilder;
use crate::chain::{EvmChain, HyperCore, SolanaChain};
use crate::exchange::AsterExchange;
pub use crate::options::{Fork, Shares, WorldOptions};
use crate::truth::{Tally, Truth};

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
