//! Days of Hyperliquid fills of any number, written as a node would, with their totals.
//!
//! For measuring: blocks are made one after the other and forgotten, so that a day of millions of fills needs no more memory than a
//! small one. The totals are kept beside the positions they follow from, in whole numbers.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use lz4_flex::frame::FrameEncoder;
use serde::Serialize;

use crate::encode::hyperliquid::{FillEvent, Lines, LiquidationNote};
use crate::num::decimal;
use crate::rng::Rng;

/// 2026-03-01T00:00:00Z.
const START_MS: i64 = 1_772_323_200_000;
/// Days of that month, more are not made.
const DAYS_MAX: u32 = 31;
const DAY_MS: i64 = 86_400_000;
const HOUR_MS: i64 = 3_600_000;
/// Fills of a block on average: two legs of six trades.
const FILLS_PER_BLOCK: u64 = 12;
/// Accounts.
const ACCOUNTS: u64 = 2_000;
/// Trades of a thousand that are a liquidation on the book.
const LIQUIDATIONS_PER_MILLE: u64 = 5;
/// Blocks of a hundred without any fill.
const QUIET_PERCENT: u64 = 20;
/// Markets with the price they begin at, in hundredths of a dollar.
const MARKETS: &[(&str, i64)] =
    &[("BTC", 9_000_000), ("ETH", 300_000), ("SOL", 15_000), ("XRP", 250), ("DOGE", 20), ("AVAX", 2_500), ("LINK", 1_800), ("SUI", 300)];
/// Digits of sizes and prices: their products are whole micro-dollars.
const SIZE_DIGITS: u32 = 3;
const PRICE_DIGITS: u32 = 2;
/// Micro-dollars of one unit of size times one unit of price.
const USD_E6: i64 = 10;

/// Totals of the days since the first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DayTruth {
    /// Blocks, those without fills too; the first is block 1.
    pub blocks: u64,
    /// Legs.
    pub fills: u64,
    /// Sums of each market.
    pub coins: BTreeMap<&'static str, CoinTruth>,
}

/// Totals of one market.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CoinTruth {
    /// Trades.
    pub trades: i64,
    /// Taker volume, micro-dollars.
    pub volume_usd_e6: i64,
    /// Of it: takers that bought.
    pub taker_buy_usd_e6: i64,
    /// Longs at the last day's end, thousandths of a unit; nothing was open at the first one's start.
    pub long_e3: i64,
    /// Shorts at the last day's end.
    pub short_e3: i64,
    /// Liquidations.
    pub liquidations: i64,
    /// What was liquidated, micro-dollars.
    pub liquidated_usd_e6: i64,
}

/// Days in the making, one after the other: positions and prices go from each into the next.
#[derive(Debug)]
pub struct Days {
    rng: Rng,
    positions: BTreeMap<(usize, u64), i64>,
    prices: Vec<i64>,
    truth: DayTruth,
    tid: u64,
    written: u32,
}

/// Writes one day below `root` with at least `fills` legs, and gives their totals.
pub fn write_day(root: &Path, fills: u64, seed: u64) -> io::Result<DayTruth> {
    let mut days = Days::new(seed);
    days.write(root, fills)?;
    Ok(days.truth())
}

impl Days {
    /// Days that nothing was written of yet.
    pub fn new(seed: u64) -> Days {
        Days {
            rng: Rng::new(seed, 0xda1, None),
            positions: BTreeMap::new(),
            prices: MARKETS.iter().map(|(_, price)| *price).collect(),
            truth: DayTruth { coins: MARKETS.iter().map(|(coin, _)| (*coin, CoinTruth::default())).collect(), ..DayTruth::default() },
            tid: 0,
            written: 0,
        }
    }

    /// Writes the next day's `node_fills_by_block/hourly/{day}/{hour}.lz4` below `root` with at least `fills` legs, as many in each
    /// hour, and gives their folder, relative to `root`. An error where the month is over.
    pub fn write(&mut self, root: &Path, fills: u64) -> io::Result<PathBuf> {
        if self.written == DAYS_MAX {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("no more than {DAYS_MAX} days are made")));
        }
        let start_ms = START_MS + i64::from(self.written) * DAY_MS;
        self.written += 1;
        let folder = PathBuf::from(format!("node_fills_by_block/hourly/202603{:02}", self.written));
        fs::create_dir_all(root.join(&folder))?;
        let blocks = (fills / FILLS_PER_BLOCK).max(24);
        let end = self.truth.fills + fills;
        let mut open: Option<(i64, FrameEncoder<BufWriter<fs::File>>)> = None;
        for index in 0..blocks {
            let time_ms = start_ms + (index as i64 * DAY_MS) / blocks as i64;
            let hour = (time_ms - start_ms) / HOUR_MS;
            if open.as_ref().is_none_or(|(of, _)| *of != hour) {
                close(open.take())?;
                let file = fs::File::create(root.join(&folder).join(format!("{hour}.lz4")))?;
                open = Some((hour, FrameEncoder::new(BufWriter::new(file))));
            }
            let line = self.block(time_ms, end.saturating_sub(self.truth.fills), blocks - index);
            let (_, out) = open.as_mut().expect("a file was opened for the hour");
            writeln!(out, "{line}")?;
        }
        close(open)?;
        Ok(folder)
    }

    /// Totals of all that was written.
    pub fn truth(&self) -> DayTruth {
        let mut truth = self.truth.clone();
        for ((market, _), size) in &self.positions {
            let coin = truth.coins.get_mut(MARKETS[*market].0).expect("every market has its sums");
            coin.long_e3 += (*size).max(0);
            coin.short_e3 += (-*size).max(0);
        }
        truth
    }

    fn block(&mut self, time_ms: i64, left: u64, blocks_left: u64) -> String {
        let trades_left = left.div_ceil(2);
        let trades = match (blocks_left, self.rng.percent(QUIET_PERCENT)) {
            (1, _) => trades_left,
            (_, true) => 0,
            // Twice what a block that is not quiet has to bring on average, so that the average comes out even.
            (_, false) => {
                let even = 100 * trades_left / ((100 - QUIET_PERCENT) * blocks_left);
                self.rng.below(2 * even + 1).min(trades_left)
            }
        };
        let mut events = String::new();
        for _ in 0..trades {
            self.trade(time_ms, &mut events);
        }
        self.truth.blocks += 1;
        Lines::block(self.truth.blocks, time_ms, 123_456, &events)
    }
    fn trade(&mut self, time_ms: i64, events: &mut String) {
        let market = self.rng.below(MARKETS.len() as u64).min(self.rng.below(MARKETS.len() as u64)) as usize;
        let taker = self.rng.below(ACCOUNTS);
        let maker = (taker + 1 + self.rng.below(ACCOUNTS - 1)) % ACCOUNTS;
        let held = self.size_of(market, taker);
        let is_liquidation = held != 0 && self.rng.below(1_000) < LIQUIDATIONS_PER_MILLE;
        let (buys, size) = if is_liquidation { (held < 0, held.abs()) } else { (self.rng.percent(50), self.rng.between(1, 50_000)) };
        let step = self.rng.between(-3, 3);
        self.prices[market] = (self.prices[market] + step).max(MARKETS[market].1 / 2).max(1);
        let price = self.prices[market];
        let usd_e6 = size * price * USD_E6;
        self.tid += 1;
        let note = is_liquidation.then(|| LiquidationNote { user: account(taker), mark_px: text(price, PRICE_DIGITS), method: "market" });
        // The buyer comes first.
        let legs = if buys { [(taker, true), (maker, false)] } else { [(maker, true), (taker, false)] };
        for (user, buyer) in legs {
            let before = self.size_of(market, user);
            let after = if buyer { before + size } else { before - size };
            self.positions.insert((market, user), after);
            if !events.is_empty() {
                events.push(',');
            }
            let fill = FillEvent {
                user: account(user),
                coin: MARKETS[market].0,
                px: text(price, PRICE_DIGITS),
                sz: text(size, SIZE_DIGITS),
                buyer,
                time_ms,
                start_position: text(before, SIZE_DIGITS),
                dir: if buyer { "Open Long" } else { "Open Short" },
                closed_pnl_e6: 0,
                hash: format!("0x{:064x}", self.tid),
                oid: 2 * self.tid + u64::from(buyer),
                crossed: user == taker,
                fee_e6: i128::from(usd_e6) / 4_000,
                tid: self.tid,
                fee_token: "USDC",
                liquidation: note.clone(),
            };
            fill.write(events);
        }
        self.truth.fills += 2;
        let coin = self.truth.coins.get_mut(MARKETS[market].0).expect("every market has its sums");
        coin.trades += 1;
        coin.volume_usd_e6 += usd_e6;
        coin.taker_buy_usd_e6 += if buys { usd_e6 } else { 0 };
        if is_liquidation {
            coin.liquidations += 1;
            coin.liquidated_usd_e6 += usd_e6;
        }
    }

    fn size_of(&self, market: usize, user: u64) -> i64 {
        self.positions.get(&(market, user)).copied().unwrap_or_default()
    }
}

fn close(open: Option<(i64, FrameEncoder<BufWriter<fs::File>>)>) -> io::Result<()> {
    let Some((_, encoder)) = open else { return Ok(()) };
    encoder.finish().map_err(io::Error::from)?.flush()
}

fn account(number: u64) -> String {
    format!("0x{:040x}", number + 1)
}

fn text(value: i64, digits: u32) -> String {
    decimal(value.into(), digits)
}
