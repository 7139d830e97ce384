//! The row encoder alone, for benchmarks: everything else of a commit needs a database.

use perpdex_core::{RawRecord, StreamId};
use perpdex_reducer::Row;

use crate::fact;
use crate::postgres::copy_buffer;
use crate::raw;

/// Encodes records and rows as a COPY sends them and gives the number of bytes.
pub fn copy_bytes(records: Vec<(StreamId, RawRecord)>, rows: Vec<Row>) -> usize {
    let facts: usize = fact::lots(rows).into_iter().map(|lot| copy_buffer(lot).len()).sum();
    facts + copy_buffer(raw::lot(records)).len()
}
