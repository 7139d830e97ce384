//! Making a table hold exactly the wanted rows of a scope, touching only what differs.

use std::collections::BTreeMap;

use crate::db::Tx;
use crate::sql::{Bulk, Param, Record, Result, Value};

/// Rows removed in one statement.
const ROWS_PER_DELETE: usize = 500;

/// What a replacement did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Replaced {
    /// Rows written.
    pub(super) written: u64,
    /// First and last hour (or day, or other number in the column asked for) of rows that changed.
    pub(super) changed: Option<(i64, i64)>,
}

/// Makes `wanted` all rows of its table under a condition. The first `keys` columns are the key, integers and text; the
/// column `at` is the one of which [`Replaced::changed`] tells.
pub(super) async fn replace(tx: &mut Tx, wanted: Bulk, keys: usize, at: usize, condition: &str, params: Vec<Param>) -> Result<Replaced> {
    let width = wanted.columns.len();
    let sql = format!("SELECT {} FROM {} WHERE {condition}", wanted.columns.join(", "), wanted.table);
    let mut stored: BTreeMap<Vec<String>, Vec<Value>> = BTreeMap::new();
    for Record(values) in tx.rows(&sql, params).await? {
        stored.insert(key(&values[..keys]), values);
    }
    let (mut missing, mut gone) = (Bulk::new(wanted.table, wanted.columns), Vec::new());
    for row in wanted.cells.chunks(width) {
        let values: Vec<Value> = row.iter().map(as_value).collect();
        match stored.remove(&key(&values[..keys])) {
            Some(old) if old == values => {}
            old => {
                gone.extend(old);
                missing.cells.extend_from_slice(row);
            }
        }
    }
    gone.extend(stored.into_values());
    let told = gone.iter().filter_map(|row| match row[at] {
        Value::Int(number) => Some(number),
        _ => None,
    });
    let new = missing.cells.chunks(width).filter_map(|row| match row[at] {
        Param::Int(number) => Some(number),
        _ => None,
    });
    let changed = told.chain(new).fold(None, |range: Option<(i64, i64)>, number| {
        Some(range.map_or((number, number), |(from, to)| (from.min(number), to.max(number))))
    });
    for chunk in gone.chunks(ROWS_PER_DELETE) {
        delete(tx, wanted.table, &wanted.columns[..keys], chunk).await?;
    }
    let written = missing.rows() as u64;
    tx.bulk(missing).await?;
    Ok(Replaced { written, changed })
}

fn key(values: &[Value]) -> Vec<String> {
    values.iter().map(|value| format!("{value:?}")).collect()
}

async fn delete(tx: &mut Tx, table: &str, key: &[&str], rows: &[Vec<Value>]) -> Result<()> {
    let mut cells = Vec::with_capacity(rows.len() * key.len());
    let mut places = Vec::with_capacity(rows.len());
    for row in rows {
        let from = cells.len() + 1;
        cells.extend(row[..key.len()].iter().map(as_param));
        let place: Vec<String> = (from..from + key.len()).map(|at| format!("${at}")).collect();
        places.push(format!("({})", place.join(", ")));
    }
    let sql = format!("DELETE FROM {table} WHERE ({}) IN (VALUES {})", key.join(", "), places.join(", "));
    tx.execute(&sql, cells).await?;
    Ok(())
}

/// A cell as it comes back from the database.
fn as_value(cell: &Param) -> Value {
    match cell {
        Param::Null => Value::Null,
        Param::Int(value) => Value::Int(*value),
        Param::Float(value) => Value::Float(*value),
        Param::Text(value) => Value::Text(value.clone()),
        Param::Shared(value) => Value::Text(value.to_string()),
        Param::Name(value) => Value::Text((*value).to_owned()),
        Param::Bytes(value) => Value::Bytes(value.clone()),
        Param::Exact(value) => Value::Text(value.to_string()),
    }
}

fn as_param(value: &Value) -> Param {
    match value {
        Value::Null => Param::Null,
        Value::Int(value) => Param::Int(*value),
        Value::Float(value) => Param::Float(*value),
        Value::Text(value) => Param::Text(value.clone()),
        Value::Bytes(value) => Param::Bytes(value.clone()),
    }
}
