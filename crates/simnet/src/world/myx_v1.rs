//! MYX v1 on BNB Chain: positions against the pool of a pair, orders filled in parts, and orders that wait until others are
//! deleveraged for them.

use std::collections::BTreeMap;

use alloy_dyn_abi::DynSolValue;
use alloy_primitives::{Address, B256, address};

use super::evm::EvmBuilder;
use super::prices::PRICE_SCALE;
use super::scene::{Scene, named_address, named_key};
use crate::encode::abi::{self, Contract, Emitted};
use crate::num::{half_even, pow10, small, wide, wide_signed};
use crate::rng::Rng;
use crate::truth::{Held, MarketId, Tally, Trade};

/// The contracts that list pairs, execute orders and liquidate.
const POOL: Address = address!("22cec08111bbae24d0b80bda2a6503eab9ba704b");
const EXECUTION: Address = address!("b42685d6542c0abdb9f3fc8388e0205570b8673b");
const LIQUIDATION: Address = address!("9b9806e6134729881cabd7318e2dca923894e2d6");
/// Index tokens with the symbol their contracts answer and the asset it stands for.
const PAIRS: [(Address, &str, &str); 2] = [
    (address!("7130d2a12b9bcbfae4f2634d864a1ee1ce3ead9c"), "BTCB", "BTC"),
    (address!("2170ed0880ac9a755fd29b2688956bd959f933f8"), "ETH", "ETH"),
];
/// What margin, fees and payments are in: USDT.
const STABLE: Address = address!("55d398326f99059ff775485246999027b3197955");
/// Decimals of the index tokens and of the stable token.
const TOKEN_DECIMALS: u32 = 18;
/// Decimals of prices.
const PRICE_DECIMALS: u32 = 30;
/// Orders have so many digits behind the point.
const SIZE_DIGITS: u32 = 8;
/// What an execution says of itself.
const INCREASE: u64 = 1;
const LONG: u64 = 1 << 1;
const WAITS: u64 = 1 << 2;
const CLOSED: u64 = 1 << 3;
const ACCOUNTS: u64 = 40;
/// Logs of one step on average; turns the wanted number of logs into a rate of steps.
const LOGS_PER_STEP_PERCENT: u64 = 125;

/// Account, pair and whether long, which name a position; the same again after it was closed.
type Key = (u64, usize, bool);

/// What an account holds of a pair on one side.
#[derive(Clone, Copy, Debug, Default)]
struct Position {
    /// Units times 10^8.
    size: i128,
    /// Dollars times 10^12.
    entry: i128,
    /// Smallest units of the stable token.
    margin: i128,
}

/// What an execution does to its position.
#[derive(Clone, Copy, Debug)]
struct Part {
    order: u64,
    /// Size of the whole order and of what of it is executed after this part; units times 10^8.
    order_size: i128,
    executed: i128,
    /// Size of this part.
    size: i128,
    opens: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    Trader,
    Liquidation,
    Deleveraging,
}

struct Venue<'a> {
    scene: &'a Scene<'a>,
    rng: Rng,
    execution: Contract,
    liquidation: Contract,
    markets: Vec<MarketId>,
    positions: BTreeMap<Key, Position>,
    orders: u64,
}

/// Lets the venue trade through the whole chain, making about `logs` logs.
pub(super) fn play(scene: &Scene<'_>, logs: u64, chain: &mut EvmBuilder, tally: &mut Tally) {
    let contract = |address| Contract::new(address, include_str!("../../../../abi/myx_v1/contracts.json"));
    let mut markets = Vec::new();
    for (pair, (token, symbol, asset)) in (1_u64..).zip(PAIRS) {
        chain.token(token, symbol, TOKEN_DECIMALS);
        let pool_token = abi::address(named_address(0, "myx pool token", pair));
        let listed = contract(POOL).emit("PairAdded", &[abi::address(token), abi::address(STABLE), pool_token, abi::uint(pair)]);
        chain.push(0, vec![listed]);
        markets.push(tally.market(scene.market(("bnb", "myx_v1"), format!("myx_v1:{pair}"), asset, TOKEN_DECIMALS)));
    }
    let (execution, liquidation) = (contract(EXECUTION), contract(LIQUIDATION));
    let mut venue = Venue { scene, rng: scene.rng(190), execution, liquidation, markets, positions: BTreeMap::new(), orders: 0 };
    let rate_ppm = logs * 100_000_000 / LOGS_PER_STEP_PERCENT / (chain.blocks_per_hour() * u64::from(scene.options.hours));
    for index in chain.open_blocks() {
        let now_ms = chain.time_ms(index);
        venue.rng.at(now_ms);
        for _ in 0..venue.rng.count(rate_ppm) {
            for logs in venue.step(now_ms, tally) {
                chain.push(index, logs);
            }
        }
    }
}

impl Venue<'_> {
    /// Transactions of one step.
    fn step(&mut self, now_ms: i64, tally: &mut Tally) -> Vec<Vec<Emitted>> {
        let key = (self.rng.below(ACCOUNTS), self.rng.below(PAIRS.len() as u64) as usize, self.rng.percent(55));
        let Some(held) = self.positions.get(&key).copied() else { return self.increase(key, now_ms, tally) };
        let share = held.size * i128::from(self.rng.between(10, 90)) / 100;
        match self.rng.below(100) {
            0..22 => self.increase(key, now_ms, tally),
            22..32 => vec![vec![self.margin(key, now_ms, tally)]],
            32..55 if share > 0 => vec![vec![self.decrease(key, share, Why::Trader, now_ms, tally)]],
            55..82 => vec![vec![self.decrease(key, held.size, Why::Trader, now_ms, tally)]],
            82..90 => self.deleverage(key, held, now_ms, tally),
            _ => vec![self.liquidate(key, held, now_ms, tally)],
        }
    }

    /// An order that opens or adds, filled at once or in two parts.
    fn increase(&mut self, key: Key, now_ms: i64, tally: &mut Tally) -> Vec<Vec<Emitted>> {
        let dollars = i128::from(self.rng.skewed(200, 9));
        let price = self.scene.prices.at(PAIRS[key.1].2, now_ms);
        let order_size = dollars * pow10(PRICE_SCALE + SIZE_DIGITS) / price;
        let order = self.order();
        let mut part = |executed, size| {
            let part = Part { order, order_size, executed, size, opens: true };
            vec![self.execute(key, part, Why::Trader, now_ms, tally)]
        };
        if order.is_multiple_of(4) && order_size > 1 {
            let first = order_size / 3 + 1;
            return vec![part(first, first), part(order_size, order_size - first)];
        }
        vec![part(order_size, order_size)]
    }

    fn decrease(&mut self, key: Key, size: i128, why: Why, now_ms: i64, tally: &mut Tally) -> Emitted {
        let part = Part { order: self.order(), order_size: size, executed: size, size, opens: false };
        self.execute(key, part, why, now_ms, tally)
    }

    /// An order that the pool cannot pay waits, which is told like an execution. Positions of the other side are reduced
    /// for it, then it is executed; both in a later transaction, whose last log says what was forced.
    fn deleverage(&mut self, key: Key, held: Position, now_ms: i64, tally: &mut Tally) -> Vec<Vec<Emitted>> {
        let order = self.order();
        let part = Part { order, order_size: held.size, executed: 0, size: held.size, opens: false };
        let waiting = self.says(key, part, Said { flags: side(key) | WAITS, ..Said::at(self.price(key.1, now_ms)) });
        let is_other = |(account, pair, long): &Key| *account != key.0 && *pair == key.1 && *long != key.2;
        let others: Vec<(Key, i128)> =
            self.positions.iter().filter(|(other, _)| is_other(other)).map(|(other, held)| (*other, held.size)).take(2).collect();
        if others.is_empty() {
            return vec![vec![waiting]];
        }
        let (mut logs, mut forced, mut keys) = (Vec::new(), Vec::new(), Vec::new());
        for (other, size) in others {
            let size = if self.rng.percent(50) { size } else { size / 2 + 1 };
            logs.push(self.decrease(other, size, Why::Deleveraging, now_ms, tally));
            forced.push(abi::uint(self.orders));
            keys.push(self.position_key(other));
        }
        logs.push(self.execute(key, Part { executed: held.size, ..part }, Why::Trader, now_ms, tally));
        let lists = [forced, keys, vec![abi::uint(order)]].map(DynSolValue::Array);
        logs.push(self.execution.emit("ExecuteAdlOrder", &lists));
        vec![vec![waiting], logs]
    }

    fn liquidate(&mut self, key: Key, held: Position, now_ms: i64, tally: &mut Tally) -> Vec<Emitted> {
        let executed = self.decrease(key, held.size, Why::Liquidation, now_ms, tally);
        let [user, pair] = self.names(key);
        let price = self.scene.prices.at(PAIRS[key.1].2, now_ms) * pow10(PRICE_DECIMALS - PRICE_SCALE);
        let numbers = [held.margin, native(held.size), price].map(|number| abi::uint(wide(number)));
        let start = vec![self.position_key(key), user, pair, abi::boolean(key.2)];
        let values = [start, numbers.to_vec(), vec![abi::uint(self.orders)]].concat();
        vec![executed, self.liquidation.emit("ExecuteLiquidation", &values)]
    }

    /// Margin alone, with the funding that was due: no trade.
    fn margin(&mut self, key: Key, now_ms: i64, tally: &mut Tally) -> Emitted {
        let added = i128::from(self.rng.between(1, 500)) * pow10(TOKEN_DECIMALS);
        let position = self.positions.get_mut(&key).expect("the caller has seen it");
        position.margin += added;
        let funding = self.funding(key, now_ms, tally);
        let part = Part { order: self.order(), order_size: 0, executed: 0, size: 0, opens: false };
        let price = self.price(key.1, now_ms);
        self.says(key, part, Said { margin: added, funding, flags: side(key), ..Said::at(price) })
    }

    /// A part of an order is executed: the position changes, and the log that tells it.
    fn execute(&mut self, key: Key, part: Part, why: Why, now_ms: i64, tally: &mut Tally) -> Emitted {
        let (market, long) = (self.markets[key.1], key.2);
        let price = self.price(key.1, now_ms);
        let held = self.positions.get(&key).copied().unwrap_or_default();
        let value = part.size * price;
        let usd_e6 = small(half_even(value, pow10(SIZE_DIGITS + PRICE_SCALE - 6)));
        // Smallest units of a token that is a dollar.
        let native_value = value / pow10(SIZE_DIGITS + PRICE_SCALE - TOKEN_DECIMALS);
        let (size, margin, pnl) = match part.opens {
            true => (held.size + part.size, native_value / 10, 0),
            false => {
                let gain = part.size * (price - held.entry) / pow10(SIZE_DIGITS + PRICE_SCALE - TOKEN_DECIMALS);
                (held.size - part.size, -(held.margin * part.size / held.size), if long { gain } else { -gain })
            }
        };
        let entry = if part.opens { (held.size * held.entry + value) / size } else { held.entry };
        let funding = if held.size == 0 { 0 } else { self.funding(key, now_ms, tally) };
        match size {
            0 => drop(self.positions.remove(&key)),
            _ => drop(self.positions.insert(key, Position { size, entry, margin: held.margin + margin })),
        }

        let signed = |size| if long { native(size) } else { -native(size) };
        tally.leg(market, now_ms, Held { before: signed(held.size), after: signed(size) }, 0);
        // Who is deleveraged has chosen nothing.
        let bought = (why != Why::Deleveraging).then_some(long == part.opens);
        tally.trade(market, Trade { ts_ms: now_ms, volume_usd_e6: usd_e6, exec_usd_e6: usd_e6, bought });
        match why {
            Why::Trader => {}
            Why::Liquidation => tally.liquidation(market, now_ms, long, usd_e6),
            Why::Deleveraging => tally.adl(market, now_ms, usd_e6),
        }

        let opens = if part.opens { INCREASE } else { 0 };
        let closed = if size == 0 { CLOSED } else { 0 };
        let said = Said { price, margin, pnl, fee: native_value / 2_000, funding, flags: side(key) | opens | closed };
        if why == Why::Liquidation { self.log(&self.liquidation, key, part, said) } else { self.says(key, part, said) }
    }

    /// Funding since the position was last touched, in a token whose dollars the execution does not tell.
    fn funding(&mut self, key: Key, now_ms: i64, tally: &mut Tally) -> i128 {
        let amount = i128::from(self.rng.between(-3_000_000, 3_000_000)) * pow10(TOKEN_DECIMALS - 6);
        if amount != 0 {
            tally.funding(self.markets[key.1], now_ms, 0);
        }
        amount
    }

    fn says(&self, key: Key, part: Part, said: Said) -> Emitted {
        self.log(&self.execution, key, part, said)
    }

    fn log(&self, contract: &Contract, key: Key, part: Part, said: Said) -> Emitted {
        let [user, pair] = self.names(key);
        let unsigned = |number: i128| abi::uint(wide(number));
        let signed = |number: i128| abi::int(wide_signed(number));
        let price = said.price * pow10(PRICE_DECIMALS - PRICE_SCALE);
        let values = [
            user,
            abi::uint(part.order),
            pair,
            abi::uint(0_u64),
            signed(said.margin),
            unsigned(native(part.order_size)),
            unsigned(price),
            unsigned(native(part.size)),
            unsigned(price),
            unsigned(native(part.executed)),
            signed(said.pnl),
            unsigned(said.fee),
            signed(said.funding),
            abi::uint(1_u64),
            abi::uint(pow10(TOKEN_DECIMALS - 3) as u64),
            abi::uint(said.flags),
        ];
        contract.emit("ExecuteOrderV2", &values)
    }

    fn names(&self, (account, pair, _): Key) -> [DynSolValue; 2] {
        [abi::address(named_address(self.scene.options.seed, "myx trader", account)), abi::uint(pair as u64 + 1)]
    }

    fn position_key(&self, (account, pair, long): Key) -> DynSolValue {
        let number = account * 100 + pair as u64 * 10 + u64::from(long);
        abi::word(B256::from(named_key(self.scene.options.seed, "myx position", number)))
    }

    /// The oracle's price, dollars times 10^12.
    fn price(&self, pair: usize, now_ms: i64) -> i128 {
        self.scene.prices.at(PAIRS[pair].2, now_ms)
    }

    fn order(&mut self) -> u64 {
        self.orders += 1;
        self.orders
    }
}

/// What a log says beside the order: amounts in smallest units of the stable token.
#[derive(Clone, Copy, Debug, Default)]
struct Said {
    /// Dollars times 10^12.
    price: i128,
    margin: i128,
    pnl: i128,
    fee: i128,
    /// Above zero is received.
    funding: i128,
    flags: u64,
}

impl Said {
    fn at(price: i128) -> Said {
        Said { price, ..Said::default() }
    }
}

fn side(key: Key) -> u64 {
    if key.2 { LONG } else { 0 }
}

/// Units times 10^8 in smallest units of the token.
fn native(size: i128) -> i128 {
    size * pow10(TOKEN_DECIMALS - SIZE_DIGITS)
}
