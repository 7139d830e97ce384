//! Logs of a perpetual and its AMM, read field by field. All numbers have 18 decimals.

use alloy_primitives::{B256, I256};
use perpdex_core::{EvmLog, Text};

use super::layout;
use crate::{
    abi::{self, Reader, hex, indexed},
    emit::DecodeError,
};

/// What a log says.
#[derive(Clone, Debug)]
pub(super) enum Said {
    Trade(Trade),
    Liquidate(Liquidate),
    Update(Update),
    Funding(Funding),
    Deposit(Moved),
    Withdraw(Moved),
    Nothing,
}

/// `Trade`: one side of an execution; the taker's comes first, the maker's behind it.
#[derive(Clone, Debug)]
pub(super) struct Trade {
    pub(super) trader: Text,
    /// What the trade adds to the trader's position, below zero = short.
    pub(super) change: I256,
    pub(super) price: I256,
}

/// `Liquidate`: the keeper takes over a part of a position.
#[derive(Clone, Debug)]
pub(super) struct Liquidate {
    pub(super) keeper: Text,
    pub(super) trader: Text,
    pub(super) price: I256,
    pub(super) amount: I256,
}

/// `UpdatePositionAccount`: an account after a change.
#[derive(Clone, Debug)]
pub(super) struct Update {
    pub(super) trader: Text,
    /// Signed size.
    pub(super) after: I256,
    /// Total size of the side that the account stood on BEFORE the change; 0 where it stood on none.
    pub(super) total_size: I256,
    pub(super) price: I256,
}

/// `UpdateFundingRate`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Funding {
    pub(super) index_price: I256,
    /// Collateral a contract; grows as longs pay.
    pub(super) accumulated: I256,
}

/// Collateral that came or left.
#[derive(Clone, Debug)]
pub(super) struct Moved {
    pub(super) trader: Text,
    pub(super) amount: I256,
}

/// Reads a log whose selector is in the layout.
pub(super) fn read(log: &EvmLog, topic0: B256) -> Result<Said, DecodeError> {
    let mut data = Reader::new(&log.data);
    let said = match topic0 {
        layout::TRADE => Said::Trade(trade(log, &mut data)?),
        layout::LIQUIDATE => {
            let [keeper, trader] = indexed(log)?;
            let (keeper, trader) = (hex(abi::address(keeper, "keeper")?), hex(abi::address(trader, "trader")?));
            Said::Liquidate(Liquidate { keeper, trader, price: data.uint(256, "price")?, amount: data.uint(256, "amount")? })
        }
        layout::UPDATE => Said::Update(update(log, &mut data)?),
        layout::FUNDING => Said::Funding(funding(log, &mut data)?),
        layout::DEPOSIT => Said::Deposit(moved(log, &mut data)?),
        layout::WITHDRAW => Said::Withdraw(moved(log, &mut data)?),
        _ => return Ok(Said::Nothing),
    };
    data.end()?;
    Ok(said)
}

fn trade(log: &EvmLog, data: &mut Reader<'_>) -> Result<Trade, DecodeError> {
    let [trader] = indexed(log)?;
    let sign = sign(data)?;
    let price = data.uint(256, "price")?;
    let amount = data.uint(256, "amount")?;
    match sign {
        0 => Err(DecodeError::invalid("side is 0: a trade is long or short".to_owned())),
        sign => Ok(Trade { trader: hex(abi::address(trader, "trader")?), change: signed(sign, amount), price }),
    }
}

fn update(log: &EvmLog, data: &mut Reader<'_>) -> Result<Update, DecodeError> {
    let [trader] = indexed(log)?;
    let sign = sign(data)?;
    let size = data.uint(256, "account.size")?;
    data.uint(256, "account.entryValue")?;
    data.int(256, "account.entrySocialLoss")?;
    data.int(256, "account.entryFundingLoss")?;
    data.int(256, "account.cashBalance")?;
    let total_size = data.uint(256, "perpetualTotalSize")?;
    let price = data.uint(256, "price")?;
    let trader = hex(abi::address(trader, "trader")?);
    Ok(Update { trader, after: signed(sign, size), total_size, price })
}

fn funding(log: &EvmLog, data: &mut Reader<'_>) -> Result<Funding, DecodeError> {
    let [] = indexed(log)?;
    data.uint(256, "lastFundingTime")?;
    data.int(256, "lastPremium")?;
    data.int(256, "lastEMAPremium")?;
    let index_price = data.uint(256, "lastIndexPrice")?;
    Ok(Funding { index_price, accumulated: data.int(256, "accumulatedFundingPerContract")? })
}

fn moved(log: &EvmLog, data: &mut Reader<'_>) -> Result<Moved, DecodeError> {
    let [trader] = indexed(log)?;
    let amount = data.int(256, "wadAmount")?;
    data.int(256, "balance")?;
    Ok(Moved { trader: hex(abi::address(trader, "trader")?), amount })
}

/// A side as a sign: 0 flat, 1 short, 2 long.
fn sign(data: &mut Reader<'_>) -> Result<i8, DecodeError> {
    let side = data.uint(8, "side")?;
    match u8::try_from(side) {
        Ok(0) => Ok(0),
        Ok(1) => Ok(-1),
        Ok(2) => Ok(1),
        _ => Err(DecodeError::invalid(format!("side {side} is none of 0 flat, 1 short, 2 long"))),
    }
}

fn signed(sign: i8, size: I256) -> I256 {
    match sign {
        0 => I256::ZERO,
        1 => size,
        _ => -size,
    }
}
