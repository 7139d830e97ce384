//! The report as a document, before it has a form.

use perpdex_core::Decimal;

use crate::input::Window;

/// A report.
#[derive(Clone, Debug)]
pub struct Report {
    /// One line.
    pub title: String,
    /// What it is of, a line each.
    pub scope: Vec<String>,
    /// The window.
    pub window: Window,
    /// Sections in order.
    pub sections: Vec<Section>,
}

/// One subject.
#[derive(Clone, Debug)]
pub struct Section {
    /// Name in JSON.
    pub key: &'static str,
    /// Heading.
    pub title: &'static str,
    /// What its figures mean: sides, prices, sources.
    pub conventions: Vec<String>,
    /// Tables.
    pub tables: Vec<Table>,
    /// Plots; HTML shows them.
    pub plots: Vec<Plot>,
}

/// Rows of figures.
#[derive(Clone, Debug)]
pub struct Table {
    /// Name in JSON.
    pub key: &'static str,
    /// Heading.
    pub title: String,
    /// Columns.
    pub columns: Vec<Column>,
    /// Rows, each as long as `columns`.
    pub rows: Vec<Vec<Cell>>,
    /// What an empty table means.
    pub if_empty: &'static str,
}

/// A column.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Name in JSON, its unit last.
    pub key: &'static str,
    /// Heading, its unit last.
    pub label: &'static str,
    /// How its numbers are printed.
    pub form: Form,
}

/// How numbers of a column are printed. JSON has them in full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Words.
    Text,
    /// So many digits behind the point, thousands divided by commas.
    Digits(u8),
}

/// A cell.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// Words.
    Text(String),
    /// A figure, exact.
    Number(Decimal),
    /// No figure, and why.
    Missing(String),
    /// Nothing to say: the figure has no meaning here.
    Empty,
}

/// Curves over the hours of the window.
#[derive(Clone, Debug)]
pub struct Plot {
    /// Heading, with convention and unit.
    pub title: String,
    /// Lines or bars.
    pub kind: PlotKind,
    /// Curves.
    pub series: Vec<Series>,
}

/// How a plot is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlotKind {
    /// A line a series; a gap where nothing is known.
    Lines,
    /// A bar an hour; the first series upwards, a second one downwards.
    Bars,
}

/// One curve: hour and height.
#[derive(Clone, Debug)]
pub struct Series {
    /// Name in the legend.
    pub name: String,
    /// Points; `None` where nothing is known.
    pub points: Vec<(i64, Option<f64>)>,
}
