//! Parameters of statements: single values, and whole columns of rows as arrays.

use sqlx::encode::{Encode, IsNull};
use sqlx::error::BoxDynError;
use sqlx::postgres::types::Oid;
use sqlx::postgres::{PgArgumentBuffer, PgArguments, PgTypeInfo};
use sqlx::{Arguments, Postgres, Type};

use super::numeric::Numeric;
use crate::sql::{Fault, Param, Result};

/// Values in the order of `$1`, `$2`, …
pub(super) fn arguments(params: Vec<Param>) -> Result<PgArguments> {
    let mut out = PgArguments::default();
    for param in params {
        let added = match param {
            Param::Null => out.add(Untyped),
            Param::Int(value) => out.add(value),
            Param::Float(value) => out.add(value),
            Param::Text(value) => out.add(value),
            Param::Shared(value) => out.add(String::from(value)),
            Param::Name(value) => out.add(value),
            Param::Bytes(value) => out.add(value),
            Param::Exact(value) => out.add(Numeric(value)),
        };
        added.map_err(|error| Fault::Sql(error.to_string()))?;
    }
    Ok(out)
}

/// A NULL whose type the server infers.
struct Untyped;

impl Type<Postgres> for Untyped {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(Oid(0))
    }
}

impl Encode<'_, Postgres> for Untyped {
    fn encode_by_ref(&self, _: &mut PgArgumentBuffer) -> std::result::Result<IsNull, BoxDynError> {
        Ok(IsNull::Yes)
    }
}

/// An insert of rows whose columns are one array each, and the arrays.
///
/// A statement with a parameter a cell costs the server more to parse and bind than its rows cost to write.
pub(super) fn unnest(table: &str, columns: &[&str], cells: &[Param], tail: &str) -> Result<(String, PgArguments)> {
    let mut arguments = PgArguments::default();
    let (mut chosen, mut arrays, mut names) = (Vec::with_capacity(columns.len()), Vec::new(), Vec::new());
    for at in 0..columns.len() {
        let column = || cells[at..].iter().step_by(columns.len());
        let Some(first) = column().find(|cell| **cell != Param::Null) else {
            chosen.push("NULL".to_owned());
            continue;
        };
        let added = match first {
            Param::Int(_) | Param::Null => {
                array(&mut arguments, column(), |cell| if let Param::Int(value) = cell { Some(*value) } else { None })
            }
            Param::Float(_) => array(&mut arguments, column(), |cell| if let Param::Float(value) = cell { Some(*value) } else { None }),
            Param::Text(_) | Param::Shared(_) | Param::Name(_) => array(&mut arguments, column(), text),
            Param::Bytes(_) => {
                array(&mut arguments, column(), |cell| if let Param::Bytes(value) = cell { Some(value.as_slice()) } else { None })
            }
            Param::Exact(_) => {
                array(&mut arguments, column(), |cell| if let Param::Exact(value) = cell { Some(Numeric(*value)) } else { None })
            }
        };
        added?;
        let place = arrays.len() + 1;
        arrays.push(format!("${place}"));
        names.push(format!("c{place}"));
        chosen.push(format!("c{place}"));
    }
    let (into, from) = (columns.join(", "), chosen.join(", "));
    let sql = format!("INSERT INTO {table} ({into}) SELECT {from} FROM UNNEST({}) AS u({}) {tail}", arrays.join(", "), names.join(", "));
    Ok((sql, arguments))
}

fn text(cell: &Param) -> Option<&str> {
    match cell {
        Param::Text(value) => Some(value),
        Param::Shared(value) => Some(value),
        Param::Name(value) => Some(value),
        _ => None,
    }
}

/// Adds one column; a cell of another kind than its column's is an error of the caller's, and must not become a NULL.
fn array<'a, T>(arguments: &mut PgArguments, column: impl Iterator<Item = &'a Param>, of: impl Fn(&'a Param) -> Option<T>) -> Result<()>
where
    Vec<Option<T>>: Encode<'a, Postgres> + Type<Postgres>,
{
    let values: Vec<Option<T>> = column
        .map(|cell| match (cell, of(cell)) {
            (Param::Null, _) => Ok(None),
            (_, Some(value)) => Ok(Some(value)),
            (other, None) => Err(Fault::Sql(format!("{other:?} stands in a column of other values"))),
        })
        .collect::<Result<_>>()?;
    arguments.add(values).map_err(|error| Fault::Sql(error.to_string()))
}
