//! [`RecordedBlocks`]: blocks in a folder, as `getBlock` gave them.
//!
//! A file `blocks-FROM-TO.jsonl` holds the final blocks of the slots FROM to TO, both inside, one JSON object a line:
//! `{"slot": N, "block": …}`, where the block is a result of `getBlock` with encoding `json`, full transaction details and
//! `maxSupportedTransactionVersion` 1. A skipped slot has no line. Each block names the slot of the one before it, so that a
//! slot between two of them is known to be skipped; whatever no block vouches for is a hole.

mod file;
mod folder;

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use perpdex_core::{Batch, BlockRange, BlockRef, ChainId, Filter, Heads, Source, SourceError, SourceErrorKind};
use thiserror::Error;

use folder::Folder;

/// Why a folder cannot be read.
#[derive(Debug, Error)]
pub enum RecordedError {
    /// The folder or a file of it cannot be read.
    #[error("{label}: {place}: {error}")]
    Io {
        /// Label of the folder.
        label: String,
        /// Which part of it.
        place: String,
        /// What the system said.
        error: std::io::Error,
    },
    /// Two files claim the same slots.
    #[error("{label}: {first} and {second} both hold slot {slot}: keep one of them")]
    Overlap {
        /// Label of the folder.
        label: String,
        /// One file.
        first: String,
        /// The other.
        second: String,
        /// A slot both claim.
        slot: u64,
    },
    /// No file has the name of one.
    #[error("{label}: no file blocks-FROM-TO.jsonl in the folder")]
    Empty {
        /// Label of the folder.
        label: String,
    },
}

/// Recorded blocks as a source. Everything in the folder counts as final.
#[derive(Debug)]
pub struct RecordedBlocks(Arc<Folder>);

impl RecordedBlocks {
    /// Finds the files of a folder; none is read yet.
    pub fn open(folder: &Path, label: &str) -> Result<RecordedBlocks, RecordedError> {
        Folder::open(folder, label).map(|folder| RecordedBlocks(Arc::new(folder)))
    }

    /// Reads on a thread that may wait for the disk: lines are megabytes, and other tasks go on meanwhile.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Folder) -> Result<T, SourceError> + Send + 'static,
    ) -> Result<T, SourceError> {
        let folder = self.0.clone();
        let done = tokio::task::spawn_blocking(move || read(&folder)).await;
        done.unwrap_or_else(|error| Err(self.0.error(SourceErrorKind::Transient, format!("reading stopped: {error}"))))
    }
}

#[async_trait]
impl Source for RecordedBlocks {
    fn chain(&self) -> ChainId {
        ChainId::SOLANA
    }

    fn label(&self) -> &str {
        &self.0.label
    }

    async fn heads(&self) -> Result<Heads, SourceError> {
        self.read(Folder::heads).await
    }

    async fn fetch(&self, range: BlockRange, filter: &Filter) -> Result<Batch, SourceError> {
        let filter = filter.clone();
        self.read(move |folder| folder.fetch(range, &filter)).await
    }

    async fn block_ref(&self, height: u64) -> Result<Option<BlockRef>, SourceError> {
        self.read(move |folder| folder.block_ref(height)).await
    }

    async fn height_at(&self, time_ms: i64) -> Result<Option<u64>, SourceError> {
        self.read(move |folder| folder.height_at(time_ms)).await
    }
}
