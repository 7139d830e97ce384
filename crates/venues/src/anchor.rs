//! Events of Anchor programs on Solana: eight bytes that hash the event's name, then borsh.
//!
//! The hash knows nothing of the program: programs share names with other bodies behind them. Which layout holds follows
//! from the program alone, which the stream names.

use alloy_primitives::I256;
use perpdex_core::{Amount, TokenAmount};
use perpdex_core::{Carrier, ChainId, DecodeUnit, Disposition, EventSpec, RawBody, RawRecord, StreamSpec, Unit, VenueInfo, Watch};

use crate::borsh::{Borsh, exactly};
use crate::emit::{DecodeError, Emitter};

/// First bytes of an instruction by which a program hands an event to itself: the hash of `anchor:event`.
const EVENT_TAG: [u8; 8] = [0xe4, 0x45, 0xa5, 0x2e, 0x51, 0xcb, 0x9a, 0x1d];

/// No event of the programs read here is shorter, discriminator included. A shorter payload of a log line whose
/// discriminator is not known is a word that happens to be base64.
const LOGGED_BYTES_MIN: usize = 16;

/// One event of an Anchor layout.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AnchorEvent {
    /// First eight bytes, read as one big-endian number.
    pub(crate) discriminator: u64,
    /// Name and what becomes of it.
    pub(crate) spec: EventSpec,
}

/// A row of a layout.
pub(crate) const fn event(discriminator: u64, name: &'static str, disposition: Disposition) -> AnchorEvent {
    AnchorEvent { discriminator, spec: EventSpec { name, disposition } }
}

/// The rows of a layout without their discriminators, as [`VenueInfo`] lists them.
pub(crate) const fn specs<const N: usize>(layout: &[AnchorEvent; N]) -> [EventSpec; N] {
    let mut out = [layout[0].spec; N];
    let mut i = 1;
    while i < N {
        out[i] = layout[i].spec;
        i += 1;
    }
    out
}

/// The one stream of a venue whose events come from one program; none off Solana. `list_by` is the address whose
/// signatures list every transaction that can carry events.
pub(crate) fn streams(info: &VenueInfo, chain: ChainId, carrier: Carrier, list_by: &str) -> Vec<StreamSpec> {
    let Some(deployment) = info.deployments.iter().find(|deployment| deployment.chain == chain) else { return Vec::new() };
    let watch = Watch::Solana { program: deployment.address.to_owned(), list_by: list_by.to_owned(), carrier };
    vec![StreamSpec { part: "", version: 1, watch, first_height: deployment.first_height, sees_unknown: true }]
}

/// An event that its layout lists and that is not ignored.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found<'a> {
    pub(crate) record: &'a RawRecord,
    pub(crate) name: &'static str,
    /// What stands behind the discriminator.
    body: &'a [u8],
}

impl Found<'_> {
    /// The body, which must be of this layout to the last byte.
    pub(crate) fn read<T: Borsh>(&self) -> Result<T, DecodeError> {
        Ok(exactly(self.body)?)
    }
}

/// The events of a unit, in order. Records of the other carrier are passed over: a program that logs its events may call
/// itself for other reasons, and one that hands them to itself may print text.
pub(crate) fn events<'a>(
    unit: &DecodeUnit<'a>,
    (carrier, layout, file): (Carrier, &'static [AnchorEvent], &str),
    emitter: &mut Emitter<'_>,
) -> Vec<Found<'a>> {
    let mut found = Vec::new();
    for record in unit.records {
        let RawBody::SolanaEvent(event) = &record.body else {
            emitter.unknown(record, "not an event of a Solana program".to_owned());
            continue;
        };
        if event.carrier != carrier {
            continue;
        }
        let payload: &[u8] = &event.payload;
        let told = match carrier {
            Carrier::Cpi => payload.strip_prefix(&EVENT_TAG),
            Carrier::Log => Some(payload),
        };
        let Some(told) = told else { continue };
        let Some((discriminator, body)) = told.split_first_chunk() else {
            emitter.unknown(record, format!("{} bytes, too few for an event", told.len()));
            continue;
        };
        let discriminator = u64::from_be_bytes(*discriminator);
        match layout.iter().find(|known| known.discriminator == discriminator) {
            Some(known) if matches!(known.spec.disposition, Disposition::Ignored(_)) => {}
            Some(known) => found.push(Found { record, name: known.spec.name, body }),
            None if carrier == Carrier::Log && payload.len() < LOGGED_BYTES_MIN => {}
            None => emitter.unknown(record, format!("discriminator {discriminator:016x} is not in {file}")),
        }
    }
    found
}

/// Unix milliseconds of a stamp in seconds.
pub(crate) fn time_ms(seconds: i64, field: &str) -> Result<i64, DecodeError> {
    let ms = seconds.checked_mul(1_000).filter(|ms| *ms > 0);
    ms.ok_or_else(|| DecodeError::invalid(format!("{field} {seconds} is no time")))
}

/// The token that stands for the dollars in which programs state values of any token; a row of the token table.
pub(crate) const USD: &str = "USD";

/// The mint of USDC.
pub(crate) const USDC: &str = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v";

/// The mint of USDT.
pub(crate) const USDT: &str = "Es9vMFrzaCERmJfrF4H2FYD4KCoNkY11McCe8BenwNYB";

/// The mint of wrapped SOL.
pub(crate) const SOL: &str = "So11111111111111111111111111111111111111112";

/// A number of the chain with all its bits.
pub(crate) fn wide(number: impl Into<i128>) -> I256 {
    I256::try_from(number.into()).expect("128 bits fit in 256")
}

/// An unsigned number of 128 bits, which needs more than the signed type holds.
pub(crate) fn wide_unsigned(number: u128) -> I256 {
    I256::try_from(number).expect("128 bits fit in 255")
}

/// Micro-dollars as an amount.
pub(crate) fn usd_e6(micro_dollars: impl Into<i128>) -> Amount {
    Amount { native: wide(micro_dollars), unit: Unit::Decimals(USD_DECIMALS) }
}

/// Micro-dollars as an amount of [`USD`].
pub(crate) fn usd_tokens(micro_dollars: impl Into<i128>) -> TokenAmount {
    TokenAmount { native: wide(micro_dollars), token: USD.into() }
}

/// Decimals of dollars in programs that keep values in micro-dollars.
pub(crate) const USD_DECIMALS: u8 = 6;

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::Value;

    use super::*;

    /// Fails unless names, discriminators and what is declared of bodies are those of the layout file.
    pub(crate) fn assert_layout(layout: &[AnchorEvent], declared: &[(&str, String)], file: &str) {
        let file: Value = serde_json::from_str(file).unwrap();
        let events = file["events"].as_array().unwrap();
        for event in events {
            let name = event["name"].as_str().unwrap();
            let known = layout.iter().find(|known| known.spec.name == name).unwrap_or_else(|| panic!("{name} has no row"));
            assert_eq!(format!("{:016x}", known.discriminator), event["discriminator"].as_str().unwrap(), "{name}");
        }
        assert_eq!(events.len(), layout.len(), "number of events");
        for known in layout.iter().filter(|known| !matches!(known.spec.disposition, Disposition::Ignored(_))) {
            assert!(declared.iter().any(|(name, _)| *name == known.spec.name), "{} is read, and its body is not compared", known.spec.name);
        }
        for (name, declared) in declared {
            let event = events.iter().find(|event| event["name"] == *name).unwrap_or_else(|| panic!("no {name} in the file"));
            let fields = fields(&event["fields"], &file["types"]);
            assert_eq!(strip(declared), strip(&format!("{{{fields}}}")), "{name}");
        }
    }

    /// Fields and their types alone. How appended ones are grouped is what the golden cases of old bodies show.
    fn strip(text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once("tail<") {
            out.push_str(before);
            if behind.starts_with('{') {
                // The name of a group is ours.
                out.truncate(out.rfind([',', '{']).map_or(0, |at| at + 1));
            }
            rest = behind;
        }
        (out + rest).replace(['{', '}', '>'], "")
    }

    fn fields(fields: &Value, types: &Value) -> String {
        let field = |field: &Value| format!("{}:{}", field["name"].as_str().unwrap(), kind(&field["type"], types));
        fields.as_array().unwrap().iter().map(field).collect::<Vec<_>>().join(",")
    }

    fn kind(kind_of: &Value, types: &Value) -> String {
        if let Some(name) = kind_of.as_str() {
            return name.to_owned();
        }
        if let Some(inner) = kind_of.get("option") {
            return format!("option<{}>", kind(inner, types));
        }
        if let Some(inner) = kind_of.get("vec") {
            return format!("vec<{}>", kind(inner, types));
        }
        if let Some(array) = kind_of.get("array") {
            let width = if array[0] == "u64" { 8 } else { 1 };
            return format!("[u8;{}]", array[1].as_u64().unwrap() * width);
        }
        let defined = &types[kind_of["defined"].as_str().unwrap()];
        if defined["kind"] == "enum" { "u8".to_owned() } else { format!("{{{}}}", fields(&defined["fields"], types)) }
    }
}
