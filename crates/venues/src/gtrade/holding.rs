//! What holding costs, levels of open interest, and listings.

use alloy_primitives::I256;
use perpdex_core::{
    Amount, Basis, Decimal, FundingIndex, FundingKind, FundingPayment, IndexBasis, MarketListed, OiAnchor, OiBasis, PositionSide,
    TokenAmount,
};

use super::{
    collateral::{COLLATERALS, Collateral, amount},
    log::{Accumulated, Held, Level, Listed, Log, Pair},
    trade,
};
use crate::emit::DecodeError;

/// Decimals of the accumulators, with two more since they count percent.
const ACCUMULATOR_DECIMALS: u8 = 22;

/// Both sides' values of an accumulator: quote per unit of size. `None` without the pair's price in the transaction; the next
/// value covers the time until then.
pub(super) fn indexes(update: &Accumulated, kind: FundingKind, logs: &[Option<Log>]) -> Option<[FundingIndex; 2]> {
    let price = pair_price(update.pair, logs)?;
    let index = |side, value| FundingIndex {
        kind,
        side: Some(side),
        value: Decimal::new(value, ACCUMULATOR_DECIMALS),
        basis: IndexBasis::QuotePerUnit { price },
        is_reset: false,
    };
    Some([index(PositionSide::Long, update.long), index(PositionSide::Short, update.short)])
}

/// The price of a pair that a transaction tells.
fn pair_price(pair: Pair, logs: &[Option<Log>]) -> Option<Decimal> {
    let price = logs.iter().flatten().find_map(|log| match log {
        Log::PairPrice(of, price) if of.index == pair.index => Some(*price),
        Log::Executed(trade) if trade.pair.index == pair.index => trade.oracle_price,
        Log::Resized(trade) if trade.pair.index == pair.index => trade.oracle_price,
        _ => None,
    });
    price.filter(|price| !price.is_zero())
}

/// What a position paid or was paid; zeros are left out.
pub(super) fn payments(held: &Held, logs: &[Option<Log>]) -> Result<Vec<FundingPayment>, DecodeError> {
    let collateral = Collateral::of(held.collateral)?;
    let side = trade::trade_of(held.id, logs).map(|of| of.side);
    let price = trade::collateral_price(held.collateral, logs);
    let due = [(FundingKind::Funding, held.funding), (FundingKind::Borrow, held.borrowing)];
    let payment = |(kind, paid): (FundingKind, I256)| {
        let native = paid.checked_neg().ok_or_else(|| DecodeError::invalid(format!("a fee of {paid} has no negation")))?;
        Ok(FundingPayment {
            account: crate::abi::hex(held.id.user),
            position_key: held.id.key(),
            side,
            kind,
            amount: TokenAmount { native, token: collateral.token.into() },
            token_price_usd: price.map(|price| collateral.unit_usd(&price)),
            size: None,
            interval_end_ms: None,
        })
    };
    due.into_iter().filter(|(_, paid)| !paid.is_zero()).map(payment).collect()
}

/// The level that an event states. Tokens are units of the asset only where the collateral is a dollar; of other levels the
/// dollars are told, at the collateral's price in the transaction. That such a side is empty is no quantity, either: the next
/// change of it states none, and the zero would stand as if nothing had been opened since.
pub(super) fn anchor(level: &Level, logs: &[Option<Log>]) -> Result<OiAnchor, DecodeError> {
    let collateral = Collateral::of(level.pair.collateral)?;
    let price = if collateral.is_dollar { Some(Decimal::from(1)) } else { trade::collateral_price(level.pair.collateral, logs) };
    let quantity = |side: usize| level.tokens.as_ref().filter(|_| collateral.is_dollar).map(|tokens| amount(tokens[side]));
    let entry = |side: usize| -> Result<Option<Amount>, DecodeError> {
        Ok(price.map(|price| level.size[side].mul(&price)).transpose()?.map(amount))
    };
    Ok(OiAnchor { collateral_token: None, long: quantity(0), short: quantity(1), long_entry_usd: entry(0)?, short_entry_usd: entry(1)? })
}

/// A new pair, as a market in each collateral.
pub(super) fn listings(listed: &Listed) -> impl Iterator<Item = (Pair, MarketListed)> {
    let market = |collateral: &Collateral| MarketListed {
        symbol: Some(listed.symbol.clone()),
        index_token: None,
        native_qty_decimals: Some(super::log::TOKEN_DECIMALS),
        // Profit is the price's relative change in collateral, whatever the price is quoted in.
        quote: "USD".to_owned(),
        collateral_tokens: vec![collateral.token.into()],
        oi_basis: if collateral.is_dollar { OiBasis::Qty } else { OiBasis::EntryCollateral },
        volume_basis: Basis::Entry,
        // Quantities that move with the collateral's price do not add up to a level.
        is_creation: collateral.is_dollar,
    };
    COLLATERALS.iter().map(move |collateral| (Pair { index: listed.pair, collateral: collateral.index }, market(collateral)))
}
