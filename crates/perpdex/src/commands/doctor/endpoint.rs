//! What one endpoint can do, asked through the same calls that a run uses.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use futures::future::join_all;
use perpdex_core::{BlockRange, ChainId, ChainKind, Filter, Headers, Heads, Source, SourceError, SourceErrorKind, StreamId, Watch};
use tokio::time::timeout;

use super::{Check, PROOF, subject};

/// Longest wait for one call.
const CALL_MAX: Duration = Duration::from_secs(20);
/// Blocks asked for in one request, from the widest down; a provider's limit lies between two of them.
const WIDTHS: [u64; 5] = [10_000, 2_000, 500, 50, 1];
/// Blocks whose proof is tried.
const PROOF_BLOCKS: u64 = 4;
/// Seconds that a head may be old, and the clock differ, before it is worth a word.
const HEAD_AGE_S_MAX: i64 = 120;
/// Blocks that an endpoint may be behind the best of its chain.
const BEHIND_MAX: u64 = 64;

/// What a chain is asked with.
#[derive(Clone, Debug)]
pub(super) struct Questions {
    pub(super) streams: Vec<(StreamId, Watch)>,
    /// First height at which any stream can hold anything, where it is known.
    pub(super) first_height: Option<u64>,
}

/// Whether a chain is read by JSON-RPC of Ethereum's kind.
pub(super) fn is_evm(chain: ChainId) -> bool {
    chain.info().is_some_and(|info| info.kind == ChainKind::Evm)
}

/// Looks at every endpoint of a chain, side by side.
pub(super) async fn check_chain(chain: ChainId, sources: Vec<Arc<dyn Source>>, questions: Questions) -> Vec<Check> {
    let greetings = join_all(sources.iter().map(|source| greet(source.as_ref()))).await;
    let best = greetings.iter().filter_map(|(_, heads)| heads.as_ref().ok().map(|heads| heads.latest.height)).max();
    let looks = sources.iter().zip(greetings).map(|(source, (took, greeting))| {
        let questions = &questions;
        async move {
            let name = subject(chain, source.label());
            let heads = match greeting {
                Ok(heads) => heads,
                Err(error) => return vec![refused(name, &error)],
            };
            let mut checks = head_checks(&name, took, &heads, best);
            checks.extend(range_checks(&name, chain, source.as_ref(), &heads, questions).await);
            checks
        }
    });
    join_all(looks).await.into_iter().flatten().collect()
}

async fn greet(source: &dyn Source) -> (Duration, Result<Heads, SourceError>) {
    let started = Instant::now();
    let heads = bounded(source, source.heads()).await;
    (started.elapsed(), heads)
}

/// A call that ends, whatever the endpoint does.
async fn bounded<T>(source: &dyn Source, call: impl Future<Output = Result<T, SourceError>>) -> Result<T, SourceError> {
    let silent = || SourceError {
        label: source.label().to_owned(),
        kind: SourceErrorKind::Unreachable,
        message: format!("no answer within {} s", CALL_MAX.as_secs()),
    };
    timeout(CALL_MAX, call).await.unwrap_or_else(|_| Err(silent()))
}

fn refused(name: String, error: &SourceError) -> Check {
    let advice = match error.kind {
        SourceErrorKind::WrongChain { .. } => "correct the endpoint of this chain",
        SourceErrorKind::Unreachable => "check the address and the network",
        SourceErrorKind::Rate { .. } => "wait, or use an endpoint with a higher limit",
        _ => "use another endpoint, or ask its operator",
    };
    Check::fail(name, "reachable", error.message.clone(), advice)
}

fn head_checks(name: &str, took: Duration, heads: &Heads, best: Option<u64>) -> Vec<Check> {
    let latest = heads.latest.height;
    let mut checks =
        vec![Check::ok(name, "reachable", format!("answers in {} ms, serves the right chain, takes batches", took.as_millis()))];
    let behind = best.map_or(0, |best| best.saturating_sub(latest));
    let told = format!("newest {latest}, final {} ({} below)", heads.finalized, latest.saturating_sub(heads.finalized));
    checks.push(match behind {
        0..=BEHIND_MAX => Check::ok(name, "heads", told),
        _ => Check::warn(name, "heads", format!("{told}, {behind} blocks behind the best endpoint"), "put it last, or replace it"),
    });
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let age_s = i64::try_from(since.as_millis()).unwrap_or(i64::MAX).saturating_sub(heads.latest.time_ms) / 1_000;
    checks.push(if age_s < -HEAD_AGE_S_MAX {
        Check::warn(name, "clock", format!("the newest block is {} s in the future", -age_s), "set this machine's clock")
    } else if age_s <= HEAD_AGE_S_MAX {
        Check::ok(name, "clock", format!("the newest block is {age_s} s old"))
    } else {
        let advice = "the node is behind, the chain stands still, or this machine's clock is wrong";
        Check::warn(name, "clock", format!("the newest block is {age_s} s old"), advice)
    });
    checks
}

async fn range_checks(name: &str, chain: ChainId, source: &dyn Source, heads: &Heads, questions: &Questions) -> Vec<Check> {
    let (ranges, inside) = width(name, source, heads, questions).await;
    let mut checks = vec![ranges];
    if is_evm(chain) {
        checks.extend(times(name, source, inside));
        checks.push(proof(name, source, heads, questions).await);
    }
    if let Some(first) = questions.first_height.or(heads.earliest).filter(|first| *first <= heads.finalized) {
        checks.push(depth(name, source, first, questions).await);
    }
    checks
}

fn filter(questions: &Questions) -> Filter {
    Filter { streams: questions.streams.clone(), headers: Headers::Needed }
}

/// The widest request that is answered, near the final height; and how many records it has between its first and last block.
async fn width(name: &str, source: &dyn Source, heads: &Heads, questions: &Questions) -> (Check, usize) {
    let mut refusal = String::new();
    let earliest = heads.earliest.unwrap_or(0);
    for blocks in WIDTHS {
        let from = heads.finalized.saturating_sub(blocks - 1).max(earliest);
        let Some(range) = BlockRange::new(from, heads.finalized) else { continue };
        match bounded(source, source.fetch(range, &filter(questions))).await {
            Ok(batch) => {
                let told = format!("{} blocks in one request, {} records there", batch.range.blocks(), batch.records.len());
                let is_inside = |height: u64| batch.range.from() < height && height < batch.range.to();
                let inside = batch.records.iter().filter(|record| is_inside(record.height)).count();
                let check = match refusal.is_empty() {
                    true => Check::ok(name, "ranges", told),
                    false => Check::ok(name, "ranges", format!("{told}; wider: {refusal}")),
                };
                return (check, inside);
            }
            Err(error) => refusal = error.message,
        }
    }
    (Check::fail(name, "ranges", refusal, "this endpoint cannot bring history: use another one for it"), 0)
}

/// Whether logs state the time of their block (`blockTimestamp`), as the headers tell that had to be read for it. `None` where
/// no log was there to tell.
fn times(name: &str, source: &dyn Source, inside: usize) -> Option<Check> {
    let headers = source.traffic().headers.get("time").copied().unwrap_or(0);
    match (headers, inside) {
        (0, 0) => None,
        (0, _) => Some(Check::ok(name, "times", "logs state the time of their block (blockTimestamp)")),
        _ => {
            let found = format!("logs state no usable blockTimestamp: {headers} headers were read for times");
            let advice = "history costs one header more for each block with logs; another endpoint may state it";
            Some(Check::warn(name, "times", found, advice))
        }
    }
}

/// Whether blooms and receipts can prove that nothing was left out.
async fn proof(name: &str, source: &dyn Source, heads: &Heads, questions: &Questions) -> Check {
    let from = heads.finalized.saturating_sub(PROOF_BLOCKS - 1);
    let range = BlockRange::new(from, heads.finalized).expect("a range that ends where it begins or later");
    let advice = "ranges are proved by a second endpoint where there is one; `verify --level bloom` needs another endpoint";
    match bounded(source, source.prove(range, &filter(questions), PROOF)).await {
        Ok(proof) if PROOF <= proof.batch.evidence => Check::ok(name, "proof", "blooms are filled and receipts are served"),
        Ok(proof) => {
            let found = format!("blocks are proved only as {}: no usable blooms, or no receipts", proof.batch.evidence.as_str());
            Check::warn(name, "proof", found, advice)
        }
        Err(error) => Check::warn(name, "proof", error.message, advice),
    }
}

/// Whether the endpoint still has the first block that a stream can need.
async fn depth(name: &str, source: &dyn Source, first: u64, questions: &Questions) -> Check {
    match bounded(source, source.fetch(BlockRange::single(first), &filter(questions))).await {
        Ok(_) => Check::ok(name, "archive", format!("has the first height of the venues, {first}")),
        Err(error) => {
            let advice = "history from there needs an archive endpoint; a later `start` does not";
            Check::warn(name, "archive", format!("first height {first}: {}", error.message), advice)
        }
    }
}
