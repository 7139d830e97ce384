//! Addresses and hashes of one unit as texts, each made once: its events name the same few again and again.

use alloy_primitives::{Address, B256};
use perpdex_core::Text;

use crate::abi;

/// Texts of each kind that are remembered.
const RECENT: usize = 4;

/// The latest texts of a unit.
#[derive(Debug, Default)]
pub(crate) struct HexTexts {
    addresses: Recent<Address>,
    hashes: Recent<B256>,
}

impl HexTexts {
    /// An address as all tables hold it: lower-case hex.
    pub(crate) fn address(&mut self, address: Address) -> Text {
        self.addresses.text(address, abi::hex)
    }

    /// A hash or key likewise.
    pub(crate) fn hash(&mut self, hash: &B256) -> Text {
        self.hashes.text(*hash, |hash| abi::hash_hex(&hash))
    }
}

#[derive(Debug)]
struct Recent<K> {
    texts: [Option<(K, Text)>; RECENT],
    /// Which one is forgotten next.
    oldest: usize,
}

impl<K> Default for Recent<K> {
    fn default() -> Recent<K> {
        Recent { texts: [const { None }; RECENT], oldest: 0 }
    }
}

impl<K: Copy + PartialEq> Recent<K> {
    fn text(&mut self, key: K, make: impl FnOnce(K) -> Text) -> Text {
        if let Some((_, text)) = self.texts.iter().flatten().find(|(known, _)| *known == key) {
            return text.clone();
        }
        let made = make(key);
        self.texts[self.oldest] = Some((key, made.clone()));
        self.oldest = (self.oldest + 1) % RECENT;
        made
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_those_of_their_keys_however_many_there_are() {
        let mut texts = HexTexts::default();
        for round in 0..3 {
            for n in 0..2 * RECENT as u8 {
                let (address, hash) = (Address::repeat_byte(n), B256::repeat_byte(n));
                assert_eq!(texts.address(address), abi::hex(address), "{round}");
                assert_eq!(texts.hash(&hash), abi::hash_hex(&hash), "{round}");
                let (first, second) = (texts.address(address), texts.address(address));
                assert!(std::ptr::eq(first.as_str(), second.as_str()), "a text is shared");
            }
        }
    }
}
