//! Reads captures back as a source.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::path::Path;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use perpdex_core::{
    Batch, BlockRange, BlockRef, ChainId, Evidence, FetchHeights, Filter, Heads, Hole, HoleReason, MalformedRecord, RangeSet, RawBody,
    RawRecord, Source, SourceError, SourceErrorKind, StreamId,
};

use crate::capture::format::CaptureError;
use crate::capture::index::{Entry, Loaded, index, name};

/// One chain of one or more captures.
///
/// Answers for one captured range at a time, however much was asked: `Batch::range` says for which. What no range
/// covers is a hole. Everything captured counts as final. Only one or two ranges are in memory at once.
pub struct CaptureSource {
    chain: ChainId,
    label: String,
    /// Ascending by first height.
    entries: Vec<Arc<Entry>>,
    recent: Mutex<VecDeque<(usize, Arc<Loaded>)>>,
    /// Ranges and streams for which lines that are no records were told.
    told: Mutex<HashSet<(usize, StreamId)>>,
}

/// Captures that were opened together.
#[derive(Debug)]
pub struct Captures {
    /// One source for each chain, ascending.
    pub sources: Vec<CaptureSource>,
    /// Files whose end is cut off. What is whole in them is served; what a range lost is a hole.
    pub cut: Vec<CaptureError>,
}

/// Ranges kept in memory: neighbours are asked for by turns when ranges are fetched ahead.
const RECENT_MAX: usize = 2;
/// More heights than any captured range has.
const HEIGHTS_MAX: u64 = i64::MAX as u64;

impl CaptureSource {
    /// Opens captures and finds their ranges; reads every file once.
    pub fn open<P: AsRef<Path>>(paths: &[P]) -> Result<Captures, CaptureError> {
        let mut chains: BTreeMap<ChainId, Vec<Arc<Entry>>> = BTreeMap::new();
        let mut cut = Vec::new();
        for path in paths {
            let (entries, error) = index(path.as_ref())?;
            cut.extend(error);
            for entry in entries {
                chains.entry(entry.head.chain).or_default().push(Arc::new(entry));
            }
        }
        let label = match paths {
            [single] => name(single.as_ref()),
            _ => format!("{} captures", paths.len()),
        };
        let source = |(chain, mut entries): (ChainId, Vec<Arc<Entry>>)| {
            entries.sort_by_key(|entry| entry.head.heights);
            CaptureSource { chain, label: label.clone(), entries, recent: Mutex::default(), told: Mutex::default() }
        };
        Ok(Captures { sources: chains.into_iter().map(source).collect(), cut })
    }

    /// Whether the chain is one of times: every captured range ends with a block whose height is its time.
    fn heights_are_times(&self) -> bool {
        let mut ends = self.entries.iter().filter_map(|entry| entry.last_block).peekable();
        ends.peek().is_some() && ends.all(|block| block == time(block.height))
    }

    /// The streams that are captured, with the heights of each.
    pub fn streams(&self) -> Vec<(StreamId, RangeSet)> {
        let mut streams: BTreeMap<&StreamId, Vec<BlockRange>> = BTreeMap::new();
        for entry in &self.entries {
            for stream in &entry.head.streams {
                streams.entry(stream).or_default().push(entry.head.heights);
            }
        }
        streams.into_iter().map(|(stream, ranges)| (stream.clone(), RangeSet::from_ranges(ranges))).collect()
    }

    /// For each stream the captured range that reaches furthest from `height`; `None` if a stream has none there.
    fn entries_for(&self, height: u64, filter: &Filter) -> Option<Vec<usize>> {
        let mut chosen = Vec::new();
        for (stream, _) in &filter.streams {
            let holds = |entry: &Entry| entry.head.heights.contains(height) && entry.head.streams.contains(stream);
            let fitting = self.entries.iter().enumerate().filter(|(_, entry)| holds(entry));
            let (place, _) = fitting.max_by_key(|(_, entry)| entry.head.heights.to())?;
            if !chosen.contains(&place) {
                chosen.push(place);
            }
        }
        Some(chosen)
    }

    /// The answer where a stream has nothing: a hole up to the next height at which any captured range begins or ends.
    fn nothing(&self, range: BlockRange) -> Batch {
        let ends = self.entries.iter().flat_map(|entry| [entry.head.heights.from().checked_sub(1), Some(entry.head.heights.to())]);
        let to = ends.flatten().filter(|end| range.contains(*end)).min().unwrap_or(range.to());
        let range = BlockRange::new(range.from(), to).expect("the end lies inside the range");
        let detail = format!("{} does not hold all streams asked for", self.label);
        Batch {
            range,
            blocks: Vec::new(),
            records: Vec::new(),
            malformed: Vec::new(),
            holes: vec![Hole { range, reason: HoleReason::Missing, detail, streams: Vec::new() }],
            evidence: Evidence::Witnessed,
        }
    }

    /// A line that is no record has no height: it is told with the first part of the range that is read.
    fn tell_malformed(&self, place: usize, loaded: &Loaded, answer: &mut Answer<'_>) {
        if loaded.malformed.is_empty() {
            return;
        }
        let head = &self.entries[place].head;
        let Some((stream, _)) = answer.filter.streams.iter().find(|(stream, _)| head.streams.contains(stream)) else { return };
        if !self.told.lock().expect("no one panics while telling").insert((place, stream.clone())) {
            return;
        }
        let height = answer.range.from();
        let malformed = loaded.malformed.iter().map(|(error, text)| MalformedRecord {
            stream: stream.clone(),
            height,
            error: error.clone(),
            text: text.clone(),
        });
        answer.malformed.extend(malformed);
    }

    async fn load(&self, place: usize) -> Result<Arc<Loaded>, SourceError> {
        if let Some((_, loaded)) = self.recent().iter().find(|(kept, _)| *kept == place) {
            return Ok(loaded.clone());
        }
        let entry = self.entries[place].clone();
        let loaded = tokio::task::spawn_blocking(move || entry.load()).await.map_err(|error| self.error(error.to_string()))?;
        let loaded = Arc::new(loaded.map_err(|error| self.error(error.to_string()))?);
        let mut recent = self.recent();
        recent.push_front((place, loaded.clone()));
        recent.truncate(RECENT_MAX);
        Ok(loaded)
    }

    fn recent(&self) -> std::sync::MutexGuard<'_, VecDeque<(usize, Arc<Loaded>)>> {
        self.recent.lock().expect("no one panics while holding the recent ranges")
    }

    /// A file that cannot be read now may be readable on the next try; the engine's limits end it.
    fn error(&self, message: String) -> SourceError {
        SourceError { label: self.label.clone(), kind: SourceErrorKind::Transient, message }
    }

    fn last_block(&self) -> Option<BlockRef> {
        let blocks = self.entries.iter().filter_map(|entry| Some((entry.head.heights.to(), entry.last_block?)));
        let (height, block) = blocks.max_by_key(|(to, _)| *to)?;
        // The end itself may hold no block; the range is known up to it all the same.
        if block.height == height { Some(block) } else { Some(BlockRef { height, link: None, time_ms: block.time_ms }) }
    }
}

#[async_trait]
impl Source for CaptureSource {
    fn chain(&self) -> ChainId {
        self.chain
    }

    fn label(&self) -> &str {
        &self.label
    }

    async fn heads(&self) -> Result<Heads, SourceError> {
        let earliest = self.entries.first().map(|entry| entry.head.heights.from());
        let latest = self.last_block().ok_or_else(|| SourceError {
            label: self.label.clone(),
            kind: SourceErrorKind::Permanent,
            message: format!("holds no block of {}", self.chain),
        })?;
        Ok(Heads { earliest, latest, finalized: latest.height })
    }

    async fn fetch(&self, range: BlockRange, filter: &Filter) -> Result<Batch, SourceError> {
        let Some(places) = self.entries_for(range.from(), filter) else { return Ok(self.nothing(range)) };
        let to = places.iter().map(|place| self.entries[*place].head.heights.to()).fold(range.to(), u64::min);
        let range = BlockRange::new(range.from(), to).expect("every chosen range holds the first height");
        let mut answer = Answer::new(range, filter);
        for place in places {
            let loaded = self.load(place).await?;
            answer.add(&self.entries[place], &loaded);
            self.tell_malformed(place, &loaded, &mut answer);
        }
        Ok(answer.finish())
    }

    async fn block_ref(&self, height: u64) -> Result<Option<BlockRef>, SourceError> {
        if self.heights_are_times() {
            return Ok(Some(time(height)));
        }
        for (place, entry) in self.entries.iter().enumerate() {
            if entry.head.heights.contains(height)
                && let Some(block) = self.load(place).await?.blocks.iter().find(|block| block.height == height)
            {
                return Ok(Some(*block));
            }
        }
        Ok(None)
    }

    /// Heights that are times are as many as milliseconds: a captured range of them is read in one.
    fn fetch_heights(&self) -> Option<FetchHeights> {
        self.heights_are_times().then_some(FetchHeights { start: HEIGHTS_MAX, max: HEIGHTS_MAX })
    }

    /// Among captured blocks only: those with records, and the ends of ranges.
    async fn height_at(&self, time_ms: i64) -> Result<Option<u64>, SourceError> {
        let mut found: Option<u64> = None;
        for (place, entry) in self.entries.iter().enumerate() {
            let is_later = entry.last_block.is_some_and(|block| time_ms <= block.time_ms);
            let is_lower = found.is_none_or(|height| entry.head.heights.from() < height);
            if is_later && is_lower {
                let loaded = self.load(place).await?;
                let first = loaded.blocks.iter().find(|block| time_ms <= block.time_ms).map(|block| block.height);
                found = found.into_iter().chain(first).min();
            }
        }
        Ok(found)
    }
}

/// The block at a height that is a time, unix milliseconds.
fn time(height: u64) -> BlockRef {
    BlockRef { height, link: None, time_ms: i64::try_from(height).unwrap_or(i64::MAX) }
}

/// A batch made of one or several captured ranges, each of which covers all of it.
struct Answer<'a> {
    range: BlockRange,
    filter: &'a Filter,
    blocks: BTreeMap<u64, BlockRef>,
    records: BTreeMap<(u64, i64, i64), RawRecord>,
    malformed: Vec<MalformedRecord>,
    holes: Vec<Hole>,
    evidence: Evidence,
}

impl Answer<'_> {
    fn new(range: BlockRange, filter: &Filter) -> Answer<'_> {
        Answer {
            range,
            filter,
            blocks: BTreeMap::new(),
            records: BTreeMap::new(),
            malformed: Vec::new(),
            holes: Vec::new(),
            evidence: Evidence::Receipts,
        }
    }

    fn add(&mut self, entry: &Entry, loaded: &Loaded) {
        let range = self.range;
        for block in loaded.blocks.iter().filter(|block| range.contains(block.height)) {
            let kept = self.blocks.entry(block.height).or_insert(*block);
            kept.link = kept.link.or(block.link);
        }
        let is_asked = |record: &RawRecord| {
            matches!(record.body, RawBody::StateRead { .. }) || self.filter.streams.iter().any(|(_, watch)| watch.matches(record))
        };
        for record in loaded.records.iter().filter(|record| range.contains(record.height) && is_asked(record)) {
            self.records.entry((record.height, record.ord, record.rec)).or_insert_with(|| record.clone());
        }
        for hole in entry.head.holes.iter().chain(&entry.lost) {
            self.holes.extend(hole.range.intersect(&range).map(|part| Hole { range: part, ..hole.clone() }));
        }
        self.evidence = self.evidence.min(entry.head.evidence);
    }

    fn finish(self) -> Batch {
        Batch {
            range: self.range,
            blocks: self.blocks.into_values().collect(),
            records: self.records.into_values().collect(),
            malformed: self.malformed,
            holes: self.holes,
            evidence: self.evidence,
        }
    }
}

impl std::fmt::Debug for CaptureSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CaptureSource").field("chain", &self.chain).field("label", &self.label).finish_non_exhaustive()
    }
}
