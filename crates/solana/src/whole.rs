//! Records of whole blocks: every transaction is there, so that nothing depends on a listing.

use perpdex_core::{BlockRange, ChainId, Hole, HoleReason, RawRecord};

use crate::events::{Place, Speaker, events};
use crate::transaction::FullBlock;

/// What a block holds of some programs.
#[derive(Debug, Default)]
pub(crate) struct Read {
    /// Its records in canonical order.
    pub(crate) records: Vec<RawRecord>,
    /// Why records may be missing: the slot is a hole then.
    pub(crate) hole: Option<Hole>,
}

/// Reads a block. The error says what contradicts itself in it.
pub(crate) fn read<'s>(
    block: &FullBlock,
    slot: u64,
    time_ms: i64,
    speakers: impl IntoIterator<Item = &'s Speaker> + Clone,
) -> Result<Read, String> {
    let mut read = Read::default();
    for (index, transaction) in (0..).zip(&block.transactions) {
        let Some(signature) = transaction.transaction.signatures.first() else {
            return Err(format!("transaction {index} has no signature"));
        };
        let mut missed = |why: &str| {
            let detail = format!("{signature}: {why}");
            read.hole.get_or_insert(Hole { range: BlockRange::single(slot), reason: HoleReason::NotRecorded, detail });
        };
        let Some(meta) = &transaction.meta else {
            missed("its metadata was not recorded");
            continue;
        };
        if meta.err.is_some() {
            continue;
        }
        let message = &transaction.transaction.message;
        let accounts = message.accounts(meta);
        let place = Place { chain: ChainId::SOLANA, slot, index, signature, time_ms };
        for speaker in speakers.clone() {
            if accounts.contains(&speaker.program.as_str()) {
                let found = events(message, meta, speaker, &place).map_err(|error| format!("{signature}: {error}"))?;
                found.not_recorded.into_iter().for_each(&mut missed);
                read.records.extend(found.records);
            }
        }
    }
    read.records.sort_by_key(|record| (record.ord, record.rec));
    Ok(read)
}
