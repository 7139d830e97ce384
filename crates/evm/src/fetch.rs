//! One range: logs, witnesses, times, and under [`perpdex_core::Headers::All`] every header.

use std::collections::{BTreeMap, BTreeSet};

use perpdex_core::{Batch, BlockRange, BlockRef, Evidence, Filter, Headers as Wanted, SourceError, SourceErrorKind};

use crate::bloom::{Look, Tested, known_of_logs};
use crate::client::{Call, Client};
use crate::headers::{Headers, header_call};
use crate::logs::Logs;
use crate::node::Node;
use crate::purpose::Purpose;
use crate::query::{LogQuery, queries};
use crate::times::block_times;

/// Blocks of one answer for which every header is read, at most; a longer range is answered in part.
pub(crate) const ALL_HEADERS_BLOCKS_MAX: u64 = 1_000;

/// Answers a fetch; see [`perpdex_core::Source::fetch`].
///
/// The blooms of all headers that are read anyway are tested, so that a hole at either end of a range is found for nothing.
pub(crate) async fn fetch(node: &Node, range: BlockRange, filter: &Filter) -> Result<Batch, SourceError> {
    let queries = filter_queries(node, filter)?;
    let range = match filter.headers {
        Wanted::Needed => range,
        Wanted::All => range.split_at(ALL_HEADERS_BLOCKS_MAX).0,
    };
    let purpose = if filter.headers == Wanted::All { Some(Purpose::Tail) } else { None };
    let fetched = Fetched::read(node, range, &queries, purpose).await?;
    let look = if filter.headers == Wanted::All { Look::Close } else { Look::Passing };
    let tested = fetched.test(node, &queries, look).await?;
    if let Some(error) = tested.error(&node.client) {
        return Err(error);
    }
    let evidence = if filter.headers == Wanted::All { tested.evidence() } else { Evidence::Witnessed };
    Ok(fetched.into_batch(node, filter, evidence))
}

/// The requests that answer a filter.
pub(crate) fn filter_queries(node: &Node, filter: &Filter) -> Result<Vec<LogQuery>, SourceError> {
    queries(&filter.streams).map_err(|stream| {
        let text = format_args!("stream {stream} does not watch logs of an evm chain");
        node.client.error(SourceErrorKind::Permanent, text)
    })
}

/// What was read of a range.
pub(crate) struct Fetched {
    pub(crate) range: BlockRange,
    pub(crate) headers: Headers,
    pub(crate) logs: Logs,
    times: BTreeMap<u64, i64>,
}

impl Fetched {
    /// Reads logs with their witnesses, and all headers where there is a purpose for them, else those that times need.
    pub(crate) async fn read(
        node: &Node,
        range: BlockRange,
        queries: &[LogQuery],
        all_headers: Option<Purpose>,
    ) -> Result<Fetched, SourceError> {
        let client = &node.client;
        let mut fetched = Fetched { range, headers: Headers::default(), logs: Logs::default(), times: BTreeMap::new() };
        fetched.fetch_logs(node, queries).await?;
        fetched.times = match all_headers {
            None => block_times(client, range, &fetched.logs, &mut fetched.headers).await?,
            Some(purpose) => {
                fetched.headers.fetch(client, range.from()..=range.to(), purpose).await?;
                fetched.headers.iter().map(|header| (header.number, header.time_ms)).collect()
            }
        };
        fetched.check(client)?;
        Ok(fetched)
    }

    /// Tests the blooms of all headers that were read.
    pub(crate) async fn test(&self, node: &Node, queries: &[LogQuery], look: Look) -> Result<Tested, SourceError> {
        node.bloom_test.run(&node.client, queries, (&self.headers, look), |block| known_of_logs(&self.logs, block)).await
    }

    /// One batch a query, each with the headers of both ends: without the end block the endpoint does not have the range,
    /// whatever it says about logs. Nodes answer a batch's calls in order, so that a second query in it would only make
    /// the batch slower.
    async fn fetch_logs(&mut self, node: &Node, queries: &[LogQuery]) -> Result<(), SourceError> {
        if queries.is_empty() {
            return self.witness(&node.client, None).await.map(|_| ());
        }
        // Of a single block that is too dense, one query after the other; its parts take its place.
        let mut open: Vec<LogQuery> = queries.iter().rev().cloned().collect();
        while let Some(query) = open.pop() {
            match self.witness(&node.client, Some(&query)).await {
                Ok(()) => {}
                Err(error) if error.kind == SourceErrorKind::Density && self.range.blocks() == 1 => match query.split() {
                    Some((one, other)) => open.extend([other, one]),
                    None => self.fetch_receipts(node, &query, error).await?,
                },
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
        client.count_headers(Purpose::Witness, heights.len());
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
    async fn fetch_receipts(&mut self, node: &Node, query: &LogQuery, refused: SourceError) -> Result<(), SourceError> {
        let (client, height) = (&node.client, self.range.from());
        self.headers.fetch(client, std::iter::once(height), Purpose::Witness).await?;
        // Receipts without any log are those of a node that does not keep them: a block too dense has logs.
        let Some(found) = node.bloom_test.receipts().of(client, height).await?.filter(|found| !found.logs.is_empty()) else {
            return Err(refused);
        };
        found.unreadable.iter().for_each(|text| self.logs.set_aside(query, text));
        for (place, log) in found.logs.into_iter().filter(|(_, log)| query.matches(&log.log.address(), log.log.topics())) {
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

    /// The range as the vocabulary has it.
    pub(crate) fn into_batch(self, node: &Node, filter: &Filter, evidence: Evidence) -> Batch {
        let times = &self.times;
        let time_ms = |height: u64| *times.get(&height).expect("every block with a log has a time");
        let heights: BTreeSet<u64> = self.headers.iter().map(|header| header.number).chain(self.logs.blocks()).collect();
        let block_ref = |height: u64| match self.headers.get(height) {
            Some(header) => header.block_ref(),
            // Its header was not needed: the log states hash and time, the parent is not known.
            None => BlockRef { height, link: None, time_ms: time_ms(height) },
        };
        let blocks = heights.into_iter().map(block_ref).collect();
        let (records, malformed) = self.logs.into_records(node.chain, self.range, &filter.streams, time_ms);
        Batch { range: self.range, blocks, records, malformed, holes: Vec::new(), evidence }
    }
}
