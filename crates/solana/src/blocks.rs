//! Blocks without their transactions, and the blocks at the ends of a range.

use alloy_primitives::B256;
use perpdex_core::{BlockRange, BlockRef, Link, SourceError, SourceErrorKind};
use solana_commitment_config::CommitmentConfig;

use crate::client::{CallError, Client};
use crate::http::HttpFailure;
use crate::transaction::BlockHeader;

/// Slots without a block in a row, at most, before a search gives up; leaders have four slots each.
pub(crate) const SKIPPED_RUN_MAX: u64 = 64;

/// What a node says about a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Slot {
    /// It has a block.
    Block(BlockRef),
    /// It has none and never will.
    Skipped,
    /// The node does not know a block there: not yet, or on no fork it follows.
    NotAvailable,
}

/// What the node has at a slot.
pub(crate) async fn slot(client: &Client, slot: u64, commitment: CommitmentConfig) -> Result<Slot, SourceError> {
    match client.block(slot, commitment).await {
        Ok(Some(header)) => Ok(Slot::Block(block_ref(client, slot, &header).await?)),
        Ok(None) => Ok(Slot::NotAvailable),
        Err(error) => absent(error),
    }
}

/// The block of a slot that must have one, since a transaction of it was seen.
pub(crate) async fn block(client: &Client, height: u64, commitment: CommitmentConfig) -> Result<BlockRef, SourceError> {
    match slot(client, height, commitment).await? {
        Slot::Block(block) => Ok(block),
        Slot::Skipped => {
            let message = format_args!("getBlock {height}: said to be skipped, but has a transaction");
            Err(client.error(SourceErrorKind::Transient, message))
        }
        Slot::NotAvailable => Err(client.error(SourceErrorKind::Lagging, format_args!("getBlock {height}: not available here"))),
    }
}

/// The first block at or above `range.from()`, inside the range; `None` where a run of slots has none.
pub(crate) async fn first_block(client: &Client, range: BlockRange, commitment: CommitmentConfig) -> Result<Option<BlockRef>, SourceError> {
    nearest(client, range.from()..=range.to().min(range.from().saturating_add(SKIPPED_RUN_MAX)), commitment).await
}

/// The last block at or below `range.to()`, inside the range; `None` where a run of slots has none.
pub(crate) async fn last_block(client: &Client, range: BlockRange, commitment: CommitmentConfig) -> Result<Option<BlockRef>, SourceError> {
    nearest(client, (range.from().max(range.to().saturating_sub(SKIPPED_RUN_MAX))..=range.to()).rev(), commitment).await
}

/// Unix milliseconds of a slot with a block, where no answer had it so far.
pub(crate) async fn time_ms(client: &Client, slot: u64, known_secs: Option<i64>) -> Result<i64, SourceError> {
    let secs = match known_secs {
        Some(secs) => Some(secs),
        None => client.block_time(slot).await?,
    };
    let time_ms = secs.and_then(|secs| secs.checked_mul(1_000));
    time_ms.ok_or_else(|| {
        client.error(SourceErrorKind::Transient, format_args!("getBlockTime {slot}: the time of the block is not known here"))
    })
}

/// The first slot of `slots` that has a block. A slot that is not available counts as empty: those asked lie at or below a
/// slot that the node has reached.
async fn nearest(
    client: &Client,
    slots: impl Iterator<Item = u64> + Send,
    commitment: CommitmentConfig,
) -> Result<Option<BlockRef>, SourceError> {
    for height in slots {
        if let Slot::Block(block) = slot(client, height, commitment).await? {
            return Ok(Some(block));
        }
    }
    Ok(None)
}

/// What a refusal of a block means.
pub(crate) fn absent(error: CallError) -> Result<Slot, SourceError> {
    match &error.failure {
        Some(HttpFailure::Refused(refusal)) if refusal.is_skipped_slot() => Ok(Slot::Skipped),
        Some(HttpFailure::Refused(refusal)) if refusal.is_not_available() => Ok(Slot::NotAvailable),
        _ => Err(error.error),
    }
}

/// A header as the engine compares it; asks for the time where the header has none.
pub(crate) async fn block_ref(client: &Client, slot: u64, header: &BlockHeader) -> Result<BlockRef, SourceError> {
    let link = link(header).map_err(|message| client.error(SourceErrorKind::Transient, format_args!("getBlock {slot}: {message}")))?;
    Ok(BlockRef { height: slot, link: Some(link), time_ms: time_ms(client, slot, header.block_time).await? })
}

/// A recorded header as the engine compares it.
pub(crate) fn header_ref(slot: u64, header: &BlockHeader) -> Result<BlockRef, String> {
    let time_ms = header.block_time.and_then(|secs| secs.checked_mul(1_000)).ok_or("the block has no time")?;
    Ok(BlockRef { height: slot, link: Some(link(header)?), time_ms })
}

fn link(header: &BlockHeader) -> Result<Link, String> {
    Ok(Link { hash: hash(&header.blockhash)?, parent: hash(&header.previous_blockhash)? })
}

fn hash(text: &str) -> Result<B256, String> {
    let mut bytes = [0; 32];
    match bs58::decode(text).onto(&mut bytes) {
        Ok(32) => Ok(B256::from(bytes)),
        Ok(length) => Err(format!("hash {text}: {length} bytes instead of 32")),
        Err(error) => Err(format!("hash {text}: {error}")),
    }
}
