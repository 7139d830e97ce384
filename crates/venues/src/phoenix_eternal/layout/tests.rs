//! The readers against the layout file: which variants there are, and that each is consumed to its last byte.

use serde_json::Value;

use super::super::events::EVENTS;
use super::*;

fn layout() -> Value {
    serde_json::from_str(include_str!("../../../../../abi/phoenix_eternal/events.json")).unwrap()
}

/// Bytes of a value of a type that every reader must take: zeros, a one-letter symbol, options as asked.
fn sample(kind: &Value, options: bool) -> Vec<u8> {
    match kind {
        Value::String(name) if name == "pubkey" => vec![0; 32],
        Value::String(name) if name == "bool" => vec![0],
        Value::String(name) => vec![0; name[1..].parse::<usize>().unwrap() / 8],
        Value::Object(kind) if kind.contains_key("option") => {
            if options {
                [vec![1], sample(&kind["option"], options)].concat()
            } else {
                vec![0]
            }
        }
        Value::Object(kind) if kind.contains_key("array") => {
            let mut symbol = vec![0; usize::try_from(kind["array"][1].as_u64().unwrap()).unwrap()];
            symbol[0] = b'X';
            symbol
        }
        Value::Object(kind) if kind.contains_key("defined") => vec![0],
        other => panic!("unknown type {other}"),
    }
}

#[test]
fn variants_stand_in_the_order_of_the_layout() {
    let layout = layout();
    let variants = layout["variants"].as_array().unwrap().iter().map(|name| name.as_str().unwrap());
    assert!(variants.eq(EVENTS.iter().map(|spec| spec.name)));
}

#[test]
fn every_event_is_consumed_to_its_last_byte() {
    let layout = layout();
    let mut known = Vec::new();
    for event in layout["events"].as_array().unwrap() {
        let variant = u8::try_from(event["variant"].as_u64().unwrap()).unwrap();
        assert_eq!(EVENTS[usize::from(variant)].name, event["name"].as_str().unwrap());
        known.push(variant);
        for options in [false, true] {
            let fields = event["fields"].as_array().unwrap();
            let bytes: Vec<u8> = fields.iter().flat_map(|field| sample(&field["type"], options)).collect();
            let mut rest = Bytes(&bytes);
            let read = read_event(variant, &mut rest).unwrap_or_else(|| panic!("{}: not read", event["name"]));
            assert!(read.is_ok() && rest.0.is_empty(), "{}: {read:?}, {} bytes left", event["name"], rest.0.len());
            for cut in 0..bytes.len() {
                let read = read_event(variant, &mut Bytes(&bytes[..cut])).unwrap();
                assert!(read.is_err(), "{}: {cut} of {} bytes are enough", event["name"], bytes.len());
            }
        }
    }
    let read: Vec<u8> = (0..=u8::MAX).filter(|variant| read_event(*variant, &mut Bytes(&[])).is_some()).collect();
    assert_eq!(read, known, "readers and layouts");
}
