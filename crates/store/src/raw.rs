//! Raw records as rows: every byte comes back as it was, or what is left of a record says what it was.

use std::collections::HashSet;

use alloy_primitives::{Address, B256, Bytes};
use perpdex_core::{
    ChainId, DroppedRecord, EvmLog, Failure, HyperliquidLine, HyperliquidStream, RawBody, RawRecord, SolanaEvent, StoredRecord, StreamId,
};

use crate::fact::{height_cell, read_chain, read_u32, read_venue};
use crate::pack::{self, pack, unpack};
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
pub(crate) type Records = Lot<(StreamId, RawRecord)>;

/// Records with their payloads.
pub(crate) fn lot(records: Vec<(StreamId, RawRecord)>) -> Records {
    Lot { table: "raw_events", columns: RAW_EVENTS, rows: records, push: |bulk, row| push(bulk, row, |body| pack(&payload(body))) }
}

/// Records without their payloads. Whole are state reads, which a proof does not bring again, and all records of a height with one
/// that could not be decoded: a mended decoder needs them, and they show what is to be mended.
pub(crate) fn lots_dropped(mut records: Vec<(StreamId, RawRecord)>, failures: &[(StreamId, Failure)]) -> Vec<Records> {
    let failed: HashSet<u64> = failures.iter().map(|(_, failure)| failure.height).collect();
    let is_kept = |record: &RawRecord| matches!(record.body, RawBody::StateRead { .. }) || failed.contains(&record.height);
    let kept = records.extract_if(.., |(_, record)| is_kept(record)).collect();
    let dropped = Lot { rows: records, push: |bulk, row| push(bulk, row, |body| digested(&body)), ..lot(Vec::new()) };
    vec![lot(kept), dropped]
}

fn push(bulk: &mut Bulk, (stream, record): (StreamId, RawRecord), stored: impl FnOnce(RawBody) -> Vec<u8>) {
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
        stored(record.body).into(),
    ]);
}

/// Reads a row of [`RAW_EVENTS`] back.
pub(crate) fn read(r: &Record) -> Result<(StreamId, StoredRecord)> {
    let chain: ChainId = read_chain(r, 0)?;
    let stream = StreamId { chain, venue: read_venue(r, 4)?, part: r.string(5)?, version: read_u32(r, 6)? };
    let tx_index = match r.opt_int(8)? {
        Some(_) => Some(read_u32(r, 8)?),
        None => None,
    };
    let (height, rec, ord, tx_id, time_ms) = (r.height(1)?, r.int(2)?, r.int(3)?, r.shared(7)?, r.int(9)?);
    let corrupt = || Fault::Corrupt(format!("raw record {rec} at height {height} of {chain} cannot be read back"));
    let stored = r.opt_bytes(13)?.unwrap_or_default();
    let (kind, emitter, block_hash) = (r.text(10)?, r.text(11)?, r.opt_bytes(12)?);
    if let Some(digest) = pack::dropped(stored) {
        let hash = |bytes: &[u8]| B256::try_from(bytes).map_err(|_| corrupt());
        let (block_hash, payload) = (block_hash.map(hash).transpose()?, hash(digest)?);
        let record = DroppedRecord { chain, height, rec, ord, tx_id, time_ms, emitter: emitter.to_owned(), block_hash, payload };
        return Ok((stream, StoredRecord::Dropped(record)));
    }
    let body = unpack(stored).and_then(|payload| body(kind, emitter, block_hash, &payload)).ok_or_else(corrupt)?;
    Ok((stream, StoredRecord::Whole(RawRecord { chain, height, rec, ord, tx_id, tx_index, time_ms, body })))
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

/// What is stored where the payload is dropped.
fn digested(body: &RawBody) -> Vec<u8> {
    pack::digest(body.digest().as_slice())
}

/// A payload as it is stored, and what is stored where it is dropped.
pub(crate) fn whole_and_dropped(body: &RawBody) -> [Vec<u8>; 2] {
    [pack(&payload(body.clone())), digested(body)]
}

/// What of a record stands in no column of its own, before it is packed: [`RawBody::payload`].
fn payload(body: RawBody) -> Vec<u8> {
    match body {
        RawBody::HyperliquidLine(line) => line.text.into_bytes(),
        RawBody::ApiAnswer { body, .. } => body.into_bytes(),
        body => {
            // A byte or two lengths stand beside the content.
            let mut out = Vec::with_capacity(body.size_bytes() + 16);
            body.payload(|part| out.extend_from_slice(part));
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

fn split_part(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)
}

#[cfg(test)]
mod tests {
    use alloy_primitives::hex;

    use super::*;

    /// What stands for a dropped payload can be made from a kept one by anyone, as `sha256sum` here: SHA-256 of the plain bytes.
    #[test]
    fn a_digest_is_that_of_the_plain_payload() {
        let event = SolanaEvent {
            program: "program".to_owned(),
            carrier: perpdex_core::Carrier::Log,
            position: "5.1".to_owned(),
            parent: "5".to_owned(),
            payload: Bytes::from_static(&[1, 2]),
        };
        let log = EvmLog {
            address: Address::ZERO,
            topics: vec![B256::repeat_byte(1)],
            data: Bytes::from_static(&[9; 40]),
            block_hash: B256::ZERO,
        };
        let line = HyperliquidLine { stream: HyperliquidStream::Fills, text: "{}".to_owned() };
        let (calldata, output) = (Bytes::from_static(&[1, 2, 3, 4]), Bytes::from_static(&[5; 32]));
        let plain: [(RawBody, Vec<u8>, &str); 5] = [
            (
                RawBody::EvmLog(log),
                [&[1][..], &[1; 32], &[9; 40]].concat(),
                "383dcaf0305697569a2a756ccf97364f011c0afbd6df9e75c7fb8c5568095555",
            ),
            (
                RawBody::SolanaEvent(event),
                [&[1, 0, 0, 0, 3][..], b"5.1", &[0, 0, 0, 1], b"5", &[1, 2]].concat(),
                "c86daa2c53a586f4943a8898ad77bc2164a50eb2176b78fc4a788b7843aef06d",
            ),
            (RawBody::HyperliquidLine(line), b"{}".to_vec(), "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"),
            (
                RawBody::ApiAnswer { source: "aster".to_owned(), body: "[]".to_owned() },
                b"[]".to_vec(),
                "4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945",
            ),
            (
                RawBody::StateRead { address: Address::ZERO, calldata, output },
                [&[0, 0, 0, 4][..], &[1, 2, 3, 4], &[5; 32]].concat(),
                "0744c28a73f0d9f66faa076e090bc055a3204f8d6986a67ec63ceafe9585fc1c",
            ),
        ];
        for (body, plain, sha256) in plain {
            assert_eq!(hex::encode(digested(&body)), format!("02{sha256}"), "{body:?}");
            assert_eq!(payload(body), plain);
        }
    }
}
