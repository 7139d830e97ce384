//! Events of Anchor programs: discriminator and borsh by the layout file.

use std::collections::HashMap;

use alloy_primitives::hex;
use serde::Deserialize;

pub use super::borsh::Value;
use super::borsh::{FieldFile, Kind, TypeFile, write_fields};

/// First bytes of an instruction that hands an event to its own program.
const EVENT_TAG: [u8; 8] = [0xe4, 0x45, 0xa5, 0x2e, 0x51, 0xcb, 0x9a, 0x1d];

/// The layout of a program's events.
#[derive(Clone, Debug)]
pub struct Layout {
    /// Program id, base58.
    pub program: String,
    /// The account by which the program signs its events, where the layout names it.
    pub event_authority: Option<String>,
    /// Whether events are instruction data; else they are printed.
    pub is_cpi: bool,
    events: HashMap<String, Event>,
}

#[derive(Clone, Debug)]
struct Event {
    discriminator: Vec<u8>,
    fields: Vec<(String, Kind)>,
}

#[derive(Deserialize)]
struct LayoutFile {
    program_id: String,
    carrier: String,
    event_authority: Option<String>,
    events: Vec<EventFile>,
    #[serde(default)]
    types: HashMap<String, TypeFile>,
}

#[derive(Deserialize)]
struct EventFile {
    name: String,
    discriminator: String,
    #[serde(default)]
    fields: Vec<FieldFile>,
}

impl Layout {
    /// Reads the text of a layout file.
    pub fn parse(text: &str) -> Layout {
        let file: LayoutFile = serde_json::from_str(text).expect("layout files in the tree are valid");
        let fields =
            |event: &EventFile| event.fields.iter().map(|field| (field.name.clone(), Kind::read(&field.r#type, &file.types))).collect();
        let event = |event: &EventFile| Event {
            discriminator: hex::decode(&event.discriminator).expect("discriminators are hex"),
            fields: fields(event),
        };
        Layout {
            events: file.events.iter().map(|file| (file.name.clone(), event(file))).collect(),
            program: file.program_id,
            event_authority: file.event_authority,
            is_cpi: file.carrier.starts_with("cpi"),
        }
    }

    /// One event as its carrier holds it. Fields that are not given are nothing; `until` is the first one that an old
    /// program did not write.
    pub fn event(&self, name: &str, values: &[(&str, Value)], until: Option<&str>) -> Vec<u8> {
        let event = self.events.get(name).unwrap_or_else(|| panic!("the layout has no event {name}"));
        let count = until.map_or(event.fields.len(), |until| {
            event.fields.iter().position(|(field, _)| field == until).unwrap_or_else(|| panic!("{name} has no field {until}"))
        });
        let mut out = if self.is_cpi { EVENT_TAG.to_vec() } else { Vec::new() };
        out.extend_from_slice(&event.discriminator);
        write_fields(&event.fields[..count], values, &mut out).unwrap_or_else(|| panic!("{name} cannot hold {values:?}"));
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bytes of a recorded funding payment are not at hand; those of a recorded rate (Drift v2, 2025-08-30) are.
    #[test]
    fn bytes_of_a_real_rate() {
        let layout = Layout::parse(include_str!("../../../../abi/drift_v2/events.json"));
        let bytes = layout.event(
            "FundingRateRecord",
            &[
                ("ts", Value::Int(1_756_580_515)),
                ("record_id", Value::Int(11_021)),
                ("market_index", Value::Int(30)),
                ("funding_rate", Value::Int(94_833)),
                ("funding_rate_long", Value::Int(94_833)),
                ("funding_rate_short", Value::Int(94_833)),
                ("cumulative_funding_rate_long", Value::Int(26_745_701)),
                ("cumulative_funding_rate_short", Value::Int(26_742_163)),
                ("oracle_price_twap", Value::Int(620_724)),
                ("mark_price_twap", Value::Int(622_876)),
                ("period_revenue", Value::Int(-487_635_367)),
                ("base_asset_amount_with_amm", Value::Int(58_670_000_000_000)),
            ],
            None,
        );
        let want = "4403ff1a855b93fea34ab368000000000d2b0000000000001e0071720100000000007172010000000000000000000000000071720100000000000000000000000000651b9801000000000000000000000000930d9801000000000000000000000000b4780900000000001c810900000000005946efe2ffffffff004c822c5c350000000000000000000000000000000000000000000000000000";
        assert_eq!(hex::encode(bytes), want);
    }
}
