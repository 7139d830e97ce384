//! Event-carrying bytes of one program in one transaction: instructions to itself, or payload lines of the log. Which of
//! the two a program uses is known of it beforehand, so that what it says the other way is no event.

use alloy_primitives::Bytes;
use perpdex_core::{Carrier, ChainId, RawBody, RawRecord, SolanaEvent, derived_id};

use crate::base58;
use crate::program_log::program_log;
use crate::transaction::{InnerInstructions, Instruction, Message, Meta};

/// Bits of a record's order inside its slot below the transaction's place in the block.
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
    /// Its place in the block.
    pub(crate) index: u32,
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

/// A program and how it carries its events.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Speaker {
    /// Program id, base58.
    pub(crate) program: String,
    /// Whether it prints its events; else it passes them to itself.
    pub(crate) prints: bool,
}

/// Records of a program in a transaction that succeeded. The error says what contradicts itself in the answer.
pub(crate) fn events(message: &Message, meta: &Meta, speaker: &Speaker, place: &Place<'_>) -> Result<Found, String> {
    if speaker.prints { printed(message, meta, &speaker.program, place) } else { passed(message, meta, &speaker.program, place) }
}

/// Instructions of a program to itself.
fn passed(message: &Message, meta: &Meta, program: &str, place: &Place<'_>) -> Result<Found, String> {
    let accounts = message.accounts(meta);
    let Some(groups) = &meta.inner_instructions else {
        let can_be = accounts.contains(&program);
        return Ok(Found { records: Vec::new(), not_recorded: can_be.then_some("inner instructions were not recorded") });
    };
    let mut found = Found::default();
    for group in groups {
        let caller = Caller { accounts: &accounts, tops: &message.instructions, group };
        for (index, inner) in group.instructions.iter().enumerate() {
            if caller.program(inner)? != program {
                continue;
            }
            if let Some(parent) = caller.parent_of(index)?.filter(|parent| parent.program.is_none_or(|calling| calling == program)) {
                found.records.push(cpi_record(program, place, group.index, index, parent.path, inner)?);
            }
        }
    }
    found.records.sort_by_key(|record| record.ord);
    Ok(found)
}

/// Payload lines of a program. The log is cut at 10,000 bytes; where the program was called, what is cut may be its own.
fn printed(message: &Message, meta: &Meta, program: &str, place: &Place<'_>) -> Result<Found, String> {
    let is_called = || message.accounts(meta).contains(&program);
    let Some(lines) = &meta.log_messages else {
        return Ok(Found { records: Vec::new(), not_recorded: is_called().then_some("log messages were not recorded") });
    };
    let log = program_log(lines, program);
    let records = log.payloads.into_iter().map(|(line, payload)| log_record(program, place, line, payload)).collect::<Result<_, _>>()?;
    Ok(Found { records, not_recorded: log.broken.filter(|_| is_called()) })
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
    let payload = base58::decode(&instruction.data).map_err(|error| format!("data of instruction {position}: {error}"))?;
    let event = SolanaEvent { program: program.to_owned(), carrier: Carrier::Cpi, position, parent, payload: payload.into() };
    Ok(record(place, order, event))
}

pub(crate) fn log_record(program: &str, place: &Place<'_>, line: usize, payload: Vec<u8>) -> Result<RawRecord, String> {
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

impl Place<'_> {
    /// Gives a record of the transaction this place in the block and this time.
    pub(crate) fn put(&self, record: &mut RawRecord) {
        record.ord = self.ord(record.ord & ((1 << PLACE_BITS) - 1));
        record.tx_index = Some(self.index);
        record.time_ms = self.time_ms;
    }

    /// Order inside the slot of what has this order inside the transaction. A place in a block has 32 bits of which a block
    /// uses a fraction; the sign bit stays free.
    fn ord(&self, order: i64) -> i64 {
        (i64::from(self.index & (u32::MAX >> 1)) << PLACE_BITS) | order
    }
}

fn record(place: &Place<'_>, order: i64, event: SolanaEvent) -> RawRecord {
    RawRecord {
        chain: place.chain,
        height: place.slot,
        rec: derived_id(&[place.signature, event.carrier.as_str(), &event.position]),
        ord: place.ord(order),
        tx_id: place.signature.into(),
        tx_index: Some(place.index),
        time_ms: place.time_ms,
        body: RawBody::SolanaEvent(event),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::oracle;

    const PLACE: Place<'_> = Place { chain: ChainId::SOLANA, slot: 7, index: 3, signature: "sig", time_ms: 1_000 };

    fn found(inner: Value, logs: Value, prints: bool) -> Result<Found, String> {
        let message: Message = serde_json::from_value(json!({
            "accountKeys": ["Payer", "Router"],
            "instructions": [{"programIdIndex": 1, "data": ""}, {"programIdIndex": 2, "data": ""}],
        }))
        .unwrap();
        let meta: Meta = serde_json::from_value(json!({
            "err": null, "innerInstructions": inner, "logMessages": logs,
            "loadedAddresses": {"writable": ["Venue"], "readonly": ["Token"]},
        }))
        .unwrap();
        events(&message, &meta, &Speaker { program: "Venue".to_owned(), prints }, &PLACE)
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
        let found = found(inner, json!([]), false).unwrap();
        assert_eq!(places(&found), pairs(&[("0.2", "0.0"), ("0.3", "0.0"), ("1.0", "1")]));
        let first = &found.records[0];
        assert_eq!((first.ord, first.rec), ((3 << 32) | 3, derived_id(&["sig", "cpi", "0.2"])));
        assert_eq!(found.records[2].ord, (3 << 32) | (1 << 16) | 1);
        assert_eq!(found.not_recorded, None);
    }

    #[test]
    fn old_transactions_have_no_nesting() {
        let inner = json!([{"index": 0, "instructions": [call(3, Value::Null), call(2, Value::Null)]}]);
        assert_eq!(places(&found(inner, json!([]), false).unwrap()), pairs(&[("0.1", "0")]));
    }

    #[test]
    fn what_was_not_recorded_is_said() {
        let own = || json!([{"index": 1, "instructions": [call(2, json!(2))]}]);
        let cut = || json!(["Program Venue invoke [1]", "Log truncated"]);
        for (inner, logs, prints, wanted) in [
            (Value::Null, json!([]), false, Some("inner instructions were not recorded")),
            (Value::Null, json!([]), true, None),
            (json!([]), Value::Null, true, Some("log messages were not recorded")),
            (json!([]), cut(), true, Some("log messages were truncated")),
            (json!([]), json!(["Program Venue invoke [2]"]), true, Some("log messages do not nest")),
            (own(), cut(), false, None),
            (json!([]), cut(), false, None),
            (own(), Value::Null, false, None),
            (own(), Value::Null, true, Some("log messages were not recorded")),
        ] {
            assert_eq!(found(inner.clone(), logs, prints).unwrap().not_recorded, wanted, "{inner} {prints}");
        }
    }

    proptest! {
        #[test]
        fn any_nesting_is_walked_without_panic_and_in_order(
            groups in proptest::collection::vec(
                (0_usize..4, proptest::collection::vec((0_usize..6, proptest::option::of(0_u32..6)), 0..8)),
                0..4,
            ),
        ) {
            let called = |(program, height): &(usize, Option<u32>)| json!({"programIdIndex": program, "data": "2VfUX", "stackHeight": height});
            let group = |(index, calls): &(usize, Vec<_>)| json!({"index": index, "instructions": calls.iter().map(called).collect::<Vec<_>>()});
            let inner: Vec<Value> = groups.iter().map(group).collect();
            let transaction = json!({
                "message": {
                    "accountKeys": ["Payer", "Router11", oracle::PROGRAM, "Token111"],
                    "instructions": [{"programIdIndex": 1, "data": ""}, {"programIdIndex": 2, "data": ""}],
                },
                "meta": {"err": null, "innerInstructions": inner, "logMessages": []},
            });
            oracle::passed(&transaction.to_string());
        }
    }

    #[test]
    fn only_the_carrier_of_the_program_counts() {
        let inner = || json!([{"index": 1, "instructions": [call(2, json!(2))]}]);
        let logs = || json!(["Program Venue invoke [1]", "Program data: AQIDBAUGBwg=", "Program Venue success"]);
        assert_eq!(places(&found(inner(), logs(), false).unwrap()), pairs(&[("1.0", "1")]));
        assert_eq!(places(&found(inner(), logs(), true).unwrap()), pairs(&[("1", "")]));
    }

    #[test]
    fn answers_that_contradict_themselves() {
        for (inner, wanted) in [
            (json!([{"index": 9, "instructions": [call(2, json!(2))]}]), "which is not there"),
            (json!([{"index": 0, "instructions": [call(9, json!(2))]}]), "outside of the list of 4 accounts"),
            (json!([{"index": 0, "instructions": [call(2, json!(4))]}]), "no caller"),
            (json!([{"index": 1, "instructions": [{"programIdIndex": 2, "data": "0OIl", "stackHeight": 2}]}]), "data of instruction 1.0"),
        ] {
            let error = found(inner, json!([]), false).unwrap_err();
            assert!(error.contains(wanted), "{error}");
        }
    }
}
