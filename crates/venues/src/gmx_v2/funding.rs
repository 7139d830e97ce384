//! Funding rates and the borrowing index.
//!
//! A `Funding` event closes the interval since the market's previous one and gives the factor per second that the paying
//! side was charged. Who pays, and what the other side got, stand in the per-size events before it; how many seconds it
//! was, in the borrowing events behind it.

use alloy_primitives::{Address, I256};
use perpdex_core::{Decimal, FundingIndex, FundingKind, FundingRate, IndexBasis, Period, PositionSide};

use super::{
    USD_DECIMALS,
    log::{CumulativeBorrowing, Factor, Log, PerSize},
};
use crate::emit::DecodeError;

/// Digits of a quotient of per-size changes, rounded half to even.
const SHARE_DECIMALS: u8 = 30;

/// The rate of the interval that the `Funding` event at `at` closes. `None` where the transaction does not tell who paid,
/// which is so where no time passed.
pub(super) fn rate(update: &Factor, logs: &[Option<Log>], at: usize, time_ms: i64) -> Result<Option<FundingRate>, DecodeError> {
    let interval = Interval::of(update, logs, at);
    let seconds = interval.seconds();
    let is_first = interval.is_first;
    let costs = if update.per_second.is_zero() {
        if !interval.fees.is_empty() {
            return Err(DecodeError::invalid("fundingFactorPerSecond is 0 although a side was charged".to_owned()));
        }
        // Later updates of one transaction close an empty interval.
        is_first.then_some((Some(Decimal::ZERO), Some(Decimal::ZERO)))
    } else {
        costs(update, &interval)?
    };
    let Some((cost_long_1h, cost_short_1h)) = costs else { return Ok(None) };
    Ok(Some(FundingRate { kind: FundingKind::Funding, period: period(seconds, time_ms)?, cost_long_1h, cost_short_1h }))
}

/// The cumulative borrowing factor: a fraction of the position's entry notional.
pub(super) fn borrow_index(update: &CumulativeBorrowing) -> FundingIndex {
    FundingIndex {
        kind: FundingKind::Borrow,
        side: Some(update.side),
        value: Decimal::new(update.next_value, USD_DECIMALS),
        basis: IndexBasis::Fraction,
        is_reset: false,
    }
}

/// What the transaction says about one interval of one market.
struct Interval<'a> {
    /// Whether it is the market's first `Funding` event of the transaction.
    is_first: bool,
    /// Per-size charges above zero.
    fees: Vec<&'a PerSize>,
    /// Per-size receipts above zero.
    claims: Vec<&'a PerSize>,
    /// Borrowing: (change of the cumulative factor, factor per second) of each side.
    borrowing: Vec<(I256, I256)>,
}

impl<'a> Interval<'a> {
    fn of(update: &Factor, logs: &'a [Option<Log>], at: usize) -> Interval<'a> {
        let is_funding = |log: &Option<Log>| matches!(log, Some(Log::Funding(other)) if other.market == update.market);
        let previous = logs[..at].iter().rposition(is_funding);
        let end = logs[at + 1..].iter().position(is_funding).map_or(logs.len(), |i| at + 1 + i);
        let before = logs[previous.map_or(0, |i| i + 1)..at].iter().flatten();
        let per_size: Vec<&PerSize> = before
            .filter_map(|log| match log {
                Log::PerSize(change) if change.market == update.market && !change.delta.is_zero() => Some(change),
                _ => None,
            })
            .collect();
        let (claims, fees) = per_size.into_iter().partition(|change| change.is_claimable);
        Interval { is_first: previous.is_none(), fees, claims, borrowing: borrowing(update.market, &logs[at + 1..end]) }
    }

    /// Whole seconds of the interval: a change of the cumulative borrowing factor is its factor times the seconds.
    fn seconds(&self) -> Option<i64> {
        self.borrowing.iter().find_map(|(delta, per_second)| {
            let exact = !delta.is_zero() && !per_second.is_zero() && (*delta % *per_second).is_zero();
            if exact { i64::try_from(*delta / *per_second).ok() } else { None }
        })
    }
}

/// `Borrowing` names no side; it follows the `CumulativeBorrowingFactorUpdated` of its side.
fn borrowing(market: Address, logs: &[Option<Log>]) -> Vec<(I256, I256)> {
    let mut pairs = Vec::with_capacity(2);
    let mut delta = None;
    for log in logs.iter().flatten() {
        match log {
            Log::CumulativeBorrowing(update) if update.market == market => delta = Some(update.delta),
            Log::Borrowing(factor) if factor.market == market => pairs.extend(delta.take().map(|delta| (delta, factor.per_second))),
            _ => {}
        }
    }
    pairs
}

type Costs = (Option<Decimal>, Option<Decimal>);

/// Cost per hour of longs and of shorts; `None` where no side was charged.
fn costs(update: &Factor, interval: &Interval<'_>) -> Result<Option<Costs>, DecodeError> {
    let Some(first) = interval.fees.first() else { return Ok(None) };
    let payer = first.side;
    let one_sided = interval.fees.iter().all(|change| change.side == payer) && interval.claims.iter().all(|change| change.side != payer);
    if !one_sided {
        return Err(DecodeError::invalid("the per-size events charge and grant funding to the same side".to_owned()));
    }
    let paid = Decimal::new(update.per_second, USD_DECIMALS).mul(&Decimal::from(3_600))?;
    let received = match received_share(&interval.fees, &interval.claims)? {
        Some(share) => Some(paid.mul(&share)?.rescale(SHARE_DECIMALS)?.neg()),
        None => None,
    };
    Ok(Some(match payer {
        PositionSide::Long => (Some(paid), received),
        PositionSide::Short => (received, Some(paid)),
    }))
}

/// What one dollar of receiving size got of what one dollar of paying size paid: the sum over collateral tokens of
/// receipt / charge, each of which is the paying open interest in that collateral over the receiving open interest. `None`
/// without a receipt, or with one in a token in which nobody was charged.
fn received_share(fees: &[&PerSize], claims: &[&PerSize]) -> Result<Option<Decimal>, DecodeError> {
    if claims.is_empty() || claims.iter().any(|claim| !fees.iter().any(|fee| fee.collateral_token == claim.collateral_token)) {
        return Ok(None);
    }
    let mut tokens: Vec<Address> = claims.iter().map(|claim| claim.collateral_token).collect();
    tokens.sort_unstable();
    tokens.dedup();
    let mut share = Decimal::ZERO;
    for token in tokens {
        let (charged, n_fees) = total(fees, token)?;
        let (granted, n_claims) = total(claims, token)?;
        // Long and short token are the same: charge and receipt come in two halves under one key, and a receiver is
        // granted that key twice, once as long and once as short token.
        let halves = if n_fees > 1 || n_claims > 1 { 2 } else { 1 };
        let quotient = granted.mul(&Decimal::from(halves))?.div(&charged, SHARE_DECIMALS)?;
        share = share.add(&quotient)?;
    }
    Ok(Some(share))
}

fn total(changes: &[&PerSize], token: Address) -> Result<(Decimal, usize), DecodeError> {
    let of_token = || changes.iter().filter(|change| change.collateral_token == token);
    let mut sum = Decimal::ZERO;
    for change in of_token() {
        sum = sum.add(&Decimal::new(change.delta, 0))?;
    }
    Ok((sum, of_token().count()))
}

fn period(seconds: Option<i64>, time_ms: i64) -> Result<Period, DecodeError> {
    let Some(seconds) = seconds else { return Ok(Period::SincePrevious { end_ms: time_ms }) };
    let start_ms = seconds.checked_mul(1_000).and_then(|ms| time_ms.checked_sub(ms)).filter(|start_ms| *start_ms >= 0);
    let start_ms = start_ms.ok_or_else(|| DecodeError::invalid(format!("an interval of {seconds} seconds begins before time")))?;
    Ok(Period::Exact { start_ms, end_ms: time_ms })
}
