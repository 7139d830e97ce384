//! The world holds what it promises: same seed, same bytes; books balance; truth follows positions; the past survives a fork.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use perpdex_simnet::truth::{TruthCascadeVenue, TruthHour};
use perpdex_simnet::world::{Fork, World, WorldOptions};

const VENUES: [(&str, &str); 15] = [
    ("arbitrum", "aster_1001x"),
    ("arbitrum", "aster_vault"),
    ("arbitrum", "gmx_v2"),
    ("bnb", "aster_1001x"),
    ("bnb", "aster_vault"),
    ("ethereum", "aster_vault"),
    ("hyperliquid", "hyperliquid"),
    ("solana", "adrena"),
    ("solana", "aster_vault"),
    ("solana", "drift_v2"),
    ("solana", "flash_trade"),
    ("solana", "gmtrade"),
    ("solana", "jupiter_perps"),
    ("solana", "phoenix_eternal"),
    ("solana", "velocity"),
];

/// What a wide world has besides: venues that liquidate, with whether they charge borrow fees and pay funding.
const WIDE: [(&str, &str, bool, bool); 6] = [
    ("arbitrum", "gmx_v1", true, false),
    ("arbitrum", "gtrade", true, true),
    ("arbitrum", "ostium", true, true),
    ("bnb", "kiloex", true, false),
    ("bnb", "mux_v1", true, false),
    ("ethereum", "dydx_v1", false, true),
];

/// One world for all tests that only look at one.
static WORLD: LazyLock<World> = LazyLock::new(|| World::build(&usual()));

fn usual() -> WorldOptions {
    WorldOptions { hours: 3, events: 40_000, ..WorldOptions::default() }
}

fn small(seed: u64) -> WorldOptions {
    WorldOptions { seed, hours: 1, events: 3_000, ..WorldOptions::default() }
}

fn logs(world: &World) -> usize {
    [&world.arbitrum, &world.bnb, &world.ethereum].into_iter().flat_map(|chain| &chain.blocks).map(|block| block.logs.len()).sum()
}

/// Rows of one venue, hour by hour.
fn rows<'a>(world: &'a World, venue: &'a str) -> impl Iterator<Item = &'a TruthHour> {
    world.truth.hours.iter().filter(move |hour| hour.venue == venue)
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let (one, two, other) = (World::build(&small(3)), World::build(&small(3)), World::build(&small(4)));
    assert_eq!(one.truth, two.truth);
    assert_eq!(one.arbitrum.blocks, two.arbitrum.blocks);
    assert_eq!(one.bnb.blocks, two.bnb.blocks);
    assert_eq!(one.ethereum.blocks, two.ethereum.blocks);
    assert_eq!(one.solana.blocks, two.solana.blocks);
    assert_eq!(one.hyperliquid.blocks, two.hyperliquid.blocks);
    assert_ne!(one.truth, other.truth);
    assert_ne!(one.arbitrum.blocks[0].hash, other.arbitrum.blocks[0].hash);
}

#[test]
fn all_that_can_happen_happens() {
    let world = &*WORLD;
    let sum = |venue: &str, figure: fn(&TruthHour) -> i64| rows(world, venue).map(figure).sum::<i64>();
    for venue in ["gmx_v2", "aster_1001x", "phoenix_eternal", "hyperliquid"] {
        for (name, figure) in [
            ("trades", (|hour| hour.trades) as fn(&TruthHour) -> i64),
            ("buys", |hour| hour.taker_buy_usd_e6),
            ("sells", |hour| hour.taker_sell_usd_e6),
            ("long liquidations", |hour| hour.liq_long_usd_e6),
            ("short liquidations", |hour| hour.liq_short_usd_e6),
            ("fees", |hour| hour.fees_usd_e6),
            ("funding received", |hour| hour.funding_received_usd_e6),
            ("funding paid", |hour| hour.funding_charged_usd_e6),
        ] {
            assert!(sum(venue, figure) > 0, "{venue}: no {name}");
        }
    }
    for venue in ["gmx_v2", "hyperliquid"] {
        assert!(sum(venue, |hour| hour.adl_rows) > 0, "{venue}: nobody was auto-deleveraged");
    }
    for venue in ["gmx_v2", "aster_1001x"] {
        assert!(sum(venue, |hour| hour.borrow_charged_usd_e6) > 0, "{venue}: no borrow fees");
    }
    let venues: BTreeSet<_> = world.truth.tables.values().flat_map(BTreeMap::keys).copied().collect();
    assert_eq!(venues.into_iter().collect::<Vec<_>>(), VENUES);
    assert!(world.truth.hours.iter().any(|hour| hour.cost_long_1h_e12.is_some()));
    let assets: BTreeSet<_> = world.truth.hours.iter().map(|hour| hour.asset).collect();
    assert!(["BTC", "ETH", "SOL"].iter().all(|asset| assets.contains(asset)), "{assets:?}");
}

#[test]
fn in_a_wide_world_every_venue_trades() {
    let world = World::build(&WorldOptions { is_wide: true, ..usual() });
    let venues: BTreeSet<_> = world.truth.tables.values().flat_map(BTreeMap::keys).copied().collect();
    assert!(VENUES.iter().all(|venue| venues.contains(venue)), "{venues:?}");
    for (chain, venue, borrows, funds) in WIDE {
        assert!(venues.contains(&(chain, venue)), "{venue} is not there");
        let sum = |figure: fn(&TruthHour) -> i64| rows(&world, venue).map(figure).sum::<i64>();
        for (name, found) in [
            ("buys", sum(|hour| hour.taker_buy_usd_e6) > 0),
            ("sells", sum(|hour| hour.taker_sell_usd_e6) > 0),
            ("long liquidations", sum(|hour| hour.liq_long_usd_e6) > 0),
            ("short liquidations", sum(|hour| hour.liq_short_usd_e6) > 0),
            ("fees", sum(|hour| hour.fees_usd_e6) > 0),
            ("borrow fees", sum(|hour| hour.borrow_charged_usd_e6) > 0 || !borrows),
            ("funding received", sum(|hour| hour.funding_received_usd_e6) > 0 || !funds),
            ("funding paid", sum(|hour| hour.funding_charged_usd_e6) > 0 || !funds),
        ] {
            assert!(found, "{venue}: no {name}");
        }
    }
}

#[test]
fn the_number_of_events_is_about_what_was_asked_for() {
    let (options, world) = (usual(), &*WORLD);
    let fills: usize = world.hyperliquid.blocks.iter().map(|block| block.fills.matches("\"oid\"").count()).sum();
    let deltas: usize = world.hyperliquid.blocks.iter().map(|block| block.misc.matches("\"user\"").count()).sum();
    let phoenix: usize = world.solana.blocks.iter().flat_map(|block| &block.transactions).map(market_events).sum();
    let total = (logs(world) + fills + deltas + phoenix) as u64;
    let report = format!("{} logs, {fills} fills, {deltas} deltas, {phoenix} market events", logs(world));
    assert!(total.abs_diff(options.events) < options.events / 5, "{total}: {report}");
}

/// Events in a transaction, counted from the batch headers: a `Log` instruction begins with its tag.
fn market_events(transaction: &perpdex_simnet::chain::SolanaTransaction) -> usize {
    let inner = transaction.instructions.iter().flat_map(|top| &top.inner);
    let logs = inner.filter(|inner| inner.data.starts_with(&[0x8d, 0xe6, 0xd6, 0xf2, 0x09, 0xd1, 0xcf, 0xaa]));
    logs.map(|log| u32::from_le_bytes(log.data[12..16].try_into().unwrap()) as usize).sum()
}

#[test]
fn books_balance_and_their_funding_sums_to_nothing() {
    let world = &*WORLD;
    for venue in ["hyperliquid", "phoenix_eternal"] {
        for hour in rows(world, venue) {
            assert_eq!(hour.long_q, hour.short_q, "{venue} {} {}", hour.market, hour.hour_id);
        }
    }
    for hour in rows(world, "hyperliquid") {
        let net = hour.funding_received_usd_e6 - hour.funding_charged_usd_e6;
        assert!(net.abs() <= 200, "{} {}: {net} millionths off", hour.market, hour.hour_id);
    }
}

#[test]
fn every_market_has_a_row_for_every_hour() {
    let (options, world) = (usual(), &*WORLD);
    let first = options.start_ms / 3_600_000;
    let mut hours: BTreeMap<_, Vec<i64>> = BTreeMap::new();
    for hour in &world.truth.hours {
        hours.entry((hour.chain, hour.venue, &hour.market)).or_default().push(hour.hour_id);
        assert_eq!(hour.liq_rows == 0, hour.liq_long_usd_e6 + hour.liq_short_usd_e6 == 0);
        assert!(hour.taker_buy_usd_e6 + hour.taker_sell_usd_e6 <= hour.volume_usd_e6);
    }
    assert!(hours.values().all(|hours| hours.iter().copied().eq(first..first + i64::from(options.hours))), "{hours:?}");
}

/// Positions as the exchange's own lines tell them, added up here, against the levels of the truth.
#[test]
fn levels_are_positions() {
    let (options, world) = (usual(), &*WORLD);
    let end_ms = options.start_ms + i64::from(options.hours) * 3_600_000;
    let mut positions: BTreeMap<(String, String), i128> = BTreeMap::new();
    for block in world.hyperliquid.blocks.iter().filter(|block| block.time_ms < end_ms) {
        let line: serde_json::Value = serde_json::from_str(&block.fills).unwrap();
        for event in line["events"].as_array().unwrap() {
            let (user, fill) = (event[0].as_str().unwrap(), &event[1]);
            let coin = fill["coin"].as_str().unwrap();
            if coin.starts_with('@') {
                continue;
            }
            let size = micro(fill["sz"].as_str().unwrap());
            let signed = if fill["side"] == "B" { size } else { -size };
            let held = positions.entry((coin.to_owned(), user.to_owned())).or_default();
            assert_eq!(micro(fill["startPosition"].as_str().unwrap()), *held, "{coin} {user} at block {}", block.number);
            *held += signed;
        }
    }
    let last_hour = end_ms / 3_600_000 - 1;
    for hour in rows(world, "hyperliquid").filter(|hour| hour.hour_id == last_hour) {
        let of_coin = positions.iter().filter(|((coin, _), _)| *coin == hour.market);
        let long: i128 = of_coin.map(|(_, size)| size.max(&0)).sum();
        let multiplier = if hour.market == "kPEPE" { 1_000 } else { 1 };
        let scale = u32::from(options.qty_scales[hour.asset]);
        assert_eq!(i128::from(hour.long_q), long * multiplier * 10_i128.pow(scale) / 1_000_000, "{}", hour.market);
        assert!(hour.long_q > 0, "{}", hour.market);
    }
}

/// Decimal text in millionths, rounded.
fn micro(text: &str) -> i128 {
    let (digits, negative) = text.strip_prefix('-').map_or((text, false), |rest| (rest, true));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let padded = format!("{fraction:0<10}");
    let tenths: i128 = whole.parse::<i128>().unwrap() * 10_i128.pow(10) + padded.parse::<i128>().unwrap();
    let rounded = (tenths + 5_000) / 10_000;
    if negative { -rounded } else { rounded }
}

#[test]
fn the_cascade_crosses_venues() {
    let cascade = &WORLD.truth.cascade;
    // Venues beside these five liquidate meanwhile by chance alone, less than a twentieth each.
    let takes_part = |part: &&TruthCascadeVenue| part.usd_e6 * 20 >= cascade.usd_e6;
    assert_eq!(cascade.venues.iter().filter(takes_part).count(), 5, "{cascade:?}");
    assert!(cascade.usd_e6 >= 5_000_000_000_000, "{cascade:?}");
    assert!(cascade.venues.iter().all(|part| (cascade.start_ms..cascade.end_ms).contains(&part.first_ms)));
    assert_eq!(cascade.usd_e6, cascade.venues.iter().map(|part| part.usd_e6).sum::<i64>());
}

#[test]
fn chains_cover_the_whole_hours_and_are_linked() {
    let (options, world) = (usual(), &*WORLD);
    let (start_secs, end_ms) = (options.start_ms / 1_000, options.start_ms + i64::from(options.hours) * 3_600_000);
    for chain in [&world.arbitrum, &world.bnb, &world.ethereum] {
        assert_eq!(chain.blocks[0].timestamp_secs as i64, start_secs);
        assert!(chain.blocks.last().unwrap().timestamp_secs as i64 * 1_000 >= end_ms);
        assert!(chain.blocks.windows(2).all(|pair| pair[1].number == pair[0].number + 1 && pair[1].parent == pair[0].hash));
        assert!(chain.blocks.iter().filter(|block| !block.logs.is_empty()).all(|block| (block.timestamp_secs as i64) * 1_000 < end_ms));
        let hashes: BTreeSet<_> = chain.blocks.iter().map(|block| block.hash).collect();
        assert_eq!(hashes.len(), chain.blocks.len());
    }
    let slots = &world.solana.blocks;
    assert!(slots.windows(2).all(|pair| pair[1].parent_slot == pair[0].slot && pair[1].previous_blockhash == pair[0].blockhash));
    assert!(slots.windows(2).any(|pair| pair[1].slot > pair[0].slot + 1), "no slot was skipped");
    assert!(slots[0].time_secs == start_secs && slots.last().unwrap().time_secs * 1_000 >= end_ms);
    let blocks = &world.hyperliquid.blocks;
    assert!(blocks[0].number == 1 && blocks[0].time_ms == options.start_ms);
    assert!(blocks.windows(2).all(|pair| pair[1].number == pair[0].number + 1 && pair[1].time_ms > pair[0].time_ms));
    assert!(blocks.last().unwrap().time_ms >= end_ms);
}

#[test]
fn a_fork_changes_the_future_alone() {
    let options = small(9);
    let fork = Fork { at_ms: options.start_ms + 1_800_000, seed: 99 };
    let (plain, forked) = (World::build(&options), World::build(&WorldOptions { fork: Some(fork), ..options.clone() }));
    for (a, b) in [(&plain.arbitrum, &forked.arbitrum), (&plain.bnb, &forked.bnb), (&plain.ethereum, &forked.ethereum)] {
        for (old, new) in a.blocks.iter().zip(&b.blocks) {
            assert_eq!(old == new, (old.timestamp_secs as i64) * 1_000 < fork.at_ms, "block {}", old.number);
        }
        let tail = a.divergence(b);
        assert_eq!((tail[0].timestamp_secs as i64) * 1_000, fork.at_ms);
        assert_eq!(tail[0].parent, a.blocks[a.blocks.len() - tail.len() - 1].hash);
    }
    let past = |world: &World| world.solana.blocks.iter().filter(|block| block.time_secs * 1_000 < fork.at_ms).cloned().collect::<Vec<_>>();
    assert_eq!(past(&plain), past(&forked));
    assert_ne!(plain.solana.blocks.last().unwrap().blockhash, forked.solana.blocks.last().unwrap().blockhash);
    let past = |world: &World| world.hyperliquid.blocks.iter().take(1_800).cloned().collect::<Vec<_>>();
    assert_eq!(past(&plain), past(&forked));
    assert_ne!(plain.truth, forked.truth);
}

#[test]
fn a_quiet_world_has_no_cascade() {
    let cascade = |is_quiet| World::build(&WorldOptions { is_quiet, ..usual() }).truth.cascade;
    // What the reducer's default floor of a burst minute is for Bitcoin, ten times over a whole cascade.
    const FLOOR_USD_E6: i64 = 250_000_000_000;
    let (scripted, quiet) = (cascade(false), cascade(true));
    assert!(scripted.usd_e6 > 10 * FLOOR_USD_E6 && scripted.venues.len() > 2, "{scripted:?}");
    assert!(quiet.usd_e6 < FLOOR_USD_E6, "{quiet:?}");
}
