//! What to do where a stream was silent over several ranges for longer than chance explains, and with the silence of an
//! endpoint that was caught leaving records out.

use std::collections::BTreeSet;

use perpdex_core::{BlockRange, Evidence, Headers};

use super::ChainRun;
use crate::error::ChainStop;
use crate::fetch::Piece;
use crate::quiet::Silence;

/// Blocks of a stream's silence that are asked for again when its endpoint is caught, at most.
const TAKEN_BACK_BLOCKS_MAX: u64 = 10_000;

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
                        quiet[stream].forget();
                    }
                }
                Ok(omitted) if self.catch(stream, &silence, &omitted) => return Ok(false),
                Ok(omitted) => self.doubt(piece, stream, &silence, &format!("{} of its blocks lack records", omitted.len())),
                Err(why) => self.doubt(piece, stream, &silence, &why),
            }
        }
        self.quiet = quiet;
        Ok(true)
    }

    /// Takes back what endpoints said to be silent that were caught since: nothing spoke for it but them. `true`: what was
    /// covered is to be planned again.
    pub(super) async fn takes_back(&mut self) -> Result<bool, ChainStop> {
        let all = 0..self.endpoints().sources().len();
        let caught: BTreeSet<usize> = all.filter(|endpoint| self.endpoints().is_caught(*endpoint)).collect();
        let mut is_any = false;
        for stream in 0..self.quiet.len() {
            let Some(silent) = self.quiet[stream].said_by(&caught) else { continue };
            let from = silent.from().max(silent.to().saturating_sub(TAKEN_BACK_BLOCKS_MAX - 1));
            let Some(range) = BlockRange::new(from, silent.to()) else { continue };
            let id = self.context.streams[stream].id.clone();
            self.ledger.note(&format!("{} was silent in {range} by an endpoint that left records out: asked for again", id.name()));
            self.shared.store.uncover(&id, range).await?;
            self.quiet[stream].forget();
            is_any = true;
        }
        Ok(is_any)
    }

    /// Remembers who left records out of a silence; `false` where everyone was caught before.
    fn catch(&self, stream: usize, silence: &Silence, omitted: &[u64]) -> bool {
        let gave = |height: &u64| silence.parts.iter().find(|(_, part)| part.contains(*height)).map(|(endpoint, _)| *endpoint);
        let guilty: BTreeSet<usize> = omitted.iter().filter_map(gave).filter(|endpoint| !self.endpoints().is_caught(*endpoint)).collect();
        let (name, first) = (self.context.streams[stream].id.name(), omitted.first().copied().unwrap_or_default());
        for endpoint in &guilty {
            let message = format!("answers for {} leave out records of {name}, the first in block {first}", silence.range);
            self.endpoints().caught_late(*endpoint, message);
        }
        !guilty.is_empty()
    }

    fn doubt(&self, piece: &mut Piece, stream: usize, silence: &Silence, why: &str) {
        let name = self.context.streams[stream].id.name();
        self.ledger.note(&format!("{name} is silent in {}, which nothing settles: {why}", silence.range));
        piece.commit.evidence = piece.commit.evidence.min(Evidence::Witnessed);
    }
}
