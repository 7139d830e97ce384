//! Logs of a block from its receipts.

use std::sync::atomic::{AtomicBool, Ordering};

use perpdex_core::{BlockRange, SourceError, SourceErrorKind};
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use crate::client::{Call, Client};
use crate::http::Json;
use crate::logs::{Place, PlacedLog, read_log};
use crate::query::quantity;

/// The receipts of an endpoint, with what was learnt about them.
#[derive(Debug, Default)]
pub(crate) struct Receipts {
    /// The endpoint does not serve `eth_getBlockReceipts`.
    refused: AtomicBool,
}

/// The logs of a block's receipts.
#[derive(Debug, Default)]
pub(crate) struct ReceiptLogs {
    /// How many receipts there were.
    pub(crate) receipts: usize,
    /// Logs that can be read.
    pub(crate) logs: Vec<(Place, PlacedLog)>,
    /// The others, as they came.
    pub(crate) unreadable: Vec<String>,
}

impl Receipts {
    /// All logs of a block; `None` where the endpoint has no receipts to give.
    pub(crate) async fn of(&self, client: &Client, height: u64) -> Result<Option<ReceiptLogs>, SourceError> {
        if self.refused.load(Ordering::Relaxed) {
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
                    self.refused.store(true, Ordering::Relaxed);
                    Ok(None)
                }
                SourceErrorKind::Range { .. } | SourceErrorKind::Density | SourceErrorKind::Pruned => Ok(None),
                _ => Err(error),
            },
            None => Ok(None),
        }
    }
}

#[derive(Deserialize)]
struct Receipt<'a> {
    #[serde(borrow)]
    logs: Vec<&'a RawValue>,
}

/// Logs of an answer of `eth_getBlockReceipts`; `None` where the answer is null.
fn read_receipts(raw: &Json) -> Result<Option<ReceiptLogs>, String> {
    let receipts: Option<Vec<Receipt<'_>>> = serde_json::from_str(raw.get()).map_err(|error| format!("unreadable receipts: {error}"))?;
    let Some(receipts) = receipts else { return Ok(None) };
    let mut found = ReceiptLogs { receipts: receipts.len(), ..ReceiptLogs::default() };
    for log in receipts.iter().flat_map(|receipt| &receipt.logs) {
        match read_log(log.get()) {
            Ok(log) => found.logs.push(log),
            Err(_) => found.unreadable.push(log.get().to_owned()),
        }
    }
    Ok(Some(found))
}
