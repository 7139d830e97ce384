//! Encodes events of Solana programs written down by name and field into raw records, from the layout file alone.

use std::collections::BTreeMap;
use std::fs;

use alloy_primitives::{Bytes, hex};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use perpdex_core::{Carrier, ChainId, RawBody, RawRecord, SolanaEvent, derived_id};
use serde::Deserialize;
use serde_json::Value;

/// `program.json`: the events of one slot.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProgramEvents {
    /// Layout file, from the repository's root.
    layout: String,
    slot: u64,
    /// Block time, unix seconds.
    time_s: i64,
    events: Vec<EventText>,
}

/// One event.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct EventText {
    /// Name in the layout; with `payload_base64` what the bytes are.
    event: String,
    /// Which transaction of the slot, from 0.
    #[serde(default)]
    tx: u32,
    /// Fields by name; a missing one is zero, nothing, or 32 zero bytes.
    #[serde(default)]
    fields: BTreeMap<String, Value>,
    /// The first field that the program did not write yet.
    until: Option<String>,
    /// Bytes to cut off the end.
    #[serde(default)]
    cut_bytes: usize,
    /// Bytes to add to the end, in hex.
    #[serde(default)]
    add_hex: String,
    /// Stands for discriminator and fields: bytes as another source has them.
    payload_base64: Option<String>,
}

/// The raw records of the events. Signatures are derived from the case's name.
pub(crate) fn encode(events: &ProgramEvents, chain: ChainId, case: &str) -> Vec<RawRecord> {
    let path = super::super::common::root().join(&events.layout);
    let layout: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    let case = case.rsplit('/').next().unwrap();
    let program = layout["program_id"].as_str().unwrap();
    let is_cpi = layout["carrier"].as_str().unwrap().starts_with("cpi");
    let carrier = if is_cpi { Carrier::Cpi } else { Carrier::Log };
    let record = |(line, event): (usize, &EventText)| {
        let mut payload = match &event.payload_base64 {
            Some(text) => STANDARD.decode(text).unwrap(),
            None => body(&layout, event),
        };
        if is_cpi && event.payload_base64.is_none() {
            payload.splice(0..0, [0xe4, 0x45, 0xa5, 0x2e, 0x51, 0xcb, 0x9a, 0x1d]);
        }
        payload.truncate(payload.len() - event.cut_bytes);
        payload.extend(hex::decode(&event.add_hex).unwrap());
        let signature = format!("{program}/{case}/{}", event.tx);
        let position = if is_cpi { format!("{}.{line}", event.tx) } else { line.to_string() };
        RawRecord {
            chain,
            height: events.slot,
            rec: derived_id(&[&signature, carrier.as_str(), &position]),
            ord: (i64::from(event.tx) << 32) | i64::try_from(line).unwrap(),
            tx_id: signature.into(),
            tx_index: Some(event.tx),
            time_ms: events.time_s * 1_000,
            body: RawBody::SolanaEvent(SolanaEvent {
                program: program.to_owned(),
                carrier,
                parent: if is_cpi { event.tx.to_string() } else { String::new() },
                position,
                payload: Bytes::from(payload),
            }),
        }
    };
    events.events.iter().enumerate().map(record).collect()
}

fn body(layout: &Value, event: &EventText) -> Vec<u8> {
    let known = layout["events"].as_array().unwrap().iter().find(|known| known["name"] == event.event.as_str());
    let known = known.unwrap_or_else(|| panic!("no event {} in the layout", event.event));
    let mut out = hex::decode(known["discriminator"].as_str().unwrap()).unwrap();
    let fields = known["fields"].as_array().map_or(&[][..], Vec::as_slice);
    write_fields(fields, &event.fields, event.until.as_deref(), &layout["types"], &mut out);
    out
}

fn write_fields(fields: &[Value], values: &BTreeMap<String, Value>, until: Option<&str>, types: &Value, out: &mut Vec<u8>) {
    let names: Vec<&str> = fields.iter().map(|field| field["name"].as_str().unwrap()).collect();
    for name in values.keys() {
        assert!(names.contains(&name.as_str()), "no field {name} among {names:?}");
    }
    for (field, name) in fields.iter().zip(names) {
        if until == Some(name) {
            return;
        }
        write(&field["type"], values.get(name).unwrap_or(&Value::Null), types, out);
    }
}

fn write(kind: &Value, value: &Value, types: &Value, out: &mut Vec<u8>) {
    if let Some(name) = kind.as_str() {
        return scalar(name, value, out);
    }
    if let Some(inner) = kind.get("option") {
        out.push(u8::from(!value.is_null()));
        if !value.is_null() {
            write(inner, value, types, out);
        }
    } else if let Some(inner) = kind.get("vec") {
        let items = value.as_array().map_or(&[][..], Vec::as_slice);
        out.extend(u32::try_from(items.len()).unwrap().to_le_bytes());
        items.iter().for_each(|item| write(inner, item, types, out));
    } else if let Some(array) = kind.get("array") {
        let count = array[1].as_u64().unwrap();
        (0..count).for_each(|_| scalar(array[0].as_str().unwrap(), &Value::Null, out));
    } else {
        defined(&types[kind["defined"].as_str().unwrap()], value, types, out);
    }
}

fn defined(kind: &Value, value: &Value, types: &Value, out: &mut Vec<u8>) {
    if let Some(variants) = kind["variants"].as_array() {
        let number = match value {
            Value::Null => 0,
            Value::Number(number) => number.as_u64().unwrap(),
            name => variants.iter().position(|variant| variant == name).unwrap_or_else(|| panic!("no variant {name}")) as u64,
        };
        return out.push(u8::try_from(number).unwrap());
    }
    let values = value.as_object().map(|object| object.clone().into_iter().collect()).unwrap_or_default();
    write_fields(kind["fields"].as_array().unwrap(), &values, None, types, out);
}

fn scalar(name: &str, value: &Value, out: &mut Vec<u8>) {
    let number = || -> i128 {
        match value {
            Value::Null => 0,
            Value::String(text) => text.replace('_', "").parse().unwrap_or_else(|_| panic!("{text:?} is no {name}")),
            other => other.as_i64().unwrap_or_else(|| panic!("{other} is no {name}")).into(),
        }
    };
    match name {
        "pubkey" => out.extend(key(value)),
        "bool" => out.push(u8::from(value.as_bool().unwrap_or(false))),
        _ => {
            let bytes = name[1..].parse::<usize>().unwrap() / 8;
            let number = number();
            let fits = bytes == 16 || (number >> (bytes * 8 - usize::from(name.starts_with('i')))) <= 0;
            assert!(fits && (name.starts_with('i') || number >= 0), "{number} is no {name}");
            out.extend(&number.to_le_bytes()[..bytes]);
        }
    }
}

/// Base58, or a word that stands for a key of 32 equal letters.
fn key(value: &Value) -> [u8; 32] {
    match value.as_str() {
        None => [0; 32],
        Some(text) => match bs58::decode(text).into_vec().ok().and_then(|bytes| bytes.try_into().ok()) {
            Some(key) => key,
            None => [text.as_bytes()[0]; 32],
        },
    }
}
