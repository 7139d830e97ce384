//! Files and filters for the tests of the source.

#![allow(dead_code, reason = "each test file uses its own part")]

pub(crate) mod info;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use lz4_flex::frame::{BlockSize, FrameEncoder, FrameInfo};
use perpdex_core::{BlockRange, ChainId, Filter, Headers, HyperliquidStream, StreamId, VenueSlug, Watch};

pub(crate) const FILLS: &str = "node_fills_by_block/hourly";
pub(crate) const MISC: &str = "misc_events_by_block/hourly";

/// A line with the given events, at a second of 2026-01-01.
pub(crate) fn line(number: u64, second: i64, events: &str) -> String {
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    let time = format!("2026-01-01T{hour:02}:{minute:02}:{second:02}.000000000");
    format!(r#"{{"local_time":"{time}","block_time":"{time}","block_number":{number},"events":[{events}]}}"#)
}

/// Writes lines to a file, making its folders.
pub(crate) fn write(path: &Path, lines: &[String]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let text: String = lines.iter().filter(|line| !line.is_empty()).map(|line| format!("{}\n", line.trim_end())).collect();
    fs::write(path, text).unwrap();
}

/// The text as an LZ4 frame of many blocks: what lies in a broken block cannot be had.
pub(crate) fn frame(text: &str) -> Vec<u8> {
    let info = FrameInfo::new().block_size(BlockSize::Max64KB);
    let mut encoder = FrameEncoder::with_frame_info(info, Vec::new());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn range(from: u64, to: u64) -> BlockRange {
    BlockRange::new(from, to).unwrap()
}

pub(crate) fn filter(streams: &[HyperliquidStream], headers: Headers) -> Filter {
    let id = |stream: HyperliquidStream| StreamId {
        chain: ChainId::HYPERLIQUID,
        venue: VenueSlug::known("hyperliquid"),
        part: stream.as_str().to_owned(),
        version: 1,
    };
    Filter { streams: streams.iter().map(|stream| (id(*stream), Watch::HyperCore(*stream))).collect(), headers }
}

pub(crate) fn fills(headers: Headers) -> Filter {
    filter(&[HyperliquidStream::Fills], headers)
}

pub(crate) fn both(headers: Headers) -> Filter {
    filter(&[HyperliquidStream::Fills, HyperliquidStream::MiscEvents], headers)
}

/// A file of the reference samples; `None`, after saying so, where the samples are not at hand. Under `CI=true` they must be.
pub(crate) fn reference(test: &str, path: &str) -> Option<PathBuf> {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/reference");
    let root = std::env::var_os("PERPDEX_REFERENCE").map_or(default, PathBuf::from);
    let path = root.join(path);
    if path.is_file() {
        return Some(path);
    }
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{test}: no reference samples; set PERPDEX_REFERENCE");
    eprintln!("skipped: {test}");
    None
}
