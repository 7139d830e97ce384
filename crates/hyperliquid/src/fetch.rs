//! One range of blocks from the files of the asked streams.

use std::collections::BTreeMap;

use perpdex_core::{
    Batch, BlockRange, BlockRef, Evidence, Headers, Hole, HoleReason, HyperliquidLine, HyperliquidStream, MalformedRecord, RawBody,
    RawRecord, StreamId, derived_id,
};

use crate::blocks::{Block, BlockReader};
use crate::error::FolderError;
use crate::files::{StreamFiles, is_timed};
use crate::layout::chain_of;

/// A stream's place in the files, kept between fetches.
#[derive(Default)]
pub(crate) struct Cursor {
    reader: Option<BlockReader>,
    /// A block that was read but lies behind the last range.
    ahead: Option<Block>,
    /// Every block from here on is still to come.
    passed_to: u64,
}

/// What is asked of one stream.
pub(crate) struct Asked<'a> {
    pub(crate) id: &'a StreamId,
    pub(crate) stream: HyperliquidStream,
    /// `None`: the folder has no file of the stream.
    pub(crate) files: Option<(&'a StreamFiles, &'a mut Cursor)>,
}

/// Reads a range. The batch answers for all asked streams at once: what one of them lacks is a hole for all. Once its
/// records pass `bytes_max` it ends with the block in hand.
pub(crate) fn fetch(range: BlockRange, asked: &mut [Asked<'_>], headers: Headers, bytes_max: usize) -> Result<Batch, FolderError> {
    for (files, cursor) in asked.iter_mut().filter_map(|asked| asked.files.as_mut()) {
        cursor.seek(files, range.from())?;
    }
    let mut merged = Merged::default();
    let mut to = range.to();
    while let Some((height, at)) = lowest(asked, range.to())? {
        if merged.bytes > bytes_max && merged.last.is_some_and(|last| last < height) {
            to = height - 1;
            break;
        }
        let (files, cursor) = asked[at].files.as_mut().expect("a stream with a next block has files");
        let block = cursor.take(files)?.expect("the block was just looked at");
        merged.add(asked[at].stream, block);
    }
    let timed = asked.iter().any(|asked| is_timed(asked.stream));
    let range = BlockRange::new(range.from(), to).expect("a shortened range keeps its first block");
    let mut malformed = Vec::new();
    for asked in asked.iter_mut() {
        merged.holes.extend(asked.missing_around(range)?);
        malformed.extend(asked.malformed(range));
    }
    Ok(merged.into_batch(range, malformed, headers, timed))
}

/// The lowest block up to `to` that any stream has next, and whose it is.
fn lowest(asked: &mut [Asked<'_>], to: u64) -> Result<Option<(u64, usize)>, FolderError> {
    let mut lowest = None;
    for (at, asked) in asked.iter_mut().enumerate() {
        let Some((files, cursor)) = asked.files.as_mut() else { continue };
        let to = files.until.map_or(to, |until| to.min(until.saturating_sub(1)));
        if let Some(height) = cursor.peek(files)?.map(|block| block.number).filter(|height| *height <= to)
            && lowest.is_none_or(|(other, _)| height < other)
        {
            lowest = Some((height, at));
        }
    }
    Ok(lowest)
}

impl Cursor {
    /// Makes the next block the first one at or above `from`; reads on from where it is, if no file is skipped by a jump.
    fn seek(&mut self, files: &StreamFiles, from: u64) -> Result<(), FolderError> {
        let start = files.holding(from).unwrap_or(0);
        match &mut self.reader {
            Some(reader) if self.passed_to <= from && start <= reader.file() => reader.text_from(from),
            _ => *self = Cursor { reader: Some(BlockReader::open(files, start, from)?), ahead: None, passed_to: from },
        }
        while self.peek(files)?.is_some_and(|block| block.number < from) {
            self.take(files)?;
        }
        Ok(())
    }

    fn peek(&mut self, files: &StreamFiles) -> Result<Option<&Block>, FolderError> {
        if self.ahead.is_none()
            && let Some(reader) = &mut self.reader
        {
            self.ahead = reader.next(files)?;
        }
        Ok(self.ahead.as_ref())
    }

    fn take(&mut self, files: &StreamFiles) -> Result<Option<Block>, FolderError> {
        self.peek(files)?;
        self.passed_to = self.ahead.as_ref().map_or(self.passed_to, |block| block.number + 1);
        Ok(self.ahead.take())
    }
}

impl Asked<'_> {
    /// What the stream lacks before its first file, and before its next block or behind its last one.
    fn missing_around(&mut self, range: BlockRange) -> Result<Vec<Hole>, FolderError> {
        let name = self.stream.as_str();
        let Some((files, cursor)) = &mut self.files else {
            return Ok(vec![Hole { range, reason: HoleReason::Missing, detail: format!("no file of stream {name}"), streams: Vec::new() }]);
        };
        let last = files.until.map_or(range.to(), |until| range.to().min(until.saturating_sub(1)));
        // Behind its own time a stream has nothing by definition, and lacks nothing.
        let Some(range) = BlockRange::new(range.from(), last) else { return Ok(Vec::new()) };
        let mut holes: Vec<Hole> = below_first_file(files, range).into_iter().collect();
        if let Some(next) = cursor.peek(files)? {
            holes.extend(next.hole_before.clone().into_iter().filter_map(|hole| clipped(hole, range)));
            return Ok(holes);
        }
        let reader = cursor.reader.as_ref();
        let behind = reader.and_then(BlockReader::given).map_or(range.from(), |given| range.from().max(given + 1));
        holes.extend(BlockRange::new(behind, range.to()).map(|range| match reader.and_then(BlockReader::cut) {
            Some(detail) => Hole { range, reason: HoleReason::Truncated, detail: detail.to_owned(), streams: Vec::new() },
            None => {
                Hole { range, reason: HoleReason::Missing, detail: format!("behind the last block of stream {name}"), streams: Vec::new() }
            }
        }));
        Ok(holes)
    }

    fn malformed(&mut self, range: BlockRange) -> Vec<MalformedRecord> {
        let Some(reader) = self.files.as_mut().and_then(|(_, cursor)| cursor.reader.as_mut()) else { return Vec::new() };
        let later = reader.malformed.iter().position(|line| line.height > range.to()).unwrap_or(reader.malformed.len());
        let met = reader.malformed.drain(..later).filter(|line| range.contains(line.height));
        met.map(|line| MalformedRecord { stream: self.id.clone(), height: line.height, error: line.error, text: line.text }).collect()
    }
}

fn below_first_file(files: &StreamFiles, range: BlockRange) -> Option<Hole> {
    let first = &files.entries[0];
    let missing = BlockRange::new(range.from(), first.first.checked_sub(1)?)?;
    let detail = format!("{}: the files of stream {} begin with block {}", first.name, files.stream.as_str(), first.first);
    Some(Hole { range: missing, reason: HoleReason::Missing, detail, streams: Vec::new() })
}

/// Blocks of all streams as they come.
#[derive(Default)]
struct Merged {
    blocks: BTreeMap<u64, (BlockRef, bool)>,
    records: Vec<RawRecord>,
    holes: Vec<Hole>,
    bytes: usize,
    last: Option<u64>,
}

impl Merged {
    fn add(&mut self, stream: HyperliquidStream, block: Block) {
        let height = block.number;
        self.last = Some(height);
        self.holes.extend(block.hole_before);
        let block_ref = BlockRef { height, link: None, time_ms: block.time_ms };
        let (_, has_record) = self.blocks.entry(height).or_insert((block_ref, false));
        *has_record |= block.has_events;
        if !block.has_events {
            return;
        }
        self.bytes += block.text.len();
        self.records.push(RawRecord {
            chain: chain_of(stream),
            height,
            rec: derived_id(&["hypercore", stream.as_str()]),
            ord: stream as i64,
            tx_id: height.to_string().into(),
            tx_index: None,
            time_ms: block.time_ms,
            body: RawBody::HyperliquidLine(HyperliquidLine { stream, text: block.text }),
        });
    }

    fn into_batch(mut self, range: BlockRange, malformed: Vec<MalformedRecord>, headers: Headers, timed: bool) -> Batch {
        let holes: Vec<Hole> = self.holes.drain(..).filter_map(|hole| clipped(hole, range)).collect();
        if timed {
            self.add_edges(range, &holes);
        }
        let ends = [self.blocks.keys().next().copied(), self.blocks.keys().next_back().copied()];
        let wanted = |height: u64, has_record: bool| has_record || headers == Headers::All || ends.contains(&Some(height));
        let blocks = self.blocks.into_values().filter(|(block, has_record)| wanted(block.height, *has_record));
        self.records.sort_by_key(|record| (record.height, record.ord));
        Batch {
            range,
            blocks: blocks.map(|(block, _)| block).collect(),
            records: self.records,
            malformed,
            holes,
            // Lines without block numbers cannot show that one is missing.
            evidence: if timed { Evidence::Witnessed } else { Evidence::Receipts },
        }
    }

    /// Where heights are times, the edges of what is known have a time though no line stands there.
    fn add_edges(&mut self, range: BlockRange, holes: &[Hole]) {
        let around = holes.iter().flat_map(|hole| [hole.range.from().checked_sub(1), hole.range.to().checked_add(1)]);
        let edges = around.flatten().chain([range.from(), range.to()]).filter(|height| range.contains(*height));
        for height in edges {
            let time_ms = i64::try_from(height).unwrap_or(i64::MAX);
            // Marked as if it held a record, so that it is kept.
            self.blocks.entry(height).or_insert((BlockRef { height, link: None, time_ms }, false)).1 = true;
        }
    }
}

fn clipped(hole: Hole, range: BlockRange) -> Option<Hole> {
    hole.range.intersect(&range).map(|range| Hole { range, ..hole })
}
