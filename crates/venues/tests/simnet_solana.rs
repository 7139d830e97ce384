//! The simulated Solana, decoded and reduced without a store: every hour of every market equals the world's ground truth,
//! which was computed from traders' positions. Levels are the sums of what fills do, from the world's beginning.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use perpdex_core::{
    Basis, Carrier, Catalog, ChainId, DecodeUnit, OiBasis, RawBody, RawRecord, SolanaEvent, StreamSpec, Venue, Watch, derived_id, market_id,
};
use perpdex_reducer::{Expanded, MarketRow, Row, TokenRow, contributions, expand};
use perpdex_simnet::chain::{SolanaBlock, SolanaTransaction};
use perpdex_simnet::truth::TruthHour;
use perpdex_simnet::world::{World, WorldOptions};

/// What is compared of an hour, in the order of [`truth_of`].
const FIGURES: [&str; 14] = [
    "trades",
    "volume_usd_e6",
    "exec_volume_usd_e6",
    "taker_buy_usd_e6",
    "taker_sell_usd_e6",
    "liq_rows",
    "liq_long_usd_e6",
    "liq_short_usd_e6",
    "fees_usd_e6",
    "funding_received_usd_e6",
    "funding_charged_usd_e6",
    "borrow_charged_usd_e6",
    "long_q",
    "short_q",
];

type Hours = BTreeMap<(String, i64), [i64; 14]>;

#[test]
fn pool_and_amm_venues_equal_the_truth() {
    let world = World::build(&WorldOptions { hours: 3, events: 60_000, ..WorldOptions::default() });
    let catalog = perpdex_venues::builtin_catalog();
    for slug in ["jupiter_perps", "gmtrade", "flash_trade", "adrena", "drift_v2", "velocity"] {
        let venue = perpdex_venues::venue(slug).unwrap();
        let found = index(venue, &catalog, &world.solana.blocks);
        let hours: Vec<&TruthHour> = world.truth.hours.iter().filter(|hour| hour.venue == slug).collect();
        assert!(hours.iter().map(|hour| hour.trades).sum::<i64>() > 100, "{slug}: hardly any trades");
        assert!(hours.iter().any(|hour| hour.liq_rows > 0) && hours.iter().any(|hour| hour.short_q > 0), "{slug}");
        let mut level: BTreeMap<&str, [i64; 2]> = BTreeMap::new();
        for hour in hours {
            let mut figures = found.get(&(hour.market.clone(), hour.hour_id)).copied().unwrap_or_default();
            let level = level.entry(&hour.market).or_default();
            *level = [level[0] + figures[12], level[1] + figures[13]];
            figures[12..].copy_from_slice(level);
            for ((name, have), want) in FIGURES.iter().zip(figures).zip(truth_of(hour)) {
                assert_eq!(have, want, "{slug} {} hour {} {name}", hour.market, hour.hour_id);
            }
        }
    }
}

fn truth_of(hour: &TruthHour) -> [i64; 14] {
    [
        hour.trades,
        hour.volume_usd_e6,
        hour.exec_volume_usd_e6,
        hour.taker_buy_usd_e6,
        hour.taker_sell_usd_e6,
        hour.liq_rows,
        hour.liq_long_usd_e6,
        hour.liq_short_usd_e6,
        hour.fees_usd_e6,
        hour.funding_received_usd_e6,
        hour.funding_charged_usd_e6,
        hour.borrow_charged_usd_e6,
        hour.long_q,
        hour.short_q,
    ]
}

/// Sums of a venue's rows by market and hour.
fn index(venue: &dyn Venue, catalog: &Catalog, blocks: &[SolanaBlock]) -> Hours {
    let streams = venue.streams(ChainId::SOLANA);
    let [StreamSpec { watch: Watch::Solana { program, carrier, .. }, .. }] = &streams[..] else { panic!("one stream of a program") };
    let token =
        |address: &str| catalog.token(ChainId::SOLANA, address).map(|def| TokenRow { decimals: def.decimals, usd_par: def.usd_par });
    let mut hours = Hours::new();
    for block in blocks {
        for transaction in block.transactions.iter().filter(|transaction| !transaction.failed) {
            let records = records(block, transaction, program, *carrier);
            if records.is_empty() {
                continue;
            }
            let time_ms = block.time_secs * 1_000;
            let unit = DecodeUnit {
                chain: ChainId::SOLANA,
                height: block.slot,
                time_ms,
                tx_id: &transaction.signature.as_str().into(),
                records: &records,
                state: &[],
            };
            let decoded = venue.decode(&unit);
            assert_eq!((&decoded.failures[..], &decoded.unknown[..]), (&[][..], &[][..]), "slot {}", block.slot);
            for event in &decoded.events {
                let Some(key) = &event.market else { continue };
                let market = market(venue, catalog, key);
                let Expanded::Rows(rows) = expand(event, Some(&market), &token).unwrap() else { panic!("{event:?} waits") };
                for row in &rows {
                    add(&mut hours, key, row);
                }
            }
        }
    }
    hours
}

fn add(hours: &mut Hours, market: &str, row: &Row) {
    if let Some((_, hour_id, part)) = contributions(row).hour {
        let hour = hours.entry((market.to_owned(), hour_id)).or_default();
        let parts = [
            part.trades,
            part.volume_usd_e6,
            part.exec_volume_usd_e6,
            part.taker_buy_usd_e6,
            part.taker_sell_usd_e6,
            part.liq_rows,
            part.liq_long_usd_e6,
            part.liq_short_usd_e6,
            part.fees_usd_e6,
            part.funding_received_usd_e6,
            part.funding_charged_usd_e6,
            part.borrow_charged_usd_e6,
            part.long_delta_q,
            part.short_delta_q,
        ];
        for (sum, part) in hour.iter_mut().zip(parts) {
            *sum += part;
        }
    }
}

fn market(venue: &dyn Venue, catalog: &Catalog, key: &str) -> MarketRow {
    let slug = venue.info().slug;
    let def = catalog.market(slug, ChainId::SOLANA, key).unwrap_or_else(|| panic!("{slug} has no market {key}"));
    let resolved = catalog.resolve(slug, &def.symbol);
    MarketRow {
        market_id: market_id(slug, ChainId::SOLANA, key),
        venue: slug,
        chain: ChainId::SOLANA,
        market_key: key.to_owned(),
        qty_scale: resolved.asset.qty_scale,
        multiplier: resolved.multiplier,
        qty_decimals: def.qty_decimals,
        oi_basis: def.oi_basis.unwrap_or(OiBasis::Qty),
        volume_basis: def.volume_basis.unwrap_or(Basis::Exec),
    }
}

/// The program's own instructions to itself, or the payloads it printed while no other program was running.
fn records(block: &SolanaBlock, transaction: &SolanaTransaction, program: &str, carrier: Carrier) -> Vec<RawRecord> {
    let payloads: Vec<Vec<u8>> = match carrier {
        Carrier::Cpi => {
            let inner = transaction.instructions.iter().flat_map(|top| &top.inner);
            inner.filter(|inner| inner.program == program).map(|inner| inner.data.clone()).collect()
        }
        Carrier::Log => printed(&transaction.logs, program),
    };
    let record = |(n, payload): (i64, Vec<u8>)| RawRecord {
        chain: ChainId::SOLANA,
        height: block.slot,
        rec: derived_id(&[&transaction.signature, carrier.as_str(), &n.to_string()]),
        ord: n,
        tx_id: transaction.signature.clone().into(),
        tx_index: None,
        time_ms: block.time_secs * 1_000,
        body: RawBody::SolanaEvent(SolanaEvent {
            program: program.to_owned(),
            carrier,
            position: n.to_string(),
            parent: String::new(),
            payload: payload.into(),
        }),
    };
    (0..).zip(payloads).map(record).collect()
}

fn printed(logs: &[String], program: &str) -> Vec<Vec<u8>> {
    let mut running: Vec<&str> = Vec::new();
    let mut out = Vec::new();
    for line in logs {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            [_, id, "invoke", _] => running.push(id),
            [_, _, "success"] => drop(running.pop()),
            [_, "data:" | "log:", text] if running.last() == Some(&program) => out.push(STANDARD.decode(text).unwrap()),
            _ => {}
        }
    }
    out
}
