//! Phoenix Eternal on Solana: an order book whose program writes its events into instructions to itself.

mod market;
mod stream;
mod takeover;

use self::market::{Key, LISTINGS, Listing, Market, Match, Order};
use self::stream::Stream;
use super::prices::PRICE_SCALE;
use super::scene::{CASCADE_ASSET, Cue, Scene, named_key};
use super::svm::{SLOT_SECS, SvmBuilder};
use crate::encode::phoenix::{Layout, Value};
use crate::num::pow10;
use crate::rng::Rng;
use crate::truth::{Flow, Tally};

/// Events of a transaction on average; turns the wanted number of events into a rate of transactions.
const EVENTS_PER_TRANSACTION: u64 = 8;
/// Accounts that take, and accounts that quote; the first of these quotes by a spline.
const TAKERS: u64 = 80;
const MAKERS: u64 = 6;
/// Keeps the cascade's steps apart from other venues'.
const CASCADE_OFFSET_MS: i64 = 9_000;
/// The mint of USDC, the only collateral.
const USDC: &str = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v";

/// One moment of the chain.
#[derive(Clone, Copy, Debug)]
struct Moment {
    index: usize,
    slot: u64,
    secs: i64,
    ms: i64,
}

struct Venue<'a> {
    scene: &'a Scene<'a>,
    rng: Rng,
    layout: &'a Layout,
    markets: Vec<Market>,
    whales: Vec<Key>,
    /// Hour whose funding is settled up to.
    funded_hour: i64,
}

/// Lets the venue trade through the whole chain, making about `events` events.
pub(super) fn play(scene: &Scene<'_>, events: u64, chain: &mut SvmBuilder, tally: &mut Tally) {
    let layout = Layout::new();
    let mut venue = Venue::list(scene, &layout, chain, tally);
    let slots = u64::from(scene.options.hours) * 3_600 / SLOT_SECS as u64 * 95 / 100;
    let rate_ppm = events * 1_000_000 / EVENTS_PER_TRANSACTION / slots;
    for index in chain.open_slots() {
        let secs = chain.time_secs(index);
        let now = Moment { index, slot: chain.slot(index), secs, ms: secs * 1_000 };
        venue.rng.at(now.ms);
        if secs / 3_600 != venue.funded_hour {
            venue.fund_hour(now, chain);
        }
        for _ in 0..venue.rng.count(rate_ppm) {
            venue.act(now, chain, tally);
        }
        venue.cascade(now, chain, tally);
    }
}

impl<'a> Venue<'a> {
    fn list(scene: &'a Scene<'a>, layout: &'a Layout, chain: &mut SvmBuilder, tally: &mut Tally) -> Venue<'a> {
        let secs = chain.time_secs(0);
        let now = Moment { index: 0, slot: chain.slot(0), secs, ms: secs * 1_000 };
        let mut venue = Venue { scene, rng: scene.rng(8), layout, markets: Vec::new(), whales: Vec::new(), funded_hour: secs / 3_600 };
        for listing in LISTINGS {
            let Listing { asset, asset_id, base_lot_decimals, .. } = listing;
            let id = tally.market(scene.market(("solana", "phoenix_eternal"), format!("{asset_id}:{asset}"), asset, *base_lot_decimals));
            let mut market = Market::new(listing, id);
            let mut stream = Stream::new(layout, now.slot, now.secs);
            market.header(&mut stream, now.slot, named_key(0, "phoenix admin", 0));
            stream.push("MarketAdded", &[]);
            market.summary(ticks(scene, listing, now.ms), &mut stream);
            venue.markets.push(market);
            venue.send(vec![stream], now, chain);
        }
        venue
    }

    /// One transaction of an ordinary day.
    fn act(&mut self, now: Moment, chain: &mut SvmBuilder, tally: &mut Tally) {
        match self.rng.below(100) {
            0..4 => self.move_funds(now, chain, tally),
            4..9 => self.quote(now, chain),
            9..11 => self.fail(now, chain),
            11..14 => self.settle_some(now, chain, tally),
            14 => self.hand_over(now, chain, tally),
            // Two orders in one transaction, each under an instruction of its own.
            15..20 => {
                let streams = vec![self.order(now, tally), self.order(now, tally)];
                self.send(streams, now, chain);
            }
            _ => {
                let stream = self.order(now, tally);
                self.send(vec![stream], now, chain);
            }
        }
    }

    /// A taker's order on some market: opens, adds, reduces, closes, turns around, or is liquidated.
    fn order(&mut self, now: Moment, tally: &mut Tally) -> Stream<'a> {
        let which = self.rng.below(self.markets.len() as u64) as usize;
        let taker = self.taker();
        let mark = ticks(self.scene, self.markets[which].listing, now.ms);
        let lot_price = mark * self.markets[which].listing.tick_size;
        let fresh = (i128::from(self.rng.skewed(60, 9)) * pow10(6) / lot_price).max(1);
        let held = self.markets[which].positions.get(&taker).map_or(0, |position| position.lots);
        let roll = self.rng.below(100);
        let (buys, lots, liquidated) = match (held, roll) {
            (0, _) => (self.rng.percent(51), fresh, false),
            (_, 0..20) => (held > 0, fresh, false),
            (_, 20..45) => (held < 0, (held.abs() * i128::from(self.rng.between(5, 95)) / 100).max(1), false),
            (_, 45..84) => (held < 0, held.abs(), false),
            (_, 84..94) => (held < 0, held.abs() + fresh, false),
            (_, 94..97) => (held < 0, held.abs(), true),
            _ => (held < 0, (held.abs() / 2).max(1), true),
        };
        self.take(which, taker, (buys, lots, liquidated), now, tally)
    }

    fn take(
        &mut self,
        which: usize,
        taker: Key,
        (buys, lots, liquidated): (bool, i128, bool),
        now: Moment,
        tally: &mut Tally,
    ) -> Stream<'a> {
        let mark = ticks(self.scene, self.markets[which].listing, now.ms);
        let matches = self.matches(lots, buys, mark);
        let liquidator = liquidated.then(|| named_key(self.scene.options.seed, "phoenix liquidator", self.rng.below(3)));
        let market = &mut self.markets[which];
        let mut stream = Stream::new(self.layout, now.slot, now.secs);
        market.header(&mut stream, now.slot, taker);
        market.trade(&Order { taker, buys, matches: &matches, liquidator }, mark, now.ms, &mut stream, tally);
        if self.rng.percent(20) {
            market.prices(mark, None, now.slot, &mut stream);
        }
        market.summary(mark, &mut stream);
        stream
    }

    /// Who stands on the other side: one maker, now and then two or three at falling quality.
    fn matches(&mut self, lots: i128, buys: bool, mark: i128) -> Vec<Match> {
        let wanted = if self.rng.percent(80) { 1 } else { self.rng.between(2, 3) as u64 };
        let count = wanted.min(lots.unsigned_abs() as u64);
        let first = self.rng.below(MAKERS);
        let mut left = lots;
        (0..count)
            .map(|n| {
                let part = if n + 1 == count { left } else { (left / 2).max(1) };
                left -= part;
                let which = (first + n) % MAKERS;
                let off = (n as i128 + 1) * (mark / 10_000 + 1);
                Match {
                    maker: named_key(self.scene.options.seed, "phoenix maker", which),
                    lots: part,
                    ticks: if buys { mark + off } else { mark - off },
                    is_spline: which == 0,
                }
            })
            .collect()
    }

    /// A liquidator takes some trader's position over.
    fn hand_over(&mut self, now: Moment, chain: &mut SvmBuilder, tally: &mut Tally) {
        let which = self.rng.below(self.markets.len() as u64) as usize;
        let (from, to) = (self.taker(), named_key(self.scene.options.seed, "phoenix liquidator", self.rng.below(3)));
        let market = &mut self.markets[which];
        if market.positions.get(&from).is_none_or(|position| position.lots == 0) {
            return;
        }
        let mut stream = Stream::new(self.layout, now.slot, now.secs);
        market.take_over((from, to), ticks(self.scene, market.listing, now.ms), now.ms, &mut stream, tally);
        self.send(vec![stream], now, chain);
    }

    /// Some ordinary trader.
    fn taker(&mut self) -> Key {
        named_key(self.scene.options.seed, "phoenix taker", self.rng.below(TAKERS))
    }

    /// Large longs before the fall, their liquidation in it.
    fn cascade(&mut self, now: Moment, chain: &mut SvmBuilder, tally: &mut Tally) {
        let Some(which) = LISTINGS.iter().position(|listing| listing.asset == CASCADE_ASSET) else { return };
        let stream = match self.scene.cue(now.ms, SLOT_SECS * 1_000, CASCADE_OFFSET_MS) {
            Cue::Gather => {
                let whale = named_key(self.scene.options.seed, "phoenix whale", self.rng.next());
                let lot_price = ticks(self.scene, &LISTINGS[which], now.ms) * LISTINGS[which].tick_size;
                let lots = i128::from(self.rng.between(250_000, 700_000)) * pow10(6) / lot_price;
                self.whales.push(whale);
                self.take(which, whale, (true, lots, false), now, tally)
            }
            Cue::Fall => {
                let Some(whale) = self.whales.pop() else { return };
                let lots = self.markets[which].positions[&whale].lots;
                self.take(which, whale, (false, lots, true), now, tally)
            }
            Cue::Nothing => return,
        };
        self.send(vec![stream], now, chain);
    }

    /// The hour's prices and funding of all markets.
    fn fund_hour(&mut self, now: Moment, chain: &mut SvmBuilder) {
        self.funded_hour = now.secs / 3_600;
        let mut stream = Stream::new(self.layout, now.slot, now.secs);
        for market in &mut self.markets {
            market.header(&mut stream, now.slot, named_key(0, "phoenix oracle", 0));
            market.prices(ticks(self.scene, market.listing, now.ms), Some(self.rng.between(-20, 45)), now.slot, &mut stream);
        }
        self.send(vec![stream], now, chain);
    }

    /// Settles some traders' funding without a trade.
    fn settle_some(&mut self, now: Moment, chain: &mut SvmBuilder, tally: &mut Tally) {
        let mut stream = Stream::new(self.layout, now.slot, now.secs);
        for _ in 0..3 {
            let which = self.rng.below(self.markets.len() as u64) as usize;
            let trader = self.taker();
            self.markets[which].fund(trader, now.ms, &mut stream, tally);
        }
        self.send(vec![stream], now, chain);
    }

    fn move_funds(&mut self, now: Moment, chain: &mut SvmBuilder, tally: &mut Tally) {
        let into = self.rng.percent(60);
        let trader = self.taker();
        let amount = i128::from(self.rng.skewed(20, 12)) * pow10(6) + i128::from(self.rng.below(1_000_000));
        let number = |value: i128| Value::Int(value);
        let mut stream = Stream::new(self.layout, now.slot, now.secs);
        let owner = [("trader", Value::Key(trader)), ("authority", Value::Key(named_key(0, "authority", u64::from(trader[0]))))];
        let mut values = owner.to_vec();
        values.push(("amount", number(amount)));
        if into {
            let rest = ["trader_flags", "new_collateral_balance", "trader_sequence_number", "prev_sequence_number_slot"];
            values.extend(rest.map(|name| (name, number(1))));
            stream.push("TraderFundsDeposited", &values);
        } else {
            let rest = [
                "trader_sequence_number",
                "trader_prev_sequence_number_slot",
                "post_withdrawal_budget",
                "post_queue_size",
                "total_queued_amount",
                "withdraw_queue_sequence_number",
                "withdraw_queue_prev_sequence_number_slot",
            ];
            values.extend(rest.map(|name| (name, number(1))));
            stream.push("TraderFundsWithdrawn", &values);
        }
        let (chain_slug, venue) = ("solana", "phoenix_eternal");
        tally.flow(Flow {
            chain: chain_slug,
            venue,
            token: USDC.to_owned(),
            ts_ms: now.ms,
            into,
            native: amount,
            dollar_decimals: Some(6),
        });
        self.send(vec![stream], now, chain);
    }

    /// A maker moves its quotes; most real transactions are of this kind.
    fn quote(&mut self, now: Moment, chain: &mut SvmBuilder) {
        let which = self.rng.below(self.markets.len() as u64) as usize;
        let mut stream = Stream::new(self.layout, now.slot, now.secs);
        self.markets[which].header(&mut stream, now.slot, named_key(self.scene.options.seed, "phoenix maker", 0));
        let body: Vec<u8> = (0..6).flat_map(|_| self.rng.next().to_le_bytes()).collect();
        stream.push_opaque("SplinePriceUpdated", &body);
        self.send(vec![stream], now, chain);
    }

    /// A transaction that fails: it says that a large trade happened, which did not.
    fn fail(&mut self, now: Moment, chain: &mut SvmBuilder) {
        let listing = LISTINGS[0];
        let mut ghost = Tally::new(now.ms - now.ms % 3_600_000, 1, self.scene.cascade());
        let id = ghost.market(self.scene.market(("solana", "phoenix_eternal"), String::new(), listing.asset, listing.base_lot_decimals));
        let mut market = Market::new(&LISTINGS[0], id);
        let mut stream = Stream::new(self.layout, now.slot, now.secs);
        let taker = self.taker();
        market.header(&mut stream, now.slot, taker);
        let matches = self.matches(1_000_000, true, ticks(self.scene, &LISTINGS[0], now.ms));
        market.trade(&Order { taker, buys: true, matches: &matches, liquidator: None }, 1, now.ms, &mut stream, &mut ghost);
        let instruction = stream.into_instruction(&mut self.rng);
        chain.push(now.index, vec![instruction], Some(0), true);
    }

    fn send(&mut self, streams: Vec<Stream<'a>>, now: Moment, chain: &mut SvmBuilder) {
        let instructions = streams.into_iter().map(|stream| stream.into_instruction(&mut self.rng)).collect();
        let version = match self.rng.below(10) {
            0..2 => None,
            2..8 => Some(0),
            _ => Some(1),
        };
        chain.push(now.index, instructions, version, false);
    }
}

/// The oracle's price in ticks of the market.
fn ticks(scene: &Scene<'_>, listing: &Listing, now_ms: i64) -> i128 {
    // price = ticks * tick_size * 10^base_lot_decimals / 10^6, and the price here carries PRICE_SCALE decimals.
    let price = scene.prices.at(listing.asset, now_ms);
    price * pow10(6) / (listing.tick_size * pow10(listing.base_lot_decimals) * pow10(PRICE_SCALE))
}
