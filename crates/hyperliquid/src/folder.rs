//! A folder as a whole: which streams it has, how far they go, and finding a block by number or time.

use std::path::PathBuf;

use perpdex_core::{Batch, BlockRange, BlockRef, Filter, Heads, HyperliquidStream, StreamId, Watch};

use crate::blocks::BlockReader;
use crate::error::FolderError;
use crate::fetch::{Asked, Cursor, fetch};
use crate::files::{StreamFiles, index_named, probe};
use crate::layout::{Found, HourlyFolder, detect, hourly_files};

/// Streams whose ends lie within this time of each other count as written side by side, milliseconds: the folder's ends
/// are then those that all of them reach. A stream that ends farther off has a gap there.
const SIDE_BY_SIDE_MS_MAX: i64 = 10 * 60 * 1_000;

/// Bytes of records after which a batch ends with the block in hand.
const BATCH_BYTES_MAX: usize = 64 * 1024 * 1024;

/// An open folder.
pub(crate) struct Folder {
    streams: Vec<OpenStream>,
    /// Folders to look into again for new files.
    hourly: Vec<HourlyFolder>,
    batch_bytes_max: usize,
}

struct OpenStream {
    files: StreamFiles,
    cursor: Cursor,
    /// Reads the last file for the folder's tip.
    tip: Option<BlockReader>,
    /// The newest complete block.
    newest: Option<BlockRef>,
}

impl Folder {
    /// Opens a folder or a file, reading the first lines of each file.
    pub(crate) fn open(path: &std::path::Path) -> Result<Folder, FolderError> {
        match detect(path)? {
            Found::Files(paths) => Folder::from_files(&paths),
            Found::Hourly(hourly) => {
                let mut folder = Folder { streams: Vec::new(), hourly, batch_bytes_max: BATCH_BYTES_MAX };
                folder.refresh()?;
                if folder.streams.is_empty() {
                    return Err(FolderError::NothingFound { expected: "at least one complete line in the hourly folders" });
                }
                Ok(folder)
            }
        }
    }

    /// Opens files named one by one.
    pub(crate) fn from_files(paths: &[PathBuf]) -> Result<Folder, FolderError> {
        if paths.is_empty() {
            return Err(FolderError::NothingFound { expected: "at least one file" });
        }
        let streams = index_named(paths)?.into_iter().map(OpenStream::new).collect();
        Ok(Folder { streams, hourly: Vec::new(), batch_bytes_max: BATCH_BYTES_MAX })
    }

    /// Streams that have a file.
    pub(crate) fn streams(&self) -> Vec<HyperliquidStream> {
        self.streams.iter().map(|stream| stream.files.stream).collect()
    }

    /// The range all streams have, see [`SIDE_BY_SIDE_MS_MAX`]. A broken end counts as one block more, so that it is asked for.
    pub(crate) fn heads(&mut self) -> Result<Heads, FolderError> {
        self.refresh()?;
        let mut span: Option<(BlockRef, BlockRef)> = None;
        for stream in &mut self.streams {
            let entry = &stream.files.entries[0];
            let first = BlockRef { height: entry.first, link: None, time_ms: entry.first_ms };
            let end = stream.end()?;
            span = Some(match span {
                None => (first, end),
                Some((other_first, other_end)) => (common_first(other_first, first), common_end(other_end, end)),
            });
        }
        let (first, latest) = span.ok_or(FolderError::NothingFound { expected: "at least one file" })?;
        Ok(Heads { earliest: Some(first.height), latest, finalized: latest.height })
    }

    /// A range of the asked streams.
    pub(crate) fn fetch(&mut self, range: BlockRange, filter: &Filter) -> Result<Batch, FolderError> {
        let mut wanted: Vec<(&StreamId, HyperliquidStream)> = Vec::new();
        for (id, watch) in &filter.streams {
            let Watch::HyperCore(stream) = watch else { return Err(FolderError::ForeignFilter) };
            if !wanted.iter().any(|(_, other)| other == stream) {
                wanted.push((id, *stream));
            }
        }
        if wanted.is_empty() {
            return Err(FolderError::ForeignFilter);
        }
        let mut open: Vec<&mut OpenStream> = self.streams.iter_mut().collect();
        let mut asked: Vec<Asked<'_>> = Vec::with_capacity(wanted.len());
        for (id, stream) in wanted {
            let at = open.iter().position(|open| open.files.stream == stream);
            let files = at.map(|at| open.swap_remove(at)).map(|open| (&open.files, &mut open.cursor));
            asked.push(Asked { id, stream, files });
        }
        let batch = fetch(range, &mut asked, filter.headers, self.batch_bytes_max);
        if batch.is_err() {
            // A reader that failed half-way may have lost a line: the next call starts anew.
            asked.iter_mut().filter_map(|asked| asked.files.as_mut()).for_each(|(_, cursor)| **cursor = Cursor::default());
        }
        batch
    }

    /// The block at a height, if the main stream has a line of it.
    pub(crate) fn block_ref(&self, height: u64) -> Result<Option<BlockRef>, FolderError> {
        let files = &self.main().files;
        let Some(start) = files.holding(height) else { return Ok(None) };
        let found = first_where(files, start, |block| block.height >= height)?;
        Ok(found.filter(|block| block.height == height))
    }

    /// The first block of the main stream at or after a time.
    pub(crate) fn height_at(&self, time_ms: i64) -> Result<Option<u64>, FolderError> {
        let files = &self.main().files;
        let start = files.entries.partition_point(|entry| entry.first_ms < time_ms);
        let Some(start) = start.checked_sub(1) else { return Ok(Some(files.entries[0].first)) };
        Ok(first_where(files, start, |block| block.time_ms >= time_ms)?.map(|block| block.height))
    }

    /// Fills where there are any: they have a line for every block.
    fn main(&self) -> &OpenStream {
        let fills = self.streams.iter().find(|stream| stream.files.stream == HyperliquidStream::Fills);
        fills.unwrap_or(&self.streams[0])
    }

    /// Takes new files of the hourly folders in.
    fn refresh(&mut self) -> Result<(), FolderError> {
        for folder in &self.hourly {
            let known = self.streams.iter_mut().find(|stream| stream.files.stream == folder.stream);
            let is_known = |path: &PathBuf| known.as_ref().is_some_and(|known| known.files.entries.iter().any(|entry| entry.path == *path));
            let mut found = Vec::new();
            let mut growing = known.as_ref().is_some_and(|known| known.files.growing);
            // Older files may be put into the folder at any time; only the newest one can be the one that is written.
            let mut newest = known.as_ref().and_then(|known| known.files.entries.last()).map_or(0, |entry| entry.first);
            for (path, name) in hourly_files(folder)?.into_iter().filter(|(path, _)| !is_known(path)) {
                if let Some(probe) = probe(&path, &name, false)? {
                    if newest <= probe.entry.first {
                        (newest, growing) = (probe.entry.first, !probe.compressed);
                    }
                    found.push(probe.entry);
                }
            }
            match known {
                Some(known) if !found.is_empty() => known.extend(found, growing)?,
                None if !found.is_empty() => {
                    let mut files = StreamFiles { stream: folder.stream, form: folder.form, growing, entries: found };
                    files.sort()?;
                    self.streams.push(OpenStream::new(files));
                }
                _ => {}
            }
        }
        self.streams.sort_by_key(|stream| stream.files.stream);
        Ok(())
    }
}

impl OpenStream {
    fn new(files: StreamFiles) -> OpenStream {
        OpenStream { files, cursor: Cursor::default(), tip: None, newest: None }
    }

    fn extend(&mut self, found: Vec<crate::files::FileEntry>, growing: bool) -> Result<(), FolderError> {
        let last = self.files.entries.last().map_or(0, |entry| entry.first);
        let only_newer = found.iter().all(|entry| last <= entry.first);
        self.files.entries.extend(found);
        self.files.growing = growing;
        self.files.sort()?;
        if !only_newer {
            // Readers count files by their place in the list, which has moved.
            self.cursor = Cursor::default();
            self.tip = None;
        }
        Ok(())
    }

    /// The newest complete block, or one more where the last file is broken off.
    fn end(&mut self) -> Result<BlockRef, FolderError> {
        let last = self.files.entries.len() - 1;
        let mut reader = match self.tip.take() {
            Some(reader) => reader,
            None => BlockReader::open(&self.files, last, u64::MAX)?,
        };
        while let Some(block) = reader.next(&self.files)? {
            self.newest = Some(BlockRef { height: block.number, link: None, time_ms: block.time_ms });
        }
        reader.malformed.clear();
        let entry = &self.files.entries[last];
        // A streaming file whose first block is still being written: the block before it is the newest complete one.
        let newest = self.newest.unwrap_or(BlockRef { height: entry.first.saturating_sub(1), link: None, time_ms: entry.first_ms });
        let cut_blocks = u64::from(reader.cut().is_some());
        self.tip = Some(reader);
        Ok(BlockRef { height: newest.height + cut_blocks, ..newest })
    }
}

fn side_by_side(a: BlockRef, b: BlockRef) -> bool {
    (a.time_ms - b.time_ms).abs() <= SIDE_BY_SIDE_MS_MAX
}

fn common_first(a: BlockRef, b: BlockRef) -> BlockRef {
    if side_by_side(a, b) == (a.height < b.height) { b } else { a }
}

fn common_end(a: BlockRef, b: BlockRef) -> BlockRef {
    if side_by_side(a, b) == (a.height < b.height) { a } else { b }
}

fn first_where(files: &StreamFiles, start: usize, accept: impl Fn(&BlockRef) -> bool) -> Result<Option<BlockRef>, FolderError> {
    let mut reader = BlockReader::open(files, start, u64::MAX)?;
    while let Some(block) = reader.next(files)? {
        let block = BlockRef { height: block.number, link: None, time_ms: block.time_ms };
        if accept(&block) {
            return Ok(Some(block));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use perpdex_core::{ChainId, Headers, VenueSlug};

    use super::*;

    #[test]
    fn a_batch_ends_with_the_block_that_fills_it() {
        let mut file = tempfile::NamedTempFile::with_suffix(".jsonl").unwrap();
        for number in 1..=9 {
            writeln!(file, r#"{{"block_time":"2026-01-01T00:00:0{number}","block_number":{number},"events":[["0xa",{{}}]]}}"#).unwrap();
        }
        let mut folder = Folder::open(file.path()).unwrap();
        folder.batch_bytes_max = 150;
        let id = StreamId { chain: ChainId::HYPERLIQUID, venue: VenueSlug::known("hyperliquid"), part: "fills".to_owned(), version: 1 };
        let filter = Filter { streams: vec![(id, Watch::HyperCore(HyperliquidStream::Fills))], headers: Headers::Needed };
        let mut next = 1;
        let mut ranges = Vec::new();
        while next <= 9 {
            let batch = folder.fetch(BlockRange::new(next, 9).unwrap(), &filter).unwrap();
            assert_eq!(batch.records.len() as u64, batch.range.blocks());
            assert!(batch.holes.is_empty());
            ranges.push((batch.range.from(), batch.range.to()));
            next = batch.range.to() + 1;
        }
        assert_eq!(ranges, [(1, 3), (4, 6), (7, 9)]);
    }
}
