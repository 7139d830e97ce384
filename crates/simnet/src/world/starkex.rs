//! dYdX v3 and edgeX v1 on Ethereum: money into and out of StarkEx contracts, whose assets are named by hashes.

use alloy_primitives::{Address, U256, address, keccak256};

use super::evm::EvmBuilder;
use super::scene::{Scene, named_address, named_key};
use crate::encode::abi::{self, Contract, Emitted};
use crate::num::wide;
use crate::rng::Rng;
use crate::truth::{Flow, Tally};

/// One venue.
#[derive(Debug)]
pub(super) struct Deployment {
    venue: &'static str,
    perpetual: Address,
    /// The dollar token of six decimals that margin is kept in.
    collateral: Address,
    /// Smallest units of the collateral in one of StarkEx.
    quantum: i128,
    label: u64,
}

pub(super) const DYDX_V3: Deployment = Deployment {
    venue: "dydx_v3",
    perpetual: address!("d54f502e184b6b739d7d27a6410a67dc462d69c8"),
    collateral: address!("a0b86991c6218b36c1d19d4a2e9eb0ce3606eb48"),
    quantum: 1,
    label: 195,
};

pub(super) const EDGEX: Deployment = Deployment {
    venue: "edgex",
    perpetual: address!("faae2946e846133af314d1df13684c89fa7d83dd"),
    collateral: address!("dac17f958d2ee523a2206206994597c13d831ec7"),
    quantum: 100,
    label: 196,
};

const DOLLAR_DECIMALS: u32 = 6;
/// Wei of ether in one unit of StarkEx: an asset that is no venue's collateral.
const ETHER_QUANTUM: i128 = 10_000_000_000;
const ACCOUNTS: u64 = 60;
/// Logs of a transaction on average; turns the wanted number of logs into a rate.
const LOGS_PER_STEP_PERCENT: u64 = 125;

struct Venue<'a> {
    scene: &'a Scene<'a>,
    deployment: &'static Deployment,
    rng: Rng,
    perpetual: Contract,
    steps: u64,
}

/// Lets money move through the whole chain, making about `logs` logs.
pub(super) fn play(scene: &Scene<'_>, deployment: &'static Deployment, logs: u64, chain: &mut EvmBuilder, tally: &mut Tally) {
    let perpetual = Contract::new(deployment.perpetual, include_str!("../../../../abi/starkex/stark_perpetual.json"));
    let mut venue = Venue { scene, deployment, rng: scene.rng(deployment.label), perpetual, steps: 0 };
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
        match self.rng.below(100) {
            0..40 => vec![self.moved(true, now_ms, tally)],
            40..70 => vec![self.moved(false, now_ms, tally)],
            70..76 => vec![self.withdrawal_request()],
            76..80 => vec![self.trade_request()],
            _ => self.heartbeat(),
        }
    }

    fn moved(&mut self, into: bool, ts_ms: i64, tally: &mut Tally) -> Emitted {
        let Deployment { venue, collateral, quantum, .. } = *self.deployment;
        let is_other = self.rng.percent(15);
        let (kind, quantum) = if is_other {
            (asset_type("ETH()", None, ETHER_QUANTUM), ETHER_QUANTUM)
        } else {
            (asset_type("ERC20Token(address)", Some(collateral), quantum), quantum)
        };
        let quantized = i128::from(self.rng.skewed(1_000_000, 12));
        let native = quantized * quantum;
        let (token, dollar_decimals) =
            if is_other { (format!("starkex:{kind:#x}"), None) } else { (format!("{collateral:#x}"), Some(DOLLAR_DECIMALS)) };
        tally.flow(Flow { chain: "ethereum", venue, token, ts_ms, into, native, dollar_decimals });
        let account = self.rng.below(ACCOUNTS);
        let user = abi::address(named_address(self.scene.options.seed, "starkex user", account));
        let [key, kind, native, quantized] = [self.key(account), kind, wide(native), wide(quantized)].map(abi::uint);
        match into {
            true => self.perpetual.emit("LogDeposit", &[user, key, abi::uint(account), kind, native, quantized]),
            false => self.perpetual.emit("LogWithdrawalPerformed", &[key, kind, native, quantized, user]),
        }
    }

    fn withdrawal_request(&mut self) -> Emitted {
        let account = self.rng.below(ACCOUNTS);
        let values = [abi::uint(self.key(account)), abi::uint(account), abi::uint(self.rng.below(1_000_000_000))];
        self.perpetual.emit("LogForcedWithdrawalRequest", &values)
    }

    fn trade_request(&mut self) -> Emitted {
        let (one, other) = (self.rng.below(ACCOUNTS), self.rng.below(ACCOUNTS));
        let parties = [self.key(one), self.key(other), U256::from(one), U256::from(other)].map(abi::uint);
        let traded = [1, 2, 3_000_000, 4_000_000].map(|number: u64| abi::uint(number));
        let end = vec![abi::boolean(true), abi::uint(self.steps)];
        self.perpetual.emit("LogForcedTradeRequest", &[parties.to_vec(), traded.to_vec(), end].concat())
    }

    /// The state moves on, which says nothing of what is in it.
    fn heartbeat(&mut self) -> Vec<Emitted> {
        let fact = abi::word(named_key(self.scene.options.seed, self.deployment.venue, self.steps).into());
        let update = [abi::uint(self.steps), abi::uint(self.steps * 10)];
        vec![self.perpetual.emit("LogStateTransitionFact", &[fact]), self.perpetual.emit("LogUpdateState", &update)]
    }

    fn key(&self, account: u64) -> U256 {
        U256::from_be_bytes(named_key(self.scene.options.seed, "stark key", account)) >> 6
    }
}

/// 250 bits of the hash of what an asset is and of the quantum that its amounts are divided by (StarkEx, asset types).
fn asset_type(kind: &str, token: Option<Address>, quantum: i128) -> U256 {
    let mut bytes = keccak256(kind)[..4].to_vec();
    bytes.extend(token.map(|token| token.into_word().0.to_vec()).unwrap_or_default());
    bytes.extend(wide(quantum).to_be_bytes::<32>());
    U256::from_be_bytes(keccak256(bytes).0) & (U256::MAX >> 6)
}
