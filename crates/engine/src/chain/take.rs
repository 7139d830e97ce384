//! Takes what the endpoints gave, in order: commits it, or records that it could not be had.

use std::sync::Arc;

use perpdex_core::{BlockRange, Evidence, Headers, Hole, HoleReason, StreamId};

use super::{ChainRun, RoundEnd};
use crate::committer::{Applied, ChainUpdate};
use crate::decode;
use crate::error::{ChainError, ChainStop};
use crate::fetch::{Fetched, Piece};
use crate::job::Until;
use crate::ledger::Brought;
use crate::pipeline::FetchAhead;
use crate::plan::Planned;

impl ChainRun {
    /// Fetches a plan ahead and commits it in order.
    pub(super) async fn fetch_and_commit(&mut self, plans: Vec<Planned>, headers: Headers) -> Result<RoundEnd, ChainStop> {
        let mut ahead = FetchAhead::new(self.context.clone(), plans, headers);
        loop {
            let Some(fetched) = self.unless_cancelled(ahead.next()).await? else { return Ok(RoundEnd::Complete) };
            self.ledger.in_flight = ahead.in_flight();
            if self.takes_back().await? {
                return Ok(RoundEnd::Again);
            }
            let end = match fetched? {
                Fetched::Piece(piece) if self.is_doubtful(&piece, headers) => {
                    let (range, streams) = (piece.commit.range, piece.streams.clone());
                    self.ledger.note(&format!("{range} is asked for again: its endpoint left records out elsewhere"));
                    drop(piece);
                    ahead.again(Planned { range, streams });
                    continue;
                }
                Fetched::Piece(mut piece) => match self.is_believed(&mut piece, headers).await? {
                    true => {
                        self.gather(&mut piece, &mut ahead, headers);
                        self.commit(*piece).await?
                    }
                    false => {
                        self.takes_back().await?;
                        RoundEnd::Again
                    }
                },
                Fetched::Nothing { holes, gave_up: true, .. } if headers == Headers::All && self.until == Until::Forever => {
                    // Near the head the next round comes soon, and a hole there would outlive its cause.
                    holes.iter().for_each(|hole| self.ledger.note(&format!("will be asked for again: {}", hole.detail)));
                    return Ok(RoundEnd::Complete);
                }
                Fetched::Nothing { range, streams, holes, gave_up } => {
                    self.record_nothing(&streams, range, &holes).await?;
                    self.ledger.passed(range);
                    self.count_failure(gave_up, range, &holes)
                }
            };
            match end {
                RoundEnd::Complete => {}
                end => return Ok(end),
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

    /// Commits one range; what does not fit the stored blocks is settled instead.
    async fn commit(&mut self, mut piece: Piece) -> Result<RoundEnd, ChainStop> {
        let is_final = self.final_height.is_some_and(|finalized| piece.commit.range.to() <= finalized);
        // What is read above the final height is read again once it is final, where it is not proved.
        if is_final && piece.commit.evidence < self.evidence_min {
            let (range, known, wanted) = (piece.commit.range, piece.commit.evidence.as_str(), self.evidence_min.as_str());
            let label = self.endpoints().source(piece.endpoint).label();
            let detail = format!("known only as {known} from {label}, wanted is {wanted}: give a second endpoint, or one with receipts");
            piece.commit.holes.push(Hole { range, reason: HoleReason::Unproven, detail, streams: Vec::new() });
        }
        let (streams, endpoint) = (piece.streams.clone(), piece.endpoint);
        let (range, ranges, holes) = (piece.commit.range, piece.ranges, piece.commit.holes.clone());
        let (unknown, malformed) = (decode::unknown(&piece.commit), piece.commit.malformed.len() as u64);
        for malformed in &piece.commit.malformed {
            self.ledger.note(&format!(
                "malformed record of {} near height {}: {}",
                malformed.stream.name(),
                malformed.height,
                malformed.error
            ));
        }
        let committed = match self.committer.take(ChainUpdate::Apply(Box::new(piece))).await? {
            Applied::Committed(committed) => committed,
            Applied::Conflict(conflict) => return self.settle(conflict, endpoint).await,
            Applied::Reverted(_) => unreachable!("a range was applied"),
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
