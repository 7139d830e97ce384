//! Requests to a Portal: one JSON value, or lines of JSON that are read up to the last whole one.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Write;
use std::sync::Mutex;
use std::time::Duration;

use flate2::write::MultiGzDecoder;
use perpdex_core::{SourceError, SourceErrorKind, Traffic};
use serde::de::DeserializeOwned;
use serde_json::Value;
use solana_rpc_client_api::client_error::reqwest::{self, Client, RequestBuilder, Response, Url, header, redirect};

use super::PortalEndpoint;
use super::line::Line;
use crate::http::{CONNECT_TIMEOUT, retry_after, root_cause};
use crate::named::Named;

/// Name of the stream in counts and errors.
const STREAM: &str = "finalized-stream";

/// Bytes of a refusal that are read.
const REFUSAL_BYTES_MAX: usize = 64 << 10;

/// A dataset's address and the client for it.
pub(super) struct PortalHttp {
    client: Client,
    url: Url,
    named: Named,
    timeout: Duration,
    response_bytes_max: usize,
    calls: Mutex<BTreeMap<&'static str, u64>>,
}

impl fmt::Debug for PortalHttp {
    /// Without the address: it may hold a key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PortalHttp").field("named", &self.named).field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

/// Bytes of an answer, and what ended it before its end.
struct Body {
    bytes: Vec<u8>,
    cut: Option<SourceError>,
}

impl PortalHttp {
    /// A client of this dataset; nothing is sent yet.
    pub(super) fn new(endpoint: &PortalEndpoint) -> Result<PortalHttp, SourceError> {
        let named = Named::new(&endpoint.label, &endpoint.url);
        let unusable = |message: String| named.error(SourceErrorKind::Permanent, message);
        let url = Url::parse(&endpoint.url).map_err(|error| unusable(format!("the address is no url: {error}")))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(unusable(format!("the address has scheme {:?}: http and https are supported", url.scheme())));
        }
        let timeout = endpoint.timeout;
        // A redirect would carry the key to another host, and turns a POST into a GET.
        let builder = Client::builder().timeout(timeout).connect_timeout(timeout.min(CONNECT_TIMEOUT)).redirect(redirect::Policy::none());
        let client = builder.build().map_err(|error| unusable(format!("the http client cannot start: {}", root_cause(&error))))?;
        let (response_bytes_max, calls) = (endpoint.response_bytes_max, Mutex::default());
        Ok(PortalHttp { client, url, named, timeout, response_bytes_max, calls })
    }

    pub(super) fn label(&self) -> &str {
        self.named.label()
    }

    /// An error of this endpoint.
    pub(super) fn error(&self, kind: SourceErrorKind, message: impl fmt::Display) -> SourceError {
        self.named.error(kind, message)
    }

    /// Requests so far.
    pub(super) fn traffic(&self) -> Traffic {
        let calls = self.calls.lock().expect("no one panics while counting").clone();
        Traffic { requests: calls.values().sum(), calls, headers: BTreeMap::new() }
    }

    /// One value; `None` where there is none (204, `null`, or a 404 that says so).
    pub(super) async fn get<T: DeserializeOwned>(&self, name: &'static str, path: &str) -> Result<Option<T>, SourceError> {
        let response = self.send(name, self.client.get(self.place(path))).await?;
        if response.status().as_u16() == 204 {
            return Ok(None);
        }
        let body = self.body(response, name).await?;
        if let Some(cut) = body.cut {
            return Err(cut);
        }
        serde_json::from_slice(&body.bytes)
            .map_err(|error| self.broken(name, format_args!("{} bytes are no answer: {error}", body.bytes.len())))
    }

    /// The whole lines of an answer, ascending. What came before a connection broke, a time was over or a limit was reached
    /// is an answer, too: a shorter one. The error [`SourceErrorKind::Lagging`] says that the stream does not reach there.
    pub(super) async fn stream(&self, query: &Value) -> Result<Vec<Line>, SourceError> {
        let about = format!("{STREAM} {} to {}", query["fromBlock"], query["toBlock"]);
        let request = self.client.post(self.place(STREAM)).header(header::CONTENT_TYPE, "application/json").body(query.to_string());
        let response =
            self.send(STREAM, request).await.map_err(|error| SourceError { message: format!("{about}: {}", error.message), ..error })?;
        if response.status().as_u16() == 204 {
            return Err(self.error(SourceErrorKind::Lagging, format_args!("{about}: nothing there yet")));
        }
        let mut body = self.body(response, &about).await?;
        if body.cut.is_some() {
            let whole = body.bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
            body.bytes.truncate(whole);
        }
        let mut lines: Vec<Line> = Vec::new();
        for (number, text) in (1..).zip(body.bytes.split(|byte| *byte == b'\n')).filter(|(_, text)| !text.is_empty()) {
            let line: Line = serde_json::from_slice(text).map_err(|error| self.broken(&about, format_args!("line {number}: {error}")))?;
            line.follows(lines.last()).map_err(|problem| self.broken(&about, format_args!("line {number}: {problem}")))?;
            lines.push(line);
        }
        match body.cut {
            Some(cut) if lines.is_empty() => Err(cut),
            _ => Ok(lines),
        }
    }

    fn place(&self, path: &str) -> Url {
        let mut url = self.url.clone();
        let base = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{base}/{path}"));
        url
    }

    async fn send(&self, name: &'static str, request: RequestBuilder) -> Result<Response, SourceError> {
        *self.calls.lock().expect("no one panics while counting").entry(name).or_default() += 1;
        let response = request.header(header::ACCEPT_ENCODING, "gzip").send().await.map_err(|error| self.failure(name, &error))?;
        match response.status() {
            status if status.is_success() => Ok(response),
            _ => Err(self.refusal(name, response).await),
        }
    }

    /// What a refusal means (`spec/14-interface-binding.md`, IB-5).
    async fn refusal(&self, name: &str, response: Response) -> SourceError {
        let (status, retry_after) = (response.status().as_u16(), retry_after(&response));
        let kind = match status {
            429 | 529 => SourceErrorKind::Rate { retry_after },
            500.. if retry_after.is_some() => SourceErrorKind::Rate { retry_after },
            // The blocks below are others now: what was being read is read again from its start.
            409 => SourceErrorKind::Transient,
            413 => SourceErrorKind::Density,
            408 | 500.. => SourceErrorKind::Transient,
            _ => SourceErrorKind::Permanent,
        };
        let said = self.bytes(response, REFUSAL_BYTES_MAX, name).await.map(|body| body.bytes).unwrap_or_default();
        let said: Value = serde_json::from_slice(&said).unwrap_or_default();
        let (code, message) = (said["error"]["code"].as_str().unwrap_or("no code"), said["error"]["message"].as_str().unwrap_or(""));
        self.error(kind, format_args!("{name}: refused with http status {status} ({code}): {message}"))
    }

    async fn body(&self, response: Response, about: &str) -> Result<Body, SourceError> {
        self.bytes(response, self.response_bytes_max, about).await
    }

    /// The unpacked bytes, at least as many as make up `bytes_max` unless the answer ends before.
    async fn bytes(&self, mut response: Response, bytes_max: usize, about: &str) -> Result<Body, SourceError> {
        let encoding = response.headers().get(header::CONTENT_ENCODING).map(|value| value.to_str().unwrap_or("?").to_ascii_lowercase());
        let mut unpacked = match encoding.as_deref() {
            None | Some("identity") => Unpacked::Plain(Vec::new()),
            Some("gzip") => Unpacked::Gzip(Box::new(MultiGzDecoder::new(Vec::new()))),
            Some(other) => {
                return Err(self.error(SourceErrorKind::Permanent, format_args!("{about}: encoding {other:?} was not asked for")));
            }
        };
        let cut = loop {
            match response.chunk().await {
                Ok(Some(chunk)) => {
                    if let Err(error) = unpacked.add(&chunk) {
                        break Some(self.broken(about, error));
                    }
                    if bytes_max <= unpacked.bytes().len() {
                        break Some(self.error(SourceErrorKind::Density, format_args!("{about}: answer of more than {bytes_max} bytes")));
                    }
                }
                Ok(None) => break unpacked.end().err().map(|error| self.broken(about, error)),
                Err(error) => break Some(self.failure(about, &error)),
            }
        };
        Ok(Body { bytes: unpacked.into_bytes(), cut })
    }

    fn broken(&self, about: &str, problem: impl fmt::Display) -> SourceError {
        self.error(SourceErrorKind::Transient, format_args!("{about}: broken answer: {problem}"))
    }

    fn failure(&self, about: &str, error: &reqwest::Error) -> SourceError {
        if error.is_connect() {
            self.error(SourceErrorKind::Unreachable, format_args!("{about}: nothing answers there: {}", root_cause(error)))
        } else if error.is_timeout() {
            self.error(SourceErrorKind::Transient, format_args!("{about}: no whole answer within {} ms", self.timeout.as_millis()))
        } else {
            self.broken(about, root_cause(error))
        }
    }
}

/// An answer as it comes.
enum Unpacked {
    Plain(Vec<u8>),
    Gzip(Box<MultiGzDecoder<Vec<u8>>>),
}

impl Unpacked {
    fn add(&mut self, chunk: &[u8]) -> std::io::Result<()> {
        match self {
            Unpacked::Plain(bytes) => bytes.extend_from_slice(chunk),
            Unpacked::Gzip(decoder) => {
                decoder.write_all(chunk)?;
                decoder.flush()?;
            }
        }
        Ok(())
    }

    fn end(&mut self) -> std::io::Result<()> {
        match self {
            Unpacked::Plain(_) => Ok(()),
            Unpacked::Gzip(decoder) => decoder.try_finish(),
        }
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Unpacked::Plain(bytes) => bytes,
            Unpacked::Gzip(decoder) => decoder.get_ref(),
        }
    }

    fn into_bytes(self) -> Vec<u8> {
        match self {
            Unpacked::Plain(bytes) => bytes,
            Unpacked::Gzip(mut decoder) => std::mem::take(decoder.get_mut()),
        }
    }
}
