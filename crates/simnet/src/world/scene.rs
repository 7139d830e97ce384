//! What all venues of the world share: its time, its prices, its accounts.

use alloy_primitives::{Address, keccak256};

use super::prices::Prices;
use crate::options::WorldOptions;
use crate::rng::Rng;
use crate::truth::{MarketSpec, TruthCascade};

/// The asset whose longs are liquidated in the cascade.
pub(super) const CASCADE_ASSET: &str = "BTC";
/// How long the cascade's fall lasts.
pub(super) const CASCADE_MS: i64 = 300_000;

/// What the cascade asks of a venue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cue {
    /// Nothing.
    Nothing,
    /// A large long opens.
    Gather,
    /// A large long is liquidated.
    Fall,
}

/// A large long opens every three minutes while they gather, and one is liquidated every 25 seconds while they fall, on
/// every venue: enough that each has its part in the cascade.
const GATHER_EVERY_MS: i64 = 180_000;
const FALL_EVERY_MS: i64 = 25_000;

/// The shared part of the world.
#[derive(Debug)]
pub(super) struct Scene<'a> {
    pub(super) options: &'a WorldOptions,
    pub(super) prices: Prices,
}

impl Scene<'_> {
    /// The scene of a world.
    pub(super) fn new(options: &WorldOptions) -> Scene<'_> {
        Scene { options, prices: Prices::draw(options, cascade_start_ms(options)) }
    }

    /// A stream of chance of the scene's seed.
    pub(super) fn rng(&self, label: u64) -> Rng {
        Rng::new(self.options.seed, label, self.options.fork)
    }

    /// What the cascade asks of a venue whose blocks come every `block_ms`, at this block; `offset_ms` keeps venues apart.
    pub(super) fn cue(&self, now_ms: i64, block_ms: i64, offset_ms: i64) -> Cue {
        let is_due = |every_ms: i64| (now_ms - offset_ms).rem_euclid(every_ms) < block_ms;
        match now_ms - cascade_start_ms(self.options) {
            _ if self.options.is_quiet => Cue::Nothing,
            -1_800_000..-120_000 if is_due(GATHER_EVERY_MS) => Cue::Gather,
            5_000..290_000 if is_due(FALL_EVERY_MS) => Cue::Fall,
            _ => Cue::Nothing,
        }
    }

    /// The cascade's row of the truth, still empty.
    pub(super) fn cascade(&self) -> TruthCascade {
        let start_ms = cascade_start_ms(self.options);
        TruthCascade { asset: CASCADE_ASSET, start_ms, end_ms: start_ms + CASCADE_MS, ..TruthCascade::default() }
    }

    /// A market of the truth.
    pub(super) fn market(
        &self,
        (chain, venue): (&'static str, &'static str),
        key: String,
        asset: &'static str,
        decimals: u32,
    ) -> MarketSpec {
        let qty_scale = self.options.qty_scales.get(asset).copied().unwrap_or(QTY_SCALE_UNLISTED);
        MarketSpec { chain, venue, key, asset, qty_scale, multiplier: 1, decimals }
    }
}

/// Digits of assets that the options do not name.
const QTY_SCALE_UNLISTED: u8 = 6;

/// Minute 35 of the hour in the middle.
fn cascade_start_ms(options: &WorldOptions) -> i64 {
    options.start_ms + i64::from(options.hours / 2) * 3_600_000 + 35 * 60_000
}

/// 32 bytes that belong to a name.
pub(super) fn named_key(seed: u64, name: &str, n: u64) -> [u8; 32] {
    keccak256([&seed.to_be_bytes()[..], name.as_bytes(), &n.to_be_bytes()].concat()).0
}

/// An account that belongs to a name.
pub(super) fn named_address(seed: u64, name: &str, n: u64) -> Address {
    Address::from_slice(&named_key(seed, name, n)[12..])
}
