//! How many requests a second an endpoint gets, from all tasks together.

use std::time::Duration;

use tokio::time::Instant;

use crate::options::EngineOptions;

/// Requests may come in a bunch of as many as this time allows.
const BURST: Duration = Duration::from_secs(1);

/// The time without a refusal after which the rate grows.
const WINDOW: Duration = Duration::from_secs(1);

/// Growth after a clean window.
const GROWTH: f64 = 1.05;

/// What a refusal leaves of the rate.
const CUT: f64 = 0.5;

/// The rate never falls below this.
const PER_S_MIN: f64 = 1.0;

/// The rate never grows beyond this: it is no limit any more.
const PER_S_MAX: f64 = 100_000.0;

/// Requests a second, found by trying: growing slowly, halved when the endpoint says that it is too many.
#[derive(Debug)]
pub(super) struct Pace {
    per_s: f64,
    /// When the next request may leave.
    next: Instant,
    cut_at: Option<Instant>,
    window_from: Instant,
}

impl Pace {
    pub(super) fn new(options: &EngineOptions) -> Pace {
        let now = Instant::now();
        let per_s = f64::from(options.requests_per_s_start).max(PER_S_MIN);
        Pace { per_s, next: now, cut_at: None, window_from: now }
    }

    /// Takes the next turn; the moment it comes, not before now.
    pub(super) fn turn(&mut self) -> Instant {
        let now = Instant::now();
        let turn = self.next.max(now.checked_sub(BURST).unwrap_or(now));
        self.next = turn + self.gap();
        turn.max(now)
    }

    /// A call took more requests than the one it was let in for.
    pub(super) fn charge(&mut self, requests: u64) {
        // What one call may cost is bounded, so that a wrong count cannot stop an endpoint.
        self.next += self.gap() * u32::try_from(requests).unwrap_or(u32::MAX).min(1_000);
    }

    /// A call that began at `started` was answered.
    pub(super) fn succeeded(&mut self) {
        if WINDOW <= self.window_from.elapsed() {
            self.window_from = Instant::now();
            self.per_s = (self.per_s * GROWTH).min(PER_S_MAX);
        }
    }

    /// A call that began at `started` was refused as one too many. Those that were under way together count once.
    pub(super) fn refused(&mut self, started: Instant) {
        self.window_from = Instant::now();
        if self.cut_at.is_none_or(|cut_at| cut_at <= started) {
            self.cut_at = Some(Instant::now());
            self.per_s = (self.per_s * CUT).max(PER_S_MIN);
        }
    }

    fn gap(&self) -> Duration {
        Duration::from_secs_f64(1.0 / self.per_s)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    fn pace(per_s: u32) -> Pace {
        Pace::new(&EngineOptions { requests_per_s_start: per_s, ..EngineOptions::default() })
    }

    #[tokio::test(start_paused = true)]
    async fn turns_are_spread_over_time() {
        let mut pace = pace(10);
        advance(Duration::from_secs(5)).await;
        let start = Instant::now();
        let turns: Vec<u128> = (0..13).map(|_| (pace.turn() - start).as_millis()).collect();
        assert_eq!(turns, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 100, 200], "one second's worth may come in a bunch");
        pace.charge(10);
        assert_eq!((pace.turn() - start).as_millis(), 1_300, "requests of a call count too");
    }

    #[tokio::test(start_paused = true)]
    async fn refusals_halve_and_clean_windows_let_grow() {
        let mut pace = pace(40);
        let together = Instant::now();
        advance(Duration::from_millis(10)).await;
        for want in [20.0, 20.0] {
            pace.refused(together);
            assert!((pace.per_s - want).abs() < 1e-9, "{}", pace.per_s);
        }
        for _ in 0..3 {
            advance(WINDOW).await;
            pace.succeeded();
            pace.succeeded();
        }
        assert!((pace.per_s - 20.0 * GROWTH * GROWTH * GROWTH).abs() < 1e-9, "{}", pace.per_s);
        for _ in 0..20 {
            advance(Duration::from_millis(1)).await;
            pace.refused(Instant::now());
        }
        assert!((pace.per_s - PER_S_MIN).abs() < 1e-9, "{}", pace.per_s);
    }
}
