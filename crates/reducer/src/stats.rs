//! Integer statistics: every rounding is stated, nothing floats.

use alloy_primitives::U256;

/// Parts of a million.
const MILLION: i128 = 1_000_000;

/// `n / d` rounded half to even; `d` must be above zero.
pub(crate) fn div_half_even(n: i128, d: i128) -> i128 {
    let (quotient, rest) = (n.div_euclid(d), n.rem_euclid(d));
    let other = d - rest;
    if rest > other || (rest == other && quotient % 2 != 0) { quotient + 1 } else { quotient }
}

/// `part / whole` in parts per million, half to even; `None` where the whole is not above zero or the result is too wide.
pub(crate) fn ppm(part: i128, whole: i128) -> Option<i64> {
    if whole <= 0 {
        return None;
    }
    i64::try_from(div_half_even(part.checked_mul(MILLION)?, whole)).ok()
}

/// The nearest-rank percentile: of `n` numbers the `ceil(percent x n / 100)`-th smallest, of which `zeros` are zero beside
/// `others`, all at least 0. `None` of nothing.
pub(crate) fn nearest_rank(others: &mut [i64], zeros: usize, percent: u32) -> Option<i64> {
    let n = others.len() + zeros;
    let rank = (n * percent as usize).div_ceil(100).max(1);
    if n == 0 || rank > n {
        return None;
    }
    match rank.checked_sub(zeros + 1) {
        None => Some(0),
        Some(at) => Some(*others.select_nth_unstable(at).1),
    }
}

/// The place of a value among others: the share strictly below plus half of the ties, parts per million, half to even.
pub(crate) fn rank_ppm(value: i64, others: &[i64]) -> Option<i64> {
    let below = others.iter().filter(|other| **other < value).count() as i128;
    let ties = others.iter().filter(|other| **other == value).count() as i128;
    ppm(2 * below + ties, 2 * others.len() as i128)
}

/// `(value - mean) / sd` of a population, times 10^6, to the nearest, halves away from zero; `None` where the deviation is
/// zero or the result is too wide.
pub(crate) fn z_e6(value: i64, others: &[i64]) -> Option<i64> {
    let n = others.len() as i128;
    let sum: i128 = others.iter().map(|other| i128::from(*other)).sum();
    let squares: U256 = others.iter().map(|other| square(i128::from(*other))).fold(U256::ZERO, |sum, square| sum + square);
    // z = (n v - sum) / sqrt(n squares - sum^2)
    let spread = U256::from(others.len()) * squares - square(sum);
    if spread.is_zero() {
        return None;
    }
    let distance = n * i128::from(value) - sum;
    let twice = (square(distance) * U256::from(4_000_000_000_000_u64) / spread).root(2);
    let z = i64::try_from((twice + U256::from(1)) / U256::from(2)).ok()?;
    Some(if distance < 0 { -z } else { z })
}

fn square(value: i128) -> U256 {
    let value = U256::from(value.unsigned_abs());
    value * value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_go_to_the_even_neighbour() {
        let cases = [(5, 2, 2), (7, 2, 4), (-5, 2, -2), (-7, 2, -4), (8, 3, 3), (-8, 3, -3), (0, 9, 0)];
        for (n, d, want) in cases {
            assert_eq!(div_half_even(n, d), want, "{n} / {d}");
        }
    }

    #[test]
    fn the_99th_percentile_of_1440_minutes_is_the_1426th() {
        let mut minutes: Vec<i64> = (1..=1_440).rev().collect();
        assert_eq!(nearest_rank(&mut minutes, 0, 99), Some(1_426));
        let mut few: Vec<i64> = (1..=20).collect();
        // 1,420 zeros and 1 to 20: the 1,426th is 6.
        assert_eq!(nearest_rank(&mut few, 1_420, 99), Some(6));
        assert_eq!(nearest_rank(&mut [7; 14], 1_426, 99), Some(0));
        assert_eq!(nearest_rank(&mut [], 0, 99), None);
        assert_eq!(nearest_rank(&mut [3, 1, 2], 0, 50), Some(2));
    }

    #[test]
    fn ranks_count_half_of_the_ties() {
        assert_eq!(rank_ppm(5, &[1, 2, 5, 5, 9, 9, 9, 9]), Some(375_000));
        assert_eq!(rank_ppm(10, &[1, 2]), Some(1_000_000));
        assert_eq!(rank_ppm(0, &[1, 2]), Some(0));
        assert_eq!(rank_ppm(0, &[]), None);
    }

    #[test]
    fn z_is_the_distance_in_deviations() {
        // Mean 5, variance (9 + 1 + 1 + 1 + 0 + 0 + 4 + 16) / 8 = 4.
        let window = [2, 4, 4, 4, 5, 5, 7, 9];
        assert_eq!(z_e6(9, &window), Some(2_000_000));
        assert_eq!(z_e6(2, &window), Some(-1_500_000));
        assert_eq!(z_e6(5, &[5, 5, 5]), None);
        assert_eq!(z_e6(i64::MAX, &[i64::MIN, i64::MAX, 0]), Some(1_224_745));
    }
}
