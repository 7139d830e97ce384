//! One range: logs, witnesses, times, and under [`perpdex_core::Headers::All`] every header.

use std::collections::{BTreeMap, BTreeSet};

use perpdex_core::{Batch, BlockRange, BlockRef, Evidence, Filter, Headers as Wanted, SourceError, SourceErrorKind};

use crate::client::{Call, Client};
use crate::headers::{Headers, header_call};
use crate::logs::Logs;
use crate::query::{LogQuery, queries};
use crate::source::EvmSource;
use crate::times::block_times;

/// Blocks of one answer under `Headers::All`, at most; a longer range is answered in part.
const ALL_HEADERS_BLOCKS_MAX: u64 = 1_000;

/// Answers a fetch; see [`perpdex_core::Source::fetch`].
pub(crate) async fn fetch(source: &EvmSource, range: BlockRange, filter: &Filter) -> Result<Batch, SourceError> {
    let client = source.client();
    let queries = queries(&filter.streams)
        .map_err(|stream| client.error(SourceErrorKind::Permanent, format_args!("stream {stream} does not watch logs of an evm chain")))?;
    let range = match filter.headers {
        Wanted::Needed => range,
        Wanted::All => range.split_at(ALL_HEADERS_BLOCKS_MAX).0,
    };
    let mut fetched = Fetched { range, headers: Headers::default(), logs: Logs::default(), evidence: Evidence::Witnessed };
    fetched.fetch_logs(source, &queries).await?;
    let times = match filter.headers {
        Wanted::Needed => block_times(client, range, &fetched.logs, &mut fetched.headers).await?,
        Wanted::All => {
            fetched.headers.fetch(client, range.from()..=range.to()).await?;
            fetched.headers.iter().map(|header| (header.number, header.time_ms)).collect()
        }
    };
    fetched.check(client)?;
    if filter.headers == Wanted::All && source.bloom_test().run(client, &queries, &fetched.headers, &fetched.logs).await? {
        fetched.evidence = fetched.evidence.max(Evidence::Bloom);
    }
    Ok(fetched.into_batch(source, filter, &times))
}

struct Fetched {
    range: BlockRange,
    headers: Headers,
    logs: Logs,
    evidence: Evidence,
}

impl Fetched {
    /// One batch a query, each with the headers of both ends: without the end block the endpoint does not have the range,
    /// whatever it says about logs. Nodes answer a batch's calls in order, so that a second query in it would only make
    /// the batch slower.
    async fn fetch_logs(&mut self, source: &EvmSource, queries: &[LogQuery]) -> Result<(), SourceError> {
        if queries.is_empty() {
            return self.witness(source.client(), None).await.map(|_| ());
        }
        for query in queries {
            match self.witness(source.client(), Some(query)).await {
                Ok(()) => {}
                // A single block cannot be asked for any narrower.
                Err(error) if error.kind == SourceErrorKind::Density && self.range.blocks() == 1 => {
                    self.fetch_receipts(source, query, error).await?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn witness(&mut self, client: &Client, query: Option<&LogQuery>) -> Result<(), SourceError> {
        let range = self.range;
        let mut heights = vec![range.to()];
        if range.from() < range.to() {
            heights.push(range.from());
        }
        let mut calls: Vec<Call> = heights.iter().map(|height| header_call(*height)).collect();
        calls.extend(query.map(|query| Call { method: "eth_getLogs", params: query.params(range), asked: Some(range) }));
        let mut answers = client.batch(&calls).await?.into_iter();
        let contradiction = |message: String| client.error(SourceErrorKind::Transient, format_args!("eth_getLogs {range}: {message}"));
        for (height, answer) in heights.iter().zip(&mut answers) {
            if !self.headers.take(*height, &answer?).map_err(contradiction)? {
                return Err(client.error(SourceErrorKind::Lagging, format_args!("eth_getLogs {range}: no block {height} here")));
            }
        }
        match (query, answers.next()) {
            (Some(query), Some(answer)) => self.logs.take(query, range, &answer?).map_err(contradiction),
            _ => Ok(()),
        }
    }

    /// The logs of a block too dense for `eth_getLogs`, from its receipts; `refused` is what the endpoint said before.
    async fn fetch_receipts(&mut self, source: &EvmSource, query: &LogQuery, refused: SourceError) -> Result<(), SourceError> {
        let (client, height) = (source.client(), self.range.from());
        self.headers.fetch(client, std::iter::once(height)).await?;
        // Receipts without any log are those of a node that does not keep them: a block too dense has logs.
        let Some(found) = source.bloom_test().receipt_logs(client, height).await?.filter(|found| !found.logs.is_empty()) else {
            return Err(refused);
        };
        found.unreadable.iter().for_each(|text| self.logs.set_aside(query, text));
        for (place, log) in found.logs.into_iter().filter(|(_, log)| query.matches(&log.log)) {
            self.logs
                .insert(query, self.range, place, log)
                .map_err(|message| client.error(SourceErrorKind::Transient, format_args!("eth_getBlockReceipts {height}: {message}")))?;
        }
        Ok(())
    }

    fn check(&self, client: &Client) -> Result<(), SourceError> {
        let checked = self.headers.check_links().and_then(|()| self.logs.check_hashes(&self.headers));
        checked.map_err(|message| client.error(SourceErrorKind::Transient, format_args!("eth_getLogs {}: {message}", self.range)))
    }

    fn into_batch(self, source: &EvmSource, filter: &Filter, times: &BTreeMap<u64, i64>) -> Batch {
        let time_ms = |height: u64| *times.get(&height).expect("every block with a log has a time");
        let heights: BTreeSet<u64> = self.headers.iter().map(|header| header.number).chain(self.logs.blocks()).collect();
        let block_ref = |height: u64| match self.headers.get(height) {
            Some(header) => header.block_ref(),
            // Its header was not needed: the log states hash and time, the parent is not known.
            None => BlockRef { height, link: None, time_ms: time_ms(height) },
        };
        let blocks = heights.into_iter().map(block_ref).collect();
        let (records, malformed) = self.logs.into_records(source.chain_id(), self.range, &filter.streams, time_ms);
        Batch { range: self.range, blocks, records, malformed, holes: Vec::new(), evidence: self.evidence }
    }
}
