//! EVM logs from a JSON ABI.

use alloy_dyn_abi::{DynSolType, DynSolValue, Specifier};
use alloy_json_abi::JsonAbi;
use alloy_primitives::ruint::UintTryFrom;
use alloy_primitives::{Address, B256, Bytes, I256, U256, keccak256};

use crate::num::{wide, wide_signed};

/// A log before it has a place in a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Emitted {
    /// Emitting contract.
    pub address: Address,
    /// Topics.
    pub topics: Vec<B256>,
    /// Data.
    pub data: Bytes,
}

/// The events of one contract.
#[derive(Clone, Debug)]
pub struct Contract {
    address: Address,
    events: Vec<EventLayout>,
}

/// One event of an ABI.
#[derive(Clone, Debug)]
struct EventLayout {
    name: String,
    topic0: B256,
    inputs: Vec<(DynSolType, bool)>,
}

impl Contract {
    /// The contract at `address` with the events of `abi_json`.
    pub fn new(address: Address, abi_json: &str) -> Contract {
        let abi: JsonAbi = serde_json::from_str(abi_json).expect("ABI files in the tree are valid");
        let events = abi.events().map(|event| EventLayout {
            name: event.name.clone(),
            topic0: event.selector(),
            inputs: event
                .inputs
                .iter()
                .map(|input| (input.resolve().expect("ABI files in the tree name known types"), input.indexed))
                .collect(),
        });
        Contract { address, events: events.collect() }
    }

    /// The log of event `name`; among overloads the one that has as many inputs as there are values and can hold them.
    pub fn emit(&self, name: &str, values: &[DynSolValue]) -> Emitted {
        let event = self
            .events
            .iter()
            .find(|event| event.name == name && event.holds(values))
            .unwrap_or_else(|| panic!("no event {name} that can hold {values:?}"));
        let mut topics = vec![event.topic0];
        let mut body = Vec::with_capacity(values.len());
        for ((_, indexed), value) in event.inputs.iter().zip(values) {
            if *indexed {
                topics.push(value.encode_topic());
            } else {
                body.push(value.clone());
            }
        }
        Emitted { address: self.address, topics, data: DynSolValue::Tuple(body).abi_encode_params().into() }
    }
}

impl EventLayout {
    fn holds(&self, values: &[DynSolValue]) -> bool {
        self.inputs.len() == values.len() && self.inputs.iter().zip(values).all(|((kind, _), value)| holds(kind, value))
    }
}

/// Whether a value is of the kind and inside its range. Widths of integer values are those of their numbers, not of their
/// declarations.
fn holds(kind: &DynSolType, value: &DynSolValue) -> bool {
    match (kind, value) {
        (DynSolType::Uint(bits), DynSolValue::Uint(number, _)) => number.bit_len() <= *bits,
        (DynSolType::Int(bits), DynSolValue::Int(number, _)) => number.bits() as usize <= *bits,
        (DynSolType::Tuple(kinds), DynSolValue::Tuple(values)) => {
            kinds.len() == values.len() && kinds.iter().zip(values).all(|(kind, value)| holds(kind, value))
        }
        (DynSolType::Array(kind), DynSolValue::Array(values)) => values.iter().all(|value| holds(kind, value)),
        (kind, value) => value.matches(kind),
    }
}

/// Call data of a function without arguments.
pub fn call(signature: &str) -> Bytes {
    Bytes::copy_from_slice(&keccak256(signature)[..4])
}

/// What a function that returns one value answers.
pub fn answer(value: DynSolValue) -> Bytes {
    DynSolValue::Tuple(vec![value]).abi_encode_params().into()
}

/// An unsigned integer of any width.
pub fn uint<N>(number: N) -> DynSolValue
where
    U256: UintTryFrom<N>,
{
    DynSolValue::Uint(U256::from(number), 256)
}

/// A signed integer of any width.
pub fn int(number: I256) -> DynSolValue {
    DynSolValue::Int(number, 256)
}

/// An unsigned integer, not below zero.
pub fn unsigned(number: i128) -> DynSolValue {
    uint(wide(number))
}

/// A signed integer.
pub fn signed(number: i128) -> DynSolValue {
    int(wide_signed(number))
}

/// A struct.
pub fn tuple(fields: Vec<DynSolValue>) -> DynSolValue {
    DynSolValue::Tuple(fields)
}

/// An address.
pub fn address(address: Address) -> DynSolValue {
    DynSolValue::Address(address)
}

/// 32 bytes.
pub fn word(word: B256) -> DynSolValue {
    DynSolValue::FixedBytes(word, 32)
}

/// A boolean.
pub fn boolean(value: bool) -> DynSolValue {
    DynSolValue::Bool(value)
}

/// A string.
pub fn text(text: &str) -> DynSolValue {
    DynSolValue::String(text.to_owned())
}

#[cfg(test)]
mod tests {
    use alloy_dyn_abi::DynSolEvent;
    use alloy_primitives::address as hex_address;

    use super::*;

    const VAULT: &str = include_str!("../../../../abi/aster_vault/vault.json");

    fn vault() -> Contract {
        Contract::new(hex_address!("128463a60784c4d3f46c23af3f65ed859ba87974"), VAULT)
    }

    #[test]
    fn a_log_reads_back() {
        let (who, token) = (Address::repeat_byte(1), Address::repeat_byte(2));
        let log = vault().emit("Deposit", &[address(who), address(token), boolean(false), uint(5_u64), uint(7_u64)]);
        assert_eq!(log.topics[0].to_string(), "0x18081cde2fa64894914e1080b98cca17bb6d1acf633e57f6e26ebdb945ad830b");
        let indexed = vec![DynSolType::Address, DynSolType::Address];
        let body = DynSolType::Tuple(vec![DynSolType::Bool, DynSolType::Uint(256), DynSolType::Uint(256)]);
        let layout = DynSolEvent::new(Some(log.topics[0]), indexed, body).unwrap();
        let read = layout.decode_log_parts(log.topics.clone(), &log.data).unwrap();
        assert_eq!(read.indexed, [address(who), address(token)]);
        assert_eq!(read.body, [boolean(false), uint(5_u64), uint(7_u64)]);
    }

    #[test]
    fn overloads_are_told_apart_by_their_values() {
        let (who, token) = (Address::repeat_byte(1), Address::repeat_byte(2));
        let four = vault().emit("Deposit", &[address(who), address(token), uint(5_u64), uint(7_u64)]);
        assert_eq!(four.topics[0].to_string(), "0xdcbc1c05240f31ff3ad067ef1ee35ce4997762752e3a095284754544f4c709d7");
        let native = vault().emit("Withdraw", &[uint(1_u64), address(who), address(token), boolean(true), uint(9_u64)]);
        let with_fee = vault().emit("Withdraw", &[uint(1_u64), address(who), address(token), uint(9_u64), uint(2_u64)]);
        assert_ne!(native.topics[0], with_fee.topics[0]);
    }

    #[test]
    fn ranges_are_checked() {
        assert!(holds(&DynSolType::Uint(80), &uint((1_u128 << 80) - 1)));
        assert!(!holds(&DynSolType::Uint(80), &uint(1_u128 << 80)));
        assert!(holds(&DynSolType::Int(96), &int(I256::try_from(-(1_i128 << 95)).unwrap())));
        assert!(!holds(&DynSolType::Int(96), &int(I256::try_from(1_i128 << 95).unwrap())));
        assert!(!holds(&DynSolType::Bool, &uint(1_u64)));
    }
}
