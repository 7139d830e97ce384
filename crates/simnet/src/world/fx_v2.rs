//! f(x) Protocol v2 on Ethereum: collateral that goes into and out of leveraged positions, and what acts on ranges of prices.

use alloy_primitives::{Address, address};

use super::evm::EvmBuilder;
use super::scene::Scene;
use crate::encode::abi::{self, Contract, Emitted};
use crate::num::{pow10, wide, wide_signed};
use crate::rng::Rng;
use crate::truth::{Flow, Tally};

/// The contracts through which users act: on long pools, on short pools.
const LONG_MANAGER: Address = address!("250893ca4ba5d05626c785e8da758026928fcd24");
const SHORT_MANAGER: Address = address!("acdc0ab51178d0ae8f70c1ead7d3cf5421fdd66d");

/// A pool with its collateral as decoders name it: a token of a long pool, the pool itself where no event names the token.
struct Pool {
    address: Address,
    token: &'static str,
    decimals: u32,
    is_long: bool,
}

const POOLS: [Pool; 4] = [
    Pool {
        address: address!("6ecfa38fee8a5277b91efda204c235814f0122e8"),
        token: "0x7f39c581f595b53c5cb19bd0b3f8da6c935e2ca0",
        decimals: 18,
        is_long: true,
    },
    Pool {
        address: address!("ab709e26fa6b0a30c119d8c55b887ded24952473"),
        token: "0x2260fac5e5542a773aa44fbcfedf7c193bc2c599",
        decimals: 8,
        is_long: true,
    },
    Pool {
        address: address!("25707b9e6690b52c60ae6744d711cf9c1dfc1876"),
        token: "fx_v2:0x25707b9e6690b52c60ae6744d711cf9c1dfc1876",
        decimals: 18,
        is_long: false,
    },
    Pool {
        address: address!("a0cc8162c523998856d59065faa254f87d20a5b0"),
        token: "fx_v2:0xa0cc8162c523998856d59065faa254f87d20a5b0",
        decimals: 18,
        is_long: false,
    },
];
/// Logs of a transaction on average; turns the wanted number of logs into a rate.
const LOGS_PER_STEP: u64 = 3;

/// A position that is open.
#[derive(Clone, Copy, Debug)]
struct Position {
    pool: usize,
    number: u64,
    /// Smallest units.
    collateral: i128,
}

struct Venue {
    rng: Rng,
    long_manager: Contract,
    short_manager: Contract,
    pools: Vec<Contract>,
    positions: Vec<Position>,
    /// Positions that each pool has numbered; a number is never used again.
    numbered: [u64; POOLS.len()],
    index: u64,
}

/// Lets the venue be used through the whole chain, making about `logs` logs.
pub(super) fn play(scene: &Scene<'_>, logs: u64, chain: &mut EvmBuilder, tally: &mut Tally) {
    let contract = |address| Contract::new(address, include_str!("../../../../abi/fx_v2/contracts.json"));
    let (long_manager, short_manager) = (contract(LONG_MANAGER), contract(SHORT_MANAGER));
    let pools = POOLS.iter().map(|pool| contract(pool.address)).collect();
    let numbered = [0; POOLS.len()];
    let mut venue = Venue { rng: scene.rng(193), long_manager, short_manager, pools, positions: Vec::new(), numbered, index: 0 };
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

impl Venue {
    /// One transaction.
    fn step(&mut self, now_ms: i64, tally: &mut Tally) -> Vec<Emitted> {
        let pool = self.rng.below(POOLS.len() as u64) as usize;
        let amount = i128::from(self.rng.skewed(1_000, 8)) * pow10(POOLS[pool].decimals - 4) + i128::from(self.rng.below(10_000));
        let debt = i128::from(self.rng.between(-50_000, 50_000)) * pow10(16);
        let chosen = (!self.positions.is_empty()).then(|| self.rng.below(self.positions.len() as u64) as usize);
        match (self.rng.below(100), chosen) {
            (0..40, _) | (_, None) => {
                self.numbered[pool] += 1;
                self.positions.push(Position { pool, number: self.numbered[pool], collateral: 0 });
                self.operate(self.positions.len() - 1, amount, debt.abs(), now_ms, tally)
            }
            (40..50, Some(at)) => self.operate(at, amount, debt, now_ms, tally),
            // Its debt alone changes: nothing moves.
            (50..60, Some(at)) => self.operate(at, 0, debt, now_ms, tally),
            (60..72, Some(at)) => self.operate(at, -(self.positions[at].collateral / 3), debt, now_ms, tally),
            (72..86, Some(at)) => {
                let logs = self.operate(at, -self.positions[at].collateral, -debt.abs(), now_ms, tally);
                self.positions.swap_remove(at);
                logs
            }
            (_, Some(_)) => self.range(pool, amount),
        }
    }

    /// A user changes a position.
    fn operate(&mut self, at: usize, collateral: i128, debt: i128, now_ms: i64, tally: &mut Tally) -> Vec<Emitted> {
        let position = &mut self.positions[at];
        position.collateral += collateral;
        let Position { pool, number, collateral: held } = *position;
        if collateral != 0 {
            let (token, native) = (POOLS[pool].token.to_owned(), collateral.abs());
            let into = collateral > 0;
            tally.flow(Flow { chain: "ethereum", venue: "fx_v2", token, ts_ms: now_ms, into, native, dollar_decimals: None });
        }
        self.index += self.rng.below(1_000_000);
        let shares = [held, debt.abs()].map(|number| abi::uint(wide(number)));
        let tick = abi::int(wide_signed(i128::from(self.rng.between(-3_000, 6_000))));
        let price = abi::uint(wide(pow10(21)));
        let of_pool = &self.pools[pool];
        let snapshot = [vec![abi::uint(number), tick], shares.to_vec(), vec![price]].concat();
        let mut logs = vec![of_pool.emit("DebtIndexSnapshot", &[abi::uint(self.index)]), of_pool.emit("PositionSnapshot", &snapshot)];
        let deltas = [collateral, debt].map(|number| abi::int(wide_signed(number)));
        let start = vec![abi::address(POOLS[pool].address), abi::uint(number)];
        let values = [start, deltas.to_vec(), vec![abi::uint(wide(collateral.abs() / 1_000))]].concat();
        logs.push(self.manager(pool).emit("Operate", &values));
        logs
    }

    /// Somebody rebalances, liquidates or redeems a range of prices: whose positions it touches is not told.
    fn range(&mut self, pool: usize, amount: i128) -> Vec<Emitted> {
        let ticks = [self.rng.between(-3_000, 6_000), self.rng.between(-3_000, 6_000)];
        let ticks = ticks.map(|tick| abi::int(wide_signed(i128::from(tick))));
        let number = |number: i128| abi::uint(wide(number));
        let moved = [ticks.to_vec(), vec![number(amount), number(amount / 2), number(pow10(21))]].concat();
        let mut logs = vec![self.pools[pool].emit("TickMovement", &moved)];
        let address = abi::address(POOLS[pool].address);
        // Long pools owe two kinds of dollars, short pools one kind of token.
        let debts = if POOLS[pool].is_long { vec![number(amount / 2), number(amount / 3)] } else { vec![number(amount / 2)] };
        let tail = [vec![number(amount)], debts].concat();
        let manager = self.manager(pool);
        let log = match amount % 4 {
            0 => manager.emit("RebalanceTick", &[vec![address, ticks[0].clone()], tail].concat()),
            1 => manager.emit("Rebalance", &[vec![address], tail].concat()),
            2 => manager.emit("Liquidate", &[vec![address], tail].concat()),
            _ => manager.emit("Redeem", &[address, number(amount), number(amount / 2), number(amount / 1_000)]),
        };
        logs.push(log);
        logs
    }

    fn manager(&self, pool: usize) -> &Contract {
        if POOLS[pool].is_long { &self.long_manager } else { &self.short_manager }
    }
}
