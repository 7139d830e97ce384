//! Phoenix Eternal, an order book for perpetuals on Solana.
//!
//! The program tells its events by calling itself: a `LogEventLengths` instruction and a `Log` instruction with the events
//! back to back, under the instruction that caused them. Events of one cause form a stream; a stream's `Header` names the
//! market and its units for what follows. Instructions of the program that are neither of the two carry no events and
//! are passed over.
//!
//! Events are read by exact consumption and taken apart by their lengths, so one that cannot be read costs only itself.

mod batch;
mod bytes;
mod events;
mod layout;
mod market;
mod position;
mod stream;
mod trade;

use std::collections::BTreeSet;

use perpdex_core::{Carrier, ChainId, DecodeUnit, Decoded, Deployment, StreamSpec, Venue, VenueInfo, VenueModel, VenueSlug, Watch};

use events::EVENTS;

/// The decoder.
pub(crate) static PHOENIX_ETERNAL: PhoenixEternal = PhoenixEternal;

/// The decoder's type.
#[derive(Debug)]
pub(crate) struct PhoenixEternal;

const SLUG: VenueSlug = VenueSlug::known("phoenix_eternal");

const PROGRAM: &str = "EtrnLzgbS7nMMy5fbD42kXiUzGg8XQzJ972Xtk1cjWih";

static INFO: VenueInfo = VenueInfo {
    slug: SLUG,
    group: "phoenix_eternal",
    name: "Phoenix Eternal",
    model: VenueModel::Book,
    deployments: &[Deployment {
        chain: ChainId::SOLANA,
        address: PROGRAM,
        first_height: None,
        source: "program id of the venue's published event crate; its first slot is not published",
    }],
    layout: "abi/phoenix_eternal/events.json",
    events: EVENTS,
    gives: &["trades", "liquidations", "funding", "oi", "flows", "prices"],
    unverified: &[
        "sign of cumulative_funding_rate: taken as growing while longs pay",
        "fees of makers: the unit of maker_fee_rate is not published, so they are left out",
        "CloseMatchedPositions: the price is taken from in_profit_close_value; no record was at hand",
        "ShutdownClosePositions: settlement_price is taken as ticks; no record was at hand",
        "prices and funding indexes need the tick size and lot size of a Header in the same transaction, and are left out without one",
        "whether the identifier of a deleted market comes back; markets are kept apart by identifier and symbol",
    ],
};

impl Venue for PhoenixEternal {
    fn info(&self) -> &'static VenueInfo {
        &INFO
    }

    fn streams(&self, chain: ChainId) -> Vec<StreamSpec> {
        if chain != ChainId::SOLANA {
            return Vec::new();
        }
        let watch = Watch::Solana { program: PROGRAM.to_owned(), list_by: PROGRAM.to_owned(), carrier: Carrier::Cpi };
        vec![StreamSpec { part: "", version: 1, watch, first_height: None, sees_unknown: true }]
    }

    fn decode(&self, unit: &DecodeUnit<'_>) -> Decoded {
        let (streams, mut out) = batch::read(unit.records);
        let markets = market::Markets::named_in(&streams);
        let mut listed = BTreeSet::new();
        for items in &streams {
            out.append(stream::decode(unit, &markets, &mut listed, items));
        }
        out.events.sort_by_key(|event| (event.ord, event.key.sub));
        out
    }
}
