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

/// As long as an endpoint has refused nothing, the time after which a rate that held requests up grows.
const START_WINDOW: Duration = Duration::from_millis(250);

/// Growth after such a window: the limit of a node of one's own is found within seconds, that of a provider with one refusal.
const START_GROWTH: f64 = 2.0;

/// What a refusal leaves of the rate.
const CUT: f64 = 0.5;

/// The rate never falls below this.
const PER_S_MIN: f64 = 1.0;

/// The rate never grows beyond this: it is no limit any more.
const PER_S_MAX: f64 = 100_000.0;

/// Requests a second, found by trying: growing fast until the endpoint says for the first time that it is too many, slowly from
/// then on; halved whenever it says so.
#[derive(Debug)]
pub(super) struct Pace {
    per_s: f64,
    /// When the next request may leave.
    next: Instant,
    cut_at: Option<Instant>,
    window_from: Instant,
    /// Whether a request had to wait in this window.
    has_held_up: bool,
}

impl Pace {
    pub(super) fn new(options: &EngineOptions) -> Pace {
        let now = Instant::now();
        let per_s = f64::from(options.requests_per_s_start).max(PER_S_MIN);
        Pace { per_s, next: now, cut_at: None, window_from: now, has_held_up: false }
    }

    /// Takes the next turn; the moment it comes, not before now.
    pub(super) fn turn(&mut self) -> Instant {
        let now = Instant::now();
        let turn = self.next.max(now.checked_sub(BURST).unwrap_or(now));
        self.next = turn + self.gap();
        self.has_held_up |= now < turn;
        turn.max(now)
    }

    /// A call took more requests than the one it was let in for.
    pub(super) fn charge(&mut self, requests: u64) {
        // What one call may cost is bounded, so that a wrong count cannot stop an endpoint.
        self.next += self.gap() * u32::try_from(requests).unwrap_or(u32::MAX).min(1_000);
    }

    /// A call that began at `started` was answered.
    pub(super) fn succeeded(&mut self) {
        let is_starting = self.cut_at.is_none() && self.has_held_up;
        let (window, growth) = if is_starting { (START_WINDOW, START_GROWTH) } else { (WINDOW, GROWTH) };
        if window <= self.window_from.elapsed() {
            self.begin_window();
            self.per_s = (self.per_s * growth).min(PER_S_MAX);
        }
    }

    /// A call that began at `started` was refused as one too many. Those that were under way together count once.
    pub(super) fn refused(&mut self, started: Instant) {
        self.begin_window();
        if self.cut_at.is_none_or(|cut_at| cut_at <= started) {
            self.cut_at = Some(Instant::now());
            self.per_s = (self.per_s * CUT).max(PER_S_MIN);
        }
    }

    fn begin_window(&mut self) {
        (self.window_from, self.has_held_up) = (Instant::now(), false);
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

    #[tokio::test(start_paused = true)]
    async fn a_rate_that_holds_up_doubles_until_the_first_refusal() {
        let mut pace = pace(10);
        let window = async |pace: &mut Pace, asked: u32| {
            for _ in 0..asked {
                pace.turn();
            }
            advance(START_WINDOW).await;
            pace.succeeded();
            pace.per_s
        };
        let (few, many) = (1, 500);
        assert!((window(&mut pace, few).await - 10.0).abs() < 1e-9, "what holds nothing up need not grow so fast");
        assert!((window(&mut pace, many).await - 20.0).abs() < 1e-9);
        assert!((window(&mut pace, many).await - 40.0).abs() < 1e-9);
        pace.refused(Instant::now());
        assert!((window(&mut pace, many).await - 20.0).abs() < 1e-9, "an endpoint that has a limit is approached slowly");
    }
}
