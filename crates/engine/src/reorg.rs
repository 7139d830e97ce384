//! Which stored blocks the chain no longer has.
//!
//! A block counts as dropped when an endpoint gives another hash at its height and a second answer confirms it. A head
//! lower than ours is a lagging node, not a reorg. Blocks without hashes cannot be compared and are left alone.

use perpdex_core::{BlockConflict, BlockRef, Heads, Link, Store};

use crate::committer::hex;
use crate::endpoints::Endpoints;
use crate::error::{ChainError, ChainStop};

/// What became of a suspicion.
#[derive(Debug)]
pub(crate) enum Finding {
    /// Stored blocks and chain agree, or a second answer took the first one back.
    Agree,
    /// The chain left the stored blocks above `ancestor`.
    Fork { ancestor: BlockRef, conflict: BlockConflict, depth: u64 },
}

/// How a stored block compares with the chain.
enum Comparison {
    Same,
    /// The hash there is now, or a word for its absence, and the endpoint that said so.
    Other(String, usize),
    /// The endpoint does not have that height yet, or nobody asked.
    Unknown,
}

/// Compares stored blocks above the stored final height with the chain, newest first: the newest one and all up to
/// `compare_to`, inclusive.
///
/// A block under one that agrees and links to it needs no call, so that an unbroken tail costs one.
pub(crate) async fn check_tail(endpoints: &Endpoints, store: &dyn Store, heads: &Heads, compare_to: u64) -> Result<Finding, ChainStop> {
    let tail = store.unfinal_blocks(endpoints.chain).await?;
    let mut fork: Option<(BlockConflict, usize)> = None;
    let mut ancestor: Option<BlockRef> = None;
    let mut above: Option<BlockRef> = None;
    for (place, block) in tail.iter().rev().enumerate() {
        let Some(link) = block.link else { continue };
        let comparison = match above {
            Some(above) if proves(&above, block) => Comparison::Same,
            _ if fork.is_none() && 0 < place && compare_to < block.height => Comparison::Unknown,
            _ => compare(endpoints, block.height, link, heads).await?,
        };
        above = matches!(comparison, Comparison::Same).then_some(*block);
        match comparison {
            Comparison::Same => ancestor = ancestor.or(fork.is_some().then_some(*block)),
            Comparison::Other(found, endpoint) => {
                fork = Some((BlockConflict { height: block.height, stored: hex(link.hash), found }, endpoint));
                ancestor = None;
            }
            Comparison::Unknown => {}
        }
    }
    let Some((conflict, endpoint)) = fork else { return Ok(Finding::Agree) };
    if !is_confirmed(endpoints, &conflict, endpoint).await? {
        return Ok(Finding::Agree);
    }
    let ancestor = match ancestor {
        Some(ancestor) => ancestor,
        None => below_tail(endpoints, store, &tail, heads).await?,
    };
    let depth = tail.iter().filter(|block| ancestor.height < block.height).count() as u64;
    Ok(Finding::Fork { ancestor, conflict, depth })
}

/// Decides about a contradiction at one height: a reorg of the tail, an endpoint's slip, or a broken finality.
pub(crate) async fn settle(
    endpoints: &Endpoints,
    store: &dyn Store,
    conflict: BlockConflict,
    endpoint: usize,
) -> Result<Finding, ChainStop> {
    let tail = store.unfinal_blocks(endpoints.chain).await?;
    if tail.first().is_some_and(|lowest| lowest.height <= conflict.height) {
        let heads = endpoints.heads().await.map_err(ChainStop::Failed)?;
        return check_tail(endpoints, store, &heads, u64::MAX).await;
    }
    if is_confirmed(endpoints, &conflict, endpoint).await? {
        let label = endpoints.source(endpoint).label().to_owned();
        return Err(ChainStop::Halted(ChainError::BeyondFinality { chain: endpoints.chain, conflict, label }));
    }
    Ok(Finding::Agree)
}

/// Whether `above`, which is canonical, names `block` as its parent.
fn proves(above: &BlockRef, block: &BlockRef) -> bool {
    match (above.link, block.link) {
        (Some(high), Some(low)) => above.height == block.height + 1 && high.parent == low.hash,
        _ => false,
    }
}

async fn compare(endpoints: &Endpoints, height: u64, stored: Link, heads: &Heads) -> Result<Comparison, ChainStop> {
    if heads.latest.height == height && heads.latest.hash() == Some(stored.hash) {
        return Ok(Comparison::Same);
    }
    if heads.latest.height < height {
        return Ok(Comparison::Unknown);
    }
    let answer = endpoints.block_ref(height).await.map_err(ChainStop::Failed)?;
    Ok(match answer.value {
        Some(block) => match block.hash() {
            Some(hash) if hash == stored.hash => Comparison::Same,
            Some(hash) => Comparison::Other(hex(hash), answer.endpoint),
            None => Comparison::Unknown,
        },
        None => Comparison::Other(NO_BLOCK.to_owned(), answer.endpoint),
    })
}

/// Asks once more, elsewhere if there is an elsewhere: `false` if that answer is the stored hash.
async fn is_confirmed(endpoints: &Endpoints, conflict: &BlockConflict, endpoint: usize) -> Result<bool, ChainStop> {
    let second = endpoints.second_answer(conflict.height, endpoint).await.map_err(ChainStop::Failed)?;
    Ok(match second.value {
        Some(block) => block.hash().is_some_and(|hash| hex(hash) != conflict.stored),
        None => conflict.found == NO_BLOCK,
    })
}

/// What stands for the hash of a block that is not there.
const NO_BLOCK: &str = "no block";

/// Heights looked at, downwards, for a stored block below the tail. Where heights can have no block, as skipped slots, those
/// right below the tail were dropped with it: the other branch may have blocks there.
const EMPTY_RUN_MAX: u64 = 64;

/// The last block to keep when all of the tail is dropped: the final block below it, which must agree.
async fn below_tail(endpoints: &Endpoints, store: &dyn Store, tail: &[BlockRef], heads: &Heads) -> Result<BlockRef, ChainStop> {
    let chain = endpoints.chain;
    let lowest = tail.first().expect("a fork was found in the tail");
    let Some(height) = lowest.height.checked_sub(1) else {
        let message = format!("the stored block {} is not the chain's, and no block is below it", lowest.height);
        return Err(ChainStop::Halted(ChainError::Job { chain, message }));
    };
    let floor = height.saturating_sub(EMPTY_RUN_MAX);
    let mut below = BlockRef { height: floor, link: None, time_ms: lowest.time_ms };
    for height in (floor..=height).rev() {
        if let Some(stored) = store.block(chain, height).await? {
            below = stored;
            break;
        }
    }
    let (height, Some(link)) = (below.height, below.link) else { return Ok(below) };
    match compare(endpoints, height, link, heads).await? {
        Comparison::Same | Comparison::Unknown => Ok(below),
        Comparison::Other(found, endpoint) => {
            let conflict = BlockConflict { height, stored: hex(link.hash), found };
            let label = endpoints.source(endpoint).label().to_owned();
            Err(ChainStop::Halted(ChainError::BeyondFinality { chain, conflict, label }))
        }
    }
}
