//! The row encoder alone, for benchmarks: everything else of a commit needs a database.

use perpdex_core::{RawRecord, StreamId};
use perpdex_reducer::Row;

use crate::fact;
use crate::postgres::copy_buffer;
use crate::raw::{self, RAW_EVENTS};
use crate::sql::Bulk;

/// Encodes records and rows as a COPY sends them and gives the number of bytes.
pub fn copy_bytes(records: Vec<(StreamId, RawRecord)>, rows: Vec<Row>) -> usize {
    let mut bulk = Bulk::new("raw_events", RAW_EVENTS);
    for (stream, record) in records {
        raw::push(&mut bulk, stream, record);
    }
    let facts = fact::bulks(rows);
    facts.iter().chain([&bulk]).map(|bulk| copy_buffer(bulk).len()).sum()
}
