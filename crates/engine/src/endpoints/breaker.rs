//! When an endpoint that failed is asked again.

use std::time::Duration;

use tokio::time::Instant;

use crate::options::EngineOptions;
use crate::retry::Pauses;

/// Closed, open until a moment, or half open: after a failure one call alone tries whether the endpoint is well.
#[derive(Debug)]
pub(super) struct Breaker {
    resume_at: Instant,
    pauses: Pauses,
    is_doubted: bool,
    is_tried: bool,
}

/// Whether an endpoint may be asked.
pub(super) enum Opening {
    Now,
    /// Not before this moment.
    At(Instant),
    /// A call is trying it.
    Busy,
}

impl Breaker {
    pub(super) fn new(options: &EngineOptions) -> Breaker {
        Breaker { resume_at: Instant::now(), pauses: Pauses::new(options), is_doubted: false, is_tried: false }
    }

    pub(super) fn opening(&self) -> Opening {
        if Instant::now() < self.resume_at {
            Opening::At(self.resume_at)
        } else if self.is_doubted && self.is_tried {
            Opening::Busy
        } else {
            Opening::Now
        }
    }

    /// A call begins.
    pub(super) fn begins(&mut self) {
        self.is_tried |= self.is_doubted;
    }

    /// A call ended, well or not.
    pub(super) fn ended(&mut self) {
        self.is_tried = false;
    }

    /// The endpoint answered: its next pause is a short one.
    pub(super) fn succeeded(&mut self) {
        self.pauses.reset();
        self.is_doubted = false;
    }

    /// The endpoint failed in a way that may last.
    pub(super) fn doubt(&mut self) {
        self.is_doubted = true;
    }

    pub(super) fn next_pause(&mut self) -> Duration {
        self.pauses.next()
    }

    pub(super) fn pause(&mut self, pause: Duration) {
        self.resume_at = self.resume_at.max(Instant::now() + pause);
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn after_a_pause_one_call_alone_tries() {
        let mut breaker = Breaker::new(&EngineOptions::default());
        let word = |breaker: &Breaker| match breaker.opening() {
            Opening::Now => "now",
            Opening::At(_) => "later",
            Opening::Busy => "busy",
        };
        breaker.begins();
        breaker.begins();
        assert_eq!(word(&breaker), "now", "an endpoint that is well takes many calls");
        breaker.doubt();
        breaker.pause(Duration::from_secs(1));
        breaker.ended();
        breaker.ended();
        assert_eq!(word(&breaker), "later");
        advance(Duration::from_secs(1)).await;
        assert_eq!(word(&breaker), "now");
        breaker.begins();
        assert_eq!(word(&breaker), "busy", "one call tries it");
        breaker.ended();
        assert_eq!(word(&breaker), "now", "without an answer another call may try");
        breaker.begins();
        breaker.succeeded();
        breaker.ended();
        breaker.begins();
        assert_eq!(word(&breaker), "now", "it is well again");
    }
}
