//! Stronger proof than a fetch brings: single blocks probed, ranges tested header by header or read from receipts.

use std::collections::{BTreeMap, BTreeSet};

use alloy::primitives::B256;
use perpdex_core::{Batch, BlockRange, Evidence, Filter, Probe, Proof, RawBody, SourceError, SourceErrorKind};

use crate::bloom::{Look, Tested, known_of_batch, known_of_logs};
use crate::fetch::{ALL_HEADERS_BLOCKS_MAX, Fetched, filter_queries};
use crate::headers::{Headers, two_hashes};
use crate::node::Node;
use crate::purpose::Purpose;
use crate::query::LogQuery;

/// Blocks of one answer whose receipts are all read, at most: one call each.
const RECEIPTS_BLOCKS_MAX: u64 = 100;

/// Tests single blocks of a batch; see [`perpdex_core::Source::probe`].
pub(crate) async fn probe(node: &Node, heights: &[u64], filter: &Filter, batch: &Batch) -> Result<Probe, SourceError> {
    let queries = filter_queries(node, filter)?;
    let mut headers = Headers::default();
    // Until it is known what blooms are worth here, one block with a known log is looked at besides.
    let lesson =
        batch.records.first().map(|record| record.height).filter(|height| !node.bloom_test.is_learnt() && !heights.contains(height));
    headers.fetch(&node.client, heights.iter().copied().chain(lesson), Purpose::Probe).await?;
    check_hashes(&headers, batch).map_err(|message| node.client.error(SourceErrorKind::Transient, message))?;
    let tested = node.bloom_test.run(&node.client, &queries, (&headers, Look::Close), |block| known_of_batch(batch, block)).await?;
    let (omitted, unsettled) = (tested.omitted_heights(), tested.unsettled);
    Ok(Probe { omitted, unsettled })
}

/// Reads a range with proof; see [`perpdex_core::Source::prove`].
pub(crate) async fn prove(node: &Node, range: BlockRange, filter: &Filter, level: Evidence) -> Result<Proof, SourceError> {
    let queries = filter_queries(node, filter)?;
    let blocks_max = if level == Evidence::Receipts { RECEIPTS_BLOCKS_MAX } else { ALL_HEADERS_BLOCKS_MAX };
    let mut fetched = Fetched::read(node, range.split_at(blocks_max).0, &queries, Some(Purpose::Proof)).await?;
    let tested = match level {
        Evidence::Receipts => {
            let known = |block| known_of_logs(&fetched.logs, block);
            let tested = node.bloom_test.run_receipts(&node.client, &queries, fetched.headers.iter(), known).await?;
            // Where receipts are not to be had, blooms are the next best.
            if tested.unsettled.is_empty() { tested } else { fetched.test(node, &queries, Look::Close).await? }
        }
        _ => beside_omitted(node, &queries, &fetched, fetched.test(node, &queries, Look::Close).await?).await?,
    };
    let (omitted, evidence) = (tested.omitted_heights(), tested.evidence());
    take(node, &mut fetched, &queries, tested)?;
    Ok(Proof { batch: fetched.into_batch(node, filter, evidence), omitted })
}

/// An answer that leaves logs out may begin or end in the midst of a block, of whose contract and topics other logs came: no bloom shows
/// that. So the receipts are read of the blocks with logs that stand next to those without.
async fn beside_omitted(node: &Node, queries: &[LogQuery], fetched: &Fetched, mut tested: Tested) -> Result<Tested, SourceError> {
    let omitted = tested.omitted_heights();
    let known = |block| known_of_logs(&fetched.logs, block);
    let is_busy = |height: &u64| !omitted.contains(height) && known(*height).is_some_and(|logs| !logs.is_empty());
    let busy: Vec<u64> = fetched.headers.iter().map(|header| header.number).filter(is_busy).collect();
    let beside: BTreeSet<u64> = omitted
        .iter()
        .flat_map(|height| {
            let above = busy.partition_point(|busy| busy < height);
            [above.checked_sub(1).map(|below| busy[below]), busy.get(above).copied()]
        })
        .flatten()
        .collect();
    let headers = fetched.headers.iter().filter(|header| beside.contains(&header.number));
    let more = node.bloom_test.run_receipts(&node.client, queries, headers, known).await?;
    tested.omitted.extend(more.omitted);
    tested.unreadable.extend(more.unreadable);
    tested.unsettled.extend(more.unsettled);
    tested.unsettled.sort_unstable();
    tested.unsettled.dedup();
    Ok(tested)
}

/// Adds to an answer what its blocks' receipts have besides.
fn take(node: &Node, fetched: &mut Fetched, queries: &[LogQuery], tested: Tested) -> Result<(), SourceError> {
    for (place, log) in tested.omitted {
        let asked = queries.iter().find(|query| query.matches(&log.log.address(), log.log.topics()));
        let Some(query) = asked else { continue };
        let inserted = fetched.logs.insert(query, fetched.range, place, log);
        inserted.map_err(|message| node.client.error(SourceErrorKind::Transient, format_args!("eth_getBlockReceipts: {message}")))?;
    }
    for text in &tested.unreadable {
        queries.iter().for_each(|query| fetched.logs.set_aside(query, text));
    }
    Ok(())
}

/// Whether probed headers are those of the blocks that the batch came from.
fn check_hashes(headers: &Headers, batch: &Batch) -> Result<(), String> {
    let mut known: BTreeMap<u64, B256> = batch.blocks.iter().filter_map(|block| Some((block.height, block.hash()?))).collect();
    for record in &batch.records {
        if let RawBody::EvmLog(log) = &record.body {
            known.insert(record.height, log.block_hash);
        }
    }
    match headers.iter().find_map(|header| Some((header, *known.get(&header.number).filter(|hash| **hash != header.hash)?))) {
        Some((header, other)) => Err(two_hashes(header.number, header.hash, other)),
        None => headers.check_links(),
    }
}
