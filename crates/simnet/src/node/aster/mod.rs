//! [`AsterNode`]: Aster Pro's public API over a simulated exchange, with a clock that stands still until it is set.

mod answers;
mod streams;

use std::collections::BTreeMap;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::response::Response;
use tokio_util::sync::CancellationToken;

use super::NodeError;
use super::fault::{Answers, Faults, Method, Replaced};
use super::rpc::Transport;
use super::server::respond;
use crate::exchange::AsterExchange;
use answers::Refused;
use streams::Streams;

/// Calls that the API answers, by the end of their path; `stream` is the WebSocket.
const METHODS: &[Method] = &[
    Method { name: "time", answers: Answers::Value },
    Method { name: "exchangeInfo", answers: Answers::Value },
    Method { name: "fundingInfo", answers: Answers::Value },
    Method { name: "premiumIndex", answers: Answers::Value },
    Method { name: "ticker/24hr", answers: Answers::Value },
    Method { name: "openInterest", answers: Answers::Value },
    Method { name: "klines", answers: Answers::Value },
    Method { name: "fundingRate", answers: Answers::Value },
    Method { name: "aggTrades", answers: Answers::Value },
    Method { name: "stream", answers: Answers::Value },
];

/// Before the name of every call.
const PATH: &str = "/fapi/v3/";
/// Path of a single stream.
const STREAM_PATH: &str = "/ws/";

/// A listening API. Dropping it stops it.
pub struct AsterNode {
    shared: Arc<Shared>,
    address: SocketAddr,
    stop: CancellationToken,
}

struct Shared {
    exchange: AsterExchange,
    state: Mutex<Traffic>,
    streams: Streams,
}

struct Traffic {
    now_ms: i64,
    faults: Faults,
    by_method: BTreeMap<&'static str, u64>,
    overall: u64,
}

impl AsterNode {
    /// Serves the exchange on a free loopback port; the clock shows the end of its history. Must be called inside a tokio
    /// runtime.
    pub fn serve(exchange: AsterExchange) -> Result<AsterNode, NodeError> {
        tokio::runtime::Handle::try_current().map_err(|_| NodeError::NoRuntime)?;
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let traffic = Traffic { now_ms: exchange.end_ms, faults: Faults::default(), by_method: BTreeMap::new(), overall: 0 };
        let stop = CancellationToken::new();
        let shared = Arc::new(Shared { exchange, state: Mutex::new(traffic), streams: Streams::new(stop.clone()) });
        let router = axum::Router::new().fallback(handle).with_state(shared.clone());
        let stopped = stop.clone().cancelled_owned();
        tokio::spawn(async move {
            axum::serve(listener, router).with_graceful_shutdown(stopped).await.expect("axum's accept loop retries every error");
        });
        Ok(AsterNode { shared, address, stop })
    }

    /// Where it listens, for REST and WebSocket alike.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What the clock shows, unix milliseconds.
    pub fn now_ms(&self) -> i64 {
        self.shared.traffic().now_ms
    }

    /// Moves the clock on and pushes the forced orders that happen meanwhile to all open streams.
    pub fn set_now(&self, now_ms: i64) {
        // Pushed before the clock shows it, as a venue does that a moment later has said all.
        self.shared.streams.push_forced(&self.shared.exchange, self.now_ms(), now_ms);
        self.shared.traffic().now_ms = now_ms;
    }

    /// Replaces the faults; call counts go on.
    pub fn set_faults(&self, faults: Faults) -> Result<(), NodeError> {
        faults.check(METHODS)?;
        self.shared.traffic().faults = faults;
        Ok(())
    }

    /// How often each call was made; `stream` counts connections.
    pub fn calls(&self) -> BTreeMap<&'static str, u64> {
        self.shared.traffic().by_method.clone()
    }

    /// Streams that are open.
    pub fn streams(&self) -> usize {
        self.shared.streams.open()
    }

    /// Closes all streams: in order where `orderly`, else as a broken line does. The next connection first gets the last
    /// message once more.
    pub fn drop_streams(&self, orderly: bool) {
        self.shared.streams.end(orderly);
    }

    /// Lets all streams that are open die without a word: their connections stay open, and nothing more is pushed, read or answered.
    pub fn freeze_streams(&self) {
        self.shared.streams.freeze();
    }
}

impl Drop for AsterNode {
    fn drop(&mut self) {
        self.stop.cancel();
        self.shared.streams.end(true);
    }
}

impl fmt::Debug for AsterNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsterNode").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Shared {
    fn traffic(&self) -> MutexGuard<'_, Traffic> {
        self.state.lock().expect("no one panics while holding the traffic")
    }

    /// Counts a call; gives the clock and what goes wrong with it.
    fn count(&self, name: &'static str) -> (i64, super::fault::Applied) {
        let mut traffic = self.traffic();
        traffic.overall += 1;
        let overall = traffic.overall;
        let nth = traffic.by_method.entry(name).or_default();
        *nth += 1;
        let nth = *nth;
        (traffic.now_ms, traffic.faults.applied(name, nth, overall, None))
    }
}

async fn handle(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let name = if path.starts_with(STREAM_PATH) { Some("stream") } else { path.strip_prefix(PATH) };
    let Some(method) = METHODS.iter().find(|method| Some(method.name) == name) else {
        return status(404, None, br#"{"code":-5000,"msg":"Path is invalid"}"#.to_vec());
    };
    let (now_ms, faults) = shared.count(method.name);
    if faults.delay_ms > 0 {
        tokio::time::sleep(Duration::from_millis(faults.delay_ms)).await;
    }
    if let Some((code, retry_after_secs)) = faults.status {
        return respond(&Transport { status: Some((code, retry_after_secs)), ..Transport::default() }, "application/json", Vec::new());
    }
    if method.name == "stream" {
        return shared.streams.accept(request);
    }
    let query = answers::Query::parse(request.uri().query().unwrap_or_default());
    let body = match (faults.answer, answers::answer(&shared.exchange, now_ms, method.name, &query)) {
        (Some(Replaced::Result(json)), _) | (None, Ok(json)) => json,
        (Some(Replaced::Error { code, message }), _) | (None, Err(Refused { code, message })) => {
            let body = serde_json::json!({ "code": code, "msg": message }).to_string();
            return status(400, None, body.into_bytes());
        }
    };
    respond(&Transport { cut_bytes: faults.cut_bytes, ..Transport::default() }, "application/json", body.into_bytes())
}

fn status(code: u16, retry_after_secs: Option<u64>, body: Vec<u8>) -> Response {
    let mut response =
        respond(&Transport { status: Some((code, retry_after_secs)), ..Transport::default() }, "application/json", Vec::new());
    *response.body_mut() = body.into();
    response
}
