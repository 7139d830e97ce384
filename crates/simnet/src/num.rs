//! The world's own exact arithmetic: quotients rounded half to even, and decimals as text.

use alloy_primitives::{I256, U256};

/// 10^n.
pub(crate) fn pow10(n: u32) -> i128 {
    10_i128.pow(n)
}

/// `n / d` rounded half to even; `d` is above zero.
pub(crate) fn half_even(n: i128, d: i128) -> i128 {
    let (quotient, rest) = (n.div_euclid(d), n.rem_euclid(d));
    // The quotient is the floor and the rest is never negative, so only "up" needs deciding.
    match (rest * 2).cmp(&d) {
        std::cmp::Ordering::Less => quotient,
        std::cmp::Ordering::Greater => quotient + 1,
        std::cmp::Ordering::Equal => quotient + (quotient & 1),
    }
}

/// The same for products that need 256 bits; unsigned.
pub(crate) fn half_even_wide(n: U256, d: U256) -> U256 {
    let (quotient, rest) = n.div_rem(d);
    let up = match (rest * U256::from(2)).cmp(&d) {
        std::cmp::Ordering::Less => false,
        std::cmp::Ordering::Greater => true,
        std::cmp::Ordering::Equal => quotient.bit(0),
    };
    quotient + U256::from(u8::from(up))
}

/// `a * b / d` through 256 bits, cut as a contract's division cuts; unsigned.
pub(crate) fn mul_div(a: i128, b: i128, d: i128) -> i128 {
    narrow(wide(a) * wide(b) / wide(d))
}

/// The same, rounded half to even.
pub(crate) fn mul_div_even(a: i128, b: i128, d: i128) -> i128 {
    narrow(half_even_wide(wide(a) * wide(b), wide(d)))
}

/// Micro-dollars of a quantity at a price, which have so many decimals together; unsigned.
pub(crate) fn worth_e6(qty: i128, price: i128, decimals: u32) -> i64 {
    small(narrow(half_even_wide(wide(qty) * wide(price), U256::from(10).pow(U256::from(decimals - 6)))))
}

fn narrow(value: U256) -> i128 {
    let value = u128::try_from(value).ok().and_then(|value| i128::try_from(value).ok());
    value.expect("figures of the world fit in 128 bits")
}

/// Exact integer text `value / 10^scale` as the Hyperliquid node prints it: at least one digit behind the point, no more
/// zeros than that.
pub(crate) fn decimal(value: i128, scale: u32) -> String {
    let sign = if value < 0 { "-" } else { "" };
    let (whole, fraction) = (value.unsigned_abs() / 10_u128.pow(scale), value.unsigned_abs() % 10_u128.pow(scale));
    if scale == 0 || fraction == 0 {
        return format!("{sign}{whole}.0");
    }
    let digits = format!("{fraction:0>width$}", width = scale as usize);
    format!("{sign}{whole}.{}", digits.trim_end_matches('0'))
}

/// A 64-bit integer; the world's figures are far below its end.
pub(crate) fn small(value: i128) -> i64 {
    i64::try_from(value).expect("figures of the world fit in 64 bits")
}

/// Unsigned 256 bits of a number that is not negative.
pub(crate) fn wide(value: i128) -> U256 {
    U256::from(u128::try_from(value).expect("the number is not negative"))
}

/// Signed 256 bits.
pub(crate) fn wide_signed(value: i128) -> I256 {
    I256::try_from(value).expect("128 bits fit in 256")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_go_to_even() {
        for (n, d, want) in [(5, 2, 2), (7, 2, 4), (-5, 2, -2), (-7, 2, -4), (1, 3, 0), (2, 3, 1), (-2, 3, -1), (-1, 3, 0)] {
            assert_eq!(half_even(n, d), want, "{n}/{d}");
            if n >= 0 {
                assert_eq!(half_even_wide(wide(n), wide(d)), wide(want), "{n}/{d}");
            }
        }
    }

    #[test]
    fn decimals_as_the_node_prints_them() {
        for (value, scale, want) in [(2_550, 1, "255.0"), (-383, 6, "-0.000383"), (356_500, 6, "0.3565"), (0, 6, "0.0"), (7, 0, "7.0")] {
            assert_eq!(decimal(value, scale), want);
        }
    }
}
