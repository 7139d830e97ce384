//! Hyperliquid perps on HyperCore: an order book told by the files of a node.

mod aside;
mod market;

use std::collections::BTreeMap;

use self::market::{Kind, LISTINGS, Market, Match, SCALE, User};
use super::scene::{CASCADE_ASSET, Cue, Scene, named_address, named_key};
use crate::chain::{HyperCore, HyperCoreBlock};
use crate::encode::hyperliquid::Lines;
use crate::num::{decimal, pow10};
use crate::rng::Rng;
use crate::truth::Tally;

/// Milliseconds between blocks.
const BLOCK_MS: i64 = 1_000;
/// Events of ten orders on average: legs, ledger rows, rows of no interest.
const EVENTS_PER_TEN_ORDERS: u64 = 26;
/// Share of all events that hourly funding takes, in percent; a guess that turns the wanted number into a rate.
const FUNDING_PERCENT: u64 = 12;
/// Accounts that quote.
const MAKERS: u64 = 8;
/// A child vault of HLP that takes positions over (seen in the archive's block 758800641).
const LIQUIDATOR_VAULT: &str = "0x2e3d94f0562703b25c83308a05046ddaf9a8dd14";
/// Keeps the cascade's steps apart from other venues'.
const CASCADE_OFFSET_MS: i64 = 1_000;

struct Venue<'a> {
    scene: &'a Scene<'a>,
    rng: Rng,
    markets: Vec<Market>,
    takers: u64,
    whales: Vec<User>,
    orders: u64,
}

/// What a block holds so far.
struct Block {
    time_ms: i64,
    nanos: u32,
    fills: Vec<String>,
    misc: Vec<String>,
}

/// The whole chain, with about `events` fills and funding deltas.
pub(super) fn play(scene: &Scene<'_>, events: u64, tally: &mut Tally) -> HyperCore {
    let markets = LISTINGS.iter().map(|listing| {
        let spec = scene.market(("hyperliquid", "hyperliquid"), listing.coin.to_owned(), listing.asset, SCALE);
        let id = tally.market(crate::truth::MarketSpec { multiplier: listing.multiplier, ..spec });
        Market { listing, id, positions: BTreeMap::new() }
    });
    let markets = markets.collect();
    let takers = (events / 1_000).clamp(15, 110);
    let mut venue = Venue { scene, rng: scene.rng(9), markets, takers, whales: Vec::new(), orders: 0 };
    let count = i64::from(scene.options.hours) * 3_600_000 / BLOCK_MS;
    let rate_ppm = events * (100 - FUNDING_PERCENT) / 100 * 10_000_000 / EVENTS_PER_TEN_ORDERS / count.unsigned_abs();
    let mut blocks = Vec::with_capacity(count as usize + 1);
    for index in 0..=count {
        let nominal_ms = scene.options.start_ms + index * BLOCK_MS;
        venue.rng.at(nominal_ms);
        let jitter_ms = if index == 0 { 0 } else { venue.rng.between(20, 320) };
        let nanos = if index == 0 { 0 } else { venue.rng.below(1_000_000) as u32 };
        let mut block = Block { time_ms: nominal_ms + jitter_ms, nanos, fills: Vec::new(), misc: Vec::new() };
        if 0 < index && index < count {
            venue.live(&mut block, rate_ppm, tally);
        }
        let line = |events: &[String]| Lines::block(index as u64 + 1, block.time_ms, nanos, &events.join(","));
        blocks.push(HyperCoreBlock {
            number: index as u64 + 1,
            time_ms: block.time_ms,
            fills: line(&block.fills),
            misc: line(&block.misc),
        });
    }
    HyperCore { blocks }
}

impl Venue<'_> {
    /// All that happens in one block.
    fn live(&mut self, block: &mut Block, rate_ppm: u64, tally: &mut Tally) {
        if block.time_ms % 3_600_000 < BLOCK_MS {
            self.fund(block, tally);
        }
        for _ in 0..self.rng.count(rate_ppm) {
            self.order(block, tally);
        }
        if self.rng.count(rate_ppm / 60) > 0 {
            self.move_funds(block, tally);
        }
        if self.rng.count(rate_ppm / 80) > 0 {
            self.spot(block);
        }
        self.cascade(block, tally);
    }

    /// A taker's order: opens, adds, reduces, closes, turns around, or is a liquidation.
    fn order(&mut self, block: &mut Block, tally: &mut Tally) {
        // The first markets trade most.
        let which = self.rng.below(LISTINGS.len() as u64).min(self.rng.below(LISTINGS.len() as u64)) as usize;
        let taker = self.taker();
        let held = self.markets[which].size_of(&taker);
        let fresh = self.fresh_size(which, 40, 9, block.time_ms);
        let roll = self.rng.below(100);
        let (buys, size, kind) = match (held, roll) {
            (0, _) => (self.rng.percent(51), fresh, Kind::Ordinary),
            (_, 0..22) => (held > 0, fresh, Kind::Ordinary),
            (_, 22..45) => (held < 0, held.abs() * i128::from(self.rng.between(5, 95)) / 100, Kind::Ordinary),
            (_, 45..82) => (held < 0, held.abs(), Kind::Ordinary),
            (_, 82..94) => (held < 0, held.abs() + fresh, Kind::Ordinary),
            (_, 94..98) => (held < 0, held.abs(), Kind::TakerLiquidated),
            (_, 98) => (held > 0, held.abs(), Kind::MakerLiquidated),
            _ => (held > 0, held.abs(), Kind::Backstop),
        };
        self.execute(which, &taker, (buys, size, kind), block, tally);
        self.deleverage(which, block, tally);
    }

    /// Executes an order of `user`, who is the taker, or the liquidated maker where the kind says so.
    fn execute(&mut self, which: usize, user: &User, (buys, size, kind): (bool, i128, Kind), block: &mut Block, tally: &mut Tally) {
        let size = self.markets[which].size(size);
        let is_taker = matches!(kind, Kind::Ordinary | Kind::TakerLiquidated);
        let half = self.markets[which].size(size / 2);
        let parts = if is_taker && half < size && self.rng.percent(25) { vec![half, size - half] } else { vec![size] };
        let (hash, oid) = self.next_order();
        for part in parts {
            let other = match kind {
                Kind::Backstop => User { address: LIQUIDATOR_VAULT.to_owned(), is_market_maker: false },
                _ => self.maker(),
            };
            let (taker, maker) = if is_taker { (user, &other) } else { (&other, user) };
            let off = i128::from(self.rng.between(0, 250));
            let off = if buys { 1_000_000 + off } else { 1_000_000 - off };
            let market = &self.markets[which];
            let px = market.price(self.scene.prices.at(market.listing.asset, block.time_ms) * off / 1_000_000);
            let deal = Match {
                taker,
                maker,
                taker_buys: buys,
                px,
                size: part,
                kind,
                time_ms: block.time_ms,
                hash: &hash,
                tid: (self.rng.next() >> 14) | 1,
                oid,
                float_noise: self.rng.percent(3),
            };
            self.markets[which].matched(&deal, &mut block.fills, tally);
        }
        if !matches!(kind, Kind::Ordinary) {
            let market = &self.markets[which];
            let delta = format!(
                r#""type":"liquidation","liquidatedNtlPos":"1.0","accountValue":"0.5","leverageType":"Cross","liquidatedPositions":[{{"coin":"{}","szi":"{}"}}]"#,
                market.listing.coin,
                decimal(size, SCALE)
            );
            block.misc.push(Lines::ledger(block.time_ms, block.nanos, &hash, &user.address, &delta));
        }
    }

    /// Closes a profitable account against the vault when the vault holds much.
    fn deleverage(&mut self, which: usize, block: &mut Block, tally: &mut Tally) {
        let vault = User { address: LIQUIDATOR_VAULT.to_owned(), is_market_maker: false };
        let market = &self.markets[which];
        let held = market.size_of(&vault);
        if held == 0 || !self.rng.percent(15) {
            return;
        }
        let counterparty =
            market.positions.iter().find(|(user, position)| position.size.signum() == -held.signum() && !user.is_market_maker);
        let Some((taker, position)) = counterparty.map(|(user, position)| (user.clone(), *position)) else { return };
        let (hash, oid) = self.next_order();
        let market = &mut self.markets[which];
        let px = market.price(self.scene.prices.at(market.listing.asset, block.time_ms));
        let deal = Match {
            taker: &taker,
            maker: &vault,
            taker_buys: held > 0,
            px,
            size: held.abs().min(position.size.abs()),
            kind: Kind::Adl,
            time_ms: block.time_ms,
            hash: &hash,
            tid: (self.rng.next() >> 14) | 1,
            oid,
            float_noise: false,
        };
        market.matched(&deal, &mut block.fills, tally);
    }

    /// Large longs before the fall, their liquidation in it: most on the book, some by the vault.
    fn cascade(&mut self, block: &mut Block, tally: &mut Tally) {
        let Some(which) = LISTINGS.iter().position(|listing| listing.asset == CASCADE_ASSET) else { return };
        match self.scene.cue(block.time_ms, BLOCK_MS, CASCADE_OFFSET_MS) {
            Cue::Gather => {
                let label = self.rng.next();
                let whale = self.user("hyperliquid whale", label);
                let size = self.fresh_size(which, 300_000, 2, block.time_ms);
                self.whales.push(whale.clone());
                self.execute(which, &whale, (true, size, Kind::Ordinary), block, tally);
            }
            Cue::Fall => {
                let Some(whale) = self.whales.pop() else { return };
                let size = self.markets[which].size_of(&whale);
                if size <= 0 {
                    return;
                }
                let order = if self.rng.percent(70) { (false, size, Kind::TakerLiquidated) } else { (true, size, Kind::Backstop) };
                self.execute(which, &whale, order, block, tally);
            }
            Cue::Nothing => {}
        }
    }

    fn fresh_size(&mut self, which: usize, dollars: i64, doublings: u32, now_ms: i64) -> i128 {
        let market = &self.markets[which];
        let px = market.price(self.scene.prices.at(market.listing.asset, now_ms));
        i128::from(self.rng.skewed(dollars, doublings)) * pow10(2 * SCALE) / px
    }

    fn user(&self, name: &str, n: u64) -> User {
        User { address: format!("{:#x}", named_address(self.scene.options.seed, name, n)), is_market_maker: false }
    }

    fn taker(&mut self) -> User {
        let n = self.rng.below(self.takers);
        self.user("hyperliquid taker", n)
    }

    fn maker(&mut self) -> User {
        let n = self.rng.below(MAKERS);
        User { is_market_maker: n < 3, ..self.user("hyperliquid maker", n) }
    }

    /// Hash and number of the next order; time-weighted orders have a hash of zeros.
    fn next_order(&mut self) -> (String, u64) {
        self.orders += 2;
        let hash = named_key(self.scene.options.seed, "hyperliquid order", self.orders);
        let hash = if self.rng.percent(10) { [0; 32] } else { hash };
        (format!("0x{}", alloy_primitives::hex::encode(hash)), 200_000_000_000 + self.orders)
    }
}
