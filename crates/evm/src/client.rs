//! Batches of calls to one endpoint, with errors that say what to do.

use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use alloy::rpc::json_rpc::{Id, Request, SerializedRequest};
use perpdex_core::{BlockRange, SourceError, SourceErrorKind, Traffic};
use serde_json::Value;

use crate::endpoint::EvmEndpoint;
use crate::http::{Http, HttpFailure, Json};
use crate::purpose::Purpose;

/// Calls in one JSON-RPC batch, at most. Nodes work a batch off one call after the other.
const BATCH_CALLS_MAX: usize = 100;

/// Characters of a provider's text that an error repeats.
const MESSAGE_CHARS_MAX: usize = 300;

/// Parts of the address shorter than this are no secret: replacing them would garble ordinary words.
const SECRET_CHARS_MIN: usize = 8;

/// One call of a batch.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// Method name.
    pub(crate) method: &'static str,
    /// Positional parameters.
    pub(crate) params: Value,
    /// The heights the call is about, for errors and for reading a provider's cap.
    pub(crate) asked: Option<BlockRange>,
}

/// The answer of one call.
pub(crate) type Answer = Result<Json, SourceError>;

/// An answer over several blocks may have this part of the bytes that one of a single block may have: it can be had in
/// pieces, and what it becomes in memory is several times its text.
const RANGE_SHARE: usize = 2;

/// Calls of one endpoint, without any retry.
pub(crate) struct Client {
    http: Http,
    response_bytes_max: usize,
    label: String,
    secrets: Vec<String>,
    /// Calls the endpoint takes in one request, as far as it complained.
    batch_calls_max: AtomicUsize,
    traffic: Mutex<Traffic>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("label", &self.label).finish_non_exhaustive()
    }
}

impl Client {
    /// A client of this endpoint; nothing is sent yet.
    pub(crate) fn new(endpoint: &EvmEndpoint) -> Result<Client, SourceError> {
        let http = Http::new(&endpoint.url, endpoint.timeout).map_err(|message| SourceError {
            label: endpoint.label.clone(),
            kind: SourceErrorKind::Permanent,
            message,
        })?;
        Ok(Client {
            http,
            response_bytes_max: endpoint.response_bytes_max,
            label: endpoint.label.clone(),
            secrets: secrets(&endpoint.url),
            batch_calls_max: AtomicUsize::new(BATCH_CALLS_MAX),
            traffic: Mutex::default(),
        })
    }

    /// The endpoint's label.
    pub(crate) fn label(&self) -> &str {
        &self.label
    }

    /// Calls to put into one batch, where they can be spread over several.
    pub(crate) fn batch_calls_max(&self) -> usize {
        self.batch_calls_max.load(Ordering::Relaxed)
    }

    /// What was asked so far.
    pub(crate) fn traffic(&self) -> Traffic {
        self.counts().clone()
    }

    /// Counts headers that are about to be read.
    pub(crate) fn count_headers(&self, purpose: Purpose, headers: usize) {
        if 0 < headers {
            *self.counts().headers.entry(purpose.as_str()).or_default() += headers as u64;
        }
    }

    fn counts(&self) -> std::sync::MutexGuard<'_, Traffic> {
        self.traffic.lock().expect("no one panics while counting")
    }

    /// Sends the calls as one batch and returns one answer for each, in their order. The outer error is one of the whole
    /// batch.
    pub(crate) async fn batch(&self, calls: &[Call]) -> Result<Vec<Answer>, SourceError> {
        debug_assert!(calls.len() <= BATCH_CALLS_MAX, "{} calls in a batch", calls.len());
        let Some(main) = calls.last() else { return Ok(Vec::new()) };
        let is_divisible = main.asked.is_some_and(|range| range.blocks() > 1);
        let bytes_max = if is_divisible { self.response_bytes_max / RANGE_SHARE } else { self.response_bytes_max };
        {
            let mut counts = self.counts();
            counts.requests += 1;
            calls.iter().for_each(|call| *counts.calls.entry(call.method).or_default() += 1);
        }
        let requests = calls.iter().zip(0..).map(|(call, id)| request(call, id)).collect();
        // The last call is the one the batch is made for; its range is the one a refusal is about.
        let answers = self.http.post(requests, bytes_max).await.map_err(|failure| self.failure(main, calls.len(), &failure))?;
        let of_call =
            |(call, answer): (&Call, Result<Json, HttpFailure>)| answer.map_err(|failure| self.failure(call, calls.len(), &failure));
        Ok(calls.iter().zip(answers).map(of_call).collect())
    }

    /// An error of this endpoint.
    pub(crate) fn error(&self, kind: SourceErrorKind, message: impl fmt::Display) -> SourceError {
        let mut message = message.to_string();
        for secret in &self.secrets {
            message = message.replace(secret.as_str(), "***");
        }
        if let Some((end, _)) = message.char_indices().nth(MESSAGE_CHARS_MAX) {
            message.truncate(end);
        }
        SourceError { label: self.label.clone(), kind, message }
    }

    /// The error of one call of a batch of so many.
    fn failure(&self, call: &Call, calls: usize, failure: &HttpFailure) -> SourceError {
        let mut kind = http_kind(failure, call.asked);
        if matches!(failure, HttpFailure::Refused(refusal) if refusal.is_batch_limit()) {
            let known = self.batch_calls_max.fetch_min((calls / 2).max(1), Ordering::Relaxed);
            if known < calls {
                // A request that has to have so many: logs with the headers of both their ends.
                kind = SourceErrorKind::Permanent;
            }
        }
        match call.asked {
            Some(range) => self.error(kind, format_args!("{} {range}: {failure}", call.method)),
            None => self.error(kind, format_args!("{}: {failure}", call.method)),
        }
    }
}

fn request(call: &Call, id: u64) -> SerializedRequest {
    Request::new(call.method, Id::Number(id), &call.params).serialize().expect("names and JSON values are JSON")
}

fn http_kind(failure: &HttpFailure, asked: Option<BlockRange>) -> SourceErrorKind {
    match failure {
        HttpFailure::Unreachable(_) => SourceErrorKind::Unreachable,
        HttpFailure::Timeout(_) | HttpFailure::Broken(_) => SourceErrorKind::Transient,
        HttpFailure::TooLarge { .. } => SourceErrorKind::Density,
        HttpFailure::Refused(refusal) => refusal.kind(asked),
    }
}

/// The parts of an address that may be keys and that a provider's text could repeat: the address itself, its user part,
/// path segments and query; longest first.
fn secrets(url: &str) -> Vec<String> {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let (authority, path) = rest.split_once(['/', '?']).unwrap_or((rest, ""));
    let user = authority.rsplit_once('@').map_or("", |(user, _)| user);
    let parts = path.split(['/', '?', '&', '=']).chain(user.split(':')).filter(|part| part.len() >= SECRET_CHARS_MIN);
    let mut secrets: Vec<String> = std::iter::once(url).chain(parts).map(str::to_owned).collect();
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    secrets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_in_addresses() {
        let found = secrets("https://user:pass-word-1@host.example/v2/0123456789abcdef?token=fedcba9876");
        for key in ["0123456789abcdef", "fedcba9876", "pass-word-1"] {
            assert!(found.iter().any(|secret| secret == key), "{key} in {found:?}");
        }
        assert!(!found.iter().any(|secret| secret == "host.example" || secret == "v2"));
    }
}
