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
}

/// All open streams.
pub(super) struct Streams {
    push: broadcast::Sender<Push>,
    open: Arc<AtomicUsize>,
    /// The last message, which a connection after the first one gets once more.
    last: Arc<Mutex<Option<String>>>,
}

impl Streams {
    pub(super) fn new() -> Streams {
        Streams { push: broadcast::channel(LAG_MAX).0, open: Arc::default(), last: Arc::default() }
    }

    pub(super) fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }

    pub(super) fn end(&self, orderly: bool) {
        // Nobody listens: nobody to tell.
        let _ = self.push.send(if orderly { Push::Close } else { Push::Break });
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
        let (listen, open) = (self.push.subscribe(), self.open.clone());
        let again = self.last.lock().expect("no one panics while holding the last message").clone();
        let upgrade = hyper::upgrade::on(&mut request);
        tokio::spawn(async move {
            let Ok(upgraded) = upgrade.await else { return };
            let stream = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, None).await;
            open.fetch_add(1, Ordering::SeqCst);
            serve(stream, listen, again).await;
            open.fetch_sub(1, Ordering::SeqCst);
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

async fn serve<S>(mut stream: WebSocketStream<S>, mut listen: broadcast::Receiver<Push>, again: Option<String>)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    if let Some(text) = again
        && stream.send(Message::text(text)).await.is_err()
    {
        return;
    }
    loop {
        tokio::select! {
            push = listen.recv() => match push {
                Ok(Push::Text(text)) => if stream.send(Message::text(text)).await.is_err() { return },
                Ok(Push::Close) => {
                    let _ = stream.close(None).await;
                    return;
                }
                Ok(Push::Break) | Err(_) => return,
            },
            // Pings are answered by the protocol; a listener that goes away ends its stream.
            heard = stream.next() => if !matches!(heard, Some(Ok(_))) { return },
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
