//! `[sync]`: how history is fetched. Each option is declared once; layers, effective values, checks and `config show` follow.

use std::ops::RangeInclusive;

use serde::Deserialize;

use super::{Layers, Setting};

macro_rules! sync_options {
    ($($(#[doc = $doc:literal])+ $name:ident: $allowed:expr;)+) => {
        /// What one place says about `[sync]`.
        #[derive(Clone, Debug, Default, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub(crate) struct SyncLayer {
            $($(#[doc = $doc])+ pub(crate) $name: Option<u64>,)+
        }

        /// The effective options of `[sync]`.
        #[derive(Clone, Debug)]
        pub(crate) struct SyncOptions {
            $($(#[doc = $doc])+ pub(crate) $name: Setting<u64>,)+
        }

        /// Names of all options.
        pub(crate) const SYNC_OPTION_NAMES: &[&str] = &[$(stringify!($name)),+];

        impl SyncLayer {
            /// Sets the option with this name; `false` where there is none.
            pub(crate) fn set(&mut self, name: &str, value: u64) -> bool {
                match name {
                    $(stringify!($name) => self.$name = Some(value),)+
                    _ => return false,
                }
                true
            }
        }

        impl SyncOptions {
            /// The strongest layer's word on each option.
            pub(crate) fn pick(layers: &Layers) -> SyncOptions {
                SyncOptions { $($name: layers.pick(|layer| layer.sync.$name),)+ }
            }

            /// Every option with its value and the values it may take.
            pub(crate) fn rows(&self) -> Vec<(&'static str, &Setting<u64>, RangeInclusive<u64>)> {
                vec![$((stringify!($name), &self.$name, $allowed)),+]
            }
        }
    };
}

sync_options! {
    /// Ranges fetched ahead of the commit in hand, per chain.
    fetch_ahead: 1..=64;
    /// Heights of the first request of a run, per endpoint.
    blocks_start_per_fetch: 1..=1_000_000;
    /// Heights of one request at most.
    blocks_max_per_fetch: 1..=10_000_000;
    /// Bytes of answers under way or waiting for their commit at most, per chain.
    bytes_in_flight_max: 1_048_576..=17_179_869_184;
    /// Tries of one request after the first.
    retries_max: 0..=100;
    /// Times in a row that a chain waits for a database that is away or busy; a run that follows the head waits on.
    store_retries_max: 0..=1_000;
    /// First wait between tries, in milliseconds.
    backoff_initial_ms: 1..=60_000;
    /// Longest wait between tries, in milliseconds.
    backoff_max_ms: 1..=600_000;
    /// Requests a second to one endpoint at first.
    requests_per_s_start: 1..=100_000;
    /// Percentile of an endpoint's latest answer times after which another one is asked too; 0: never.
    hedge_percentile: 0..=100;
    /// No request is asked twice within this time, in milliseconds.
    hedge_after_min_ms: 0..=600_000;
    /// An endpoint whose newest block is older than another's by more milliseconds is asked after the others; 0: never.
    head_lag_max_ms: 0..=86_400_000;
    /// Time between comparisons of the endpoints' heads, in milliseconds.
    head_compare_ms: 10..=3_600_000;
    /// Time between looks at the head, in milliseconds.
    head_poll_ms: 10..=600_000;
    /// Time between recomputations of levels and windows, in milliseconds.
    reduce_every_ms: 100..=3_600_000;
    /// How long all endpoints of a chain may be unreachable at the start, in milliseconds.
    unreachable_after_ms: 0..=600_000;
    /// Time-out of one request, in milliseconds.
    request_timeout_ms: 10..=600_000;
    /// Bytes of one answer at most; a longer one is cut and asked for in smaller pieces. Answers of EVM nodes over several
    /// blocks are cut at half of it.
    response_bytes_max: 65_536..=1_073_741_824;
    /// Chooses the blocks and ranges that are looked at by chance.
    probe_seed: 0..=i64::MAX as u64;
    /// Blocks whose header is tested at most where nothing is suspicious, in millionths of all blocks.
    probe_budget_ppm: 0..=1_000_000;
    /// Blocks tested of one quiet stretch at least.
    probe_blocks_min: 1..=1_000;
    /// Share of blocks tested by chance, in millionths.
    probe_chance_ppm: 0..=1_000_000;
    /// Odds below which a quiet stretch is suspicious, in millionths.
    quiet_odds_max_ppm: 0..=1_000_000;
    /// Probability at most of missing a hole in a suspicious stretch, in millionths.
    probe_miss_max_ppm: 1..=500_000;
    /// Blocks tested of one suspicious stretch at most; where that settles nothing, the stretch is a gap.
    suspect_blocks_max: 1..=10_000_000;
    /// Blocks taken back at most of what an endpoint said to be silent, when it is caught leaving out something else.
    taken_back_blocks_max: 0..=1_000_000_000;
    /// Share of ranges asked of a second endpoint, in millionths.
    second_endpoint_ppm: 0..=1_000_000;
    /// Requests at once to one Solana endpoint.
    solana_requests_max: 1..=256;
    /// Time between two looks at all levels and prices of Hyperliquid's public interface, in milliseconds.
    hyperliquid_look_ms: 50..=3_600_000;
    /// How far the head of Hyperliquid's public interface stays behind the clock, in milliseconds.
    hyperliquid_lag_ms: 1_000..=600_000;
    /// Request weight to use of each minute at Aster's public API; the venue allows 2,400 an address.
    aster_weight_per_minute: 50..=2_400;
    /// How long after a moment Aster's public API is asked about it, in milliseconds.
    aster_settle_ms: 0..=60_000;
    /// Longest silence of Aster's stream of liquidations before it is connected anew, in milliseconds; it is pinged every third of it.
    aster_silence_ms: 1_000..=300_000;
}
