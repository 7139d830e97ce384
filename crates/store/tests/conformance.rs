//! What a store promises, on both engines.

mod support;

use perpdex_core::{
    BlockRange, BlockRef, Carrier, ChainId, Commit, Committed, Evidence, Failure, FailureKind, Hole, HoleReason, HyperliquidLine,
    HyperliquidStream, ListingWindow, ListingWindows, MalformedRecord, RawBody, RawRecord, SolanaEvent, Store, StoreError, StreamId,
    VenueSlug,
};
use perpdex_store::{SqlStore, StoreOptions, Value};
use support::history::{self, ASTER, CHAIN, GMX, Numbers, block, blocks, commit, conflict, hash, stream, targets, time_ms};
use support::{Database, Engine, assert_same, catalog, ints};

on_both_engines! {
    every_raw_record_comes_back_as_it_was,
    a_commit_twice_changes_nothing,
    ranges_in_any_order_make_one_store,
    a_large_commit_equals_small_ones,
    a_conflict_writes_nothing,
    what_was_provisional_must_be_there_again,
    windows_of_listings_do_not_overlap,
    a_revert_is_as_if_it_had_never_come,
    a_branch_replaces_the_other,
    rebuilding_changes_nothing,
    a_rebuild_reads_every_page,
    coverage_merges_and_gaps_are_what_is_missing,
    a_venue_added_later_has_its_events_of_shared_records,
    holes_stand_until_they_are_covered,
    a_hole_of_one_stream_is_no_gap_of_another,
    heads_never_fall,
    failures_are_kept_with_their_text,
    a_number_that_fits_no_column_is_a_failure,
    a_newer_database_is_refused,
    a_query_cannot_write,
    a_missing_database_is_said,
}

/// Commits `ranges` of the blocks, in their order, and reduces.
async fn fill(store: &SqlStore, blocks: &[history::Block], ranges: &[(u64, u64)]) {
    for range in ranges {
        store.commit(commit(*range, blocks)).await.unwrap();
    }
    store.reduce().await.unwrap();
}

async fn every_raw_record_comes_back_as_it_was(database: Database) {
    let store = database.open().await;
    let record = |rec: i64, body| RawRecord {
        chain: ChainId::SOLANA,
        height: 7,
        rec,
        ord: -rec,
        tx_id: "5sig".into(),
        tx_index: (rec % 2 == 0).then_some(3),
        time_ms: 1_700_000_000_123,
        body,
    };
    let bodies = [
        RawBody::SolanaEvent(SolanaEvent {
            program: "Prog".to_owned(),
            carrier: Carrier::Cpi,
            position: "5.1".to_owned(),
            parent: "5".to_owned(),
            payload: vec![0, 1, 255].into(),
        }),
        RawBody::SolanaEvent(SolanaEvent {
            program: "Prog".to_owned(),
            carrier: Carrier::Log,
            position: "12".to_owned(),
            parent: String::new(),
            payload: Vec::new().into(),
        }),
        RawBody::HyperliquidLine(HyperliquidLine { stream: HyperliquidStream::MiscEvents, text: "{\"a\":1}\n{\"ü\":2}".to_owned() }),
        RawBody::ApiAnswer { source: "api/x".to_owned(), body: "[]".to_owned() },
        RawBody::StateRead {
            address: "0x2222222222222222222222222222222222222222".parse().unwrap(),
            calldata: vec![1, 2].into(),
            output: vec![0; 32].into(),
        },
    ];
    let solana = StreamId { chain: ChainId::SOLANA, venue: VenueSlug::known("phoenix_eternal"), part: "x".to_owned(), version: 4 };
    let mut records: Vec<(StreamId, RawRecord)> = (0..).zip(bodies).map(|(rec, body)| (solana.clone(), record(rec, body))).collect();
    let slot = BlockRef { height: 7, link: None, time_ms: 1_700_000_000_123 };
    let wanted = Commit {
        chain: ChainId::SOLANA,
        range: BlockRange::new(5, 9).unwrap(),
        streams: vec![solana.clone()],
        evidence: Evidence::Witnessed,
        from_ms: 1,
        to_ms: 2,
        blocks: vec![slot],
        records: records.clone(),
        events: Vec::new(),
        failures: Vec::new(),
        malformed: Vec::new(),
        holes: Vec::new(),
    };
    let done = store.commit(wanted).await.unwrap();
    assert_eq!(done, Committed { records: 5, ..Committed::default() });
    let mut captures = store.raw_captures(ChainId::SOLANA).await.unwrap();
    let capture = captures.next().await.unwrap().unwrap();
    records.sort_by_key(|(_, record)| record.ord);
    assert_eq!(capture.records, records);
    assert_eq!((capture.range, capture.streams, capture.blocks), (BlockRange::new(5, 9).unwrap(), vec![solana], vec![slot]));
    assert_eq!(captures.next().await.unwrap(), None);

    let evm = blocks(3, 40, 0);
    store.commit(commit((0, 39), &evm)).await.unwrap();
    let mut captures = store.raw_captures(CHAIN).await.unwrap();
    let mut read = Vec::new();
    while let Some(capture) = captures.next().await.unwrap() {
        read.extend(capture.records);
    }
    assert_eq!(read, evm.iter().flat_map(|block| block.records.clone()).collect::<Vec<_>>());
}

async fn a_commit_twice_changes_nothing(database: Database) {
    let store = database.open().await;
    store.set_targets(&targets(0)).await.unwrap();
    let blocks = blocks(1, 60, 0);
    let first = store.commit(commit((0, 59), &blocks)).await.unwrap();
    store.reduce().await.unwrap();
    let before = store.dump().await.unwrap();
    let again = store.commit(commit((0, 59), &blocks)).await.unwrap();
    store.reduce().await.unwrap();
    assert_eq!(again, Committed { records_known: first.records, ..Committed::default() });
    assert!(first.records > 50 && first.events > first.records);
    assert_eq!(store.dump().await.unwrap(), before);
}

/// Ranges that cover 0 to `last`, some of them more than once, in any order.
fn any_ranges(numbers: &mut Numbers, last: u64) -> Vec<(u64, u64)> {
    let mut ranges = Vec::new();
    let mut from = 0;
    while from <= last {
        let to = (from + numbers.below(15)).min(last);
        ranges.push((from.saturating_sub(numbers.below(4)), to));
        from = to + 1;
    }
    for at in (1..ranges.len()).rev() {
        ranges.swap(at, numbers.below(at as u64 + 1) as usize);
    }
    ranges
}

async fn ranges_in_any_order_make_one_store(database: Database) {
    let blocks = blocks(2, 120, 0);
    let whole = clean_database().await;
    let store = whole.open().await;
    store.set_targets(&targets(0)).await.unwrap();
    fill(&store, &blocks, &[(0, 119)]).await;
    let wanted = store.dump().await.unwrap();
    assert!(wanted.lines().count() > 400, "the history is too thin to say anything");
    for seed in 0..3 {
        let other = Database::new(database.engine, "ranges_in_any_order_make_one_store").await.unwrap();
        let store = other.open().await;
        store.set_targets(&targets(0)).await.unwrap();
        let ranges = any_ranges(&mut Numbers::new(seed), 119);
        fill(&store, &blocks, &ranges).await;
        assert_same(&store.dump().await.unwrap(), &wanted, &format!("{ranges:?}"));
    }
}

/// A database for the straight way, whatever engine is tested: both must hold the same.
async fn clean_database() -> Database {
    Database::new(Engine::Sqlite, "clean").await.expect("sqlite is always at hand")
}

async fn a_large_commit_equals_small_ones(database: Database) {
    // Large enough for the engines' bulk paths: thousands of rows at once.
    let blocks = blocks(13, 1_200, 0);
    let folder = clean_database().await;
    let small = folder.open().await;
    small.set_targets(&targets(0)).await.unwrap();
    let ranges: Vec<(u64, u64)> = (0..12).map(|part| (part * 100, part * 100 + 99)).collect();
    fill(&small, &blocks, &ranges).await;
    let store = database.open().await;
    store.set_targets(&targets(0)).await.unwrap();
    fill(&store, &blocks, &[(0, 1_199)]).await;
    assert!(ints(&store, "SELECT COUNT(*) FROM fills").await[0][0] > 800);
    assert_same(&store.dump().await.unwrap(), &small.dump().await.unwrap(), "large commit");
}

async fn a_conflict_writes_nothing(database: Database) {
    let store = database.open().await;
    let (old, new) = (blocks(1, 30, 0), blocks(1, 30, 1));
    fill(&store, &old, &[(0, 19)]).await;
    let before = store.dump().await.unwrap();
    let error = store.commit(commit((19, 25), &new)).await.unwrap_err();
    match error {
        StoreError::Conflict { chain, conflict } => {
            assert_eq!((chain, conflict.height), (CHAIN, 19));
            assert_eq!((conflict.stored, conflict.found), (hash(19, 0).to_string(), hash(19, 1).to_string()));
        }
        other => panic!("{other}"),
    }
    // Without the block, the hash its records carry tells.
    let at = old.iter().rposition(|block| block.block.height < 20 && !block.records.is_empty()).unwrap() as u64;
    let mut blockless = commit((at, at), &new);
    blockless.blocks.clear();
    blockless.records = old[at as usize].records.clone();
    if let RawBody::EvmLog(log) = &mut blockless.records[0].1.body {
        log.block_hash = hash(at, 1);
    }
    assert!(matches!(store.commit(blockless).await, Err(StoreError::Conflict { .. })));
    assert_eq!(store.dump().await.unwrap(), before);
}

async fn what_was_provisional_must_be_there_again(database: Database) {
    let store = database.open().await;
    let all = blocks(3, 20, 0);
    let read = |evidence| Commit { evidence, ..commit((0, 19), &all) };
    store.commit(read(Evidence::Provisional)).await.unwrap();
    let before = store.dump().await.unwrap();
    let mut less = read(Evidence::Witnessed);
    let lost = less.records.len() / 2;
    let (_, record) = less.records.remove(lost);
    less.events.retain(|event| (event.key.height, event.key.rec) != (record.height, record.rec));
    match store.commit(less.clone()).await.unwrap_err() {
        StoreError::Conflict { conflict, .. } => {
            assert_eq!((conflict.height, conflict.stored), (record.height, hash(record.height, 0).to_string()));
            assert_eq!(conflict.found, format!("a block without {}", record.tx_id));
        }
        other => panic!("{other}"),
    }
    assert_eq!(store.dump().await.unwrap(), before, "nothing was written");
    // A hole says nothing of what it holds, and provisional readings may differ.
    less.holes.push(Hole {
        range: BlockRange::single(record.height),
        reason: HoleReason::Missing,
        detail: "gone".to_owned(),
        streams: Vec::new(),
    });
    store.commit(less.clone()).await.unwrap();
    store.commit(Commit { holes: Vec::new(), evidence: Evidence::Provisional, ..less }).await.unwrap();
    store.commit(read(Evidence::Witnessed)).await.unwrap();
    assert_eq!(store.dump().await.unwrap(), before);
    let covered = store.coverage(CHAIN).await.unwrap();
    assert!(covered.iter().all(|covered| covered.evidence == Evidence::Witnessed), "{covered:?}");
}

async fn windows_of_listings_do_not_overlap(database: Database) {
    let store = database.open().await;
    let range = |from, to| BlockRange::new(from, to).unwrap();
    let window = |from, to, entries| ListingWindow {
        range: range(from, to),
        above: (from < 50).then(|| "above".to_owned()),
        below: Some(format!("below {from}")),
        entries,
        digest: i64::MAX - 7,
        label: "endpoint".to_owned(),
    };
    let (low, middle, high) = (window(10, 19, 3), window(20, 49, 0), window(50, 60, 1_000));
    store.keep_windows(CHAIN, "address", &[high.clone(), middle.clone(), low.clone()]).await.unwrap();
    store.keep_windows(CHAIN, "other", &[window(1, 99, 1)]).await.unwrap();
    assert_eq!(store.windows(CHAIN, "address", range(0, 100)).await.unwrap(), [low.clone(), middle.clone(), high.clone()]);
    assert_eq!(store.windows(CHAIN, "address", range(19, 20)).await.unwrap(), [low.clone(), middle]);
    let wide = window(15, 30, 8);
    store.keep_windows(CHAIN, "address", std::slice::from_ref(&wide)).await.unwrap();
    assert_eq!(store.windows(CHAIN, "address", range(0, 100)).await.unwrap(), [wide, high.clone()], "what overlaps goes");
    store.forget_windows(CHAIN, "address", range(30, 30)).await.unwrap();
    assert_eq!(store.windows(CHAIN, "address", range(0, 100)).await.unwrap(), [high]);
    assert_eq!(store.windows(CHAIN, "other", range(0, 100)).await.unwrap().len(), 1, "another listing is left alone");
}

async fn a_revert_is_as_if_it_had_never_come(database: Database) {
    let blocks = blocks(5, 100, 0);
    for cut in [0, 37, 71, 98] {
        let clean = Database::new(database.engine, "a_revert_is_as_if_it_had_never_come").await.unwrap();
        let (store, undone) = (clean.open().await, Database::new(database.engine, "undone").await.unwrap());
        store.set_targets(&targets(0)).await.unwrap();
        fill(&store, &blocks, &[(0, cut)]).await;
        let wanted = store.dump().await.unwrap();
        let store = undone.open().await;
        store.set_targets(&targets(0)).await.unwrap();
        fill(&store, &blocks, &[(0, 50), (51, 99)]).await;
        let reverted = store.revert(CHAIN, block(cut, 0), conflict(cut + 1)).await.unwrap();
        store.reduce().await.unwrap();
        assert_eq!(reverted.blocks, 99 - cut);
        assert_same(&store.dump().await.unwrap(), &wanted, &format!("revert to {cut}"));
        let rows = ints(&store, "SELECT fork_height, depth, records_removed FROM v_reorgs").await;
        assert_eq!(rows, [[cut as i64, 99 - cut as i64, reverted.records as i64]]);
        let covered = store.coverage(CHAIN).await.unwrap();
        assert!(covered.iter().all(|covered| covered.range.to() == cut && covered.to_ms == time_ms(cut)));
    }
}

async fn a_branch_replaces_the_other(database: Database) {
    let store = database.open().await;
    store.set_targets(&targets(0)).await.unwrap();
    let (old, mut new) = (blocks(6, 60, 0), blocks(7, 60, 1));
    new.splice(..40, old[..40].iter().cloned());
    fill(&store, &old, &[(0, 59)]).await;
    store.revert(CHAIN, block(39, 0), conflict(40)).await.unwrap();
    fill(&store, &new, &[(40, 59)]).await;
    let clean = clean_database().await;
    let straight = clean.open().await;
    straight.set_targets(&targets(0)).await.unwrap();
    fill(&straight, &new, &[(0, 59)]).await;
    assert_same(&store.dump().await.unwrap(), &straight.dump().await.unwrap(), "branch");
}

async fn rebuilding_changes_nothing(database: Database) {
    let store = database.open().await;
    store.set_targets(&targets(0)).await.unwrap();
    let blocks = blocks(8, 90, 0);
    fill(&store, &blocks, &[(60, 89), (0, 59)]).await;
    store.revert(CHAIN, block(80, 0), conflict(81)).await.unwrap();
    store.reduce().await.unwrap();
    let before = store.dump().await.unwrap();
    let stats = store.rebuild().await.unwrap();
    assert!(stats.markets > 0);
    assert_eq!(stats.market_hours, 0, "a rebuild writes only what differs");
    assert_same(&store.dump().await.unwrap(), &before, "rebuild");
    for table in ["agg_market_hour", "collateral_flow_hour", "market_hour", "funding_hour", "liq_minute"] {
        assert!(ints(&store, &format!("SELECT COUNT(*) FROM {table}")).await[0][0] > 0, "{table} holds nothing");
    }
}

/// Of more rows than are read at once: 150,000 payments, put past the store.
async fn a_rebuild_reads_every_page(database: Database) {
    let store = database.open().await;
    store.set_targets(&targets(0)).await.unwrap();
    fill(&store, &blocks(8, 20, 0), &[(0, 19)]).await;
    let market = ints(&store, "SELECT market_id, MAX(hour_id) FROM agg_market_hour GROUP BY market_id ORDER BY 1 LIMIT 1").await.remove(0);
    let (market_id, hour) = (market[0], market[1] + 1);
    let ts_ms = hour * 3_600_000;
    let payments = format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 150000) \
         INSERT INTO funding_payments (chain_id, height, rec, sub, market_id, ts_ms, hour_id, tx_id, account, position_key, kind, amount_usd_e6, \
         amount_native, token) SELECT 42161, 1000 + i / 7, i, 0, {market_id}, {ts_ms} + i, {hour} + i / 60000, 'x', 'a', 'p', \
         CASE WHEN i % 2 = 0 THEN 'funding' ELSE 'borrow' END, CASE WHEN i % 4 = 0 THEN i ELSE -i END, i, 't' FROM n"
    );
    database.execute(&payments).await.unwrap();
    store.rebuild().await.unwrap();
    let told = format!(
        "SELECT hour_id, rows, funding_received_usd_e6, funding_charged_usd_e6, borrow_charged_usd_e6 FROM agg_market_hour \
         WHERE market_id = {market_id} AND hour_id >= {hour} ORDER BY hour_id"
    );
    let sums = format!(
        "SELECT hour_id, COUNT(*), CAST(SUM(CASE WHEN kind = 'funding' AND amount_usd_e6 > 0 THEN amount_usd_e6 ELSE 0 END) AS BIGINT), \
         CAST(SUM(CASE WHEN kind = 'funding' AND amount_usd_e6 < 0 THEN -amount_usd_e6 ELSE 0 END) AS BIGINT), \
         CAST(SUM(CASE WHEN kind = 'borrow' THEN -amount_usd_e6 ELSE 0 END) AS BIGINT) FROM funding_payments \
         WHERE market_id = {market_id} AND hour_id >= {hour} GROUP BY hour_id ORDER BY hour_id"
    );
    let told = ints(&store, &told).await;
    assert_eq!(told, ints(&store, &sums).await);
    assert_eq!(told.iter().map(|hour| hour[1]).collect::<Vec<_>>(), [59_999, 60_000, 30_001]);
}

async fn coverage_merges_and_gaps_are_what_is_missing(database: Database) {
    let store = database.open().await;
    let blocks = blocks(9, 100, 0);
    store.set_targets(&targets(10)).await.unwrap();
    let sql = "SELECT from_height, COALESCE(to_height, -1) FROM v_gaps WHERE venue = 'gmx_v2' ORDER BY from_height";
    assert_eq!(ints(&store, sql).await, [[10, -1]], "no head is known yet");
    store.set_heads(CHAIN, 90, 99).await.unwrap();
    assert_eq!(ints(&store, sql).await, [[10, 90]]);
    fill(&store, &blocks, &[(20, 29), (0, 9), (40, 59), (30, 39), (95, 99)]).await;
    assert_eq!(ints(&store, sql).await, [[10, 19], [60, 90]]);
    let mut weak = commit((60, 70), &blocks);
    weak.evidence = Evidence::Witnessed;
    store.commit(weak).await.unwrap();
    assert_eq!(ints(&store, sql).await, [[10, 19], [60, 90]], "weak evidence covers nothing that is wanted");
    fill(&store, &blocks, &[(61, 94), (10, 19)]).await;
    assert_eq!(ints(&store, sql).await, [[60, 60]]);
    fill(&store, &blocks, &[(60, 60)]).await;
    assert_eq!(ints(&store, sql).await, [[0_i64; 2]; 0]);
    let covered = store.coverage(CHAIN).await.unwrap();
    let ranges: Vec<_> = covered.iter().map(|covered| (covered.stream.venue, covered.range, covered.from_ms, covered.to_ms)).collect();
    let whole = BlockRange::new(0, 99).unwrap();
    assert_eq!(ranges, [(GMX, whole, time_ms(0), time_ms(99)), (ASTER, whole, time_ms(0), time_ms(99))]);
    let status = store.status().await.unwrap();
    assert!(status.is_complete(), "{status:?}");
    let gmx = status.streams.iter().find(|status| status.stream == stream(GMX)).unwrap();
    assert_eq!((gmx.covered_blocks, gmx.watermark, gmx.wanted_to), (100, Some(99), Some(90)));
}

async fn a_venue_added_later_has_its_events_of_shared_records(database: Database) {
    let blocks = blocks(12, 40, 0);
    // Every record is watched by both venues; each makes the events of its own.
    let shared = |venues: &[VenueSlug]| {
        let mut commit = commit((0, 39), &blocks);
        commit.streams = venues.iter().map(|venue| stream(*venue)).collect();
        commit.records.iter_mut().for_each(|(owner, _)| *owner = stream(venues[0]));
        commit.events.retain(|event| venues.contains(&event.venue));
        commit
    };
    let clean = clean_database().await;
    let together = clean.open().await;
    together.set_targets(&targets(0)).await.unwrap();
    together.commit(shared(&[GMX, ASTER])).await.unwrap();
    together.reduce().await.unwrap();

    let store = database.open().await;
    store.set_targets(&targets(0)).await.unwrap();
    for venues in [[GMX], [ASTER], [ASTER], [GMX]] {
        store.commit(shared(&venues)).await.unwrap();
    }
    store.reduce().await.unwrap();
    assert_same(&store.dump().await.unwrap(), &together.dump().await.unwrap(), "one after the other, twice");
}

async fn holes_stand_until_they_are_covered(database: Database) {
    let store = database.open().await;
    let blocks = blocks(10, 50, 0);
    store.set_targets(&targets(0)).await.unwrap();
    store.set_heads(CHAIN, 49, 49).await.unwrap();
    let hole =
        |from, to, reason| Hole { range: BlockRange::new(from, to).unwrap(), reason, detail: "label".to_owned(), streams: Vec::new() };
    let mut holed = commit((0, 49), &blocks);
    holed.holes = vec![hole(10, 19, HoleReason::Missing)];
    holed.records.retain(|(_, record)| !(10..=19).contains(&record.height));
    holed.events.retain(|event| !(10..=19).contains(&event.key.height));
    store.commit(holed).await.unwrap();
    let sql = "SELECT from_height, to_height, CASE WHEN reason = 'missing' THEN 1 ELSE 0 END FROM v_gaps WHERE venue = 'gmx_v2' ORDER BY 1";
    assert_eq!(ints(&store, sql).await, [[10, 19, 1]]);
    store.record_holes(&[stream(GMX)], &[hole(15, 25, HoleReason::Failed)]).await.unwrap();
    assert_eq!(ints(&store, sql).await, [[10, 14, 1], [15, 19, 0]], "the newer word stands, and what is covered is no hole");
    let status = store.status().await.unwrap();
    assert!(!status.is_complete());
    fill(&store, &blocks, &[(12, 30)]).await;
    assert_eq!(ints(&store, sql).await, [[10, 11, 1]]);
    fill(&store, &blocks, &[(0, 49)]).await;
    let folder = clean_database().await;
    let clean = folder.open().await;
    clean.set_targets(&targets(0)).await.unwrap();
    fill(&clean, &blocks, &[(0, 49)]).await;
    assert_same(&store.dump().await.unwrap(), &clean.dump().await.unwrap(), "holes");
}

async fn a_hole_of_one_stream_is_no_gap_of_another(database: Database) {
    let store = database.open().await;
    let blocks = blocks(10, 50, 0);
    store.set_targets(&targets(0)).await.unwrap();
    store.set_heads(CHAIN, 49, 49).await.unwrap();
    let mut holed = commit((0, 49), &blocks);
    let (range, detail) = (BlockRange::new(10, 19).unwrap(), "a log that was cut".to_owned());
    holed.holes = vec![Hole { range, reason: HoleReason::NotRecorded, detail, streams: vec![stream(GMX)] }];
    store.commit(holed).await.unwrap();
    assert_eq!(ints(&store, "SELECT from_height, to_height FROM v_gaps WHERE venue = 'gmx_v2'").await, [[10, 19]]);
    assert!(ints(&store, "SELECT from_height FROM v_gaps WHERE venue <> 'gmx_v2'").await.is_empty());
    let whole = "SELECT COUNT(*) FROM v_coverage WHERE venue <> 'gmx_v2' AND from_height = 0 AND to_height = 49";
    assert_eq!(ints(&store, whole).await, [[1]], "the other stream is covered across it");
    fill(&store, &blocks, &[(10, 19)]).await;
    assert!(ints(&store, "SELECT from_height FROM v_gaps").await.is_empty());
}

async fn heads_never_fall(database: Database) {
    let store = database.open().await;
    let blocks = blocks(11, 20, 0);
    fill(&store, &blocks, &[(0, 19)]).await;
    assert_eq!(store.unfinal_blocks(CHAIN).await.unwrap().len(), 20);
    store.set_heads(CHAIN, 15, 19).await.unwrap();
    store.set_heads(CHAIN, 3, 7).await.unwrap();
    let unfinal = store.unfinal_blocks(CHAIN).await.unwrap();
    assert_eq!(unfinal, (16..20).map(|height| block(height, 0)).collect::<Vec<_>>());
    assert_eq!(store.block(CHAIN, 4).await.unwrap(), Some(block(4, 0)));
    assert_eq!(store.block(CHAIN, 20).await.unwrap(), None);
}

async fn failures_are_kept_with_their_text(database: Database) {
    let store = database.open().await;
    let mut failing = commit((0, 9), &[]);
    failing.records = vec![(stream(GMX), history::log(3, 1, 0)), (stream(GMX), history::log(3, 2, 0))];
    failing.blocks = vec![block(3, 0)];
    let failure =
        |rec, kind| (stream(GMX), Failure { height: 3, rec, part: String::new(), kind, error: "topic 1: expected an address".to_owned() });
    failing.failures = vec![failure(1, FailureKind::Malformed), failure(2, FailureKind::UnknownEvent)];
    let text = "half a line \u{0} of it".to_owned();
    failing.malformed = vec![MalformedRecord { stream: stream(ASTER), height: 5, error: "no record".to_owned(), text }];
    let done = store.commit(failing.clone()).await.unwrap();
    assert_eq!((done.records, done.failures), (2, 1), "what is no record is no failed record");
    store.commit(failing).await.unwrap();
    let sql = "SELECT height, CASE WHEN payload IS NULL THEN 0 ELSE 1 END, CASE WHEN text IS NULL THEN 0 ELSE 1 END FROM v_decode_failures ORDER BY height, rec";
    assert_eq!(ints(&store, sql).await, [[3, 1, 0], [3, 1, 0], [5, 0, 1]]);
    let status = store.status().await.unwrap();
    let chain = status.chains.iter().find(|status| status.chain == CHAIN).unwrap();
    assert_eq!((chain.records, chain.decode_failures, chain.unknown_events), (2, 2, 1));
    assert!(!status.is_complete());
}

async fn a_number_that_fits_no_column_is_a_failure(database: Database) {
    let store = database.open().await;
    let one = |height, amount| history::event(height, 0, 0, GMX, None, history::flow_of("0xusdc", amount));
    let wide = history::wide(i64::MAX) * history::wide(1_000);
    let events = [one(3, wide), one(4, history::wide(2_000_000))];
    let done = store.commit(history::told((0, 9), &events)).await.unwrap();
    assert_eq!((done.records, done.events, done.failures), (2, 2, 1));
    assert_eq!(ints(&store, "SELECT height FROM v_decode_failures WHERE kind = 'number' AND text IS NOT NULL").await, [[3]]);
    assert_eq!(ints(&store, "SELECT height, usd_e6 FROM collateral_flows").await, [[4, 2_000_000]]);
    assert_eq!(store.commit(history::told((0, 9), &events)).await.unwrap().events, 0);
}

async fn a_newer_database_is_refused(database: Database) {
    let store = database.open().await;
    let known = store.info().await.unwrap().schema_version;
    store.close().await;
    raw_execute(&database, "INSERT INTO schema_version (version, name) VALUES (9000, 'later')").await;
    for opened in [
        SqlStore::open(&database.url, catalog(), StoreOptions::default()).await,
        SqlStore::open_existing(&database.url, catalog(), StoreOptions::default()).await,
    ] {
        match opened.unwrap_err() {
            StoreError::Newer { found, known: ours, .. } => assert_eq!((found, ours), (9000, known)),
            other => panic!("{other}"),
        }
    }
    raw_execute(&database, "DELETE FROM schema_version").await;
    let error = SqlStore::open_existing(&database.url, catalog(), StoreOptions::default()).await.unwrap_err().to_string();
    assert!(error.contains("perpdex db migrate"), "{error}");
}

/// Runs a statement past the store.
async fn raw_execute(database: &Database, sql: &'static str) {
    use sqlx::{Connection, PgConnection, SqliteConnection};
    match database.engine {
        Engine::Sqlite => {
            let mut connection = SqliteConnection::connect(&database.url).await.unwrap();
            sqlx::query(sql).execute(&mut connection).await.unwrap();
        }
        Engine::Postgres => {
            let mut connection = PgConnection::connect(&database.url).await.unwrap();
            sqlx::query(sql).execute(&mut connection).await.unwrap();
        }
    }
}

async fn a_query_cannot_write(database: Database) {
    let store = database.open().await;
    let before = store.dump().await.unwrap();
    for sql in ["DELETE FROM chains", "INSERT INTO dirty (market_id) VALUES (1)", "DROP TABLE fills", "CREATE TABLE x (a BIGINT)"] {
        assert!(matches!(store.query(sql, 10).await, Err(StoreError::Database { .. })), "{sql}");
    }
    let _ = store.query("PRAGMA query_only = OFF; DELETE FROM chains", 10).await;
    assert_eq!(store.dump().await.unwrap(), before);
    let table = store.query("SELECT slug, chain_id, NULL AS none_at_all, 1.5 AS half FROM chains ORDER BY chain_id", 2).await.unwrap();
    assert_eq!(table.columns, ["slug", "chain_id", "none_at_all", "half"]);
    assert_eq!((table.rows.len(), table.is_truncated), (2, true));
    assert_eq!(table.rows[0][..3], [Value::Text("ethereum".to_owned()), Value::Int(1), Value::Null]);
    assert_eq!(store.query("SELECT slug FROM chains WHERE chain_id < 0", 10).await.unwrap().columns, ["slug"]);
    // Writing still works after reading.
    store.set_heads(CHAIN, 1, 1).await.unwrap();
}

#[tokio::test]
async fn a_memory_database_lives_with_its_store() {
    let store = SqlStore::open("sqlite::memory:", catalog(), StoreOptions::default()).await.unwrap();
    store.set_targets(&targets(0)).await.unwrap();
    fill(&store, &blocks(12, 20, 0), &[(0, 19)]).await;
    assert_eq!(ints(&store, "SELECT COUNT(*) FROM blocks").await, [[20]]);
    assert!(store.query("DELETE FROM blocks", 1).await.is_err());
    fill(&store, &blocks(12, 30, 0), &[(20, 29)]).await;
    assert_eq!(ints(&store, "SELECT COUNT(*) FROM blocks").await, [[30]]);
}

#[tokio::test]
async fn an_unreachable_database_is_said_at_once_and_without_its_password() {
    let url = "postgres://someone:secret@127.0.0.1:1/name";
    let error = SqlStore::open(url, catalog(), StoreOptions::default()).await.unwrap_err().to_string();
    assert!(error.starts_with("postgres://127.0.0.1:1/name: ") && !error.contains("secret"), "{error}");
    let error = SqlStore::open("no/such/folder/x.db", catalog(), StoreOptions::default()).await.unwrap_err().to_string();
    assert!(error.starts_with("sqlite:no/such/folder/x.db: "), "{error}");
}

async fn a_missing_database_is_said(database: Database) {
    let opened = SqlStore::open_existing(&database.url, catalog(), StoreOptions::default()).await;
    let error = opened.unwrap_err().to_string();
    assert!(error.contains("run `perpdex sync`"), "{error}");
    let store = database.open().await;
    let reader = SqlStore::open_existing(&database.url, catalog(), StoreOptions::default()).await.unwrap();
    let info = reader.info().await.unwrap();
    assert_eq!(info.schema_version, info.schema_version_known);
    assert!(info.tables.contains(&("fills".to_owned(), 0)));
    assert!(info.bytes > 0 && !info.place.contains('@'));
    store.set_heads(CHAIN, 5, 6).await.unwrap();
    assert_eq!(ints(&reader, "SELECT finalized FROM heads").await, [[5]]);
}
