//! Exact numbers: native integers with a unit, and decimals made of them.
//!
//! No float touches an amount. A conversion to fewer digits rounds half to even, once; what does not fit is an error.

use std::fmt;
use std::sync::LazyLock;

use alloy_primitives::{I256, U256};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::Text;

/// Why a number could not be converted.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AmountError {
    /// The result is outside the type it was asked for.
    #[error("{what} does not fit: {value}")]
    Overflow {
        /// Which conversion.
        what: &'static str,
        /// The number, as text.
        value: String,
    },
    /// Text that is not a plain decimal number.
    #[error("not a decimal number: {0:?}")]
    NotDecimal(String),
    /// Division by zero.
    #[error("division by zero")]
    DivisionByZero,
}

/// How a native integer is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// `native / 10^n`, known to the decoder.
    Decimals(u8),
    /// A quantity in the market's native unit: `native / 10^(market's native_qty_decimals)`.
    MarketQty,
    /// A price per smallest unit of the index token, scaled by 10^n in all: `native / 10^(n - native_qty_decimals)`
    /// (GMX: n = 30).
    MarketPrice(u8),
}

/// A native integer as the chain has it, with the unit it is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amount {
    /// The chain's own integer.
    pub native: I256,
    /// What one of it is worth.
    pub unit: Unit,
}

impl Amount {
    /// An amount whose decimals the decoder knows.
    #[inline]
    pub fn decimals(native: I256, decimals: u8) -> Amount {
        Amount { native, unit: Unit::Decimals(decimals) }
    }

    /// A quantity in the market's own native unit.
    #[inline]
    pub fn market_qty(native: I256) -> Amount {
        Amount { native, unit: Unit::MarketQty }
    }

    /// The amount as a decimal.
    ///
    /// `qty_decimals` are the market's native quantity decimals; `None` is returned where the unit needs them and they
    /// are not known.
    pub fn to_decimal(&self, qty_decimals: Option<u8>) -> Option<Decimal> {
        let scale = match self.unit {
            Unit::Decimals(decimals) => decimals,
            Unit::MarketQty => qty_decimals?,
            Unit::MarketPrice(total) => total.checked_sub(qty_decimals?)?,
        };
        Some(Decimal::new(self.native, scale))
    }
}

/// An amount of a token, in the token's smallest unit. Its decimals are those of the token's row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenAmount {
    /// Smallest units of the token; signed as the field that holds it says.
    pub native: I256,
    /// Token contract (lower-case hex), mint (base58) or symbol (HyperCore).
    pub token: Text,
}

/// An exact decimal number: `value / 10^scale`.
#[derive(Clone, Copy, Debug, Eq, Serialize, Deserialize)]
pub struct Decimal {
    /// The digits, as an integer.
    pub value: I256,
    /// How many of them stand behind the point.
    pub scale: u8,
}

/// The largest power of ten below 2^255.
const SCALE_MAX: u8 = 76;

impl Decimal {
    /// Zero.
    pub const ZERO: Decimal = Decimal { value: I256::ZERO, scale: 0 };

    /// `value / 10^scale`.
    #[inline]
    pub fn new(value: I256, scale: u8) -> Decimal {
        Decimal { value, scale }
    }

    /// Reads `-12.50`, `3`, `.5`, `1e-7`; anything else is an error.
    #[inline]
    pub fn parse(text: &str) -> Result<Decimal, AmountError> {
        match Decimal::plain(text) {
            Some(plain) => Ok(plain),
            None => Decimal::parse_any(text),
        }
    }

    /// Reads the usual number: digits with at most one point among or before them, few enough for 64 bits. `None` for all others, which
    /// need not be wrong.
    #[inline]
    pub fn plain(text: &str) -> Option<Decimal> {
        let digits = text.strip_prefix('-').unwrap_or(text).as_bytes();
        if digits.len() > PLAIN_BYTES_MAX {
            return None;
        }
        let (mut value, mut point) = (0_i64, None);
        for (at, byte) in digits.iter().enumerate() {
            match byte {
                b'0'..=b'9' => value = value * 10 + i64::from(byte - b'0'),
                b'.' if point.is_none() => point = Some(at),
                _ => return None,
            }
        }
        let behind = point.map_or(0, |at| digits.len() - at - 1);
        if digits.len() == usize::from(point.is_some()) {
            return None;
        }
        let value = if digits.len() < text.len() { -value } else { value };
        Some(Decimal { value: widen(value.into()), scale: u8::try_from(behind).ok()? })
    }

    fn parse_any(text: &str) -> Result<Decimal, AmountError> {
        let bad = || AmountError::NotDecimal(text.to_owned());
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().map_err(|_| bad())?),
            None => (text, 0),
        };
        let (negative, digits) = match mantissa.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, mantissa),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.len() + fraction.len() == 0 || !all_digits(whole) || !all_digits(fraction) {
            return Err(bad());
        }
        let value = parse_digits(whole, fraction).ok_or_else(|| AmountError::Overflow { what: "decimal text", value: text.to_owned() })?;
        let value = if negative { -value } else { value };
        let scale = i64::try_from(fraction.len()).map_err(|_| bad())?.checked_sub(exponent).ok_or_else(bad)?;
        let overflow = || AmountError::Overflow { what: "decimal text", value: text.to_owned() };
        if scale >= 0 {
            let scale = u8::try_from(scale).ok().filter(|scale| *scale <= SCALE_MAX).ok_or_else(overflow)?;
            Ok(Decimal { value, scale })
        } else {
            let power = u8::try_from(scale.unsigned_abs()).ok().and_then(pow10).ok_or_else(overflow)?;
            Ok(Decimal { value: value.checked_mul(power).ok_or_else(overflow)?, scale: 0 })
        }
    }

    /// The same number with `scale` digits behind the point, rounded half to even.
    #[inline]
    pub fn rescale(&self, scale: u8) -> Result<Decimal, AmountError> {
        if scale == self.scale {
            Ok(*self)
        } else if scale > self.scale {
            let power = pow10(scale - self.scale).ok_or_else(|| self.overflow("rescaled number"))?;
            let value = product(self.value, power).ok_or_else(|| self.overflow("rescaled number"))?;
            Ok(Decimal { value, scale })
        } else {
            // A divisor beyond 10^76 leaves nothing of any 256-bit number.
            let value = match pow10(self.scale - scale) {
                Some(power) => div_half_even(self.value, power),
                None => I256::ZERO,
            };
            Ok(Decimal { value, scale })
        }
    }

    /// The number times 10^scale as a 64-bit integer, rounded half to even.
    pub fn to_i64(&self, scale: u8) -> Result<i64, AmountError> {
        let scaled = self.rescale(scale)?;
        narrow(scaled.value).and_then(|value| i64::try_from(value).ok()).ok_or_else(|| self.overflow("64-bit integer"))
    }

    /// Exact product.
    pub fn mul(&self, other: &Decimal) -> Result<Decimal, AmountError> {
        let (a, b) = (self.trimmed(), other.trimmed());
        let value = product(a.value, b.value).ok_or_else(|| self.overflow("product"))?;
        Ok(Decimal { value, scale: a.scale + b.scale })
    }

    /// Quotient with `scale` digits behind the point, rounded half to even.
    pub fn div(&self, other: &Decimal, scale: u8) -> Result<Decimal, AmountError> {
        let (a, b) = (self.trimmed(), other.trimmed());
        if b.value.is_zero() {
            return Err(AmountError::DivisionByZero);
        }
        // a / 10^sa / (b / 10^sb) * 10^scale = a * 10^(scale + sb - sa) / b
        let shift = i32::from(scale) + i32::from(b.scale) - i32::from(a.scale);
        let power = u8::try_from(shift.unsigned_abs()).ok().and_then(pow10).ok_or_else(|| self.overflow("quotient"))?;
        let (n, d) = if shift >= 0 {
            (product(a.value, power).ok_or_else(|| self.overflow("quotient"))?, b.value)
        } else {
            (a.value, product(b.value, power).ok_or_else(|| self.overflow("quotient"))?)
        };
        let value = if d.is_negative() { div_half_even(-n, -d) } else { div_half_even(n, d) };
        Ok(Decimal { value, scale })
    }

    /// Exact sum.
    pub fn add(&self, other: &Decimal) -> Result<Decimal, AmountError> {
        let scale = self.scale.max(other.scale);
        let (a, b) = (self.rescale(scale)?, other.rescale(scale)?);
        let value = a.value.checked_add(b.value).ok_or_else(|| self.overflow("sum"))?;
        Ok(Decimal { value, scale })
    }

    /// The number without its sign.
    #[inline]
    pub fn abs(&self) -> Decimal {
        Decimal { value: if self.value.is_negative() { -self.value } else { self.value }, scale: self.scale }
    }

    /// The number with the other sign.
    #[inline]
    pub fn neg(&self) -> Decimal {
        Decimal { value: -self.value, scale: self.scale }
    }

    /// Whether the number is zero.
    #[inline]
    pub fn is_zero(&self) -> bool {
        self.value.is_zero()
    }

    /// Whether the number is below zero.
    #[inline]
    pub fn is_negative(&self) -> bool {
        self.value.is_negative()
    }

    /// The nearest double; the only way out of exactness, for `*_f` columns.
    pub fn to_f64(&self) -> f64 {
        let trimmed = self.trimmed();
        match narrow(trimmed.value) {
            // Both are exact doubles, so that their quotient is rounded once.
            Some(value) if value.unsigned_abs() < F64_EXACT_MAX && trimmed.scale <= F64_POWER_MAX => {
                value as f64 / POW10_U128[usize::from(trimmed.scale)] as f64
            }
            _ => trimmed.to_string().parse().expect("a decimal prints as a number"),
        }
    }

    /// The same number without trailing zeros behind the point.
    #[inline]
    pub fn trimmed(&self) -> Decimal {
        if self.value.is_zero() {
            return Decimal::ZERO;
        }
        // An odd number is no multiple of ten.
        if self.scale == 0 || self.value.as_limbs()[0] & 1 == 1 {
            return *self;
        }
        match narrow(self.value) {
            Some(value) => {
                let (digits, scale) = trim(value.unsigned_abs(), self.scale);
                // Only -2^127 has a magnitude beyond i128, and its negation is itself.
                let digits = digits as i128;
                Decimal { value: widen(if value < 0 { digits.wrapping_neg() } else { digits }), scale }
            }
            None => self.trimmed_wide(),
        }
    }

    fn trimmed_wide(&self) -> Decimal {
        let ten = I256::try_from(10).expect("ten fits");
        let mut out = *self;
        while out.scale > 0 && (out.value % ten).is_zero() {
            out.value /= ten;
            out.scale -= 1;
        }
        out
    }

    fn overflow(&self, what: &'static str) -> AmountError {
        AmountError::Overflow { what, value: self.to_string() }
    }
}

impl PartialEq for Decimal {
    /// Equal as numbers: 1.50 equals 1.5.
    fn eq(&self, other: &Decimal) -> bool {
        let (a, b) = (self.trimmed(), other.trimmed());
        a.value == b.value && a.scale == b.scale
    }
}

impl From<i64> for Decimal {
    fn from(value: i64) -> Decimal {
        Decimal { value: I256::try_from(value).expect("64 bits fit in 256"), scale: 0 }
    }
}

impl fmt::Display for Decimal {
    /// Plain notation, without trailing zeros and without an exponent.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let trimmed = self.trimmed();
        let digits = match narrow(trimmed.value) {
            Some(value) => value.unsigned_abs().to_string(),
            None => trimmed.value.unsigned_abs().to_string(),
        };
        if trimmed.value.is_negative() {
            f.write_str("-")?;
        }
        let scale = usize::from(trimmed.scale);
        if scale == 0 {
            return f.write_str(&digits);
        }
        match digits.len().checked_sub(scale) {
            None | Some(0) => write!(f, "0.{digits:0>scale$}"),
            Some(whole) => {
                let (whole, fraction) = digits.split_at(whole);
                f.write_str(whole)?;
                f.write_str(".")?;
                f.write_str(fraction)
            }
        }
    }
}

/// Eighteen digits fit in 64 bits, with a point among them all the more.
const PLAIN_BYTES_MAX: usize = 18;

/// Digits of both parts as one integer; `None` where they do not fit in 255 bits.
fn parse_digits(whole: &str, fraction: &str) -> Option<I256> {
    // Eighteen digits fit in 64 bits: the usual case needs no wide arithmetic.
    if whole.len() + fraction.len() <= 18 {
        let fold = |start: i64, part: &str| part.bytes().fold(start, |n, byte| n * 10 + i64::from(byte - b'0'));
        return I256::try_from(fold(fold(0, whole), fraction)).ok();
    }
    let digits = format!("{whole}{fraction}");
    let unsigned = U256::from_str_radix(&digits, 10).ok()?;
    I256::try_from(unsigned).ok()
}

/// Powers of ten that fit in 128 bits.
const POW10_U128: [u128; 39] = {
    let mut powers = [1; 39];
    let mut n = 1;
    while n < powers.len() {
        powers[n] = 10 * powers[n - 1];
        n += 1;
    }
    powers
};

/// Integers below this are exact doubles.
const F64_EXACT_MAX: u128 = 1 << 53;
/// The largest power of ten that is an exact double.
const F64_POWER_MAX: u8 = 22;

/// 10^n, or `None` where it does not fit in 255 bits.
#[inline]
fn pow10(n: u8) -> Option<I256> {
    match POW10_U128.get(usize::from(n)) {
        // All of them are below 2^127.
        Some(power) => Some(widen(*power as i128)),
        None => pow10_wide(n),
    }
}

fn pow10_wide(n: u8) -> Option<I256> {
    static POWERS: LazyLock<Vec<I256>> = LazyLock::new(|| {
        let power = |n: u8| I256::try_from(U256::from(10).pow(U256::from(n))).expect("below 2^255");
        (0..=SCALE_MAX).map(power).collect()
    });
    POWERS.get(usize::from(n)).copied()
}

/// The number in 128 bits, where nearly all numbers of markets fit: wide arithmetic costs ten times as much.
#[inline]
fn narrow(value: I256) -> Option<i128> {
    let [a, b, c, d] = *value.as_limbs();
    let low = (u128::from(b) << 64 | u128::from(a)) as i128;
    let sign = if low < 0 { u64::MAX } else { 0 };
    (c == sign && d == sign).then_some(low)
}

/// The same number in 256 bits.
#[inline]
fn widen(value: i128) -> I256 {
    let sign = if value < 0 { u64::MAX } else { 0 };
    I256::from_limbs([value as u64, (value >> 64) as u64, sign, sign])
}

#[inline]
fn product(a: I256, b: I256) -> Option<I256> {
    if let (Some(a), Some(b)) = (narrow(a), narrow(b))
        && let Some(product) = a.checked_mul(b)
    {
        return Some(widen(product));
    }
    a.checked_mul(b)
}

/// Takes trailing zeros off, `scale` of them at most; `digits` must not be zero.
fn trim(mut digits: u128, mut scale: u8) -> (u128, u8) {
    // From many at once to one: at most two divisions a step.
    for step in [16, 8, 4, 2, 1] {
        let power = POW10_U128[usize::from(step)];
        while step <= scale && digits >> 64 != 0 && digits.is_multiple_of(power) {
            digits /= power;
            scale -= step;
        }
    }
    let Ok(mut short) = u64::try_from(digits) else { return (digits, scale) };
    for step in [16, 8, 4, 2, 1] {
        let power = POW10_U128[usize::from(step)] as u64;
        while step <= scale && short.is_multiple_of(power) {
            short /= power;
            scale -= step;
        }
    }
    (short.into(), scale)
}

/// `n / d` rounded half to even; `d` must be above zero.
fn div_half_even(n: I256, d: I256) -> I256 {
    debug_assert!(!d.is_negative() && !d.is_zero(), "divisor must be above zero");
    match (narrow(n), narrow(d)) {
        (Some(n), Some(d)) => widen(div_half_even_narrow(n, d)),
        _ => div_half_even_wide(n, d),
    }
}

fn div_half_even_narrow(n: i128, d: i128) -> i128 {
    let (magnitude, divisor) = (n.unsigned_abs(), d.unsigned_abs());
    let (quotient, rest) = match (u64::try_from(magnitude), u64::try_from(divisor)) {
        (Ok(magnitude), Ok(divisor)) => (u128::from(magnitude / divisor), u128::from(magnitude % divisor)),
        _ => (magnitude / divisor, magnitude % divisor),
    };
    // `rest > divisor - rest` is `2 * rest > divisor` without the overflow.
    let other = divisor - rest;
    let rounded = quotient + u128::from(rest > other || (rest == other && quotient & 1 == 1));
    // Only -2^127 / 1 has a magnitude beyond i128, and its negation is itself.
    let rounded = rounded as i128;
    if n < 0 { rounded.wrapping_neg() } else { rounded }
}

fn div_half_even_wide(n: I256, d: I256) -> I256 {
    let (quotient, rest) = (n / d, (n % d).unsigned_abs());
    let divisor = d.unsigned_abs();
    let other = divisor - rest;
    let up = rest > other || (rest == other && quotient.unsigned_abs().bit(0));
    match (up, n.is_negative()) {
        (false, _) => quotient,
        (true, false) => quotient + I256::ONE,
        (true, true) => quotient - I256::ONE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dec(text: &str) -> Decimal {
        Decimal::parse(text).unwrap()
    }

    #[test]
    fn rounds_half_to_even() {
        for (text, scale, want) in [
            ("2.5", 0, 2),
            ("3.5", 0, 4),
            ("-2.5", 0, -2),
            ("-3.5", 0, -4),
            ("2.5000001", 0, 3),
            ("0.1234565", 6, 123_456),
            ("0.1234575", 6, 123_458),
            ("-0.4", 0, 0),
        ] {
            assert_eq!(dec(text).to_i64(scale), Ok(want), "{text}");
        }
    }

    #[test]
    fn text_survives() {
        for (text, want) in
            [("255.0", "255"), ("-0.000383", "-0.000383"), (".5", "0.5"), ("1e-7", "0.0000001"), ("12e3", "12000"), ("0.0", "0")]
        {
            assert_eq!(dec(text).to_string(), want);
        }
        for text in [
            "",
            "-",
            ".",
            "1.2.3",
            "0x1",
            "nan",
            "1_000",
            " 1",
            "1e",
            "1e-2147483648",
            "1e2147483647",
            "1e-9223372036854775808",
            "1e99999999999999999999",
        ] {
            assert!(Decimal::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn overflow_is_an_error() {
        assert!(dec("9223372036854775808").to_i64(0).is_err());
        assert_eq!(dec("9223372036854775807").to_i64(0), Ok(i64::MAX));
        let wide = Decimal::new(I256::MAX, 0);
        assert!(wide.mul(&wide).is_err());
        assert!(wide.add(&dec("1")).is_err());
        assert!(wide.rescale(1).is_err());
    }

    #[test]
    fn quotients() {
        assert_eq!(dec("9967.3797").div(&dec("63.65"), 3).unwrap().to_string(), "156.597");
        assert_eq!(dec("1").div(&dec("-3"), 4).unwrap().to_string(), "-0.3333");
        assert_eq!(dec("2").div(&dec("3"), 2).unwrap().to_string(), "0.67");
        assert_eq!(dec("1").div(&dec("0"), 2), Err(AmountError::DivisionByZero));
    }

    #[test]
    fn units_need_their_market() {
        let qty = Amount::market_qty(I256::try_from(150).unwrap());
        assert_eq!(qty.to_decimal(None), None);
        assert_eq!(qty.to_decimal(Some(2)).unwrap().to_string(), "1.5");
        let price = Amount { native: I256::try_from(2_500_000).unwrap(), unit: Unit::MarketPrice(8) };
        assert_eq!(price.to_decimal(Some(3)).unwrap().to_string(), "25");
    }

    /// Numbers around every border between narrow and wide arithmetic, of both signs.
    fn borders() -> Vec<I256> {
        let one = I256::ONE;
        let powers = [10, 62, 63, 64, 65, 126, 127, 128, 129, 200, 254].map(|n| one << n);
        let tens = [1, 8, 16, 18, 19, 30, 38, 39, 60, 76].map(|n| pow10(n).unwrap());
        let odd = [3, 5, 25, 1_234_567_890].map(|n| I256::try_from(n).unwrap());
        let mut out = vec![I256::ZERO, I256::MAX, I256::MIN + one];
        for n in powers.into_iter().chain(tens).chain(odd) {
            out.extend([n - one, n, n + one, -n, -n - one]);
        }
        out
    }

    #[test]
    fn narrow_arithmetic_is_wide_arithmetic() {
        for a in borders() {
            assert_eq!(narrow(a).map_or(a, widen), a);
            assert_eq!(narrow(a).is_some(), i128::try_from(a).is_ok(), "{a}");
            for scale in [0, 1, 7, 18, 30, 76] {
                let (number, wide) = (Decimal::new(a, scale), Decimal::new(a, scale).trimmed_wide());
                let trimmed = number.trimmed();
                assert_eq!((trimmed.value, trimmed.scale), (wide.value, wide.scale), "{a} {scale}");
                assert_eq!(number.to_f64(), number.to_string().parse::<f64>().unwrap(), "{a} {scale}");
            }
            for b in borders() {
                assert_eq!(product(a, b), a.checked_mul(b), "{a} {b}");
                if !b.is_zero() && !b.is_negative() {
                    assert_eq!(div_half_even(a, b), div_half_even_wide(a, b), "{a} {b}");
                }
            }
        }
        assert_eq!(div_half_even(widen(i128::MIN), I256::ONE), widen(i128::MIN));
    }
}
