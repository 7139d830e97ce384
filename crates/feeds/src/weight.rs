//! The weight limit of an API: every call has a weight, and the weights of any window, wherever it begins, may not pass a limit.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// The calls of one host within its limit. Shared by all that call the host.
///
/// Where the venue's windows begin is its own affair: none holds more. Its count, where an answer tells it, only ever raises ours: other
/// programs behind the same address use the same limit.
#[derive(Debug)]
pub struct WeightBudget {
    limit: u32,
    window: Duration,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Weights taken within the last window, oldest first.
    taken: VecDeque<(Instant, u32)>,
    /// Their sum.
    used: u32,
    /// Nobody calls before this moment: the venue asked for it.
    paused_until: Instant,
}

impl WeightBudget {
    /// A budget of `limit` weight in every `window`; both above zero.
    pub fn new(limit: u32, window: Duration) -> WeightBudget {
        let now = Instant::now();
        WeightBudget { limit: limit.max(1), window, state: Mutex::new(State { taken: VecDeque::new(), used: 0, paused_until: now }) }
    }

    /// Waits until a call of this weight fits, and takes its weight. A call heavier than the whole limit waits until nothing else is in
    /// the window.
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
        self.forget(&mut state);
        let others = used.saturating_sub(state.used);
        state.add(others);
    }

    /// The venue refused: no call for this long.
    pub fn pause(&self, time: Duration) {
        let mut state = self.state();
        state.paused_until = state.paused_until.max(Instant::now() + time);
    }

    /// `None` if the weight was taken, else the next moment to try.
    fn try_take(&self, weight: u32) -> Option<Instant> {
        let mut state = self.state();
        self.forget(&mut state);
        if Instant::now() < state.paused_until {
            return Some(state.paused_until);
        }
        let mut excess = state.used.saturating_add(weight).saturating_sub(self.limit);
        // The moment at which enough of what was taken has left the window; the last of it, where the call is heavier than the limit.
        let leaves = state.taken.iter().find(|(_, taken)| {
            excess = excess.saturating_sub(*taken);
            excess == 0
        });
        match leaves.or(state.taken.back()) {
            Some((taken_at, _)) if state.used.saturating_add(weight) > self.limit => Some(*taken_at + self.window),
            _ => {
                state.add(weight);
                None
            }
        }
    }

    fn forget(&self, state: &mut State) {
        let now = Instant::now();
        while let Some((_, weight)) = state.taken.pop_front_if(|(at, _)| *at + self.window <= now) {
            state.used -= weight;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no one panics while holding the budget")
    }
}

impl State {
    fn add(&mut self, weight: u32) {
        let weight = weight.min(u32::MAX - self.used);
        if weight > 0 {
            self.taken.push_back((Instant::now(), weight));
            self.used += weight;
        }
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
    async fn no_window_holds_more_wherever_it_begins() {
        let budget = WeightBudget::new(100, MINUTE);
        let start = Instant::now();
        let mut calls = Vec::new();
        budget.take(1).await;
        calls.push((start.elapsed(), 1));
        tokio::time::sleep(MINUTE * 5 / 6).await;
        for weight in [30, 20, 49, 7, 40, 60, 100, 3, 90] {
            budget.take(weight).await;
            calls.push((start.elapsed(), weight));
        }
        for (begins, _) in &calls {
            let in_window = calls.iter().filter(|(at, _)| begins <= at && *at < *begins + MINUTE);
            assert!(in_window.map(|(_, weight)| weight).sum::<u32>() <= 100, "from {begins:?}: {calls:?}");
        }
        let (second, last) = (calls[1].0, calls.last().unwrap().0);
        assert!(last <= second + 4 * MINUTE, "waits no longer than it must: {calls:?}");
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
