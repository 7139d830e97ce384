//! MUX v1 on BNB Chain: positions against a pool at a keeper's price, in quantities of the asset; what is owed for borrowing stands in the
//! fee of a position's next event.

use std::collections::BTreeMap;

use alloy_dyn_abi::DynSolValue;
use alloy_primitives::{Address, B256, address};

use super::evm::EvmBuilder;
use super::prices::PRICE_SCALE;
use super::scene::{Scene, named_address};
use crate::encode::abi::{self, Contract, Emitted, tuple, unsigned};
use crate::num::{half_even, mul_div, pow10, small, worth_e6};
use crate::rng::Rng;
use crate::truth::{Flow, Held, MarketId, Tally, Trade};

/// The contract that emits everything (mux-world/mux-protocol, deployments).
const POOL: Address = address!("855e99f768fad76dd0d3eb7c446c0b759c96d520");
/// The stable coin in which everybody puts up collateral, and the assets that can be traded: number, symbol.
const COLLATERAL: (u8, &str) = (0, "USDC");
const ASSETS: [(u8, &str); 2] = [(3, "ETH"), (4, "BTC")];
/// Decimals of sizes, prices and dollars.
const DECIMALS: u32 = 18;
/// Rates are 10^5 per eight hours; they are set anew once in this time. The real interval is longer than the shortest worlds.
const RATE_INTERVAL_MS: i64 = 900_000;
const ACCOUNTS: u64 = 30;
/// Logs of one step on average; turns the wanted number of logs into a rate of steps.
const LOGS_PER_STEP_PERCENT: u64 = 250;

/// Account, asset and whether long.
type Key = (u64, usize, bool);

#[derive(Clone, Copy, Debug, Default)]
struct Position {
    /// Asset times 10^18.
    size: i128,
    entry: i128,
    collateral: i128,
    /// Cumulative rate when fees were last charged, times 10^18.
    entry_rate: i128,
}

/// The pool's account of one asset.
#[derive(Clone, Copy, Debug, Default)]
struct Asset {
    /// Cumulative rates of longs and shorts, times 10^18.
    cumulative: [i128; 2],
    interval: i64,
}

struct Venue<'a> {
    scene: &'a Scene<'a>,
    rng: Rng,
    pool: Contract,
    markets: Vec<MarketId>,
    assets: Vec<Asset>,
    positions: BTreeMap<Key, Position>,
    steps: u64,
}

/// Lets the venue trade through the whole chain, making about `logs` logs.
pub(super) fn play(scene: &Scene<'_>, logs: u64, chain: &mut EvmBuilder, tally: &mut Tally) {
    let pool = Contract::new(POOL, include_str!("../../../../abi/mux_v1/liquidity_pool.json"));
    let market = |(id, asset): &(u8, &'static str)| tally.market(scene.market(("bnb", "mux_v1"), id.to_string(), asset, DECIMALS));
    let markets = ASSETS.iter().map(market).collect();
    let listed = [COLLATERAL].iter().chain(&ASSETS).map(|(id, symbol)| {
        let token = abi::address(named_address(0, symbol, u64::from(*id)));
        let symbol = abi::word(B256::right_padding_from(symbol.as_bytes()));
        let is_stable = abi::boolean(*id == COLLATERAL.0);
        pool.emit("AddAsset", &[abi::uint(*id), symbol, abi::uint(18_u64), is_stable, token.clone(), token])
    });
    chain.push(0, listed.collect());
    let assets = vec![Asset { interval: scene.options.start_ms / RATE_INTERVAL_MS, ..Asset::default() }; ASSETS.len()];
    let mut venue = Venue { scene, rng: scene.rng(72), pool, markets, assets, positions: BTreeMap::new(), steps: 0 };
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
        let key = (self.rng.below(ACCOUNTS), self.rng.below(ASSETS.len() as u64) as usize, self.rng.percent(55));
        let held = self.positions.get(&key).copied();
        let mut logs = self.rates_updated(key.1, now_ms);
        logs.extend(match (held, self.rng.below(100)) {
            (None, _) | (Some(_), 0..20) => self.open(key, held, now_ms, tally),
            (Some(held), 20..32) => self.withdraw(key, held, now_ms, tally),
            (Some(held), 32..58) if held.size > pow10(12) => {
                let amount = held.size * i128::from(self.rng.between(10, 90)) / 100;
                self.close(key, held, amount, false, now_ms, tally)
            }
            (Some(held), 32..86) => self.close(key, held, held.size, false, now_ms, tally),
            (Some(held), _) => self.close(key, held, held.size, true, now_ms, tally),
        });
        logs.push(self.pool.emit("UpdateSequence", &[abi::uint(self.steps)]));
        logs
    }

    /// More of a position; the collateral for it comes first.
    fn open(&mut self, key: Key, held: Option<Position>, now_ms: i64, tally: &mut Tally) -> Vec<Emitted> {
        let price = self.price(key.1, key.2, now_ms);
        let added = i128::from(self.rng.skewed(20, 6)) * pow10(DECIMALS) + i128::from(self.rng.below(1_000_000)) * pow10(9);
        let mut logs = vec![self.moved(key, added, true, now_ms, tally)];
        let held = held.unwrap_or_default();
        let amount = mul_div(added * i128::from(self.rng.between(2, 30)), pow10(DECIMALS), price);
        let fee = self.fee(key, held, amount, price);
        let size = held.size + amount;
        let entry = mul_div(held.entry, held.size, size) + mul_div(price, amount, size);
        let after = Position { size, entry, collateral: (held.collateral + added - fee).max(0), entry_rate: self.cumulative(key) };
        self.traded(key, (held.size, size), (amount, price, fee), now_ms, tally);
        self.positions.insert(key, after);
        logs.push(self.opened(key, after, (amount, price, fee)));
        logs.push(self.pool.emit("CollectedFee", &[abi::uint(COLLATERAL.0), unsigned(fee)]));
        logs
    }

    /// Collateral goes; an open of nothing charges what is owed for borrowing.
    fn withdraw(&mut self, key: Key, held: Position, now_ms: i64, tally: &mut Tally) -> Vec<Emitted> {
        let price = self.price(key.1, key.2, now_ms);
        let fee = self.fee(key, held, 0, price);
        let taken = held.collateral / 10;
        if fee != 0 {
            tally.borrow(self.markets[key.1], now_ms, half_e6(fee));
        }
        let after = Position { collateral: (held.collateral - fee - taken).max(0), entry_rate: self.cumulative(key), ..held };
        self.positions.insert(key, after);
        vec![self.opened(key, after, (0, price, fee)), self.moved(key, taken, false, now_ms, tally)]
    }

    /// Less of it, or nothing more.
    fn close(&mut self, key: Key, held: Position, amount: i128, is_liquidation: bool, now_ms: i64, tally: &mut Tally) -> Vec<Emitted> {
        let price = self.price(key.1, !key.2, now_ms);
        let fee = self.fee(key, held, amount, price);
        let has_profit = (price > held.entry) == key.2;
        let pnl = mul_div((price - held.entry).abs(), amount, pow10(DECIMALS));
        let left = (held.collateral - fee + if has_profit { pnl } else { -pnl }).max(0);
        let size = held.size - amount;
        let exec_usd_e6 = self.traded(key, (held.size, size), (amount, price, fee), now_ms, tally);
        match size {
            0 => drop(self.positions.remove(&key)),
            _ => drop(self.positions.insert(key, Position { size, collateral: left, entry_rate: self.cumulative(key), ..held })),
        }
        let [trader, asset, position, collateral] = self.names(key);
        let prices = [amount, price, pow10(DECIMALS), pow10(DECIMALS), fee].map(unsigned);
        let start = [position, collateral, abi::uint(COLLATERAL.0), abi::boolean(key.2)];
        let pnl = [abi::boolean(has_profit), unsigned(pnl)];
        let end = if is_liquidation { vec![left] } else { vec![size, left] };
        let end: Vec<DynSolValue> = end.into_iter().map(unsigned).collect();
        let args = tuple([start.to_vec(), prices.to_vec(), pnl.to_vec(), end].concat());
        if is_liquidation {
            tally.liquidation(self.markets[key.1], now_ms, key.2, exec_usd_e6);
        }
        let name = if is_liquidation { "Liquidate" } else { "ClosePosition" };
        vec![self.pool.emit("CollectedFee", &[abi::uint(COLLATERAL.0), unsigned(fee)]), self.pool.emit(name, &[trader, asset, args])]
    }

    /// What a change of a position from one size to another is in the truth; its dollars.
    fn traded(
        &self,
        key: Key,
        (before, after): (i128, i128),
        (amount, price, fee): (i128, i128, i128),
        now_ms: i64,
        tally: &mut Tally,
    ) -> i64 {
        let (market, sign) = (self.markets[key.1], if key.2 { 1 } else { -1 });
        let usd_e6 = worth_e6(amount, price, 2 * DECIMALS);
        let bought = Some(key.2 == (before < after));
        tally.leg(market, now_ms, Held { before: sign * before, after: sign * after }, half_e6(fee));
        tally.trade(market, Trade { ts_ms: now_ms, volume_usd_e6: usd_e6, exec_usd_e6: usd_e6, bought });
        usd_e6
    }

    /// `OpenPosition`: the amount, its price and the fee, and what the position is then.
    fn opened(&self, key: Key, after: Position, (amount, price, fee): (i128, i128, i128)) -> Emitted {
        let [trader, asset, position, collateral] = self.names(key);
        let numbers = [amount, price, pow10(DECIMALS), after.entry, fee, after.size, after.collateral].map(unsigned);
        let args = tuple([vec![position, collateral, abi::boolean(key.2)], numbers.to_vec()].concat());
        self.pool.emit("OpenPosition", &[trader, asset, args])
    }

    fn moved(&self, key: Key, native: i128, into: bool, ts_ms: i64, tally: &mut Tally) -> Emitted {
        let token = format!("mux_v1:{}", COLLATERAL.0);
        tally.flow(Flow { chain: "bnb", venue: "mux_v1", token, ts_ms, into, native, dollar_decimals: None });
        let [trader, _, position, collateral] = self.names(key);
        let name = if into { "DepositCollateral" } else { "WithdrawCollateral" };
        self.pool.emit(name, &[position, trader, collateral, unsigned(native / pow10(12)), unsigned(native)])
    }

    /// The rates that were charged since they were last set, and those of both sides since the beginning.
    fn rates_updated(&mut self, asset: usize, now_ms: i64) -> Vec<Emitted> {
        let interval = now_ms / RATE_INTERVAL_MS;
        let rates = [self.rng.between(5, 60), self.rng.between(5, 60)].map(i128::from);
        let of = &mut self.assets[asset];
        if of.interval == interval {
            return Vec::new();
        }
        let intervals = i128::from(interval - of.interval);
        for (cumulative, rate) in of.cumulative.iter_mut().zip(rates) {
            *cumulative += rate * pow10(DECIMALS - 5) * intervals * i128::from(RATE_INTERVAL_MS) / 28_800_000;
        }
        of.interval = interval;
        let [long, short] = of.cumulative;
        let values = [i128::from(ASSETS[asset].0), rates[0], long, rates[1], short].map(unsigned);
        vec![self.pool.emit("UpdateFundingRate", &values)]
    }

    fn cumulative(&self, (_, asset, is_long): Key) -> i128 {
        self.assets[asset].cumulative[usize::from(!is_long)]
    }

    /// Position fee of the amount, and borrowing of all that was held.
    fn fee(&self, key: Key, held: Position, amount: i128, price: i128) -> i128 {
        let worth = |qty: i128| mul_div(qty, price, pow10(DECIMALS));
        let due = self.cumulative(key) - held.entry_rate;
        worth(amount) / 1_250
            + if held.size == 0 { 0 } else { mul_div(mul_div(held.size, held.entry, pow10(DECIMALS)), due, pow10(DECIMALS)) }
    }

    /// Trader, asset, the contract's key of the position, and collateral.
    fn names(&self, (account, asset, is_long): Key) -> [DynSolValue; 4] {
        let (trader, id) = (named_address(self.scene.options.seed, "mux trader", account), ASSETS[asset].0);
        let mut position = [0; 32];
        position[..20].copy_from_slice(trader.as_slice());
        position[20..23].copy_from_slice(&[COLLATERAL.0, id, u8::from(is_long)]);
        [abi::address(trader), abi::uint(id), abi::word(position.into()), abi::uint(COLLATERAL.0)]
    }

    /// The keeper's price and the venue's spread.
    fn price(&mut self, asset: usize, buys: bool, now_ms: i64) -> i128 {
        let price = self.scene.prices.at(ASSETS[asset].1, now_ms);
        let spread = price * i128::from(self.rng.between(100, 600)) / 1_000_000;
        (if buys { price + spread } else { price - spread }) * pow10(DECIMALS - PRICE_SCALE)
    }
}

/// Dollars times 10^18 in millionths.
fn half_e6(usd: i128) -> i64 {
    small(half_even(usd, pow10(DECIMALS - 6)))
}
