//! Collecting what comes of one unit: keys, order and failures are the same for all venues.

use alloy_primitives::B256;
use perpdex_core::{
    ChainId, DecodeUnit, Decoded, Disposition, Event, EventBody, EventKey, EventSpec, EvmFilter, EvmLog, Failure, FailureKind, RawBody,
    RawRecord, StreamSpec, Text, VenueInfo, VenueSlug, Watch,
};

use crate::{abi::DataError, borsh::LayoutError};

/// One event of an EVM layout.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EvmEvent {
    /// Hash of its signature.
    pub(crate) topic0: B256,
    /// Name and what becomes of it.
    pub(crate) spec: EventSpec,
}

/// A row of a layout.
pub(crate) const fn event(topic0: B256, name: &'static str, disposition: Disposition) -> EvmEvent {
    EvmEvent { topic0, spec: EventSpec { name, disposition } }
}

/// The one stream of a venue whose contracts on a chain are watched together; none where it is not deployed.
/// Without topics the stream sees every event of the contracts.
pub(crate) fn evm_streams(info: &VenueInfo, chain: ChainId, topics: [Vec<B256>; 4]) -> Vec<StreamSpec> {
    let deployed: Vec<_> = info.deployments.iter().filter(|deployment| deployment.chain == chain).collect();
    if deployed.is_empty() {
        return Vec::new();
    }
    let addresses = deployed.iter().map(|deployment| deployment.address.parse().expect("a deployment's address is hex")).collect();
    // Nothing lies before the earliest only where the beginning of each is known.
    let first_height = deployed.iter().map(|deployment| deployment.first_height).min().flatten();
    let sees_unknown = topics.iter().all(Vec::is_empty);
    let watch = Watch::Evm(vec![EvmFilter { addresses, topics }]);
    vec![StreamSpec { part: "", version: 1, watch, first_height, sees_unknown }]
}

/// The rows of a layout without their selectors, as [`perpdex_core::VenueInfo`] lists them.
pub(crate) const fn specs<const N: usize>(layout: &[EvmEvent; N]) -> [EventSpec; N] {
    let mut out = [layout[0].spec; N];
    let mut i = 1;
    while i < N {
        out[i] = layout[i].spec;
        i += 1;
    }
    out
}

/// Why a record of a known kind gave nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DecodeError {
    kind: FailureKind,
    error: String,
}

impl DecodeError {
    /// The bytes do not have their layout.
    pub(crate) fn malformed(error: String) -> DecodeError {
        DecodeError { kind: FailureKind::Malformed, error }
    }

    /// The layout is right, the value is not one the venue can mean.
    pub(crate) fn invalid(error: String) -> DecodeError {
        DecodeError { kind: FailureKind::Invalid, error }
    }
}

impl From<LayoutError> for DecodeError {
    fn from(error: LayoutError) -> DecodeError {
        DecodeError::malformed(error.to_string())
    }
}

impl From<DataError> for DecodeError {
    fn from(error: DataError) -> DecodeError {
        DecodeError::malformed(error.to_string())
    }
}

impl From<perpdex_core::AmountError> for DecodeError {
    fn from(error: perpdex_core::AmountError) -> DecodeError {
        DecodeError::invalid(error.to_string())
    }
}

/// Events of most small transactions. As many are small enough for what the allocator hands out fastest.
const EVENTS_USUAL: usize = 3;

/// What came of one unit so far. Records must be visited in their order.
#[derive(Debug)]
pub(crate) struct Emitter<'a> {
    unit: DecodeUnit<'a>,
    venue: VenueSlug,
    out: Decoded,
}

impl<'a> Emitter<'a> {
    /// Nothing yet.
    pub(crate) fn new(unit: &DecodeUnit<'a>, venue: VenueSlug) -> Emitter<'a> {
        Emitter { unit: *unit, venue, out: Decoded::default() }
    }

    /// Adds an event of a record; several events of one record are told apart by their order.
    #[inline]
    pub(crate) fn event(&mut self, record: &RawRecord, market: Option<Text>, body: EventBody) {
        self.event_at(record, self.unit.time_ms, market, body);
    }

    /// The same at the time that the record itself tells, unix milliseconds.
    #[inline]
    pub(crate) fn event_at(&mut self, record: &RawRecord, time_ms: i64, market: Option<Text>, body: EventBody) {
        let sub = match self.out.events.last() {
            Some(last) if last.key.rec == record.rec => last.key.sub + 1,
            _ => 0,
        };
        if self.out.events.is_empty() {
            self.out.events.reserve_exact(self.unit.records.len().max(EVENTS_USUAL));
        }
        self.out.events.push(Event {
            key: EventKey { height: self.unit.height, rec: record.rec, sub },
            ord: record.ord,
            chain: self.unit.chain,
            venue: self.venue,
            market,
            time_ms,
            tx_id: self.unit.tx_id.clone(),
            body,
        });
    }

    /// Adds a record of a known kind that could not be used; `name` is its event.
    pub(crate) fn failure(&mut self, record: &RawRecord, name: &str, error: DecodeError) {
        let DecodeError { kind, error } = error;
        self.out.failures.push(failure(&self.unit, record, kind, format!("{name}: {error}")));
    }

    /// Adds a record of a kind that the layout does not list.
    pub(crate) fn unknown(&mut self, record: &RawRecord, what: String) {
        self.out.unknown.push(failure(&self.unit, record, FailureKind::UnknownEvent, what));
    }

    /// The log of a record with its selector; what is not a log, or has no selector, is counted as unknown.
    pub(crate) fn log<'r>(&mut self, record: &'r RawRecord) -> Option<(&'r EvmLog, B256)> {
        let RawBody::EvmLog(log) = &record.body else {
            self.unknown(record, "not an EVM log".to_owned());
            return None;
        };
        match log.topics.first() {
            Some(topic0) => Some((log, *topic0)),
            None => {
                self.unknown(record, "log without topics".to_owned());
                None
            }
        }
    }

    /// All that came of the unit, refusals in the order of their records.
    pub(crate) fn finish(mut self) -> Decoded {
        self.out.failures.sort_by_key(|failure| failure.rec);
        self.out
    }
}

fn failure(unit: &DecodeUnit<'_>, record: &RawRecord, kind: FailureKind, error: String) -> Failure {
    Failure { height: unit.height, rec: record.rec, part: String::new(), kind, error }
}
