//! A folder as a whole: which streams it has, how far they go, and finding a block by number or time.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use perpdex_core::{Batch, BlockRange, BlockRef, ChainId, Filter, Heads, HyperliquidStream, StreamId, Watch};

use crate::blocks::{BlockReader, first_where};
use crate::error::FolderError;
use crate::fetch::{Asked, Cursor, fetch};
use crate::files::{FileEntry, StreamFiles, cut_where_newer_begins, index_named, probe};
use crate::layout::{Found, Listed, Root, chain_of, detect};
use crate::place::Place;

/// Streams whose ends lie within this time of each other count as written side by side, milliseconds: the folder's ends
/// are then those that all of them reach. A stream that ends farther off has a gap there.
const SIDE_BY_SIDE_MS_MAX: i64 = 10 * 60 * 1_000;

/// Bytes of records after which a batch ends with the block in hand.
const BATCH_BYTES_MAX: usize = 3 * 1024 * 1024;

/// An open folder, as far as its files belong to one chain.
pub(crate) struct Folder {
    chain: ChainId,
    streams: Vec<OpenStream>,
    /// Where to look again for new files.
    root: Root,
    /// Where the files with block numbers begin that stand beside files without, unix milliseconds.
    newer_ms: Option<i64>,
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
    pub(crate) fn open(path: &Path, chain: ChainId) -> Result<Folder, FolderError> {
        match detect(path)? {
            Found::Files(paths) => Folder::from_files(&paths, chain),
            Found::Folders(folders) => Folder::over(Root::Folders(folders), chain),
        }
    }

    /// Opens what is found at a root.
    pub(crate) fn over(root: Root, chain: ChainId) -> Result<Folder, FolderError> {
        let newer_ms = if chain == ChainId::HYPERLIQUID { None } else { blocks_begin_ms(&root.list()?)? };
        let mut folder = Folder { chain, streams: Vec::new(), root, newer_ms, batch_bytes_max: BATCH_BYTES_MAX };
        folder.refresh()?;
        folder.not_empty("at least one complete line in the folders of streams")
    }

    /// Opens files named one by one.
    pub(crate) fn from_files(paths: &[PathBuf], chain: ChainId) -> Result<Folder, FolderError> {
        let mut streams = index_named(paths)?;
        let fills = streams.iter().find(|files| files.stream == HyperliquidStream::Fills);
        let newer_ms = fills.map(|files| files.entries[0].first_ms);
        streams.retain(|files| chain_of(files.stream) == chain);
        cut_where_newer_begins(&mut streams, newer_ms);
        let streams = streams.into_iter().map(OpenStream::new).collect();
        Folder { chain, streams, root: Root::Named, newer_ms, batch_bytes_max: BATCH_BYTES_MAX }
            .not_empty("at least one file of this chain")
    }

    fn not_empty(self, expected: &'static str) -> Result<Folder, FolderError> {
        if self.streams.is_empty() { Err(FolderError::NothingFound { expected }) } else { Ok(self) }
    }

    /// Streams that have a file.
    pub(crate) fn streams(&self) -> Vec<HyperliquidStream> {
        self.streams.iter().map(|stream| stream.files.stream).collect()
    }

    /// The first height of a stream's files.
    pub(crate) fn first(&self, stream: HyperliquidStream) -> Option<u64> {
        self.streams.iter().find(|open| open.files.stream == stream).map(|open| open.files.entries[0].first)
    }

    /// Whether files may be added or grow.
    pub(crate) fn may_grow(&self) -> bool {
        !matches!(self.root, Root::Named)
    }

    /// The range all streams have, see [`SIDE_BY_SIDE_MS_MAX`]. A broken end counts as one block more, so that it is asked for.
    pub(crate) fn heads(&mut self) -> Result<Heads, FolderError> {
        self.refresh()?;
        let mut span: Option<(BlockRef, BlockRef)> = None;
        for stream in &mut self.streams {
            let entry = &stream.files.entries[0];
            let entry_first = entry.first;
            let first = BlockRef { height: entry.first, link: None, time_ms: entry.first_ms };
            let end = stream.end()?;
            let end = match stream.files.until {
                // What a newer stream has is none of this one's.
                Some(until) if until <= end.height => {
                    let height = until.saturating_sub(1).max(entry_first);
                    BlockRef { height, link: None, time_ms: i64::try_from(height).unwrap_or(end.time_ms) }
                }
                _ => end,
            };
            span = Some(match span {
                None => (first, end),
                // Archives follow each other; what is written side by side ends together.
                Some((other_first, other_end)) if self.chain != ChainId::HYPERLIQUID => {
                    let earlier = if other_first.height < first.height { other_first } else { first };
                    (earlier, if end.height < other_end.height { other_end } else { end })
                }
                Some((other_first, other_end)) => (common_first(other_first, first), common_end(other_end, end)),
            });
        }
        let (first, latest) = span.ok_or(FolderError::NothingFound { expected: "at least one file" })?;
        Ok(Heads { earliest: Some(first.height), latest, finalized: latest.height })
    }

    /// Whether looking costs a request.
    pub(crate) fn is_remote(&self) -> bool {
        matches!(self.root, Root::Bucket(_))
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
    ///
    /// Misc events have no line for a block without any: such a block has the time of the line before it, at the latest. A
    /// height that is a time needs no line.
    pub(crate) fn block_ref(&self, height: u64) -> Result<Option<BlockRef>, FolderError> {
        let files = &self.main().files;
        if files.is_timed() {
            return Ok(i64::try_from(height).ok().map(|time_ms| BlockRef { height, link: None, time_ms }));
        }
        let Some(start) = files.holding(height) else { return Ok(None) };
        if files.stream == HyperliquidStream::MiscEvents {
            let mut below = None;
            let mut reader = BlockReader::open(files, start, u64::MAX)?;
            while let Some(block) = reader.next(files)?.filter(|block| block.number <= height) {
                below = Some(BlockRef { height, link: None, time_ms: block.time_ms });
            }
            return Ok(below);
        }
        let found = first_where(files, start, |block| block.height >= height)?;
        Ok(found.filter(|block| block.height == height))
    }

    /// The first block of the main stream at or after a time.
    pub(crate) fn height_at(&self, time_ms: i64) -> Result<Option<u64>, FolderError> {
        let files = &self.main().files;
        if files.is_timed() {
            let height = u64::try_from(time_ms).unwrap_or(0);
            return Ok(self.newest().filter(|newest| height <= *newest).map(|_| height));
        }
        let start = files.entries.partition_point(|entry| entry.first_ms < time_ms);
        let Some(start) = start.checked_sub(1) else { return Ok(Some(files.entries[0].first)) };
        Ok(first_where(files, start, |block| block.time_ms >= time_ms)?.map(|block| block.height))
    }

    /// Fills where there are any: they have a line for every block.
    fn main(&self) -> &OpenStream {
        let fills = self.streams.iter().find(|stream| stream.files.stream == HyperliquidStream::Fills);
        fills.unwrap_or(&self.streams[0])
    }

    /// The newest height that a look at the heads has found.
    fn newest(&self) -> Option<u64> {
        self.streams.iter().filter_map(|stream| stream.newest.map(|newest| newest.height)).max()
    }

    /// Takes new files in, and files that have changed their place (a node compresses an hour when it is over).
    fn refresh(&mut self) -> Result<(), FolderError> {
        let mut by_stream: HashMap<HyperliquidStream, Vec<Listed>> = HashMap::new();
        for listed in self.root.list()?.into_iter().filter(|listed| chain_of(listed.folder.stream) == self.chain) {
            by_stream.entry(listed.folder.stream).or_default().push(listed);
        }
        for (stream, listed) in by_stream {
            match self.streams.iter_mut().find(|open| open.files.stream == stream) {
                Some(open) => open.refresh(listed)?,
                None => {
                    let form = listed[0].folder.form;
                    let mut open = OpenStream::new(StreamFiles { stream, form, growing: false, until: None, entries: Vec::new() });
                    open.refresh(listed)?;
                    self.streams.extend((!open.files.entries.is_empty()).then_some(open));
                }
            }
        }
        self.streams.sort_by_key(|stream| stream.files.stream);
        if self.chain != ChainId::HYPERLIQUID {
            let mut files: Vec<StreamFiles> = self.streams.iter().map(|open| open.files.clone()).collect();
            cut_where_newer_begins(&mut files, self.newer_ms);
            self.streams.iter_mut().zip(files).for_each(|(open, cut)| open.files.until = cut.until);
        }
        Ok(())
    }
}

/// Where the fills with block numbers begin among these files.
fn blocks_begin_ms(listed: &[Listed]) -> Result<Option<i64>, FolderError> {
    for listed in listed.iter().filter(|listed| listed.folder.stream == HyperliquidStream::Fills) {
        if let Some(probe) = probe(&listed.place, &listed.name, Some(HyperliquidStream::Fills))? {
            return Ok(Some(probe.first.1));
        }
    }
    Ok(None)
}

impl OpenStream {
    fn new(files: StreamFiles) -> OpenStream {
        OpenStream { files, cursor: Cursor::default(), tip: None, newest: None }
    }

    /// Brings the index up to what stands there now.
    fn refresh(&mut self, listed: Vec<Listed>) -> Result<(), FolderError> {
        let known: HashSet<&str> = self.files.entries.iter().map(|entry| entry.slot.as_str()).collect();
        let (known, new): (Vec<Listed>, Vec<Listed>) = listed.into_iter().partition(|listed| known.contains(listed.slot.as_str()));
        self.move_entries(known);
        let mut found = Vec::new();
        let mut growing = self.files.growing;
        // Older files may be put into the folder at any time; only the newest one can be the one that is written.
        let mut newest = self.files.entries.last().map_or(0, |entry| entry.first);
        for Listed { slot, name, place, .. } in new {
            let Some(probe) = probe(&place, &name, Some(self.files.stream))? else { continue };
            let (first, first_ms) = probe.first;
            if newest <= first {
                // A day of contexts is put there whole.
                let is_written_on = self.files.stream != HyperliquidStream::AssetContexts;
                (newest, growing) = (first, is_written_on && !probe.compressed && matches!(place, Place::Local(_)));
            }
            found.push(FileEntry { place, name, slot, first, first_ms });
        }
        if found.is_empty() { Ok(()) } else { self.extend(found, growing) }
    }

    /// Files that stand elsewhere than before, under the same slot. Readers keep the old one open or begin anew.
    fn move_entries(&mut self, listed: Vec<Listed>) {
        let mut places: HashMap<String, Listed> = listed.into_iter().map(|listed| (listed.slot.clone(), listed)).collect();
        for at in 0..self.files.entries.len() {
            let is_last = at + 1 == self.files.entries.len();
            let entry = &mut self.files.entries[at];
            let Some(listed) = places.remove(&entry.slot).filter(|listed| listed.place != entry.place) else { continue };
            (entry.place, entry.name) = (listed.place, listed.name);
            if is_last {
                self.files.growing = false;
            }
            (self.cursor, self.tip) = (Cursor::default(), None);
        }
    }

    fn extend(&mut self, found: Vec<FileEntry>, growing: bool) -> Result<(), FolderError> {
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
        if reader.take_rewound() {
            self.cursor = Cursor::default();
        }
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

#[cfg(test)]
mod tests {
    use std::io::Write;

    use perpdex_core::{Headers, VenueSlug};

    use super::*;

    #[test]
    fn a_batch_ends_with_the_block_that_fills_it() {
        let mut file = tempfile::NamedTempFile::with_suffix(".jsonl").unwrap();
        for number in 1..=9 {
            writeln!(file, r#"{{"block_time":"2026-01-01T00:00:0{number}","block_number":{number},"events":[["0xa",{{}}]]}}"#).unwrap();
        }
        let mut folder = Folder::open(file.path(), ChainId::HYPERLIQUID).unwrap();
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
