//! What is known of one endpoint, and the order in which endpoints are asked.

use std::collections::BTreeMap;
use std::time::Duration;

use perpdex_core::FetchHeights;

use super::Ask;
use super::breaker::{Breaker, Opening};
use super::latency::Latency;
use super::pace::Pace;
use crate::options::EngineOptions;
use crate::sizing::RangeSizer;

/// An endpoint is passed over for a later one that answers so many times as fast.
const SLOW_FACTOR: u32 = 4;

/// Differences below this are no reason to pass an endpoint over.
const SLOW_MIN: Duration = Duration::from_millis(500);

pub(super) struct State {
    /// Why the endpoint is not asked any more, by kind of question.
    pub(super) dropped: BTreeMap<Ask, String>,
    pub(super) breaker: Breaker,
    pub(super) pace: Pace,
    pub(super) sizer: RangeSizer,
    /// What its last answer about heads said of its first height; `None` before the first answer.
    pub(super) earliest: Option<Option<u64>>,
    /// Answers that lacked records.
    pub(super) omissions: u64,
    /// Whether another endpoint is ahead of it by more than the options allow.
    pub(super) is_behind: bool,
    latency: BTreeMap<Ask, Latency>,
    under_way: usize,
    /// Requests for which turns were taken.
    paid: u64,
}

impl State {
    pub(super) fn new(options: &EngineOptions, own: Option<FetchHeights>) -> State {
        State {
            dropped: BTreeMap::new(),
            breaker: Breaker::new(options),
            pace: Pace::new(options),
            sizer: RangeSizer::new(options, own),
            earliest: None,
            omissions: 0,
            is_behind: false,
            latency: BTreeMap::new(),
            under_way: 0,
            paid: 0,
        }
    }

    /// A call begins.
    pub(super) fn begins(&mut self) {
        self.under_way += 1;
        self.paid += 1;
        self.breaker.begins();
    }

    /// A call was answered.
    pub(super) fn succeeded(&mut self, ask: Ask, took: Duration) {
        self.breaker.succeeded();
        self.pace.succeeded();
        self.took(ask, took);
    }

    /// What an answer took, or is known to take at least.
    pub(super) fn took(&mut self, ask: Ask, took: Duration) {
        self.latency.entry(ask).or_default().add(took);
    }

    /// A call ended; the endpoint has been sent so many requests since the start.
    pub(super) fn ended(&mut self, requests: u64) {
        self.under_way -= 1;
        self.breaker.ended();
        let unpaid = requests.saturating_sub(self.paid);
        self.paid += unpaid;
        self.pace.charge(unpaid);
    }

    /// Stops asking the endpoint this kind of question, or any.
    pub(super) fn drop_for(&mut self, ask: Option<Ask>, reason: &str) {
        let all = [Ask::Heads, Ask::Records, Ask::Blocks, Ask::Proof, Ask::State];
        for ask in all.into_iter().filter(|one| ask.is_none_or(|ask| ask == *one)) {
            self.dropped.entry(ask).or_insert_with(|| reason.to_owned());
        }
    }

    /// Whether the endpoint may be asked at once.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.breaker.opening(), Opening::Now)
    }

    /// Whether the endpoint is open and has nothing to do.
    pub(super) fn is_idle(&self) -> bool {
        self.under_way == 0 && self.is_open()
    }

    pub(super) fn percentile(&self, ask: Ask, percent: u32) -> Option<Duration> {
        self.latency.get(&ask)?.percentile(percent)
    }
}

/// Endpoints to ask, the best first: the user's order, but those last that were caught leaving records out, before them
/// those that are behind, and before these those that another one outruns by far. Who cannot give records, or gives them
/// slowly, is no good witness of the head either: both come from one endpoint.
pub(super) fn order(states: &[State], ask: Ask) -> Vec<usize> {
    let judged = if ask == Ask::Heads { Ask::Records } else { ask };
    let median = |endpoint: usize| states[endpoint].percentile(judged, 50);
    let mut live: Vec<usize> = (0..states.len()).filter(|endpoint| !states[*endpoint].dropped.contains_key(&ask)).collect();
    let fastest = live.iter().filter_map(|endpoint| median(*endpoint)).min();
    let is_slow = |endpoint: usize| match (median(endpoint), fastest) {
        (Some(own), Some(fastest)) => SLOW_MIN < own && fastest * SLOW_FACTOR < own,
        _ => false,
    };
    live.sort_by_key(|endpoint| {
        let state = &states[*endpoint];
        (0 < state.omissions, state.dropped.contains_key(&Ask::Records), state.is_behind, is_slow(*endpoint), *endpoint)
    });
    live
}
