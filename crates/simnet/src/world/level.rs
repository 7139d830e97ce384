//! Level Finance on BNB Chain: positions in dollars against one pool, whose closings are told in two ways.

use std::collections::BTreeMap;

use alloy_dyn_abi::DynSolValue;
use alloy_primitives::{Address, B256, U256, address};

use super::evm::EvmBuilder;
use super::scene::{Scene, named_address, named_key};
use crate::encode::abi::{self, Contract, Emitted};
use crate::num::{half_even, half_even_wide, pow10, small, wide, wide_signed};
use crate::rng::Rng;
use crate::truth::{Held, MarketId, Tally, Trade};

/// The contract that emits everything.
const POOL: Address = address!("a5abfb56a78d2bd4689b25b8a77fd49bb0675874");
/// Index tokens of 18 decimals, which name the markets.
const TOKENS: [(Address, &str); 2] =
    [(address!("7130d2a12b9bcbfae4f2634d864a1ee1ce3ead9c"), "BTC"), (address!("2170ed0880ac9a755fd29b2688956bd959f933f8"), "ETH")];
const TOKEN_DECIMALS: u32 = 18;
/// What shorts are secured with.
const USDT: Address = address!("55d398326f99059ff775485246999027b3197955");
/// Decimals of dollars. A price is one of a smallest unit, which leaves it the twelve digits of the world's prices.
const DECIMALS: u32 = 30;
const ACCOUNTS: u64 = 40;
/// Logs of one step on average; turns the wanted number of logs into a rate of steps.
const LOGS_PER_STEP_PERCENT: u64 = 280;

/// Account, token and whether long, which name a position; the same again after it was closed.
type Key = (u64, usize, bool);

/// What an account holds of a token on one side.
#[derive(Clone, Copy, Debug, Default)]
struct Position {
    /// Micro-dollars at entry.
    size_e6: i128,
    /// Micro-dollars.
    collateral_e6: i128,
    /// Dollars times 10^12.
    entry: i128,
}

struct Venue<'a> {
    scene: &'a Scene<'a>,
    rng: Rng,
    pool: Contract,
    markets: Vec<MarketId>,
    positions: BTreeMap<Key, Position>,
    borrow_index: u64,
}

/// Lets the venue trade through the whole chain, making about `logs` logs.
pub(super) fn play(scene: &Scene<'_>, logs: u64, chain: &mut EvmBuilder, tally: &mut Tally) {
    let pool = Contract::new(POOL, include_str!("../../../../abi/level/pool.json"));
    let market = |(token, asset): &(Address, &'static str)| {
        // Its history began long before the world.
        tally.market_without_levels(scene.market(("bnb", "level"), format!("{token:#x}"), asset, TOKEN_DECIMALS))
    };
    let markets = TOKENS.iter().map(market).collect();
    let mut venue = Venue { scene, rng: scene.rng(191), pool, markets, positions: BTreeMap::new(), borrow_index: 0 };
    let rate_ppm = logs * 100_000_000 / LOGS_PER_STEP_PERCENT / (chain.blocks_per_hour() * u64::from(scene.options.hours));
    for index in chain.open_blocks() {
        let now_ms = chain.time_ms(index);
        venue.rng.at(now_ms);
        for _ in 0..venue.rng.count(rate_ppm) {
            let logs = venue.step(now_ms, tally);
            chain.push(index, logs);
        }
    }
}

impl Venue<'_> {
    /// One transaction.
    fn step(&mut self, now_ms: i64, tally: &mut Tally) -> Vec<Emitted> {
        let key = self.draw();
        let mut logs = vec![self.interest(key)];
        if self.rng.percent(6) {
            logs.push(self.swap());
            return logs;
        }
        self.change(key, &mut logs, now_ms, tally);
        if self.rng.percent(10) {
            // One execution of orders may change two positions, or one twice.
            let second = if self.rng.percent(50) { key } else { self.draw() };
            self.change(second, &mut logs, now_ms, tally);
        }
        logs
    }

    fn draw(&mut self) -> Key {
        (self.rng.below(ACCOUNTS), self.rng.below(TOKENS.len() as u64) as usize, self.rng.percent(55))
    }

    fn change(&mut self, key: Key, logs: &mut Vec<Emitted>, now_ms: i64, tally: &mut Tally) {
        let size_e6 = i128::from(self.rng.skewed(300, 9)) * pow10(6) + i128::from(self.rng.below(1_000_000));
        let Some(held) = self.positions.get(&key).copied() else { return self.increase(key, size_e6, logs, now_ms, tally) };
        let part_e6 = held.size_e6 * i128::from(self.rng.between(10, 90)) / 100;
        match self.rng.below(100) {
            0..20 => self.increase(key, size_e6, logs, now_ms, tally),
            20..27 => self.increase(key, 0, logs, now_ms, tally),
            27..34 => self.decrease(key, held, 0, logs, now_ms, tally),
            34..58 => self.decrease(key, held, part_e6, logs, now_ms, tally),
            58..88 => self.decrease(key, held, held.size_e6, logs, now_ms, tally),
            _ => self.liquidate(key, held, logs, now_ms, tally),
        }
    }

    /// More of a position; a size of nothing adds collateral alone.
    fn increase(&mut self, key: Key, size_e6: i128, logs: &mut Vec<Emitted>, now_ms: i64, tally: &mut Tally) {
        let price = self.price(key, now_ms);
        let held = self.positions.get(&key).copied().unwrap_or_default();
        let added_e6 = size_e6 / 10 + pow10(6);
        let entry = match held.size_e6 {
            0 => price,
            // What was gained so far is spread over the whole, so that the units stay.
            size => {
                let whole = wide(size + size_e6) * power(DECIMALS - 6);
                let gained = gain(key, held, size, price);
                let worth = signed_sum(whole, if key.2 { gained } else { -gained });
                narrow(whole * wide(price) / worth)
            }
        };
        let after = Position { size_e6: held.size_e6 + size_e6, collateral_e6: held.collateral_e6 + added_e6, entry };
        let fee = self.fee(size_e6, held.size_e6);
        if size_e6 > 0 {
            let usd_e6 = small(size_e6);
            tally.leg(self.markets[key.1], now_ms, Held { before: 0, after: 0 }, half_e6(fee));
            let bought = Some(key.2);
            tally.trade(self.markets[key.1], Trade { ts_ms: now_ms, volume_usd_e6: usd_e6, exec_usd_e6: usd_e6, bought });
        } else {
            self.borrowed(key, fee, now_ms, tally);
        }
        self.positions.insert(key, after);
        let end = vec![side(key), abi::uint(wide(price)), abi::uint(wide(fee))];
        let values = [self.names(key), vec![dollars(added_e6), dollars(size_e6)], end].concat();
        logs.push(self.pool.emit("IncreasePosition", &values));
        logs.push(self.state(key, after, price));
    }

    /// Less of it, or nothing more; a size of nothing takes collateral alone.
    fn decrease(&mut self, key: Key, held: Position, size_e6: i128, logs: &mut Vec<Emitted>, now_ms: i64, tally: &mut Tally) {
        let price = self.price(key, now_ms);
        let fee = self.fee(size_e6, held.size_e6);
        if size_e6 > 0 {
            self.closed(key, held, (size_e6, price, fee), now_ms, tally);
        } else {
            self.borrowed(key, fee, now_ms, tally);
        }
        let taken_e6 = if size_e6 > 0 { held.collateral_e6 * size_e6 / held.size_e6 } else { held.collateral_e6 / 5 };
        let after = Position { size_e6: held.size_e6 - size_e6, collateral_e6: held.collateral_e6 - taken_e6, ..held };
        let pnl = self.profit(gain(key, held, size_e6, price));
        let end = vec![side(key), abi::uint(wide(price)), pnl, abi::uint(wide(fee))];
        let values = [self.names(key), vec![dollars(taken_e6), dollars(size_e6)], end].concat();
        logs.push(self.pool.emit("DecreasePosition", &values));
        if after.size_e6 > 0 {
            self.positions.insert(key, after);
            return logs.push(self.state(key, after, price));
        }
        self.positions.remove(&key);
        let numbers = [dollars(0), dollars(0), abi::uint(wide(held.entry)), abi::uint(self.borrow_index), abi::uint(0_u64)];
        logs.push(self.pool.emit("ClosePosition", &[vec![self.position_key(key)], numbers.to_vec()].concat()));
    }

    /// All of it, by anybody; nothing is stated of the position afterwards.
    fn liquidate(&mut self, key: Key, held: Position, logs: &mut Vec<Emitted>, now_ms: i64, tally: &mut Tally) {
        let price = self.price(key, now_ms);
        let fee = self.fee(held.size_e6, held.size_e6);
        let usd_e6 = self.closed(key, held, (held.size_e6, price, fee), now_ms, tally);
        tally.liquidation(self.markets[key.1], now_ms, key.2, usd_e6);
        self.positions.remove(&key);
        let pnl = self.profit(gain(key, held, held.size_e6, price));
        let reserved = abi::uint(wide(held.size_e6));
        let numbers = [side(key), dollars(held.size_e6), dollars(held.collateral_e6), reserved, abi::uint(wide(price)), pnl];
        let values = [self.names(key), numbers.to_vec(), vec![abi::uint(wide(fee))]].concat();
        logs.push(self.pool.emit("LiquidatePosition", &values));
    }

    /// What a close is in the truth: volume at entry, worth at the price; gives the latter in micro-dollars.
    fn closed(&mut self, key: Key, held: Position, (size_e6, price, fee): (i128, i128, i128), now_ms: i64, tally: &mut Tally) -> i64 {
        let exec_usd_e6 = small(narrow(half_even_wide(wide(size_e6) * wide(price), wide(held.entry))));
        tally.leg(self.markets[key.1], now_ms, Held { before: 0, after: 0 }, half_e6(fee));
        let bought = Some(!key.2);
        tally.trade(self.markets[key.1], Trade { ts_ms: now_ms, volume_usd_e6: small(size_e6), exec_usd_e6, bought });
        exec_usd_e6
    }

    /// A change of collateral costs what was borrowed until then, and nothing for a trade.
    fn borrowed(&self, key: Key, fee: i128, now_ms: i64, tally: &mut Tally) {
        if fee > 0 {
            tally.borrow(self.markets[key.1], now_ms, half_e6(fee));
        }
    }

    /// A thousandth of the size, and what the position has borrowed since its last change; dollars times 10^30.
    fn fee(&mut self, size_e6: i128, held_e6: i128) -> i128 {
        let borrow_ppm = i128::from(self.rng.between(0, 300));
        size_e6 * pow10(DECIMALS - 6) / 1_000 + held_e6 * borrow_ppm * pow10(DECIMALS - 12)
    }

    /// A profit by the older layout or by the newer one, which stand side by side.
    fn profit(&mut self, pnl: i128) -> DynSolValue {
        if self.rng.percent(50) {
            return abi::int(wide_signed(pnl));
        }
        DynSolValue::Tuple(vec![abi::uint(u64::from(pnl > 0)), abi::uint(wide(pnl.abs()))])
    }

    fn state(&self, key: Key, position: Position, price: i128) -> Emitted {
        let [size, collateral] = [position.size_e6, position.collateral_e6].map(dollars);
        let rest =
            [abi::uint(wide(position.entry)), abi::uint(self.borrow_index), abi::uint(wide(position.size_e6)), abi::uint(wide(price))];
        self.pool.emit("UpdatePosition", &[vec![self.position_key(key), size, collateral], rest.to_vec()].concat())
    }

    fn interest(&mut self, key: Key) -> Emitted {
        self.borrow_index += self.rng.below(1_000);
        self.pool.emit("InterestAccrued", &[abi::address(collateral(key)), abi::uint(self.borrow_index)])
    }

    /// A spot trade with the pool.
    fn swap(&mut self) -> Emitted {
        let amount = i128::from(self.rng.skewed(100, 8)) * pow10(TOKEN_DECIMALS);
        let sender = named_address(self.scene.options.seed, "level swapper", self.rng.below(ACCOUNTS));
        let numbers = [amount, amount * 999 / 1_000, amount / 1_000].map(|number| abi::uint(wide(number)));
        let tokens = [abi::address(sender), abi::address(USDT), abi::address(TOKENS[0].0)];
        self.pool.emit("Swap", &[tokens.to_vec(), numbers.to_vec()].concat())
    }

    /// Key, account, collateral token and index token.
    fn names(&self, key: Key) -> Vec<DynSolValue> {
        let account = named_address(self.scene.options.seed, "level trader", key.0);
        let [account, collateral, index] = [account, collateral(key), TOKENS[key.1].0].map(abi::address);
        vec![self.position_key(key), account, collateral, index]
    }

    fn position_key(&self, (account, token, long): Key) -> DynSolValue {
        let number = account * 100 + token as u64 * 10 + u64::from(long);
        abi::word(B256::from(named_key(self.scene.options.seed, "level position", number)))
    }

    fn price(&self, key: Key, now_ms: i64) -> i128 {
        self.scene.prices.at(TOKENS[key.1].1, now_ms)
    }
}

/// A long is secured with what it is long of.
fn collateral((_, token, long): Key) -> Address {
    if long { TOKENS[token].0 } else { USDT }
}

fn side(key: Key) -> DynSolValue {
    abi::uint(u64::from(!key.2))
}

/// What a part of a position has gained, dollars times 10^30, towards zero.
fn gain(key: Key, held: Position, size_e6: i128, price: i128) -> i128 {
    let moved = if key.2 { price - held.entry } else { held.entry - price };
    let size = wide(size_e6) * power(DECIMALS - 6);
    let gain = narrow(size * wide(moved.abs()) / wide(held.entry));
    if moved < 0 { -gain } else { gain }
}

fn signed_sum(whole: U256, part: i128) -> U256 {
    if part < 0 { whole - wide(-part) } else { whole + wide(part) }
}

fn power(n: u32) -> U256 {
    wide(pow10(n))
}

/// Micro-dollars as the contract holds them.
fn dollars(usd_e6: i128) -> DynSolValue {
    abi::uint(wide(usd_e6 * pow10(DECIMALS - 6)))
}

/// Dollars times 10^30 in micro-dollars.
fn half_e6(usd: i128) -> i64 {
    small(half_even(usd, pow10(DECIMALS - 6)))
}

fn narrow(number: U256) -> i128 {
    i128::try_from(number).expect("figures of the world fit in 127 bits")
}
