//! The blocks of a stream in order, over all of its files: lines of one block put together, and what is missing between
//! two blocks found.

use perpdex_core::{BlockRange, BlockRef, Hole, HoleReason, HyperliquidStream};

use crate::contexts::Day;
use crate::envelope::Head;
use crate::error::FolderError;
use crate::files::StreamFiles;
use crate::layout::Form;
use crate::lines::{LINE_BYTES_MAX, LineReader, Next};
use crate::repeats::{Printed, Repeated};

/// Longest quiet stretch between two files of misc events that is taken for one without events, milliseconds. The
/// writer skips blocks without events, so numbers alone cannot tell a missing file.
pub(crate) const MISC_QUIET_MS_MAX: i64 = 5 * 60 * 1_000;

/// Longest quiet stretch inside the older files, whose lines name no block, milliseconds: they have several lines a second, and a
/// writer that stalls leaves no other trace.
pub(crate) const TIMED_QUIET_MS_MAX: i64 = 60 * 1_000;

/// Longest stretch between two rows of asset contexts, which come by the minute, milliseconds.
const CONTEXTS_QUIET_MS_MAX: i64 = 5 * 60 * 1_000;

/// Bytes kept of a malformed line.
const MALFORMED_BYTES_MAX: usize = 64 * 1024;

/// One block of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) number: u64,
    /// Unix milliseconds.
    pub(crate) time_ms: i64,
    /// Its lines, joined by line feeds; empty where only the block's place was asked for.
    pub(crate) text: String,
    pub(crate) has_events: bool,
    /// What is missing between the block before and this one.
    pub(crate) hole_before: Option<Hole>,
}

/// Something in a file that is no line of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MalformedLine {
    /// The block before it; the file's first block if none stands before it.
    pub(crate) height: u64,
    /// What, with file and line.
    pub(crate) error: String,
    pub(crate) text: String,
}

/// Reads the blocks of a stream from the start of one of its files onward.
pub(crate) struct BlockReader {
    file: usize,
    lines: LineReader,
    /// Names of columns that stand before a block's rows.
    header: Option<String>,
    /// Where the open file ends too early, known from its start.
    ends_early: Option<String>,
    /// Blocks up to here come a second time, since the file is written anew.
    rewound_to: Option<u64>,
    /// Whether the file was found to be written anew since this was last asked.
    was_rewound: bool,
    /// The block whose lines are being put together.
    pending: Option<Block>,
    /// Number and time of the newest block seen, complete or not.
    newest: Option<(u64, i64)>,
    /// The newest block handed out.
    given: Option<u64>,
    /// Where a file ended too early, until a hole names it.
    cut: Option<String>,
    /// The reader moved to another file since the newest block.
    switched: bool,
    /// Number of the block before the newest one.
    before: Option<u64>,
    repeated: Option<Repeated>,
    /// What the pending block's lines hold.
    printed: Printed,
    /// The last file cannot be read any further.
    closed: bool,
    /// Text of blocks below is not kept.
    text_from: u64,
    /// Malformed lines met so far, oldest first.
    pub(crate) malformed: Vec<MalformedLine>,
}

impl BlockReader {
    /// Starts at the beginning of a file. Texts of blocks below `text_from` are left out.
    pub(crate) fn open(files: &StreamFiles, file: usize, text_from: u64) -> Result<BlockReader, FolderError> {
        let mut reader = BlockReader {
            file,
            lines: LineReader::over(Box::new(std::io::empty())).map_err(|source| files.io(file, source))?,
            header: None,
            ends_early: None,
            rewound_to: None,
            was_rewound: false,
            pending: None,
            newest: None,
            given: None,
            cut: None,
            switched: false,
            before: None,
            repeated: None,
            printed: Printed::default(),
            closed: false,
            text_from,
            malformed: Vec::new(),
        };
        reader.open_file(files)?;
        Ok(reader)
    }

    /// Opens the file that stands next.
    fn open_file(&mut self, files: &StreamFiles) -> Result<(), FolderError> {
        let io = |source| files.io(self.file, source);
        let lines = files.open(self.file)?;
        if files.stream != HyperliquidStream::AssetContexts {
            self.lines = lines;
            return Ok(());
        }
        let day = Day::read(lines).map_err(io)?;
        (self.header, self.ends_early) = (Some(day.header.clone()), day.cut().map(str::to_owned));
        for (line, text) in &day.malformed {
            let error = format!("{}, line {line}: no time like 2025-11-13T00:01:00Z", files.entries[self.file].name);
            self.report(files, error, shortened(text.as_bytes()));
        }
        self.lines = day.into_lines().map_err(|source| files.io(self.file, source))?;
        Ok(())
    }

    /// Index of the file that is being read.
    pub(crate) fn file(&self) -> usize {
        self.file
    }

    /// Whether the file was found to be written anew since the last call. Other readers of it may not see that any more, when it has grown.
    pub(crate) fn take_rewound(&mut self) -> bool {
        std::mem::take(&mut self.was_rewound)
    }

    /// Leaves out the texts of blocks below.
    pub(crate) fn text_from(&mut self, height: u64) {
        self.text_from = height;
    }

    /// The newest block handed out.
    pub(crate) fn given(&self) -> Option<u64> {
        self.given
    }

    /// Where the files ended too early, if they did and no block came after it.
    pub(crate) fn cut(&self) -> Option<&str> {
        self.cut.as_deref()
    }

    /// The next complete block; `None` at the end of the files as they are now. Of a growing file more may come later.
    pub(crate) fn next(&mut self, files: &StreamFiles) -> Result<Option<Block>, FolderError> {
        loop {
            if self.closed {
                return Ok(self.give_pending());
            }
            let name = &files.entries[self.file].name;
            match self.lines.next().map_err(|source| files.io(self.file, source))? {
                Next::Line => {
                    if let Some(done) = self.take_line(files) {
                        return Ok(Some(done));
                    }
                }
                Next::TooLong => {
                    let error = format!("{name}, line {}: longer than {LINE_BYTES_MAX} bytes", self.lines.number());
                    self.report(files, error, String::new());
                }
                Next::End { partial } => {
                    let is_last = self.file + 1 == files.entries.len();
                    if is_last && files.growing {
                        if self.lines.is_cut_back() {
                            self.was_rewound = true;
                            self.rewound_to = self.newest.map(|(newest, _)| newest);
                            self.pending = self.pending.take().filter(|_| files.form == Form::ByBlock);
                            self.open_file(files)?;
                            continue;
                        }
                        self.end_repeat(files);
                        return Ok(if files.form == Form::ByBlock { self.give_pending() } else { None });
                    }
                    if let Some(end) = self.ends_early.take() {
                        self.cut = Some(format!("{name}: {end}"));
                    } else if partial {
                        self.cut = Some(format!("{name}: ends inside line {}", self.lines.number() + 1));
                    }
                    self.end_file(files)?;
                }
                Next::Cut { cause } => {
                    self.cut = Some(format!("{name}: broken off behind line {}: {cause}", self.lines.number()));
                    self.end_file(files)?;
                }
            }
        }
    }

    /// Adds the line last read; gives the block before it if the line begins a new one.
    fn take_line(&mut self, files: &StreamFiles) -> Option<Block> {
        let name = &files.entries[self.file].name;
        let Head { number, time_ms, has_events, text } = match Head::parse(files.stream, self.lines.line()) {
            Ok(parsed) => parsed,
            Err(error) => {
                let error = format!("{name}, line {}: {error}", self.lines.number());
                let text = shortened(self.lines.line());
                self.report(files, error, text);
                return None;
            }
        };
        let kept = |line: &str| if number < self.text_from { String::new() } else { under(self.header.as_deref(), line) };
        if let Some(pending) = self.pending.as_mut().filter(|pending| pending.number == number) {
            if let Some(repeated) = self.repeated.as_mut().filter(|repeated| repeated.has_come_to(self.before, number)) {
                repeated.replaces(number);
                (pending.has_events, pending.text) = (has_events, kept(text));
                self.printed.forget();
                self.end_repeat(files);
                return None;
            }
            pending.has_events |= has_events;
            if number < self.text_from || (self.switched && pending.text.lines().any(|line| line == text)) {
                return None;
            }
            if self.printed.holds(files.stream, number, &pending.text, text) {
                let place = format!("{name}, line {}", self.lines.number());
                self.repeated.get_or_insert_with(|| Repeated::new(number, place)).add(number);
                return None;
            }
            pending.text.push('\n');
            pending.text.push_str(text);
            return None;
        }
        let kept_open = files.form == Form::Streaming && self.pending.is_none();
        if self.rewound_to.is_some_and(|to| number < to || (number == to && !kept_open)) {
            return None;
        }
        self.rewound_to = None;
        if self.newest.is_some_and(|(newest, _)| number < newest || (number == newest && !kept_open)) {
            let place = format!("{name}, line {}", self.lines.number());
            self.repeated.get_or_insert_with(|| Repeated::new(number, place)).add(number);
            return None;
        }
        let block = Block { number, time_ms, text: kept(text), has_events, hole_before: None };
        let hole_before = self.hole_before(files, number, time_ms);
        self.end_repeat(files);
        self.before = self.newest.map(|(newest, _)| newest);
        self.newest = Some((number, time_ms));
        self.switched = false;
        let done = self.give_pending();
        self.pending = Some(Block { hole_before, ..block });
        done
    }

    /// What is missing between the newest block and the one that begins now.
    fn hole_before(&mut self, files: &StreamFiles, number: u64, time_ms: i64) -> Option<Hole> {
        let cut = self.cut.take();
        let (newest, newest_ms) = self.newest?;
        let range = BlockRange::new(newest + 1, number - 1)?;
        let here = format!("{}, line {}", files.entries[self.file].name, self.lines.number());
        match (cut, files.stream) {
            (Some(detail), _) => Some(Hole { range, reason: HoleReason::Truncated, detail, streams: Vec::new() }),
            (None, HyperliquidStream::Fills) => Some(Hole {
                range,
                reason: HoleReason::Missing,
                detail: format!("{here}: no line for the blocks before"),
                streams: Vec::new(),
            }),
            (None, HyperliquidStream::MiscEvents) if self.switched && time_ms - newest_ms > MISC_QUIET_MS_MAX => Some(Hole {
                range,
                reason: HoleReason::Missing,
                detail: format!("{here}: no file for the time before"),
                streams: Vec::new(),
            }),
            (None, HyperliquidStream::MiscEvents) => None,
            (None, stream) => {
                let quiet_ms_max = if stream == HyperliquidStream::AssetContexts { CONTEXTS_QUIET_MS_MAX } else { TIMED_QUIET_MS_MAX };
                let quiet_s = (time_ms - newest_ms) / 1_000;
                let detail = format!("{here}: no line for the {quiet_s} s before");
                (quiet_ms_max < time_ms - newest_ms).then_some(Hole { range, reason: HoleReason::Missing, detail, streams: Vec::new() })
            }
        }
    }

    /// Moves to the next file; at the end of the last one the pending block is decided.
    fn end_file(&mut self, files: &StreamFiles) -> Result<(), FolderError> {
        if self.file + 1 < files.entries.len() {
            self.file += 1;
            self.open_file(files)?;
            self.switched = true;
            return Ok(());
        }
        self.end_repeat(files);
        self.closed = true;
        if self.cut.is_some() && files.form == Form::Streaming {
            // Lines of the block may stand behind the cut.
            self.pending = None;
        }
        Ok(())
    }

    fn give_pending(&mut self) -> Option<Block> {
        let block = self.pending.take()?;
        self.given = Some(block.number);
        Some(block)
    }

    fn end_repeat(&mut self, files: &StreamFiles) {
        if let Some(repeated) = self.repeated.take() {
            self.report(files, repeated.error(), String::new());
        }
    }

    fn report(&mut self, files: &StreamFiles, error: String, text: String) {
        let height = self.newest.map_or(files.entries[self.file].first, |(newest, _)| newest);
        self.malformed.push(MalformedLine { height, error, text });
    }
}

/// A block's first line, under the names of its columns where lines have them.
fn under(header: Option<&str>, line: &str) -> String {
    header.map_or_else(|| line.to_owned(), |header| format!("{header}\n{line}"))
}

fn shortened(line: &[u8]) -> String {
    String::from_utf8_lossy(&line[..line.len().min(MALFORMED_BYTES_MAX)]).into_owned()
}

/// Reads a stream's blocks from a file on until one is accepted.
pub(crate) fn first_where(files: &StreamFiles, start: usize, accept: impl Fn(&BlockRef) -> bool) -> Result<Option<BlockRef>, FolderError> {
    let mut reader = BlockReader::open(files, start, u64::MAX)?;
    while let Some(block) = reader.next(files)? {
        let block = BlockRef { height: block.number, link: None, time_ms: block.time_ms };
        if accept(&block) {
            return Ok(Some(block));
        }
    }
    Ok(None)
}
