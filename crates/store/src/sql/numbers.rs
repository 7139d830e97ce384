//! Rows of which numbers alone are read, where there are many: a row of the driver's costs more than all that is done with it.

use std::panic::resume_unwind;

use futures::future::BoxFuture;
use tokio::task::JoinSet;

use super::{Fault, Result, Tx};

/// Pages that are read at once, each by a connection of its own.
const PAGES_AT_ONCE: usize = 3;

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

/// All rows of a table, a page at a time and in no order. While one page is worked with, the next ones are read beside the
/// transaction, so they must be of a table that the transaction has not written to; what others write waits for its end.
#[derive(Debug)]
pub(crate) struct Pages<'a> {
    of: Numbers<'a>,
    /// Where the next page begins; `None` behind the last one.
    start: Option<Start>,
    reading: JoinSet<Result<Page>>,
}

impl<'a> Pages<'a> {
    pub(crate) fn new(of: Numbers<'a>) -> Pages<'a> {
        Pages { of, start: Some(Start::First), reading: JoinSet::new() }
    }

    /// The next page; `None` behind the last one. The transaction is the same one every time.
    pub(crate) async fn next(&mut self, tx: &mut Tx) -> Result<Option<Page>> {
        while self.reading.len() < PAGES_AT_ONCE
            && let Some(start) = self.start
        {
            let (reading, next) = tx.begin_page(&self.of, start).await?;
            self.start = next;
            match reading {
                Reading::Done(page) => return Ok(Some(page)),
                Reading::Beside(page) => _ = self.reading.spawn(page),
            }
        }
        match self.reading.join_next().await {
            None => Ok(None),
            Some(Ok(page)) => page.map(Some),
            Some(Err(error)) => match error.try_into_panic() {
                Ok(panic) => resume_unwind(panic),
                Err(_) => Err(Fault::Sql("a page of numbers was given up".to_owned())),
            },
        }
    }
}

impl Numbers<'_> {
    pub(crate) fn unexpected(table: &str) -> Fault {
        Fault::Corrupt(format!("the numbers of {table} cannot be read"))
    }
}
