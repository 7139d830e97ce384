//! Values out of the server's binary format.

use sqlx::error::BoxDynError;
use sqlx::postgres::{PgRow, PgValueRef};
use sqlx::{Column, Row, TypeInfo, ValueRef};

use super::numeric::numeric_text;
use crate::sql::{Fault, Result, Value};

pub(super) fn values(row: &PgRow) -> Result<Vec<Value>> {
    (0..row.len())
        .map(|at| {
            let raw = row.try_get_raw(at)?;
            if raw.is_null() {
                return Ok(Value::Null);
            }
            value(&raw).map_err(|error| Fault::Sql(format!("column {}: {error}", row.column(at).name())))
        })
        .collect()
}

/// A value in the binary format, which prepared statements always answer in.
fn value(raw: &PgValueRef<'_>) -> std::result::Result<Value, BoxDynError> {
    let bytes = raw.as_bytes()?;
    let text = || Ok(Value::Text(std::str::from_utf8(bytes)?.to_owned()));
    match raw.type_info().name() {
        "INT8" => Ok(Value::Int(i64::from_be_bytes(bytes.try_into()?))),
        "INT4" => Ok(Value::Int(i64::from(i32::from_be_bytes(bytes.try_into()?)))),
        "INT2" => Ok(Value::Int(i64::from(i16::from_be_bytes(bytes.try_into()?)))),
        "OID" => Ok(Value::Int(i64::from(u32::from_be_bytes(bytes.try_into()?)))),
        "BOOL" => Ok(Value::Int(i64::from(bytes.first() == Some(&1)))),
        "FLOAT8" => Ok(Value::Float(f64::from_be_bytes(bytes.try_into()?))),
        "FLOAT4" => Ok(Value::Float(f64::from(f32::from_be_bytes(bytes.try_into()?)))),
        "BYTEA" => Ok(Value::Bytes(bytes.to_vec())),
        "NUMERIC" => Ok(Value::Text(numeric_text(bytes)?)),
        "TEXT" | "VARCHAR" | "CHAR" | "BPCHAR" | "NAME" | "\"CHAR\"" | "UNKNOWN" | "JSON" | "XML" => text(),
        "VOID" => Ok(Value::Null),
        other => Err(format!("type {other} is not shown: cast it to TEXT").into()),
    }
}
