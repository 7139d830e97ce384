//! Transfers of the tokens themselves: those of deposits and withdrawals, plain ones, and what only looks like one.

use alloy_primitives::{Address, address};

use super::{Deployment, Kind, Movement, NATIVE};
use crate::encode::abi::{self, Contract, Emitted};
use crate::num::{pow10, wide};
use crate::rng::Rng;
use crate::truth::{Flow, Tally};
use crate::world::scene::{Scene, named_address};

/// Where fees of withdrawals go.
const COLLECTOR: Address = address!("fee0000000000000000000000000000000000001");
/// Keeps this stream of chance apart from the vault's own.
const LABEL: u64 = 60;

/// The tokens of one vault.
pub(super) struct Tokens {
    deployment: &'static Deployment,
    contracts: Vec<(Address, u32, Contract)>,
    rng: Rng,
    seed: u64,
}

impl Tokens {
    pub(super) fn new(scene: &Scene<'_>, deployment: &'static Deployment) -> Tokens {
        let abi = include_str!("../../../../../abi/aster_vault/token.json");
        let contract = |(token, decimals): &(Address, u32)| (*token, *decimals, Contract::new(*token, abi));
        let contracts = deployment.tokens.iter().map(contract).collect();
        Tokens { deployment, contracts, rng: scene.rng(LABEL + deployment.label), seed: scene.options.seed }
    }

    /// What a deposit or withdrawal moves, in the order of a real receipt: tokens first, then the vault's event.
    pub(super) fn moved(&self, movement: &Movement) -> Vec<Emitted> {
        let Movement { account, token, amount, .. } = *movement;
        let vault = self.deployment.vault;
        if token == NATIVE {
            return Vec::new();
        }
        match movement.kind {
            Kind::Deposit | Kind::DepositOld => vec![self.transfer(token, (account, vault), amount)],
            Kind::Withdraw => vec![self.transfer(token, (vault, account), amount)],
            Kind::WithdrawFee => {
                let fee = movement.fee();
                vec![self.transfer(token, (vault, account), amount - fee), self.transfer(token, (vault, COLLECTOR), fee)]
            }
            Kind::DepositFailed => Vec::new(),
        }
    }

    /// Now and then the transaction of a deposit holds a plain transfer of the very amount by somebody else.
    pub(super) fn beside(&mut self, movement: &Movement, now_ms: i64, logs: &mut Vec<Emitted>, tally: &mut Tally) {
        if movement.token != NATIVE && Movement::into(*movement) == Some(true) && self.rng.percent(10) {
            let from = self.account();
            logs.insert(0, self.transfer(movement.token, (from, self.deployment.vault), movement.amount));
            tally.flow(self.flow(movement.token, movement.amount, true, now_ms));
        }
    }

    /// Transactions without an event of the vault, with the flow that each of them is, if any.
    pub(super) fn alone(&mut self, now_ms: i64, rate_ppm: u64) -> Vec<(Vec<Emitted>, Option<Flow>)> {
        self.rng.at(now_ms);
        (0..self.rng.count(rate_ppm / 2)).map(|_| self.one(now_ms)).collect()
    }

    fn one(&mut self, now_ms: i64) -> (Vec<Emitted>, Option<Flow>) {
        let vault = self.deployment.vault;
        let (token, decimals) = *self.rng.pick(self.deployment.tokens);
        let amount = i128::from(self.rng.skewed(20, 12)) * pow10(decimals) + i128::from(self.rng.below(1_000_000));
        let (account, other) = (self.account(), self.account());
        let (parties, amount, into) = match self.rng.below(10) {
            0..5 => ((account, vault), amount, Some(true)),
            5..7 => ((vault, account), amount, Some(false)),
            // Anyone may move nothing in another's name.
            7 => ((vault, account), 0, None),
            8 => ((vault, vault), amount, None),
            _ => ((account, other), amount, None),
        };
        (vec![self.transfer(token, parties, amount)], into.map(|into| self.flow(token, amount, into, now_ms)))
    }

    fn account(&mut self) -> Address {
        named_address(self.seed, "token holder", self.rng.below(100))
    }

    fn flow(&self, token: Address, native: i128, into: bool, ts_ms: i64) -> Flow {
        let dollar_decimals = self.contracts.iter().find(|(known, ..)| *known == token).map(|(_, decimals, _)| *decimals);
        Flow { chain: self.deployment.chain, venue: "aster_vault", token: format!("{token:#x}"), ts_ms, into, native, dollar_decimals }
    }

    fn transfer(&self, token: Address, (from, to): (Address, Address), amount: i128) -> Emitted {
        let (.., contract) = self.contracts.iter().find(|(known, ..)| *known == token).expect("vaults move listed tokens");
        contract.emit("Transfer", &[abi::address(from), abi::address(to), abi::uint(wide(amount))])
    }
}
