//! [`FolderSource`]: the three calls of a source over an open folder.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use perpdex_core::{Batch, BlockRange, BlockRef, ChainId, Filter, Heads, HyperliquidStream, Source, SourceError, SourceErrorKind};
use tokio::sync::Mutex;

use crate::error::FolderError;
use crate::folder::Folder;

/// A folder of a Hyperliquid node or of the archive, or a list of such files.
///
/// Calls run one after another, in the order in which they were made, so that ascending ranges read each file once.
///
/// Completeness: fills have a line for every block, so a number without one is a hole. Misc events have lines only for
/// blocks with events; they are complete from the first line to the last, and between two files that are not far apart in
/// time. A fetch that asks for both streams answers for what both have: ask for them apart, or only for
/// [`streams`](FolderSource::streams), where their files differ.
#[derive(Clone)]
pub struct FolderSource {
    label: String,
    streams: Vec<HyperliquidStream>,
    folder: Arc<Mutex<Folder>>,
}

impl FolderSource {
    /// Opens a root folder with `<stream>/hourly/{YYYYMMDD}/{H}` below it (or the folder above, or one stream's folder), a
    /// folder of `*.jsonl` and `*.lz4` files, or one file. Two layouts that both fit are an error.
    pub fn open(path: &Path, label: impl Into<String>) -> Result<FolderSource, SourceError> {
        FolderSource::over(Folder::open(path), label.into())
    }

    /// Opens files in any order; the first event of each, or else its name, tells the stream.
    pub fn from_files(paths: &[PathBuf], label: impl Into<String>) -> Result<FolderSource, SourceError> {
        FolderSource::over(Folder::from_files(paths), label.into())
    }

    /// The streams that have files.
    pub fn streams(&self) -> &[HyperliquidStream] {
        &self.streams
    }

    fn over(folder: Result<Folder, FolderError>, label: String) -> Result<FolderSource, SourceError> {
        let folder = folder.map_err(|error| error.at(&label))?;
        Ok(FolderSource { label, streams: folder.streams(), folder: Arc::new(Mutex::new(folder)) })
    }

    /// Runs `work` on the folder, off the async threads.
    async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Folder) -> Result<T, FolderError> + Send + 'static,
    ) -> Result<T, SourceError> {
        // The lock is fair: waiting calls get it in the order in which they came.
        let mut folder = Arc::clone(&self.folder).lock_owned().await;
        let done = tokio::task::spawn_blocking(move || work(&mut folder)).await;
        let broken = |error: tokio::task::JoinError| SourceError {
            label: self.label.clone(),
            kind: SourceErrorKind::Transient,
            message: format!("reading files was stopped: {error}"),
        };
        done.map_err(broken)?.map_err(|error| error.at(&self.label))
    }
}

impl fmt::Debug for FolderSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FolderSource").field("label", &self.label).field("streams", &self.streams).finish_non_exhaustive()
    }
}

#[async_trait]
impl Source for FolderSource {
    fn chain(&self) -> ChainId {
        ChainId::HYPERLIQUID
    }

    fn label(&self) -> &str {
        &self.label
    }

    async fn heads(&self) -> Result<Heads, SourceError> {
        self.with(Folder::heads).await
    }

    async fn fetch(&self, range: BlockRange, filter: &Filter) -> Result<Batch, SourceError> {
        let filter = filter.clone();
        self.with(move |folder| folder.fetch(range, &filter)).await
    }

    async fn block_ref(&self, height: u64) -> Result<Option<BlockRef>, SourceError> {
        self.with(move |folder| folder.block_ref(height)).await
    }

    async fn height_at(&self, time_ms: i64) -> Result<Option<u64>, SourceError> {
        self.with(move |folder| folder.height_at(time_ms)).await
    }
}
