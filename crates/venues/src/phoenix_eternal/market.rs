//! Markets that a transaction names, and what their lots and ticks are worth.

use std::collections::BTreeMap;

use alloy_primitives::I256;
use perpdex_core::{Amount, AmountError, Decimal, Text, Unit};

use super::batch::Item;
use super::bytes::Asset;
use super::layout::{Header, MarketEvent};

/// Decimals of quote lots, which are USDC's smallest units.
pub(super) const QUOTE_DECIMALS: u8 = 6;

/// Digits of a price made of two amounts: enough that quantity times price gives the quote amount back.
const PRICE_DECIMALS: u8 = 18;

/// The same where the size of a base lot is not known: dollars per lot, read as a price by the market's decimals.
const LOT_PRICE_DECIMALS: u8 = 24;

/// A market as the transaction tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Market {
    /// `<asset_id>:<symbol>`.
    pub(super) key: Text,
    units: Option<Units>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Units {
    tick_size: u32,
    /// Below zero: one lot is several units.
    base_lot_decimals: i8,
}

/// All markets of a transaction, by identifier.
#[derive(Clone, Debug, Default)]
pub(super) struct Markets(BTreeMap<u32, Market>);

impl Markets {
    /// Collects names and headers; what stands later in a transaction names what stands before it too.
    pub(super) fn named_in(streams: &[Vec<Item<'_>>]) -> Markets {
        let mut markets = Markets::default();
        for item in streams.iter().flatten() {
            match &item.event {
                MarketEvent::Header(header) if is_usable(header) => {
                    let Header { tick_size, base_lot_decimals, .. } = *header;
                    markets.named(&header.asset).units.get_or_insert(Units { tick_size, base_lot_decimals });
                }
                MarketEvent::MarketSummary { asset, .. }
                | MarketEvent::PricesUpdated { asset, .. }
                | MarketEvent::TraderFundingSettled { asset, .. } => {
                    markets.named(asset);
                }
                MarketEvent::PnL(pnl) => {
                    markets.named(&pnl.asset);
                }
                _ => {}
            }
        }
        markets
    }

    /// The market with this identifier, if the transaction names it.
    pub(super) fn get(&self, id: u64) -> Option<&Market> {
        self.0.get(&u32::try_from(id).ok()?)
    }

    fn named(&mut self, asset: &Asset) -> &mut Market {
        self.0.entry(asset.id).or_insert_with(|| Market { key: format!("{}:{}", asset.id, asset.symbol).into(), units: None })
    }
}

/// Whether a header's units are those that this decoder knows: quote lots of USDC.
pub(super) fn is_usable(header: &Header) -> bool {
    header.quote_lot_decimals == QUOTE_DECIMALS && header.tick_size > 0 && header.base_lot_decimals.unsigned_abs() <= PRICE_DECIMALS
}

impl Market {
    /// A quantity of base lots.
    pub(super) fn qty(&self, lots: impl Into<i128>) -> Amount {
        let lots = lots.into();
        match self.units {
            Some(units) => {
                let qty = units.base(lots);
                Amount::decimals(qty.value, qty.scale)
            }
            None => Amount::market_qty(wide(lots)),
        }
    }

    /// The average price of a trade.
    pub(super) fn price(&self, quote_lots: u64, base_lots: u64) -> Result<Amount, AmountError> {
        let quote = Decimal::new(wide(quote_lots), QUOTE_DECIMALS);
        match self.units {
            Some(units) => {
                let price = quote.div(&units.base(base_lots.into()), PRICE_DECIMALS)?.trimmed();
                Ok(Amount::decimals(price.value, price.scale))
            }
            None => {
                let per_lot = quote.div(&Decimal::new(wide(base_lots), 0), LOT_PRICE_DECIMALS)?;
                Ok(Amount { native: per_lot.value, unit: Unit::MarketPrice(LOT_PRICE_DECIMALS) })
            }
        }
    }

    /// A price in ticks; `None` where the transaction does not tell the tick.
    pub(super) fn ticks(&self, ticks: u64) -> Option<Decimal> {
        let units = self.units?;
        Some(units.quote_per_unit(i128::from(ticks) * i128::from(units.tick_size)))
    }

    /// Quote lots per base lot as dollars per unit; `None` where the transaction does not tell the lot.
    pub(super) fn quote_per_unit(&self, quote_lots_per_base_lot: i64) -> Option<Decimal> {
        Some(self.units?.quote_per_unit(quote_lots_per_base_lot.into()))
    }
}

impl Units {
    fn base(self, lots: i128) -> Decimal {
        match u8::try_from(self.base_lot_decimals) {
            Ok(decimals) => Decimal::new(wide(lots), decimals),
            Err(_) => Decimal::new(wide(lots) * ten_to(self.base_lot_decimals.unsigned_abs()), 0),
        }
    }

    /// `value * 10^base_lot_decimals / 10^QUOTE_DECIMALS`.
    fn quote_per_unit(self, value: i128) -> Decimal {
        let scale = QUOTE_DECIMALS.cast_signed() - self.base_lot_decimals;
        match u8::try_from(scale) {
            Ok(scale) => Decimal::new(wide(value), scale),
            Err(_) => Decimal::new(wide(value) * ten_to(scale.unsigned_abs()), 0),
        }
    }
}

fn ten_to(power: u8) -> I256 {
    I256::try_from(10_i128.pow(power.into())).expect("powers up to PRICE_DECIMALS fit")
}

fn wide(number: impl Into<i128>) -> I256 {
    I256::try_from(number.into()).expect("128 bits fit in 256")
}
