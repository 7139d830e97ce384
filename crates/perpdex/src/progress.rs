//! What a run shows on stderr: a bar per chain on a terminal, plain lines elsewhere.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use perpdex_core::ChainId;
use perpdex_engine::{ChainProgress, Phase, Progress};

/// Time between two plain lines of a chain whose phase did not change.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// The display that fits stderr.
pub(crate) fn progress() -> Arc<dyn Progress> {
    if io::stderr().is_terminal() { Arc::new(Bars::default()) } else { Arc::new(Lines::default()) }
}

/// One bar a chain.
#[derive(Default)]
struct Bars {
    all: MultiProgress,
    bars: Mutex<BTreeMap<ChainId, ProgressBar>>,
}

impl Progress for Bars {
    fn update(&self, chain: ChainId, progress: &ChainProgress) {
        let mut bars = lock(&self.bars);
        let bar = bars.entry(chain).or_insert_with(|| {
            let style = ProgressStyle::with_template("{prefix:<12} {bar:28} {pos}/{len} blocks  {msg}").expect("the template is constant");
            self.all.add(ProgressBar::new(0).with_style(style).with_prefix(chain.to_string()))
        });
        bar.set_length(progress.blocks_total);
        bar.set_position(progress.blocks_done);
        bar.set_message(describe(progress));
        if progress.phase == Phase::Ended {
            bar.abandon();
        }
    }

    fn note(&self, chain: ChainId, note: &str) {
        // A bar that cannot be drawn any more must not end the run.
        let _ = self.all.println(format!("{chain}: {note}"));
    }
}

/// A line when the phase changes, and from time to time.
#[derive(Default)]
struct Lines {
    last: Mutex<BTreeMap<ChainId, (Phase, Instant)>>,
}

impl Progress for Lines {
    fn update(&self, chain: ChainId, progress: &ChainProgress) {
        let mut last = lock(&self.last);
        let quiet = |(phase, at): &(Phase, Instant)| *phase == progress.phase && at.elapsed() < LINE_EVERY;
        if last.get(&chain).is_some_and(quiet) {
            return;
        }
        last.insert(chain, (progress.phase, Instant::now()));
        crate::stderr_line(&format!("{chain}: {}/{} blocks, {}", progress.blocks_done, progress.blocks_total, describe(progress)));
    }

    fn note(&self, chain: ChainId, note: &str) {
        crate::stderr_line(&format!("{chain}: {note}"));
    }
}

fn describe(progress: &ChainProgress) -> String {
    let phase = progress.phase.as_str();
    format!("{phase}, height {} of {}, {} records, {} events", progress.height, progress.latest, progress.records, progress.events)
}

/// A display that panicked half-way leaves nothing worse than a wrong line.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
