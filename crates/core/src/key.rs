//! Ids derived from natural keys, so that the order in which rows arrive leaves no trace in the store.

use alloy_primitives::keccak256;
use twox_hash::XxHash3_64;

use crate::{ChainId, VenueSlug};

/// A 63-bit id of a natural key: the first eight bytes of the keccak-256 of its parts, each followed by a zero byte.
///
/// Inside one block a collision is impossible in practice (the store keys rows by chain, height and this id);
/// the parts must not contain a zero byte.
pub fn derived_id(parts: &[&str]) -> i64 {
    with_bytes(parts, |bytes| {
        let hash = keccak256(bytes);
        let mut head = [0; 8];
        head.copy_from_slice(&hash[..8]);
        (u64::from_be_bytes(head) >> 1) as i64
    })
}

/// A 63-bit id of an execution inside its height: the XXH3 (64 bits, without a seed) of the same bytes as [`derived_id`]'s, without its
/// lowest bit.
///
/// There are many more executions than other things with natural keys, and keccak-256 took a quarter of the time of reading one. It has
/// to tell apart what stands in one block, and nobody chooses those names freely: trade ids are the venue's. What is told apart for good,
/// or named by whom it may concern, is [`derived_id`]'s.
pub fn execution_id(parts: &[&str]) -> i64 {
    with_bytes(parts, |bytes| (XxHash3_64::oneshot(bytes) >> 1) as i64)
}

/// Gives the parts of a natural key, each followed by a zero byte.
fn with_bytes<T>(parts: &[&str], take: impl FnOnce(&[u8]) -> T) -> T {
    let length: usize = parts.iter().map(|part| part.len() + 1).sum();
    // Nearly all keys are short.
    let (mut short, mut long) = ([0; SHORT_BYTES], Vec::new());
    let bytes = if length <= SHORT_BYTES {
        &mut short[..length]
    } else {
        long.resize(length, 0);
        long.as_mut_slice()
    };
    let mut at = 0;
    for part in parts {
        debug_assert!(!part.as_bytes().contains(&0), "a part of a natural key holds a zero byte");
        bytes[at..at + part.len()].copy_from_slice(part.as_bytes());
        at += part.len() + 1;
    }
    take(bytes)
}

/// Bytes of a key that are put together without the heap.
const SHORT_BYTES: usize = 128;

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
        // The same bytes, put together on the heap.
        let long = "y".repeat(SHORT_BYTES);
        for parts in [&["x", "", "z"][..], &[&long, "z"], &[&long[2..], ""]] {
            let bytes: String = parts.iter().map(|part| format!("{part}\0")).collect();
            let hash = keccak256(bytes);
            assert_eq!(derived_id(parts), i64::from_be_bytes(hash[..8].try_into().unwrap()).cast_unsigned().wrapping_shr(1).cast_signed());
        }
    }

    /// Values that the algorithm's own test program prints (`xxhsum -H3`): ids must never change.
    #[test]
    fn executions_have_the_ids_of_the_published_hash() {
        let id = |hash: u64| i64::try_from(hash >> 1).unwrap();
        assert_eq!(execution_id(&[]), id(0x2d06_8005_38d3_94c2));
        assert_eq!(XxHash3_64::oneshot(b"abc"), 0x78af_5f94_892f_3950);
        assert_ne!(execution_id(&["ab", "c"]), execution_id(&["a", "bc"]));
        assert_ne!(execution_id(&["x"]), execution_id(&["x", ""]));
    }
}
