//! Rows of which numbers alone are read, where there are many: a row of the driver's costs more than all that is done with it.

use futures::future::BoxFuture;

use super::{Fault, Result};

/// What is read of a table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Numbers<'a> {
    pub(crate) table: &'static str,
    /// Columns of the key, integers.
    pub(crate) key: [&'static str; 4],
    /// Columns or expressions, 64-bit integers or NULL.
    pub(crate) numbers: &'a [&'a str],
    /// Rows of a page, about.
    pub(crate) rows_per_page: u32,
}

/// Where a page begins.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Start {
    /// With the table.
    First,
    /// Behind the row of this key.
    Behind([i64; 4]),
    /// With this block of the table's file, of so many.
    Block(i64, i64),
}

/// The rows of a page, their numbers one behind the other.
pub(crate) type Page = Vec<Option<i64>>;

/// A page that is being read.
pub(crate) enum Reading {
    /// By the transaction's own connection, since the database has no other.
    Done(Page),
    /// By another one.
    Beside(BoxFuture<'static, Result<Page>>),
}

impl Numbers<'_> {
    pub(crate) fn unexpected(table: &str) -> Fault {
        Fault::Corrupt(format!("the numbers of {table} cannot be read"))
    }
}
