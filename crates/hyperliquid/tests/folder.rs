//! Folders and files as they occur, and as they break.

mod support;

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;

use perpdex_core::{ChainId, Headers, HoleReason, HyperliquidStream, RawBody, Source, SourceErrorKind};
use perpdex_hyperliquid::FolderSource;
use support::{FILLS, MISC, both, fills, filter, frame, line, range, write};

/// `2026-01-01T00:00:00` in unix milliseconds.
const NEW_YEAR_MS: i64 = 1_767_225_600_000;

/// Holes as (from, to, reason, detail).
fn holes(batch: &perpdex_core::Batch) -> Vec<(u64, u64, HoleReason, &str)> {
    batch.holes.iter().map(|hole| (hole.range.from(), hole.range.to(), hole.reason, hole.detail.as_str())).collect()
}

fn texts(batch: &perpdex_core::Batch) -> Vec<(u64, String)> {
    let text = |record: &'_ perpdex_core::RawRecord| match &record.body {
        RawBody::HyperliquidLine(line) => line.text.clone(),
        other => panic!("not a line: {other:?}"),
    };
    batch.records.iter().map(|record| (record.height, text(record))).collect()
}

/// Fills of blocks 1 to 6 in two hours (block 4 lies before its file's hour), misc events of 2, 3 and 6.
fn node(root: &Path) {
    let fill = |number, second| line(number, second, r#"["0xa",{}]"#);
    write(&root.join(format!("{FILLS}/20260101/0")), &[fill(1, 1), line(2, 2, ""), fill(3, 3_598)]);
    write(&root.join(format!("{FILLS}/20260101/1")), &[fill(4, 3_599), fill(5, 3_600), fill(6, 3_601)]);
    write(&root.join(format!("{MISC}/20260101/0")), &[line(2, 2, "{}"), line(3, 3_598, "{}")]);
    write(&root.join(format!("{MISC}/20260101/1")), &[line(6, 3_601, "{}")]);
}

#[tokio::test]
async fn both_streams_of_a_node_by_block() {
    let folder = tempfile::tempdir().unwrap();
    node(&folder.path().join("data"));
    for path in ["", "data"] {
        let source = FolderSource::open(&folder.path().join(path), ChainId::HYPERLIQUID, "node").unwrap();
        assert_eq!(source.streams(), [HyperliquidStream::Fills, HyperliquidStream::MiscEvents]);
        let heads = source.heads().await.unwrap();
        assert_eq!((heads.earliest, heads.latest.height, heads.finalized), (Some(2), 6, 6));
        assert_eq!(heads.latest.time_ms, NEW_YEAR_MS + 3_601_000);
        let batch = source.fetch(range(2, 6), &both(Headers::Needed)).await.unwrap();
        let keys: Vec<(u64, i64)> = batch.records.iter().map(|record| (record.height, record.ord)).collect();
        assert_eq!(keys, [(2, 1), (3, 0), (3, 1), (4, 0), (5, 0), (6, 0), (6, 1)]);
        assert_eq!(batch.blocks.iter().map(|block| block.height).collect::<Vec<_>>(), [2, 3, 4, 5, 6]);
        assert_eq!(batch.records[3].time_ms, NEW_YEAR_MS + 3_599_000, "the time is the block's, not the file's");
        assert_eq!(batch.records[3].tx_id, "4");
        assert_eq!((batch.range, holes(&batch)), (range(2, 6), vec![]));
    }
}

#[tokio::test]
async fn blocks_without_events_are_present_and_give_no_record() {
    let folder = tempfile::tempdir().unwrap();
    node(folder.path());
    let source = FolderSource::open(&folder.path().join("node_fills_by_block"), ChainId::HYPERLIQUID, "node").unwrap();
    for (headers, blocks) in [(Headers::Needed, vec![1, 3]), (Headers::All, vec![1, 2, 3])] {
        let batch = source.fetch(range(1, 3), &fills(headers)).await.unwrap();
        assert_eq!(texts(&batch).len(), 2);
        assert_eq!(batch.blocks.iter().map(|block| block.height).collect::<Vec<_>>(), blocks);
        assert!(batch.holes.is_empty());
    }
}

#[tokio::test]
async fn ranges_outside_the_files_are_holes() {
    let folder = tempfile::tempdir().unwrap();
    node(folder.path());
    let source = FolderSource::open(folder.path(), ChainId::HYPERLIQUID, "node").unwrap();
    let batch = source.fetch(range(0, 9), &both(Headers::Needed)).await.unwrap();
    let missing = HoleReason::Missing;
    let want = [
        (0, 0, missing, "node_fills_by_block/hourly/20260101/0: the files of stream fills begin with block 1"),
        (7, 9, missing, "behind the last block of stream fills"),
        (0, 1, missing, "misc_events_by_block/hourly/20260101/0: the files of stream misc begin with block 2"),
        (7, 9, missing, "behind the last block of stream misc"),
    ];
    assert_eq!(holes(&batch), want);
    fs::remove_dir_all(folder.path().join("misc_events_by_block")).unwrap();
    let source = FolderSource::open(folder.path(), ChainId::HYPERLIQUID, "node").unwrap();
    let batch = source.fetch(range(3, 4), &both(Headers::Needed)).await.unwrap();
    assert_eq!(holes(&batch), [(3, 4, missing, "no file of stream misc")]);
}

#[tokio::test]
async fn a_missing_fills_line_is_a_hole_and_a_missing_misc_line_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let fills_file = folder.path().join("a.jsonl");
    write(&fills_file, &[line(1, 1, r#"["0xa",{}]"#), line(5, 2, r#"["0xa",{}]"#)]);
    let misc_file = folder.path().join("b.jsonl");
    write(&misc_file, &[line(1, 1, "{}"), line(5, 2, "{}")]);
    let source = FolderSource::from_files(&[misc_file, fills_file], ChainId::HYPERLIQUID, "files").unwrap();
    let batch = source.fetch(range(1, 5), &fills(Headers::Needed)).await.unwrap();
    assert_eq!(holes(&batch), [(2, 4, HoleReason::Missing, "a.jsonl, line 2: no line for the blocks before")]);
    for (from, to) in [(2, 3), (4, 5)] {
        let batch = source.fetch(range(from, to), &fills(Headers::Needed)).await.unwrap();
        assert_eq!(batch.holes[0].range, range(from, to.min(4)), "a hole is cut to the range");
    }
    let batch = source.fetch(range(1, 5), &filter(&[HyperliquidStream::MiscEvents], Headers::Needed)).await.unwrap();
    assert_eq!((holes(&batch), batch.records.len()), (vec![], 2));
}

#[tokio::test]
async fn misc_files_far_apart_leave_a_hole() {
    let folder = tempfile::tempdir().unwrap();
    let hour = |name: &str, number, second| write(&folder.path().join(format!("{MISC}/20260101/{name}")), &[line(number, second, "{}")]);
    hour("0", 1, 3_599);
    hour("1", 30, 3_650);
    hour("3", 90, 7_300);
    let source = FolderSource::open(folder.path(), ChainId::HYPERLIQUID, "node").unwrap();
    let batch = source.fetch(range(1, 90), &filter(&[HyperliquidStream::MiscEvents], Headers::Needed)).await.unwrap();
    let detail = "misc_events_by_block/hourly/20260101/3, line 1: no file for the time before";
    assert_eq!(holes(&batch), [(31, 89, HoleReason::Missing, detail)]);
}

#[tokio::test]
async fn lines_of_one_block_are_put_together() {
    let folder = tempfile::tempdir().unwrap();
    let part = |number, n| line(number, 1, &format!(r#"["0x{n}",{{}}]"#));
    let hour = |name: &str, lines: &[String]| write(&folder.path().join(format!("node_fills_streaming/hourly/20260101/{name}")), lines);
    hour("0", &[part(1, 1), part(1, 2), part(2, 3)]);
    hour("1", &[part(2, 4), part(3, 5)]);
    let source = FolderSource::open(folder.path(), ChainId::HYPERLIQUID, "node").unwrap();
    assert_eq!(source.heads().await.unwrap().latest.height, 2, "more lines of block 3 may follow");
    let want = [(1, format!("{}\n{}", part(1, 1), part(1, 2))), (2, format!("{}\n{}", part(2, 3), part(2, 4)))];
    for from in [1, 2] {
        let batch = source.fetch(range(from, 2), &fills(Headers::Needed)).await.unwrap();
        assert_eq!(texts(&batch), want[from as usize - 1..], "from {from}");
        assert!(batch.holes.is_empty());
    }
    hour("2", &[part(4, 6)]);
    assert_eq!(source.heads().await.unwrap().latest.height, 3);
    let batch = source.fetch(range(3, 3), &fills(Headers::Needed)).await.unwrap();
    assert_eq!(texts(&batch), [(3, part(3, 5))]);
}

#[tokio::test]
async fn a_growing_file_is_read_on_where_it_ended() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(format!("{FILLS}/20260101/0"));
    let fill = |number, second| line(number, second, r#"["0xa",{}]"#);
    write(&path, &[fill(1, 1), fill(2, 2)]);
    let mut file = OpenOptions::new().append(true).open(&path).unwrap();
    let third = fill(3, 3);
    let (head, tail) = third.split_at(30);
    file.write_all(head.as_bytes()).unwrap();
    let source = FolderSource::open(folder.path(), ChainId::HYPERLIQUID, "node").unwrap();
    assert_eq!(source.heads().await.unwrap().latest.height, 2, "half a line is not there yet");
    assert_eq!(source.fetch(range(1, 2), &fills(Headers::Needed)).await.unwrap().records.len(), 2);
    file.write_all(format!("{tail}\n").as_bytes()).unwrap();
    // Without its name the file can only be read through the place kept from before.
    fs::rename(&path, folder.path().join("elsewhere")).unwrap();
    let batch = source.fetch(range(3, 3), &fills(Headers::Needed)).await.unwrap();
    assert_eq!((texts(&batch), holes(&batch)), (vec![(3, third.clone())], vec![]));
    let again = source.fetch(range(1, 1), &fills(Headers::Needed)).await.unwrap_err();
    assert_eq!(again.kind, SourceErrorKind::Transient, "going back opens the file again: {again}");
}

#[tokio::test]
async fn an_older_file_put_in_later_does_not_end_the_growing_one() {
    let folder = tempfile::tempdir().unwrap();
    let fill = |number, second| line(number, second, r#"["0xa",{}]"#);
    let path = folder.path().join(format!("{FILLS}/20260101/1"));
    write(&path, &[fill(3, 3_600), fill(4, 3_601)]);
    let source = FolderSource::open(folder.path(), ChainId::HYPERLIQUID, "node").unwrap();
    assert_eq!(source.heads().await.unwrap().latest.height, 4);
    let older = format!("{}\n{}\n", fill(1, 1), fill(2, 2));
    fs::write(folder.path().join(format!("{FILLS}/20260101/0.lz4")), frame(&older)).unwrap();
    let mut file = OpenOptions::new().append(true).open(&path).unwrap();
    let fifth = fill(5, 3_602);
    let (head, tail) = fifth.split_at(30);
    file.write_all(head.as_bytes()).unwrap();
    let heads = source.heads().await.unwrap();
    assert_eq!((heads.earliest, heads.latest.height), (Some(1), 4), "half a line is not there yet");
    file.write_all(format!("{tail}\n").as_bytes()).unwrap();
    assert_eq!(source.heads().await.unwrap().latest.height, 5);
    let batch = source.fetch(range(1, 5), &fills(Headers::Needed)).await.unwrap();
    assert_eq!((batch.records.len(), holes(&batch)), (5, vec![]));
}

#[tokio::test]
async fn files_that_end_too_early_keep_their_complete_lines() {
    const BLOCKS: u64 = 20_000;
    let text: String =
        (1..=BLOCKS).map(|number| line(number, number as i64, &format!(r#"["0x{:x}",{{}}]"#, number * 7_919)) + "\n").collect();
    let plain = text.as_bytes()[..text.len() / 2].to_vec();
    let whole_frame = frame(&text);
    for (name, bytes, cause) in [
        ("plain.jsonl", plain, "ends inside line"),
        ("frame.lz4", whole_frame[..whole_frame.len() / 2].to_vec(), "broken off behind line"),
        ("ended.lz4", whole_frame[..whole_frame.len() - 2].to_vec(), "broken off behind line 20000"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        fs::write(&path, &bytes).unwrap();
        let source = FolderSource::open(&path, ChainId::HYPERLIQUID, "file").unwrap();
        let latest = source.heads().await.unwrap().latest.height;
        let batch = source.fetch(range(1, latest), &fills(Headers::Needed)).await.unwrap();
        let last = batch.records.last().unwrap().height;
        assert_eq!(latest, last + 1, "{name}: one block more is asked for");
        assert!(last > BLOCKS / 4, "{name}: {last}");
        assert_eq!(batch.records.len() as u64, last);
        let [(from, to, HoleReason::Truncated, detail)] = holes(&batch)[..] else { panic!("{name}: {:?}", batch.holes) };
        assert_eq!((from, to), (latest, latest));
        assert!(detail.starts_with(name) && detail.contains(cause), "{detail}");
    }
}

#[tokio::test]
async fn a_file_cut_between_two_whole_ones_leaves_its_own_hole() {
    let folder = tempfile::tempdir().unwrap();
    let text = |from, to| (from..=to).map(|number| line(number, number as i64, r#"["0xa",{}]"#) + "\n").collect::<String>();
    let first = text(1, 3);
    fs::write(folder.path().join("1.jsonl"), &first[..first.len() - 10]).unwrap();
    fs::write(folder.path().join("2.lz4"), frame(&text(4, 6))).unwrap();
    let source = FolderSource::open(folder.path(), ChainId::HYPERLIQUID, "files").unwrap();
    let batch = source.fetch(range(1, 6), &fills(Headers::Needed)).await.unwrap();
    assert_eq!(holes(&batch), [(3, 3, HoleReason::Truncated, "1.jsonl: ends inside line 3")]);
    assert_eq!(batch.records.len(), 5);
}

#[tokio::test]
async fn lines_that_are_no_blocks_are_malformed_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.jsonl");
    let fill = |number| line(number, number as i64, r#"["0xa",{}]"#);
    let broken = r#"{"block_time":"2026-01-01T00:00:03","block_number":3,"events":[["0xa"}"#.to_owned();
    write(&path, &[fill(1), fill(2), broken.clone(), fill(4), fill(2), fill(3), fill(5), "[1,2]".to_owned()]);
    let source = FolderSource::open(&path, ChainId::HYPERLIQUID, "file").unwrap();
    let mut malformed = Vec::new();
    for (from, to) in [(1, 2), (3, 4), (5, 5)] {
        let batch = source.fetch(range(from, to), &fills(Headers::Needed)).await.unwrap();
        malformed.extend(batch.malformed.into_iter().map(|line| (line.height, line.error, line.text)));
    }
    let [(2, first, text), (4, second, _), (5, third, _)] = &malformed[..] else { panic!("{malformed:?}") };
    assert!(first.starts_with("a.jsonl, line 3: not a line of a block: "), "{first}");
    assert_eq!(*text, broken);
    assert_eq!(second, "a.jsonl, line 5: blocks 2 to 3 stand earlier in the files; the earlier lines are used");
    assert!(third.starts_with("a.jsonl, line 8: "), "{third}");
    let batch = source.fetch(range(1, 5), &fills(Headers::Needed)).await.unwrap();
    assert_eq!(holes(&batch), [(3, 3, HoleReason::Missing, "a.jsonl, line 4: no line for the blocks before")]);
    assert_eq!(batch.malformed.len(), 3);
}

/// A line as a writer prints it when it prints a block again: at another time of its own.
fn again(number: u64, second: i64, events: &str) -> String {
    line(number, second, events).replacen("\"local_time\":\"2026", "\"local_time\":\"2027", 1)
}

/// Hours of lines, and what must be read of them: the fills of each block, and what is said besides.
struct Rewritten {
    name: &'static str,
    form: &'static str,
    hours: Vec<Vec<String>>,
    want: &'static [(u64, &'static [&'static str])],
    said: &'static [&'static str],
}

#[tokio::test]
async fn what_a_writer_prints_again_counts_once() {
    let fill = |n: u32| format!(r#"["0x{n}",{{}}]"#);
    let (one, two, three, both_of) = (fill(1), fill(2), fill(3), format!("{},{}", fill(1), fill(2)));
    let earlier = "the earlier lines are used";
    for Rewritten { name, form, hours, want, said } in [
        Rewritten {
            name: "a line twice in a row",
            form: FILLS,
            hours: vec![vec![line(1, 1, &one), line(2, 2, &both_of), again(2, 2, &both_of), line(3, 3, &three)]],
            want: &[(1, &["0x1"]), (2, &["0x1", "0x2"]), (3, &["0x3"])],
            said: &["hourly/20260101/0, line 3: blocks 2 to 2 stand earlier in the files; "],
        },
        Rewritten {
            name: "begun anew two blocks before",
            form: FILLS,
            hours: vec![vec![
                line(1, 1, &one),
                line(2, 2, &two),
                line(3, 3, &both_of),
                again(2, 2, &two),
                again(3, 3, &both_of),
                line(4, 4, &three),
            ]],
            want: &[(1, &["0x1"]), (2, &["0x2"]), (3, &["0x1", "0x2"]), (4, &["0x3"])],
            said: &["hourly/20260101/0, line 4: blocks 2 to 2 stand earlier in the files; "],
        },
        Rewritten {
            name: "broken off inside a block and begun anew with the one before",
            form: "node_fills_streaming/hourly",
            hours: vec![vec![
                line(1, 1, &one),
                line(2, 2, &one),
                line(2, 2, &two),
                again(1, 1, &one),
                again(2, 2, &both_of),
                again(2, 2, &three),
                line(3, 3, &one),
                line(4, 4, &one),
            ]],
            want: &[(1, &["0x1"]), (2, &["0x1", "0x2", "0x3"]), (3, &["0x1"])],
            said: &["hourly/20260101/0, line 4: blocks 1 to 1 stand earlier in the files; "],
        },
        Rewritten {
            name: "broken off at the end of an hour and begun anew with the block",
            form: "node_fills_streaming/hourly",
            hours: vec![
                vec![line(1, 1, &one), line(2, 2, &one), line(2, 2, &two)],
                vec![again(2, 2, &one), again(2, 2, &two), again(2, 2, &three), line(3, 3, &one), line(4, 4, &one)],
            ],
            want: &[(1, &["0x1"]), (2, &["0x1", "0x2", "0x3"]), (3, &["0x1"])],
            said: &["hourly/20260101/1, line 1: blocks 2 to 2 stand earlier in the files; "],
        },
    ] {
        let folder = tempfile::tempdir().unwrap();
        for (hour, lines) in hours.iter().enumerate() {
            write(&folder.path().join(format!("{form}/20260101/{hour}")), lines);
        }
        let last = want.last().unwrap().0;
        // At once, and by a source that has read up to each block before.
        for step in [last, 1] {
            let source = FolderSource::open(folder.path(), ChainId::HYPERLIQUID, "node").unwrap();
            let (mut blocks, mut malformed) = (Vec::new(), Vec::new());
            for from in (1..=last).step_by(step as usize) {
                let batch = source.fetch(range(from, from + step - 1), &fills(Headers::Needed)).await.unwrap();
                assert_eq!(holes(&batch), [], "{name}");
                blocks.extend(texts(&batch));
                malformed.extend(batch.malformed.into_iter().map(|line| line.error));
            }
            let users = |text: &str| text.split('"').filter(|part| part.starts_with("0x")).map(str::to_owned).collect::<Vec<_>>();
            let found: Vec<(u64, Vec<String>)> = blocks.iter().map(|(height, text)| (*height, users(text))).collect();
            let want: Vec<(u64, Vec<String>)> =
                want.iter().map(|(height, users)| (*height, users.iter().map(|user| (*user).to_owned()).collect())).collect();
            assert_eq!(found, want, "{name}, {step} at once");
            let said: Vec<String> = said.iter().map(|said| format!("{}/{said}{earlier}", form.trim_end_matches("/hourly"))).collect();
            assert_eq!(malformed.len(), said.len(), "{name}: {malformed:?}");
            for (found, want) in malformed.iter().zip(&said) {
                assert!(found.starts_with(want.as_str()), "{name}: {found}");
            }
        }
    }
}

#[tokio::test]
async fn blocks_are_found_by_number_and_time() {
    let folder = tempfile::tempdir().unwrap();
    node(folder.path());
    let source = FolderSource::open(folder.path(), ChainId::HYPERLIQUID, "node").unwrap();
    for (height, time_ms) in [(1, Some(1_000)), (4, Some(3_599_000)), (6, Some(3_601_000)), (7, None), (0, None)] {
        let found = source.block_ref(height).await.unwrap();
        assert_eq!(found.map(|block| block.time_ms - NEW_YEAR_MS), time_ms, "{height}");
    }
    let times = [
        (0, Some(1)),
        (1_000, Some(1)),
        (1_001, Some(2)),
        (3_598_500, Some(4)),
        (3_599_500, Some(5)),
        (3_601_000, Some(6)),
        (3_601_001, None),
    ];
    for (time_ms, height) in times {
        assert_eq!(source.height_at(NEW_YEAR_MS + time_ms).await.unwrap(), height, "{time_ms}");
    }
}

#[tokio::test]
async fn streams_that_end_far_apart_are_both_read_to_the_end() {
    let folder = tempfile::tempdir().unwrap();
    node(folder.path());
    write(&folder.path().join(format!("{FILLS}/20260101/5")), &[line(7, 18_000, r#"["0xa",{}]"#)]);
    let source = FolderSource::open(folder.path(), ChainId::HYPERLIQUID, "node").unwrap();
    assert_eq!(source.heads().await.unwrap().latest.height, 7);
    write(&folder.path().join(format!("{MISC}/20260101/5")), &[line(8, 18_001, "{}")]);
    assert_eq!(source.heads().await.unwrap().latest.height, 7, "side by side, the earlier end counts");
}

#[test]
fn what_cannot_be_read_is_refused_by_name() {
    let fill = line(1, 1, r#"["0xa",{}]"#);
    let legacy = r#"["0xa",{"coin":"BTC","time":1}]"#.to_owned();
    let trades = r#"{"coin":"BTC","time":"2025-06-24T02:56:36.1","side_info":[]}"#.to_owned();
    let cases: &[(&[(&str, &str)], &str)] = &[
        (&[], "no Hyperliquid files found"),
        (&[("node_fills_by_block/hourly/20260101/0", &fill), ("node_fills_streaming/hourly/20260101/0", &fill)], "two layouts fit"),
        (&[("node_fills_by_block/hourly/20260101/0", &fill), ("a.jsonl", &fill)], "two layouts fit, node_fills_by_block and a.jsonl"),
        (&[("x/node_fills_by_block/hourly/20260101/0", &fill), ("y/node_fills_by_block/hourly/20260101/0", &fill)], "two layouts fit"),
        (&[("a.jsonl", &fill), ("b.jsonl", &fill)], "a.jsonl and b.jsonl both begin with block 1"),
        (&[("a.jsonl", &legacy)], "no Hyperliquid files found: expected at least one file of this chain"),
        (&[("a.jsonl", &trades)], "no Hyperliquid files found: expected at least one file of this chain"),
        (&[("a.jsonl", "what\n")], "a.jsonl: no complete line of a block"),
        (&[("a.jsonl", "")], "a.jsonl: no complete line of a block"),
    ];
    for (files, want) in cases {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in *files {
            write(&folder.path().join(name), &[(*text).to_owned()]);
        }
        let error = FolderSource::open(folder.path(), ChainId::HYPERLIQUID, "node").unwrap_err();
        assert_eq!((error.kind, error.label.as_str()), (SourceErrorKind::Permanent, "node"));
        assert!(error.message.contains(want), "{want:?} in {:?}", error.message);
        assert!(!error.message.contains(folder.path().to_str().unwrap()), "no whole paths: {}", error.message);
    }
}
