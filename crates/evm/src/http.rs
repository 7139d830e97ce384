//! JSON-RPC batches over HTTP: one POST a batch, a named limit on the answer, no retry.
//!
//! alloy's own client copies every answer out of its body, reads it whatever its size, and keeps its address in error texts;
//! this one does none of it.

use std::fmt;
use std::time::Duration;

use alloy::primitives::bytes::Bytes;
use alloy::rpc::json_rpc::{
    BorrowedErrorPayload, BorrowedResponsePacket, Id, RequestPacket, Response as Answered, ResponsePacket, ResponsePayload,
    SerializedRequest,
};
use alloy::transports::http::reqwest::{self, Client, Response, Url, header, redirect};
use serde_json::value::RawValue;
use thiserror::Error;

use crate::buffers::{Buffer, Buffers};
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

/// The JSON of one answer: a part of the body that it came in.
#[derive(Clone, Debug)]
pub(crate) struct Json(Bytes);

impl Json {
    /// Its text.
    pub(crate) fn get(&self) -> &str {
        std::str::from_utf8(&self.0).expect("serde_json found it to be text")
    }
}

/// Posts JSON-RPC batches to one address.
pub(crate) struct Http {
    client: Client,
    url: Url,
    timeout: Duration,
    buffers: Buffers,
}

impl fmt::Debug for Http {
    /// Without the address: it may hold a key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

impl Http {
    /// A transport to this address; the error says what is wrong with it without repeating it.
    pub(crate) fn new(url: &str, timeout: Duration) -> Result<Http, String> {
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
        Ok(Http { client, url, timeout, buffers: Buffers::default() })
    }

    /// Posts calls whose ids are their places, and gives what was answered to each. The outer failure is one of the whole batch, an
    /// answer of more than `bytes_max` among them.
    pub(crate) async fn post(
        &self,
        calls: Vec<SerializedRequest>,
        bytes_max: usize,
    ) -> Result<Vec<Result<Json, HttpFailure>>, HttpFailure> {
        let count = calls.len();
        let body = RequestPacket::Batch(calls).serialize();
        let body = body.map_err(|error| HttpFailure::Broken(format!("the request cannot be written: {error}")))?;
        let request =
            self.client.post(self.url.clone()).header(header::CONTENT_TYPE, "application/json").body(Box::<str>::from(body).into_string());
        let response = request.send().await.map_err(|error| self.failure(&error))?;
        let status = response.status();
        let retry_after = retry_after(&response);
        let bytes = Bytes::from_owner(self.body(response, bytes_max).await?);
        let refused = |error: Option<&BorrowedErrorPayload<'_>>| {
            HttpFailure::Refused(match error {
                Some(error) => refusal(status.as_u16(), retry_after, error),
                None => no_answer(status.as_u16(), retry_after, &bytes),
            })
        };
        match serde_json::from_slice::<BorrowedResponsePacket<'_>>(&bytes) {
            Ok(ResponsePacket::Single(single)) if single.is_error() => Err(refused(single.payload.as_error())),
            Ok(ResponsePacket::Single(single)) if status.is_success() => Ok(by_place(&bytes, vec![single], count)),
            Ok(ResponsePacket::Batch(all)) if status.is_success() => Ok(by_place(&bytes, all, count)),
            Ok(packet) => Err(refused(packet.as_error())),
            Err(error) if status.is_success() => Err(HttpFailure::Broken(format!("{} bytes are no json-rpc answer: {error}", bytes.len()))),
            Err(_) => Err(refused(None)),
        }
    }

    async fn body(&self, mut response: Response, bytes_max: usize) -> Result<Buffer, HttpFailure> {
        let too_large = HttpFailure::TooLarge { bytes_max };
        let announced = response.content_length().unwrap_or(0);
        if announced > bytes_max as u64 {
            return Err(too_large);
        }
        let mut buffer = self.buffers.take(announced as usize);
        while let Some(chunk) = response.chunk().await.map_err(|error| self.failure(&error))? {
            if buffer.as_ref().len() + chunk.len() > bytes_max {
                return Err(too_large);
            }
            buffer.extend(&chunk);
        }
        Ok(buffer)
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

/// The first answer to each of so many calls, in the order of the calls.
fn by_place(body: &Bytes, answers: Vec<Answered<&RawValue, &RawValue>>, count: usize) -> Vec<Result<Json, HttpFailure>> {
    let mut places: Vec<Option<Result<Json, HttpFailure>>> = Vec::new();
    places.resize_with(count, || None);
    for answer in answers {
        let Id::Number(id) = answer.id else { continue };
        let Some(place) = usize::try_from(id).ok().and_then(|id| places.get_mut(id)) else { continue };
        place.get_or_insert_with(|| match answer.payload {
            ResponsePayload::Success(json) => Ok(Json(body.slice_ref(json.get().as_bytes()))),
            ResponsePayload::Failure(error) => Err(HttpFailure::Refused(refusal(STATUS_OK, None, &error))),
        });
    }
    let missing = || Err(HttpFailure::Broken("the batch's answer has none for this call".to_owned()));
    places.into_iter().map(|place| place.unwrap_or_else(missing)).collect()
}

/// Seconds of the `Retry-After` header; its date form is not used by JSON-RPC providers.
fn retry_after(response: &Response) -> Option<Duration> {
    response.headers().get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

fn refusal(status: u16, retry_after: Option<Duration>, error: &BorrowedErrorPayload<'_>) -> Refusal {
    Refusal {
        status,
        code: Some(error.code),
        message: error.message.to_string(),
        data: error.data.map(|data| data.get().to_owned()).unwrap_or_default(),
        retry_after,
    }
}

/// Gateways answer in plain text or HTML; only the table of refusals looks at it, as data.
fn no_answer(status: u16, retry_after: Option<Duration>, body: &[u8]) -> Refusal {
    let data = String::from_utf8_lossy(&body[..body.len().min(BODY_TEXT_BYTES_MAX)]).into_owned();
    Refusal { status, code: None, message: "no json-rpc answer".to_owned(), data, retry_after }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_told_apart_by_their_ids() {
        let text = r#"[{"id":2,"result":[1, {"a":"\u00e4"}]},{"id":0,"result":null},{"id":7,"result":"0x7"},{"id":"1","result":"0x1"},
                      {"id":2,"result":"again"},{"id":3,"error":{"code":-32000,"message":"no","data":{"b":1}}}]"#;
        let body = Bytes::from_static(text.as_bytes());
        let ResponsePacket::Batch(answers) = serde_json::from_slice::<BorrowedResponsePacket<'_>>(&body).unwrap() else {
            panic!("a batch")
        };
        let found = by_place(&body, answers, 4);
        let texts: Vec<Option<&str>> = found.iter().map(|answer| answer.as_ref().ok().map(Json::get)).collect();
        assert_eq!(texts, [Some("null"), None, Some(r#"[1, {"a":"\u00e4"}]"#), None], "{found:?}");
        assert_eq!(found[1].as_ref().unwrap_err(), &HttpFailure::Broken("the batch's answer has none for this call".to_owned()));
        let refused =
            Refusal { status: STATUS_OK, code: Some(-32000), message: "no".to_owned(), data: r#"{"b":1}"#.to_owned(), retry_after: None };
        assert_eq!(found[3].as_ref().unwrap_err(), &HttpFailure::Refused(refused));
    }
}
