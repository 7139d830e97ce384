//! Aster Pro as plain data: what the world writes and the local API serves. Numbers are integers with the digits named here.

/// Digits behind the point of prices.
pub const PRICE_DIGITS: u32 = 2;
/// Digits behind the point of quantities.
pub const QTY_DIGITS: u32 = 3;
/// Digits behind the point of funding rates.
pub const RATE_DIGITS: u32 = 8;

/// The exchange with its whole history.
#[derive(Clone, Debug, Default)]
pub struct AsterExchange {
    /// Markets by symbol.
    pub markets: Vec<AsterMarket>,
    /// End of the history, unix milliseconds: what the venue's clock shows at first.
    pub end_ms: i64,
}

/// One market.
#[derive(Clone, Debug, Default)]
pub struct AsterMarket {
    /// Symbol, `BTCUSDT`.
    pub symbol: String,
    /// Base asset.
    pub base: String,
    /// Quote asset, also the margin's.
    pub quote: String,
    /// Listed since, unix milliseconds.
    pub onboard_ms: i64,
    /// Hours between two settlements.
    pub interval_hours: i64,
    /// Executions by time; numbers are consecutive from 1.
    pub trades: Vec<AsterTrade>,
    /// Settlements by time: stamp and rate.
    pub settlements: Vec<(i64, i64)>,
    /// Levels of open interest by time: moment and one-sided quantity after it.
    pub levels: Vec<(i64, i64)>,
    /// Forced orders by time, at most one a second.
    pub forced: Vec<AsterForced>,
}

/// One aggregated execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AsterTrade {
    /// Unix milliseconds.
    pub time_ms: i64,
    /// Price.
    pub price: i64,
    /// Quantity.
    pub qty: i64,
    /// Whether the taker bought.
    pub taker_buys: bool,
}

/// One forced order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AsterForced {
    /// Unix milliseconds.
    pub time_ms: i64,
    /// Average price.
    pub price: i64,
    /// Filled quantity.
    pub qty: i64,
    /// Whether a long is closed: then the order sells.
    pub closes_long: bool,
}
