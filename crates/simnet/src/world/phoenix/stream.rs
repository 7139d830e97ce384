//! The events of one Phoenix instruction, and the instruction that carries them.

use crate::chain::{SolanaInner, SolanaInstruction};
use crate::encode::phoenix::{Layout, Value};
use crate::rng::Rng;

/// A program that calls Phoenix for its users; any program does that is not Phoenix itself.
const ROUTER: &str = "JUP6LkbZbjS1jKKwapdHNy74zcZ3tLUZoi5QNyVTaV4";

/// The events under one parent instruction.
#[derive(Debug)]
pub(super) struct Stream<'l> {
    layout: &'l Layout,
    events: Vec<Vec<u8>>,
}

impl<'l> Stream<'l> {
    /// A stream as every instruction begins it.
    pub(super) fn new(layout: &'l Layout, slot: u64, time_secs: i64) -> Stream<'l> {
        let mut stream = Stream { layout, events: Vec::new() };
        stream.push("SlotContext", &[("timestamp", Value::Int(time_secs.into())), ("slot", Value::Int(slot.into()))]);
        stream
    }

    /// Adds an event.
    pub(super) fn push(&mut self, name: &str, values: &[(&str, Value)]) {
        self.events.push(self.layout.event(name, values));
    }

    /// Adds an event whose fields nobody reads.
    pub(super) fn push_opaque(&mut self, name: &str, body: &[u8]) {
        self.events.push(self.layout.opaque(name, body));
    }

    /// The instruction: called directly or through a router, its events in one batch or in two.
    pub(super) fn into_instruction(self, rng: &mut Rng) -> SolanaInstruction {
        let program = self.layout.program.clone();
        let data = [&rng.next().to_le_bytes()[..], &rng.next().to_le_bytes()].concat();
        let routed = rng.percent(10);
        let stack_height = if routed { 3 } else { 2 };
        let cut = if rng.percent(12) { self.events.len() / 2 } else { self.events.len() };
        let (first, second) = self.events.split_at(cut);
        let mut inner = Vec::new();
        if routed {
            inner.push(SolanaInner { program: program.clone(), data: data.clone(), stack_height: 2 });
        }
        for (batch, events) in [first, second].into_iter().enumerate().filter(|(_, events)| !events.is_empty()) {
            let pair = self.layout.batch(batch as u32, events);
            inner.extend(pair.map(|data| SolanaInner { program: program.clone(), data, stack_height }));
        }
        SolanaInstruction { program: if routed { ROUTER.to_owned() } else { program }, data, inner }
    }
}
