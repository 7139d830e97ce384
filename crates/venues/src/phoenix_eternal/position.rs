//! Positions before and after, from the `PnL` events of a stream.

use std::collections::BTreeMap;

use perpdex_core::Action;

use super::batch::Item;
use super::bytes::Key;
use super::layout::{MarketEvent, PnL};

/// A signed change of a position, in base lots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) before: i128,
    pub(super) after: i128,
    /// Quote lots, where a `PnL` event tells.
    pub(super) realized_pnl: Option<i64>,
}

/// The `PnL` events of a stream that no change was matched to yet, and the changes made so far.
#[derive(Debug, Default)]
pub(super) struct Positions<'a> {
    waiting: Vec<&'a PnL>,
    /// Sum of the changes of each trader and market.
    changed: BTreeMap<(Key, u32), i128>,
}

impl<'a> Positions<'a> {
    /// All `PnL` events of a stream.
    pub(super) fn of(items: &'a [Item<'_>]) -> Positions<'a> {
        let pnl = |item: &'a Item<'_>| match &item.event {
            MarketEvent::PnL(pnl) if pnl.base_lots_before != pnl.base_lots_after => Some(pnl),
            _ => None,
        };
        Positions { waiting: items.iter().filter_map(pnl).collect(), changed: BTreeMap::new() }
    }

    /// The change of `lots` (signed) of a trader: the first `PnL` of that size that no other change took, one that ends
    /// where the event itself says before all others; or else the position that the event tells, or nothing.
    pub(super) fn change(&mut self, trader: Key, asset_id: u32, lots: i128, told_after: Option<i64>) -> Option<Change> {
        *self.changed.entry((trader, asset_id)).or_default() += lots;
        let matches = |pnl: &&PnL| pnl.trader == trader && pnl.asset.id == asset_id && difference(pnl) == lots;
        let ends_as_told = |pnl: &&PnL| matches(pnl) && told_after == Some(pnl.base_lots_after);
        let at = self.waiting.iter().position(ends_as_told).or_else(|| self.waiting.iter().position(matches));
        if let Some(at) = at {
            let pnl = self.waiting.remove(at);
            let (before, after) = (pnl.base_lots_before.into(), pnl.base_lots_after.into());
            return Some(Change { before, after, realized_pnl: Some(pnl.realized_pnl) });
        }
        let after = i128::from(told_after?);
        Some(Change { before: after - lots, after, realized_pnl: None })
    }

    /// Traders and markets whose `PnL` events say something else than the changes that were found: (trader, market, by
    /// `PnL`, found). All changes of a position come with a `PnL`, so a difference means an event that was not read.
    pub(super) fn differences(&self, items: &[Item<'_>]) -> Vec<(Key, u32, i128, i128)> {
        let mut told: BTreeMap<(Key, u32), i128> = BTreeMap::new();
        for item in items {
            if let MarketEvent::PnL(pnl) = &item.event {
                *told.entry((pnl.trader, pnl.asset.id)).or_default() += difference(pnl);
            }
        }
        let found = |key: &(Key, u32)| self.changed.get(key).copied().unwrap_or_default();
        told.into_iter().map(|(key, told)| (key.0, key.1, told, found(&key))).filter(|(_, _, told, found)| told != found).collect()
    }
}

fn difference(pnl: &PnL) -> i128 {
    i128::from(pnl.base_lots_after) - i128::from(pnl.base_lots_before)
}

impl Change {
    /// What the change does to the position.
    pub(super) fn action(&self) -> Action {
        let Change { before, after, .. } = *self;
        match (before, after) {
            (0, _) => Action::Open,
            (_, 0) => Action::Close,
            _ if (before < 0) != (after < 0) => Action::Flip,
            _ if after.unsigned_abs() > before.unsigned_abs() => Action::Increase,
            _ => Action::Decrease,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::bytes::Asset;
    use super::*;

    /// One trader who buys ten lots in two markets in one stream: the sizes agree, the markets tell them apart.
    #[test]
    fn a_change_takes_the_pnl_of_its_own_market() {
        let trader: Key = [7; 32];
        let of = |id, base_lots_before, realized_pnl| PnL {
            trader,
            asset: Asset { id, symbol: format!("M{id}") },
            realized_pnl,
            funding_payment: 0,
            base_lots_before,
            base_lots_after: base_lots_before + 10,
        };
        let (first, second) = (of(1, 0, 100), of(2, -40, 200));
        let mut positions = Positions { waiting: vec![&first, &second], changed: BTreeMap::new() };
        let change = |before, after, realized_pnl| Some(Change { before, after, realized_pnl: Some(realized_pnl) });
        assert_eq!(positions.change(trader, 2, 10, None), change(-40, -30, 200));
        assert_eq!(positions.change(trader, 2, 10, None), None, "what is left belongs to the other market");
        assert_eq!(positions.change(trader, 1, 10, None), change(0, 10, 100));
    }
}
