//! gTrade (Gains Network) on Arbitrum: users trade pairs against vaults, in one of several collaterals; one diamond contract
//! emits everything.
//!
//! A trade is a position of its own, named by its owner and a number. Its size is collateral times leverage, in "tokens" that size
//! over the entry price. A market is a pair in one collateral. In August 2025 (v10) the contracts were replaced: events kept their
//! names and changed their bodies, open interest came to be counted in tokens, and funding began. Positions of before live on
//! under the new contracts, which count their open interest apart: they are a market of their own, `<pair>/<collateral>/v9`.
//!
//! A transaction is read whole: fees, the size left and the level stand before the trade they belong to.

mod collateral;
mod holding;
mod layout;
mod log;
mod trade;

use alloy_primitives::I256;
use perpdex_core::{
    ChainId, DecodeUnit, Decoded, Deployment, EventBody, FundingKind, PositionSide, RawRecord, StreamSpec, Text, Venue, VenueInfo,
    VenueModel, VenueSlug,
};

use crate::emit::{DecodeError, Emitter, evm_streams, specs};
use log::{Generation, Held, Log, Pair};

/// The decoder.
pub(crate) static GTRADE: Gtrade = Gtrade;

/// Decoder of the diamond.
#[derive(Debug)]
pub(crate) struct Gtrade;

const SLUG: VenueSlug = VenueSlug::known("gtrade");

/// From here on a new pair is traded under v10 alone (GainsNetwork-org/gtrade-stats-subgraph, config/arbitrum.json).
const V10_HEIGHT: u64 = 364_917_633;

static INFO: VenueInfo = VenueInfo {
    slug: SLUG,
    group: "gtrade",
    name: "gTrade",
    model: VenueModel::Pool,
    deployments: &[Deployment {
        chain: ChainId::ARBITRUM,
        address: "0xff162c694eaa571f685030649814282ea457f169",
        first_height: None,
        source: "docs.gains.trade, contract addresses; GainsNetwork-org/sdk, src/contracts/addresses.json",
    }],
    layout: "abi/gtrade/events.json",
    events: &specs(layout::LAYOUT),
    gives: &["trades", "liquidations", "funding", "borrow", "oi", "prices"],
    unverified: &[
        "the block of the diamond's creation is not known: the venue's own subgraph begins at 226391391",
        "bodies of partial changes of before late July 2024 have other selectors: such logs are kept and counted as unknown",
        "trading fees of trades opened or closed whole before v10 are told in parts that are not added up",
        "sizes in WETH and GNS move with the collateral's price: their markets have volume, but no open interest in units of the asset",
        "no log of before v10 was at hand: that layout is the published ABI, and sizes follow from entry prices",
        "fees settled in a transaction that names no pair wait until their market is known",
    ],
};

impl Venue for Gtrade {
    fn info(&self) -> &'static VenueInfo {
        &INFO
    }

    fn streams(&self, chain: ChainId) -> Vec<StreamSpec> {
        evm_streams(&INFO, chain, Default::default())
    }

    fn decode(&self, unit: &DecodeUnit<'_>) -> Decoded {
        let mut emitter = Emitter::new(unit, SLUG);
        let (names, logs) = read(&mut emitter, unit.records);
        for (at, record) in unit.records.iter().enumerate() {
            if let Err(error) = emit(&mut emitter, record, &logs, at) {
                emitter.failure(record, names[at], error);
            }
        }
        emitter.finish()
    }
}

/// Reads all records of the transaction; no log stands for what failed, is unknown or is ignored.
fn read(emitter: &mut Emitter<'_>, records: &[RawRecord]) -> (Vec<&'static str>, Vec<Option<Log>>) {
    let mut read_one = |record| {
        let Some((log, topic0)) = emitter.log(record) else { return ("", None) };
        let Some(known) = layout::LAYOUT.iter().find(|event| event.topic0 == topic0) else {
            emitter.unknown(record, format!("topic {topic0} is not in {}", INFO.layout));
            return ("", None);
        };
        let parsed = log::parse(topic0, log).unwrap_or_else(|error| {
            emitter.failure(record, known.spec.name, error);
            None
        });
        (known.spec.name, parsed)
    };
    records.iter().map(&mut read_one).unzip()
}

/// Emits the events of one record, given all of its transaction.
fn emit(emitter: &mut Emitter<'_>, record: &RawRecord, logs: &[Option<Log>], at: usize) -> Result<(), DecodeError> {
    let Some(log) = &logs[at] else { return Ok(()) };
    match log {
        Log::Executed(trade) => {
            let market = market(trade.pair, generation(trade.pair, trade.side, trade.generation, &logs[..at]));
            let fill = trade::executed(trade, record, &logs[..at])?;
            emitter.event(record, Some(market.clone()), EventBody::Fill(Box::new(fill)));
            if let Some(price) = trade::oracle(trade.oracle_price) {
                emitter.event(record, Some(market), EventBody::Price(price));
            }
        }
        Log::Resized(trade) => {
            let market = market(trade.pair, generation(trade.pair, trade.side, trade.generation, &logs[..at]));
            let fill = trade::resized(trade, record, &logs[..at])?;
            emitter.event(record, Some(market.clone()), EventBody::Fill(Box::new(fill)));
            if let Some(price) = trade::oracle(trade.oracle_price) {
                emitter.event(record, Some(market), EventBody::Price(price));
            }
        }
        Log::Level(level) => {
            let anchor = holding::anchor(level, logs)?;
            emitter.event(record, Some(market(level.pair, level.generation)), EventBody::OiAnchor(anchor));
        }
        Log::Funding(update) => accumulated(emitter, record, (update, FundingKind::Funding), logs),
        Log::Borrowing(update) => accumulated(emitter, record, (update, FundingKind::Borrow), logs),
        Log::Held(held) => settled(emitter, record, held, logs)?,
        Log::Borrowed(user, collateral, borrowing) => {
            let Some(id) = trade::trade_in(*user, *collateral, logs) else {
                return Err(DecodeError::invalid("no trade of its account stands beside it".to_owned()));
            };
            let held = Held { id, collateral: *collateral, funding: I256::ZERO, borrowing: *borrowing };
            settled(emitter, record, &held, logs)?;
        }
        Log::Listed(listed) => {
            let generations: &[Generation] =
                if record.height < V10_HEIGHT { &[Generation::V9, Generation::V10] } else { &[Generation::V10] };
            for generation in generations {
                for (pair, listed) in holding::listings(listed) {
                    emitter.event(record, Some(market(pair, *generation)), EventBody::MarketListed(listed));
                }
            }
        }
        Log::Position(_) | Log::Fees(_) | Log::PairPrice(..) => {}
    }
    Ok(())
}

fn settled(emitter: &mut Emitter<'_>, record: &RawRecord, held: &Held, logs: &[Option<Log>]) -> Result<(), DecodeError> {
    let of = trade::trade_of(held.id, logs);
    let market = of.map(|of| market(of.pair, generation(of.pair, of.side, of.generation, &logs[..of.at])));
    for payment in holding::payments(held, logs)? {
        emitter.event(record, market.clone(), EventBody::FundingPayment(payment));
    }
    Ok(())
}

fn accumulated(emitter: &mut Emitter<'_>, record: &RawRecord, (update, kind): (&log::Accumulated, FundingKind), logs: &[Option<Log>]) {
    for index in holding::indexes(update, kind, logs).into_iter().flatten() {
        emitter.event(record, Some(market(update.pair, Generation::V10)), EventBody::FundingIndex(index));
    }
}

/// The market of a pair: one for each collateral, and one more for the positions of before v10.
fn market(pair: Pair, generation: Generation) -> Text {
    let Pair { index, collateral } = pair;
    match generation {
        Generation::V10 => format!("{index}/{collateral}").into(),
        Generation::V9 => format!("{index}/{collateral}/v9").into(),
    }
}

/// Which positions a trade is of: under v10, the level that it changes tells, which stands before it. One transaction may hold trades of
/// both.
fn generation(pair: Pair, side: PositionSide, told: Generation, before: &[Option<Log>]) -> Generation {
    let level = before.iter().rev().flatten().find_map(|log| match log {
        Log::Level(level) if (level.pair, level.side) == (pair, side) => Some(level.generation),
        _ => None,
    });
    level.filter(|_| told == Generation::V10).unwrap_or(told)
}

#[cfg(test)]
mod tests;
