//! Times of blocks with logs: from the logs themselves where they can be believed, else from headers.

use std::collections::BTreeMap;

use perpdex_core::{BlockRange, SourceError};

use crate::client::Client;
use crate::headers::{Headers, time_ms};
use crate::logs::Logs;
use crate::purpose::Purpose;

/// The time of every block with a log, unix milliseconds. Fetches the headers it needs; both ends must be known.
pub(crate) async fn block_times(
    client: &Client,
    range: BlockRange,
    logs: &Logs,
    headers: &mut Headers,
) -> Result<BTreeMap<u64, i64>, SourceError> {
    let mut times = stated_times(range, logs, headers).unwrap_or_default();
    let unknown: Vec<u64> = logs.blocks().into_iter().filter(|block| !times.contains_key(block)).collect();
    headers.fetch(client, unknown.into_iter(), Purpose::Time).await?;
    // A header outranks what a log states.
    times.extend(headers.iter().map(|header| (header.number, header.time_ms)));
    Ok(times)
}

/// Times as the logs state them. `None` if one of them contradicts another, a header, or the ends of the range: such a node
/// fills the field with something else, and its headers are asked instead.
fn stated_times(range: BlockRange, logs: &Logs, headers: &Headers) -> Option<BTreeMap<u64, i64>> {
    let bound = |height: u64| headers.get(height).map(|header| header.time_ms);
    let (earliest, latest) = (bound(range.from())?, bound(range.to())?);
    let mut times = BTreeMap::new();
    let mut last = earliest;
    for ((block, _), log) in logs.iter() {
        let Some(stated) = log.time_secs else { continue };
        let stated = time_ms(stated)?;
        let agrees = |known: Option<i64>| known.is_none_or(|known| known == stated);
        if stated < last || latest < stated || !agrees(bound(*block)) || !agrees(times.insert(*block, stated)) {
            return None;
        }
        last = stated;
    }
    Some(times)
}
