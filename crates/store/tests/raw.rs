//! Raw records with and without payloads (`raw = keep | drop`), on both engines.

mod support;

use alloy_primitives::Bytes;
use perpdex_core::{
    BlockRange, Commit, Evidence, Failure, FailureKind, RangeSet, RawBody, RawRecord, RedecodeStore, Store, StoredRecord, StreamId,
    VerifyStore,
};
use perpdex_store::{SqlStore, StoreOptions, Value};
use support::history::{self, ASTER, Block, CHAIN, GMX, block, blocks, commit, conflict, hash, log, stream, targets};
use support::{Database, assert_same, catalog};

on_both_engines! {
    a_store_without_payloads_has_the_same_rows,
    a_revert_knows_records_without_payloads,
    another_block_under_a_dropped_record_is_a_conflict,
    the_setting_may_change_between_runs,
    heights_that_could_not_be_decoded_and_state_reads_are_whole,
    a_dropped_record_is_verified_as_a_whole_one_is,
    payloads_come_back_where_the_digest_agrees,
    a_damaged_digest_is_told,
    what_is_withdrawn_meanwhile_is_not_captured,
    records_that_came_meanwhile_keep_their_rows,
    a_text_with_a_nul_is_stored_alike,
}

const COUNT: u64 = 80;
/// First byte and SHA-256.
const DROPPED_BYTES: usize = 33;

/// What a run stores of payloads.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Raw {
    Keep,
    Drop,
}

async fn open(database: &Database, raw: Raw) -> SqlStore {
    let raw_dropped = if raw == Raw::Drop { vec![CHAIN] } else { Vec::new() };
    SqlStore::open(&database.url, catalog(), StoreOptions { raw_dropped, ..StoreOptions::default() }).await.unwrap()
}

async fn begun(database: &Database, raw: Raw) -> SqlStore {
    let store = open(database, raw).await;
    store.set_targets(&targets(0)).await.unwrap();
    store.set_heads(CHAIN, COUNT - 1, COUNT - 1).await.unwrap();
    store
}

/// A second, empty database of the same engine.
async fn another(database: &Database) -> Database {
    Database::new(database.engine, "raw").await.unwrap()
}

/// The canonical text of a store without the payloads of records, the last column of their table.
async fn dump_without_payloads(store: &SqlStore) -> String {
    let dump = store.dump().await.unwrap();
    let mut table = "";
    let mut lines = Vec::new();
    for line in dump.lines() {
        table = line.strip_prefix("# ").unwrap_or(table);
        lines.push(match (table, line.rsplit_once('\t')) {
            ("raw_events", Some((columns, _))) => columns,
            _ => line,
        });
    }
    lines.join("\n")
}

/// Height and payload of every record.
async fn payloads(store: &SqlStore) -> Vec<(i64, Vec<u8>)> {
    let table = store.query("SELECT height, payload FROM raw_events ORDER BY height, rec", 10_000).await.unwrap();
    let row = |row: &Vec<Value>| match &row[..] {
        [Value::Int(height), Value::Bytes(payload)] => (*height, payload.clone()),
        other => panic!("{other:?}"),
    };
    table.rows.iter().map(row).collect()
}

/// The same history in pieces, some of which were there already.
fn pieces(blocks: &[Block]) -> Vec<Commit> {
    [(0, 19), (40, 59), (10, 49), (50, COUNT - 1)].map(|range| commit(range, blocks)).to_vec()
}

async fn a_store_without_payloads_has_the_same_rows(database: Database) {
    for seed in [1, 2, 3] {
        let blocks = blocks(seed, COUNT, 0);
        let (kept, dropped) = (another(&database).await, another(&database).await);
        let (kept, dropped) = (begun(&kept, Raw::Keep).await, begun(&dropped, Raw::Drop).await);
        for piece in pieces(&blocks) {
            let done = kept.commit(piece.clone()).await.unwrap();
            assert_eq!(dropped.commit(piece).await.unwrap(), done);
        }
        for store in [&kept, &dropped] {
            store.reduce().await.unwrap();
        }
        assert_same(&dump_without_payloads(&dropped).await, &dump_without_payloads(&kept).await, &format!("seed {seed}"));
        assert!(payloads(&dropped).await.iter().all(|(_, payload)| payload.len() == DROPPED_BYTES && payload[0] == 2));
        assert!(payloads(&kept).await.iter().all(|(_, payload)| payload[0] < 2));
        for store in [kept, dropped] {
            store.close().await;
        }
    }
}

async fn a_revert_knows_records_without_payloads(database: Database) {
    let (old, new) = (blocks(4, COUNT, 0), blocks(4, COUNT, 1));
    let branched: Vec<Block> = old[..50].iter().chain(&new[50..]).cloned().collect();
    let store = begun(&database, Raw::Drop).await;
    store.commit(commit((0, COUNT - 1), &old)).await.unwrap();
    let records: usize = old[50..].iter().map(|block| block.records.len()).sum();
    assert_eq!(store.revert(CHAIN, block(49, 0), conflict(50)).await.unwrap().records, records as u64);
    store.commit(commit((50, COUNT - 1), &branched)).await.unwrap();
    store.reduce().await.unwrap();
    let clean = another(&database).await;
    let clean = begun(&clean, Raw::Drop).await;
    clean.commit(commit((0, COUNT - 1), &branched)).await.unwrap();
    clean.reduce().await.unwrap();
    assert_same(&store.dump().await.unwrap(), &clean.dump().await.unwrap(), "the branch that was dropped");
}

async fn another_block_under_a_dropped_record_is_a_conflict(database: Database) {
    let blocks = blocks(5, COUNT, 0);
    let store = begun(&database, Raw::Drop).await;
    store.commit(commit((0, COUNT - 1), &blocks)).await.unwrap();
    let mut other = commit((0, COUNT - 1), &blocks);
    other.blocks.clear();
    let (_, record) = other.records.last_mut().unwrap();
    let RawBody::EvmLog(log) = &mut record.body else { unreachable!("a log") };
    log.block_hash = hash(record.height, 9);
    let error = store.commit(other).await.unwrap_err().to_string();
    assert!(error.contains("is stored with hash"), "{error}");
}

async fn the_setting_may_change_between_runs(database: Database) {
    let blocks = blocks(6, COUNT, 0);
    let parts = [((0, 29), Raw::Keep), ((30, 59), Raw::Drop), ((60, COUNT - 1), Raw::Keep)];
    begun(&database, Raw::Keep).await.close().await;
    for (range, raw) in parts {
        let store = open(&database, raw).await;
        store.commit(commit(range, &blocks)).await.unwrap();
        store.close().await;
    }
    let store = open(&database, Raw::Keep).await;
    store.reduce().await.unwrap();
    let before = store.dump().await.unwrap();
    let is_dropped = |height: i64| (30..60).contains(&height);
    assert!(payloads(&store).await.iter().all(|(height, payload)| (payload[0] == 2) == is_dropped(*height)));
    // What is read again stays as it was stored, whatever the setting says now.
    for raw in [Raw::Drop, Raw::Keep] {
        let store = open(&database, raw).await;
        let done = store.commit(commit((0, COUNT - 1), &blocks)).await.unwrap();
        assert_eq!((done.records, done.events), (0, 0));
        store.reduce().await.unwrap();
        assert_same(&store.dump().await.unwrap(), &before, "a second reading");
    }
    let clean = another(&database).await;
    let clean = begun(&clean, Raw::Keep).await;
    clean.commit(commit((0, COUNT - 1), &blocks)).await.unwrap();
    clean.reduce().await.unwrap();
    assert_same(&dump_without_payloads(&store).await, &dump_without_payloads(&clean).await, "one setting throughout");

    // Decoded and exported anew is what is whole; the rest is named.
    let with_records = |from: u64, to: u64| blocks[from as usize..=to as usize].iter().filter(|block| !block.records.is_empty());
    let first_dropped = with_records(30, 59).next().unwrap().block.height;
    let first_whole = with_records(60, 79).next().unwrap().block.height;
    let piece = store.stored_piece(CHAIN, BlockRange::new(0, COUNT - 1).unwrap()).await.unwrap().unwrap();
    assert_eq!(piece.dropped.ranges(), [BlockRange::new(first_dropped, first_whole - 1).unwrap()]);
    let ranges: Vec<_> = piece.whole.iter().map(|part| (part.range.from(), part.range.to())).collect();
    assert_eq!(ranges, [(0, first_dropped - 1), (first_whole, COUNT - 1)]);
    let records = |from: usize, to: usize| blocks[from..to].iter().flat_map(|block| block.records.clone()).collect::<Vec<_>>();
    assert_eq!(piece.whole[0].records, records(0, 30));
    assert_eq!(piece.whole[1].records, records(60, 80));
    assert!(piece.whole[1].blocks.iter().all(|block| first_whole <= block.height));
    let capture = store.raw_captures(CHAIN).await.unwrap().next().await.unwrap().unwrap();
    assert_eq!(capture.dropped, piece.dropped);
    assert_eq!(capture.whole_parts().len(), 2);
}

async fn heights_that_could_not_be_decoded_and_state_reads_are_whole(database: Database) {
    let store = begun(&database, Raw::Drop).await;
    let state = RawRecord {
        rec: 99,
        ord: 99,
        body: RawBody::StateRead {
            address: "0x2222222222222222222222222222222222222222".parse().unwrap(),
            calldata: Bytes::from_static(&[1, 2, 3, 4]),
            output: Bytes::from_static(&[7; 32]),
        },
        ..log(5, 0, 0)
    };
    let records: Vec<(StreamId, RawRecord)> = [log(3, 0, 0), log(3, 1, 0), log(4, 0, 0), log(4, 1, 0), log(5, 0, 0), state, log(6, 0, 0)]
        .map(|record| (stream(GMX), record))
        .to_vec();
    let failure = |height, kind| Failure { height, rec: 1, part: String::new(), kind, error: "no such word".to_owned() };
    let failures = [failure(4, FailureKind::Invalid), failure(6, FailureKind::UnknownEvent)].map(|failure| (stream(GMX), failure)).to_vec();
    let told = Commit { records: records.clone(), failures, ..commit((0, 9), &[]) };
    store.commit(told).await.unwrap();
    let firsts: Vec<(i64, bool)> = payloads(&store).await.iter().map(|(height, payload)| (*height, payload[0] == 2)).collect();
    assert_eq!(firsts, [(3, true), (3, true), (4, false), (4, false), (5, true), (5, false), (6, false)]);
    let piece = store.stored_piece(CHAIN, BlockRange::new(0, 9).unwrap()).await.unwrap().unwrap();
    let dropped: Vec<_> = piece.dropped.ranges().iter().map(|range| (range.from(), range.to())).collect();
    assert_eq!(dropped, [(0, 3), (5, 5)]);
    let whole: Vec<_> = piece.whole.iter().map(|part| (part.range.from(), part.range.to(), part.records.clone())).collect();
    assert_eq!(whole, [(4, 4, records[2..4].to_vec()), (6, 9, records[6..].to_vec())]);
}

async fn a_dropped_record_is_verified_as_a_whole_one_is(database: Database) {
    let blocks = blocks(7, COUNT, 0);
    let store = begun(&database, Raw::Drop).await;
    store.commit(commit((0, COUNT - 1), &blocks)).await.unwrap();
    let wanted: Vec<(StreamId, RawRecord)> = blocks.iter().flat_map(|block| block.records.clone()).collect();
    let all = BlockRange::new(0, COUNT - 1).unwrap();
    let stored = store.records(CHAIN, all).await.unwrap();
    assert!(stored.iter().all(|(_, record)| matches!(record, StoredRecord::Dropped(_))));
    let told = |records: &[(StreamId, StoredRecord)]| -> Vec<_> {
        records.iter().map(|(stream, record)| (stream.clone(), record.key(), record.tx_id().clone(), record.digest())).collect()
    };
    let whole: Vec<_> = wanted.into_iter().map(|(stream, record)| (stream, StoredRecord::Whole(record))).collect();
    assert_eq!(told(&stored), told(&whole));
    // Columns that a payload does not hold are compared, too.
    database.execute("UPDATE raw_events SET ts_ms = ts_ms + 1 WHERE height = 40 AND rec = 0").await.unwrap();
    database.execute("UPDATE raw_events SET tx_id = 'other' WHERE height = 40 AND rec = 1").await.unwrap();
    let changed = store.records(CHAIN, all).await.unwrap();
    let differing = told(&changed).iter().zip(told(&whole)).filter(|(a, b)| a.3 != b.3).count();
    assert_eq!(differing, blocks[40].records.len().min(2));
    assert_ne!(differing, 0, "the seed has records at that height");
}

async fn payloads_come_back_where_the_digest_agrees(database: Database) {
    let blocks = blocks(8, COUNT, 0);
    let kept = another(&database).await;
    let kept = begun(&kept, Raw::Keep).await;
    kept.commit(commit((0, COUNT - 1), &blocks)).await.unwrap();
    begun(&database, Raw::Drop).await.commit(commit((0, COUNT - 1), &blocks)).await.unwrap();
    let mut records: Vec<RawRecord> = blocks.iter().flat_map(|block| block.records.clone()).map(|(_, record)| record).collect();
    let count = records.len() as u64;
    assert_eq!(open(&database, Raw::Drop).await.restore(CHAIN, &records).await.unwrap(), 0, "payloads are not wanted");
    let store = open(&database, Raw::Keep).await;
    let RawBody::EvmLog(first) = &mut records[0].body else { unreachable!("a log") };
    let right = std::mem::replace(&mut first.data, Bytes::from_static(b"another"));
    assert_eq!(store.restore(CHAIN, &records).await.unwrap(), count - 1, "a record of other content is none");
    let RawBody::EvmLog(first) = &mut records[0].body else { unreachable!("a log") };
    first.data = right;
    assert_eq!(store.restore(CHAIN, &records).await.unwrap(), 1);
    assert_eq!(store.restore(CHAIN, &records).await.unwrap(), 0);
    assert_same(&store.dump().await.unwrap(), &kept.dump().await.unwrap(), "as if payloads had been kept");
}

async fn a_damaged_digest_is_told(database: Database) {
    let blocks = blocks(9, COUNT, 0);
    let store = begun(&database, Raw::Drop).await;
    let told = Commit { evidence: Evidence::Provisional, ..commit((0, COUNT - 1), &blocks) };
    store.commit(told).await.unwrap();
    let cut = match database.engine {
        support::Engine::Sqlite => "x'02ff'",
        support::Engine::Postgres => "'\\x02ff'",
    };
    let height = blocks.iter().find(|block| !block.records.is_empty()).unwrap().block.height;
    database.execute(&format!("UPDATE raw_events SET payload = {cut} WHERE height = {height} AND rec = 0")).await.unwrap();
    let error = store.records(CHAIN, BlockRange::new(0, COUNT - 1).unwrap()).await.unwrap_err().to_string();
    assert!(error.ends_with(&format!("raw record 0 at height {height} of arbitrum cannot be read back")), "{error}");
}

async fn what_is_withdrawn_meanwhile_is_not_captured(database: Database) {
    let store = begun(&database, Raw::Keep).await;
    store.commit(commit((0, COUNT - 1), &blocks(5, COUNT, 0))).await.unwrap();
    let mut captures = store.raw_captures(CHAIN).await.unwrap();
    store.withdraw(CHAIN, &RangeSet::from_ranges([BlockRange::new(30, 34).unwrap()])).await.unwrap();
    let mut ranges = Vec::new();
    while let Some(capture) = captures.next().await.unwrap() {
        ranges.push((capture.range.from(), capture.range.to()));
    }
    assert_eq!(ranges, [(0, 29), (35, COUNT - 1)]);
}

async fn records_that_came_meanwhile_keep_their_rows(database: Database) {
    let store = begun(&database, Raw::Keep).await;
    let mut blocks = blocks(5, COUNT, 0);
    store.commit(commit((0, COUNT - 1), &blocks)).await.unwrap();
    let all = BlockRange::new(0, COUNT - 1).unwrap();
    let piece = store.stored_piece(CHAIN, all).await.unwrap().unwrap();
    let read = piece.whole[0].records.len() as u64;
    let anew = |blocks: &[Block]| commit((0, COUNT - 1), blocks);
    store.replace(anew(&blocks), &[GMX, ASTER], read).await.unwrap();
    let before = blocks.clone();
    blocks[40].records.push((stream(GMX), log(40, 50, 0)));
    blocks[40].events.push(history::event(40, 50, 0, GMX, Some("0xbtc"), history::payment(9)));
    store.commit(commit((40, 40), &blocks)).await.unwrap();
    store.reduce().await.unwrap();
    let dump = store.dump().await.unwrap();
    let error = store.replace(anew(&before), &[GMX, ASTER], read).await.unwrap_err().to_string();
    assert!(error.ends_with("another process writes, run again"), "{error}");
    assert_same(&store.dump().await.unwrap(), &dump, "nothing is written");
    store.replace(anew(&blocks), &[GMX, ASTER], read + 1).await.unwrap();
}

/// PostgreSQL has no NUL in a text.
async fn a_text_with_a_nul_is_stored_alike(database: Database) {
    let store = begun(&database, Raw::Keep).await;
    let mut blocks = blocks(5, 3, 0);
    blocks[1].records.push((stream(GMX), log(1, 50, 0)));
    blocks[1].events.push(history::event(1, 50, 0, GMX, Some("0xnul"), history::listed(Some("B\0C/USD"), Some(8), true)));
    store.commit(commit((0, 2), &blocks)).await.unwrap();
    let symbols = store.query("SELECT symbol FROM markets WHERE market_key = '0xnul'", 2).await.unwrap().rows;
    assert_eq!(symbols, [[Value::Text("B\u{fffd}C/USD".to_owned())]]);
}
