//! For benchmarks: the row encoder alone, and connections of their own that are as quick as the store's.

use perpdex_core::{RawRecord, StreamId};
use perpdex_reducer::Row;

use crate::fact;
use crate::postgres::{copy_buffer, no_delay};
use crate::raw;

/// Encodes records and rows as a COPY sends them and gives the number of bytes.
pub fn copy_bytes(records: Vec<(StreamId, RawRecord)>, rows: Vec<Row>) -> usize {
    let facts: usize = fact::lots(rows).into_iter().map(|lot| copy_buffer(lot).len()).sum();
    facts + copy_buffer(raw::lot(records)).len()
}

/// Lets the driver's connections to PostgreSQL that stand send small packets at once, as the store's do.
pub fn send_at_once() {
    no_delay::set();
}
