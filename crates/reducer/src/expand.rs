//! One event becomes the rows of the fact tables.

use alloy_primitives::{I256, U256};
use perpdex_core::{
    Amount, AmountError, BarKind, Basis, CollateralFlow, Decimal, Event, EventBody, Fill, FundingPayment, OiAnchor, PositionSide, Size,
    TokenAmount, TokenPrice, VolumeBar,
};
use thiserror::Error;

use crate::{
    AnchorRow, BarRow, FillRow, FlowRow, IndexRow, LiquidationRow, MarketRow, PaymentRow, PriceRow, RateRow, Row, RowKey, TokenPriceRow,
    TokenRow, hour_id,
};

/// What an event waits for before it can become rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WaitFor {
    /// The open of the position it closes.
    Open,
    /// A row of its market, or the market's native decimals.
    Market,
    /// A row of a token.
    Token,
}

impl WaitFor {
    /// The name in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            WaitFor::Open => "open",
            WaitFor::Market => "market",
            WaitFor::Token => "token",
        }
    }
}

/// What became of an event.
#[derive(Clone, Debug, PartialEq)]
pub enum Expanded {
    /// Rows to store. Empty for `MarketListed`, which the store turns into reference rows.
    Rows(Vec<Row>),
    /// It waits, with all it carries, in `unresolved`.
    Waiting(WaitFor),
}

/// A number of an event that fits no column.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{column}: {source}")]
pub struct ExpandError {
    /// The column.
    pub column: &'static str,
    /// Why.
    pub source: AmountError,
}

/// Rows of an event on a known market; `None` where the market's decimals are not known.
type RowsOf = Result<Option<Vec<Row>>, ExpandError>;

/// Digits of micro-dollars.
const USD: u8 = 6;
/// Digits of rates.
const RATE: u8 = 12;
/// Digits added to a price that a multiplier divides, so that multipliers which are powers of ten divide it exactly.
const PRICE_GUARD: u8 = 18;

/// Turns an event into rows. `market` is the row of `event.market`, `token` looks a token of the event's chain up.
pub fn expand(event: &Event, market: Option<&MarketRow>, token: &dyn Fn(&str) -> Option<TokenRow>) -> Result<Expanded, ExpandError> {
    let on = |rows: &dyn Fn(&On<'_>) -> RowsOf| match market {
        Some(market) => Ok(match rows(&On { event, market, token })? {
            Some(rows) => Expanded::Rows(rows),
            None => Expanded::Waiting(WaitFor::Market),
        }),
        None => Ok(Expanded::Waiting(WaitFor::Market)),
    };
    match &event.body {
        EventBody::Fill(fill) => on(&|on| on.fill(fill)),
        EventBody::FundingPayment(payment) => on(&|on| on.payment(payment)),
        EventBody::OiAnchor(anchor) => on(&|on| on.anchor(anchor)),
        EventBody::FundingRate(rate) => on(&|on| {
            Ok(Some(vec![Row::Rate(RateRow {
                key: key(event),
                ord: event.ord,
                market_id: on.market.market_id,
                kind: rate.kind,
                period: rate.period,
                cost_long_1h_e12: optional(rate.cost_long_1h, RATE, "cost_long_1h_e12")?,
                cost_short_1h_e12: optional(rate.cost_short_1h, RATE, "cost_short_1h_e12")?,
            })]))
        }),
        EventBody::FundingIndex(index) => on(&|on| {
            Ok(Some(vec![Row::Index(IndexRow {
                key: key(event),
                ord: event.ord,
                market_id: on.market.market_id,
                ts_ms: event.time_ms,
                kind: index.kind,
                side: index.side,
                value: index.value,
                basis: index.basis,
                is_reset: index.is_reset,
            })]))
        }),
        EventBody::Price(price) => on(&|on| {
            let Some(price_per_unit) = on.price(&price.price)? else { return Ok(None) };
            Ok(Some(vec![Row::Price(PriceRow {
                key: key(event),
                ord: event.ord,
                market_id: on.market.market_id,
                ts_ms: event.time_ms,
                kind: price.kind,
                price: price_per_unit,
            })]))
        }),
        EventBody::VolumeBar(bar) => on(&|on| on.bar(bar)),
        EventBody::Close(_) => Ok(Expanded::Waiting(WaitFor::Open)),
        EventBody::TokenPrice(price) => token_price(event, price, token),
        EventBody::CollateralFlow(flow) => Ok(Expanded::Rows(vec![flow_row(event, flow, token)?])),
        EventBody::MarketListed(_) => Ok(Expanded::Rows(Vec::new())),
    }
}

/// An event on a market that is known.
struct On<'a> {
    event: &'a Event,
    market: &'a MarketRow,
    token: &'a dyn Fn(&str) -> Option<TokenRow>,
}

/// A position's size as rows hold it.
#[derive(Clone, Copy, Default)]
struct Held {
    /// Scaled and native quantity, where the venue tells it.
    qty: Option<(i64, I256)>,
    usd_e6: Option<i64>,
}

impl On<'_> {
    fn fill(&self, fill: &Fill) -> Result<Option<Vec<Row>>, ExpandError> {
        let (Some(qty), Some(price)) = (self.qty(&fill.qty)?, self.price(&fill.price)?) else { return Ok(None) };
        let native = fill.qty.to_decimal(self.market.qty_decimals).expect("qty() has converted it");
        let exec = qty.mul(&price).map_err(at("exec_notional_usd_e6"))?.abs();
        let exec_notional_usd_e6 = scaled(&exec, USD, "exec_notional_usd_e6")?;
        let (notional_usd_e6, volume_basis) = match &fill.venue_notional_usd {
            Some(amount) => match amount.to_decimal(self.market.qty_decimals) {
                Some(notional) => (scaled(&notional, USD, "notional_usd_e6")?, Basis::Entry),
                None => return Ok(None),
            },
            None => (exec_notional_usd_e6, Basis::Exec),
        };
        let (before, after) = (self.held(fill.before.as_ref())?, self.held(fill.after.as_ref())?);
        let delta = Delta::of(fill, before, after, scaled(&qty, self.market.qty_scale, "qty_q")?);
        let fee_usd_e6 = match &fill.fee {
            Some(fee) => usd(fee, fill.fee_token_price_usd, self.token, "fee_usd_e6")?,
            None => None,
        };
        let row = FillRow {
            key: key(self.event),
            ord: self.event.ord,
            market_id: self.market.market_id,
            ts_ms: self.event.time_ms,
            tx_id: self.event.tx_id.clone(),
            account: fill.account.clone(),
            position_key: fill.position_key.clone(),
            position_side: fill.position_side,
            collateral_token: fill.collateral_token.clone(),
            trade_key: fill.trade_key.clone(),
            order_key: fill.order_key.clone(),
            is_taker: fill.is_taker,
            taker_dir: (fill.is_taker && fill.is_directional).then(|| fill.side.sign()),
            in_volume: fill.in_volume,
            forced: fill.forced,
            side: fill.side,
            action: fill.action,
            qty_q: scaled(&qty, self.market.qty_scale, "qty_q")?,
            qty_native: fill.qty.native,
            native_decimals: native.scale,
            price,
            exec_notional_usd_e6,
            notional_usd_e6,
            volume_basis,
            before_q: before.and_then(|held| held.qty).map(|(q, _)| q),
            after_q: after.and_then(|held| held.qty).map(|(q, _)| q),
            after_native: self.after_native(fill, native.scale),
            before_usd_e6: before.and_then(|held| held.usd_e6),
            after_usd_e6: after.and_then(|held| held.usd_e6),
            long_delta_q: delta.long_q,
            short_delta_q: delta.short_q,
            long_delta_native: delta.long_native,
            short_delta_native: delta.short_native,
            long_delta_usd_e6: delta.long_usd_e6,
            short_delta_usd_e6: delta.short_usd_e6,
            fee_usd_e6,
            fee_native: fill.fee.as_ref().map(|fee| fee.native),
            fee_token: fill.fee.as_ref().map(|fee| fee.token.clone()),
            realized_pnl_usd_e6: optional(fill.realized_pnl_usd, USD, "realized_pnl_usd_e6")?,
        };
        let liquidation = self.liquidation(fill, &row)?;
        let mut rows = vec![Row::Fill(Box::new(row))];
        rows.extend(liquidation);
        Ok(Some(rows))
    }

    fn after_native(&self, fill: &Fill, decimals: u8) -> Option<I256> {
        let after = fill.after.filter(|_| fill.position_side.is_some())?.qty?;
        let told = after.to_decimal(self.market.qty_decimals)?;
        (told.scale == decimals || told.is_zero()).then(|| told.value.abs())
    }

    fn liquidation(&self, fill: &Fill, row: &FillRow) -> Result<Option<Row>, ExpandError> {
        let Some(liquidation) = &fill.liquidation else { return Ok(None) };
        let mark_price = match &liquidation.mark_price {
            Some(mark) => self.price(mark)?,
            None => None,
        };
        let fee_usd_e6 = match &liquidation.fee {
            Some(fee) => usd(fee, fill.fee_token_price_usd, self.token, "fee_usd_e6")?,
            None => None,
        };
        Ok(Some(Row::Liquidation(Box::new(LiquidationRow {
            key: row.key,
            market_id: row.market_id,
            ts_ms: row.ts_ms,
            tx_id: row.tx_id.clone(),
            account: row.account.clone(),
            position_key: row.position_key.clone(),
            side: liquidation.side,
            kind: liquidation.kind,
            liquidator: liquidation.liquidator.clone(),
            order_key: row.order_key.clone(),
            trade_key: row.trade_key.clone(),
            in_volume: row.in_volume,
            qty_q: row.qty_q,
            price: row.price,
            mark_price,
            exec_notional_usd_e6: row.exec_notional_usd_e6,
            notional_usd_e6: row.notional_usd_e6,
            fee_usd_e6,
            is_partial: liquidation.is_partial,
        }))))
    }

    fn payment(&self, payment: &FundingPayment) -> Result<Option<Vec<Row>>, ExpandError> {
        let size_q = match &payment.size {
            Some(size) => match self.qty(size)? {
                Some(size) => Some(scaled(&size, self.market.qty_scale, "size_q")?),
                None => return Ok(None),
            },
            None => None,
        };
        // A payment at a clocked boundary belongs to the hour it closes.
        let (ts_ms, hour) = match payment.interval_end_ms {
            Some(end_ms) => (end_ms, hour_id(end_ms - 1)),
            None => (self.event.time_ms, hour_id(self.event.time_ms)),
        };
        Ok(Some(vec![Row::Payment(PaymentRow {
            key: key(self.event),
            market_id: self.market.market_id,
            ts_ms,
            hour_id: hour,
            tx_id: self.event.tx_id.clone(),
            account: payment.account.clone(),
            position_key: payment.position_key.clone(),
            side: payment.side,
            kind: payment.kind,
            amount_usd_e6: usd(&payment.amount, payment.token_price_usd, self.token, "amount_usd_e6")?,
            amount_native: payment.amount.native,
            token: payment.amount.token.clone(),
            size_q,
        })]))
    }

    fn anchor(&self, anchor: &OiAnchor) -> Result<Option<Vec<Row>>, ExpandError> {
        let quantity = |amount: &Option<Amount>, column| match amount {
            Some(amount) => match self.qty(amount)? {
                Some(qty) => Ok(Some(Some(scaled(&qty, self.market.qty_scale, column)?))),
                None => Ok(None),
            },
            None => Ok(Some(None)),
        };
        let (Some(long_q), Some(short_q)) = (quantity(&anchor.long, "long_q")?, quantity(&anchor.short, "short_q")?) else {
            return Ok(None);
        };
        let dollars = |amount: &Option<Amount>, column| {
            let decimal = amount.and_then(|amount| amount.to_decimal(self.market.qty_decimals));
            optional(decimal, USD, column)
        };
        Ok(Some(vec![Row::Anchor(AnchorRow {
            key: key(self.event),
            ord: self.event.ord,
            market_id: self.market.market_id,
            ts_ms: self.event.time_ms,
            collateral_token: anchor.collateral_token.clone(),
            long_q,
            short_q,
            long_native: anchor.long.map(|amount| amount.native),
            short_native: anchor.short.map(|amount| amount.native),
            long_usd_e6: dollars(&anchor.long_entry_usd, "long_usd_e6")?,
            short_usd_e6: dollars(&anchor.short_entry_usd, "short_usd_e6")?,
        })]))
    }

    fn bar(&self, bar: &VolumeBar) -> Result<Option<Vec<Row>>, ExpandError> {
        let (Some(qty), Some(close)) = (self.qty(&bar.qty)?, self.price(&bar.close)?) else { return Ok(None) };
        // A bar that reaches into another hour is kept, but it is no hour's volume.
        let is_in_one_hour = bar.start_ms < bar.end_ms && hour_id(bar.start_ms) == hour_id(bar.end_ms - 1);
        Ok(Some(vec![Row::Bar(BarRow {
            key: key(self.event),
            market_id: self.market.market_id,
            kind: bar.kind,
            start_ms: bar.start_ms,
            end_ms: bar.end_ms,
            in_volume: bar.kind == BarKind::Hour && is_in_one_hour,
            trades: bar.trades,
            qty_q: scaled(&qty, self.market.qty_scale, "qty_q")?,
            notional_usd_e6: scaled(&bar.notional_usd, USD, "notional_usd_e6")?,
            taker_buy_usd_e6: optional(bar.taker_buy_usd, USD, "taker_buy_usd_e6")?,
            close,
        })]))
    }

    /// A quantity in canonical units; `None` where the market's decimals are not known.
    fn qty(&self, amount: &Amount) -> Result<Option<Decimal>, ExpandError> {
        match amount.to_decimal(self.market.qty_decimals) {
            Some(venue_qty) => venue_qty.mul(&Decimal::from(self.market.multiplier)).map(Some).map_err(at("qty_q")),
            None => Ok(None),
        }
    }

    /// A price per ONE canonical unit.
    fn price(&self, amount: &Amount) -> Result<Option<Decimal>, ExpandError> {
        match amount.to_decimal(self.market.qty_decimals) {
            Some(price) if self.market.multiplier == 1 => Ok(Some(price.trimmed())),
            Some(price) => {
                let price = price.trimmed();
                let scale = price.scale.saturating_add(PRICE_GUARD);
                let quotient = price.div(&Decimal::from(self.market.multiplier), scale).map_err(at("price"))?;
                Ok(Some(quotient.trimmed()))
            }
            None => Ok(None),
        }
    }

    fn held(&self, size: Option<&Size>) -> Result<Option<Held>, ExpandError> {
        let Some(size) = size else { return Ok(None) };
        let entry = size.entry_usd.and_then(|amount| amount.to_decimal(self.market.qty_decimals));
        let entry_usd_e6 = optional(entry, USD, "position_usd_e6")?;
        let Some(amount) = size.qty else { return Ok(Some(Held { qty: None, usd_e6: entry_usd_e6 })) };
        let Some(qty) = self.qty(&amount)? else { return Ok(None) };
        let usd_e6 = if qty.is_zero() { Some(0) } else { entry_usd_e6 };
        Ok(Some(Held { qty: Some((scaled(&qty, self.market.qty_scale, "position_q")?, amount.native)), usd_e6 }))
    }
}

/// Changes of long and short open interest by one leg.
struct Delta {
    long_q: i64,
    short_q: i64,
    long_native: I256,
    short_native: I256,
    long_usd_e6: Option<i64>,
    short_usd_e6: Option<i64>,
}

impl Delta {
    /// `round(after) - round(before)` where both quantities are told; else the size on the position's side, if that is
    /// told; else nothing.
    fn of(fill: &Fill, before: Option<Held>, after: Option<Held>, qty_q: i64) -> Delta {
        let told = |held: Option<Held>| held.and_then(|held| held.qty.map(|(q, native)| (q, native, held.usd_e6)));
        if let (Some(before), Some(after)) = (told(before), told(after)) {
            return Delta::between(before, after);
        }
        let Some(side) = fill.position_side else { return Delta::none() };
        let opens = fill.side == side.trade_side(true);
        let (q, native) = if opens { (qty_q, fill.qty.native) } else { (-qty_q, -fill.qty.native) };
        let cost = |held: Option<Held>| held.and_then(|held| held.usd_e6);
        let usd_e6 = cost(after).zip(cost(before)).map(|(after, before)| after - before);
        let other_usd_e6 = usd_e6.map(|_| 0);
        match side {
            PositionSide::Long => {
                Delta { long_q: q, long_native: native, long_usd_e6: usd_e6, short_usd_e6: other_usd_e6, ..Delta::none() }
            }
            PositionSide::Short => {
                Delta { short_q: q, short_native: native, short_usd_e6: usd_e6, long_usd_e6: other_usd_e6, ..Delta::none() }
            }
        }
    }

    fn between(before: (i64, I256, Option<i64>), after: (i64, I256, Option<i64>)) -> Delta {
        let part = |(q, ..): (i64, I256, Option<i64>), sign: i64| (q.saturating_mul(sign)).max(0);
        let native = |(_, native, _): (i64, I256, Option<i64>), long: bool| {
            let value = if long { native } else { -native };
            if value.is_negative() { I256::ZERO } else { value }
        };
        let usd = |(q, _, usd_e6): (i64, I256, Option<i64>), sign: i64| if q.signum() == sign { usd_e6 } else { Some(0) };
        let usd_delta = |sign: i64| usd(after, sign).zip(usd(before, sign)).map(|(after, before)| after - before);
        Delta {
            long_q: part(after, 1) - part(before, 1),
            short_q: part(after, -1) - part(before, -1),
            long_native: native(after, true) - native(before, true),
            short_native: native(after, false) - native(before, false),
            long_usd_e6: usd_delta(1),
            short_usd_e6: usd_delta(-1),
        }
    }

    fn none() -> Delta {
        Delta { long_q: 0, short_q: 0, long_native: I256::ZERO, short_native: I256::ZERO, long_usd_e6: None, short_usd_e6: None }
    }
}

fn token_price(event: &Event, price: &TokenPrice, token: &dyn Fn(&str) -> Option<TokenRow>) -> Result<Expanded, ExpandError> {
    let per_token = if price.per_smallest_unit {
        let Some(row) = token(&price.token) else { return Ok(Expanded::Waiting(WaitFor::Token)) };
        let Some(scale) = price.price_usd.scale.checked_sub(row.decimals) else {
            let shift = Decimal::new(price.price_usd.value, 0).mul(&power(row.decimals - price.price_usd.scale)).map_err(at("price"))?;
            return Ok(Expanded::Rows(vec![token_price_row(event, price, shift)]));
        };
        Decimal::new(price.price_usd.value, scale)
    } else {
        price.price_usd
    };
    Ok(Expanded::Rows(vec![token_price_row(event, price, per_token)]))
}

fn token_price_row(event: &Event, price: &TokenPrice, per_token: Decimal) -> Row {
    Row::TokenPrice(TokenPriceRow { key: key(event), token: price.token.clone(), ts_ms: event.time_ms, price: per_token.trimmed() })
}

fn flow_row(event: &Event, flow: &CollateralFlow, token: &dyn Fn(&str) -> Option<TokenRow>) -> Result<Row, ExpandError> {
    Ok(Row::Flow(FlowRow {
        key: key(event),
        venue: event.venue,
        ts_ms: event.time_ms,
        tx_id: event.tx_id.clone(),
        account: flow.account.clone(),
        scope: flow.scope,
        direction: flow.direction,
        token: flow.amount.token.clone(),
        amount_native: flow.amount.native,
        fee_native: flow.fee_native,
        usd_e6: usd(&flow.amount, None, token, "usd_e6")?,
    }))
}

/// Dollars of a token amount: dollar stablecoins at par, else at the event's own price, else unknown.
fn usd(
    amount: &TokenAmount,
    price_per_smallest_unit: Option<Decimal>,
    token: &dyn Fn(&str) -> Option<TokenRow>,
    column: &'static str,
) -> Result<Option<i64>, ExpandError> {
    match (token(&amount.token).filter(|row| row.usd_par), price_per_smallest_unit) {
        (Some(row), _) => scaled(&Decimal::new(amount.native, row.decimals), USD, column).map(Some),
        (None, Some(price)) => {
            let dollars = Decimal::new(amount.native, 0).mul(&price).map_err(at(column))?;
            scaled(&dollars, USD, column).map(Some)
        }
        (None, None) => Ok(None),
    }
}

fn key(event: &Event) -> RowKey {
    RowKey { chain: event.chain, height: event.key.height, rec: event.key.rec, sub: event.key.sub }
}

fn scaled(number: &Decimal, scale: u8, column: &'static str) -> Result<i64, ExpandError> {
    number.to_i64(scale).map_err(at(column))
}

fn optional(number: Option<Decimal>, scale: u8, column: &'static str) -> Result<Option<i64>, ExpandError> {
    number.map(|number| scaled(&number, scale, column)).transpose()
}

fn power(n: u8) -> Decimal {
    Decimal::new(I256::try_from(10).expect("ten fits").pow(U256::from(n)), 0)
}

fn at(column: &'static str) -> impl Fn(AmountError) -> ExpandError {
    move |source| ExpandError { column, source }
}
