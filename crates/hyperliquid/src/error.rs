//! What can be wrong with a folder of node files. File names are relative to the folder, never whole paths.

use std::io;

use perpdex_core::{SourceError, SourceErrorKind};
use thiserror::Error;

/// Trouble with a folder or one of its files.
#[derive(Debug, Error)]
pub(crate) enum FolderError {
    #[error("{file}: {source}")]
    Io { file: String, source: io::Error },
    #[error("no Hyperliquid files found: expected {expected}")]
    NothingFound { expected: &'static str },
    #[error("two layouts fit, {first} and {second}: name one of them")]
    TwoLayouts { first: String, second: String },
    #[error("{first} and {second} both begin with block {block}: remove one of them")]
    SameStart { first: String, second: String, block: u64 },
    #[error("{file}: a day of asset contexts, to be read whole")]
    Contexts { file: String },
    #[error("{file}: {message}")]
    Bucket { file: String, is_permanent: bool, message: String },
    #[error("{file}: no complete line of a block within the first {lines} lines ({why}); fetch the file again or remove it")]
    NoBlock { file: String, lines: usize, why: String },
    #[error("the filter asks for no stream of this chain's files")]
    ForeignFilter,
}

impl FolderError {
    /// The error as the engine sees it. Reading can be tried again; everything else stays as it is.
    pub(crate) fn at(self, label: &str) -> SourceError {
        let kind = match self {
            FolderError::Io { .. } | FolderError::Bucket { is_permanent: false, .. } => SourceErrorKind::Transient,
            _ => SourceErrorKind::Permanent,
        };
        SourceError { label: label.to_owned(), kind, message: self.to_string() }
    }
}
