//! Numbers of many rows by binary COPY, a page as some blocks of the table's file: nothing is looked up or sorted.

use futures::{FutureExt, TryStreamExt};
use sqlx::PgPool;
use sqlx::postgres::PgPoolCopyExt;

use super::PostgresTx;
use super::copy::CopyRows;
use crate::sql::{Numbers, Page, Reading, Result, Start, first_int};

/// Rows of a block, about: those of `fills` are 17.
const ROWS_PER_BLOCK: u32 = 16;

impl PostgresTx {
    pub(crate) async fn begin_page(&mut self, of: &Numbers<'_>, start: Start) -> Result<(Reading, Option<Start>)> {
        let (from, blocks) = match start {
            Start::Block(from, blocks) => (from, blocks),
            Start::First | Start::Behind(_) => (0, self.blocks(of.table).await?),
        };
        let to = from + i64::from((of.rows_per_page / ROWS_PER_BLOCK).max(1));
        let wanted: Vec<String> = of.numbers.iter().map(|number| format!("CAST({number} AS BIGINT)")).collect();
        let scope = format!("FROM {} WHERE ctid >= '({from},0)' AND ctid < '({to},0)'", of.table);
        let statement = format!("COPY (SELECT {} {scope}) TO STDOUT (FORMAT binary)", wanted.join(", "));
        let reading = page(self.beside.clone(), statement, of.numbers.len(), of.table).boxed();
        Ok((Reading::Beside(reading), (to < blocks).then_some(Start::Block(to, blocks))))
    }

    /// Blocks of a table whose rows stay where they are from here on to the end of the transaction.
    async fn blocks(&mut self, table: &str) -> Result<i64> {
        self.script(&format!("LOCK TABLE {table} IN ACCESS SHARE MODE")).await?;
        let sql = format!("SELECT pg_relation_size('{table}') / CAST(current_setting('block_size') AS BIGINT)");
        first_int(&self.rows(&sql, Vec::new()).await?)
    }
}

async fn page(pool: PgPool, statement: String, width: usize, table: &'static str) -> Result<Page> {
    let mut rows = CopyRows::new(width);
    let mut parts = pool.copy_out_raw(&statement).await?;
    while let Some(part) = parts.try_next().await? {
        rows.take(&part)?;
    }
    rows.into_page().ok_or_else(|| Numbers::unexpected(table))
}
