//! Ids derived from natural keys, so that the order in which rows arrive leaves no trace in the store.

use alloy_primitives::keccak256;

use crate::{ChainId, VenueSlug};

/// A 63-bit id of a natural key: the first eight bytes of the keccak-256 of its parts, each followed by a zero byte.
///
/// Inside one block a collision is impossible in practice (the store keys rows by chain, height and this id);
/// the parts must not contain a zero byte.
pub fn derived_id(parts: &[&str]) -> i64 {
    let mut bytes = Vec::with_capacity(parts.iter().map(|part| part.len() + 1).sum());
    for part in parts {
        debug_assert!(!part.as_bytes().contains(&0), "a part of a natural key holds a zero byte");
        bytes.extend_from_slice(part.as_bytes());
        bytes.push(0);
    }
    let hash = keccak256(&bytes);
    let mut head = [0; 8];
    head.copy_from_slice(&hash[..8]);
    (u64::from_be_bytes(head) >> 1) as i64
}

/// The id of a market: derived from venue, chain and the venue's own market key. Views of one chain
/// ([`ChainId::market_chain`]) tell of the same markets.
pub fn market_id(venue: VenueSlug, chain: ChainId, market_key: &str) -> i64 {
    derived_id(&["market", venue.as_str(), &chain.market_chain().0.to_string(), market_key])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_do_not_run_together() {
        assert_ne!(derived_id(&["ab", "c"]), derived_id(&["a", "bc"]));
        assert!(derived_id(&["x"]) > 0);
    }
}
