//! Listings that run from the newest entry down while ranges are read from the oldest up: how far each was walked, kept
//! beside the rows, so that a run that was killed goes on where it stood.

use std::fmt;

use async_trait::async_trait;

use crate::{BlockRange, ChainId, StoreError};

/// A stretch of a listing that a walk came through: every entry of its heights is listed below its cursor.
///
/// Windows of one listing do not overlap. They hold no entries: those are listed again when their turn comes, and must then
/// be the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListingWindow {
    /// The heights.
    pub range: BlockRange,
    /// List what is older than this entry to find the window's; `None`: list from the newest.
    pub above: Option<String>,
    /// List what is older than this entry to find what lies below the window; `None` where nothing was listed so far.
    pub below: Option<String>,
    /// Entries of the window, failed transactions included.
    pub entries: u64,
    /// 63-bit hash over the entries, newest first.
    pub digest: i64,
    /// Label of the endpoint that listed it.
    pub label: String,
}

/// Where windows are kept. What is lost of it costs another walk and nothing else.
#[async_trait]
pub trait ListingWindows: fmt::Debug + Send + Sync {
    /// The windows of a listing that touch the range, ascending.
    async fn windows(&self, chain: ChainId, listing: &str, range: BlockRange) -> Result<Vec<ListingWindow>, StoreError>;

    /// Keeps windows in the place of all that overlap them, in one transaction.
    async fn keep_windows(&self, chain: ChainId, listing: &str, windows: &[ListingWindow]) -> Result<(), StoreError>;

    /// Forgets the windows of a listing that touch the range.
    async fn forget_windows(&self, chain: ChainId, listing: &str, range: BlockRange) -> Result<(), StoreError>;
}
