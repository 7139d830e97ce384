//! [`FolderSource`]: the calls of a source over an open folder or bucket.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use perpdex_core::{
    Batch, BlockRange, BlockRef, ChainId, FetchHeights, Filter, Heads, HyperliquidStream, Source, SourceError, SourceErrorKind,
};
use tokio::sync::Mutex;

use crate::bucket::Bucket;
use crate::error::FolderError;
use crate::folder::Folder;
use crate::layout::Root;

/// A folder of a Hyperliquid node or of the archive, a list of such files, or a bucket with the archive's layout, as far as they
/// belong to one chain: `hyperliquid`, whose heights are blocks, or `hyperliquid/files`, whose lines name a time and no block.
///
/// Calls run one after another, in the order in which they were made, so that ascending ranges read each file once.
///
/// Completeness: fills have a line for every block, so a number without one is a hole. Misc events have lines only for
/// blocks with events; they are complete from the first line to the last, and between two files that are not far apart in
/// time. Lines without a block number are complete but for stretches in which a writer was silent. Of two older streams, and of an
/// older one beside fills with block numbers, the newer has the time that both have. A fetch that asks for both streams answers for what both have: ask for them apart, or only for
/// [`streams`](FolderSource::streams), where their files differ.
#[derive(Clone)]
pub struct FolderSource {
    chain: ChainId,
    label: String,
    streams: Vec<HyperliquidStream>,
    look_every: Option<Duration>,
    folder: Arc<Mutex<Folder>>,
}

/// Time between two looks at a folder that a node writes: reading the ends of its files anew costs little, and a line is to be a row
/// within a second. Looking works on every file system, which being told of changes does not.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// Time between two looks into a bucket, where a listing costs money and objects come by the hour.
const LIST_EVERY: Duration = Duration::from_secs(60);
/// Heights of the first fetch and of any at most where they are milliseconds: a minute, a day.
const TIMED_HEIGHTS: FetchHeights = FetchHeights { start: 60_000, max: 86_400_000 };

impl FolderSource {
    /// Opens a root folder with `<stream>/hourly/{YYYYMMDD}/{H}` below it (or the folder above, or one stream's folder), a
    /// folder of data files, or one file, for a chain. Two layouts that both fit are an error.
    pub fn open(path: &Path, chain: ChainId, label: impl Into<String>) -> Result<FolderSource, SourceError> {
        FolderSource::over(Folder::open(path, chain), chain, label.into())
    }

    /// Opens files in any order; the first event of each, or else its name, tells the stream.
    pub fn from_files(paths: &[PathBuf], chain: ChainId, label: impl Into<String>) -> Result<FolderSource, SourceError> {
        FolderSource::over(Folder::from_files(paths, chain), chain, label.into())
    }

    /// Opens one folder, or any number of files, for every chain that they have files of.
    pub fn open_every(paths: &[PathBuf], label: &str) -> Result<Vec<FolderSource>, SourceError> {
        let mut sources = Vec::new();
        let mut none = None;
        for chain in [ChainId::HYPERLIQUID, ChainId::HYPERLIQUID_FILES] {
            let opened = match paths {
                [folder] if folder.is_dir() => Folder::open(folder, chain),
                files => Folder::from_files(files, chain),
            };
            match opened {
                Err(error @ FolderError::NothingFound { .. }) => none = Some(error.at(label)),
                opened => sources.push(FolderSource::over(opened, chain, label.to_owned())?),
            }
        }
        match none {
            Some(error) if sources.is_empty() => Err(error),
            _ => Ok(sources),
        }
    }

    /// Opens `s3://bucket/prefix`, credentials from the environment. Lists the prefix and reads the start of every object.
    pub async fn open_bucket(url: &str, chain: ChainId, label: impl Into<String>) -> Result<FolderSource, SourceError> {
        let label = label.into();
        let bucket = Bucket::at(url).map_err(|error| error.at(&label))?;
        let opened = tokio::task::spawn_blocking(move || Folder::over(Root::Bucket(bucket), chain)).await;
        match opened {
            Ok(folder) => FolderSource::over(folder, chain, label),
            Err(error) => Err(SourceError { label, kind: SourceErrorKind::Transient, message: format!("listing was stopped: {error}") }),
        }
    }

    /// The streams that have files.
    pub fn streams(&self) -> &[HyperliquidStream] {
        &self.streams
    }

    /// The first height of a stream's files; `None` where it has none.
    pub async fn first(&self, stream: HyperliquidStream) -> Option<u64> {
        self.folder.lock().await.first(stream)
    }

    fn over(folder: Result<Folder, FolderError>, chain: ChainId, label: String) -> Result<FolderSource, SourceError> {
        let folder = folder.map_err(|error| error.at(&label))?;
        let look_every = folder.may_grow().then_some(if folder.is_remote() { LIST_EVERY } else { LOOK_EVERY });
        Ok(FolderSource { chain, label, streams: folder.streams(), look_every, folder: Arc::new(Mutex::new(folder)) })
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
        self.chain
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

    fn fetch_heights(&self) -> Option<FetchHeights> {
        (self.chain != ChainId::HYPERLIQUID).then_some(TIMED_HEIGHTS)
    }

    fn head_poll(&self) -> Option<Duration> {
        self.look_every
    }
}
