//! Aster's treasury program on Solana: deposits and withdrawals, nothing else.

use super::scene::{Scene, named_key};
use super::svm::{SLOT_SECS, SvmBuilder};
use crate::encode::anchor::{Layout, Value};
use crate::num::pow10;
use crate::rng::Rng;
use crate::truth::{Flow, Tally};

/// Wallets that move money.
const WALLETS: u64 = 300;
/// Decimals of the chain's own coin, and of USDC.
const SOL_DECIMALS: u32 = 9;
const USDC_DECIMALS: u32 = 6;
/// Under this address flows of the chain's own coin are kept: the mint of wrapped SOL.
const SOL: &str = "So11111111111111111111111111111111111111112";
const USDC: &str = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v";
/// Chooses the treasury's chance.
const LABEL: u64 = 421;

/// Lets money flow through the whole chain, making about `events` events.
pub(super) fn play(scene: &Scene<'_>, events: u64, chain: &mut SvmBuilder, tally: &mut Tally) {
    let layout = Layout::parse(include_str!("../../../../abi/aster_vault/treasury.json"));
    let mut rng = scene.rng(LABEL);
    let slots = u64::from(scene.options.hours) * 3_600 / SLOT_SECS as u64 * 95 / 100;
    let rate_ppm = events * 1_000_000 / slots;
    let mut withdrawals = 0;
    for index in chain.open_slots() {
        let secs = chain.time_secs(index);
        rng.at(secs * 1_000);
        for _ in 0..rng.count(rate_ppm) {
            let movement = Movement::draw(scene, &mut rng);
            let payload = movement.event(&layout, secs, &mut withdrawals);
            let failed = rng.percent(4);
            if let Some(into) = movement.into().filter(|_| !failed) {
                let (token, dollar_decimals) = if movement.is_sol { (SOL, None) } else { (USDC, Some(USDC_DECIMALS)) };
                tally.flow(Flow {
                    chain: "solana",
                    venue: "aster_vault",
                    token: token.to_owned(),
                    ts_ms: secs * 1_000,
                    into,
                    native: movement.amount,
                    dollar_decimals,
                });
            }
            chain.push_events(index, &layout, vec![payload], &mut rng, failed);
        }
    }
}

/// What happens to the money.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Deposit,
    Withdraw,
    /// The treasury's own money goes to a counterparty: no trader's flow.
    CounterParty,
}

#[derive(Clone, Copy, Debug)]
struct Movement {
    kind: Kind,
    wallet: [u8; 32],
    treasury: [u8; 32],
    is_sol: bool,
    amount: i128,
}

impl Movement {
    fn draw(scene: &Scene<'_>, rng: &mut Rng) -> Movement {
        let kind = match rng.below(100) {
            0..55 => Kind::Deposit,
            55..97 => Kind::Withdraw,
            _ => Kind::CounterParty,
        };
        let is_sol = rng.percent(40);
        let whole = i128::from(rng.skewed(50, 10));
        let amount = if is_sol { whole * pow10(SOL_DECIMALS - 2) } else { whole * pow10(USDC_DECIMALS) } + i128::from(rng.below(10_000));
        let seed = scene.options.seed;
        let (wallet, treasury) = (named_key(seed, "aster wallet", rng.below(WALLETS)), named_key(seed, "aster treasury", 0));
        Movement { kind, wallet, treasury, is_sol, amount }
    }

    /// Whether money comes in or goes out; `None` where no trader's moves.
    fn into(self) -> Option<bool> {
        match self.kind {
            Kind::Deposit => Some(true),
            Kind::Withdraw => Some(false),
            Kind::CounterParty => None,
        }
    }

    fn event(self, layout: &Layout, secs: i64, withdrawals: &mut u64) -> Vec<u8> {
        let (wallet, treasury) = (Value::Key(self.wallet), Value::Key(self.treasury));
        let (from, to, signer) = match self.kind {
            Kind::Deposit => (wallet.clone(), treasury, wallet),
            // The venue's own key signs what goes out.
            Kind::Withdraw | Kind::CounterParty => (treasury.clone(), wallet, treasury),
        };
        let mut fields = vec![("from", from), ("to", to), ("signer", signer), ("amount", Value::Int(self.amount))];
        if !self.is_sol {
            fields.extend([("token_mint", Value::Key(mint())), ("bank", Value::Key(self.treasury))]);
        }
        if self.kind == Kind::Withdraw {
            *withdrawals += 1;
            fields.push(("idempotent", Value::Int(i128::from(*withdrawals))));
            fields.extend(self.is_sol.then_some(("dead_line", Value::Int(i128::from(secs + 600)))));
        }
        let name = match (self.kind, self.is_sol) {
            (Kind::Deposit, true) => "DepositSolEvent",
            (Kind::Deposit, false) => "DepositTokenEvent",
            (Kind::Withdraw, true) => "WithdrawSolEvent",
            (Kind::Withdraw, false) => "WithdrawTokenEvent",
            (Kind::CounterParty, true) => "WithdrawSolToCounterPartyEvent",
            (Kind::CounterParty, false) => "TransferTokenToCounterPartyEvent",
        };
        layout.event(name, &fields, None)
    }
}

/// The bytes of the dollar token's address.
fn mint() -> [u8; 32] {
    let mut bytes = [0; 32];
    bs58::decode(USDC).onto(&mut bytes).expect("the address is base58 of 32 bytes");
    bytes
}
