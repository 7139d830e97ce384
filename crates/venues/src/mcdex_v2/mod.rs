//! MCDEX v2 (Mai protocol v2) on Ethereum, 2020 to 2021: an order book and an AMM that both settle in one perpetual
//! contract a market.
//!
//! An execution is two accounts' states, then the same trade told twice, once for each side. A liquidation is two states and
//! a word of its own: the keeper takes the position over at the mark price, which is no volume. ETH-PERP is inverse: its
//! contracts count dollars against ether, and are kept as contracts of one dollar with the sides swapped.
//! Source: mcdexio/mai-protocol-v2, `Perpetual.sol`, `MarginAccount.sol`, `AMM.sol`.

mod contracts;
mod layout;
mod log;
mod trade;

use alloy_primitives::I256;
use perpdex_core::{
    Amount, ChainId, CollateralFlow, Decimal, DecodeUnit, Decoded, EventBody, FlowDirection, FlowScope, FundingIndex, FundingKind,
    IndexBasis, OiAnchor, Price, PriceKind, RawRecord, StreamSpec, TokenAmount, Venue, VenueInfo, VenueModel, VenueSlug,
};

use crate::{
    abi::hex,
    emit::{DecodeError, Emitter, evm_streams, specs},
};
use contracts::Market;
use log::{Funding, Moved, Said};
use trade::Open;

/// The decoder.
pub(crate) static MCDEX_V2: McdexV2 = McdexV2;

/// Decoder of the perpetuals and their AMMs.
#[derive(Debug)]
pub(crate) struct McdexV2;

const SLUG: VenueSlug = VenueSlug::known("mcdex_v2");

/// Decimals of everything.
const DECIMALS: u8 = 18;

static INFO: VenueInfo = VenueInfo {
    slug: SLUG,
    group: "mcdex_v2",
    name: "MCDEX v2",
    model: VenueModel::Amm,
    deployments: &contracts::DEPLOYMENTS,
    layout: "abi/mcdex_v2/contracts.json",
    events: &specs(layout::LAYOUT),
    gives: &["trades", "liquidations", "funding", "oi", "flows", "prices"],
    unverified: &[
        "no log was at hand: the layout is that of the published source",
        "prices of the markets other than ETH-PERP are taken for dollars; their collateral token is not known and has no dollar value",
        "fees move margin without a word of what they are: none is stated",
        "positions that are settled after the end of a market stay in open interest: the settlement does not tell their side",
        "a whole liquidation that leaves its keeper with nothing, too, does not tell its side: it is refused and kept",
    ],
};

impl Venue for McdexV2 {
    fn info(&self) -> &'static VenueInfo {
        &INFO
    }

    fn streams(&self, chain: ChainId) -> Vec<StreamSpec> {
        evm_streams(&INFO, chain, Default::default())
    }

    fn decode(&self, unit: &DecodeUnit<'_>) -> Decoded {
        let mut emitter = Emitter::new(unit, SLUG);
        // What each market has said and not used yet.
        let mut open: Vec<(&'static Market, Open)> = Vec::new();
        for record in unit.records {
            let Some((log, topic0)) = emitter.log(record) else { continue };
            let Some(known) = layout::LAYOUT.iter().find(|event| event.topic0 == topic0) else {
                emitter.unknown(record, format!("topic {topic0} is not in {}", INFO.layout));
                continue;
            };
            let Some(market) = contracts::find(&hex(log.address)) else {
                emitter.unknown(record, format!("{} is no contract of the venue", log.address));
                continue;
            };
            let at = open.iter().position(|(of, _)| *of == market).unwrap_or_else(|| {
                open.push((market, Open::default()));
                open.len() - 1
            });
            let done = log::read(log, topic0).and_then(|said| emit(&mut emitter, record, market, &mut open[at].1, said));
            if let Err(error) = done {
                emitter.failure(record, known.spec.name, error);
            }
        }
        emitter.finish()
    }
}

/// Emits what comes of one log.
fn emit(emitter: &mut Emitter<'_>, record: &RawRecord, market: &'static Market, open: &mut Open, said: Said) -> Result<(), DecodeError> {
    let key = || Some(market.key.to_owned());
    match said {
        Said::Update(update) => open.push(update),
        Said::Trade(trade) => {
            let (fill, total) = open.trade(market, record, &trade)?;
            emitter.event(record, key().map(Into::into), EventBody::Fill(Box::new(fill)));
            anchor(emitter, record, market, total);
        }
        Said::Liquidate(liquidate) => {
            let (fills, total) = open.liquidate(market, record, &liquidate)?;
            fills.into_iter().for_each(|fill| emitter.event(record, key().map(Into::into), EventBody::Fill(Box::new(fill))));
            anchor(emitter, record, market, total);
        }
        Said::Funding(funding) if !funding.index_price.is_zero() => {
            emitter.event(record, key().map(Into::into), EventBody::FundingIndex(index(&funding, market)));
            if !market.is_inverse {
                let price = Price { kind: PriceKind::Index, price: Amount::decimals(funding.index_price, DECIMALS) };
                emitter.event(record, key().map(Into::into), EventBody::Price(price));
            }
        }
        Said::Deposit(moved) => flow(emitter, record, market, &moved, FlowDirection::In)?,
        Said::Withdraw(moved) => flow(emitter, record, market, &moved, FlowDirection::Out)?,
        Said::Funding(_) | Said::Nothing => {}
    }
    Ok(())
}

/// The level of both sides, which are equal behind every whole execution; `None` where it was not told.
fn anchor(emitter: &mut Emitter<'_>, record: &RawRecord, market: &Market, total: Option<I256>) {
    let Some(total) = total else { return };
    let level = Some(Amount::decimals(total, DECIMALS));
    let anchor = OiAnchor { collateral_token: None, long: level, short: level, long_entry_usd: None, short_entry_usd: None };
    emitter.event(record, Some(market.key.into()), EventBody::OiAnchor(anchor));
}

/// The index in collateral a contract. It grows as longs of the contract pay.
fn index(funding: &Funding, market: &Market) -> FundingIndex {
    FundingIndex {
        kind: FundingKind::Funding,
        side: None,
        value: Decimal::new(market.sided(funding.accumulated), DECIMALS),
        basis: IndexBasis::QuotePerUnit { price: Decimal::new(funding.index_price, DECIMALS) },
        is_reset: false,
    }
}

fn flow(
    emitter: &mut Emitter<'_>,
    record: &RawRecord,
    market: &Market,
    moved: &Moved,
    direction: FlowDirection,
) -> Result<(), DecodeError> {
    if moved.amount.is_negative() {
        return Err(DecodeError::invalid(format!("wadAmount {} is below zero", moved.amount)));
    }
    if moved.amount.is_zero() {
        return Ok(());
    }
    let flow = CollateralFlow {
        account: moved.trader.clone(),
        scope: FlowScope::Margin,
        direction,
        amount: TokenAmount { native: moved.amount, token: market.collateral.into() },
        fee_native: None,
    };
    emitter.event(record, None, EventBody::CollateralFlow(flow));
    Ok(())
}

impl Market {
    /// A position of the contract as one of the asset.
    fn sided(&self, position: I256) -> I256 {
        if self.is_inverse { -position } else { position }
    }
}
