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

/// Shortest time of a call over `repeats` calls: what disturbs a call only ever makes it longer.
pub fn shortest(repeats: u32, call: &dyn Fn() -> u64) -> Duration {
    let once = || {
        let started = Instant::now();
        std::hint::black_box(call());
        started.elapsed()
    };
    (0..repeats.max(1)).map(|_| once()).min().unwrap_or_default()
}
