//! Pages of numbers, read beside the transaction.

use std::panic::resume_unwind;

use tokio::task::JoinSet;

use super::Tx;
use crate::sql::{Fault, Numbers, Page, Reading, Result, Start};

/// Pages that are read at once, each by a connection of its own.
const PAGES_AT_ONCE: usize = 3;

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
