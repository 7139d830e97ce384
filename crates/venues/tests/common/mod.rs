//! Golden cases on disk: `tests/golden/<chain>/<venue>/<case>/`.
//!
//! `case.toml` says where the case comes from, `records.jsonl` holds one raw record a line, `events.jsonl` the events that
//! must come of them and `failures.jsonl`, where there is one, the records that must be refused. A constructed case on an
//! EVM chain has `logs.json` besides, of which `records.jsonl` is the encoding.

// Each test program uses its own part of this module.
#![allow(dead_code)]

use std::{
    fs,
    path::{Path, PathBuf},
};

use perpdex_core::{ChainId, DecodeUnit, Decoded, RawBody, RawRecord, Venue};
use serde::{Deserialize, de::DeserializeOwned};

/// One case.
pub(crate) struct Case {
    /// Its folder.
    pub(crate) path: PathBuf,
    /// The chain, from the path.
    pub(crate) chain: ChainId,
    /// The venue's slug, from the path.
    pub(crate) venue: String,
    /// Where it comes from.
    pub(crate) origin: Origin,
}

/// `case.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Origin {
    /// Whether a chain said it or we made it up after the venue's layout.
    pub(crate) provenance: Provenance,
    /// Transaction, of recorded cases.
    pub(crate) tx_id: Option<String>,
    /// Where the bytes, or the layout, were read.
    pub(crate) source: String,
    /// What the case shows.
    pub(crate) note: String,
}

/// Origin of a case's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Provenance {
    /// Read from a chain.
    Recorded,
    /// Encoded by us.
    Constructed,
}

/// Root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the crate lies two levels below the root").to_owned()
}

/// Whether expected files are to be written, not compared.
pub(crate) fn update() -> bool {
    std::env::var_os("UPDATE_EXPECT").is_some_and(|value| value == "1")
}

/// All cases, by path.
pub(crate) fn cases() -> Vec<Case> {
    let golden = root().join("tests/golden");
    let mut cases = Vec::new();
    collect(&golden, &golden, &mut cases);
    cases.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(!cases.is_empty(), "no case under {}", golden.display());
    cases
}

/// Decodes records, one unit for each transaction (for each record on HyperCore, where a record is a block), with the
/// contract values that are recorded for its height.
pub(crate) fn decode(venue: &dyn Venue, records: &[RawRecord]) -> Decoded {
    let (state, records): (Vec<RawRecord>, Vec<RawRecord>) = records.iter().cloned().partition(is_state);
    let mut out = Decoded::default();
    for unit in records.chunk_by(|a, b| (a.height, &a.tx_id) == (b.height, &b.tx_id) && a.chain != ChainId::HYPERLIQUID) {
        let head = &unit[0];
        let state: Vec<RawRecord> = state.iter().filter(|record| record.height == head.height).cloned().collect();
        let (height, time_ms) = (head.height, head.time_ms);
        let unit = DecodeUnit { chain: head.chain, height, time_ms, tx_id: &head.tx_id, records: unit, state: &state };
        out.append(venue.decode(&unit));
    }
    out
}

/// Whether a record is a contract value that a decoder asked for, and no record of a stream.
pub(crate) fn is_state(record: &RawRecord) -> bool {
    matches!(record.body, RawBody::StateRead { .. })
}

/// Compares text with a file, or writes it where [`update`] says so.
pub(crate) fn expect_file(path: &Path, actual: &str) {
    if update() {
        if fs::read_to_string(path).ok().as_deref() != Some(actual) {
            fs::write(path, actual).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        }
        return;
    }
    let expected = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    for (i, (want, have)) in expected.lines().zip(actual.lines()).enumerate() {
        assert_eq!(have, want, "{}, line {}", path.display(), i + 1);
    }
    assert_eq!(actual.lines().count(), expected.lines().count(), "number of lines of {}", path.display());
}

impl Case {
    /// `records.jsonl`.
    pub(crate) fn records(&self) -> Vec<RawRecord> {
        read_lines(&self.path.join("records.jsonl"))
    }
}

/// A file of one JSON value a line.
pub(crate) fn read_lines<T: DeserializeOwned>(path: &Path) -> Vec<T> {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let parse = |(i, line)| serde_json::from_str(line).unwrap_or_else(|error| panic!("{}, line {}: {error}", path.display(), i + 1));
    text.lines().enumerate().map(parse).collect()
}

fn collect(golden: &Path, folder: &Path, cases: &mut Vec<Case>) {
    let case_file = folder.join("case.toml");
    if case_file.is_file() {
        cases.push(case(golden, folder, &case_file));
        return;
    }
    for entry in fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.unwrap().path();
        assert!(path.is_dir(), "{} is not in the folder of a case", path.display());
        collect(golden, &path, cases);
    }
}

fn case(golden: &Path, folder: &Path, case_file: &Path) -> Case {
    let relative = folder.strip_prefix(golden).unwrap().to_str().expect("names of cases are ASCII");
    let mut parts: Vec<&str> = relative.split('/').collect();
    let _name = parts.pop();
    let venue = parts.pop().unwrap_or_default().to_owned();
    let chain = ChainId::from_slug(&parts.join("/")).unwrap_or_else(|| panic!("{relative} does not begin with a chain"));
    let text = fs::read_to_string(case_file).unwrap();
    let origin: Origin = toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", case_file.display()));
    Case { path: folder.to_owned(), chain, venue, origin }
}
