//! A walk down a listing, page by page, that leaves windows behind. Pure: pages come in, windows go out.

use std::mem;

use perpdex_core::{BlockRange, ListingWindow};

use super::Listed;
use super::entry::digest;
use crate::client::ListedSignature;

/// Where a walk stands.
#[derive(Debug)]
pub(super) struct Walk {
    /// Highest slot of the next window.
    to: u64,
    /// The next window's entries are listed below this signature.
    above: Option<String>,
    /// The next page lies below this signature.
    cursor: Option<String>,
    /// Slot of the last line so far.
    last_slot: Option<u64>,
    /// Entries of slots that may go on in the next page, newest first.
    pending: Vec<Listed>,
    /// Stop above this signature, of which an older one is known.
    until: Option<String>,
    /// It goes on below a window.
    is_resumed: bool,
    slot_min: u64,
}

/// What a page brought.
#[derive(Debug)]
pub(super) enum Taken {
    /// No slot is complete yet.
    Nothing,
    /// A complete window with its entries, newest first.
    Window(Draft, Vec<Listed>),
    /// The last window: the floor is reached.
    Down(Draft, Vec<Listed>),
}

/// A window without the label of who listed it.
#[derive(Debug)]
pub(super) struct Draft(ListingWindow);

impl Draft {
    /// The window as this endpoint's.
    pub(super) fn labelled(self, label: &str) -> ListingWindow {
        ListingWindow { label: label.to_owned(), ..self.0 }
    }
}

impl Walk {
    /// From the newest entry; windows begin at slot `to`.
    pub(super) fn from_head(to: u64, until: Option<String>) -> Walk {
        Walk { to, above: None, cursor: None, last_slot: None, pending: Vec::new(), until, is_resumed: false, slot_min: to }
    }

    /// Below a window; `None` where there is no slot below it. A window of a listing that showed nothing yet has nothing to go
    /// on from: the listing then begins with the newest entry again.
    pub(super) fn below(window: &ListingWindow) -> Option<Walk> {
        let (below, to) = (window.below.clone(), window.range.from().checked_sub(1)?);
        Some(Walk { above: below.clone(), cursor: below, is_resumed: true, slot_min: window.range.to(), ..Walk::from_head(to, None) })
    }

    /// Through a window once more.
    pub(super) fn again(window: &ListingWindow) -> Walk {
        let to = window.range.to();
        Walk { above: window.above.clone(), cursor: window.above.clone(), ..Walk::from_head(to, None) }
    }

    pub(super) fn to(&self) -> u64 {
        self.to
    }

    pub(super) fn cursor(&self) -> Option<&str> {
        self.cursor.as_deref()
    }

    pub(super) fn until(&self) -> Option<&str> {
        self.until.as_deref()
    }

    /// The endpoint must have evaluated the listing at this slot or later.
    pub(super) fn slot_min(&self) -> u64 {
        self.slot_min
    }

    pub(super) fn is_resumed(&self) -> bool {
        self.is_resumed
    }

    /// Whether an entry below was seen before, so that the listing cannot end here.
    pub(super) fn stops_at_known(&self) -> bool {
        self.until.is_some()
    }

    /// Takes a page. The end of a listing is an empty page: a short one proves nothing.
    pub(super) fn take(&mut self, lines: Vec<ListedSignature>, floor: u64) -> Result<Taken, String> {
        let Some(last) = lines.last() else { return Ok(Taken::Nothing) };
        if self.cursor.as_ref() == Some(&last.signature) {
            return Err(format!("the page below {} ends with it", last.signature));
        }
        let (cursor, lowest) = (last.signature.clone(), last.slot);
        for line in &lines {
            if let Some(above) = self.last_slot.filter(|above| *above < line.slot) {
                return Err(format!("signature {} of slot {} stands below slot {above}", line.signature, line.slot));
            }
            self.last_slot = Some(line.slot);
            let entry = Listed::read(line)?;
            // The node was asked at `to`; what is newer belongs to a later window.
            if self.to < line.slot {
                self.above = Some(line.signature.clone());
            } else {
                self.pending.push(entry);
            }
        }
        self.cursor = Some(cursor);
        // A slot is complete once a lower one was seen.
        if self.to <= lowest {
            return Ok(Taken::Nothing);
        }
        if lowest < floor {
            let (draft, entries) = self.close(floor);
            return Ok(Taken::Down(draft, entries));
        }
        let (draft, entries) = self.close(lowest + 1);
        self.to = lowest;
        Ok(Taken::Window(draft, entries))
    }

    /// The window down to the end of the listing, of an endpoint whose first block is `first`; `None` where the endpoint
    /// lacks the blocks that would have to be empty.
    pub(super) fn end(&mut self, first: u64) -> Option<Taken> {
        let from = self.pending.last().map_or(first, |oldest| first.min(oldest.slot));
        (from <= self.to).then(|| {
            let (draft, entries) = self.close(from);
            Taken::Down(draft, entries)
        })
    }

    /// Entries that no window has taken.
    pub(super) fn rest(&mut self) -> Vec<Listed> {
        mem::take(&mut self.pending)
    }

    /// Closes the window that begins at `from`.
    fn close(&mut self, from: u64) -> (Draft, Vec<Listed>) {
        let inside = self.pending.partition_point(|entry| from <= entry.slot);
        let rest = self.pending.split_off(inside);
        let entries = mem::replace(&mut self.pending, rest);
        let below = entries.last().map(Listed::signature).or_else(|| self.above.clone());
        let window = ListingWindow {
            range: BlockRange::new(from, self.to).unwrap_or(BlockRange::single(self.to)),
            above: mem::replace(&mut self.above, below.clone()),
            below,
            entries: entries.len() as u64,
            digest: digest(&entries),
            label: String::new(),
        };
        (Draft(window), entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines of these slots; the number of a line is its place in the whole listing.
    fn lines(first: u8, slots: &[u64]) -> Vec<ListedSignature> {
        let line = |(n, slot): (u8, &u64)| ListedSignature {
            signature: Listed::test(*slot, n).signature(),
            slot: *slot,
            err: None,
            transaction_index: None,
        };
        (first..).zip(slots).map(line).collect()
    }

    fn signature(n: u8) -> Option<String> {
        Some(Listed::test(0, n).signature())
    }

    fn shape(taken: &Taken) -> Option<(u64, u64, usize)> {
        match taken {
            Taken::Nothing => None,
            Taken::Window(Draft(window), entries) | Taken::Down(Draft(window), entries) => {
                assert_eq!(window.entries, entries.len() as u64);
                Some((window.range.from(), window.range.to(), entries.len()))
            }
        }
    }

    #[test]
    fn a_slot_is_complete_below_a_lower_one() {
        let mut walk = Walk::from_head(90, None);
        let first = walk.take(lines(1, &[95, 88, 70, 70]), 10).unwrap();
        assert_eq!(shape(&first), Some((71, 90, 1)), "95 is newer than the head the node was asked at");
        let Taken::Window(Draft(window), _) = first else { panic!("{first:?}") };
        assert_eq!((window.above, window.below), (signature(1), signature(2)));
        let second = walk.take(lines(5, &[70, 60]), 10).unwrap();
        assert_eq!(shape(&second), Some((61, 70, 3)), "the slot that two pages share is one window's");
        let third = walk.take(lines(7, &[60, 9]), 10).unwrap();
        assert!(matches!(third, Taken::Down(..)));
        assert_eq!(shape(&third), Some((10, 60, 2)), "nothing below the floor is taken");
    }

    #[test]
    fn a_page_of_one_slot_completes_nothing() {
        let mut walk = Walk::from_head(50, None);
        assert_eq!(shape(&walk.take(lines(1, &[50, 50]), 10).unwrap()), None);
        assert_eq!(shape(&walk.take(lines(3, &[50, 40]), 10).unwrap()), Some((41, 50, 3)));
    }

    #[test]
    fn a_walk_goes_on_below_a_window() {
        let mut walk = Walk::from_head(90, None);
        let Taken::Window(window, _) = walk.take(lines(1, &[80, 70, 70]), 10).unwrap() else { panic!() };
        let window = window.labelled("a");
        let mut resumed = Walk::below(&window).unwrap();
        assert_eq!((resumed.cursor().map(str::to_owned), resumed.to()), (signature(1), 70));
        assert_eq!(shape(&resumed.take(lines(2, &[70, 70, 30]), 31).unwrap()), Some((31, 70, 2)));
        let empty = ListingWindow { below: None, ..window };
        assert_eq!(Walk::below(&empty).map(|walk| (walk.cursor().map(str::to_owned), walk.to())), Some((None, 70)));
    }

    #[test]
    fn the_end_is_where_the_endpoint_has_blocks() {
        let end = |first| {
            let mut walk = Walk::from_head(90, None);
            walk.take(lines(1, &[80, 70]), 10).unwrap();
            walk.end(first).as_ref().map(shape)
        };
        assert_eq!(end(0), Some(Some((0, 70, 1))));
        assert_eq!(end(40), Some(Some((40, 70, 1))));
        assert_eq!(end(75), Some(Some((70, 70, 1))), "what was listed is there, whatever the endpoint says of its first block");
        assert_eq!(Walk::from_head(90, None).end(91).as_ref().map(shape), None);
    }

    #[test]
    fn listings_that_contradict_themselves() {
        let mut walk = Walk::from_head(90, None);
        assert!(walk.take(lines(1, &[70, 80]), 10).unwrap_err().contains("stands below slot 70"));
        let mut walk = Walk::from_head(90, None);
        walk.take(lines(1, &[80]), 10).unwrap();
        assert!(walk.take(lines(1, &[80]), 10).unwrap_err().contains("ends with it"));
    }
}
