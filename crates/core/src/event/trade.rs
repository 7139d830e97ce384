//! Executions: what an account traded, was liquidated of or closed.

use serde::{Deserialize, Serialize};

use crate::{Amount, Decimal, PositionSide, Side, Text, TokenAmount};

/// What an execution did to the position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// From nothing to something.
    Open,
    /// More of the same side.
    Increase,
    /// Less of the same side.
    Decrease,
    /// To nothing.
    Close,
    /// Through zero to the other side.
    Flip,
    /// Reduced by a liquidation.
    Liquidation,
    /// Reduced by auto-deleveraging.
    Adl,
    /// Handed to or taken by a third party at a set price; not volume.
    Takeover,
    /// Moved between accounts; not volume.
    Transfer,
    /// Ended by the venue at a set price; not volume.
    Settlement,
    /// A public print: somebody traded, and what it did to whose position is not told.
    Trade,
}

impl Action {
    /// The name in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Action::Open => "open",
            Action::Increase => "increase",
            Action::Decrease => "decrease",
            Action::Close => "close",
            Action::Flip => "flip",
            Action::Liquidation => "liquidation",
            Action::Adl => "adl",
            Action::Takeover => "takeover",
            Action::Transfer => "transfer",
            Action::Settlement => "settlement",
            Action::Trade => "trade",
        }
    }
}

/// The class of a whole trade, equal on all its legs, so that organic + liquidation + ADL = volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Forced {
    /// An ordinary trade.
    None,
    /// A liquidation.
    Liq,
    /// Auto-deleveraging.
    Adl,
}

impl Forced {
    /// The name in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Forced::None => "none",
            Forced::Liq => "liq",
            Forced::Adl => "adl",
        }
    }
}

/// The size of a position: signed quantity (long above zero) and entry cost in dollars (unsigned), each where the venue
/// tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Size {
    /// Signed quantity in venue units, before the market's multiplier; `None` where the venue keeps positions in dollars
    /// and the record does not tell the entry price.
    pub qty: Option<Amount>,
    /// Entry cost in dollars, never below zero.
    pub entry_usd: Option<Amount>,
}

/// One leg of one execution.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fill {
    /// The account as the venue names it.
    pub account: Text,
    /// Names the position among all of the venue's positions on this chain.
    pub position_key: Text,
    /// Side of the position, `None` on books where one position can be either.
    pub position_side: Option<PositionSide>,
    /// Collateral token of the position, where positions have one.
    pub collateral_token: Option<Text>,
    /// Joins the legs of one trade.
    pub trade_key: Text,
    /// The order or liquidation it belongs to; counts of orders are distinct values of it.
    pub order_key: Option<Text>,
    /// Whether this leg is the taker: exactly one leg of a trade on a book, always on a pool.
    pub is_taker: bool,
    /// Whether the taker's direction says something about the market; false on backstop and ADL legs.
    pub is_directional: bool,
    /// Whether the leg's size counts as volume (not takeovers, transfers and settlements).
    pub in_volume: bool,
    /// Class of the whole trade.
    pub forced: Forced,
    /// Buy or sell of this account.
    pub side: Side,
    /// What it did to the position.
    pub action: Action,
    /// Unsigned quantity in venue units.
    pub qty: Amount,
    /// Execution price per venue unit in the quote.
    pub price: Amount,
    /// Unsigned notional that the venue counts, in dollars, where it is not quantity times price (GMX closes: entry
    /// notional).
    pub venue_notional_usd: Option<Amount>,
    /// The position before, where the venue tells it.
    pub before: Option<Size>,
    /// The position after, where the venue tells it.
    pub after: Option<Size>,
    /// Trading fee, positive = paid by the account, in dollars where the venue gives dollars.
    pub fee: Option<TokenAmount>,
    /// Dollars for ONE smallest unit of the fee's token at the event, where the record gives a price.
    pub fee_token_price_usd: Option<Decimal>,
    /// Realised profit in dollars, before fees.
    pub realized_pnl_usd: Option<Decimal>,
    /// The liquidation this leg is, on the liquidated (or auto-deleveraged) account's leg only.
    pub liquidation: Option<Liquidation>,
}

/// Kinds of liquidation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LiquidationKind {
    /// Closed on the book at an execution price.
    Market,
    /// Closed against the pool.
    Pool,
    /// Taken over by the venue's vault.
    Backstop,
    /// Taken over by a third party; not volume.
    Takeover,
    /// A profitable counterparty was closed; never in liquidation totals.
    Adl,
}

impl LiquidationKind {
    /// The name in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            LiquidationKind::Market => "market",
            LiquidationKind::Pool => "pool",
            LiquidationKind::Backstop => "backstop",
            LiquidationKind::Takeover => "takeover",
            LiquidationKind::Adl => "adl",
        }
    }
}

/// What a fill says about a liquidation. Size, price and account are the fill's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Liquidation {
    /// Kind.
    pub kind: LiquidationKind,
    /// Side of the position that was closed.
    pub side: PositionSide,
    /// Who triggered it or took it over, where the record tells.
    pub liquidator: Option<Text>,
    /// Mark price at the time, per venue unit.
    pub mark_price: Option<Amount>,
    /// Liquidation fee.
    pub fee: Option<TokenAmount>,
    /// Whether something of the position is left.
    pub is_partial: Option<bool>,
}

/// Why a position was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CloseReason {
    /// The trader closed it.
    Trader,
    /// Take profit.
    TakeProfit,
    /// Stop loss.
    StopLoss,
    /// Liquidation against the pool.
    Liquidation,
}

/// How much of its position a [`Close`] takes away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "size", rename_all = "snake_case")]
pub enum CloseSize {
    /// All that is left.
    Whole,
    /// This much.
    Qty {
        /// Unsigned quantity in venue units, above zero.
        qty: Amount,
        /// Whether the record says that nothing is left.
        is_whole: bool,
    },
    /// `part / of` of what is left before it.
    Share {
        /// Numerator, above zero.
        part: alloy_primitives::I256,
        /// Denominator, not below the numerator.
        of: alloy_primitives::I256,
    },
}

/// Realised profit of a [`Close`], before fees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClosePnl {
    /// Smallest units of the close's token.
    Native(alloy_primitives::I256),
    /// Dollars.
    Usd(Decimal),
    /// The record tells none: quantity times (price - entry price), where the position's entry price is known in dollars.
    FromPrices,
    /// The record tells none, and prices do not give it.
    Untold,
}

/// A decrease or close of a position whose record does not tell all of it. What it leaves open stands in the position's
/// latest earlier row; joined in the store, and only where everything between the two is covered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Close {
    /// The account as the venue names it; `None`: the position's.
    pub account: Option<Text>,
    /// Key of the position, equal to that of its other events.
    pub position_key: Text,
    /// Side of the position; `None`: as it stands.
    pub side: Option<PositionSide>,
    /// How much of it goes.
    pub size: CloseSize,
    /// Joins the legs of one trade.
    pub trade_key: Text,
    /// The order or liquidation it belongs to.
    pub order_key: Option<Text>,
    /// Why.
    pub reason: CloseReason,
    /// Execution price per venue unit.
    pub price: Amount,
    /// Unsigned notional that the venue counts, in dollars, where it is not quantity times price.
    pub venue_notional_usd: Option<Amount>,
    /// Token of the amounts below, as in [`TokenAmount`]; `None`: the position's collateral.
    pub token: Option<Text>,
    /// Dollars for ONE smallest unit of that token at the event, where the record gives a price.
    pub token_price_usd: Option<Decimal>,
    /// Trading fee, smallest units, positive = paid.
    pub fee_native: alloy_primitives::I256,
    /// Funding settled at the close, positive = received by the account.
    pub funding_native: alloy_primitives::I256,
    /// Borrow or holding fee settled at the close, positive = paid.
    pub borrow_native: alloy_primitives::I256,
    /// Realised profit before fees.
    pub pnl: ClosePnl,
    /// Who triggered the liquidation, where it is one and the record tells.
    pub liquidator: Option<Text>,
    /// Liquidation fee.
    pub liquidation_fee: Option<TokenAmount>,
}
