//! A position that a liquidator takes over at a set price: no trade, no header, no volume.

use super::market::{Key, Market};
use super::stream::Stream;
use crate::encode::phoenix::Value;
use crate::num::small;
use crate::truth::Tally;

/// Hundredths of a percent of the position that the liquidator keeps as reward.
const HAIRCUT: i128 = 100;

impl Market {
    /// Hands the whole position of `from` to `to`.
    pub(super) fn take_over(&mut self, (from, to): (Key, Key), ticks: i128, ts_ms: i64, stream: &mut Stream<'_>, tally: &mut Tally) {
        self.fund(from, ts_ms, stream, tally);
        self.fund(to, ts_ms, stream, tally);
        let lots = self.positions[&from].lots;
        let quote = lots * ticks * self.listing.tick_size;
        self.change(from, -lots, quote, ts_ms, 0, stream, tally);
        self.change(to, lots, -quote, ts_ms, 0, stream, tally);
        let reward = quote.abs() * HAIRCUT / 10_000;
        stream.push(
            "LiquidationTransfer",
            &[
                ("liquidatee", Value::Key(from)),
                ("liquidator", Value::Key(to)),
                ("asset_id", Value::Int(self.listing.asset_id.into())),
                ("base_lots_transferred", Value::Int(lots)),
                ("virtual_quote_lots_transferred", Value::Int(-quote)),
                ("haircut_rate", Value::Int(HAIRCUT)),
                ("liquidatee_collateral_change", Value::Int(-reward)),
                ("liquidator_collateral_change", Value::Int(0)),
            ],
        );
        stream.push(
            "LiquidationTransferSummary",
            &[
                ("liquidatee", Value::Key(from)),
                ("liquidator", Value::Key(to)),
                ("total_transfers", Value::Int(1)),
                ("liquidatee_collateral_change", Value::Int(-reward)),
                ("liquidator_collateral_change", Value::Int(reward)),
                ("haircut_collected", Value::Int(reward)),
            ],
        );
        tally.liquidation(self.id, ts_ms, lots > 0, small(quote.abs()));
    }
}
