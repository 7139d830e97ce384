//! Every golden case of every venue: the records give exactly the expected events and refusals. `UPDATE_EXPECT=1` rewrites
//! the expectations; what it writes is to be checked by hand against the case's source.

mod common;

use std::{collections::BTreeSet, fmt::Write};

use alloy_primitives::Bytes;
use common::{Case, Provenance, cases, decode, expect_file, is_state, read_lines};
use perpdex_core::{Decoded, Event, Failure, RawBody, RawRecord, Venue};
use serde::Serialize;

#[test]
fn cases_give_their_expected_events() {
    for case in cases() {
        let (venue, records) = load(&case);
        let decoded = decode(venue, &records);
        let events_path = case.path.join("events.jsonl");
        expect_file(&events_path, &lines(&decoded.events));
        // The text survives reading: replayed events are equal to decoded ones.
        assert_eq!(read_lines::<Event>(&events_path), decoded.events, "{}", events_path.display());
        let failures_path = case.path.join("failures.jsonl");
        let refused = refused(&decoded);
        if refused.is_empty() {
            assert!(!failures_path.exists(), "{} but nothing is refused", failures_path.display());
        } else {
            expect_file(&failures_path, &refused);
        }
    }
}

#[test]
fn cases_say_where_they_come_from() {
    for case in cases() {
        let (origin, name) = (&case.origin, case.path.display());
        assert!(!origin.source.trim().is_empty() && !origin.note.trim().is_empty(), "{name}: source and note must say something");
        let has_logs = case.path.join("logs.json").exists();
        match origin.provenance {
            Provenance::Recorded => {
                assert!(!has_logs, "{name}: a recorded case is not encoded from logs.json");
                let tx_id = origin.tx_id.as_deref().unwrap_or_else(|| panic!("{name}: a recorded case names its transaction"));
                assert!(
                    case.records().iter().all(|record| record.tx_id == tx_id || is_state(record)),
                    "{name}: a record of another transaction"
                );
            }
            Provenance::Constructed => assert_eq!(origin.tx_id, None, "{name}: a constructed case has no transaction"),
        }
    }
}

#[test]
fn keys_are_unique_and_order_is_canonical() {
    for case in cases() {
        let (venue, records) = load(&case);
        let events = decode(venue, &records).events;
        let keys: BTreeSet<_> = events.iter().map(|event| event.key).collect();
        assert_eq!(keys.len(), events.len(), "{}: two events share a key", case.path.display());
        let order: Vec<_> = events.iter().map(|event| (event.key.height, event.ord, event.key.sub)).collect();
        assert!(order.is_sorted(), "{}: events are out of order", case.path.display());
    }
}

/// Whatever is cut off or overwritten in a log, decoding ends, and the record gives its events, a refusal, or nothing.
#[test]
fn damaged_logs_never_panic() {
    let mut refusals = 0;
    for case in cases() {
        let (venue, records) = load(&case);
        for (i, record) in records.iter().enumerate() {
            for damaged in damage(record) {
                let mut records = records.clone();
                records[i] = damaged;
                refusals += decode(venue, &records).failures.len();
            }
        }
    }
    assert!(refusals > 100, "only {refusals} damaged logs were refused");
}

fn load(case: &Case) -> (&'static dyn Venue, Vec<RawRecord>) {
    let name = case.path.display();
    let venue = perpdex_venues::venue(&case.venue).unwrap_or_else(|| panic!("{name}: no venue {:?}", case.venue));
    let records = case.records();
    assert!(!records.is_empty(), "{name}: no records");
    let streams = venue.streams(case.chain);
    for record in &records {
        assert_eq!(record.chain, case.chain, "{name}: a record of another chain");
        let is_watched = streams.iter().any(|stream| stream.watch.matches(record));
        assert!(is_watched || is_state(record), "{name}: record {} would not be asked for", record.rec);
    }
    (venue, records)
}

fn refused(decoded: &Decoded) -> String {
    #[derive(Serialize)]
    struct Line<'a> {
        list: &'static str,
        #[serde(flatten)]
        failure: &'a Failure,
    }
    let of = |list, failures: &[Failure]| -> String {
        let mut out = String::new();
        for failure in failures {
            writeln!(out, "{}", serde_json::to_string(&Line { list, failure }).unwrap()).unwrap();
        }
        out
    };
    of("failures", &decoded.failures) + &of("unknown", &decoded.unknown)
}

fn lines<T: Serialize>(values: &[T]) -> String {
    values.iter().map(|value| serde_json::to_string(value).unwrap() + "\n").collect()
}

/// The log with its data cut at a word and in a word's middle, a word overwritten, and topics removed.
fn damage(record: &RawRecord) -> Vec<RawRecord> {
    /// Words of one log that are damaged, spread over its data.
    const WORDS_MAX: usize = 32;
    let RawBody::EvmLog(log) = &record.body else { return Vec::new() };
    let mut out = Vec::new();
    let mut push = |change: &dyn Fn(&mut perpdex_core::EvmLog)| {
        let mut log = log.clone();
        change(&mut log);
        out.push(RawRecord { body: RawBody::EvmLog(log), ..record.clone() });
    };
    let data: &[u8] = &log.data;
    let n_words = data.len() / 32;
    for word in (0..n_words).step_by(n_words.div_ceil(WORDS_MAX).max(1)) {
        push(&|log| log.data = Bytes::copy_from_slice(&data[..word * 32]));
        push(&|log| log.data = Bytes::copy_from_slice(&data[..word * 32 + 13]));
        for byte in [0xff, 0x00, 0x7f] {
            push(&|log| {
                let mut data = data.to_vec();
                data[word * 32..word * 32 + 32].fill(byte);
                log.data = data.into();
            });
        }
    }
    push(&|log| log.topics.truncate(log.topics.len() - 1));
    push(&|log| log.topics.clear());
    out
}
