//! Rows as the store keeps them: scaled 64-bit integers, with the native integers beside them.

use alloy_primitives::I256;
use perpdex_core::{
    Action, BarKind, Basis, ChainId, Decimal, FlowDirection, FlowScope, Forced, FundingKind, IndexBasis, LiquidationKind, OiBasis, Period,
    PositionSide, PriceKind, Side, Text, VenueSlug,
};

/// Milliseconds of an hour.
pub const HOUR_MS: i64 = 3_600_000;
/// Hours of a day.
pub const DAY_HOURS: i64 = 24;

/// `floor(unix ms / 3,600,000)`.
pub fn hour_id(ts_ms: i64) -> i64 {
    ts_ms.div_euclid(HOUR_MS)
}

/// `floor(unix ms / 86,400,000)`.
pub fn day_id(ts_ms: i64) -> i64 {
    ts_ms.div_euclid(DAY_HOURS * HOUR_MS)
}

/// `floor(unix ms / 60,000)`.
pub fn minute_id(ts_ms: i64) -> i64 {
    ts_ms.div_euclid(60_000)
}

/// What expansion needs to know of a market.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarketRow {
    /// [`perpdex_core::market_id`].
    pub market_id: i64,
    /// Venue.
    pub venue: VenueSlug,
    /// Chain.
    pub chain: ChainId,
    /// The venue's key.
    pub market_key: String,
    /// Digits of the asset's stored quantities.
    pub qty_scale: u8,
    /// Canonical units in one venue unit.
    pub multiplier: i64,
    /// Decimals of native quantities, where known.
    pub qty_decimals: Option<u8>,
    /// What the venue's own level means.
    pub oi_basis: OiBasis,
    /// Which notional the venue counts.
    pub volume_basis: Basis,
}

/// What expansion needs to know of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenRow {
    /// Decimals of the smallest unit.
    pub decimals: u8,
    /// One token counts as one dollar.
    pub usd_par: bool,
}

/// The key all rows of one chain share: rows sort and are removed by height.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RowKey {
    /// Chain.
    pub chain: ChainId,
    /// Height.
    pub height: u64,
    /// The event's `rec`.
    pub rec: i64,
    /// The event's `sub`.
    pub sub: u32,
}

/// One row of any fact table.
#[derive(Clone, Debug, PartialEq)]
pub enum Row {
    /// `fills`.
    Fill(Box<FillRow>),
    /// `liquidations`.
    Liquidation(Box<LiquidationRow>),
    /// `funding_payments`.
    Payment(PaymentRow),
    /// `funding_rates`.
    Rate(RateRow),
    /// `funding_index`.
    Index(IndexRow),
    /// `oi_anchors`.
    Anchor(AnchorRow),
    /// `prices`.
    Price(PriceRow),
    /// `token_prices`.
    TokenPrice(TokenPriceRow),
    /// `collateral_flows`.
    Flow(FlowRow),
    /// `volume_bars`.
    Bar(BarRow),
}

/// One leg of one execution.
#[derive(Clone, Debug, PartialEq)]
pub struct FillRow {
    /// Key.
    pub key: RowKey,
    /// Order inside the height.
    pub ord: i64,
    /// Market.
    pub market_id: i64,
    /// Unix milliseconds.
    pub ts_ms: i64,
    /// Transaction.
    pub tx_id: Text,
    /// Account.
    pub account: Text,
    /// Position.
    pub position_key: Text,
    /// Side of the position; `None` on books.
    pub position_side: Option<PositionSide>,
    /// Collateral of the position.
    pub collateral_token: Option<Text>,
    /// Joins the legs of a trade.
    pub trade_key: Text,
    /// Order or liquidation.
    pub order_key: Option<Text>,
    /// Taker leg.
    pub is_taker: bool,
    /// 1 or -1 on taker legs whose direction means something, else `None`.
    pub taker_dir: Option<i64>,
    /// Whether size counts as volume.
    pub in_volume: bool,
    /// Class of the trade.
    pub forced: Forced,
    /// Buy or sell.
    pub side: Side,
    /// What it did.
    pub action: Action,
    /// Quantity in canonical units times 10^qty_scale.
    pub qty_q: i64,
    /// The venue's integer.
    pub qty_native: I256,
    /// Decimals of `qty_native`.
    pub native_decimals: u8,
    /// Quote per ONE canonical unit.
    pub price: Decimal,
    /// Quantity times price in micro-dollars.
    pub exec_notional_usd_e6: i64,
    /// What the venue counts, micro-dollars.
    pub notional_usd_e6: i64,
    /// Which of the two conventions `notional_usd_e6` follows.
    pub volume_basis: Basis,
    /// Signed position before, canonical units times 10^qty_scale.
    pub before_q: Option<i64>,
    /// Signed position after.
    pub after_q: Option<i64>,
    /// Size of the position after in the venue's integers, where positions have a side and the venue tells it in the decimals
    /// of `qty_native`: what closes of it are joined to.
    pub after_native: Option<I256>,
    /// Entry cost before, micro-dollars.
    pub before_usd_e6: Option<i64>,
    /// Entry cost after.
    pub after_usd_e6: Option<i64>,
    /// Change of long open interest: round(after) - round(before).
    pub long_delta_q: i64,
    /// Change of short open interest.
    pub short_delta_q: i64,
    /// The same in the venue's integers.
    pub long_delta_native: I256,
    /// The same in the venue's integers.
    pub short_delta_native: I256,
    /// Change of long open interest at entry, micro-dollars.
    pub long_delta_usd_e6: Option<i64>,
    /// Change of short open interest at entry.
    pub short_delta_usd_e6: Option<i64>,
    /// Fee in micro-dollars, positive = paid; `None` where the token has no dollar price.
    pub fee_usd_e6: Option<i64>,
    /// Fee in smallest units.
    pub fee_native: Option<I256>,
    /// Token of the fee.
    pub fee_token: Option<Text>,
    /// Realised profit before fees, micro-dollars.
    pub realized_pnl_usd_e6: Option<i64>,
}

/// One liquidated (or auto-deleveraged) account and execution. The key is that of its fill.
#[derive(Clone, Debug, PartialEq)]
pub struct LiquidationRow {
    /// Key.
    pub key: RowKey,
    /// Market.
    pub market_id: i64,
    /// Unix milliseconds.
    pub ts_ms: i64,
    /// Transaction.
    pub tx_id: Text,
    /// Account.
    pub account: Text,
    /// Position.
    pub position_key: Text,
    /// Side of the position.
    pub side: PositionSide,
    /// Kind.
    pub kind: LiquidationKind,
    /// Who triggered it or took it over.
    pub liquidator: Option<Text>,
    /// Order or liquidation.
    pub order_key: Option<Text>,
    /// Joins the legs of a trade; an ADL row and the row it covers share it.
    pub trade_key: Text,
    /// Whether size counts as volume.
    pub in_volume: bool,
    /// Quantity in canonical units times 10^qty_scale.
    pub qty_q: i64,
    /// Quote per ONE canonical unit.
    pub price: Decimal,
    /// Mark price per ONE canonical unit.
    pub mark_price: Option<Decimal>,
    /// Quantity times price in micro-dollars.
    pub exec_notional_usd_e6: i64,
    /// What the venue counts.
    pub notional_usd_e6: i64,
    /// Liquidation fee in micro-dollars.
    pub fee_usd_e6: Option<i64>,
    /// Whether something of the position is left.
    pub is_partial: Option<bool>,
}

/// One payment.
#[derive(Clone, Debug, PartialEq)]
pub struct PaymentRow {
    /// Key.
    pub key: RowKey,
    /// Market.
    pub market_id: i64,
    /// The interval's end, snapped; unix milliseconds. A payment at a boundary belongs to the hour it closes.
    pub ts_ms: i64,
    /// The hour it counts in.
    pub hour_id: i64,
    /// Transaction.
    pub tx_id: Text,
    /// Account.
    pub account: Text,
    /// Position.
    pub position_key: Text,
    /// Side of the position.
    pub side: Option<PositionSide>,
    /// Funding or borrow.
    pub kind: FundingKind,
    /// Micro-dollars, negative = paid; `None` where the token has no dollar price.
    pub amount_usd_e6: Option<i64>,
    /// Smallest units, negative = paid.
    pub amount_native: I256,
    /// Token.
    pub token: Text,
    /// Signed size of the position, canonical units times 10^qty_scale.
    pub size_q: Option<i64>,
}

/// One rate row; cost as a fraction per hour times 10^12.
#[derive(Clone, Debug, PartialEq)]
pub struct RateRow {
    /// Key.
    pub key: RowKey,
    /// Order inside the height.
    pub ord: i64,
    /// Market.
    pub market_id: i64,
    /// Funding or borrow.
    pub kind: FundingKind,
    /// When it was in force.
    pub period: Period,
    /// Cost of a long.
    pub cost_long_1h_e12: Option<i64>,
    /// Cost of a short.
    pub cost_short_1h_e12: Option<i64>,
}

/// One value of a cumulative index.
#[derive(Clone, Debug, PartialEq)]
pub struct IndexRow {
    /// Key.
    pub key: RowKey,
    /// Order inside the height.
    pub ord: i64,
    /// Market.
    pub market_id: i64,
    /// Unix milliseconds.
    pub ts_ms: i64,
    /// Funding or borrow.
    pub kind: FundingKind,
    /// Whose cost; `None` = long's, and short's with the other sign.
    pub side: Option<PositionSide>,
    /// Value.
    pub value: Decimal,
    /// What it counts.
    pub basis: IndexBasis,
    /// No difference to the value before.
    pub is_reset: bool,
}

/// One stated level.
#[derive(Clone, Debug, PartialEq)]
pub struct AnchorRow {
    /// Key.
    pub key: RowKey,
    /// Order inside the height.
    pub ord: i64,
    /// Market.
    pub market_id: i64,
    /// Unix milliseconds.
    pub ts_ms: i64,
    /// Collateral it is stated for.
    pub collateral_token: Option<Text>,
    /// Longs, canonical units times 10^qty_scale; `None` = not stated by this row.
    pub long_q: Option<i64>,
    /// Shorts.
    pub short_q: Option<i64>,
    /// Longs in the venue's integer.
    pub long_native: Option<I256>,
    /// Shorts in the venue's integer.
    pub short_native: Option<I256>,
    /// Longs at entry, micro-dollars.
    pub long_usd_e6: Option<i64>,
    /// Shorts at entry, micro-dollars.
    pub short_usd_e6: Option<i64>,
}

/// One price per ONE canonical unit.
#[derive(Clone, Debug, PartialEq)]
pub struct PriceRow {
    /// Key.
    pub key: RowKey,
    /// Order inside the height.
    pub ord: i64,
    /// Market.
    pub market_id: i64,
    /// Unix milliseconds.
    pub ts_ms: i64,
    /// Kind.
    pub kind: PriceKind,
    /// Quote per canonical unit.
    pub price: Decimal,
}

/// One dollar price of a whole token.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenPriceRow {
    /// Key.
    pub key: RowKey,
    /// Token.
    pub token: Text,
    /// Unix milliseconds.
    pub ts_ms: i64,
    /// Dollars per token.
    pub price: Decimal,
}

/// One movement of collateral.
#[derive(Clone, Debug, PartialEq)]
pub struct FlowRow {
    /// Key.
    pub key: RowKey,
    /// Venue.
    pub venue: VenueSlug,
    /// Unix milliseconds.
    pub ts_ms: i64,
    /// Transaction.
    pub tx_id: Text,
    /// Account.
    pub account: Text,
    /// Whose money.
    pub scope: FlowScope,
    /// Which way.
    pub direction: FlowDirection,
    /// Token.
    pub token: Text,
    /// Unsigned smallest units.
    pub amount_native: I256,
    /// Fee, unsigned smallest units.
    pub fee_native: Option<I256>,
    /// Micro-dollars; `None` where the token has no dollar price.
    pub usd_e6: Option<i64>,
}

/// What was traded over a time, as the venue sums it up.
#[derive(Clone, Debug, PartialEq)]
pub struct BarRow {
    /// Key.
    pub key: RowKey,
    /// Market.
    pub market_id: i64,
    /// Kind.
    pub kind: BarKind,
    /// Start, inside, unix milliseconds.
    pub start_ms: i64,
    /// End, outside.
    pub end_ms: i64,
    /// Whether it counts as volume of its hour.
    pub in_volume: bool,
    /// Number of trades.
    pub trades: i64,
    /// Quantity in canonical units times 10^qty_scale.
    pub qty_q: i64,
    /// Notional, micro-dollars.
    pub notional_usd_e6: i64,
    /// Of it: takers that bought.
    pub taker_buy_usd_e6: Option<i64>,
    /// Last price, quote per ONE canonical unit.
    pub close: Decimal,
}
