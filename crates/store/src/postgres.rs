//! PostgreSQL: one writer at a time under an advisory lock, bulk rows by binary COPY.

use std::time::Duration;

use alloy_primitives::{I256, U256};
use futures::TryStreamExt;
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::types::Oid;
use sqlx::postgres::{PgArgumentBuffer, PgArguments, PgConnectOptions, PgConnection, PgPool, PgPoolOptions, PgRow, PgTypeInfo, PgValueRef};
use sqlx::{
    Arguments, AssertSqlSafe, Column, Connection, Encode, Executor, Postgres, Row, SqlSafeStr, Statement, Transaction, Type, TypeInfo,
    ValueRef,
};

use crate::sql::{Bulk, Fault, Param, Record, Result, Table, Value};

/// Connections of one store.
const CONNECTIONS_MAX: u32 = 8;
/// How long to wait for a connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(60);
/// Bytes of rows sent at once.
const COPY_CHUNK_BYTES: usize = 1 << 20;
/// Key of the advisory lock that keeps writers apart: the bytes of "perpdex".
const WRITER_LOCK: i64 = 0x0070_6572_7064_6578;

#[derive(Debug)]
pub(crate) struct PostgresDb {
    pool: PgPool,
}

impl PostgresDb {
    pub(crate) async fn open(url: &str) -> Result<PostgresDb> {
        let options: PgConnectOptions = url.parse().map_err(|_| Fault::Sql("the address is not a valid postgres:// URL".to_owned()))?;
        // The pool tries a refused connection again until its time is up: one try of our own tells at once.
        PgConnection::connect_with(&options).await?.close().await?;
        let pool = PgPoolOptions::new().max_connections(CONNECTIONS_MAX).acquire_timeout(ACQUIRE_TIMEOUT).connect_lazy_with(options);
        Ok(PostgresDb { pool })
    }

    pub(crate) async fn begin(&self) -> Result<PostgresTx> {
        let mut tx = self.pool.begin().await?;
        sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(WRITER_LOCK).execute(&mut *tx).await?;
        Ok(PostgresTx(tx))
    }

    pub(crate) async fn rows(&self, sql: &str, params: Vec<Param>) -> Result<Vec<Record>> {
        rows(&mut *self.pool.acquire().await?, sql, params).await
    }

    pub(crate) async fn query(&self, sql: &str, rows_max: usize) -> Result<Table> {
        let mut tx = self.pool.begin_with("BEGIN READ ONLY").await?;
        let answer = table(&mut tx, sql, rows_max).await;
        tx.rollback().await?;
        answer
    }

    pub(crate) async fn close(&self) {
        self.pool.close().await;
    }
}

#[derive(Debug)]
pub(crate) struct PostgresTx(Transaction<'static, Postgres>);

impl PostgresTx {
    pub(crate) async fn execute(&mut self, sql: &str, params: Vec<Param>) -> Result<u64> {
        let query = sqlx::query_with(AssertSqlSafe(sql), arguments(params)?).persistent(sql.len() < 2_000);
        Ok(query.execute(&mut *self.0).await?.rows_affected())
    }

    pub(crate) async fn rows(&mut self, sql: &str, params: Vec<Param>) -> Result<Vec<Record>> {
        rows(&mut self.0, sql, params).await
    }

    pub(crate) async fn bulk(&mut self, bulk: Bulk) -> Result<()> {
        let statement = format!("COPY {} ({}) FROM STDIN (FORMAT binary)", bulk.table, bulk.columns.join(", "));
        let mut copy = self.0.copy_in_raw(&statement).await?;
        let mut buffer = Vec::with_capacity(COPY_CHUNK_BYTES + COPY_CHUNK_BYTES / 4);
        buffer.extend_from_slice(COPY_HEADER);
        for row in bulk.cells.chunks(bulk.columns.len()) {
            copy_row(&mut buffer, row);
            if buffer.len() >= COPY_CHUNK_BYTES {
                // The server takes a chunk in while the next one is made.
                copy.send(buffer.as_slice()).await?;
                buffer.clear();
            }
        }
        buffer.extend_from_slice(&COPY_END.to_be_bytes());
        copy.send(buffer).await?;
        copy.finish().await?;
        Ok(())
    }

    pub(crate) async fn script(&mut self, sql: &str) -> Result<()> {
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *self.0).await?;
        Ok(())
    }

    pub(crate) async fn commit(self) -> Result<()> {
        Ok(self.0.commit().await?)
    }
}

async fn rows(connection: &mut PgConnection, sql: &str, params: Vec<Param>) -> Result<Vec<Record>> {
    let query = sqlx::query_with(AssertSqlSafe(sql), arguments(params)?).persistent(sql.len() < 2_000);
    let mut answer = query.fetch(connection);
    let mut out = Vec::new();
    while let Some(row) = answer.try_next().await? {
        out.push(Record(values(&row)?));
    }
    Ok(out)
}

async fn table(connection: &mut PgConnection, sql: &str, rows_max: usize) -> Result<Table> {
    let statement = connection.prepare(AssertSqlSafe(sql).into_sql_str()).await?;
    let columns = statement.columns().iter().map(|column| column.name().to_owned()).collect();
    let mut out = Table { columns, rows: Vec::new(), is_truncated: false };
    let mut answer = statement.query().persistent(false).fetch(connection);
    while let Some(row) = answer.try_next().await? {
        if out.rows.len() == rows_max {
            out.is_truncated = true;
            break;
        }
        out.rows.push(values(&row)?);
    }
    Ok(out)
}

fn values(row: &PgRow) -> Result<Vec<Value>> {
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

fn arguments(params: Vec<Param>) -> Result<PgArguments> {
    let mut out = PgArguments::default();
    for param in params {
        let added = match param {
            Param::Null => out.add(Untyped),
            Param::Int(value) => out.add(value),
            Param::Float(value) => out.add(value),
            Param::Text(value) => out.add(value),
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

/// An integer of any width as NUMERIC.
struct Numeric(I256);

/// The type NUMERIC in the server's catalogue.
const NUMERIC_OID: Oid = Oid(1700);

impl Type<Postgres> for Numeric {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(NUMERIC_OID)
    }
}

impl Encode<'_, Postgres> for Numeric {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> std::result::Result<IsNull, BoxDynError> {
        let mut bytes = Vec::new();
        Base10000::of(self.0).put(&mut bytes);
        buffer.extend_from_slice(&bytes);
        Ok(IsNull::No)
    }
}

/// Signature, flags and the length of the header's extension (PostgreSQL manual, COPY, Binary Format).
const COPY_HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// Field count of the trailer.
const COPY_END: i16 = -1;
/// Length of a NULL field.
const COPY_NULL: i32 = -1;

/// All rows as one COPY sends them.
pub(crate) fn copy_buffer(bulk: &Bulk) -> Vec<u8> {
    let mut buffer = COPY_HEADER.to_vec();
    bulk.cells.chunks(bulk.columns.len()).for_each(|row| copy_row(&mut buffer, row));
    buffer.extend_from_slice(&COPY_END.to_be_bytes());
    buffer
}

fn copy_row(buffer: &mut Vec<u8>, row: &[Param]) {
    let width = i16::try_from(row.len()).expect("tables have few columns");
    buffer.extend_from_slice(&width.to_be_bytes());
    row.iter().for_each(|cell| copy_cell(buffer, cell));
}

fn copy_cell(buffer: &mut Vec<u8>, cell: &Param) {
    match cell {
        Param::Null => buffer.extend_from_slice(&COPY_NULL.to_be_bytes()),
        Param::Int(value) => copy_field(buffer, &value.to_be_bytes()),
        Param::Float(value) => copy_field(buffer, &value.to_be_bytes()),
        Param::Text(value) => copy_field(buffer, value.as_bytes()),
        Param::Name(value) => copy_field(buffer, value.as_bytes()),
        Param::Bytes(value) => copy_field(buffer, value),
        Param::Exact(value) => {
            let numeric = Base10000::of(*value);
            buffer.extend_from_slice(&numeric.bytes().to_be_bytes());
            numeric.put(buffer);
        }
    }
}

fn copy_field(buffer: &mut Vec<u8>, bytes: &[u8]) {
    let length = i32::try_from(bytes.len()).expect("a field is below two gigabytes");
    buffer.extend_from_slice(&length.to_be_bytes());
    buffer.extend_from_slice(bytes);
}

/// Base of the digits of a NUMERIC.
const NUMERIC_BASE: u64 = 10_000;
/// Sign word of a NUMERIC below zero.
const NUMERIC_NEGATIVE: u16 = 0x4000;
/// Sign word of a NUMERIC that is no number; infinities are above it.
const NUMERIC_NAN: u16 = 0xC000;

/// Digits of a NUMERIC at most: 77 decimal ones are 20 of base 10,000.
const NUMERIC_DIGITS_MAX: usize = 20;

/// An integer in the digits of a NUMERIC.
struct Base10000 {
    /// Least significant first; `count` of them are used.
    digits: [u16; NUMERIC_DIGITS_MAX],
    count: u8,
    is_negative: bool,
}

impl Base10000 {
    fn of(value: I256) -> Base10000 {
        let mut out = Base10000 { digits: [0; NUMERIC_DIGITS_MAX], count: 0, is_negative: value.is_negative() };
        let mut wide = value.unsigned_abs();
        while wide > U256::from(u128::MAX) {
            let (quotient, digit) = wide.div_rem(U256::from(NUMERIC_BASE));
            out.push(digit.to::<u16>());
            wide = quotient;
        }
        // Division costs by width, and nearly all amounts are narrow.
        let mut rest = wide.to::<u128>();
        while let Err(_wide) = u64::try_from(rest) {
            out.push((rest % u128::from(NUMERIC_BASE)) as u16);
            rest /= u128::from(NUMERIC_BASE);
        }
        let mut rest = rest as u64;
        while rest > 0 {
            out.push((rest % NUMERIC_BASE) as u16);
            rest /= NUMERIC_BASE;
        }
        out
    }

    fn push(&mut self, digit: u16) {
        self.digits[usize::from(self.count)] = digit;
        self.count += 1;
    }

    /// Length of what [`Base10000::put`] appends.
    fn bytes(&self) -> i32 {
        8 + 2 * i32::from(self.count)
    }

    /// Appends count, weight, sign, scale and the digits, most significant first.
    fn put(&self, buffer: &mut Vec<u8>) {
        let count = u16::from(self.count);
        let sign = if self.is_negative { NUMERIC_NEGATIVE } else { 0 };
        for word in [count, count.saturating_sub(1), sign, 0] {
            buffer.extend_from_slice(&word.to_be_bytes());
        }
        for digit in self.digits[..usize::from(self.count)].iter().rev() {
            buffer.extend_from_slice(&digit.to_be_bytes());
        }
    }
}

/// A NUMERIC of any scale as plain decimal text.
fn numeric_text(bytes: &[u8]) -> std::result::Result<String, BoxDynError> {
    let words: Vec<u16> = bytes.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
    let [count, weight, sign, scale, digits @ ..] = words.as_slice() else { return Err("a NUMERIC is too short".into()) };
    if *sign >= NUMERIC_NAN {
        return Ok("NaN".to_owned());
    }
    if digits.len() != usize::from(*count) {
        return Err("a NUMERIC has other than its digits".into());
    }
    let weight = i32::from(*weight as i16);
    let digit = |place: i32| usize::try_from(weight - place).ok().and_then(|at| digits.get(at)).copied().unwrap_or(0);
    let mut whole: String = (0..=weight.max(0)).rev().map(|place| format!("{:04}", digit(place))).collect();
    whole = whole.trim_start_matches('0').to_owned();
    let mut out = String::new();
    if *sign == NUMERIC_NEGATIVE {
        out.push('-');
    }
    out.push_str(if whole.is_empty() { "0" } else { &whole });
    let scale = usize::from(*scale);
    if scale > 0 {
        let places = i32::try_from(scale.div_ceil(4))?;
        let fraction: String = (1..=places).map(|place| format!("{:04}", digit(-place))).collect();
        out.push('.');
        out.push_str(&fraction[..scale]);
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numerics_print_as_they_were() {
        let mut values: Vec<I256> = ["0", "1", "-1", "9999", "10000", "-10000", "100000000", "123456789012345678901234567890"]
            .map(|text| text.parse().unwrap())
            .to_vec();
        for bits in [63, 64, 65, 127, 128, 129, 254] {
            let power: I256 = I256::ONE << bits;
            values.extend([power - I256::ONE, power, power + I256::ONE, -power]);
        }
        values.extend([I256::MAX, I256::MIN, I256::MIN + I256::ONE]);
        for value in values {
            let (numeric, mut bytes) = (Base10000::of(value), Vec::new());
            numeric.put(&mut bytes);
            assert_eq!(numeric_text(&bytes).unwrap(), value.to_string());
            assert_eq!(usize::try_from(numeric.bytes()), Ok(bytes.len()), "{value}");
        }
    }

    #[test]
    fn fractions_of_the_server_print() {
        // 12.0345 and -0.0001, as the server sends them.
        let words = |words: &[u16]| words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<u8>>();
        assert_eq!(numeric_text(&words(&[2, 0, 0, 4, 12, 345])).unwrap(), "12.0345");
        assert_eq!(numeric_text(&words(&[1, 0xffff, 0x4000, 4, 1])).unwrap(), "-0.0001");
        assert_eq!(numeric_text(&words(&[1, 1, 0, 2, 3])).unwrap(), "30000.00");
        assert_eq!(numeric_text(&words(&[0, 0, 0xC000, 0])).unwrap(), "NaN");
    }
}
