//! What a chain waits for: the head, the network, its database, the end of a pause.

use std::future::Future;
use std::time::Duration;

use perpdex_core::StoreError;
use tokio::time::{Instant, sleep};
use tracing::warn;

use super::ChainRun;
use crate::error::{ChainError, ChainStop};
use crate::job::Until;

impl ChainRun {
    /// Pauses until the database may be back; what it holds by then decides what is left to do. A run that ends somewhere gives
    /// up after some tries without a commit in between.
    pub(super) async fn wait_for_store(&mut self, error: StoreError) -> Result<(), ChainStop> {
        self.store_failures += 1;
        if self.shared.options.store_retries_max < self.store_failures && self.until != Until::Forever {
            return Err(ChainStop::from(error));
        }
        self.ledger.note(&format!("the database is not available, what was in hand is fetched again: {error}"));
        let pause = self.store_pauses.next();
        self.pause(pause).await
    }

    pub(super) async fn rest(&mut self, error: &ChainError) -> Result<(), ChainStop> {
        self.failed_in_a_row = 0;
        self.ledger.note(&format!("pausing after: {error}"));
        self.pause(self.shared.options.backoff_max()).await
    }

    /// Keeps the run's state in the store now and then, for those who look from outside.
    pub(super) async fn keep_state(&mut self, at_once: bool) -> Result<(), ChainStop> {
        let is_due = self.kept.is_none_or(|kept| Duration::from_millis(self.shared.options.state_every_ms) <= kept.elapsed());
        if is_due || at_once {
            self.kept = Some(Instant::now());
            let state = self.ledger.state(&self.context.endpoints.tally, None);
            match self.shared.store.record_run(&state).await {
                // Whoever looks from outside sees an older state for a while.
                Err(error @ StoreError::Unavailable { .. }) => {
                    warn!(chain = %self.chain(), %error, "the state of the run could not be kept")
                }
                kept => kept?,
            }
        }
        Ok(())
    }

    /// Waits until it is time to look at the head again: after the poll's time, or before where an endpoint hints at a new
    /// block. A hint only hastens the look; without one nothing is late.
    pub(super) async fn wait_for_head(&self) -> Result<(), ChainStop> {
        let (context, head_poll) = (self.context.clone(), self.endpoints().head_poll());
        let shortest = head_poll.min(Duration::from_millis(self.shared.options.head_hint_pause_ms));
        let hinted = async {
            sleep(shortest).await;
            context.endpoints.new_head().await;
        };
        self.unless_cancelled(async {
            tokio::select! {
                () = sleep(head_poll) => {}
                () = hinted => {}
            }
        })
        .await
    }

    pub(super) async fn pause(&self, time: Duration) -> Result<(), ChainStop> {
        self.unless_cancelled(sleep(time)).await
    }

    /// Waits for work that writes nothing; a cancelled run drops it.
    pub(super) async fn unless_cancelled<T>(&self, work: impl Future<Output = T>) -> Result<T, ChainStop> {
        tokio::select! {
            biased;
            () = self.shared.cancel.cancelled() => Err(ChainStop::Interrupted),
            value = work => Ok(value),
        }
    }
}
