//! What a chain tells of markets and tokens: levels, prices, bars, listings.

use serde::{Deserialize, Serialize};

use crate::{Amount, Basis, Decimal, OiBasis, Text};

/// A level of open interest that the chain states, after the event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OiAnchor {
    /// Collateral the level is stated for; `None` for all.
    pub collateral_token: Option<Text>,
    /// Quantity of longs, in venue units, never below zero; `None`: this record does not state it.
    pub long: Option<Amount>,
    /// Quantity of shorts likewise.
    pub short: Option<Amount>,
    /// Dollars at entry of longs, where stated.
    pub long_entry_usd: Option<Amount>,
    /// Dollars at entry of shorts, where stated.
    pub short_entry_usd: Option<Amount>,
}

/// Kinds of price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PriceKind {
    /// The venue's mark price.
    Mark,
    /// The venue's oracle.
    Oracle,
    /// An index over other venues.
    Index,
    /// Middle of bid and ask.
    Mid,
}

impl PriceKind {
    /// The name in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            PriceKind::Mark => "mark",
            PriceKind::Oracle => "oracle",
            PriceKind::Index => "index",
            PriceKind::Mid => "mid",
        }
    }
}

/// A price of a market, per venue unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Price {
    /// Kind.
    pub kind: PriceKind,
    /// Quote per venue unit.
    pub price: Amount,
}

/// How the times of volume bars relate to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BarKind {
    /// One bar follows the other inside one hour: their sum is the hour's volume.
    Hour,
    /// The 24 hours before the statement; overlaps the ones before and is never summed.
    #[serde(rename = "rolling_24h")]
    Rolling24h,
}

impl BarKind {
    /// The name in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            BarKind::Hour => "hour",
            BarKind::Rolling24h => "rolling_24h",
        }
    }
}

/// What was traded over a time, taker side once, as the venue sums it up.
///
/// Where a venue gives such bars they are its volume, and its single executions are none ([`Fill::in_volume`] false): one
/// size is never counted twice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumeBar {
    /// Kind.
    pub kind: BarKind,
    /// Start, inside, unix milliseconds.
    pub start_ms: i64,
    /// End, outside.
    pub end_ms: i64,
    /// Number of trades.
    pub trades: i64,
    /// Unsigned quantity in venue units.
    pub qty: Amount,
    /// Unsigned notional in dollars: quantity times price, summed by the venue.
    pub notional_usd: Decimal,
    /// Of it: takers that bought; `None` where it is not told.
    pub taker_buy_usd: Option<Decimal>,
    /// Last price, quote per venue unit.
    pub close: Amount,
}

/// A dollar price of a token.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TokenPrice {
    /// The token, as in [`TokenAmount`].
    pub token: Text,
    /// Native price; dollars times 10^30 per smallest unit where `per_smallest_unit`, else a plain decimal.
    pub price_usd: Decimal,
    /// Whether the price is for one smallest unit of the token (GMX) or for a whole token.
    pub per_smallest_unit: bool,
}

/// A market came to be, or told what its numbers mean.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarketListed {
    /// The venue's symbol, looked up in the alias table (`BTC/USD`, `kPEPE`); `None` where the record has only addresses.
    pub symbol: Option<String>,
    /// Index token contract, where the market is named by one.
    pub index_token: Option<Text>,
    /// Decimals of the market's native quantity, where the record tells.
    pub native_qty_decimals: Option<u8>,
    /// Quote currency.
    pub quote: String,
    /// Collateral tokens positions of this market can have, where fixed.
    pub collateral_tokens: Vec<Text>,
    /// What the venue's own level means.
    pub oi_basis: OiBasis,
    /// Which notional the venue counts.
    pub volume_basis: Basis,
    /// Whether the record is the market's creation: levels start at zero here.
    pub is_creation: bool,
}
