//! Records to events: which `LogEventLengths` belongs to which `Log`, and where each event ends.

use std::collections::{BTreeMap, VecDeque};

use perpdex_core::{Decoded, Failure, FailureKind, RawBody, RawRecord};

use super::bytes::{Bytes, LayoutError};
use super::events::EVENTS;
use super::layout::{HEADER, MarketEvent, read_event};

/// First bytes of a `Log` instruction.
const LOG_TAG: [u8; 8] = [0x8d, 0xe6, 0xd6, 0xf2, 0x09, 0xd1, 0xcf, 0xaa];

/// First bytes of a `LogEventLengths` instruction.
const LENGTHS_TAG: [u8; 8] = [0xf7, 0x07, 0x86, 0xcb, 0xb5, 0x47, 0x99, 0x47];

/// One event and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Item<'a> {
    pub(super) record: &'a RawRecord,
    /// Index in its batch.
    pub(super) index: u32,
    pub(super) event: MarketEvent,
}

/// The records of one parent instruction.
#[derive(Default)]
struct Group<'a> {
    parent: &'a str,
    logs: Vec<(&'a RawRecord, &'a [u8])>,
    /// Lengths that wait for their batch, by batch index, in order.
    lengths: BTreeMap<u32, VecDeque<(&'a RawRecord, Vec<u16>)>>,
    has_lengths: bool,
}

/// The event streams of a transaction, one for each parent instruction, and what could not be read.
pub(super) fn read(records: &[RawRecord]) -> (Vec<Vec<Item<'_>>>, Decoded) {
    let mut out = Decoded::default();
    let mut groups: Vec<Group<'_>> = Vec::new();
    for record in records {
        let RawBody::SolanaEvent(event) = &record.body else {
            out.unknown.push(failure(record, String::new(), FailureKind::UnknownEvent, "not an event of a Solana program".to_owned()));
            continue;
        };
        let Some((tag, payload)) = event.payload.split_first_chunk::<8>() else { continue };
        if *tag != LOG_TAG && *tag != LENGTHS_TAG {
            continue;
        }
        let at = groups.iter().position(|group| group.parent == event.parent).unwrap_or_else(|| {
            groups.push(Group { parent: &event.parent, ..Group::default() });
            groups.len() - 1
        });
        if *tag == LOG_TAG {
            groups[at].logs.push((record, payload));
            continue;
        }
        groups[at].has_lengths = true;
        match read_lengths(payload) {
            Ok((batch, lengths)) => groups[at].lengths.entry(batch).or_default().push_back((record, lengths)),
            Err(error) => out.failures.push(failure(record, String::new(), FailureKind::Malformed, format!("LogEventLengths: {error}"))),
        }
    }
    let streams = groups.into_iter().map(|group| group.events(&mut out)).collect();
    (streams, out)
}

/// A row of an event that could not be used.
pub(super) fn failure(record: &RawRecord, part: String, kind: FailureKind, error: String) -> Failure {
    Failure { height: record.height, rec: record.rec, part, kind, error }
}

fn read_lengths(payload: &[u8]) -> Result<(u32, Vec<u16>), String> {
    let mut bytes = Bytes(payload);
    let told = |error: LayoutError| error.to_string();
    let batch = bytes.u32("batch_index").map_err(told)?;
    let count = bytes.u32("count").map_err(told)?;
    if bytes.0.len() as u64 != 2 * u64::from(count) {
        return Err(format!("{count} lengths announced, {} bytes follow", bytes.0.len()));
    }
    let lengths = (0..count).map(|_| bytes.u16("length")).collect::<Result<_, _>>().map_err(told)?;
    Ok((batch, lengths))
}

impl<'a> Group<'a> {
    fn events(mut self, out: &mut Decoded) -> Vec<Item<'a>> {
        let mut items = Vec::new();
        for (record, payload) in std::mem::take(&mut self.logs) {
            if let Err(error) = self.batch(record, payload, &mut items, out) {
                out.failures.push(failure(record, String::new(), FailureKind::Malformed, format!("Log: {error}")));
            }
        }
        for (batch, (record, _)) in self.lengths.iter().flat_map(|(batch, rest)| rest.iter().map(move |rest| (batch, rest))) {
            let error = format!("LogEventLengths: no Log of batch {batch} under instruction {}", self.parent);
            out.failures.push(failure(record, String::new(), FailureKind::Malformed, error));
        }
        items
    }

    fn batch(&mut self, record: &'a RawRecord, payload: &'a [u8], items: &mut Vec<Item<'a>>, out: &mut Decoded) -> Result<(), String> {
        let mut bytes = Bytes(payload);
        let batch = bytes.u32("batch_index").map_err(|error| error.to_string())?;
        let count = bytes.u32("event_count").map_err(|error| error.to_string())?;
        if !self.has_lengths {
            return unmeasured(record, count, bytes, items);
        }
        let lengths = self.lengths.get_mut(&batch).and_then(VecDeque::pop_front);
        let (_, lengths) = lengths.ok_or_else(|| format!("no lengths of batch {batch} under instruction {}", self.parent))?;
        let total: usize = lengths.iter().map(|length| usize::from(*length)).sum();
        if lengths.len() as u64 != u64::from(count) || total != bytes.0.len() {
            return Err(format!("{count} events in {} bytes, but {} lengths of {total} bytes in all", bytes.0.len(), lengths.len()));
        }
        for (index, length) in (0..count).zip(lengths) {
            let event = bytes.take(usize::from(length), "event").map_err(|error| error.to_string())?;
            match measured(event) {
                Ok(Some(event)) => items.push(Item { record, index, event }),
                Ok(None) => {}
                Err((FailureKind::UnknownEvent, error)) => {
                    out.unknown.push(failure(record, index.to_string(), FailureKind::UnknownEvent, error));
                }
                Err((kind, error)) => {
                    out.failures.push(failure(record, index.to_string(), kind, error));
                    if event.first() == Some(&HEADER) {
                        items.push(Item { record, index, event: MarketEvent::HeaderLost });
                    }
                }
            }
        }
        Ok(())
    }
}

/// One event whose length is known; `None` if its variant's fields are not.
fn measured(event: &[u8]) -> Result<Option<MarketEvent>, (FailureKind, String)> {
    let (variant, fields) = event.split_first().ok_or((FailureKind::Malformed, "an event of no bytes".to_owned()))?;
    let name = name(*variant).ok_or_else(|| (FailureKind::UnknownEvent, format!("variant {variant} of {} bytes", event.len())))?;
    let mut bytes = Bytes(fields);
    match read_event(*variant, &mut bytes) {
        None => Ok(None),
        Some(Ok(_)) if !bytes.0.is_empty() => {
            Err((FailureKind::Malformed, format!("{name}: {} bytes are left behind its fields", bytes.0.len())))
        }
        Some(Ok(event)) => Ok(Some(event)),
        Some(Err(error)) => Err((FailureKind::Malformed, format!("{name}: {error}"))),
    }
}

/// Events of old transactions, which carry no lengths: one that cannot be read hides all that follow.
fn unmeasured<'a>(record: &'a RawRecord, count: u32, mut bytes: Bytes<'a>, items: &mut Vec<Item<'a>>) -> Result<(), String> {
    for index in 0..count {
        let variant = bytes.u8("variant").map_err(|error| format!("event {index} of {count}: {error}"))?;
        let name = name(variant).unwrap_or("an unlisted variant");
        match read_event(variant, &mut bytes) {
            Some(Ok(event)) => items.push(Item { record, index, event }),
            Some(Err(error)) => return Err(format!("event {index} of {count}, {name}: {error}")),
            None => return Err(format!("event {index} of {count} is {name}, whose length is not told; the rest cannot be read")),
        }
    }
    if bytes.0.is_empty() { Ok(()) } else { Err(format!("{} bytes are left behind {count} events", bytes.0.len())) }
}

fn name(variant: u8) -> Option<&'static str> {
    EVENTS.get(usize::from(variant)).map(|spec| spec.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_those_of_the_layout() {
        let layout: serde_json::Value = serde_json::from_str(include_str!("../../../../abi/phoenix_eternal/events.json")).unwrap();
        for (name, tag) in [("Log", LOG_TAG), ("LogEventLengths", LENGTHS_TAG)] {
            let hex = layout["instructions"][name]["tag_le_hex"].as_str().unwrap();
            assert_eq!(alloy_primitives::hex::encode(tag), hex, "{name}");
        }
    }
}
