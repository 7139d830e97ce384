//! Trades of all markets over a WebSocket: what came, from when to when it was listened to.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use perpdex_core::{BlockRange, Hole, HoleReason, MalformedRecord, RangeSet, SourceError, SourceErrorKind, StreamId};
use perpdex_feeds::{ApiEndpoint, Socket, SocketEndpoint};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::task::JoinHandle;

use super::{Lines, now_ms, one_line};

/// Subscriptions of one address at most (the interface's documentation).
const SUBSCRIPTIONS_MAX: usize = 1_000;
/// Longest silence before a connection counts as dead: some market always trades.
const SILENCE_MAX: Duration = Duration::from_secs(60);
/// Bytes of one message at most.
const MESSAGE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// How long what was handed out is remembered, so that repetitions are told from what came late.
const REMEMBERED_MS: u64 = 3_600_000;

/// Listens to trades.
pub(super) struct Trades {
    endpoint: SocketEndpoint,
    heard: Arc<Mutex<Heard>>,
    listening: tokio::sync::Mutex<Option<JoinHandle<()>>>,
}

/// A trade's name: moment, market, id.
type Key = (u64, String, u64);

/// What came.
#[derive(Default)]
struct Heard {
    trades: BTreeMap<Key, String>,
    /// Names of trades that were handed out, or came late.
    known: HashSet<Key>,
    /// Times that were listened to, the newest last; its end moves with every message.
    spans: Vec<BlockRange>,
    /// Whether the connection is open, so that the newest span goes on to now. It is found dead sooner than the head's lag is long.
    is_open: bool,
    /// Subscriptions that are not confirmed yet.
    unconfirmed: usize,
    /// What lies at or before was handed out.
    given_to: u64,
    /// Trades that came after their time was handed out.
    late: Vec<String>,
    /// Why the last connection ended.
    broke: Option<String>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    channel: &'a str,
    #[serde(borrow)]
    data: &'a RawValue,
}

#[derive(Deserialize)]
struct TradeKey {
    coin: String,
    time: u64,
    tid: u64,
}

impl Trades {
    /// Connects to nothing yet.
    pub(super) fn new(endpoint: &ApiEndpoint) -> Result<Trades, SourceError> {
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
            silence_max: SILENCE_MAX,
            message_bytes_max: MESSAGE_BYTES_MAX,
        };
        Ok(Trades { endpoint, heard: Arc::default(), listening: tokio::sync::Mutex::new(None) })
    }

    /// Sees to it that trades of these markets are listened to. A connection that cannot be opened leaves a hole, nothing else: levels
    /// and rates go on without it.
    pub(super) async fn listen(&self, coins: &[String]) {
        let mut listening = self.listening.lock().await;
        if listening.as_ref().is_some_and(|task| !task.is_finished()) {
            return;
        }
        let coins = &coins[..coins.len().min(SUBSCRIPTIONS_MAX)];
        let subscribe = |coin: &String| serde_json::json!({"method": "subscribe", "subscription": {"type": "trades", "coin": coin}});
        let hello: Vec<String> = coins.iter().map(|coin| subscribe(coin).to_string()).collect();
        {
            let mut heard = lock(&self.heard);
            (heard.unconfirmed, heard.is_open) = (hello.len(), false);
        }
        match Socket::connect(self.endpoint.clone(), &hello).await {
            Ok(socket) => *listening = Some(tokio::spawn(listen_on(socket, self.heard.clone()))),
            Err(error) => lock(&self.heard).broke = Some(error.message),
        }
    }

    /// The trades of a range; times in which nobody listened are holes.
    pub(super) fn lines(&self, range: BlockRange, id: &StreamId) -> Lines {
        let mut heard = lock(&self.heard);
        if heard.is_open {
            heard.prolong();
        }
        let missing = RangeSet::from_ranges(heard.spans.iter().copied()).missing(range);
        let why = heard.broke.clone().unwrap_or_else(|| "not subscribed yet".to_owned());
        let hole = |range: &BlockRange| Hole {
            range: *range,
            reason: HoleReason::Missing,
            detail: format!("trades were not heard: {why}"),
            streams: Vec::new(),
        };
        let holes = missing.ranges().iter().map(hole).collect();
        let inside = heard.trades.range((range.from(), String::new(), 0)..=(range.to(), String::from(char::MAX), u64::MAX));
        let lines: Vec<(Key, String)> = inside.map(|(key, line)| (key.clone(), line.clone())).collect();
        let late = std::mem::take(&mut heard.late).into_iter().map(|text| MalformedRecord {
            stream: id.clone(),
            height: range.from(),
            error: "a trade came after its time had been handed out".to_owned(),
            text,
        });
        heard.given_to = heard.given_to.max(range.to());
        heard.known.extend(lines.iter().map(|(key, _)| key.clone()));
        heard.forget();
        Lines { lines: lines.into_iter().map(|((time, ..), line)| (time, line)).collect(), holes, malformed: late.collect() }
    }
}

impl Drop for Trades {
    fn drop(&mut self) {
        if let Some(task) = self.listening.get_mut() {
            task.abort();
        }
    }
}

async fn listen_on(mut socket: Socket, heard: Arc<Mutex<Heard>>) {
    loop {
        match socket.next().await {
            Ok(text) => lock(&heard).message(&text),
            Err(error) => {
                let mut heard = lock(&heard);
                (heard.broke, heard.is_open) = (Some(error.message), false);
                return;
            }
        }
    }
}

impl Heard {
    /// Takes one message in.
    fn message(&mut self, text: &str) {
        let Ok(message) = serde_json::from_str::<Message<'_>>(text) else { return self.late.push(one_line(text)) };
        match message.channel {
            "subscriptionResponse" => {
                self.unconfirmed = self.unconfirmed.saturating_sub(1);
                if self.unconfirmed == 0 {
                    // From here on every market is listened to.
                    self.spans.push(BlockRange::single(now_ms()));
                    self.is_open = true;
                }
            }
            "trades" => {
                let trades: Vec<&RawValue> = serde_json::from_str(message.data.get()).unwrap_or_default();
                trades.into_iter().for_each(|trade| self.trade(trade.get()));
                self.prolong();
            }
            _ => self.prolong(),
        }
    }

    fn trade(&mut self, text: &str) {
        let Ok(TradeKey { coin, time, tid }) = serde_json::from_str(text) else { return self.late.push(one_line(text)) };
        let key = (time, coin, tid);
        let was_listened = self.spans.iter().any(|span| span.contains(time));
        if time > self.given_to {
            self.trades.insert(key, one_line(text));
        } else if was_listened && time + REMEMBERED_MS > self.given_to && self.known.insert(key) {
            self.late.push(one_line(text));
        }
        // Else it is told again after subscribing, or of a time that is a hole.
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

fn lock(heard: &Mutex<Heard>) -> MutexGuard<'_, Heard> {
    heard.lock().expect("no one panics while holding what was heard")
}
