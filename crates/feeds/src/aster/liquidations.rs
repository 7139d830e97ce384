//! The stream of forced orders: pushed once, at most one a symbol and second. What came while no connection was open is lost.
//!
//! The stream is quiet for minutes at a time, and a dead connection is quiet, too. So silence counts as heard only where something proves
//! it: a message, or the answer to a ping, came after all that was pushed before it. The venue has pushed what happened at a moment
//! when the time to settle has passed since; a ping that goes out then and is answered shows that all of that came.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use perpdex_core::{BlockRange, RangeSet, RawRecord};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout_at};
use tracing::warn;

use super::calls::Calls;
use super::record::NewRecord;
use super::{Given, hole};
use crate::socket::{Heard, Socket, SocketEndpoint};

/// Messages that are kept until they are fetched.
const KEPT_MAX: usize = 200_000;
/// Stretches of open connection that are kept.
const STRETCHES_MAX: usize = 1_000;

/// What was pushed, and when somebody listened.
pub(super) struct Liquidations {
    socket: SocketEndpoint,
    settle_ms: u64,
    state: Mutex<State>,
    /// A proof is wanted.
    wanted: Notify,
    /// More was heard, or the connection ended.
    changed: Notify,
}

#[derive(Default)]
struct State {
    records: VecDeque<RawRecord>,
    /// What connections that have ended had heard.
    heard: VecDeque<Stretch>,
    /// What the connection that is open has heard.
    open: Option<Stretch>,
}

/// What one connection has heard of all that was pushed: what happened between two moments, inclusive, unix milliseconds.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    from: u64,
    /// As far as it is proved; before `from` where nothing is.
    to: u64,
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
    /// `settle_ms`: how long after a moment all that happened then has been pushed.
    pub(super) fn new(socket: SocketEndpoint, settle_ms: u64) -> Liquidations {
        Liquidations { socket, settle_ms, state: Mutex::default(), wanted: Notify::new(), changed: Notify::new() }
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
        self.change(|state| state.open = Some(Stretch { from: since, to: 0 }));
        let end = loop {
            let heard = tokio::select! {
                heard = socket.next() => heard,
                () = self.wanted.notified() => match socket.ping().await {
                    Ok(()) => continue,
                    Err(error) => Err(error),
                },
            };
            match heard {
                Ok(Heard::Text(text)) => match self.keep(&text) {
                    Ok(event_ms) => self.proved(event_ms),
                    Err(error) => break format!("a message of the stream cannot be read: {error}: {text}"),
                },
                Ok(Heard::Pong(clock_ms)) => self.proved(clock_ms),
                Err(error) => break error.to_string(),
            }
        };
        self.change(|state| {
            let ended = state.open.take();
            state.heard.extend(ended);
            while state.heard.len() > STRETCHES_MAX {
                state.heard.pop_front();
            }
        });
        end
    }

    /// All that was pushed by this moment has come.
    fn proved(&self, pushed_ms: u64) {
        let to = pushed_ms.saturating_sub(self.settle_ms);
        self.change(|state| {
            if let Some(open) = &mut state.open {
                open.to = open.to.max(to);
            }
        });
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state());
        self.changed.notify_waiters();
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
            state.heard.retain(|stretch| dropped < stretch.to);
            let State { heard, open, .. } = &mut *state;
            heard.iter_mut().chain(open).for_each(|stretch| stretch.from = stretch.from.max(dropped + 1));
        }
        Ok(event_ms)
    }

    /// What was pushed in the range; holes where nobody listened, or nothing shows that all of it came. By the venue's clock the range must
    /// have settled.
    pub(super) async fn fetch(&self, range: BlockRange) -> Given {
        self.prove(range.to()).await;
        let state = self.state();
        let stretches = state.heard.iter().chain(&state.open);
        let heard = RangeSet::from_ranges(stretches.filter_map(|stretch| BlockRange::new(stretch.from, stretch.to)));
        let missed = heard.missing(range);
        // The same words whoever asks, and however often; the log says why the connection ended.
        let detail = || "nothing shows that the stream of liquidations was heard".to_owned();
        let holes = missed.ranges().iter().filter_map(|range| hole(range.from(), range.to(), detail())).collect();
        let records = state.records.iter().filter(|record| range.contains(record.height)).cloned().collect();
        Given { records, holes }
    }

    /// Has the connection prove that all of a settled moment came: until it has, or has ended, or has been silent for so long that it will.
    async fn prove(&self, to: u64) {
        let deadline = Instant::now() + self.socket.silence_max;
        self.wanted.notify_one();
        loop {
            let changed = self.changed.notified();
            let is_unproved = self.state().open.is_some_and(|open| open.from <= to && open.to < to);
            if !is_unproved || timeout_at(deadline, changed).await.is_err() {
                return;
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no one panics while holding the liquidations")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::socket::Ping;

    fn range(from: u64, to: u64) -> BlockRange {
        BlockRange::new(from, to).expect("the range is not empty")
    }

    fn liquidations(settle_ms: u64) -> Liquidations {
        let seconds = Duration::from_secs(30);
        let ping = Ping::Frame(std::sync::Arc::default());
        let (url, label) = (String::new(), "test".to_owned());
        Liquidations::new(
            SocketEndpoint { url, label, connect_timeout: seconds, silence_max: seconds, ping, message_bytes_max: 1 },
            settle_ms,
        )
    }

    async fn holes(liquidations: &Liquidations, range: BlockRange) -> Vec<(u64, u64)> {
        liquidations.fetch(range).await.holes.iter().map(|hole| (hole.range.from(), hole.range.to())).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn silence_is_a_hole_until_something_proves_it() {
        let stream = liquidations(10);
        assert_eq!(holes(&stream, range(1, 100)).await, [(1, 100)], "nobody listens");
        stream.change(|state| state.open = Some(Stretch { from: 50, to: 0 }));
        assert_eq!(holes(&stream, range(1, 100)).await, [(1, 100)], "a connection alone proves nothing");
        stream.proved(90);
        assert_eq!(holes(&stream, range(1, 100)).await, [(1, 49), (81, 100)], "what was pushed late may be on its way");
        stream.proved(110);
        assert_eq!(holes(&stream, range(1, 100)).await, [(1, 49)], "a slow answer mends it");
        stream.proved(70);
        assert_eq!(holes(&stream, range(50, 100)).await, [], "what is proved stays so");
    }

    #[tokio::test(start_paused = true)]
    async fn a_fetch_asks_for_a_proof_and_waits_for_it() {
        let stream = liquidations(0);
        stream.change(|state| state.open = Some(Stretch { from: 1, to: 0 }));
        let answered = async {
            stream.wanted.notified().await;
            sleep(Duration::from_secs(20)).await;
            stream.proved(100);
        };
        assert_eq!(tokio::join!(holes(&stream, range(1, 100)), answered).0, []);
    }
}
