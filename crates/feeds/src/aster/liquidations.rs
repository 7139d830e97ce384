//! The stream of forced orders: pushed once, at most one a symbol and second. What came while no connection was open is lost.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use perpdex_core::{BlockRange, RangeSet, RawRecord, SourceError};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::{Instant, sleep};
use tracing::warn;

use super::calls::Calls;
use super::record::NewRecord;
use super::{Given, hole};
use crate::socket::{Socket, SocketEndpoint};

/// Messages that are kept until they are fetched.
const KEPT_MAX: usize = 200_000;
/// Stretches of open connection that are kept.
const STRETCHES_MAX: usize = 1_000;

/// What was pushed, and when somebody listened.
pub(super) struct Liquidations {
    socket: SocketEndpoint,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    records: VecDeque<RawRecord>,
    /// Closed stretches of open connection, unix milliseconds, ascending.
    heard: VecDeque<(u64, u64)>,
    /// Start of the connection that is open.
    open_since: Option<u64>,
}

#[derive(Deserialize)]
struct Message {
    #[serde(rename = "E")]
    event_ms: u64,
    o: Order,
}

#[derive(Deserialize)]
struct Order {
    s: String,
    #[serde(rename = "S")]
    side: String,
    ap: String,
    z: String,
    #[serde(rename = "T")]
    time: u64,
}

impl Liquidations {
    pub(super) fn new(socket: SocketEndpoint) -> Liquidations {
        Liquidations { socket, state: Mutex::default() }
    }

    /// Listens and connects again; never ends.
    pub(super) async fn watch(&self, calls: &Calls, look_ms: u64) {
        loop {
            let end = self.listen(calls).await;
            warn!(error = end, "the stream of liquidations is interrupted");
            sleep(Duration::from_millis(look_ms)).await;
        }
    }

    /// One connection, and why it ended.
    async fn listen(&self, calls: &Calls) -> String {
        let mut socket = match Socket::connect(self.socket.clone(), &[]).await {
            Ok(socket) => socket,
            Err(error) => return error.to_string(),
        };
        let since = match calls.now_ms().await {
            Ok(now) => now,
            Err(error) => return error.to_string(),
        };
        self.state().open_since = Some(since);
        let mut heard = Instant::now();
        let mut newest = since;
        let end = loop {
            match socket.next().await {
                Ok(text) => match self.keep(&text) {
                    Ok(event_ms) => (heard, newest) = (Instant::now(), newest.max(event_ms)),
                    Err(error) => break format!("a message of the stream cannot be read: {error}: {text}"),
                },
                Err(error) => break error.to_string(),
            }
        };
        // A connection that broke may have been dead for as long as nothing came: only what was heard counts, up to the
        // moment that the venue's clock shows when the end is seen at once.
        let silent_ms = u64::try_from(heard.elapsed().as_millis()).unwrap_or(u64::MAX);
        let until = match calls.now_ms().await {
            Ok(now) if end.ends_with(Socket::CLOSED) => now,
            Ok(now) => now.saturating_sub(silent_ms).max(newest),
            Err(_) => newest,
        };
        let mut state = self.state();
        state.open_since = None;
        state.heard.push_back((since, until));
        while state.heard.len() > STRETCHES_MAX {
            state.heard.pop_front();
        }
        end
    }

    fn keep(&self, text: &str) -> Result<u64, serde_json::Error> {
        let answer: &RawValue = serde_json::from_str(text)?;
        let Message { event_ms, o: order } = serde_json::from_str(text)?;
        let id = format!("{}/{}/{}/{}", order.time, order.side, order.z, order.ap);
        let record = NewRecord {
            part: "liquidations",
            row: "force_order",
            symbol: &order.s,
            height: event_ms,
            id: &id,
            ord: 0,
            interval_hours: None,
            previous_ms: None,
            answer,
        };
        let mut state = self.state();
        state.records.push_back(record.make());
        if state.records.len() > KEPT_MAX {
            // What is dropped was not heard.
            let dropped = state.records.pop_front().map_or(0, |record| record.height);
            state.heard.retain(|(_, to)| dropped < *to);
            state.heard.iter_mut().for_each(|stretch| stretch.0 = stretch.0.max(dropped + 1));
            state.open_since = state.open_since.map(|since| since.max(dropped + 1));
        }
        Ok(event_ms)
    }

    /// What was pushed in the range; holes where nobody listened.
    pub(super) async fn fetch(&self, calls: &Calls, range: BlockRange) -> Result<Given, SourceError> {
        let now = calls.now_ms().await?;
        let state = self.state();
        let open = state.open_since.map(|since| (since, now.max(range.to())));
        let heard = RangeSet::from_ranges(state.heard.iter().copied().chain(open).filter_map(|(from, to)| BlockRange::new(from, to)));
        let missed = heard.missing(range);
        // The same words whoever asks, and however often; the log says why the connection ended.
        let detail = || "no connection to the stream of liquidations".to_owned();
        let holes = missed.ranges().iter().filter_map(|range| hole(range.from(), range.to(), detail())).collect();
        let records = state.records.iter().filter(|record| range.contains(record.height)).cloned().collect();
        Ok(Given { records, holes })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no one panics while holding the liquidations")
    }
}
