//! JSON over HTTP: one call, one answer, no retry.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use perpdex_core::{SourceError, SourceErrorKind};
use reqwest::{Client, RequestBuilder, Response, StatusCode, Url, header, redirect};
use serde::de::DeserializeOwned;

use crate::weight::WeightBudget;

/// Where an API is and how long it may take.
#[derive(Clone)]
pub struct ApiEndpoint {
    /// Address of the host, `https://…`; may hold a key and is never printed.
    pub url: String,
    /// What errors call it.
    pub label: String,
    /// Longest wait for an answer.
    pub timeout: Duration,
    /// Bytes of one answer at most.
    pub response_bytes_max: usize,
}

impl fmt::Debug for ApiEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiEndpoint").field("label", &self.label).finish_non_exhaustive()
    }
}

/// Calls one API within its weight limit.
#[derive(Clone)]
pub struct ApiClient {
    client: Client,
    base: Url,
    endpoint: ApiEndpoint,
    budget: Arc<WeightBudget>,
    used_weight_header: Option<&'static str>,
}

/// Longest wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Pause after a refusal for too many calls that names no time.
const RATE_PAUSE: Duration = Duration::from_secs(60);
/// Pause after a ban that names no time: the shortest ban that venues name.
const BAN_PAUSE: Duration = Duration::from_secs(120);
/// Bytes of a refusal's text in an error.
const REFUSAL_BYTES_MAX: usize = 200;

impl ApiClient {
    /// A client of this endpoint. `used_weight_header` is the answer header in which the venue tells its own count.
    pub fn new(
        endpoint: ApiEndpoint,
        budget: Arc<WeightBudget>,
        used_weight_header: Option<&'static str>,
    ) -> Result<ApiClient, SourceError> {
        let refuse = |message: String| SourceError { label: endpoint.label.clone(), kind: SourceErrorKind::Permanent, message };
        let base = Url::parse(&endpoint.url).map_err(|error| refuse(format!("the address is no url: {error}")))?;
        if !matches!(base.scheme(), "http" | "https") {
            return Err(refuse(format!("the address has scheme {:?}: http and https are supported", base.scheme())));
        }
        let mut builder = Client::builder()
            .timeout(endpoint.timeout)
            .connect_timeout(endpoint.timeout.min(CONNECT_TIMEOUT))
            // A redirect would carry a key to another host.
            .redirect(redirect::Policy::none());
        if base.scheme() == "http" {
            // Plain connections need no certificates: a machine without any can still reach a local server.
            builder = builder.tls_certs_only(std::iter::empty());
        }
        let client = builder.build().map_err(|error| refuse(format!("the http client cannot start: {}", root_cause(&error))))?;
        Ok(ApiClient { client, base, endpoint, budget, used_weight_header })
    }

    /// What errors call the endpoint.
    pub fn label(&self) -> &str {
        &self.endpoint.label
    }

    /// `GET path?query` at the cost of `weight`; the body as it came.
    pub async fn get(&self, path: &str, query: &[(&str, &str)], weight: u32) -> Result<String, SourceError> {
        let mut url = self.at(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        self.call(&format!("GET {path}{}", shown(query)), self.client.get(url), weight).await
    }

    /// `POST path` with a JSON body at the cost of `weight`; the body as it came. `what` names the call in errors.
    pub async fn post(&self, path: &str, what: &str, body: String, weight: u32) -> Result<String, SourceError> {
        let request = self.client.post(self.at(path)).header(header::CONTENT_TYPE, "application/json").body(body);
        self.call(what, request, weight).await
    }

    /// Reads an answer; one that does not have its shape is a broken answer, to be asked for again.
    pub fn read<T: DeserializeOwned>(&self, what: &str, body: &str) -> Result<T, SourceError> {
        serde_json::from_str(body).map_err(|error| self.error(SourceErrorKind::Transient, format!("{what}: unexpected answer: {error}")))
    }

    /// An error of this endpoint.
    pub fn error(&self, kind: SourceErrorKind, message: String) -> SourceError {
        SourceError { label: self.endpoint.label.clone(), kind, message }
    }

    fn at(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        let whole = format!("{}/{}", url.path().trim_end_matches('/'), path.trim_start_matches('/'));
        url.set_path(&whole);
        url
    }

    async fn call(&self, what: &str, request: RequestBuilder, weight: u32) -> Result<String, SourceError> {
        self.budget.take(weight).await;
        let response = request.send().await.map_err(|error| self.failure(what, &error))?;
        if let Some(used) = self.used_weight_header.and_then(|name| number(&response, name)) {
            self.budget.told(u32::try_from(used).unwrap_or(u32::MAX));
        }
        let status = response.status();
        if !status.is_success() {
            return Err(self.refusal(what, status, response).await);
        }
        self.body(what, response).await
    }

    async fn body(&self, what: &str, mut response: Response) -> Result<String, SourceError> {
        let bytes_max = self.endpoint.response_bytes_max;
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.failure(what, &error))? {
            if bytes.len() + chunk.len() > bytes_max {
                return Err(self.error(SourceErrorKind::Density, format!("{what}: answer of more than {bytes_max} bytes")));
            }
            bytes.extend_from_slice(&chunk);
        }
        String::from_utf8(bytes).map_err(|_| self.error(SourceErrorKind::Transient, format!("{what}: the answer is no utf-8")))
    }

    async fn refusal(&self, what: &str, status: StatusCode, response: Response) -> SourceError {
        let named = number(&response, header::RETRY_AFTER.as_str()).map(Duration::from_secs);
        let body = self.body(what, response).await.unwrap_or_default();
        let text: String = body.chars().take(REFUSAL_BYTES_MAX).filter(|c| !c.is_control()).collect();
        let message = format!("{what}: http status {}: {text}", status.as_u16());
        let kind = match status.as_u16() {
            // 418: banned for calling on after 429; 403: the firewall's limit.
            429 | 418 | 403 => {
                let pause = named.unwrap_or(if status.as_u16() == 429 { RATE_PAUSE } else { BAN_PAUSE });
                self.budget.pause(pause);
                SourceErrorKind::Rate { retry_after: Some(pause) }
            }
            401 | 404 | 405 => SourceErrorKind::Permanent,
            _ => SourceErrorKind::Transient,
        };
        self.error(kind, message)
    }

    fn failure(&self, what: &str, error: &reqwest::Error) -> SourceError {
        let (kind, cause) = if error.is_connect() {
            (SourceErrorKind::Unreachable, format!("nothing answers there: {}", root_cause(error)))
        } else if error.is_timeout() {
            (SourceErrorKind::Transient, format!("no answer within {} ms", self.endpoint.timeout.as_millis()))
        } else {
            (SourceErrorKind::Transient, format!("broken answer: {}", root_cause(error)))
        };
        self.error(kind, format!("{what}: {cause}"))
    }
}

impl fmt::Debug for ApiClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiClient").field("label", &self.endpoint.label).finish_non_exhaustive()
    }
}

fn shown(query: &[(&str, &str)]) -> String {
    query.iter().map(|(name, value)| format!(" {name}={value}")).collect()
}

fn number(response: &Response, name: &str) -> Option<u64> {
    response.headers().get(name)?.to_str().ok()?.trim().parse().ok()
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
