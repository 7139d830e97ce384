//! Open interest, prices, expected rates and the volume of the last day: stated for now only, so they are read once a slot
//! and kept until they are fetched.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use futures::future::BoxFuture;
use futures::{StreamExt, TryStreamExt, stream};
use perpdex_core::{BlockRange, RawRecord, SourceError};
use serde::Deserialize;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout_at};
use tracing::warn;

use super::calls::Calls;
use super::markets::{Listing, Markets};
use super::record::NewRecord;
use super::{Given, hole};

/// Slots that are kept: eight hours of five minutes. One that is not fetched by then is a hole.
const SLOTS_MAX: usize = 96;
/// Calls under way at once.
const CONCURRENT: usize = 4;
/// Tries of a slot that failed, while it lasts.
const TRIES_MAX: u32 = 5;
const HOUR_MS: u64 = 3_600_000;

/// What was read, slot by slot.
pub(super) struct Snapshots {
    slot_ms: u64,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    /// First slot that was watched.
    since: Option<u64>,
    slots: BTreeMap<u64, Result<Vec<RawRecord>, String>>,
}

/// What is known of a slot.
enum Slot {
    Read(Vec<RawRecord>),
    Missed(String),
    Reading,
}

impl Snapshots {
    pub(super) fn new(slot_ms: u64) -> Snapshots {
        Snapshots { slot_ms, state: Mutex::default(), changed: Notify::new() }
    }

    /// Reads every slot as it begins; never ends.
    pub(super) async fn watch(&self, calls: &Calls, markets: &Markets, look_ms: u64) {
        let mut done = None;
        let mut tries = 0;
        loop {
            match calls.now_ms().await {
                Ok(now) => {
                    let slot = now - now % self.slot_ms;
                    self.state().since.get_or_insert(slot);
                    if done != Some(slot) {
                        let read = self.read(calls, markets, slot).await;
                        tries += 1;
                        if let Err(error) = &read {
                            warn!(slot, tries, %error, "snapshot failed");
                        }
                        if read.is_ok() || tries == TRIES_MAX {
                            self.keep(slot, read.map_err(|error| error.to_string()));
                            (done, tries) = (Some(slot), 0);
                        }
                    }
                }
                Err(error) => warn!(%error, "the venue's clock cannot be read"),
            }
            sleep(Duration::from_millis(look_ms)).await;
        }
    }

    /// Slots that begin in the range; waits for the one that is being read.
    pub(super) async fn fetch(&self, range: BlockRange) -> Result<Given, SourceError> {
        let mut given = Given::default();
        let deadline = Instant::now() + Duration::from_millis(self.slot_ms);
        let mut slot = range.from().div_ceil(self.slot_ms) * self.slot_ms;
        while slot <= range.to() {
            match self.slot(slot, deadline).await {
                Ok(records) => given.records.extend(records),
                Err(why) => given.holes.extend(hole(slot, slot + self.slot_ms - 1, format!("no snapshot at {slot} ms: {why}"))),
            }
            slot += self.slot_ms;
        }
        Ok(given)
    }

    async fn slot(&self, slot: u64, deadline: Instant) -> Result<Vec<RawRecord>, String> {
        loop {
            let changed = self.changed.notified();
            match self.look(slot) {
                Slot::Read(records) => return Ok(records),
                Slot::Missed(why) => return Err(why),
                Slot::Reading => {}
            }
            if timeout_at(deadline, changed).await.is_err() {
                return Err("it was not read while it lasted".to_owned());
            }
        }
    }

    fn look(&self, slot: u64) -> Slot {
        let state = self.state();
        match state.slots.get(&slot) {
            Some(Ok(records)) => Slot::Read(records.clone()),
            Some(Err(why)) => Slot::Missed(why.clone()),
            None if state.since.is_some_and(|since| slot < since) => Slot::Missed("nobody watched then".to_owned()),
            None if state.slots.keys().next_back().is_some_and(|newest| slot < *newest) => {
                Slot::Missed("it was over before it could be read".to_owned())
            }
            None => Slot::Reading,
        }
    }

    fn keep(&self, slot: u64, read: Result<Vec<RawRecord>, String>) {
        let mut state = self.state();
        state.slots.insert(slot, read);
        while state.slots.len() > SLOTS_MAX {
            state.slots.pop_first();
        }
        drop(state);
        self.changed.notify_waiters();
    }

    async fn read(&self, calls: &Calls, markets: &Markets, slot: u64) -> Result<Vec<RawRecord>, SourceError> {
        let listing = markets.at(calls, slot).await?;
        let mut records = Vec::new();
        for answer in calls.premium_index().await? {
            let symbol = calls.read::<Named>("premiumIndex", &answer)?.symbol;
            // The answer has indexes besides, which nobody can trade.
            if listing.has(&symbol) {
                let interval_hours = listing.interval_hours(&symbol);
                records.push(NewRecord { interval_hours, ord: 1, ..row("premium_index", &symbol, slot, &answer) }.make());
            }
        }
        if slot.is_multiple_of(HOUR_MS) {
            for answer in calls.tickers().await? {
                let Ticker { symbol, count } = calls.read("ticker/24hr", &answer)?;
                // A day without a trade has no times of its own.
                if listing.has(&symbol) && count > 0 {
                    records.push(NewRecord { ord: 2, ..row("ticker_24h", &symbol, slot, &answer) }.make());
                }
            }
        }
        records.extend(levels(calls, &listing, slot).await?);
        Ok(records)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no one panics while holding the snapshots")
    }
}

/// Open interest, one call a market that trades.
async fn levels(calls: &Calls, listing: &Listing, slot: u64) -> Result<Vec<RawRecord>, SourceError> {
    let mut asked: Vec<BoxFuture<'_, Result<RawRecord, SourceError>>> = Vec::new();
    for market in listing.by(slot) {
        asked.push(Box::pin(async move {
            let answer = calls.open_interest(&market.symbol).await?;
            Ok(row("open_interest", &market.symbol, slot, &answer).make())
        }));
    }
    stream::iter(asked).buffer_unordered(CONCURRENT).try_collect().await
}

#[derive(Deserialize)]
struct Named {
    symbol: String,
}

#[derive(Deserialize)]
struct Ticker {
    symbol: String,
    count: i64,
}

fn row<'a>(row: &'a str, symbol: &'a str, slot: u64, answer: &'a serde_json::value::RawValue) -> NewRecord<'a> {
    NewRecord { part: "snapshots", row, symbol, height: slot, id: "", ord: 0, interval_hours: None, previous_ms: None, answer }
}
