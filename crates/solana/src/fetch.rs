//! One range by signatures: the listing, the transactions, their events, and the blocks around them.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt, TryStreamExt, stream};
use perpdex_core::{
    Batch, BlockRange, BlockRef, ChainId, Evidence, Filter, Headers, Hole, HoleReason, RawRecord, SourceError, SourceErrorKind,
};
use solana_commitment_config::CommitmentConfig;

use crate::blocks::{block, first_block, last_block, time_ms};
use crate::client::Client;
use crate::events::{Place, Speaker, events};
use crate::http::HttpFailure;
use crate::listing::{Desk, Listed, Served};
use crate::node::Node;
use crate::order::Order;
use crate::transaction::Transaction;
use crate::watched::Watched;

/// Transactions of one answer, at most; a range with more is answered in part, up to a whole slot.
const TRANSACTIONS_MAX: usize = 2_000;

/// Answers of `null` for a final, listed transaction after which this endpoint counts as not having it.
const NULLS_MAX: u32 = 3;

/// Answers a fetch; see [`perpdex_core::Source::fetch`].
pub(crate) async fn fetch(node: &Node, range: BlockRange, filter: &Filter) -> Result<Batch, SourceError> {
    let client = &node.client;
    let watched = Watched::new(filter).map_err(|message| client.error(SourceErrorKind::Permanent, message))?;
    let commitment = match filter.headers {
        Headers::Needed => CommitmentConfig::finalized(),
        Headers::All => CommitmentConfig::confirmed(),
    };
    let fetch = Fetch { node, client, commitment, watched: &watched };
    let mut jobs = fetch.list(range).await?;
    jobs.cut(TRANSACTIONS_MAX);
    let (range, served, evidence) = (jobs.range, jobs.served(), jobs.evidence);
    let pruned = BlockRange::new(range.from(), served.from().saturating_sub(1)).filter(|_| range.from() < served.from());
    let (records, mut holes) = fetch.records(jobs).await?;
    holes.extend(pruned.map(|range| Hole {
        range,
        reason: HoleReason::Missing,
        detail: format!("{}: keeps no history below slot {}", client.label(), served.from()),
        streams: Vec::new(),
    }));
    holes.sort_by_key(|hole| hole.range);
    let blocks = fetch.blocks(served, &records, filter.headers).await?;
    Ok(Batch { range, blocks, records, malformed: Vec::new(), holes, evidence })
}

struct Fetch<'a> {
    node: &'a Node,
    client: &'a Client,
    commitment: CommitmentConfig,
    watched: &'a Watched,
}

/// A transaction to fetch.
#[derive(Clone, Debug)]
struct Job {
    listed: Listed,
    speakers: BTreeSet<Speaker>,
}

/// All transactions of a range by slot and signature.
struct Jobs {
    range: BlockRange,
    /// First slot that is answered for.
    served_from: u64,
    by_place: BTreeMap<(u64, String), Job>,
    evidence: Evidence,
}

impl Jobs {
    /// Shortens the range to as many whole slots as hold no more than `transactions_max`, one slot at least.
    fn cut(&mut self, transactions_max: usize) {
        let Some(((first_out, _), _)) = self.by_place.iter().nth(transactions_max) else { return };
        let first_out = *first_out;
        let first_in = self.by_place.keys().next().map_or(first_out, |(slot, _)| *slot);
        let last = if first_in < first_out { first_out - 1 } else { first_out };
        self.shorten(last);
    }

    fn shorten(&mut self, to: u64) {
        self.range = BlockRange::new(self.range.from(), to).unwrap_or(self.range);
        let range = self.range;
        self.by_place.retain(|(slot, _), _| range.contains(*slot));
    }

    /// The part of the range that is answered for.
    fn served(&self) -> BlockRange {
        BlockRange::new(self.served_from, self.range.to()).unwrap_or(BlockRange::single(self.range.to()))
    }

    fn add(&mut self, served: Served, speakers: &BTreeSet<Speaker>) {
        self.served_from = self.served_from.max(served.from);
        if !served.is_second {
            self.evidence = self.evidence.min(Evidence::Witnessed);
        }
        for listed in served.entries {
            let job = self.by_place.entry((listed.slot, listed.signature())).or_insert(Job { listed, speakers: BTreeSet::new() });
            job.speakers.extend(speakers.iter().cloned());
        }
        if served.upto < self.range.to() {
            self.shorten(served.upto);
        }
    }
}

/// A transaction that is there.
struct Held {
    signature: String,
    job: Job,
    transaction: Transaction,
}

impl Fetch<'_> {
    async fn list(&self, range: BlockRange) -> Result<Jobs, SourceError> {
        let is_final = self.commitment.is_finalized();
        let evidence = if is_final { Evidence::Second } else { Evidence::Provisional };
        let mut jobs = Jobs { range, served_from: range.from(), by_place: BTreeMap::new(), evidence };
        let desk = Desk { client: self.client, windows: self.node.windows.as_ref() };
        for (address, speakers) in &self.watched.lists {
            let listing = self.node.listing(address).await;
            let mut listing = listing.lock().await;
            let served = if is_final { listing.of_range(&desk, jobs.range).await? } else { listing.of_tail(&desk, jobs.range).await? };
            jobs.add(served, speakers);
        }
        let range = jobs.served();
        jobs.by_place.retain(|(slot, _), _| range.contains(*slot));
        Ok(jobs)
    }

    /// Records of all transactions in canonical order, and holes of those that could not be read.
    async fn records(&self, jobs: Jobs) -> Result<(Vec<RawRecord>, Vec<Hole>), SourceError> {
        let asked = jobs.by_place.into_iter().map(|((_, signature), job)| self.transaction(signature, job));
        let answers: Vec<Result<Option<Held>, Hole>> = stream::iter(asked).buffered(self.node.concurrency).try_collect().await?;
        let mut order = Order::default();
        let (mut records, mut holes) = (Vec::new(), Vec::new());
        for answer in answers {
            match answer {
                Ok(Some(held)) => {
                    let (found, missed) = self.read(&held, &mut order).await?;
                    records.extend(found);
                    holes.extend(missed);
                }
                Ok(None) => {}
                Err(hole) => holes.push(hole),
            }
        }
        records.sort_by_key(|record| (record.height, record.ord, record.rec));
        // One program listed by two addresses.
        let mut known = BTreeSet::new();
        records.retain(|record| known.insert((record.height, record.rec)));
        Ok((records, holes))
    }

    /// A listed transaction; `None` where it failed after all, a hole where this endpoint cannot give what happened in it.
    async fn transaction(&self, signature: String, job: Job) -> Result<Result<Option<Held>, Hole>, SourceError> {
        let slot = job.listed.slot;
        let transaction = match self.client.transaction(&signature, self.commitment).await {
            Ok(transaction) => transaction,
            Err(error) if matches!(&error.failure, Some(HttpFailure::Refused(refusal)) if refusal.is_unsupported_version()) => {
                return Ok(Err(self.hole(&job, &signature, "the transaction's version is not supported")));
            }
            Err(error) => return Err(error.error),
        };
        let broken = |message: String| self.client.error(SourceErrorKind::Transient, format_args!("getTransaction {signature}: {message}"));
        let Some(transaction) = transaction else {
            // Above the final height it may still come, or never have been.
            if self.commitment.is_finalized() && NULLS_MAX <= self.node.count_null(&signature) {
                let detail = format!("{signature}: listed in slot {slot}, but {} answered null {NULLS_MAX} times", self.client.label());
                return Ok(Err(self.watched.hole(slot, HoleReason::Missing, detail, &job.speakers)));
            }
            return Err(broken(format!("listed in slot {slot} but not available here")));
        };
        self.node.forget_null(&signature);
        if transaction.slot != slot {
            return Err(broken(format!("listed in slot {slot}, found in slot {}", transaction.slot)));
        }
        match &transaction.meta {
            None => Ok(Err(self.hole(&job, &signature, "its metadata was not recorded"))),
            Some(meta) if meta.err.is_some() => Ok(Ok(None)),
            Some(_) => Ok(Ok(Some(Held { signature, job, transaction }))),
        }
    }

    /// The slot of a transaction whose events could not be read, for the streams it was listed for.
    fn hole(&self, job: &Job, signature: &str, why: &str) -> Hole {
        self.watched.hole(job.listed.slot, HoleReason::NotRecorded, format!("{signature}: {why}"), &job.speakers)
    }

    /// The records of a transaction, at its place in its block, and for which programs some may be missing.
    async fn read(&self, held: &Held, order: &mut Order) -> Result<(Vec<RawRecord>, Vec<Hole>), SourceError> {
        let Held { signature, job, transaction } = held;
        let (slot, Some(meta)) = (transaction.slot, &transaction.meta) else { return Ok((Vec::new(), Vec::new())) };
        let message = &transaction.transaction.message;
        let broken = |message: String| self.client.error(SourceErrorKind::Transient, format_args!("getTransaction {signature}: {message}"));
        let mut place = Place { chain: ChainId::SOLANA, slot, index: 0, signature, time_ms: 0 };
        let (mut records, mut holes) = (Vec::new(), Vec::new());
        for speaker in &job.speakers {
            let found = events(message, meta, speaker, &place).map_err(broken)?;
            records.extend(found.records);
            let detail = found.not_recorded.map(|why| format!("{signature}: {why}"));
            holes.extend(detail.map(|detail| self.watched.hole(slot, HoleReason::NotRecorded, detail, [speaker])));
        }
        // Most transactions of some programs hold no event: only the others are worth a call about their place and time.
        if !records.is_empty() {
            place.time_ms = time_ms(self.client, slot, transaction.block_time).await?;
            place.index = match transaction.transaction_index.or(job.listed.index) {
                Some(index) => index,
                None => order.index(self.client, slot, signature, self.commitment).await?,
            };
            records.iter_mut().for_each(|record| place.put(record));
        }
        Ok((records, holes))
    }

    /// Blocks at both ends and of every slot with a record; with hashes where a block was fetched.
    async fn blocks(&self, range: BlockRange, records: &[RawRecord], headers: Headers) -> Result<Vec<BlockRef>, SourceError> {
        let mut blocks: BTreeMap<u64, BlockRef> = BTreeMap::new();
        let first = first_block(self.client, range, self.commitment).await?;
        let last = if range.blocks() == 1 { None } else { last_block(self.client, range, self.commitment).await? };
        blocks.extend(first.into_iter().chain(last).map(|block| (block.height, block)));
        let seen: BTreeMap<u64, i64> = records.iter().map(|record| (record.height, record.time_ms)).collect();
        let unknown: Vec<(u64, i64)> = seen.into_iter().filter(|(slot, _)| !blocks.contains_key(slot)).collect();
        match headers {
            Headers::Needed => {
                blocks.extend(unknown.into_iter().map(|(height, time_ms)| (height, BlockRef { height, link: None, time_ms })))
            }
            Headers::All => {
                let fetched: Vec<BlockRef> = stream::iter(unknown.into_iter().map(|(slot, _)| block(self.client, slot, self.commitment)))
                    .buffered(self.node.concurrency)
                    .try_collect()
                    .await?;
                blocks.extend(fetched.into_iter().map(|block| (block.height, block)));
            }
        }
        Ok(blocks.into_values().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jobs(slots: &[u64]) -> Jobs {
        let job = |(n, slot): (usize, &u64)| {
            let listed = Listed::test(*slot, 1);
            ((*slot, n.to_string()), Job { listed, speakers: BTreeSet::new() })
        };
        let range = BlockRange::new(10, 99).unwrap();
        let by_place = slots.iter().enumerate().map(job).collect();
        Jobs { range, served_from: range.from(), by_place, evidence: Evidence::Witnessed }
    }

    #[test]
    fn a_long_range_is_cut_between_slots() {
        for (slots, to, left) in
            [(vec![20, 20, 30, 40], 39, 3), (vec![20, 20, 30, 30, 40], 29, 2), (vec![20, 20, 20, 20, 30], 20, 4), (vec![20, 30, 40], 99, 3)]
        {
            let mut jobs = jobs(&slots);
            jobs.cut(3);
            assert_eq!((jobs.range, jobs.by_place.len()), (BlockRange::new(10, to).unwrap(), left), "{slots:?}");
        }
    }
}
