//! Records of whole blocks: every transaction is there, so that nothing depends on a listing.

use perpdex_core::{ChainId, Hole, HoleReason, RawRecord};

use crate::events::{Place, Speaker, events};
use crate::transaction::FullBlock;
use crate::watched::Watched;

/// What a block holds of some programs.
#[derive(Debug, Default)]
pub(crate) struct Read {
    /// Its records in canonical order.
    pub(crate) records: Vec<RawRecord>,
    /// Why records of some streams may be missing: once for each program.
    pub(crate) holes: Vec<Hole>,
    /// Programs that have a hole already.
    missed: Vec<Speaker>,
}

impl Read {
    /// Notes why records of a program may be missing; the first reason in a block stands.
    pub(crate) fn miss(&mut self, watched: &Watched, speaker: &Speaker, slot: u64, detail: String) {
        if !self.missed.contains(speaker) {
            self.missed.push(speaker.clone());
            self.holes.push(watched.hole(slot, HoleReason::NotRecorded, detail, [speaker]));
        }
    }
}

/// Reads a block. The error says what contradicts itself in it.
pub(crate) fn read(block: &FullBlock, slot: u64, time_ms: i64, watched: &Watched) -> Result<Read, String> {
    let mut read = Read::default();
    for (index, transaction) in (0..).zip(&block.transactions) {
        let Some(signature) = transaction.transaction.signatures.first() else {
            return Err(format!("transaction {index} has no signature"));
        };
        let Some(meta) = &transaction.meta else {
            // Which accounts were loaded is not known either.
            let why = format!("{signature}: its metadata was not recorded");
            watched.speakers().into_iter().for_each(|speaker| read.miss(watched, speaker, slot, why.clone()));
            continue;
        };
        if meta.err.is_some() {
            continue;
        }
        let message = &transaction.transaction.message;
        let accounts = message.accounts(meta);
        let place = Place { chain: ChainId::SOLANA, slot, index, signature, time_ms };
        for speaker in watched.speakers() {
            if accounts.contains(&speaker.program.as_str()) {
                let found = events(message, meta, speaker, &place).map_err(|error| format!("{signature}: {error}"))?;
                if let Some(why) = found.not_recorded {
                    read.miss(watched, speaker, slot, format!("{signature}: {why}"));
                }
                read.records.extend(found.records);
            }
        }
    }
    read.records.sort_by_key(|record| (record.ord, record.rec));
    Ok(read)
}
