//! Lines of a plain file, or of one that is compressed as an LZ4 frame, with gzip or with zstd: recognised by its first bytes, never
//! by its name.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use crate::frames::Frames;

/// Longest line that is read; a longer one is skipped and reported. One block's funding payments exceed 20 MB.
pub const LINE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// First bytes of an LZ4 frame, of a gzip member and of a zstd frame.
const LZ4_FRAME_MAGIC: [u8; 4] = [0x04, 0x22, 0x4d, 0x18];
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Bytes asked of a file at once.
const READ_BYTES: usize = 256 * 1024;

/// What came next in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// A complete line, see [`LineReader::line`].
    Line,
    /// A line beyond [`LINE_BYTES_MAX`]; it was skipped.
    TooLong,
    /// The end, as far as the file goes now; `partial` if bytes without a line feed stand there.
    End {
        /// A last line without its line feed.
        partial: bool,
    },
    /// A compressed file that is broken off or damaged here; nothing more can be read from it.
    Cut {
        /// What the decompressor said.
        cause: String,
    },
}

/// Reads a file line by line. A plain file may grow: after [`Next::End`] reading can go on.
pub(crate) struct LineReader {
    input: Box<dyn BufRead + Send>,
    compressed: bool,
    line: Vec<u8>,
    /// Whether `line` was handed out and starts anew with the next call.
    taken: bool,
    /// Inside a line that is too long.
    skipping: bool,
    number: u64,
    /// Bytes read of a plain file.
    bytes_read: u64,
    /// Where a plain file stands.
    path: Option<PathBuf>,
}

impl LineReader {
    /// Opens a file.
    pub(crate) fn open(path: &Path) -> io::Result<LineReader> {
        let mut reader = LineReader::over(Box::new(File::open(path)?))?;
        reader.path = (!reader.compressed).then(|| path.to_owned());
        Ok(reader)
    }

    /// Reads any bytes.
    pub(crate) fn over(mut bytes: Box<dyn Read + Send>) -> io::Result<LineReader> {
        let mut magic = Vec::with_capacity(LZ4_FRAME_MAGIC.len());
        (&mut bytes).take(LZ4_FRAME_MAGIC.len() as u64).read_to_end(&mut magic)?;
        let compression = Compression::of(&magic);
        let whole = BufReader::with_capacity(READ_BYTES, Cursor::new(magic).chain(bytes));
        let buffered = |contents: Box<dyn Read + Send>| Box::new(BufReader::with_capacity(READ_BYTES, contents));
        let input: Box<dyn BufRead + Send> = match compression {
            Compression::None => Box::new(whole),
            Compression::Lz4Frame => buffered(Box::new(Frames::new(whole))),
            Compression::Gzip => buffered(Box::new(MultiGzDecoder::new(whole))),
            Compression::Zstd => buffered(Box::new(zstd::stream::read::Decoder::with_buffer(whole)?)),
        };
        let compressed = compression != Compression::None;
        Ok(LineReader { input, compressed, line: Vec::new(), taken: false, skipping: false, number: 0, bytes_read: 0, path: None })
    }

    /// Whether the file is compressed. Such a file does not grow.
    pub(crate) fn compressed(&self) -> bool {
        self.compressed
    }

    /// Whether the file has become shorter than what was read of it: it was written anew.
    pub(crate) fn is_cut_back(&self) -> bool {
        let bytes = self.path.as_ref().and_then(|path| fs::metadata(path).ok()).map(|metadata| metadata.len());
        bytes.is_some_and(|bytes| bytes < self.bytes_read)
    }

    /// Number of the line last handed out, from 1.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// The line last handed out, without its line feed.
    pub(crate) fn line(&self) -> &[u8] {
        &self.line
    }

    /// Reads on.
    pub(crate) fn next(&mut self) -> io::Result<Next> {
        loop {
            if self.taken {
                self.line.clear();
                self.taken = false;
            }
            let room = (LINE_BYTES_MAX + 1).saturating_sub(self.line.len());
            let read = match (&mut self.input).take(room as u64).read_until(b'\n', &mut self.line) {
                Ok(read) => read,
                Err(error) if self.compressed => return Ok(Next::Cut { cause: error.to_string() }),
                Err(error) => return Err(error),
            };
            self.bytes_read += read as u64;
            if self.line.last() == Some(&b'\n') {
                self.line.pop();
                if self.line.last() == Some(&b'\r') {
                    self.line.pop();
                }
                self.taken = true;
                self.number += 1;
                if std::mem::take(&mut self.skipping) {
                    return Ok(Next::TooLong);
                }
                if self.line.is_empty() {
                    continue;
                }
                return Ok(Next::Line);
            }
            if self.line.len() > LINE_BYTES_MAX {
                self.skipping = true;
                self.line.clear();
            } else if read == 0 {
                return Ok(Next::End { partial: self.skipping || !self.line.is_empty() });
            }
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Compression {
    None,
    Lz4Frame,
    Gzip,
    Zstd,
}

impl Compression {
    fn of(magic: &[u8]) -> Compression {
        if magic == LZ4_FRAME_MAGIC {
            Compression::Lz4Frame
        } else if magic.starts_with(&GZIP_MAGIC) {
            Compression::Gzip
        } else if magic == ZSTD_MAGIC {
            Compression::Zstd
        } else {
            Compression::None
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn frame(text: &str) -> Vec<u8> {
        let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    fn gzip(text: &str) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    fn read_all(bytes: &[u8]) -> (Vec<String>, Next) {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        let mut reader = LineReader::open(file.path()).unwrap();
        let mut lines = Vec::new();
        loop {
            match reader.next().unwrap() {
                Next::Line => lines.push(String::from_utf8(reader.line().to_vec()).unwrap()),
                end => return (lines, end),
            }
        }
    }

    #[test]
    fn plain_and_compressed_give_the_same_lines() {
        let text = "one\r\n\ntwo\nthree\n";
        let want = (vec!["one".to_owned(), "two".to_owned(), "three".to_owned()], Next::End { partial: false });
        assert_eq!(read_all(text.as_bytes()), want);
        assert_eq!(read_all(&frame(text)), want);
        assert_eq!(read_all(&gzip(text)), want);
        assert_eq!(read_all(&zstd::encode_all(text.as_bytes(), 0).unwrap()), want);
        let two_members = [gzip("one\ntw"), gzip("o\nthree\n")].concat();
        assert_eq!(read_all(&two_members), want);
        let two_frames = [frame("one\ntw"), frame("o\nthree\n")].concat();
        assert_eq!(read_all(&two_frames), want);
        assert_eq!(read_all(b""), (Vec::new(), Next::End { partial: false }));
        assert_eq!(read_all(b"one\ntw"), (vec!["one".to_owned()], Next::End { partial: true }));
    }

    #[test]
    fn every_cut_of_a_frame_is_seen() {
        let text: String = (0..60_000).map(|n| format!("line {n} {}\n", n * 7_919 % 1_000)).collect();
        let whole = frame(&text);
        let (all, end) = read_all(&whole);
        assert_eq!((all.len(), end), (60_000, Next::End { partial: false }));
        // The end of the first block is a cut that the decoder alone takes for the end of the data.
        let header_bytes = 7;
        let first_block_bytes = 4 + u32::from_le_bytes(whole[7..11].try_into().unwrap()) as usize;
        for cut in [5, header_bytes, header_bytes + 2, header_bytes + first_block_bytes, whole.len() / 2, whole.len() - 4, whole.len() - 1]
        {
            let (lines, end) = read_all(&whole[..cut]);
            assert!(matches!(end, Next::Cut { .. }), "cut at {cut} of {}: {end:?}", whole.len());
            assert_eq!(lines[..], all[..lines.len()], "cut at {cut}");
        }
    }

    #[test]
    fn a_broken_off_gzip_or_zstd_file_keeps_its_lines() {
        let text: String = (0..60_000).map(|n| format!("line {n} {}\n", n * 7_919 % 1_000)).collect();
        for whole in [gzip(&text), zstd::encode_all(text.as_bytes(), 0).unwrap()] {
            for cut in [6, whole.len() / 2, whole.len() - 1] {
                let (lines, end) = read_all(&whole[..cut]);
                assert!(matches!(end, Next::Cut { .. }), "cut at {cut} of {}: {end:?}", whole.len());
                assert!(lines.iter().zip(text.lines()).all(|(got, want)| got == want), "cut at {cut}");
            }
        }
    }

    #[test]
    fn a_file_that_was_cut_back_is_seen() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"one\ntwo\n").unwrap();
        let mut reader = LineReader::open(file.path()).unwrap();
        while reader.next().unwrap() == Next::Line {}
        assert!(!reader.is_cut_back());
        file.as_file().set_len(4).unwrap();
        assert!(reader.is_cut_back());
    }

    #[test]
    fn a_growing_file_is_read_on() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"one\nt").unwrap();
        let mut reader = LineReader::open(file.path()).unwrap();
        assert_eq!(reader.next().unwrap(), Next::Line);
        assert_eq!(reader.next().unwrap(), Next::End { partial: true });
        file.write_all(b"wo\n").unwrap();
        assert_eq!(reader.next().unwrap(), Next::Line);
        assert_eq!((reader.line(), reader.number()), (&b"two"[..], 2));
        assert_eq!(reader.next().unwrap(), Next::End { partial: false });
    }

    #[test]
    fn a_line_beyond_the_limit_is_skipped() {
        let mut bytes = vec![b'x'; LINE_BYTES_MAX + 2];
        bytes.extend_from_slice(b"\nnext\n");
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&bytes).unwrap();
        let mut reader = LineReader::open(file.path()).unwrap();
        assert_eq!(reader.next().unwrap(), Next::TooLong);
        assert_eq!(reader.next().unwrap(), Next::Line);
        assert_eq!((reader.line(), reader.number()), (&b"next"[..], 2));
    }
}
