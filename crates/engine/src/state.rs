//! Decodes a batch with the contract values that its decoders ask for, which are read and recorded with it.

use alloy_primitives::{Bytes, hex};
use perpdex_core::{Batch, ChainId, Commit, Hole, HoleReason, RangeSet, RawBody, RawRecord, StateAt, StateCall, Venue, derived_id};

use crate::decode::{Decoding, Times, Wanted, decode};
use crate::endpoints::Endpoints;
use crate::error::ChainError;
use crate::job::JobStream;

/// Transaction id of records that belong to no transaction.
const NO_TRANSACTION: &str = "state";

/// Decodes on a thread of its own, so that the network and the commits of other ranges go on. A height at which a value cannot
/// be had becomes a hole: nothing is guessed.
pub(crate) async fn decoded(
    chain: ChainId,
    streams: Vec<JobStream>,
    venues: &'static [&'static dyn Venue],
    batch: Batch,
    times: Times,
    endpoints: &Endpoints,
) -> Result<Commit, ChainError> {
    let range = batch.range;
    let work = move |batch, is_last| {
        let streams = streams.clone();
        tokio::task::spawn_blocking(move || decode(chain, &streams.iter().collect::<Vec<_>>(), venues, batch, times, is_last))
    };
    let failed = |error: tokio::task::JoinError| ChainError::Decoder { chain, range, message: error.to_string() };
    match work(batch, false).await.map_err(failed)? {
        Decoding::Done(commit) => Ok(*commit),
        Decoding::Needs { batch, wanted } => {
            let batch = with_state(batch, &wanted, endpoints).await;
            match work(batch, true).await.map_err(failed)? {
                Decoding::Done(commit) => Ok(*commit),
                Decoding::Needs { .. } => unreachable!("the last decoding asks for nothing"),
            }
        }
    }
}

/// Adds what contracts answer; heights whose values cannot be had become holes without records.
async fn with_state(mut batch: Batch, wanted: &[Wanted], endpoints: &Endpoints) -> Batch {
    let calls: Vec<(u64, StateCall)> = wanted.iter().map(|wanted| (wanted.height, wanted.call.clone())).collect();
    let hole = |wanted: &Wanted, reason, why: &str| {
        let StateCall { address, calldata, at } = &wanted.call;
        let when = if *at == StateAt::Height { format!("at height {}", wanted.height) } else { "now".to_owned() };
        let detail = format!("contract {address:#x} cannot be asked {} {when}: {why}", hex::encode_prefixed(calldata));
        Hole { range: perpdex_core::BlockRange::single(wanted.height), reason, detail, streams: Vec::new() }
    };
    let mut holes = Vec::new();
    match endpoints.state(&calls).await {
        Ok(outputs) => {
            for (wanted, output) in wanted.iter().zip(outputs) {
                match output {
                    Some(output) => batch.records.push(record(endpoints.chain(), wanted, output)),
                    None => holes.push(hole(wanted, HoleReason::Missing, missing(wanted.call.at))),
                }
            }
        }
        Err(error) => holes.extend(wanted.iter().map(|wanted| hole(wanted, HoleReason::Failed, &error.to_string()))),
    }
    let missing = RangeSet::from_ranges(holes.iter().map(|hole| hole.range));
    batch.records.retain(|record| !missing.ranges().iter().any(|range| range.contains(record.height)));
    holes.dedup_by_key(|hole| hole.range);
    batch.holes.extend(holes);
    batch
}

fn missing(at: StateAt) -> &'static str {
    match at {
        StateAt::Immutable => "no endpoint answers the call",
        StateAt::Height => "no endpoint has the state of that block",
    }
}

fn record(chain: ChainId, wanted: &Wanted, output: Bytes) -> RawRecord {
    let StateCall { address, calldata, .. } = wanted.call.clone();
    let rec = derived_id(&[NO_TRANSACTION, &format!("{address:#x}"), &hex::encode(&calldata)]);
    RawRecord {
        chain,
        height: wanted.height,
        rec,
        ord: rec,
        tx_id: NO_TRANSACTION.into(),
        tx_index: None,
        time_ms: wanted.time_ms,
        body: RawBody::StateRead { address, calldata, output },
    }
}
