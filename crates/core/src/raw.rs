//! Raw records: what a chain said, byte for byte. Everything else can be rebuilt from them.

use alloy_primitives::{Address, B256, Bytes};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{ChainId, Text};

/// One raw record with its place in the chain.
///
/// The key is (chain, height, `rec`): on EVM chains `rec` is the log index, elsewhere [`crate::derived_id`] of the
/// natural key (Solana: signature, carrier, position; HyperCore: stream).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RawRecord {
    /// The chain it was read from.
    pub chain: ChainId,
    /// Height of its block.
    pub height: u64,
    /// Key inside the height.
    pub rec: i64,
    /// Canonical order inside the height; equal to `rec` on EVM chains.
    pub ord: i64,
    /// Transaction id as the chain's explorers print it; the block number on HyperCore.
    pub tx_id: Text,
    /// Index of the transaction in its block, where the source gives it.
    pub tx_index: Option<u32>,
    /// Time of the block in unix milliseconds.
    pub time_ms: i64,
    /// The record itself.
    pub body: RawBody,
}

/// The closed list of record kinds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum RawBody {
    /// A log of an EVM chain.
    EvmLog(EvmLog),
    /// An event a Solana program printed or passed to itself.
    SolanaEvent(SolanaEvent),
    /// All lines of one block of one stream of a Hyperliquid node.
    HyperliquidLine(HyperliquidLine),
    /// An answer of a venue's public API.
    ApiAnswer {
        /// Which API and call.
        source: String,
        /// The answer's body.
        body: String,
    },
    /// A contract value that a decoder needs, as read from the chain.
    StateRead {
        /// The contract.
        address: Address,
        /// Call data.
        calldata: Bytes,
        /// Returned bytes.
        output: Bytes,
    },
}

/// A log of an EVM chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvmLog {
    /// The contract that emitted it.
    pub address: Address,
    /// Topics, zero to four.
    pub topics: Vec<B256>,
    /// Data.
    pub data: Bytes,
    /// Hash of its block; checked against the block's header.
    pub block_hash: B256,
}

/// Where a Solana program put its event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Carrier {
    /// The data of an inner instruction.
    Cpi,
    /// A `Program data:` or `Program log:` line.
    Log,
}

impl Carrier {
    /// The name used in natural keys.
    pub fn as_str(self) -> &'static str {
        match self {
            Carrier::Cpi => "cpi",
            Carrier::Log => "log",
        }
    }
}

/// One event-carrying instruction or log line of a Solana transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SolanaEvent {
    /// Program id, base58.
    pub program: String,
    /// How it was carried.
    pub carrier: Carrier,
    /// Instruction path from zero (`"5.1"` = second inner instruction of the sixth; top-level index, then position in
    /// the flat inner list) or the log line's number.
    pub position: String,
    /// Path of the instruction that caused it, for carriers that are grouped by it (Phoenix); the stack path without
    /// its last element, in terms of `position`.
    pub parent: String,
    /// The bytes: instruction data, or the decoded base64 of a log line.
    pub payload: Bytes,
}

/// A stream of HyperCore's records: of a node's output, of its archive, or of the public interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HyperliquidStream {
    /// `node_fills_by_block`, and the streaming form merged by block.
    Fills,
    /// `misc_events_by_block`.
    MiscEvents,
    /// `node_fills`: lines of fills that name a time and no block.
    NodeFills,
    /// `node_trades`: lines of trades, older still, that name a time and no block.
    NodeTrades,
    /// `asset_ctxs`: rows of a CSV a day with level, rate and prices of each market and minute.
    AssetContexts,
    /// Answers of the public interface with level and prices of all markets of one dex.
    ApiContexts,
    /// Settled rates of one market as the public interface gives them.
    ApiFunding,
    /// Trades of the public interface: no positions, no liquidations.
    ApiTrades,
}

impl HyperliquidStream {
    /// The name used in natural keys and stream ids.
    pub fn as_str(self) -> &'static str {
        match self {
            HyperliquidStream::Fills => "fills",
            HyperliquidStream::MiscEvents => "misc",
            HyperliquidStream::NodeFills => "node_fills",
            HyperliquidStream::NodeTrades => "node_trades",
            HyperliquidStream::AssetContexts => "asset_ctxs",
            HyperliquidStream::ApiContexts => "contexts",
            HyperliquidStream::ApiFunding => "funding",
            HyperliquidStream::ApiTrades => "trades",
        }
    }
}

/// The lines of one block, joined by a line feed where a writer spread the block over several.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HyperliquidLine {
    /// Which stream.
    pub stream: HyperliquidStream,
    /// The line or lines as they stood, without the final line feed.
    pub text: String,
}

impl RawRecord {
    /// The contract or program (base58), or the stream's name on HyperCore.
    pub fn emitter(&self) -> String {
        match &self.body {
            RawBody::EvmLog(log) => format!("{:#x}", log.address),
            RawBody::SolanaEvent(event) => event.program.clone(),
            RawBody::HyperliquidLine(line) => line.stream.as_str().to_owned(),
            RawBody::ApiAnswer { source, .. } => source.clone(),
            RawBody::StateRead { address, .. } => format!("{address:#x}"),
        }
    }

    /// See [`RawBody::size_bytes`].
    pub fn size_bytes(&self) -> usize {
        self.body.size_bytes()
    }
}

impl RawBody {
    /// Bytes of content, for limits on memory in flight.
    pub fn size_bytes(&self) -> usize {
        match self {
            RawBody::EvmLog(log) => log.data.len() + 32 * log.topics.len(),
            RawBody::SolanaEvent(event) => event.payload.len(),
            RawBody::HyperliquidLine(line) => line.text.len(),
            RawBody::ApiAnswer { body, .. } => body.len(),
            RawBody::StateRead { calldata, output, .. } => calldata.len() + output.len(),
        }
    }

    /// Gives what of a record stands beside its key, its emitter and the hash of its block, part by part: the bytes that are stored
    /// (docs/raw-format.md, "Stored payloads").
    pub fn payload(&self, mut take: impl FnMut(&[u8])) {
        let measured = |part: &[u8], take: &mut dyn FnMut(&[u8])| {
            let length = u32::try_from(part.len()).expect("a part of a record is below four gigabytes");
            take(&length.to_be_bytes());
            take(part);
        };
        match self {
            RawBody::EvmLog(log) => {
                take(&[u8::try_from(log.topics.len()).expect("a log has at most four topics")]);
                log.topics.iter().for_each(|topic| take(topic.as_slice()));
                take(&log.data);
            }
            RawBody::SolanaEvent(event) => {
                take(&[u8::from(event.carrier == Carrier::Log)]);
                measured(event.position.as_bytes(), &mut take);
                measured(event.parent.as_bytes(), &mut take);
                take(&event.payload);
            }
            RawBody::HyperliquidLine(line) => take(line.text.as_bytes()),
            RawBody::ApiAnswer { body, .. } => take(body.as_bytes()),
            RawBody::StateRead { calldata, output, .. } => {
                measured(calldata, &mut take);
                take(output);
            }
        }
    }

    /// SHA-256 of [`RawBody::payload`]: processors have instructions for it, which make it as cheap as packing the payload.
    pub fn digest(&self) -> B256 {
        let mut hasher = Sha256::new();
        self.payload(|part| hasher.update(part));
        B256::new(hasher.finalize().into())
    }
}
