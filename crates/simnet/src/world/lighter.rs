//! Lighter on Ethereum: money into and out of a rollup by two generations of events, among requests and heartbeats.

use alloy_dyn_abi::DynSolValue;
use alloy_primitives::{Address, address};

use super::evm::EvmBuilder;
use super::scene::{Scene, named_address, named_key};
use crate::encode::abi::{self, Contract, Emitted};
use crate::num::wide;
use crate::rng::Rng;
use crate::truth::{Flow, Tally};

/// The contract that emits everything.
const ROLLUP: Address = address!("3b4d794a66304f130a4db8f2551b0070dfcf5ca7");
const ACCOUNTS: u64 = 60;
/// Logs of a transaction on average; turns the wanted number of logs into a rate.
const LOGS_PER_STEP_PERCENT: u64 = 170;

/// An asset of the rollup.
struct Asset {
    index: u64,
    /// As decoders name it, the number where the ticks are not known to them.
    token: &'static str,
    /// Smallest units that the truth counts in one tick.
    tick: i128,
    /// Ticks of one whole token, roughly.
    whole: i128,
    /// Decimals of a dollar token.
    dollar_decimals: Option<u32>,
}

const USDC: Asset =
    Asset { index: 3, token: "0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48", tick: 1, whole: 1_000_000, dollar_decimals: Some(6) };
const ASSETS: [Asset; 3] = [
    USDC,
    Asset {
        index: 1,
        token: "0xfdae1ba7c826abdc4c99903c8056f82a1a04a615",
        tick: 10_000_000_000,
        whole: 100_000_000,
        dollar_decimals: None,
    },
    Asset { index: 7, token: "lighter:7", tick: 1, whole: 10_000_000, dollar_decimals: None },
];
/// The token behind the last of them; its registration says what a tick is.
const LATER_TOKEN: Address = address!("514910771af9ca656af840dff83e8264ecf986ca");

struct Venue<'a> {
    scene: &'a Scene<'a>,
    rng: Rng,
    rollup: Contract,
    steps: u64,
}

/// Lets money move through the whole chain, making about `logs` logs.
pub(super) fn play(scene: &Scene<'_>, logs: u64, chain: &mut EvmBuilder, tally: &mut Tally) {
    let rollup = Contract::new(ROLLUP, include_str!("../../../../abi/lighter/zk_lighter.json"));
    let mut venue = Venue { scene, rng: scene.rng(194), rollup, steps: 0 };
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
    /// One transaction.
    fn step(&mut self, now_ms: i64, tally: &mut Tally) -> Vec<Emitted> {
        self.steps += 1;
        if self.steps == 1 {
            return vec![self.registered()];
        }
        match self.rng.below(100) {
            0..45 => self.deposit(now_ms, tally),
            45..70 => vec![self.withdrawal(now_ms, tally)],
            70..78 => self.request(),
            _ => self.heartbeat(),
        }
    }

    /// A deposit is a request to the rollup, too.
    fn deposit(&mut self, now_ms: i64, tally: &mut Tally) -> Vec<Emitted> {
        let (account, user) = self.account();
        let (asset, ticks, is_old) = self.amount();
        flow(asset, true, ticks, now_ms, tally);
        let request = self.priority(41);
        let (amount, start) = (abi::uint(wide(ticks)), vec![abi::uint(account), abi::address(user)]);
        let middle = if is_old { Vec::new() } else { vec![abi::uint(asset.index), abi::uint(self.rng.below(2))] };
        vec![request, self.rollup.emit("Deposit", &[start, middle, vec![amount]].concat())]
    }

    /// Emitted when the tokens have been sent.
    fn withdrawal(&mut self, now_ms: i64, tally: &mut Tally) -> Emitted {
        let (_, user) = self.account();
        let (asset, ticks, is_old) = self.amount();
        flow(asset, false, ticks, now_ms, tally);
        let middle = if is_old { Vec::new() } else { vec![abi::uint(asset.index)] };
        self.rollup.emit("WithdrawPending", &[vec![abi::address(user)], middle, vec![abi::uint(wide(ticks))]].concat())
    }

    /// What somebody only asks for: a withdrawal, an order that reduces a position.
    fn request(&mut self) -> Vec<Emitted> {
        let (account, _) = self.account();
        let asked = abi::uint(self.rng.below(1_000_000_000));
        match self.rng.percent(50) {
            true => vec![self.priority(46), self.rollup.emit("Withdraw", &[abi::uint(account), asked])],
            false => vec![self.priority(47)],
        }
    }

    /// The rollup's state moves on.
    fn heartbeat(&mut self) -> Vec<Emitted> {
        let batch = abi::uint(self.steps);
        let range = [batch.clone(), abi::uint(500_u64), abi::uint(self.steps * 500)];
        match self.rng.below(3) {
            0 => vec![self.rollup.emit("BatchCommit", &range)],
            1 => vec![self.rollup.emit("BatchVerification", &range)],
            _ => {
                let roots = [self.steps - 1, self.steps].map(|n| abi::word(named_key(self.scene.options.seed, "lighter state", n).into()));
                let [old, new] = roots;
                let executed = [batch.clone(), abi::uint(self.steps * 500)];
                vec![self.rollup.emit("BatchesExecuted", &executed), self.rollup.emit("StateRootUpdate", &[batch, old, new])]
            }
        }
    }

    fn registered(&self) -> Emitted {
        let numbers = [1, 1, 1_000_000].map(|number: u64| abi::uint(number));
        let [enabled, multiplier, tick] = numbers;
        let caps = [abi::uint(u64::MAX), abi::uint(1_u64)];
        let values = [vec![abi::uint(ASSETS[2].index), abi::address(LATER_TOKEN), enabled, multiplier, tick], caps.to_vec()].concat();
        self.rollup.emit("RegisterAssetConfig", &values)
    }

    fn priority(&self, kind: u64) -> Emitted {
        let sender = abi::address(named_address(self.scene.options.seed, "lighter sender", kind));
        let data = DynSolValue::Bytes(vec![kind as u8; 20]);
        self.rollup.emit("NewPriorityRequest", &[sender, abi::uint(self.steps), abi::uint(kind), data, abi::uint(4_000_000_000_u64)])
    }

    /// Number and owner of an account; the venue's own accounts have no owner.
    fn account(&mut self) -> (u64, Address) {
        let account = self.rng.below(ACCOUNTS);
        let owner = if account == 0 { Address::ZERO } else { named_address(self.scene.options.seed, "lighter owner", account) };
        (account, owner)
    }

    /// An asset, ticks of it, and whether the older events tell it, which know one asset.
    fn amount(&mut self) -> (&'static Asset, i128, bool) {
        let is_old = self.rng.percent(40);
        let asset: &'static Asset = if is_old { &USDC } else { &ASSETS[self.rng.below(ASSETS.len() as u64) as usize] };
        (asset, i128::from(self.rng.skewed(10, 9)) * asset.whole + i128::from(self.rng.below(1_000_000)), is_old)
    }
}

fn flow(asset: &Asset, into: bool, ticks: i128, ts_ms: i64, tally: &mut Tally) {
    let (token, native) = (asset.token.to_owned(), ticks * asset.tick);
    tally.flow(Flow { chain: "ethereum", venue: "lighter", token, ts_ms, into, native, dollar_decimals: asset.dollar_decimals });
}
