//! Which endpoints are behind: their newest blocks held against one another.
//!
//! An endpoint that stays behind answers well and says nothing wrong, so that no failed call would ever lead away from it.

use std::time::Duration;

use futures::future::join_all;
use perpdex_core::{BlockRef, Heads, SourceError, SourceErrorKind};
use tokio::time::{Instant, timeout};

use super::{Ask, Endpoints};

impl Endpoints {
    /// Looks at the heads of all endpoints that may be asked, where the time for it has come, and puts those behind that lag.
    pub(crate) async fn compare_heads(&self) {
        if !self.is_comparison_due() {
            return;
        }
        let limit = self.options.unreachable_after();
        let open = self.live(Ask::Heads).into_iter().filter(|endpoint| self.with(*endpoint, |state| state.is_open()));
        let answers = join_all(open.map(|endpoint| async move {
            let permit = self.permit_at(endpoint, Ask::Heads);
            match timeout(limit, self.source(endpoint).heads()).await {
                Ok(Ok(heads)) => {
                    permit.succeeded();
                    Some((endpoint, heads))
                }
                Ok(Err(error)) => {
                    permit.failed(&error);
                    None
                }
                // Who is slow here is no worse for it: its next call tells.
                Err(_) => None,
            }
        }));
        let heads: Vec<(usize, Heads)> = answers.await.into_iter().flatten().collect();
        self.judge_lag(&heads);
    }

    /// Puts endpoints behind whose newest block is older than another's by more than the options allow, and takes those back
    /// that have caught up.
    pub(super) fn judge_lag(&self, heads: &[(usize, Heads)]) {
        let lag_max_ms = self.options.head_lag_max_ms;
        let Some(newest) = heads.iter().map(|(_, heads)| heads.latest).max_by_key(|block| (block.time_ms, block.height)) else { return };
        for (endpoint, heads) in heads {
            let lag_ms = newest.time_ms.saturating_sub(heads.latest.time_ms);
            let is_behind = 0 < lag_max_ms && i64::try_from(lag_max_ms).is_ok_and(|max| max < lag_ms);
            let was_behind = self.with(*endpoint, |state| std::mem::replace(&mut state.is_behind, is_behind));
            if is_behind && !was_behind {
                self.tally.put_behind();
                self.tally.error(&self.lagging(*endpoint, heads.latest, newest, lag_ms));
            }
        }
    }

    fn lagging(&self, endpoint: usize, own: BlockRef, newest: BlockRef, lag_ms: i64) -> SourceError {
        let message = format!(
            "its newest block {} is {lag_ms} ms older than block {} of another endpoint: asked after the others until it catches up",
            own.height, newest.height
        );
        SourceError { label: self.source(endpoint).label().to_owned(), kind: SourceErrorKind::Lagging, message }
    }

    fn is_comparison_due(&self) -> bool {
        let every = Duration::from_millis(self.options.head_compare_ms);
        if self.options.head_lag_max_ms == 0 || self.live(Ask::Heads).len() < 2 {
            return false;
        }
        let mut compared_at = self.compared_at.lock().expect("no one panics while looking at the time");
        let is_due = every <= compared_at.elapsed();
        if is_due {
            *compared_at = Instant::now();
        }
        is_due
    }
}
