//! Our own transport under solana-client's RPC client: one POST a call, a named limit on the answer, no retry.
//!
//! The client's own transport waits and asks again on HTTP 429 by itself, for minutes, and knows no limit.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use perpdex_core::Traffic;
use serde::Deserialize;
use serde_json::Value;
use solana_client::rpc_sender::{RpcSender, RpcTransportStats};
use solana_rpc_client_api::client_error::reqwest::{self, Client, Response, Url, header, redirect};
use solana_rpc_client_api::client_error::{ErrorKind, Result as ClientResult};
use solana_rpc_client_api::request::RpcRequest;
use thiserror::Error;

use crate::refusal::Refusal;

/// Longest wait for a connection; an address where nothing listens is known as such within this time.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Why a call has no result.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub(crate) enum HttpFailure {
    /// No connection could be made.
    #[error("nothing answers there: {0}")]
    Unreachable(String),
    /// No answer within the endpoint's time limit.
    #[error("no answer within {} ms", .0.as_millis())]
    Timeout(Duration),
    /// The connection broke, or what came is no JSON-RPC answer.
    #[error("broken answer: {0}")]
    Broken(String),
    /// The answer is larger than the endpoint's limit.
    #[error("answer of more than {bytes_max} bytes")]
    TooLarge {
        /// The limit.
        bytes_max: usize,
    },
    /// The endpoint said no.
    #[error("refused {0}")]
    Refused(Refusal),
}

/// Calls to one address by method.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    ids: AtomicU64,
    by_method: Mutex<BTreeMap<&'static str, u64>>,
}

impl Calls {
    /// Counts a call; its number from zero.
    fn count(&self, request: RpcRequest) -> u64 {
        *self.by_method.lock().expect("no one panics while counting").entry(method(request)).or_default() += 1;
        self.ids.fetch_add(1, Ordering::Relaxed)
    }

    /// As the engine sums it up.
    pub(crate) fn traffic(&self) -> Traffic {
        let calls = self.by_method.lock().expect("no one panics while counting").clone();
        Traffic { requests: calls.values().sum(), calls, headers: BTreeMap::new() }
    }
}

/// The names of the methods that are called.
fn method(request: RpcRequest) -> &'static str {
    match request {
        RpcRequest::GetBlock => "getBlock",
        RpcRequest::GetBlocks => "getBlocks",
        RpcRequest::GetBlockTime => "getBlockTime",
        RpcRequest::GetFirstAvailableBlock => "getFirstAvailableBlock",
        RpcRequest::GetGenesisHash => "getGenesisHash",
        RpcRequest::GetSignaturesForAddress => "getSignaturesForAddress",
        RpcRequest::GetSlot => "getSlot",
        RpcRequest::GetTransaction => "getTransaction",
        _ => "(other)",
    }
}

/// Posts JSON-RPC calls to one address.
pub(crate) struct Http {
    client: Client,
    url: Url,
    label: String,
    timeout: Duration,
    response_bytes_max: usize,
    calls: Arc<Calls>,
}

impl fmt::Debug for Http {
    /// Without the address: it may hold a key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http").field("label", &self.label).field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

impl Http {
    /// A transport to this address; the error says what is wrong with it without repeating it.
    pub(crate) fn new(url: &str, label: &str, timeout: Duration, response_bytes_max: usize) -> Result<Http, String> {
        let url = Url::parse(url).map_err(|error| format!("the address is no url: {error}"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(format!("the address has scheme {:?}: http and https are supported", url.scheme()));
        }
        // A redirect would carry the key to another host, and turns a POST into a GET.
        let builder = Client::builder().timeout(timeout).connect_timeout(timeout.min(CONNECT_TIMEOUT)).redirect(redirect::Policy::none());
        let client = builder.build().map_err(|error| format!("the http client cannot start: {}", root_cause(&error)))?;
        Ok(Http { client, url, label: label.to_owned(), timeout, response_bytes_max, calls: Arc::default() })
    }

    /// The count of its calls.
    pub(crate) fn calls(&self) -> Arc<Calls> {
        self.calls.clone()
    }

    async fn post(&self, request: RpcRequest, params: Value) -> Result<Value, HttpFailure> {
        let body = request.build_request_json(self.calls.count(request), params).to_string();
        let request = self.client.post(self.url.clone()).header(header::CONTENT_TYPE, "application/json").body(body);
        let response = request.send().await.map_err(|error| self.failure(&error))?;
        let status = response.status();
        let retry_after = retry_after(&response);
        let bytes = self.body(response).await?;
        let answer = match serde_json::from_slice::<Answer>(&bytes) {
            Ok(answer) => answer,
            Err(error) if status.is_success() => {
                return Err(HttpFailure::Broken(format!("{} bytes are no json-rpc answer: {error}", bytes.len())));
            }
            Err(_) => Answer::default(),
        };
        if status.is_success() && answer.error.is_none() {
            return Ok(answer.result);
        }
        let (code, message) = answer.error.map_or((None, String::new()), |error| (Some(error.code), error.message));
        Err(HttpFailure::Refused(Refusal { status: status.as_u16(), code, message, retry_after }))
    }

    async fn body(&self, mut response: Response) -> Result<Vec<u8>, HttpFailure> {
        let too_large = HttpFailure::TooLarge { bytes_max: self.response_bytes_max };
        let announced = response.content_length().unwrap_or(0);
        if announced > self.response_bytes_max as u64 {
            return Err(too_large);
        }
        let mut bytes = Vec::with_capacity(announced as usize);
        while let Some(chunk) = response.chunk().await.map_err(|error| self.failure(&error))? {
            if bytes.len() + chunk.len() > self.response_bytes_max {
                return Err(too_large);
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }

    fn failure(&self, error: &reqwest::Error) -> HttpFailure {
        if error.is_connect() {
            HttpFailure::Unreachable(root_cause(error))
        } else if error.is_timeout() {
            HttpFailure::Timeout(self.timeout)
        } else {
            HttpFailure::Broken(root_cause(error))
        }
    }
}

#[async_trait]
impl RpcSender for Http {
    async fn send(&self, request: RpcRequest, params: Value) -> ClientResult<Value> {
        // An io error carries ours through the client unchanged.
        self.post(request, params).await.map_err(|failure| ErrorKind::Io(std::io::Error::other(failure)).into())
    }

    fn get_transport_stats(&self) -> RpcTransportStats {
        RpcTransportStats { request_count: self.calls.ids.load(Ordering::Relaxed) as usize, ..RpcTransportStats::default() }
    }

    /// The label: whoever asks for the address wants to print it.
    fn url(&self) -> String {
        self.label.clone()
    }
}

#[derive(Default, Deserialize)]
struct Answer {
    #[serde(default)]
    result: Value,
    #[serde(default)]
    error: Option<AnswerError>,
}

#[derive(Deserialize)]
struct AnswerError {
    code: i64,
    #[serde(default)]
    message: String,
}

/// Seconds of the `Retry-After` header; its date form is not used by JSON-RPC providers.
pub(crate) fn retry_after(response: &Response) -> Option<Duration> {
    response.headers().get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

/// The innermost cause. The outer texts of reqwest repeat the address.
pub(crate) fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    match cause.downcast_ref::<reqwest::Error>() {
        Some(_) => "the request failed".to_owned(),
        None => cause.to_string(),
    }
}
