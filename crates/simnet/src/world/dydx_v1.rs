//! dYdX Perpetual v1 on Ethereum: one market whose orders are matched off chain and settled between two accounts.

use alloy_dyn_abi::DynSolValue;
use alloy_primitives::{Address, B256, address};

use super::evm::EvmBuilder;
use super::prices::PRICE_SCALE;
use super::scene::{Scene, named_address, named_key};
use crate::encode::abi::{self, Contract, Emitted};
use crate::num::{half_even, pow10, small, wide};
use crate::rng::Rng;
use crate::truth::{Flow, Held, MarketId, Tally, Trade};

/// PBTC-USDC and the contracts that check its orders and liquidations (dydxprotocol/perpetual, migrations/deployed.json).
const PERPETUAL: Address = address!("07abe965500a49370d331ecd613c7ac47dd6e547");
const ORDERS: Address = address!("3ea6f88ec8f7b24bb3ad206fa80124210e8e28f3");
const LIQUIDATION: Address = address!("9b1289dd794f10af38a3117fe933836d685f7339");
/// The margin.
const USDC: Address = address!("a0b86991c6218b36c1d19d4a2e9eb0ce3606eb48");
/// Decimals of positions and of the margin.
const POSITION_DECIMALS: u32 = 8;
const MARGIN_DECIMALS: u32 = 6;
/// Prices are margin units a position unit, times 10^18: so many digits of a dollar.
const PRICE_DECIMALS: u32 = 16;
const ACCOUNTS: u64 = 24;
/// Logs of a transaction on average; turns the wanted number of logs into a rate.
const LOGS_PER_STEP: u64 = 3;

/// Margin and position of an account, signed, in their smallest units.
#[derive(Clone, Copy, Debug, Default)]
struct Balance {
    margin: i128,
    position: i128,
}

struct Venue<'a> {
    scene: &'a Scene<'a>,
    rng: Rng,
    perpetual: Contract,
    orders: Contract,
    liquidation: Contract,
    id: MarketId,
    balances: Vec<Balance>,
    index: i128,
    steps: u64,
}

/// One settlement between two accounts.
#[derive(Clone, Copy, Debug)]
struct Settlement {
    maker: usize,
    taker: usize,
    /// Smallest units, above zero.
    qty: i128,
    /// Margin that changes hands.
    margin: i128,
    taker_buys: bool,
}

/// Lets the venue trade through the whole chain, making about `logs` logs.
pub(super) fn play(scene: &Scene<'_>, logs: u64, chain: &mut EvmBuilder, tally: &mut Tally) {
    let contract = |address| Contract::new(address, include_str!("../../../../abi/dydx_v1/perpetual.json"));
    let key = format!("{PERPETUAL:#x}");
    // Its history began long before the world.
    let id = tally.market_without_levels(scene.market(("ethereum", "dydx_v1"), key, "BTC", POSITION_DECIMALS));
    let mut venue = Venue {
        scene,
        rng: scene.rng(80),
        perpetual: contract(PERPETUAL),
        orders: contract(ORDERS),
        liquidation: contract(LIQUIDATION),
        id,
        balances: vec![Balance::default(); ACCOUNTS as usize],
        index: 0,
        steps: 0,
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
        self.steps += 1;
        let account = self.rng.below(ACCOUNTS) as usize;
        let other = (account + 1 + self.rng.below(ACCOUNTS - 1) as usize) % ACCOUNTS as usize;
        match self.rng.below(100) {
            0..10 => vec![self.moved(account, true, now_ms, tally)],
            10..16 => vec![self.moved(account, false, now_ms, tally)],
            16..24 if self.balances[account].position != 0 => self.liquidated(account, other, now_ms, tally),
            _ => self.traded(account, other, now_ms, tally),
        }
    }

    /// An order is filled: the maker's, who pays the fee.
    fn traded(&mut self, maker: usize, taker: usize, now_ms: i64, tally: &mut Tally) -> Vec<Emitted> {
        let price = self.price(now_ms);
        let qty = i128::from(self.rng.skewed(100_000, 8));
        let taker_buys = self.rng.percent(50);
        let at_price = qty * price / pow10(18);
        let fee = at_price / 2_000;
        let margin = if taker_buys { at_price - fee } else { at_price + fee };
        let settlement = Settlement { maker, taker, qty, margin, taker_buys };
        let usd_e6 = small(half_even(qty * price, pow10(POSITION_DECIMALS + PRICE_DECIMALS - 6)));
        tally.trade(self.id, Trade { ts_ms: now_ms, volume_usd_e6: usd_e6, exec_usd_e6: usd_e6, bought: Some(taker_buys) });
        let mut logs = vec![self.funding_index(now_ms)];
        if self.rng.percent(40) {
            logs.push(self.settled(taker, now_ms, tally));
        }
        let word = |n: u64| abi::word(B256::from(named_key(self.scene.options.seed, "dydx order", n)));
        let fill = [wide(qty), wide(price), wide(pow10(18) / 2_000)].map(abi::uint).to_vec();
        let fill = DynSolValue::Tuple([fill, vec![abi::boolean(false)]].concat());
        logs.push(self.orders.emit("LogOrderFilled", &[word(self.steps), abi::word(B256::ZERO), abi::uint(0_u64), fill]));
        logs.push(self.settle(settlement, ORDERS, (now_ms, fee), tally));
        logs
    }

    /// Somebody takes a whole position over, at what its margin bears: no volume.
    fn liquidated(&mut self, maker: usize, taker: usize, now_ms: i64, tally: &mut Tally) -> Vec<Emitted> {
        let price = self.price(now_ms);
        let position = self.balances[maker].position;
        let qty = position.abs();
        let margin = qty * price / pow10(18) * i128::from(self.rng.between(90, 110)) / 100;
        let settlement = Settlement { maker, taker, qty, margin, taker_buys: position > 0 };
        tally.liquidation(self.id, now_ms, position > 0, small(margin));
        let [maker, taker] = [maker, taker].map(|account| abi::address(self.account(account)));
        let values = [maker, taker, abi::uint(wide(qty)), abi::boolean(position > 0), abi::uint(wide(price))];
        let said = self.liquidation.emit("LogLiquidated", &values);
        vec![self.funding_index(now_ms), said, self.settle(settlement, LIQUIDATION, (now_ms, 0), tally)]
    }

    /// The two accounts' balances move, and the log that states both.
    fn settle(&mut self, settlement: Settlement, trader: Address, (now_ms, fee): (i64, i128), tally: &mut Tally) -> Emitted {
        let Settlement { maker, taker, qty, margin, taker_buys } = settlement;
        let sign = if taker_buys { 1 } else { -1 };
        for (account, sign, fee) in [(maker, -sign, fee), (taker, sign, 0)] {
            let balance = &mut self.balances[account];
            let before = balance.position;
            balance.position += sign * qty;
            balance.margin -= sign * margin;
            tally.leg(self.id, now_ms, Held { before, after: balance.position }, small(fee));
        }
        let [maker_after, taker_after] = [maker, taker].map(|account| word(self.balances[account]));
        let [maker, taker] = [maker, taker].map(|account| abi::address(self.account(account)));
        let amounts = [abi::address(trader), abi::uint(wide(margin)), abi::uint(wide(qty)), abi::boolean(taker_buys)];
        let values = [vec![maker, taker], amounts.to_vec(), vec![maker_after, taker_after]].concat();
        self.perpetual.emit("LogTrade", &values)
    }

    /// Funding of an account since its last settlement.
    fn settled(&mut self, account: usize, now_ms: i64, tally: &mut Tally) -> Emitted {
        let amount = i128::from(self.rng.between(1, 5_000_000));
        let is_received = self.rng.percent(50);
        let signed = if is_received { amount } else { -amount };
        self.balances[account].margin += signed;
        tally.funding(self.id, now_ms, small(signed));
        let name = abi::address(self.account(account));
        let values = [name, abi::boolean(is_received), abi::uint(wide(amount)), word(self.balances[account])];
        self.perpetual.emit("LogAccountSettled", &values)
    }

    fn moved(&mut self, account: usize, into: bool, ts_ms: i64, tally: &mut Tally) -> Emitted {
        let native = i128::from(self.rng.skewed(100, 8)) * pow10(MARGIN_DECIMALS);
        self.balances[account].margin += if into { native } else { -native };
        let (token, dollar_decimals) = (format!("{USDC:#x}"), Some(MARGIN_DECIMALS));
        tally.flow(Flow { chain: "ethereum", venue: "dydx_v1", token, ts_ms, into, native, dollar_decimals });
        let name = abi::address(self.account(account));
        let (amount, after) = (abi::uint(wide(native)), word(self.balances[account]));
        match into {
            true => self.perpetual.emit("LogDeposit", &[name, amount, after]),
            false => self.perpetual.emit("LogWithdraw", &[name.clone(), name, amount, after]),
        }
    }

    /// Eleven bytes of nothing, four of unix time, one of sign, sixteen of size.
    fn funding_index(&mut self, now_ms: i64) -> Emitted {
        self.index += i128::from(self.rng.between(-1_000_000_000, 1_200_000_000)) * pow10(6);
        let mut bytes = [0; 32];
        bytes[11..15].copy_from_slice(&((now_ms / 1_000) as u32).to_be_bytes());
        bytes[15] = u8::from(self.index > 0);
        bytes[16..].copy_from_slice(&self.index.unsigned_abs().to_be_bytes());
        self.perpetual.emit("LogIndex", &[abi::word(bytes.into())])
    }

    fn account(&self, account: usize) -> Address {
        named_address(self.scene.options.seed, "dydx trader", account as u64)
    }

    /// Margin units a position unit, times 10^18, with cents as the last digit.
    fn price(&mut self, now_ms: i64) -> i128 {
        let cents = self.scene.prices.at("BTC", now_ms) / pow10(PRICE_SCALE - 2) + i128::from(self.rng.between(-500, 500));
        cents * pow10(PRICE_DECIMALS - 2)
    }
}

/// Two halves of a byte of sign (1 = above zero) and 15 bytes of size: margin, position.
fn word(balance: Balance) -> DynSolValue {
    let mut bytes = [0; 32];
    for (half, number) in bytes.chunks_exact_mut(16).zip([balance.margin, balance.position]) {
        half.copy_from_slice(&number.unsigned_abs().to_be_bytes());
        half[0] = u8::from(number > 0);
    }
    abi::word(bytes.into())
}
