//! The write-ahead log is moved to its file beside the writer.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU64};

use sqlx::sqlite::SqlitePool;
use tracing::debug;

/// Bytes of cells after which the log is moved beside the writer, so that little is left to itself: moving waits for the disk.
pub(super) const MOVED_BYTES: u64 = 5 * 1024 * 1024;

/// The write-ahead log of a file, moved to it by a connection beside the writer. What that one leaves, the writer moves.
#[derive(Debug)]
pub(super) struct Log {
    /// `None` in memory.
    pub(super) mover: Option<SqlitePool>,
    /// Bytes of cells committed since it was last moved.
    bytes: AtomicU64,
    pub(super) is_moving: AtomicBool,
}

impl Log {
    pub(super) fn new(mover: Option<SqlitePool>) -> Log {
        Log { mover, bytes: AtomicU64::new(0), is_moving: AtomicBool::new(false) }
    }

    /// Takes note of a commit.
    pub(super) fn grew(self: &Arc<Log>, bytes: u64) {
        let Some(mover) = self.mover.clone() else { return };
        if self.bytes.fetch_add(bytes, Relaxed) + bytes < MOVED_BYTES || self.is_moving.swap(true, Relaxed) {
            return;
        }
        self.bytes.store(0, Relaxed);
        let log = self.clone();
        tokio::spawn(async move {
            // Passive: it waits for nobody and nobody for it.
            if let Err(error) = sqlx::query("PRAGMA wal_checkpoint(PASSIVE)").execute(&mover).await {
                debug!(%error, "the write-ahead log was not moved beside the writer, which will do it");
            }
            log.is_moving.store(false, Relaxed);
        });
    }
}
