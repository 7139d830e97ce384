//! `OrderActionRecord`: a fill becomes the legs of the accounts it names.

use perpdex_core::{Action, Decimal, EventBody, Fill, Forced, Liquidation, LiquidationKind, PositionSide, RawRecord, Side, Size, Text};

use super::liquidation::{LIQUIDATION, Liquidations};
use super::records::{Existing, OrderAction};
use super::{Program, QUOTE_DECIMALS, base, price};
use crate::anchor::{time_ms, wide};
use crate::borsh::Pubkey;
use crate::emit::{DecodeError, Emitter};

/// `OrderAction` of a fill, and the last one.
const FILL: u8 = 2;
const ACTION_MAX: u8 = 4;
/// `MarketType` of perpetuals.
const PERP: u8 = 1;
/// `OrderActionExplanation`: the market ended; a position moved between accounts; the last one known.
const MARKET_EXPIRED: u8 = 10;
const TRANSFERRED: u8 = 20;
const EXPLANATION_MAX: u8 = 20;

/// What all legs of a fill share.
struct Trade {
    market: Text,
    number: u64,
    base: u64,
    quote: u64,
    forced: Forced,
    /// What the venue calls it, where it is no trade on the market.
    off_market: Option<Action>,
}

/// One account's part.
struct Leg {
    account: Pubkey,
    order_id: Option<u32>,
    side: Side,
    /// Positive = paid.
    fee: Option<i128>,
    is_taker: bool,
    is_directional: bool,
    /// Entry cost and position that it meets; `None` in bodies that do not tell.
    existing: Option<(Option<u64>, Option<u64>)>,
    liquidation: Option<Liquidation>,
}

/// What a leg does to its position.
struct Effect {
    position_side: Option<PositionSide>,
    action: Action,
    before: Option<Size>,
    after: Option<Size>,
    /// Micro-units of quote.
    realized: Option<i128>,
}

impl Program {
    /// Emits the legs of a perpetual's fill; other actions and spot markets give nothing.
    pub(super) fn fill(
        &self,
        fill: &OrderAction,
        liquidations: &mut Liquidations<'_>,
        record: &RawRecord,
        emitter: &mut Emitter<'_>,
    ) -> Result<(), DecodeError> {
        if fill.action > ACTION_MAX || fill.market_type > PERP {
            return Err(DecodeError::invalid(format!("action {} or market type {} is not known", fill.action, fill.market_type)));
        }
        if self.always_tells_existing && fill.builder.0.is_none() {
            return Err(DecodeError::malformed("the bytes end before field builder_fee".to_owned()));
        }
        let Some(market) = self.market(fill.market_index) else { return Ok(()) };
        if fill.action != FILL || fill.market_type != PERP {
            return Ok(());
        }
        if fill.action_explanation > EXPLANATION_MAX {
            return Err(DecodeError::invalid(format!("action explanation {} of a fill is not known", fill.action_explanation)));
        }
        let (Some(number), Some(base), Some(quote)) = (fill.fill_record_id, fill.base_asset_amount_filled, fill.quote_asset_amount_filled)
        else {
            return Err(DecodeError::invalid("a fill without number, base or quote amount".to_owned()));
        };
        if base == 0 {
            return Ok(());
        }
        let liquidation = liquidations.of_fill(fill, base);
        let is_forced = liquidation.is_some() || fill.action_explanation == LIQUIDATION;
        // Of a liquidation whose record is missing, only what the venue's market maker met is known to have been on the market.
        let is_takeover = liquidation.as_ref().map_or(fill.maker.is_some(), |told| told.kind == LiquidationKind::Takeover);
        let off_market = match fill.action_explanation {
            MARKET_EXPIRED => Some(Action::Settlement),
            TRANSFERRED => Some(Action::Transfer),
            _ if is_forced && is_takeover => Some(Action::Takeover),
            _ => None,
        };
        if is_forced && liquidation.is_none() {
            let error =
                format!("no LiquidationRecord names fill {number} of market {market}: what was liquidated, and whether on the market");
            emitter.failure(record, "OrderActionRecord", DecodeError::invalid(error));
        }
        let forced = if is_forced { Forced::Liq } else { Forced::None };
        let trade = Trade { market, number, base, quote, forced, off_market };
        let ts_ms = time_ms(fill.ts, "ts")?;
        for leg in legs(fill, off_market.is_none(), liquidation)? {
            let body = EventBody::Fill(Box::new(self.leg(&trade, leg)?));
            emitter.event_at(record, ts_ms, Some(trade.market.clone()), body);
        }
        Ok(())
    }

    fn leg(&self, trade: &Trade, leg: Leg) -> Result<Fill, DecodeError> {
        let Effect { position_side, action, before, after, realized } = effect(trade, &leg)?;
        let is_liquidation = leg.liquidation.is_some();
        let account = leg.account.to_string();
        Ok(Fill {
            position_key: format!("{account}/{}", trade.market).into(),
            order_key: leg.order_id.map(|id| format!("{account}/{id}")).map(Into::into),
            account: account.into(),
            position_side,
            collateral_token: None,
            trade_key: format!("{}/{}", trade.market, trade.number).into(),
            is_taker: leg.is_taker,
            is_directional: leg.is_directional,
            in_volume: trade.off_market.is_none(),
            forced: trade.forced,
            side: leg.side,
            action: trade.off_market.or(is_liquidation.then_some(Action::Liquidation)).unwrap_or(action),
            qty: base(trade.base),
            price: price(trade.quote, trade.base)?,
            venue_notional_usd: None,
            before,
            after,
            fee: leg.fee.map(|fee| self.quote(fee)),
            fee_token_price_usd: None,
            realized_pnl_usd: realized.map(|pnl| Decimal::new(wide(pnl), QUOTE_DECIMALS)),
            liquidation: leg.liquidation,
        })
    }
}

/// The accounts a fill names, taker first. A maker without a taker was met by the venue's market maker: its leg is then the
/// one that counts as volume, and says nothing of a taker's direction.
fn legs(fill: &OrderAction, is_market: bool, liquidation: Option<Liquidation>) -> Result<Vec<Leg>, DecodeError> {
    let taker_side = match (direction(fill.taker_order_direction)?, direction(fill.maker_order_direction)?) {
        (Some(side), _) => side,
        (None, Some(maker)) => opposite(maker),
        (None, None) => return Err(DecodeError::invalid("a fill without a direction".to_owned())),
    };
    let existing = fill.existing.0.as_ref();
    let met = |of: fn(&Existing) -> (Option<u64>, Option<u64>)| existing.map(of);
    let taker = fill.taker.map(|account| Leg {
        account,
        order_id: fill.taker_order_id,
        side: taker_side,
        fee: fill.taker_fee.map(i128::from),
        is_taker: true,
        is_directional: is_market,
        existing: met(|told| (told.taker_existing_quote_entry_amount, told.taker_existing_base_asset_amount)),
        liquidation,
    });
    let maker = fill.maker.map(|account| Leg {
        account,
        order_id: fill.maker_order_id,
        side: opposite(taker_side),
        fee: fill.maker_fee.map(i128::from),
        is_taker: taker.is_none(),
        is_directional: false,
        existing: met(|told| (told.maker_existing_quote_entry_amount, told.maker_existing_base_asset_amount)),
        liquidation: None,
    });
    let legs: Vec<Leg> = taker.into_iter().chain(maker).collect();
    if legs.is_empty() { Err(DecodeError::invalid("a fill without taker and maker".to_owned())) } else { Ok(legs) }
}

fn effect(trade: &Trade, leg: &Leg) -> Result<Effect, DecodeError> {
    let own = if leg.side == Side::Buy { PositionSide::Long } else { PositionSide::Short };
    let other = if leg.side == Side::Buy { PositionSide::Short } else { PositionSide::Long };
    let plain = |position_side, action| Effect { position_side, action, before: None, after: None, realized: None };
    Ok(match leg.existing {
        // An old body: whether the fill adds or reduces is not told.
        None => plain(None, if leg.side == Side::Buy { Action::Increase } else { Action::Decrease }),
        Some((None, _)) => plain(Some(own), Action::Increase),
        Some((Some(entry), None)) => {
            let gain = i128::from(trade.quote) - i128::from(entry);
            let realized = if leg.side == Side::Sell { gain } else { -gain };
            Effect { realized: Some(realized), ..plain(Some(other), Action::Decrease) }
        }
        Some((Some(_), Some(held))) => {
            let Some(left) = trade.base.checked_sub(held) else {
                return Err(DecodeError::invalid(format!("a position of {held} is turned around by a fill of {}", trade.base)));
            };
            let sign = i128::from(leg.side.sign());
            let size = |signed: i128| Some(Size { qty: Some(base(signed)), entry_usd: None });
            Effect { before: size(-sign * i128::from(held)), after: size(sign * i128::from(left)), ..plain(None, Action::Flip) }
        }
    })
}

fn direction(byte: Option<u8>) -> Result<Option<Side>, DecodeError> {
    match byte {
        None => Ok(None),
        Some(0) => Ok(Some(Side::Buy)),
        Some(1) => Ok(Some(Side::Sell)),
        Some(other) => Err(DecodeError::invalid(format!("direction {other} is neither long (0) nor short (1)"))),
    }
}

fn opposite(side: Side) -> Side {
    match side {
        Side::Buy => Side::Sell,
        Side::Sell => Side::Buy,
    }
}
