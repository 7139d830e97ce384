//! A day of `asset_ctxs`: rows of a CSV, read whole and put in order of time.

use std::io::{self, Cursor, Read};

use crate::envelope::iso_ms;
use crate::lines::{LineReader, Next};

/// Bytes of one day at most; a day of 230 markets and a row a minute has some 40 MB.
const DAY_BYTES_MAX: usize = 1024 * 1024 * 1024;

/// The column that orders rows.
const TIME: &str = "time";

/// Rows of a day as lines `<unix ms>\t<row>`, ascending by time, equal times as they stood.
pub(crate) struct Day {
    /// The first line of the file: names of the columns.
    pub(crate) header: String,
    /// Lines whose time cannot be read, with their number.
    pub(crate) malformed: Vec<(u64, String)>,
    rows: Vec<(i64, String)>,
    end: Option<String>,
}

impl Day {
    /// Reads a whole file. What makes it unreadable as a CSV is an error.
    pub(crate) fn read(mut lines: LineReader) -> io::Result<Day> {
        let bad = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
        let mut day = Day { header: String::new(), malformed: Vec::new(), rows: Vec::new(), end: None };
        let mut bytes = 0;
        let mut column = None;
        loop {
            match lines.next()? {
                Next::Line => {}
                Next::TooLong => return Err(bad("a line of a CSV is too long")),
                Next::End { partial } => {
                    day.end = partial.then(|| format!("ends inside line {}", lines.number() + 1));
                    break;
                }
                Next::Cut { cause } => {
                    day.end = Some(format!("broken off behind line {}: {cause}", lines.number()));
                    break;
                }
            }
            let line = String::from_utf8_lossy(lines.line()).into_owned();
            bytes += line.len();
            if bytes > DAY_BYTES_MAX {
                return Err(bad("a day of asset contexts is too large"));
            }
            let Some(column) = column else {
                column = Some(line.split(',').position(|name| name == TIME).ok_or_else(|| bad("no column named time in line 1"))?);
                day.header = line;
                continue;
            };
            match line.split(',').nth(column).and_then(iso_ms) {
                Some(time_ms) => day.rows.push((time_ms, line)),
                None => day.malformed.push((lines.number(), line)),
            }
        }
        day.rows.sort_by_key(|(time_ms, _)| *time_ms);
        Ok(day)
    }

    /// Where the file ended too early.
    pub(crate) fn cut(&self) -> Option<&str> {
        self.end.as_deref()
    }

    /// The rows as a reader of lines.
    pub(crate) fn into_lines(self) -> io::Result<LineReader> {
        let mut text = String::new();
        for (time_ms, row) in self.rows {
            text.push_str(&format!("{time_ms}\t{row}\n"));
        }
        let bytes: Box<dyn Read + Send> = Box::new(Cursor::new(text.into_bytes()));
        LineReader::over(bytes)
    }
}
