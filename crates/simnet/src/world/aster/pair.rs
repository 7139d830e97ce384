//! One pair of the Aster 1001x diamond: its open quantities and its funding accumulator.

use alloy_dyn_abi::DynSolValue;
use alloy_primitives::Address;

use crate::encode::abi::{self, Contract, Emitted, signed, unsigned};
use crate::truth::MarketId;

/// Funding per block as a fraction times 10^18: share of the imbalance, lower and upper bound.
const FUNDING_P: i128 = 20_000_000_000;
const FUNDING_MIN: i128 = 1_000_000_000;
const FUNDING_MAX: i128 = 10_000_000_000;

/// A pair's state. Quantities carry ten decimals.
#[derive(Debug)]
pub(super) struct Pair {
    pub(super) base: Address,
    pub(super) asset: &'static str,
    pub(super) name: &'static str,
    pub(super) id: MarketId,
    pub(super) long_qty: i128,
    pub(super) short_qty: i128,
    /// Fraction of notional that longs have received so far, times 10^18.
    pub(super) long_acc: i128,
    last_block: u64,
}

impl Pair {
    /// A pair without positions.
    pub(super) fn new(base: Address, asset: &'static str, name: &'static str, id: MarketId) -> Pair {
        Pair { base, asset, name, id, long_qty: 0, short_qty: 0, long_acc: 0, last_block: 0 }
    }

    /// The log that lists the pair.
    pub(super) fn added(&self, diamond: &Contract) -> Emitted {
        let margin = |notional: u64, tier: u64| {
            let numbers = [notional, tier, 1_001, 9_000, 9_500].map(abi::uint);
            DynSolValue::Tuple(numbers.into())
        };
        let margins = DynSolValue::Array(vec![margin(100_000, 1), margin(1_000_000, 2)]);
        let [kind, status, slippage, fee] = [0_u64, 0, 1, 1].map(abi::uint);
        diamond.emit("AddPair", &[abi::address(self.base), kind, status, slippage, fee, abi::text(self.name), margins])
    }

    /// Adds a quantity to a side or takes it away, bringing funding up to the block first, as the contract does before the
    /// event of the trade itself.
    pub(super) fn resize(&mut self, long: bool, change: i128, (block, price): (u64, i128), diamond: &Contract, logs: &mut Vec<Emitted>) {
        if self.last_block != 0 && block > self.last_block {
            self.long_acc -= self.rate() * i128::from(block - self.last_block);
            self.last_block = block;
            let values = [abi::address(self.base), abi::uint(block), signed(self.long_acc), unsigned(price)];
            logs.push(diamond.emit("UpdatePairAccFundingFeePerShare", &values));
        }
        let side = if long { &mut self.long_qty } else { &mut self.short_qty };
        *side += change;
        let is_empty = self.long_qty + self.short_qty == 0;
        self.last_block = if is_empty { 0 } else { block };
        let lp_price = |qty: i128| unsigned(if qty == 0 { 0 } else { price });
        let values = [
            abi::address(self.base),
            abi::uint(self.last_block),
            unsigned(self.long_qty),
            unsigned(self.short_qty),
            signed(self.long_acc),
            lp_price(self.short_qty),
            lp_price(self.long_qty),
        ];
        logs.push(diamond.emit("UpdatePairPositionInfo", &values));
        if is_empty {
            // The contract deletes the record with its last position, and tells the sum that it had.
            self.long_acc = 0;
        }
    }

    /// What longs pay per block, as a fraction times 10^18.
    fn rate(&self) -> i128 {
        let (skew, larger) = (self.long_qty - self.short_qty, self.long_qty.max(self.short_qty));
        if skew == 0 {
            return 0;
        }
        let size = (skew.abs() * FUNDING_P / larger).clamp(FUNDING_MIN, FUNDING_MAX);
        size * skew.signum()
    }
}
