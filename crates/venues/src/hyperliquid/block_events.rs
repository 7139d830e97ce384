//! The events of one block of misc events, as they are made.

use std::collections::HashMap;

use perpdex_core::{DecodeUnit, Event, EventBody, EventKey, derived_id};

use super::{SLUG, STREAM_ORD};

/// Events of a block, each under a key of its own.
pub(super) struct BlockEvents<'u> {
    unit: DecodeUnit<'u>,
    events: Vec<Event>,
    /// How often a natural key was seen.
    seen: HashMap<String, u32>,
}

impl BlockEvents<'_> {
    pub(super) fn new(unit: DecodeUnit<'_>) -> BlockEvents<'_> {
        BlockEvents { unit, events: Vec::new(), seen: HashMap::new() }
    }

    /// Time of the block, unix milliseconds.
    pub(super) fn time_ms(&self) -> i64 {
        self.unit.time_ms
    }

    pub(super) fn into_events(self) -> Vec<Event> {
        self.events
    }

    /// Adds an event. The key is its natural key, with a count where the same one comes again in the block.
    pub(super) fn push(&mut self, key: &[&str], market: Option<String>, body: EventBody) {
        let nth = self.seen.entry(key.join("/")).or_default();
        let count = nth.to_string();
        *nth += 1;
        let rec = derived_id(&[key, &[count.as_str()]].concat());
        self.events.push(Event {
            key: EventKey { height: self.unit.height, rec, sub: 0 },
            ord: STREAM_ORD + i64::try_from(self.events.len()).expect("a block's events are counted in memory"),
            chain: self.unit.chain,
            venue: SLUG,
            market: market.map(Into::into),
            time_ms: self.unit.time_ms,
            tx_id: self.unit.tx_id.to_owned(),
            body,
        });
    }
}
