//! One range block by block: every transaction of the chain is read, and the blocks prove one another.

use futures::{StreamExt, TryStreamExt, stream};
use perpdex_core::{Batch, BlockRange, Evidence, Filter, Headers, SourceError, SourceErrorKind};
use solana_commitment_config::CommitmentConfig;

use crate::blocks::{SKIPPED_RUN_MAX, block_ref};
use crate::client::Client;
use crate::node::Node;
use crate::transaction::FullBlock;
use crate::watched::Watched;
use crate::whole::read;

/// Slots of one answer at most: a block is several megabytes.
const SLOTS_MAX: u64 = 64;
/// Blocks asked for at the same time at most, whatever is allowed for transactions.
const BLOCKS_AT_ONCE_MAX: usize = 8;

/// Reads a range, or its first part, from every block in it.
pub(crate) async fn fetch(node: &Node, range: BlockRange, filter: &Filter) -> Result<Batch, SourceError> {
    let client = &node.client;
    let watched = Watched::new(filter).map_err(|message| client.error(SourceErrorKind::Permanent, message))?;
    let commitment = match filter.headers {
        Headers::Needed => CommitmentConfig::finalized(),
        Headers::All => CommitmentConfig::confirmed(),
    };
    let range = range.split_at(SLOTS_MAX).0;
    let slots = client.blocks(range, commitment).await?;
    let blocks: Vec<(u64, FullBlock)> = stream::iter(slots.into_iter().map(|slot| full(client, slot, commitment)))
        .buffered(node.concurrency.min(BLOCKS_AT_ONCE_MAX))
        .try_collect()
        .await?;
    let range = proved(client, range, &blocks, commitment).await?;
    let mut batch =
        Batch { range, blocks: Vec::new(), records: Vec::new(), malformed: Vec::new(), holes: Vec::new(), evidence: Evidence::Receipts };
    for (slot, block) in &blocks {
        let header = block_ref(client, *slot, &block.header).await?;
        let found = read(block, *slot, header.time_ms, &watched);
        let found = found.map_err(|message| client.error(SourceErrorKind::Transient, format_args!("getBlock {slot}: {message}")))?;
        batch.blocks.push(header);
        batch.records.extend(found.records);
        batch.holes.extend(found.holes);
    }
    Ok(batch)
}

async fn full(client: &Client, slot: u64, commitment: CommitmentConfig) -> Result<(u64, FullBlock), SourceError> {
    match client.full_block(slot, commitment).await? {
        Some(block) => Ok((slot, block)),
        None => Err(client.error(SourceErrorKind::Lagging, format_args!("getBlock {slot}: listed by getBlocks but not available here"))),
    }
}

/// The part of a range whose blocks are all there: each names the slot of the one before it, so that a slot between two of
/// them was skipped and not left out. What lies behind the last one is proved by the next block above the range.
async fn proved(
    client: &Client,
    range: BlockRange,
    blocks: &[(u64, FullBlock)],
    commitment: CommitmentConfig,
) -> Result<BlockRange, SourceError> {
    let left_out = |parent: u64, slot: u64| -> Result<BlockRange, SourceError> {
        let message = format_args!("getBlocks {range}: leaves out slot {parent}, the parent of {slot}");
        Err(client.error(SourceErrorKind::Omitted, message))
    };
    let mut below = None;
    for (slot, block) in blocks {
        let parent = block.header.parent_slot;
        if below.map_or(range.from() <= parent, |below| below != parent) {
            return left_out(parent, *slot);
        }
        below = Some(*slot);
    }
    if below == Some(range.to()) {
        return Ok(range);
    }
    let above = range.to().checked_add(1).and_then(|from| BlockRange::new(from, from.saturating_add(SKIPPED_RUN_MAX)));
    let next = match above {
        Some(above) => client.blocks(above, commitment).await?.first().copied(),
        None => None,
    };
    let Some(next) = next else {
        // At the head: what lies behind the last block is not known yet.
        let known = below.and_then(|below| BlockRange::new(range.from(), below));
        return known.ok_or_else(|| client.error(SourceErrorKind::Lagging, format_args!("getBlocks {range}: no block there or above")));
    };
    match client.block(next, commitment).await? {
        Some(header) if below.map_or(header.parent_slot < range.from(), |below| header.parent_slot == below) => Ok(range),
        Some(header) => left_out(header.parent_slot, next),
        None => Err(client.error(SourceErrorKind::Lagging, format_args!("getBlock {next}: not available here"))),
    }
}
