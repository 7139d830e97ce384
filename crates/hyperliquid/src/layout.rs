//! Where node and archive folders keep their files: `<root>/<stream>/hourly/{YYYYMMDD}/{H}`, plain or `{H}.lz4`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use perpdex_core::HyperliquidStream;

use crate::error::FolderError;

/// How a writer spreads a block over lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// One line a block.
    ByBlock,
    /// One or more consecutive lines a block: the newest block is complete when the next one begins.
    Streaming,
}

/// The hourly folder of one stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HourlyFolder {
    pub(crate) stream: HyperliquidStream,
    pub(crate) form: Form,
    /// Folder name of the stream.
    pub(crate) name: &'static str,
    /// The folder named `hourly`.
    path: PathBuf,
}

/// What a path turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// Hourly folders, at most one a stream.
    Hourly(Vec<HourlyFolder>),
    /// Files that must tell by themselves what they are.
    Files(Vec<PathBuf>),
}

/// Folder names that a node uses, with what they hold.
const STREAM_FOLDERS: &[(&str, HyperliquidStream, Form)] = &[
    ("node_fills_by_block", HyperliquidStream::Fills, Form::ByBlock),
    ("node_fills_streaming", HyperliquidStream::Fills, Form::Streaming),
    ("misc_events_by_block", HyperliquidStream::MiscEvents, Form::ByBlock),
    ("misc_events_streaming", HyperliquidStream::MiscEvents, Form::Streaming),
];

const EXPECTED: &str = "node_fills_by_block/hourly, node_fills_streaming/hourly, misc_events_by_block/hourly, misc_events_streaming/hourly \
                        or files named *.jsonl, *.lz4";

/// Recognises the layout of a path by names: a root, the folder above it, one stream's folder, or plain files.
pub(crate) fn detect(path: &Path) -> Result<Found, FolderError> {
    if path.is_file() {
        return Ok(Found::Files(vec![path.to_owned()]));
    }
    let entries = sorted_entries(path)?;
    let mut roots = vec![stream_folder(path).into_iter().collect(), stream_folders(path)];
    roots.extend(entries.iter().filter(|entry| entry.is_dir()).map(|entry| stream_folders(entry)));
    let mut hourly: Vec<Vec<HourlyFolder>> = roots.into_iter().filter(|folders: &Vec<HourlyFolder>| !folders.is_empty()).collect();
    let files: Vec<PathBuf> = entries.into_iter().filter(|entry| entry.is_file() && has_data_name(entry)).collect();
    if let [first, second, ..] = hourly.as_slice() {
        return Err(two_layouts(path, &first[0].path, &second[0].path));
    }
    match (hourly.pop(), files.first()) {
        (Some(folders), Some(file)) => Err(two_layouts(path, &folders[0].path, file)),
        (Some(folders), None) => one_form_per_stream(path, folders).map(Found::Hourly),
        (None, Some(_)) => Ok(Found::Files(files)),
        (None, None) => Err(FolderError::NothingFound { expected: EXPECTED }),
    }
}

/// The files of an hourly folder in order of time, with the names that messages use. Names that are no hour are left out.
pub(crate) fn hourly_files(folder: &HourlyFolder) -> Result<Vec<(PathBuf, String)>, FolderError> {
    let mut files = Vec::new();
    for day in sorted_entries(&folder.path)? {
        let day_name = file_name(&day);
        if !day.is_dir() || day_name.len() != 8 || !day_name.bytes().all(|byte| byte.is_ascii_digit()) {
            continue;
        }
        let mut hours: BTreeMap<u8, PathBuf> = BTreeMap::new();
        for path in sorted_entries(&day)? {
            let name = file_name(&path);
            let Some(hour) = name.strip_suffix(".lz4").unwrap_or(&name).parse::<u8>().ok().filter(|hour| *hour < 24) else { continue };
            if let Some(other) = hours.insert(hour, path.clone()) {
                let named = |path: &Path| format!("{}/hourly/{day_name}/{}", folder.name, file_name(path));
                return Err(FolderError::SameHour { first: named(&other), second: named(&path) });
            }
        }
        files.extend(hours.into_values().map(|path| {
            let name = format!("{}/hourly/{day_name}/{}", folder.name, file_name(&path));
            (path, name)
        }));
    }
    Ok(files)
}

/// The last part of a path, as messages name it.
pub(crate) fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(|| ".".to_owned(), |name| name.to_string_lossy().into_owned())
}

fn stream_folders(root: &Path) -> Vec<HourlyFolder> {
    STREAM_FOLDERS.iter().filter_map(|(name, ..)| stream_folder(&root.join(name))).collect()
}

fn stream_folder(path: &Path) -> Option<HourlyFolder> {
    let hourly = path.join("hourly");
    let own_name = file_name(path);
    let (name, stream, form) = STREAM_FOLDERS.iter().find(|(name, ..)| *name == own_name)?;
    hourly.is_dir().then_some(HourlyFolder { stream: *stream, form: *form, name, path: hourly })
}

fn one_form_per_stream(path: &Path, folders: Vec<HourlyFolder>) -> Result<Vec<HourlyFolder>, FolderError> {
    for (at, folder) in folders.iter().enumerate() {
        if let Some(other) = folders[at + 1..].iter().find(|other| other.stream == folder.stream) {
            return Err(two_layouts(path, &folder.path, &other.path));
        }
    }
    Ok(folders)
}

fn two_layouts(root: &Path, first: &Path, second: &Path) -> FolderError {
    let named = |path: &Path| path.strip_prefix(root).unwrap_or(path).display().to_string();
    FolderError::TwoLayouts { first: named(first), second: named(second) }
}

fn has_data_name(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "jsonl" || extension == "lz4")
}

fn sorted_entries(folder: &Path) -> Result<Vec<PathBuf>, FolderError> {
    let io = |source| FolderError::Io { file: file_name(folder), source };
    let mut entries: Vec<PathBuf> =
        fs::read_dir(folder).map_err(io)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>().map_err(io)?;
    entries.sort();
    Ok(entries)
}
