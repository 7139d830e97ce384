//! Events: what happened, in one vocabulary over all venues. Sizes and amounts are native integers with their unit;
//! scaling to the store's integers happens at commit, from the market's row.

use serde::{Deserialize, Serialize};

use crate::{Amount, Basis, ChainId, Decimal, OiBasis, Text, TokenAmount, VenueSlug};

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

/// Who moved collateral.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FlowScope {
    /// A trader's margin.
    Margin,
    /// Liquidity of a pool.
    Pool,
    /// Between accounts of the venue.
    Transfer,
    /// A leg of a bridge.
    Bridge,
    /// A token transfer to or from a custody contract that none of its events explains: money that the venue credits, or its own.
    Plain,
}

impl FlowScope {
    /// The name in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            FlowScope::Margin => "margin",
            FlowScope::Pool => "pool",
            FlowScope::Transfer => "transfer",
            FlowScope::Bridge => "bridge",
            FlowScope::Plain => "plain",
        }
    }
}

/// Into the venue or out of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FlowDirection {
    /// Into the venue.
    In,
    /// Out of the venue.
    Out,
}

/// Collateral that moved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CollateralFlow {
    /// The account as the venue names it.
    pub account: Text,
    /// Whose money.
    pub scope: FlowScope,
    /// Which way.
    pub direction: FlowDirection,
    /// Unsigned amount.
    pub amount: TokenAmount,
    /// Fee beside or inside the amount (the venue's page says which, where known), unsigned.
    pub fee_native: Option<alloy_primitives::I256>,
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
