//! A line of the stream: a block's header and the rows that matched, read as the records of programs.

use std::collections::BTreeMap;

use perpdex_core::{BlockRef, ChainId, RawRecord};
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::blocks::header_ref;
use crate::events::{Found, Place, Speaker, events, log_record};
use crate::program_log::{data, message};
use crate::transaction::{BlockHeader, InnerInstructions, Instruction, Message, Meta};
use crate::watched::Watched;
use crate::whole::Read;

/// A block. Lists without rows are left out.
#[derive(Debug, Deserialize)]
pub(super) struct Line {
    pub(super) header: Header,
    #[serde(default)]
    transactions: Vec<TransactionRow>,
    #[serde(default)]
    instructions: Vec<InstructionRow>,
    #[serde(default)]
    logs: Vec<LogRow>,
}

/// The header of a block.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Header {
    /// Slot.
    pub(super) number: u64,
    /// Base58.
    pub(super) hash: String,
    /// Slot of the block before.
    pub(super) parent_number: u64,
    /// Base58.
    pub(super) parent_hash: String,
    /// Unix seconds; null or 0 where the archive has none.
    timestamp: Option<i64>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct TransactionRow {
    transaction_index: u32,
    signatures: Vec<String>,
    #[serde(default)]
    err: Option<IgnoredAny>,
    has_dropped_log_messages: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct InstructionRow {
    transaction_index: u32,
    /// Index at top level, then of the call in it, and so on.
    instruction_address: Vec<usize>,
    program_id: String,
    /// Base58.
    data: String,
    is_committed: bool,
    has_dropped_log_messages: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct LogRow {
    transaction_index: u32,
    log_index: usize,
    program_id: String,
    kind: Kind,
    /// What was printed, without `Program log: ` or `Program data: `.
    message: String,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Log,
    Data,
    Other,
}

/// The rows of one transaction.
#[derive(Debug, Default)]
struct Rows<'a> {
    /// By place in the tree of calls, which is the order of execution.
    instructions: Vec<&'a InstructionRow>,
    logs: Vec<&'a LogRow>,
}

impl Header {
    /// As the engine compares it; `None` where the block has no time.
    pub(super) fn block_ref(&self) -> Result<Option<BlockRef>, String> {
        let Some(secs) = self.timestamp.filter(|secs| *secs != 0) else { return Ok(None) };
        let header = BlockHeader {
            blockhash: self.hash.clone(),
            previous_blockhash: self.parent_hash.clone(),
            parent_slot: self.parent_number,
            block_time: Some(secs),
        };
        header_ref(self.number, &header).map(Some)
    }
}

impl Line {
    /// Whether the block can stand behind the one of the line before; the error says why not.
    pub(super) fn follows(&self, below: Option<&Line>) -> Result<(), String> {
        let (header, Some(below)) = (&self.header, below.map(|below| &below.header)) else { return Ok(()) };
        match header.parent_number {
            _ if header.number <= below.number => Err(format!("block {} after block {}", header.number, below.number)),
            parent if parent < below.number => Err(format!("block {} has parent {parent}, below block {}", header.number, below.number)),
            parent if parent == below.number && header.parent_hash != below.hash => {
                Err(format!("block {} does not follow block {}", header.number, below.number))
            }
            _ => Ok(()),
        }
    }

    /// What programs said in the block. The error says what contradicts itself in it.
    pub(super) fn read(&self, watched: &Watched) -> Result<Read, String> {
        let slot = self.header.number;
        let time_ms = self.header.block_ref()?.map(|block| block.time_ms);
        let mut read = Read::default();
        for (transaction, rows) in self.by_transaction()? {
            if transaction.err.is_some() {
                continue;
            }
            let signature = transaction.signatures.first().ok_or("a transaction has no signature")?;
            let index = transaction.transaction_index;
            let place = Place { chain: ChainId::SOLANA, slot, index, signature, time_ms: time_ms.unwrap_or(0) };
            for speaker in watched.speakers() {
                let found = rows.said(transaction, speaker, &place).map_err(|error| format!("{signature}: {error}"))?;
                if let Some(why) = found.not_recorded {
                    read.miss(watched, speaker, slot, format!("{signature}: {why}"));
                }
                match time_ms {
                    None if !found.records.is_empty() => {
                        read.miss(watched, speaker, slot, format!("{signature}: the time of its block was not recorded"));
                    }
                    _ => read.records.extend(found.records),
                }
            }
        }
        read.records.sort_by_key(|record| (record.ord, record.rec));
        Ok(read)
    }

    fn by_transaction(&self) -> Result<Vec<(&TransactionRow, Rows<'_>)>, String> {
        let mut rows: BTreeMap<u32, Rows<'_>> = BTreeMap::new();
        for instruction in &self.instructions {
            rows.entry(instruction.transaction_index).or_default().instructions.push(instruction);
        }
        for log in &self.logs {
            rows.entry(log.transaction_index).or_default().logs.push(log);
        }
        let transactions: BTreeMap<u32, &TransactionRow> = self.transactions.iter().map(|row| (row.transaction_index, row)).collect();
        rows.into_iter()
            .map(|(index, mut rows)| {
                rows.instructions.sort_by(|a, b| a.instruction_address.cmp(&b.instruction_address));
                rows.logs.sort_by_key(|log| log.log_index);
                let transaction = transactions.get(&index).ok_or_else(|| format!("transaction {index} is not told, but rows of it are"))?;
                Ok((*transaction, rows))
            })
            .collect()
    }
}

impl Rows<'_> {
    /// What a program said in the transaction.
    fn said(&self, transaction: &TransactionRow, speaker: &Speaker, place: &Place<'_>) -> Result<Found, String> {
        let mut calls = self.instructions.iter().filter(|row| row.program_id == speaker.program && row.is_committed).peekable();
        if calls.peek().is_none() {
            if self.logs.iter().any(|log| log.program_id == speaker.program) {
                return Err(format!("{} printed lines, but no call of it is told", speaker.program));
            }
            return Ok(Found::default());
        }
        if speaker.prints {
            let is_cut = transaction.has_dropped_log_messages || calls.any(|row| row.has_dropped_log_messages);
            return Ok(Found {
                records: self.printed(&speaker.program, place)?,
                not_recorded: is_cut.then_some("log messages were truncated"),
            });
        }
        let (message, meta) = self.as_sent()?;
        events(&message, &meta, speaker, place)
    }

    fn printed(&self, program: &str, place: &Place<'_>) -> Result<Vec<RawRecord>, String> {
        let own = self.logs.iter().filter(|log| log.program_id == program);
        let payloads = own.filter_map(|log| {
            let payload = match log.kind {
                Kind::Data => data(&log.message),
                Kind::Log => message(&log.message),
                Kind::Other => None,
            };
            payload.map(|payload| (log.log_index, payload))
        });
        payloads.map(|(line, payload)| log_record(program, place, line, payload)).collect()
    }

    /// The tree of calls as a node gives it: top-level instructions, and under each a flat list with heights.
    fn as_sent(&self) -> Result<(Message, Meta), String> {
        let mut accounts: Vec<&str> = self.instructions.iter().map(|row| row.program_id.as_str()).collect();
        accounts.sort_unstable();
        accounts.dedup();
        let (mut tops, mut groups): (Vec<Instruction>, Vec<InnerInstructions>) = (Vec::new(), Vec::new());
        let mut last: &[usize] = &[];
        for row in &self.instructions {
            let address = row.instruction_address.as_slice();
            if !is_next(last, address) {
                return Err(format!("instruction {address:?} stands after {last:?}: one between them is not told"));
            }
            last = address;
            let program_id_index = accounts.binary_search(&row.program_id.as_str()).map_err(|_| "a program without an account")?;
            let stack_height = u32::try_from(address.len()).map_err(|_| "a call stack that deep")?;
            let instruction = Instruction { program_id_index, data: row.data.clone(), stack_height: Some(stack_height) };
            match groups.last_mut() {
                _ if address.len() == 1 => tops.push(instruction),
                Some(group) if group.index + 1 == tops.len() => group.instructions.push(instruction),
                _ => groups.push(InnerInstructions { index: tops.len() - 1, instructions: vec![instruction] }),
            }
        }
        let message = Message { account_keys: accounts.into_iter().map(str::to_owned).collect(), instructions: tops };
        Ok((message, Meta { err: None, inner_instructions: Some(groups), log_messages: None, loaded_addresses: None }))
    }
}

/// Whether an instruction can stand right behind another one: its first call, or the next one at any level above.
fn is_next(last: &[usize], address: &[usize]) -> bool {
    let Some((place, above)) = address.split_last() else { return false };
    match place.checked_sub(1) {
        None => above == last,
        Some(before) => last.get(..address.len()).is_some_and(|last| last.split_last() == Some((&before, above))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_follow_one_another() {
        for (last, address, wanted) in [
            (&[][..], &[0][..], true),
            (&[], &[1], false),
            (&[0], &[0, 0], true),
            (&[0], &[0, 1], false),
            (&[0, 0], &[0, 1], true),
            (&[0, 0, 3], &[0, 1], true),
            (&[0, 0, 3], &[1], true),
            (&[0, 0], &[0, 2], false),
            (&[0, 0], &[0, 0, 0], true),
            (&[0, 0], &[0, 1, 0], false),
            (&[0, 4], &[2], false),
            (&[0], &[], false),
        ] {
            assert_eq!(is_next(last, address), wanted, "{last:?} {address:?}");
        }
    }
}
