//! The index of a stream's files: what each one begins with. Built from their first lines alone.

use std::path::{Path, PathBuf};

use perpdex_core::HyperliquidStream;

use crate::envelope::Envelope;
use crate::error::FolderError;
use crate::layout::{Form, file_name};
use crate::lines::{LineReader, Next};

/// Lines read of a file to find its first block and, where names do not tell, its stream.
const PROBE_LINES_MAX: usize = 1_000;

/// One file of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FileEntry {
    pub(crate) path: PathBuf,
    /// Name for messages, relative to the folder.
    pub(crate) name: String,
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
        self.entries.sort_by_key(|entry| entry.first);
        // A streaming writer may end one file and begin the next inside one block.
        if self.form == Form::Streaming {
            return Ok(());
        }
        match self.entries.windows(2).find(|pair| pair[0].first == pair[1].first) {
            Some(pair) => Err(FolderError::SameStart { first: pair[0].name.clone(), second: pair[1].name.clone(), block: pair[0].first }),
            None => Ok(()),
        }
    }
}

/// What the first lines of a file say.
#[derive(Debug)]
pub(crate) struct Probe {
    pub(crate) entry: FileEntry,
    /// The stream its first event belongs to; `None` if the lines looked at hold no event.
    pub(crate) stream: Option<HyperliquidStream>,
    pub(crate) compressed: bool,
}

/// Reads the first lines of a file. `None`: it holds no complete line yet, though it could still grow.
pub(crate) fn probe(path: &Path, name: &str, want_stream: bool) -> Result<Option<Probe>, FolderError> {
    let io = |source| FolderError::Io { file: name.to_owned(), source };
    let mut lines = LineReader::open(path).map_err(io)?;
    let compressed = lines.compressed();
    let mut entry = None;
    let mut stream = None;
    let mut why = "the file is empty".to_owned();
    for _ in 0..PROBE_LINES_MAX {
        match lines.next().map_err(io)? {
            Next::Line => match Envelope::parse(lines.line()) {
                Ok((envelope, _, first_ms)) => {
                    let first = envelope.block_number;
                    stream = stream.or_else(|| envelope.stream());
                    entry.get_or_insert_with(|| FileEntry { path: path.to_owned(), name: name.to_owned(), first, first_ms });
                }
                Err(error) if entry.is_none() => {
                    refuse_legacy(lines.line(), name)?;
                    why = error;
                }
                Err(_) => {}
            },
            Next::TooLong => why = "line too long".to_owned(),
            Next::End { partial } if !compressed && entry.is_none() && (partial || lines.number() == 0) => return Ok(None),
            Next::End { .. } => break,
            Next::Cut { cause } => {
                why = cause;
                break;
            }
        }
        if entry.is_some() && (stream.is_some() || !want_stream) {
            break;
        }
    }
    match entry {
        Some(entry) => Ok(Some(Probe { entry, stream, compressed })),
        None => Err(FolderError::NoBlock { file: name.to_owned(), lines: PROBE_LINES_MAX, why }),
    }
}

/// Indexes files that were named one by one: each tells by its first event, or else by its name, what it is.
pub(crate) fn index_named(paths: &[PathBuf]) -> Result<Vec<StreamFiles>, FolderError> {
    let mut streams: Vec<StreamFiles> = Vec::new();
    for path in paths {
        let name = file_name(path);
        let none = || FolderError::NoBlock { file: name.clone(), lines: PROBE_LINES_MAX, why: "no complete line".to_owned() };
        let probe = probe(path, &name, true)?.ok_or_else(none)?;
        let by_name = if name.contains("misc") { HyperliquidStream::MiscEvents } else { HyperliquidStream::Fills };
        let stream = probe.stream.unwrap_or(by_name);
        match streams.iter_mut().find(|files| files.stream == stream) {
            Some(files) => files.entries.push(probe.entry),
            None => streams.push(StreamFiles { stream, form: Form::ByBlock, growing: false, entries: vec![probe.entry] }),
        }
    }
    streams.iter_mut().try_for_each(StreamFiles::sort)?;
    streams.sort_by_key(|files| files.stream);
    Ok(streams)
}

/// Names the older formats, which have no block numbers, instead of calling every line malformed.
fn refuse_legacy(line: &[u8], name: &str) -> Result<(), FolderError> {
    let refuse = |what| Err(FolderError::NotBlocks { file: name.to_owned(), what });
    if line.starts_with(b"[\"0x") {
        return refuse("a line of the legacy node_fills stream, which has no block numbers: use node_fills_by_block");
    }
    if line.windows(11).any(|bytes| bytes == b"\"side_info\"") {
        return refuse("a line of the legacy node_trades stream, which has no block numbers: use node_fills_by_block");
    }
    Ok(())
}
