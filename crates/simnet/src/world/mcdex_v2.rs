//! MCDEX v2 on Ethereum: an order book and an AMM that settle in one perpetual a market, of which one is inverse.

use alloy_dyn_abi::DynSolValue;
use alloy_primitives::{Address, address};

use super::evm::EvmBuilder;
use super::prices::PRICE_SCALE;
use super::scene::{Scene, named_address};
use crate::encode::abi::{self, Contract, Emitted};
use crate::num::{half_even, pow10, small, wide, wide_signed};
use crate::rng::Rng;
use crate::truth::{Flow, Held, MarketId, Tally, Trade};

/// One market: the perpetual, which names it, and its AMM.
struct Listing {
    perpetual: Address,
    amm: Address,
    /// Canonical asset, and the one whose price moves it.
    asset: &'static str,
    priced_by: &'static str,
    /// The collateral as decoders name it.
    collateral: &'static str,
    /// A contract is one dollar against the collateral: who is long of contracts is short of it.
    is_inverse: bool,
    /// What a long of contracts pays an hour, of its worth, times 10^12.
    rate_e12: i128,
}

const LISTINGS: [Listing; 2] = [
    Listing {
        perpetual: address!("220a9f0dd581cbc58fcfb907de0454cbf3777f76"),
        amm: address!("aaac8434217575643b2d2ab6f12ce8600c625520"),
        asset: "ETH-USD-INVERSE",
        priced_by: "ETH",
        collateral: "0xfdae1ba7c826abdc4c99903c8056f82a1a04a615",
        is_inverse: true,
        rate_e12: -18_000_000,
    },
    Listing {
        perpetual: address!("a04197e5f7971e7aef78cf5ad2bc65aac1a967aa"),
        amm: address!("7230d622d067d9c30154a750dbd29c035ba7605a"),
        asset: "LINK",
        priced_by: "LINK",
        // Nothing tells which token it is.
        collateral: "mcdex_v2:0xa04197e5f7971e7aef78cf5ad2bc65aac1a967aa",
        is_inverse: false,
        rate_e12: 45_000_000,
    },
];
/// Decimals of everything in the logs.
const DECIMALS: u32 = 18;
/// Digits behind the point of sizes, which are counted in lots. Prices have twelve: then a value is exact.
const LOT_DIGITS: u32 = 6;
const HOUR_MS: i64 = 3_600_000;
/// An AMM moves its funding no more often than that, and only when somebody trades.
const FUNDING_EVERY_MS: i64 = 60_000;
/// Accounts of each market: the AMM's own, that of a keeper, and the traders'.
const AMM: usize = 0;
const KEEPER: usize = 1;
const ACCOUNTS: u64 = 22;
/// Logs of a transaction on average; turns the wanted number of logs into a rate.
const LOGS_PER_STEP: u64 = 4;

/// What an account holds of a market.
#[derive(Clone, Copy, Debug, Default)]
struct Account {
    /// Lots, below zero = short.
    position: i128,
    /// Collateral times 10^18.
    entry_value: i128,
    cash: i128,
    is_created: bool,
}

struct Market {
    listing: &'static Listing,
    perpetual: Contract,
    amm: Contract,
    id: MarketId,
    accounts: Vec<Account>,
    /// Lots of all longs, of all shorts.
    totals: (i128, i128),
    /// Collateral a contract times 10^18, and when it was last moved.
    accumulated: i128,
    funded_ms: Option<i64>,
}

struct Venue<'a> {
    scene: &'a Scene<'a>,
    rng: Rng,
    markets: Vec<Market>,
}

/// A moment in a market.
#[derive(Clone, Copy, Debug)]
struct Now {
    ms: i64,
    /// Collateral a contract times 10^18.
    price: i128,
}

/// Lets the venue trade through the whole chain, making about `logs` logs.
pub(super) fn play(scene: &Scene<'_>, logs: u64, chain: &mut EvmBuilder, tally: &mut Tally) {
    let contract = |address| Contract::new(address, include_str!("../../../../abi/mcdex_v2/contracts.json"));
    let market = |listing: &'static Listing| {
        let key = format!("{:#x}", listing.perpetual);
        // Its history began long before the world.
        let id = tally.market_without_levels(scene.market(("ethereum", "mcdex_v2"), key, listing.asset, DECIMALS));
        let accounts = vec![Account::default(); ACCOUNTS as usize];
        let (perpetual, amm) = (contract(listing.perpetual), contract(listing.amm));
        Market { listing, perpetual, amm, id, accounts, totals: (0, 0), accumulated: 0, funded_ms: None }
    };
    let mut venue = Venue { scene, rng: scene.rng(192), markets: LISTINGS.iter().map(market).collect() };
    let rate_ppm = logs * 1_000_000 / LOGS_PER_STEP / (chain.blocks_per_hour() * u64::from(scene.options.hours));
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
        let Venue { scene, rng, markets } = self;
        let market = &mut markets[rng.below(LISTINGS.len() as u64) as usize];
        let trader = KEEPER + 1 + rng.below(ACCOUNTS - 2) as usize;
        let other = KEEPER + 1 + (trader - KEEPER + rng.below(ACCOUNTS - 3) as usize) % (ACCOUNTS as usize - 2);
        let now = Now { ms: now_ms, price: market.listing.price(scene, rng, now_ms) };
        let (qty, buys) = (market.listing.qty(rng), rng.percent(50));
        let held = market.accounts[trader].position;
        let keeper = market.accounts[KEEPER].position;
        let seed = scene.options.seed;
        let mut logs: Vec<Emitted> = market.fund(now, tally).into_iter().collect();
        logs.extend(match rng.below(100) {
            0..10 => market.deposit(seed, trader, qty, now, tally),
            10..18 => market.withdraw(seed, trader, qty, now, tally),
            18..32 if held != 0 => {
                let part = held.abs() * i128::from(rng.between(20, 80)) / 100;
                market.liquidate(seed, trader, if rng.percent(60) { held.abs() } else { part.max(1) }, now, tally)
            }
            // The keeper gives part of what it took over to the AMM.
            32..40 if keeper.abs() > 1 => market.trade(seed, (KEEPER, AMM), (keeper < 0, keeper.abs() / 2), now, tally),
            // An order of the book meets one maker or two.
            40..50 => market.trade(seed, (trader, other), (buys, qty), now, tally),
            50..58 => {
                let first = market.trade(seed, (trader, other), (buys, qty), now, tally);
                [first, market.trade(seed, (trader, AMM), (buys, qty), now, tally)].concat()
            }
            _ if held != 0 && rng.percent(40) => market.trade(seed, (trader, AMM), (held < 0, held.abs()), now, tally),
            _ => market.trade(seed, (trader, AMM), (buys, qty), now, tally),
        });
        logs
    }
}

impl Listing {
    /// Collateral a contract times 10^18, near the oracle's, with twelve digits.
    fn price(&self, scene: &Scene<'_>, rng: &mut Rng, now_ms: i64) -> i128 {
        let dollars = scene.prices.at(self.priced_by, now_ms);
        let dollars = dollars + dollars * i128::from(rng.between(-2_000, 2_000)) / 1_000_000;
        let price = if self.is_inverse { pow10(2 * PRICE_SCALE) / dollars } else { dollars };
        price * pow10(DECIMALS - PRICE_SCALE)
    }

    /// Lots; contracts of one dollar are traded whole.
    fn qty(&self, rng: &mut Rng) -> i128 {
        match self.is_inverse {
            true => i128::from(rng.skewed(100, 9)) * pow10(LOT_DIGITS),
            false => i128::from(rng.skewed(5, 8)) * pow10(LOT_DIGITS) + i128::from(rng.below(1_000_000)),
        }
    }

    /// A position of contracts as one of the asset, smallest units.
    fn of_asset(&self, lots: i128) -> i128 {
        let native = lots * pow10(DECIMALS - LOT_DIGITS);
        if self.is_inverse { -native } else { native }
    }

    /// Micro-dollars of lots at a price.
    fn usd_e6(&self, lots: i128, price: i128) -> i64 {
        if self.is_inverse { small(lots) } else { small(half_even(lots * price, pow10(LOT_DIGITS + DECIMALS - 6))) }
    }
}

impl Market {
    /// The AMM's index grows with the time since it was last moved.
    fn fund(&mut self, now: Now, tally: &mut Tally) -> Option<Emitted> {
        let last_ms = self.funded_ms.unwrap_or(now.ms - FUNDING_EVERY_MS);
        if now.ms - last_ms < FUNDING_EVERY_MS {
            return None;
        }
        let Listing { rate_e12, is_inverse, .. } = *self.listing;
        if self.funded_ms.is_some() {
            self.accumulated += half_even(rate_e12 * now.price * i128::from(now.ms - last_ms), i128::from(HOUR_MS) * pow10(12));
            let cost_long = small(if is_inverse { -rate_e12 } else { rate_e12 });
            let hours = last_ms.div_euclid(HOUR_MS)..=(now.ms - 1).div_euclid(HOUR_MS);
            hours.for_each(|hour| tally.rate(self.id, hour * HOUR_MS, cost_long));
        }
        self.funded_ms = Some(now.ms);
        let signed = |number| abi::int(wide_signed(number));
        let time = abi::uint((now.ms / 1_000) as u64);
        let state = vec![time, signed(rate_e12), signed(rate_e12), abi::uint(wide(now.price)), signed(self.accumulated)];
        Some(self.amm.emit("UpdateFundingRate", &[DynSolValue::Tuple(state)]))
    }

    /// An execution: the states of both, then the trade as each of them sees it.
    fn trade(&mut self, seed: u64, (taker, maker): (usize, usize), (buys, qty): (bool, i128), now: Now, tally: &mut Tally) -> Vec<Emitted> {
        let change = if buys { qty } else { -qty };
        let mut logs = vec![self.change(seed, taker, change, now, tally), self.change(seed, maker, -change, now, tally)];
        for (account, buys) in [(taker, buys), (maker, !buys)] {
            let values = [abi::address(self.name(seed, account)), side(if buys { 1 } else { -1 }), abi::uint(wide(now.price)), amount(qty)];
            logs.push(self.perpetual.emit("Trade", &values));
        }
        let usd_e6 = self.listing.usd_e6(qty, now.price);
        let bought = Some(buys != self.listing.is_inverse);
        tally.trade(self.id, Trade { ts_ms: now.ms, volume_usd_e6: usd_e6, exec_usd_e6: usd_e6, bought });
        logs
    }

    /// The keeper takes a position over, or a part of it, at the mark price: no volume.
    fn liquidate(&mut self, seed: u64, trader: usize, qty: i128, now: Now, tally: &mut Tally) -> Vec<Emitted> {
        let held = self.accounts[trader].position;
        // Where both were left with nothing, no log would say who was long.
        let leaves_nothing = qty == held.abs() && self.accounts[KEEPER].position == -held;
        let qty = if leaves_nothing { qty - 1 } else { qty };
        let taken = if held > 0 { qty } else { -qty };
        let mut logs = vec![self.change(seed, trader, -taken, now, tally), self.change(seed, KEEPER, taken, now, tally)];
        let usd_e6 = self.listing.usd_e6(qty, now.price);
        tally.liquidation(self.id, now.ms, (held > 0) != self.listing.is_inverse, usd_e6);
        let penalty = qty * now.price / pow10(LOT_DIGITS) / 200;
        for (account, penalty) in [(trader, -penalty), (KEEPER, penalty)] {
            self.accounts[account].cash += penalty;
            logs.push(self.moved("InternalUpdateBalance", seed, account, penalty));
        }
        logs.push(self.perpetual.emit("UpdateInsuranceFund", &[abi::int(wide_signed(penalty))]));
        let names = [KEEPER, trader].map(|account| abi::address(self.name(seed, account)));
        let numbers = [abi::uint(wide(now.price)), amount(qty)];
        logs.push(self.perpetual.emit("Liquidate", &[names, numbers].concat()));
        logs
    }

    /// One side of an execution, and the state that tells it with the total of the side on which the account stood before.
    fn change(&mut self, seed: u64, at: usize, change: i128, now: Now, tally: &mut Tally) -> Emitted {
        let account = &mut self.accounts[at];
        let before = account.position;
        let after = before + change;
        let closed = if before.signum() == change.signum() { 0 } else { before.abs().min(change.abs()) };
        let opened = change.abs() - closed;
        account.position = after;
        if closed > 0 {
            account.entry_value = account.entry_value * (before.abs() - closed) / before.abs();
        }
        account.entry_value += opened * now.price / pow10(LOT_DIGITS);
        self.totals.0 += after.max(0) - before.max(0);
        self.totals.1 += (-after).max(0) - (-before).max(0);
        let [before_native, after_native] = [before, after].map(|lots| self.listing.of_asset(lots));
        tally.leg(self.id, now.ms, Held { before: before_native, after: after_native }, 0);
        if self.totals.0 == self.totals.1 && self.total(before) != 0 {
            tally.level_told(self.id, now.ms);
        }
        self.state(seed, at, self.total(before), now.price)
    }

    fn state(&self, seed: u64, at: usize, total: i128, price: i128) -> Emitted {
        let Account { position, entry_value, cash, .. } = self.accounts[at];
        let signed = |number| abi::int(wide_signed(number));
        let values = [side(position), amount(position.abs()), abi::uint(wide(entry_value)), signed(0), signed(-3), signed(cash)];
        let account = DynSolValue::Tuple(values.to_vec());
        let name = abi::address(self.name(seed, at));
        self.perpetual.emit("UpdatePositionAccount", &[name, account, amount(total), abi::uint(wide(price))])
    }

    /// Lots of the side on which a position stands.
    fn total(&self, position: i128) -> i128 {
        match position.signum() {
            1 => self.totals.0,
            -1 => self.totals.1,
            _ => 0,
        }
    }

    fn deposit(&mut self, seed: u64, at: usize, qty: i128, now: Now, tally: &mut Tally) -> Vec<Emitted> {
        let native = qty * now.price / pow10(LOT_DIGITS);
        self.flow(true, native, now.ms, tally);
        let account = &mut self.accounts[at];
        account.cash += native;
        let is_new = !std::mem::replace(&mut account.is_created, true);
        let mut logs = vec![self.moved("Deposit", seed, at, native)];
        if is_new {
            let name = abi::address(self.name(seed, at));
            logs.push(self.perpetual.emit("CreateAccount", &[abi::uint(at as u64), name]));
        }
        logs
    }

    /// A position is valued anew before margin leaves it: a state that no trade follows.
    fn withdraw(&mut self, seed: u64, at: usize, qty: i128, now: Now, tally: &mut Tally) -> Vec<Emitted> {
        let native = qty * now.price / pow10(LOT_DIGITS);
        self.flow(false, native, now.ms, tally);
        let position = self.accounts[at].position;
        let mut logs = Vec::new();
        if position != 0 {
            self.accounts[at].entry_value = position.abs() * now.price / pow10(LOT_DIGITS);
            logs.push(self.state(seed, at, self.total(position), now.price));
        }
        self.accounts[at].cash -= native;
        logs.push(self.moved("Withdraw", seed, at, native));
        logs
    }

    fn flow(&self, into: bool, native: i128, ts_ms: i64, tally: &mut Tally) {
        let token = self.listing.collateral.to_owned();
        tally.flow(Flow { chain: "ethereum", venue: "mcdex_v2", token, ts_ms, into, native, dollar_decimals: None });
    }

    fn moved(&self, event: &str, seed: u64, at: usize, native: i128) -> Emitted {
        let numbers = [native, self.accounts[at].cash].map(|number| abi::int(wide_signed(number)));
        self.perpetual.emit(event, &[vec![abi::address(self.name(seed, at))], numbers.to_vec()].concat())
    }

    fn name(&self, seed: u64, at: usize) -> Address {
        // The AMM holds its position by a contract of its own.
        let role = if at == AMM { self.listing.asset } else { "mcdex trader" };
        named_address(seed, role, at as u64)
    }
}

/// 0 flat, 1 short, 2 long.
fn side(position: i128) -> DynSolValue {
    abi::uint(match position.signum() {
        1 => 2_u64,
        -1 => 1,
        _ => 0,
    })
}

fn amount(lots: i128) -> DynSolValue {
    abi::uint(wide(lots * pow10(DECIMALS - LOT_DIGITS)))
}
