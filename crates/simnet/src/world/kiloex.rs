//! KiloEx on BNB Chain: positions against the pool in dollars, closed in parts, their ids used again.

use std::collections::BTreeMap;

use alloy_dyn_abi::DynSolValue;
use alloy_primitives::{Address, address};

use super::evm::EvmBuilder;
use super::prices::PRICE_SCALE;
use super::scene::{Scene, named_address};
use crate::encode::abi::{self, Contract, Emitted};
use crate::num::{half_even, pow10, small, wide, wide_signed};
use crate::rng::Rng;
use crate::truth::{Held, MarketId, Tally, Trade};

/// The contract that emits everything (KiloExPerp/kiloex-python-sdk, contract addresses).
const PERP_TRADE: Address = address!("7c09a8df940cf1d14d4c24f90aca39ee619f0864");
/// Product numbers with what they trade. No table names them.
const PRODUCTS: [(u64, &str); 2] = [(1, "BTC"), (2, "ETH")];
/// Decimals of prices, margins, leverage, fees and profits.
const DECIMALS: u32 = 8;
/// Decimals of the units in which the truth counts.
const UNIT_DECIMALS: u32 = 18;
const ACCOUNTS: u64 = 40;
/// Logs of one step on average; turns the wanted number of logs into a rate of steps.
const LOGS_PER_STEP_PERCENT: u64 = 112;

/// Account, product and whether long, which make the id of a position.
type Key = (u64, usize, bool);

/// What an account holds of a product on one side.
#[derive(Clone, Copy, Debug)]
struct Position {
    /// Dollars times 10^8.
    margin: i128,
    /// Times 10^8.
    leverage: i128,
    /// Dollars times 10^8.
    entry: i128,
}

struct Venue<'a> {
    scene: &'a Scene<'a>,
    rng: Rng,
    contract: Contract,
    markets: Vec<MarketId>,
    positions: BTreeMap<Key, Position>,
    steps: u64,
}

/// Lets the venue trade through the whole chain, making about `logs` logs.
pub(super) fn play(scene: &Scene<'_>, logs: u64, chain: &mut EvmBuilder, tally: &mut Tally) {
    let contract = Contract::new(PERP_TRADE, include_str!("../../../../abi/kiloex/perp_trade.json"));
    let market = |(product, _): &(u64, &str)| {
        // Nobody tells what a product is: its key is its asset.
        let key = format!("kiloex:{product}");
        tally.market_without_levels(scene.market(("bnb", "kiloex"), key, "unmapped", UNIT_DECIMALS))
    };
    let markets = PRODUCTS.iter().map(market).collect();
    let mut venue = Venue { scene, rng: scene.rng(70), contract, markets, positions: BTreeMap::new(), steps: 0 };
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
    fn step(&mut self, now_ms: i64, tally: &mut Tally) -> Vec<Emitted> {
        self.steps += 1;
        let key = (self.rng.below(ACCOUNTS), self.rng.below(PRODUCTS.len() as u64) as usize, self.rng.percent(55));
        let Some(position) = self.positions.get(&key).copied() else { return vec![self.increase(key, None, now_ms, tally)] };
        let part = position.margin * i128::from(self.rng.between(10, 90)) / 100;
        match self.rng.below(100) {
            0..20 => vec![self.increase(key, Some(position), now_ms, tally)],
            20..30 => vec![self.margin(key, position)],
            30..34 => vec![self.not_liquidated(key)],
            34..60 => self.decrease(key, position, part, false, now_ms, tally),
            60..90 => self.decrease(key, position, position.margin, false, now_ms, tally),
            _ => self.decrease(key, position, position.margin, true, now_ms, tally),
        }
    }

    /// More of a position, at its leverage.
    fn increase(&mut self, key: Key, held: Option<Position>, now_ms: i64, tally: &mut Tally) -> Emitted {
        let (oracle, price) = self.prices(key.1, key.2, now_ms);
        let leverage = held.map_or_else(|| i128::from(self.rng.between(2, 50)) * pow10(DECIMALS), |held| held.leverage);
        let margin = i128::from(self.rng.skewed(20, 6)) * pow10(DECIMALS) + i128::from(self.rng.below(100_000_000));
        let size = margin * leverage;
        let units = units(size, price);
        let fee = size / pow10(DECIMALS) / 2_000;
        let usd_e6 = usd_e6(units, price);
        let market = self.markets[key.1];
        tally.leg(market, now_ms, Held { before: 0, after: 0 }, half_e6(fee));
        tally.trade(market, Trade { ts_ms: now_ms, volume_usd_e6: usd_e6, exec_usd_e6: usd_e6, bought: Some(key.2) });
        let entry = held.map_or(price, |held| average(held, size, units));
        let whole = held.map_or(0, |held| held.margin) + margin;
        self.positions.insert(key, Position { margin: whole, leverage, entry });
        let [position, user, product] = self.names(key);
        let zero = || abi::uint(0_u64);
        let numbers = [price, oracle, margin, leverage, fee].map(|number| abi::uint(wide(number)));
        let [price, oracle, margin, leverage, fee] = numbers;
        let funding = abi::int(wide_signed(i128::from(self.rng.between(-1_000, 1_000))));
        let order = abi::uint(self.rng.below(3));
        let (required, at) = (margin.clone(), leverage.clone());
        let rest = [price, oracle, margin, leverage, fee, funding, order, zero(), required, at, extra(), abi::uint(self.steps)];
        let values = [vec![position, user, product, abi::boolean(key.2)], rest.to_vec()].concat();
        self.contract.emit("IncreasePositionV3", &values)
    }

    /// Less of it, or nothing more. The event has no side.
    fn decrease(&mut self, key: Key, held: Position, margin: i128, is_liquidation: bool, now_ms: i64, tally: &mut Tally) -> Vec<Emitted> {
        let (_, price) = self.prices(key.1, !key.2, now_ms);
        let size = margin * held.leverage;
        // What is closed was opened at the entry price.
        let units = units(size, held.entry);
        let fee = size / pow10(DECIMALS) / 2_000;
        let borrow = size / pow10(DECIMALS) / i128::from(self.rng.between(5_000, 50_000));
        let market = self.markets[key.1];
        // A decrease states the size that goes at its entry, which is what the venue counts.
        let volume_usd_e6 = small(half_even(size, pow10(2 * DECIMALS - 6)));
        let usd_e6 = usd_e6(units, price);
        tally.leg(market, now_ms, Held { before: 0, after: 0 }, half_e6(fee));
        tally.trade(market, Trade { ts_ms: now_ms, volume_usd_e6, exec_usd_e6: usd_e6, bought: Some(!key.2) });
        if borrow != 0 {
            tally.borrow(market, now_ms, half_e6(borrow));
        }
        if is_liquidation {
            tally.liquidation(market, now_ms, key.2, usd_e6);
        }
        let rest = held.margin - margin;
        match rest {
            0 => drop(self.positions.remove(&key)),
            _ => drop(self.positions.insert(key, Position { margin: rest, ..held })),
        }
        let [position, user, product] = self.names(key);
        let sign = if key.2 { 1 } else { -1 };
        let pnl = sign * units * (price - held.entry) / pow10(UNIT_DECIMALS);
        let signed = |number: i128| abi::int(wide_signed(number));
        let numbers = [price, held.entry, margin, held.leverage, fee].map(|number| abi::uint(wide(number)));
        let after = [signed(pnl), signed(0), abi::boolean(is_liquidation), abi::uint(self.rng.below(3)), abi::uint(wide(borrow))];
        let end = [abi::uint(wide(rest)), extra(), abi::uint(self.steps)];
        let values = [vec![position.clone(), user, product], numbers.to_vec(), after.to_vec(), end.to_vec()].concat();
        let mut logs = vec![self.contract.emit("DecreasePositionV3", &values)];
        if is_liquidation {
            let liquidator = abi::address(named_address(self.scene.options.seed, "kiloex liquidator", 0));
            logs.push(self.contract.emit("PositionLiquidated", &[position, liquidator, abi::uint(wide(margin / 20)), abi::uint(0_u64)]));
        }
        logs
    }

    /// Margin alone: the size stays, so the leverage falls.
    fn margin(&mut self, key: Key, held: Position) -> Emitted {
        let added = held.margin / 10 + 1;
        let [position, user, _] = self.names(key);
        let numbers = [added, held.margin, held.leverage].map(|number| abi::uint(wide(number)));
        let values = [vec![position, user], numbers.to_vec(), vec![abi::uint(self.steps)]].concat();
        self.contract.emit("MarginAddedV2", &values)
    }

    /// A liquidation that the contract refused.
    fn not_liquidated(&mut self, key: Key) -> Emitted {
        let [position, user, _] = self.names(key);
        self.contract.emit("ExecuteLiquidateError", &[position, user, abi::text("not liquidatable")])
    }

    /// The values of the three topics.
    fn names(&self, (account, product, long): Key) -> [DynSolValue; 3] {
        let id = account * 100 + product as u64 * 10 + u64::from(long);
        let user = named_address(self.scene.options.seed, "kiloex trader", account);
        [abi::uint(id), abi::address(user), abi::uint(PRODUCTS[product].0)]
    }

    /// The oracle's price and a little worse.
    fn prices(&mut self, product: usize, buys: bool, now_ms: i64) -> (i128, i128) {
        let oracle = self.scene.prices.at(PRODUCTS[product].1, now_ms) / pow10(PRICE_SCALE - DECIMALS);
        let worse = oracle * i128::from(self.rng.between(0, 200)) / 1_000_000;
        (oracle, if buys { oracle + worse } else { oracle - worse })
    }
}

/// Units times 10^18 of a size (dollars times 10^16) at a price.
fn units(size: i128, price: i128) -> i128 {
    half_even(size * pow10(UNIT_DECIMALS - DECIMALS), price)
}

/// Dollars of units at a price, in millionths.
fn usd_e6(units: i128, price: i128) -> i64 {
    small(half_even(units * price, pow10(UNIT_DECIMALS + DECIMALS - 6)))
}

/// Dollars times 10^8 in millionths.
fn half_e6(usd_e8: i128) -> i64 {
    small(half_even(usd_e8, pow10(DECIMALS - 6)))
}

/// The entry price of a position that grew.
fn average(held: Position, size: i128, added: i128) -> i128 {
    let before = held.margin * held.leverage;
    (before + size) * pow10(UNIT_DECIMALS - DECIMALS) / (units(before, held.entry) + added)
}

fn extra() -> DynSolValue {
    DynSolValue::Bytes(Vec::new())
}
