//! Funding and borrowing: rates, cumulative indexes, payments.

use serde::{Deserialize, Serialize};

use crate::{Amount, Decimal, PositionSide, Text, TokenAmount};

/// Funding between longs and shorts, or a fee for borrowing from a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FundingKind {
    /// Between the sides.
    Funding,
    /// To the pool.
    Borrow,
    /// Between the sides, as the venue expects the coming settlement to be; never in an hour's rate.
    Predicted,
}

impl FundingKind {
    /// The name in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            FundingKind::Funding => "funding",
            FundingKind::Borrow => "borrow",
            FundingKind::Predicted => "predicted",
        }
    }
}

/// The time a rate was in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "period", rename_all = "snake_case")]
pub enum Period {
    /// Between two stamps, unix milliseconds, half open.
    Exact {
        /// Start, inside.
        start_ms: i64,
        /// End, outside.
        end_ms: i64,
    },
    /// From the market's previous rate of the kind to this one; resolved by the reducer.
    SincePrevious {
        /// End, outside.
        end_ms: i64,
    },
}

/// A rate over a period, as the holder's cost per hour: positive = the holder pays.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FundingRate {
    /// Funding or borrow.
    pub kind: FundingKind,
    /// When it was in force.
    pub period: Period,
    /// Cost of a long as a fraction of notional per hour; `None` where the record does not tell this side.
    pub cost_long_1h: Option<Decimal>,
    /// Cost of a short likewise.
    pub cost_short_1h: Option<Decimal>,
}

/// What a difference of two index values means.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "basis", rename_all = "snake_case")]
pub enum IndexBasis {
    /// A fraction of notional.
    Fraction,
    /// Quote currency per venue unit; divided by this price for a fraction.
    QuotePerUnit {
        /// Price per venue unit at the event.
        price: Decimal,
    },
}

/// One value of a cumulative funding or borrow index. The cost of a side between two consecutive values of the market,
/// kind and side is `(value2 - value1)`, times -1 for the other side where `side` is `None`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FundingIndex {
    /// Funding or borrow.
    pub kind: FundingKind,
    /// Whose cost the index counts; `None`: the long's, and the short's with the other sign.
    pub side: Option<PositionSide>,
    /// Value, growing as the holder pays.
    pub value: Decimal,
    /// What it counts.
    pub basis: IndexBasis,
    /// The index starts anew here: no difference to the value before.
    pub is_reset: bool,
}

/// A payment of one position, from the account's view.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FundingPayment {
    /// The account as the venue names it.
    pub account: Text,
    /// Key of the position.
    pub position_key: Text,
    /// Side of the position, where told.
    pub side: Option<PositionSide>,
    /// Funding or borrow.
    pub kind: FundingKind,
    /// Negative = paid by the account.
    pub amount: TokenAmount,
    /// Dollars for ONE smallest unit of the token at the event, where the record gives a price.
    pub token_price_usd: Option<Decimal>,
    /// Signed size of the position in venue units, where told.
    pub size: Option<Amount>,
    /// End of the interval paid for, unix milliseconds, snapped to its nominal boundary; the payment belongs to the hour
    /// that this stamp closes. `None` where the venue settles at position changes: then the event's time counts.
    pub interval_end_ms: Option<i64>,
}
