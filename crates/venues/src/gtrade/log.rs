//! The events of the diamond that matter, with their fields, of both generations.

use alloy_primitives::{Address, B256, I256};
use perpdex_core::{Decimal, EvmLog, PositionSide};

use super::{
    collateral::{Collateral, PRICE_DECIMALS},
    layout,
};
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
    pub(super) oracle_price: Decimal,
    /// Profit before fees as a fraction of the collateral.
    pub(super) profit: Decimal,
    pub(super) collateral_price_usd: Decimal,
}

/// Kind of order that liquidates.
pub(super) const LIQ_CLOSE: u8 = 6;
const MARKET_OPEN: u8 = 0;
const MARKET_CLOSE: u8 = 1;
/// Limit and stop orders that open; 4 to 6 close.
const TRIGGERED_OPENS: [u8; 2] = [2, 3];
const TRIGGERED_CLOSES: [u8; 3] = [4, 5, LIQ_CLOSE];

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
    pub(super) price: Decimal,
    pub(super) oracle_price: Decimal,
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
    use Generation::{V9, V10};
    Ok(Some(match topic0 {
        layout::MARKET_EXECUTED => executed(log, V10, false)?,
        layout::V9_MARKET_EXECUTED => executed(log, V9, false)?,
        layout::LIMIT_EXECUTED => executed(log, V10, true)?,
        layout::V9_LIMIT_EXECUTED => executed(log, V9, true)?,
        layout::POSITION_SIZE_INCREASE_EXECUTED => return resized(log, V10, true),
        layout::V9_POSITION_SIZE_INCREASE_EXECUTED => return resized(log, V9, true),
        layout::POSITION_SIZE_DECREASE_EXECUTED => return resized(log, V10, false),
        layout::V9_POSITION_SIZE_DECREASE_EXECUTED => return resized(log, V9, false),
        layout::TRADE_POSITION_UPDATED => Log::Position(position(log, V10)?),
        layout::V9_TRADE_POSITION_UPDATED => Log::Position(position(log, V9)?),
        layout::FEES_PROCESSED => Log::Fees(fees(log)?),
        layout::PAIR_OI_AFTER_V10_UPDATED => Log::Level(level_v10(log)?),
        layout::BORROWING_PAIR_OI_BEFORE_V10_UPDATED | layout::V9_BORROWING_PAIR_OI_UPDATED => Log::Level(level_v9(log)?),
        layout::PENDING_ACC_FUNDING_FEES_STORED => Log::Funding(funding(log)?),
        layout::PENDING_ACC_BORROWING_FEES_STORED => Log::Borrowing(borrowing(log)?),
        layout::BORROWING_PAIR_ACC_FEES_UPDATED => pair_price(log)?,
        layout::HOLDING_FEES_CHARGED_ON_TRADE => Log::Held(held(log, 4)?),
        layout::HOLDING_FEES_REALIZED_ON_TRADE => Log::Held(held(log, 1)?),
        layout::V9_BORROWING_FEE_CHARGED => Log::Held(borrowing_charged(log)?),
        layout::PAIR_ADDED => Log::Listed(listed(log)?),
        _ => return Ok(None),
    }))
}

fn executed(log: &EvmLog, generation: Generation, is_trigger: bool) -> Result<Log, DecodeError> {
    if is_trigger {
        indexed::<3>(log).map(|_| ())?
    } else {
        indexed::<2>(log).map(|_| ())?
    };
    let mut data = Reader::new(&log.data);
    let order = trade_id(&mut data, "orderId")?;
    let trade = trade(&mut data, generation)?;
    let (trigger, opens, order_type) = if is_trigger {
        let trigger = data.address("triggerCaller")?;
        let order_type = data.uint(8, "orderType")?;
        let kind = u8::try_from(order_type).unwrap_or(u8::MAX);
        if !TRIGGERED_OPENS.contains(&kind) && !TRIGGERED_CLOSES.contains(&kind) {
            return Err(DecodeError::invalid(format!("orderType {order_type} is none of 2 to 6")));
        }
        (Some(trigger), TRIGGERED_OPENS.contains(&kind), kind)
    } else {
        let opens = data.boolean("open")?;
        (None, opens, if opens { MARKET_OPEN } else { MARKET_CLOSE })
    };
    let oracle_price = price(&mut data, 256, "oraclePrice")?;
    let market_price = price(&mut data, 256, "marketPrice")?;
    data.uint(256, "liqPrice")?;
    let execution_price = match generation {
        // Of zeros where a liquidation has no impact: it executes at the oracle's price.
        Generation::V10 => Some(impact(&mut data)?.price).filter(|price| !price.is_zero()).unwrap_or(oracle_price),
        Generation::V9 => {
            data.uint(256, "priceImpactP")?;
            market_price
        }
    };
    // Percent times 10^10.
    let profit = Decimal::new(data.int(256, "percentProfit")?, 12);
    data.uint(256, "amountSentToTrader")?;
    let collateral_price_usd = Decimal::new(data.uint(256, "collateralPriceUsd")?, PRICE_DECIMALS);
    if is_trigger {
        data.boolean("exactExecution")?;
    }
    data.end()?;
    Ok(Log::Executed(Box::new(Executed {
        generation,
        id: trade.id,
        order,
        pair: trade.pair,
        side: trade.side,
        opens,
        order_type,
        trigger,
        size: trade.collateral_amount.mul(&trade.leverage)?,
        collateral_amount: trade.collateral_amount,
        tokens: trade.tokens,
        open_price: trade.open_price,
        price: execution_price,
        oracle_price,
        profit,
        collateral_price_usd,
    })))
}

/// The `Trade` of an execution.
struct Trade {
    id: TradeId,
    pair: Pair,
    side: PositionSide,
    leverage: Decimal,
    collateral_amount: Decimal,
    open_price: Decimal,
    tokens: Option<Decimal>,
}

fn trade(data: &mut Reader<'_>, generation: Generation) -> Result<Trade, DecodeError> {
    let id = trade_id(data, "t")?;
    let pair_index = small(data, 16, "t.pairIndex")?;
    let leverage = Decimal::new(data.uint(24, "t.leverage")?, LEVERAGE_DECIMALS);
    let side = side(data, "t.long")?;
    data.boolean("t.isOpen")?;
    let collateral = small(data, 8, "t.collateralIndex")?;
    data.uint(8, "t.tradeType")?;
    let collateral_amount = Decimal::new(data.uint(120, "t.collateralAmount")?, Collateral::of(collateral)?.decimals);
    let open_price = price(data, 64, "t.openPrice")?;
    data.uint(64, "t.tp")?;
    data.uint(64, "t.sl")?;
    let tokens = match generation {
        Generation::V10 => {
            data.boolean("t.isCounterTrade")?;
            let tokens = data.uint(160, "t.positionSizeToken")?;
            data.uint(24, "t.__placeholder")?;
            // Positions of before v10 have none.
            (!tokens.is_zero()).then(|| Decimal::new(tokens, TOKEN_DECIMALS))
        }
        Generation::V9 => {
            data.uint(192, "t.__placeholder")?;
            None
        }
    };
    Ok(Trade { id, pair: Pair { index: pair_index, collateral }, side, leverage, collateral_amount, open_price, tokens })
}

/// A change of size; `None` where the request was refused, and nothing moved.
fn resized(log: &EvmLog, generation: Generation, is_increase: bool) -> Result<Option<Log>, DecodeError> {
    let [collateral, trader, index] = indexed(log)?;
    let collateral: u8 = narrow(abi::uint(collateral, 8, "collateralIndex")?);
    let id = TradeId { user: abi::address(trader, "trader")?, index: narrow(abi::uint(index, 32, "index")?) };
    let decimals = Collateral::of(collateral)?.decimals;
    let mut data = Reader::new(&log.data);
    let order = trade_id(&mut data, "orderId")?;
    let cancel_reason = data.uint(8, "cancelReason")?;
    let pair = Pair { index: small(&mut data, 16, "pairIndex")?, collateral };
    let side = side(&mut data, "long")?;
    let oracle_price = price(&mut data, 256, "oraclePrice")?;
    let collateral_price_usd = Decimal::new(data.uint(256, "collateralPriceUsd")?, PRICE_DECIMALS);
    data.uint(256, "collateralDelta")?;
    data.uint(256, "leverageDelta")?;
    let values = match (generation, is_increase) {
        (Generation::V10, true) => increased_v10(&mut data, decimals)?,
        (Generation::V9, true) => increased_v9(&mut data, decimals)?,
        (Generation::V10, false) => decreased_v10(&mut data, decimals)?,
        (Generation::V9, false) => decreased_v9(&mut data, decimals)?,
    };
    data.end()?;
    if !cancel_reason.is_zero() {
        return Ok(None);
    }
    let size_after = match values.size_after {
        Some(size) => size,
        None => values.size_before.add(&values.size_delta.neg())?,
    };
    Ok(Some(Log::Resized(Box::new(Resized {
        generation,
        id,
        order,
        pair,
        side,
        is_increase,
        size_before: values.size_before,
        size_delta: values.size_delta,
        size_after,
        tokens_delta: values.tokens_delta.filter(|tokens| !tokens.is_zero()),
        new_open_price: values.new_open_price,
        price: values.price,
        oracle_price,
        collateral_price_usd,
        profit: values.profit,
        fee: values.fee,
    }))))
}

/// What is used of `values`.
struct Values {
    size_delta: Decimal,
    size_before: Decimal,
    size_after: Option<Decimal>,
    tokens_delta: Option<Decimal>,
    new_open_price: Option<Decimal>,
    price: Decimal,
    profit: Option<Decimal>,
    fee: I256,
}

fn increased_v10(data: &mut Reader<'_>, decimals: u8) -> Result<Values, DecodeError> {
    let size_delta = size(data, decimals, "positionSizeCollateralDelta")?;
    let size_before = size(data, decimals, "existingPositionSizeCollateral")?;
    let size_after = size(data, decimals, "newPositionSizeCollateral")?;
    data.uint(256, "newCollateralAmount")?;
    data.uint(256, "newLeverage")?;
    let impact = impact(data)?;
    data.int(256, "existingPnlCollateral")?;
    data.uint(256, "oldPosSizePlusPnlCollateral")?;
    let new_open_price = price(data, 256, "newOpenPrice")?;
    let fee = data.uint(256, "openingFeesCollateral")?;
    data.uint(256, "existingLiqPrice")?;
    data.uint(256, "newLiqPrice")?;
    data.boolean("isCounterTradeValidated")?;
    for field in ["exceedingPositionSizeCollateral", "counterTradeCollateralToReturn", "newEffectiveLeverage"] {
        data.uint(256, field)?;
    }
    Ok(Values {
        size_delta,
        size_before,
        size_after: Some(size_after),
        tokens_delta: Some(impact.tokens),
        new_open_price: Some(new_open_price),
        price: impact.price,
        profit: None,
        fee,
    })
}

fn increased_v9(data: &mut Reader<'_>, decimals: u8) -> Result<Values, DecodeError> {
    let size_delta = size(data, decimals, "positionSizeCollateralDelta")?;
    let size_before = size(data, decimals, "existingPositionSizeCollateral")?;
    let size_after = size(data, decimals, "newPositionSizeCollateral")?;
    data.uint(256, "newCollateralAmount")?;
    data.uint(256, "newLeverage")?;
    let price_after_impact = price(data, 256, "priceAfterImpact")?;
    data.int(256, "existingPnlCollateral")?;
    data.uint(256, "oldPosSizePlusPnlCollateral")?;
    let new_open_price = price(data, 256, "newOpenPrice")?;
    data.uint(256, "borrowingFeeCollateral")?;
    let fee = data.uint(256, "openingFeesCollateral")?;
    data.uint(256, "existingLiqPrice")?;
    data.uint(256, "newLiqPrice")?;
    Ok(Values {
        size_delta,
        size_before,
        size_after: Some(size_after),
        tokens_delta: None,
        new_open_price: Some(new_open_price),
        price: price_after_impact,
        profit: None,
        fee,
    })
}

fn decreased_v10(data: &mut Reader<'_>, decimals: u8) -> Result<Values, DecodeError> {
    data.boolean("isLeverageUpdate")?;
    let size_delta = size(data, decimals, "positionSizeCollateralDelta")?;
    let size_before = size(data, decimals, "existingPositionSizeCollateral")?;
    data.uint(256, "existingLiqPrice")?;
    data.uint(256, "newLiqPrice")?;
    let impact = impact(data)?;
    data.int(256, "existingPnlPercent")?;
    let profit = Decimal::new(data.int(256, "partialRawPnlCollateral")?, decimals);
    data.int(256, "partialNetPnlCollateral")?;
    data.int(256, "pnlToRealizeCollateral")?;
    let fee = data.uint(256, "closingFeeCollateral")?;
    data.uint(256, "totalAvailableCollateralInDiamond")?;
    data.int(256, "availableCollateralInDiamond")?;
    data.int(256, "collateralSentToTrader")?;
    data.uint(120, "newCollateralAmount")?;
    data.uint(24, "newLeverage")?;
    Ok(Values {
        size_delta,
        size_before,
        size_after: None,
        tokens_delta: Some(impact.tokens),
        new_open_price: None,
        price: impact.price,
        profit: Some(profit),
        fee,
    })
}

fn decreased_v9(data: &mut Reader<'_>, decimals: u8) -> Result<Values, DecodeError> {
    let size_delta = size(data, decimals, "positionSizeCollateralDelta")?;
    let size_before = size(data, decimals, "existingPositionSizeCollateral")?;
    data.uint(256, "existingLiqPrice")?;
    let price_after_impact = price(data, 256, "priceAfterImpact")?;
    let whole_profit = Decimal::new(data.int(256, "existingPnlCollateral")?, decimals);
    data.uint(256, "borrowingFeeCollateral")?;
    let fee = data.uint(256, "closingFeeCollateral")?;
    data.int(256, "availableCollateralInDiamond")?;
    data.int(256, "collateralSentToTrader")?;
    data.uint(120, "newCollateralAmount")?;
    data.uint(24, "newLeverage")?;
    // The part's share, rounded to the collateral's unit as the contract does.
    let profit = match size_before.is_zero() {
        true => None,
        false => Some(whole_profit.mul(&size_delta)?.div(&size_before, decimals)?),
    };
    Ok(Values {
        size_delta,
        size_before,
        size_after: None,
        tokens_delta: None,
        new_open_price: None,
        price: price_after_impact,
        profit,
        fee,
    })
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

fn position(log: &EvmLog, generation: Generation) -> Result<PositionUpdated, DecodeError> {
    let [user, index] = indexed(log)?;
    let mut data = Reader::new(&log.data);
    data.uint(120, "collateralAmount")?;
    data.uint(24, "leverage")?;
    let open_price = price(&mut data, 64, "openPrice")?;
    let tokens = match generation {
        Generation::V10 => {
            data.uint(64, "newSl")?;
            let tokens = data.uint(160, "newPositionSizeToken")?;
            data.uint(8, "pendingOrderType")?;
            Some(Decimal::new(tokens, TOKEN_DECIMALS))
        }
        Generation::V9 => {
            data.uint(64, "newTp")?;
            data.uint(64, "newSl")?;
            data.boolean("isPartialIncrease")?;
            None
        }
    };
    data.boolean("isPnlPositive")?;
    data.end()?;
    Ok(PositionUpdated {
        id: TradeId { user: abi::address(user, "user")?, index: narrow(abi::uint(index, 32, "index")?) },
        open_price,
        tokens,
    })
}

fn fees(log: &EvmLog) -> Result<Fees, DecodeError> {
    let [collateral, trader] = indexed(log)?;
    let mut data = Reader::new(&log.data);
    data.uint(256, "positionSizeCollateral")?;
    let order_type = small(&mut data, 8, "orderType")?;
    let total = data.uint(256, "totalFeesCollateral")?;
    data.end()?;
    let collateral = narrow(abi::uint(collateral, 8, "collateralIndex")?);
    Ok(Fees { collateral, trader: abi::address(trader, "trader")?, order_type, total })
}

fn level_v10(log: &EvmLog) -> Result<Level, DecodeError> {
    let pair = pair(log)?;
    let decimals = Collateral::of(pair.collateral)?.decimals;
    let mut data = Reader::new(&log.data);
    data.uint(256, "oiDeltaCollateral")?;
    data.uint(256, "oiDeltaToken")?;
    data.boolean("open")?;
    let side = side(&mut data, "long")?;
    let mut both = |fields: [&str; 2], decimals: u8| -> Result<[Decimal; 2], DecodeError> {
        let [long, short] = fields;
        Ok([Decimal::new(data.uint(128, long)?, decimals), Decimal::new(data.uint(128, short)?, decimals)])
    };
    let size = both(["oiLongCollateral", "oiShortCollateral"], decimals)?;
    let tokens = both(["oiLongToken", "oiShortToken"], TOKEN_DECIMALS)?;
    data.end()?;
    Ok(Level { generation: Generation::V10, pair, side, size, tokens: Some(tokens) })
}

/// `BorrowingPairOiUpdated`, and `BorrowingPairOiBeforeV10Updated` of the same fields.
fn level_v9(log: &EvmLog) -> Result<Level, DecodeError> {
    /// Whatever the collateral.
    const LEVEL_DECIMALS: u8 = 10;
    let pair = pair(log)?;
    Collateral::of(pair.collateral)?;
    let mut data = Reader::new(&log.data);
    let side = side(&mut data, "long")?;
    data.boolean("increase")?;
    data.uint(72, "delta")?;
    let long = Decimal::new(data.uint(72, "newOiLong")?, LEVEL_DECIMALS);
    let short = Decimal::new(data.uint(72, "newOiShort")?, LEVEL_DECIMALS);
    data.end()?;
    Ok(Level { generation: Generation::V9, pair, side, size: [long, short], tokens: None })
}

fn funding(log: &EvmLog) -> Result<Accumulated, DecodeError> {
    let pair = pair(log)?;
    let mut data = Reader::new(&log.data);
    let long = data.int(128, "accFundingFeeLongP")?;
    let short = data.int(128, "accFundingFeeShortP")?;
    data.int(56, "lastFundingRatePerSecondP")?;
    data.uint(32, "lastFundingUpdateTs")?;
    data.uint(168, "__placeholder")?;
    data.end()?;
    Ok(Accumulated { pair, long, short })
}

fn borrowing(log: &EvmLog) -> Result<Accumulated, DecodeError> {
    let pair = pair(log)?;
    let mut data = Reader::new(&log.data);
    let value = data.uint(128, "accBorrowingFeeP")?;
    data.uint(32, "lastBorrowingUpdateTs")?;
    data.uint(96, "__placeholder")?;
    data.end()?;
    Ok(Accumulated { pair, long: value, short: value })
}

fn pair_price(log: &EvmLog) -> Result<Log, DecodeError> {
    let pair = pair(log)?;
    let mut data = Reader::new(&log.data);
    data.uint(256, "currentBlock")?;
    let price = price(&mut data, 256, "currentPairPrice")?;
    data.uint(64, "accFeeLong")?;
    data.uint(64, "accFeeShort")?;
    data.end()?;
    Ok(Log::PairPrice(pair, price))
}

/// `HoldingFeesChargedOnTrade`, `HoldingFeesRealizedOnTrade`: one of the two for a settlement, by its sign. `words_after` stand
/// behind the fees.
fn held(log: &EvmLog, words_after: usize) -> Result<Held, DecodeError> {
    let [collateral, trader, index] = indexed(log)?;
    let mut data = Reader::new(&log.data);
    data.uint(64, "currentPairPrice")?;
    let funding = data.int(256, "fundingFeeCollateral")?;
    let borrowing = data.uint(256, "borrowingFeeCollateral")?;
    let old = data.uint(256, "borrowingFeeCollateral_old")?;
    data.int(256, "totalFeeCollateral")?;
    for _ in 0..words_after {
        data.bytes32("realized")?;
    }
    data.end()?;
    let borrowing =
        borrowing.checked_add(old).ok_or_else(|| DecodeError::invalid(format!("borrowing fees {borrowing} and {old} have no sum")))?;
    let id = TradeId { user: abi::address(trader, "trader")?, index: narrow(abi::uint(index, 32, "index")?) };
    Ok(Held { id, collateral: narrow(abi::uint(collateral, 8, "collateralIndex")?), funding, borrowing })
}

/// `BorrowingFeeCharged` of v9.
fn borrowing_charged(log: &EvmLog) -> Result<Held, DecodeError> {
    let [trader, index, collateral] = indexed(log)?;
    let mut data = Reader::new(&log.data);
    let borrowing = data.uint(256, "amountCollateral")?;
    data.end()?;
    let id = TradeId { user: abi::address(trader, "trader")?, index: narrow(abi::uint(index, 32, "index")?) };
    Ok(Held { id, collateral: narrow(abi::uint(collateral, 8, "collateralIndex")?), funding: I256::ZERO, borrowing })
}

fn listed(log: &EvmLog) -> Result<Listed, DecodeError> {
    let [] = indexed(log)?;
    let mut data = Reader::new(&log.data);
    let pair = small(&mut data, 16, "index")?;
    let (from, to) = (data.string("from")?, data.string("to")?);
    if from.is_empty() || to.is_empty() {
        return Err(DecodeError::invalid(format!("pair {pair} has no name")));
    }
    Ok(Listed { pair, symbol: format!("{from}/{to}") })
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
    pub(super) fn key(self) -> String {
        format!("{}/{}", hex(self.user), self.index)
    }
}
