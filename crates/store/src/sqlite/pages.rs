//! Numbers of many rows, a page as one text: a row of the driver's is a value in memory for each cell, and a message between two
//! threads.

use futures::FutureExt;
use sqlx::SqliteConnection;

use super::{SqliteTx, rows};
use crate::sql::{Numbers, Page, Reading, Result, Start};

impl SqliteTx {
    pub(crate) async fn begin_page(&mut self, of: &Numbers<'_>, start: Start) -> Result<(Reading, Option<Start>)> {
        let (key, rows_per_page) = (of.key.join(", "), of.rows_per_page.max(1));
        let behind = match start {
            Start::Behind(last) => format!("WHERE ({key}) > ({})", last.map(|number| number.to_string()).join(", ")),
            Start::First | Start::Block(..) => String::new(),
        };
        let scope = format!("FROM {} {behind} ORDER BY {key} LIMIT", of.table);
        let next = rows(&mut self.inner, &format!("SELECT {key} {scope} 1 OFFSET {}", rows_per_page - 1), Vec::new()).await?;
        let next = match next.first() {
            Some(last) => Some(Start::Behind([last.int(0)?, last.int(1)?, last.int(2)?, last.int(3)?])),
            None => None,
        };
        let line: Vec<String> = of.numbers.iter().map(|number| format!("{number}, ','")).collect();
        let lines = format!("SELECT concat({}) AS line {scope} {rows_per_page}", line.join(", "));
        let (sql, table) = (format!("SELECT group_concat(line, '') FROM ({lines})"), of.table);
        let reading = match self.beside.clone() {
            Some(pool) => Reading::Beside(async move { page(&mut *pool.acquire().await?, &sql, table).await }.boxed()),
            None => Reading::Done(page(&mut self.inner, &sql, table).await?),
        };
        Ok((reading, next))
    }
}

async fn page(connection: &mut SqliteConnection, sql: &str, table: &str) -> Result<Page> {
    let records = rows(connection, sql, Vec::new()).await?;
    let text = records.first().map_or(Ok(None), |record| record.opt_text(0))?.unwrap_or_default();
    let number = |number: &str| match number {
        "" => Ok(None),
        _ => number.parse().map(Some).map_err(|_| Numbers::unexpected(table)),
    };
    text.split_terminator(',').map(number).collect()
}
