//! Trades of all markets over a WebSocket: what came, from when to when it was listened to.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use perpdex_core::{BlockRange, Hole, HoleReason, MalformedRecord, RangeSet, SourceError, SourceErrorKind, StreamId};
use perpdex_feeds::{ApiEndpoint, Heard, Ping, Socket, SocketEndpoint};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::{Lines, now_ms, one_line};

/// Subscriptions of one address at most (the interface's documentation).
const SUBSCRIPTIONS_MAX: usize = 1_000;
/// Bounds of the silence before a connection counts as dead.
const SILENCE_MIN: Duration = Duration::from_secs(1);
const SILENCE_MAX: Duration = Duration::from_secs(30);
/// The venue's own ping, answered by a message of the channel `pong` (the interface's documentation, timeouts and heartbeats: a
/// connection to which the venue has sent nothing for a minute is closed).
const PING: Ping = Ping::Text(r#"{"method":"ping"}"#);
/// How long after its time a trade is pushed, at most.
const PUSHED_LATE_MAX: Duration = Duration::from_secs(5);
/// Bytes of one message at most.
const MESSAGE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// How long what was handed out is remembered, so that repetitions are told from what came late.
const REMEMBERED_MS: u64 = 3_600_000;

/// Listens to trades.
pub(super) struct Trades {
    endpoint: SocketEndpoint,
    /// What a connection that ended had not heard yet of the time before its last message, milliseconds.
    pushed_late_ms: u64,
    heard: Arc<Mutex<Told>>,
    connection: tokio::sync::Mutex<Option<Connection>>,
}

/// A connection that was opened; it may have ended since.
struct Connection {
    task: JoinHandle<()>,
    subscribed: BTreeSet<String>,
    /// Messages to be sent.
    outbox: mpsc::UnboundedSender<String>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A trade's name: moment, market, id.
type Key = (u64, String, u64);

/// What came.
#[derive(Default)]
struct Told {
    trades: BTreeMap<Key, String>,
    /// Names of trades that were handed out, or came late.
    known: HashSet<Key>,
    /// Times that were listened to, the newest last. Its end is when the last message came, never later: what a connection does not
    /// bring is not known to be nothing. A living one brings something within the head's lag.
    spans: Vec<BlockRange>,
    /// There are more markets than may be subscribed to.
    is_partial: bool,
    /// Subscriptions that are not confirmed yet; the newest span goes on only where there are none.
    unconfirmed: usize,
    /// What lies at or before was handed out.
    given_to: u64,
    /// What came and cannot be put in, with the reason.
    refused: Vec<(&'static str, String)>,
    /// Why the last connection ended.
    broke: Option<String>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    channel: &'a str,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct TradeKey {
    coin: String,
    time: u64,
    tid: u64,
}

impl Trades {
    /// Connects to nothing yet.
    pub(super) fn new(endpoint: &ApiEndpoint, lag: Duration) -> Result<Trades, SourceError> {
        let refuse = || SourceError {
            label: endpoint.label.clone(),
            kind: SourceErrorKind::Permanent,
            message: "the address is neither http nor https".to_owned(),
        };
        let base = endpoint.url.trim_end_matches('/');
        let url = match base.split_once("://") {
            Some(("https", host)) => format!("wss://{host}/ws"),
            Some(("http", host)) => format!("ws://{host}/ws"),
            _ => return Err(refuse()),
        };
        let endpoint = SocketEndpoint {
            url,
            label: endpoint.label.clone(),
            connect_timeout: endpoint.timeout,
            // Together no longer than the lag: the end of a connection is known before the head passes what it may not have heard.
            silence_max: (lag * 3 / 4).clamp(SILENCE_MIN, SILENCE_MAX),
            ping: PING,
            message_bytes_max: MESSAGE_BYTES_MAX,
        };
        let pushed_late_ms = (lag / 4).min(PUSHED_LATE_MAX).as_millis() as u64;
        Ok(Trades { endpoint, pushed_late_ms, heard: Arc::default(), connection: tokio::sync::Mutex::new(None) })
    }

    /// Sees to it that trades of these markets are listened to. A connection that cannot be opened leaves a hole, nothing else: levels
    /// and rates go on without it.
    pub(super) async fn listen(&self, coins: &BTreeSet<String>) {
        let mut connection = self.connection.lock().await;
        let mut open = connection.take().filter(|open| !open.task.is_finished());
        let subscribed = open.as_ref().map_or(0, |open| open.subscribed.len());
        let is_new = |coin: &&String| open.as_ref().is_none_or(|open| !open.subscribed.contains(*coin));
        let new: Vec<String> = coins.iter().filter(is_new).take(SUBSCRIPTIONS_MAX.saturating_sub(subscribed)).cloned().collect();
        lock(&self.heard).is_partial = SUBSCRIPTIONS_MAX < coins.len();
        match &mut open {
            Some(_) if new.is_empty() => {}
            Some(open) => {
                lock(&self.heard).expect_more(&new);
                // An outbox that is closed is that of a connection which has just ended.
                new.iter().for_each(|coin| drop(open.outbox.send(subscription(coin))));
                open.subscribed.extend(new);
            }
            None => open = self.connect(new).await,
        }
        *connection = open;
    }

    async fn connect(&self, coins: Vec<String>) -> Option<Connection> {
        let hello: Vec<String> = coins.iter().map(subscription).collect();
        lock(&self.heard).unconfirmed = hello.len();
        match Socket::connect(self.endpoint.clone(), &hello).await {
            Ok(socket) => {
                let (outbox, messages) = mpsc::unbounded_channel();
                let task = tokio::spawn(listen_on(socket, messages, self.heard.clone(), self.pushed_late_ms));
                Some(Connection { task, subscribed: coins.into_iter().collect(), outbox })
            }
            Err(error) => {
                lock(&self.heard).broke = Some(error.message);
                None
            }
        }
    }

    /// The trades of a range; times in which nobody listened are holes.
    pub(super) fn lines(&self, range: BlockRange, id: &StreamId) -> Lines {
        let mut heard = lock(&self.heard);
        let whole = heard.spans.iter().copied().filter(|_| !heard.is_partial);
        let missing = RangeSet::from_ranges(whole).missing(range);
        let why = match &heard.broke {
            _ if heard.is_partial => format!("more markets than the {SUBSCRIPTIONS_MAX} that may be subscribed to"),
            Some(why) => why.clone(),
            None => "not subscribed yet".to_owned(),
        };
        let hole = |range: &BlockRange| Hole {
            range: *range,
            reason: HoleReason::Missing,
            detail: format!("trades were not heard: {why}"),
            streams: Vec::new(),
        };
        let holes = missing.ranges().iter().map(hole).collect();
        let inside = heard.trades.range((range.from(), String::new(), 0)..=(range.to(), String::from(char::MAX), u64::MAX));
        let lines: Vec<(Key, String)> = inside.map(|(key, line)| (key.clone(), line.clone())).collect();
        let malformed = std::mem::take(&mut heard.refused).into_iter().map(|(error, text)| MalformedRecord {
            stream: id.clone(),
            height: range.from(),
            error: error.to_owned(),
            text,
        });
        heard.given_to = heard.given_to.max(range.to());
        heard.known.extend(lines.iter().map(|(key, _)| key.clone()));
        heard.forget();
        Lines { lines: lines.into_iter().map(|((time, ..), line)| (time, line)).collect(), holes, malformed: malformed.collect() }
    }
}

fn subscription(coin: &String) -> String {
    serde_json::json!({"method": "subscribe", "subscription": {"type": "trades", "coin": coin}}).to_string()
}

async fn listen_on(mut socket: Socket, mut messages: mpsc::UnboundedReceiver<String>, heard: Arc<Mutex<Told>>, pushed_late_ms: u64) {
    loop {
        let done = tokio::select! {
            came = socket.next() => came.map(|came| match came {
                Heard::Text(text) => lock(&heard).message(&text),
                // Nothing asked for one.
                Heard::Pong(_) => {}
            }),
            Some(message) = messages.recv() => socket.send(message).await,
        };
        if let Err(error) = done {
            lock(&heard).end(error.message, pushed_late_ms);
            return;
        }
    }
}

impl Told {
    /// Markets were listed, who knows when since the last look: what was not handed out yet is not known to be whole until they are
    /// subscribed to.
    fn expect_more(&mut self, coins: &[String]) {
        self.unconfirmed += coins.len();
        self.broke = Some(format!("listed meanwhile: {}", coins.join(", ")));
        self.cut(self.given_to);
    }

    /// The connection ended: trades of the time just before its last message may not have been pushed yet.
    fn end(&mut self, why: String, pushed_late_ms: u64) {
        self.broke = Some(why);
        if self.unconfirmed == 0
            && let Some(span) = self.spans.last()
        {
            self.cut(span.to().saturating_sub(pushed_late_ms).max(self.given_to));
        }
    }

    /// What lies behind a moment was not heard.
    fn cut(&mut self, to: u64) {
        self.spans.retain(|span| span.from() <= to);
        if let Some(span) = self.spans.last_mut() {
            *span = BlockRange::new(span.from(), span.to().min(to)).expect("the span begins at or before its end");
        }
    }

    /// Takes one message in.
    fn message(&mut self, text: &str) {
        let Ok(Message { channel, data }) = serde_json::from_str(text) else { return self.refuse("no message of the venue", text) };
        let data = data.map_or("", RawValue::get);
        match channel {
            "subscriptionResponse" => {
                self.unconfirmed = self.unconfirmed.saturating_sub(1);
                if self.unconfirmed == 0 {
                    // From here on every market is listened to.
                    self.spans.push(BlockRange::single(now_ms()));
                }
            }
            "trades" => {
                match serde_json::from_str::<Vec<&RawValue>>(data) {
                    Ok(trades) => trades.into_iter().for_each(|trade| self.trade(trade.get())),
                    Err(_) => self.refuse("no list of trades", text),
                }
                self.prolong();
            }
            // A subscription that was refused stays unconfirmed: nothing counts as heard, and this is why.
            "error" => self.broke = Some(format!("the venue refused: {}", one_line(data))),
            _ => self.prolong(),
        }
    }

    fn trade(&mut self, text: &str) {
        let Ok(TradeKey { coin, time, tid }) = serde_json::from_str(text) else { return self.refuse("no trade", text) };
        let key = (time, coin, tid);
        let was_listened = self.spans.iter().any(|span| span.contains(time));
        if time > self.given_to {
            self.trades.insert(key, one_line(text));
        } else if was_listened && time + REMEMBERED_MS > self.given_to && self.known.insert(key) {
            self.refuse("a trade came after its time had been handed out", text);
        }
        // Else it is told again after subscribing, or of a time that is a hole.
    }

    fn refuse(&mut self, why: &'static str, text: &str) {
        self.refused.push((why, one_line(text)));
    }

    /// The connection is alive now.
    fn prolong(&mut self) {
        if self.unconfirmed == 0
            && let Some(span) = self.spans.last_mut()
        {
            *span = BlockRange::new(span.from(), now_ms().max(span.from())).expect("a span ends where it begins, or later");
        }
    }

    fn forget(&mut self) {
        let limit = self.given_to.saturating_sub(REMEMBERED_MS);
        self.trades.retain(|(time, ..), _| limit <= *time);
        self.known.retain(|(time, ..)| limit <= *time);
        self.spans.retain(|span| limit <= span.to());
    }
}

fn lock(heard: &Mutex<Told>) -> MutexGuard<'_, Told> {
    heard.lock().expect("no one panics while holding what was heard")
}
