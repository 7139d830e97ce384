//! The events of the EventEmitter that matter, with their fields.

use alloy_primitives::{Address, B256, I256};
use perpdex_core::PositionSide;

use super::event_data::EventData;
use crate::emit::DecodeError;

/// One event.
#[derive(Debug)]
pub(super) enum Log {
    /// `PositionIncrease`, `PositionDecrease`.
    Position(Box<Position>),
    /// `PositionFeesCollected`.
    Fees(Box<Fees>),
    /// `OpenInterestUpdated`, `OpenInterestInTokensUpdated`.
    OpenInterest(OpenInterest),
    /// `FundingFeeAmountPerSizeUpdated`, `ClaimableFundingAmountPerSizeUpdated`.
    PerSize(PerSize),
    /// `Funding`.
    Funding(Factor),
    /// `ClaimableFundingUpdated`.
    ClaimableFunding(ClaimableFunding),
    /// `CumulativeBorrowingFactorUpdated`.
    CumulativeBorrowing(CumulativeBorrowing),
    /// `Borrowing`.
    Borrowing(Factor),
    /// `MarketCreated`.
    MarketCreated(MarketCreated),
    /// `OrderExecuted`.
    OrderExecuted(OrderExecuted),
}

/// A changed position. Sizes are those after the event.
#[derive(Debug)]
pub(super) struct Position {
    /// Whether it grew.
    pub(super) is_increase: bool,
    /// Owner.
    pub(super) account: Address,
    /// Market token.
    pub(super) market: Address,
    /// Collateral token.
    pub(super) collateral_token: Address,
    /// Side.
    pub(super) side: PositionSide,
    /// Entry notional left, dollars times 10^30.
    pub(super) size_usd: I256,
    /// Size left, smallest units of the index token.
    pub(super) size_tokens: I256,
    /// Entry notional of the change.
    pub(super) delta_usd: I256,
    /// Size of the change.
    pub(super) delta_tokens: I256,
    /// Oracle price with price impact, dollars times 10^30 per smallest unit.
    pub(super) execution_price: I256,
    /// Oracle price, lower bound.
    pub(super) index_price_min: I256,
    /// Oracle price, upper bound.
    pub(super) index_price_max: I256,
    /// Kind of order; see [`ORDER_TYPE_LIQUIDATION`].
    pub(super) order_type: I256,
    /// Order.
    pub(super) order_key: B256,
    /// Position: account, market, collateral token and side.
    pub(super) position_key: B256,
    /// Profit of the closed part before fees and price impact, dollars times 10^30; on decreases.
    pub(super) base_pnl_usd: Option<I256>,
}

/// `orderType` of a liquidation (contracts/order/Order.sol).
pub(super) const ORDER_TYPE_LIQUIDATION: u8 = 7;
/// `secondaryOrderType` of auto-deleveraging.
pub(super) const SECONDARY_ORDER_TYPE_ADL: u8 = 1;

/// Discounts of a trader: until the release of late 2024 the referral's had no prefix, and pro tiers had none (gmx-synthetics, history of
/// contracts/position/PositionEventUtils.sol).
const DISCOUNTS: [&str; 3] = ["referral.traderDiscountAmount", "pro.traderDiscountAmount", "traderDiscountAmount"];

/// Fees of a position change, in the collateral token's smallest units.
#[derive(Debug)]
pub(super) struct Fees {
    /// Market token.
    pub(super) market: Address,
    /// Owner of the position.
    pub(super) trader: Address,
    /// Collateral token.
    pub(super) collateral_token: Address,
    /// Dollars times 10^30 per smallest unit of the collateral token, lower bound.
    pub(super) collateral_price_min: I256,
    /// Trading fee, before discounts.
    pub(super) position_fee: I256,
    /// Discount on it: the greater of the referral's and the pro tier's.
    pub(super) discount: I256,
    /// Liquidation fee, where there is one.
    pub(super) liquidation_fee: Option<I256>,
    /// Borrowing fee.
    pub(super) borrowing_fee: I256,
    /// Funding paid.
    pub(super) funding_fee: I256,
    /// Order.
    pub(super) order_key: B256,
    /// Position; the first weeks of 2023 did not name it.
    pub(super) position_key: Option<B256>,
}

/// A level of open interest of one market, collateral and side.
#[derive(Debug)]
pub(super) struct OpenInterest {
    /// Whether it counts index tokens, not dollars at entry.
    pub(super) in_tokens: bool,
    /// Market token.
    pub(super) market: Address,
    /// Collateral token.
    pub(super) collateral_token: Address,
    /// Side.
    pub(super) side: PositionSide,
    /// Level after the event.
    pub(super) next_value: I256,
}

/// A change of a market's funding per dollar of size, in a collateral token, times 10^15.
#[derive(Debug)]
pub(super) struct PerSize {
    /// What the side receives, not what it pays.
    pub(super) is_claimable: bool,
    /// Market token.
    pub(super) market: Address,
    /// Collateral token.
    pub(super) collateral_token: Address,
    /// Side that pays or receives.
    pub(super) side: PositionSide,
    /// Change.
    pub(super) delta: I256,
}

/// A market's factor per second, times 10^30.
#[derive(Debug)]
pub(super) struct Factor {
    /// Market token.
    pub(super) market: Address,
    /// Factor.
    pub(super) per_second: I256,
}

/// Funding granted to an account.
#[derive(Debug)]
pub(super) struct ClaimableFunding {
    /// Market token.
    pub(super) market: Address,
    /// Token it is paid in.
    pub(super) token: Address,
    /// Account.
    pub(super) account: Address,
    /// Smallest units granted.
    pub(super) delta: I256,
}

/// The cumulative borrowing factor of a side, times 10^30.
#[derive(Debug)]
pub(super) struct CumulativeBorrowing {
    /// Market token.
    pub(super) market: Address,
    /// Side.
    pub(super) side: PositionSide,
    /// Change.
    pub(super) delta: I256,
    /// Value after the event.
    pub(super) next_value: I256,
}

/// A new market.
#[derive(Debug)]
pub(super) struct MarketCreated {
    /// Market token.
    pub(super) market: Address,
    /// Index token; `None` on swap-only markets. That of a synthetic market is a made-up address without a contract.
    pub(super) index_token: Option<Address>,
    /// Long token.
    pub(super) long_token: Address,
    /// Short token.
    pub(super) short_token: Address,
}

/// An executed order.
#[derive(Debug)]
pub(super) struct OrderExecuted {
    /// Order.
    pub(super) key: B256,
    /// See [`SECONDARY_ORDER_TYPE_ADL`]; missing in old releases.
    pub(super) secondary_order_type: Option<I256>,
}

impl Fees {
    /// Whether they were charged for this change. An order changes one position once.
    pub(super) fn is_of(&self, position: &Position) -> bool {
        self.order_key == position.order_key && self.position_key.is_none_or(|key| key == position.position_key)
    }
}

impl Position {
    /// Name of the event.
    pub(super) fn name(&self) -> &'static str {
        if self.is_increase { "PositionIncrease" } else { "PositionDecrease" }
    }
}

/// Reads the event of this name; `None` where it is not needed.
pub(super) fn parse(name: &str, data: &[u8]) -> Result<Option<Log>, DecodeError> {
    let read: fn(&EventData<'_>, &str) -> Result<Log, DecodeError> = match name {
        "PositionIncrease" | "PositionDecrease" => position,
        "PositionFeesCollected" => fees,
        "OpenInterestUpdated" | "OpenInterestInTokensUpdated" => open_interest,
        "FundingFeeAmountPerSizeUpdated" | "ClaimableFundingAmountPerSizeUpdated" => per_size,
        "Funding" => |data, _| Ok(Log::Funding(factor(data, "fundingFactorPerSecond")?)),
        "Borrowing" => |data, _| Ok(Log::Borrowing(factor(data, "borrowingFactorPerSecond")?)),
        "ClaimableFundingUpdated" => claimable_funding,
        "CumulativeBorrowingFactorUpdated" => cumulative_borrowing,
        "MarketCreated" => market_created,
        "OrderExecuted" => order_executed,
        _ => return Ok(None),
    };
    let data = EventData::parse(data)?;
    if data.name != name.as_bytes() {
        let found = String::from_utf8_lossy(data.name);
        return Err(DecodeError::malformed(format!("the data name the event {found:?}")));
    }
    read(&data, name).map(Some)
}

fn position(data: &EventData<'_>, name: &str) -> Result<Log, DecodeError> {
    let is_increase = name == "PositionIncrease";
    Ok(Log::Position(Box::new(Position {
        is_increase,
        account: data.address("account")?,
        market: data.address("market")?,
        collateral_token: data.address("collateralToken")?,
        side: side(data)?,
        size_usd: data.uint("sizeInUsd")?,
        size_tokens: data.uint("sizeInTokens")?,
        delta_usd: data.uint("sizeDeltaUsd")?,
        delta_tokens: data.uint("sizeDeltaInTokens")?,
        execution_price: data.uint("executionPrice")?,
        index_price_min: data.uint("indexTokenPrice.min")?,
        index_price_max: data.uint("indexTokenPrice.max")?,
        order_type: data.uint("orderType")?,
        order_key: data.bytes32("orderKey")?,
        position_key: data.bytes32("positionKey")?,
        base_pnl_usd: if is_increase { None } else { data.optional_int("basePnlUsd")? },
    })))
}

fn fees(data: &EventData<'_>, _: &str) -> Result<Log, DecodeError> {
    let mut discount = I256::ZERO;
    for key in DISCOUNTS {
        discount = discount.max(data.optional_uint(key)?.unwrap_or(I256::ZERO));
    }
    Ok(Log::Fees(Box::new(Fees {
        market: data.address("market")?,
        trader: data.address("trader")?,
        collateral_token: data.address("collateralToken")?,
        collateral_price_min: data.uint("collateralTokenPrice.min")?,
        position_fee: data.uint("positionFeeAmount")?,
        discount,
        liquidation_fee: data.optional_uint("liquidationFeeAmount")?,
        borrowing_fee: data.uint("borrowingFeeAmount")?,
        funding_fee: data.uint("fundingFeeAmount")?,
        order_key: data.bytes32("orderKey")?,
        position_key: data.optional_bytes32("positionKey"),
    })))
}

fn open_interest(data: &EventData<'_>, name: &str) -> Result<Log, DecodeError> {
    Ok(Log::OpenInterest(OpenInterest {
        in_tokens: name == "OpenInterestInTokensUpdated",
        market: data.address("market")?,
        collateral_token: data.address("collateralToken")?,
        side: side(data)?,
        next_value: data.uint("nextValue")?,
    }))
}

fn per_size(data: &EventData<'_>, name: &str) -> Result<Log, DecodeError> {
    Ok(Log::PerSize(PerSize {
        is_claimable: name == "ClaimableFundingAmountPerSizeUpdated",
        market: data.address("market")?,
        collateral_token: data.address("collateralToken")?,
        side: side(data)?,
        delta: data.uint("delta")?,
    }))
}

fn factor(data: &EventData<'_>, key: &str) -> Result<Factor, DecodeError> {
    Ok(Factor { market: data.address("market")?, per_second: data.uint(key)? })
}

fn claimable_funding(data: &EventData<'_>, _: &str) -> Result<Log, DecodeError> {
    Ok(Log::ClaimableFunding(ClaimableFunding {
        market: data.address("market")?,
        token: data.address("token")?,
        account: data.address("account")?,
        delta: data.uint("delta")?,
    }))
}

fn cumulative_borrowing(data: &EventData<'_>, _: &str) -> Result<Log, DecodeError> {
    Ok(Log::CumulativeBorrowing(CumulativeBorrowing {
        market: data.address("market")?,
        side: side(data)?,
        delta: data.uint("delta")?,
        next_value: data.uint("nextValue")?,
    }))
}

fn market_created(data: &EventData<'_>, _: &str) -> Result<Log, DecodeError> {
    let index_token = data.address("indexToken")?;
    Ok(Log::MarketCreated(MarketCreated {
        market: data.address("marketToken")?,
        index_token: (!index_token.is_zero()).then_some(index_token),
        long_token: data.address("longToken")?,
        short_token: data.address("shortToken")?,
    }))
}

fn order_executed(data: &EventData<'_>, _: &str) -> Result<Log, DecodeError> {
    Ok(Log::OrderExecuted(OrderExecuted { key: data.bytes32("key")?, secondary_order_type: data.optional_uint("secondaryOrderType")? }))
}

fn side(data: &EventData<'_>) -> Result<PositionSide, DecodeError> {
    Ok(if data.boolean("isLong")? { PositionSide::Long } else { PositionSide::Short })
}
