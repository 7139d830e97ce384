//! Signatures of an address by slot.
//!
//! A node lists newest first; ranges are asked for oldest first. A [`Segment`] walks down page by page and remembers how far
//! it is complete, so that a walk that was interrupted goes on where it stopped. A [`Listing`] keeps one segment of final
//! slots for the next ranges and joins newer ones on top of it.

use std::collections::VecDeque;

use perpdex_core::{BlockRange, SourceError, SourceErrorKind};
use solana_commitment_config::{CommitmentConfig, CommitmentLevel};

use crate::client::{Client, ListedSignature, Page};

/// Signatures kept of one address, at most; about 90 bytes each. What does not fit is listed again when its turn comes.
const KEPT_SIGNATURES_MAX: usize = 1_000_000;

/// Pages of one walk, at most.
const WALK_PAGES_MAX: usize = 200_000;

/// How settled a transaction is whose place in a listing does not change any more.
const FINAL: CommitmentConfig = CommitmentConfig { commitment: CommitmentLevel::Finalized };

/// Bytes of a signature.
const SIGNATURE_BYTES: usize = 64;

/// A transaction that succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    /// Slot it was processed in.
    pub(crate) slot: u64,
    /// Place in the block, where the node gives it.
    pub(crate) index: Option<u32>,
    signature: [u8; SIGNATURE_BYTES],
}

impl Listed {
    /// A transaction of this slot.
    #[cfg(test)]
    pub(crate) fn test(slot: u64) -> Listed {
        Listed { slot, index: None, signature: [0; SIGNATURE_BYTES] }
    }

    /// The signature, base58.
    pub(crate) fn signature(&self) -> String {
        bs58::encode(&self.signature).into_string()
    }
}

/// A gap-free part of a listing.
#[derive(Debug)]
pub(crate) struct Segment {
    /// Newest first.
    entries: VecDeque<Listed>,
    /// Nothing is missing from here on.
    from: u64,
    /// Nothing is missing up to here; below `from` while nothing is listed yet.
    to: u64,
    /// The oldest signature listed and its slot, failed ones too: the next page lies below it. `None` where the oldest were
    /// dropped.
    oldest: Option<(String, u64)>,
    /// The endpoint has nothing older.
    is_at_end: bool,
}

impl Segment {
    /// An empty listing evaluated at slot `head` or later.
    fn new(head: u64) -> Segment {
        Segment { entries: VecDeque::new(), from: head.saturating_add(1), to: head, oldest: None, is_at_end: false }
    }

    /// Lists what an endpoint has of an address in the range, without keeping anything. For slots that are not final.
    pub(crate) async fn of_range(
        client: &Client,
        address: &str,
        range: BlockRange,
        commitment: CommitmentConfig,
    ) -> Result<Segment, SourceError> {
        let head = head_at_least(client, range.to(), commitment).await?;
        let mut segment = Segment::new(head);
        segment.walk(client, address, range.from(), None, commitment).await?;
        Ok(segment)
    }

    /// The transactions of the range, oldest first, as far as the segment reaches; and how far that is.
    pub(crate) fn serve(&self, range: BlockRange) -> Served {
        let upto = self.to.min(range.to());
        let inside = |entry: &&Listed| (range.from()..=upto).contains(&entry.slot);
        // Newest first: the range is one run of entries.
        let start = self.entries.partition_point(|entry| upto < entry.slot);
        let run = self.entries.range(start..).take_while(inside);
        let mut entries: Vec<Listed> = run.copied().collect();
        entries.reverse();
        let ends_above = self.is_at_end && self.entries.back().is_none_or(|entry| range.from() < entry.slot);
        Served { upto, entries, ends_above }
    }

    /// Walks down until nothing of `down_to` or above is missing, or nothing older exists, or the signature `until` is
    /// reached.
    async fn walk(
        &mut self,
        client: &Client,
        address: &str,
        down_to: u64,
        until: Option<&str>,
        commitment: CommitmentConfig,
    ) -> Result<(), SourceError> {
        for _ in 0..WALK_PAGES_MAX {
            if self.is_at_end || self.from <= down_to {
                return Ok(());
            }
            let before = self.oldest.as_ref().map(|(signature, _)| signature.as_str());
            let page = Page { address, before, until, slot_min: self.to, commitment };
            let lines = client.signatures(&page).await?;
            self.append(lines).map_err(|message| {
                client.error(SourceErrorKind::Transient, format_args!("getSignaturesForAddress {address}: {message}"))
            })?;
        }
        let message = format_args!("getSignaturesForAddress {address}: slot {down_to} not reached after {WALK_PAGES_MAX} pages");
        Err(client.error(SourceErrorKind::Permanent, message))
    }

    /// Walks down page by page and drops what does not fit as it goes. `range` is what the walk is for.
    async fn walk_bounded(
        &mut self,
        client: &Client,
        address: &str,
        range: BlockRange,
        down_to: u64,
        until: Option<&str>,
    ) -> Result<(), SourceError> {
        // Below what was dropped a walk cannot go on.
        while down_to < self.from && !self.is_at_end && !self.is_cut() {
            let next = self.from.saturating_sub(1).max(down_to);
            self.walk(client, address, next, until, FINAL).await?;
            self.shrink(range.from(), KEPT_SIGNATURES_MAX);
        }
        Ok(())
    }

    /// Whether the oldest entries were dropped.
    fn is_cut(&self) -> bool {
        self.oldest.is_none() && self.from <= self.to && !self.is_at_end
    }

    /// Whether the endpoint said that nothing older exists without having shown an entry that does.
    fn lacks(&self, known: &Listed) -> bool {
        self.is_at_end && !self.entries.iter().any(|entry| entry.signature == known.signature)
    }

    /// Takes one page. The end of a listing is an empty page: a short one proves nothing.
    fn append(&mut self, lines: Vec<ListedSignature>) -> Result<(), String> {
        let Some(last) = lines.last() else {
            self.is_at_end = true;
            self.from = 0;
            return Ok(());
        };
        if self.oldest.as_ref().is_some_and(|(oldest, _)| *oldest == last.signature) {
            return Err(format!("the page below {} ends with it", last.signature));
        }
        let oldest = (last.signature.clone(), last.slot);
        let mut above = self.oldest.as_ref().map(|(_, slot)| *slot);
        for line in lines {
            if let Some(above) = above.filter(|above| *above < line.slot) {
                return Err(format!("signature {} of slot {} stands below slot {above}", line.signature, line.slot));
            }
            above = Some(line.slot);
            // The node was asked at `to`; what is newer belongs to a later listing.
            if line.err.is_none() && line.slot <= self.to {
                self.entries.push_back(Listed { slot: line.slot, index: line.transaction_index, signature: signature(&line.signature)? });
            }
        }
        // A slot is complete once a lower one was seen.
        self.from = self.from.min(oldest.1.saturating_add(1));
        self.oldest = Some(oldest);
        Ok(())
    }

    /// Drops what does not fit: first what lies below `keep_from`, then the newest.
    fn shrink(&mut self, keep_from: u64, entries_max: usize) {
        while entries_max < self.entries.len() && self.entries.back().is_some_and(|entry| entry.slot < keep_from) {
            self.entries.pop_back();
            self.from = self.from.max(keep_from);
            self.is_at_end = false;
            self.oldest = None;
        }
        while entries_max < self.entries.len() {
            if let Some(newest) = self.entries.pop_front() {
                self.to = newest.slot.saturating_sub(1);
            }
        }
    }
}

/// What a listing has of a range.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Served {
    /// Last slot of the range that is answered for; below its first if nothing is.
    pub(crate) upto: u64,
    /// Transactions that succeeded, oldest first.
    pub(crate) entries: Vec<Listed>,
    /// The listing ends above the range's first slot: either nothing happened before, or it was pruned.
    pub(crate) ends_above: bool,
}

/// Final signatures of one address, kept for later ranges.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    main: Option<Segment>,
    /// A walk from a newer head down to `main`, under way.
    top: Option<Segment>,
}

impl Listing {
    /// The transactions of a range of final slots, listing what is not known yet. What does not fit in memory is left out at
    /// the range's end.
    pub(crate) async fn of_range(&mut self, client: &Client, address: &str, range: BlockRange) -> Result<Served, SourceError> {
        if self.main.as_ref().is_some_and(|main| main.to < range.to()) {
            self.extend_up(client, address, range).await?;
        }
        // Below slots that were dropped a walk cannot go on, and above a gap it would join nothing.
        if self.main.as_ref().is_some_and(|main| main.to < range.from() || (range.from() < main.from && main.is_cut())) {
            self.main = None;
        }
        let main = match &mut self.main {
            Some(main) => main,
            None => self.main.insert(Segment::new(head_at_least(client, range.to(), FINAL).await?)),
        };
        main.walk_bounded(client, address, range, range.from(), None).await?;
        Ok(main.serve(range))
    }

    /// Lists from a newer head down to what is known and joins both.
    async fn extend_up(&mut self, client: &Client, address: &str, range: BlockRange) -> Result<(), SourceError> {
        let Some(main) = &mut self.main else { return Ok(()) };
        let top = match &mut self.top {
            Some(top) if range.from() <= top.to => top,
            top => top.insert(Segment::new(head_at_least(client, range.to(), FINAL).await?)),
        };
        // Up to the newest known signature but one: the answer then ends with one that is known, which proves that nothing
        // is missing between, without another page.
        let until = main.entries.get(1).map(Listed::signature);
        top.walk_bounded(client, address, range, main.to.saturating_add(1), until.as_deref()).await?;
        let Some(top) = self.top.take() else { return Ok(()) };
        if top.is_cut() {
            // Too much lies between both to keep, and what was dropped lies below the range: nothing joins them.
            self.main = Some(top);
            return Ok(());
        }
        let (known, known_to) = (main.entries.front().copied(), main.to);
        if let Some(known) = known.filter(|known| top.lacks(known)) {
            let message = format_args!("getSignaturesForAddress {address}: the listing ends above {}, listed before", known.signature());
            return Err(client.error(SourceErrorKind::Transient, message));
        }
        let newer: Vec<Listed> = top.entries.into_iter().take_while(|entry| known_to < entry.slot && known != Some(*entry)).collect();
        newer.into_iter().rev().for_each(|entry| main.entries.push_front(entry));
        main.to = top.to;
        main.shrink(range.from(), KEPT_SIGNATURES_MAX);
        Ok(())
    }
}

/// The endpoint's newest slot, which must not be below the range asked for.
async fn head_at_least(client: &Client, slot: u64, commitment: CommitmentConfig) -> Result<u64, SourceError> {
    let head = client.slot(commitment).await?;
    if head < slot {
        let message = format_args!("getSlot: slot {slot} asked, endpoint is at {} slot {head}", commitment.commitment);
        return Err(client.error(SourceErrorKind::Lagging, message));
    }
    Ok(head)
}

fn signature(text: &str) -> Result<[u8; SIGNATURE_BYTES], String> {
    let mut bytes = [0; SIGNATURE_BYTES];
    match bs58::decode(text).onto(&mut bytes) {
        Ok(SIGNATURE_BYTES) => Ok(bytes),
        Ok(length) => Err(format!("signature {text} has {length} bytes")),
        Err(error) => Err(format!("signature {text}: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(slots: &[u64]) -> Vec<ListedSignature> {
        let line = |(n, slot): (usize, &u64)| ListedSignature {
            signature: bs58::encode([n as u8 + *slot as u8; SIGNATURE_BYTES]).into_string(),
            slot: *slot,
            err: None,
            transaction_index: None,
        };
        slots.iter().enumerate().map(line).collect()
    }

    fn segment(head: u64, slots: &[u64]) -> Segment {
        let mut segment = Segment::new(head);
        segment.append(lines(slots)).unwrap();
        segment
    }

    fn served(segment: &Segment, from: u64, to: u64) -> (u64, Vec<u64>) {
        let served = segment.serve(BlockRange::new(from, to).unwrap());
        (served.upto, served.entries.iter().map(|entry| entry.slot).collect())
    }

    #[test]
    fn a_slot_is_complete_below_a_lower_one() {
        let mut segment = segment(90, &[95, 88, 70, 70]);
        assert_eq!((segment.from, segment.to), (71, 90), "95 is newer than the head the node was asked at");
        assert_eq!(served(&segment, 71, 90), (90, vec![88]));
        segment.append(lines(&[70, 60])).unwrap();
        assert_eq!(served(&segment, 61, 80), (80, vec![70, 70, 70]));
        segment.append(Vec::new()).unwrap();
        assert_eq!((segment.from, segment.is_at_end), (0, true));
        assert!(segment.serve(BlockRange::new(50, 90).unwrap()).ends_above);
        assert!(!segment.serve(BlockRange::new(60, 90).unwrap()).ends_above);
    }

    #[test]
    fn what_does_not_fit_is_dropped_below_the_range_first() {
        let mut low = segment(90, &[80, 70, 60, 50, 40]);
        low.shrink(60, 3);
        assert_eq!((low.from, low.to, low.is_cut()), (60, 90, true));
        assert_eq!(served(&low, 60, 90), (90, vec![60, 70, 80]));
    }

    #[test]
    fn an_end_above_what_is_known_is_no_end() {
        let known = segment(90, &[80, 70]).entries[0];
        let mut top = segment(99, &[95, 91]);
        assert!(!top.lacks(&known), "more may come");
        top.append(Vec::new()).unwrap();
        assert!(top.lacks(&known));
        assert!(!top.lacks(&top.entries[1]));
    }

    #[tokio::test]
    async fn below_what_was_dropped_no_walk_goes_on() {
        let endpoint = crate::SolanaEndpoint {
            url: "http://127.0.0.1:9/".to_owned(),
            label: "nowhere".to_owned(),
            timeout: std::time::Duration::from_secs(1),
            response_bytes_max: 1,
            concurrency: 1,
            genesis_hash: None,
        };
        let client = Client::new(&endpoint).unwrap();
        let mut cut = segment(90, &[80, 70, 60, 50, 40]);
        cut.shrink(60, 3);
        // A walk would ask an address where nothing listens.
        cut.walk_bounded(&client, "any", BlockRange::new(60, 90).unwrap(), 30, None).await.unwrap();
        assert_eq!((cut.from, cut.entries.len()), (60, 3));
    }

    #[test]
    fn then_the_newest_goes() {
        let mut high = segment(90, &[80, 70, 70, 60, 50]);
        high.shrink(50, 3);
        assert_eq!(served(&high, 51, 90), (69, vec![60]), "slot 70 is no longer complete");
        high.shrink(50, 2);
        assert_eq!(served(&high, 51, 90), (69, vec![60]));
    }
}
