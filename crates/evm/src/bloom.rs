//! The bloom test: does every header agree that no log was left out?
//!
//! A bloom that says "no" is certain. One that says "maybe" is settled by the block's receipts. Whether an endpoint's blooms
//! are worth anything is learnt from logs that are known: a bloom that denies one is worth nothing, and receipts are read
//! instead.

use std::sync::atomic::{AtomicBool, Ordering};

use alloy::primitives::{Address, B256, Bloom};
use perpdex_core::{Batch, Evidence, RawBody, SourceError, SourceErrorKind};

use crate::client::Client;
use crate::headers::{Header, Headers};
use crate::logs::{Logs, Place, PlacedLog};
use crate::query::LogQuery;
use crate::receipts::{ReceiptLogs, Receipts};

/// What was learnt about an endpoint's blooms.
#[derive(Debug, Default)]
pub(crate) struct BloomTest {
    /// A log was seen that its block's bloom has: blooms are filled here.
    confirmed: AtomicBool,
    /// A log was seen that its block's bloom denies: blooms are worth nothing here. Some chains serve blooms of zeros.
    denied: AtomicBool,
    receipts: Receipts,
}

/// A log that is known of a block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KnownLog<'a> {
    index: u64,
    address: &'a Address,
    topics: &'a [B256],
    data: &'a [u8],
}

/// Logs that are known of one block.
pub(crate) type KnownLogs<'a> = Vec<KnownLog<'a>>;

/// How closely a block is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// Its header was read for another purpose: a block with some log that was asked for passes, so that blocks full of other
    /// contracts' logs do not cost their receipts one by one.
    Passing,
    /// Its logs are to be proved: of each contract and each named topic that the bloom has, some log must be known.
    Close,
}

/// What the headers of some blocks, with their receipts where needed, said.
#[derive(Debug, Default)]
pub(crate) struct Tested {
    /// Logs that were left out.
    pub(crate) omitted: Vec<(Place, PlacedLog)>,
    /// Logs of receipts that cannot be read, as they came.
    pub(crate) unreadable: Vec<String>,
    /// Heights for which nothing could be told, ascending.
    pub(crate) unsettled: Vec<u64>,
    /// Whether receipts were read for every block.
    pub(crate) by_receipts: bool,
}

impl Tested {
    /// How well the tested blocks are known, if nothing was left out of them.
    pub(crate) fn evidence(&self) -> Evidence {
        match (self.unsettled.is_empty(), self.by_receipts) {
            (false, _) => Evidence::Witnessed,
            (true, false) => Evidence::Bloom,
            (true, true) => Evidence::Receipts,
        }
    }

    /// Heights with a log that was left out, ascending.
    pub(crate) fn omitted_heights(&self) -> Vec<u64> {
        let mut heights: Vec<u64> = self.omitted.iter().map(|((block, _), _)| *block).collect();
        heights.sort_unstable();
        heights.dedup();
        heights
    }

    /// The error of an answer that left logs out.
    pub(crate) fn error(&self, client: &Client) -> Option<SourceError> {
        let ((block, index), log) = self.omitted.iter().min_by_key(|(place, _)| *place)?;
        let text = format!(
            "endpoint omitted logs: eth_getLogs left out log {index} of block {block} by {}, its receipts have it; {} in {} blocks",
            log.log.address(),
            self.omitted.len(),
            self.omitted_heights().len(),
        );
        Some(client.error(SourceErrorKind::Omitted, text))
    }
}

impl KnownLog<'_> {
    /// Whether a receipt has another content at this place.
    fn differs(&self, (_, index): &Place, told: &PlacedLog) -> bool {
        let is_same = || {
            let log = &told.log.inner;
            (self.address, self.topics, self.data) == (&log.address, log.data.topics(), &log.data.data[..])
        };
        self.index == *index && !is_same()
    }
}

impl BloomTest {
    /// Whether it is known if blooms can be believed here.
    pub(crate) fn is_learnt(&self) -> bool {
        self.confirmed.load(Ordering::Relaxed) || self.denied.load(Ordering::Relaxed)
    }

    /// What is known of the endpoint's receipts.
    pub(crate) fn receipts(&self) -> &Receipts {
        &self.receipts
    }

    /// Tests headers against what is known of their blocks; `known` gives nothing for a block of which something could not be
    /// read, which is told elsewhere and not tested here.
    pub(crate) async fn run<'a>(
        &self,
        client: &Client,
        queries: &[LogQuery],
        (headers, look): (&Headers, Look),
        known: impl Fn(u64) -> Option<KnownLogs<'a>>,
    ) -> Result<Tested, SourceError> {
        for header in headers.iter() {
            self.learn(header, &known(header.number).unwrap_or_default());
        }
        let (denied, confirmed) = (self.denied.load(Ordering::Relaxed), self.confirmed.load(Ordering::Relaxed));
        let mut tested = Tested { by_receipts: denied, ..Tested::default() };
        for header in headers.iter() {
            let Some(logs) = known(header.number) else { continue };
            let is_open = |query: &&LogQuery| {
                let is_answered = || logs.iter().any(|log| query.matches(log.address, log.topics));
                // A bloom of zeros says "no" only where blooms are known to be filled.
                let is_void = header.bloom == Bloom::ZERO && !confirmed;
                let told = logs.iter().map(|log| (log.address, log.topics));
                let may_hold_more = || match look {
                    Look::Passing => query.may_be_in(&header.bloom) && !is_answered(),
                    Look::Close => query.may_hold_more(&header.bloom, told),
                };
                denied || (is_void && !is_answered()) || may_hold_more()
            };
            let open: Vec<&LogQuery> = queries.iter().filter(is_open).collect();
            if !open.is_empty() {
                self.settle(client, &open, header, &logs, denied, &mut tested).await?;
            }
        }
        Ok(tested)
    }

    /// Reads the receipts of every block that is asked for, whatever the blooms say.
    pub(crate) async fn run_receipts<'a>(
        &self,
        client: &Client,
        queries: &[LogQuery],
        headers: impl Iterator<Item = &Header>,
        known: impl Fn(u64) -> Option<KnownLogs<'a>>,
    ) -> Result<Tested, SourceError> {
        let mut tested = Tested { by_receipts: true, ..Tested::default() };
        let all: Vec<&LogQuery> = queries.iter().collect();
        for header in headers {
            let Some(logs) = known(header.number) else { continue };
            self.settle(client, &all, header, &logs, true, &mut tested).await?;
        }
        Ok(tested)
    }

    fn learn(&self, header: &Header, logs: &KnownLogs<'_>) {
        for log in logs {
            let has = header.bloom.contains_raw_log(*log.address, log.topics);
            let learnt = if has { &self.confirmed } else { &self.denied };
            learnt.store(true, Ordering::Relaxed);
        }
    }

    /// Reads the receipts of a block that may hold a log of one of the open queries.
    async fn settle(
        &self,
        client: &Client,
        open: &[&LogQuery],
        header: &Header,
        known: &KnownLogs<'_>,
        bloom_is_void: bool,
        tested: &mut Tested,
    ) -> Result<(), SourceError> {
        let Some(found) = self.receipts.of(client, header.number).await? else {
            tested.unsettled.push(header.number);
            return Ok(());
        };
        if let Some(((block, _), log)) =
            found.logs.iter().find(|((block, _), log)| *block != header.number || log.block_hash != header.hash)
        {
            let (number, hash, other) = (header.number, header.hash, log.block_hash);
            let text = format!("receipts of block {number} {hash} belong to block {block} {other}");
            return Err(client.error(SourceErrorKind::Transient, text));
        }
        if !is_whole(header, &found, known, bloom_is_void) {
            tested.unsettled.push(header.number);
            return Ok(());
        }
        if let Some(log) = known.iter().find(|log| found.logs.iter().any(|(place, told)| log.differs(place, told))) {
            let text = format!("eth_getLogs and eth_getBlockReceipts tell two contents of log {} of block {}", log.index, header.number);
            return Err(client.error(SourceErrorKind::Transient, text));
        }
        tested.unreadable.extend(found.unreadable);
        let is_known = |place: &Place| known.iter().any(|log| log.index == place.1);
        let is_asked = |log: &PlacedLog| open.iter().any(|query| query.matches(&log.log.address(), log.log.topics()));
        tested.omitted.extend(found.logs.into_iter().filter(|(place, log)| is_asked(log) && !is_known(place)));
        Ok(())
    }
}

/// Whether the receipts are all there: one for each transaction, with the logs that are known already, and with some log
/// where the bloom has one. Those of a node that does not keep them are empty.
fn is_whole(header: &Header, found: &ReceiptLogs, known: &KnownLogs<'_>, bloom_is_void: bool) -> bool {
    let has_known = known.iter().all(|log| found.logs.iter().any(|((_, found), _)| *found == log.index));
    let has_logs = !found.logs.is_empty() || !found.unreadable.is_empty();
    header.transactions <= found.receipts && has_known && (has_logs || bloom_is_void || header.bloom == Bloom::ZERO)
}

/// The known logs of a block, from an answer.
pub(crate) fn known_of_logs(logs: &Logs, block: u64) -> Option<KnownLogs<'_>> {
    let known = logs.of_block(block).map(|((_, index), log)| KnownLog {
        index: *index,
        address: &log.log.inner.address,
        topics: log.log.topics(),
        data: &log.log.inner.data.data,
    });
    (!logs.is_damaged(block)).then(|| known.collect())
}

/// The known logs of a block, from a batch.
pub(crate) fn known_of_batch(batch: &Batch, block: u64) -> Option<KnownLogs<'_>> {
    if batch.malformed.iter().any(|malformed| malformed.height == block) {
        return None;
    }
    let from = batch.records.partition_point(|record| record.height < block);
    let of_block = batch.records[from..].iter().take_while(|record| record.height == block);
    let log = of_block.filter_map(|record| match &record.body {
        RawBody::EvmLog(log) => {
            let index = u64::try_from(record.rec).ok()?;
            Some(KnownLog { index, address: &log.address, topics: &log.topics, data: &log.data })
        }
        _ => None,
    });
    Some(log.collect())
}
