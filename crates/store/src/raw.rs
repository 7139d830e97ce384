//! Raw records as rows: every byte comes back as it was.

use std::borrow::Cow;

use alloy_primitives::{Address, B256, Bytes};
use perpdex_core::{ChainId, EvmLog, HyperliquidLine, HyperliquidStream, RawBody, RawRecord, SolanaEvent, StreamId};

use crate::fact::{height_cell, read_chain, read_u32, read_venue};
use crate::sql::{Bulk, Fault, Lot, Param, Record, Result};

/// Columns of `raw_events`, in the order of [`push`] and [`read`].
pub(crate) const RAW_EVENTS: &[&str] = &[
    "chain_id",
    "height",
    "rec",
    "ord",
    "venue_id",
    "part",
    "version",
    "tx_id",
    "tx_index",
    "ts_ms",
    "kind",
    "emitter",
    "block_hash",
    "payload",
];

/// All kinds of lines.
const STREAMS: [HyperliquidStream; 8] = [
    HyperliquidStream::Fills,
    HyperliquidStream::MiscEvents,
    HyperliquidStream::NodeFills,
    HyperliquidStream::NodeTrades,
    HyperliquidStream::AssetContexts,
    HyperliquidStream::ApiContexts,
    HyperliquidStream::ApiFunding,
    HyperliquidStream::ApiTrades,
];

/// Records as rows to insert.
pub(crate) fn lot(records: Vec<(StreamId, RawRecord)>) -> Lot<(StreamId, RawRecord)> {
    Lot { table: "raw_events", columns: RAW_EVENTS, rows: records, push }
}

fn push(bulk: &mut Bulk, (stream, record): (StreamId, RawRecord)) {
    let (kind, emitter) = (kind(&record.body), record.emitter());
    let block_hash = match &record.body {
        RawBody::EvmLog(log) => Param::Bytes(log.block_hash.to_vec()),
        _ => Param::Null,
    };
    bulk.push([
        record.chain.as_i64().into(),
        height_cell(record.height),
        record.rec.into(),
        record.ord.into(),
        stream.venue.id().into(),
        stream.part.into(),
        i64::from(stream.version).into(),
        record.tx_id.into(),
        record.tx_index.map(i64::from).into(),
        record.time_ms.into(),
        Param::Name(kind),
        emitter.into(),
        block_hash,
        pack(payload(record.body)).into(),
    ]);
}

/// Reads a row of [`RAW_EVENTS`] back.
pub(crate) fn read(r: &Record) -> Result<(StreamId, RawRecord)> {
    let chain: ChainId = read_chain(r, 0)?;
    let stream = StreamId { chain, venue: read_venue(r, 4)?, part: r.string(5)?, version: read_u32(r, 6)? };
    let tx_index = match r.opt_int(8)? {
        Some(_) => Some(read_u32(r, 8)?),
        None => None,
    };
    let (height, rec) = (r.height(1)?, r.int(2)?);
    let payload = unpack(r.opt_bytes(13)?.unwrap_or_default());
    let body = payload
        .and_then(|payload| body(r.text(10).ok()?, r.text(11).ok()?, r.opt_bytes(12).ok()?, &payload))
        .ok_or_else(|| Fault::Corrupt(format!("raw record {rec} at height {height} of {chain} cannot be read back")))?;
    let record = RawRecord { chain, height, rec, ord: r.int(3)?, tx_id: r.shared(7)?, tx_index, time_ms: r.int(9)?, body };
    Ok((stream, record))
}

fn kind(body: &RawBody) -> &'static str {
    match body {
        RawBody::EvmLog(_) => "evm_log",
        RawBody::SolanaEvent(_) => "solana_event",
        RawBody::HyperliquidLine(_) => "hyperliquid_line",
        RawBody::ApiAnswer { .. } => "api_answer",
        RawBody::StateRead { .. } => "state_read",
    }
}

/// First byte of a stored payload that stands as it is.
const PLAIN: u8 = 0;
/// First byte of a stored payload that is one LZ4 block behind its plain length (4 bytes, little-endian).
const LZ4: u8 = 1;
/// Shorter payloads gain nothing.
const PACKED_BYTES_MIN: usize = 64;
/// Plain bytes of a payload at most: a damaged length asks for no more.
const PAYLOAD_BYTES_MAX: usize = 256 * 1024 * 1024;

/// A payload as it is stored. Words of contracts are mostly zeros and lines mostly names: they take a third of their bytes, and
/// the server need not compress them itself, which takes it longer than all the rest of the row.
fn pack(plain: Vec<u8>) -> Vec<u8> {
    if plain.len() >= PACKED_BYTES_MIN {
        let packed = lz4_flex::block::compress_prepend_size(&plain);
        if packed.len() < plain.len() {
            return [&[LZ4], packed.as_slice()].concat();
        }
    }
    [&[PLAIN], plain.as_slice()].concat()
}

/// A stored payload as it was; `None` where the bytes are none of ours.
fn unpack(stored: &[u8]) -> Option<Cow<'_, [u8]>> {
    match stored.split_first()? {
        (&PLAIN, plain) => Some(Cow::Borrowed(plain)),
        (&LZ4, packed) => {
            let (length, block) = packed.split_first_chunk::<4>()?;
            let length = usize::try_from(u32::from_le_bytes(*length)).ok().filter(|length| *length <= PAYLOAD_BYTES_MAX)?;
            lz4_flex::block::decompress(block, length).ok().map(Cow::Owned)
        }
        _ => None,
    }
}

/// What of a record stands in no column of its own, before it is packed.
///
/// EVM log: number of topics (1 byte), topics, data. Solana event: carrier (0 cpi, 1 log), position and parent each
/// behind its length (4 bytes, big-endian), payload. State read: call data behind its length, output. Others: the text.
fn payload(body: RawBody) -> Vec<u8> {
    match body {
        RawBody::EvmLog(log) => {
            let mut out = Vec::with_capacity(1 + 32 * log.topics.len() + log.data.len());
            out.push(u8::try_from(log.topics.len()).expect("a log has at most four topics"));
            log.topics.iter().for_each(|topic| out.extend_from_slice(topic.as_slice()));
            out.extend_from_slice(&log.data);
            out
        }
        RawBody::SolanaEvent(event) => {
            let mut out = vec![u8::from(event.carrier == perpdex_core::Carrier::Log)];
            push_part(&mut out, event.position.as_bytes());
            push_part(&mut out, event.parent.as_bytes());
            out.extend_from_slice(&event.payload);
            out
        }
        RawBody::HyperliquidLine(line) => line.text.into_bytes(),
        RawBody::ApiAnswer { body, .. } => body.into_bytes(),
        RawBody::StateRead { calldata, output, .. } => {
            let mut out = Vec::new();
            push_part(&mut out, &calldata);
            out.extend_from_slice(&output);
            out
        }
    }
}

/// The record's body, or `None` where the bytes are none of ours.
fn body(kind: &str, emitter: &str, block_hash: Option<&[u8]>, payload: &[u8]) -> Option<RawBody> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
    Some(match kind {
        "evm_log" => {
            let (count, mut rest) = payload.split_first()?;
            let mut topics = Vec::with_capacity(usize::from(*count));
            for _ in 0..*count {
                let (topic, after) = rest.split_at_checked(32)?;
                topics.push(B256::from_slice(topic));
                rest = after;
            }
            let block_hash = B256::try_from(block_hash?).ok()?;
            RawBody::EvmLog(EvmLog { address: emitter.parse().ok()?, topics, data: Bytes::copy_from_slice(rest), block_hash })
        }
        "solana_event" => {
            let (carrier, rest) = payload.split_first()?;
            let (position, rest) = split_part(rest)?;
            let (parent, rest) = split_part(rest)?;
            RawBody::SolanaEvent(SolanaEvent {
                program: emitter.to_owned(),
                carrier: if *carrier == 0 { perpdex_core::Carrier::Cpi } else { perpdex_core::Carrier::Log },
                position: text(position)?,
                parent: text(parent)?,
                payload: Bytes::copy_from_slice(rest),
            })
        }
        "hyperliquid_line" => {
            let stream = STREAMS.into_iter().find(|one| one.as_str() == emitter)?;
            RawBody::HyperliquidLine(HyperliquidLine { stream, text: text(payload)? })
        }
        "api_answer" => RawBody::ApiAnswer { source: emitter.to_owned(), body: text(payload)? },
        "state_read" => {
            let (calldata, output) = split_part(payload)?;
            let address: Address = emitter.parse().ok()?;
            RawBody::StateRead { address, calldata: Bytes::copy_from_slice(calldata), output: Bytes::copy_from_slice(output) }
        }
        _ => return None,
    })
}

fn push_part(out: &mut Vec<u8>, part: &[u8]) {
    let length = u32::try_from(part.len()).expect("a part of a record is below four gigabytes");
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(part);
}

fn split_part(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_come_back_and_damage_is_told() {
        let words: Vec<u8> = (0..40u8).flat_map(|word| [[0; 31].as_slice(), &[word]].concat()).collect();
        let noise: Vec<u8> = (0..300u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        for plain in [Vec::new(), vec![7], words.clone(), noise] {
            let stored = pack(plain.clone());
            assert!(stored.len() <= plain.len() + 1);
            assert_eq!(unpack(&stored).as_deref(), Some(plain.as_slice()));
        }
        let stored = pack(words.clone());
        assert!(stored.len() * 3 < words.len(), "{} of {} bytes", stored.len(), words.len());
        let longer = [&[LZ4, 0xff, 0xff, 0xff, 0xff], &stored[5..]].concat();
        for damaged in [&[][..], &[2, 0, 0], &[LZ4, 0], &stored[..stored.len() - 1], &longer] {
            assert_eq!(unpack(damaged), None, "{damaged:02x?}");
        }
    }
}
