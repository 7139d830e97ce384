//! Finds the ranges of a capture without keeping its records, and reads one range at a time.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use perpdex_core::{BlockRef, Hole, HoleReason, RawRecord};

use crate::capture::format::{CaptureError, FORMAT, Header, LINE_BYTES_MAX, RangeHead, RangeLine, RecordLine};

/// Where a range stands in its file.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) path: PathBuf,
    /// Line number of the range's own line, from one.
    pub(super) line: u64,
    /// Bytes before that line.
    offset: u64,
    /// The range without its blocks.
    pub(super) head: RangeHead,
    /// Its highest block.
    pub(super) last_block: Option<BlockRef>,
    /// Record lines that are there, whole or not.
    lines: u64,
    /// The part that a cut end took away.
    pub(super) lost: Option<Hole>,
}

/// A range with everything in it.
#[derive(Debug, Default)]
pub(super) struct Loaded {
    pub(super) blocks: Vec<BlockRef>,
    pub(super) records: Vec<RawRecord>,
    /// Lines that are not records: what is wrong, and the line.
    pub(super) malformed: Vec<(String, String)>,
}

/// The ranges of a file, and the error of its end if that is cut off.
pub(super) fn index(path: &Path) -> Result<(Vec<Entry>, Option<CaptureError>), CaptureError> {
    let mut lines = Lines::open(path, 0, 1)?;
    match lines.next()?.map(serde_json::from_slice::<Header>) {
        Some(Ok(header)) if header.format == FORMAT => {}
        Some(Ok(header)) => return Err(lines.error(format!("format {:?} is not {FORMAT}", header.format))),
        Some(Err(_)) | None => return Err(lines.error(format!("not a {FORMAT} capture: the first line must name the format"))),
    }
    let mut entries = Vec::new();
    loop {
        let (line, offset) = (lines.line + 1, lines.offset);
        let Some(text) = lines.next()? else { return Ok((entries, None)) };
        let head = match serde_json::from_slice::<RangeLine>(text) {
            Ok(parsed) => parsed.range,
            Err(error) if lines.is_at_cut_end() => {
                return Ok((entries, Some(lines.error(format!("the file ends inside a range's line: {error}")))));
            }
            Err(error) => return Err(lines.error(format!("not the line of a range: {error}"))),
        };
        let mut entry = Entry {
            path: path.to_owned(),
            line,
            offset,
            last_block: head.blocks.last().copied(),
            head: RangeHead { blocks: Vec::new(), ..head },
            lines: 0,
            lost: None,
        };
        while entry.lines < entry.head.records && lines.next()?.is_some() {
            entry.lines += 1;
        }
        let is_cut = entry.lines < entry.head.records || (entry.lines > 0 && lines.is_at_cut_end() && !lines.is_record());
        if is_cut {
            let error = lines.error(format!("the file ends inside the records of range {}", entry.head.heights));
            entry.lost = lost(&entry, &error)?;
            entries.push(entry);
            return Ok((entries, Some(error)));
        }
        entries.push(entry);
    }
}

impl Entry {
    /// Reads the range's blocks and records.
    pub(super) fn load(&self) -> Result<Loaded, CaptureError> {
        let mut lines = Lines::open(&self.path, self.offset, self.line)?;
        let head = match lines.next()?.map(serde_json::from_slice::<RangeLine>) {
            Some(Ok(parsed)) => parsed.range,
            _ => return Err(lines.error("the line of a range is gone: the file changed while it was read".to_owned())),
        };
        let mut loaded = Loaded { blocks: head.blocks, ..Loaded::default() };
        for _ in 0..self.lines {
            let parsed = match lines.next()? {
                Some(text) => serde_json::from_slice::<RecordLine>(text),
                None => break,
            };
            match parsed {
                Ok(parsed) => loaded.records.push(parsed.record),
                // What stands in a cut last line is lost and said so already.
                Err(_) if self.lost.is_some() && lines.is_at_cut_end() => {}
                Err(error) => {
                    let text = String::from_utf8_lossy(&lines.text).trim_end().to_owned();
                    loaded.malformed.push((lines.error(format!("not a record: {error}")).to_string(), text));
                }
            }
        }
        Ok(loaded)
    }
}

/// What a cut end took from the last range: everything from the height of its last whole record on, as more records of
/// that height may have followed.
fn lost(entry: &Entry, error: &CaptureError) -> Result<Option<Hole>, CaptureError> {
    let heights = entry.head.heights;
    let whole = Entry { lost: Some(hole(heights, error)), ..entry.clone() }.load()?;
    let from = whole.records.last().map_or(heights.from(), |record| record.height.clamp(heights.from(), heights.to()));
    Ok(perpdex_core::BlockRange::new(from, heights.to()).map(|range| hole(range, error)))
}

fn hole(range: perpdex_core::BlockRange, error: &CaptureError) -> Hole {
    Hole { range, reason: HoleReason::Truncated, detail: error.to_string(), streams: Vec::new() }
}

/// A file line by line, with a limit on each.
struct Lines {
    file: String,
    reader: BufReader<File>,
    /// The last line read, with its line feed.
    text: Vec<u8>,
    /// Number of the last line read.
    line: u64,
    /// Bytes read so far.
    offset: u64,
}

impl Lines {
    /// Starts at `offset`, where the line numbered `line` begins.
    fn open(path: &Path, offset: u64, line: u64) -> Result<Lines, CaptureError> {
        let file = name(path);
        let opened = File::open(path).and_then(|mut opened| opened.seek(SeekFrom::Start(offset)).map(|_| opened));
        let reader = BufReader::new(opened.map_err(|error| CaptureError::Io { file: file.clone(), error })?);
        Ok(Lines { file, reader, text: Vec::new(), line: line - 1, offset })
    }

    fn next(&mut self) -> Result<Option<&[u8]>, CaptureError> {
        self.text.clear();
        let read = self.reader.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut self.text);
        let read = read.map_err(|error: io::Error| CaptureError::Io { file: self.file.clone(), error })? as u64;
        if read == 0 {
            return Ok(None);
        }
        self.line += 1;
        self.offset += read;
        if read == LINE_BYTES_MAX {
            return Err(self.error(format!("longer than {LINE_BYTES_MAX} bytes")));
        }
        Ok(Some(&self.text))
    }

    /// Whether the last line read has no line feed, so that it may be the rest of a longer one.
    fn is_at_cut_end(&self) -> bool {
        self.text.last().is_some_and(|byte| *byte != b'\n')
    }

    fn is_record(&self) -> bool {
        serde_json::from_slice::<RecordLine>(&self.text).is_ok()
    }

    fn error(&self, message: String) -> CaptureError {
        CaptureError::Line { file: self.file.clone(), line: self.line.max(1), message }
    }
}

/// The file's name without its folder.
pub(super) fn name(path: &Path) -> String {
    path.file_name().map_or_else(|| "capture".to_owned(), |name| name.to_string_lossy().into_owned())
}
