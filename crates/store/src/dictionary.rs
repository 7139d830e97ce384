//! The data dictionary: every column of every public view, as a page. A test holds it against the views themselves.

mod views;

use std::fmt::Write;

use views::{COMMON, views};

const HEAD: &str = "# Data dictionary

Views named `v_*` are the public contract of a perpdex database; tables and the helper views `h_*` are not. The page is
generated from the store's own table of descriptions.

Dollars are USD, quantities are canonical units of the asset, rates are fractions. A number is NULL where it is not
known: with full coverage nothing is NULL for lack of events, without coverage nothing is 0.

## Engines

SQLite and PostgreSQL hold the same integers in the same tables and views. The migrations differ in these words alone:

| what | SQLite | PostgreSQL |
| --- | --- | --- |
| 64-bit integer | `INTEGER` | `BIGINT` |
| exact integer of any width (`*_native`, `*_q_ms`) | `TEXT` | `NUMERIC(78,0)` |
| double (`*_f`, and in views) | `REAL` | `DOUBLE PRECISION` |
| bytes | `BLOB` | `BYTEA` |
| ISO time | `strftime` | `to_char` |
| table options | `STRICT`, `WITHOUT ROWID` | none |
";

/// The data dictionary as a page: `docs/data-dictionary.md`.
pub fn dictionary() -> String {
    let mut out = HEAD.to_owned();
    for view in views() {
        let rows = view.columns.iter().map(|(column, own)| (*column, description(column, own)));
        write!(out, "\n## {}\n\nOne row is {}.\n\n| column | meaning |\n| --- | --- |\n", view.name, view.grain)
            .expect("text takes everything");
        for (column, meaning) in rows {
            writeln!(out, "| `{column}` | {meaning} |").expect("text takes everything");
        }
    }
    out
}

/// A view's own words for a column, else the common ones.
fn description<'a>(column: &str, own: &'a str) -> &'a str {
    if !own.is_empty() {
        return own;
    }
    COMMON.iter().find(|(name, _)| *name == column).map(|(_, words)| *words).expect("a column without words of its own has common ones")
}
