//! One event stream becomes events of the vocabulary. Trades are put together in [`super::trade`].

use std::collections::BTreeSet;

use alloy_primitives::I256;
use perpdex_core::{
    Amount, Basis, CollateralFlow, DecodeUnit, Decoded, Event, EventBody, EventKey, FailureKind, FlowDirection, FlowScope, FundingIndex,
    FundingKind, FundingPayment, IndexBasis, MarketListed, OiAnchor, OiBasis, PositionSide, Price, PriceKind, Text, TokenAmount,
};

use super::SLUG;
use super::batch::{Item, failure};
use super::bytes::{Asset, Key};
use super::layout::{Header, Liquidation, MakerFill, MarketEvent, PnL};
use super::market::{Market, Markets, is_usable};
use super::position::Positions;

/// The mint of USDC, which is all collateral and the quote of all markets.
const USDC: &str = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v";

/// Events that one `MarketEvent` can become at most; the key's `sub` counts that many for each.
const EVENTS_PER_ITEM: u32 = 4;

/// A stream on its way through its events.
pub(super) struct Stream<'a> {
    pub(super) unit: DecodeUnit<'a>,
    markets: &'a Markets,
    items: &'a [Item<'a>],
    pub(super) out: Decoded,
    /// Of the stream's `SlotContext`.
    time_ms: i64,
    /// Market of what follows.
    header: Option<Asset>,
    /// Makers whose `TradeSummary` has not come yet.
    pub(super) makers: Vec<(&'a Item<'a>, &'a MakerFill)>,
    pub(super) positions: Positions<'a>,
    /// Liquidations on the book that no trade was found for yet.
    pub(super) liquidations: Vec<(&'a Item<'a>, &'a Liquidation)>,
    /// Markets that the transaction has listed already.
    listed: &'a mut BTreeSet<u32>,
}

/// Why an event could not be used.
pub(super) struct Trouble(pub(super) String);

impl From<perpdex_core::AmountError> for Trouble {
    fn from(error: perpdex_core::AmountError) -> Trouble {
        Trouble(error.to_string())
    }
}

/// Decodes one stream. Each market is listed once a transaction, which `listed` remembers.
pub(super) fn decode<'a>(unit: &DecodeUnit<'a>, markets: &'a Markets, listed: &'a mut BTreeSet<u32>, items: &'a [Item<'a>]) -> Decoded {
    let liquidation = |item: &'a Item<'a>| match &item.event {
        MarketEvent::Liquidation(liquidation) if liquidation.base_lots > 0 => Some((item, liquidation)),
        _ => None,
    };
    let mut stream = Stream {
        unit: *unit,
        markets,
        items,
        out: Decoded::default(),
        time_ms: unit.time_ms,
        header: None,
        makers: Vec::new(),
        positions: Positions::of(items),
        liquidations: items.iter().filter_map(liquidation).collect(),
        listed,
    };
    for item in items {
        if let Err(Trouble(error)) = stream.item(item) {
            stream.invalid(item, error);
        }
    }
    stream.finish();
    stream.out
}

/// A public key as explorers print it.
pub(super) fn address(key: Key) -> Text {
    bs58::encode(key).into_string().into()
}

/// An amount of USDC.
pub(super) fn usdc(quote_lots: impl Into<i128>) -> TokenAmount {
    TokenAmount { native: I256::try_from(quote_lots.into()).expect("128 bits fit in 256"), token: USDC.into() }
}

impl<'a> Stream<'a> {
    fn item(&mut self, item: &'a Item<'a>) -> Result<(), Trouble> {
        match &item.event {
            MarketEvent::SlotContext { timestamp_secs } => {
                let seconds = i64::try_from(*timestamp_secs).ok().and_then(|seconds| seconds.checked_mul(1_000));
                self.time_ms = seconds.ok_or_else(|| Trouble(format!("SlotContext: timestamp {timestamp_secs}")))?;
                Ok(())
            }
            MarketEvent::Header(header) => self.take_header(item, header),
            MarketEvent::MarketAdded => self.market_added(item),
            MarketEvent::OrderFilled(fill) | MarketEvent::SplineFilled(fill) => {
                self.makers.push((item, fill));
                Ok(())
            }
            MarketEvent::TradeSummary(trade) => self.trade(item, trade),
            MarketEvent::MarketSummary { asset, open_interest, mark_price, spot_price } => {
                self.market_summary(item, asset, *open_interest, *mark_price, *spot_price)
            }
            MarketEvent::PricesUpdated { asset, spot_price, mark_price, cumulative_funding_rate } => {
                self.prices_updated(item, asset, *mark_price, *spot_price, *cumulative_funding_rate)
            }
            MarketEvent::TraderFundsDeposited { trader, amount } => self.flow(item, *trader, *amount, FlowDirection::In),
            MarketEvent::TraderFundsWithdrawn { trader, amount } => self.flow(item, *trader, *amount, FlowDirection::Out),
            MarketEvent::TraderFundingSettled { trader, asset, funding_payment } => self.funding(item, *trader, asset, *funding_payment),
            MarketEvent::PnL(pnl) => self.pnl(item, pnl),
            MarketEvent::LiquidationTransfer { .. } => self.liquidation_transfer(item),
            MarketEvent::CloseMatchedPositions { .. } => self.close_matched(item),
            MarketEvent::ShutdownClosePositions { .. } => self.shutdown_close(item),
            MarketEvent::HeaderLost => {
                self.enter(None);
                Ok(())
            }
            MarketEvent::Liquidation(_) | MarketEvent::Nothing => Ok(()),
        }
    }

    /// What stands open at the end of the stream says that an event was lost.
    fn finish(&mut self) {
        self.refuse_makers();
        for (item, liquidation) in std::mem::take(&mut self.liquidations) {
            let trader = address(liquidation.trader);
            self.invalid(item, format!("Liquidation of {trader}: no TradeSummary of {} base lots in its stream", liquidation.base_lots));
        }
        let Some(last) = self.items.last() else { return };
        for (trader, asset_id, told, found) in self.positions.differences(self.items) {
            let trader = address(trader);
            self.invalid(last, format!("PnL of {trader} in asset {asset_id} changes by {told} base lots, the events before it by {found}"));
        }
    }

    /// The market of what follows; makers of another one that still wait have lost their trade.
    fn enter(&mut self, asset: Option<Asset>) {
        if self.header != asset {
            self.refuse_makers();
            self.header = asset;
        }
    }

    fn refuse_makers(&mut self) {
        for (item, fill) in std::mem::take(&mut self.makers) {
            self.invalid(item, format!("fill of maker {}: no TradeSummary follows it", address(fill.maker)));
        }
    }

    /// The market that headers named last.
    pub(super) fn current_market(&self) -> Result<(u32, &'a Market), Trouble> {
        let asset = self.header.as_ref().ok_or_else(|| Trouble("no Header before it in its stream".to_owned()))?;
        self.market(asset.id.into()).map(|market| (asset.id, market))
    }

    /// A market by identifier.
    pub(super) fn market(&self, asset_id: u64) -> Result<&'a Market, Trouble> {
        self.markets.get(asset_id).ok_or_else(|| Trouble(format!("asset {asset_id} is not named in its transaction")))
    }

    /// Adds an event; `nth` tells several events of one item apart.
    pub(super) fn push(&mut self, item: &Item<'_>, nth: u32, market: Option<&Market>, body: EventBody) {
        self.out.events.push(Event {
            key: EventKey { height: self.unit.height, rec: item.record.rec, sub: item.index * EVENTS_PER_ITEM + nth },
            ord: item.record.ord,
            chain: self.unit.chain,
            venue: SLUG,
            market: market.map(|market| market.key.clone()),
            time_ms: self.time_ms,
            tx_id: self.unit.tx_id.to_owned(),
            body,
        });
    }

    fn invalid(&mut self, item: &Item<'_>, error: String) {
        self.out.failures.push(failure(item.record, item.index.to_string(), FailureKind::Invalid, error));
    }

    fn take_header(&mut self, item: &Item<'_>, header: &Header) -> Result<(), Trouble> {
        let is_usable = is_usable(header);
        self.enter(is_usable.then(|| header.asset.clone()));
        if !is_usable {
            let Header { tick_size, base_lot_decimals, quote_lot_decimals, .. } = header;
            return Err(Trouble(format!(
                "Header: units tick_size {tick_size}, base_lot_decimals {base_lot_decimals}, quote_lot_decimals {quote_lot_decimals}"
            )));
        }
        if self.listed.insert(header.asset.id) {
            self.list(item, header, false);
        }
        Ok(())
    }

    /// `MarketAdded` has no fields: the header before it names the new market.
    fn market_added(&mut self, item: &'a Item<'a>) -> Result<(), Trouble> {
        let before = self.items.iter().take_while(|other| !std::ptr::eq(*other, item));
        let header = before.filter_map(|item| match &item.event {
            MarketEvent::Header(header) => Some(Some(header)),
            MarketEvent::HeaderLost => Some(None),
            _ => None,
        });
        let header = header.last().flatten().ok_or_else(|| Trouble("MarketAdded: no Header before it in its stream".to_owned()))?;
        self.list(item, header, true);
        Ok(())
    }

    fn list(&mut self, item: &Item<'_>, header: &Header, is_creation: bool) {
        let Some(market) = self.markets.get(header.asset.id.into()) else { return };
        let listed = MarketListed {
            symbol: Some(header.asset.symbol.clone()),
            index_token: None,
            native_qty_decimals: u8::try_from(header.base_lot_decimals).ok(),
            quote: "USD".to_owned(),
            collateral_tokens: vec![USDC.into()],
            oi_basis: OiBasis::Qty,
            volume_basis: Basis::Exec,
            is_creation,
        };
        self.push(item, 0, Some(market), EventBody::MarketListed(listed));
    }

    fn market_summary(&mut self, item: &Item<'_>, asset: &Asset, open_interest: u64, mark: u64, spot: u64) -> Result<(), Trouble> {
        let market = self.market(asset.id.into())?;
        let level = Some(market.qty(open_interest));
        let anchor = OiAnchor { collateral_token: None, long: level, short: level, long_entry_usd: None, short_entry_usd: None };
        self.push(item, 0, Some(market), EventBody::OiAnchor(anchor));
        self.price(item, 1, market, PriceKind::Mark, mark);
        self.price(item, 2, market, PriceKind::Oracle, spot);
        Ok(())
    }

    fn prices_updated(
        &mut self,
        item: &Item<'_>,
        asset: &Asset,
        mark: u64,
        spot: Option<u64>,
        cumulative: Option<i64>,
    ) -> Result<(), Trouble> {
        let market = self.market(asset.id.into())?;
        self.price(item, 0, market, PriceKind::Mark, mark);
        self.price(item, 1, market, PriceKind::Oracle, spot.unwrap_or_default());
        let value = cumulative.and_then(|cumulative| market.quote_per_unit(cumulative));
        if let (Some(value), Some(price)) = (value, market.ticks(mark).filter(|price| !price.is_zero())) {
            let basis = IndexBasis::QuotePerUnit { price };
            let index = FundingIndex { kind: FundingKind::Funding, side: None, value, basis, is_reset: false };
            self.push(item, 2, Some(market), EventBody::FundingIndex(index));
        }
        Ok(())
    }

    /// A price, unless it is 0 (none) or the transaction does not tell the tick.
    fn price(&mut self, item: &Item<'_>, nth: u32, market: &Market, kind: PriceKind, ticks: u64) {
        if let Some(price) = market.ticks(ticks).filter(|price| !price.is_zero()) {
            let price = Price { kind, price: Amount::decimals(price.value, price.scale) };
            self.push(item, nth, Some(market), EventBody::Price(price));
        }
    }

    fn flow(&mut self, item: &Item<'_>, trader: Key, amount: u64, direction: FlowDirection) -> Result<(), Trouble> {
        let account = address(trader);
        let flow = CollateralFlow { account, scope: FlowScope::Margin, direction, amount: usdc(amount), fee_native: None };
        self.push(item, 0, None, EventBody::CollateralFlow(flow));
        Ok(())
    }

    /// A `PnL` repeats the payment of a `TraderFundingSettled`; without one beside it, it is the payment's only record.
    fn pnl(&mut self, item: &Item<'_>, pnl: &PnL) -> Result<(), Trouble> {
        let is_settled = self.items.iter().any(|item| {
            matches!(&item.event, MarketEvent::TraderFundingSettled { trader, asset, funding_payment }
                if *trader == pnl.trader && asset.id == pnl.asset.id && *funding_payment == pnl.funding_payment)
        });
        if pnl.funding_payment == 0 || is_settled {
            return Ok(());
        }
        self.funding(item, pnl.trader, &pnl.asset, pnl.funding_payment)
    }

    fn funding(&mut self, item: &Item<'_>, trader: Key, asset: &Asset, payment: i64) -> Result<(), Trouble> {
        let market = self.market(asset.id.into())?;
        let account = address(trader);
        // The position that paid is the one before whatever else the transaction does to it.
        let lots = self.items.iter().find_map(|item| match &item.event {
            MarketEvent::PnL(pnl) if pnl.trader == trader && pnl.asset.id == asset.id && pnl.funding_payment == payment => {
                Some(pnl.base_lots_before)
            }
            _ => None,
        });
        let side = lots.filter(|lots| *lots != 0).map(|lots| if lots > 0 { PositionSide::Long } else { PositionSide::Short });
        let payment = FundingPayment {
            position_key: position_key(&account, asset.id),
            account,
            side,
            kind: FundingKind::Funding,
            amount: usdc(payment),
            token_price_usd: None,
            size: lots.map(|lots| market.qty(lots)),
            interval_end_ms: None,
        };
        self.push(item, 0, Some(market), EventBody::FundingPayment(payment));
        Ok(())
    }
}

/// Names a position: one trader has one in each market.
pub(super) fn position_key(account: &str, asset_id: u32) -> Text {
    format!("{account}/{asset_id}").into()
}
