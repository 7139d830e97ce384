//! Rows in the binary format of COPY.

use super::numeric::Base10000;
use crate::sql::{Bulk, Fault, Lot, Page, Param, Result};

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
        Param::Shared(value) => copy_field(buffer, value.as_bytes()),
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

/// Reads rows of 64-bit integers from a COPY, however it is cut into parts.
pub(super) struct CopyRows {
    /// What has come and is not read yet.
    rest: Vec<u8>,
    page: Page,
    width: usize,
    has_header: bool,
    is_done: bool,
}

impl CopyRows {
    pub(super) fn new(width: usize) -> CopyRows {
        CopyRows { rest: Vec::new(), page: Page::new(), width, has_header: false, is_done: false }
    }

    /// The numbers of all rows; `None` where the trailer has not come.
    pub(super) fn into_page(self) -> Option<Page> {
        (self.is_done && self.rest.is_empty()).then_some(self.page)
    }

    /// Takes the next bytes and reads the rows that are whole.
    pub(super) fn take(&mut self, part: &[u8]) -> Result<()> {
        // Mostly a part is a row.
        let mut held = std::mem::take(&mut self.rest);
        let mut left = if held.is_empty() {
            part
        } else {
            held.extend_from_slice(part);
            held.as_slice()
        };
        while let Some(behind) = self.next(left)? {
            left = behind;
        }
        self.rest = left.to_vec();
        Ok(())
    }

    /// Reads the header, a row or the trailer, and gives what is behind; `None` where it is not whole.
    fn next<'a>(&mut self, bytes: &'a [u8]) -> Result<Option<&'a [u8]>> {
        if !self.has_header {
            let Some((header, behind)) = bytes.split_at_checked(COPY_HEADER.len()) else { return Ok(None) };
            self.has_header = true;
            return if header == COPY_HEADER { Ok(Some(behind)) } else { Err(damaged()) };
        }
        let Some((count, bytes)) = bytes.split_first_chunk::<2>() else { return Ok(None) };
        let count = i16::from_be_bytes(*count);
        if count == COPY_END {
            self.is_done = true;
            return Ok(Some(bytes));
        }
        if usize::try_from(count) != Ok(self.width) || self.is_done {
            return Err(damaged());
        }
        let rows_before = self.page.len();
        let behind = self.row(bytes)?;
        if behind.is_none() {
            self.page.truncate(rows_before);
        }
        Ok(behind)
    }

    /// Reads the numbers of a row.
    fn row<'a>(&mut self, mut bytes: &'a [u8]) -> Result<Option<&'a [u8]>> {
        for _ in 0..self.width {
            let Some((length, behind)) = bytes.split_first_chunk::<4>() else { return Ok(None) };
            bytes = behind;
            match i32::from_be_bytes(*length) {
                COPY_NULL => self.page.push(None),
                8 => {
                    let Some((number, behind)) = bytes.split_first_chunk::<8>() else { return Ok(None) };
                    self.page.push(Some(i64::from_be_bytes(*number)));
                    bytes = behind;
                }
                _ => return Err(damaged()),
            }
        }
        Ok(Some(bytes))
    }
}

fn damaged() -> Fault {
    Fault::Sql("a COPY of the server is not in its binary format".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_however_they_are_cut() {
        let rows = [[Some(1), None], [Some(i64::MIN), Some(-7)]];
        let mut bytes = COPY_HEADER.to_vec();
        for row in rows {
            copy_row(&mut bytes, &row.map(Param::from));
        }
        bytes.extend_from_slice(&COPY_END.to_be_bytes());
        let read = |bytes: &[u8], size: usize, width: usize| {
            let mut copy = CopyRows::new(width);
            let taken = bytes.chunks(size).try_for_each(|part| copy.take(part));
            taken.map(|()| copy.into_page())
        };
        for size in 1..=bytes.len() {
            assert_eq!(read(&bytes, size, 2).unwrap(), Some(rows.concat()), "in parts of {size} bytes");
        }
        assert_eq!(read(&bytes[..bytes.len() - 2], 5, 2).unwrap(), None, "the end is missing");
        assert!(read(&bytes, 5, 3).is_err(), "a row of another width");
        assert!(read(b"nothing of the kind", 19, 2).is_err());
    }
}
