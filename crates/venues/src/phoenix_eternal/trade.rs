//! Fills: trades on the book, positions handed over, closed against each other or ended by the venue.

use perpdex_core::{
    Action, Amount, Decimal, EventBody, Fill, Forced, Liquidation, LiquidationKind, PositionSide, Side, Size, Text, TokenAmount,
};

use super::batch::Item;
use super::bytes::{BookSide, Key};
use super::layout::{Liquidation as BookLiquidation, MakerFill, MarketEvent, TradeSummary};
use super::market::{Market, QUOTE_DECIMALS};
use super::stream::{Stream, Trouble, address, position_key, usdc};

/// What all legs of a trade have in common.
#[derive(Clone, Copy)]
struct Trade<'a> {
    market: &'a Market,
    asset_id: u32,
    key: &'a str,
    price: Amount,
    forced: Forced,
    in_volume: bool,
    is_directional: bool,
}

/// One leg.
struct Leg {
    trader: Key,
    side: Side,
    lots: u64,
    is_taker: bool,
    order_key: Option<Text>,
    /// Position after, where the record itself tells.
    told_after: Option<i64>,
    /// Instead of what before and after say.
    action: Option<Action>,
    fee: Option<TokenAmount>,
    liquidation: Option<Liquidation>,
}

impl<'a> Stream<'a> {
    /// A taker order with the makers before it.
    pub(super) fn trade(&mut self, item: &'a Item<'a>, summary: &TradeSummary) -> Result<(), Trouble> {
        let (asset_id, market) = self.current_market().map_err(|trouble| trouble.of("TradeSummary"))?;
        if summary.base_lots == 0 {
            return Ok(());
        }
        let liquidation = self.take_liquidation(summary, asset_id).map(|liquidation| book_liquidation(market, summary, liquidation));
        let forced = if liquidation.is_some() { Forced::Liq } else { Forced::None };
        let key = format!("{}/{}", market.key, summary.trade_sequence_number);
        let price = market.price(summary.quote_lots, summary.base_lots)?;
        let trade = Trade { market, asset_id, key: &key, price, forced, in_volume: true, is_directional: true };
        let makers = std::mem::take(&mut self.makers);
        for (item, maker) in makers.into_iter().filter(|(_, maker)| maker.base_lots > 0) {
            let price = market.price(maker.quote_lots, maker.base_lots)?;
            self.fill(item, 0, Trade { price, ..trade }, maker_leg(maker));
        }
        let taker = Leg {
            trader: summary.trader,
            side: side(summary.side),
            lots: summary.base_lots,
            is_taker: true,
            order_key: Some(key.clone().into()),
            told_after: Some(summary.base_lot_position),
            action: liquidation.is_some().then_some(Action::Liquidation),
            fee: Some(usdc(summary.fee_quote_lots)),
            liquidation,
        };
        self.fill(item, 0, trade, taker);
        Ok(())
    }

    /// A position handed from the liquidated trader to the liquidator at a set price.
    pub(super) fn liquidation_transfer(&mut self, item: &Item<'_>) -> Result<(), Trouble> {
        let MarketEvent::LiquidationTransfer { liquidatee, liquidator, asset_id, base_lots, quote_lots } = item.event else {
            return Ok(());
        };
        let market = self.market(asset_id).map_err(|trouble| trouble.of("LiquidationTransfer"))?;
        let lots = base_lots.unsigned_abs();
        let key = self.own_trade_key(item);
        let trade = Trade {
            market,
            asset_id: narrow(asset_id)?,
            key: &key,
            price: market.price(quote_lots.unsigned_abs(), lots)?,
            forced: Forced::Liq,
            in_volume: false,
            is_directional: false,
        };
        let (given, taken) = if base_lots > 0 { (Side::Sell, Side::Buy) } else { (Side::Buy, Side::Sell) };
        let liquidation = Liquidation {
            kind: LiquidationKind::Takeover,
            side: closed_side(given),
            liquidator: Some(address(liquidator)),
            mark_price: None,
            fee: None,
            is_partial: None,
        };
        let giver = Leg::handed(liquidatee, given, lots, Action::Takeover);
        self.fill(item, 0, trade, Leg { is_taker: true, liquidation: Some(liquidation), ..giver });
        self.fill(item, 1, trade, Leg::handed(liquidator, taken, lots, Action::Takeover));
        Ok(())
    }

    /// Auto-deleveraging: a losing and a winning position are closed against each other.
    pub(super) fn close_matched(&mut self, item: &Item<'_>) -> Result<(), Trouble> {
        let MarketEvent::CloseMatchedPositions { short, long, in_profit, asset_id, base_lots, in_profit_value } = item.event else {
            return Ok(());
        };
        let market = self.market(asset_id).map_err(|trouble| trouble.of("CloseMatchedPositions"))?;
        if (in_profit == long) == (in_profit == short) {
            return Err(Trouble(format!("CloseMatchedPositions: account in profit {} is not one of the two", address(in_profit))));
        }
        let lots = base_lots.unsigned_abs();
        let key = self.own_trade_key(item);
        let trade = Trade {
            market,
            asset_id: narrow(asset_id)?,
            key: &key,
            price: market.price(in_profit_value.unsigned_abs(), lots)?,
            forced: Forced::Adl,
            in_volume: true,
            is_directional: false,
        };
        for (nth, trader, side) in [(0, long, Side::Sell), (1, short, Side::Buy)] {
            let wins = trader == in_profit;
            let adl = Liquidation {
                kind: LiquidationKind::Adl,
                side: closed_side(side),
                liquidator: None,
                mark_price: None,
                fee: None,
                is_partial: None,
            };
            let leg = Leg::handed(trader, side, lots, Action::Adl);
            self.fill(item, nth, trade, Leg { is_taker: !wins, liquidation: wins.then_some(adl), ..leg });
        }
        Ok(())
    }

    /// Positions that the venue ends at a settlement price.
    pub(super) fn shutdown_close(&mut self, item: &Item<'_>) -> Result<(), Trouble> {
        let MarketEvent::ShutdownClosePositions { long, short, asset_id, base_lots, price, trade_sequence_number } = item.event else {
            return Ok(());
        };
        let market = self.market(asset_id.into()).map_err(|trouble| trouble.of("ShutdownClosePositions"))?;
        let no_tick = || Trouble(format!("ShutdownClosePositions: no Header of asset {asset_id} tells the tick of its price"));
        let price = market.ticks(price).ok_or_else(no_tick)?;
        let key = format!("{}/{trade_sequence_number}", market.key);
        let trade = Trade {
            market,
            asset_id,
            key: &key,
            price: Amount::decimals(price.value, price.scale),
            forced: Forced::None,
            in_volume: false,
            is_directional: false,
        };
        self.fill(item, 0, trade, Leg { is_taker: true, ..Leg::handed(long, Side::Sell, base_lots, Action::Settlement) });
        self.fill(item, 1, trade, Leg::handed(short, Side::Buy, base_lots, Action::Settlement));
        Ok(())
    }

    /// The liquidation whose trade this is.
    fn take_liquidation(&mut self, summary: &TradeSummary, asset_id: u32) -> Option<&'a BookLiquidation> {
        let is_its_trade = |liquidation: &BookLiquidation| {
            liquidation.trader == summary.trader && liquidation.asset_id == asset_id && liquidation.base_lots == summary.base_lots
        };
        let at = self.liquidations.iter().position(|(_, liquidation)| is_its_trade(liquidation))?;
        Some(self.liquidations.remove(at).1)
    }

    /// A key for changes that are no trade of the book and have no number.
    fn own_trade_key(&self, item: &Item<'_>) -> Text {
        format!("{}/{}/{}", self.unit.tx_id, item.record.rec, item.index).into()
    }

    fn fill(&mut self, item: &Item<'_>, nth: u32, trade: Trade<'_>, leg: Leg) {
        let signed = i128::from(leg.lots) * i128::from(leg.side.sign());
        let change = self.positions.change(leg.trader, trade.asset_id, signed, leg.told_after);
        let size = |lots: i128| Size { qty: Some(trade.market.qty(lots)), entry_usd: None };
        let is_partial = change.map(|change| change.after != 0);
        let realized = change.and_then(|change| change.realized_pnl);
        let opens = if leg.side == Side::Buy { Action::Increase } else { Action::Decrease };
        let account = address(leg.trader);
        let fill = Fill {
            position_key: position_key(&account, trade.asset_id),
            account,
            position_side: None,
            collateral_token: None,
            trade_key: trade.key.into(),
            order_key: leg.order_key,
            is_taker: leg.is_taker,
            is_directional: trade.is_directional,
            in_volume: trade.in_volume,
            forced: trade.forced,
            side: leg.side,
            action: leg.action.or(change.map(|change| change.action())).unwrap_or(opens),
            qty: trade.market.qty(leg.lots),
            price: trade.price,
            venue_notional_usd: None,
            before: change.map(|change| size(change.before)),
            after: change.map(|change| size(change.after)),
            fee: leg.fee,
            fee_token_price_usd: None,
            realized_pnl_usd: realized.map(|pnl| Decimal { scale: QUOTE_DECIMALS, ..Decimal::from(pnl) }),
            liquidation: leg
                .liquidation
                .map(|liquidation| Liquidation { is_partial: liquidation.is_partial.or(is_partial), ..liquidation }),
        };
        self.push(item, nth, Some(trade.market), EventBody::Fill(Box::new(fill)));
    }
}

impl Leg {
    /// A leg that no order asked for.
    fn handed(trader: Key, side: Side, lots: u64, action: Action) -> Leg {
        Leg { trader, side, lots, is_taker: false, order_key: None, told_after: None, action: Some(action), fee: None, liquidation: None }
    }
}

impl Trouble {
    /// The same, with the event's name before it.
    fn of(self, name: &str) -> Trouble {
        Trouble(format!("{name}: {}", self.0))
    }
}

fn maker_leg(maker: &MakerFill) -> Leg {
    Leg {
        trader: maker.maker,
        side: side(maker.side),
        lots: maker.base_lots,
        is_taker: false,
        order_key: Some(maker.sequence_number.to_string().into()),
        told_after: Some(maker.base_lot_position),
        action: None,
        fee: None,
        liquidation: None,
    }
}

fn book_liquidation(market: &Market, summary: &TradeSummary, liquidation: &BookLiquidation) -> Liquidation {
    let mark = market.ticks(liquidation.mark_price).filter(|price| !price.is_zero());
    Liquidation {
        kind: LiquidationKind::Market,
        side: closed_side(side(summary.side)),
        liquidator: Some(address(liquidation.liquidator)),
        mark_price: mark.map(|price| Amount::decimals(price.value, price.scale)),
        fee: None,
        is_partial: Some(!liquidation.position_closed),
    }
}

fn side(side: BookSide) -> Side {
    match side {
        BookSide::Bid => Side::Buy,
        BookSide::Ask => Side::Sell,
    }
}

/// The side of a position that such a trade reduces.
fn closed_side(side: Side) -> PositionSide {
    match side {
        Side::Sell => PositionSide::Long,
        Side::Buy => PositionSide::Short,
    }
}

fn narrow(asset_id: u64) -> Result<u32, Trouble> {
    u32::try_from(asset_id).map_err(|_| Trouble(format!("asset {asset_id} is outside the range of identifiers")))
}
