//! JSON: every figure in full, NULL with its reason beside it.

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::value::RawValue;

use crate::document::{Cell, Column, Report, Section, Table};
use crate::sections::{HOUR_MS, time};

/// The report as indented JSON. A row is an object; where a figure is null, `missing` names why.
pub fn json(report: &Report) -> String {
    serde_json::to_string_pretty(&Document(report)).expect("a document has no key that is no text")
}

struct Document<'a>(&'a Report);

impl Serialize for Document<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let window = self.0.window;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("title", &self.0.title)?;
        map.serialize_entry("from", &time(window.from_hour * HOUR_MS))?;
        map.serialize_entry("to", &time(window.to_hour * HOUR_MS))?;
        map.serialize_entry("hours", &window.hours())?;
        map.serialize_entry("scope", &self.0.scope)?;
        self.0.sections.iter().try_for_each(|section| map.serialize_entry(section.key, &SectionJson(section)))?;
        map.end()
    }
}

struct SectionJson<'a>(&'a Section);

impl Serialize for SectionJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("conventions", &self.0.conventions)?;
        self.0.tables.iter().try_for_each(|table| map.serialize_entry(table.key, &TableJson(table)))?;
        map.end()
    }
}

struct TableJson<'a>(&'a Table);

impl Serialize for TableJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut rows = serializer.serialize_seq(Some(self.0.rows.len()))?;
        self.0.rows.iter().try_for_each(|row| rows.serialize_element(&Row(&self.0.columns, row)))?;
        rows.end()
    }
}

struct Row<'a>(&'a [Column], &'a [Cell]);

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let cells = || self.0.iter().zip(self.1);
        let mut map = serializer.serialize_map(None)?;
        for (column, cell) in cells() {
            match cell {
                Cell::Text(words) => map.serialize_entry(column.key, words)?,
                // A plain decimal is a JSON number as it stands; a double would round it.
                Cell::Number(number) => {
                    let literal = RawValue::from_string(number.to_string()).map_err(serde::ser::Error::custom)?;
                    map.serialize_entry(column.key, &literal)?;
                }
                Cell::Missing(_) | Cell::Empty => map.serialize_entry(column.key, &())?,
            }
        }
        let reasons: Vec<(&str, &str)> = cells()
            .filter_map(|(column, cell)| match cell {
                Cell::Missing(why) => Some((column.key, why.as_str())),
                _ => None,
            })
            .collect();
        if !reasons.is_empty() {
            map.serialize_entry("missing", &Reasons(&reasons))?;
        }
        map.end()
    }
}

struct Reasons<'a>(&'a [(&'a str, &'a str)]);

impl Serialize for Reasons<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().copied())
    }
}
