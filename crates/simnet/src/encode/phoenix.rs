//! Phoenix Eternal's events: borsh by the layout file, carried in pairs of instructions.

use std::collections::HashMap;

use serde::Deserialize;

pub use super::borsh::Value;
use super::borsh::{Kind, TypeFile};

/// The layout of the program's events.
#[derive(Clone, Debug)]
pub struct Layout {
    /// Program id, base58.
    pub program: String,
    log_tag: Vec<u8>,
    lengths_tag: Vec<u8>,
    variants: Vec<String>,
    events: HashMap<String, Vec<(String, Kind)>>,
}

#[derive(Deserialize)]
struct LayoutFile {
    program_id: String,
    instructions: HashMap<String, InstructionFile>,
    variants: Vec<String>,
    events: Vec<EventFile>,
    types: HashMap<String, TypeFile>,
}

#[derive(Deserialize)]
struct InstructionFile {
    tag_le_hex: String,
}

#[derive(Deserialize)]
struct EventFile {
    name: String,
    fields: Vec<FieldFile>,
}

#[derive(Deserialize)]
struct FieldFile {
    name: String,
    r#type: serde_json::Value,
}

impl Layout {
    /// The layout of `abi/phoenix_eternal`.
    pub fn new() -> Layout {
        let file: LayoutFile =
            serde_json::from_str(include_str!("../../../../abi/phoenix_eternal/events.json")).expect("layout files in the tree are valid");
        let tag = |name: &str| {
            let hex = &file.instructions.get(name).unwrap_or_else(|| panic!("the layout has no instruction {name}")).tag_le_hex;
            alloy_primitives::hex::decode(hex).expect("tags are hex")
        };
        let fields =
            |event: &EventFile| event.fields.iter().map(|field| (field.name.clone(), Kind::read(&field.r#type, &file.types))).collect();
        Layout {
            log_tag: tag("Log"),
            lengths_tag: tag("LogEventLengths"),
            events: file.events.iter().map(|event| (event.name.clone(), fields(event))).collect(),
            program: file.program_id,
            variants: file.variants,
        }
    }

    /// One event: its variant and its fields, which must be all of the layout's, in its order.
    pub fn event(&self, name: &str, values: &[(&str, Value)]) -> Vec<u8> {
        let fields = self.events.get(name).unwrap_or_else(|| panic!("the layout has no event {name}"));
        let names: Vec<&str> = values.iter().map(|(name, _)| *name).collect();
        assert!(fields.iter().map(|(name, _)| name).eq(names.iter()), "fields of {name} are {fields:?}, not {names:?}");
        let mut out = vec![self.variant(name)];
        for ((field, kind), (_, value)) in fields.iter().zip(values) {
            kind.write(value, &mut out).unwrap_or_else(|| panic!("{name}.{field} cannot hold {value:?}"));
        }
        out
    }

    /// One event of a variant whose fields the layout does not give.
    pub fn opaque(&self, name: &str, body: &[u8]) -> Vec<u8> {
        assert!(!self.events.contains_key(name), "the layout gives the fields of {name}");
        [&[self.variant(name)], body].concat()
    }

    /// The two instructions that carry a batch: the lengths of its events, then the events.
    pub fn batch(&self, index: u32, events: &[Vec<u8>]) -> [Vec<u8>; 2] {
        let head = |tag: &[u8]| [tag, &index.to_le_bytes(), &(events.len() as u32).to_le_bytes()].concat();
        let (mut lengths, mut log) = (head(&self.lengths_tag), head(&self.log_tag));
        for event in events {
            let length = u16::try_from(event.len()).expect("events are shorter than 64 KiB");
            lengths.extend_from_slice(&length.to_le_bytes());
            log.extend_from_slice(event);
        }
        [lengths, log]
    }

    fn variant(&self, name: &str) -> u8 {
        let at = self.variants.iter().position(|variant| variant == name);
        at.and_then(|at| u8::try_from(at).ok()).unwrap_or_else(|| panic!("the layout has no variant {name}"))
    }
}

impl Default for Layout {
    fn default() -> Layout {
        Layout::new()
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::hex;

    use super::*;

    /// The first event and the instruction pair of a real transaction (slot 429059856), byte for byte.
    #[test]
    fn bytes_of_a_real_batch() {
        let layout = Layout::new();
        let event = layout.event("SlotContext", &[("timestamp", Value::Int(1_782_492_410)), ("slot", Value::Int(429_059_856))]);
        let [lengths, log] = layout.batch(0, &[event]);
        assert_eq!(hex::encode(lengths), "f70786cbb5479947000000000100000011 00".replace(' ', ""));
        assert_eq!(hex::encode(log), "8de6d6f209d1cfaa000000000100000000faac3e6a0000000010ef921900000000");
    }

    #[test]
    fn options_symbols_and_enums() {
        let layout = Layout::new();
        let bytes = layout.event(
            "MarketSummary",
            &[
                ("asset_symbol", Value::Symbol("SPCX")),
                ("asset_id", Value::Int(41)),
                ("open_interest", Value::Int(743_990)),
                ("total_maker_quote_lot_fees", Value::maybe_int(Some(358_789_683))),
                ("total_taker_quote_lot_fees", Value::maybe_int(Some(4_923_628_392))),
                ("mark_price", Value::Int(15_661)),
                ("spot_price", Value::Int(15_661)),
            ],
        );
        let want = "0853504358000000000000000000000000 29000000 365a0b0000000000 0133b2621500000000 01689b782501000000 2d3d000000000000 2d3d000000000000";
        assert_eq!(hex::encode(bytes), want.replace(' ', ""));
    }

    #[test]
    fn ranges_are_checked() {
        let mut out = Vec::new();
        assert!(Kind::Unsigned(8).write(&Value::Int(256), &mut out).is_none());
        assert!(Kind::Signed(8).write(&Value::Int(-129), &mut out).is_none());
        assert!(Kind::Signed(8).write(&Value::Int(-128), &mut out).is_some());
        assert!(Kind::Key.write(&Value::Int(1), &mut out).is_none());
        assert_eq!(out, [0x80]);
    }
}
