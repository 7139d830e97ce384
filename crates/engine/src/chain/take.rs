//! Takes what the endpoints gave, in order: commits it, or records that it could not be had.

use std::sync::Arc;

use perpdex_core::{BlockRange, Evidence, Headers, Hole, HoleReason, StoreError, StreamId};

use super::{ChainRun, RoundEnd};
use crate::committer::{About, Applied};
use crate::error::{ChainError, ChainStop};
use crate::fetch::{Fetched, Piece};
use crate::job::Until;
use crate::ledger::Brought;
use crate::pipeline::FetchAhead;
use crate::plan::Planned;

/// Ranges that may be under way while the next answer is waited for.
const WRITTEN_BESIDE_MAX: usize = 1;

/// What a chain at work waits for.
enum Next {
    Fetched(Result<Fetched, ChainStop>),
    Written(About, Result<Applied, StoreError>),
    /// All of the plan was fetched.
    End,
}

impl ChainRun {
    /// Fetches a plan ahead and commits it in order. However it ends, nothing is under way behind it.
    pub(super) async fn fetch_and_commit(&mut self, plans: Vec<Planned>, headers: Headers) -> Result<RoundEnd, ChainStop> {
        let end = self.fetch_and_begin(plans, headers).await;
        let landed = self.land(0).await;
        if landed.is_err() {
            // Where the books could not be kept of one, another may still be on its way.
            self.committer.abandon().await;
        }
        match (landed?, end?) {
            (RoundEnd::Complete, end) => Ok(end),
            (landed, _) => Ok(landed),
        }
    }

    async fn fetch_and_begin(&mut self, plans: Vec<Planned>, headers: Headers) -> Result<RoundEnd, ChainStop> {
        let mut ahead = FetchAhead::new(self.context.clone(), plans, headers);
        loop {
            let fetched = match self.fetched_or_written(&mut ahead).await? {
                Next::Fetched(fetched) => fetched?,
                Next::Written(about, applied) => match self.written(about, applied).await? {
                    RoundEnd::Complete => continue,
                    end => return Ok(end),
                },
                Next::End => return Ok(RoundEnd::Complete),
            };
            self.ledger.in_flight = ahead.in_flight();
            // One look at who was caught for all that is decided of this answer: what is under way must not cover what is taken back.
            let caught = self.caught();
            if !caught.is_empty() || !self.goes_beside(&fetched, headers) {
                match self.land(0).await? {
                    RoundEnd::Complete => {}
                    end => return Ok(end),
                }
            }
            if self.takes_back(&caught).await? {
                return Ok(RoundEnd::Again);
            }
            match self.take(fetched, &mut ahead, headers).await? {
                RoundEnd::Complete => {}
                end => return Ok(end),
            }
        }
    }

    /// Waits for the next answer, or for the next range to be written, whichever comes first.
    async fn fetched_or_written(&mut self, ahead: &mut FetchAhead) -> Result<Next, ChainStop> {
        let is_any = 0 < self.committer.under_way();
        tokio::select! {
            biased;
            () = self.shared.cancel.cancelled() => Err(ChainStop::Interrupted),
            Some((about, applied)) = self.committer.next(), if is_any => Ok(Next::Written(about, applied)),
            fetched = ahead.next() => Ok(fetched.map_or(Next::End, Next::Fetched)),
        }
    }

    /// Whether an answer can be begun while another is written: it must not take back what that one covers, nor tell of itself alone.
    fn goes_beside(&self, fetched: &Fetched, headers: Headers) -> bool {
        match fetched {
            Fetched::Piece(piece) => headers == Headers::Needed && self.passed_quietly(piece).is_some(),
            Fetched::Nothing { .. } => false,
        }
    }

    /// Takes one answer.
    async fn take(&mut self, fetched: Fetched, ahead: &mut FetchAhead, headers: Headers) -> Result<RoundEnd, ChainStop> {
        match fetched {
            Fetched::Piece(piece) if self.is_doubtful(&piece, headers) => {
                let (range, streams) = (piece.commit.range, piece.streams.clone());
                self.ledger.note(&format!("{range} is asked for again: its endpoint left records out elsewhere"));
                drop(piece);
                ahead.again(Planned { range, streams });
                Ok(RoundEnd::Complete)
            }
            Fetched::Piece(mut piece) => {
                if !self.is_believed(&mut piece, headers).await? {
                    self.takes_back(&self.caught()).await?;
                    return Ok(RoundEnd::Again);
                }
                self.gather(&mut piece, ahead, headers);
                self.commit(*piece, headers).await
            }
            Fetched::Nothing { holes, gave_up: true, .. } if headers == Headers::All && self.until == Until::Forever => {
                // Near the head the next round comes soon, and a hole there would outlive its cause.
                holes.iter().for_each(|hole| self.ledger.note(&format!("will be asked for again: {}", hole.detail)));
                Ok(RoundEnd::Complete)
            }
            Fetched::Nothing { range, streams, holes, gave_up } => {
                self.record_nothing(&streams, range, &holes).await?;
                self.ledger.passed(range);
                Ok(self.count_failure(gave_up, range, &holes))
            }
        }
    }

    /// Lets what follows the piece and is here already go with it: a commit costs the database much, whatever it brings. Near the
    /// head every range is shown as soon as can be, and what is too weakly proved is told range by range.
    fn gather(&mut self, piece: &mut Piece, ahead: &mut FetchAhead, headers: Headers) {
        if headers != Headers::Needed || piece.commit.evidence < self.evidence_min {
            return;
        }
        let bytes_max = self.shared.options.bytes_max_per_commit;
        loop {
            let mut quiet = None;
            let next = ahead.next_if(|next| {
                if piece.goes_on_with(next, bytes_max) && !self.is_doubtful(next, headers) {
                    quiet = self.passed_quietly(next);
                }
                quiet.is_some()
            });
            let (Some(next), Some(quiet)) = (next, quiet) else { return };
            self.quiet = quiet;
            piece.join(next);
        }
    }

    /// Whether an answer came from an endpoint that was caught leaving records out since, and nothing else speaks for it.
    fn is_doubtful(&self, piece: &Piece, headers: Headers) -> bool {
        headers == Headers::Needed && piece.commit.evidence < Evidence::Second && self.endpoints().is_caught(piece.endpoint)
    }

    /// Begins to commit one range; what does not fit the stored blocks is settled instead. In history, it is written while the next one
    /// is begun.
    async fn commit(&mut self, mut piece: Piece, headers: Headers) -> Result<RoundEnd, ChainStop> {
        let is_final = self.final_height.is_some_and(|finalized| piece.commit.range.to() <= finalized);
        // What is read above the final height is read again once it is final, where it is not proved.
        if is_final && piece.commit.evidence < self.evidence_min {
            let (range, known, wanted) = (piece.commit.range, piece.commit.evidence.as_str(), self.evidence_min.as_str());
            let label = self.endpoints().source(piece.endpoint).label();
            let detail = format!("known only as {known} from {label}, wanted is {wanted}: give a second endpoint, or one with receipts");
            piece.commit.holes.push(Hole { range, reason: HoleReason::Unproven, detail, streams: Vec::new() });
        }
        for malformed in &piece.commit.malformed {
            self.ledger.note(&format!(
                "malformed record of {} near height {}: {}",
                malformed.stream.name(),
                malformed.height,
                malformed.error
            ));
        }
        let endpoint = piece.endpoint;
        if !self.committer.is_apart(piece.commit.range) {
            match self.land(0).await? {
                RoundEnd::Complete => {}
                end => return Ok(end),
            }
        }
        if let Some(conflict) = self.committer.begin(piece).await? {
            return match self.land(0).await? {
                RoundEnd::Complete => self.settle(conflict, endpoint).await,
                end => Ok(end),
            };
        }
        let goes_on = headers == Headers::Needed && self.shared.store.prepares_ahead();
        self.land(if goes_on { WRITTEN_BESIDE_MAX } else { 0 }).await
    }

    /// Waits until no more than so many ranges are under way.
    async fn land(&mut self, most: usize) -> Result<RoundEnd, ChainStop> {
        while most < self.committer.under_way() {
            let Some((about, applied)) = self.committer.next().await else { break };
            match self.written(about, applied).await? {
                RoundEnd::Complete => {}
                end => return Ok(end),
            }
        }
        Ok(RoundEnd::Complete)
    }

    /// Keeps the books of a range that was written, or settles why it was not.
    async fn written(&mut self, about: About, applied: Result<Applied, StoreError>) -> Result<RoundEnd, ChainStop> {
        let About { range, ranges, streams, endpoint, holes, unknown, malformed } = about;
        let committed = match applied {
            Ok(Applied::Committed(committed)) => committed,
            Ok(Applied::Conflict(conflict)) => {
                self.committer.abandon().await;
                return self.settle(conflict, endpoint).await;
            }
            Err(error) => {
                self.committer.abandon().await;
                return Err(error.into());
            }
        };
        self.failed_in_a_row = 0;
        self.contradictions_in_a_row = 0;
        self.store_failures = 0;
        self.store_pauses.reset();
        self.ledger.brought(&Brought { range, ranges, committed, unknown, malformed });
        self.ledger.missed(&streams, &holes);
        self.keep_state(false).await?;
        Ok(RoundEnd::Complete)
    }

    /// Records that a range could not be had; it is not asked for again.
    pub(super) async fn record_nothing(&mut self, streams: &Arc<[usize]>, range: BlockRange, holes: &[Hole]) -> Result<(), ChainStop> {
        let ids: Vec<StreamId> = streams.iter().map(|stream| self.context.streams[*stream].id.clone()).collect();
        self.shared.store.record_holes(&ids, holes).await?;
        self.ledger.missed(streams, holes);
        self.ledger.give_up(streams, range);
        Ok(())
    }

    fn count_failure(&mut self, gave_up: bool, range: BlockRange, holes: &[Hole]) -> RoundEnd {
        self.failed_in_a_row = if gave_up { self.failed_in_a_row + 1 } else { 0 };
        if self.failed_in_a_row < self.shared.options.failed_ranges_in_a_row_max.max(1) {
            return RoundEnd::Complete;
        }
        let detail = holes.first().map(|hole| hole.detail.clone()).unwrap_or_default();
        RoundEnd::Stuck(ChainError::RangesInARow { chain: self.chain(), count: self.failed_in_a_row, range, detail })
    }
}
