//! Stored records against proved ones: by key, then by content.

use std::collections::BTreeMap;

use perpdex_core::{Difference, DifferenceKind, RawRecord, StoredRecord, StreamId};

use crate::job::JobStream;

/// Where stored records of some streams differ from the proved ones, by height and record. Stored records that none of
/// the streams watches are not compared.
pub(super) fn compare(streams: &[&JobStream], stored: &[(StreamId, StoredRecord)], proved: &[RawRecord]) -> Vec<Difference> {
    let mut known: BTreeMap<(u64, i64), &(StreamId, StoredRecord)> = stored.iter().map(|one| (one.1.key(), one)).collect();
    let mut out = Vec::new();
    for record in proved {
        match known.remove(&(record.height, record.rec)) {
            None => out.extend(difference(streams, None, Some(record))),
            Some(stored) if stored.1.digest() != record.digest() => out.extend(difference(streams, Some(stored), Some(record))),
            Some(_) => {}
        }
    }
    out.extend(known.into_values().filter_map(|stored| difference(streams, Some(stored), None)));
    out.sort_by_key(|difference| (difference.height, difference.rec));
    out
}

/// The difference between a stored and a proved record under one key; `None` where no stream watches either.
fn difference(streams: &[&JobStream], stored: Option<&(StreamId, StoredRecord)>, proved: Option<&RawRecord>) -> Option<Difference> {
    let kind = match (stored, proved) {
        (None, _) => DifferenceKind::Missing,
        (_, None) => DifferenceKind::Extra,
        _ => DifferenceKind::Changed,
    };
    let is_watching = |stream: &&&JobStream| {
        stored.is_some_and(|stored| is_of(stream, stored)) || proved.is_some_and(|record| stream.watch.matches(record))
    };
    let of_proved = |record: &RawRecord| (record.height, record.rec, record.tx_id.clone());
    let of_stored = |(_, record): &(StreamId, StoredRecord)| (record.key().0, record.key().1, record.tx_id().clone());
    let (height, rec, tx_id) = stored.map(of_stored).or(proved.map(of_proved))?;
    Some(Difference {
        stream: streams.iter().find(is_watching)?.id.clone(),
        height,
        rec,
        kind,
        tx_id,
        stored: stored.map(|(_, record)| record.digest()),
        proved: proved.map(RawRecord::digest),
    })
}

/// Whether a stored record is one of a stream. Without its payload it is known by the stream that it was stored for alone.
fn is_of(stream: &JobStream, (id, record): &(StreamId, StoredRecord)) -> bool {
    match record {
        StoredRecord::Whole(record) => stream.watch.matches(record),
        StoredRecord::Dropped(_) => stream.id == *id,
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::{Address, B256, Bytes};
    use perpdex_core::{ChainId, EvmFilter, EvmLog, RawBody, VenueSlug, Watch};

    use super::*;

    fn stream(venue: &'static str, emitter: u8) -> JobStream {
        JobStream {
            id: StreamId { chain: ChainId::BNB, venue: VenueSlug::known(venue), part: String::new(), version: 1 },
            watch: Watch::Evm(vec![EvmFilter { addresses: vec![Address::repeat_byte(emitter)], topics: Default::default() }]),
            from: 0,
            first_height: None,
            sees_unknown: true,
        }
    }

    fn record(emitter: u8, height: u64, rec: i64, data: u8) -> RawRecord {
        let body = RawBody::EvmLog(EvmLog {
            address: Address::repeat_byte(emitter),
            topics: Vec::new(),
            data: Bytes::from(vec![data]),
            block_hash: B256::repeat_byte(9),
        });
        RawRecord { chain: ChainId::BNB, height, rec, ord: rec, tx_id: format!("tx{rec}").into(), tx_index: None, time_ms: 0, body }
    }

    #[test]
    fn differences_are_told_by_kind_and_place() {
        let (one, two, other) = (stream("gmx_v2", 1), stream("gtrade", 2), stream("ostium", 3));
        let owned = |record: RawRecord| (one.id.clone(), StoredRecord::Whole(record));
        // The last stored record is of an emitter that is not verified.
        let records = [record(1, 5, 0, 0), record(1, 5, 1, 7), record(2, 6, 0, 0), record(3, 6, 1, 0)];
        let stored = records.clone().map(owned);
        let proved = [record(1, 5, 0, 0), record(1, 5, 1, 8), record(1, 7, 4, 0)];
        let found = compare(&[&one, &two], &stored, &proved);
        let told: Vec<_> = found.iter().map(|d| (d.stream.venue.as_str(), d.height, d.rec, d.kind)).collect();
        use DifferenceKind::{Changed, Extra, Missing};
        assert_eq!(told, [("gmx_v2", 5, 1, Changed), ("gtrade", 6, 0, Extra), ("gmx_v2", 7, 4, Missing)]);
        assert_eq!(found[2].proved, Some(proved[2].digest()));
        assert_eq!((found[1].stored, found[1].proved), (Some(records[2].digest()), None));
        assert_eq!(compare(&[&other], &stored, &[record(3, 6, 1, 0)]), []);
    }

    #[test]
    fn a_dropped_payload_is_compared_by_its_digest() {
        let (one, two) = (stream("gmx_v2", 1), stream("gtrade", 2));
        let dropped = |stream: &JobStream, record: RawRecord| (stream.id.clone(), StoredRecord::Dropped(record.without_payload()));
        let mut late = record(1, 6, 0, 0).without_payload();
        late.time_ms += 1;
        let stored = [
            dropped(&one, record(1, 5, 0, 0)),
            dropped(&one, record(1, 5, 1, 7)),
            (one.id.clone(), StoredRecord::Dropped(late)),
            dropped(&one, record(1, 7, 0, 0)),
            dropped(&two, record(2, 8, 0, 0)),
        ];
        let proved = [record(1, 5, 0, 0), record(1, 5, 1, 8), record(1, 6, 0, 0), record(1, 9, 0, 0)];
        let found = compare(&[&one], &stored, &proved);
        let told: Vec<_> = found.iter().map(|d| (d.height, d.rec, d.kind)).collect();
        use DifferenceKind::{Changed, Extra, Missing};
        assert_eq!(told, [(5, 1, Changed), (6, 0, Changed), (7, 0, Extra), (9, 0, Missing)]);
        assert_eq!(found[0].stored, Some(record(1, 5, 1, 7).digest()));
        // Whichever of two streams that watch a record it was stored for.
        let shared = JobStream { watch: one.watch.clone(), ..two.clone() };
        assert_eq!(compare(&[&shared], &stored[..1], &proved[..1]), []);
    }
}
