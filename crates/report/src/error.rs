//! What can go wrong.

use perpdex_core::AmountError;
use thiserror::Error;

/// Why there is no report.
#[derive(Debug, Error)]
pub enum ReportError {
    /// A figure does not fit.
    #[error("a figure of the report: {0}")]
    Number(#[from] AmountError),
    /// The plotting library refused.
    #[error("plot {title:?}: {message}")]
    Plot {
        /// Which plot.
        title: String,
        /// What it said.
        message: String,
    },
}
