//! Rows of which numbers alone are read, where there are many: a row of the driver's costs more than all that is done with it.

use super::{Fault, Result};

/// What is read of a table, in the order of its key.
pub(crate) struct Numbers<'a> {
    pub(crate) table: &'static str,
    /// Columns of the key, integers; read first.
    pub(crate) key: [&'static str; 4],
    /// Columns or expressions, 64-bit integers or NULL.
    pub(crate) numbers: &'a [&'a str],
}

/// What takes a row: its key and its numbers.
pub(crate) type NumberRow<'a> = dyn FnMut(&[Option<i64>]) -> Result<()> + Send + 'a;

impl Numbers<'_> {
    /// All that is read.
    pub(crate) fn wanted(&self) -> impl Iterator<Item = &str> {
        self.key.into_iter().chain(self.numbers.iter().copied())
    }

    /// Numbers of a row, the key's among them.
    pub(crate) fn width(&self) -> usize {
        self.key.len() + self.numbers.len()
    }

    /// What is behind the words `FROM`: a page of rows.
    pub(crate) fn page(&self, after: [i64; 4], rows_max: usize) -> String {
        let (table, key, after) = (self.table, self.key.join(", "), after.map(|number| number.to_string()).join(", "));
        format!("{table} WHERE ({key}) > ({after}) ORDER BY {key} LIMIT {rows_max}")
    }

    pub(crate) fn unexpected(&self) -> Fault {
        Fault::Corrupt(format!("the numbers of {} cannot be read", self.table))
    }
}
