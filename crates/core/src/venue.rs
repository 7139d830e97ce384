//! Venues: who they are, what they watch, and the trait a decoder implements.

use alloy_primitives::{Address, B256};
use serde::{Deserialize, Serialize};

use crate::{Carrier, ChainId, DecodeUnit, Decoded, HyperliquidStream, RawBody, RawRecord, StateCall, VenueSlug};

/// How trades of a venue are matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VenueModel {
    /// An order book: every trade has a long and a short user.
    Book,
    /// Users trade against a liquidity pool.
    Pool,
    /// A book with a house market maker.
    Amm,
    /// Collateral flows only.
    Custody,
}

impl VenueModel {
    /// The name in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            VenueModel::Book => "book",
            VenueModel::Pool => "pool",
            VenueModel::Amm => "amm",
            VenueModel::Custody => "custody",
        }
    }
}

/// What a venue's own open interest figure counts (metrics: OI).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OiBasis {
    /// Quantity of the asset.
    Qty,
    /// Dollars at entry price.
    EntryUsd,
    /// Collateral units at entry.
    EntryCollateral,
}

impl OiBasis {
    /// The name in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            OiBasis::Qty => "qty",
            OiBasis::EntryUsd => "entry_usd",
            OiBasis::EntryCollateral => "entry_collateral",
        }
    }
}

/// Which notional a venue counts as volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Basis {
    /// Size times execution price.
    Exec,
    /// Closes count at the entry price of what they close.
    Entry,
}

impl Basis {
    /// The name in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Basis::Exec => "exec",
            Basis::Entry => "entry",
        }
    }
}

/// One contract or program of a venue on one chain.
#[derive(Clone, Copy, Debug)]
pub struct Deployment {
    /// The chain.
    pub chain: ChainId,
    /// Contract (hex) or program id (base58); a stream's name on HyperCore.
    pub address: &'static str,
    /// The first height at which it can have emitted anything. History covered from here means that every level
    /// starts at zero. `None` where no source gives it: levels then need an anchor.
    pub first_height: Option<u64>,
    /// Where address and height were read.
    pub source: &'static str,
}

/// One event of a venue's ABI or layout file and what becomes of it. A test walks the ABI: an event without a row fails.
#[derive(Clone, Copy, Debug)]
pub struct EventSpec {
    /// The event's name; for overloads, name and parameter types as in the ABI's signature.
    pub name: &'static str,
    /// What becomes of it.
    pub disposition: crate::Disposition,
}

/// What a venue is, for `perpdex venues`, the registry test and the reference tables.
#[derive(Clone, Copy, Debug)]
pub struct VenueInfo {
    /// Short name.
    pub slug: VenueSlug,
    /// The group it belongs to; its own slug where there is none.
    pub group: &'static str,
    /// Human name.
    pub name: &'static str,
    /// How trades are matched.
    pub model: VenueModel,
    /// Contracts and programs.
    pub deployments: &'static [Deployment],
    /// Path of the ABI or layout file, from the repository's root.
    pub layout: &'static str,
    /// Every event of the layout file.
    pub events: &'static [EventSpec],
    /// What it gives, in the words of `perpdex venues`: trades, liquidations, funding, borrow, oi, flows, prices.
    pub gives: &'static [&'static str],
    /// What its sources leave unverified; shown as it stands.
    pub unverified: &'static [&'static str],
}

/// Logs of an EVM chain to ask for. Empty lists match anything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvmFilter {
    /// Emitting contracts, OR-ed.
    pub addresses: Vec<Address>,
    /// For each topic position the accepted values, OR-ed; positions are AND-ed.
    pub topics: [Vec<B256>; 4],
}

/// What a stream watches; the source turns it into requests, the engine routes records by it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Watch {
    /// Logs that match any of the filters.
    Evm(Vec<EvmFilter>),
    /// Events of a Solana program.
    Solana {
        /// Program id, base58.
        program: String,
        /// Address whose signatures list every transaction that can carry events (program or event authority).
        list_by: String,
        /// How the program carries its events; what it says the other way is no event.
        carrier: Carrier,
    },
    /// A stream of a Hyperliquid node.
    HyperCore(HyperliquidStream),
    /// Answers of a venue's public API, by the name that [`RawBody::ApiAnswer`] carries.
    Api(String),
}

impl Watch {
    /// Whether a record belongs to this watch.
    pub fn matches(&self, record: &RawRecord) -> bool {
        match (self, &record.body) {
            (Watch::Evm(filters), RawBody::EvmLog(log)) => filters.iter().any(|filter| {
                (filter.addresses.is_empty() || filter.addresses.contains(&log.address))
                    && filter.topics.iter().enumerate().all(|(position, accepted)| {
                        accepted.is_empty() || log.topics.get(position).is_some_and(|topic| accepted.contains(topic))
                    })
            }),
            (Watch::Solana { program, carrier, .. }, RawBody::SolanaEvent(event)) => event.program == *program && event.carrier == *carrier,
            (Watch::HyperCore(stream), RawBody::HyperliquidLine(line)) => line.stream == *stream,
            (Watch::Api(wanted), RawBody::ApiAnswer { source, .. }) => source == wanted,
            _ => false,
        }
    }
}

/// One unit of coverage of a venue on a chain.
#[derive(Clone, Debug)]
pub struct StreamSpec {
    /// Distinguishes several streams of one venue (`fills`, `misc`); empty where there is one.
    pub part: &'static str,
    /// Version of the filter and decoder; raised when either changes.
    pub version: u32,
    /// What to ask for.
    pub watch: Watch,
    /// First height at which the stream can hold anything, see [`Deployment::first_height`].
    pub first_height: Option<u64>,
    /// Whether unknown events of the emitter are seen too (an address-only filter), or only named topics.
    pub sees_unknown: bool,
}

/// From where on a stream is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamStart {
    /// From where the user says.
    Configured,
    /// From its first height in any case: other streams cannot be read without it.
    First,
    /// From what the first run hears on ([`crate::Source::hears_from`], else its head), or this many heights above that: nothing
    /// earlier can be had, or only at a cost that nobody means by a start in the past.
    Head {
        /// Heights above it at which the stream starts.
        after: u64,
    },
}

/// Whether a venue tells every liquidation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LiquidationFeed {
    /// Every one.
    Complete,
    /// Some of them: sums are lower bounds.
    Sampled,
}

impl LiquidationFeed {
    /// The name in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            LiquidationFeed::Complete => "complete",
            LiquidationFeed::Sampled => "sampled",
        }
    }
}

/// A venue's decoder: pure and stateless. It reads no clock and makes no call.
pub trait Venue: Sync + Send {
    /// What the venue is.
    fn info(&self) -> &'static VenueInfo;

    /// Its streams on this chain; empty where it is not deployed there.
    fn streams(&self, chain: ChainId) -> Vec<StreamSpec>;

    /// Contract values that [`Venue::decode`] needs for this unit; they are read, recorded and given in `unit.state`. Asked
    /// without them; none for most units.
    fn state_calls(&self, _unit: &DecodeUnit<'_>) -> Vec<StateCall> {
        Vec::new()
    }

    /// From where on a stream of this part is wanted.
    fn stream_start(&self, _part: &str) -> StreamStart {
        StreamStart::Configured
    }

    /// Whether the venue tells every liquidation.
    fn liquidation_feed(&self) -> LiquidationFeed {
        LiquidationFeed::Complete
    }

    /// Whether executions name their accounts. Where they do not, nothing is known of fees, of positions and of who closed.
    fn tells_accounts(&self) -> bool {
        true
    }

    /// Decodes all of the venue's records of one transaction (of one block of one stream on HyperCore).
    ///
    /// Never fails as a whole: a record that cannot be read becomes a [`crate::Failure`], an unknown one is counted.
    fn decode(&self, unit: &DecodeUnit<'_>) -> Decoded;
}
