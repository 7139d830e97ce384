//! A Phoenix market: positions in lots, trades, funding, and the events they make, in the program's order.

use std::collections::BTreeMap;

use super::stream::Stream;
use crate::encode::phoenix::Value;
use crate::num::small;
use crate::truth::{Held, MarketId, Tally, Trade};

/// Decimals of quote lots.
pub(super) const QUOTE_DECIMALS: i128 = 6;

/// A public key.
pub(super) type Key = [u8; 32];

/// What of a market is fixed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Listing {
    pub(super) asset: &'static str,
    pub(super) asset_id: u32,
    /// Quote lots per base lot and tick.
    pub(super) tick_size: i128,
    pub(super) base_lot_decimals: u32,
}

/// The markets; ids of others than SOL's are the simulation's own.
pub(super) const LISTINGS: &[Listing] = &[
    Listing { asset: "SOL", asset_id: 0, tick_size: 100, base_lot_decimals: 2 },
    Listing { asset: "BTC", asset_id: 1, tick_size: 10, base_lot_decimals: 5 },
    Listing { asset: "ETH", asset_id: 2, tick_size: 10, base_lot_decimals: 4 },
];

/// A trader's position.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Position {
    /// Signed base lots.
    pub(super) lots: i128,
    /// Signed quote lots that the position cost.
    cost: i128,
    funding_snapshot: i128,
}

/// A market's changing state.
#[derive(Debug)]
pub(super) struct Market {
    pub(super) listing: &'static Listing,
    pub(super) id: MarketId,
    pub(super) positions: BTreeMap<Key, Position>,
    /// Quote lots per base lot that longs have paid so far.
    pub(super) cumulative_funding: i128,
    open_interest: i128,
    sequence: i128,
    trades: i128,
    last_slot: u64,
    taker_fees: i128,
}

/// One maker's part of a trade.
#[derive(Clone, Copy, Debug)]
pub(super) struct Match {
    pub(super) maker: Key,
    pub(super) lots: i128,
    pub(super) ticks: i128,
    /// Whether the maker quotes by a spline.
    pub(super) is_spline: bool,
}

/// A taker's order with what it met.
#[derive(Debug)]
pub(super) struct Order<'a> {
    pub(super) taker: Key,
    pub(super) buys: bool,
    pub(super) matches: &'a [Match],
    /// Who liquidates the taker, if that is what happens.
    pub(super) liquidator: Option<Key>,
}

impl Market {
    /// A market as it is added.
    pub(super) fn new(listing: &'static Listing, id: MarketId) -> Market {
        Market {
            listing,
            id,
            positions: BTreeMap::new(),
            cumulative_funding: 0,
            open_interest: 0,
            sequence: 0,
            trades: 0,
            last_slot: 0,
            taker_fees: 0,
        }
    }

    /// The event that names the market of what follows.
    pub(super) fn header(&mut self, stream: &mut Stream<'_>, slot: u64, trader: Key) {
        self.sequence += 1;
        let prev = std::mem::replace(&mut self.last_slot, slot);
        stream.push(
            "Header",
            &[
                ("sequence_number", Value::Int(self.sequence)),
                ("prev_sequence_number_slot", Value::Int(prev.into())),
                ("asset_symbol", Value::Symbol(self.listing.asset)),
                ("asset_id", Value::Int(self.listing.asset_id.into())),
                ("tick_size", Value::Int(self.listing.tick_size)),
                ("base_lot_decimals", Value::Int(self.listing.base_lot_decimals.into())),
                ("quote_lot_decimals", Value::Int(QUOTE_DECIMALS)),
                ("signer", Value::Key(trader)),
                ("trader_account", Value::Key(trader)),
            ],
        );
    }

    /// Trades, with everything the program says about it, and the truth of it.
    pub(super) fn trade(&mut self, order: &Order<'_>, mark_ticks: i128, ts_ms: i64, stream: &mut Stream<'_>, tally: &mut Tally) {
        let sign = if order.buys { 1 } else { -1 };
        let (mut lots, mut quote) = (0, 0);
        for matched in order.matches {
            let part = matched.lots * matched.ticks * self.listing.tick_size;
            self.fund(matched.maker, ts_ms, stream, tally);
            self.change(matched.maker, -sign * matched.lots, sign * part, ts_ms, 0, stream, tally);
            self.filled(order, matched, part, stream);
            lots += matched.lots;
            quote += part;
        }
        let fee = quote * 35 / 100_000;
        self.taker_fees += fee;
        self.fund(order.taker, ts_ms, stream, tally);
        self.change(order.taker, sign * lots, -sign * quote, ts_ms, fee, stream, tally);
        let after = self.positions[&order.taker];
        self.trades += 1;
        stream.push(
            "TradeSummary",
            &[
                ("trader", Value::Key(order.taker)),
                ("trade_sequence_number", Value::Int(self.trades)),
                ("prev_trade_sequence_number_slot", Value::Int(self.last_slot.into())),
                ("side", Value::Variant(if order.buys { "Bid" } else { "Ask" })),
                ("base_lots_filled", Value::Int(lots)),
                ("quote_lots_filled", Value::Int(quote)),
                ("fee_in_quote_lots", Value::Int(fee)),
                ("base_lot_position", Value::Int(after.lots)),
                ("virtual_quote_lot_position", Value::Int(after.cost)),
                ("quote_lot_collateral", Value::Int(1_000_000_000)),
                ("cumulative_funding_snapshot", Value::Int(after.funding_snapshot)),
            ],
        );
        // Quote lots carry six decimals: they are micro-dollars.
        let usd_e6 = small(quote);
        tally.trade(self.id, Trade { ts_ms, volume_usd_e6: usd_e6, exec_usd_e6: usd_e6, bought: Some(order.buys) });
        if let Some(liquidator) = order.liquidator {
            tally.liquidation(self.id, ts_ms, !order.buys, usd_e6);
            stream.push(
                "Liquidation",
                &[
                    ("liquidator", Value::Key(liquidator)),
                    ("liquidated_trader", Value::Key(order.taker)),
                    ("asset_id", Value::Int(self.listing.asset_id.into())),
                    ("liquidation_size", Value::Int(lots)),
                    ("mark_price", Value::Int(mark_ticks)),
                    ("base_lots_filled", Value::Int(lots)),
                    ("quote_lots_filled", Value::Int(quote + fee)),
                    ("position_closed", Value::Bool(after.lots == 0)),
                ],
            );
        }
    }

    /// Settles the funding a trader owes or is owed, if any.
    pub(super) fn fund(&mut self, trader: Key, ts_ms: i64, stream: &mut Stream<'_>, tally: &mut Tally) {
        let position = self.positions.entry(trader).or_default();
        let payment = -position.lots * (self.cumulative_funding - position.funding_snapshot);
        position.funding_snapshot = self.cumulative_funding;
        let held = *position;
        if payment == 0 {
            return;
        }
        tally.funding(self.id, ts_ms, small(payment));
        stream.push(
            "TraderFundingSettled",
            &[
                ("trader", Value::Key(trader)),
                ("asset_symbol", Value::Symbol(self.listing.asset)),
                ("asset_id", Value::Int(self.listing.asset_id.into())),
                ("funding_payment", Value::Int(payment)),
                ("cumulative_funding_snapshot", Value::Int(held.funding_snapshot)),
                ("new_collateral_balance", Value::Int(1_000_000_000 + payment)),
            ],
        );
        self.pnl(trader, (held, held), (0, payment), stream);
    }

    /// The hourly prices, with funding moved by the rate in parts per million of the mark; or prices alone.
    pub(super) fn prices(&mut self, mark_ticks: i128, rate_ppm: Option<i64>, slot: u64, stream: &mut Stream<'_>) {
        let step = rate_ppm.map(|ppm| mark_ticks * self.listing.tick_size * i128::from(ppm) / 1_000_000);
        self.cumulative_funding += step.unwrap_or(0);
        stream.push(
            "PricesUpdated",
            &[
                ("oracle_signer", Value::Maybe(None)),
                ("asset_symbol", Value::Symbol(self.listing.asset)),
                ("asset_id", Value::Int(self.listing.asset_id.into())),
                ("new_best_bid", Value::maybe_int(Some(mark_ticks - 1))),
                ("new_best_ask", Value::maybe_int(Some(mark_ticks + 1))),
                ("new_last_trade", Value::maybe_int(None)),
                ("new_exchange_spot_price", Value::maybe_int(step.map(|_| mark_ticks))),
                ("new_exchange_perp_price", Value::maybe_int(None)),
                ("new_mid_spot_diff_ema_ticks", Value::maybe_int(None)),
                ("new_mark_price", Value::Int(mark_ticks)),
                ("cumulative_funding_rate", Value::maybe_int(step.map(|_| self.cumulative_funding))),
                ("settled_contribution", Value::maybe_int(step)),
                ("interval_accumulator", Value::maybe_int(step.map(|step| step * 3_600))),
                ("asset_sequence_number", Value::Int(self.sequence)),
                ("prev_asset_sequence_number_slot", Value::Int(slot.into())),
            ],
        );
    }

    /// The market's own account of itself.
    pub(super) fn summary(&self, mark_ticks: i128, stream: &mut Stream<'_>) {
        stream.push(
            "MarketSummary",
            &[
                ("asset_symbol", Value::Symbol(self.listing.asset)),
                ("asset_id", Value::Int(self.listing.asset_id.into())),
                ("open_interest", Value::Int(self.open_interest)),
                ("total_maker_quote_lot_fees", Value::maybe_int(Some(0))),
                ("total_taker_quote_lot_fees", Value::maybe_int(Some(self.taker_fees))),
                ("mark_price", Value::Int(mark_ticks)),
                ("spot_price", Value::Int(mark_ticks)),
            ],
        );
    }

    /// Moves a position by signed lots against signed quote lots of cash.
    #[expect(clippy::too_many_arguments, reason = "one leg is all of these")]
    pub(super) fn change(
        &mut self,
        trader: Key,
        lots: i128,
        cash: i128,
        ts_ms: i64,
        fee: i128,
        stream: &mut Stream<'_>,
        tally: &mut Tally,
    ) {
        let before = self.positions[&trader];
        let mut after = before;
        let closing = if before.lots.signum() == -lots.signum() { lots.abs().min(before.lots.abs()) } else { 0 };
        let closing_cash = cash * closing / lots.abs();
        let released = if closing == 0 { 0 } else { before.cost * closing / before.lots.abs() };
        after.lots += lots;
        after.cost += cash - closing_cash - released;
        self.positions.insert(trader, after);
        self.open_interest += after.lots.max(0) - before.lots.max(0);
        self.pnl(trader, (before, after), (closing_cash + released, 0), stream);
        tally.leg(self.id, ts_ms, Held { before: before.lots, after: after.lots }, small(fee));
    }

    fn pnl(&self, trader: Key, (before, after): (Position, Position), (realized, funding): (i128, i128), stream: &mut Stream<'_>) {
        stream.push(
            "PnL",
            &[
                ("trader", Value::Key(trader)),
                ("asset_id", Value::Int(self.listing.asset_id.into())),
                ("asset_symbol", Value::Symbol(self.listing.asset)),
                ("realized_pnl", Value::Int(realized)),
                ("funding_payment", Value::Int(funding)),
                ("base_lots_before", Value::Int(before.lots)),
                ("base_lots_after", Value::Int(after.lots)),
                ("virtual_quote_lots_before", Value::Int(before.cost)),
                ("virtual_quote_lots_after", Value::Int(after.cost)),
            ],
        );
    }

    fn filled(&self, order: &Order<'_>, matched: &Match, quote: i128, stream: &mut Stream<'_>) {
        let maker = self.positions[&matched.maker];
        let side = Value::Variant(if order.buys { "Ask" } else { "Bid" });
        let head = [("side", side), ("price", Value::Int(matched.ticks)), ("base_lots_filled", Value::Int(matched.lots))];
        let tail = [
            ("maker", Value::Key(matched.maker)),
            ("maker_fee_rate", Value::Int(0)),
            ("maker_base_lot_position", Value::Int(maker.lots)),
            ("maker_virtual_quote_lot_position", Value::Int(maker.cost)),
            ("maker_quote_lot_collateral", Value::Int(5_000_000_000)),
            ("maker_cumulative_funding_snapshot", Value::Int(maker.funding_snapshot)),
        ];
        let (name, sequence) =
            if matched.is_spline { ("SplineFilled", "spline_sequence_number") } else { ("OrderFilled", "order_sequence_number") };
        let mut values = vec![(sequence, Value::Int(self.sequence))];
        values.extend(head);
        values.push(("quote_lots_filled", Value::Int(quote)));
        if !matched.is_spline {
            values.push(("quantity_remaining", Value::Int(0)));
        }
        values.extend(tail);
        stream.push(name, &values);
    }
}
