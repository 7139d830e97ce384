//! What goes into statements and what comes out of them.

use std::fmt;

use alloy_primitives::I256;
use perpdex_core::Text;
use serde::Serialize;
use serde::de::{self, Deserialize, Deserializer, SeqAccess, Visitor};

use super::{Fault, Result};

/// A value that goes into a statement.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Param {
    Null,
    Int(i64),
    Float(f64),
    Text(String),
    /// A text that other rows hold, too.
    Shared(Text),
    Name(&'static str),
    Bytes(Vec<u8>),
    /// An integer of any width: TEXT in SQLite, NUMERIC(78,0) in PostgreSQL.
    Exact(I256),
}

impl Param {
    /// Bytes of its content, about.
    pub(crate) fn size_bytes(&self) -> usize {
        match self {
            Param::Null => 1,
            Param::Int(_) | Param::Float(_) => 8,
            Param::Text(text) => text.len(),
            Param::Shared(text) => text.len(),
            Param::Name(name) => name.len(),
            Param::Bytes(bytes) => bytes.len(),
            Param::Exact(_) => 16,
        }
    }
}

impl From<i64> for Param {
    fn from(value: i64) -> Param {
        Param::Int(value)
    }
}

impl From<bool> for Param {
    fn from(value: bool) -> Param {
        Param::Int(i64::from(value))
    }
}

impl From<f64> for Param {
    fn from(value: f64) -> Param {
        Param::Float(value)
    }
}

impl From<I256> for Param {
    fn from(value: I256) -> Param {
        Param::Exact(value)
    }
}

impl From<String> for Param {
    fn from(value: String) -> Param {
        Param::Text(if has_nul(&value) { without_nul(&value) } else { value })
    }
}

impl From<Text> for Param {
    fn from(value: Text) -> Param {
        if has_nul(&value) { Param::Text(without_nul(&value)) } else { Param::Shared(value) }
    }
}

impl From<&str> for Param {
    fn from(value: &str) -> Param {
        Param::from(value.to_owned())
    }
}

/// PostgreSQL has no such character in a text; a chain may have it in any.
fn has_nul(text: &str) -> bool {
    text.as_bytes().contains(&0)
}

/// The text as both engines can hold it.
fn without_nul(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

impl From<Vec<u8>> for Param {
    fn from(value: Vec<u8>) -> Param {
        Param::Bytes(value)
    }
}

impl<T: Into<Param>> From<Option<T>> for Param {
    fn from(value: Option<T>) -> Param {
        value.map_or(Param::Null, Into::into)
    }
}

/// A value that came out of a statement. Exact numbers come as text.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Value {
    /// No value.
    Null,
    /// An integer.
    Int(i64),
    /// A double.
    Float(f64),
    /// Text, and exact numbers of any width.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
}

/// The answer to a query.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Table {
    /// Names of the columns.
    pub columns: Vec<String>,
    /// Rows, each as long as `columns`.
    pub rows: Vec<Vec<Value>>,
    /// Whether rows were left out because the caller's limit was reached.
    pub is_truncated: bool,
}

/// One row, read by position.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Record(pub(crate) Vec<Value>);

/// What takes a row.
pub(crate) type EachRecord<'a> = dyn FnMut(Record) -> Result<()> + Send + 'a;

/// Reads a row of integers, texts and NULLs from a JSON array.
impl<'de> Deserialize<'de> for Record {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Record, D::Error> {
        deserializer.deserialize_seq(RecordVisitor)
    }
}

struct RecordVisitor;

impl<'de> Visitor<'de> for RecordVisitor {
    type Value = Record;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of integers, texts and nulls")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut cells: A) -> std::result::Result<Record, A::Error> {
        let mut row = Vec::new();
        while let Some(Cell(value)) = cells.next_element()? {
            row.push(value);
        }
        Ok(Record(row))
    }
}

struct Cell(Value);

impl<'de> Deserialize<'de> for Cell {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Cell, D::Error> {
        deserializer.deserialize_any(CellVisitor)
    }
}

struct CellVisitor;

impl Visitor<'_> for CellVisitor {
    type Value = Cell;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an integer of 64 bits, a text or null")
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> std::result::Result<Cell, E> {
        Ok(Cell(Value::Int(value)))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> std::result::Result<Cell, E> {
        i64::try_from(value).map(|value| Cell(Value::Int(value))).map_err(E::custom)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> std::result::Result<Cell, E> {
        Ok(Cell(Value::Text(text.to_owned())))
    }

    fn visit_unit<E: de::Error>(self) -> std::result::Result<Cell, E> {
        Ok(Cell(Value::Null))
    }
}

impl Record {
    pub(crate) fn int(&self, at: usize) -> Result<i64> {
        self.opt_int(at)?.ok_or_else(|| self.unexpected(at, "an integer"))
    }

    pub(crate) fn opt_int(&self, at: usize) -> Result<Option<i64>> {
        match self.0.get(at) {
            Some(Value::Int(value)) => Ok(Some(*value)),
            Some(Value::Null) => Ok(None),
            _ => Err(self.unexpected(at, "an integer")),
        }
    }

    pub(crate) fn height(&self, at: usize) -> Result<u64> {
        u64::try_from(self.int(at)?).map_err(|_| self.unexpected(at, "a height"))
    }

    pub(crate) fn flag(&self, at: usize) -> Result<bool> {
        Ok(self.int(at)? != 0)
    }

    pub(crate) fn text(&self, at: usize) -> Result<&str> {
        self.opt_text(at)?.ok_or_else(|| self.unexpected(at, "text"))
    }

    pub(crate) fn opt_text(&self, at: usize) -> Result<Option<&str>> {
        match self.0.get(at) {
            Some(Value::Text(value)) => Ok(Some(value)),
            Some(Value::Null) => Ok(None),
            _ => Err(self.unexpected(at, "text")),
        }
    }

    pub(crate) fn string(&self, at: usize) -> Result<String> {
        Ok(self.text(at)?.to_owned())
    }

    pub(crate) fn opt_string(&self, at: usize) -> Result<Option<String>> {
        Ok(self.opt_text(at)?.map(str::to_owned))
    }

    pub(crate) fn shared(&self, at: usize) -> Result<Text> {
        Ok(self.text(at)?.into())
    }

    pub(crate) fn opt_shared(&self, at: usize) -> Result<Option<Text>> {
        Ok(self.opt_text(at)?.map(Text::new))
    }

    pub(crate) fn opt_bytes(&self, at: usize) -> Result<Option<&[u8]>> {
        match self.0.get(at) {
            Some(Value::Bytes(value)) => Ok(Some(value)),
            Some(Value::Null) => Ok(None),
            _ => Err(self.unexpected(at, "bytes")),
        }
    }

    pub(crate) fn exact(&self, at: usize) -> Result<I256> {
        self.opt_exact(at)?.ok_or_else(|| self.unexpected(at, "an exact integer"))
    }

    pub(crate) fn opt_exact(&self, at: usize) -> Result<Option<I256>> {
        self.opt_text(at)?.map(|text| text.parse().map_err(|_| self.unexpected(at, "an exact integer"))).transpose()
    }

    /// The value at `at`, read by `parse`, which gives `None` for a text that is no `what`.
    pub(crate) fn parsed<T>(&self, at: usize, what: &str, parse: impl Fn(&str) -> Option<T>) -> Result<T> {
        parse(self.text(at)?).ok_or_else(|| self.unexpected(at, what))
    }

    /// The same for a column that may be NULL.
    pub(crate) fn opt_parsed<T>(&self, at: usize, what: &str, parse: impl Fn(&str) -> Option<T>) -> Result<Option<T>> {
        self.opt_text(at)?.map(|text| parse(text).ok_or_else(|| self.unexpected(at, what))).transpose()
    }

    pub(crate) fn unexpected(&self, at: usize, what: &str) -> Fault {
        Fault::Corrupt(format!("column {at} of a stored row holds {:?} where {what} was expected", self.0.get(at)))
    }
}

/// The first cell of the first row, of a statement that always gives one.
pub(crate) fn first_int(rows: &[Record]) -> Result<i64> {
    rows.first().ok_or_else(|| Fault::Corrupt("a count gave no row".to_owned()))?.int(0)
}
