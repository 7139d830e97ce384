//! Fetches ahead: several ranges at once, handed out in ascending order, within a bound on ranges and bytes.

use std::collections::VecDeque;
use std::sync::Arc;

use perpdex_core::Headers;
use tokio::task::JoinSet;

use crate::error::ChainStop;
use crate::fetch::{FetchContext, Fetched, Piece};
use crate::plan::Planned;

/// Ranges on their way from the endpoints to the commit. Dropping it ends the requests under way.
pub(crate) struct FetchAhead {
    context: Arc<FetchContext>,
    headers: Headers,
    plans: VecDeque<Planned>,
    slots: VecDeque<Slot>,
    tasks: JoinSet<(u64, Result<Fetched, ChainStop>)>,
    next_slot: u64,
}

/// One planned range: what of it is here, what is still to come.
struct Slot {
    id: u64,
    ready: VecDeque<Result<Fetched, ChainStop>>,
    rest: Option<Planned>,
    is_fetching: bool,
}

impl FetchAhead {
    /// Fetches `plans`, which must be ascending, with these headers.
    pub(crate) fn new(context: Arc<FetchContext>, plans: Vec<Planned>, headers: Headers) -> FetchAhead {
        FetchAhead { context, headers, plans: plans.into(), slots: VecDeque::new(), tasks: JoinSet::new(), next_slot: 0 }
    }

    /// The next part of the plan, in order; `None` when all of it is handed out.
    ///
    /// May be cancelled at an await without losing anything.
    pub(crate) async fn next(&mut self) -> Option<Result<Fetched, ChainStop>> {
        loop {
            self.launch();
            let front = self.slots.front_mut()?;
            // Only the commit of the first range makes room: what it needs, it gets.
            self.context.room.set_front(front.id);
            if let Some(item) = front.ready.pop_front() {
                return Some(item);
            }
            if front.rest.is_none() && !front.is_fetching {
                self.slots.pop_front();
                continue;
            }
            match self.tasks.join_next().await {
                Some(Ok((slot, outcome))) => self.arrived(slot, outcome),
                Some(Err(error)) => std::panic::resume_unwind(error.into_panic()),
                None => unreachable!("a slot that waits has a task"),
            }
        }
    }

    /// The next part of the plan if it is here already and `fits`.
    pub(crate) fn next_if(&mut self, fits: impl FnOnce(&Piece) -> bool) -> Option<Piece> {
        while let Some(joined) = self.tasks.try_join_next() {
            match joined {
                Ok((slot, outcome)) => self.arrived(slot, outcome),
                Err(error) => std::panic::resume_unwind(error.into_panic()),
            }
        }
        while self.slots.front().is_some_and(|front| front.ready.is_empty() && front.rest.is_none() && !front.is_fetching) {
            self.slots.pop_front();
        }
        self.launch();
        let ready = &mut self.slots.front_mut()?.ready;
        match ready.pop_front()? {
            Ok(Fetched::Piece(piece)) if fits(&piece) => Some(*piece),
            other => {
                ready.push_front(other);
                None
            }
        }
    }

    /// Ranges that are being fetched or wait to be handed out.
    pub(crate) fn in_flight(&self) -> usize {
        self.slots.len()
    }

    /// Fetches a range that was handed out once more, before everything else.
    pub(crate) fn again(&mut self, planned: Planned) {
        self.slots.push_front(Slot { id: self.next_slot, ready: VecDeque::new(), rest: Some(planned), is_fetching: false });
        self.next_slot += 1;
    }

    /// Starts what the bound on ranges allows; the bound on bytes is waited for by each task.
    fn launch(&mut self) {
        for place in 0..self.slots.len() {
            self.start(place);
        }
        while self.slots.len() < self.context.options.fetch_ahead.max(1) {
            let Some(rest) = self.take_plan() else { break };
            self.slots.push_back(Slot { id: self.next_slot, ready: VecDeque::new(), rest: Some(rest), is_fetching: false });
            self.next_slot += 1;
            self.start(self.slots.len() - 1);
        }
    }

    fn start(&mut self, place: usize) {
        let slot = &mut self.slots[place];
        if slot.is_fetching {
            return;
        }
        let Some(planned) = slot.rest.clone() else { return };
        slot.is_fetching = true;
        let (id, context, headers) = (slot.id, self.context.clone(), self.headers);
        self.tasks.spawn(async move { (id, context.fetch(id, &planned, headers).await) });
    }

    /// The next range of the size that endpoints take at the moment.
    fn take_plan(&mut self) -> Option<Planned> {
        let plan = self.plans.pop_front()?;
        let blocks = self.context.blocks_per_fetch(&plan.streams, self.headers);
        let (range, rest) = plan.range.split_at(blocks);
        if let Some(rest) = rest {
            self.plans.push_front(Planned { range: rest, streams: plan.streams.clone() });
        }
        Some(Planned { range, streams: plan.streams })
    }

    fn arrived(&mut self, id: u64, outcome: Result<Fetched, ChainStop>) {
        let slot = self.slots.iter_mut().find(|slot| slot.id == id).expect("a slot stays until its task is done");
        slot.is_fetching = false;
        slot.rest = match (&outcome, slot.rest.take()) {
            (Ok(fetched), Some(planned)) => {
                let rest = planned.range.split_at(fetched.range().blocks()).1;
                rest.map(|range| Planned { range, streams: planned.streams })
            }
            _ => None,
        };
        slot.ready.push_back(outcome);
    }
}
