//! Reading ABI-encoded data and topics with bounds checks.
//!
//! Promises: a wrong length, offset or padding is an error that names the field, never a panic. Values are not copied
//! before they are asked for. Does not: know any event; the order of calls on a [`Reader`] is the layout.

use alloy_primitives::{Address, B256, I256, U256, hex::Buffer};
use perpdex_core::{EvmLog, Text};
use thiserror::Error;

/// What is wrong with the bytes of a log.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum DataError {
    /// The data end before the field does.
    #[error("{field} lies outside of the {bytes} bytes of data")]
    Outside {
        /// The field.
        field: String,
        /// Length of the data.
        bytes: usize,
    },
    /// Bytes are left after the last field.
    #[error("{bytes} bytes of data, expected {expected}")]
    Length {
        /// Length of the data.
        bytes: usize,
        /// What the layout says.
        expected: usize,
    },
    /// A word is not a value of the field's type.
    #[error("{field} does not hold {kind}: {word}")]
    Value {
        /// The field.
        field: String,
        /// The type.
        kind: &'static str,
        /// The word.
        word: B256,
    },
    /// A text is not UTF-8.
    #[error("{field} is not text")]
    Text {
        /// The field.
        field: String,
    },
    /// The log has more or fewer topics than the event has indexed fields.
    #[error("{found} topics, expected {expected}")]
    Topics {
        /// In the log.
        found: usize,
        /// As the layout says.
        expected: usize,
    },
}

/// Reads the fields of one log one after the other, in the order of its layout.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    data: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// A reader at the first field.
    pub(crate) fn new(data: &'a [u8]) -> Reader<'a> {
        Reader { data, at: 0 }
    }

    /// `address`.
    #[inline]
    pub(crate) fn address(&mut self, field: &str) -> Result<Address, DataError> {
        address(self.word(field)?, field)
    }

    /// `bool`.
    #[inline]
    pub(crate) fn boolean(&mut self, field: &str) -> Result<bool, DataError> {
        boolean(self.word(field)?, field)
    }

    /// `bytes32`.
    #[inline]
    pub(crate) fn bytes32(&mut self, field: &str) -> Result<B256, DataError> {
        Ok(B256::from(*self.word(field)?))
    }

    /// `uintN` of at most 248 bits, or a `uint256` below 2^255, which every amount is.
    #[inline]
    pub(crate) fn uint(&mut self, bits: usize, field: &str) -> Result<I256, DataError> {
        uint(self.word(field)?, bits, field)
    }

    /// `intN`.
    #[inline]
    pub(crate) fn int(&mut self, bits: usize, field: &str) -> Result<I256, DataError> {
        int(self.word(field)?, bits, field)
    }

    /// `string`: the offset stands here, the text behind the last field.
    pub(crate) fn string(&mut self, field: &str) -> Result<&'a str, DataError> {
        let bytes = self.bytes(field)?;
        std::str::from_utf8(bytes).map_err(|_| DataError::Text { field: field.to_owned() })
    }

    /// `bytes`: the offset stands here, the bytes behind the last field.
    pub(crate) fn bytes(&mut self, field: &str) -> Result<&'a [u8], DataError> {
        let word = self.word(field)?;
        length(word).and_then(|offset| bytes_at(self.data, offset)).ok_or_else(|| outside(self.data, field))
    }

    /// `bytes32[]` or `uint256[]` as words: the offset stands here, the elements behind the last field.
    pub(crate) fn words(&mut self, field: &str) -> Result<Vec<B256>, DataError> {
        let word = self.word(field)?;
        let words = || -> Option<Vec<B256>> {
            let offset = length(word)?;
            let n = length(word_at(self.data, offset)?).filter(|n| *n <= self.data.len() / 32)?;
            (0..n).map(|i| word_at(self.data, offset + 32 + i * 32).map(|word| B256::from(*word))).collect()
        };
        words().ok_or_else(|| outside(self.data, field))
    }

    /// Nothing may follow the last field.
    pub(crate) fn end(&self) -> Result<(), DataError> {
        if self.at == self.data.len() { Ok(()) } else { Err(DataError::Length { bytes: self.data.len(), expected: self.at }) }
    }

    #[inline]
    fn word(&mut self, field: &str) -> Result<&'a [u8; 32], DataError> {
        let word = word_at(self.data, self.at).ok_or_else(|| outside(self.data, field))?;
        self.at += 32;
        Ok(word)
    }
}

/// The topics behind the selector, of which there must be `N`.
#[inline]
pub(crate) fn indexed<const N: usize>(log: &EvmLog) -> Result<[&B256; N], DataError> {
    let topics = log.topics.get(1..).unwrap_or_default();
    let topics: &[B256; N] = topics.try_into().map_err(|_| DataError::Topics { found: log.topics.len(), expected: N + 1 })?;
    Ok(topics.each_ref())
}

/// The word at a byte offset; `None` where the data end before it does.
#[inline]
pub(crate) fn word_at(data: &[u8], at: usize) -> Option<&[u8; 32]> {
    data.get(at..)?.first_chunk()
}

/// A word as an offset or length; `None` where it exceeds any possible data.
#[inline]
pub(crate) fn length(word: &[u8; 32]) -> Option<usize> {
    let [a, b, c, low] = limbs(word);
    if a | b | c == 0 { u32::try_from(low).ok().and_then(|low| usize::try_from(low).ok()) } else { None }
}

/// The word as four integers, the most significant first: whole registers are compared faster than bytes.
#[inline]
fn limbs(word: &[u8; 32]) -> [u64; 4] {
    let (limbs, _) = word.as_chunks::<8>();
    [0, 1, 2, 3].map(|i| u64::from_be_bytes(limbs[i]))
}

/// The word as a number.
#[inline]
fn number(word: &[u8; 32]) -> U256 {
    let [a, b, c, d] = limbs(word);
    U256::from_limbs([d, c, b, a])
}

/// `bytes` or `string` whose length word stands at `at`; `None` where the data end before they do.
#[inline]
pub(crate) fn bytes_at(data: &[u8], at: usize) -> Option<&[u8]> {
    let length = length(word_at(data, at)?)?;
    let start = at + 32;
    start.checked_add(length).and_then(|end| data.get(start..end))
}

/// A word as an `address`.
#[inline]
pub(crate) fn address(word: &[u8; 32], field: &str) -> Result<Address, DataError> {
    match limbs(word) {
        [0, second, _, _] if second >> 32 == 0 => Ok(Address::from_slice(&word[12..])),
        _ => Err(bad(word, "an address", field)),
    }
}

/// A word as a `bool`.
#[inline]
pub(crate) fn boolean(word: &[u8; 32], field: &str) -> Result<bool, DataError> {
    match limbs(word) {
        [0, 0, 0, 0] => Ok(false),
        [0, 0, 0, 1] => Ok(true),
        _ => Err(bad(word, "a bool", field)),
    }
}

/// A word as a `uintN`. A `uint256` must be below 2^255.
#[inline]
pub(crate) fn uint(word: &[u8; 32], bits: usize, field: &str) -> Result<I256, DataError> {
    let value = number(word);
    if value.bit_len() > bits.min(255) {
        return Err(bad(word, "an unsigned integer of its width", field));
    }
    Ok(I256::from_raw(value))
}

/// A word as an `intN`: the bits above the width repeat the sign.
#[inline]
pub(crate) fn int(word: &[u8; 32], bits: usize, field: &str) -> Result<I256, DataError> {
    let value = I256::from_raw(number(word));
    let magnitude = if value.is_negative() { !value.into_raw() } else { value.into_raw() };
    if magnitude.bit_len() >= bits {
        return Err(bad(word, "a signed integer of its width", field));
    }
    Ok(value)
}

/// An address as all tables hold it: lower-case hex.
pub(crate) fn hex(address: Address) -> Text {
    Text::new(Buffer::<{ Address::len_bytes() }, true>::new().format(&address))
}

/// A hash or key as all tables hold it: lower-case hex.
pub(crate) fn hash_hex(hash: &B256) -> Text {
    Text::new(Buffer::<{ B256::len_bytes() }, true>::new().format(hash))
}

#[cold]
fn bad(word: &[u8; 32], kind: &'static str, field: &str) -> DataError {
    DataError::Value { field: field.to_owned(), kind, word: B256::from(*word) }
}

/// The data end before the field does.
#[cold]
pub(crate) fn outside(data: &[u8], field: &str) -> DataError {
    DataError::Outside { field: field.to_owned(), bytes: data.len() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(values: &[I256]) -> Vec<u8> {
        values.iter().flat_map(|value| value.to_be_bytes::<32>()).collect()
    }

    #[test]
    fn widths_are_checked() {
        let n = |value: i64| I256::try_from(value).unwrap();
        let data = words(&[n(255), n(256), n(-128), n(-129), n(127), n(128), n(-1), n(2)]);
        let at = |i: usize| word_at(&data, i * 32).unwrap();
        assert_eq!(uint(at(0), 8, "x"), Ok(n(255)));
        assert!(uint(at(1), 8, "x").is_err());
        assert_eq!(int(at(2), 8, "x"), Ok(n(-128)));
        assert!(int(at(3), 8, "x").is_err());
        assert_eq!(int(at(4), 8, "x"), Ok(n(127)));
        assert!(int(at(5), 8, "x").is_err());
        assert!(uint(at(6), 256, "x").is_err(), "2^256 - 1 is no amount");
        assert_eq!(int(at(6), 256, "x"), Ok(n(-1)));
        assert!(boolean(at(7), "x").is_err());
        assert!(address(at(6), "x").is_err());
        assert_eq!((length(at(0)), length(at(2))), (Some(255), None));
        // Each byte counts, wherever it stands.
        for i in 0..32 {
            let mut word = [0; 32];
            word[i] = 1;
            assert_eq!(address(&word, "x").is_ok(), i >= 12, "{i}");
            assert_eq!(boolean(&word, "x").is_ok(), i == 31, "{i}");
            assert_eq!(length(&word), (i >= 28).then(|| 1 << (8 * (31 - i))), "{i}");
            assert_eq!(uint(&word, 256, "x").unwrap(), I256::ONE << (8 * (31 - i)), "{i}");
        }
    }

    #[test]
    fn addresses_and_hashes_are_printed_in_lower_case_with_all_digits() {
        let hash: B256 = "0x00000000000000000000000000000000000000000000000000000000000abcde".parse().unwrap();
        assert_eq!(hash_hex(&hash), "0x00000000000000000000000000000000000000000000000000000000000abcde");
        assert_eq!(hex(Address::from_word(hash)), "0x00000000000000000000000000000000000abcde");
    }

    #[test]
    fn nothing_is_read_outside() {
        let data = words(&[I256::try_from(64).unwrap(), I256::ZERO, I256::try_from(5).unwrap()]);
        assert_eq!(Reader::new(&data).string("name").unwrap_err().to_string(), "name lies outside of the 96 bytes of data");
        let mut reader = Reader::new(&data[..40]);
        reader.uint(256, "first").unwrap();
        assert!(reader.uint(256, "second").is_err());
        assert_eq!(reader.end(), Err(DataError::Length { bytes: 40, expected: 32 }));
    }
}
