//! The arithmetic of the metrics, and nothing else: events become rows, rows become contributions, and hours of rows
//! become levels and windows.
//!
//! Promises: pure functions of their arguments; integers only, rounding half to even once per event; a row and its
//! contribution are the same for any order of arrival. Does not: read a database, a clock or a chain.

mod close;
mod contribution;
mod expand;
mod levels;
mod rows;

pub use close::{OpenPosition, join_close};
pub use contribution::{FlowContribution, HourContribution, MinuteContribution, contributions, flow_contribution};
pub use expand::{ExpandError, Expanded, WaitFor, expand};
pub use levels::{
    AnchorPoint, CoveredTime, HourDelta, HourFunding, HourLevel, MarkPoint, MarketHistory, MarketHours, RatePoint, RateValue, TailDelta,
    levels,
};
pub use rows::{
    AnchorRow, FillRow, FlowRow, IndexRow, LiquidationRow, MarketRow, PaymentRow, PriceRow, RateRow, Row, RowKey, TokenPriceRow, TokenRow,
    hour_id, minute_id,
};
