//! The forms of a document.

mod html;
mod json;
mod markdown;
mod plot;
mod text;

pub use html::html;
pub use json::json;
pub use markdown::markdown;
pub use text::text;

use crate::document::{Cell, Column, Form, Table};
use crate::figure::grouped;

/// A table as text cells, with the reasons of what is missing.
struct Printed {
    rows: Vec<Vec<String>>,
    /// Reasons in order of their letters.
    reasons: Vec<String>,
}

impl Printed {
    fn new(table: &Table) -> Printed {
        let mut reasons: Vec<String> = Vec::new();
        let mut print = |cell: &Cell, column: &Column| match cell {
            Cell::Text(words) => words.clone(),
            Cell::Number(number) => match column.form {
                Form::Digits(digits) => grouped(number, digits),
                Form::Text => number.to_string(),
            },
            Cell::Empty => String::new(),
            Cell::Missing(why) => {
                let at = reasons.iter().position(|reason| reason == why).unwrap_or_else(|| {
                    reasons.push(why.clone());
                    reasons.len() - 1
                });
                format!("({})", letter(at))
            }
        };
        let rows =
            table.rows.iter().map(|row| row.iter().zip(&table.columns).map(|(cell, column)| print(cell, column)).collect()).collect();
        Printed { rows, reasons }
    }

    /// Reasons with their letters.
    fn notes(&self) -> impl Iterator<Item = String> {
        self.reasons.iter().enumerate().map(|(at, why)| format!("({}) {why}", letter(at)))
    }
}

/// a, b, … z, aa, ab, …
fn letter(mut at: usize) -> String {
    let mut out = String::new();
    loop {
        out.insert(0, char::from(b'a' + u8::try_from(at % 26).unwrap_or(0)));
        match at / 26 {
            0 => return out,
            more => at = more - 1,
        }
    }
}

fn is_number(column: &Column) -> bool {
    column.form != Form::Text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_go_on_after_z() {
        assert_eq!([0, 25, 26, 27, 51, 52, 701, 702].map(letter), ["a", "z", "aa", "ab", "az", "ba", "zz", "aaa"]);
    }
}
