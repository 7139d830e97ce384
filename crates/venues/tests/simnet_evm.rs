//! The venues that only a wide world has on its EVM chains, decoded and reduced without a store: every hour of every market
//! and every hour's flows equal the world's ground truth, which was computed from traders' positions.

use std::collections::BTreeMap;

use alloy_primitives::{Address, I256};
use perpdex_core::{
    Basis, Catalog, ChainId, DecodeUnit, EventBody, EvmLog, OiBasis, RawBody, RawRecord, StateAt, StreamSpec, Venue, Watch, market_id,
};
use perpdex_reducer::{Expanded, MarketRow, Row, TokenRow, contributions, expand, flow_contribution};
use perpdex_simnet::chain::{EvmBlock, EvmChain};
use perpdex_simnet::truth::{Truth, TruthHour};
use perpdex_simnet::world::{World, WorldOptions};

/// Venues with the hourly trades that are hardly any, and whether the world keeps their levels.
const TRADING: &[(&str, i64, bool)] = &[("myx_v1", 40, true), ("level", 20, false), ("mcdex_v2", 10, true)];
/// Venues of which the chain shows what moves alone.
const CUSTODY: &[&str] = &["fx_v2", "lighter", "dydx_v3", "edgex"];

/// What is compared of an hour, in the order of [`truth_of`].
const FIGURES: [&str; 16] = [
    "trades",
    "volume_usd_e6",
    "exec_volume_usd_e6",
    "taker_buy_usd_e6",
    "taker_sell_usd_e6",
    "liq_rows",
    "liq_long_usd_e6",
    "liq_short_usd_e6",
    "adl_rows",
    "adl_usd_e6",
    "fees_usd_e6",
    "funding_received_usd_e6",
    "funding_charged_usd_e6",
    "borrow_charged_usd_e6",
    "long_q",
    "short_q",
];

/// Deposits and withdrawals: how many, smallest units, micro-dollars.
type Flows = BTreeMap<(String, i64), ([i64; 2], [I256; 2], [i64; 2])>;

/// What a venue's records come to.
#[derive(Default)]
struct Index {
    hours: BTreeMap<(String, i64), [i64; 16]>,
    flows: Flows,
    /// Rows by table, those of all zeros among them.
    rows: BTreeMap<&'static str, u64>,
    markets: BTreeMap<String, MarketRow>,
}

#[test]
fn venues_of_a_wide_world_equal_the_truth() {
    let world = World::build(&WorldOptions { hours: 2, events: 12_000, is_wide: true, ..WorldOptions::default() });
    let catalog = perpdex_venues::builtin_catalog();
    for (slug, trades_min, keeps_levels) in TRADING {
        let index = index(slug, &world, &catalog);
        let hours: Vec<&TruthHour> = world.truth.hours.iter().filter(|hour| hour.venue == *slug).collect();
        let sum = |figure: fn(&TruthHour) -> i64| hours.iter().map(|hour| figure(hour)).sum::<i64>();
        assert!(sum(|hour| hour.trades) > 2 * trades_min, "{slug}: hardly any trades");
        assert!(sum(|hour| hour.liq_long_usd_e6) > 0 && sum(|hour| hour.liq_short_usd_e6) > 0, "{slug}: nobody liquidated");
        assert_hours(slug, &index, &hours, *keeps_levels);
        assert_flows(slug, &index, &world.truth);
    }
    for slug in CUSTODY {
        let index = index(slug, &world, &catalog);
        assert!(index.hours.is_empty(), "{slug} trades on no chain");
        assert!(index.flows.values().any(|(counts, ..)| counts[0] > 5) && index.flows.values().any(|(counts, ..)| counts[1] > 0), "{slug}");
        assert_flows(slug, &index, &world.truth);
    }
}

fn assert_hours(slug: &str, index: &Index, hours: &[&TruthHour], keeps_levels: bool) {
    let figures_of = if keeps_levels { FIGURES.len() } else { FIGURES.len() - 2 };
    let mut level: BTreeMap<&str, [i64; 2]> = BTreeMap::new();
    for hour in hours {
        let mut figures = index.hours.get(&(hour.market.clone(), hour.hour_id)).copied().unwrap_or_default();
        let level = level.entry(&hour.market).or_default();
        *level = [level[0] + figures[14], level[1] + figures[15]];
        figures[14..].copy_from_slice(level);
        for ((name, have), want) in FIGURES.iter().zip(figures).zip(truth_of(hour)).take(figures_of) {
            assert_eq!(have, want, "{slug} {} hour {} {name}", hour.market, hour.hour_id);
        }
    }
    let known = |(market, hour_id): &(String, i64)| hours.iter().any(|hour| hour.market == *market && hour.hour_id == *hour_id);
    assert!(index.hours.keys().all(known), "{slug} trades where the truth knows nothing: {:?}", index.hours.keys());
}

fn assert_flows(slug: &str, index: &Index, truth: &Truth) {
    let of_truth = truth.flows.iter().filter(|flow| flow.venue == slug).map(|flow| {
        let native = [flow.deposits_native, flow.withdrawals_native].map(I256::from_raw);
        let sums = ([flow.deposits, flow.withdrawals], native, [flow.deposits_usd_e6, flow.withdrawals_usd_e6]);
        ((flow.token.clone(), flow.hour_id), sums)
    });
    assert_eq!(index.flows, of_truth.collect::<Flows>(), "{slug}");
    for (table, venues) in &truth.tables {
        let want: u64 = venues.iter().filter(|((_, venue), _)| *venue == slug).map(|(_, rows)| rows).sum();
        assert_eq!(index.rows.get(table).copied().unwrap_or_default(), want, "{slug}: rows of {table}");
    }
}

fn truth_of(hour: &TruthHour) -> [i64; 16] {
    [
        hour.trades,
        hour.volume_usd_e6,
        hour.exec_volume_usd_e6,
        hour.taker_buy_usd_e6,
        hour.taker_sell_usd_e6,
        hour.liq_rows,
        hour.liq_long_usd_e6,
        hour.liq_short_usd_e6,
        hour.adl_rows,
        hour.adl_usd_e6,
        hour.fees_usd_e6,
        hour.funding_received_usd_e6,
        hour.funding_charged_usd_e6,
        hour.borrow_charged_usd_e6,
        hour.long_q,
        hour.short_q,
    ]
}

/// All rows of a venue on the chain where it is deployed.
fn index(slug: &str, world: &World, catalog: &Catalog) -> Index {
    let venue = perpdex_venues::venue(slug).unwrap();
    let chains = [(ChainId::ARBITRUM, &world.arbitrum), (ChainId::BNB, &world.bnb), (ChainId::ETHEREUM, &world.ethereum)];
    let mut index = Index::default();
    for (id, chain) in chains {
        let streams = venue.streams(id);
        let [StreamSpec { watch: Watch::Evm(filters), .. }] = &streams[..] else { continue };
        let addresses: Vec<Address> = filters.iter().flat_map(|filter| filter.addresses.iter().copied()).collect();
        for block in &chain.blocks {
            index.block(venue, (id, chain), catalog, block, &addresses);
        }
    }
    index
}

impl Index {
    /// The transactions of a block, each of which is a unit.
    fn block(&mut self, venue: &dyn Venue, (id, chain): (ChainId, &EvmChain), catalog: &Catalog, block: &EvmBlock, watched: &[Address]) {
        let time_ms = block.timestamp_secs as i64 * 1_000;
        let logs: Vec<_> = (0_i64..).zip(&block.logs).filter(|(_, log)| watched.contains(&log.address)).collect();
        for logs in logs.chunk_by(|(_, a), (_, b)| a.tx_hash == b.tx_hash) {
            let tx_id = perpdex_core::Text::from(logs[0].1.tx_hash.to_string());
            let record = |rec: i64, body: RawBody| RawRecord {
                chain: id,
                height: block.number,
                rec,
                ord: rec,
                tx_id: tx_id.clone(),
                tx_index: None,
                time_ms,
                body,
            };
            let body = |log: &perpdex_simnet::chain::EvmLog| {
                let (address, topics, data) = (log.address, log.topics.clone(), log.data.clone());
                RawBody::EvmLog(EvmLog { address, topics, data, block_hash: block.hash })
            };
            let records: Vec<RawRecord> = logs.iter().map(|(rec, log)| record(*rec, body(log))).collect();
            let unit = DecodeUnit { chain: id, height: block.number, time_ms, tx_id: &tx_id, records: &records, state: &[] };
            let answered = |call: perpdex_core::StateCall| {
                assert_eq!(call.at, StateAt::Immutable, "the world's contracts answer the same at every height");
                let output = chain.views[&call.address][&call.calldata].clone();
                record(0, RawBody::StateRead { address: call.address, calldata: call.calldata, output })
            };
            let state: Vec<RawRecord> = venue.state_calls(&unit).into_iter().map(answered).collect();
            let decoded = venue.decode(&DecodeUnit { state: &state, ..unit });
            assert_eq!((&decoded.failures[..], &decoded.unknown[..]), (&[][..], &[][..]), "block {}", block.number);
            for event in &decoded.events {
                self.event(venue, id, catalog, event);
            }
        }
    }

    fn event(&mut self, venue: &dyn Venue, chain: ChainId, catalog: &Catalog, event: &perpdex_core::Event) {
        let row = event.market.as_ref().map(|key| {
            let row = self.markets.entry(key.to_string()).or_insert_with(|| market(venue, chain, catalog, key));
            if let EventBody::MarketListed(listed) = &event.body {
                let resolved = catalog.resolve(row.venue, listed.symbol.as_ref().expect("the token answers"));
                (row.qty_scale, row.multiplier) = (resolved.asset.qty_scale, resolved.multiplier);
                (row.qty_decimals, row.oi_basis, row.volume_basis) = (listed.native_qty_decimals, listed.oi_basis, listed.volume_basis);
            }
            row.clone()
        });
        let token = |address: &str| catalog.token(chain, address).map(|def| TokenRow { decimals: def.decimals, usd_par: def.usd_par });
        let Expanded::Rows(rows) = expand(event, row.as_ref(), &token).unwrap() else { panic!("{event:?} waits") };
        for row in &rows {
            self.add(event.market.as_deref(), row);
        }
    }

    fn add(&mut self, market: Option<&str>, row: &Row) {
        let table = match row {
            Row::Fill(_) => "fills",
            Row::Liquidation(_) => "liquidations",
            Row::Payment(_) => "funding_payments",
            Row::Flow(_) => "collateral_flows",
            _ => return,
        };
        *self.rows.entry(table).or_default() += 1;
        if let Row::Flow(flow) = row {
            let part = flow_contribution(flow);
            let (counts, native, usd_e6) = self.flows.entry((part.token, part.hour_id)).or_default();
            *counts = [counts[0] + part.deposits, counts[1] + part.withdrawals];
            *native = [native[0] + part.deposits_native, native[1] + part.withdrawals_native];
            *usd_e6 = [usd_e6[0] + part.deposits_usd_e6, usd_e6[1] + part.withdrawals_usd_e6];
        }
        let Some((_, hour_id, part)) = contributions(row).hour else { return };
        let parts = [
            part.trades,
            part.volume_usd_e6,
            part.exec_volume_usd_e6,
            part.taker_buy_usd_e6,
            part.taker_sell_usd_e6,
            part.liq_rows,
            part.liq_long_usd_e6,
            part.liq_short_usd_e6,
            part.adl_rows,
            part.adl_usd_e6,
            part.fees_usd_e6,
            part.funding_received_usd_e6,
            part.funding_charged_usd_e6,
            part.borrow_charged_usd_e6,
            part.long_delta_q,
            part.short_delta_q,
        ];
        let hour = self.hours.entry((market.expect("what adds to an hour has a market").to_owned(), hour_id)).or_default();
        hour.iter_mut().zip(parts).for_each(|(sum, part)| *sum += part);
    }
}

/// A market as the tables have it; one that none of them names bears its key.
fn market(venue: &dyn Venue, chain: ChainId, catalog: &Catalog, key: &str) -> MarketRow {
    let slug = venue.info().slug;
    let def = catalog.market(slug, chain, key);
    let resolved = catalog.resolve(slug, def.map_or(key, |def| &def.symbol));
    MarketRow {
        market_id: market_id(slug, chain, key),
        venue: slug,
        chain,
        market_key: key.to_owned(),
        qty_scale: resolved.asset.qty_scale,
        multiplier: resolved.multiplier,
        qty_decimals: def.and_then(|def| def.qty_decimals),
        oi_basis: def.and_then(|def| def.oi_basis).unwrap_or(OiBasis::Qty),
        volume_basis: def.and_then(|def| def.volume_basis).unwrap_or(Basis::Exec),
    }
}
