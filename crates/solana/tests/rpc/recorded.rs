//! Blocks in a folder.

use std::fs;

use perpdex_core::{Evidence, Headers, Source, SourceErrorKind};
use perpdex_solana::RecordedBlocks;
use tempfile::TempDir;

use crate::node::{FIRST, Node, chain, filter, range, time_ms};

/// A folder with files of these names and lines.
fn folder(files: &[(&str, Vec<String>)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, lines) in files {
        fs::write(folder.path().join(name), lines.iter().map(|line| format!("{line}\n")).collect::<String>()).unwrap();
    }
    folder
}

fn open(folder: &TempDir) -> RecordedBlocks {
    RecordedBlocks::open(folder.path(), "blocks").unwrap()
}

fn holes(batch: &perpdex_core::Batch) -> Vec<(u64, u64)> {
    batch.holes.iter().map(|hole| (hole.range.from(), hole.range.to())).collect()
}

#[tokio::test]
async fn recorded_blocks_give_what_the_node_gives() {
    let folder = folder(&[
        ("blocks-1000-1011.jsonl", chain().recorded(1_000, 1_011)),
        ("blocks-1012-1030.jsonl", chain().recorded(1_012, 1_030)),
        ("notes.txt", vec!["not a file of blocks".to_owned()]),
    ]);
    let source = open(&folder);
    let heads = source.heads().await.unwrap();
    assert_eq!((heads.earliest, heads.latest.height, heads.finalized), (Some(1_000), 1_030, 1_030));
    let node = Node::start(chain()).await;
    for part in [range(FIRST, 1_011), range(1_012, 1_030)] {
        let recorded = source.fetch(part, &filter(Headers::Needed)).await.unwrap();
        let asked = node.source().fetch(part, &filter(Headers::Needed)).await.unwrap();
        assert_eq!((recorded.range, &recorded.records, recorded.evidence), (part, &asked.records, Evidence::Receipts));
        assert!(recorded.holes.is_empty(), "{:?}", recorded.holes);
    }
    let part = source.fetch(range(1_005, 1_020), &filter(Headers::Needed)).await.unwrap();
    assert_eq!(part.range, range(1_005, 1_011), "one file at a time; the next one tells that 1010 and 1011 were skipped");
    assert_eq!(source.block_ref(1_010).await.unwrap(), None);
    assert_eq!(source.block_ref(1_012).await.unwrap().unwrap().time_ms, time_ms(1_012));
    assert_eq!(source.block_ref(999).await.unwrap_err().kind, SourceErrorKind::Pruned);
    assert_eq!(source.height_at(time_ms(1_009) + 1).await.unwrap(), Some(1_012));
}

#[tokio::test]
async fn what_no_block_vouches_for_is_a_hole() {
    let mut lines = chain().recorded(1_000, 1_009);
    lines.remove(4);
    let cut = lines.pop().unwrap();
    lines.push(cut[..cut.len() / 2].to_owned());
    let folder = folder(&[("blocks-1000-1011.jsonl", lines), ("blocks-1020-1025.jsonl", chain().recorded(1_020, 1_025))]);
    let source = open(&folder);
    let batch = source.fetch(range(1_000, 1_011), &filter(Headers::Needed)).await.unwrap();
    assert_eq!(holes(&batch), [(1_004, 1_004), (1_009, 1_011)], "a line that is not there, and one that was cut");
    assert!(batch.holes[1].detail.starts_with("blocks-1000-1011.jsonl: line 9: "), "{}", batch.holes[1].detail);
    let between = source.fetch(range(1_012, 1_025), &filter(Headers::Needed)).await.unwrap();
    assert_eq!((between.range, holes(&between)), (range(1_012, 1_019), vec![(1_012, 1_019)]));
}

#[tokio::test]
async fn a_block_that_cannot_be_read_is_kept_as_such() {
    let lines = chain().recorded(1_012, 1_014);
    let broken = lines[0].replace("\"accountKeys\"", "\"keys\"");
    assert_ne!(broken, lines[0]);
    let folder = folder(&[("blocks-1012-1014.jsonl", vec![broken, lines[1].clone(), lines[2].clone()])]);
    let batch = open(&folder).fetch(range(1_012, 1_014), &filter(Headers::Needed)).await.unwrap();
    assert_eq!((holes(&batch), batch.malformed.len(), batch.malformed[0].height), (vec![(1_012, 1_012)], 1, 1_012));
    assert!(batch.malformed[0].error.contains("blocks-1012-1014.jsonl line 1: missing field `accountKeys`"), "{:?}", batch.malformed);
}

#[test]
fn folders_that_cannot_be_meant() {
    let open = |files: &[(&str, Vec<String>)]| RecordedBlocks::open(folder(files).path(), "blocks").unwrap_err().to_string();
    assert_eq!(open(&[("other.jsonl", Vec::new())]), "blocks: no file blocks-FROM-TO.jsonl in the folder");
    assert_eq!(
        open(&[("blocks-1-9.jsonl", Vec::new()), ("blocks-9-12.jsonl", Vec::new())]),
        "blocks: blocks-1-9.jsonl and blocks-9-12.jsonl both hold slot 9: keep one of them"
    );
}
