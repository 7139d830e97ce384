//! Trades that stand on one line: those of `node_trades`, with both positions, and those of the public interface, without.

use std::borrow::Cow;

use perpdex_core::{
    Action, Amount, DecodeUnit, Decoded, Event, EventBody, EventKey, Fill, Forced, RawRecord, Side, Text, derived_id, execution_id,
};
use serde::Deserialize;

use super::fill_row::FillRow;
use super::fills::{Leg, NET_CHILD_VAULTS, is_perpetual, leg, legs_of};
use super::lines::{Trouble, decimal, failure, lower, name};
use super::{SLUG, STREAM_ORD};

/// A line of `node_trades`.
#[derive(Deserialize)]
struct NodeTrade<'a> {
    #[serde(borrow)]
    coin: Cow<'a, str>,
    #[serde(borrow)]
    side: Cow<'a, str>,
    #[serde(borrow)]
    px: Cow<'a, str>,
    #[serde(borrow)]
    sz: Cow<'a, str>,
    hash: Option<String>,
    #[serde(borrow)]
    trade_dir_override: Option<Cow<'a, str>>,
    /// The buyer, then the seller.
    #[serde(borrow)]
    side_info: [Party<'a>; 2],
}

#[derive(Deserialize)]
struct Party<'a> {
    #[serde(borrow)]
    user: Cow<'a, str>,
    #[serde(borrow)]
    start_pos: Cow<'a, str>,
    oid: u64,
}

/// Decodes lines of `node_trades`: two legs a line.
///
/// A liquidation's trade is of its class, but has no row of a liquidation: the line does not say which side was liquidated.
pub(super) fn decode_node(unit: &DecodeUnit<'_>, record: &RawRecord, text: &str) -> Decoded {
    let lines = text.split('\n').flat_map(|line| match serde_json::from_str::<NodeTrade<'_>>(line) {
        Ok(trade) => match node_legs(unit, trade) {
            Ok([buyer, seller]) => vec![Ok(buyer), Ok(seller)],
            Err(trouble) => vec![Err(trouble), Ok(None)],
        },
        Err(error) => vec![Err(Trouble::malformed(format!("trade: {error}"))), Ok(None)],
    });
    legs_of(unit, record, lines)
}

fn node_legs<'a>(unit: &DecodeUnit<'_>, trade: NodeTrade<'a>) -> Result<[Option<Leg<'a>>; 2], Trouble> {
    let dir = match trade.trade_dir_override.as_deref() {
        Some("LiquidatedMarket") => "Liquidated Market",
        Some("NetChildVaultPositions") => NET_CHILD_VAULTS,
        Some("Na") | None => "",
        Some(other) => return Err(Trouble::unknown(format!("trade_dir_override {other:?}"))),
    };
    if trade.side != "A" && trade.side != "B" {
        return Err(Trouble::invalid(format!("trade of {}: side {:?} is neither B nor A", trade.coin, trade.side)));
    }
    let [buyer, seller] = trade.side_info;
    // The lines carry no id of the trade: the two orders that met are its name.
    let tid = derived_id(&["node_trade", &buyer.oid.to_string(), &seller.oid.to_string()]).unsigned_abs();
    let one = |party: &Party<'a>, side: &'static str| {
        let row = FillRow {
            coin: trade.coin.clone(),
            px: trade.px.clone(),
            sz: trade.sz.clone(),
            side: side.into(),
            time: unit.time_ms,
            start_position: party.start_pos.clone(),
            dir: dir.into(),
            closed_pnl: None,
            hash: trade.hash.clone().map(Cow::Owned),
            oid: Some(party.oid),
            crossed: trade.side == side,
            fee: None,
            tid,
            fee_token: None,
            liquidation: None,
        };
        leg(party.user.clone(), row)
    };
    Ok([one(&buyer, "B")?, one(&seller, "A")?])
}

/// A trade as the public interface tells it.
#[derive(Deserialize)]
struct PublicTrade<'a> {
    #[serde(borrow)]
    coin: Cow<'a, str>,
    #[serde(borrow)]
    side: Cow<'a, str>,
    #[serde(borrow)]
    px: Cow<'a, str>,
    #[serde(borrow)]
    sz: Cow<'a, str>,
    time: i64,
    hash: Option<String>,
    tid: u64,
    /// The buyer, then the seller; absent in older messages.
    users: Option<[String; 2]>,
}

/// Decodes trades of the public interface, one a line: the taker's leg alone, without what it did to any position.
pub(super) fn decode_public(unit: &DecodeUnit<'_>, record: &RawRecord, text: &str) -> Decoded {
    let mut out = Decoded::default();
    for (index, line) in text.split('\n').enumerate() {
        match public_trade(unit, index, line) {
            Ok(event) => out.events.extend(event),
            Err(trouble) => out.failures.push(failure(record, index.to_string(), trouble)),
        }
    }
    out
}

fn public_trade(unit: &DecodeUnit<'_>, index: usize, line: &str) -> Result<Option<Event>, Trouble> {
    let trade: PublicTrade<'_> = serde_json::from_str(line).map_err(|error| Trouble::malformed(format!("trade: {error}")))?;
    if !is_perpetual(&trade.coin) {
        return Ok(None);
    }
    name("coin", &trade.coin)?;
    let (side, taker) = match &*trade.side {
        "B" => (Side::Buy, 0),
        "A" => (Side::Sell, 1),
        other => return Err(Trouble::invalid(format!("trade of {}: side {other:?} is neither B nor A", trade.coin))),
    };
    let (qty, price) = (decimal("sz", &trade.sz)?, decimal("px", &trade.px)?);
    if qty.is_zero() || qty.is_negative() || price.is_negative() {
        return Err(Trouble::invalid(format!("trade of {}: size {qty} at price {price}", trade.coin)));
    }
    let account = trade.users.as_ref().map_or_else(String::new, |users| lower(&users[taker]).into_owned());
    let tid = trade.tid.to_string();
    let fill = Fill {
        position_key: format!("{account}/{}", trade.coin).into(),
        account: account.into(),
        position_side: None,
        collateral_token: None,
        trade_key: format!("{}/{}/{tid}", unit.height, trade.coin).into(),
        order_key: None,
        is_taker: true,
        is_directional: true,
        in_volume: true,
        forced: Forced::None,
        side,
        action: Action::Trade,
        qty: Amount::decimals(qty.value, qty.scale),
        price: Amount::decimals(price.value, price.scale),
        venue_notional_usd: None,
        before: None,
        after: None,
        fee: None,
        fee_token_price_usd: None,
        realized_pnl_usd: None,
        liquidation: None,
    };
    Ok(Some(Event {
        key: EventKey { height: unit.height, rec: execution_id(&["trade", &trade.coin, &tid, &trade.side]), sub: 0 },
        ord: 2 * STREAM_ORD + i64::try_from(index).map_err(Trouble::invalid)?,
        chain: unit.chain,
        venue: SLUG,
        market: Some(Text::new(&trade.coin)),
        time_ms: trade.time,
        tx_id: trade.hash.map_or_else(|| unit.tx_id.clone(), Into::into),
        body: EventBody::Fill(Box::new(fill)),
    }))
}
