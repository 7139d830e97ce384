//! Event-carrying bytes of one program in one transaction: instructions to itself, and payload lines of the log.

use alloy_primitives::Bytes;
use perpdex_core::{Carrier, ChainId, RawBody, RawRecord, SolanaEvent, derived_id};

use crate::program_log::program_log;
use crate::transaction::{InnerInstructions, Instruction, Meta, Transaction};

/// Bits of a record's order inside its slot below the transaction's sequence number.
const PLACE_BITS: u32 = 32;
/// Bits for the inner instruction's index, counted from one; below those for the top-level index.
const INNER_BITS: u32 = 16;

/// Where a transaction stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    /// The chain.
    pub(crate) chain: ChainId,
    /// Slot.
    pub(crate) slot: u64,
    /// Order among the transactions of its slot.
    pub(crate) sequence: u32,
    /// Its place in the block, where the node gives it.
    pub(crate) index: Option<u32>,
    /// First signature, base58.
    pub(crate) signature: &'a str,
    /// Unix milliseconds.
    pub(crate) time_ms: i64,
}

/// What a transaction holds of one program.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// Its records in order.
    pub(crate) records: Vec<RawRecord>,
    /// Why records may be missing.
    pub(crate) not_recorded: Option<&'static str>,
}

/// Records of `program` in a transaction that succeeded. The error says what contradicts itself in the answer.
pub(crate) fn events(transaction: &Transaction, meta: &Meta, program: &str, place: &Place<'_>) -> Result<Found, String> {
    let accounts = transaction.accounts();
    let tops = &transaction.transaction.message.instructions;
    let mut found = Found::default();
    let mut is_invoked = tops.iter().any(|top| accounts.get(top.program_id_index) == Some(&program));
    for group in meta.inner_instructions.iter().flatten() {
        let caller = Caller { accounts: &accounts, tops, group };
        for (index, inner) in group.instructions.iter().enumerate() {
            if caller.program(inner)? != program {
                continue;
            }
            is_invoked = true;
            if let Some(parent) = caller.parent_of(index)?.filter(|parent| parent.program.is_none_or(|calling| calling == program)) {
                found.records.push(cpi_record(program, place, group.index, index, parent.path, inner)?);
            }
        }
    }
    let has_cpi = !found.records.is_empty();
    if meta.inner_instructions.is_none() {
        found.not_recorded = Some("inner instructions were not recorded");
    }
    let log = program_log(meta.log_messages.as_deref().unwrap_or_default(), program);
    for (line, payload) in log.payloads {
        found.records.push(log_record(program, place, line, payload)?);
    }
    // A program that hands its events to itself does not depend on the log, which is cut at 10,000 bytes.
    if is_invoked && !has_cpi && found.not_recorded.is_none() {
        if meta.log_messages.is_none() {
            found.not_recorded = Some("log messages were not recorded");
        } else if log.is_truncated {
            found.not_recorded = Some("log messages were truncated");
        }
    }
    found.records.sort_by_key(|record| record.ord);
    Ok(found)
}

/// One group of inner instructions with what is needed to tell who called whom.
struct Caller<'a> {
    accounts: &'a [&'a str],
    tops: &'a [Instruction],
    group: &'a InnerInstructions,
}

/// The instruction that made a call.
struct Parent<'a> {
    /// Its path.
    path: String,
    /// Its program; `None` where the nesting was not recorded.
    program: Option<&'a str>,
}

impl<'a> Caller<'a> {
    fn program(&self, instruction: &Instruction) -> Result<&'a str, String> {
        let index = instruction.program_id_index;
        let account = self.accounts.get(index).copied();
        account.ok_or_else(|| format!("program index {index} is outside of the list of {} accounts", self.accounts.len()))
    }

    /// The caller of inner instruction `index`: the last one before it that stands one level higher. `None`: it claims to
    /// stand at top level, which no inner instruction does.
    fn parent_of(&self, index: usize) -> Result<Option<Parent<'a>>, String> {
        let group = self.group;
        let top =
            self.tops.get(group.index).ok_or_else(|| format!("inner instructions of instruction {}, which is not there", group.index))?;
        let Some(height) = group.instructions[index].stack_height else {
            return Ok(Some(Parent { path: group.index.to_string(), program: None }));
        };
        match height {
            0 | 1 => Ok(None),
            2 => Ok(Some(Parent { path: group.index.to_string(), program: Some(self.program(top)?) })),
            _ => {
                let above = group.instructions[..index].iter().rposition(|inner| inner.stack_height == Some(height - 1));
                let above =
                    above.ok_or_else(|| format!("inner instruction {}.{index} has stack height {height} and no caller", group.index))?;
                let program = self.program(&group.instructions[above])?;
                Ok(Some(Parent { path: format!("{}.{above}", group.index), program: Some(program) }))
            }
        }
    }
}

fn cpi_record(
    program: &str,
    place: &Place<'_>,
    top: usize,
    inner: usize,
    parent: String,
    instruction: &Instruction,
) -> Result<RawRecord, String> {
    let position = format!("{top}.{inner}");
    let bits = |number: usize| u16::try_from(number).map(i64::from).map_err(|_| format!("instruction {position} is out of range"));
    let order = (bits(top)? << INNER_BITS) | bits(inner + 1)?;
    let payload = bs58::decode(&instruction.data).into_vec().map_err(|error| format!("data of instruction {position}: {error}"))?;
    let event = SolanaEvent { program: program.to_owned(), carrier: Carrier::Cpi, position, parent, payload: payload.into() };
    Ok(record(place, order, event))
}

fn log_record(program: &str, place: &Place<'_>, line: usize, payload: Vec<u8>) -> Result<RawRecord, String> {
    let order = u32::try_from(line).map(i64::from).map_err(|_| format!("log line {line} is out of range"))?;
    let event = SolanaEvent {
        program: program.to_owned(),
        carrier: Carrier::Log,
        position: line.to_string(),
        parent: String::new(),
        payload: Bytes::from(payload),
    };
    Ok(record(place, order, event))
}

fn record(place: &Place<'_>, order: i64, event: SolanaEvent) -> RawRecord {
    RawRecord {
        chain: place.chain,
        height: place.slot,
        rec: derived_id(&[place.signature, event.carrier.as_str(), &event.position]),
        // The sequence number has 32 bits of which a slot uses a fraction; the sign bit stays free.
        ord: (i64::from(place.sequence & (u32::MAX >> 1)) << PLACE_BITS) | order,
        tx_id: place.signature.to_owned(),
        tx_index: place.index,
        time_ms: place.time_ms,
        body: RawBody::SolanaEvent(event),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const PLACE: Place<'_> = Place { chain: ChainId::SOLANA, slot: 7, sequence: 3, index: None, signature: "sig", time_ms: 1_000 };

    fn found(inner: Value, logs: Value) -> Result<Found, String> {
        let transaction: Transaction = serde_json::from_value(json!({
            "slot": 7, "blockTime": 1, "version": 1,
            "transaction": {"message": {
                "accountKeys": ["Payer", "Router"],
                "instructions": [{"programIdIndex": 1, "data": ""}, {"programIdIndex": 2, "data": ""}],
            }},
            "meta": {
                "err": null, "innerInstructions": inner, "logMessages": logs,
                "loadedAddresses": {"writable": ["Venue"], "readonly": ["Token"]},
            },
        }))
        .unwrap();
        events(&transaction, transaction.meta.as_ref().unwrap(), "Venue", &PLACE)
    }

    fn call(program: u32, height: Value) -> Value {
        json!({"programIdIndex": program, "data": "2VfUX", "stackHeight": height})
    }

    fn places(found: &Found) -> Vec<(String, String)> {
        let place = |record: &RawRecord| match &record.body {
            RawBody::SolanaEvent(event) => (event.position.clone(), event.parent.clone()),
            other => panic!("{other:?}"),
        };
        found.records.iter().map(place).collect()
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(position, parent)| ((*position).to_owned(), (*parent).to_owned())).collect()
    }

    #[test]
    fn calls_to_itself_at_any_depth() {
        let inner = json!([
            {"index": 0, "instructions": [call(2, json!(2)), call(3, json!(3)), call(2, json!(3)), call(2, json!(3)), call(2, json!(2))]},
            {"index": 1, "instructions": [call(2, json!(2)), call(3, json!(2)), call(2, json!(3))]},
        ]);
        let found = found(inner, json!([])).unwrap();
        assert_eq!(places(&found), pairs(&[("0.2", "0.0"), ("0.3", "0.0"), ("1.0", "1")]));
        let first = &found.records[0];
        assert_eq!((first.ord, first.rec), ((3 << 32) | 3, derived_id(&["sig", "cpi", "0.2"])));
        assert_eq!(found.records[2].ord, (3 << 32) | (1 << 16) | 1);
        assert_eq!(found.not_recorded, None);
    }

    #[test]
    fn old_transactions_have_no_nesting() {
        let inner = json!([{"index": 0, "instructions": [call(3, Value::Null), call(2, Value::Null)]}]);
        assert_eq!(places(&found(inner, json!([])).unwrap()), pairs(&[("0.1", "0")]));
    }

    #[test]
    fn what_was_not_recorded_is_said() {
        let log = |lines: &[&str]| json!(lines);
        let own = || json!([{"index": 1, "instructions": [call(2, json!(2))]}]);
        for (inner, logs, wanted) in [
            (Value::Null, log(&[]), Some("inner instructions were not recorded")),
            (json!([]), Value::Null, Some("log messages were not recorded")),
            (json!([]), log(&["Program Venue invoke [1]", "Log truncated"]), Some("log messages were truncated")),
            (own(), log(&["Program Venue invoke [1]", "Log truncated"]), None),
            (own(), Value::Null, None),
            (json!([]), log(&[]), None),
        ] {
            assert_eq!(found(inner.clone(), logs).unwrap().not_recorded, wanted, "{inner}");
        }
    }

    #[test]
    fn answers_that_contradict_themselves() {
        for (inner, wanted) in [
            (json!([{"index": 9, "instructions": [call(2, json!(2))]}]), "which is not there"),
            (json!([{"index": 0, "instructions": [call(9, json!(2))]}]), "outside of the list of 4 accounts"),
            (json!([{"index": 0, "instructions": [call(2, json!(4))]}]), "no caller"),
            (json!([{"index": 1, "instructions": [{"programIdIndex": 2, "data": "0OIl", "stackHeight": 2}]}]), "data of instruction 1.0"),
        ] {
            let error = found(inner, json!([])).unwrap_err();
            assert!(error.contains(wanted), "{error}");
        }
    }
}
