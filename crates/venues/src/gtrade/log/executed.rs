//! Trades opened or closed whole.

use perpdex_core::{Decimal, EvmLog, PositionSide};

use super::{Body, Executed, LEVERAGE_DECIMALS, LIQ_CLOSE, Log, Pair, TOKEN_DECIMALS, TradeId, impact, price, side, small, trade_id};
use crate::{
    abi::{self, Reader, indexed},
    emit::DecodeError,
    gtrade::collateral::{Collateral, PRICE_DECIMALS},
};

const MARKET_OPEN: u8 = 0;
const MARKET_CLOSE: u8 = 1;
/// Limit and stop orders that open; 4 to 6 close.
const TRIGGERED_OPENS: [u8; 2] = [2, 3];
const TRIGGERED_CLOSES: [u8; 3] = [4, 5, LIQ_CLOSE];

/// `MarketExecuted`, or `LimitExecuted` where a keeper triggered it.
pub(super) fn executed(log: &EvmLog, body: Body, is_trigger: bool) -> Result<Log, DecodeError> {
    let mut data = Reader::new(&log.data);
    let early_trigger = match (body, is_trigger) {
        (Body::First, true) => {
            let [trigger] = indexed(log)?;
            Some(abi::address(trigger, "triggerCaller")?)
        }
        (Body::First, false) => indexed(log).map(|[]: [&_; 0]| None)?,
        (_, true) => indexed(log).map(|[_user, _index, _limit]| None)?,
        (_, false) => indexed(log).map(|[_user, _index]| None)?,
    };
    let order = trade_id(&mut data, "orderId")?;
    let trade = trade(&mut data, body)?;
    let (trigger, opens, order_type) = if is_trigger {
        let trigger = match early_trigger {
            Some(trigger) => trigger,
            None => data.address("triggerCaller")?,
        };
        let order_type: u8 = small(&mut data, 8, "orderType")?;
        if !TRIGGERED_OPENS.contains(&order_type) && !TRIGGERED_CLOSES.contains(&order_type) {
            return Err(DecodeError::invalid(format!("orderType {order_type} is none of 2 to 6")));
        }
        (Some(trigger), TRIGGERED_OPENS.contains(&order_type), order_type)
    } else {
        let opens = data.boolean("open")?;
        (None, opens, if opens { MARKET_OPEN } else { MARKET_CLOSE })
    };
    let (execution_price, oracle_price) = prices(&mut data, body, is_trigger)?;
    // Percent times 10^10.
    let profit = Decimal::new(data.int(256, "percentProfit")?, 12);
    data.uint(256, "amountSentToTrader")?;
    let collateral_price_usd = Decimal::new(data.uint(256, "collateralPriceUsd")?, PRICE_DECIMALS);
    if is_trigger {
        data.boolean("exactExecution")?;
    }
    data.end()?;
    Ok(Log::Executed(Box::new(Executed {
        generation: body.generation(),
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

/// Execution price and, where told, the oracle's.
fn prices(data: &mut Reader<'_>, body: Body, is_trigger: bool) -> Result<(Decimal, Option<Decimal>), DecodeError> {
    if body == Body::First {
        let execution_price = price(data, if is_trigger { 256 } else { 64 }, "price")?;
        data.uint(256, "priceImpactP")?;
        return Ok((execution_price, None));
    }
    let oracle_price = price(data, 256, "oraclePrice")?;
    let market_price = price(data, 256, "marketPrice")?;
    data.uint(256, "liqPrice")?;
    if body == Body::V9 {
        data.uint(256, "priceImpactP")?;
        return Ok((market_price, Some(oracle_price)));
    }
    // Of zeros where a liquidation has no impact: it executes at the oracle's price.
    let after_impact = Some(impact(data)?.price).filter(|price| !price.is_zero());
    Ok((after_impact.unwrap_or(oracle_price), Some(oracle_price)))
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

fn trade(data: &mut Reader<'_>, body: Body) -> Result<Trade, DecodeError> {
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
    let tokens = match body {
        Body::V10 => {
            data.boolean("t.isCounterTrade")?;
            let tokens = data.uint(160, "t.positionSizeToken")?;
            data.uint(24, "t.__placeholder")?;
            // Positions of before v10 have none.
            (!tokens.is_zero()).then(|| Decimal::new(tokens, TOKEN_DECIMALS))
        }
        Body::V9 | Body::First => {
            data.uint(192, "t.__placeholder")?;
            None
        }
    };
    Ok(Trade { id, pair: Pair { index: pair_index, collateral }, side, leverage, collateral_amount, open_price, tokens })
}
