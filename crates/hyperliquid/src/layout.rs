//! Where node and archive folders keep their files: `<root>/<stream>/hourly/{YYYYMMDD}/{H}` and `<root>/asset_ctxs/{YYYYMMDD}.csv`,
//! plain or compressed. The same names stand in a bucket.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use perpdex_core::{ChainId, HyperliquidStream};

use crate::bucket::Bucket;
use crate::error::FolderError;
use crate::place::Place;

/// How a writer spreads a block over lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// One line a block.
    ByBlock,
    /// One or more consecutive lines a block: the newest block is complete when the next one begins.
    Streaming,
}

/// A kind of folder that a node or the archive has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StreamFolder {
    /// Its name.
    pub(crate) name: &'static str,
    /// What it holds.
    pub(crate) stream: HyperliquidStream,
    /// How.
    pub(crate) form: Form,
}

const fn folder(name: &'static str, stream: HyperliquidStream, form: Form) -> StreamFolder {
    StreamFolder { name, stream, form }
}

/// Folder names that a node and the archives use, with what they hold.
const STREAM_FOLDERS: &[StreamFolder] = &[
    folder("node_fills_by_block", HyperliquidStream::Fills, Form::ByBlock),
    folder("node_fills_streaming", HyperliquidStream::Fills, Form::Streaming),
    folder("misc_events_by_block", HyperliquidStream::MiscEvents, Form::ByBlock),
    folder("misc_events_streaming", HyperliquidStream::MiscEvents, Form::Streaming),
    folder("node_fills", HyperliquidStream::NodeFills, Form::Streaming),
    folder("node_trades", HyperliquidStream::NodeTrades, Form::Streaming),
    folder(CONTEXTS, HyperliquidStream::AssetContexts, Form::Streaming),
];

/// The folder with one file a day.
const CONTEXTS: &str = "asset_ctxs";
/// The folder between a stream's and its days.
const HOURLY: &str = "hourly";
/// Endings of compressed files.
const COMPRESSED: &[&str] = &[".lz4", ".gz", ".zst"];

/// The chain that a stream's heights count on: blocks, or milliseconds.
pub(crate) fn chain_of(stream: HyperliquidStream) -> ChainId {
    match stream {
        HyperliquidStream::Fills | HyperliquidStream::MiscEvents => ChainId::HYPERLIQUID,
        HyperliquidStream::NodeFills | HyperliquidStream::NodeTrades | HyperliquidStream::AssetContexts => ChainId::HYPERLIQUID_FILES,
        HyperliquidStream::ApiContexts | HyperliquidStream::ApiFunding | HyperliquidStream::ApiTrades => ChainId::HYPERLIQUID_API,
    }
}

/// Where files are looked for.
pub(crate) enum Root {
    /// Folders of streams.
    Folders(Vec<(StreamFolder, PathBuf)>),
    /// Objects below a prefix.
    Bucket(Bucket),
    /// Files that were named one by one: there are no others.
    Named,
}

/// One file that was found.
#[derive(Clone, Debug)]
pub(crate) struct Listed {
    pub(crate) folder: StreamFolder,
    /// The hour or day it stands for: ascends with time, and is the same for a file before and after it was compressed.
    pub(crate) slot: String,
    /// Name for messages.
    pub(crate) name: String,
    pub(crate) place: Place,
}

impl Root {
    /// All files by stream and slot. Of a plain file and a compressed one for the same slot the plain one counts: a node that
    /// compresses its files writes the second while the first still stands.
    pub(crate) fn list(&self) -> Result<Vec<Listed>, FolderError> {
        let mut found: BTreeMap<(&'static str, String), Listed> = BTreeMap::new();
        let mut add = |listed: Listed| {
            let key = (listed.folder.name, listed.slot.clone());
            if found.get(&key).is_none_or(|other| is_compressed(&other.name)) {
                found.insert(key, listed);
            }
        };
        match self {
            Root::Folders(folders) => {
                for (folder, path) in folders {
                    for (relative, path) in files_below(path, if folder.name == CONTEXTS { 0 } else { 2 })? {
                        let name = format!("{}/{relative}", folder.name);
                        add_if_named(folder, &relative, name, Place::Local(path), &mut add);
                    }
                }
            }
            Root::Bucket(bucket) => {
                for key in bucket.list()? {
                    let parts: Vec<&str> = key.split('/').collect();
                    let at = parts.iter().position(|part| STREAM_FOLDERS.iter().any(|folder| folder.name == *part));
                    let Some((at, folder)) = at.and_then(|at| Some((at, STREAM_FOLDERS.iter().find(|folder| folder.name == parts[at])?)))
                    else {
                        continue;
                    };
                    let relative = parts[at + 1..].join("/");
                    let name = parts[at..].join("/");
                    add_if_named(folder, &relative, name, Place::Object(bucket.clone(), key.clone()), &mut add);
                }
            }
            Root::Named => {}
        }
        Ok(found.into_values().collect())
    }
}

fn add_if_named(folder: &StreamFolder, relative: &str, name: String, place: Place, add: &mut impl FnMut(Listed)) {
    if let Some(slot) = slot_of(folder, relative) {
        add(Listed { folder: *folder, slot, name, place });
    }
}

/// The slot of a path below its stream's folder: `hourly/20251027/7.lz4` is `20251027/07`. `None` for names that are none.
fn slot_of(folder: &StreamFolder, relative: &str) -> Option<String> {
    let bare = COMPRESSED.iter().find_map(|ending| relative.strip_suffix(ending)).unwrap_or(relative);
    let is_day = |day: &str| day.len() == 8 && day.bytes().all(|byte| byte.is_ascii_digit());
    if folder.name == CONTEXTS {
        return bare.strip_suffix(".csv").filter(|day| is_day(day)).map(str::to_owned);
    }
    let (day, hour) = bare.strip_prefix(HOURLY)?.strip_prefix('/')?.split_once('/')?;
    let hour: u8 = hour.parse().ok().filter(|hour| *hour < 24)?;
    is_day(day).then(|| format!("{day}/{hour:02}"))
}

fn is_compressed(name: &str) -> bool {
    COMPRESSED.iter().any(|ending| name.ends_with(ending))
}

/// What a path turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// Folders of streams, at most one a stream.
    Folders(Vec<(StreamFolder, PathBuf)>),
    /// Files that must tell by themselves what they are.
    Files(Vec<PathBuf>),
}

/// What a folder is expected to hold, for messages.
const EXPECTED: &str = "node_fills_by_block/hourly, node_fills_streaming/hourly, misc_events_by_block/hourly, misc_events_streaming/hourly, \
                        node_fills/hourly, node_trades/hourly, asset_ctxs or files named *.jsonl, *.csv, *.lz4, *.gz, *.zst";

/// Recognises the layout of a path by names: a root, the folder above it, one stream's folder, or plain files.
pub(crate) fn detect(path: &Path) -> Result<Found, FolderError> {
    if path.is_file() {
        return Ok(Found::Files(vec![path.to_owned()]));
    }
    let entries = sorted_entries(path)?;
    let mut roots: Vec<Vec<_>> = vec![stream_folder(path).into_iter().collect(), stream_folders(path)];
    roots.extend(entries.iter().filter(|entry| entry.is_dir()).map(|entry| stream_folders(entry)));
    roots.retain(|folders| !folders.is_empty());
    let files: Vec<PathBuf> = entries.into_iter().filter(|entry| entry.is_file() && has_data_name(entry)).collect();
    if let [first, second, ..] = roots.as_slice() {
        return Err(two_layouts(path, &first[0].1, &second[0].1));
    }
    match (roots.pop(), files.first()) {
        // The files of a folder that is one stream's by its name are that stream's.
        (Some(folders), Some(_)) if folders[0].1 == path => one_form_per_stream(path, folders).map(Found::Folders),
        (Some(folders), Some(file)) => Err(two_layouts(path, &folders[0].1, file)),
        (Some(folders), None) => one_form_per_stream(path, folders).map(Found::Folders),
        (None, Some(_)) => Ok(Found::Files(files)),
        (None, None) => Err(FolderError::NothingFound { expected: EXPECTED }),
    }
}

/// The last part of a path, as messages name it.
pub(crate) fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(|| ".".to_owned(), |name| name.to_string_lossy().into_owned())
}

fn stream_folders(root: &Path) -> Vec<(StreamFolder, PathBuf)> {
    STREAM_FOLDERS.iter().filter_map(|folder| stream_folder(&root.join(folder.name))).collect()
}

fn stream_folder(path: &Path) -> Option<(StreamFolder, PathBuf)> {
    let own_name = file_name(path);
    let folder = STREAM_FOLDERS.iter().find(|folder| folder.name == own_name)?;
    let inner = if folder.name == CONTEXTS { path.to_owned() } else { path.join(HOURLY) };
    inner.is_dir().then_some((*folder, path.to_owned()))
}

fn one_form_per_stream(path: &Path, folders: Vec<(StreamFolder, PathBuf)>) -> Result<Vec<(StreamFolder, PathBuf)>, FolderError> {
    for (at, (folder, first)) in folders.iter().enumerate() {
        if let Some((_, second)) = folders[at + 1..].iter().find(|(other, _)| other.stream == folder.stream) {
            return Err(two_layouts(path, first, second));
        }
    }
    Ok(folders)
}

fn two_layouts(root: &Path, first: &Path, second: &Path) -> FolderError {
    let named = |path: &Path| path.strip_prefix(root).unwrap_or(path).display().to_string();
    FolderError::TwoLayouts { first: named(first), second: named(second) }
}

fn has_data_name(path: &Path) -> bool {
    path.extension().is_some_and(|extension| ["jsonl", "csv", "lz4", "gz", "zst"].iter().any(|known| extension == *known))
}

/// Files below a folder down to `depth` folders deep, with their paths relative to it, by `/`.
fn files_below(folder: &Path, depth: usize) -> Result<Vec<(String, PathBuf)>, FolderError> {
    let mut files = Vec::new();
    for entry in sorted_entries(folder)? {
        let name = file_name(&entry);
        if !entry.is_dir() {
            files.push((name, entry));
        } else if depth > 0 {
            files.extend(files_below(&entry, depth - 1)?.into_iter().map(|(below, path)| (format!("{name}/{below}"), path)));
        }
    }
    Ok(files)
}

fn sorted_entries(folder: &Path) -> Result<Vec<PathBuf>, FolderError> {
    let io = |source| FolderError::Io { file: file_name(folder), source };
    let mut entries: Vec<PathBuf> =
        fs::read_dir(folder).map_err(io)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>().map_err(io)?;
    entries.sort();
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_told_by_names() {
        let fills = &STREAM_FOLDERS[0];
        let contexts = &STREAM_FOLDERS[6];
        for (folder, name, slot) in [
            (fills, "hourly/20251027/7", Some("20251027/07")),
            (fills, "hourly/20251027/17.lz4", Some("20251027/17")),
            (fills, "hourly/20251027/24", None),
            (fills, "hourly/2025/7", None),
            (fills, "20251027/7", None),
            (fills, "hourly/20251027/7.tmp", None),
            (contexts, "20251113.csv.lz4", Some("20251113")),
            (contexts, "20251113.csv", Some("20251113")),
            (contexts, "notes.csv", None),
        ] {
            assert_eq!(slot_of(folder, name).as_deref(), slot, "{name}");
        }
    }
}
