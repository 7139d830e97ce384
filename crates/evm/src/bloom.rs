//! The bloom test: does every header agree that no log was left out?

use std::sync::atomic::{AtomicBool, Ordering};

use alloy::primitives::Bloom;
use perpdex_core::{BlockRange, SourceError, SourceErrorKind};
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use crate::client::{Call, Client};
use crate::headers::{Header, Headers};
use crate::logs::{Logs, Place, PlacedLog, read_log};
use crate::query::{LogQuery, quantity};

/// What was learnt about an endpoint's blooms and receipts. Some chains serve blooms of zeros, some nodes no receipts.
#[derive(Debug, Default)]
pub(crate) struct BloomTest {
    /// A bloom that is not all zeros was seen: blooms are filled here.
    filled_seen: AtomicBool,
    /// A log was seen that its block's bloom denies: blooms are worth nothing here.
    wrong_seen: AtomicBool,
    /// The endpoint does not serve `eth_getBlockReceipts`.
    receipts_refused: AtomicBool,
}

impl BloomTest {
    /// Tests every known header against the logs. `Ok(true)`: no log is missing. `Ok(false)`: cannot be told here.
    /// A log that was left out is an error.
    pub(crate) async fn run(&self, client: &Client, queries: &[LogQuery], headers: &Headers, logs: &Logs) -> Result<bool, SourceError> {
        self.learn(headers, logs);
        if self.wrong_seen.load(Ordering::Relaxed) || !self.filled_seen.load(Ordering::Relaxed) {
            return Ok(false);
        }
        let mut is_settled = true;
        for header in headers.iter() {
            let open =
                |query: &&LogQuery| query.may_be_in(&header.bloom) && !logs.of_block(header.number).any(|(_, log)| query.matches(&log.log));
            let open: Vec<&LogQuery> = queries.iter().filter(open).collect();
            if !open.is_empty() {
                is_settled &= self.settle(client, &open, header, logs).await?;
            }
        }
        Ok(is_settled)
    }

    /// All logs of a block from its receipts; `None` where the endpoint has none to give or they cannot be used.
    pub(crate) async fn receipt_logs(&self, client: &Client, height: u64) -> Result<Option<ReceiptLogs>, SourceError> {
        if self.receipts_refused.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let call = Call { method: "eth_getBlockReceipts", params: json!([quantity(height)]), asked: Some(BlockRange::single(height)) };
        let answers = match client.batch(&[call]).await {
            Ok(answers) => answers,
            Err(error) => vec![Err(error)],
        };
        match answers.into_iter().next() {
            Some(Ok(raw)) => read_receipts(&raw)
                .map_err(|message| client.error(SourceErrorKind::Transient, format_args!("eth_getBlockReceipts {height}: {message}"))),
            Some(Err(error)) => match error.kind {
                SourceErrorKind::Permanent => {
                    self.receipts_refused.store(true, Ordering::Relaxed);
                    Ok(None)
                }
                SourceErrorKind::Range { .. } | SourceErrorKind::Density => Ok(None),
                _ => Err(error),
            },
            None => Ok(None),
        }
    }

    fn learn(&self, headers: &Headers, logs: &Logs) {
        if headers.iter().any(|header| header.bloom != Bloom::ZERO) {
            self.filled_seen.store(true, Ordering::Relaxed);
        }
        let denied = |((block, _), log): (&Place, &PlacedLog)| {
            headers.get(*block).is_some_and(|header| !header.bloom.contains_raw_log(log.log.address(), log.log.topics()))
        };
        if logs.iter().any(denied) {
            self.wrong_seen.store(true, Ordering::Relaxed);
        }
    }

    /// Reads the receipts of a block whose bloom says "maybe".
    async fn settle(&self, client: &Client, open: &[&LogQuery], header: &Header, logs: &Logs) -> Result<bool, SourceError> {
        // What cannot be read as a log is left out here: it is reported from `eth_getLogs`.
        let Some(ReceiptLogs { logs: found, .. }) = self.receipt_logs(client, header.number).await? else { return Ok(false) };
        let contradiction = |message: String| client.error(SourceErrorKind::Transient, message);
        if let Some(((block, _), log)) = found.iter().find(|((block, _), log)| *block != header.number || log.block_hash != header.hash) {
            return Err(contradiction(format!(
                "receipts of block {} {} belong to block {block} {}",
                header.number, header.hash, log.block_hash
            )));
        }
        // A block with a bloom has logs; receipts without any are those of a node that does not keep them.
        if found.is_empty() {
            return Ok(false);
        }
        let known = |place: &Place| logs.of_block(place.0).any(|(known, _)| known == place);
        match found.iter().find(|(place, log)| open.iter().any(|query| query.matches(&log.log)) && !known(place)) {
            Some(((block, index), log)) => Err(contradiction(format!(
                "endpoint omitted logs: eth_getLogs left out log {index} of block {block} by {}, its receipts have it",
                log.log.address()
            ))),
            None => Ok(true),
        }
    }
}

/// The logs of a block's receipts.
pub(crate) struct ReceiptLogs {
    /// Those that can be read.
    pub(crate) logs: Vec<(Place, PlacedLog)>,
    /// The others, as they came.
    pub(crate) unreadable: Vec<String>,
}

#[derive(Deserialize)]
struct Receipt<'a> {
    #[serde(borrow)]
    logs: Vec<&'a RawValue>,
}

/// Logs of an answer of `eth_getBlockReceipts`; `None` where the answer is null.
fn read_receipts(raw: &RawValue) -> Result<Option<ReceiptLogs>, String> {
    let receipts: Option<Vec<Receipt<'_>>> = serde_json::from_str(raw.get()).map_err(|error| format!("unreadable receipts: {error}"))?;
    let Some(receipts) = receipts else { return Ok(None) };
    let mut found = ReceiptLogs { logs: Vec::new(), unreadable: Vec::new() };
    for log in receipts.iter().flat_map(|receipt| &receipt.logs) {
        match read_log(log.get()) {
            Ok(log) => found.logs.push(log),
            Err(_) => found.unreadable.push(log.get().to_owned()),
        }
    }
    Ok(Some(found))
}
