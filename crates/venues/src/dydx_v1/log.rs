//! Logs of the contracts, read field by field. Source: dydxprotocol/perpetual, `P1Trade.sol`, `P1Settlement.sol`,
//! `P1BalanceMath.sol`, `P1IndexMath.sol`, `P1Orders.sol`, `P1Liquidation.sol`, `P1Deleveraging.sol`.

use alloy_primitives::{B256, I256, U256};
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
    Index(I256),
    Settled(Settled),
    Deposit(Moved),
    Withdraw(Moved),
    WithdrawFinal(Moved),
    OrderFilled(OrderFilled),
    Forced(Forced),
    Nothing,
}

/// `LogTrade`: positions of both sides after it.
#[derive(Clone, Debug)]
pub(super) struct Trade {
    pub(super) maker: Text,
    pub(super) taker: Text,
    /// The contract that checked it.
    pub(super) trader: Text,
    pub(super) margin: I256,
    pub(super) position: I256,
    /// Whether the taker's position grows.
    pub(super) is_buy: bool,
    pub(super) maker_after: I256,
    pub(super) taker_after: I256,
}

/// `LogAccountSettled`: funding since the account's last event; the position does not change.
#[derive(Clone, Debug)]
pub(super) struct Settled {
    pub(super) account: Text,
    /// Margin units, above zero = received.
    pub(super) amount: I256,
    pub(super) balance: Balance,
}

/// Margin that came or left, with the balance after it.
#[derive(Clone, Debug)]
pub(super) struct Moved {
    pub(super) account: Text,
    pub(super) amount: I256,
    pub(super) balance: Balance,
}

/// `LogOrderFilled`, which stands directly before its `LogTrade`.
#[derive(Clone, Copy, Debug)]
pub(super) struct OrderFilled {
    pub(super) order: B256,
    pub(super) amount: I256,
    /// Times 10^18: margin units a position unit, the other way round on the inverse market; without the fee.
    pub(super) price: I256,
}

/// `LogLiquidated` or `LogDeleveraged`, which stands directly before its `LogTrade`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Forced {
    pub(super) amount: I256,
    /// Margin units a position unit, times 10^18.
    pub(super) oracle_price: I256,
}

/// Signed margin and position, both in their smallest units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Balance {
    pub(super) margin: I256,
    pub(super) position: I256,
}

/// Reads a log whose selector is in the layout.
pub(super) fn read(log: &EvmLog, topic0: B256) -> Result<Said, DecodeError> {
    let mut data = Reader::new(&log.data);
    let said = match topic0 {
        layout::TRADE => Said::Trade(trade(log, &mut data)?),
        layout::INDEX => {
            let [] = indexed(log)?;
            Said::Index(index(data.bytes32("index")?)?)
        }
        layout::ACCOUNT_SETTLED => Said::Settled(settled(log, &mut data)?),
        layout::DEPOSIT => Said::Deposit(moved(log, &mut data)?),
        layout::WITHDRAW => {
            data.address("destination")?;
            Said::Withdraw(moved(log, &mut data)?)
        }
        layout::WITHDRAW_FINAL => Said::WithdrawFinal(moved(log, &mut data)?),
        layout::ORDER_FILLED => Said::OrderFilled(order_filled(log, &mut data)?),
        layout::LIQUIDATED | layout::DELEVERAGED => Said::Forced(forced(log, &mut data)?),
        _ => return Ok(Said::Nothing),
    };
    data.end()?;
    Ok(said)
}

fn trade(log: &EvmLog, data: &mut Reader<'_>) -> Result<Trade, DecodeError> {
    let [maker, taker] = indexed(log)?;
    let (maker, taker) = (hex(abi::address(maker, "maker")?), hex(abi::address(taker, "taker")?));
    Ok(Trade {
        maker,
        taker,
        trader: hex(data.address("trader")?),
        margin: data.uint(256, "marginAmount")?,
        position: data.uint(120, "positionAmount")?,
        is_buy: data.boolean("isBuy")?,
        maker_after: balance(data.bytes32("makerBalance")?, "makerBalance")?.position,
        taker_after: balance(data.bytes32("takerBalance")?, "takerBalance")?.position,
    })
}

fn settled(log: &EvmLog, data: &mut Reader<'_>) -> Result<Settled, DecodeError> {
    let [account] = indexed(log)?;
    let account = hex(abi::address(account, "account")?);
    let is_positive = data.boolean("isPositive")?;
    let amount = data.uint(256, "amount")?;
    let balance = balance(data.bytes32("balance")?, "balance")?;
    Ok(Settled { account, amount: if is_positive { amount } else { -amount }, balance })
}

fn moved(log: &EvmLog, data: &mut Reader<'_>) -> Result<Moved, DecodeError> {
    let [account] = indexed(log)?;
    let account = hex(abi::address(account, "account")?);
    let amount = data.uint(256, "amount")?;
    Ok(Moved { account, amount, balance: balance(data.bytes32("balance")?, "balance")? })
}

fn order_filled(log: &EvmLog, data: &mut Reader<'_>) -> Result<OrderFilled, DecodeError> {
    let [] = indexed(log)?;
    let order = data.bytes32("orderHash")?;
    data.bytes32("flags")?;
    data.uint(256, "triggerPrice")?;
    let amount = data.uint(256, "fill.amount")?;
    let price = data.uint(256, "fill.price")?;
    data.uint(256, "fill.fee")?;
    data.boolean("fill.isNegativeFee")?;
    Ok(OrderFilled { order, amount, price })
}

fn forced(log: &EvmLog, data: &mut Reader<'_>) -> Result<Forced, DecodeError> {
    let [maker, taker] = indexed(log)?;
    abi::address(maker, "maker")?;
    abi::address(taker, "taker")?;
    let amount = data.uint(256, "amount")?;
    data.boolean("isBuy")?;
    Ok(Forced { amount, oracle_price: data.uint(256, "oraclePrice")? })
}

/// Two halves of a byte of sign (1 = above zero) and 15 bytes of size: margin, position.
fn balance(word: B256, field: &str) -> Result<Balance, DecodeError> {
    let half = |bytes: &[u8], what: &str| {
        let size = I256::from_raw(U256::from_be_slice(&bytes[1..]));
        match bytes[0] {
            1 => Ok(size),
            0 => Ok(-size),
            sign => Err(DecodeError::malformed(format!("{field}: {what} has the sign {sign}, expected 0 or 1"))),
        }
    };
    Ok(Balance { margin: half(&word[..16], "margin")?, position: half(&word[16..], "position")? })
}

/// Eleven bytes of nothing, four of unix time, one of sign, sixteen of size.
fn index(word: B256) -> Result<I256, DecodeError> {
    let size = I256::from_raw(U256::from_be_slice(&word[16..]));
    match word[15] {
        1 => Ok(size),
        0 => Ok(-size),
        sign => Err(DecodeError::malformed(format!("index has the sign {sign}, expected 0 or 1"))),
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::b256;

    use super::*;

    /// Published rows of PBTC-USDC: `LogAccountSettled` of block 12270912 and `LogDeposit` of block 11698705.
    #[test]
    fn balances_are_as_published() {
        let of = |word| balance(word, "balance").unwrap();
        let settled = of(b256!("01000000000000000000030e08e03b620000000000000000000000008dea81b0"));
        assert_eq!((settled.margin.to_string(), settled.position.to_string()), ("3358813338466".to_owned(), "-2380956080".to_owned()));
        let deposited = of(b256!("010000000000000000000039916d43d100000000000000000000000000000000"));
        assert_eq!((deposited.margin.to_string(), deposited.position.to_string()), ("247252992977".to_owned(), "0".to_owned()));
        assert!(balance(b256!("020000000000000000000039916d43d100000000000000000000000000000000"), "balance").is_err());
    }

    #[test]
    fn an_index_has_time_sign_and_size() {
        let negative = index(b256!("00000000000000000000005f00000000000000000000000000000000000003e8")).unwrap();
        assert_eq!(negative.to_string(), "-1000");
        let positive = index(b256!("00000000000000000000005f00000001000000000000000000000000000003e8")).unwrap();
        assert_eq!(positive.to_string(), "1000");
    }
}
