//! The HTTP transport under alloy's client: one POST a packet, a named limit on the answer, no retry.
//!
//! alloy's own transport reads an answer whatever its size and keeps its address in error texts; this one does neither.

use std::fmt;
use std::task::{Context, Poll};
use std::time::Duration;

use alloy::rpc::json_rpc::{ErrorPayload, RequestPacket, ResponsePacket};
use alloy::transports::http::reqwest::{self, Client, Response, Url, header, redirect};
use alloy::transports::{TransportError, TransportErrorKind, TransportFut};
use thiserror::Error;

use crate::refusal::Refusal;

/// Beginning of a body that is no JSON-RPC answer, as far as it is looked at to tell what it means.
const BODY_TEXT_BYTES_MAX: usize = 2_048;

/// Longest wait for a connection; an address where nothing listens is known as such within this time.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// HTTP status of a good answer.
pub(crate) const STATUS_OK: u16 = 200;

/// Why a packet, or a call of it, has no answer.
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
    #[error("refused with {}: {}", said(.0), .0.message)]
    Refused(Refusal),
}

fn said(refusal: &Refusal) -> String {
    match (refusal.status, refusal.code) {
        (STATUS_OK, Some(code)) => format!("code {code}"),
        (status, Some(code)) => format!("http status {status} and code {code}"),
        (status, None) => format!("http status {status}"),
    }
}

/// Posts JSON-RPC packets to one address.
#[derive(Clone)]
pub(crate) struct Http {
    client: Client,
    url: Url,
    timeout: Duration,
    response_bytes_max: usize,
}

impl fmt::Debug for Http {
    /// Without the address: it may hold a key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http").field("timeout", &self.timeout).field("response_bytes_max", &self.response_bytes_max).finish_non_exhaustive()
    }
}

impl Http {
    /// A transport to this address; the error says what is wrong with it without repeating it.
    pub(crate) fn new(url: &str, timeout: Duration, response_bytes_max: usize) -> Result<Http, String> {
        let url = Url::parse(url).map_err(|error| format!("the address is no url: {error}"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(format!("the address has scheme {:?}: http and https are supported", url.scheme()));
        }
        // A redirect would carry the key to another host, and turns a POST into a GET.
        let mut builder =
            Client::builder().timeout(timeout).connect_timeout(timeout.min(CONNECT_TIMEOUT)).redirect(redirect::Policy::none());
        if url.scheme() == "http" {
            // Plain connections need no certificates: a machine without any can still reach its own node.
            builder = builder.tls_certs_only(std::iter::empty());
        }
        let client = builder.build().map_err(|error| format!("the http client cannot start: {}", root_cause(&error)))?;
        Ok(Http { client, url, timeout, response_bytes_max })
    }

    /// The same transport for answers of another size at most.
    pub(crate) fn with_bytes_max(&self, response_bytes_max: usize) -> Http {
        Http { response_bytes_max, ..self.clone() }
    }

    async fn post(self, packet: RequestPacket) -> Result<ResponsePacket, HttpFailure> {
        let is_batch = matches!(packet, RequestPacket::Batch(_));
        let body = packet.serialize().map_err(|error| HttpFailure::Broken(format!("the request cannot be written: {error}")))?;
        let request =
            self.client.post(self.url.clone()).header(header::CONTENT_TYPE, "application/json").body(Box::<str>::from(body).into_string());
        let response = request.send().await.map_err(|error| self.failure(&error))?;
        let status = response.status();
        let retry_after = retry_after(&response);
        let bytes = self.body(response).await?;
        let refused = |error: Option<&ErrorPayload>| HttpFailure::Refused(refusal(status.as_u16(), retry_after, error, &bytes));
        match serde_json::from_slice::<ResponsePacket>(&bytes) {
            Ok(ResponsePacket::Single(single)) if is_batch && single.is_error() => Err(refused(single.payload.as_error())),
            Ok(packet) if status.is_success() => Ok(packet),
            Ok(packet) => Err(refused(packet.as_error())),
            Err(error) if status.is_success() => Err(HttpFailure::Broken(format!("{} bytes are no json-rpc answer: {error}", bytes.len()))),
            Err(_) => Err(refused(None)),
        }
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

impl tower_service::Service<RequestPacket> for Http {
    type Response = ResponsePacket;
    type Error = TransportError;
    type Future = TransportFut<'static>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, packet: RequestPacket) -> Self::Future {
        let http = self.clone();
        Box::pin(async move { http.post(packet).await.map_err(TransportErrorKind::custom) })
    }
}

/// Seconds of the `Retry-After` header; its date form is not used by JSON-RPC providers.
fn retry_after(response: &Response) -> Option<Duration> {
    response.headers().get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

fn refusal(status: u16, retry_after: Option<Duration>, error: Option<&ErrorPayload>, body: &[u8]) -> Refusal {
    match error {
        Some(error) => Refusal {
            status,
            code: Some(error.code),
            message: error.message.to_string(),
            data: error.data.as_ref().map(|data| data.get().to_owned()).unwrap_or_default(),
            retry_after,
        },
        // Gateways answer in plain text or HTML; only the table looks at it, as data.
        None => Refusal {
            status,
            code: None,
            message: "no json-rpc answer".to_owned(),
            data: String::from_utf8_lossy(&body[..body.len().min(BODY_TEXT_BYTES_MAX)]).into_owned(),
            retry_after,
        },
    }
}

/// The innermost cause. The outer texts of reqwest repeat the address.
fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    match cause.downcast_ref::<reqwest::Error>() {
        Some(_) => "the request failed".to_owned(),
        None => cause.to_string(),
    }
}
