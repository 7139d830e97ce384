//! Drift v2 and Velocity: a book with a house market maker. Users meet each other or the house; positions of users alone
//! are open interest.

mod record;

use std::collections::BTreeMap;

use self::record::{Existing, Fill};
use super::prices::PRICE_SCALE;
use super::scene::{Scene, named_key};
use super::svm::{SLOT_SECS, SvmBuilder};
use crate::encode::anchor::Layout;
use crate::num::{pow10, small};
use crate::rng::Rng;
use crate::truth::{Flow, Held, MarketId, Tally, Trade};

/// A public key.
type Key = [u8; 32];

/// Sub-accounts that take and that quote on each venue, and liquidators.
const TAKERS: u64 = 40;
const MAKERS: u64 = 5;
const LIQUIDATORS: u64 = 2;

const USDC: &str = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v";
const USDT: &str = "Es9vMFrzaCERmJfrF4H2FYD4KCoNkY11McCe8BenwNYB";

/// A venue with what is fixed of it.
#[derive(Debug)]
pub(super) struct Program {
    slug: &'static str,
    layout: &'static str,
    /// Mint of the quote currency.
    quote: &'static str,
    /// Whether the program tells the users' longs and shorts.
    tells_levels: bool,
    /// Keeps its stream of chance apart.
    label: u64,
}

/// The venues.
pub(super) const PROGRAMS: &[Program] = &[
    Program {
        slug: "drift_v2",
        layout: include_str!("../../../../../abi/drift_v2/events.json"),
        quote: USDC,
        tells_levels: true,
        label: 411,
    },
    Program {
        slug: "velocity",
        layout: include_str!("../../../../../abi/velocity/events.json"),
        quote: USDT,
        tells_levels: false,
        label: 412,
    },
];

/// Markets by index.
const ASSETS: [&str; 3] = ["SOL", "BTC", "ETH"];

/// Decimals of base amounts.
const BASE_DECIMALS: u32 = 9;

/// A user's position: signed base, and what it cost.
#[derive(Clone, Copy, Debug, Default)]
struct Position {
    base: i128,
    entry_e6: i128,
}

/// One moment of the chain.
#[derive(Clone, Copy, Debug)]
struct Moment {
    index: usize,
    secs: i64,
}

struct Venue<'a> {
    scene: &'a Scene<'a>,
    program: &'static Program,
    layout: Layout,
    rng: Rng,
    markets: Vec<MarketId>,
    positions: BTreeMap<(Key, usize), Position>,
    fills: i128,
    orders: i128,
}

/// Lets the venue trade through the whole chain, making about `events` events.
pub(super) fn play(scene: &Scene<'_>, program: &'static Program, events: u64, chain: &mut SvmBuilder, tally: &mut Tally) {
    let market = |(index, asset): (usize, &&'static str)| scene.market(("solana", program.slug), index.to_string(), asset, BASE_DECIMALS);
    let mut venue = Venue {
        scene,
        program,
        layout: Layout::parse(program.layout),
        rng: scene.rng(program.label),
        markets: ASSETS.iter().enumerate().map(|listed| tally.market(market(listed))).collect(),
        positions: BTreeMap::new(),
        fills: 0,
        orders: 0,
    };
    let slots = u64::from(scene.options.hours) * 3_600 / SLOT_SECS as u64 * 95 / 100;
    let rate_ppm = events * 1_000_000 / slots;
    let mut hour = None;
    for index in chain.open_slots() {
        let now = Moment { index, secs: chain.time_secs(index) };
        venue.rng.at(now.secs * 1_000);
        if hour != Some(now.secs / 3_600) {
            venue.turn_hour(now, hour.is_some(), chain, tally);
            hour = Some(now.secs / 3_600);
            // Levels hold after all of their block: nothing trades in it.
            continue;
        }
        for _ in 0..venue.rng.count(rate_ppm) {
            venue.act(now, chain, tally);
        }
    }
}

impl Venue<'_> {
    /// The hour's rates, for the hour that has ended, and levels of open interest.
    fn turn_hour(&mut self, now: Moment, has_ended: bool, chain: &mut SvmBuilder, tally: &mut Tally) {
        let mut payloads = Vec::new();
        for (which, market) in self.markets.clone().into_iter().enumerate() {
            let price_e6 = self.price_e6(which, now);
            payloads.push(record::curve(self.program.tells_levels, &self.layout, now.secs, which, price_e6, self.levels(which)));
            if has_ended {
                let ppm = i128::from(self.rng.between(-40, 80));
                payloads.push(record::rate(&self.layout, now.secs, which, price_e6 * ppm / 1_000, price_e6));
                // One part per million is 10^6 of the truth's unit.
                tally.rate(market, now.secs / 3_600 * 3_600_000 - 1, small(ppm * 1_000_000));
            }
        }
        chain.push_events(now.index, &self.layout, payloads, &mut self.rng, false);
    }

    fn act(&mut self, now: Moment, chain: &mut SvmBuilder, tally: &mut Tally) {
        let payloads = match self.rng.below(100) {
            0..5 => vec![self.deposit(now, tally)],
            5..10 => self.pay(now, tally),
            10..14 => vec![record::noise(&self.layout, now.secs)],
            14..18 => self.take_over(now, tally),
            18..23 => self.liquidate(now, tally),
            23..26 => return self.fail(now, chain),
            26..31 => self.meet_house(now, tally),
            _ => self.order(now, tally),
        };
        if !payloads.is_empty() {
            chain.push_events(now.index, &self.layout, payloads, &mut self.rng, false);
        }
    }

    /// A taker's order, met by a maker or by the house.
    fn order(&mut self, now: Moment, tally: &mut Tally) -> Vec<Vec<u8>> {
        let (which, taker) = (self.which(), self.user("taker", TAKERS));
        let held = self.base(taker, which);
        let price_e6 = self.price_e6(which, now);
        let fresh = (i128::from(self.rng.skewed(40, 8)) * 1_000_000_000 / price_e6).max(1) * 1_000_000;
        let part = (held.abs() / 1_000_000 * i128::from(self.rng.between(5, 95)) / 100).max(1) * 1_000_000;
        let (buys, base) = match (held, self.rng.below(100)) {
            (0, _) => (self.rng.percent(52), fresh),
            (_, 0..20) => (held > 0, fresh),
            (_, 20..50) => (held < 0, part),
            (_, 50..85) => (held < 0, held.abs()),
            _ => (held < 0, held.abs() + fresh),
        };
        let maker = self.rng.percent(50).then(|| self.user("maker", MAKERS));
        let fill = self.fill(which, now, (buys, base), Some(taker), maker, "OrderFilledWithMatch");
        let payload = record::fill(&self.layout, &fill);
        self.count_trade(&fill, Some(buys), tally);
        vec![payload]
    }

    /// A resting order that the house meets: only a maker is named.
    fn meet_house(&mut self, now: Moment, tally: &mut Tally) -> Vec<Vec<u8>> {
        let (which, maker) = (self.which(), self.user("maker", MAKERS));
        let base = i128::from(self.rng.between(1, 900)) * 1_000_000;
        let taker_buys = self.rng.percent(50);
        let fill = self.fill(which, now, (taker_buys, base), None, Some(maker), "OrderFilledWithAMMJit");
        self.count_trade(&fill, None, tally);
        vec![record::fill(&self.layout, &fill)]
    }

    /// A liquidator takes part of a position or all of it over.
    fn take_over(&mut self, now: Moment, tally: &mut Tally) -> Vec<Vec<u8>> {
        let Some((which, user, held)) = self.victim() else { return Vec::new() };
        let liquidator = self.user("liquidator", LIQUIDATORS);
        let base = if self.rng.percent(60) { held.abs() } else { (held.abs() / 2_000_000).max(1) * 1_000_000 };
        let mut fill = self.fill(which, now, (held < 0, base), Some(user), Some(liquidator), "Liquidation");
        (fill.taker_fee, fill.maker_fee) = (0, 0);
        self.count_legs(&fill, tally);
        tally.liquidation(self.markets[which], now.secs * 1_000, held > 0, small(fill.quote));
        vec![record::fill(&self.layout, &fill), record::liquidation(&self.layout, &fill, user, liquidator, true)]
    }

    /// The house closes a position for the program.
    fn liquidate(&mut self, now: Moment, tally: &mut Tally) -> Vec<Vec<u8>> {
        let Some((which, user, held)) = self.victim() else { return Vec::new() };
        let liquidator = self.user("liquidator", LIQUIDATORS);
        let fill = self.fill(which, now, (held < 0, held.abs()), Some(user), None, "Liquidation");
        self.count_trade(&fill, Some(held < 0), tally);
        tally.liquidation(self.markets[which], now.secs * 1_000, held > 0, small(fill.quote));
        vec![record::fill(&self.layout, &fill), record::liquidation(&self.layout, &fill, user, liquidator, false)]
    }

    /// A transaction that fails: the trade it tells of did not happen.
    fn fail(&mut self, now: Moment, chain: &mut SvmBuilder) {
        let which = self.which();
        let taker = self.user("taker", TAKERS);
        let fill = Fill {
            secs: now.secs,
            which,
            number: self.fills + 1,
            order: 1,
            base: 5_000_000_000,
            quote: 5_000_000,
            buys: true,
            taker: Some((taker, Existing::default())),
            maker: None,
            taker_fee: 1,
            maker_fee: 0,
            explanation: "OrderFilledWithAMM",
            held: Vec::new(),
        };
        chain.push_events(now.index, &self.layout, vec![record::fill(&self.layout, &fill)], &mut self.rng, true);
    }

    fn pay(&mut self, now: Moment, tally: &mut Tally) -> Vec<Vec<u8>> {
        let Some((which, user, held)) = self.victim() else { return Vec::new() };
        let payment = i128::from(self.rng.between(-900_000, 900_000)) | 1;
        tally.funding(self.markets[which], now.secs * 1_000, small(payment));
        vec![record::payment(&self.layout, now.secs, which, (user, payment, held))]
    }

    fn deposit(&mut self, now: Moment, tally: &mut Tally) -> Vec<u8> {
        let (user, into) = (self.user("taker", TAKERS), self.rng.percent(60));
        let native = i128::from(self.rng.skewed(20, 10)) * 1_000_000;
        tally.flow(Flow {
            chain: "solana",
            venue: self.program.slug,
            token: self.program.quote.to_owned(),
            ts_ms: now.secs * 1_000,
            into,
            native,
            dollar_decimals: Some(6),
        });
        record::deposit(&self.layout, now.secs, (user, into, native))
    }

    /// Moves the accounts of a fill and says what it meets.
    fn fill(
        &mut self,
        which: usize,
        now: Moment,
        (buys, base): (bool, i128),
        taker: Option<Key>,
        maker: Option<Key>,
        explanation: &'static str,
    ) -> Fill {
        let quote = base * self.price_e6(which, now) / pow10(BASE_DECIMALS);
        self.fills += 1;
        self.orders += 2;
        let sign = if buys { 1 } else { -1 };
        let mut held = Vec::new();
        let taker = taker.map(|taker| (taker, self.change(taker, which, (sign * base, quote), &mut held)));
        let maker = maker.map(|maker| (maker, self.change(maker, which, (-sign * base, quote), &mut held)));
        let (number, order) = (self.fills, self.orders);
        let (taker_fee, maker_fee) = (quote * 5 / 10_000, -quote / 10_000);
        Fill { secs: now.secs, which, number, order, base, quote, buys, taker, maker, taker_fee, maker_fee, explanation, held }
    }

    fn change(&mut self, user: Key, which: usize, (base, quote): (i128, i128), held: &mut Vec<Held>) -> Existing {
        let before = self.positions.get(&(user, which)).copied().unwrap_or_default();
        let mut after = Position { base: before.base + base, entry_e6: before.entry_e6 };
        let existing = if before.base == 0 || before.base.signum() == base.signum() {
            after.entry_e6 += quote;
            Existing::default()
        } else if base.abs() > before.base.abs() {
            after.entry_e6 = quote * after.base.abs() / base.abs();
            Existing { entry: Some(before.entry_e6), base: Some(before.base.abs()) }
        } else {
            let released = before.entry_e6 * base.abs() / before.base.abs();
            after.entry_e6 -= released;
            Existing { entry: Some(released), base: None }
        };
        self.positions.insert((user, which), after);
        held.push(Held { before: before.base, after: after.base });
        existing
    }

    fn count_trade(&self, fill: &Fill, bought: Option<bool>, tally: &mut Tally) {
        let usd_e6 = small(fill.quote);
        let trade = Trade { ts_ms: fill.secs * 1_000, volume_usd_e6: usd_e6, exec_usd_e6: usd_e6, bought };
        tally.trade(self.markets[fill.which], trade);
        self.count_legs(fill, tally);
    }

    fn count_legs(&self, fill: &Fill, tally: &mut Tally) {
        let fees = fill.taker.map(|_| fill.taker_fee).into_iter().chain(fill.maker.map(|_| fill.maker_fee));
        for (held, fee) in fill.held.iter().zip(fees) {
            tally.leg(self.markets[fill.which], fill.secs * 1_000, *held, small(fee));
        }
    }

    /// Some taker's position, if it is one.
    fn victim(&mut self) -> Option<(usize, Key, i128)> {
        let (which, user) = (self.which(), self.user("taker", TAKERS));
        let held = self.base(user, which);
        (held != 0).then_some((which, user, held))
    }

    fn which(&mut self) -> usize {
        self.rng.below(ASSETS.len() as u64) as usize
    }

    fn user(&mut self, role: &str, count: u64) -> Key {
        named_key(self.scene.options.seed, &format!("{} {role}", self.program.slug), self.rng.below(count))
    }

    fn base(&self, user: Key, which: usize) -> i128 {
        self.positions.get(&(user, which)).map_or(0, |position| position.base)
    }

    /// Longs and shorts of all users.
    fn levels(&self, which: usize) -> (i128, i128) {
        let of_market = self.positions.iter().filter(|((_, market), _)| *market == which).map(|(_, position)| position.base);
        of_market.fold((0, 0), |(long, short), base| (long + base.max(0), short + (-base).max(0)))
    }

    /// Whole tenths of a cent, so that every worth is a whole number of micro-dollars.
    fn price_e6(&self, which: usize, now: Moment) -> i128 {
        self.scene.prices.at(ASSETS[which], now.secs * 1_000) / pow10(PRICE_SCALE - 3) * 1_000
    }
}
