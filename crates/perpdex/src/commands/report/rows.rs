//! Rows of a query, read by position.

use anyhow::{Result, anyhow};
use perpdex_core::Decimal;
use perpdex_store::{SqlStore, Value};

/// Rows of one query: markets times hours of a long window, with room to spare.
const ROWS_MAX: usize = 8_000_000;

/// One row.
pub(super) struct Row(Vec<Value>);

/// All rows of a query.
pub(super) async fn rows(store: &SqlStore, sql: &str) -> Result<Vec<Row>> {
    let table = store.query(sql, ROWS_MAX).await?;
    if table.is_truncated {
        return Err(anyhow!("{}: the window holds more than {ROWS_MAX} rows: ask for a shorter one", store.place()));
    }
    Ok(table.rows.into_iter().map(Row).collect())
}

impl Row {
    pub(super) fn int(&self, at: usize) -> Result<i64> {
        self.opt_int(at)?.ok_or_else(|| self.unexpected(at))
    }

    pub(super) fn opt_int(&self, at: usize) -> Result<Option<i64>> {
        match self.0.get(at) {
            Some(Value::Int(value)) => Ok(Some(*value)),
            Some(Value::Null) => Ok(None),
            _ => Err(self.unexpected(at)),
        }
    }

    pub(super) fn text(&self, at: usize) -> Result<String> {
        match self.0.get(at) {
            Some(Value::Text(text)) => Ok(text.clone()),
            _ => Err(self.unexpected(at)),
        }
    }

    pub(super) fn opt_decimal(&self, at: usize) -> Result<Option<Decimal>> {
        match self.0.get(at) {
            Some(Value::Null) => Ok(None),
            _ => Ok(Some(Decimal::parse(&self.text(at)?)?)),
        }
    }

    fn unexpected(&self, at: usize) -> anyhow::Error {
        anyhow!("column {at} of a stored row holds {:?}: not what the report expected", self.0.get(at))
    }
}
