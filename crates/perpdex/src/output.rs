//! Answers on stdout: a grid of values as aligned text, CSV or JSON.

use std::io::{self, Write};

use clap::ValueEnum;
use perpdex_store::{Table, Value as StoreValue};
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::Value;

/// How a grid is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Aligned columns.
    #[default]
    Table,
    /// Comma-separated with a header line (RFC 4180).
    Csv,
    /// An array of objects.
    Json,
}

/// Named columns and rows of values; no value is an object or array.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Grid {
    /// Names.
    pub(crate) columns: Vec<String>,
    /// Rows, each as long as `columns`.
    pub(crate) rows: Vec<Vec<Value>>,
}

impl Grid {
    /// An empty grid with these columns.
    pub(crate) fn new(columns: &[&str]) -> Grid {
        Grid { columns: columns.iter().map(|name| (*name).to_owned()).collect(), rows: Vec::new() }
    }

    /// Adds a row.
    pub(crate) fn push(&mut self, row: Vec<Value>) {
        debug_assert_eq!(row.len(), self.columns.len(), "a row has a value for every column");
        self.rows.push(row);
    }

    /// Prints the grid.
    pub(crate) fn write(&self, out: &mut impl Write, format: Format) -> io::Result<()> {
        match format {
            Format::Table => self.write_table(out),
            Format::Csv => self.write_csv(out),
            Format::Json => self.write_json(out),
        }
    }

    fn write_table(&self, out: &mut impl Write) -> io::Result<()> {
        let texts: Vec<Vec<String>> = self.rows.iter().map(|row| row.iter().map(text).collect()).collect();
        let width = |column: usize| {
            let cells = texts.iter().map(|row| row[column].chars().count());
            cells.chain([self.columns[column].chars().count()]).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.columns.len()).map(width).collect();
        let right: Vec<bool> = (0..self.columns.len()).map(|column| self.is_numeric(column)).collect();
        let mut line = |cells: &[String]| {
            let padded = cells.iter().enumerate().map(|(column, cell)| match right[column] {
                true => format!("{cell:>width$}", width = widths[column]),
                false => format!("{cell:<width$}", width = widths[column]),
            });
            writeln!(out, "{}", padded.collect::<Vec<_>>().join("  ").trim_end())
        };
        line(&self.columns)?;
        texts.iter().try_for_each(|row| line(row))
    }

    /// Whether a column holds numbers (and nothing else but NULL).
    fn is_numeric(&self, column: usize) -> bool {
        let mut values = self.rows.iter().map(|row| &row[column]).filter(|value| !value.is_null()).peekable();
        values.peek().is_some() && values.all(Value::is_number)
    }

    fn write_csv(&self, out: &mut impl Write) -> io::Result<()> {
        let quote = |cell: &str| match cell.contains(['"', ',', '\n', '\r']) {
            true => format!("\"{}\"", cell.replace('"', "\"\"")),
            false => cell.to_owned(),
        };
        writeln!(out, "{}", self.columns.iter().map(|name| quote(name)).collect::<Vec<_>>().join(","))?;
        for row in &self.rows {
            writeln!(out, "{}", row.iter().map(|value| quote(&text(value))).collect::<Vec<_>>().join(","))?;
        }
        Ok(())
    }

    fn write_json(&self, out: &mut impl Write) -> io::Result<()> {
        write_json(out, self)
    }
}

/// Prints any value as indented JSON.
pub(crate) fn write_json(out: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, value)?;
    writeln!(out)
}

impl From<Table> for Grid {
    /// Bytes become hexadecimal text.
    fn from(table: Table) -> Grid {
        let cell = |value| match value {
            StoreValue::Null => Value::Null,
            StoreValue::Int(number) => number.into(),
            StoreValue::Float(number) => number.into(),
            StoreValue::Text(text) => text.into(),
            StoreValue::Bytes(bytes) => bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into(),
        };
        Grid { columns: table.columns, rows: table.rows.into_iter().map(|row| row.into_iter().map(cell).collect()).collect() }
    }
}

impl Serialize for Grid {
    /// An array of objects whose keys stand in the order of the columns.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        struct Row<'a>(&'a [String], &'a [Value]);

        impl Serialize for Row<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut map = serializer.serialize_map(Some(self.0.len()))?;
                for (name, value) in self.0.iter().zip(self.1) {
                    map.serialize_entry(name, value)?;
                }
                map.end()
            }
        }
        let mut rows = serializer.serialize_seq(Some(self.rows.len()))?;
        for row in &self.rows {
            rows.serialize_element(&Row(&self.columns, row))?;
        }
        rows.end()
    }
}

/// A value as a cell; NULL is empty.
fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn grid() -> Grid {
        let mut grid = Grid::new(&["venue", "trades"]);
        grid.push(vec![json!("gmx, v2"), json!(12)]);
        grid.push(vec![json!("say \"x\""), Value::Null]);
        grid
    }

    #[test]
    fn forms() {
        for (format, want) in [
            (Format::Table, "venue    trades\ngmx, v2      12\nsay \"x\"\n"),
            (Format::Csv, "venue,trades\n\"gmx, v2\",12\n\"say \"\"x\"\"\",\n"),
            (
                Format::Json,
                "[\n  {\n    \"venue\": \"gmx, v2\",\n    \"trades\": 12\n  },\n  {\n    \"venue\": \"say \\\"x\\\"\",\n    \"trades\": null\n  }\n]\n",
            ),
        ] {
            let mut out = Vec::new();
            grid().write(&mut out, format).unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), want);
        }
    }
}
