//! The weight limit of an API: every call has a weight, and the weights of a window may not pass a limit.

use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// The calls of one host within its limit. Shared by all that call the host.
///
/// Windows are counted from the first call on. The venue's own count, where an answer tells it, only ever raises ours: other
/// programs behind the same address use the same limit.
#[derive(Debug)]
pub struct WeightBudget {
    limit: u32,
    window: Duration,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    window_start: Instant,
    used: u32,
    /// Nobody calls before this moment: the venue asked for it.
    paused_until: Instant,
}

impl WeightBudget {
    /// A budget of `limit` weight in every `window`; both above zero.
    pub fn new(limit: u32, window: Duration) -> WeightBudget {
        let now = Instant::now();
        WeightBudget { limit: limit.max(1), window, state: Mutex::new(State { window_start: now, used: 0, paused_until: now }) }
    }

    /// Waits until a call of this weight fits, and takes its weight. A call heavier than the whole limit takes a window of
    /// its own.
    pub async fn take(&self, weight: u32) {
        loop {
            let wait_until = match self.try_take(weight) {
                None => return,
                Some(wait_until) => wait_until,
            };
            sleep_until(wait_until).await;
        }
    }

    /// The venue's own count of the window.
    pub fn told(&self, used: u32) {
        let mut state = self.state();
        self.roll(&mut state);
        state.used = state.used.max(used);
    }

    /// The venue refused: no call for this long.
    pub fn pause(&self, time: Duration) {
        let mut state = self.state();
        state.paused_until = state.paused_until.max(Instant::now() + time);
    }

    /// `None` if the weight was taken, else the next moment to try.
    fn try_take(&self, weight: u32) -> Option<Instant> {
        let mut state = self.state();
        self.roll(&mut state);
        if Instant::now() < state.paused_until {
            return Some(state.paused_until);
        }
        if state.used > 0 && state.used.saturating_add(weight) > self.limit {
            return Some(state.window_start + self.window);
        }
        state.used = state.used.saturating_add(weight);
        None
    }

    fn roll(&self, state: &mut State) {
        let now = Instant::now();
        if state.window_start + self.window <= now {
            (state.window_start, state.used) = (now, 0);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no one panics while holding the budget")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn a_window_holds_its_limit_and_no_more() {
        let budget = WeightBudget::new(100, MINUTE);
        let start = Instant::now();
        for _ in 0..5 {
            budget.take(20).await;
        }
        assert_eq!(start.elapsed(), Duration::ZERO);
        budget.take(20).await;
        assert_eq!(start.elapsed(), MINUTE, "the sixth call waits for the next window");
        budget.take(500).await;
        assert_eq!(start.elapsed(), 2 * MINUTE, "a call heavier than the limit has a window of its own");
    }

    #[tokio::test(start_paused = true)]
    async fn the_venue_count_and_its_refusals_are_believed() {
        let budget = WeightBudget::new(100, MINUTE);
        let start = Instant::now();
        budget.take(1).await;
        budget.told(95);
        budget.told(3);
        budget.take(10).await;
        assert_eq!(start.elapsed(), MINUTE, "others have used the limit");
        budget.pause(Duration::from_secs(120));
        budget.pause(Duration::from_secs(5));
        budget.take(1).await;
        assert_eq!(start.elapsed(), MINUTE + Duration::from_secs(120), "the longest pause counts");
    }
}
