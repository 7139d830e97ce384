//! Stored records against proved ones: by key, then by content.

use std::collections::BTreeMap;

use perpdex_core::{Difference, DifferenceKind, RawRecord, StreamId};

use crate::job::JobStream;

/// Where stored records of some streams differ from the proved ones, by height and record. Stored records that none of
/// the streams watches are not compared.
pub(super) fn compare(streams: &[&JobStream], stored: &[(StreamId, RawRecord)], proved: &[RawRecord]) -> Vec<Difference> {
    let mut known: BTreeMap<(u64, i64), &RawRecord> = BTreeMap::new();
    let is_watched = |record: &RawRecord| streams.iter().any(|stream| stream.watch.matches(record));
    known.extend(stored.iter().filter(|(_, record)| is_watched(record)).map(|(_, record)| ((record.height, record.rec), record)));
    let mut out = Vec::new();
    for record in proved {
        match known.remove(&(record.height, record.rec)) {
            None => out.extend(difference(streams, None, Some(record))),
            Some(stored) if stored.digest() != record.digest() => out.extend(difference(streams, Some(stored), Some(record))),
            Some(_) => {}
        }
    }
    out.extend(known.into_values().filter_map(|stored| difference(streams, Some(stored), None)));
    out.sort_by_key(|difference| (difference.height, difference.rec));
    out
}

/// The difference between a stored and a proved record under one key; `None` where no stream watches either.
fn difference(streams: &[&JobStream], stored: Option<&RawRecord>, proved: Option<&RawRecord>) -> Option<Difference> {
    let kind = match (stored, proved) {
        (None, _) => DifferenceKind::Missing,
        (_, None) => DifferenceKind::Extra,
        _ => DifferenceKind::Changed,
    };
    let record = stored.or(proved)?;
    let is_watching = |stream: &&&JobStream| [stored, proved].into_iter().flatten().any(|record| stream.watch.matches(record));
    Some(Difference {
        stream: streams.iter().find(is_watching)?.id.clone(),
        height: record.height,
        rec: record.rec,
        kind,
        tx_id: record.tx_id.clone(),
        stored: stored.map(RawRecord::digest),
        proved: proved.map(RawRecord::digest),
    })
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
        let owned = |record: RawRecord| (one.id.clone(), record);
        // The last stored record is of an emitter that is not verified.
        let stored = [record(1, 5, 0, 0), record(1, 5, 1, 7), record(2, 6, 0, 0), record(3, 6, 1, 0)].map(owned);
        let proved = [record(1, 5, 0, 0), record(1, 5, 1, 8), record(1, 7, 4, 0)];
        let found = compare(&[&one, &two], &stored, &proved);
        let told: Vec<_> = found.iter().map(|d| (d.stream.venue.as_str(), d.height, d.rec, d.kind)).collect();
        use DifferenceKind::{Changed, Extra, Missing};
        assert_eq!(told, [("gmx_v2", 5, 1, Changed), ("gtrade", 6, 0, Extra), ("gmx_v2", 7, 4, Missing)]);
        assert_eq!(found[2].proved, Some(proved[2].digest()));
        assert_eq!((found[1].stored, found[1].proved), (Some(stored[2].1.digest()), None));
        assert_eq!(compare(&[&other], &stored, &[record(3, 6, 1, 0)]), []);
    }
}
