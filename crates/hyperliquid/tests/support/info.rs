//! A server that speaks the public interface over loopback: info requests and the WebSocket on one port, with faults on demand.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast;
use tokio_tungstenite::tungstenite::Message;

/// What goes wrong with the next answer.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// Too many requests, to be asked again after this many seconds.
    TooMany(u64),
    /// Banned for asking on, for this many seconds.
    Banned(u64),
    /// The body breaks off.
    Cut,
    /// The server fails.
    Broken,
}

/// What the server does to its listeners.
#[derive(Clone, Debug)]
pub(crate) enum Push {
    /// Sends a message.
    Text(String),
    /// Closes every connection.
    Close,
    /// Lets every connection die without a word: it stays open, and nothing more is sent, read or answered.
    Freeze,
}

/// Rows of `fundingHistory`: market and time, with a rate.
pub(crate) type Rates = Vec<(String, u64, String)>;

/// What goes wrong with the next answers to a type of request; [`SOCKET`] for the connection of a listener.
type Faults = BTreeMap<String, VecDeque<Fault>>;

/// Stands for the WebSocket among the types of requests.
pub(crate) const SOCKET: &str = "ws";

/// A running server; it ends with the test's runtime.
pub(crate) struct InfoServer {
    pub(crate) url: String,
    faults: Arc<Mutex<Faults>>,
    requests: Arc<Mutex<Vec<Value>>>,
    push: broadcast::Sender<Push>,
    subscribed: Arc<Mutex<usize>>,
}

#[derive(Clone)]
struct Shared {
    contexts: Arc<dyn Fn(&str) -> Value + Send + Sync>,
    rates: Arc<Rates>,
    first_frame: Arc<Mutex<String>>,
    faults: Arc<Mutex<Faults>>,
    requests: Arc<Mutex<Vec<Value>>>,
    push: broadcast::Sender<Push>,
    subscribed: Arc<Mutex<usize>>,
}

impl InfoServer {
    /// Serves contexts by dex, rates, and the message that every new subscription is greeted with.
    pub(crate) async fn start(
        contexts: impl Fn(&str) -> Value + Send + Sync + 'static,
        rates: Rates,
        first_frame: Arc<Mutex<String>>,
    ) -> InfoServer {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (push, _) = broadcast::channel(64);
        let shared = Shared {
            contexts: Arc::new(contexts),
            rates: Arc::new(rates),
            first_frame,
            faults: Arc::default(),
            requests: Arc::default(),
            push: push.clone(),
            subscribed: Arc::default(),
        };
        let server = InfoServer {
            url,
            faults: shared.faults.clone(),
            requests: shared.requests.clone(),
            push,
            subscribed: shared.subscribed.clone(),
        };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, shared.clone()));
            }
        });
        server
    }

    /// Lets the next answers to a type of request go wrong, one after the other.
    pub(crate) fn fail_next(&self, kind: &str, faults: &[Fault]) {
        self.faults.lock().unwrap().entry(kind.to_owned()).or_default().extend(faults);
    }

    /// From now on answers to a type of request are right.
    pub(crate) fn heal(&self, kind: &str) {
        self.faults.lock().unwrap().remove(kind);
    }

    /// Bodies of the requests so far, of one type.
    pub(crate) fn requests(&self, kind: &str) -> Vec<Value> {
        self.requests.lock().unwrap().iter().filter(|request| request["type"] == kind).cloned().collect()
    }

    pub(crate) fn push(&self, push: Push) {
        // Nobody listens while a connection is down: as with the real thing, the message is gone then.
        let _ = self.push.send(push);
    }

    /// Subscriptions confirmed so far, over all connections.
    pub(crate) fn subscribed(&self) -> usize {
        *self.subscribed.lock().unwrap()
    }
}

impl Shared {
    fn next_fault(&self, kind: &str) -> Option<Fault> {
        self.faults.lock().unwrap().get_mut(kind)?.pop_front()
    }
}

async fn serve(mut stream: TcpStream, shared: Shared) {
    let mut start = [0; 8];
    if stream.peek(&mut start).await.is_err() {
        return;
    }
    if start.starts_with(b"GET /ws") {
        return match shared.next_fault(SOCKET) {
            Some(_) => drop(stream.write_all(b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n").await),
            None => listen(stream, shared).await,
        };
    }
    while let Some(body) = request(&mut stream).await {
        let fault = shared.next_fault(body["type"].as_str().unwrap_or_default());
        shared.requests.lock().unwrap().push(body.clone());
        let answer = answer(&body, &shared).to_string();
        let (head, body) = match fault {
            Some(Fault::TooMany(seconds)) => (format!("429 Too Many Requests\r\nretry-after: {seconds}"), "null".to_owned()),
            Some(Fault::Banned(seconds)) => (format!("418 I'm a teapot\r\nretry-after: {seconds}"), "null".to_owned()),
            Some(Fault::Broken) => ("500 Internal Server Error".to_owned(), "null".to_owned()),
            Some(Fault::Cut) | None => ("200 OK".to_owned(), answer),
        };
        let mut bytes = format!("HTTP/1.1 {head}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        if matches!(fault, Some(Fault::Cut)) {
            bytes.truncate(bytes.len() - body.len() / 2 - 1);
        }
        if stream.write_all(bytes.as_bytes()).await.is_err() || matches!(fault, Some(Fault::Cut)) {
            return;
        }
    }
}

/// The body of the next request on a connection.
async fn request(stream: &mut TcpStream) -> Option<Value> {
    let mut bytes = Vec::new();
    loop {
        let mut part = [0; 4_096];
        let read = stream.read(&mut part).await.ok().filter(|read| *read > 0)?;
        bytes.extend_from_slice(&part[..read]);
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
        let length: usize = head.lines().find_map(|line| line.strip_prefix("content-length: "))?.trim().parse().ok()?;
        if bytes.len() >= end + 4 + length {
            return serde_json::from_slice(&bytes[end + 4..end + 4 + length]).ok();
        }
    }
}

fn answer(body: &Value, shared: &Shared) -> Value {
    match body["type"].as_str().unwrap_or_default() {
        "perpDexs" => json!([null, {"name": "xyz", "fullName": "XYZ"}]),
        "metaAndAssetCtxs" => (shared.contexts)(body["dex"].as_str().unwrap_or_default()),
        "fundingHistory" => {
            let (from, to) = (body["startTime"].as_u64().unwrap(), body["endTime"].as_u64().unwrap());
            let wanted = shared.rates.iter().filter(|(coin, time, _)| body["coin"] == coin.as_str() && (from..=to).contains(time));
            let row =
                |(coin, time, rate): &(String, u64, String)| json!({"coin": coin, "fundingRate": rate, "premium": "0.0", "time": time});
            wanted.take(500).map(row).collect()
        }
        _ => Value::Null,
    }
}

async fn listen(stream: TcpStream, shared: Shared) {
    let mut pushed = shared.push.subscribe();
    let Ok(mut socket) = tokio_tungstenite::accept_async(stream).await else { return };
    loop {
        let text = tokio::select! {
            message = socket.next() => match message {
                Some(Ok(Message::Text(text))) => text,
                Some(Ok(_)) => continue,
                _ => return,
            },
            push = pushed.recv() => match push {
                Ok(Push::Text(text)) => {
                    if socket.send(Message::text(text)).await.is_err() { return }
                    continue;
                }
                Ok(Push::Freeze) => return std::future::pending().await,
                _ => return,
            },
        };
        let request: Value = serde_json::from_str(text.as_str()).unwrap();
        if request["method"] == "ping" {
            if socket.send(Message::text(r#"{"channel":"pong"}"#)).await.is_err() {
                return;
            }
            continue;
        }
        let confirmation = json!({"channel": "subscriptionResponse", "data": request});
        let first = shared.first_frame.lock().unwrap().clone();
        for message in [confirmation.to_string(), first] {
            if !message.is_empty() && socket.send(Message::text(message)).await.is_err() {
                return;
            }
        }
        *shared.subscribed.lock().unwrap() += 1;
    }
}
