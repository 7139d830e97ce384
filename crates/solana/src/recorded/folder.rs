//! Reading a folder of recorded blocks. Everything here waits for the disk.

use std::path::{Path, PathBuf};

use perpdex_core::{
    Batch, BlockRange, BlockRef, Evidence, Filter, Heads, Hole, HoleReason, MalformedRecord, RangeSet, SourceError, SourceErrorKind,
};

use super::RecordedError;
use super::file::{File, Line, Region};
use crate::blocks::header_ref;
use crate::watched::Watched;
use crate::whole::read;

/// Bytes of lines of one answer, about; one line at least.
const ANSWER_BYTES_MAX: u64 = 64 << 20;

/// The files of a folder.
#[derive(Debug)]
pub(super) struct Folder {
    pub(super) label: String,
    /// By ascending range.
    files: Vec<File>,
}

impl Folder {
    /// Finds the files of a folder; none is read yet.
    pub(super) fn open(folder: &Path, label: &str) -> Result<Folder, RecordedError> {
        let io = |place: &str, error| RecordedError::Io { label: label.to_owned(), place: place.to_owned(), error };
        let mut files: Vec<File> = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(|error| io("the folder", error))? {
            let path: PathBuf = entry.map_err(|error| io("the folder", error))?.path();
            files.extend(File::named(path));
        }
        files.sort_by_key(|file| file.range);
        if let Some(pair) = files.windows(2).find(|pair| pair[1].range.from() <= pair[0].range.to()) {
            let [first, second] = [0, 1].map(|at| pair[at].name());
            return Err(RecordedError::Overlap { label: label.to_owned(), first, second, slot: pair[1].range.from() });
        }
        match files.is_empty() {
            true => Err(RecordedError::Empty { label: label.to_owned() }),
            false => Ok(Folder { label: label.to_owned(), files }),
        }
    }

    pub(super) fn error(&self, kind: SourceErrorKind, message: String) -> SourceError {
        SourceError { label: self.label.clone(), kind, message }
    }

    fn broken(&self, message: String) -> SourceError {
        self.error(SourceErrorKind::Permanent, message)
    }

    /// The lines of a file, read once.
    fn index<'a>(&self, file: &'a File) -> Result<&'a [Region], SourceError> {
        file.regions().map_err(|message| self.broken(message))
    }

    /// The file that claims a slot.
    fn at(&self, slot: u64) -> Option<(usize, &File)> {
        self.files.iter().enumerate().find(|(_, file)| file.range.contains(slot))
    }

    /// Reads as much of a range as one file has and one answer holds.
    pub(super) fn fetch(&self, range: BlockRange, filter: &Filter) -> Result<Batch, SourceError> {
        let watched = Watched::new(filter).map_err(|message| self.broken(message))?;
        let mut batch = Batch {
            range,
            blocks: Vec::new(),
            records: Vec::new(),
            malformed: Vec::new(),
            holes: Vec::new(),
            evidence: Evidence::Receipts,
        };
        let Some((position, file)) = self.at(range.from()) else {
            let next = self.files.iter().map(|file| file.range.from()).find(|from| range.from() < *from);
            batch.range = next.and_then(|next| BlockRange::new(range.from(), range.to().min(next - 1))).unwrap_or(range);
            batch.holes.push(Hole {
                range: batch.range,
                reason: HoleReason::Missing,
                detail: format!("{}: no file holds it", self.label),
                streams: Vec::new(),
            });
            return Ok(batch);
        };
        let mut asked = BlockRange::new(range.from(), range.to().min(file.range.to())).unwrap_or(range);
        let regions = self.index(file)?;
        let (mut bytes, mut known) = (0, Vec::new());
        for region in regions.iter().filter(|region| asked.contains(region.line.slot)) {
            bytes += region.bytes;
            if ANSWER_BYTES_MAX < bytes && !batch.blocks.is_empty() {
                let last = region.line.slot - 1;
                asked = BlockRange::new(asked.from(), last).unwrap_or(asked);
                break;
            }
            known.extend(region.vouches());
            self.take(file, region, &watched, filter, &mut batch)?;
        }
        // The first block behind the answer tells of the slots before it.
        let behind = regions.iter().find(|region| asked.to() < region.line.slot);
        let behind = match (behind, self.files.get(position + 1)) {
            (Some(behind), _) => behind.vouches(),
            (None, Some(next)) => self.index(next)?.first().and_then(Region::vouches),
            (None, None) => None,
        };
        known.extend(behind);
        batch.range = asked;
        let missing = RangeSet::from_ranges(known).missing(asked);
        let what = file.damage().unwrap_or("no recorded block vouches for it");
        let holes = missing.ranges().iter();
        batch.holes.extend(holes.map(|range| Hole {
            range: *range,
            reason: HoleReason::Missing,
            detail: format!("{}: {what}", file.name()),
            streams: Vec::new(),
        }));
        batch.holes.sort_by_key(|hole| hole.range);
        Ok(batch)
    }

    /// Reads a block into a batch.
    fn take(&self, file: &File, region: &Region, watched: &Watched, filter: &Filter, batch: &mut Batch) -> Result<(), SourceError> {
        let slot = region.line.slot;
        let text = file.text(region).map_err(|message| self.broken(message))?;
        let found = serde_json::from_str::<Line>(&text).map_err(|error| error.to_string()).and_then(|line| {
            let header = header_ref(slot, &line.block.header)?;
            let found = read(&line.block, slot, header.time_ms, watched)?;
            Ok((header, found))
        });
        match found {
            Ok((header, found)) => {
                batch.blocks.push(header);
                batch.records.extend(found.records);
                batch.holes.extend(found.holes);
            }
            Err(error) => {
                let detail = format!("{} line {}: {error}", file.name(), region.number);
                batch.holes.push(Hole {
                    range: BlockRange::single(slot),
                    reason: HoleReason::NotRecorded,
                    detail: detail.clone(),
                    streams: Vec::new(),
                });
                if let Some((stream, _)) = filter.streams.first() {
                    batch.malformed.push(MalformedRecord { stream: stream.clone(), height: slot, error: detail, text: String::new() });
                }
            }
        }
        Ok(())
    }

    fn header(&self, file: &File, region: &Region) -> Result<BlockRef, SourceError> {
        header_ref(region.line.slot, &region.line.header)
            .map_err(|message| self.broken(format!("{} line {}: {message}", file.name(), region.number)))
    }

    /// The last block that a whole line holds.
    pub(super) fn heads(&self) -> Result<Heads, SourceError> {
        let earliest = self.files.first().map(|file| file.range.from());
        for file in self.files.iter().rev() {
            if let Some(last) = self.index(file)?.last() {
                let latest = self.header(file, last)?;
                return Ok(Heads { earliest, latest, finalized: latest.height });
            }
        }
        Err(self.broken("no file holds a whole line".to_owned()))
    }

    /// The block of a slot.
    pub(super) fn block_ref(&self, height: u64) -> Result<Option<BlockRef>, SourceError> {
        let Some((_, file)) = self.at(height) else {
            return Err(self.error(SourceErrorKind::Pruned, format!("slot {height}: no file holds it")));
        };
        match self.index(file)?.iter().find(|region| region.line.slot == height) {
            Some(region) => Ok(Some(self.header(file, region)?)),
            None => Ok(None),
        }
    }

    /// The first slot whose block is not older.
    pub(super) fn height_at(&self, time_ms: i64) -> Result<Option<u64>, SourceError> {
        for file in &self.files {
            for region in self.index(file)? {
                if region.line.header.block_time.is_some_and(|secs| time_ms <= secs.saturating_mul(1_000)) {
                    return Ok(Some(region.line.slot));
                }
            }
        }
        Ok(None)
    }
}
