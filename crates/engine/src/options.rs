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
    /// Bytes of records and events that one commit of final history takes at most, where several ranges that follow one another
    /// are here; 0: every range has a commit of its own.
    pub bytes_max_per_commit: usize,
    /// Bytes of answers of one chain that are under way or wait for their commit, as they come from the endpoints. The range
    /// whose commit is next is fetched in any case, so that a chain holds at most this and one answer.
    pub bytes_in_flight_max: usize,
    /// Bytes of one answer at most; the source cuts off what is longer. What a request may bring before anything is known of
    /// its size.
    pub answer_bytes_max: usize,
    /// Requests a second to one endpoint at first. The rate grows by 5 % a second and is halved by every refusal.
    pub requests_per_s_start: u32,
    /// A request that takes longer than so many percent of the latest ones did is asked of another idle endpoint too; 0: never.
    pub hedge_percentile: u32,
    /// No request is asked twice within this time.
    pub hedge_after_min_ms: u64,
    /// An endpoint whose newest block is older than another's by more than this is asked after the others; 0: never.
    pub head_lag_max_ms: u64,
    /// Time between two comparisons of the endpoints' heads while a run follows.
    pub head_compare_ms: u64,
    /// Chooses the blocks and ranges that are looked at by chance.
    pub probe_seed: u64,
    /// Blocks that are probed at most where nothing is suspicious, in millionths of all blocks; the ends of ranges are read
    /// besides.
    pub probe_budget_ppm: u64,
    /// Blocks that are probed of a quiet stretch at least, as far as the budget goes.
    pub probe_blocks_min: u64,
    /// Share of blocks that are probed by chance, in millionths; part of the budget.
    pub probe_chance_ppm: u64,
    /// A quiet stretch is suspicious if one as long would come by chance in fewer than so many of a million ranges.
    pub quiet_odds_max_ppm: u64,
    /// So many blocks of a suspicious stretch are probed that records left out of all of it would be missed with this
    /// probability at most, in millionths.
    pub probe_miss_max_ppm: u64,
    /// Blocks of one suspicious stretch that are probed at most. Where that settles nothing, the stretch is a hole.
    pub suspect_blocks_max: u64,
    /// Blocks that are taken back at most of what an endpoint said to be silent, when it is caught leaving out something else.
    pub taken_back_blocks_max: u64,
    /// Share of ranges that are asked of a second endpoint, in millionths; suspicious ones always are.
    pub second_endpoint_ppm: u64,
    /// Times in a row that a chain which ends somewhere waits for its database, see [`perpdex_core::StoreError::Unavailable`].
    pub store_retries_max: u32,
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
    /// Shortest time between two looks at the head where endpoints hint at new blocks.
    pub head_hint_pause_ms: u64,
    /// Ranges in a row that may fail before their chain stops (before it pauses, where it follows the head forever).
    pub failed_ranges_in_a_row_max: u32,
    /// Time after which a run that follows the head asks again for a range it gave up.
    pub failed_retry_ms: u64,
    /// Contradictions in a row between endpoint and store that end neither in an unwinding nor in a commit.
    pub contradictions_in_a_row_max: u32,
    /// Time between two reductions during a run.
    pub reduce_every_ms: u64,
    /// Time between two writings of a chain's state for `status`.
    pub state_every_ms: u64,
}

impl Default for EngineOptions {
    fn default() -> EngineOptions {
        EngineOptions {
            fetch_ahead: 4,
            blocks_start_per_fetch: 2_000,
            blocks_max_per_fetch: 100_000,
            tail_blocks_per_fetch: 100,
            records_target_per_fetch: 5_000,
            bytes_target_per_fetch: 5 * 512 * 1024,
            bytes_max_per_commit: 8 * 1024 * 1024,
            bytes_in_flight_max: 32 * 1024 * 1024,
            answer_bytes_max: 16 * 1024 * 1024,
            requests_per_s_start: 100,
            hedge_percentile: 95,
            hedge_after_min_ms: 1_000,
            head_lag_max_ms: 30_000,
            head_compare_ms: 15_000,
            probe_seed: 0,
            probe_budget_ppm: 20_000,
            probe_blocks_min: 3,
            probe_chance_ppm: 1_000,
            quiet_odds_max_ppm: 1_000,
            probe_miss_max_ppm: 1_000,
            suspect_blocks_max: 30_000,
            taken_back_blocks_max: 100_000,
            second_endpoint_ppm: 10_000,
            store_retries_max: 8,
            retries_max: 8,
            rate_waits_max: 60,
            narrowings_max: 64,
            backoff_initial_ms: 1_000,
            backoff_max_ms: 60_000,
            retry_after_max_ms: 120_000,
            unreachable_after_ms: 5_000,
            head_poll_ms: 1_000,
            head_hint_pause_ms: 100,
            failed_ranges_in_a_row_max: 3,
            failed_retry_ms: 600_000,
            contradictions_in_a_row_max: 8,
            reduce_every_ms: 30_000,
            state_every_ms: 2_000,
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
