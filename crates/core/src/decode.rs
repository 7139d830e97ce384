//! What goes into a decoder and what comes out of it.

use alloy_primitives::{Address, Bytes};
use serde::{Deserialize, Serialize};

use crate::{ChainId, Event, RawBody, RawRecord, Text};

/// All watched records of one transaction of one venue (of one block on HyperCore), in canonical order.
#[derive(Clone, Copy, Debug)]
pub struct DecodeUnit<'a> {
    /// The chain.
    pub chain: ChainId,
    /// Height of the block.
    pub height: u64,
    /// Time of the block in unix milliseconds.
    pub time_ms: i64,
    /// Transaction id; the block number on HyperCore.
    pub tx_id: &'a Text,
    /// The records, never empty.
    pub records: &'a [RawRecord],
    /// Contract values read for this height ([`RawBody::StateRead`]), those that [`crate::Venue::state_calls`] named.
    pub state: &'a [RawRecord],
}

impl DecodeUnit<'_> {
    /// What a contract answered, empty where the call reverted; `None` where it was not asked or could not be.
    pub fn state_of(&self, contract: Address, call: &[u8]) -> Option<&Bytes> {
        self.state.iter().find_map(|record| match &record.body {
            RawBody::StateRead { address, calldata, output } if *address == contract && calldata[..] == *call => Some(output),
            _ => None,
        })
    }
}

/// A contract value that a decoder needs to understand a unit.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StateCall {
    /// The contract.
    pub address: Address,
    /// Call data: selector and arguments.
    pub calldata: Bytes,
    /// As of when.
    pub at: StateAt,
}

/// The moment of a [`StateCall`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum StateAt {
    /// Any: the value never changes once it is there (decimals, symbol). Read at the newest block.
    Immutable,
    /// After the unit's block. Older blocks need an archive node.
    Height,
}

/// What became of one unit.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decoded {
    /// Events in canonical order.
    pub events: Vec<Event>,
    /// Records of known kind that could not be read; stored with their bytes, counted, never dropped.
    pub failures: Vec<Failure>,
    /// Records of a kind the venue's layout does not list: contracts are upgraded without notice.
    pub unknown: Vec<Failure>,
}

impl Decoded {
    /// Adds what came of another unit.
    pub fn append(&mut self, mut other: Decoded) {
        // Events are large: the first ones stay where they are.
        if self.events.is_empty() {
            self.events = other.events;
        } else {
            self.events.append(&mut other.events);
        }
        self.failures.append(&mut other.failures);
        self.unknown.append(&mut other.unknown);
    }
}

/// One record that a decoder could not use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Height of the record.
    pub height: u64,
    /// Key of the record inside its height.
    pub rec: i64,
    /// Where inside the record (an event of a batch, a line of a block); empty for the whole.
    pub part: String,
    /// What kind of trouble.
    pub kind: FailureKind,
    /// One sentence: what, where, what was expected.
    pub error: String,
}

/// Kinds of trouble with a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The bytes do not have the layout of their selector.
    Malformed,
    /// The layout is right but a value is outside what the venue can mean.
    Invalid,
    /// The selector is not in the venue's layout file.
    UnknownEvent,
}

impl FailureKind {
    /// The name in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            FailureKind::Malformed => "malformed",
            FailureKind::Invalid => "invalid",
            FailureKind::UnknownEvent => "unknown_event",
        }
    }
}

/// What becomes of an event of a venue's layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// It becomes events.
    Mapped,
    /// It is read to complete other events of its transaction, and makes none of its own.
    StateOnly,
    /// It makes nothing, for this reason.
    Ignored(&'static str),
}
