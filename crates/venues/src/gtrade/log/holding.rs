//! Fees, levels of open interest, accumulators and listings.

use alloy_primitives::I256;
use perpdex_core::{Decimal, EvmLog};

use super::{Accumulated, Fees, Generation, Held, Level, Listed, Log, TOKEN_DECIMALS, TradeId, narrow, pair, price, side, small};
use crate::{
    abi::{self, Reader, indexed},
    emit::DecodeError,
    gtrade::collateral::Collateral,
};

pub(super) fn fees(log: &EvmLog) -> Result<Fees, DecodeError> {
    let [collateral, trader] = indexed(log)?;
    let mut data = Reader::new(&log.data);
    data.uint(256, "positionSizeCollateral")?;
    let order_type = small(&mut data, 8, "orderType")?;
    let total = data.uint(256, "totalFeesCollateral")?;
    data.end()?;
    let collateral = narrow(abi::uint(collateral, 8, "collateralIndex")?);
    Ok(Fees { collateral, trader: abi::address(trader, "trader")?, order_type, total })
}

pub(super) fn level_v10(log: &EvmLog) -> Result<Level, DecodeError> {
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
pub(super) fn level_v9(log: &EvmLog) -> Result<Level, DecodeError> {
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

pub(super) fn funding(log: &EvmLog) -> Result<Accumulated, DecodeError> {
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

pub(super) fn borrowing(log: &EvmLog) -> Result<Accumulated, DecodeError> {
    let pair = pair(log)?;
    let mut data = Reader::new(&log.data);
    let value = data.uint(128, "accBorrowingFeeP")?;
    data.uint(32, "lastBorrowingUpdateTs")?;
    data.uint(96, "__placeholder")?;
    data.end()?;
    Ok(Accumulated { pair, long: value, short: value })
}

pub(super) fn pair_price(log: &EvmLog) -> Result<Log, DecodeError> {
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
pub(super) fn held(log: &EvmLog, words_after: usize) -> Result<Held, DecodeError> {
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
pub(super) fn borrowing_charged(log: &EvmLog) -> Result<Held, DecodeError> {
    let [trader, index, collateral] = indexed(log)?;
    let mut data = Reader::new(&log.data);
    let borrowing = data.uint(256, "amountCollateral")?;
    data.end()?;
    let id = TradeId { user: abi::address(trader, "trader")?, index: narrow(abi::uint(index, 32, "index")?) };
    Ok(Held { id, collateral: narrow(abi::uint(collateral, 8, "collateralIndex")?), funding: I256::ZERO, borrowing })
}

/// `BorrowingFeeCharged` until October 2024, which does not say of which trade.
pub(super) fn borrowing_charged_to(log: &EvmLog) -> Result<Log, DecodeError> {
    let [trader, collateral] = indexed(log)?;
    let mut data = Reader::new(&log.data);
    let borrowing = data.uint(256, "amountCollateral")?;
    data.end()?;
    Ok(Log::Borrowed(abi::address(trader, "trader")?, narrow(abi::uint(collateral, 8, "collateralIndex")?), borrowing))
}

pub(super) fn listed(log: &EvmLog) -> Result<Listed, DecodeError> {
    let [] = indexed(log)?;
    let mut data = Reader::new(&log.data);
    let pair = small(&mut data, 16, "index")?;
    let (from, to) = (data.string("from")?, data.string("to")?);
    if from.is_empty() || to.is_empty() {
        return Err(DecodeError::invalid(format!("pair {pair} has no name")));
    }
    Ok(Listed { pair, symbol: format!("{from}/{to}") })
}
