//! Rows in the binary format of COPY.

use super::numeric::Base10000;
use crate::sql::{Bulk, Lot, Param};

/// Signature, flags and the length of the header's extension (PostgreSQL manual, COPY, Binary Format).
pub(super) const COPY_HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// Field count of the trailer.
pub(super) const COPY_END: i16 = -1;
/// Length of a NULL field.
const COPY_NULL: i32 = -1;

/// Rows whose cells are made at once.
const PART_ROWS: usize = 256;

/// All rows as one COPY sends them.
pub(crate) fn copy_buffer<T>(lot: Lot<T>) -> Vec<u8> {
    let mut buffer = COPY_HEADER.to_vec();
    copy_parts(lot).for_each(|part| copy_rows(&mut buffer, &part));
    buffer.extend_from_slice(&COPY_END.to_be_bytes());
    buffer
}

/// The cells of a lot, a part after the other.
pub(super) fn copy_parts<T>(lot: Lot<T>) -> impl Iterator<Item = Bulk> {
    lot.parts(PART_ROWS)
}

/// Appends the rows of one part.
pub(super) fn copy_rows(buffer: &mut Vec<u8>, part: &Bulk) {
    part.cells.chunks(part.columns.len()).for_each(|row| copy_row(buffer, row));
}

fn copy_row(buffer: &mut Vec<u8>, row: &[Param]) {
    let width = i16::try_from(row.len()).expect("tables have few columns");
    buffer.extend_from_slice(&width.to_be_bytes());
    row.iter().for_each(|cell| copy_cell(buffer, cell));
}

fn copy_cell(buffer: &mut Vec<u8>, cell: &Param) {
    match cell {
        Param::Null => buffer.extend_from_slice(&COPY_NULL.to_be_bytes()),
        Param::Int(value) => copy_field(buffer, &value.to_be_bytes()),
        Param::Float(value) => copy_field(buffer, &value.to_be_bytes()),
        Param::Text(value) => copy_field(buffer, value.as_bytes()),
        Param::Name(value) => copy_field(buffer, value.as_bytes()),
        Param::Bytes(value) => copy_field(buffer, value),
        Param::Exact(value) => {
            let numeric = Base10000::of(*value);
            buffer.extend_from_slice(&numeric.bytes().to_be_bytes());
            numeric.put(buffer);
        }
    }
}

fn copy_field(buffer: &mut Vec<u8>, bytes: &[u8]) {
    let length = i32::try_from(bytes.len()).expect("a field is below two gigabytes");
    buffer.extend_from_slice(&length.to_be_bytes());
    buffer.extend_from_slice(bytes);
}
