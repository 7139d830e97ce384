//! What contracts answer: `eth_call`.

use alloy::primitives::{Bytes, U64};
use perpdex_core::{SourceError, SourceErrorKind, StateAt, StateCall};
use serde_json::json;

use crate::client::{Answer, Call, Client};

/// Words by which nodes say that the contract refused, which is an answer and the same everywhere: geth, reth, nethermind,
/// erigon (`execution reverted`, `VM execution error`), and calls of what is no such function.
const REVERTED: [&str; 5] = ["revert", "vm execution error", "invalid opcode", "invalid jump", "stack underflow"];

/// Calls contracts, a batch after the other.
pub(crate) async fn state(client: &Client, calls: &[(u64, StateCall)]) -> Result<Vec<Option<Bytes>>, SourceError> {
    let mut outputs = Vec::with_capacity(calls.len());
    while let Some(rest) = calls.get(outputs.len()..).filter(|rest| !rest.is_empty()) {
        let part = &rest[..rest.len().min(client.batch_calls_max())];
        let requests: Vec<Call> = part.iter().map(|(height, call)| request(*height, call)).collect();
        for (answer, (height, call)) in client.batch(&requests).await?.into_iter().zip(part) {
            outputs.push(output(client, answer, *height, call)?);
        }
    }
    Ok(outputs)
}

fn request(height: u64, call: &StateCall) -> Call {
    let block = match call.at {
        StateAt::Immutable => json!("latest"),
        StateAt::Height => json!(U64::from(height)),
    };
    Call { method: "eth_call", params: json!([{ "to": call.address, "data": call.calldata }, block]), asked: None }
}

fn output(client: &Client, answer: Answer, height: u64, call: &StateCall) -> Result<Option<Bytes>, SourceError> {
    match answer {
        Ok(raw) => serde_json::from_str(raw.get()).map(Some).map_err(|error| {
            let what = format_args!("eth_call {} at {height}: unreadable answer: {error}", call.address);
            client.error(SourceErrorKind::Transient, what)
        }),
        Err(error) if is_reverted(&error.message) => Ok(Some(Bytes::new())),
        Err(error) if error.kind == SourceErrorKind::Pruned && call.at == StateAt::Height => Ok(None),
        // A node that has not the method, or not for us, may still have the logs.
        Err(error) if error.kind == SourceErrorKind::Permanent => Ok(None),
        Err(error) => Err(error),
    }
}

fn is_reverted(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    REVERTED.iter().any(|word| message.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_of_the_contract_is_told_from_one_of_the_node() {
        for text in ["eth_call: execution reverted", "eth_call: VM execution error.", "eth_call: invalid opcode: INVALID"] {
            assert!(is_reverted(text), "{text}");
        }
        for text in ["eth_call: missing trie node", "eth_call: rate limit", "eth_call: header not found"] {
            assert!(!is_reverted(text), "{text}");
        }
    }
}
