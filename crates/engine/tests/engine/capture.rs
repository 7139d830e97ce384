//! Captures: what is written replays into the same store; cut files keep what is whole.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use perpdex_core::{BlockRange, BlockRef, Evidence, Hole, HoleReason, RangeSet, RawBody, Source, StreamId};
use perpdex_engine::capture::{CaptureRange, CaptureSource, CaptureWriter};
use perpdex_engine::{ChainJob, ChainReport, Until, run};

use crate::support::{CHAIN, STREAM_A, STREAM_B, Setup, VENUES, range, stream};

/// What a store has of a range, as an export writes it.
fn part(setup: &Setup, range: BlockRange, names: &[&'static str]) -> CaptureRange {
    let state = setup.store.state();
    let streams: Vec<StreamId> = names.iter().map(|name| stream(name, 1).id).collect();
    let inside = |(height, _): &(u64, i64)| range.contains(*height);
    let owned = |id: &StreamId| streams.contains(id);
    let records = state.records.iter().filter(|(key, (id, _))| inside(key) && owned(id)).map(|(_, (_, record))| record.clone());
    let blocks: Vec<BlockRef> = state.blocks.range(range.from()..=range.to()).map(|(_, block)| *block).collect();
    CaptureRange { chain: CHAIN, range, records: records.collect(), streams, evidence: Evidence::Witnessed, blocks, holes: Vec::new() }
}

fn write(folder: &Path, parts: &[CaptureRange]) -> PathBuf {
    let path = folder.join("capture.jsonl");
    let mut writer = CaptureWriter::new("capture.jsonl", fs::File::create(&path).unwrap()).unwrap();
    parts.iter().for_each(|part| writer.write(part).unwrap());
    writer.finish().unwrap();
    path
}

/// A store of two streams over 40 blocks, in ranges of ten.
async fn indexed() -> Setup {
    let mut setup = Setup::new(40, 40);
    setup.streams.push(stream(STREAM_B, 1));
    setup.run_clean().await;
    setup
}

async fn replay(source: CaptureSource, like: &Setup, blocks_per_fetch: u64) -> (Setup, ChainReport) {
    let mut setup = Setup::new(0, 0);
    setup.streams = like.streams.clone();
    (setup.options.blocks_start_per_fetch, setup.options.blocks_max_per_fetch) = (blocks_per_fetch, blocks_per_fetch);
    let job = ChainJob {
        chain: CHAIN,
        sources: vec![Arc::new(source) as Arc<dyn Source>],
        streams: setup.streams.clone(),
        venues: VENUES,
        until: Until::Latest,
        evidence_min: Evidence::Witnessed,
        fetch_apart: true,
    };
    let report = run(vec![job], setup.store.clone(), setup.options.clone(), setup.cancel.clone(), setup.notes.clone()).await;
    (setup, report.chains.into_iter().next().unwrap())
}

fn open(path: &Path) -> CaptureSource {
    let captures = CaptureSource::open(&[path]).unwrap();
    assert!(captures.cut.is_empty(), "{:?}", captures.cut);
    captures.sources.into_iter().next().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_capture_replays_into_the_same_store() {
    let origin = indexed().await;
    let folder = tempfile::tempdir().unwrap();
    let ranges = [(1, 10), (11, 20), (21, 30), (31, 40)].map(|(from, to)| range(from, to));
    let path = write(folder.path(), &ranges.map(|range| part(&origin, range, &[STREAM_A, STREAM_B])));
    for blocks_per_fetch in [7, u64::MAX] {
        let (replayed, report) = replay(open(&path), &origin, blocks_per_fetch).await;
        assert!(report.is_clean(), "{report:#?}");
        let (a, b) = (origin.store.state(), replayed.store.state());
        assert_eq!((a.coverage, a.records), (b.coverage, b.records));
        assert_eq!(a.events.len(), b.events.len());
    }
}

#[tokio::test(start_paused = true)]
async fn streams_and_ranges_that_a_capture_lacks_are_holes() {
    let origin = indexed().await;
    let folder = tempfile::tempdir().unwrap();
    let with_hole = CaptureRange {
        holes: vec![Hole { range: range(25, 26), reason: HoleReason::NotRecorded, detail: "known".to_owned(), streams: Vec::new() }],
        ..part(&origin, range(21, 40), &[STREAM_A])
    };
    let path = write(folder.path(), &[part(&origin, range(1, 10), &[STREAM_A, STREAM_B]), with_hole]);
    let source = open(&path);
    let streams: Vec<_> = source.streams().into_iter().map(|(stream, heights)| (stream.name(), heights.ranges().to_vec())).collect();
    assert_eq!(streams, [(STREAM_A.to_owned(), vec![range(1, 10), range(21, 40)]), (STREAM_B.to_owned(), vec![range(1, 10)])]);
    let (replayed, report) = replay(source, &origin, 100).await;
    let covered = |name| replayed.store.covered(name);
    assert_eq!(covered(STREAM_A), RangeSet::from_ranges([range(1, 10), range(21, 24), range(27, 40)]));
    assert_eq!(covered(STREAM_B), RangeSet::from_ranges([range(1, 10)]));
    let mut holes: Vec<_> = report.holes_listed.iter().map(|hole| (hole.streams.join(","), hole.range, hole.reason)).collect();
    holes.sort_by_key(|(name, range, _)| (name.clone(), *range));
    let (missing, known) = (HoleReason::Missing, HoleReason::NotRecorded);
    let expected = [(STREAM_A, 11, 20, missing), (STREAM_A, 25, 26, known), (STREAM_B, 11, 20, missing), (STREAM_B, 21, 40, missing)];
    assert_eq!(holes, expected.map(|(name, from, to, reason)| (name.to_owned(), range(from, to), reason)));
}

#[tokio::test(start_paused = true)]
async fn a_cut_file_keeps_what_is_whole() {
    let origin = indexed().await;
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), &[part(&origin, range(1, 20), &[STREAM_A]), part(&origin, range(21, 40), &[STREAM_A])]);
    let whole = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = whole.lines().collect();
    // Header, range, 20 records, range, 20 records. Cut inside the record of block 35, right before it, and inside the
    // second range's own line.
    let upto = |count: usize| lines[..count].iter().map(|line| line.len() + 1).sum::<usize>();
    for (bytes, kept, named) in [(upto(23 + 14) + 30, 33, "line 38"), (upto(23 + 14), 33, "line 37"), (upto(22) + 30, 20, "line 23")] {
        fs::write(&path, &whole[..bytes]).unwrap();
        let captures = CaptureSource::open(&[&path]).unwrap();
        assert!(captures.cut.len() == 1 && captures.cut[0].to_string().contains(named), "{named}: {:?}", captures.cut);
        let source = captures.sources.into_iter().next().unwrap();
        let (mut like, expected) = (Setup::new(0, 0), RangeSet::from_ranges([range(1, kept)]));
        like.streams = vec![stream(STREAM_A, 1)];
        let (replayed, report) = replay(source, &like, 100).await;
        assert_eq!(replayed.store.covered(STREAM_A), expected, "{named}");
        let truncated: Vec<_> = report.holes_listed.iter().map(|hole| (hole.range, hole.reason)).collect();
        let lost = if kept == 20 { vec![] } else { vec![(range(kept + 1, 40), HoleReason::Truncated)] };
        assert_eq!(truncated, lost, "{named}");
    }
    // Without its last line feed a file is still whole.
    fs::write(&path, whole.trim_end()).unwrap();
    assert!(CaptureSource::open(&[&path]).unwrap().cut.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_line_that_is_no_record_is_told_with_file_and_line() {
    let origin = indexed().await;
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), &[part(&origin, range(1, 20), &[STREAM_A])]);
    let text = fs::read_to_string(&path).unwrap();
    let mut lines: Vec<&str> = text.lines().collect();
    lines[5] = "{\"record\":\"of nothing\"}";
    fs::write(&path, lines.join("\n") + "\n").unwrap();
    let mut like = Setup::new(0, 0);
    like.streams = vec![stream(STREAM_A, 1)];
    let (replayed, report) = replay(open(&path), &like, 100).await;
    assert_eq!((report.failures, report.records), (1, 19));
    assert!(replayed.notes.notes.lock().unwrap().iter().any(|note| note.contains("capture.jsonl, line 6")));
}

#[tokio::test(start_paused = true)]
async fn a_line_that_is_no_record_is_told_where_ranges_overlap() {
    let origin = indexed().await;
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), &[part(&origin, range(1, 10), &[STREAM_A]), part(&origin, range(6, 20), &[STREAM_A])]);
    let text = fs::read_to_string(&path).unwrap();
    let mut lines: Vec<&str> = text.lines().collect();
    // Header, range, 10 records, range, 15 records: the second range's last one.
    lines[27] = "{\"record\":\"of nothing\"}";
    fs::write(&path, lines.join("\n") + "\n").unwrap();
    let mut like = Setup::new(0, 0);
    like.streams = vec![stream(STREAM_A, 1)];
    for blocks_per_fetch in [4, 100] {
        let (replayed, report) = replay(open(&path), &like, blocks_per_fetch).await;
        assert_eq!((report.failures, report.records), (1, 19), "{blocks_per_fetch} blocks a fetch");
        assert!(replayed.notes.notes.lock().unwrap().iter().any(|note| note.contains("capture.jsonl, line 28")));
    }
}

#[test]
fn what_is_no_capture_is_refused_by_name_and_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.jsonl");
    let header = "{\"format\":\"perpdex-raw/1\"}\n";
    for (text, error) in [
        (String::new(), "line 1: not a perpdex-raw/1 capture"),
        ("hello\n".to_owned(), "line 1: not a perpdex-raw/1 capture"),
        ("{\"format\":\"perpdex-raw/9\"}\n".to_owned(), "line 1: format \"perpdex-raw/9\" is not perpdex-raw/1"),
        (format!("{header}{{}}\n"), "line 2: not the line of a range"),
        (format!("{header}{{\"range\":{{\"chain\":1,\"heights\":[9,3]}}}}\n"), "line 2: not the line of a range"),
    ] {
        fs::write(&path, text).unwrap();
        let found = CaptureSource::open(&[&path]).unwrap_err().to_string();
        assert!(found.starts_with("other.jsonl, ") && found.contains(error), "{found}");
    }
    let missing = CaptureSource::open(&[folder.path().join("gone.jsonl")]).unwrap_err().to_string();
    assert!(missing.starts_with("gone.jsonl: "), "{missing}");
}

#[tokio::test(start_paused = true)]
async fn every_kind_of_record_survives() {
    let raw = |body| perpdex_core::RawRecord {
        chain: CHAIN,
        height: 3,
        rec: i64::MAX,
        ord: -4,
        tx_id: "π\n\"".into(),
        tx_index: None,
        time_ms: 5,
        body,
    };
    let bytes = || alloy_primitives::Bytes::from(vec![0, 255, 16]);
    let bodies = vec![
        RawBody::EvmLog(perpdex_core::EvmLog {
            address: Default::default(),
            topics: vec![Default::default(); 4],
            data: bytes(),
            block_hash: Default::default(),
        }),
        RawBody::SolanaEvent(perpdex_core::SolanaEvent {
            program: "P".to_owned(),
            carrier: perpdex_core::Carrier::Cpi,
            position: "5.1".to_owned(),
            parent: "5".to_owned(),
            payload: bytes(),
        }),
        RawBody::HyperliquidLine(perpdex_core::HyperliquidLine {
            stream: perpdex_core::HyperliquidStream::Fills,
            text: "{\"events\":[]}\n{}".to_owned(),
        }),
        RawBody::ApiAnswer { source: "s".to_owned(), body: "b".to_owned() },
        RawBody::StateRead { address: Default::default(), calldata: bytes(), output: bytes() },
    ];
    let folder = tempfile::tempdir().unwrap();
    let records: Vec<_> = bodies.into_iter().map(raw).collect();
    let written = CaptureRange { records: records.clone(), ..part(&Setup::new(0, 0), range(1, 9), &[STREAM_A]) };
    let path = write(folder.path(), &[written]);
    let text = fs::read_to_string(&path).unwrap();
    let read: Vec<perpdex_core::RawRecord> = text
        .lines()
        .skip(2)
        .map(|line| serde_json::from_value(serde_json::from_str::<serde_json::Value>(line).unwrap()["record"].clone()).unwrap())
        .collect();
    assert_eq!(read, records);
}
