//! Finding a block by its time.

use perpdex_core::{SourceError, SourceErrorKind};

use crate::client::Client;
use crate::headers::{Header, header_call, read_header};

/// Halvings of the height range, at most: heights have 64 bits.
const STEPS_MAX: usize = 64;

/// The first block at or after `time_ms`, below or at `latest`; `None` if even that is older.
pub(crate) async fn height_at(client: &Client, latest: Header, time_ms: i64) -> Result<Option<u64>, SourceError> {
    if latest.time_ms < time_ms {
        return Ok(None);
    }
    // The block sought lies in from..=to; the one at `to` is late enough.
    let (mut from, mut to) = (0, latest.number);
    for _ in 0..STEPS_MAX {
        if from == to {
            break;
        }
        let middle = from + (to - from) / 2;
        match header(client, middle).await? {
            Some(header) if header.time_ms >= time_ms => to = middle,
            // A node without the block has pruned it: what it can serve starts later.
            _ => from = middle + 1,
        }
    }
    Ok(Some(to))
}

/// The header at a height, if the endpoint has it.
pub(crate) async fn header(client: &Client, height: u64) -> Result<Option<Header>, SourceError> {
    let answers = client.batch(&[header_call(height)]).await?;
    match answers.into_iter().next() {
        Some(answer) => read_header(&answer?)
            .and_then(|header| match header {
                Some(header) if header.number != height => Err(format!("asked for block {height}, got block {}", header.number)),
                header => Ok(header),
            })
            .map_err(|message| client.error(SourceErrorKind::Transient, format_args!("eth_getBlockByNumber: {message}"))),
        None => Ok(None),
    }
}
