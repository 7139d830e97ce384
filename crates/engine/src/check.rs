//! What an answer must satisfy before it is believed. An answer that does not is a failed call of its endpoint.

use std::collections::{HashMap, HashSet};

use perpdex_core::{Batch, BlockRange, BlockRef, ChainId, Link, RawBody, RawRecord};

use crate::job::JobStream;

/// Checks a batch against the range and streams it was asked for; says what is wrong with it.
pub(crate) fn check(chain: ChainId, asked: BlockRange, streams: &[&JobStream], batch: &Batch) -> Result<(), String> {
    range(asked, batch)?;
    blocks(batch.range, &batch.blocks)?;
    records(chain, streams, batch)?;
    if let Some(stray) = batch.malformed.iter().find(|malformed| streams.iter().all(|stream| stream.id != malformed.stream)) {
        return Err(format!("answer for {asked} holds a malformed record of {}, which was not asked for", stray.stream));
    }
    Ok(())
}

/// Whether the link of a block contradicts the block right below it, where both are known.
pub(crate) fn contradicts(below: &BlockRef, above: &BlockRef) -> Option<(Link, Link)> {
    let adjacent = below.height.checked_add(1) == Some(above.height);
    match (below.link, above.link) {
        (Some(low), Some(high)) if adjacent && high.parent != low.hash => Some((low, high)),
        _ => None,
    }
}

fn range(asked: BlockRange, batch: &Batch) -> Result<(), String> {
    let range = batch.range;
    if range.from() != asked.from() || asked.to() < range.to() {
        return Err(format!("answered for {range} where {asked} was asked"));
    }
    if let Some(hole) = batch.holes.iter().find(|hole| hole.range.from() < range.from() || range.to() < hole.range.to()) {
        return Err(format!("answer for {range} names a hole {} outside of it", hole.range));
    }
    Ok(())
}

fn blocks(range: BlockRange, blocks: &[BlockRef]) -> Result<(), String> {
    if let Some(block) = blocks.iter().find(|block| !range.contains(block.height)) {
        return Err(format!("answer for {range} holds block {}", block.height));
    }
    for pair in blocks.windows(2) {
        let (below, above) = (&pair[0], &pair[1]);
        if above.height <= below.height {
            return Err(format!("answer for {range} holds block {} after block {}", above.height, below.height));
        }
        if let Some((low, high)) = contradicts(below, above) {
            return Err(format!("block {} has parent {:#x} but block {} is {:#x}", above.height, high.parent, below.height, low.hash));
        }
    }
    Ok(())
}

fn records(chain: ChainId, streams: &[&JobStream], batch: &Batch) -> Result<(), String> {
    let hashes: HashMap<u64, _> = batch.blocks.iter().filter_map(|block| Some((block.height, block.hash()?))).collect();
    let mut keys = HashSet::with_capacity(batch.records.len());
    let mut last = (0, i64::MIN);
    for record in &batch.records {
        let place = |what: &str| format!("record {} at height {} {what}", record.rec, record.height);
        if record.chain != chain {
            return Err(place(&format!("is of {}", record.chain)));
        }
        if !batch.range.contains(record.height) {
            return Err(place(&format!("lies outside of the answer's range {}", batch.range)));
        }
        if (record.height, record.ord) < last {
            return Err(place("is out of order"));
        }
        last = (record.height, record.ord);
        if !keys.insert((record.height, record.rec)) {
            return Err(place("comes twice"));
        }
        // Contract values belong to no stream: decoders say which they take.
        let is_state = matches!(record.body, RawBody::StateRead { .. });
        if !is_state && !streams.iter().any(|stream| stream.watch.matches(record)) {
            return Err(place(&format!("of {} was not asked for", record.emitter())));
        }
        if let Some((said, header)) = other_block(record, &hashes) {
            return Err(place(&format!("says its block is {said:#x} but the block's hash is {header:#x}")));
        }
    }
    Ok(())
}

type Hash = alloy_primitives::B256;

fn other_block(record: &RawRecord, hashes: &HashMap<u64, Hash>) -> Option<(Hash, Hash)> {
    let RawBody::EvmLog(log) = &record.body else { return None };
    let header = hashes.get(&record.height)?;
    (log.block_hash != *header).then_some((log.block_hash, *header))
}

#[cfg(test)]
mod tests {
    use alloy_primitives::{Address, B256, Bytes};
    use perpdex_core::{Evidence, EvmFilter, EvmLog, Hole, HoleReason, MalformedRecord, StreamId, VenueSlug, Watch};

    use super::*;

    const CHAIN: ChainId = ChainId::ETHEREUM;

    fn stream(venue: &'static str) -> JobStream {
        JobStream {
            id: StreamId { chain: CHAIN, venue: VenueSlug::known(venue), part: String::new(), version: 1 },
            watch: Watch::Evm(vec![EvmFilter { addresses: vec![Address::repeat_byte(1)], topics: Default::default() }]),
            from: 0,
            first_height: None,
            sees_unknown: true,
        }
    }

    fn hash(height: u64) -> B256 {
        B256::with_last_byte(height as u8)
    }

    fn block(height: u64) -> BlockRef {
        BlockRef { height, link: Some(Link { hash: hash(height), parent: hash(height - 1) }), time_ms: height as i64 }
    }

    fn record(height: u64, index: i64) -> RawRecord {
        let address = Address::repeat_byte(1);
        let log = EvmLog { address, topics: Vec::new(), data: Bytes::new(), block_hash: hash(height) };
        let body = RawBody::EvmLog(log);
        RawRecord { chain: CHAIN, height, rec: index, ord: index, tx_id: "t".into(), tx_index: None, time_ms: height as i64, body }
    }

    fn good() -> Batch {
        Batch {
            range: BlockRange::new(10, 20).unwrap(),
            blocks: vec![block(10), block(15), block(16), block(20)],
            records: vec![record(15, 0), record(15, 1), record(16, 0)],
            malformed: Vec::new(),
            holes: Vec::new(),
            evidence: Evidence::Witnessed,
        }
    }

    fn outcome(batch: &Batch) -> Result<(), String> {
        check(CHAIN, BlockRange::new(10, 20).unwrap(), &[&stream("gmx_v2")], batch)
    }

    #[test]
    fn a_good_answer_passes_and_so_does_a_shorter_one() {
        assert_eq!(outcome(&good()), Ok(()));
        let mut short = good();
        short.range = BlockRange::new(10, 16).unwrap();
        short.blocks.pop();
        assert_eq!(outcome(&short), Ok(()));
    }

    #[test]
    fn every_defect_is_named() {
        type Break = fn(&mut Batch);
        let cases: &[(&str, Break)] = &[
            ("answered for 11..=20 where 10..=20 was asked", |batch| batch.range = BlockRange::new(11, 20).unwrap()),
            ("answered for 10..=21 where 10..=20 was asked", |batch| batch.range = BlockRange::new(10, 21).unwrap()),
            ("holds block 21", |batch| batch.blocks.push(block(21))),
            ("holds block 15 after block 15", |batch| batch.blocks.insert(1, block(15))),
            ("holds block 10 after block 15", |batch| batch.blocks.swap(0, 1)),
            ("block 16 has parent", |batch| batch.blocks[2].link = Some(Link { hash: hash(16), parent: hash(99) })),
            ("record 0 at height 9 lies outside", |batch| batch.records.insert(0, record(9, 0))),
            ("record 0 at height 15 is out of order", |batch| batch.records.swap(0, 1)),
            ("record 1 at height 15 comes twice", |batch| batch.records.insert(2, record(15, 1))),
            ("record 0 at height 16 is of bnb", |batch| batch.records[2].chain = ChainId::BNB),
            ("was not asked for", |batch| {
                let RawBody::EvmLog(log) = &mut batch.records[0].body else { return };
                log.address = Address::repeat_byte(2);
            }),
            ("says its block is", |batch| {
                let RawBody::EvmLog(log) = &mut batch.records[0].body else { return };
                log.block_hash = hash(77);
            }),
            ("names a hole 19..=21", |batch| {
                let range = BlockRange::new(19, 21).unwrap();
                batch.holes.push(Hole { range, reason: HoleReason::Missing, detail: String::new(), streams: Vec::new() });
            }),
            ("malformed record of gtrade@1", |batch| {
                let stream = stream("gtrade").id;
                batch.malformed.push(MalformedRecord { stream, height: 10, error: String::new(), text: String::new() });
            }),
        ];
        for (text, defect) in cases {
            let mut batch = good();
            defect(&mut batch);
            let error = outcome(&batch).expect_err(text);
            assert!(error.contains(text), "{error:?} does not say {text:?}");
        }
    }

    #[test]
    fn only_neighbours_with_hashes_can_contradict() {
        let (low, high) = (block(15), block(16));
        let stranger = BlockRef { link: Some(Link { hash: hash(16), parent: hash(99) }), ..high };
        assert!(contradicts(&low, &high).is_none());
        assert!(contradicts(&low, &stranger).is_some());
        assert!(contradicts(&block(14), &stranger).is_none());
        assert!(contradicts(&BlockRef { link: None, ..low }, &stranger).is_none());
    }
}
