//! The state of one position, folded over its rows in canonical order.

use alloy_primitives::I256;
use perpdex_core::{Action, Amount, Decimal, PositionSide, Text};

/// What a row of `fills` says of its position, in venue units.
#[derive(Clone, Debug, PartialEq)]
pub struct PositionRow {
    /// The venue's key of the market.
    pub market_key: String,
    /// Account.
    pub account: Text,
    /// Side of the position.
    pub side: PositionSide,
    /// Collateral token.
    pub collateral_token: Option<Text>,
    /// What the row did.
    pub action: Action,
    /// Whether it made the position larger.
    pub is_opening: bool,
    /// Unsigned size of the change.
    pub qty: Amount,
    /// Execution price in quote per ONE venue unit.
    pub price: Decimal,
    /// Unsigned size afterwards, where the venue tells it, in the unit of `qty`.
    pub after_qty: Option<I256>,
    /// Entry cost afterwards in dollars, where told.
    pub after_usd: Option<Decimal>,
}

/// What is known of a position after some row.
#[derive(Clone, Debug, PartialEq)]
pub struct Position {
    /// The venue's key of the market.
    pub market_key: String,
    /// Account.
    pub account: Text,
    /// Side.
    pub side: PositionSide,
    /// Collateral token.
    pub collateral_token: Option<Text>,
    /// Unsigned size in venue units; `None` where no row so far says where it stood.
    pub qty: Option<Amount>,
    /// Entry cost of all of it in dollars, where known.
    pub entry_usd: Option<Decimal>,
}

/// Digits kept of an entry cost that is split: micro-dollars and as many behind them.
const COST_DECIMALS: u8 = 12;

impl Position {
    /// The position after a row. A row that says where the position stands needs none before it; neither does one that
    /// opened it. Any other changes what stood before it.
    pub fn after(before: Option<&Position>, row: &PositionRow) -> Position {
        let known = |qty: I256, entry_usd: Option<Decimal>| Position {
            market_key: row.market_key.clone(),
            account: row.account.clone(),
            side: row.side,
            collateral_token: row.collateral_token.clone(),
            qty: Some(Amount { native: qty, unit: row.qty.unit }),
            entry_usd: if qty.is_zero() { Some(Decimal::ZERO) } else { entry_usd },
        };
        let change_usd = || row.qty.to_decimal(None).and_then(|qty| qty.mul(&row.price).ok());
        if let Some(after) = row.after_qty {
            return known(after, row.after_usd);
        }
        if row.action == Action::Open {
            return known(row.qty.native, change_usd());
        }
        let stood = before.and_then(|before| before.stood(row.side, &row.qty));
        match stood {
            Some((qty, entry_usd)) if row.is_opening => {
                let cost = entry_usd.zip(change_usd()).and_then(|(cost, change)| cost.add(&change).ok());
                known(qty.saturating_add(row.qty.native), cost)
            }
            Some((qty, entry_usd)) => {
                let left = left_of(qty, row.qty.native);
                known(left, entry_usd.and_then(|cost| share(&cost, left, qty)))
            }
            None => Position { qty: None, entry_usd: None, ..known(I256::ZERO, None) },
        }
    }

    /// Size and cost, where both are counted as the row counts. A flat position has no side.
    fn stood(&self, side: PositionSide, unit_of: &Amount) -> Option<(I256, Option<Decimal>)> {
        let qty = self.qty?;
        if qty.native.is_zero() {
            return Some((I256::ZERO, Some(Decimal::ZERO)));
        }
        (self.side == side && qty.unit == unit_of.unit).then_some((qty.native, self.entry_usd))
    }
}

/// What is left when a part goes: sizes derived from dollars may be a unit apart, and nothing is ever below zero.
pub(crate) fn left_of(qty: I256, part: I256) -> I256 {
    if part >= qty { I256::ZERO } else { qty - part }
}

/// `cost * part / of`; `None` where it fits no number.
pub(crate) fn share(cost: &Decimal, part: I256, of: I256) -> Option<Decimal> {
    cost.mul(&Decimal::new(part, 0)).ok()?.div(&Decimal::new(of, 0), COST_DECIMALS).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(action: Action, is_opening: bool, qty: i64, price: i64, after: Option<i64>) -> PositionRow {
        PositionRow {
            market_key: "m".to_owned(),
            account: "a".into(),
            side: PositionSide::Long,
            collateral_token: None,
            action,
            is_opening,
            qty: Amount::decimals(I256::unchecked_from(qty), 2),
            price: Decimal::from(price),
            after_qty: after.map(I256::unchecked_from),
            after_usd: None,
        }
    }

    fn told(position: &Position) -> (Option<i64>, Option<String>) {
        (position.qty.map(|qty| i64::try_from(qty.native).unwrap()), position.entry_usd.map(|usd| usd.trimmed().to_string()))
    }

    /// Size in hundredths and entry cost after each row of a history.
    fn history(rows: &[PositionRow]) -> Vec<(Option<i64>, Option<String>)> {
        let mut position: Option<Position> = None;
        let mut out = Vec::new();
        for row in rows {
            let next = Position::after(position.as_ref(), row);
            out.push(told(&next));
            position = Some(next);
        }
        out
    }

    #[test]
    fn a_position_is_what_its_rows_make_of_it() {
        use Action::{Close, Decrease, Increase, Open};
        let rows = [
            row(Open, true, 100, 10, None),
            row(Increase, true, 300, 14, None),
            row(Decrease, false, 100, 99, None),
            row(Close, false, 301, 99, None),
        ];
        let usd = |text: &str| Some(text.to_owned());
        let want = [(Some(100), usd("10")), (Some(400), usd("52")), (Some(300), usd("39")), (Some(0), usd("0"))];
        assert_eq!(history(&rows), want);
    }

    #[test]
    fn without_a_beginning_the_size_is_unknown_until_a_row_tells_it() {
        use Action::{Close, Decrease, Increase};
        let rows = [
            row(Increase, true, 100, 10, None),
            row(Decrease, false, 100, 10, None),
            row(Decrease, false, 50, 10, Some(700)),
            row(Increase, true, 100, 10, None),
            row(Close, false, 9, 10, Some(0)),
            row(Increase, true, 100, 10, None),
        ];
        let sizes: Vec<Option<i64>> = history(&rows).into_iter().map(|(qty, _)| qty).collect();
        assert_eq!(sizes, [None, None, Some(700), Some(800), Some(0), Some(100)]);
    }

    #[test]
    fn another_unit_or_side_is_another_position() {
        let open = Position::after(None, &row(Action::Open, true, 100, 10, None));
        let mut finer = row(Action::Increase, true, 100, 10, None);
        finer.qty = Amount::decimals(finer.qty.native, 3);
        assert_eq!(Position::after(Some(&open), &finer).qty, None);
        let short = PositionRow { side: PositionSide::Short, ..row(Action::Increase, true, 100, 10, None) };
        assert_eq!(Position::after(Some(&open), &short).qty, None);
    }
}
