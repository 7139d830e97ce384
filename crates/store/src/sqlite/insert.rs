//! Statements that insert many rows, and parameters as the thread of SQLite takes them.

use std::sync::Arc;

use alloy_primitives::I256;
use sqlx::Arguments;
use sqlx::sqlite::SqliteArguments;

use crate::sql::{Fault, Param, Result};

/// Rows of one insert, largest first: rows are cut into pieces of these sizes, so that every statement is prepared once. Preparing
/// one costs three times as much as running it, and more rows gain nothing.
pub(super) const INSERT_ROWS: [usize; 4] = [125, 25, 5, 1];

/// One statement and what goes into it.
pub(super) struct Insert {
    pub(super) sql: Arc<str>,
    pub(super) arguments: SqliteArguments,
    pub(super) texts: Texts,
    /// Bytes of its cells.
    pub(super) bytes: u64,
}

/// The statements that insert so many rows; `take` makes the cells of the next few.
pub(super) fn inserts<'a>(
    table: &'a str,
    columns: &'a [&'a str],
    rows: usize,
    tail: &'a str,
    mut take: impl FnMut(usize) -> Vec<Param> + 'a,
) -> impl Iterator<Item = Result<Insert>> + 'a {
    let mut last: Option<(usize, Arc<str>)> = None;
    pieces(rows).map(move |size| {
        let sql = match &last {
            Some((rows, sql)) if *rows == size => sql.clone(),
            _ => insert_sql(table, columns, size, tail).into(),
        };
        last = Some((size, sql.clone()));
        let cells = take(size);
        let bytes = cells.iter().map(Param::size_bytes).sum::<usize>() as u64;
        let mut texts = Texts::default();
        let arguments = params_with(cells, &mut texts)?;
        Ok(Insert { sql, arguments, texts, bytes })
    })
}

/// Rows cut into pieces of [`INSERT_ROWS`].
fn pieces(mut rows: usize) -> impl Iterator<Item = usize> {
    INSERT_ROWS.into_iter().flat_map(move |size| {
        let whole = rows / size;
        rows %= size;
        std::iter::repeat_n(size, whole)
    })
}

/// Unnumbered parameters: SQLite looks numbered ones up by name, one by one.
fn insert_sql(table: &str, columns: &[&str], rows: usize, tail: &str) -> String {
    let row = format!("({})", vec!["?"; columns.len()].join(","));
    format!("INSERT INTO {table} ({}) VALUES {} {tail}", columns.join(", "), vec![row.as_str(); rows].join(","))
}

/// Parameters in their order.
pub(super) fn arguments(params: Vec<Param>) -> Result<SqliteArguments> {
    let mut texts = Texts::default();
    params_with(params, &mut texts)
}

/// Texts of a statement, kept beside its parameters: the thread of SQLite then reads each in one place and frees none.
#[derive(Default)]
pub(super) struct Texts {
    all: Vec<Arc<str>>,
    /// A name stands in every row: its text is made once a statement.
    names: Vec<(&'static str, Arc<str>)>,
}

impl Texts {
    fn text(&mut self, text: impl Into<Arc<str>>) -> Arc<str> {
        let text: Arc<str> = text.into();
        self.all.push(text.clone());
        text
    }

    fn name(&mut self, name: &'static str) -> Arc<str> {
        match self.names.iter().find(|(known, _)| std::ptr::eq(*known, name)) {
            Some((_, text)) => text.clone(),
            None => {
                let text: Arc<str> = name.into();
                self.names.push((name, text.clone()));
                text
            }
        }
    }
}

fn params_with(params: Vec<Param>, texts: &mut Texts) -> Result<SqliteArguments> {
    let mut out = SqliteArguments::default();
    out.reserve(params.len(), 0);
    for param in params {
        let added = match param {
            Param::Null => out.add(None::<i64>),
            Param::Int(value) => out.add(value),
            Param::Float(value) => out.add(value),
            Param::Text(value) => out.add(texts.text(value.as_str())),
            Param::Shared(value) => out.add(texts.text(value)),
            Param::Name(name) => out.add(texts.name(name)),
            Param::Bytes(value) => out.add(value),
            Param::Exact(value) => out.add(texts.text(digits(value))),
        };
        added.map_err(|error| Fault::Sql(error.to_string()))?;
    }
    Ok(out)
}

/// An integer as text; mostly it is a short one.
fn digits(value: I256) -> String {
    i64::try_from(value).map_or_else(|_| value.to_string(), |value| value.to_string())
}
