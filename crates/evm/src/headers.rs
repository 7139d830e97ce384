//! Headers by number, and what must hold between them.

use std::collections::BTreeMap;

use alloy::network::AnyRpcHeader;
use alloy::primitives::{B256, Bloom};
use perpdex_core::{BlockRange, BlockRef, Link, SourceError, SourceErrorKind};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::json;

use crate::client::{Call, Client};
use crate::http::Json;
use crate::purpose::Purpose;
use crate::query::quantity;

/// What is used of a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// Block number.
    pub(crate) number: u64,
    /// Hash, as the endpoint states it.
    pub(crate) hash: B256,
    /// Hash of the block before.
    pub(crate) parent: B256,
    /// Unix milliseconds: the header's seconds times 1,000.
    pub(crate) time_ms: i64,
    /// Filter over addresses and topics of the block's logs.
    pub(crate) bloom: Bloom,
    /// Number of the block's transactions.
    pub(crate) transactions: usize,
}

impl Header {
    /// The block as the vocabulary has it.
    pub(crate) fn block_ref(&self) -> BlockRef {
        BlockRef { height: self.number, link: Some(Link { hash: self.hash, parent: self.parent }), time_ms: self.time_ms }
    }
}

/// Reads the answer of `eth_getBlockByNumber`; `None` where the endpoint has no such block.
pub(crate) fn read_header(raw: &Json) -> Result<Option<Header>, String> {
    // Chains leave out fields of Ethereum's header; alloy's header of any network allows that.
    let header: Option<AnyRpcHeader> = serde_json::from_str(raw.get()).map_err(|error| format!("unreadable header: {error}"))?;
    let Some(header) = header else { return Ok(None) };
    let time_ms =
        time_ms(header.timestamp).ok_or_else(|| format!("block {}: time {} s is out of range", header.number, header.timestamp))?;
    let Body { transactions } = serde_json::from_str(raw.get()).map_err(|error| format!("unreadable block: {error}"))?;
    let (number, hash, parent, bloom) = (header.number, header.hash, header.parent_hash, header.logs_bloom);
    Ok(Some(Header { number, hash, parent, time_ms, bloom, transactions: transactions.len() }))
}

/// The rest of a block that is looked at.
#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    transactions: Vec<IgnoredAny>,
}

/// Header seconds as unix milliseconds, where that fits.
pub(crate) fn time_ms(secs: u64) -> Option<i64> {
    i64::try_from(secs).ok()?.checked_mul(1_000)
}

/// The call for a header.
pub(crate) fn header_call(height: u64) -> Call {
    Call { method: "eth_getBlockByNumber", params: json!([quantity(height), false]), asked: Some(BlockRange::single(height)) }
}

/// Known headers, one a height.
#[derive(Debug, Default)]
pub(crate) struct Headers {
    by_height: BTreeMap<u64, Header>,
}

impl Headers {
    /// The header at a height, if it is known.
    pub(crate) fn get(&self, height: u64) -> Option<&Header> {
        self.by_height.get(&height)
    }

    /// All, ascending.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Header> {
        self.by_height.values()
    }

    /// Takes the answer to a question for `height`. `Ok(false)`: the endpoint has no such block. An answer for another
    /// height, or with another hash than before, is a contradiction.
    pub(crate) fn take(&mut self, height: u64, raw: &Json) -> Result<bool, String> {
        let Some(header) = read_header(raw)? else { return Ok(false) };
        if header.number != height {
            return Err(format!("asked for block {height}, got block {}", header.number));
        }
        match self.by_height.insert(height, header) {
            Some(before) if before.hash != header.hash => Err(two_hashes(height, before.hash, header.hash)),
            _ => Ok(true),
        }
    }

    /// Whether neighbours fit: the parent of each is the hash of the one below, and time does not run backwards.
    pub(crate) fn check_links(&self) -> Result<(), String> {
        for (below, above) in self.by_height.values().zip(self.by_height.values().skip(1)) {
            if above.number == below.number + 1 && above.parent != below.hash {
                return Err(format!(
                    "block {} has parent {} but block {} has hash {}",
                    above.number, above.parent, below.number, below.hash
                ));
            }
            if above.time_ms < below.time_ms {
                return Err(format!("block {} is older than block {}", above.number, below.number));
            }
        }
        Ok(())
    }

    /// Fetches those of the heights that are not known yet, in batches.
    pub(crate) async fn fetch(&mut self, client: &Client, heights: impl Iterator<Item = u64>, purpose: Purpose) -> Result<(), SourceError> {
        let missing: Vec<u64> = heights.filter(|height| !self.by_height.contains_key(height)).collect();
        client.count_headers(purpose, missing.len());
        for part in missing.chunks(client.batch_calls_max()) {
            let calls: Vec<Call> = part.iter().map(|height| header_call(*height)).collect();
            for (height, answer) in part.iter().zip(client.batch(&calls).await?) {
                let known = self.take(*height, &answer?).map_err(|message| client.error(SourceErrorKind::Transient, message))?;
                if !known {
                    return Err(client.error(SourceErrorKind::Lagging, format_args!("eth_getBlockByNumber: no block {height} here")));
                }
            }
        }
        Ok(())
    }
}

/// The text for two hashes at one height.
pub(crate) fn two_hashes(height: u64, one: B256, other: B256) -> String {
    format!("block {height} has two hashes in one answer: {one} and {other}")
}
