//! What Drift v2 and Velocity, its successor, have in common: a book with a house market maker, whose records are printed.
//!
//! A fill of both prefixes (`Program data:`, `Program log:`) is the same record. Accounts are sub-accounts, not wallets.
//! Where no taker or no maker is named, the other side is the venue's own market maker.

mod fill;
mod liquidation;
mod records;

pub(crate) mod drift_v2;
pub(crate) mod velocity;

use perpdex_core::{
    Amount, CollateralFlow, Decimal, EventBody, FlowDirection, FlowScope, FundingKind, FundingPayment, FundingRate, Period, PositionSide,
    Price, PriceKind, RawRecord, Text, TokenAmount,
};

use self::records::{Deposit, FundingPaid, Rate};
use crate::anchor::{time_ms, wide};
use crate::emit::{DecodeError, Emitter};

/// Decimals of base amounts.
const BASE_DECIMALS: u8 = 9;
/// Decimals of quote amounts and prices.
const QUOTE_DECIMALS: u8 = 6;
/// Decimals of funding rates: quote per base unit.
const RATE_DECIMALS: u8 = 9;
/// Digits of quotients.
const QUOTIENT_DECIMALS: u8 = 18;
/// Funding is settled hour by hour.
const HOUR_MS: i64 = 3_600_000;

/// What the two programs differ in, as far as shared code must know.
#[derive(Clone, Copy, Debug)]
struct Program {
    /// Mint of the quote currency, in which fees and funding are counted.
    quote: &'static str,
    /// Spot markets whose mint is known.
    spot_mints: &'static [(u16, &'static str)],
    /// Markets that are no perpetuals.
    predictions: &'static [u16],
    /// Whether every fill tells what it meets.
    always_tells_existing: bool,
}

impl Program {
    /// The key of a market; `None` for one that is no perpetual.
    fn market(&self, index: u16) -> Option<Text> {
        (!self.predictions.contains(&index)).then(|| index.to_string()).map(Into::into)
    }

    fn quote(&self, native: impl Into<i128>) -> TokenAmount {
        TokenAmount { native: wide(native), token: self.quote.into() }
    }

    fn rate(&self, rate: &Rate, record: &RawRecord, emitter: &mut Emitter<'_>) -> Result<(), DecodeError> {
        let Some(market) = self.market(rate.market_index) else { return Ok(()) };
        if rate.oracle_price_twap <= 0 {
            return Err(DecodeError::invalid(format!("oracle_price_twap {} of market {market}", rate.oracle_price_twap)));
        }
        let twap = Decimal::new(wide(rate.oracle_price_twap), QUOTE_DECIMALS);
        let relative = |rate: i128| Decimal::new(wide(rate), RATE_DECIMALS).div(&twap, QUOTIENT_DECIMALS);
        let stamp_ms = time_ms(rate.ts, "ts")?;
        // The update comes some seconds or minutes after the hour that it settles.
        let end_ms = stamp_ms - stamp_ms.rem_euclid(HOUR_MS);
        let body = EventBody::FundingRate(FundingRate {
            kind: FundingKind::Funding,
            period: Period::Exact { start_ms: end_ms - HOUR_MS, end_ms },
            cost_long_1h: Some(relative(rate.funding_rate_long)?),
            cost_short_1h: Some(relative(rate.funding_rate_short)?.neg()),
        });
        emitter.event_at(record, stamp_ms, Some(market), body);
        Ok(())
    }

    fn payment(&self, paid: &FundingPaid, record: &RawRecord, emitter: &mut Emitter<'_>) -> Result<(), DecodeError> {
        let Some(market) = self.market(paid.market_index).filter(|_| paid.funding_payment != 0) else { return Ok(()) };
        let side = if paid.base_asset_amount < 0 { PositionSide::Short } else { PositionSide::Long };
        let body = EventBody::FundingPayment(FundingPayment {
            account: paid.user.to_string().into(),
            position_key: format!("{}/{market}", paid.user).into(),
            side: (paid.base_asset_amount != 0).then_some(side),
            kind: FundingKind::Funding,
            amount: self.quote(paid.funding_payment),
            token_price_usd: None,
            size: Some(base(paid.base_asset_amount)),
            interval_end_ms: None,
        });
        emitter.event_at(record, time_ms(paid.ts, "ts")?, Some(market), body);
        Ok(())
    }

    fn deposit(&self, deposit: &Deposit, record: &RawRecord, emitter: &mut Emitter<'_>) -> Result<(), DecodeError> {
        let direction = match deposit.direction {
            0 => FlowDirection::In,
            1 => FlowDirection::Out,
            other => return Err(DecodeError::invalid(format!("direction {other} is neither deposit (0) nor withdraw (1)"))),
        };
        let scope = match deposit.explanation {
            // None, Borrow, RepayBorrow: the user's own tokens come or go.
            0 | 2 | 3 => FlowScope::Margin,
            // Transfer between accounts, Reward of the venue.
            1 | 4 => FlowScope::Transfer,
            other => return Err(DecodeError::invalid(format!("explanation {other} of a deposit is not known"))),
        };
        if deposit.amount == 0 {
            return Ok(());
        }
        let mint = self.spot_mints.iter().find(|(index, _)| *index == deposit.market_index).map(|(_, mint)| (*mint).to_owned());
        let token = mint.unwrap_or_else(|| format!("spot/{}", deposit.market_index));
        let amount = TokenAmount { native: wide(deposit.amount), token: token.into() };
        let flow = CollateralFlow { account: deposit.user.to_string().into(), scope, direction, amount, fee_native: None };
        emitter.event_at(record, time_ms(deposit.ts, "ts")?, None, EventBody::CollateralFlow(flow));
        Ok(())
    }

    /// An oracle's price that a record of the market states, unless it is none.
    fn oracle_price(&self, (index, price, ts): (u16, i64, i64), record: &RawRecord, emitter: &mut Emitter<'_>) -> Result<(), DecodeError> {
        let Some(market) = self.market(index).filter(|_| price > 0) else { return Ok(()) };
        let price = Price { kind: PriceKind::Oracle, price: Amount::decimals(wide(price), QUOTE_DECIMALS) };
        emitter.event_at(record, time_ms(ts, "ts")?, Some(market), EventBody::Price(price));
        Ok(())
    }
}

fn base(native: impl Into<i128>) -> Amount {
    Amount::decimals(wide(native), BASE_DECIMALS)
}

/// Quote per base unit of an execution.
fn price(quote_native: u64, base_native: u64) -> Result<Amount, DecodeError> {
    let quote = Decimal::new(wide(quote_native), QUOTE_DECIMALS);
    let price = quote.div(&Decimal::new(wide(base_native), BASE_DECIMALS), QUOTIENT_DECIMALS)?.trimmed();
    Ok(Amount::decimals(price.value, price.scale))
}
