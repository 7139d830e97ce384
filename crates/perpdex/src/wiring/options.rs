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
        retries_max: u32::try_from(sync.retries_max.value).expect("the configuration checks the option's bounds"),
        backoff_initial_ms: sync.backoff_initial_ms.value,
        backoff_max_ms: sync.backoff_max_ms.value,
        head_poll_ms: sync.head_poll_ms.value,
        reduce_every_ms: sync.reduce_every_ms.value,
        unreachable_after_ms: sync.unreachable_after_ms.value,
        ..EngineOptions::default()
    }
}

/// An option as a number of things in memory.
pub(crate) fn count(value: u64) -> usize {
    usize::try_from(value).expect("the configuration checks the option's bounds")
}
