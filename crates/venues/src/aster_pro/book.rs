//! Rows that speak of an execution: public prints and forced orders. Neither names an account.

use perpdex_core::{Action, EventBody, Fill, Forced, Liquidation, LiquidationKind, PositionSide, Side, Text};
use serde::Deserialize;

use super::Told;
use super::rows::{Trouble, amount, read, unsigned};

/// A row of `aggTrades`, or of the stream of that name.
pub(super) fn agg_trade(answer: &str) -> Told {
    #[derive(Deserialize)]
    struct Row {
        /// Number of the aggregated trade.
        a: i64,
        /// Price.
        p: String,
        /// Quantity.
        q: String,
        /// Time.
        #[serde(rename = "T")]
        time: i64,
        /// Whether the buyer made: then the taker sold.
        m: bool,
    }
    let row: Row = read(answer)?;
    let side = if row.m { Side::Sell } else { Side::Buy };
    let fill = Fill { is_directional: true, ..public_fill(row.a.to_string(), side, Action::Trade, &row.q, &row.p)? };
    Ok(vec![(row.time, EventBody::Fill(Box::new(fill)))])
}

/// A message of `forceOrder`: the forced order's side closes the position, so a sale closes a long. Notional is what was
/// filled at the average price.
pub(super) fn force_order(answer: &str) -> Told {
    #[derive(Deserialize)]
    struct Message {
        o: Order,
    }
    #[derive(Deserialize)]
    struct Order {
        /// Symbol.
        s: String,
        /// Side of the order.
        #[serde(rename = "S")]
        side: String,
        /// Average price.
        ap: String,
        /// Filled so far.
        z: String,
        /// Time of the trade.
        #[serde(rename = "T")]
        time: i64,
    }
    let Message { o: order } = read(answer)?;
    let (side, closed) = match order.side.as_str() {
        "SELL" => (Side::Sell, PositionSide::Long),
        "BUY" => (Side::Buy, PositionSide::Short),
        other => return Err(Trouble::invalid(format!("side {other:?} is neither BUY nor SELL"))),
    };
    if unsigned("z", &order.z)?.is_zero() {
        // Nothing of the order was executed: nothing was liquidated by it.
        return Ok(Vec::new());
    }
    let key = format!("{}/{}/{}/{}/{}", order.s, order.time, order.side, order.z, order.ap);
    let liquidation =
        Liquidation { kind: LiquidationKind::Market, side: closed, liquidator: None, mark_price: None, fee: None, is_partial: None };
    let fill =
        Fill { forced: Forced::Liq, liquidation: Some(liquidation), ..public_fill(key, side, Action::Liquidation, &order.z, &order.ap)? };
    Ok(vec![(order.time, EventBody::Fill(Box::new(fill)))])
}

/// An execution of somebody: its size is in the klines and counts there.
fn public_fill(key: String, side: Side, action: Action, qty: &str, price: &str) -> Result<Fill, Trouble> {
    Ok(Fill {
        account: Text::default(),
        position_key: Text::default(),
        position_side: None,
        collateral_token: None,
        order_key: None,
        trade_key: key.into(),
        is_taker: true,
        is_directional: false,
        in_volume: false,
        forced: Forced::None,
        side,
        action,
        qty: amount(unsigned("quantity", qty)?),
        price: amount(unsigned("price", price)?),
        venue_notional_usd: None,
        before: None,
        after: None,
        fee: None,
        fee_token_price_usd: None,
        realized_pnl_usd: None,
        liquidation: None,
    })
}
