//! Trades made larger or smaller, and what that leaves of them.

use alloy_primitives::I256;
use perpdex_core::{Decimal, EvmLog};

use super::{Body, Log, Pair, PositionUpdated, Resized, TOKEN_DECIMALS, TradeId, impact, narrow, price, side, size, small, trade_id};
use crate::{
    abi::{self, Reader, indexed},
    emit::DecodeError,
    gtrade::collateral::{Collateral, PRICE_DECIMALS},
};

/// A change of size; `None` where the request was refused, and nothing moved.
pub(super) fn resized(log: &EvmLog, body: Body, is_increase: bool) -> Result<Option<Log>, DecodeError> {
    let mut data = Reader::new(&log.data);
    let order = trade_id(&mut data, "orderId")?;
    let cancel_reason = data.uint(8, "cancelReason")?;
    let (pair, id) = of_which(log, &mut data, body)?;
    let decimals = Collateral::of(pair.collateral)?.decimals;
    let side = side(&mut data, "long")?;
    let oracle_price = price(&mut data, 256, "oraclePrice")?;
    let collateral_price_usd = Decimal::new(data.uint(256, "collateralPriceUsd")?, PRICE_DECIMALS);
    data.uint(256, "collateralDelta")?;
    data.uint(256, "leverageDelta")?;
    let values = match (body, is_increase) {
        (Body::V10, true) => increased_v10(&mut data, decimals)?,
        (_, true) => increased_v9(&mut data, decimals, body)?,
        (Body::V10, false) => decreased_v10(&mut data, decimals)?,
        (_, false) => decreased_v9(&mut data, decimals, body)?,
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
        generation: body.generation(),
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
        worth_before: values.worth_before,
        price: values.price,
        oracle_price: Some(oracle_price),
        collateral_price_usd,
        profit: values.profit,
        fee: values.fee,
    }))))
}

/// The pair and the trade, which stand in other places since October 2024.
fn of_which(log: &EvmLog, data: &mut Reader<'_>, body: Body) -> Result<(Pair, TradeId), DecodeError> {
    let [collateral, trader, third] = indexed(log)?;
    let (pair_index, index) = match body {
        Body::First => (narrow(abi::uint(third, 16, "pairIndex")?), small(data, 32, "index")?),
        Body::V9 | Body::V10 => (small(data, 16, "pairIndex")?, narrow(abi::uint(third, 32, "index")?)),
    };
    let pair = Pair { index: pair_index, collateral: narrow(abi::uint(collateral, 8, "collateralIndex")?) };
    Ok((pair, TradeId { user: abi::address(trader, "trader")?, index }))
}

/// What is used of `values`.
struct Values {
    size_delta: Decimal,
    size_before: Decimal,
    size_after: Option<Decimal>,
    tokens_delta: Option<Decimal>,
    new_open_price: Option<Decimal>,
    /// What an increase met before October 2024: size and profit of what stood, in collateral.
    worth_before: Option<Decimal>,
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
        worth_before: None,
        price: impact.price,
        profit: None,
        fee,
    })
}

fn increased_v9(data: &mut Reader<'_>, decimals: u8, body: Body) -> Result<Values, DecodeError> {
    let size_delta = size(data, decimals, "positionSizeCollateralDelta")?;
    let size_before = size(data, decimals, "existingPositionSizeCollateral")?;
    let size_after = size(data, decimals, "newPositionSizeCollateral")?;
    data.uint(256, "newCollateralAmount")?;
    data.uint(256, "newLeverage")?;
    let price_after_impact = price(data, 256, "priceAfterImpact")?;
    let profit_before = Decimal::new(data.int(256, "existingPnlCollateral")?, decimals);
    if body == Body::V9 {
        data.uint(256, "oldPosSizePlusPnlCollateral")?;
    }
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
        worth_before: if body == Body::First { Some(size_before.add(&profit_before)?) } else { None },
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
        worth_before: None,
        price: impact.price,
        profit: Some(profit),
        fee,
    })
}

fn decreased_v9(data: &mut Reader<'_>, decimals: u8, body: Body) -> Result<Values, DecodeError> {
    let size_delta = size(data, decimals, "positionSizeCollateralDelta")?;
    let size_before = size(data, decimals, "existingPositionSizeCollateral")?;
    data.uint(256, "existingLiqPrice")?;
    let price_after_impact = price(data, 256, "priceAfterImpact")?;
    let whole_profit = Decimal::new(data.int(256, "existingPnlCollateral")?, decimals);
    data.uint(256, "borrowingFeeCollateral")?;
    let fee = match body {
        Body::First => {
            let (vault, staking) = (data.uint(256, "vaultFeeCollateral")?, data.uint(256, "gnsStakingFeeCollateral")?);
            vault.checked_add(staking).ok_or_else(|| DecodeError::invalid(format!("fees {vault} and {staking} have no sum")))?
        }
        Body::V9 | Body::V10 => data.uint(256, "closingFeeCollateral")?,
    };
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
        worth_before: None,
        price: price_after_impact,
        profit,
        fee,
    })
}

/// `TradePositionUpdated`.
pub(super) fn position(log: &EvmLog, body: Body, has_increase: bool) -> Result<PositionUpdated, DecodeError> {
    let mut data = Reader::new(&log.data);
    let id = match body {
        Body::First => indexed(log).map(|[]: [&_; 0]| trade_id(&mut data, "tradeId"))??,
        Body::V9 | Body::V10 => {
            let [user, index] = indexed(log)?;
            TradeId { user: abi::address(user, "user")?, index: narrow(abi::uint(index, 32, "index")?) }
        }
    };
    data.uint(120, "collateralAmount")?;
    data.uint(24, "leverage")?;
    let open_price = price(&mut data, 64, "openPrice")?;
    let tokens = if body == Body::V10 {
        data.uint(64, "newSl")?;
        let tokens = data.uint(160, "newPositionSizeToken")?;
        data.uint(8, "pendingOrderType")?;
        Some(Decimal::new(tokens, TOKEN_DECIMALS))
    } else {
        data.uint(64, "newTp")?;
        data.uint(64, "newSl")?;
        if has_increase {
            data.boolean("isPartialIncrease")?;
        }
        None
    };
    if body != Body::First {
        data.boolean("isPnlPositive")?;
    }
    data.end()?;
    Ok(PositionUpdated { id, open_price, tokens })
}
