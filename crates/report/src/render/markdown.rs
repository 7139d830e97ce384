//! Markdown with pipe tables.

use std::fmt::Write;

use super::{Printed, is_number};
use crate::document::{Report, Table};

/// The report as Markdown.
pub fn markdown(report: &Report) -> String {
    let mut out = format!("# {}\n\n", report.title);
    list(&mut out, &report.scope);
    for section in &report.sections {
        write!(out, "\n## {}\n\n", section.title).expect("text takes everything");
        list(&mut out, &section.conventions);
        section.tables.iter().for_each(|table| write_table(&mut out, table));
    }
    out
}

fn list(out: &mut String, lines: &[String]) {
    lines.iter().for_each(|line| writeln!(out, "- {line}").expect("text takes everything"));
}

fn write_table(out: &mut String, table: &Table) {
    write!(out, "\n### {}\n\n", table.title).expect("text takes everything");
    if table.rows.is_empty() {
        return out.push_str(&format!("{}\n", table.if_empty));
    }
    let printed = Printed::new(table);
    let mut line = |cells: Vec<String>| writeln!(out, "| {} |", cells.join(" | ")).expect("text takes everything");
    line(table.columns.iter().map(|column| column.label.to_owned()).collect());
    line(table.columns.iter().map(|column| if is_number(column) { "---:" } else { "---" }.to_owned()).collect());
    printed.rows.iter().for_each(|row| line(row.iter().map(|cell| cell.replace('|', "\\|")).collect()));
    let notes: Vec<String> = printed.notes().collect();
    if !notes.is_empty() {
        out.push('\n');
        list(out, &notes);
    }
}
