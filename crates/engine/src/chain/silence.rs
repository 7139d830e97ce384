//! What to do where a stream was silent over several ranges for longer than chance explains, and with the silence of an
//! endpoint that was caught leaving records out.

use std::collections::BTreeSet;
use std::sync::Arc;

use perpdex_core::{BlockRange, Evidence, Headers, Hole, HoleReason};

use super::ChainRun;
use crate::error::ChainStop;
use crate::fetch::Piece;
use crate::quiet::{Quiet, Silence};

impl ChainRun {
    /// Looks at the silences that the next piece ends or lengthens. `false`: records were left out, by endpoints that are
    /// known as caught from now on.
    pub(super) async fn is_believed(&mut self, piece: &mut Piece, headers: Headers) -> Result<bool, ChainStop> {
        if headers == Headers::All {
            // Every header was tested.
            return Ok(true);
        }
        let (range, endpoint) = (piece.commit.range, piece.endpoint);
        let mut quiet = self.quiet.clone();
        for (stream, seen) in piece.streams.clone().iter().copied().zip(std::mem::take(&mut piece.seen)) {
            let silence = quiet[stream].pass(endpoint, range, &seen, &self.shared.options);
            if Evidence::Second <= piece.commit.evidence || !piece.commit.holes.is_empty() {
                // Nothing is missing here, or what is missing is told: silence that goes on begins behind it.
                quiet[stream].forget();
            }
            let Some(silence) = silence else { continue };
            let context = self.context.clone();
            let settling = context.settle_silence(&context.streams[stream], &silence);
            match self.unless_cancelled(settling).await? {
                Ok(omitted) if omitted.is_empty() => {
                    if seen.is_silent() {
                        quiet[stream].settled();
                    }
                }
                Ok(omitted) if self.catch(stream, &silence, &omitted) => return Ok(false),
                Ok(omitted) => {
                    let why = format!("{} of its blocks lack records", omitted.len());
                    let untold = quiet[stream].tell(&silence);
                    self.doubt(piece, stream, &silence, untold, &why).await?;
                }
                Err(why) => {
                    let untold = quiet[stream].tell(&silence);
                    self.doubt(piece, stream, &silence, untold, &why).await?;
                }
            }
        }
        self.quiet = quiet;
        Ok(true)
    }

    /// The streams' silences behind a piece, where none of them is to be settled first.
    pub(super) fn passed_quietly(&self, piece: &Piece) -> Option<Vec<Quiet>> {
        let mut quiet = self.quiet.clone();
        for (stream, seen) in piece.streams.iter().copied().zip(&piece.seen) {
            let silence = quiet[stream].pass(piece.endpoint, piece.commit.range, seen, &self.shared.options);
            if Evidence::Second <= piece.commit.evidence || !piece.commit.holes.is_empty() {
                quiet[stream].forget();
            }
            if silence.is_some() {
                return None;
            }
        }
        Some(quiet)
    }

    /// Takes back what endpoints said to be silent that were caught since: nothing spoke for it but them. `true`: what was
    /// covered is to be planned again. Nothing that covers any of it may be under way.
    pub(super) async fn takes_back(&mut self, caught: &BTreeSet<usize>) -> Result<bool, ChainStop> {
        let mut is_any = false;
        for stream in 0..self.quiet.len() {
            let Some(range) = self.silence_to_ask_again(stream, caught) else { continue };
            let id = self.context.streams[stream].id.clone();
            self.ledger.note(&format!("{} was silent in {range} by an endpoint that left records out: asked for again", id.name()));
            self.shared.store.uncover(&id, range).await?;
            self.quiet[stream].forget();
            is_any = true;
        }
        Ok(is_any)
    }

    /// The endpoints that were caught leaving records out.
    pub(super) fn caught(&self) -> BTreeSet<usize> {
        let all = 0..self.endpoints().sources().len();
        all.filter(|endpoint| self.endpoints().is_caught(*endpoint)).collect()
    }

    /// What a caught endpoint said to be silent: all of a silence in which it left records out, else so much as the options ask.
    fn silence_to_ask_again(&mut self, stream: usize, caught: &BTreeSet<usize>) -> Option<BlockRange> {
        let lied = self.lied.remove(&stream);
        let silent = self.quiet[stream].said_by(caught);
        let recent = silent.and_then(|silent| {
            let blocks = self.shared.options.taken_back_blocks_max.checked_sub(1)?;
            BlockRange::new(silent.from().max(silent.to().saturating_sub(blocks)), silent.to())
        });
        lied.or(recent)
    }

    /// Remembers who left records out of a silence; `false` where everyone was caught before.
    fn catch(&mut self, stream: usize, silence: &Silence, omitted: &[u64]) -> bool {
        let gave = |height: &u64| silence.parts.iter().find(|(_, part)| part.contains(*height)).map(|(endpoint, _)| *endpoint);
        let guilty: BTreeSet<usize> = omitted.iter().filter_map(gave).filter(|endpoint| !self.endpoints().is_caught(*endpoint)).collect();
        let (name, first) = (self.context.streams[stream].id.name(), omitted.first().copied().unwrap_or_default());
        for endpoint in &guilty {
            let message = format!("answers for {} leave out records of {name}, the first in block {first}", silence.range);
            self.endpoints().caught_late(*endpoint, message);
        }
        if !guilty.is_empty() {
            self.lied.insert(stream, silence.range);
        }
        !guilty.is_empty()
    }

    /// A silence that nothing settles is a hole of its stream, from the first height that was not told yet.
    async fn doubt(&mut self, piece: &mut Piece, stream: usize, silence: &Silence, untold: u64, why: &str) -> Result<(), ChainStop> {
        let id = self.context.streams[stream].id.clone();
        let detail =
            format!("silent in {} for longer than chance explains, which nothing settles: {why}: give a second endpoint", silence.range);
        let hole = |range, streams| Hole { range, reason: HoleReason::Unproven, detail: detail.clone(), streams };
        let piece_range = piece.commit.range;
        if let Some(range) = silence.range.intersect(&piece_range) {
            piece.commit.holes.push(hole(range, vec![id.clone()]));
        }
        let before = piece_range.from().checked_sub(1).and_then(|to| BlockRange::new(untold, to));
        if let Some(range) = before {
            self.shared.store.uncover(&id, range).await?;
            self.record_nothing(&Arc::from([stream]), range, &[hole(range, Vec::new())]).await?;
        }
        Ok(())
    }
}
