//! The limits a run keeps.

use std::time::Duration;

/// Limits and waits of a run; every queue, loop and retry of the engine ends by one of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineOptions {
    /// Ranges of one chain that are fetched or wait for their commit at the same time.
    pub fetch_ahead: usize,
    /// Blocks of the first request to an endpoint.
    pub blocks_start_per_fetch: u64,
    /// Blocks of one request at most; an endpoint's own cap tightens it.
    pub blocks_max_per_fetch: u64,
    /// Blocks of one request above the final height, where every header is read.
    pub tail_blocks_per_fetch: u64,
    /// Records per request that the adaptive range size aims at, at most.
    pub records_target_per_fetch: usize,
    /// Bytes of payload per request that the adaptive range size aims at, at most.
    pub bytes_target_per_fetch: usize,
    /// Bytes of fetched ranges of one chain that may wait for their commit. Requests under way when it is reached
    /// still come in, so a chain holds at most this and `fetch_ahead` answers.
    pub bytes_in_flight_max: usize,
    /// Failed tries of one request before its range is given up.
    pub retries_max: u32,
    /// Refusals for too many requests that one request waits out before its range is given up.
    pub rate_waits_max: u32,
    /// Times one request is asked again for fewer blocks.
    pub narrowings_max: u32,
    /// First pause after a failure; doubles with each further one.
    pub backoff_initial_ms: u64,
    /// Longest pause after a failure.
    pub backoff_max_ms: u64,
    /// Longest pause that an endpoint can ask for.
    pub retry_after_max_ms: u64,
    /// Time after which a chain that no endpoint answered for since the start is given up; also the longest wait for a
    /// first answer.
    pub unreachable_after_ms: u64,
    /// Time between two looks at the head.
    pub head_poll_ms: u64,
    /// Ranges in a row that may fail before their chain stops (before it pauses, where it follows the head forever).
    pub failed_ranges_in_a_row_max: u32,
    /// Time after which a run that follows the head asks again for a range it gave up.
    pub failed_retry_ms: u64,
    /// Contradictions in a row between endpoint and store that end neither in an unwinding nor in a commit.
    pub contradictions_in_a_row_max: u32,
    /// Time between two reductions during a run.
    pub reduce_every_ms: u64,
}

impl Default for EngineOptions {
    fn default() -> EngineOptions {
        EngineOptions {
            fetch_ahead: 4,
            blocks_start_per_fetch: 2_000,
            blocks_max_per_fetch: 100_000,
            tail_blocks_per_fetch: 100,
            records_target_per_fetch: 5_000,
            bytes_target_per_fetch: 8 * 1024 * 1024,
            bytes_in_flight_max: 128 * 1024 * 1024,
            retries_max: 8,
            rate_waits_max: 60,
            narrowings_max: 64,
            backoff_initial_ms: 250,
            backoff_max_ms: 30_000,
            retry_after_max_ms: 120_000,
            unreachable_after_ms: 5_000,
            head_poll_ms: 1_000,
            failed_ranges_in_a_row_max: 3,
            failed_retry_ms: 600_000,
            contradictions_in_a_row_max: 8,
            reduce_every_ms: 30_000,
        }
    }
}

impl EngineOptions {
    pub(crate) fn unreachable_after(&self) -> Duration {
        Duration::from_millis(self.unreachable_after_ms)
    }

    pub(crate) fn head_poll(&self) -> Duration {
        Duration::from_millis(self.head_poll_ms)
    }

    pub(crate) fn backoff_max(&self) -> Duration {
        Duration::from_millis(self.backoff_max_ms)
    }
}
