//! The index of a stream's files: what each one begins with. Built from their first lines alone.

use std::io;
use std::path::{Path, PathBuf};

use perpdex_core::HyperliquidStream;

use crate::contexts::Day;
use crate::envelope::{Envelope, Head};
use crate::error::FolderError;
use crate::layout::{Form, file_name};
use crate::lines::{LineReader, Next};
use crate::place::Place;

/// Lines read of a file to find its first block and, where names do not tell, its stream.
const PROBE_LINES_MAX: usize = 1_000;

/// One file of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FileEntry {
    pub(crate) place: Place,
    /// Name for messages, relative to the folder.
    pub(crate) name: String,
    /// The hour or day the file stands for; its name where it was named by itself.
    pub(crate) slot: String,
    /// Number of the first block.
    pub(crate) first: u64,
    /// Time of the first block, unix milliseconds. It may lie before the hour that the file is named after.
    pub(crate) first_ms: i64,
}

/// The files of one stream, ascending by first block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StreamFiles {
    pub(crate) stream: HyperliquidStream,
    pub(crate) form: Form,
    /// Whether the last file may still be written: then a broken last line is a line that is not there yet.
    pub(crate) growing: bool,
    /// From this height on the stream's records are taken from a newer stream, and are none of this one's.
    pub(crate) until: Option<u64>,
    pub(crate) entries: Vec<FileEntry>,
}

impl StreamFiles {
    /// Index of the file that holds `height`, if any does: the last one that begins at or before it, and the one before
    /// that where a block may begin in one file and end in the next. `None` below the first file.
    pub(crate) fn holding(&self, height: u64) -> Option<usize> {
        let at = self.entries.partition_point(|entry| entry.first <= height).checked_sub(1)?;
        let split_block = self.form == Form::Streaming && self.entries[at].first == height;
        Some(if split_block { at.saturating_sub(1) } else { at })
    }

    /// Puts files in order; two that begin with the same block cannot both be right.
    pub(crate) fn sort(&mut self) -> Result<(), FolderError> {
        self.entries.sort_by(|a, b| (a.first, &a.slot).cmp(&(b.first, &b.slot)));
        // A streaming writer may end one file and begin the next inside one block.
        if self.form == Form::Streaming {
            return Ok(());
        }
        match self.entries.windows(2).find(|pair| pair[0].first == pair[1].first) {
            Some(pair) => Err(FolderError::SameStart { first: pair[0].name.clone(), second: pair[1].name.clone(), block: pair[0].first }),
            None => Ok(()),
        }
    }

    /// Opens a file for reading from its start. Of a bucket the files behind it are fetched meanwhile.
    pub(crate) fn open(&self, file: usize) -> Result<LineReader, FolderError> {
        let entry = &self.entries[file];
        match &entry.place {
            Place::Local(path) => LineReader::open(path).map_err(|source| self.io(file, source)),
            Place::Object(bucket, key) => {
                let keys = |entry: &FileEntry| match &entry.place {
                    Place::Object(_, key) => Some(key.clone()),
                    Place::Local(_) => None,
                };
                let next: Vec<String> = self.entries[file + 1..].iter().take(bucket.ahead()).filter_map(keys).collect();
                LineReader::over(bucket.open(key, &next)?).map_err(|source| self.io(file, source))
            }
        }
    }

    /// An error while reading a file.
    pub(crate) fn io(&self, file: usize, source: io::Error) -> FolderError {
        FolderError::Io { file: self.entries[file].name.clone(), source }
    }

    /// Whether heights are unix milliseconds: lines name no block.
    pub(crate) fn is_timed(&self) -> bool {
        is_timed(self.stream)
    }
}

/// Whether a stream's heights are unix milliseconds.
pub(crate) fn is_timed(stream: HyperliquidStream) -> bool {
    !matches!(stream, HyperliquidStream::Fills | HyperliquidStream::MiscEvents)
}

/// What the first lines of a file say.
#[derive(Debug)]
pub(crate) struct Probe {
    /// Number and time of the first block.
    pub(crate) first: (u64, i64),
    /// The stream its first event belongs to; `None` if the lines looked at hold no event.
    pub(crate) stream: Option<HyperliquidStream>,
    pub(crate) compressed: bool,
}

/// Reads the first lines of a file. `None`: it holds no complete line yet, though it could still grow.
///
/// `stream`: what the file is known to hold; where it is not, its first event is looked for.
pub(crate) fn probe(place: &Place, name: &str, stream: Option<HyperliquidStream>) -> Result<Option<Probe>, FolderError> {
    let io = |source| FolderError::Io { file: name.to_owned(), source };
    match place {
        Place::Local(path) => probe_lines(LineReader::open(path).map_err(io)?, name, stream),
        Place::Object(bucket, key) => bucket.probe(key, |start, is_whole| {
            let lines = LineReader::over(Box::new(io::Cursor::new(start))).map_err(io)?;
            if stream == Some(HyperliquidStream::AssetContexts) && !is_whole {
                // A day is in order of time only when all of it is read.
                return Ok(None);
            }
            match probe_lines(lines, name, stream) {
                Err(FolderError::NoBlock { .. }) if !is_whole => Ok(None),
                probed => probed,
            }
        }),
    }
}

fn probe_lines(mut lines: LineReader, name: &str, known: Option<HyperliquidStream>) -> Result<Option<Probe>, FolderError> {
    let io = |source| FolderError::Io { file: name.to_owned(), source };
    let compressed = lines.compressed();
    let mut probe: Option<Probe> = None;
    let mut stream = known;
    let mut why = "the file is empty".to_owned();
    if known == Some(HyperliquidStream::AssetContexts) {
        return probe_day(lines, name).map(Some);
    }
    for _ in 0..PROBE_LINES_MAX {
        match lines.next().map_err(io)? {
            Next::Line => {
                stream = stream.or_else(|| stream_of(lines.line()));
                if stream == Some(HyperliquidStream::AssetContexts) {
                    return Err(FolderError::Contexts { file: name.to_owned() });
                }
                match Head::parse(stream.unwrap_or(HyperliquidStream::Fills), lines.line()) {
                    Ok(head) => {
                        probe.get_or_insert(Probe { first: (head.number, head.time_ms), stream: None, compressed });
                    }
                    Err(error) if probe.is_none() => why = error,
                    Err(_) => {}
                }
            }
            Next::TooLong => why = "line too long".to_owned(),
            Next::End { partial } if !compressed && probe.is_none() && (partial || lines.number() == 0) => return Ok(None),
            Next::End { .. } => break,
            Next::Cut { cause } => {
                why = cause;
                break;
            }
        }
        if probe.is_some() && stream.is_some() {
            break;
        }
    }
    match probe {
        Some(probe) => Ok(Some(Probe { stream, ..probe })),
        None => Err(FolderError::NoBlock { file: name.to_owned(), lines: PROBE_LINES_MAX, why }),
    }
}

/// The first row of a day of contexts, by time.
fn probe_day(lines: LineReader, name: &str) -> Result<Probe, FolderError> {
    let compressed = lines.compressed();
    let io = |source| FolderError::Io { file: name.to_owned(), source };
    let mut rows = Day::read(lines).and_then(Day::into_lines).map_err(io)?;
    let none = |why: String| FolderError::NoBlock { file: name.to_owned(), lines: PROBE_LINES_MAX, why };
    match rows.next().map_err(io)? {
        Next::Line => {
            let head = Head::parse(HyperliquidStream::AssetContexts, rows.line()).map_err(none)?;
            Ok(Probe { first: (head.number, head.time_ms), stream: Some(HyperliquidStream::AssetContexts), compressed })
        }
        _ => Err(none("no row with a time".to_owned())),
    }
}

/// The stream that a line belongs to by its shape, if the line tells.
fn stream_of(line: &[u8]) -> Option<HyperliquidStream> {
    if line.starts_with(b"[\"0x") {
        return Some(HyperliquidStream::NodeFills);
    }
    if line.windows(SIDE_INFO.len()).any(|bytes| bytes == SIDE_INFO) {
        return Some(HyperliquidStream::NodeTrades);
    }
    if line.split(|byte| *byte == b',').any(|name| name == b"open_interest") {
        return Some(HyperliquidStream::AssetContexts);
    }
    Envelope::parse(line).ok().and_then(|(envelope, ..)| envelope.stream())
}

/// A key that only lines of `node_trades` have.
const SIDE_INFO: &[u8] = b"\"side_info\"";

/// Indexes files that were named one by one: each tells by its first event, or else by its name, what it is.
pub(crate) fn index_named(paths: &[PathBuf]) -> Result<Vec<StreamFiles>, FolderError> {
    let mut streams: Vec<StreamFiles> = Vec::new();
    for path in paths {
        let (stream, entry) = index_file(path)?;
        match streams.iter_mut().find(|files| files.stream == stream) {
            Some(files) => files.entries.push(entry),
            None => {
                let form = if is_timed(stream) { Form::Streaming } else { Form::ByBlock };
                streams.push(StreamFiles { stream, form, growing: false, until: None, entries: vec![entry] });
            }
        }
    }
    streams.iter_mut().try_for_each(StreamFiles::sort)?;
    streams.sort_by_key(|files| files.stream);
    Ok(streams)
}

fn index_file(path: &Path) -> Result<(HyperliquidStream, FileEntry), FolderError> {
    let (name, place) = (file_name(path), Place::Local(path.to_owned()));
    let none = || FolderError::NoBlock { file: name.clone(), lines: PROBE_LINES_MAX, why: "no complete line".to_owned() };
    let probed = match probe(&place, &name, None) {
        Err(FolderError::Contexts { .. }) => probe(&place, &name, Some(HyperliquidStream::AssetContexts)),
        probed => probed,
    };
    let probe = probed?.ok_or_else(none)?;
    let by_name = if name.contains("misc") { HyperliquidStream::MiscEvents } else { HyperliquidStream::Fills };
    let (first, first_ms) = probe.first;
    Ok((probe.stream.unwrap_or(by_name), FileEntry { place, slot: name.clone(), name, first, first_ms }))
}

/// Cuts older streams where a newer one begins, so that no hour that stands in two archives is taken twice. `newer_ms` is where
/// the files with block numbers begin.
pub(crate) fn cut_where_newer_begins(streams: &mut [StreamFiles], newer_ms: Option<i64>) {
    let begins = |streams: &[StreamFiles], wanted: HyperliquidStream| {
        streams.iter().find(|files| files.stream == wanted).map(|files| files.entries[0].first)
    };
    let blocks = newer_ms.and_then(|ms| u64::try_from(ms).ok());
    let fills = begins(streams, HyperliquidStream::NodeFills);
    for files in streams {
        files.until = match files.stream {
            HyperliquidStream::NodeFills => blocks,
            HyperliquidStream::NodeTrades => [fills, blocks].into_iter().flatten().min(),
            _ => None,
        };
    }
}
