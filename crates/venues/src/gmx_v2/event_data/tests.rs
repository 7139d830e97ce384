use alloy_dyn_abi::{DynSolValue, EventExt};
use alloy_json_abi::JsonAbi;
use alloy_primitives::{B256, U256};
use perpdex_core::{RawBody, RawRecord};

use super::*;

fn items(pairs: &[(&str, DynSolValue)]) -> DynSolValue {
    let items = pairs.iter().map(|(key, value)| DynSolValue::Tuple(vec![DynSolValue::String((*key).to_owned()), value.clone()]));
    // An empty list still needs the type of its elements to be encoded; a tuple of text and word serves for all groups.
    DynSolValue::Tuple(vec![DynSolValue::Array(items.collect()), DynSolValue::Array(Vec::new())])
}

/// `EventLog1` data of an event with one item a group.
fn sample() -> Vec<u8> {
    let groups = vec![
        items(&[("market", DynSolValue::Address(Address::repeat_byte(0x11)))]),
        items(&[
            ("delta", DynSolValue::Uint(U256::from(7), 256)),
            ("a much longer key than one word of thirty-two bytes", DynSolValue::Uint(U256::MAX, 256)),
        ]),
        items(&[("pnl", DynSolValue::Int(I256::try_from(-5).unwrap(), 256))]),
        items(&[("isLong", DynSolValue::Bool(true))]),
        items(&[("key", DynSolValue::FixedBytes(B256::repeat_byte(0x22), 32))]),
        items(&[]),
        items(&[]),
    ];
    DynSolValue::Tuple(vec![
        DynSolValue::Address(Address::repeat_byte(0x33)),
        DynSolValue::String("Sample".to_owned()),
        DynSolValue::Tuple(groups),
    ])
    .abi_encode_params()
}

#[test]
fn items_are_found_by_group_and_key() {
    let data = sample();
    let read = EventData::parse(&data).unwrap();
    assert_eq!(read.name, b"Sample");
    assert_eq!(read.address("market").unwrap(), Address::repeat_byte(0x11));
    assert_eq!(read.uint("delta").unwrap(), I256::try_from(7).unwrap());
    assert!(read.uint("a much longer key than one word of thirty-two bytes").is_err(), "2^256 - 1 is no amount");
    assert_eq!(read.optional_int("pnl").unwrap(), Some(I256::try_from(-5).unwrap()));
    assert!(read.boolean("isLong").unwrap());
    assert_eq!(read.bytes32("key").unwrap(), B256::repeat_byte(0x22));
    assert_eq!(read.optional_uint("absent").unwrap(), None);
    assert!(read.uint("pnl").is_err(), "keys belong to their group");
}

#[test]
fn the_walk_agrees_with_a_general_decoder() {
    let abi: JsonAbi = serde_json::from_str(include_str!("../../../../../abi/gmx_v2/event_emitter.json")).unwrap();
    let real = [
        include_str!("../../../../../tests/golden/arbitrum/gmx_v2/recorded_increase_short_zec/records.jsonl"),
        include_str!("../../../../../tests/golden/arbitrum/gmx_v2/recorded_partial_decrease_long_btc/records.jsonl"),
        include_str!("../../../../../tests/golden/arbitrum/gmx_v2/recorded_funding_update/records.jsonl"),
    ];
    let mut n_logs = 0;
    for line in real.iter().flat_map(|file| file.lines()) {
        let record: RawRecord = serde_json::from_str(line).unwrap();
        let RawBody::EvmLog(log) = record.body else { panic!("a log is expected") };
        let event = abi.events().find(|event| event.selector() == log.topics[0]).unwrap();
        let general = event.decode_log_parts(log.topics.iter().copied(), &log.data).unwrap().body;
        compare(&EventData::parse(&log.data).unwrap(), &general);
        n_logs += 1;
    }
    assert_eq!(n_logs, 38);
    let event = &abi.events["EventLog1"][0];
    let general = event.decode_log_parts([event.selector(), B256::ZERO, B256::ZERO], &sample()).unwrap().body;
    compare(&EventData::parse(&sample()).unwrap(), &general);
}

fn compare(walked: &EventData<'_>, general: &[DynSolValue]) {
    assert_eq!(general[1].as_str().map(str::as_bytes), Some(walked.name));
    let mut n_items = 0;
    for (group, value) in GROUPS.into_iter().zip(general[2].as_tuple().unwrap()) {
        for item in value.as_tuple().unwrap()[0].as_array().unwrap() {
            let [key, value] = item.as_tuple().unwrap() else { panic!("an item has a key and a value") };
            let word = walked.find(group, key.as_str().unwrap()).unwrap();
            assert_eq!(value.as_word().unwrap(), B256::from(*word));
            n_items += 1;
        }
    }
    assert_eq!(n_items, walked.items.len());
}

#[test]
fn a_wrong_offset_is_an_error_wherever_it_stands() {
    let data = sample();
    let n_words = data.len() / 32;
    let mut refused = 0;
    for at in 0..n_words {
        let mut broken = data.clone();
        broken[at * 32..at * 32 + 32].fill(0xff);
        // A word that is a value or text stays readable; an offset or length does not.
        refused += usize::from(EventData::parse(&broken).is_err());
    }
    // Name offset and length, data offset, 5 groups x (offset, items offset, count), 6 items x (offset, key offset, key length).
    assert_eq!(refused, 3 + 5 * 3 + 6 * 3);
    for cut in 0..data.len() {
        // The tail holds the groups that are not read.
        let _ = EventData::parse(&data[..cut]).is_err();
    }
    assert!(EventData::parse(&data[..data.len() / 2]).is_err());
    assert!(EventData::parse(&[]).is_err());
}

/// Changed envelopes that are compared.
const CHANGES: usize = 30_000;

/// Words of real and constructed envelopes become offsets, lengths and values that fit a little, or not at all.
#[test]
fn the_walk_answers_and_refuses_as_the_library_does() {
    let recorded = include_str!("../../../../../tests/golden/arbitrum/gmx_v2/recorded_increase_short_zec/records.jsonl");
    let logs = recorded.lines().map(|line| match serde_json::from_str::<RawRecord>(line).unwrap().body {
        RawBody::EvmLog(log) => log.data.to_vec(),
        _ => panic!("a log is expected"),
    });
    let bases: Vec<Vec<u8>> = logs.chain([sample()]).collect();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = |end: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 16).unwrap() % end
    };
    let (mut read, mut refused) = (0, 0);
    for change in 0..CHANGES {
        // The short one as often as all others: there a change hits structure more often.
        let base = if change % 2 == 0 { bases.len() - 1 } else { random(bases.len()) };
        let mut data = bases[base].clone();
        data.truncate(data.len() / 32 * 32);
        let words = data.len() / 32;
        for _ in 0..1 + random(3) {
            let word = &mut data[random(words) * 32..][..32];
            let small = [0, 1, 32, 64, 32 * random(words + 2), random(32 * words + 40), 32 * random(3), 32 * words][random(8)];
            match random(6) {
                0 => word.fill(0xff),
                1 => word[random(24)] = 1,
                _ => {
                    word.fill(0);
                    word[24..].copy_from_slice(&(small as u64).to_be_bytes());
                }
            }
        }
        if random(8) == 0 {
            data.truncate(32 * random(words));
        }
        *(if oracle::event_log(&data) { &mut read } else { &mut refused }) += 1;
    }
    assert!(CHANGES / 10 < read && CHANGES / 10 < refused, "{read} were read and {refused} refused");
}

/// Found by the fuzz target: all offsets point at the first word.
#[test]
fn an_envelope_that_overlaps_itself_is_read_only_where_the_library_reads_it() {
    for words in 0..12 {
        for bytes in [32 * words, 32 * words + 24] {
            assert_eq!(oracle::event_log(&vec![0; bytes]), bytes >= ENVELOPE_BYTES_MIN, "{bytes}");
        }
    }
}

/// Found by the fuzz target: items that overlap, of which a list names more than can stand behind it. What follows it, in words, and its
/// count are all that differs.
#[test]
fn a_list_is_read_only_where_its_items_could_stand_behind_it() {
    let counts = (0..9).flat_map(|behind| (0..=behind + 1).map(move |count| (behind, count)));
    for (behind, count) in counts.chain([(600, 300), (599, 300)]) {
        let mut data = vec![0; 32 * (7 + behind)];
        // The fourth group begins at the sixth word, its list at the seventh; all other groups and the name are empty.
        for (word, value) in [(3, 5 * 32), (5, 32), (6, count)] {
            data[32 * word + 24..][..8].copy_from_slice(&(value as u64).to_be_bytes());
        }
        assert_eq!(oracle::event_log(&data), 2 * count <= behind, "{count} items, {behind} words");
    }
}
