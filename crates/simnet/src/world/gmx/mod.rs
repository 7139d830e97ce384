//! GMX v2 on Arbitrum One: traders against a pool, executed by keepers.

mod market;
mod order;
mod position;
mod view;

use alloy_primitives::{B256, U256};

use self::market::{LISTINGS, LONG_TOKEN, Market, Quotes, SHORT_TOKEN, UNLISTED, pow10};
use self::order::{Executed, execute};
use self::position::{Order, Position, Reason};
use super::evm::EvmBuilder;
use super::prices::PRICE_SCALE;
use super::scene::{CASCADE_ASSET, Cue, Scene, named_address};
use crate::encode::abi::Emitted;
use crate::encode::gmx::EventEmitter;
use crate::num::{half_even_wide, small};
use crate::rng::Rng;
use crate::truth::{Held, Tally, Trade};

/// Logs that an order makes on average; turns the wanted number of logs into a rate of orders.
const LOGS_PER_ORDER: u64 = 14;
/// Accounts that trade.
const ACCOUNTS: u64 = 70;
/// No more positions than this are opened in a market.
const POSITIONS_MAX: usize = 50;
/// Keeps the cascade's steps apart from other venues'.
const CASCADE_OFFSET_MS: i64 = 4_000;
/// USDC trades a little below the dollar; dollar stablecoins count at par all the same.
const USDC_PRICE: u128 = 999_861_837_013_275_150_000_000;

/// The venue in motion.
struct Venue<'a> {
    scene: &'a Scene<'a>,
    rng: Rng,
    emitter: EventEmitter,
    markets: Vec<(Market, Vec<Position>)>,
    orders: u64,
}

/// Lets the venue trade through the whole chain, making about `logs` logs.
pub(super) fn play(scene: &Scene<'_>, logs: u64, chain: &mut EvmBuilder, tally: &mut Tally) {
    let mut venue = Venue::list(scene, chain, tally);
    let blocks = chain.blocks_per_hour() * u64::from(scene.options.hours);
    let rate_ppm = logs * 1_000_000 / LOGS_PER_ORDER / blocks;
    let block_ms = 3_600_000 / chain.blocks_per_hour() as i64;
    for index in chain.open_blocks() {
        let now_ms = chain.time_ms(index);
        venue.rng.at(now_ms);
        for _ in 0..venue.rng.count(rate_ppm) {
            let mut logs = Vec::new();
            // Keepers execute a second order in the same transaction now and then.
            for _ in 0..1 + u64::from(venue.rng.percent(6)) {
                venue.act(now_ms, tally, &mut logs);
            }
            chain.push(index, logs);
        }
        if let Some(logs) = venue.cascade(now_ms, block_ms, tally) {
            chain.push(index, logs);
        }
    }
}

impl<'a> Venue<'a> {
    fn list(scene: &'a Scene<'a>, chain: &mut EvmBuilder, tally: &mut Tally) -> Venue<'a> {
        let emitter = EventEmitter::new();
        let mut markets = Vec::new();
        for listing in LISTINGS.iter().chain(scene.options.is_wide.then_some(&UNLISTED)) {
            let key = format!("{:#x}", listing.market);
            let id = tally.market(scene.market(("arbitrum", "gmx_v2"), key, listing.asset, listing.index_decimals));
            let market = Market::new(listing, id, chain.time_secs(0));
            chain.push(0, vec![market.created(&emitter)]);
            if let Some(symbol) = listing.index_symbol {
                chain.token(listing.index_token, symbol, listing.index_decimals);
            }
            markets.push((market, Vec::new()));
        }
        Venue { scene, rng: scene.rng(1), emitter, markets, orders: 0 }
    }

    /// One order of an ordinary trader.
    fn act(&mut self, now_ms: i64, tally: &mut Tally, logs: &mut Vec<Emitted>) {
        let which = self.rng.below(self.markets.len() as u64) as usize;
        self.drift(which);
        let (market, positions) = &mut self.markets[which];
        let roll = self.rng.below(100);
        let ordinary: Vec<usize> = (0..positions.len()).filter(|at| !positions[*at].is_whale).collect();
        if ordinary.is_empty() || (roll < 34 && positions.len() < POSITIONS_MAX) {
            let account = named_address(self.scene.options.seed, "gmx trader", self.rng.below(ACCOUNTS));
            let long = self.rng.percent(50);
            let collateral = if market.listing.long_collateral && long && self.rng.percent(50) { LONG_TOKEN } else { SHORT_TOKEN };
            let known = positions.iter().position(|held| (held.account, held.long, held.collateral) == (account, long, collateral));
            let at = known.unwrap_or_else(|| {
                positions.push(Position::new(account, collateral, long, market));
                positions.len() - 1
            });
            let size = self.dollars(400, 8);
            return self.run(which, at, Reason::Increase, size, now_ms, tally, logs);
        }
        let at = *self.rng.pick(&ordinary);
        let whole = positions[at].size_usd;
        let part = whole * U256::from(self.rng.between(5, 95)) / U256::from(100);
        let (reason, size) = match roll {
            0..48 => (Reason::Increase, self.dollars(300, 7)),
            48..66 => (Reason::Decrease, part),
            66..90 => (Reason::Decrease, whole),
            90..94 => (Reason::Liquidation { insolvent: self.rng.percent(25) }, whole),
            94..96 => (Reason::Adl, if self.rng.percent(50) { part } else { whole }),
            96..98 => (Reason::Increase, U256::ZERO),
            _ => (Reason::Decrease, U256::ZERO),
        };
        self.run(which, at, reason, size, now_ms, tally, logs);
    }

    /// Large longs before the fall, their liquidation in it.
    fn cascade(&mut self, now_ms: i64, block_ms: i64, tally: &mut Tally) -> Option<Vec<Emitted>> {
        let which = self.markets.iter().position(|(market, _)| market.listing.asset == CASCADE_ASSET)?;
        let (market, positions) = &mut self.markets[which];
        let mut logs = Vec::new();
        match self.scene.cue(now_ms, block_ms, CASCADE_OFFSET_MS) {
            Cue::Gather => {
                let account = named_address(self.scene.options.seed, "gmx whale", positions.len() as u64 + self.rng.below(1_000_000));
                let mut whale = Position::new(account, SHORT_TOKEN, true, market);
                whale.is_whale = true;
                positions.push(whale);
                let (at, size) = (positions.len() - 1, self.dollars(450_000, 2));
                self.run(which, at, Reason::Increase, size, now_ms, tally, &mut logs);
            }
            Cue::Fall => {
                let at = positions.iter().position(|held| held.is_whale)?;
                let size = positions[at].size_usd;
                self.run(which, at, Reason::Liquidation { insolvent: false }, size, now_ms, tally, &mut logs);
            }
            Cue::Nothing => return None,
        }
        Some(logs)
    }

    #[allow(clippy::too_many_arguments, reason = "an order is all of these, and they are used once")]
    fn run(&mut self, which: usize, at: usize, reason: Reason, size_usd: U256, now_ms: i64, tally: &mut Tally, logs: &mut Vec<Emitted>) {
        let quotes = self.quotes(which, now_ms);
        self.orders += 1;
        let order = Order {
            key: B256::from(U256::from(self.orders) << 128 | U256::from(self.rng.next())),
            reason,
            order_type: match reason {
                Reason::Increase => *self.rng.pick(&[2, 2, 3, 8]),
                Reason::Decrease => *self.rng.pick(&[4, 4, 5, 6]),
                Reason::Liquidation { .. } => 7,
                Reason::Adl => 4,
            },
            size_usd,
            impact_ppm: self.rng.between(-40, 400),
            has_referral: self.rng.percent(30),
        };
        let (market, positions) = &mut self.markets[which];
        let position = &mut positions[at];
        let before = position.signed();
        let done = execute(&order, position, market, ((now_ms / 1_000) as u64, &quotes), &self.emitter, logs);
        let held = Held { before, after: position.signed() };
        record(&order, &done, position, market, &quotes, (now_ms, held), tally);
        if position.size_usd.is_zero() {
            positions.swap_remove(at);
        }
    }

    /// The paying side and the rate change slowly.
    fn drift(&mut self, which: usize) {
        let market = &mut self.markets[which].0;
        let factor = market.funding_factor * U256::from(self.rng.between(990_000, 1_010_000) as u64) / U256::from(1_000_000);
        market.funding_factor = factor.clamp(pow10(20), pow10(22));
        if !market.listing.long_collateral && self.rng.percent(2) {
            market.longs_pay = !market.longs_pay;
        }
    }

    fn quotes(&mut self, which: usize, now_ms: i64) -> Quotes {
        let listing = self.markets[which].0.listing;
        let per_unit =
            |decimals: u32| U256::from(self.scene.prices.at(listing.asset, now_ms).unsigned_abs()) * pow10(30 - PRICE_SCALE - decimals);
        let index = per_unit(listing.index_decimals);
        let spread = index / U256::from(20_000) * U256::from(self.rng.below(2));
        let usdc = U256::from(USDC_PRICE);
        // The long token of these markets is the index itself, wrapped: equal price, equal decimals.
        Quotes { index_min: index - spread, index_max: index + spread, collateral: [(index - spread, index + spread), (usdc, usdc)] }
    }

    /// A size with all thirty digits in use.
    fn dollars(&mut self, low: i64, doublings: u32) -> U256 {
        let whole = self.rng.skewed(low, doublings).unsigned_abs();
        U256::from(whole) * pow10(30) + U256::from(self.rng.next()) * pow10(10)
    }
}

/// Tells the truth of one executed order.
fn record(
    order: &Order,
    done: &Executed,
    position: &Position,
    market: &Market,
    quotes: &Quotes,
    (now_ms, held): (i64, Held),
    tally: &mut Tally,
) {
    let price = quotes.collateral[position.collateral].0;
    let dollars = |amount: U256| match position.collateral {
        SHORT_TOKEN => e6(amount, pow10(6)),
        _ => e6(amount * price, pow10(30)),
    };
    let Executed { tokens, price, charges } = *done;
    if !charges.funding.is_zero() {
        tally.funding(market.id, now_ms, -dollars(charges.funding));
    }
    if !charges.borrow.is_zero() {
        tally.borrow(market.id, now_ms, dollars(charges.borrow));
    }
    assert!(charges.claims[LONG_TOKEN].is_zero(), "funding is paid in USDC alone");
    if !charges.claims[SHORT_TOKEN].is_zero() {
        tally.funding(market.id, now_ms, e6(charges.claims[SHORT_TOKEN], pow10(6)));
    }
    if order.size_usd.is_zero() {
        return;
    }
    let exec_usd_e6 = e6(tokens * price, pow10(30));
    tally.leg(market.id, now_ms, held, dollars(charges.position - charges.discount));
    let bought = (order.reason != Reason::Adl).then_some(position.long == (order.reason == Reason::Increase));
    tally.trade(market.id, Trade { ts_ms: now_ms, volume_usd_e6: e6(order.size_usd, pow10(30)), exec_usd_e6, bought });
    match order.reason {
        Reason::Liquidation { .. } => tally.liquidation(market.id, now_ms, position.long, exec_usd_e6),
        Reason::Adl => tally.adl(market.id, now_ms, exec_usd_e6),
        Reason::Increase | Reason::Decrease => {}
    }
}

/// `amount / unit` in millionths, rounded half to even.
fn e6(amount: U256, unit: U256) -> i64 {
    small(i128::try_from(half_even_wide(amount * pow10(6), unit)).expect("figures of the world fit in 128 bits"))
}
