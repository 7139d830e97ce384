//! Ostium on Arbitrum: trades against a vault in USDC. An open names everything, a close its trade alone. In the middle of the world the
//! contracts are upgraded: trades say whether they end with the day, and closes which share of what is left they take.

use std::collections::BTreeMap;

use alloy_dyn_abi::DynSolValue;
use alloy_primitives::{Address, B256, address};

use super::evm::EvmBuilder;
use super::prices::PRICE_SCALE;
use super::scene::{Scene, named_address};
use crate::encode::abi::{self, Contract, Emitted, signed, tuple, unsigned};
use crate::num::{mul_div, pow10, small, worth_e6};
use crate::rng::Rng;
use crate::truth::{Held, MarketId, Tally, Trade};

/// The contracts that emit what matters (immunefi.com, scope of Ostium).
const CALLBACKS: Address = address!("7720fc8c8680bf4a1af99d44c6c265a74e9742a9");
const PAIR_INFOS: Address = address!("3890243a8fc091c626ed26c087a028b46bc9d66c");
const PAIRS_STORAGE: Address = address!("260e349f643f12797fdc6f8c9d3df211d5577823");
const TRADING: Address = address!("6d0ba1f9996dbd8885827e1b2e8f6593e7702411");
/// Pairs in the order of their numbers.
const PAIRS: [&str; 2] = ["BTC", "ETH"];
/// Decimals of prices and quantities.
const DECIMALS: u32 = 18;
/// `percentageClosed` of everything.
const WHOLE: i128 = 10_000;
/// `LimitOrder`, as `LimitCloseExecuted` has it.
const TAKE_PROFIT: u8 = 0;
const STOP_LOSS: u8 = 1;
const LIQUIDATION: u8 = 2;
const DAY_TRADE_ENDS: u8 = 4;
const ACCOUNTS: u64 = 30;
/// Most trades that are open at a time.
const OPEN_MAX: usize = 60;
/// Logs of one step on average; turns the wanted number of logs into a rate of steps.
const LOGS_PER_STEP: u64 = 5;

/// An open trade.
#[derive(Clone, Copy, Debug)]
struct Position {
    account: u64,
    pair: usize,
    is_long: bool,
    /// Smallest units of USDC, times 100.
    leverage: i128,
    collateral: i128,
    open_price: i128,
    qty: i128,
}

/// How a trade is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exit {
    /// By its owner, who gets something, or nothing since the vault takes all.
    Market { is_liquidation: bool },
    /// By a keeper.
    Limit(u8),
}

struct Venue<'a> {
    scene: &'a Scene<'a>,
    rng: Rng,
    callbacks: Contract,
    infos: Contract,
    trading: Contract,
    markets: Vec<MarketId>,
    positions: BTreeMap<u64, Position>,
    /// Funding of longs and shorts, rollover: fractions of the size at entry times 10^18.
    accumulated: [[i128; 3]; 2],
    orders: u64,
    upgraded_ms: i64,
}

/// Lets the venue trade through the whole chain, making about `logs` logs.
pub(super) fn play(scene: &Scene<'_>, logs: u64, chain: &mut EvmBuilder, tally: &mut Tally) {
    let contract = |address| Contract::new(address, include_str!("../../../../abi/ostium/contracts.json"));
    let storage = contract(PAIRS_STORAGE);
    let word = |text: &str| abi::word(B256::right_padding_from(text.as_bytes()));
    let listed = (0_u64..).zip(PAIRS).map(|(pair, asset)| storage.emit("PairAdded", &[abi::uint(pair), word(asset), word("USD")]));
    chain.push(0, listed.collect());
    let market =
        |(pair, asset): (usize, &&'static str)| tally.market(scene.market(("arbitrum", "ostium"), pair.to_string(), asset, DECIMALS));
    let mut venue = Venue {
        scene,
        rng: scene.rng(73),
        callbacks: contract(CALLBACKS),
        infos: contract(PAIR_INFOS),
        trading: contract(TRADING),
        markets: PAIRS.iter().enumerate().map(market).collect(),
        positions: BTreeMap::new(),
        accumulated: [[0; 3]; 2],
        orders: 1_000,
        upgraded_ms: scene.options.start_ms + i64::from(scene.options.hours) * 1_800_000,
    };
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
    fn step(&mut self, now_ms: i64, tally: &mut Tally) -> Vec<Emitted> {
        self.orders += 1;
        let opens = self.rng.percent(50) && self.positions.len() < OPEN_MAX;
        let nth = self.rng.below(self.positions.len().max(1) as u64) as usize;
        let found = self.positions.iter().nth(nth).filter(|_| !opens).map(|(id, position)| (*id, *position));
        let Some((trade, position)) = found else { return self.open(now_ms, tally) };
        let kind = self.rng.below(100);
        let share =
            if self.is_upgraded(now_ms) && position.collateral > pow10(6) { i128::from(self.rng.between(1_000, 9_000)) } else { WHOLE };
        let market = Exit::Market { is_liquidation: false };
        match kind {
            0..10 => vec![self.top_up(trade, position)],
            10..16 => vec![self.take_back(trade, position)],
            16..22 => vec![self.refused(trade, position)],
            22..50 => self.close(trade, position, (market, share), now_ms, tally),
            50..66 => self.close(trade, position, (market, WHOLE), now_ms, tally),
            66..74 => self.close(trade, position, (Exit::Limit(TAKE_PROFIT), WHOLE), now_ms, tally),
            74..82 => self.close(trade, position, (Exit::Limit(STOP_LOSS), WHOLE), now_ms, tally),
            82..85 if self.is_upgraded(now_ms) => self.close(trade, position, (Exit::Limit(DAY_TRADE_ENDS), WHOLE), now_ms, tally),
            82..94 => self.close(trade, position, (Exit::Limit(LIQUIDATION), WHOLE), now_ms, tally),
            _ => self.close(trade, position, (Exit::Market { is_liquidation: true }, WHOLE), now_ms, tally),
        }
    }

    fn open(&mut self, now_ms: i64, tally: &mut Tally) -> Vec<Emitted> {
        let (account, pair, is_long) = (self.rng.below(ACCOUNTS), self.rng.below(PAIRS.len() as u64) as usize, self.rng.percent(55));
        let paid = i128::from(self.rng.skewed(20, 6)) * pow10(6) + i128::from(self.rng.below(1_000_000));
        let leverage = i128::from(self.rng.between(200, 5_000));
        let fee = if self.rng.percent(10) { 0 } else { paid / 100 };
        let collateral = paid - fee;
        let open_price = self.price(pair, is_long, now_ms);
        // Dollars times 10^18 over the price.
        let qty = mul_div(collateral * leverage * pow10(DECIMALS - 8), pow10(DECIMALS), open_price);
        let position = Position { account, pair, is_long, leverage, collateral, open_price, qty };
        self.traded(&position, (0, qty), (qty, open_price, fee), now_ms, tally);
        self.positions.insert(self.orders, position);
        let (order, trader) = (abi::uint(self.orders), self.trader(account));
        let mut logs = self.accumulate(pair, now_ms);
        if fee != 0 {
            logs.push(self.callbacks.emit("DevFeeCharged", &[order.clone(), trader.clone(), unsigned(fee / 3)]));
            logs.push(self.callbacks.emit("VaultOpeningFeeCharged", &[order.clone(), trader.clone(), unsigned(fee - fee / 3)]));
        }
        let start = [collateral, open_price, 0, 0].map(unsigned);
        let mut fields =
            [start.to_vec(), vec![trader, unsigned(leverage), abi::uint(pair as u64), abi::uint(0_u64), abi::boolean(is_long)]].concat();
        fields.extend(self.is_upgraded(now_ms).then(|| abi::boolean(self.orders.is_multiple_of(7))));
        let end = [tuple(fields), abi::uint(0_u64), unsigned(qty)];
        logs.push(match self.rng.percent(30) {
            true => self.callbacks.emit("LimitOpenExecuted", &[vec![order, abi::uint(0_u64)], end.to_vec()].concat()),
            false => self.callbacks.emit("MarketOpenExecuted", &[vec![order], end.to_vec()].concat()),
        });
        logs
    }

    /// A share of what is left of a trade goes, or all of it.
    fn close(&mut self, trade: u64, held: Position, (exit, share): (Exit, i128), now_ms: i64, tally: &mut Tally) -> Vec<Emitted> {
        let price = self.price(held.pair, !held.is_long, now_ms);
        let is_liquidation = matches!(exit, Exit::Limit(LIQUIDATION) | Exit::Market { is_liquidation: true });
        let qty = held.qty * share / WHOLE;
        let collateral = held.collateral * share / WHOLE;
        let left = Position { qty: held.qty - qty, collateral: held.collateral - collateral, ..held };
        let funding = collateral / 1_000 * i128::from(self.rng.between(-8, 8));
        let rollover = collateral / 2_000 * i128::from(self.rng.between(0, 6));
        let fee = if is_liquidation { 0 } else { collateral / 500 };
        let exec_usd_e6 = self.traded(&held, (held.qty, left.qty), (qty, price, fee), now_ms, tally);
        let market = self.markets[held.pair];
        if is_liquidation {
            tally.liquidation(market, now_ms, held.is_long, exec_usd_e6);
        }
        if funding != 0 {
            tally.funding(market, now_ms, small(-funding));
        }
        if rollover != 0 {
            tally.borrow(market, now_ms, small(rollover));
        }
        match share {
            WHOLE => drop(self.positions.remove(&trade)),
            _ => drop(self.positions.insert(trade, left)),
        }
        let mut logs = self.accumulate(held.pair, now_ms);
        logs.extend(self.charged(trade, &held, (rollover, funding), now_ms));
        let ids = [abi::uint(self.orders), abi::uint(trade)];
        let name = |more: DynSolValue| [ids.to_vec(), vec![self.trader(held.account), more]].concat();
        logs.push(match is_liquidation {
            true => self.callbacks.emit("VaultLiqFeeCharged", &name(unsigned(collateral / 10))),
            false => self.callbacks.emit("CloseFeeCharged", &name(unsigned(fee))),
        });
        let moved = if held.is_long { price - held.open_price } else { held.open_price - price };
        // Percent times 10^6 of the collateral.
        let profit = moved / pow10(DECIMALS - 8) * held.leverage / (held.open_price / pow10(DECIMALS - 8)) * pow10(6);
        let sent = if is_liquidation { 0 } else { collateral };
        let told = [unsigned(price), abi::uint(0_u64), signed(profit), unsigned(sent)].to_vec();
        logs.push(match exit {
            Exit::Limit(kind) => self.callbacks.emit("LimitCloseExecuted", &[ids.to_vec(), vec![abi::uint(kind)], told].concat()),
            Exit::Market { .. } if self.is_upgraded(now_ms) => {
                self.callbacks.emit("MarketCloseExecutedV2", &[ids.to_vec(), told, vec![unsigned(share)]].concat())
            }
            Exit::Market { .. } => self.callbacks.emit("MarketCloseExecuted", &[ids.to_vec(), told].concat()),
        });
        logs
    }

    /// Collateral alone: leverage falls, the size stays.
    fn top_up(&mut self, trade: u64, held: Position) -> Emitted {
        let added = held.collateral / 4;
        let after = Position { collateral: held.collateral + added, leverage: held.leverage * 4 / 5, ..held };
        self.positions.insert(trade, after);
        let names = [abi::uint(trade), self.trader(held.account), abi::uint(held.pair as u64)];
        self.trading.emit("TopUpCollateralExecuted", &[names.to_vec(), vec![unsigned(added), unsigned(after.leverage)]].concat())
    }

    fn take_back(&mut self, trade: u64, held: Position) -> Emitted {
        let taken = held.collateral / 5;
        let after = Position { collateral: held.collateral - taken, leverage: held.leverage * 5 / 4, ..held };
        self.positions.insert(trade, after);
        let names = [abi::uint(self.orders), abi::uint(trade), self.trader(held.account), abi::uint(held.pair as u64)];
        let after = [taken, after.leverage, 0, 0].map(unsigned);
        self.callbacks.emit("RemoveCollateralExecuted", &[names.to_vec(), after.to_vec()].concat())
    }

    /// A close that the contract did not let through.
    fn refused(&self, trade: u64, held: Position) -> Emitted {
        let names = [abi::uint(self.orders), abi::uint(trade), self.trader(held.account)];
        let why = [abi::uint(held.pair as u64), abi::uint(0_u64), abi::uint(2_u64)];
        self.callbacks.emit("MarketCloseCanceled", &[names.to_vec(), why.to_vec()].concat())
    }

    /// What a change of a position from one size to another is in the truth; its dollars.
    fn traded(
        &self,
        held: &Position,
        (before, after): (i128, i128),
        (qty, price, fee): (i128, i128, i128),
        now_ms: i64,
        tally: &mut Tally,
    ) -> i64 {
        let (market, sign) = (self.markets[held.pair], if held.is_long { 1 } else { -1 });
        let usd_e6 = worth_e6(qty, price, 2 * DECIMALS);
        let bought = Some(held.is_long == (before < after));
        tally.leg(market, now_ms, Held { before: sign * before, after: sign * after }, small(fee));
        tally.trade(market, Trade { ts_ms: now_ms, volume_usd_e6: usd_e6, exec_usd_e6: usd_e6, bought });
        usd_e6
    }

    /// What holding the part closed cost. Another contract says so since the upgrade, and rollover has a sign.
    fn charged(&self, trade: u64, held: &Position, (rollover, funding): (i128, i128), now_ms: i64) -> [Emitted; 1] {
        let names = [abi::uint(self.orders), abi::uint(trade), self.trader(held.account)].to_vec();
        [match self.is_upgraded(now_ms) {
            true => self.callbacks.emit("FeesChargedV2", &[names, vec![signed(rollover), signed(funding)]].concat()),
            false => self.infos.emit("FeesCharged", &[names, vec![unsigned(rollover), signed(funding)]].concat()),
        }]
    }

    /// Funding and rollover of a pair, counted up before each change.
    fn accumulate(&mut self, pair: usize, now_ms: i64) -> Vec<Emitted> {
        let rate = i128::from(self.rng.between(-40, 50)) * pow10(9);
        let rollover = i128::from(self.rng.between(0, 30)) * pow10(9);
        let of = &mut self.accumulated[pair];
        for (sum, step) in of.iter_mut().zip([rate, -rate, rollover]) {
            *sum += step;
        }
        let [long, short, rollover] = *of;
        let (pair, sides) = (abi::uint(pair as u64), [signed(long), signed(short)]);
        let zero = || signed(0);
        let block = || abi::uint(0_u64);
        match self.is_upgraded(now_ms) {
            true => vec![
                self.infos.emit("AccRolloverFeesStoredV2", &[pair.clone(), signed(rollover), signed(rollover), block()]),
                self.infos.emit("AccFundingFeesStoredV2", &[vec![pair], sides.to_vec(), vec![zero(), signed(rate)]].concat()),
            ],
            false => vec![
                self.infos.emit("AccRolloverFeesStored", &[pair.clone(), unsigned(rollover)]),
                self.infos.emit("AccFundingFeesStored", &[vec![pair], sides.to_vec(), vec![signed(rate), zero()]].concat()),
            ],
        }
    }

    fn is_upgraded(&self, now_ms: i64) -> bool {
        now_ms >= self.upgraded_ms
    }

    fn trader(&self, account: u64) -> DynSolValue {
        abi::address(named_address(self.scene.options.seed, "ostium trader", account))
    }

    /// The oracle's price and the impact.
    fn price(&mut self, pair: usize, buys: bool, now_ms: i64) -> i128 {
        let price = self.scene.prices.at(PAIRS[pair], now_ms);
        let impact = price * i128::from(self.rng.between(0, 400)) / 1_000_000;
        (if buys { price + impact } else { price - impact }) * pow10(DECIMALS - PRICE_SCALE)
    }
}
