//! Raw captures: what sources said, in a file that replays through the same pipeline. Format: `docs/raw-format.md`.

mod format;
mod index;
mod source;
mod writer;

pub use format::{CaptureError, CaptureRange, FORMAT};
pub use source::{CaptureSource, Captures};
pub use writer::CaptureWriter;
