//! Writes captures.

use std::io::{self, Write};

use crate::capture::format::{CaptureError, CaptureRange, FORMAT, Header, RangeHead, RangeLine, RecordLineRef};

/// Writes one capture, range by range. The ranges of a chain should ascend and be of a size that fits in memory: a
/// reader takes one at a time.
#[derive(Debug)]
pub struct CaptureWriter<W: Write> {
    label: String,
    out: W,
}

impl<W: Write> CaptureWriter<W> {
    /// Begins a capture. `label` names the file in errors.
    pub fn new(label: impl Into<String>, out: W) -> Result<CaptureWriter<W>, CaptureError> {
        let mut writer = CaptureWriter { label: label.into(), out };
        writer.line(&Header { format: FORMAT.to_owned() })?;
        Ok(writer)
    }

    /// Adds a range with its records.
    pub fn write(&mut self, part: &CaptureRange) -> Result<(), CaptureError> {
        let head = RangeHead {
            chain: part.chain,
            heights: part.range,
            streams: part.streams.clone(),
            evidence: part.evidence,
            blocks: part.blocks.clone(),
            holes: part.holes.clone(),
            records: part.records.len() as u64,
        };
        self.line(&RangeLine { range: head })?;
        part.records.iter().try_for_each(|record| self.line(&RecordLineRef { record }))
    }

    /// Ends the capture and gives back what it was written to.
    pub fn finish(mut self) -> Result<W, CaptureError> {
        self.out.flush().map_err(|error| CaptureError::Io { file: self.label.clone(), error })?;
        Ok(self.out)
    }

    fn line(&mut self, value: &impl serde::Serialize) -> Result<(), CaptureError> {
        let written = serde_json::to_writer(&mut self.out, value).map_err(io::Error::from);
        written.and_then(|()| self.out.write_all(b"\n")).map_err(|error| CaptureError::Io { file: self.label.clone(), error })
    }
}
