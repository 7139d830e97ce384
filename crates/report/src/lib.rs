//! A window of a store as a page of figures: venues side by side, each figure with its convention, and where there is
//! none, why.
//!
//! Promises: a pure function from integers to text; sums and ratios are exact and rounded once, half to even, where they
//! are printed; what the data do not support is said, never guessed. The four forms (terminal, Markdown, HTML, JSON)
//! show one document.
//!
//! Does not: read a database, a clock or a network. Doubles place the points of plots and nothing else.

mod document;
mod error;
mod figure;
mod input;
mod render;
mod scope;
mod sections;

pub use document::{Cell, Column, Form, Plot, PlotKind, Report, Section, Series, Table};
pub use error::ReportError;
pub use input::{
    Cascade, Divergence, Extreme, Flow, Hour, Input, LargestLiquidation, Market, SignalRow, StreamState, WaitingEvents, Window,
};
pub use render::{html, json, markdown, text};

/// Makes the report of a window.
///
/// # Errors
///
/// Where a sum leaves 256 bits or a plot cannot be drawn; neither happens with stored data.
pub fn report(input: &Input) -> Result<Report, ReportError> {
    let sections = sections::all(input)?;
    Ok(Report { title: sections::title(input), scope: sections::scope_lines(input), window: input.window, sections })
}
