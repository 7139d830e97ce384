//! One range: signatures, transactions, their events, and the blocks around them.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt, TryStreamExt, stream};
use perpdex_core::{
    Batch, BlockRange, BlockRef, Evidence, Filter, Headers, Hole, HoleReason, RawRecord, SourceError, SourceErrorKind, Watch,
};
use solana_commitment_config::CommitmentConfig;

use crate::blocks::{block, first_block, last_block, time_ms};
use crate::client::Client;
use crate::events::{Found, Place, events};
use crate::http::HttpFailure;
use crate::listing::{Listed, Segment};
use crate::source::SolanaSource;

/// Transactions of one answer, at most; a range with more is answered in part, up to a whole slot.
const TRANSACTIONS_MAX: usize = 2_000;

/// Answers a fetch; see [`perpdex_core::Source::fetch`].
pub(crate) async fn fetch(source: &SolanaSource, range: BlockRange, filter: &Filter) -> Result<Batch, SourceError> {
    let fetch = Fetch {
        source,
        client: source.client(),
        commitment: match filter.headers {
            Headers::Needed => CommitmentConfig::finalized(),
            Headers::All => CommitmentConfig::confirmed(),
        },
    };
    let watched = fetch.watched(filter)?;
    let mut listed = fetch.list(range, &watched).await?;
    listed.cut(TRANSACTIONS_MAX);
    let range = listed.range;
    let pruned = fetch.pruned(&listed).await?;
    let served = pruned.as_ref().map_or(Some(range), |hole| BlockRange::new(hole.range.to().saturating_add(1), range.to()));
    let Some(served) = served else {
        let message = format_args!("range {range}: this endpoint keeps no history that old");
        return Err(fetch.client.error(SourceErrorKind::Transient, message));
    };
    let (records, mut holes) = fetch.records(listed).await?;
    holes.extend(pruned);
    holes.sort_by_key(|hole| hole.range);
    let evidence = if fetch.commitment.is_finalized() { Evidence::Witnessed } else { Evidence::Provisional };
    let blocks = fetch.blocks(served, &records, filter.headers).await?;
    Ok(Batch { range, blocks, records, malformed: Vec::new(), holes, evidence })
}

struct Fetch<'a> {
    source: &'a SolanaSource,
    client: &'a Client,
    commitment: CommitmentConfig,
}

/// Addresses to list, each with the programs whose events its transactions carry.
type Watched = BTreeMap<String, BTreeSet<String>>;

/// A transaction to fetch.
#[derive(Clone, Debug)]
struct Job {
    listed: Listed,
    /// Programs to read, each with the transaction's order among those listed for it in the slot.
    programs: BTreeMap<String, u32>,
}

/// All transactions of a range by slot and signature.
struct Jobs {
    range: BlockRange,
    by_place: BTreeMap<(u64, String), Job>,
    /// A listing ended above the range's first slot.
    ends_above: bool,
}

impl Jobs {
    /// Shortens the range to as many whole slots as hold no more than `transactions_max`, one slot at least.
    fn cut(&mut self, transactions_max: usize) {
        let Some(((first_out, _), _)) = self.by_place.iter().nth(transactions_max) else { return };
        let first_out = *first_out;
        let first_in = self.by_place.keys().next().map_or(first_out, |(slot, _)| *slot);
        let last = if first_in < first_out { first_out - 1 } else { first_out };
        self.range = BlockRange::new(self.range.from(), last).unwrap_or(self.range);
        let range = self.range;
        self.by_place.retain(|(slot, _), _| range.contains(*slot));
    }
}

impl Fetch<'_> {
    fn watched(&self, filter: &Filter) -> Result<Watched, SourceError> {
        let mut watched = Watched::new();
        for (stream, watch) in &filter.streams {
            let Watch::Solana { program, list_by, .. } = watch else {
                let message = format_args!("stream {stream} does not watch a solana program");
                return Err(self.client.error(SourceErrorKind::Permanent, message));
            };
            watched.entry(list_by.clone()).or_default().insert(program.clone());
        }
        Ok(watched)
    }

    async fn list(&self, range: BlockRange, watched: &Watched) -> Result<Jobs, SourceError> {
        let mut jobs = Jobs { range, by_place: BTreeMap::new(), ends_above: false };
        for (address, programs) in watched {
            let served = if self.commitment.is_finalized() {
                self.source.listings().lock().await.entry(address.clone()).or_default().of_range(self.client, address, range).await?
            } else {
                Segment::of_range(self.client, address, range, self.commitment).await?.serve(range)
            };
            let upto = BlockRange::new(range.from(), served.upto.min(jobs.range.to()));
            jobs.range = upto.ok_or_else(|| {
                let message = format_args!("getSignaturesForAddress {address}: the listing does not reach slot {}", range.from());
                self.client.error(SourceErrorKind::Transient, message)
            })?;
            jobs.ends_above |= served.ends_above;
            let mut order = (0, 0);
            for listed in served.entries {
                order = if order.0 == listed.slot { (listed.slot, order.1 + 1) } else { (listed.slot, 0) };
                let job = jobs.by_place.entry((listed.slot, listed.signature())).or_insert(Job { listed, programs: BTreeMap::new() });
                for program in programs {
                    job.programs.entry(program.clone()).or_insert(order.1);
                }
            }
        }
        let range = jobs.range;
        jobs.by_place.retain(|(slot, _), _| range.contains(*slot));
        Ok(jobs)
    }

    /// The part of the range below what the endpoint keeps. A listing that ends above the range's start ends there either
    /// because nothing happened before, or because it was pruned: the lowest block the endpoint has tells.
    async fn pruned(&self, jobs: &Jobs) -> Result<Option<Hole>, SourceError> {
        if !jobs.ends_above {
            return Ok(None);
        }
        let first = match self.client.first_available_block().await {
            Ok(first) => first,
            // Not every endpoint says; the block at the range's start, which is asked for, is then the witness.
            Err(error) if error.kind == SourceErrorKind::Permanent => return Ok(None),
            Err(error) => return Err(error),
        };
        let missing = first.checked_sub(1).and_then(|last| BlockRange::new(jobs.range.from(), last.min(jobs.range.to())));
        Ok(missing.map(|range| Hole {
            range,
            reason: HoleReason::Missing,
            detail: format!("{}: first available block is {first}", self.client.label()),
        }))
    }

    /// Records of all transactions in canonical order, and holes of those whose metadata was not recorded.
    async fn records(&self, jobs: Jobs) -> Result<(Vec<RawRecord>, Vec<Hole>), SourceError> {
        let answers: Vec<(Vec<RawRecord>, Option<Hole>)> =
            stream::iter(jobs.by_place.into_iter().map(|((_, signature), job)| self.transaction(signature, job)))
                .buffered(self.source.concurrency())
                .try_collect()
                .await?;
        let mut records = Vec::new();
        let mut holes = Vec::new();
        for (found, hole) in answers {
            records.extend(found);
            holes.extend(hole);
        }
        records.sort_by_key(|record| (record.height, record.ord, record.rec));
        // One program listed by two addresses.
        let mut known = BTreeSet::new();
        records.retain(|record| known.insert((record.height, record.rec)));
        Ok((records, holes))
    }

    async fn transaction(&self, signature: String, job: Job) -> Result<(Vec<RawRecord>, Option<Hole>), SourceError> {
        let slot = job.listed.slot;
        let hole =
            |why: &str| Hole { range: BlockRange::single(slot), reason: HoleReason::NotRecorded, detail: format!("{signature}: {why}") };
        let transaction = match self.client.transaction(&signature, self.commitment).await {
            Ok(transaction) => transaction,
            Err(error) if matches!(&error.failure, Some(HttpFailure::Refused(refusal)) if refusal.is_unsupported_version()) => {
                return Ok((Vec::new(), Some(hole("the transaction's version is not supported"))));
            }
            Err(error) => return Err(error.error),
        };
        let broken = |message: String| self.client.error(SourceErrorKind::Transient, format_args!("getTransaction {signature}: {message}"));
        let transaction = transaction.ok_or_else(|| broken(format!("listed in slot {slot} but not available here")))?;
        if transaction.slot != slot {
            return Err(broken(format!("listed in slot {slot}, found in slot {}", transaction.slot)));
        }
        let Some(meta) = &transaction.meta else { return Ok((Vec::new(), Some(hole("its metadata was not recorded")))) };
        if meta.err.is_some() {
            return Ok((Vec::new(), None));
        }
        let time_ms = time_ms(self.client, slot, transaction.block_time).await?;
        let mut records = Vec::new();
        let mut not_recorded = None;
        for (program, order) in &job.programs {
            let index = transaction.transaction_index.or(job.listed.index);
            let place =
                Place { chain: self.source.chain_id(), slot, sequence: index.unwrap_or(*order), index, signature: &signature, time_ms };
            let found: Found = events(&transaction, meta, program, &place).map_err(broken)?;
            records.extend(found.records);
            not_recorded = not_recorded.or(found.not_recorded);
        }
        Ok((records, not_recorded.map(hole)))
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
                    .buffered(self.source.concurrency())
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
            let listed = Listed::test(*slot);
            ((*slot, n.to_string()), Job { listed, programs: BTreeMap::new() })
        };
        let range = BlockRange::new(10, 99).unwrap();
        Jobs { range, by_place: slots.iter().enumerate().map(job).collect(), ends_above: false }
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
