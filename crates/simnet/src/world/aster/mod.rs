//! Aster 1001x on BNB Chain and Arbitrum One: whole positions against the pool, settled by keepers.

mod deployment;
mod pair;

use alloy_dyn_abi::DynSolValue;
use alloy_primitives::{Address, B256};

pub(super) use self::deployment::{ARBITRUM, BNB, Deployment};
use self::pair::Pair;
use super::evm::EvmBuilder;
use super::prices::PRICE_SCALE;
use super::scene::{CASCADE_ASSET, Cue, Scene, named_address, named_key};
use crate::encode::abi::{self, Contract, Emitted, signed, unsigned};
use crate::num::{half_even, pow10, small};
use crate::rng::Rng;
use crate::truth::{Held, Tally, Trade};

/// Logs of a position's life on average; turns the wanted number of logs into a rate of opens.
const LOGS_PER_LIFE: u64 = 10;
/// Accounts that trade.
const ACCOUNTS: u64 = 90;
/// Positions per pair around which opens and closes balance.
const POSITIONS_USUAL: u64 = 25;
/// Holding fee per block as a fraction times 10^12.
const HOLDING_FEE_RATE: i128 = 5_000;
/// Decimals of quantities and of prices.
const QTY_DECIMALS: u32 = 10;
const PRICE_DECIMALS: u32 = 8;

/// A request to open that waits for a keeper.
#[derive(Clone, Debug)]
struct Request {
    hash: B256,
    user: Address,
    pair: usize,
    long: bool,
    dollars: i64,
    is_limit: bool,
    is_whale: bool,
}

/// An open position.
#[derive(Clone, Debug)]
struct Open {
    request: Request,
    qty: i128,
    entry: i128,
    margin: i128,
    long_acc: i128,
    block: u64,
}

/// How a position ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Trader,
    /// By a keeper: 0 take profit, 1 stop loss, 2 liquidation.
    Keeper(u64),
}

const LIQUIDATION: End = End::Keeper(2);

/// Where and when something happens.
#[derive(Clone, Copy, Debug)]
struct Moment {
    ms: i64,
    block: u64,
}

struct Venue<'a> {
    scene: &'a Scene<'a>,
    deployment: &'static Deployment,
    rng: Rng,
    diamond: Contract,
    pairs: Vec<Pair>,
    opens: Vec<Open>,
    waiting: Vec<Request>,
    requests: u64,
}

/// Lets the venue trade through the whole chain, making about `logs` logs.
pub(super) fn play(scene: &Scene<'_>, deployment: &'static Deployment, logs: u64, chain: &mut EvmBuilder, tally: &mut Tally) {
    let mut venue = Venue::list(scene, deployment, chain, tally);
    let blocks = chain.blocks_per_hour() * u64::from(scene.options.hours);
    let rate_ppm = logs * 1_000_000 / LOGS_PER_LIFE / blocks;
    let block_ms = 3_600_000 / chain.blocks_per_hour() as i64;
    for index in chain.open_blocks() {
        let now = Moment { ms: chain.time_ms(index), block: chain.number(index) };
        venue.rng.at(now.ms);
        let mut transactions = venue.keep(now, tally);
        for _ in 0..venue.rng.count(rate_ppm) {
            transactions.push(venue.request(None));
        }
        let pressure = venue.opens.len() as u64 * 1_000 / (POSITIONS_USUAL * venue.pairs.len() as u64);
        for _ in 0..venue.rng.count(rate_ppm * pressure / 1_000) {
            transactions.extend(venue.end_some(now, tally));
        }
        transactions.extend(venue.cascade(now, block_ms, tally));
        transactions.into_iter().for_each(|logs| chain.push(index, logs));
    }
}

impl<'a> Venue<'a> {
    fn list(scene: &'a Scene<'a>, deployment: &'static Deployment, chain: &mut EvmBuilder, tally: &mut Tally) -> Venue<'a> {
        let diamond = Contract::new(deployment.diamond, include_str!("../../../../../abi/aster_1001x/diamond.json"));
        let mut pairs = Vec::new();
        for (base, asset, name) in deployment.pairs {
            let id = tally.market(scene.market((deployment.chain, "aster_1001x"), format!("{base:#x}"), asset, QTY_DECIMALS));
            let pair = Pair::new(*base, asset, name, id);
            chain.push(0, vec![pair.added(&diamond)]);
            pairs.push(pair);
        }
        let rng = scene.rng(deployment.label);
        Venue { scene, deployment, rng, diamond, pairs, opens: Vec::new(), waiting: Vec::new(), requests: 0 }
    }

    /// What keepers do in this block with what waits: market orders at once, limit orders some time.
    fn keep(&mut self, now: Moment, tally: &mut Tally) -> Vec<Vec<Emitted>> {
        let mut transactions = Vec::new();
        for request in std::mem::take(&mut self.waiting) {
            if request.is_limit && !self.rng.percent(4) {
                self.waiting.push(request);
            } else if !request.is_limit && !request.is_whale && self.rng.percent(3) {
                let values = [abi::address(request.user), abi::word(request.hash), abi::uint(1_u64)];
                transactions.push(vec![self.diamond.emit("PendingTradeRefund", &values)]);
            } else {
                transactions.push(self.open(request, now, tally));
            }
        }
        transactions
    }

    /// A trader asks for a position.
    fn request(&mut self, whale: Option<usize>) -> Vec<Emitted> {
        self.requests += 1;
        let seed = self.scene.options.seed;
        let unique = self.rng.next() ^ self.requests;
        let request = Request {
            hash: B256::from(named_key(seed, "aster trade", unique)),
            user: named_address(seed, "aster trader", self.rng.below(ACCOUNTS)),
            pair: whale.unwrap_or(self.rng.below(self.pairs.len() as u64) as usize),
            long: whale.is_some() || self.rng.percent(52),
            dollars: if whale.is_some() { self.rng.between(250_000, 600_000) } else { self.rng.skewed(150, 8) },
            is_limit: whale.is_none() && self.rng.percent(15),
            is_whale: whale.is_some(),
        };
        let (token, _) = self.deployment.token;
        let data = DynSolValue::Tuple(vec![
            abi::address(self.pairs[request.pair].base),
            abi::boolean(request.long),
            abi::address(token),
            unsigned(self.token(i128::from(request.dollars) * pow10(18) / 50)),
            abi::uint(1_u64),
            abi::uint(1_u64),
            abi::uint(0_u64),
            abi::uint(0_u64),
            abi::uint(2_u64),
        ]);
        let name = if request.is_limit { "OpenLimitOrder" } else { "MarketPendingTrade" };
        let log = self.diamond.emit(name, &[abi::address(request.user), abi::word(request.hash), data]);
        self.waiting.push(request);
        vec![log]
    }

    fn open(&mut self, request: Request, now: Moment, tally: &mut Tally) -> Vec<Emitted> {
        let entry = self.price(request.pair, now, request.long);
        let qty = i128::from(request.dollars) * pow10(QTY_DECIMALS + PRICE_DECIMALS) / entry;
        let notional = entry * qty;
        let (margin, fee) = (self.token(notional / 50), self.token(notional / 1_250));
        let mut logs = Vec::new();
        let pair = &mut self.pairs[request.pair];
        pair.resize(request.long, qty, (now.block, entry), &self.diamond, &mut logs);
        let open = Open { qty, entry, margin, long_acc: pair.long_acc, block: now.block, request };
        logs.push(self.fee("OpenFee", fee));
        logs.push(self.opened(&open, fee, now));
        if open.request.is_limit {
            let values = [abi::address(open.request.user), abi::word(open.request.hash)];
            logs.push(self.diamond.emit("ExecuteLimitOrderSuccessful", &values));
        }
        let held = Held { before: 0, after: if open.request.long { qty } else { -qty } };
        self.record(&open, notional, open.request.long, (now.ms, held, fee), tally);
        self.opens.push(open);
        logs
    }

    /// Some trader, or a keeper, ends some position; or only its margin or its triggers change.
    fn end_some(&mut self, now: Moment, tally: &mut Tally) -> Option<Vec<Emitted>> {
        let at = self.rng.below(self.opens.len() as u64) as usize;
        let open = self.opens.get(at).filter(|open| !open.request.is_whale)?;
        let (user, hash) = (abi::address(open.request.user), abi::word(open.request.hash));
        Some(match self.rng.below(100) {
            0..8 => {
                let margin = self.opens[at].margin;
                self.opens[at].margin = margin + margin / 10;
                vec![self.diamond.emit("UpdateMargin", &[user, hash, unsigned(margin), unsigned(margin + margin / 10)])]
            }
            8..14 => vec![self.diamond.emit("UpdateTradeSl", &[user, hash, abi::uint(0_u64), unsigned(open.entry / 2)])],
            14..16 => {
                let prices = [unsigned(open.entry), unsigned(open.entry + 1)];
                let [exec, market] = prices;
                vec![self.diamond.emit("ExecuteCloseRejected", &[user, hash, abi::uint(1_u64), exec, market])]
            }
            16..70 => self.end(at, End::Trader, now, tally),
            70..83 => self.end(at, End::Keeper(0), now, tally),
            83..95 => self.end(at, End::Keeper(1), now, tally),
            _ => self.end(at, LIQUIDATION, now, tally),
        })
    }

    fn end(&mut self, at: usize, end: End, now: Moment, tally: &mut Tally) -> Vec<Emitted> {
        let open = self.opens.swap_remove(at);
        let long = open.request.long;
        let price = self.price(open.request.pair, now, !long);
        let mut logs = Vec::new();
        let pair = &mut self.pairs[open.request.pair];
        pair.resize(long, -open.qty, (now.block, price), &self.diamond, &mut logs);
        let (entry_notional, notional) = (open.entry * open.qty, price * open.qty);
        let sign = if long { 1 } else { -1 };
        // A deleted pair has forgotten its sums: its last position goes without funding.
        let accrued = if pair.long_qty + pair.short_qty == 0 { 0 } else { pair.long_acc - open.long_acc };
        let funding = self.token(sign * (entry_notional / pow10(9)) * accrued / pow10(9));
        let holding = self.token(entry_notional * HOLDING_FEE_RATE * i128::from(now.block - open.block) / pow10(12));
        let fee = self.token(notional / 1_250);
        let pnl = if end == LIQUIDATION { -open.margin } else { self.token(sign * (notional - entry_notional)) };
        logs.push(self.fee("CloseFee", fee));
        let token = abi::address(self.deployment.token.0);
        let (user, hash) = (abi::address(open.request.user), abi::word(open.request.hash));
        if end == LIQUIDATION {
            logs.push(self.diamond.emit("CloseTradeAddLiquidity", &[token, unsigned(open.margin / 20)]));
        } else {
            let paid = (open.margin + pnl + funding - fee - holding).max(0);
            logs.push(self.diamond.emit("CloseTradeReceived", &[user.clone(), hash.clone(), token, unsigned(paid)]));
        }
        let info = DynSolValue::Tuple(vec![unsigned(price), signed(funding), unsigned(fee), signed(pnl), unsigned(holding)]);
        logs.push(match end {
            End::Trader => self.diamond.emit("CloseTradeSuccessful", &[user, hash, info]),
            End::Keeper(kind) => self.diamond.emit("ExecuteCloseSuccessful", &[user, hash, abi::uint(kind), info]),
        });
        let held = Held { before: sign * open.qty, after: 0 };
        let exec_usd_e6 = self.record(&open, notional, !long, (now.ms, held, fee), tally);
        let id = self.pairs[open.request.pair].id;
        if end == LIQUIDATION {
            tally.liquidation(id, now.ms, long, exec_usd_e6);
        }
        if funding != 0 {
            tally.funding(id, now.ms, self.e6(funding));
        }
        if holding != 0 {
            tally.borrow(id, now.ms, self.e6(holding));
        }
        logs
    }

    /// Large longs before the fall, their liquidation in it.
    fn cascade(&mut self, now: Moment, block_ms: i64, tally: &mut Tally) -> Option<Vec<Emitted>> {
        let pair = self.pairs.iter().position(|pair| pair.asset == CASCADE_ASSET)?;
        let offset_ms = self.deployment.label as i64 * 7_000;
        match self.scene.cue(now.ms, block_ms, offset_ms) {
            Cue::Gather => Some(self.request(Some(pair))),
            Cue::Fall => {
                let at = self.opens.iter().position(|open| open.request.is_whale)?;
                Some(self.end(at, LIQUIDATION, now, tally))
            }
            Cue::Nothing => None,
        }
    }

    /// Tells the truth of one execution; gives its notional in millionths of a dollar.
    fn record(&self, open: &Open, notional: i128, bought: bool, (ts_ms, held, fee): (i64, Held, i128), tally: &mut Tally) -> i64 {
        let id = self.pairs[open.request.pair].id;
        let usd_e6 = small(half_even(notional * pow10(6), pow10(QTY_DECIMALS + PRICE_DECIMALS)));
        tally.leg(id, ts_ms, held, self.e6(fee));
        tally.trade(id, Trade { ts_ms, volume_usd_e6: usd_e6, exec_usd_e6: usd_e6, bought: Some(bought) });
        usd_e6
    }

    fn opened(&self, open: &Open, fee: i128, now: Moment) -> Emitted {
        let Open { request, qty, entry, margin, long_acc, block } = open;
        let trade = DynSolValue::Tuple(vec![
            abi::address(request.user),
            abi::uint(self.requests),
            unsigned(*entry),
            abi::address(self.pairs[request.pair].base),
            abi::address(self.deployment.token.0),
            unsigned(*margin),
            abi::uint(0_u64),
            abi::uint(0_u64),
            abi::uint(2_u64),
            abi::boolean(request.long),
            unsigned(fee),
            signed(*long_acc),
            unsigned(self.token(pow10(18) / 5)),
            abi::uint((now.ms / 1_000) as u64),
            unsigned(*qty),
            unsigned(HOLDING_FEE_RATE),
            abi::uint(*block),
        ]);
        self.diamond.emit("OpenMarketTrade", &[abi::address(request.user), abi::word(request.hash), trade])
    }

    fn fee(&self, name: &str, fee: i128) -> Emitted {
        let parts = [unsigned(fee), unsigned(fee / 5), abi::uint(2_u64), unsigned(fee / 10), unsigned(fee - fee / 5 - fee / 10)];
        let values = [&[abi::address(self.deployment.token.0)][..], &parts].concat();
        self.diamond.emit(name, &values)
    }

    /// The pool's price, a little worse than the oracle's.
    fn price(&mut self, pair: usize, now: Moment, buys: bool) -> i128 {
        let oracle = self.scene.prices.at(self.pairs[pair].asset, now.ms) / pow10(PRICE_SCALE - PRICE_DECIMALS);
        let worse = oracle * i128::from(self.rng.between(0, 300)) / 1_000_000;
        if buys { oracle + worse } else { oracle - worse }
    }

    /// Dollars times 10^18 in the smallest units of the margin token.
    fn token(&self, usd_e18: i128) -> i128 {
        usd_e18 / pow10(18 - self.deployment.token.1)
    }

    /// Smallest units of the margin token in millionths of a dollar.
    fn e6(&self, native: i128) -> i64 {
        small(half_even(native * pow10(6), pow10(self.deployment.token.1)))
    }
}
