//! What the Portal is asked: the query of a filter, of headers alone, and of a block as a whole.

use perpdex_core::{BlockRange, Filter, Headers};
use serde_json::{Value, json};

use super::line::Header;
use crate::watched::Watched;

/// Everything that programs say. Of programs that pass events to themselves every instruction of the transaction is asked
/// for, since an event's place is counted among all of them; of programs that print, the printed lines, and the calls, by
/// which a transaction shows that lost its lines.
pub(super) fn filtered(range: BlockRange, filter: &Filter, watched: &Watched) -> Value {
    let of = |prints: bool| -> Vec<&str> {
        watched.speakers().iter().filter(|speaker| speaker.prints == prints).map(|speaker| speaker.program.as_str()).collect()
    };
    let (printing, passing) = (of(true), of(false));
    let mut query = asked(range);
    query["includeAllBlocks"] = json!(filter.headers == Headers::All);
    let mut instructions = Vec::new();
    if !passing.is_empty() {
        instructions.push(json!({"programId": passing, "isCommitted": true, "transaction": true, "transactionInstructions": true}));
    }
    if !printing.is_empty() {
        instructions.push(json!({"programId": printing, "isCommitted": true, "transaction": true}));
        query["logs"] = json!([{"programId": printing, "kind": ["log", "data"], "transaction": true}]);
    }
    query["instructions"] = json!(instructions);
    query
}

/// A block with everything in it, whatever a filter would find.
pub(super) fn whole(slot: u64) -> Value {
    let mut query = asked(BlockRange::single(slot));
    query["includeAllBlocks"] = json!(true);
    for entity in ["transactions", "instructions", "logs"] {
        query[entity] = json!([{}]);
    }
    query
}

/// Every header of a range, whose first block follows `parent`.
pub(super) fn headers(range: BlockRange, parent: Option<&Header>) -> Value {
    let mut query = asked(range);
    query["includeAllBlocks"] = json!(true);
    if let Some(parent) = parent {
        query["parentBlockHash"] = json!(parent.hash);
    }
    query
}

fn asked(range: BlockRange) -> Value {
    json!({
        "type": "solana", "fromBlock": range.from(), "toBlock": range.to(),
        "fields": {
            "block": {"number": true, "hash": true, "parentNumber": true, "parentHash": true, "timestamp": true},
            "transaction": {"transactionIndex": true, "signatures": true, "err": true, "hasDroppedLogMessages": true},
            "instruction": {
                "transactionIndex": true, "instructionAddress": true, "programId": true, "data": true, "isCommitted": true,
                "hasDroppedLogMessages": true,
            },
            "log": {"transactionIndex": true, "logIndex": true, "programId": true, "kind": true, "message": true},
        },
    })
}
