//! Logs of the pool, read field by field.

use alloy_primitives::{B256, I256};
use perpdex_core::{EvmLog, PositionSide, Text};

use super::layout;
use crate::{
    abi::{Reader, hex, indexed},
    emit::DecodeError,
};

/// What a change does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Increase,
    Decrease,
    /// Of the whole position.
    Liquidation,
}

/// A change of a position. Dollars have 30 decimals.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) kind: Kind,
    pub(super) key: B256,
    pub(super) account: Text,
    pub(super) collateral_token: Text,
    pub(super) index_token: Text,
    pub(super) side: PositionSide,
    pub(super) size_usd: I256,
    /// Dollars times 10^30 for one smallest unit of the index token.
    pub(super) price: I256,
    pub(super) pnl_usd: Option<I256>,
    pub(super) fee_usd: I256,
}

/// A position after a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct State {
    pub(super) size_usd: I256,
    /// As [`Change::price`].
    pub(super) entry_price: I256,
}

/// Whether a selector is that of a change.
pub(super) fn is_change(topic0: B256) -> bool {
    [layout::INCREASE, layout::DECREASE, layout::DECREASE_PARTS, layout::LIQUIDATE, layout::LIQUIDATE_PARTS].contains(&topic0)
}

/// The change that a log tells; `None` for other events.
pub(super) fn change(log: &EvmLog, topic0: B256) -> Result<Option<Change>, DecodeError> {
    match topic0 {
        layout::INCREASE => changed(log, Kind::Increase, None).map(Some),
        layout::DECREASE => changed(log, Kind::Decrease, Some(Pnl::Signed)).map(Some),
        layout::DECREASE_PARTS => changed(log, Kind::Decrease, Some(Pnl::Parts)).map(Some),
        layout::LIQUIDATE => liquidated(log, Pnl::Signed).map(Some),
        layout::LIQUIDATE_PARTS => liquidated(log, Pnl::Parts).map(Some),
        _ => Ok(None),
    }
}

/// How a generation writes a profit.
#[derive(Clone, Copy)]
enum Pnl {
    Parts,
    Signed,
}

/// `IncreasePosition`, which has no profit, and `DecreasePosition`.
fn changed(log: &EvmLog, kind: Kind, pnl: Option<Pnl>) -> Result<Change, DecodeError> {
    let [key] = indexed(log)?;
    let mut data = Reader::new(&log.data);
    let account = hex(data.address("account")?);
    let collateral_token = hex(data.address("collateralToken")?);
    let index_token = hex(data.address("indexToken")?);
    data.uint(256, if kind == Kind::Increase { "collateralValue" } else { "collateralChanged" })?;
    let size_usd = data.uint(256, "sizeChanged")?;
    let side = side(&mut data)?;
    let price = data.uint(256, "indexPrice")?;
    let pnl_usd = pnl.map(|pnl| profit(&mut data, pnl)).transpose()?;
    let fee_usd = data.uint(256, "feeValue")?;
    data.end()?;
    Ok(Change { kind, key: *key, account, collateral_token, index_token, side, size_usd, price, pnl_usd, fee_usd })
}

/// `LiquidatePosition`.
fn liquidated(log: &EvmLog, pnl: Pnl) -> Result<Change, DecodeError> {
    let [key] = indexed(log)?;
    let mut data = Reader::new(&log.data);
    let account = hex(data.address("account")?);
    let collateral_token = hex(data.address("collateralToken")?);
    let index_token = hex(data.address("indexToken")?);
    let side = side(&mut data)?;
    let size_usd = data.uint(256, "size")?;
    data.uint(256, "collateralValue")?;
    data.uint(256, "reserveAmount")?;
    let price = data.uint(256, "indexPrice")?;
    let pnl_usd = Some(profit(&mut data, pnl)?);
    let fee_usd = data.uint(256, "feeValue")?;
    data.end()?;
    Ok(Change { kind: Kind::Liquidation, key: *key, account, collateral_token, index_token, side, size_usd, price, pnl_usd, fee_usd })
}

/// `UpdatePosition` and `ClosePosition`; `None` for other events.
pub(super) fn state(log: &EvmLog, topic0: B256) -> Result<Option<State>, DecodeError> {
    if topic0 != layout::UPDATE && topic0 != layout::CLOSE {
        return Ok(None);
    }
    let [_] = indexed(log)?;
    let mut data = Reader::new(&log.data);
    let size_usd = data.uint(256, "size")?;
    data.uint(256, "collateralValue")?;
    let entry_price = data.uint(256, "entryPrice")?;
    data.uint(256, "entryInterestRate")?;
    data.uint(256, "reserveAmount")?;
    if topic0 == layout::UPDATE {
        data.uint(256, "indexPrice")?;
    }
    data.end()?;
    Ok(Some(State { size_usd, entry_price }))
}

fn side(data: &mut Reader<'_>) -> Result<PositionSide, DecodeError> {
    let side = data.uint(8, "side")?;
    match u8::try_from(side) {
        Ok(0) => Ok(PositionSide::Long),
        Ok(1) => Ok(PositionSide::Short),
        _ => Err(DecodeError::invalid(format!("side {side} is none of 0 long, 1 short"))),
    }
}

fn profit(data: &mut Reader<'_>, pnl: Pnl) -> Result<I256, DecodeError> {
    if let Pnl::Signed = pnl {
        return Ok(data.int(256, "pnl")?);
    }
    let (sign, size) = (data.uint(256, "pnl.sig")?, data.uint(256, "pnl.abs")?);
    match u8::try_from(sign) {
        Ok(0) => Ok(-size),
        Ok(1) => Ok(size),
        _ => Err(DecodeError::invalid(format!("pnl.sig {sign} is none of 0 loss, 1 profit"))),
    }
}
