//! How long to pause, and when to stop trying. The only place that uses the `backoff` crate.
//!
//! Pauses belong to an endpoint: whoever is refused slows all who ask there. Tries belong to a request: whatever the
//! endpoints do, it ends.

use std::time::Duration;

use backoff::ExponentialBackoff;
use backoff::ExponentialBackoffBuilder;
use backoff::backoff::Backoff;
use perpdex_core::SourceErrorKind;

use crate::options::EngineOptions;

/// Growing pauses with jitter.
#[derive(Debug)]
pub(crate) struct Pauses {
    backoff: ExponentialBackoff,
    longest: Duration,
}

impl Pauses {
    pub(crate) fn new(options: &EngineOptions) -> Pauses {
        let longest = options.backoff_max();
        let backoff = ExponentialBackoffBuilder::new()
            .with_initial_interval(Duration::from_millis(options.backoff_initial_ms))
            .with_max_interval(longest)
            .with_multiplier(2.0)
            .with_max_elapsed_time(None)
            .build();
        Pauses { backoff, longest }
    }

    /// The next pause, about twice the one before.
    pub(crate) fn next(&mut self) -> Duration {
        self.backoff.next_backoff().unwrap_or(self.longest).min(self.longest)
    }

    /// Starts small again.
    pub(crate) fn reset(&mut self) {
        self.backoff.reset();
    }
}

/// What one request may still cost.
#[derive(Debug)]
pub(crate) struct Tries {
    failed: u32,
    rate_waits: u32,
    failed_max: u32,
    rate_waits_max: u32,
}

impl Tries {
    pub(crate) fn new(options: &EngineOptions) -> Tries {
        Tries { failed: 0, rate_waits: 0, failed_max: options.retries_max, rate_waits_max: options.rate_waits_max }
    }

    /// Counts a failed try; `false` if it was the last one.
    pub(crate) fn count(&mut self, kind: &SourceErrorKind) -> bool {
        match kind {
            SourceErrorKind::Rate { .. } => {
                self.rate_waits += 1;
                self.rate_waits < self.rate_waits_max
            }
            _ => {
                self.failed += 1;
                self.failed < self.failed_max
            }
        }
    }

    /// Failed tries so far, waits for a rate limit included.
    pub(crate) fn total(&self) -> u32 {
        self.failed + self.rate_waits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_their_limit_and_start_again() {
        let options = EngineOptions { backoff_initial_ms: 100, backoff_max_ms: 1_000, ..EngineOptions::default() };
        let mut pauses = Pauses::new(&options);
        let first = pauses.next();
        assert!((50..=150).contains(&first.as_millis()), "{first:?}");
        let later: Vec<Duration> = (0..20).map(|_| pauses.next()).collect();
        assert!(later.iter().all(|pause| *pause <= Duration::from_millis(1_000)), "{later:?}");
        assert!(later.last().is_some_and(|pause| *pause >= Duration::from_millis(500)), "{later:?}");
        pauses.reset();
        assert!(pauses.next() <= Duration::from_millis(150));
    }

    #[test]
    fn tries_end() {
        let options = EngineOptions { retries_max: 3, rate_waits_max: 2, ..EngineOptions::default() };
        let mut tries = Tries::new(&options);
        assert!(tries.count(&SourceErrorKind::Transient));
        assert!(tries.count(&SourceErrorKind::Lagging));
        assert!(tries.count(&SourceErrorKind::Rate { retry_after: None }));
        assert!(!tries.count(&SourceErrorKind::Rate { retry_after: None }));
        assert!(!tries.count(&SourceErrorKind::Transient));
        assert_eq!(tries.total(), 5);
    }
}
