//! Positions that can be long or short under one key, as on books: what a change from one signed size to another does.

use alloy_primitives::I256;
use perpdex_core::{Action, PositionSide, Side};

/// What going from `before` to `after` does to a position; the two differ.
pub(crate) fn action(before: I256, after: I256) -> Action {
    if before.is_zero() {
        Action::Open
    } else if after.is_zero() {
        Action::Close
    } else if before.is_negative() != after.is_negative() {
        Action::Flip
    } else if after.unsigned_abs() > before.unsigned_abs() {
        Action::Increase
    } else {
        Action::Decrease
    }
}

/// The side of the trade that adds `change` to a position.
pub(crate) fn trade_side(change: I256) -> Side {
    if change.is_negative() { Side::Sell } else { Side::Buy }
}

/// The side of a position that is not zero.
pub(crate) fn position_side(size: I256) -> PositionSide {
    if size.is_negative() { PositionSide::Short } else { PositionSide::Long }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_change_has_its_name() {
        let n = |value: i64| I256::try_from(value).unwrap();
        for (before, after, want) in [
            (0, 5, Action::Open),
            (0, -5, Action::Open),
            (5, 0, Action::Close),
            (-5, 0, Action::Close),
            (5, -1, Action::Flip),
            (-5, 1, Action::Flip),
            (5, 6, Action::Increase),
            (-5, -6, Action::Increase),
            (5, 4, Action::Decrease),
            (-5, -4, Action::Decrease),
        ] {
            assert_eq!(action(n(before), n(after)), want, "{before} to {after}");
        }
    }
}
