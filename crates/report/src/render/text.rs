//! For a terminal: aligned columns.

use std::fmt::Write;

use super::{Printed, is_number};
use crate::document::{Report, Table};

/// Columns at which conventions and reasons are wrapped.
const WIDTH: usize = 118;

/// The report for a terminal.
pub fn text(report: &Report) -> String {
    let mut out = format!("{}\n", report.title);
    report.scope.iter().for_each(|line| wrapped(&mut out, "  ", line));
    for section in &report.sections {
        write!(out, "\n{}\n{}\n", section.title, "=".repeat(section.title.chars().count())).expect("text takes everything");
        section.conventions.iter().for_each(|line| wrapped(&mut out, "  ", line));
        section.tables.iter().for_each(|table| write_table(&mut out, table));
    }
    out
}

fn write_table(out: &mut String, table: &Table) {
    write!(out, "\n{}\n", table.title).expect("text takes everything");
    if table.rows.is_empty() {
        return wrapped(out, "  ", table.if_empty);
    }
    let printed = Printed::new(table);
    let width = |at: usize| printed.rows.iter().map(|row| row[at].chars().count()).chain([table.columns[at].label.chars().count()]).max();
    let widths: Vec<usize> = (0..table.columns.len()).map(|at| width(at).unwrap_or(0)).collect();
    let mut line = |cells: &[String]| {
        let padded = cells.iter().enumerate().map(|(at, cell)| match is_number(&table.columns[at]) {
            true => format!("{cell:>width$}", width = widths[at]),
            false => format!("{cell:<width$}", width = widths[at]),
        });
        writeln!(out, "  {}", padded.collect::<Vec<_>>().join("  ").trim_end()).expect("text takes everything");
    };
    line(&table.columns.iter().map(|column| column.label.to_owned()).collect::<Vec<_>>());
    printed.rows.iter().for_each(|row| line(row));
    printed.notes().for_each(|note| wrapped(out, "  ", &note));
}

/// Words in lines of [`WIDTH`]; the second line on stands two blanks deeper.
fn wrapped(out: &mut String, indent: &str, words: &str) {
    let mut line = indent.to_owned();
    for word in words.split_whitespace() {
        if line.trim().is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() > WIDTH {
            out.push_str(&line);
            out.push('\n');
            line = format!("{indent}  {word}");
        } else {
            line.push(' ');
            line.push_str(word);
        }
    }
    out.push_str(&line);
    out.push('\n');
}
