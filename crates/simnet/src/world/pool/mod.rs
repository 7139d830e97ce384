//! Pool venues on Solana: traders against liquidity, each change of a position one event. The four programs share their
//! traders and differ in what their records tell.

mod record;

use std::collections::BTreeMap;

use self::record::Told;
use super::prices::PRICE_SCALE;
use super::scene::{Scene, named_key};
use super::svm::{SLOT_SECS, SvmBuilder};
use crate::encode::anchor::Layout;
use crate::num::{half_even, pow10, small};
use crate::rng::Rng;
use crate::truth::{Held, MarketId, Tally, Trade};

/// A public key.
type Key = [u8; 32];

/// Accounts that trade on each venue.
const TRADERS: u64 = 40;

/// A venue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Venue {
    Jupiter,
    Gmtrade,
    Flash,
    Adrena,
}

/// A venue with what is fixed of it.
#[derive(Debug)]
pub(super) struct Program {
    venue: Venue,
    slug: &'static str,
    layout: &'static str,
    listings: &'static [Listing],
    /// Keeps its stream of chance apart.
    label: u64,
}

/// A market.
#[derive(Debug)]
pub(super) struct Listing {
    asset: &'static str,
    /// The venue's key of the market.
    key: &'static str,
    /// Decimals of units.
    decimals: u32,
    /// The accounts by which records name the market for longs and shorts.
    accounts: [&'static str; 2],
}

const SOL_CUSTODY: &str = "7xS2gz2bTp3fwCC7knJvUWTEU9Tycczu6VhJYKgi1wdz";
const BTC_CUSTODY: &str = "5Pv3gM9JrFFH883SWAhvJC9RPYmo8UNxuFtv5bMMALkm";
const SOL_MARKET_TOKEN: &str = "BwN2FWixP5JyKjJNyD1YcRKN1XhgvFtnzrPrkfyb4DkW";
const SOL_MINT: &str = "So11111111111111111111111111111111111111112";

/// The venues.
pub(super) const PROGRAMS: &[Program] = &[
    Program {
        venue: Venue::Jupiter,
        slug: "jupiter_perps",
        layout: include_str!("../../../../../abi/jupiter_perps/events.json"),
        listings: &[
            Listing { asset: "SOL", key: SOL_CUSTODY, decimals: 9, accounts: [SOL_CUSTODY; 2] },
            Listing { asset: "BTC", key: BTC_CUSTODY, decimals: 8, accounts: [BTC_CUSTODY; 2] },
        ],
        label: 401,
    },
    Program {
        venue: Venue::Gmtrade,
        slug: "gmtrade",
        layout: include_str!("../../../../../abi/gmtrade/events.json"),
        listings: &[Listing { asset: "SOL", key: SOL_MARKET_TOKEN, decimals: 9, accounts: [SOL_MARKET_TOKEN; 2] }],
        label: 402,
    },
    Program {
        venue: Venue::Flash,
        slug: "flash_trade",
        layout: include_str!("../../../../../abi/flash_trade/events.json"),
        listings: &[
            Listing {
                asset: "SOL",
                key: "Crypto.1/SOL",
                decimals: 9,
                accounts: ["3vHoXbUvGhEHFsLUmxyC6VWsbYDreb1zMn9TAp5ijN5K", "9tvuK63WUV2mgWt7AvWUm7kRUpFKsRX1jewyJ21VTWsM"],
            },
            Listing {
                asset: "BTC",
                key: "Crypto.1/BTC",
                decimals: 8,
                accounts: ["GGV4VHTAEyWGyGubXTiQZiPajCEtGv2Ed2G2BHmY3zNZ", "AAHFmCVd4JXXrLFmGBataeCJ6CwrYs4cYMiebXmBFvPE"],
            },
        ],
        label: 403,
    },
    Program {
        venue: Venue::Adrena,
        slug: "adrena",
        layout: include_str!("../../../../../abi/adrena/events.json"),
        listings: &[Listing { asset: "SOL", key: SOL_MINT, decimals: 9, accounts: [SOL_MINT; 2] }],
        label: 404,
    },
];

/// A position: units and what they cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Position {
    units: i128,
    cost_e6: i128,
    /// Price of the first part.
    first_price_e6: i128,
    /// Whether something was added to the first part.
    is_added_to: bool,
}

/// What happens to a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Open,
    Increase,
    Decrease,
    Close,
    Liquidate,
}

/// One change of a position. Dollars are micro-dollars; a price is dollars per unit with six decimals.
#[derive(Debug)]
struct Change<'a> {
    listing: &'a Listing,
    secs: i64,
    slot: u64,
    nth: u64,
    trader: Key,
    position_key: Key,
    is_long: bool,
    step: Step,
    /// Units opened or closed.
    units: i128,
    /// Cost of those units.
    cost_e6: i128,
    /// Their worth at the price.
    exec_e6: i128,
    price_e6: i128,
    before: Position,
    after: Position,
    /// Cents that chance adds as costs.
    chance: i128,
}

/// Lets the venue trade through the whole chain, making about `events` events.
pub(super) fn play(scene: &Scene<'_>, program: &'static Program, events: u64, chain: &mut SvmBuilder, tally: &mut Tally) {
    let layout = Layout::parse(program.layout);
    let mut rng = scene.rng(program.label);
    let market = |listing: &Listing| scene.market(("solana", program.slug), listing.key.to_owned(), listing.asset, listing.decimals);
    let markets: Vec<MarketId> = program.listings.iter().map(|listing| tally.market(market(listing))).collect();
    let slots = u64::from(scene.options.hours) * 3_600 / SLOT_SECS as u64 * 95 / 100;
    let rate_ppm = events * 1_000_000 / slots;
    let mut traders = Traders { scene, program, positions: BTreeMap::new(), changes: 0 };
    for index in chain.open_slots() {
        let secs = chain.time_secs(index);
        rng.at(secs * 1_000);
        for _ in 0..rng.count(rate_ppm) {
            let (which, change) = traders.change(&mut rng, secs, chain.slot(index));
            let (payload, told) = program.record(&layout, &change);
            let failed = rng.percent(4);
            if !failed {
                traders.keep(which, &change);
                count(&change, &told, markets[which], tally);
            }
            chain.push_events(index, &layout, vec![payload], &mut rng, failed);
        }
    }
}

/// A position's trader, market and side.
type Place = (Key, usize, bool);

struct Traders<'a> {
    scene: &'a Scene<'a>,
    program: &'static Program,
    positions: BTreeMap<Place, Position>,
    changes: u64,
}

impl Traders<'_> {
    /// What some trader does next. Units are thousandths and prices whole tenths of a cent, so that every worth is a whole
    /// number of micro-dollars.
    fn change(&mut self, rng: &mut Rng, secs: i64, slot: u64) -> (usize, Change<'static>) {
        let which = rng.below(self.program.listings.len() as u64) as usize;
        let listing = &self.program.listings[which];
        let trader = named_key(self.scene.options.seed, self.program.slug, rng.below(TRADERS));
        let is_long = rng.percent(55);
        let before = self.positions.get(&(trader, which, is_long)).copied().unwrap_or_default();
        let price_e6 = self.scene.prices.at(listing.asset, secs * 1_000) / pow10(PRICE_SCALE - 3) * 1_000;
        let milli = pow10(listing.decimals - 3);
        let step = match (before.units, rng.below(100)) {
            (0, _) => Step::Open,
            (_, 0..20) => Step::Increase,
            (_, 20..50) if before.units > milli => Step::Decrease,
            (_, 50..90) => Step::Close,
            _ => Step::Liquidate,
        };
        let units = match step {
            Step::Open | Step::Increase => (i128::from(rng.skewed(40, 8)) * 1_000_000_000 / price_e6).max(1) * milli,
            Step::Decrease => (before.units / milli * i128::from(rng.between(5, 95)) / 100).max(1) * milli,
            Step::Close | Step::Liquidate => before.units,
        };
        let exec_e6 = units * price_e6 / pow10(listing.decimals);
        let opens = matches!(step, Step::Open | Step::Increase);
        let cost_e6 = if opens { exec_e6 } else { before.cost_e6 * units / before.units };
        let sign = if opens { 1 } else { -1 };
        let after = Position {
            units: before.units + sign * units,
            cost_e6: before.cost_e6 + sign * cost_e6,
            first_price_e6: if step == Step::Open { price_e6 } else { before.first_price_e6 },
            is_added_to: step != Step::Open && (before.is_added_to || opens),
        };
        self.changes += 1;
        let side = u64::from(is_long);
        let name = [&trader[..8], &[which as u8, side as u8]].concat();
        let position_key = alloy_primitives::keccak256(name).0;
        let chance = i128::from(rng.between(1, 900)) * 10_000;
        let nth = self.changes;
        let change = Change {
            listing,
            secs,
            slot,
            nth,
            trader,
            position_key,
            is_long,
            step,
            units,
            cost_e6,
            exec_e6,
            price_e6,
            before,
            after,
            chance,
        };
        (which, change)
    }

    fn keep(&mut self, which: usize, change: &Change<'_>) {
        let place = (change.trader, which, change.is_long);
        match change.after.units {
            0 => drop(self.positions.remove(&place)),
            _ => drop(self.positions.insert(place, change.after)),
        }
    }
}

/// The truth of a change, as far as the venue's record tells it.
fn count(change: &Change<'_>, told: &Told, market: MarketId, tally: &mut Tally) {
    let ts_ms = change.secs * 1_000;
    let opens = matches!(change.step, Step::Open | Step::Increase);
    let volume_usd_e6 = small(if told.closes_count_at_cost && !opens { change.cost_e6 } else { change.exec_e6 });
    let bought = Some(opens == change.is_long);
    tally.trade(market, Trade { ts_ms, volume_usd_e6, exec_usd_e6: small(change.exec_e6), bought });
    let sign = if change.is_long { 1 } else { -1 };
    let held = Held { before: sign * change.before.units, after: sign * change.after.units };
    tally.leg(market, ts_ms, held, small(told.fee_e6));
    if change.step == Step::Liquidate {
        tally.liquidation(market, ts_ms, change.is_long, small(change.exec_e6));
    }
    if told.borrow_e6 > 0 {
        tally.borrow(market, ts_ms, small(told.borrow_e6));
    }
    for payment in told.funding_e6.into_iter().filter(|payment| *payment != 0) {
        tally.funding(market, ts_ms, small(payment));
    }
}

/// Micro-dollars of an amount of a token of nine decimals at a price.
fn worth_e6(native: i128, price_e6: i128) -> i128 {
    half_even(native * price_e6, pow10(9))
}
