//! Integers of any width as NUMERIC.

use alloy_primitives::{I256, U256};
use sqlx::Postgres;
use sqlx::Type;
use sqlx::encode::{Encode, IsNull};
use sqlx::error::BoxDynError;
use sqlx::postgres::types::Oid;
use sqlx::postgres::{PgArgumentBuffer, PgHasArrayType, PgTypeInfo};

/// An integer of any width as NUMERIC.
#[derive(Clone, Copy)]
pub(super) struct Numeric(pub(super) I256);

/// The type NUMERIC in the server's catalogue.
const NUMERIC_OID: Oid = Oid(1700);

impl Type<Postgres> for Numeric {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(NUMERIC_OID)
    }
}

/// The type NUMERIC[] in the server's catalogue.
const NUMERIC_ARRAY_OID: Oid = Oid(1231);

impl PgHasArrayType for Numeric {
    fn array_type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(NUMERIC_ARRAY_OID)
    }
}

impl Encode<'_, Postgres> for Numeric {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> std::result::Result<IsNull, BoxDynError> {
        let mut bytes = Vec::new();
        Base10000::of(self.0).put(&mut bytes);
        buffer.extend_from_slice(&bytes);
        Ok(IsNull::No)
    }
}

/// Base of the digits of a NUMERIC.
const NUMERIC_BASE: u64 = 10_000;
/// Sign word of a NUMERIC below zero.
const NUMERIC_NEGATIVE: u16 = 0x4000;
/// Sign word of a NUMERIC that is no number; infinities are above it.
const NUMERIC_NAN: u16 = 0xC000;

/// Digits of a NUMERIC at most: 77 decimal ones are 20 of base 10,000.
const NUMERIC_DIGITS_MAX: usize = 20;

/// An integer in the digits of a NUMERIC.
pub(super) struct Base10000 {
    /// Least significant first; `count` of them are used.
    digits: [u16; NUMERIC_DIGITS_MAX],
    count: u8,
    is_negative: bool,
}

impl Base10000 {
    pub(super) fn of(value: I256) -> Base10000 {
        let mut out = Base10000 { digits: [0; NUMERIC_DIGITS_MAX], count: 0, is_negative: value.is_negative() };
        let mut wide = value.unsigned_abs();
        while wide > U256::from(u128::MAX) {
            let (quotient, digit) = wide.div_rem(U256::from(NUMERIC_BASE));
            out.push(digit.to::<u16>());
            wide = quotient;
        }
        // Division costs by width, and nearly all amounts are narrow.
        let mut rest = wide.to::<u128>();
        while let Err(_wide) = u64::try_from(rest) {
            out.push((rest % u128::from(NUMERIC_BASE)) as u16);
            rest /= u128::from(NUMERIC_BASE);
        }
        let mut rest = rest as u64;
        while rest > 0 {
            out.push((rest % NUMERIC_BASE) as u16);
            rest /= NUMERIC_BASE;
        }
        out
    }

    fn push(&mut self, digit: u16) {
        self.digits[usize::from(self.count)] = digit;
        self.count += 1;
    }

    /// Length of what [`Base10000::put`] appends.
    pub(super) fn bytes(&self) -> i32 {
        8 + 2 * i32::from(self.count)
    }

    /// Appends count, weight, sign, scale and the digits, most significant first.
    pub(super) fn put(&self, buffer: &mut Vec<u8>) {
        let count = u16::from(self.count);
        let sign = if self.is_negative { NUMERIC_NEGATIVE } else { 0 };
        for word in [count, count.saturating_sub(1), sign, 0] {
            buffer.extend_from_slice(&word.to_be_bytes());
        }
        for digit in self.digits[..usize::from(self.count)].iter().rev() {
            buffer.extend_from_slice(&digit.to_be_bytes());
        }
    }
}

/// A NUMERIC of any scale as plain decimal text.
pub(super) fn numeric_text(bytes: &[u8]) -> std::result::Result<String, BoxDynError> {
    let words: Vec<u16> = bytes.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
    let [count, weight, sign, scale, digits @ ..] = words.as_slice() else { return Err("a NUMERIC is too short".into()) };
    if *sign >= NUMERIC_NAN {
        return Ok("NaN".to_owned());
    }
    if digits.len() != usize::from(*count) {
        return Err("a NUMERIC has other than its digits".into());
    }
    let weight = i32::from(*weight as i16);
    let digit = |place: i32| usize::try_from(weight - place).ok().and_then(|at| digits.get(at)).copied().unwrap_or(0);
    let mut whole: String = (0..=weight.max(0)).rev().map(|place| format!("{:04}", digit(place))).collect();
    whole = whole.trim_start_matches('0').to_owned();
    let mut out = String::new();
    if *sign == NUMERIC_NEGATIVE {
        out.push('-');
    }
    out.push_str(if whole.is_empty() { "0" } else { &whole });
    let scale = usize::from(*scale);
    if scale > 0 {
        let places = i32::try_from(scale.div_ceil(4))?;
        let fraction: String = (1..=places).map(|place| format!("{:04}", digit(-place))).collect();
        out.push('.');
        out.push_str(&fraction[..scale]);
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numerics_print_as_they_were() {
        let mut values: Vec<I256> = ["0", "1", "-1", "9999", "10000", "-10000", "100000000", "123456789012345678901234567890"]
            .map(|text| text.parse().unwrap())
            .to_vec();
        for bits in [63, 64, 65, 127, 128, 129, 254] {
            let power: I256 = I256::ONE << bits;
            values.extend([power - I256::ONE, power, power + I256::ONE, -power]);
        }
        values.extend([I256::MAX, I256::MIN, I256::MIN + I256::ONE]);
        for value in values {
            let (numeric, mut bytes) = (Base10000::of(value), Vec::new());
            numeric.put(&mut bytes);
            assert_eq!(numeric_text(&bytes).unwrap(), value.to_string());
            assert_eq!(usize::try_from(numeric.bytes()), Ok(bytes.len()), "{value}");
        }
    }

    #[test]
    fn fractions_of_the_server_print() {
        // 12.0345 and -0.0001, as the server sends them.
        let words = |words: &[u16]| words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<u8>>();
        assert_eq!(numeric_text(&words(&[2, 0, 0, 4, 12, 345])).unwrap(), "12.0345");
        assert_eq!(numeric_text(&words(&[1, 0xffff, 0x4000, 4, 1])).unwrap(), "-0.0001");
        assert_eq!(numeric_text(&words(&[1, 1, 0, 2, 3])).unwrap(), "30000.00");
        assert_eq!(numeric_text(&words(&[0, 0, 0xC000, 0])).unwrap(), "NaN");
    }
}
