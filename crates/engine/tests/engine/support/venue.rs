//! Two venues, one an emitter. Their decoders make one price of every record, so that events can be counted.

use alloy_primitives::I256;
use perpdex_core::{
    Amount, ChainId, DecodeUnit, Decoded, Event, EventBody, EventKey, EvmFilter, Failure, FailureKind, Price, PriceKind, RawBody, StreamId,
    StreamSpec, Venue, VenueInfo, VenueModel, VenueSlug, Watch,
};
use perpdex_engine::JobStream;

use super::world::{CHAIN, EMITTER_A, EMITTER_B};

pub(crate) const STREAM_A: &str = "gmx_v2";
pub(crate) const STREAM_B: &str = "gtrade";

pub(crate) static VENUES: &[&dyn Venue] = &[&PriceVenue { info: &info(STREAM_A) }, &PriceVenue { info: &info(STREAM_B) }];

struct PriceVenue {
    info: &'static VenueInfo,
}

const fn info(slug: &'static str) -> VenueInfo {
    VenueInfo {
        slug: VenueSlug::known(slug),
        group: slug,
        name: slug,
        model: VenueModel::Pool,
        deployments: &[],
        layout: "",
        events: &[],
        gives: &[],
        unverified: &[],
    }
}

/// The job's stream of a venue, from a height.
pub(crate) fn stream(name: &'static str, from: u64) -> JobStream {
    let address = if name == STREAM_A { EMITTER_A } else { EMITTER_B };
    JobStream {
        id: StreamId { chain: CHAIN, venue: VenueSlug::known(name), part: String::new(), version: 1 },
        watch: Watch::Evm(vec![EvmFilter { addresses: vec![address], topics: Default::default() }]),
        from,
        first_height: None,
        sees_unknown: true,
    }
}

impl Venue for PriceVenue {
    fn info(&self) -> &'static VenueInfo {
        self.info
    }

    fn streams(&self, _chain: ChainId) -> Vec<StreamSpec> {
        Vec::new()
    }

    fn decode(&self, unit: &DecodeUnit<'_>) -> Decoded {
        let mut decoded = Decoded::default();
        for record in unit.records {
            let RawBody::EvmLog(log) = &record.body else { continue };
            let failure =
                |kind| Failure { height: record.height, rec: record.rec, part: String::new(), kind, error: "scripted".to_owned() };
            match log.data.first() {
                Some(b'!') => decoded.failures.push(failure(FailureKind::Malformed)),
                Some(b'?') => decoded.unknown.push(failure(FailureKind::UnknownEvent)),
                _ => decoded.events.push(Event {
                    key: EventKey { height: record.height, rec: record.rec, sub: 0 },
                    ord: record.ord,
                    chain: unit.chain,
                    venue: self.info.slug,
                    market: Some("m".into()),
                    time_ms: unit.time_ms,
                    tx_id: unit.tx_id.to_owned(),
                    body: EventBody::Price(Price { kind: PriceKind::Mark, price: Amount::decimals(I256::ONE, 0) }),
                }),
            }
        }
        decoded
    }
}
