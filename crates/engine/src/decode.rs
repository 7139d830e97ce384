//! From a batch to a commit: routes records to streams, groups them into units, runs the venues' decoders.
//!
//! Pure, so that it may run on any thread. The unit is all watched records of one venue in one transaction; records
//! that stand for a block rather than a transaction are grouped by block and stream.

use std::collections::{BTreeMap, HashMap};

use alloy_primitives::{Address, Bytes};
use perpdex_core::{
    Batch, ChainId, Commit, DecodeUnit, Decoded, Failure, FailureKind, RawBody, RawRecord, StateCall, StreamId, Text, Venue, VenueSlug,
};

use crate::job::JobStream;

/// Time of a range's first and last height, unix milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Times {
    pub(crate) from_ms: i64,
    pub(crate) to_ms: i64,
}

/// A contract value that a decoder asks for.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) height: u64,
    pub(crate) time_ms: i64,
    pub(crate) call: StateCall,
}

/// What became of a batch.
pub(crate) enum Decoding {
    /// What one commit writes.
    Done(Box<Commit>),
    /// Nothing yet: contract values are wanted, each once.
    Needs { batch: Batch, wanted: Vec<Wanted> },
}

/// Contract values of a batch, by height, contract and call data.
type State = BTreeMap<(u64, Address, Bytes), RawRecord>;

/// Decodes a checked batch. Contract values that it does not hold are asked for, unless `is_last`: then decoders do without.
pub(crate) fn decode(
    chain: ChainId,
    streams: &[&JobStream],
    venues: &[&dyn Venue],
    mut batch: Batch,
    times: Times,
    is_last: bool,
) -> Decoding {
    let (state, records) = split_state(std::mem::take(&mut batch.records));
    let units = group(streams, records);
    let calls: Vec<Vec<StateCall>> = units.iter().map(|unit| unit.state_calls(chain, venues)).collect();
    let mut wanted: BTreeMap<(u64, Address, Bytes), Wanted> = BTreeMap::new();
    for (unit, calls) in units.iter().zip(&calls) {
        let (height, time_ms) = (unit.records[0].height, unit.records[0].time_ms);
        for call in calls {
            let key = (height, call.address, call.calldata.clone());
            if !state.contains_key(&key) {
                wanted.entry(key).or_insert_with(|| Wanted { height, time_ms, call: call.clone() });
            }
        }
    }
    if !wanted.is_empty() && !is_last {
        let seen = units.into_iter().flat_map(|unit| unit.records.into_iter().zip(unit.owners));
        batch.records = seen.filter_map(|(record, owner)| owner.map(|_| record)).chain(state.into_values()).collect();
        batch.records.sort_by_key(|record| (record.height, record.ord, record.rec));
        return Decoding::Needs { batch, wanted: wanted.into_values().collect() };
    }
    let mut commit = Commit {
        chain,
        range: batch.range,
        streams: streams.iter().map(|stream| stream.id.clone()).collect(),
        evidence: batch.evidence,
        from_ms: times.from_ms,
        to_ms: times.to_ms,
        blocks: batch.blocks,
        records: Vec::with_capacity(batch.records.len()),
        events: Vec::new(),
        failures: Vec::new(),
        malformed: batch.malformed,
        holes: batch.holes,
    };
    let mut kept: BTreeMap<(u64, i64), (StreamId, RawRecord)> = BTreeMap::new();
    for (unit, calls) in units.into_iter().zip(calls) {
        let height = unit.records[0].height;
        let known = calls.into_iter().filter_map(|call| state.get(&(height, call.address, call.calldata))).cloned();
        let known: Vec<RawRecord> = known.collect();
        let decoded = unit.decode(chain, venues, &known);
        for record in known {
            kept.entry((record.height, record.rec)).or_insert_with(|| (unit.first.clone(), record));
        }
        commit.events.extend(decoded.events);
        let failures = decoded.failures.into_iter().chain(decoded.unknown);
        commit.failures.extend(failures.map(|failure| (unit.stream_of(&failure).clone(), failure)));
        let owned = unit.records.into_iter().zip(unit.owners).filter_map(|(record, owner)| Some((owner?.clone(), record)));
        commit.records.extend(owned);
    }
    commit.records.extend(kept.into_values());
    commit.records.sort_by_key(|(_, record)| (record.height, record.ord, record.rec));
    commit.events.sort_by_key(|event| (event.key.height, event.ord, event.key.sub));
    commit.failures.sort_by_key(|(_, failure)| (failure.height, failure.rec));
    Decoding::Done(Box::new(commit))
}

fn split_state(records: Vec<RawRecord>) -> (State, Vec<RawRecord>) {
    let mut state = State::new();
    let mut others = Vec::with_capacity(records.len());
    for record in records {
        match &record.body {
            RawBody::StateRead { address, calldata, .. } => drop(state.insert((record.height, *address, calldata.clone()), record)),
            _ => others.push(record),
        }
    }
    (state, others)
}

/// Records of kinds that no layout lists.
pub(crate) fn unknown(commit: &Commit) -> u64 {
    commit.failures.iter().filter(|(_, failure)| failure.kind == FailureKind::UnknownEvent).count() as u64
}

/// The records that one call of a decoder sees.
struct Unit<'a> {
    venue: VenueSlug,
    first: &'a StreamId,
    records: Vec<RawRecord>,
    /// For each record the stream that stores it; `None` where another venue's stream does.
    owners: Vec<Option<&'a StreamId>>,
}

#[derive(PartialEq, Eq, Hash)]
struct UnitKey {
    venue: VenueSlug,
    height: u64,
    tx_id: Text,
    /// Only where the record stands for a block.
    part: Option<String>,
}

/// Units in the order of their first record.
fn group<'a>(streams: &[&'a JobStream], records: Vec<RawRecord>) -> Vec<Unit<'a>> {
    let mut units: Vec<Unit<'a>> = Vec::new();
    let mut places: HashMap<UnitKey, usize> = HashMap::new();
    for record in records {
        let mut place = |stream: &'a JobStream| {
            let id = &stream.id;
            let part = stands_for_block(&record).then(|| id.part.clone());
            let key = UnitKey { venue: id.venue, height: record.height, tx_id: record.tx_id.clone(), part };
            *places.entry(key).or_insert_with(|| {
                units.push(Unit { venue: id.venue, first: id, records: Vec::new(), owners: Vec::new() });
                units.len() - 1
            })
        };
        // A record is stored once, under the first stream that watches it, and seen by every venue that does.
        let mut watching: Vec<(usize, &'a JobStream)> = Vec::new();
        for stream in streams.iter().copied().filter(|stream| stream.watch.matches(&record)) {
            if watching.iter().all(|(_, other)| other.id.venue != stream.id.venue) {
                watching.push((place(stream), stream));
            }
        }
        let Some(((home, owner), others)) = watching.split_first() else { continue };
        for (unit, _) in others {
            units[*unit].records.push(record.clone());
            units[*unit].owners.push(None);
        }
        units[*home].records.push(record);
        units[*home].owners.push(Some(&owner.id));
    }
    units
}

fn stands_for_block(record: &RawRecord) -> bool {
    !matches!(record.body, RawBody::EvmLog(_) | RawBody::SolanaEvent(_))
}

impl Unit<'_> {
    fn state_calls(&self, chain: ChainId, venues: &[&dyn Venue]) -> Vec<StateCall> {
        self.venue(venues).map_or_else(Vec::new, |venue| venue.state_calls(&self.seen(chain, &[])))
    }

    fn decode(&self, chain: ChainId, venues: &[&dyn Venue], state: &[RawRecord]) -> Decoded {
        self.venue(venues).map_or_else(Decoded::default, |venue| venue.decode(&self.seen(chain, state)))
    }

    /// The job is checked for missing decoders before it starts.
    fn venue<'v>(&self, venues: &[&'v dyn Venue]) -> Option<&'v dyn Venue> {
        venues.iter().copied().find(|venue| venue.info().slug == self.venue)
    }

    fn seen<'s>(&'s self, chain: ChainId, state: &'s [RawRecord]) -> DecodeUnit<'s> {
        let first = &self.records[0];
        DecodeUnit { chain, height: first.height, time_ms: first.time_ms, tx_id: &first.tx_id, records: &self.records, state }
    }

    fn stream_of(&self, failure: &Failure) -> &StreamId {
        let found = self.records.iter().position(|record| record.rec == failure.rec);
        found.and_then(|position| self.owners[position]).unwrap_or(self.first)
    }
}

#[cfg(test)]
mod tests {
    use perpdex_core::{
        BlockRange, Carrier, Evidence, HyperliquidLine, HyperliquidStream, SolanaEvent, StreamSpec, VenueInfo, VenueModel, Watch,
    };

    use super::*;

    /// Answers every unit with one unknown record that tells what the unit was made of.
    struct Mirror(&'static VenueInfo);

    const fn info(slug: &'static str) -> VenueInfo {
        VenueInfo {
            slug: VenueSlug::known(slug),
            group: slug,
            name: slug,
            model: VenueModel::Book,
            deployments: &[],
            layout: "",
            events: &[],
            gives: &[],
            unverified: &[],
        }
    }

    static VENUES: [&dyn Venue; 3] = [&Mirror(&info("gmx_v2")), &Mirror(&info("hyperliquid")), &Mirror(&info("gtrade"))];

    impl Venue for Mirror {
        fn info(&self) -> &'static VenueInfo {
            self.0
        }

        fn streams(&self, _chain: ChainId) -> Vec<StreamSpec> {
            Vec::new()
        }

        fn decode(&self, unit: &DecodeUnit<'_>) -> Decoded {
            let recs: Vec<String> = unit.records.iter().map(|record| record.rec.to_string()).collect();
            let error = format!("{} {} {}: {}", self.0.slug, unit.height, unit.tx_id, recs.join(","));
            let last = &unit.records[unit.records.len() - 1];
            let failure = Failure { height: unit.height, rec: last.rec, part: String::new(), kind: FailureKind::UnknownEvent, error };
            Decoded { unknown: vec![failure], ..Decoded::default() }
        }
    }

    fn stream(venue: &'static str, part: &str, watch: Watch) -> JobStream {
        let id = StreamId { chain: ChainId::SOLANA, venue: VenueSlug::known(venue), part: part.to_owned(), version: 1 };
        JobStream { id, watch, from: 0, first_height: None, sees_unknown: true }
    }

    fn program(venue: &'static str, part: &str, program: &str) -> JobStream {
        stream(venue, part, Watch::Solana { program: program.to_owned(), list_by: program.to_owned(), carrier: Carrier::Cpi })
    }

    fn record(height: u64, rec: i64, tx_id: &str, body: RawBody) -> RawRecord {
        RawRecord { chain: ChainId::SOLANA, height, rec, ord: rec, tx_id: tx_id.into(), tx_index: None, time_ms: 0, body }
    }

    fn event(height: u64, rec: i64, tx_id: &str, program: &str) -> RawRecord {
        let event = SolanaEvent {
            program: program.to_owned(),
            carrier: Carrier::Cpi,
            position: rec.to_string(),
            parent: "0".to_owned(),
            payload: Default::default(),
        };
        record(height, rec, tx_id, RawBody::SolanaEvent(event))
    }

    fn line(height: u64, rec: i64, stream: HyperliquidStream) -> RawRecord {
        record(height, rec, &height.to_string(), RawBody::HyperliquidLine(HyperliquidLine { stream, text: String::new() }))
    }

    fn commit(streams: &[JobStream], records: Vec<RawRecord>) -> Commit {
        let batch = Batch {
            range: BlockRange::new(1, 9).unwrap(),
            blocks: Vec::new(),
            records,
            malformed: Vec::new(),
            holes: Vec::new(),
            evidence: Evidence::Witnessed,
        };
        let streams: Vec<&JobStream> = streams.iter().collect();
        match decode(ChainId::SOLANA, &streams, &VENUES, batch, Times { from_ms: 1, to_ms: 9 }, false) {
            Decoding::Done(commit) => *commit,
            Decoding::Needs { wanted, .. } => panic!("nothing is asked for: {wanted:?}"),
        }
    }

    /// Wants one contract value for every transaction and tells what it got.
    struct Asker(&'static VenueInfo);

    impl Venue for Asker {
        fn info(&self) -> &'static VenueInfo {
            self.0
        }

        fn streams(&self, _chain: ChainId) -> Vec<StreamSpec> {
            Vec::new()
        }

        fn state_calls(&self, _unit: &DecodeUnit<'_>) -> Vec<StateCall> {
            vec![StateCall { address: TOKEN, calldata: CALL, at: perpdex_core::StateAt::Immutable }]
        }

        fn decode(&self, unit: &DecodeUnit<'_>) -> Decoded {
            let error = format!("{} {:?}", unit.tx_id, unit.state_of(TOKEN, &CALL));
            let failure = Failure { height: unit.height, rec: 0, part: String::new(), kind: FailureKind::UnknownEvent, error };
            Decoded { unknown: vec![failure], ..Decoded::default() }
        }
    }

    const TOKEN: Address = Address::repeat_byte(7);
    const CALL: Bytes = Bytes::from_static(&[1, 2, 3, 4]);

    #[test]
    fn contract_values_are_asked_for_once_and_recorded() {
        static ASKERS: [&dyn Venue; 1] = [&Asker(&info("gmx_v2"))];
        let streams = [program("gmx_v2", "", "P")];
        let streams: Vec<&JobStream> = streams.iter().collect();
        let times = Times { from_ms: 1, to_ms: 9 };
        let mut batch = Batch {
            range: BlockRange::new(1, 9).unwrap(),
            blocks: Vec::new(),
            records: vec![event(1, 0, "x", "P"), event(1, 1, "y", "P"), event(2, 0, "z", "P")],
            malformed: Vec::new(),
            holes: Vec::new(),
            evidence: Evidence::Witnessed,
        };
        let asked = decode(ChainId::SOLANA, &streams, &ASKERS, batch.clone(), times, false);
        let Decoding::Needs { batch: kept, wanted } = asked else { panic!("values are wanted") };
        assert_eq!(wanted.iter().map(|wanted| wanted.height).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(kept.records, batch.records);
        let output = Bytes::from_static(&[9]);
        let state = RawBody::StateRead { address: TOKEN, calldata: CALL, output };
        batch.records.push(record(1, 77, "state", state));
        let Decoding::Done(commit) = decode(ChainId::SOLANA, &streams, &ASKERS, batch, times, true) else { panic!("it is the last") };
        assert_eq!(units(&commit), ["x Some(0x09)", "y Some(0x09)", "z None"]);
        let stored: Vec<(u64, i64)> = commit.records.iter().map(|(_, record)| (record.height, record.rec)).collect();
        assert_eq!(stored, [(1, 0), (1, 1), (1, 77), (2, 0)]);
    }

    fn units(commit: &Commit) -> Vec<&str> {
        commit.failures.iter().map(|(_, failure)| failure.error.as_str()).collect()
    }

    #[test]
    fn a_transaction_is_one_unit_of_its_venue_whatever_lies_between() {
        let streams = [program("gmx_v2", "a", "P"), program("gmx_v2", "b", "Q"), program("gtrade", "", "R")];
        let records =
            vec![event(1, 0, "x", "P"), event(1, 1, "y", "P"), event(1, 2, "x", "R"), event(1, 3, "x", "Q"), event(2, 4, "x", "P")];
        let commit = commit(&streams, records.clone());
        assert_eq!(units(&commit), ["gmx_v2 1 y: 1", "gtrade 1 x: 2", "gmx_v2 1 x: 0,3", "gmx_v2 2 x: 4"]);
        let stored: Vec<(String, RawRecord)> = commit.records.iter().map(|(stream, record)| (stream.name(), record.clone())).collect();
        let owners = ["gmx_v2.a", "gmx_v2.a", "gtrade", "gmx_v2.b", "gmx_v2.a"].map(str::to_owned);
        assert_eq!(stored, owners.into_iter().zip(records).collect::<Vec<_>>());
        assert_eq!(commit.failures[2].0.part, "b", "a failure belongs to the stream of its record");
        assert_eq!(unknown(&commit), 4);
    }

    #[test]
    fn a_block_is_one_unit_of_its_stream() {
        let fills = stream("hyperliquid", "fills", Watch::HyperCore(HyperliquidStream::Fills));
        let misc = stream("hyperliquid", "misc", Watch::HyperCore(HyperliquidStream::MiscEvents));
        let records =
            vec![line(5, 1, HyperliquidStream::Fills), line(5, 2, HyperliquidStream::MiscEvents), line(6, 1, HyperliquidStream::Fills)];
        let commit = commit(&[fills, misc], records);
        assert_eq!(units(&commit), ["hyperliquid 5 5: 1", "hyperliquid 5 5: 2", "hyperliquid 6 6: 1"]);
    }

    #[test]
    fn a_record_watched_by_two_venues_is_stored_once_and_decoded_by_both() {
        let streams = [program("gmx_v2", "", "P"), program("gtrade", "", "P")];
        let commit = commit(&streams, vec![event(1, 0, "x", "P")]);
        assert_eq!(commit.records.len(), 1);
        let mut units = units(&commit);
        units.sort_unstable();
        assert_eq!(units, ["gmx_v2 1 x: 0", "gtrade 1 x: 0"]);
    }
}
