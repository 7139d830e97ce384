//! Events: what happened, in one vocabulary over all venues. Sizes and amounts are native integers with their unit;
//! scaling to the store's integers happens at commit, from the market's row.

mod flow;
mod funding;
mod market;
mod trade;

use serde::{Deserialize, Serialize};

use crate::{ChainId, Text, VenueSlug};
pub use flow::{CollateralFlow, FlowDirection, FlowScope};
pub use funding::{FundingIndex, FundingKind, FundingPayment, FundingRate, IndexBasis, Period};
pub use market::{BarKind, MarketListed, OiAnchor, Price, PriceKind, TokenPrice, VolumeBar};
pub use trade::{Action, Close, ClosePnl, CloseReason, CloseSize, Fill, Forced, Liquidation, LiquidationKind, Size};

/// The key of an event inside its chain: a record and an ordinal in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EventKey {
    /// Height of the block.
    pub height: u64,
    /// Key inside the height: the record's `rec`, or an id of the event's own natural key where one record holds many:
    /// [`crate::execution_id`] of HyperCore's fills (coin, tid, user, side, n-th identical), else [`crate::derived_id`].
    pub rec: i64,
    /// Distinguishes several events of one record and kind.
    pub sub: u32,
}

/// One thing that happened on a venue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Its key inside the chain.
    pub key: EventKey,
    /// Canonical order inside the height; ties are broken by `key.sub`.
    pub ord: i64,
    /// The chain.
    pub chain: ChainId,
    /// The venue.
    pub venue: VenueSlug,
    /// The venue's own key of the market; `None` for flows and for closes that name none.
    pub market: Option<Text>,
    /// Unix milliseconds: block time, or the event's own stamp where the chain's block has none.
    pub time_ms: i64,
    /// Transaction id as explorers print it.
    pub tx_id: Text,
    /// What happened.
    pub body: EventBody,
}

/// The closed list of things that happen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum EventBody {
    /// An execution, or another change of a position's size, of one account.
    Fill(Box<Fill>),
    /// A close that leaves something to the position's state; joined to it in the store.
    Close(Box<Close>),
    /// A rate over a period.
    FundingRate(FundingRate),
    /// A value of a cumulative index; rates are differences of consecutive values.
    FundingIndex(FundingIndex),
    /// A payment of funding or borrow by or to one position.
    FundingPayment(FundingPayment),
    /// A level of open interest that the chain states.
    OiAnchor(OiAnchor),
    /// A price of a market.
    Price(Price),
    /// What was traded over a time, as the venue sums it up.
    VolumeBar(VolumeBar),
    /// A dollar price of a token.
    TokenPrice(TokenPrice),
    /// Collateral that moved into or out of a venue.
    CollateralFlow(CollateralFlow),
    /// A market came to be or told its properties.
    MarketListed(MarketListed),
}

/// Buy or sell, of the account of the row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The account bought.
    Buy,
    /// The account sold.
    Sell,
}

/// The side of a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PositionSide {
    /// Gains when the price rises.
    Long,
    /// Gains when the price falls.
    Short,
}

impl Side {
    /// 1 for buy, -1 for sell.
    pub fn sign(self) -> i64 {
        match self {
            Side::Buy => 1,
            Side::Sell => -1,
        }
    }
}

impl PositionSide {
    /// The name in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            PositionSide::Long => "long",
            PositionSide::Short => "short",
        }
    }

    /// The side of the trade that opens (`true`) or closes (`false`) such a position.
    pub fn trade_side(self, opening: bool) -> Side {
        match (self, opening) {
            (PositionSide::Long, true) | (PositionSide::Short, false) => Side::Buy,
            (PositionSide::Long, false) | (PositionSide::Short, true) => Side::Sell,
        }
    }
}
