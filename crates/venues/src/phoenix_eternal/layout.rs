//! Bytes of one `MarketEvent`: a variant byte, then borsh fields. Only what is used is kept; everything is consumed.

use super::bytes::{Asset, BookSide, Bytes, Key, LayoutError};

/// The events that are read. Fields keep their names and units of the layout file: lots and ticks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum MarketEvent {
    SlotContext {
        timestamp_secs: u64,
    },
    Header(Header),
    OrderFilled(MakerFill),
    SplineFilled(MakerFill),
    TradeSummary(TradeSummary),
    MarketSummary {
        asset: Asset,
        open_interest: u64,
        mark_price: u64,
        spot_price: u64,
    },
    TraderFundsDeposited {
        trader: Key,
        amount: u64,
    },
    TraderFundsWithdrawn {
        trader: Key,
        amount: u64,
    },
    TraderFundingSettled {
        trader: Key,
        asset: Asset,
        funding_payment: i64,
    },
    MarketAdded,
    PricesUpdated {
        asset: Asset,
        spot_price: Option<u64>,
        mark_price: u64,
        cumulative_funding_rate: Option<i64>,
    },
    LiquidationTransfer {
        liquidatee: Key,
        liquidator: Key,
        asset_id: u64,
        base_lots: i64,
        quote_lots: i64,
    },
    Liquidation(Liquidation),
    CloseMatchedPositions {
        short: Key,
        long: Key,
        in_profit: Key,
        asset_id: u64,
        base_lots: i64,
        in_profit_value: i64,
    },
    PnL(PnL),
    ShutdownClosePositions {
        long: Key,
        short: Key,
        asset_id: u32,
        base_lots: u64,
        price: u64,
        trade_sequence_number: u64,
    },
    /// An event whose fields make nothing.
    Nothing,
    /// A `Header` that could not be read: the market of what follows is not known.
    HeaderLost,
}

/// The market of what follows, with its units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) asset: Asset,
    pub(super) tick_size: u32,
    pub(super) base_lot_decimals: i8,
    pub(super) quote_lot_decimals: u8,
}

/// One maker's part of a trade, from the maker's view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct MakerFill {
    /// Of the order, or of the spline.
    pub(super) sequence_number: u64,
    pub(super) side: BookSide,
    pub(super) base_lots: u64,
    pub(super) quote_lots: u64,
    pub(super) maker: Key,
    /// Position after the fill.
    pub(super) base_lot_position: i64,
}

/// One taker order as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TradeSummary {
    pub(super) trader: Key,
    pub(super) trade_sequence_number: u64,
    pub(super) side: BookSide,
    pub(super) base_lots: u64,
    pub(super) quote_lots: u64,
    pub(super) fee_quote_lots: u64,
    /// Position after the trade.
    pub(super) base_lot_position: i64,
}

/// A liquidation on the book; its trade is a [`TradeSummary`] of the liquidated trader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Liquidation {
    pub(super) liquidator: Key,
    pub(super) trader: Key,
    pub(super) asset_id: u32,
    pub(super) mark_price: u64,
    pub(super) base_lots: u64,
    pub(super) position_closed: bool,
}

/// A position before and after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PnL {
    pub(super) trader: Key,
    pub(super) asset: Asset,
    pub(super) realized_pnl: i64,
    pub(super) funding_payment: i64,
    pub(super) base_lots_before: i64,
    pub(super) base_lots_after: i64,
}

/// Variant of `Header`.
pub(super) const HEADER: u8 = 1;

/// Reads the fields behind a variant byte; `None` for a variant whose layout is not known.
pub(super) fn read_event(variant: u8, bytes: &mut Bytes<'_>) -> Option<Result<MarketEvent, LayoutError>> {
    Some(match variant {
        0 => slot_context(bytes),
        HEADER => header(bytes),
        3 => maker_fill(bytes, true).map(MarketEvent::OrderFilled),
        5 => maker_fill(bytes, false).map(MarketEvent::SplineFilled),
        6 => trade_summary(bytes),
        8 => market_summary(bytes),
        10 => collateral_transferred(bytes),
        13 => funds_deposited(bytes),
        14 => funds_withdrawn(bytes),
        18 => funding_settled(bytes),
        24 => Ok(MarketEvent::MarketAdded),
        25 => status_changed(bytes),
        29 => prices_updated(bytes),
        30 => liquidation_transfer_summary(bytes),
        31 => liquidation_transfer(bytes),
        32 => liquidation(bytes),
        33 => close_matched_positions(bytes),
        37 => pnl(bytes),
        50 => market_closed(bytes),
        51 => market_deleted(bytes),
        64 => market_tombstoned(bytes),
        65 => shutdown_close_positions(bytes),
        _ => return None,
    })
}

type Read = Result<MarketEvent, LayoutError>;

fn slot_context(bytes: &mut Bytes<'_>) -> Read {
    let timestamp_secs = bytes.u64("timestamp")?;
    bytes.skip(8, "slot")?;
    Ok(MarketEvent::SlotContext { timestamp_secs })
}

fn header(bytes: &mut Bytes<'_>) -> Read {
    bytes.skip(16, "sequence numbers")?;
    let symbol = bytes.symbol("asset_symbol")?;
    let id = bytes.u32("asset_id")?;
    let tick_size = bytes.u32("tick_size")?;
    let base_lot_decimals = bytes.u8("base_lot_decimals")?.cast_signed();
    let quote_lot_decimals = bytes.u8("quote_lot_decimals")?;
    bytes.skip(64, "signer and trader_account")?;
    Ok(MarketEvent::Header(Header { asset: Asset { id, symbol }, tick_size, base_lot_decimals, quote_lot_decimals }))
}

fn maker_fill(bytes: &mut Bytes<'_>, is_order: bool) -> Result<MakerFill, LayoutError> {
    let sequence_number = bytes.u64("sequence_number")?;
    let side = bytes.side()?;
    bytes.skip(8, "price")?;
    let base_lots = bytes.u64("base_lots_filled")?;
    let quote_lots = bytes.u64("quote_lots_filled")?;
    if is_order {
        bytes.skip(8, "quantity_remaining")?;
    }
    let maker = bytes.key("maker")?;
    bytes.skip(4, "maker_fee_rate")?;
    let base_lot_position = bytes.i64("maker_base_lot_position")?;
    bytes.skip(24, "maker balances")?;
    Ok(MakerFill { sequence_number, side, base_lots, quote_lots, maker, base_lot_position })
}

fn trade_summary(bytes: &mut Bytes<'_>) -> Read {
    let trader = bytes.key("trader")?;
    let trade_sequence_number = bytes.u64("trade_sequence_number")?;
    bytes.skip(8, "prev_trade_sequence_number_slot")?;
    let side = bytes.side()?;
    let base_lots = bytes.u64("base_lots_filled")?;
    let quote_lots = bytes.u64("quote_lots_filled")?;
    let fee_quote_lots = bytes.u64("fee_in_quote_lots")?;
    let base_lot_position = bytes.i64("base_lot_position")?;
    bytes.skip(24, "balances")?;
    Ok(MarketEvent::TradeSummary(TradeSummary {
        trader,
        trade_sequence_number,
        side,
        base_lots,
        quote_lots,
        fee_quote_lots,
        base_lot_position,
    }))
}

fn market_summary(bytes: &mut Bytes<'_>) -> Read {
    let asset = bytes.asset_symbol_first()?;
    let open_interest = bytes.u64("open_interest")?;
    bytes.option("total_maker_quote_lot_fees", |bytes| bytes.i64("total_maker_quote_lot_fees"))?;
    bytes.option("total_taker_quote_lot_fees", |bytes| bytes.u64("total_taker_quote_lot_fees"))?;
    let mark_price = bytes.u64("mark_price")?;
    let spot_price = bytes.u64("spot_price")?;
    Ok(MarketEvent::MarketSummary { asset, open_interest, mark_price, spot_price })
}

fn collateral_transferred(bytes: &mut Bytes<'_>) -> Read {
    bytes.skip(32 + 8 + 2 * (32 + 24), "accounts and balances")?;
    Ok(MarketEvent::Nothing)
}

fn funds_deposited(bytes: &mut Bytes<'_>) -> Read {
    let trader = bytes.key("trader")?;
    bytes.skip(32, "authority")?;
    let amount = bytes.u64("amount")?;
    bytes.skip(4 + 24, "flags and balances")?;
    Ok(MarketEvent::TraderFundsDeposited { trader, amount })
}

fn funds_withdrawn(bytes: &mut Bytes<'_>) -> Read {
    let trader = bytes.key("trader")?;
    bytes.skip(32, "authority")?;
    let amount = bytes.u64("amount")?;
    bytes.skip(56, "sequence numbers and queue")?;
    Ok(MarketEvent::TraderFundsWithdrawn { trader, amount })
}

fn funding_settled(bytes: &mut Bytes<'_>) -> Read {
    let trader = bytes.key("trader")?;
    let asset = bytes.asset_symbol_first()?;
    let funding_payment = bytes.i64("funding_payment")?;
    bytes.skip(16, "snapshot and balance")?;
    Ok(MarketEvent::TraderFundingSettled { trader, asset, funding_payment })
}

fn status_changed(bytes: &mut Bytes<'_>) -> Read {
    bytes.market_status("previous_market_status")?;
    bytes.market_status("new_market_status")?;
    Ok(MarketEvent::Nothing)
}

fn prices_updated(bytes: &mut Bytes<'_>) -> Read {
    bytes.option("oracle_signer", |bytes| bytes.key("oracle_signer"))?;
    let asset = bytes.asset_symbol_first()?;
    for field in ["new_best_bid", "new_best_ask", "new_last_trade"] {
        bytes.option(field, |bytes| bytes.u64(field))?;
    }
    let spot_price = bytes.option("new_exchange_spot_price", |bytes| bytes.u64("new_exchange_spot_price"))?;
    bytes.option("new_exchange_perp_price", |bytes| bytes.u64("new_exchange_perp_price"))?;
    bytes.option("new_mid_spot_diff_ema_ticks", |bytes| bytes.i64("new_mid_spot_diff_ema_ticks"))?;
    let mark_price = bytes.u64("new_mark_price")?;
    let cumulative_funding_rate = bytes.option("cumulative_funding_rate", |bytes| bytes.i64("cumulative_funding_rate"))?;
    bytes.option("settled_contribution", |bytes| bytes.i64("settled_contribution"))?;
    bytes.option("interval_accumulator", |bytes| bytes.skip(16, "interval_accumulator"))?;
    bytes.skip(16, "sequence numbers")?;
    Ok(MarketEvent::PricesUpdated { asset, spot_price, mark_price, cumulative_funding_rate })
}

fn liquidation_transfer_summary(bytes: &mut Bytes<'_>) -> Read {
    bytes.skip(32 + 32 + 4 + 24, "accounts and sums")?;
    Ok(MarketEvent::Nothing)
}

fn liquidation_transfer(bytes: &mut Bytes<'_>) -> Read {
    let liquidatee = bytes.key("liquidatee")?;
    let liquidator = bytes.key("liquidator")?;
    let asset_id = bytes.u64("asset_id")?;
    let base_lots = bytes.i64("base_lots_transferred")?;
    let quote_lots = bytes.i64("virtual_quote_lots_transferred")?;
    bytes.skip(2 + 16, "haircut and collateral changes")?;
    Ok(MarketEvent::LiquidationTransfer { liquidatee, liquidator, asset_id, base_lots, quote_lots })
}

fn liquidation(bytes: &mut Bytes<'_>) -> Read {
    let liquidator = bytes.key("liquidator")?;
    let trader = bytes.key("liquidated_trader")?;
    let asset_id = bytes.u32("asset_id")?;
    bytes.skip(8, "liquidation_size")?;
    let mark_price = bytes.u64("mark_price")?;
    let base_lots = bytes.u64("base_lots_filled")?;
    bytes.skip(8, "quote_lots_filled")?;
    let position_closed = bytes.flag("position_closed")?;
    Ok(MarketEvent::Liquidation(Liquidation { liquidator, trader, asset_id, mark_price, base_lots, position_closed }))
}

fn close_matched_positions(bytes: &mut Bytes<'_>) -> Read {
    bytes.skip(32, "caller")?;
    let short = bytes.key("closed_short")?;
    let long = bytes.key("closed_long")?;
    let in_profit = bytes.key("in_profit_account")?;
    let asset_id = bytes.u64("asset_id")?;
    let base_lots = bytes.i64("base_lots_closed")?;
    bytes.skip(8, "at_loss_close_value")?;
    let in_profit_value = bytes.i64("in_profit_close_value")?;
    bytes.skip(16, "collateral changes")?;
    Ok(MarketEvent::CloseMatchedPositions { short, long, in_profit, asset_id, base_lots, in_profit_value })
}

fn pnl(bytes: &mut Bytes<'_>) -> Read {
    let trader = bytes.key("trader")?;
    let id = bytes.u32("asset_id")?;
    let symbol = bytes.symbol("asset_symbol")?;
    let realized_pnl = bytes.i64("realized_pnl")?;
    let funding_payment = bytes.i64("funding_payment")?;
    let base_lots_before = bytes.i64("base_lots_before")?;
    let base_lots_after = bytes.i64("base_lots_after")?;
    bytes.skip(16, "virtual quote lots")?;
    let asset = Asset { id, symbol };
    Ok(MarketEvent::PnL(PnL { trader, asset, realized_pnl, funding_payment, base_lots_before, base_lots_after }))
}

fn market_closed(bytes: &mut Bytes<'_>) -> Read {
    bytes.market_status("previous_market_status")?;
    bytes.skip(8, "finalized_mark_price")?;
    Ok(MarketEvent::Nothing)
}

fn market_deleted(bytes: &mut Bytes<'_>) -> Read {
    bytes.skip(4 + 8, "asset_id and lamports_reclaimed")?;
    Ok(MarketEvent::Nothing)
}

fn market_tombstoned(bytes: &mut Bytes<'_>) -> Read {
    bytes.market_status("previous_market_status")?;
    bytes.skip(24, "final sequence numbers")?;
    Ok(MarketEvent::Nothing)
}

fn shutdown_close_positions(bytes: &mut Bytes<'_>) -> Read {
    let long = bytes.key("long_trader")?;
    let short = bytes.key("short_trader")?;
    let asset_id = bytes.u32("asset_id")?;
    let base_lots = bytes.u64("base_lots_closed")?;
    let price = bytes.u64("settlement_price")?;
    let trade_sequence_number = bytes.u64("trade_sequence_number")?;
    bytes.skip(8, "sequence_number")?;
    Ok(MarketEvent::ShutdownClosePositions { long, short, asset_id, base_lots, price, trade_sequence_number })
}

#[cfg(test)]
mod tests;
