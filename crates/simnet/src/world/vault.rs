//! Aster's treasury vaults on three chains: deposits and withdrawals, and in a wide world the tokens that move with them and
//! without them.

mod tokens;

use alloy_primitives::{Address, address};

use self::tokens::Tokens;
use super::evm::EvmBuilder;
use super::scene::{Scene, named_address};
use crate::encode::abi::{self, Contract, Emitted};
use crate::num::{pow10, wide};
use crate::rng::Rng;
use crate::truth::{Flow, Tally};

/// Accounts that move money.
const ACCOUNTS: u64 = 400;
/// The placeholder that stands for the chain's own coin.
const NATIVE: Address = address!("fdae1ba7c826abdc4c99903c8056f82a1a04a615");

/// A vault on one chain.
#[derive(Debug)]
pub(super) struct Deployment {
    chain: &'static str,
    vault: Address,
    /// Dollar tokens with their decimals.
    tokens: &'static [(Address, u32)],
    label: u64,
}

/// BNB Chain: USDT, USDC.
pub(super) const BNB: Deployment = Deployment {
    chain: "bnb",
    vault: address!("128463a60784c4d3f46c23af3f65ed859ba87974"),
    tokens: &[(address!("55d398326f99059ff775485246999027b3197955"), 18), (address!("8ac76a51cc950d9822d68b83fe1ad97b32cd580d"), 18)],
    label: 4,
};

/// Ethereum: USDT, USDC.
pub(super) const ETHEREUM: Deployment = Deployment {
    chain: "ethereum",
    vault: address!("604dd02d620633ae427888d41bfd15e38483736e"),
    tokens: &[(address!("dac17f958d2ee523a2206206994597c13d831ec7"), 6), (address!("a0b86991c6218b36c1d19d4a2e9eb0ce3606eb48"), 6)],
    label: 5,
};

/// Arbitrum One: USDC.
pub(super) const ARBITRUM: Deployment = Deployment {
    chain: "arbitrum",
    vault: address!("9e36cb86a159d479ced94fa05036f235ac40e1d5"),
    tokens: &[(address!("af88d065e77c8cc2239327c5edb3a432268e5831"), 6)],
    label: 6,
};

/// Lets money flow through the whole chain, making about `logs` logs.
pub(super) fn play(scene: &Scene<'_>, deployment: &'static Deployment, logs: u64, chain: &mut EvmBuilder, tally: &mut Tally) {
    let vault = Contract::new(deployment.vault, include_str!("../../../../abi/aster_vault/vault.json"));
    let mut rng = scene.rng(deployment.label);
    let rate_ppm = logs * 1_000_000 / (chain.blocks_per_hour() * u64::from(scene.options.hours));
    let mut withdrawals = 0;
    let mut tokens = scene.options.is_wide.then(|| Tokens::new(scene, deployment));
    for index in chain.open_blocks() {
        let now_ms = chain.time_ms(index);
        rng.at(now_ms);
        for _ in 0..rng.count(rate_ppm) {
            let movement = Movement::draw(scene, deployment, &mut rng);
            let mut logs = tokens.as_ref().map_or_else(Vec::new, |tokens| tokens.moved(&movement));
            logs.push(movement.log(&vault, &mut withdrawals));
            if let Some(into) = movement.into() {
                let Movement { token, amount, decimals, .. } = movement;
                let (token, native) = (format!("{token:#x}"), amount);
                let flow =
                    Flow { chain: deployment.chain, venue: "aster_vault", token, ts_ms: now_ms, into, native, dollar_decimals: decimals };
                tally.flow(flow);
            }
            if let Some(tokens) = &mut tokens {
                tokens.beside(&movement, now_ms, &mut logs, tally);
            }
            chain.push(index, logs);
        }
        if let Some(tokens) = &mut tokens {
            tokens.alone(now_ms, rate_ppm).into_iter().for_each(|(logs, flow)| {
                flow.into_iter().for_each(|flow| tally.flow(flow));
                chain.push(index, logs);
            });
        }
    }
}

/// What happens to the money.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Deposit,
    /// The older overload, without `isNative`.
    DepositOld,
    Withdraw,
    /// The newer overload, with a fee in place of `isNative`.
    WithdrawFee,
    /// Nothing moves.
    DepositFailed,
}

#[derive(Clone, Copy, Debug)]
struct Movement {
    kind: Kind,
    account: Address,
    token: Address,
    amount: i128,
    /// Decimals of a dollar token.
    decimals: Option<u32>,
}

impl Movement {
    fn draw(scene: &Scene<'_>, deployment: &Deployment, rng: &mut Rng) -> Movement {
        let kind = match rng.below(100) {
            0..45 => Kind::Deposit,
            45..55 => Kind::DepositOld,
            55..75 => Kind::Withdraw,
            75..97 => Kind::WithdrawFee,
            _ => Kind::DepositFailed,
        };
        let dollars = i128::from(rng.skewed(50, 10));
        let (token, amount, decimals) = if rng.percent(15) {
            (NATIVE, dollars * pow10(15) + i128::from(rng.below(1_000_000_000)), None)
        } else {
            let (token, decimals) = *rng.pick(deployment.tokens);
            (token, dollars * pow10(decimals) + i128::from(rng.next()) % pow10(decimals), Some(decimals))
        };
        let account = named_address(scene.options.seed, "aster depositor", rng.below(ACCOUNTS));
        Movement { kind, account, token, amount, decimals }
    }

    /// Whether money comes in or goes out; `None` where nothing moves.
    fn into(self) -> Option<bool> {
        match self.kind {
            Kind::Deposit | Kind::DepositOld => Some(true),
            Kind::Withdraw | Kind::WithdrawFee => Some(false),
            Kind::DepositFailed => None,
        }
    }

    /// What a withdrawal costs, where it says so.
    fn fee(self) -> i128 {
        if self.kind == Kind::WithdrawFee { self.amount / 1_000 } else { 0 }
    }

    fn log(self, vault: &Contract, withdrawals: &mut u64) -> Emitted {
        let (account, token, amount) = (abi::address(self.account), abi::address(self.token), abi::uint(wide(self.amount)));
        let native = abi::boolean(self.token == NATIVE);
        let broker = abi::uint(1_u64);
        match self.kind {
            Kind::Deposit => vault.emit("Deposit", &[account, token, native, amount, broker]),
            Kind::DepositOld => vault.emit("Deposit", &[account, token, amount, broker]),
            Kind::DepositFailed => vault.emit("DepositFailed", &[account, token, native, amount]),
            Kind::Withdraw | Kind::WithdrawFee => {
                *withdrawals += 1;
                let id = abi::uint(*withdrawals);
                if self.kind == Kind::Withdraw {
                    vault.emit("Withdraw", &[id, account, token, native, amount])
                } else {
                    vault.emit("Withdraw", &[id, account, token, amount, abi::uint(wide(self.fee()))])
                }
            }
        }
    }
}
