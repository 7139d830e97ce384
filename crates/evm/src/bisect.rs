//! Finding a block by its time.

use perpdex_core::{SourceError, SourceErrorKind};

use crate::client::Client;
use crate::headers::{Header, header_call, read_header};
use crate::purpose::Purpose;

/// Halvings of the height range, at most: heights have 64 bits.
const STEPS_MAX: usize = 64;

/// The first block at or after `time_ms`, below or at `latest`; `None` if even that is older.
///
/// An endpoint that lacks the block below the one found cannot know that it is the first: that is an error, since a history
/// that begins late must not pass for one that was asked for late.
pub(crate) async fn height_at(client: &Client, latest: Header, time_ms: i64) -> Result<Option<u64>, SourceError> {
    if latest.time_ms < time_ms {
        return Ok(None);
    }
    // The block sought lies in from..=to; the one at `to` is late enough.
    let (mut from, mut to, mut found) = (0, latest.number, latest);
    let mut absent_below: Option<SourceError> = None;
    for _ in 0..STEPS_MAX {
        if from == to {
            break;
        }
        let middle = from + (to - from) / 2;
        match header_or_why_not(client, middle).await? {
            Ok(header) if header.time_ms >= time_ms => (to, found) = (middle, header),
            Ok(_) => (from, absent_below) = (middle + 1, None),
            // What the endpoint can serve starts later, unless an older block turns up above.
            Err(absent) => (from, absent_below) = (middle + 1, Some(absent)),
        }
    }
    match absent_below {
        Some(absent) if time_ms < found.time_ms => {
            let text = format!("the first block at or after {time_ms} ms may lie below {to}: {}", absent.message);
            Err(client.error(absent.kind, text))
        }
        _ => Ok(Some(to)),
    }
}

/// The header at a height, or why the endpoint has none: for now, or for good.
async fn header_or_why_not(client: &Client, height: u64) -> Result<Result<Header, SourceError>, SourceError> {
    match header(client, height).await {
        Ok(Some(header)) => Ok(Ok(header)),
        Ok(None) => Ok(Err(client.error(SourceErrorKind::Lagging, format_args!("eth_getBlockByNumber: no block {height} here")))),
        Err(error) if error.kind == SourceErrorKind::Pruned => Ok(Err(error)),
        Err(error) => Err(error),
    }
}

/// The header at a height, if the endpoint has it.
pub(crate) async fn header(client: &Client, height: u64) -> Result<Option<Header>, SourceError> {
    client.count_headers(Purpose::Look, 1);
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
