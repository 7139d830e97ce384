//! The golden cases of every EVM venue as one history each: whatever the ranges, their order and the restarts between them,
//! the store is the one that a single commit makes.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use perpdex_core::{
    BlockRange, BlockRef, CHAINS, Catalog, ChainId, ChainKind, Commit, DecodeUnit, Evidence, RawBody, RawRecord, Store, StreamId, Target,
    Venue,
};
use perpdex_store::{SqlStore, StoreOptions};

use crate::support::{Engine, assert_same_text, folder};

/// Milliseconds between two blocks of a history.
const BLOCK_MS: i64 = 240_000;
/// 2026-03-01, an hour's beginning.
const START_MS: i64 = 1_772_323_200_000;
/// First height of every history.
const FIRST: u64 = 1_000;

/// All cases of one venue on one chain, one behind the other, with an empty block after each.
struct History {
    name: String,
    chain: ChainId,
    streams: Vec<StreamId>,
    venue: &'static dyn Venue,
    records: Vec<RawRecord>,
    last: u64,
}

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden")
}

fn histories() -> Vec<History> {
    let mut out = Vec::new();
    for info in CHAINS.iter().filter(|chain| chain.kind == ChainKind::Evm) {
        let Ok(venues) = fs::read_dir(golden().join(info.slug)) else { continue };
        let mut paths: Vec<PathBuf> = venues.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        out.extend(paths.iter().map(|path| history(info.id, path)));
    }
    out
}

fn history(chain: ChainId, path: &Path) -> History {
    let slug = path.file_name().unwrap().to_str().unwrap();
    let venue = perpdex_venues::venue(slug).unwrap_or_else(|| panic!("{} is no venue", path.display()));
    let mut cases: Vec<PathBuf> = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    let mut records = Vec::new();
    let mut next = FIRST;
    for case in cases {
        let text = fs::read_to_string(case.join("records.jsonl")).unwrap();
        let of_case: Vec<RawRecord> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        // Heights of a case are pulled together; its blocks keep their order.
        let mut heights: BTreeMap<u64, u64> = of_case.iter().map(|record| (record.height, 0)).collect();
        for (place, height) in heights.values_mut().zip(next..) {
            *place = height;
        }
        next += heights.len() as u64 + 1;
        for mut record in of_case {
            record.height = heights[&record.height];
            record.time_ms = time_ms(record.height);
            records.push(record);
        }
    }
    let streams = venue.streams(chain);
    let id = |part: &str, version| StreamId { chain, venue: venue.info().slug, part: part.to_owned(), version };
    let streams = streams.iter().map(|stream| id(stream.part, stream.version)).collect();
    History { name: format!("{chain}/{slug}"), chain, streams, venue, records, last: next }
}

fn time_ms(height: u64) -> i64 {
    START_MS + i64::try_from(height - FIRST).unwrap() * BLOCK_MS
}

impl History {
    fn commit(&self, from: u64, to: u64) -> Commit {
        let range = BlockRange::new(from, to).unwrap();
        let inside: Vec<RawRecord> = self.records.iter().filter(|record| range.contains(record.height)).cloned().collect();
        let is_state = |record: &RawRecord| matches!(record.body, RawBody::StateRead { .. });
        let (state, logs): (Vec<RawRecord>, Vec<RawRecord>) = inside.iter().cloned().partition(is_state);
        let (mut events, mut failures) = (Vec::new(), Vec::new());
        for unit in logs.chunk_by(|a, b| (a.height, &a.tx_id) == (b.height, &b.tx_id)) {
            let head = &unit[0];
            let known: Vec<RawRecord> = state.iter().filter(|record| record.height == head.height).cloned().collect();
            let decoded = self.venue.decode(&DecodeUnit {
                chain: self.chain,
                height: head.height,
                time_ms: head.time_ms,
                tx_id: &head.tx_id,
                records: unit,
                state: &known,
            });
            events.extend(decoded.events);
            failures.extend(decoded.failures.into_iter().chain(decoded.unknown).map(|failure| (self.streams[0].clone(), failure)));
        }
        Commit {
            chain: self.chain,
            range,
            streams: self.streams.clone(),
            evidence: Evidence::Bloom,
            from_ms: time_ms(from),
            to_ms: time_ms(to),
            blocks: (from..=to).map(|height| BlockRef { height, link: None, time_ms: time_ms(height) }).collect(),
            records: inside.into_iter().map(|record| (self.streams[0].clone(), record)).collect(),
            events,
            failures,
            malformed: Vec::new(),
            holes: Vec::new(),
        }
    }

    fn targets(&self) -> Vec<Target> {
        let target = |stream: &StreamId| Target {
            stream: stream.clone(),
            from: FIRST,
            to: Some(self.last),
            first_height: Some(FIRST),
            evidence_min: Evidence::Probed,
            sees_unknown: true,
        };
        self.streams.iter().map(target).collect()
    }

    async fn open(&self, url: &str) -> SqlStore {
        let catalog: Catalog = perpdex_venues::builtin_catalog();
        SqlStore::open(url, catalog, StoreOptions::default()).await.expect("the store opens")
    }

    async fn straight(&self, url: &str) -> String {
        let store = self.open(url).await;
        store.set_targets(&self.targets()).await.unwrap();
        store.commit(self.commit(FIRST, self.last)).await.unwrap();
        store.reduce().await.unwrap();
        let dump = store.dump().await.unwrap();
        store.close().await;
        dump
    }

    /// Commits shuffled ranges, some of them twice, and goes on with a new handle every now and then.
    async fn wandering(&self, url: &str, dice: &mut Dice) -> String {
        let mut store = self.open(url).await;
        store.set_targets(&self.targets()).await.unwrap();
        let mut ranges = Vec::new();
        let mut from = FIRST;
        while from <= self.last {
            let to = (from + dice.below(6)).min(self.last);
            ranges.push((from, to));
            from = to + 1;
        }
        for i in (1..ranges.len()).rev() {
            ranges.swap(i, usize::try_from(dice.below(i as u64 + 1)).unwrap());
        }
        let again = ranges[usize::try_from(dice.below(ranges.len() as u64)).unwrap()];
        for (from, to) in ranges.into_iter().chain([again]) {
            store.commit(self.commit(from, to)).await.unwrap();
            match dice.below(6) {
                0 => {
                    store.close().await;
                    store = self.open(url).await;
                }
                1 => drop(store.reduce().await.unwrap()),
                _ => {}
            }
        }
        store.reduce().await.unwrap();
        let dump = store.dump().await.unwrap();
        store.close().await;
        dump
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014).
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn any_order_of_ranges_with_restarts_gives_the_same_store() {
    for engine in Engine::all("any_order_of_ranges_with_restarts_gives_the_same_store") {
        // A database takes PostgreSQL seconds to make: fewer ways, the same venues.
        let seeds: &[u64] = if matches!(engine, Engine::Sqlite) { &[1, 2, 3, 4] } else { &[5] };
        for (place, history) in histories().iter().enumerate() {
            let folder = folder();
            let straight = history.straight(&Engine::Sqlite.database(folder.path(), "straight")).await;
            assert!(straight.contains("# raw_events\n"), "{}", history.name);
            for seed in seeds {
                let url = engine.database(folder.path(), &format!("golden{place}_{seed}"));
                let dump = history.wandering(&url, &mut Dice(*seed + 1_000 * place as u64)).await;
                assert_same_text(&dump, &straight, &format!("{} with seed {seed}", history.name));
            }
        }
    }
}
