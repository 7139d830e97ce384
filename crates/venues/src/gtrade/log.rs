//! The events of the diamond that matter, with their fields, of all generations.

mod executed;
mod holding;
mod resized;

use alloy_primitives::{Address, B256, I256};
use perpdex_core::{Decimal, EvmLog, PositionSide, Text};

use super::layout;
use crate::{
    abi::{self, Reader, hex, indexed},
    emit::DecodeError,
};

/// Decimals of prices.
const PAIR_PRICE_DECIMALS: u8 = 10;
/// Decimals of leverage.
const LEVERAGE_DECIMALS: u8 = 3;
/// Decimals of sizes in tokens.
pub(super) const TOKEN_DECIMALS: u8 = 18;

/// One event.
#[derive(Debug)]
pub(super) enum Log {
    /// `MarketExecuted`, `LimitExecuted`.
    Executed(Box<Executed>),
    /// `PositionSizeIncreaseExecuted`, `PositionSizeDecreaseExecuted`, unless the request was refused.
    Resized(Box<Resized>),
    /// `TradePositionUpdated`.
    Position(PositionUpdated),
    /// `FeesProcessed`.
    Fees(Fees),
    /// A level of open interest, of either generation.
    Level(Level),
    /// `PendingAccFundingFeesStored`.
    Funding(Accumulated),
    /// `PendingAccBorrowingFeesStored`: both sides pay the same.
    Borrowing(Accumulated),
    /// `BorrowingPairAccFeesUpdated` of v10.
    PairPrice(Pair, Decimal),
    /// What a position paid for being held.
    Held(Held),
    /// Borrowing of some trade of this account in this collateral, smallest units: `BorrowingFeeCharged` until October 2024.
    Borrowed(Address, u8, I256),
    /// `PairAdded`.
    Listed(Listed),
}

/// A pair in one collateral.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pair {
    /// Number of the pair.
    pub(super) index: u16,
    /// Number of the collateral.
    pub(super) collateral: u8,
}

/// A trade of an account; the number is used again once the trade is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TradeId {
    /// Owner.
    pub(super) user: Address,
    /// Number among the owner's trades.
    pub(super) index: u32,
}

/// Which contracts a record is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Generation {
    /// Since August 2025.
    V10,
    /// Before.
    V9,
}

/// Which body a record has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Body {
    /// Since August 2025.
    V10,
    /// Since October 2024.
    V9,
    /// Before.
    First,
}

impl Body {
    fn generation(self) -> Generation {
        match self {
            Body::V10 => Generation::V10,
            Body::V9 | Body::First => Generation::V9,
        }
    }
}

/// A trade opened or closed whole.
#[derive(Debug)]
pub(super) struct Executed {
    pub(super) generation: Generation,
    pub(super) id: TradeId,
    pub(super) order: TradeId,
    pub(super) pair: Pair,
    pub(super) side: PositionSide,
    pub(super) opens: bool,
    /// Kind of order, as [`Fees::order_type`] has it.
    pub(super) order_type: u8,
    /// Who triggered it, where not the trader's own order.
    pub(super) trigger: Option<Address>,
    /// Size at entry in collateral.
    pub(super) size: Decimal,
    /// Collateral of the trade.
    pub(super) collateral_amount: Decimal,
    /// Size in tokens, where told.
    pub(super) tokens: Option<Decimal>,
    pub(super) open_price: Decimal,
    pub(super) price: Decimal,
    /// The oracle's, where told.
    pub(super) oracle_price: Option<Decimal>,
    /// Profit before fees as a fraction of the collateral.
    pub(super) profit: Decimal,
    pub(super) collateral_price_usd: Decimal,
}

/// Kind of order that liquidates.
pub(super) const LIQ_CLOSE: u8 = 6;

/// A trade made larger or smaller.
#[derive(Debug)]
pub(super) struct Resized {
    pub(super) generation: Generation,
    pub(super) id: TradeId,
    pub(super) order: TradeId,
    pub(super) pair: Pair,
    pub(super) side: PositionSide,
    pub(super) is_increase: bool,
    /// Size at entry in collateral before.
    pub(super) size_before: Decimal,
    /// Change of it, above zero.
    pub(super) size_delta: Decimal,
    /// Size after.
    pub(super) size_after: Decimal,
    /// Change in tokens, where told.
    pub(super) tokens_delta: Option<Decimal>,
    /// Entry price after, of increases.
    pub(super) new_open_price: Option<Decimal>,
    /// Size and profit of what an increase met in collateral, told before October 2024.
    pub(super) worth_before: Option<Decimal>,
    pub(super) price: Decimal,
    /// The oracle's, where told.
    pub(super) oracle_price: Option<Decimal>,
    pub(super) collateral_price_usd: Decimal,
    /// Profit of the part before fees in collateral, of decreases.
    pub(super) profit: Option<Decimal>,
    /// Opening or closing fee, smallest units of the collateral.
    pub(super) fee: I256,
}

/// What a change left of a trade.
#[derive(Debug)]
pub(super) struct PositionUpdated {
    pub(super) id: TradeId,
    pub(super) open_price: Decimal,
    /// Size in tokens, in v10.
    pub(super) tokens: Option<Decimal>,
}

/// Trading fees of a trade opened or closed whole.
#[derive(Debug)]
pub(super) struct Fees {
    pub(super) collateral: u8,
    pub(super) trader: Address,
    pub(super) order_type: u8,
    /// Smallest units of the collateral.
    pub(super) total: I256,
}

/// Open interest of both sides after a change.
#[derive(Debug)]
pub(super) struct Level {
    /// Of which positions: the contracts count those of before v10 apart.
    pub(super) generation: Generation,
    pub(super) pair: Pair,
    /// Side that changed.
    pub(super) side: PositionSide,
    /// Long and short at entry in collateral.
    pub(super) size: [Decimal; 2],
    /// Long and short in tokens, of v10 positions.
    pub(super) tokens: Option<[Decimal; 2]>,
}

/// A cumulative fee: percent of the pair's price times 10^20.
#[derive(Debug)]
pub(super) struct Accumulated {
    pub(super) pair: Pair,
    pub(super) long: I256,
    pub(super) short: I256,
}

/// Funding and borrowing of one position since its last settlement, smallest units of the collateral, above zero = paid.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) id: TradeId,
    pub(super) collateral: u8,
    pub(super) funding: I256,
    pub(super) borrowing: I256,
}

/// A new pair.
#[derive(Debug)]
pub(super) struct Listed {
    pub(super) pair: u16,
    pub(super) symbol: String,
}

/// Reads a log; `None` for what the layout ignores and for refused requests.
pub(super) fn parse(topic0: B256, log: &EvmLog) -> Result<Option<Log>, DecodeError> {
    use Body::{First, V9, V10};
    use {executed::executed, resized::position, resized::resized};
    Ok(Some(match topic0 {
        layout::MARKET_EXECUTED => executed(log, V10, false)?,
        layout::V9_MARKET_EXECUTED => executed(log, V9, false)?,
        layout::FIRST_MARKET_EXECUTED => executed(log, First, false)?,
        layout::LIMIT_EXECUTED => executed(log, V10, true)?,
        layout::V9_LIMIT_EXECUTED => executed(log, V9, true)?,
        layout::FIRST_LIMIT_EXECUTED => executed(log, First, true)?,
        layout::POSITION_SIZE_INCREASE_EXECUTED => return resized(log, V10, true),
        layout::V9_POSITION_SIZE_INCREASE_EXECUTED => return resized(log, V9, true),
        layout::FIRST_POSITION_SIZE_INCREASE_EXECUTED => return resized(log, First, true),
        layout::POSITION_SIZE_DECREASE_EXECUTED => return resized(log, V10, false),
        layout::V9_POSITION_SIZE_DECREASE_EXECUTED => return resized(log, V9, false),
        layout::FIRST_POSITION_SIZE_DECREASE_EXECUTED => return resized(log, First, false),
        layout::TRADE_POSITION_UPDATED => Log::Position(position(log, V10, false)?),
        layout::V9_TRADE_POSITION_UPDATED => Log::Position(position(log, V9, true)?),
        layout::FIRST_TRADE_POSITION_UPDATED => Log::Position(position(log, First, false)?),
        layout::FIRST_TRADE_POSITION_UPDATED_AUGUST => Log::Position(position(log, First, true)?),
        layout::FEES_PROCESSED => Log::Fees(holding::fees(log)?),
        layout::PAIR_OI_AFTER_V10_UPDATED => Log::Level(holding::level_v10(log)?),
        layout::BORROWING_PAIR_OI_BEFORE_V10_UPDATED | layout::V9_BORROWING_PAIR_OI_UPDATED => Log::Level(holding::level_v9(log)?),
        layout::PENDING_ACC_FUNDING_FEES_STORED => Log::Funding(holding::funding(log)?),
        layout::PENDING_ACC_BORROWING_FEES_STORED => Log::Borrowing(holding::borrowing(log)?),
        layout::BORROWING_PAIR_ACC_FEES_UPDATED => holding::pair_price(log)?,
        layout::HOLDING_FEES_CHARGED_ON_TRADE => Log::Held(holding::held(log, 4)?),
        layout::HOLDING_FEES_REALIZED_ON_TRADE => Log::Held(holding::held(log, 1)?),
        layout::V9_BORROWING_FEE_CHARGED => Log::Held(holding::borrowing_charged(log)?),
        layout::FIRST_BORROWING_FEE_CHARGED => holding::borrowing_charged_to(log)?,
        layout::PAIR_ADDED => Log::Listed(holding::listed(log)?),
        _ => return Ok(None),
    }))
}

/// What is used of a `PriceImpact`.
struct Impact {
    tokens: Decimal,
    price: Decimal,
}

fn impact(data: &mut Reader<'_>) -> Result<Impact, DecodeError> {
    let tokens = Decimal::new(data.uint(256, "priceImpact.positionSizeToken")?, TOKEN_DECIMALS);
    for field in ["fixedSpreadP", "cumulVolPriceImpactP", "skewPriceImpactP", "totalPriceImpactP"] {
        data.int(256, field)?;
    }
    Ok(Impact { tokens, price: price(data, 64, "priceImpact.priceAfterImpact")? })
}

fn pair(log: &EvmLog) -> Result<Pair, DecodeError> {
    let [collateral, pair] = indexed(log)?;
    Ok(Pair { index: narrow(abi::uint(pair, 16, "pairIndex")?), collateral: narrow(abi::uint(collateral, 8, "collateralIndex")?) })
}

fn trade_id(data: &mut Reader<'_>, field: &str) -> Result<TradeId, DecodeError> {
    Ok(TradeId { user: data.address(field)?, index: small(data, 32, field)? })
}

fn side(data: &mut Reader<'_>, field: &str) -> Result<PositionSide, DecodeError> {
    Ok(if data.boolean(field)? { PositionSide::Long } else { PositionSide::Short })
}

fn price(data: &mut Reader<'_>, bits: usize, field: &str) -> Result<Decimal, DecodeError> {
    Ok(Decimal::new(data.uint(bits, field)?, PAIR_PRICE_DECIMALS))
}

fn size(data: &mut Reader<'_>, decimals: u8, field: &str) -> Result<Decimal, DecodeError> {
    Ok(Decimal::new(data.uint(256, field)?, decimals))
}

/// An unsigned field of at most 32 bits.
fn small<T: TryFrom<I256>>(data: &mut Reader<'_>, bits: usize, field: &str) -> Result<T, DecodeError> {
    Ok(narrow(data.uint(bits, field)?))
}

/// A number whose width has been checked.
fn narrow<T: TryFrom<I256>>(number: I256) -> T {
    T::try_from(number).ok().expect("the width has been checked")
}

impl TradeId {
    /// As keys have it.
    pub(super) fn key(self) -> Text {
        format!("{}/{}", hex(self.user), self.index).into()
    }
}
