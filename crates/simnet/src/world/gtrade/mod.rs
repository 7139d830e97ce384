//! gTrade on Arbitrum: trades against vaults in three collaterals, one of which is no dollar. In the middle of the world the contracts are
//! replaced (v10; the real ones were in August 2025): the same events get other bodies, open interest is counted in tokens, and what is
//! open lives on as positions of before, counted apart.

mod logs;

use std::collections::BTreeMap;

use alloy_primitives::{Address, address};

use self::logs::Diamond;
use super::evm::EvmBuilder;
use super::prices::PRICE_SCALE;
use super::scene::{Scene, named_address};
use crate::encode::abi::Emitted;
use crate::num::{half_even, mul_div, mul_div_even, pow10, small, worth_e6};
use crate::rng::Rng;
use crate::truth::{Held, MarketId, Tally, Trade};

/// `GNSMultiCollatDiamond` (docs.gains.trade, contract addresses), which emits everything.
const DIAMOND: Address = address!("ff162c694eaa571f685030649814282ea457f169");

/// A token that trades are in, by its number in the diamond; its price is that of an asset, or about a dollar.
#[derive(Debug)]
struct Collateral {
    index: u8,
    decimals: u32,
    asset: Option<&'static str>,
}

const DAI: Collateral = Collateral { index: 1, decimals: 18, asset: None };
const WETH: Collateral = Collateral { index: 2, decimals: 18, asset: Some("ETH") };
const USDC: Collateral = Collateral { index: 3, decimals: 6, asset: None };
const MARKETS: usize = 4;
/// Pairs in the collaterals in which they are traded here: number, asset, collateral.
static LISTED: [(u16, &str, Collateral); MARKETS] = [(0, "BTC", USDC), (1, "ETH", USDC), (1, "ETH", DAI), (0, "BTC", WETH)];

/// Decimals of prices of pairs and of collaterals, of leverage, and of sizes in tokens.
const PRICE_DECIMALS: u32 = 10;
const COLLATERAL_PRICE_DECIMALS: u32 = 8;
const LEVERAGE_DECIMALS: u32 = 3;
const TOKEN_DECIMALS: u32 = 18;
const ACCOUNTS: u64 = 20;
/// Most trades that are open at a time.
const OPEN_MAX: usize = 50;
/// A smaller trade is closed whole, smallest units of its collateral.
const SPLIT_MIN: i128 = 1_000_000;
/// Logs of one step on average; turns the wanted number of logs into a rate of steps.
const LOGS_PER_STEP: u64 = 5;

/// A kind of pending order, as executions have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Order {
    MarketOpen = 0,
    MarketClose = 1,
    LimitOpen = 2,
    StopOpen = 3,
    TakeProfit = 4,
    StopLoss = 5,
    Liquidation = 6,
}

/// An open trade.
#[derive(Clone, Copy, Debug)]
struct Open {
    account: u64,
    /// Its number among the account's trades, used again once it is closed.
    index: u32,
    listed: usize,
    is_long: bool,
    /// Opened before v10.
    is_legacy: bool,
    /// Smallest units.
    collateral: i128,
    leverage: i128,
    price: i128,
    /// Size in tokens. Before v10 no event tells it: it is the size over the entry price.
    tokens: i128,
}

/// The prices of one execution.
#[derive(Clone, Copy, Debug)]
struct Quote {
    oracle: i128,
    /// With impact.
    price: i128,
    /// Dollars of one collateral token.
    collateral: i128,
}

/// A change of a trade's size.
#[derive(Clone, Copy, Debug)]
struct Change {
    opens: bool,
    /// Size at entry: smallest units times 1,000, as collateral times leverage is.
    size: i128,
    tokens: i128,
    /// Size in tokens before and after.
    held: (i128, i128),
    /// Trading fee, smallest units.
    fee: i128,
}

/// Open interest of both sides as the diamond counts it.
#[derive(Clone, Copy, Debug, Default)]
struct Level {
    /// Smallest units of the collateral.
    size: [i128; 2],
    tokens: [i128; 2],
}

struct Venue<'a> {
    scene: &'a Scene<'a>,
    rng: Rng,
    diamond: Diamond,
    /// By number in [`LISTED`] and whether of before v10; levels likewise.
    markets: BTreeMap<(usize, bool), MarketId>,
    levels: BTreeMap<(usize, bool), Level>,
    open: Vec<Open>,
    /// Funding of longs and shorts, borrowing: what has accumulated in each market.
    accumulated: [[i128; 3]; MARKETS],
    orders: u64,
    upgraded_ms: i64,
}

/// Lets the venue trade through the whole chain, making about `logs` logs.
pub(super) fn play(scene: &Scene<'_>, logs: u64, chain: &mut EvmBuilder, tally: &mut Tally) {
    let diamond = Diamond::new();
    chain.push(0, [(0, "BTC"), (1, "ETH")].map(|(pair, asset)| diamond.pair_added(pair, asset)).to_vec());
    let mut markets = BTreeMap::new();
    for (at, (pair, asset, collateral)) in LISTED.iter().enumerate() {
        let key = format!("{pair}/{}", collateral.index);
        let spec = |key| scene.market(("arbitrum", "gtrade"), key, asset, TOKEN_DECIMALS);
        // Tokens of a collateral that is no dollar are no units of the asset, and those of before v10 nothing states.
        let old = spec(format!("{key}/v9"));
        let now = if collateral.asset.is_none() { tally.market(spec(key)) } else { tally.market_without_levels(spec(key)) };
        markets.extend([((at, false), now), ((at, true), tally.market_without_levels(old))]);
    }
    let mut venue = Venue {
        scene,
        rng: scene.rng(74),
        diamond,
        markets,
        levels: BTreeMap::new(),
        open: Vec::new(),
        accumulated: [[0; 3]; MARKETS],
        orders: 0,
        upgraded_ms: scene.options.start_ms + i64::from(scene.options.hours) * 1_200_000,
    };
    let rate_ppm = logs * 1_000_000 / LOGS_PER_STEP / (chain.blocks_per_hour() * u64::from(scene.options.hours));
    for index in chain.open_blocks() {
        let now_ms = chain.time_ms(index);
        venue.rng.at(now_ms);
        for _ in 0..venue.rng.count(rate_ppm) {
            // Some keepers execute two orders in one transaction.
            let orders = if venue.rng.percent(12) { 2 } else { 1 };
            let logs = (0..orders).flat_map(|_| venue.step(now_ms, tally)).collect();
            chain.push(index, logs);
        }
    }
}

impl Venue<'_> {
    fn step(&mut self, now_ms: i64, tally: &mut Tally) -> Vec<Emitted> {
        self.orders += 1;
        if self.open.is_empty() || (self.open.len() < OPEN_MAX && self.rng.percent(45)) {
            return self.opened(now_ms, tally);
        }
        let at = self.rng.below(self.open.len() as u64) as usize;
        let is_frozen = self.open[at].is_legacy && self.is_v10(now_ms);
        match self.rng.below(100) {
            0..6 => vec![self.refused(at, now_ms)],
            6..12 => vec![self.moved_collateral(at)],
            12..28 if !is_frozen => self.increased(at, now_ms, tally),
            28..48 if !is_frozen && self.open[at].size() > SPLIT_MIN => self.decreased(at, now_ms, tally),
            12..66 => self.closed(at, Order::MarketClose, now_ms, tally),
            66..74 => self.closed(at, Order::TakeProfit, now_ms, tally),
            74..82 => self.closed(at, Order::StopLoss, now_ms, tally),
            _ => self.closed(at, Order::Liquidation, now_ms, tally),
        }
    }

    fn opened(&mut self, now_ms: i64, tally: &mut Tally) -> Vec<Emitted> {
        let (account, listed, is_long) = (self.rng.below(ACCOUNTS), self.rng.below(LISTED.len() as u64) as usize, self.rng.percent(55));
        let order = *self.rng.pick(&[Order::MarketOpen, Order::MarketOpen, Order::LimitOpen, Order::StopOpen]);
        let quote = self.quote(listed, is_long, now_ms);
        let leverage = i128::from(self.rng.between(2_000, 50_000));
        let collateral = self.collateral(&LISTED[listed].2, quote);
        let is_v10 = self.is_v10(now_ms);
        let index = (0..).find(|index| !self.open.iter().any(|open| (open.account, open.index) == (account, *index)));
        let index = index.expect("an account has few trades");
        let is_legacy = !is_v10;
        let mut open = Open { account, index, listed, is_long, is_legacy, collateral, leverage, price: quote.price, tokens: 0 };
        let size = collateral * leverage;
        open.tokens = if is_v10 { tokens_cut(size, &LISTED[listed].2, quote.price) } else { tokens(size, &LISTED[listed].2, quote.price) };
        let fee = if is_v10 { open.size() * 6 / 10_000 } else { 0 };
        let change = Change { opens: true, size, tokens: open.tokens, held: (0, open.tokens), fee };
        let mut logs = self.counted(&open, (open.size(), open.tokens), true, is_v10);
        if is_v10 {
            logs.extend(self.accumulate(listed, now_ms));
            logs.push(self.diamond.fees(&open, self.trader(account), order, fee));
        }
        self.traded(&open, change, quote, now_ms, tally);
        logs.push(self.executed(&open, order, quote, is_v10));
        self.open.push(open);
        logs
    }

    /// A trade closed whole, by its owner's order, by a stop of it, or liquidated.
    fn closed(&mut self, at: usize, order: Order, now_ms: i64, tally: &mut Tally) -> Vec<Emitted> {
        let open = self.open.swap_remove(at);
        let (is_v10, is_liquidation) = (self.is_v10(now_ms), order == Order::Liquidation);
        let mut quote = self.quote(open.listed, !open.is_long, now_ms);
        if is_liquidation {
            quote.price = quote.oracle;
        }
        let size = open.collateral * open.leverage;
        let fee = if is_v10 { open.size() * 6 / 10_000 } else { 0 };
        let sold = if open.is_legacy { tokens(size, &LISTED[open.listed].2, open.price) } else { open.tokens };
        let counted = if is_liquidation { 0 } else { fee };
        let change = Change { opens: false, size, tokens: sold, held: (open.tokens, 0), fee: counted };
        let exec_usd_e6 = self.traded(&open, change, quote, now_ms, tally);
        if is_liquidation {
            tally.liquidation(self.market(&open), now_ms, open.is_long, exec_usd_e6);
        }
        let mut logs = if is_v10 { self.accumulate(open.listed, now_ms) } else { Vec::new() };
        logs.extend(self.held(&open, quote, now_ms, tally));
        logs.extend(self.counted(&open, (open.size(), open.tokens), false, is_v10));
        if is_v10 {
            logs.push(self.diamond.fees(&open, self.trader(open.account), order, fee));
        }
        logs.push(self.executed(&open, order, quote, is_v10));
        logs
    }

    /// More of a trade: the entry price becomes the mean over tokens.
    fn increased(&mut self, at: usize, now_ms: i64, tally: &mut Tally) -> Vec<Emitted> {
        let (before, is_v10) = (self.open[at], self.is_v10(now_ms));
        let of = &LISTED[before.listed].2;
        let quote = self.quote(before.listed, before.is_long, now_ms);
        let added = self.collateral(of, quote);
        let leverage = i128::from(self.rng.between(2_000, 50_000));
        let delta = added * leverage / pow10(LEVERAGE_DECIMALS);
        let size = before.size() + delta;
        let bought = if is_v10 { tokens_cut(delta * 1_000, of, quote.price) } else { tokens(delta * 1_000, of, quote.price) };
        let whole = before.tokens + bought;
        let price =
            mul_div(size * pow10(LEVERAGE_DECIMALS), pow10(TOKEN_DECIMALS + PRICE_DECIMALS - LEVERAGE_DECIMALS - of.decimals), whole);
        let collateral = before.collateral + added;
        let held = if is_v10 { whole } else { tokens(size * 1_000, of, price) };
        let after = Open { collateral, leverage: size * 1_000 / collateral, price, tokens: held, ..before };
        let fee = delta * 6 / 10_000;
        let change = Change { opens: true, size: delta * 1_000, tokens: bought, held: (before.tokens, after.tokens), fee };
        self.traded(&before, change, quote, now_ms, tally);
        self.open[at] = after;
        let mut logs = if is_v10 { self.accumulate(before.listed, now_ms) } else { Vec::new() };
        logs.extend(self.counted(&before, (delta, bought), true, is_v10));
        let sizes = (before.size(), delta, size);
        let order = (self.trader(before.account), self.orders);
        logs.extend(self.diamond.increased(&after, order, sizes, (bought, fee, 0), quote, is_v10));
        logs
    }

    /// Less of a trade, by collateral or by leverage; the entry price stays.
    fn decreased(&mut self, at: usize, now_ms: i64, tally: &mut Tally) -> Vec<Emitted> {
        let (before, is_v10) = (self.open[at], self.is_v10(now_ms));
        let of = &LISTED[before.listed].2;
        let quote = self.quote(before.listed, !before.is_long, now_ms);
        let share = i128::from(self.rng.between(10, 80));
        let (collateral, leverage) = match self.rng.percent(30) {
            true => (0, before.leverage * share / 100),
            false => (before.collateral * share / 100, 0),
        };
        let delta = (before.collateral * leverage + collateral * before.leverage) / pow10(LEVERAGE_DECIMALS);
        let size = before.size() - delta;
        let after = Open { collateral: before.collateral - collateral, leverage: before.leverage - leverage, ..before };
        let (sold, left) = match is_v10 {
            true => {
                let sold = mul_div(before.tokens, delta, before.size());
                (sold, before.tokens - sold)
            }
            false => (tokens(delta * 1_000, of, before.price), tokens(size * 1_000, of, before.price)),
        };
        let after = Open { tokens: left, ..after };
        let fee = delta * 6 / 10_000;
        let change = Change { opens: false, size: delta * 1_000, tokens: sold, held: (before.tokens, left), fee };
        self.traded(&before, change, quote, now_ms, tally);
        self.open[at] = after;
        let mut logs = if is_v10 { self.accumulate(before.listed, now_ms) } else { Vec::new() };
        logs.extend(self.held(&before, quote, now_ms, tally));
        logs.extend(self.counted(&before, (delta, sold), false, is_v10));
        let sizes = (before.size(), delta, leverage);
        let order = (self.trader(before.account), self.orders);
        logs.extend(self.diamond.decreased(&after, order, sizes, (sold, fee, 0), quote, is_v10));
        logs
    }

    /// A request to change the size that was refused: nothing moves.
    fn refused(&mut self, at: usize, now_ms: i64) -> Emitted {
        let (open, is_v10) = (self.open[at], self.is_v10(now_ms));
        let quote = self.quote(open.listed, open.is_long, now_ms);
        let (order, size) = ((self.trader(open.account), self.orders), open.size());
        let mut logs = match self.rng.percent(50) {
            true => self.diamond.increased(&open, order, (size, size, 2 * size), (open.tokens, 0, 5), quote, is_v10),
            false => self.diamond.decreased(&open, order, (size, size / 2, 0), (open.tokens / 2, 0, 5), quote, is_v10),
        };
        logs.pop().expect("a request has its execution")
    }

    /// Collateral and leverage alone.
    fn moved_collateral(&mut self, at: usize) -> Emitted {
        let open = self.open[at];
        self.diamond.collateral_updated(&open, self.trader(open.account))
    }

    /// What a change of size is in the truth; its dollars at the price of the execution.
    fn traded(&self, open: &Open, change: Change, quote: Quote, ts_ms: i64, tally: &mut Tally) -> i64 {
        let (market, of, sign) = (self.market(open), &LISTED[open.listed].2, if open.is_long { 1 } else { -1 });
        // Tokens are collateral over price: worth what the collateral is, where that is no dollar.
        let exec_usd_e6 = match of.asset {
            None => worth_e6(change.tokens, quote.price, TOKEN_DECIMALS + PRICE_DECIMALS),
            Some(_) => {
                let units = change.tokens * quote.collateral;
                worth_e6(units, quote.price, TOKEN_DECIMALS + COLLATERAL_PRICE_DECIMALS + PRICE_DECIMALS)
            }
        };
        let volume_usd_e6 = worth_e6(change.size, quote.collateral, of.decimals + LEVERAGE_DECIMALS + COLLATERAL_PRICE_DECIMALS);
        tally.leg(market, ts_ms, Held { before: sign * change.held.0, after: sign * change.held.1 }, usd(change.fee, of, quote));
        tally.trade(market, Trade { ts_ms, volume_usd_e6, exec_usd_e6, bought: Some(open.is_long == change.opens) });
        exec_usd_e6
    }

    /// What holding a trade cost until now: funding, which may be paid to it, and borrowing. Before v10 borrowing alone.
    fn held(&mut self, open: &Open, quote: Quote, now_ms: i64, tally: &mut Tally) -> Vec<Emitted> {
        let part = open.collateral / 2_000;
        let is_v10 = self.is_v10(now_ms);
        let funding = if is_v10 && !open.is_legacy { part * i128::from(self.rng.between(-6, 7)) } else { 0 };
        let borrowing = part * i128::from(self.rng.between(0, 4));
        let (market, of) = (self.market(open), &LISTED[open.listed].2);
        if funding != 0 {
            tally.funding(market, now_ms, usd(-funding, of, quote));
        }
        if borrowing != 0 {
            tally.borrow(market, now_ms, usd(borrowing, of, quote));
        }
        self.diamond.held(open, self.trader(open.account), (funding, borrowing), quote, is_v10)
    }

    /// The level after a change, which the diamond states before the trade.
    fn counted(&mut self, open: &Open, (size, tokens): (i128, i128), opens: bool, is_v10: bool) -> Vec<Emitted> {
        let (side, sign) = (usize::from(!open.is_long), if opens { 1 } else { -1 });
        let level = self.levels.entry((open.listed, open.is_legacy)).or_default();
        level.size[side] = (level.size[side] + sign * size).max(0);
        level.tokens[side] = (level.tokens[side] + sign * tokens).max(0);
        vec![self.diamond.level(open, *level, (size, tokens), opens, is_v10)]
    }

    fn accumulate(&mut self, listed: usize, now_ms: i64) -> Vec<Emitted> {
        let rate = i128::from(self.rng.between(-40, 60));
        let steps = [rate * pow10(19), -rate * pow10(19), i128::from(self.rng.between(0, 20)) * pow10(19)];
        let of = &mut self.accumulated[listed];
        of.iter_mut().zip(steps).for_each(|(sum, step)| *sum += step);
        self.diamond.accumulated(listed, *of, rate * pow10(9), now_ms / 1_000).to_vec()
    }

    fn executed(&self, open: &Open, order: Order, quote: Quote, is_v10: bool) -> Emitted {
        let keeper = named_address(self.scene.options.seed, "gtrade keeper", 0);
        self.diamond.executed(open, (self.trader(open.account), self.orders), (order, keeper), quote, is_v10)
    }

    fn market(&self, open: &Open) -> MarketId {
        self.markets[&(open.listed, open.is_legacy)]
    }

    fn is_v10(&self, now_ms: i64) -> bool {
        now_ms >= self.upgraded_ms
    }

    fn trader(&self, account: u64) -> Address {
        named_address(self.scene.options.seed, "gtrade trader", account)
    }

    /// Collateral of a new trade, smallest units.
    fn collateral(&mut self, of: &Collateral, quote: Quote) -> i128 {
        let usd_e6 = i128::from(self.rng.skewed(20, 6)) * pow10(6) + i128::from(self.rng.below(1_000_000));
        mul_div(usd_e6, pow10(of.decimals + COLLATERAL_PRICE_DECIMALS - 6), quote.collateral)
    }

    fn quote(&mut self, listed: usize, buys: bool, now_ms: i64) -> Quote {
        let (_, asset, of) = &LISTED[listed];
        let oracle = self.scene.prices.at(asset, now_ms) / pow10(PRICE_SCALE - PRICE_DECIMALS);
        let impact = oracle * i128::from(self.rng.between(0, 500)) / 1_000_000;
        let collateral = match of.asset {
            Some(asset) => self.scene.prices.at(asset, now_ms) / pow10(PRICE_SCALE - COLLATERAL_PRICE_DECIMALS),
            // A little beside the dollar.
            None => 99_980_000 + i128::from(of.index) * 10_000,
        };
        Quote { oracle, price: if buys { oracle + impact } else { oracle - impact }, collateral }
    }
}

impl Open {
    /// Size at entry, smallest units of the collateral.
    fn size(&self) -> i128 {
        self.collateral * self.leverage / pow10(LEVERAGE_DECIMALS)
    }
}

/// A size (smallest units times 1,000) over a price, rounded.
fn tokens(size: i128, of: &Collateral, price: i128) -> i128 {
    mul_div_even(size, pow10(TOKEN_DECIMALS + PRICE_DECIMALS - LEVERAGE_DECIMALS - of.decimals), price)
}

/// The same as v10 cuts it.
fn tokens_cut(size: i128, of: &Collateral, price: i128) -> i128 {
    mul_div(size, pow10(TOKEN_DECIMALS + PRICE_DECIMALS - LEVERAGE_DECIMALS - of.decimals), price)
}

/// A fee or a payment in micro-dollars. It is in a token, and one that stands for a dollar counts as one, whatever the diamond says it is
/// worth at the moment; sizes count as the diamond says.
fn usd(native: i128, of: &Collateral, quote: Quote) -> i64 {
    let price = if of.asset.is_none() { pow10(COLLATERAL_PRICE_DECIMALS) } else { quote.collateral };
    small(half_even(native * price, pow10(of.decimals + COLLATERAL_PRICE_DECIMALS - 6)))
}
