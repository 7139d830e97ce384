//! The WebSocket of forced orders: what is pushed reaches who listens, and nobody else, ever.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use futures::{SinkExt, StreamExt};
use hyper_util::rt::TokioIo;
use tokio::sync::broadcast;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_util::sync::CancellationToken;

use super::answers::{price_text, qty_text};
use crate::exchange::{AsterExchange, AsterForced};

/// Messages that a slow listener may lag behind.
const LAG_MAX: usize = 4_096;
/// An order's message is sent this long after its trade.
const PUSHED_LATE_MS: i64 = 7;

#[derive(Clone, Debug)]
enum Push {
    Text(String),
    Close,
    Break,
    Freeze,
}

/// All open streams.
pub(super) struct Streams {
    push: broadcast::Sender<Push>,
    open: Arc<AtomicUsize>,
    /// The last message, which a connection after the first one gets once more.
    last: Arc<Mutex<Option<String>>>,
    /// Ends what is frozen.
    stop: CancellationToken,
}

impl Streams {
    pub(super) fn new(stop: CancellationToken) -> Streams {
        Streams { push: broadcast::channel(LAG_MAX).0, open: Arc::default(), last: Arc::default(), stop }
    }

    pub(super) fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }

    pub(super) fn end(&self, orderly: bool) {
        // Nobody listens: nobody to tell.
        let _ = self.push.send(if orderly { Push::Close } else { Push::Break });
    }

    pub(super) fn freeze(&self) {
        // Nobody listens: nothing to freeze.
        let _ = self.push.send(Push::Freeze);
    }

    /// Pushes what happens after one moment and up to another.
    pub(super) fn push_forced(&self, exchange: &AsterExchange, after_ms: i64, to_ms: i64) {
        let mut due: Vec<(&str, &AsterForced)> = Vec::new();
        for market in &exchange.markets {
            let pushed_ms = |forced: &AsterForced| forced.time_ms + PUSHED_LATE_MS;
            let inside = market.forced.iter().filter(|forced| after_ms < pushed_ms(forced) && pushed_ms(forced) <= to_ms);
            due.extend(inside.map(|forced| (market.symbol.as_str(), forced)));
        }
        due.sort_by_key(|(symbol, forced)| (forced.time_ms, *symbol));
        for (symbol, forced) in due {
            let text = message(symbol, forced);
            if self.push.send(Push::Text(text.clone())).is_ok() {
                *self.last.lock().expect("no one panics while holding the last message") = Some(text);
            }
        }
    }

    /// Answers an upgrade.
    pub(super) fn accept(&self, mut request: Request) -> Response {
        let Some(key) = request.headers().get(header::SEC_WEBSOCKET_KEY).map(|key| derive_accept_key(key.as_bytes())) else {
            let mut response = Response::new(Body::from("not a websocket request"));
            *response.status_mut() = StatusCode::BAD_REQUEST;
            return response;
        };
        let (listen, open, stop) = (self.push.subscribe(), self.open.clone(), self.stop.clone());
        let again = self.last.lock().expect("no one panics while holding the last message").clone();
        let upgrade = hyper::upgrade::on(&mut request);
        tokio::spawn(async move {
            let Ok(upgraded) = upgrade.await else { return };
            let stream = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, None).await;
            open.fetch_add(1, Ordering::SeqCst);
            let frozen = serve(stream, listen, again).await;
            open.fetch_sub(1, Ordering::SeqCst);
            if frozen.is_some() {
                stop.cancelled().await;
            }
        });
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, HeaderValue::from_str(&key).expect("base64 is ascii"));
        response
    }
}

/// Serves a stream until it ends; gives it back where it is frozen instead.
async fn serve<S>(
    mut stream: WebSocketStream<S>,
    mut listen: broadcast::Receiver<Push>,
    again: Option<String>,
) -> Option<WebSocketStream<S>>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    if let Some(text) = again
        && stream.send(Message::text(text)).await.is_err()
    {
        return None;
    }
    loop {
        tokio::select! {
            // What is pushed before a ping is read goes out before its answer.
            biased;
            push = listen.recv() => match push {
                Ok(Push::Text(text)) => if stream.send(Message::text(text)).await.is_err() { return None },
                Ok(Push::Close) => {
                    let _ = stream.close(None).await;
                    return None;
                }
                Ok(Push::Freeze) => return Some(stream),
                Ok(Push::Break) | Err(_) => return None,
            },
            // Pings are answered by the protocol; a listener that goes away ends its stream.
            heard = stream.next() => if !matches!(heard, Some(Ok(_))) { return None },
        }
    }
}

fn message(symbol: &str, forced: &AsterForced) -> String {
    let (side, qty, price) = (if forced.closes_long { "SELL" } else { "BUY" }, qty_text(i128::from(forced.qty)), price_text(forced.price));
    serde_json::json!({
        "e": "forceOrder",
        "E": forced.time_ms + PUSHED_LATE_MS,
        "o": { "s": symbol, "S": side, "o": "LIMIT", "f": "IOC", "q": qty, "p": price, "ap": price, "X": "FILLED", "l": qty, "z": qty,
            "T": forced.time_ms }
    })
    .to_string()
}
