//! dYdX Perpetual v1 on Ethereum, 2020 to 2021: three isolated markets whose orders were matched off chain and settled by
//! `LogTrade`, which states both sides' positions after it.
//!
//! A liquidation hands the position to a third party at the price its margin bears: a takeover, not volume. WETH-PUSD is
//! inverse: its positions count dollars against ether, so that a long of the contract is a short of ether; they are kept in
//! contracts of one dollar with the sides swapped. Source: dydxprotocol/perpetual, `contracts/protocol/v1`.

mod contracts;
mod layout;
mod log;
mod trade;

use alloy_primitives::I256;
use perpdex_core::{
    Amount, ChainId, CollateralFlow, Decimal, DecodeUnit, Decoded, EventBody, FlowDirection, FlowScope, FundingIndex, FundingKind,
    FundingPayment, IndexBasis, RawRecord, StreamSpec, Text, TokenAmount, Venue, VenueInfo, VenueModel, VenueSlug,
};

use crate::{
    abi::hex,
    emit::{DecodeError, Emitter, evm_streams, specs},
    signed::position_side,
};
use contracts::{Contract, Market};
use log::{Balance, Moved, Said, Settled};

/// The decoder.
pub(crate) static DYDX_V1: DydxV1 = DydxV1;

/// Decoder of the perpetuals and of the contracts that check their trades.
#[derive(Debug)]
pub(crate) struct DydxV1;

const SLUG: VenueSlug = VenueSlug::known("dydx_v1");

/// Decimals of indexes and of prices in smallest units.
const BASE: u8 = 18;
/// Digits of quotients that are not whole.
const QUOTIENT: u8 = 18;

static INFO: VenueInfo = VenueInfo {
    slug: SLUG,
    group: "dydx_v1",
    name: "dYdX Perpetual v1",
    model: VenueModel::Book,
    deployments: &contracts::DEPLOYMENTS,
    layout: "abi/dydx_v1/perpetual.json",
    events: &specs(layout::LAYOUT),
    gives: &["trades", "liquidations", "funding", "oi", "flows"],
    unverified: &[
        "no trade of this venue was at hand: LogTrade and the events beside it are decoded by the published source; recorded are one LogAccountSettled, one LogDeposit and two of configuration",
        "whether users were matched through an account of the venue is not known: an account that buys and sells the same in one transaction is taken for such a one, and counts as taker once",
        "an index in a transaction without a trade has no price and is passed over; the next one holds its growth",
        "a position that leaves after the final settlement without a funding settlement in its transaction stays in open interest",
    ],
};

impl Venue for DydxV1 {
    fn info(&self) -> &'static VenueInfo {
        &INFO
    }

    fn streams(&self, chain: ChainId) -> Vec<StreamSpec> {
        evm_streams(&INFO, chain, Default::default())
    }

    fn decode(&self, unit: &DecodeUnit<'_>) -> Decoded {
        let mut emitter = Emitter::new(unit, SLUG);
        let logs = read_all(&mut emitter, unit.records);
        for at in 0..logs.len() {
            if let Err(error) = emit(&mut emitter, &logs, at) {
                emitter.failure(logs[at].record, logs[at].name, error);
            }
        }
        emitter.finish()
    }
}

/// One log of the transaction.
struct Log<'a> {
    record: &'a RawRecord,
    name: &'static str,
    contract: &'static Contract,
    said: Said,
}

fn read_all<'a>(emitter: &mut Emitter<'_>, records: &'a [RawRecord]) -> Vec<Log<'a>> {
    let mut logs = Vec::with_capacity(records.len());
    for record in records {
        let Some((log, topic0)) = emitter.log(record) else { continue };
        let Some(known) = layout::LAYOUT.iter().find(|event| event.topic0 == topic0) else {
            emitter.unknown(record, format!("topic {topic0} is not in {}", INFO.layout));
            continue;
        };
        let Some(contract) = contracts::find(&hex(log.address)) else {
            emitter.unknown(record, format!("{} is no contract of the venue", log.address));
            continue;
        };
        match log::read(log, topic0) {
            Ok(said) => logs.push(Log { record, name: known.spec.name, contract, said }),
            Err(error) => emitter.failure(record, known.spec.name, error),
        }
    }
    logs
}

/// Emits what comes of one log of the transaction.
fn emit(emitter: &mut Emitter<'_>, logs: &[Log<'_>], at: usize) -> Result<(), DecodeError> {
    let Log { record, contract, said, .. } = &logs[at];
    let market = contract.market;
    let key = || Some(market.key.to_owned());
    match said {
        Said::Trade(_) => {
            for fill in trade::legs(logs, at)? {
                emitter.event(record, key().map(Into::into), EventBody::Fill(Box::new(fill)));
            }
        }
        Said::Index(value) => {
            if let Some(quote_per_unit) = quote_per_unit(logs, market)? {
                emitter.event(record, key().map(Into::into), EventBody::FundingIndex(index(*value, quote_per_unit, market)));
            }
        }
        Said::Settled(settled) if !settled.amount.is_zero() => {
            let price = margin_price_usd(logs, market)?;
            emitter.event(record, key().map(Into::into), EventBody::FundingPayment(payment(settled, price, market)));
        }
        Said::Deposit(moved) => flow(emitter, record, market, moved, FlowDirection::In),
        Said::Withdraw(moved) => flow(emitter, record, market, moved, FlowDirection::Out),
        Said::WithdrawFinal(moved) => {
            if let Some(fill) = trade::settlement(logs, at, moved)? {
                emitter.event(record, key().map(Into::into), EventBody::Fill(Box::new(fill)));
            }
            flow(emitter, record, market, moved, FlowDirection::Out);
        }
        Said::Settled(_) | Said::OrderFilled(_) | Said::Forced(_) | Said::Nothing => {}
    }
    Ok(())
}

/// The index in margin tokens a position unit. It grows as longs of the contract pay.
fn index(value: I256, quote_per_unit: Decimal, market: &Market) -> FundingIndex {
    FundingIndex {
        kind: FundingKind::Funding,
        side: None,
        value: Decimal::new(market.sided(value), market.price_scale()),
        basis: IndexBasis::QuotePerUnit { price: quote_per_unit },
        is_reset: false,
    }
}

/// `LogAccountSettled`: what the account received or paid since its last event.
fn payment(settled: &Settled, margin_price_usd: Option<Decimal>, market: &Market) -> FundingPayment {
    let position = market.sided(settled.balance.position);
    FundingPayment {
        account: settled.account.clone(),
        position_key: position_key(market, &settled.account),
        side: (!position.is_zero()).then(|| position_side(position)),
        kind: FundingKind::Funding,
        amount: TokenAmount { native: settled.amount, token: market.margin_token.into() },
        token_price_usd: margin_price_usd,
        size: Some(Amount::decimals(position, market.position_decimals)),
        interval_end_ms: None,
    }
}

/// Margin of an account; a deposit of nothing only settles funding.
fn flow(emitter: &mut Emitter<'_>, record: &RawRecord, market: &Market, moved: &Moved, direction: FlowDirection) {
    if moved.amount.is_zero() {
        return;
    }
    let flow = CollateralFlow {
        account: moved.account.clone(),
        scope: FlowScope::Margin,
        direction,
        amount: TokenAmount { native: moved.amount, token: market.margin_token.into() },
        fee_native: None,
    };
    emitter.event(record, None, EventBody::CollateralFlow(flow));
}

/// Margin tokens a position unit at this transaction: the oracle's where a forced trade names it, else that of an order.
fn quote_per_unit(logs: &[Log<'_>], market: &Market) -> Result<Option<Decimal>, DecodeError> {
    let of_market = || logs.iter().filter(|log| log.contract.market == market);
    let oracle = of_market().find_map(|log| match log.said {
        Said::Forced(forced) => Some(Decimal::new(forced.oracle_price, market.price_scale())),
        _ => None,
    });
    let order = of_market().find_map(|log| match log.said {
        Said::OrderFilled(filled) => Some(filled.price),
        _ => None,
    });
    Ok(match (oracle, order) {
        (Some(oracle), _) => Some(oracle).filter(|price| !price.is_zero()),
        (None, Some(price)) if price.is_zero() => None,
        (None, Some(price)) if market.is_inverse => {
            Some(Decimal::from(1).div(&Decimal::new(price, market.inverse_price_scale()), market.price_scale())?)
        }
        (None, price) => price.map(|price| Decimal::new(price, market.price_scale())),
    })
}

/// Dollars for one smallest unit of the margin, where it is not a dollar token and the transaction has a price.
fn margin_price_usd(logs: &[Log<'_>], market: &Market) -> Result<Option<Decimal>, DecodeError> {
    if !market.is_inverse {
        return Ok(None);
    }
    let Some(quote_per_unit) = quote_per_unit(logs, market)? else { return Ok(None) };
    let usd = Decimal::from(1).div(&quote_per_unit, QUOTIENT)?;
    Ok(Some(Decimal::new(usd.value, usd.scale + market.margin_decimals)))
}

fn position_key(market: &Market, account: &str) -> Text {
    format!("{}/{account}", market.key).into()
}

/// The balance that a funding settlement of the account states before a log of the transaction.
fn settled_before(logs: &[Log<'_>], at: usize, account: &str) -> Option<Balance> {
    let market = logs[at].contract.market;
    logs[..at].iter().rev().find_map(|log| match &log.said {
        Said::Settled(settled) if log.contract.market == market && settled.account == account => Some(settled.balance),
        _ => None,
    })
}

impl Market {
    /// Digits behind the point of prices and indexes in margin units a position unit, times 10^18, as margin tokens a unit.
    fn price_scale(&self) -> u8 {
        BASE + self.margin_decimals - self.position_decimals
    }

    /// The same for prices in position units a margin unit.
    fn inverse_price_scale(&self) -> u8 {
        BASE + self.position_decimals - self.margin_decimals
    }

    /// A position of the contract as one of the asset.
    fn sided(&self, position: I256) -> I256 {
        if self.is_inverse { -position } else { position }
    }
}
