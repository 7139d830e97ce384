//! One HTML file with its style and its plots inside: it opens without a network and runs no script.

use std::fmt::Write;

use super::{Printed, is_number, plot};
use crate::document::{Report, Section, Table};
use crate::error::ReportError;

const STYLE: &str = "body{font:14px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:76rem;padding:0 1rem;color:#1b1f24}\
h1{font-size:1.5rem}h2{margin-top:2.5rem;border-bottom:1px solid #d0d7de;font-size:1.25rem}h3{font-size:1rem;margin-bottom:.3rem}\
ul{color:#57606a;padding-left:1.2rem;margin:.4rem 0}div.wide{overflow-x:auto}table{border-collapse:collapse;font-variant-numeric:tabular-nums}\
th,td{padding:.2rem .6rem;border-bottom:1px solid #eaeef2;text-align:left;white-space:nowrap}th{background:#f6f8fa}\
td.n,th.n{text-align:right}svg{max-width:100%;height:auto}";

/// The report as one HTML file.
///
/// # Errors
///
/// Where a plot cannot be drawn.
pub fn html(report: &Report) -> Result<String, ReportError> {
    let title = escaped(&report.title);
    let mut out = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n\
         <body>\n<h1>{title}</h1>\n"
    );
    list(&mut out, &report.scope);
    for section in &report.sections {
        write_section(&mut out, section)?;
    }
    out.push_str("</body>\n</html>\n");
    Ok(out)
}

fn write_section(out: &mut String, section: &Section) -> Result<(), ReportError> {
    writeln!(out, "<h2 id=\"{}\">{}</h2>", section.key, escaped(section.title)).expect("text takes everything");
    list(out, &section.conventions);
    for drawn in section.plots.iter().filter(|plot| !plot.series.is_empty()) {
        writeln!(out, "<h3>{}</h3>\n{}", escaped(&drawn.title), plot::svg(drawn)?).expect("text takes everything");
    }
    section.tables.iter().for_each(|table| write_table(out, table));
    Ok(())
}

fn write_table(out: &mut String, table: &Table) {
    writeln!(out, "<h3>{}</h3>", escaped(&table.title)).expect("text takes everything");
    if table.rows.is_empty() {
        return writeln!(out, "<p>{}</p>", escaped(table.if_empty)).expect("text takes everything");
    }
    let printed = Printed::new(table);
    out.push_str("<div class=\"wide\"><table>\n");
    write_row(out, "th", table, table.columns.iter().map(|column| column.label));
    printed.rows.iter().for_each(|row| write_row(out, "td", table, row.iter().map(String::as_str)));
    out.push_str("</table></div>\n");
    let notes: Vec<String> = printed.notes().collect();
    list(out, &notes);
}

fn write_row<'a>(out: &mut String, tag: &str, table: &Table, cells: impl Iterator<Item = &'a str>) {
    out.push_str("<tr>");
    for (cell, column) in cells.zip(&table.columns) {
        let class = if is_number(column) { " class=\"n\"" } else { "" };
        write!(out, "<{tag}{class}>{}</{tag}>", escaped(cell)).expect("text takes everything");
    }
    out.push_str("</tr>\n");
}

fn list(out: &mut String, lines: &[String]) {
    if lines.is_empty() {
        return;
    }
    out.push_str("<ul>\n");
    lines.iter().for_each(|line| writeln!(out, "<li>{}</li>", escaped(line)).expect("text takes everything"));
    out.push_str("</ul>\n");
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
