//! `[sync]` as the engine's options.

use perpdex_engine::EngineOptions;

use crate::config::SyncOptions;

/// The engine's options; what `[sync]` does not name keeps the engine's default.
pub(crate) fn engine_options(sync: &SyncOptions) -> EngineOptions {
    EngineOptions {
        fetch_ahead: count(sync.fetch_ahead.value),
        blocks_start_per_fetch: sync.blocks_start_per_fetch.value,
        blocks_max_per_fetch: sync.blocks_max_per_fetch.value,
        bytes_in_flight_max: count(sync.bytes_in_flight_max.value),
        retries_max: small(sync.retries_max.value),
        store_retries_max: small(sync.store_retries_max.value),
        backoff_initial_ms: sync.backoff_initial_ms.value,
        backoff_max_ms: sync.backoff_max_ms.value,
        head_poll_ms: sync.head_poll_ms.value,
        reduce_every_ms: sync.reduce_every_ms.value,
        unreachable_after_ms: sync.unreachable_after_ms.value,
        answer_bytes_max: count(sync.response_bytes_max.value),
        requests_per_s_start: small(sync.requests_per_s_start.value),
        hedge_percentile: small(sync.hedge_percentile.value),
        hedge_after_min_ms: sync.hedge_after_min_ms.value,
        head_lag_max_ms: sync.head_lag_max_ms.value,
        head_compare_ms: sync.head_compare_ms.value,
        probe_seed: sync.probe_seed.value,
        probe_budget_ppm: sync.probe_budget_ppm.value,
        probe_blocks_min: sync.probe_blocks_min.value,
        probe_chance_ppm: sync.probe_chance_ppm.value,
        quiet_odds_max_ppm: sync.quiet_odds_max_ppm.value,
        probe_miss_max_ppm: sync.probe_miss_max_ppm.value,
        suspect_blocks_max: sync.suspect_blocks_max.value,
        taken_back_blocks_max: sync.taken_back_blocks_max.value,
        second_endpoint_ppm: sync.second_endpoint_ppm.value,
        ..EngineOptions::default()
    }
}

/// An option of at most 32 bits.
fn small(value: u64) -> u32 {
    u32::try_from(value).expect("the configuration checks the option's bounds")
}

/// An option as a number of things in memory.
pub(crate) fn count(value: u64) -> usize {
    usize::try_from(value).expect("the configuration checks the option's bounds")
}
