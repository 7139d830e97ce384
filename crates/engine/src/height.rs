//! From "a height or a time" to a height.

use std::sync::Arc;

use perpdex_core::{ChainId, Source};

use crate::endpoints::{Ask, Endpoints};
use crate::error::ChainError;
use crate::options::EngineOptions;

/// A bound as a user gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeightOrTime {
    /// A height.
    Height(u64),
    /// A moment in unix milliseconds.
    TimeMs(i64),
    /// This many blocks below the newest one.
    BelowLatest(u64),
}

/// Which block a moment stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// The first block at or after it: where a range starts.
    AtOrAfter,
    /// The last block at or before it: where a range ends.
    AtOrBefore,
}

/// The height that a bound stands for. Asks the sources, with the engine's retries, only where it must.
///
/// A moment above the tip has no first block at or after it, which is an error; its last block at or before is the tip.
pub async fn resolve_height(
    chain: ChainId,
    sources: &[Arc<dyn Source>],
    at: HeightOrTime,
    bound: Bound,
    options: &EngineOptions,
) -> Result<u64, ChainError> {
    let endpoints = Endpoints::new(chain, sources.to_vec(), Arc::new(options.clone()));
    match at {
        HeightOrTime::Height(height) => Ok(height),
        HeightOrTime::BelowLatest(blocks) => Ok(endpoints.reach().await?.latest.height.saturating_sub(blocks)),
        HeightOrTime::TimeMs(time_ms) => {
            let heads = endpoints.reach().await?;
            match bound {
                Bound::AtOrAfter => first_at_or_after(&endpoints, time_ms).await?.ok_or_else(|| ChainError::Job {
                    chain,
                    message: format!(
                        "no block yet at or after {time_ms} ms: the newest, {}, is of {} ms",
                        heads.latest.height, heads.latest.time_ms
                    ),
                }),
                Bound::AtOrBefore => match first_at_or_after(&endpoints, time_ms.saturating_add(1)).await? {
                    Some(height) => height.checked_sub(1).ok_or_else(|| ChainError::Job {
                        chain,
                        message: format!("no block at or before {time_ms} ms: the chain begins later"),
                    }),
                    None => Ok(heads.latest.height),
                },
            }
        }
    }
}

async fn first_at_or_after(endpoints: &Endpoints, time_ms: i64) -> Result<Option<u64>, ChainError> {
    let what = format!("first block at or after {time_ms} ms");
    let answer = endpoints.ask(Ask::Blocks, &what, |source| Box::pin(async move { source.height_at(time_ms).await })).await?;
    Ok(answer.value)
}
