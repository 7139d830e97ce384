//! Finding a slot by its time.

use perpdex_core::{BlockRange, SourceError};
use solana_commitment_config::CommitmentConfig;

use crate::blocks::first_block;
use crate::client::Client;

/// Halvings of the slot range, at most: slots have 64 bits.
const STEPS_MAX: usize = 64;

/// The first slot with a block at or after `time_ms`; `None` where there is none up to `head`.
pub(crate) async fn height_at(
    client: &Client,
    range: BlockRange,
    time_ms: i64,
    commitment: CommitmentConfig,
) -> Result<Option<u64>, SourceError> {
    let mut found = None;
    let mut open = Some(range);
    for _ in 0..STEPS_MAX {
        let Some(range) = open else { break };
        let middle = range.from() + (range.to() - range.from()) / 2;
        let below = || middle.checked_sub(1).and_then(|to| BlockRange::new(range.from(), to));
        let upper = BlockRange::new(middle, range.to()).unwrap_or(range);
        open = match first_block(client, upper, commitment).await? {
            Some(block) if block.time_ms < time_ms => block.height.checked_add(1).and_then(|from| BlockRange::new(from, range.to())),
            Some(block) => {
                found = Some(block.height);
                below()
            }
            None => below(),
        };
    }
    Ok(found)
}
