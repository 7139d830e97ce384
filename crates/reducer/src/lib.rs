//! The arithmetic of the metrics, and nothing else: events become rows, rows become contributions, and hours of rows
//! become levels and windows.
//!
//! Promises: pure functions of their arguments; integers only, rounding half to even once per event; a row and its
//! contribution are the same for any order of arrival. Does not: read a database, a clock or a chain.

#![deny(clippy::float_arithmetic, clippy::disallowed_methods)]

mod close;
mod contribution;
mod days;
mod expand;
mod levels;
mod lots;
mod position;
mod rows;
mod stats;
mod windows;
mod zones;

pub use close::join_close;
pub use contribution::{
    Contributions, FillPart, FlowContribution, HourContribution, MinuteContribution, Moment, ZoneContribution, contributions,
    fill_contribution, flow_contribution, payment_contribution,
};
pub use days::{DAY_SUMS, DayHour, MarketDay, days};
pub use expand::{ExpandError, Expanded, WaitFor, expand};
pub use levels::{
    AnchorBase, AnchorPart, CoveredTime, FULL_PPM, HourDelta, HourFailure, HourFunding, HourLevel, Level, MEDIAN, MarkPoint, MarketHistory,
    MarketHours, MedianMark, RatePoint, RateValue, STATED_AGE_MS_MAX, STATED_LATE_MS_MAX, StatedLevel, levels, one_sided_usd_e6,
};
pub use lots::{ClosedBy, ClosedLots, Lot, LotBook, LotChanges, LotRow, PositionFill};
pub use position::{Position, PositionRow};
pub use rows::{
    AnchorRow, BarRow, DAY_HOURS, FillRow, FlowRow, HOUR_MS, IndexRow, LiquidationRow, MarketRow, PaymentRow, PriceRow, RateRow, Row,
    RowKey, TokenPriceRow, TokenRow, day_id, hour_id, minute_id,
};
pub use windows::{
    AssetHour, AssetMark, CascadeParams, CascadeSide, CascadeSpan, Concentration, Divergence, ExtremeParams, FoundCascades, FundingExtreme,
    LiqMinute, MarketMark, OwnMark, Signal, SignalParams, SignalPoint, VenueHour, asset_hours, asset_marks, cascades, concentration,
    divergences, extremes, holding_ms, relative_ppm, signals,
};
pub use zones::PriceZone;
