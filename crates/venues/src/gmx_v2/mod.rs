//! GMX v2 on Arbitrum: users trade against liquidity pools at the oracle's price, with price impact and adaptive funding.
//!
//! Every event comes from one contract, the EventEmitter, in a key-value envelope. It emits far more than trades (oracle
//! updates, swaps, liquidity), so the stream asks for named events only and cannot see unknown ones.
//!
//! A transaction is read whole before anything is made of it: fees stand before their position event, the mark of an
//! auto-deleveraging order after it, and a funding rate between the payments of the paying and the receiving side before
//! it and the seconds it covers after it.
//!
//! Quantities are in the index token's decimals and prices in dollars times 10^30 per smallest unit; the decimals stand in
//! the market's row; they are read from the index token at the market's creation, where it is a contract. Most are not.

mod event_data;
mod funding;
mod layout;
mod log;
mod trade;

use perpdex_core::{
    ChainId, DecodeUnit, Decoded, Deployment, EventBody, RawBody, RawRecord, StateCall, StreamSpec, Venue, VenueInfo, VenueModel, VenueSlug,
};

use crate::{
    emit::{Emitter, evm_streams},
    erc20,
    hex_texts::HexTexts,
};
#[cfg(any(test, feature = "oracle"))]
pub(crate) use event_data::oracle;
use log::Log;

/// The decoder.
pub(crate) static GMX_V2: GmxV2 = GmxV2;

/// Decoder of the EventEmitter.
#[derive(Debug)]
pub(crate) struct GmxV2;

const SLUG: VenueSlug = VenueSlug::known("gmx_v2");

/// Decimals of dollar values and factors, and of prices per smallest unit of a token.
const USD_DECIMALS: u8 = 30;

static INFO: VenueInfo = VenueInfo {
    slug: SLUG,
    group: "gmx_v2",
    name: "GMX v2",
    model: VenueModel::Pool,
    deployments: &[Deployment {
        chain: ChainId::ARBITRUM,
        address: "0xc8ee91a54287db53897056e12d9819156d3822fb",
        first_height: Some(107_737_756),
        source: "gmx-io/gmx-synthetics, deployments/arbitrum/EventEmitter.json",
    }],
    layout: "abi/gmx_v2/events.json",
    events: &layout::SPECS,
    gives: &["trades", "liquidations", "funding", "borrow", "oi", "prices"],
    unverified: &[
        "before the release of July 2025 there is no Funding event: funding rates begin there, payments do not",
        "funding received in a token other than the position's collateral carries no price",
        "symbol and decimals of a synthetic market created after August 2026 stand on no chain and need a row of your own",
    ],
};

impl Venue for GmxV2 {
    fn info(&self) -> &'static VenueInfo {
        &INFO
    }

    fn streams(&self, chain: ChainId) -> Vec<StreamSpec> {
        let names = layout::WATCHED.iter().map(|name| layout::hash(name)).collect();
        evm_streams(&INFO, chain, [layout::ENVELOPES.to_vec(), names, Vec::new(), Vec::new()])
    }

    /// Symbol and decimals of the index token of a new market; the made-up ones of synthetic markets answer nothing.
    fn state_calls(&self, unit: &DecodeUnit<'_>) -> Vec<StateCall> {
        let created = unit.records.iter().filter_map(|record| match &record.body {
            RawBody::EvmLog(log) if log.topics.get(1) == Some(&*layout::MARKET_CREATED) => log::parse("MarketCreated", &log.data).ok()?,
            _ => None,
        });
        let tokens = created.filter_map(|log| match log {
            Log::MarketCreated(created) => created.index_token,
            _ => None,
        });
        tokens.flat_map(erc20::calls).collect()
    }

    fn decode(&self, unit: &DecodeUnit<'_>) -> Decoded {
        let mut emitter = Emitter::new(unit, SLUG);
        let logs = read(&mut emitter, unit.records);
        let mut texts = HexTexts::default();
        for at in 0..logs.len() {
            if let Err((name, error)) = emit(&mut emitter, &mut texts, unit, &logs, at) {
                emitter.failure(&unit.records[at], name, error);
            }
        }
        emitter.finish()
    }
}

/// Reads all records of the transaction; `None` stands for what failed, is unknown or is ignored.
fn read(emitter: &mut Emitter<'_>, records: &[RawRecord]) -> Vec<Option<Log>> {
    let mut read_one = |record| {
        let (log, topic0) = emitter.log(record)?;
        let name = log.topics.get(1).and_then(|hash| layout::name(*hash));
        match (layout::ENVELOPES.contains(&topic0), name) {
            (true, Some(name)) => log::parse(name, &log.data).unwrap_or_else(|error| {
                emitter.failure(record, name, error);
                None
            }),
            _ => {
                emitter.unknown(record, format!("topics {topic0} and {:?} are not in {}", log.topics.get(1), INFO.layout));
                None
            }
        }
    };
    records.iter().map(&mut read_one).collect()
}

/// Emits the events of one record, given all of its transaction.
fn emit(
    emitter: &mut Emitter<'_>,
    texts: &mut HexTexts,
    unit: &DecodeUnit<'_>,
    logs: &[Option<Log>],
    at: usize,
) -> Result<(), (&'static str, crate::emit::DecodeError)> {
    let record = &unit.records[at];
    match &logs[at] {
        Some(Log::Position(position)) => {
            if let Some(fill) = trade::fill(position, logs, texts).map_err(|error| (position.name(), error))? {
                emitter.event(record, Some(texts.address(position.market)), EventBody::Fill(fill));
            }
            emitter.event(record, Some(texts.address(position.market)), EventBody::Price(trade::oracle_price(position)));
        }
        Some(Log::Fees(fees)) => {
            for payment in trade::paid(fees, logs, texts) {
                emitter.event(record, Some(texts.address(fees.market)), EventBody::FundingPayment(payment));
            }
        }
        Some(Log::ClaimableFunding(claimable)) => {
            if let Some(payment) = trade::received(claimable, &logs[at..], texts) {
                emitter.event(record, Some(texts.address(claimable.market)), EventBody::FundingPayment(payment));
            }
        }
        Some(Log::OpenInterest(level)) => {
            let neighbour = |i: usize| logs.get(i).and_then(Option::as_ref);
            if let Some(anchor) = trade::anchor(level, at.checked_sub(1).and_then(neighbour), neighbour(at + 1), texts) {
                emitter.event(record, Some(texts.address(level.market)), EventBody::OiAnchor(anchor));
            }
        }
        Some(Log::Funding(update)) => {
            if let Some(rate) = funding::rate(update, logs, at, unit.time_ms).map_err(|error| ("Funding", error))? {
                emitter.event(record, Some(texts.address(update.market)), EventBody::FundingRate(rate));
            }
        }
        Some(Log::CumulativeBorrowing(update)) => {
            emitter.event(record, Some(texts.address(update.market)), EventBody::FundingIndex(funding::borrow_index(update)));
        }
        Some(Log::MarketCreated(created)) => {
            if let Some(listed) = trade::listed(created, unit, texts) {
                emitter.event(record, Some(texts.address(created.market)), EventBody::MarketListed(listed));
            }
        }
        Some(Log::PerSize(_) | Log::Borrowing(_) | Log::OrderExecuted(_)) | None => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests;
