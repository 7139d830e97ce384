//! Encodes logs written down by event name and field into raw records, from the JSON ABI alone.

pub(crate) mod borsh;

use std::{collections::BTreeMap, fs};

use alloy_dyn_abi::{DynSolType, DynSolValue, Specifier};
use alloy_json_abi::{Event, JsonAbi, Param};
use alloy_primitives::{Address, B256, Bytes, keccak256};
use perpdex_core::{ChainId, EvmLog, RawBody, RawRecord};
use serde::Deserialize;
use serde_json::Value;

/// `logs.json`: the logs of one block.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Logs {
    /// ABI file, from the repository's root.
    abi: String,
    /// Emitting contract.
    address: Address,
    /// Height of the block.
    height: u64,
    /// Header time, unix seconds.
    time_s: i64,
    /// Logs, in order.
    logs: Vec<LogText>,
    /// Contract values that the decoder asks for.
    #[serde(default)]
    state: Vec<StateText>,
}

/// One contract value, as a node answers it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct StateText {
    /// The contract.
    address: Address,
    /// Call data.
    calldata: Bytes,
    /// The answer, empty where the call reverted.
    output: Bytes,
}

/// Where the keys of contract values begin, behind those of any log of a case.
const STATE_REC: i64 = 1_000_000;

/// One log.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LogText {
    /// Name of the event, or its signature where the name is overloaded; inside an envelope the name in it.
    event: String,
    /// Which transaction of the block, from 0.
    #[serde(default)]
    tx: u32,
    /// Emitting contract, where it is not the one of the case.
    address: Option<Address>,
    /// Its ABI file, where it is not the one of the case.
    abi: Option<String>,
    /// Log index; one more than the log's before where it is missing.
    index: Option<i64>,
    /// Fields by name.
    #[serde(default)]
    args: BTreeMap<String, Value>,
    /// Envelope of a key-value event.
    envelope: Option<String>,
    /// Topics of the envelope behind the name's hash.
    #[serde(default)]
    indexed: Vec<B256>,
    /// Items of a key-value event by group and key.
    #[serde(default)]
    items: BTreeMap<String, BTreeMap<String, Value>>,
    /// Replaces the first topic.
    topic0: Option<B256>,
    /// Bytes to cut off the end of the data.
    #[serde(default)]
    cut_bytes: usize,
    /// Word of the data to fill with ones.
    broken_word: Option<usize>,
}

/// The raw records of the logs. Hashes are derived from the case's name.
pub(crate) fn encode(logs: &Logs, chain: ChainId, case: &str) -> Vec<RawRecord> {
    let read_abi = |file: &str| -> JsonAbi {
        let text = fs::read_to_string(super::common::root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{file}: {error}"))
    };
    let abi = read_abi(&logs.abi);
    // The last part of the path, so that the place of the repository does not matter.
    let case = case.rsplit('/').next().unwrap();
    let hash = |what: &str| keccak256(format!("{chain}/{}/{case}/{what}", logs.address));
    let mut next_index = 0;
    let record = |log: &LogText| {
        let own_abi = log.abi.as_deref().map(read_abi);
        let (topics, data) = encode_log(own_abi.as_ref().unwrap_or(&abi), log);
        let index = log.index.unwrap_or(next_index);
        next_index = index + 1;
        let block_hash = hash("block");
        RawRecord {
            chain,
            height: logs.height,
            rec: index,
            ord: index,
            tx_id: hash(&format!("transaction {}", log.tx)).to_string().into(),
            tx_index: Some(log.tx),
            time_ms: logs.time_s * 1_000,
            body: RawBody::EvmLog(EvmLog { address: log.address.unwrap_or(logs.address), topics, data, block_hash }),
        }
    };
    let mut records: Vec<RawRecord> = logs.logs.iter().map(record).collect();
    records.extend((STATE_REC..).zip(&logs.state).map(|(rec, value)| RawRecord {
        chain,
        height: logs.height,
        rec,
        ord: rec,
        tx_id: "state".into(),
        tx_index: None,
        time_ms: logs.time_s * 1_000,
        body: RawBody::StateRead { address: value.address, calldata: value.calldata.clone(), output: value.output.clone() },
    }));
    records
}

fn encode_log(abi: &JsonAbi, log: &LogText) -> (Vec<B256>, Bytes) {
    let (mut topics, mut data) = match &log.envelope {
        Some(envelope) => enveloped(&abi.events[envelope][0], log),
        None => plain(event(abi, &log.event), &log.args),
    };
    topics[0] = log.topic0.unwrap_or(topics[0]);
    if let Some(word) = log.broken_word {
        data[word * 32..word * 32 + 32].fill(0xff);
    }
    data.truncate(data.len() - log.cut_bytes);
    (topics, data.into())
}

fn event<'a>(abi: &'a JsonAbi, name: &str) -> &'a Event {
    let found = abi.events.values().flatten().find(|event| event.name == name || event.signature() == name);
    found.unwrap_or_else(|| panic!("no event {name} in the ABI"))
}

fn plain(event: &Event, args: &BTreeMap<String, Value>) -> (Vec<B256>, Vec<u8>) {
    assert_eq!(args.len(), event.inputs.len(), "fields of {}", event.name);
    let mut topics = vec![event.selector()];
    let mut body = Vec::new();
    for input in &event.inputs {
        let text = args.get(&input.name).unwrap_or_else(|| panic!("{} has no {}", event.name, input.name));
        let param = Param { name: input.name.clone(), ty: input.ty.clone(), components: input.components.clone(), internal_type: None };
        let value = value(&param, text);
        match input.indexed {
            true => topics.push(value.as_word().expect("indexed fields are words")),
            false => body.push(value),
        }
    }
    (topics, DynSolValue::Tuple(body).abi_encode_params())
}

/// A field's value: objects for tuples, arrays for arrays, and text that the general parser of its type reads.
fn value(param: &Param, text: &Value) -> DynSolValue {
    match (text, param.ty.strip_suffix("[]")) {
        (Value::Array(rows), Some(element)) => {
            let element = Param { ty: element.to_owned(), ..param.clone() };
            DynSolValue::Array(rows.iter().map(|row| value(&element, row)).collect())
        }
        (Value::Object(fields), None) => {
            assert_eq!(fields.len(), param.components.len(), "fields of {}", param.name);
            DynSolValue::Tuple(param.components.iter().map(|part| value(part, &fields[&part.name])).collect())
        }
        (leaf, _) => scalar(&param.resolve().unwrap(), leaf),
    }
}

fn scalar(kind: &DynSolType, text: &Value) -> DynSolValue {
    let text = match text {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match kind {
        DynSolType::String => DynSolValue::String(text),
        _ => kind.coerce_str(&text).unwrap_or_else(|error| panic!("{text:?} as {kind}: {error}")),
    }
}

/// `(address msgSender, string eventName, EventLogData eventData)` with one group of items a type.
fn enveloped(envelope: &Event, log: &LogText) -> (Vec<B256>, Vec<u8>) {
    let groups = [
        ("address", DynSolType::Address),
        ("uint", DynSolType::Uint(256)),
        ("int", DynSolType::Int(256)),
        ("bool", DynSolType::Bool),
        ("bytes32", DynSolType::FixedBytes(32)),
        ("bytes", DynSolType::Bytes),
        ("string", DynSolType::String),
    ];
    assert!(log.items.keys().all(|name| groups.iter().any(|(group, _)| group == name)), "groups of {}", log.event);
    let group = |(name, kind): &(&str, DynSolType)| {
        let items = log.items.get(*name).into_iter().flatten();
        let item = |(key, text): (&String, &Value)| DynSolValue::Tuple(vec![DynSolValue::String(key.clone()), scalar(kind, text)]);
        DynSolValue::Tuple(vec![DynSolValue::Array(items.map(item).collect()), DynSolValue::Array(Vec::new())])
    };
    let body = DynSolValue::Tuple(vec![
        DynSolValue::Address(Address::repeat_byte(0x5e)),
        DynSolValue::String(log.event.clone()),
        DynSolValue::Tuple(groups.iter().map(group).collect()),
    ]);
    let mut topics = vec![envelope.selector(), keccak256(log.event.as_bytes())];
    topics.extend(&log.indexed);
    (topics, body.abi_encode_params())
}
