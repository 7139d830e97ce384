//! GMX v1 on Arbitrum: positions in dollars against one pool, at the oracle's price. Keepers execute what users asked for, now and then
//! two requests in one transaction.

use std::collections::BTreeMap;

use alloy_dyn_abi::DynSolValue;
use alloy_primitives::{Address, B256, address, keccak256};

use super::evm::EvmBuilder;
use super::prices::PRICE_SCALE;
use super::scene::{Scene, named_address};
use crate::encode::abi::{self, Contract, Emitted, signed, unsigned};
use crate::num::{half_even, mul_div, mul_div_even, pow10, small, worth_e6};
use crate::rng::Rng;
use crate::truth::{Held, MarketId, Tally, Trade};

/// The contract that emits everything (gmx-io/gmx-contracts, `contracts/core/Vault.sol`).
const VAULT: Address = address!("489ee077994b6658eafa855c308275ead8097c4a");
/// What shorts borrow and put up: bridged USDC, six decimals.
const USDC: Address = address!("ff970a61a04b1ca14834a43f5de4533ebddb5cc8");
/// Index tokens, which longs of them borrow and put up, with asset and decimals.
const TOKENS: [(Address, &str, u32); 2] =
    [(address!("82af49447d8a07e3bd95bd0d56f35241523fbab1"), "ETH", 18), (address!("2f2a2543b76a4166549f7aab2e75bef0aefc5b0f"), "BTC", 8)];
/// Decimals of dollars and of prices.
const USD_DECIMALS: u32 = 30;
/// Decimals of the units in which the truth counts.
const UNIT_DECIMALS: u32 = 18;
/// `marginFeeBasisPoints`.
const FEE_BPS: i128 = 10;
/// `fundingInterval`: the real one was an hour; here the shortest worlds see several.
const RATE_INTERVAL_MS: i64 = 600_000;
/// Decimals of cumulative borrowing rates.
const RATE_DECIMALS: u32 = 6;
const ACCOUNTS: u64 = 30;
/// Logs of one transaction on average; turns the wanted number of logs into a rate.
const LOGS_PER_STEP: u64 = 6;

/// Account, token and whether long, which make the key of a position.
type Key = (u64, usize, bool);

/// The vault's `Position`: dollars times 10^30.
#[derive(Clone, Copy, Debug, Default)]
struct Position {
    size: i128,
    collateral: i128,
    average: i128,
    /// Cumulative rate of its collateral when fees were last charged.
    entry_rate: i128,
    realised: i128,
}

/// What a token's borrowers have paid since the beginning, and when that was last counted up.
#[derive(Clone, Copy, Debug, Default)]
struct BorrowRate {
    cumulative: i128,
    interval: i64,
}

struct Venue<'a> {
    scene: &'a Scene<'a>,
    rng: Rng,
    vault: Contract,
    markets: Vec<MarketId>,
    positions: BTreeMap<Key, Position>,
    rates: BTreeMap<Address, BorrowRate>,
    /// From here on `UpdatePosition` tells the mark price, too.
    marked_from_ms: i64,
}

/// Lets the venue trade through the whole chain, making about `logs` logs.
pub(super) fn play(scene: &Scene<'_>, logs: u64, chain: &mut EvmBuilder, tally: &mut Tally) {
    let market = |(token, asset, _): &(Address, &'static str, u32)| {
        // Its history began long before the world.
        tally.market_without_levels(scene.market(("arbitrum", "gmx_v1"), format!("{token:#x}"), asset, UNIT_DECIMALS))
    };
    let mut venue = Venue {
        scene,
        rng: scene.rng(71),
        vault: Contract::new(VAULT, include_str!("../../../../abi/gmx_v1/vault.json")),
        markets: TOKENS.iter().map(market).collect(),
        positions: BTreeMap::new(),
        rates: BTreeMap::new(),
        marked_from_ms: scene.options.start_ms + i64::from(scene.options.hours) * 1_800_000,
    };
    let rate_ppm = logs * 1_000_000 / LOGS_PER_STEP / (chain.blocks_per_hour() * u64::from(scene.options.hours));
    for index in chain.open_blocks() {
        let now_ms = chain.time_ms(index);
        venue.rng.at(now_ms);
        for _ in 0..venue.rng.count(rate_ppm) {
            let requests = if venue.rng.percent(15) { 2 } else { 1 };
            let logs = (0..requests).flat_map(|_| venue.step(now_ms, tally)).collect();
            chain.push(index, logs);
        }
    }
}

impl Venue<'_> {
    fn step(&mut self, now_ms: i64, tally: &mut Tally) -> Vec<Emitted> {
        let key = (self.rng.below(ACCOUNTS), self.rng.below(TOKENS.len() as u64) as usize, self.rng.percent(55));
        let mut logs = self.rate_updated(key, now_ms);
        let held = self.positions.get(&key).copied();
        let part = |held: Position, percent: i64| held.size / 100 * i128::from(percent);
        logs.extend(match (held, self.rng.below(100)) {
            (None, 95..) => self.aside(key, now_ms),
            (None, _) | (Some(_), 0..20) => self.increase(key, held.unwrap_or_default(), now_ms, tally),
            (Some(held), 20..28) => self.deposit(key, held, now_ms, tally),
            (Some(held), 28..36) => self.withdraw(key, held, now_ms, tally),
            (Some(held), 36..60) => {
                let size = part(held, self.rng.between(10, 90));
                self.decrease(key, held, size, now_ms, tally)
            }
            // Some of these are positions over the leverage limit, which the vault closes like their owners do.
            (Some(held), 60..86) => self.decrease(key, held, held.size, now_ms, tally),
            (Some(held), _) => self.liquidate(key, held, now_ms, tally),
        });
        logs
    }

    fn increase(&mut self, key: Key, held: Position, now_ms: i64, tally: &mut Tally) -> Vec<Emitted> {
        let price = self.price(key, now_ms);
        let added = i128::from(self.rng.skewed(20, 6)) * pow10(USD_DECIMALS) + i128::from(self.rng.below(1_000_000)) * pow10(21);
        let delta = added * i128::from(self.rng.between(2, 30));
        let (fee, mut logs) = self.fee(key, held, delta, price);
        // The entry price is the mean over units.
        let average = if held.size == 0 { price } else { mul_div(price, held.size + delta, grown(key.2, held, delta, price)) };
        let size = held.size + delta;
        let after = Position { size, collateral: (held.collateral + added - fee).max(0), average, entry_rate: self.rate(key), ..held };
        let (was, is) = (units(held), units(after));
        let usd_e6 = half_e6(delta);
        let qty = mul_div_even(delta, pow10(UNIT_DECIMALS), price);
        let trade = Trade {
            ts_ms: now_ms,
            volume_usd_e6: usd_e6,
            exec_usd_e6: worth_e6(qty, price, UNIT_DECIMALS + USD_DECIMALS),
            bought: Some(key.2),
        };
        tally.leg(self.markets[key.1], now_ms, signs(key.2, was, is), half_e6(fee));
        tally.trade(self.markets[key.1], trade);
        self.positions.insert(key, after);
        logs.push(self.reserved("IncreaseReservedAmount", key, delta, price));
        logs.push(self.changed("IncreasePosition", key, (added, delta), (price, fee)));
        logs.push(self.updated(key, after, price, now_ms));
        logs
    }

    /// Collateral alone. What is owed for borrowing is charged all the same.
    fn deposit(&mut self, key: Key, held: Position, now_ms: i64, tally: &mut Tally) -> Vec<Emitted> {
        let price = self.price(key, now_ms);
        let added = held.collateral / 5;
        let (fee, mut logs) = self.fee(key, held, 0, price);
        let after = Position { collateral: (held.collateral + added - fee).max(0), entry_rate: self.rate(key), ..held };
        self.borrowed(key, after, fee, now_ms, tally);
        logs.push(self.changed("IncreasePosition", key, (added, 0), (price, fee)));
        logs.push(self.updated(key, after, price, now_ms));
        logs
    }

    fn withdraw(&mut self, key: Key, held: Position, now_ms: i64, tally: &mut Tally) -> Vec<Emitted> {
        let price = self.price(key, now_ms);
        let taken = held.collateral / 10;
        let (fee, mut logs) = self.fee(key, held, 0, price);
        let after = Position { collateral: held.collateral - taken, entry_rate: self.rate(key), ..held };
        self.borrowed(key, after, fee, now_ms, tally);
        logs.push(self.vault.emit("UpdatePnl", &[self.key(key), abi::boolean(price > held.average), abi::uint(0_u64)]));
        logs.push(self.changed("DecreasePosition", key, (taken, 0), (price, fee)));
        logs.push(self.updated(key, after, price, now_ms));
        logs
    }

    fn borrowed(&mut self, key: Key, after: Position, fee: i128, now_ms: i64, tally: &mut Tally) {
        if fee != 0 {
            tally.borrow(self.markets[key.1], now_ms, half_e6(fee));
        }
        self.positions.insert(key, after);
    }

    fn decrease(&mut self, key: Key, held: Position, delta: i128, now_ms: i64, tally: &mut Tally) -> Vec<Emitted> {
        let price = self.price(key, now_ms);
        let mut logs = vec![self.reserved("DecreaseReservedAmount", key, delta, held.average)];
        let (fee, charged) = self.fee(key, held, delta, price);
        logs.extend(charged);
        let (has_profit, whole) = gain(key.2, held, price);
        let gain = mul_div(whole, delta, held.size);
        let realised = held.realised + if has_profit { gain } else { -gain };
        let after = Position { size: held.size - delta, realised, entry_rate: self.rate(key), ..held };
        // What is closed was opened at the entry price.
        let qty = mul_div_even(delta, pow10(UNIT_DECIMALS), held.average);
        let trade = Trade {
            ts_ms: now_ms,
            volume_usd_e6: half_e6(delta),
            exec_usd_e6: worth_e6(qty, price, UNIT_DECIMALS + USD_DECIMALS),
            bought: Some(!key.2),
        };
        tally.leg(self.markets[key.1], now_ms, signs(key.2, units(held), units(after)), half_e6(fee));
        tally.trade(self.markets[key.1], trade);
        logs.push(self.vault.emit("UpdatePnl", &[self.key(key), abi::boolean(has_profit), unsigned(gain)]));
        // The fee of the event is nothing where it came out of the collateral.
        logs.push(self.changed("DecreasePosition", key, (0, delta), (price, if has_profit { fee } else { 0 })));
        if after.size == 0 {
            self.positions.remove(&key);
            logs.push(self.closed(key, Position { realised, ..held }));
        } else {
            self.positions.insert(key, after);
            logs.push(self.updated(key, after, price, now_ms));
        }
        logs
    }

    /// What is left of the collateral stays with the pool: neither profit nor entry price is told.
    fn liquidate(&mut self, key: Key, held: Position, now_ms: i64, tally: &mut Tally) -> Vec<Emitted> {
        let price = self.price(key, now_ms);
        let (fee, mut logs) = self.fee(key, held, held.size, price);
        logs.push(self.reserved("DecreaseReservedAmount", key, held.size, held.average));
        self.positions.remove(&key);
        let exec_usd_e6 = worth_e6(units(held), price, UNIT_DECIMALS + USD_DECIMALS);
        let market = self.markets[key.1];
        tally.leg(market, now_ms, signs(key.2, units(held), 0), half_e6(fee));
        let volume_usd_e6 = half_e6(held.size);
        tally.trade(market, Trade { ts_ms: now_ms, volume_usd_e6, exec_usd_e6, bought: Some(!key.2) });
        tally.liquidation(market, now_ms, key.2, exec_usd_e6);
        let reserve = unsigned(self.tokens(key, held.size, held.average));
        let after = [unsigned(held.size), unsigned(held.collateral), reserve, signed(held.realised), unsigned(price)];
        let values = [self.names(key).to_vec(), vec![abi::boolean(key.2)], after.to_vec()].concat();
        logs.push(self.vault.emit("LiquidatePosition", &values));
        logs
    }

    /// A spot swap or liquidity, which pay fees of their own.
    fn aside(&mut self, key: Key, now_ms: i64) -> Vec<Emitted> {
        let price = self.price(key, now_ms);
        let (token, usd) = (abi::address(TOKENS[key.1].0), i128::from(self.rng.skewed(100, 6)) * pow10(USD_DECIMALS));
        let tokens = self.tokens((key.0, key.1, true), usd, price);
        let (account, fee) = (abi::address(self.account(key)), [unsigned(usd / 300), unsigned(tokens / 300)]);
        let amounts = [unsigned(tokens), unsigned(usd / pow10(12)), abi::uint(30_u64)];
        vec![
            self.vault.emit("CollectSwapFees", &[vec![token.clone()], fee.to_vec()].concat()),
            self.vault.emit("BuyUSDG", &[vec![account, token], amounts.to_vec()].concat()),
        ]
    }

    /// Counts up what borrowers of the position's collateral pay, once in an interval.
    fn rate_updated(&mut self, key: Key, now_ms: i64) -> Vec<Emitted> {
        let (token, interval) = (collateral(key), now_ms / RATE_INTERVAL_MS);
        let step = i128::from(self.rng.between(5, 90));
        let Some(rate) = self.rates.get_mut(&token) else {
            self.rates.insert(token, BorrowRate { cumulative: 0, interval });
            return Vec::new();
        };
        if rate.interval == interval {
            return Vec::new();
        }
        *rate = BorrowRate { cumulative: rate.cumulative + step, interval };
        vec![self.vault.emit("UpdateFundingRate", &[abi::address(token), unsigned(rate.cumulative)])]
    }

    fn rate(&self, key: Key) -> i128 {
        self.rates[&collateral(key)].cumulative
    }

    /// Position fee of the change and borrowing of what was held, in dollars, with the log that says so.
    fn fee(&self, key: Key, held: Position, delta: i128, price: i128) -> (i128, Vec<Emitted>) {
        let borrowing = mul_div(held.size, self.rate(key) - held.entry_rate, pow10(RATE_DECIMALS));
        let fee = delta - mul_div(delta, 10_000 - FEE_BPS, 10_000) + if held.size == 0 { 0 } else { borrowing };
        let tokens = self.tokens(key, fee, price);
        (fee, vec![self.vault.emit("CollectMarginFees", &[abi::address(collateral(key)), unsigned(fee), unsigned(tokens)])])
    }

    fn reserved(&self, name: &str, key: Key, delta: i128, price: i128) -> Emitted {
        self.vault.emit(name, &[abi::address(collateral(key)), unsigned(self.tokens(key, delta, price))])
    }

    /// `IncreasePosition` and `DecreasePosition`: changes of collateral and size, price and fee.
    fn changed(&self, name: &str, key: Key, (collateral, size): (i128, i128), (price, fee): (i128, i128)) -> Emitted {
        let end = [unsigned(collateral), unsigned(size), abi::boolean(key.2), unsigned(price), unsigned(fee)];
        self.vault.emit(name, &[self.names(key).to_vec(), end.to_vec()].concat())
    }

    fn updated(&self, key: Key, after: Position, price: i128, now_ms: i64) -> Emitted {
        let mut values = self.state(key, after);
        values.extend((now_ms >= self.marked_from_ms).then(|| unsigned(price)));
        self.vault.emit("UpdatePosition", &values)
    }

    fn closed(&self, key: Key, held: Position) -> Emitted {
        self.vault.emit("ClosePosition", &self.state(key, held))
    }

    fn state(&self, key: Key, position: Position) -> Vec<DynSolValue> {
        let Position { size, collateral, average, entry_rate, realised } = position;
        let reserve = self.tokens(key, size, average);
        let numbers = [size, collateral, average, entry_rate, reserve].map(unsigned);
        [vec![self.key(key)], numbers.to_vec(), vec![signed(realised)]].concat()
    }

    /// Key, account, collateral and index token.
    fn names(&self, key: Key) -> [DynSolValue; 4] {
        [self.key(key), abi::address(self.account(key)), abi::address(collateral(key)), abi::address(TOKENS[key.1].0)]
    }

    fn key(&self, key: Key) -> DynSolValue {
        let (account, collateral, token) = (self.account(key), collateral(key), TOKENS[key.1].0);
        let packed = [account.as_slice(), collateral.as_slice(), token.as_slice(), &[u8::from(key.2)]].concat();
        abi::word(B256::from(keccak256(packed)))
    }

    fn account(&self, key: Key) -> Address {
        named_address(self.scene.options.seed, "gmx v1 trader", key.0)
    }

    /// Dollars in smallest units of the position's collateral, where the index token costs so much.
    fn tokens(&self, key: Key, usd: i128, price: i128) -> i128 {
        match key.2 {
            true => mul_div(usd, pow10(TOKENS[key.1].2), price),
            false => usd / pow10(USD_DECIMALS - 6),
        }
    }

    fn price(&mut self, key: Key, now_ms: i64) -> i128 {
        let price = self.scene.prices.at(TOKENS[key.1].1, now_ms);
        (price + price * i128::from(self.rng.between(-100, 100)) / 1_000_000) * pow10(USD_DECIMALS - PRICE_SCALE)
    }
}

/// What a position borrows.
fn collateral(key: Key) -> Address {
    if key.2 { TOKENS[key.1].0 } else { USDC }
}

/// Whether the whole position is worth more than at its entry, and by how much.
fn gain(is_long: bool, held: Position, price: i128) -> (bool, i128) {
    let has_profit = if is_long { price > held.average } else { held.average > price };
    (has_profit, mul_div(held.size, (price - held.average).abs(), held.average))
}

/// What a position that grows is worth: `getNextAveragePrice` divides by it.
fn grown(is_long: bool, held: Position, delta: i128, price: i128) -> i128 {
    let (has_profit, gain) = gain(is_long, held, price);
    held.size + delta + if has_profit == is_long { gain } else { -gain }
}

/// Units times 10^18: size over entry price.
fn units(position: Position) -> i128 {
    if position.size == 0 { 0 } else { mul_div_even(position.size, pow10(UNIT_DECIMALS), position.average) }
}

fn signs(is_long: bool, before: i128, after: i128) -> Held {
    let sign = if is_long { 1 } else { -1 };
    Held { before: sign * before, after: sign * after }
}

/// Dollars times 10^30 in millionths.
fn half_e6(usd: i128) -> i64 {
    small(half_even(usd, pow10(USD_DECIMALS - 6)))
}
