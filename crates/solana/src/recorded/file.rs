//! One file of recorded blocks: where its lines are and what each of them vouches for.

use std::fs;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::OnceLock;

use perpdex_core::BlockRange;
use serde::Deserialize;

use crate::transaction::{BlockHeader, FullBlock};

/// A file that claims a range of slots.
#[derive(Debug)]
pub(super) struct File {
    path: PathBuf,
    /// As its name says.
    pub(super) range: BlockRange,
    index: OnceLock<Result<Index, String>>,
}

#[derive(Debug)]
struct Index {
    regions: Vec<Region>,
    /// The first line that is no block.
    damage: Option<String>,
}

/// A line: where it is, and its block without transactions.
#[derive(Debug)]
pub(super) struct Region {
    /// Number of the line, from 1.
    pub(super) number: usize,
    offset: u64,
    pub(super) bytes: u64,
    pub(super) line: Head,
}

/// A line without its transactions.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) slot: u64,
    pub(super) header: BlockHeader,
}

#[derive(Deserialize)]
struct HeadLine {
    slot: u64,
    block: BlockHeader,
}

/// A line.
#[derive(Deserialize)]
pub(super) struct Line {
    pub(super) block: FullBlock,
}

impl Region {
    /// The slots that the block tells of: its own, and the skipped ones between it and its parent.
    pub(super) fn vouches(&self) -> Option<BlockRange> {
        BlockRange::new(self.line.header.parent_slot.checked_add(1)?, self.line.slot)
    }
}

impl File {
    /// The file, if its name is that of one.
    pub(super) fn named(path: PathBuf) -> Option<File> {
        let name = path.file_name()?.to_str()?.strip_prefix("blocks-")?.strip_suffix(".jsonl")?;
        let (from, to) = name.split_once('-')?;
        let range = BlockRange::new(from.parse().ok()?, to.parse().ok()?)?;
        Some(File { path, range, index: OnceLock::new() })
    }

    /// The file's name.
    pub(super) fn name(&self) -> String {
        self.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    }

    /// The lines that are blocks of the file's range, ascending; read once.
    pub(super) fn regions(&self) -> Result<&[Region], String> {
        match self.index.get_or_init(|| self.read()) {
            Ok(index) => Ok(&index.regions),
            Err(error) => Err(error.clone()),
        }
    }

    /// What is wrong with the file, as far as it was read.
    pub(super) fn damage(&self) -> Option<&str> {
        self.index.get()?.as_ref().ok()?.damage.as_deref()
    }

    /// The text of a line.
    pub(super) fn text(&self, region: &Region) -> Result<String, String> {
        let read = || -> std::io::Result<String> {
            let mut file = fs::File::open(&self.path)?;
            file.seek(SeekFrom::Start(region.offset))?;
            let mut text = String::new();
            file.take(region.bytes).read_to_string(&mut text)?;
            Ok(text)
        };
        read().map_err(|error| format!("{} line {}: {error}", self.name(), region.number))
    }

    fn read(&self) -> Result<Index, String> {
        let io = |error: std::io::Error| format!("{}: {error}", self.name());
        let mut reader = BufReader::new(fs::File::open(&self.path).map_err(io)?);
        let mut index = Index { regions: Vec::new(), damage: None };
        let (mut offset, mut text) = (0, Vec::new());
        for number in 1.. {
            text.clear();
            let bytes = reader.read_until(b'\n', &mut text).map_err(io)? as u64;
            if bytes == 0 {
                break;
            }
            match self.head(&text, index.regions.last()) {
                Ok(line) => index.regions.push(Region { number, offset, bytes, line }),
                Err(error) => {
                    index.damage.get_or_insert(format!("line {number}: {error}"));
                }
            }
            offset += bytes;
        }
        Ok(index)
    }

    fn head(&self, text: &[u8], below: Option<&Region>) -> Result<Head, String> {
        let HeadLine { slot, block } = serde_json::from_slice(text).map_err(|error| error.to_string())?;
        if !self.range.contains(slot) {
            return Err(format!("slot {slot} is not one of {}", self.range));
        }
        match below {
            Some(below) if slot <= below.line.slot => Err(format!("slot {slot} stands behind slot {}", below.line.slot)),
            Some(below) if block.parent_slot == below.line.slot && block.previous_blockhash != below.line.header.blockhash => {
                Err(format!("block {slot} does not follow the block of slot {} in this file", below.line.slot))
            }
            _ => Ok(Head { slot, header: block }),
        }
    }
}
