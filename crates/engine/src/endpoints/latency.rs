//! How long an endpoint takes to answer.

use std::collections::VecDeque;
use std::time::Duration;

/// Answers that are remembered.
const SAMPLES_MAX: usize = 64;

/// Answers from which on a quantile means something.
const SAMPLES_MIN: usize = 20;

/// The latest times of answers.
#[derive(Debug, Default)]
pub(super) struct Latency {
    samples: VecDeque<Duration>,
}

impl Latency {
    pub(super) fn add(&mut self, took: Duration) {
        if self.samples.len() == SAMPLES_MAX {
            self.samples.pop_front();
        }
        self.samples.push_back(took);
    }

    /// The time within which so many percent of the answers came, once there are enough of them.
    pub(super) fn percentile(&self, percent: u32) -> Option<Duration> {
        if self.samples.len() < SAMPLES_MIN {
            return None;
        }
        let mut sorted: Vec<Duration> = self.samples.iter().copied().collect();
        sorted.sort_unstable();
        let place = (sorted.len() * percent.min(100) as usize).div_ceil(100).max(1);
        sorted.get(place - 1).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_of_the_latest() {
        let mut latency = Latency::default();
        for ms in 1..SAMPLES_MIN as u64 {
            latency.add(Duration::from_millis(ms));
        }
        assert_eq!(latency.percentile(50), None);
        for ms in 1..=100 {
            latency.add(Duration::from_millis(ms));
        }
        let percentiles = [0, 50, 95, 100].map(|percent| latency.percentile(percent).map(|took| took.as_millis()));
        assert_eq!(percentiles, [Some(37), Some(68), Some(97), Some(100)]);
    }
}
