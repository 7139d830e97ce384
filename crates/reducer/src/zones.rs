//! Price zones of half a percent, in which liquidations are counted: zone `b` holds prices from `1.005^b` up to
//! `1.005^(b+1)`.
//!
//! A floating logarithm puts one exact edge in four on the wrong side. The edges are therefore numbers of 18 digits, made
//! once by integer arithmetic with 51 digits, and a price is compared with them.

use std::sync::LazyLock;

use alloy_primitives::{I256, U256};
use perpdex_core::Decimal;

/// One price zone, `from <= price < to`, quote per ONE canonical unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PriceZone {
    /// Number: 0 begins at price 1.
    pub zone: i32,
    /// Lowest price, inside.
    pub from: Decimal,
    /// Highest price, outside.
    pub to: Decimal,
}

/// Zones lie from `-ZONES` to `ZONES - 1`: prices from 7e-13 to 1.3e12.
const ZONES: i32 = 5_600;
/// Digits behind the first that the arithmetic keeps.
const DIGITS: u32 = 50;
/// Digits behind the first of an edge.
const EDGE_DIGITS: u32 = 17;

/// All edges, ascending; the first is that of zone `-ZONES`.
static EDGES: LazyLock<Vec<Decimal>> = LazyLock::new(|| {
    let up = powers(U256::from(1_005), U256::from(1_000));
    let down = powers(U256::from(1_000), U256::from(1_005));
    down.iter().skip(1).rev().chain(&up).map(Power::edge).collect()
});

/// `mantissa x 10^(exponent - DIGITS)`, the mantissa with `DIGITS + 1` digits.
#[derive(Clone, Copy)]
struct Power {
    mantissa: U256,
    exponent: i32,
}

/// The powers 0 to `ZONES` of `n / d`.
fn powers(n: U256, d: U256) -> Vec<Power> {
    let (one, ten) = (ten_to(DIGITS), U256::from(10));
    let mut power = Power { mantissa: one, exponent: 0 };
    let mut out = vec![power];
    for _ in 0..ZONES {
        power.mantissa = divided(power.mantissa * n, d);
        if power.mantissa < one {
            // One digit more is lost with the step down: it is made from the exact product.
            power = Power { mantissa: divided(out[out.len() - 1].mantissa * n * ten, d), exponent: power.exponent - 1 };
        } else if power.mantissa >= one * ten {
            power = Power { mantissa: divided(power.mantissa, ten), exponent: power.exponent + 1 };
        }
        out.push(power);
    }
    out
}

impl Power {
    fn edge(&self) -> Decimal {
        let mantissa = divided(self.mantissa, ten_to(DIGITS - EDGE_DIGITS));
        let digits = i32::try_from(EDGE_DIGITS).expect("17 fits") - self.exponent;
        let signed = |value: U256| I256::try_from(value).expect("an edge has few digits");
        match u8::try_from(digits) {
            Ok(scale) => Decimal::new(signed(mantissa), scale).trimmed(),
            Err(_) => Decimal::new(signed(mantissa * ten_to(digits.unsigned_abs())), 0),
        }
    }
}

/// `n / d` to the nearest, halves up; all numbers here are above zero.
fn divided(n: U256, d: U256) -> U256 {
    (n + d / U256::from(2)) / d
}

fn ten_to(n: u32) -> U256 {
    U256::from(10).pow(U256::from(n))
}

/// The zone of a price; `None` where it lies outside of all, or is not above zero.
pub(crate) fn zone_of(price: &Decimal) -> Option<i32> {
    let below = EDGES.partition_point(|edge| is_at_most(edge, price));
    let zone = i32::try_from(below).expect("there are few edges") - 1 - ZONES;
    (-ZONES..ZONES).contains(&zone).then_some(zone)
}

fn is_at_most(edge: &Decimal, price: &Decimal) -> bool {
    // A price that cannot be put beside an edge has more than 58 digits before the point.
    price.add(&edge.neg()).map_or_else(|_| !price.is_negative(), |difference| !difference.is_negative())
}

impl PriceZone {
    /// The zone of a number; `None` where there is none.
    pub fn of(zone: i32) -> Option<PriceZone> {
        let at = usize::try_from(zone.checked_add(ZONES)?).ok()?;
        Some(PriceZone { zone, from: *EDGES.get(at)?, to: *EDGES.get(at + 1)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_ascend_by_half_a_percent() {
        assert_eq!(EDGES.len(), 2 * 5_600 + 1);
        let told = |zone| PriceZone::of(zone).unwrap().from.to_string();
        // 1.005^2 exactly; 1.005^14 and 1.005^-1 by hand to 18 digits.
        assert_eq!([told(0), told(1), told(2), told(-1)], ["1", "1.005", "1.010025", "0.995024875621890547"]);
        assert_eq!(told(14), "1.07232113192844118");
        assert!(EDGES.windows(2).all(|pair| is_at_most(&pair[0], &pair[1]) && pair[0] != pair[1]));
    }

    #[test]
    fn an_edge_belongs_to_the_zone_above_it() {
        let ulp = Decimal::parse("1e-30").unwrap();
        for zone in (-5_600..5_600).step_by(7) {
            let PriceZone { from, to, .. } = PriceZone::of(zone).unwrap();
            assert_eq!(zone_of(&from), Some(zone));
            assert_eq!(zone_of(&to.add(&ulp.neg()).unwrap()), Some(zone));
        }
        assert_eq!(zone_of(&Decimal::parse("60000").unwrap()), Some(2_205));
        for outside in ["0", "-1", "1e-13", "1e14", "1e70"] {
            assert_eq!(zone_of(&Decimal::parse(outside).unwrap()), None, "{outside}");
        }
        assert_eq!(PriceZone::of(5_600), None);
    }
}
