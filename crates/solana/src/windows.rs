//! Windows of listings that end with the process.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};

use async_trait::async_trait;
use perpdex_core::{BlockRange, ChainId, ListingWindow, ListingWindows, StoreError};

/// Windows by listing and first height.
type Windows = BTreeMap<(ChainId, String, u64), ListingWindow>;

/// Keeps windows in memory.
#[derive(Debug, Default)]
pub struct MemoryWindows(Mutex<Windows>);

impl MemoryWindows {
    fn windows(&self) -> MutexGuard<'_, Windows> {
        self.0.lock().expect("no one panics while holding the windows")
    }
}

fn touches(key: &(ChainId, String, u64), window: &ListingWindow, chain: ChainId, listing: &str, range: BlockRange) -> bool {
    key.0 == chain && key.1 == listing && window.range.intersect(&range).is_some()
}

#[async_trait]
impl ListingWindows for MemoryWindows {
    async fn windows(&self, chain: ChainId, listing: &str, range: BlockRange) -> Result<Vec<ListingWindow>, StoreError> {
        let windows = self.windows();
        Ok(windows.iter().filter(|(key, window)| touches(key, window, chain, listing, range)).map(|(_, window)| window.clone()).collect())
    }

    async fn keep_windows(&self, chain: ChainId, listing: &str, kept: &[ListingWindow]) -> Result<(), StoreError> {
        let mut windows = self.windows();
        for window in kept {
            windows.retain(|key, known| !touches(key, known, chain, listing, window.range));
            windows.insert((chain, listing.to_owned(), window.range.from()), window.clone());
        }
        Ok(())
    }

    async fn forget_windows(&self, chain: ChainId, listing: &str, range: BlockRange) -> Result<(), StoreError> {
        self.windows().retain(|key, window| !touches(key, window, chain, listing, range));
        Ok(())
    }
}
