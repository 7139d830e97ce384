//! Single steps beside their limits. Inputs come from simnet and golden cases, never from what is measured.

mod decode;
mod input;
mod numbers;
mod rows;

use std::time::{Duration, Instant};

use anyhow::Result;

pub(crate) use decode::plain_parse;

/// One step and what it is compared with.
pub struct Step {
    /// What is done.
    pub name: &'static str,
    /// What the limit does with the same input.
    pub limit_name: &'static str,
    /// Things that one call of either does.
    pub items: u64,
    /// What an item is.
    pub unit: &'static str,
    /// Does it once; gives something that depends on all of it.
    pub run: Box<dyn Fn() -> u64>,
    /// The limit, once.
    pub limit: Box<dyn Fn() -> u64>,
}

impl std::fmt::Debug for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Step").field("name", &self.name).field("items", &self.items).finish_non_exhaustive()
    }
}

/// All steps.
pub fn steps() -> Result<Vec<Step>> {
    let mut steps = decode::steps()?;
    steps.extend(numbers::steps());
    steps.extend(rows::steps()?);
    Ok(steps)
}

/// Shortest time of a call of `step` and of its limit, over `repeats` calls of each in turns: what disturbs a call only ever makes it
/// longer, and what the machine or the heap is like for a while, it is like for both.
pub fn shortest(repeats: u32, step: &Step) -> (Duration, Duration) {
    let once = |call: &dyn Fn() -> u64| {
        let started = Instant::now();
        std::hint::black_box(call());
        started.elapsed()
    };
    let pairs = (0..repeats.max(1)).map(|_| (once(&*step.run), once(&*step.limit)));
    pairs.reduce(|best, pair| (best.0.min(pair.0), best.1.min(pair.1))).unwrap_or_default()
}
