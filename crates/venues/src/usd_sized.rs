//! Positions that a venue keeps in dollars. Units opened are notional / price. Units closed are size closed / ENTRY price
//! and never size / exit price: 1,000 dollars opened at 100 are 10 units, and at an exit price of 125 the quotient would be
//! 8 and leave two units open for ever.

use perpdex_core::{Action, Amount, Decimal, Fill, Forced, Liquidation, LiquidationKind, PositionSide, Size, Text, TokenAmount};

use crate::anchor::{USD_DECIMALS, usd_e6, wide};
use crate::emit::DecodeError;

/// Digits of derived units: enough that units times price give micro-dollars back.
const UNIT_DECIMALS: u8 = 18;

/// A change of a position's size, as such a venue tells it. All dollars are micro-dollars.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) account: Text,
    pub(crate) position_key: Text,
    pub(crate) side: PositionSide,
    pub(crate) collateral_token: Option<Text>,
    pub(crate) trade_key: Text,
    pub(crate) order_key: Option<Text>,
    pub(crate) step: Step,
    /// Size opened or closed, above zero.
    pub(crate) size_usd: u64,
    /// Size afterwards, where told.
    pub(crate) after_usd: Option<u64>,
    /// Execution price, above zero.
    pub(crate) price: Decimal,
    pub(crate) fee: Option<TokenAmount>,
}

/// What kind of change.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// More.
    Opened,
    /// Less.
    Closed(Exit),
    /// Closed against the pool.
    Liquidated(Exit, Option<TokenAmount>),
}

/// What a closing tells of the entry.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Exit {
    /// Entry price of the position; where it is not told, it follows from the profit.
    pub(crate) entry_price: Option<Decimal>,
    /// Profit of the part closed before all fees, micro-dollars, below zero = loss.
    pub(crate) gross_pnl_usd: i128,
    /// Whether [`Exit::gross_pnl_usd`] is what the venue calls the realised profit.
    pub(crate) is_realized: bool,
}

/// The fill of a change.
pub(crate) fn fill(change: Change) -> Result<Fill, DecodeError> {
    let price = change.price;
    if price.is_zero() {
        return Err(DecodeError::invalid(format!("a price of 0 for a size of {} micro-dollars", change.size_usd)));
    }
    let (exit, liquidation_fee, is_liquidation) = match &change.step {
        Step::Opened => (None, None, false),
        Step::Closed(exit) => (Some(*exit), None, false),
        Step::Liquidated(exit, fee) => (Some(*exit), fee.clone(), true),
    };
    let qty = match exit {
        None => units(&micro(change.size_usd), &price)?,
        Some(exit) => exit.units(change.side, change.size_usd, &price)?,
    };
    let (before_usd, after_usd) = change.sizes_usd(exit.is_none())?;
    let (before_qty, after_qty) = change.quantities(exit, &qty, (before_usd, after_usd))?;
    let size = |qty: Option<Decimal>, usd: u64| Size { qty: qty.map(|qty| signed(change.side, qty)), entry_usd: Some(usd_e6(usd)) };
    let liquidation = is_liquidation.then(|| Liquidation {
        kind: LiquidationKind::Pool,
        side: change.side,
        liquidator: None,
        mark_price: None,
        fee: liquidation_fee,
        is_partial: after_usd.map(|usd| usd > 0),
    });
    let action = match (is_liquidation, exit.is_some(), before_usd, after_usd) {
        (true, ..) => Action::Liquidation,
        (false, false, Some(0), _) => Action::Open,
        (false, false, ..) => Action::Increase,
        (false, true, _, Some(0)) => Action::Close,
        (false, true, ..) => Action::Decrease,
    };
    Ok(Fill {
        account: change.account,
        position_key: change.position_key,
        position_side: Some(change.side),
        collateral_token: change.collateral_token,
        trade_key: change.trade_key,
        order_key: change.order_key,
        is_taker: true,
        is_directional: true,
        in_volume: true,
        forced: if is_liquidation { Forced::Liq } else { Forced::None },
        side: change.side.trade_side(exit.is_none()),
        action,
        qty: Amount::decimals(qty.value, qty.scale),
        price: Amount::decimals(price.value, price.scale),
        venue_notional_usd: exit.map(|_| usd_e6(change.size_usd)),
        before: before_usd.map(|usd| size(before_qty, usd)),
        after: after_usd.map(|usd| size(after_qty, usd)),
        fee: change.fee,
        fee_token_price_usd: None,
        realized_pnl_usd: exit.filter(|exit| exit.is_realized).map(|exit| Decimal::new(wide(exit.gross_pnl_usd), USD_DECIMALS)),
        liquidation,
    })
}

impl Change {
    /// Size before and after, where one of them is told.
    fn sizes_usd(&self, opens: bool) -> Result<(Option<u64>, Option<u64>), DecodeError> {
        let Some(after) = self.after_usd else { return Ok((None, None)) };
        let before = if opens { after.checked_sub(self.size_usd) } else { after.checked_add(self.size_usd) };
        let contradiction = || DecodeError::invalid(format!("{} micro-dollars opened leave a position of {after}", self.size_usd));
        Ok((Some(before.ok_or_else(contradiction)?), Some(after)))
    }

    /// Units before and after, where the record tells enough: at the two ends of a position's life, and wherever the entry
    /// price stands beside the sizes.
    fn quantities(
        &self,
        exit: Option<Exit>,
        qty: &Decimal,
        sizes_usd: (Option<u64>, Option<u64>),
    ) -> Result<(Option<Decimal>, Option<Decimal>), DecodeError> {
        let entry_price = exit.and_then(|exit| exit.entry_price);
        Ok(match (exit, sizes_usd, entry_price) {
            (None, (Some(0), _), _) => (Some(Decimal::ZERO), Some(*qty)),
            (Some(_), (_, Some(0)), _) => (Some(*qty), Some(Decimal::ZERO)),
            (Some(_), (Some(before), Some(after)), Some(entry_price)) => {
                (Some(units(&micro(before), &entry_price)?), Some(units(&micro(after), &entry_price)?))
            }
            _ => (None, None),
        })
    }
}

impl Exit {
    /// Units of the part closed.
    fn units(&self, side: PositionSide, size_usd: u64, price: &Decimal) -> Result<Decimal, DecodeError> {
        if let Some(entry_price) = self.entry_price {
            return units(&micro(size_usd), &entry_price);
        }
        // A long gains size * (price - entry) / entry, so size / entry = (size + gain) / price; a short the other way.
        let gain = match side {
            PositionSide::Long => self.gross_pnl_usd,
            PositionSide::Short => -self.gross_pnl_usd,
        };
        let worth = i128::from(size_usd) + gain;
        if worth <= 0 {
            let pnl = self.gross_pnl_usd;
            return Err(DecodeError::invalid(format!("a profit of {pnl} micro-dollars cannot come of a {} of {size_usd}", side.as_str())));
        }
        units(&Decimal::new(wide(worth), USD_DECIMALS), price)
    }
}

/// `usd / price`.
fn units(usd: &Decimal, price: &Decimal) -> Result<Decimal, DecodeError> {
    Ok(usd.div(price, UNIT_DECIMALS)?)
}

/// A number of six decimals.
pub(crate) fn micro(number: u64) -> Decimal {
    Decimal::new(wide(number), USD_DECIMALS)
}

fn signed(side: PositionSide, qty: Decimal) -> Amount {
    let qty = match side {
        PositionSide::Long => qty,
        PositionSide::Short => qty.neg(),
    };
    Amount::decimals(qty.value, UNIT_DECIMALS)
}
