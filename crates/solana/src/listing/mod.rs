//! Signatures of an address by slot.
//!
//! A node lists newest first; ranges are asked for oldest first. So a [`walk::Walk`] comes down once, in bounded steps, and
//! leaves a window a page behind: which slots it holds and the signature to list it from. Windows outlive a run
//! ([`perpdex_core::ListingWindows`]); their entries are listed again when their range is read, and must be the same then.
//! What was listed last is kept in memory, so that a short walk near the head costs one page and no window.

mod entry;
mod kept;
mod walk;

use perpdex_core::{BlockRange, ChainId, ListingWindow, ListingWindows, RangeSet, SourceError, SourceErrorKind, StoreError};
use solana_commitment_config::CommitmentConfig;

pub(crate) use entry::Listed;
use entry::digest;
use kept::Kept;
use walk::{Taken, Walk};

use crate::client::{Client, Page};

/// Pages of one bounded step.
const STEP_PAGES_MAX: usize = 32;
/// Steps, or pages, of one call that is not bounded otherwise.
const STEPS_MAX: usize = 100_000;
/// Signatures one call gives, about: a window is not cut.
const SERVED_MAX: usize = 2_000;
/// How far below a walk a known entry is looked for that contradicts the end of a listing, in slots (about five days).
const KNOWN_BELOW_SLOTS: u64 = 1_000_000;

/// How far above a slot the next window is looked for, in slots: nearly always it is the next one.
const LOOKS_ABOVE: [u64; 4] = [0, 10_000, 10_000_000, 1 << 40];

/// The listing of one address at one endpoint.
#[derive(Debug)]
pub(crate) struct Listing {
    chain: ChainId,
    address: String,
    kept: Kept,
}

/// What a listing has of a range.
#[derive(Debug)]
pub(crate) struct Served {
    /// First slot that is answered for; above it the range's first slots are pruned everywhere.
    pub(crate) from: u64,
    /// Last slot that is answered for.
    pub(crate) upto: u64,
    /// Transactions that succeeded, oldest first.
    pub(crate) entries: Vec<Listed>,
    /// All of it was listed before by another endpoint, with the same entries.
    pub(crate) is_second: bool,
}

/// Where a listing is read and kept.
pub(crate) struct Desk<'a> {
    pub(crate) client: &'a Client,
    pub(crate) windows: &'a dyn ListingWindows,
}

impl Desk<'_> {
    fn error(&self, address: &str, kind: SourceErrorKind, message: impl std::fmt::Display) -> SourceError {
        self.client.error(kind, format_args!("getSignaturesForAddress {address}: {message}"))
    }

    /// A database that is busy may take them later; one that refuses (a full disk) refuses the rows as well.
    fn lost(&self, error: &StoreError) -> SourceError {
        let is_passing = matches!(error, StoreError::Unavailable { .. });
        let kind = if is_passing { SourceErrorKind::Transient } else { SourceErrorKind::Permanent };
        self.client.error(kind, format_args!("windows of listings: {error}"))
    }
}

impl Listing {
    pub(crate) fn new(chain: ChainId, address: &str) -> Listing {
        Listing { chain, address: address.to_owned(), kept: Kept::default() }
    }

    /// Walks a bounded part of what is not known of a range of final slots; `true` where more is left.
    pub(crate) async fn step(&mut self, desk: &Desk<'_>, range: BlockRange) -> Result<bool, SourceError> {
        let known = self.known(desk, range).await?;
        let missing = RangeSet::from_ranges(known.iter().map(|window| window.range)).missing(range);
        // The highest part first: what lies below is found by way of it.
        let Some(part) = missing.ranges().last().copied() else { return Ok(false) };
        let above = self.next_above(desk, part.to()).await?;
        let mut walk = match above.as_ref().and_then(Walk::below) {
            Some(walk) => walk,
            None => {
                let head = head_at_least(desk.client, range.to(), CommitmentConfig::finalized()).await?;
                Walk::from_head(head, self.kept.known_before(part.from()))
            }
        };
        let done = self.come_down(desk, &mut walk, part.from()).await?;
        Ok(!done || missing.ranges().len() > 1)
    }

    /// The transactions of a range of final slots, walking to what is not known yet. A range with many is answered in part.
    pub(crate) async fn of_range(&mut self, desk: &Desk<'_>, range: BlockRange) -> Result<Served, SourceError> {
        let mut pruned = None;
        for _ in 0..STEPS_MAX {
            match self.step(desk, range).await {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) if error.kind == SourceErrorKind::Pruned => {
                    pruned = Some(error);
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        let known = self.known(desk, range).await?;
        let mut served = Served { from: range.from(), upto: range.to(), entries: Vec::new(), is_second: true };
        let mut next = range.from();
        if let Some(error) = pruned {
            let first = known.first().map(|window| window.range.from().max(range.from()));
            (served.from, next) = first.map(|first| (first, first)).ok_or(error)?;
        }
        while next <= range.to() {
            let Some(window) = known.iter().find(|window| window.range.contains(next)) else {
                return Err(desk.error(
                    &self.address,
                    SourceErrorKind::Transient,
                    format_args!("slot {next} is in no window: walking again"),
                ));
            };
            let (entries, is_second) = self.entries(desk, window).await?;
            let inside = |entry: &&Listed| next <= entry.slot && entry.slot <= range.to() && !entry.failed;
            served.entries.extend(entries.iter().rev().filter(inside).copied());
            served.is_second &= is_second;
            served.upto = window.range.to().min(range.to());
            match window.range.to().checked_add(1) {
                Some(above) if served.entries.len() < SERVED_MAX => next = above,
                _ => break,
            }
        }
        Ok(served)
    }

    /// Lists what an endpoint has of a range that is not final, keeping nothing.
    pub(crate) async fn of_tail(&self, desk: &Desk<'_>, range: BlockRange) -> Result<Served, SourceError> {
        let commitment = CommitmentConfig::confirmed();
        head_at_least(desk.client, range.to(), commitment).await?;
        let walk = Walk::from_head(range.to(), self.kept.known_before(range.from()));
        let mut entries = self.all(desk, walk, range, commitment).await?;
        entries.retain(|entry| !entry.failed);
        entries.reverse();
        Ok(Served { from: range.from(), upto: range.to(), entries, is_second: false })
    }

    /// Every entry of a range, newest first, of a walk that leaves nothing behind.
    async fn all(
        &self,
        desk: &Desk<'_>,
        mut walk: Walk,
        range: BlockRange,
        commitment: CommitmentConfig,
    ) -> Result<Vec<Listed>, SourceError> {
        let mut entries: Vec<Listed> = Vec::new();
        for _ in 0..STEPS_MAX {
            let lines = desk.client.signatures(&walk.page(&self.address, commitment)).await?;
            let is_end = lines.is_empty();
            if is_end && walk.stops_at_known() {
                return Err(self.contradiction(desk, &walk));
            }
            let taken = walk.take(lines, range.from()).map_err(|message| desk.error(&self.address, SourceErrorKind::Transient, message))?;
            let is_down = matches!(taken, Taken::Down(..));
            if let Taken::Window(_, listed) | Taken::Down(_, listed) = taken {
                entries.extend(listed);
            }
            if is_down || is_end {
                entries.extend(walk.rest());
                entries.retain(|entry| range.contains(entry.slot));
                return Ok(entries);
            }
        }
        Err(desk.error(&self.address, SourceErrorKind::Permanent, format_args!("{range} was not reached after {STEPS_MAX} pages")))
    }

    /// The lowest window above a slot: a walk to what lies below goes on from there, through what is missing between.
    async fn next_above(&self, desk: &Desk<'_>, slot: u64) -> Result<Option<ListingWindow>, SourceError> {
        for slots in LOOKS_ABOVE {
            let Some(range) = slot.checked_add(1).and_then(|from| BlockRange::new(from, from.saturating_add(slots))) else { break };
            let found = self.known(desk, range).await?.into_iter().find(|window| slot < window.range.from());
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// Comes down to `floor`, a bounded number of pages; `true` when it is reached.
    async fn come_down(&mut self, desk: &Desk<'_>, walk: &mut Walk, floor: u64) -> Result<bool, SourceError> {
        let mut windows: Vec<(ListingWindow, Vec<Listed>)> = Vec::new();
        let mut outcome = Ok(false);
        for _ in 0..STEP_PAGES_MAX {
            let page = self.page(desk, walk, floor).await;
            match page {
                Ok(Taken::Nothing) => {}
                Ok(Taken::Window(window, entries)) => windows.push((window.labelled(desk.client.label()), entries)),
                Ok(Taken::Down(window, entries)) => {
                    let window = window.labelled(desk.client.label());
                    // An endpoint that is pruned ends above the floor.
                    outcome = Ok(window.range.from() <= floor);
                    windows.push((window, entries));
                    break;
                }
                Err(error) => {
                    outcome = Err(error);
                    break;
                }
            }
        }
        // One page near the head is listed again as fast as a window is read.
        if 1 < windows.len() || walk.is_resumed() || !matches!(outcome, Ok(true)) {
            let rows: Vec<ListingWindow> = windows.iter().map(|(window, _)| window.clone()).collect();
            desk.windows.keep_windows(self.chain, &self.address, &rows).await.map_err(|error| desk.lost(&error))?;
        }
        for (window, entries) in windows {
            self.kept.keep(window, entries);
        }
        outcome
    }

    async fn page(&self, desk: &Desk<'_>, walk: &mut Walk, floor: u64) -> Result<Taken, SourceError> {
        let lines = desk.client.signatures(&walk.page(&self.address, CommitmentConfig::finalized())).await?;
        if lines.is_empty() {
            return self.end(desk, walk, floor).await;
        }
        walk.take(lines, floor).map_err(|message| desk.error(&self.address, SourceErrorKind::Transient, message))
    }

    /// What an empty page means. It is the end of the listing only where the endpoint knows the transaction it was asked to
    /// list below, nothing older was seen before, and it has blocks further down than the listing goes.
    async fn end(&self, desk: &Desk<'_>, walk: &mut Walk, floor: u64) -> Result<Taken, SourceError> {
        if walk.stops_at_known() || self.has_older(desk, floor).await? {
            return Err(self.contradiction(desk, walk));
        }
        if let Some(cursor) = walk.cursor()
            && desk.client.transaction(cursor, CommitmentConfig::finalized()).await?.is_none()
        {
            let message = format_args!("nothing is listed below {cursor}, a transaction this endpoint does not know");
            return Err(desk.error(&self.address, SourceErrorKind::Transient, message));
        }
        let first = match desk.client.first_available_block().await {
            Ok(first) => first,
            // Not every endpoint says; the block at the range's start, which is asked for, is then the witness.
            Err(error) if error.kind == SourceErrorKind::Permanent => 0,
            Err(error) => return Err(error),
        };
        walk.end(first).ok_or_else(|| {
            let message = format_args!("the listing ends at slot {}, and the first available block is {first}", walk.to());
            desk.error(&self.address, SourceErrorKind::Pruned, message)
        })
    }

    fn contradiction(&self, desk: &Desk<'_>, walk: &Walk) -> SourceError {
        let message = format_args!("the listing ends at slot {} above transactions that were listed before", walk.to());
        desk.error(&self.address, SourceErrorKind::Transient, message)
    }

    /// Whether an entry below `floor` was seen before.
    async fn has_older(&self, desk: &Desk<'_>, floor: u64) -> Result<bool, SourceError> {
        let Some(below) = floor.checked_sub(1) else { return Ok(false) };
        let near = BlockRange::new(below.saturating_sub(KNOWN_BELOW_SLOTS), below).unwrap_or(BlockRange::single(below));
        Ok(self.known(desk, near).await?.iter().any(|window| 0 < window.entries))
    }

    /// The entries of a window, newest first: from memory, or listed again and compared.
    async fn entries(&mut self, desk: &Desk<'_>, window: &ListingWindow) -> Result<(Vec<Listed>, bool), SourceError> {
        if let Some(entries) = self.kept.entries(window) {
            return Ok((entries, false));
        }
        let entries = self.all(desk, Walk::again(window), window.range, CommitmentConfig::finalized()).await?;
        let found = entries.len() as u64;
        if found < window.entries {
            let (range, label) = (window.range, &window.label);
            let message = format_args!("{found} transactions in {range} where {label} listed {}", window.entries);
            return Err(desk.error(&self.address, SourceErrorKind::Omitted, message));
        }
        if found != window.entries || digest(&entries) != window.digest {
            desk.windows.forget_windows(self.chain, &self.address, window.range).await.map_err(|error| desk.lost(&error))?;
            let message = format_args!("other transactions in {} than {} listed: walking again", window.range, window.label);
            return Err(desk.error(&self.address, SourceErrorKind::Transient, message));
        }
        self.kept.keep(window.clone(), entries.clone());
        Ok((entries, window.label != desk.client.label()))
    }

    /// Windows that touch a range, of memory and of earlier walks, ascending.
    async fn known(&self, desk: &Desk<'_>, range: BlockRange) -> Result<Vec<ListingWindow>, SourceError> {
        let stored = desk.windows.windows(self.chain, &self.address, range).await.map_err(|error| desk.lost(&error))?;
        let mut known: Vec<ListingWindow> = self.kept.windows(range).chain(stored).collect();
        known.sort_by_key(|window| window.range);
        known.dedup();
        Ok(known)
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

impl Walk {
    /// The page to ask for next.
    fn page<'a>(&'a self, address: &'a str, commitment: CommitmentConfig) -> Page<'a> {
        Page { address, before: self.cursor(), until: self.until(), slot_min: self.slot_min(), commitment }
    }
}
