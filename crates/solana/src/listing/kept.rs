//! Windows with their entries in memory, the last ones listed.

use std::collections::VecDeque;

use perpdex_core::{BlockRange, ListingWindow};

use super::Listed;

/// Entries kept of one address, at most; about 80 bytes each.
const ENTRIES_MAX: usize = 100_000;

/// The windows listed last.
#[derive(Debug, Default)]
pub(super) struct Kept {
    windows: VecDeque<(ListingWindow, Vec<Listed>)>,
    entries: usize,
    /// The two newest signatures seen so far, newest first, with their slots.
    newest: Vec<(u64, String)>,
}

impl Kept {
    /// Keeps a window and drops the ones that were listed first where they are too many.
    pub(super) fn keep(&mut self, window: ListingWindow, entries: Vec<Listed>) {
        if let [first, second, ..] = entries.as_slice()
            && self.newest.first().is_none_or(|(slot, _)| *slot <= first.slot)
        {
            self.newest = [first, second].map(|entry| (entry.slot, entry.signature())).to_vec();
        }
        self.entries += entries.len();
        self.windows.push_back((window, entries));
        while ENTRIES_MAX < self.entries || ENTRIES_MAX < self.windows.len() {
            let Some((_, dropped)) = self.windows.pop_front() else { break };
            self.entries -= dropped.len();
        }
    }

    /// Windows that touch a range.
    pub(super) fn windows(&self, range: BlockRange) -> impl Iterator<Item = ListingWindow> {
        self.windows.iter().map(|(window, _)| window).filter(move |window| window.range.intersect(&range).is_some()).cloned()
    }

    /// The entries of a window, newest first.
    pub(super) fn entries(&self, window: &ListingWindow) -> Option<Vec<Listed>> {
        self.windows.iter().find(|(kept, _)| kept == window).map(|(_, entries)| entries.clone())
    }

    /// The newest signature but one of those below a slot: a listing that stops there ends with one that is known, which
    /// proves that nothing is missing between, without another page.
    pub(super) fn known_before(&self, slot: u64) -> Option<String> {
        match self.newest.as_slice() {
            [(first, _), (_, second)] if *first < slot => Some(second.clone()),
            _ => None,
        }
    }
}
