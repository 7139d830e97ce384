//! What an endpoint's refusal means.

use std::fmt;
use std::time::Duration;

use perpdex_core::SourceErrorKind;

/// Slot was skipped: there is no block there. The second code is that of long-term storage.
const SKIPPED: [i64; 2] = [-32007, -32009];
/// The block is not there yet, or its slot is not on the endpoint's fork.
const NOT_AVAILABLE: i64 = -32004;
/// The transaction's version is above what was asked for.
const UNSUPPORTED_VERSION: i64 = -32015;

/// Classes by JSON-RPC error code, from the validator's table of custom errors.
const CODES: &[(i64, Class)] = &[
    (NOT_AVAILABLE, Class::Lagging),
    // Status of the block is not known yet; the node is unhealthy; it has not reached the slot asked for.
    (-32014, Class::Lagging),
    (-32005, Class::Lagging),
    (-32016, Class::Lagging),
    // The block was cleaned up: another endpoint may have it.
    (-32001, Class::Pruned),
    // Long-term storage cannot be reached; the signature to list below is not known here.
    (-32019, Class::Transient),
    (-32020, Class::Transient),
    // The node keeps no transaction history; method or parameters are refused.
    (-32011, Class::Permanent),
    (-32600, Class::Permanent),
    (-32601, Class::Permanent),
    (-32602, Class::Permanent),
    (429, Class::Rate),
];

/// Texts of providers before their codes, lower-case.
const TEXTS: &[(&str, Class)] =
    &[("too many requests", Class::Rate), ("rate limit", Class::Rate), ("rate exceeded", Class::Rate), ("request limit", Class::Rate)];

#[derive(Clone, Copy)]
enum Class {
    Density,
    Rate,
    Lagging,
    Transient,
    Pruned,
    Permanent,
}

/// A refusal as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// HTTP status; 200 where the error came inside a good answer.
    pub(crate) status: u16,
    /// JSON-RPC error code, if there was a JSON-RPC error.
    pub(crate) code: Option<i64>,
    /// Its message.
    pub(crate) message: String,
    /// The `Retry-After` header.
    pub(crate) retry_after: Option<Duration>,
}

impl Refusal {
    /// What to do about it.
    pub(crate) fn kind(&self) -> SourceErrorKind {
        match self.class() {
            Class::Density => SourceErrorKind::Density,
            Class::Rate => SourceErrorKind::Rate { retry_after: self.retry_after },
            Class::Lagging => SourceErrorKind::Lagging,
            // An overloaded server that says when to come back asks for a slower pace, whatever its status.
            Class::Transient if self.retry_after.is_some() => SourceErrorKind::Rate { retry_after: self.retry_after },
            Class::Transient => SourceErrorKind::Transient,
            Class::Pruned => SourceErrorKind::Pruned,
            Class::Permanent => SourceErrorKind::Permanent,
        }
    }

    /// Whether it says that the slot has no block.
    pub(crate) fn is_skipped_slot(&self) -> bool {
        self.code.is_some_and(|code| SKIPPED.contains(&code))
    }

    /// Whether it says that the block is not there, or not yet.
    pub(crate) fn is_not_available(&self) -> bool {
        self.code == Some(NOT_AVAILABLE)
    }

    /// Whether it says that the transaction is of a newer kind than can be asked for.
    pub(crate) fn is_unsupported_version(&self) -> bool {
        self.code == Some(UNSUPPORTED_VERSION)
    }

    fn class(&self) -> Class {
        let message = self.message.to_ascii_lowercase();
        let by_text = TEXTS.iter().find(|(text, _)| message.contains(text)).map(|(_, class)| *class);
        let by_code = || CODES.iter().find(|(code, _)| self.code == Some(*code)).map(|(_, class)| *class);
        by_text.or_else(by_code).unwrap_or(match (self.status, self.code) {
            (429, _) => Class::Rate,
            (413, _) => Class::Density,
            (200, _) | (408, _) | (500.., _) => Class::Transient,
            (300..500, None) => Class::Permanent,
            _ => Class::Transient,
        })
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            Some(code) => write!(f, "with code {code}: {}", self.message),
            None => write!(f, "with http status {}", self.status),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_texts_and_statuses() {
        for (status, code, message, kind) in [
            (200, Some(-32004), "Block not available for slot 7", "lagging"),
            (200, Some(-32014), "Block status not yet available for slot 7", "lagging"),
            (200, Some(-32005), "Node is behind by 42 slots", "lagging"),
            (200, Some(-32016), "Minimum context slot has not been reached", "lagging"),
            (200, Some(-32001), "Block 7 cleaned up, does not exist on node", "pruned"),
            (200, Some(-32011), "Transaction history is not available from this node", "permanent"),
            (200, Some(-32019), "Failed to query long-term storage", "transient"),
            (200, Some(-32020), "Transaction 5x not found", "transient"),
            (200, Some(-32601), "Method not found", "permanent"),
            (200, Some(-32603), "Internal error", "transient"),
            (200, Some(-32005), "Too many requests for a specific RPC call", "rate"),
            (429, Some(429), "Too many requests from your IP", "rate"),
            (429, None, "", "rate"),
            (413, None, "", "density"),
            (403, None, "", "permanent"),
            (301, None, "", "permanent"),
            (503, None, "", "transient"),
            (400, Some(-1), "odd", "transient"),
        ] {
            let refusal = Refusal { status, code, message: message.to_owned(), retry_after: None };
            assert_eq!(refusal.kind().as_str(), kind, "{refusal:?}");
        }
    }
}
