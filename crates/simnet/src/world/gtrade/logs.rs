//! The diamond's logs, in the bodies of v10 and of v9.

use alloy_dyn_abi::DynSolValue;
use alloy_primitives::Address;

use super::{Collateral, DIAMOND, LISTED, Level, Open, Order, Quote};
use crate::encode::abi::{self, Contract, Emitted, signed, tuple, unsigned};
use crate::num::pow10;

/// Decimals of levels before v10, whatever the collateral.
const OLD_LEVEL_DECIMALS: u32 = 10;

/// Who asked, and the number of the request.
pub(super) type Request = (Address, u64);

/// The contract under its two ABIs.
pub(super) struct Diamond {
    v10: Contract,
    v9: Contract,
}

impl Diamond {
    pub(super) fn new() -> Diamond {
        Diamond {
            v10: Contract::new(DIAMOND, include_str!("../../../../../abi/gtrade/diamond_v10.json")),
            v9: Contract::new(DIAMOND, include_str!("../../../../../abi/gtrade/diamond_v9.json")),
        }
    }

    pub(super) fn pair_added(&self, pair: u64, asset: &str) -> Emitted {
        self.v10.emit("PairAdded", &[abi::uint(pair), abi::text(asset), abi::text("USD")])
    }

    /// `MarketExecuted`, or `LimitExecuted` where a keeper triggered it.
    pub(super) fn executed(&self, open: &Open, request: Request, by: (Order, Address), quote: Quote, is_v10: bool) -> Emitted {
        let ((user, number), (order, keeper)) = (request, by);
        let is_market = matches!(order, Order::MarketOpen | Order::MarketClose);
        let opens = matches!(order, Order::MarketOpen | Order::LimitOpen | Order::StopOpen);
        let is_liquidation = order == Order::Liquidation;
        let request = if is_liquidation { id(Address::ZERO, 0) } else { id(user, number) };
        let mut values = vec![request, abi::address(user), abi::uint(open.index)];
        values.extend((!is_market).then(|| abi::uint(0_u64)));
        values.push(trade(open, user, is_v10));
        match is_market {
            true => values.push(abi::boolean(opens)),
            false => values.extend([abi::address(keeper), abi::uint(order as u8)]),
        }
        let moved = (quote.price - open.price) * pow10(12) / open.price * open.leverage / 1_000;
        let profit = if opens { 0 } else { moved * if open.is_long { 1 } else { -1 } };
        let sent = if opens || is_liquidation { 0 } else { open.collateral };
        values.extend([quote.oracle, quote.price, quote.oracle].map(unsigned));
        // Of zeros where a liquidation has no impact: it executes at the oracle's price.
        let (tokens, after) = if is_liquidation { (0, 0) } else { (told(open), quote.price) };
        values.push(if is_v10 { impact(tokens, after) } else { unsigned(0) });
        values.extend([signed(profit), unsigned(sent), unsigned(quote.collateral)]);
        values.extend((!is_market).then(|| abi::boolean(true)));
        self.of(is_v10).emit(if is_market { "MarketExecuted" } else { "LimitExecuted" }, &values)
    }

    /// What is left, and `PositionSizeIncreaseExecuted` of sizes before, added and after; of tokens, fee and `cancelReason`.
    pub(super) fn increased(
        &self,
        after: &Open,
        (user, number): Request,
        (existing, delta, size): (i128, i128, i128),
        (tokens, fee, cancel): (i128, i128, u8),
        quote: Quote,
        is_v10: bool,
    ) -> Vec<Emitted> {
        let start = [delta, existing, size, after.collateral, after.leverage].map(unsigned).to_vec();
        let values = match is_v10 {
            true => [
                start,
                vec![impact(tokens, quote.price), signed(0), unsigned(existing), unsigned(after.price), unsigned(fee)],
                vec![unsigned(0), unsigned(0), abi::boolean(false), unsigned(0), unsigned(0), unsigned(0)],
            ]
            .concat(),
            false => [
                start,
                vec![unsigned(quote.price), signed(0), unsigned(existing), unsigned(after.price), unsigned(0), unsigned(fee)],
                vec![unsigned(0), unsigned(0)],
            ]
            .concat(),
        };
        let head = resize(after, (user, number), cancel, quote, (after.collateral, 0));
        vec![
            self.left(after, user, true, is_v10),
            self.of(is_v10).emit("PositionSizeIncreaseExecuted", &[head, vec![tuple(values)]].concat()),
        ]
    }

    /// What is left, and `PositionSizeDecreaseExecuted` of the size before, what goes of it, and by how much leverage.
    pub(super) fn decreased(
        &self,
        after: &Open,
        (user, number): Request,
        (existing, delta, leverage): (i128, i128, i128),
        (tokens, fee, cancel): (i128, i128, u8),
        quote: Quote,
        is_v10: bool,
    ) -> Vec<Emitted> {
        let gain = (quote.price - after.price) * if after.is_long { 1 } else { -1 };
        let profit = gain * pow10(6) / after.price * (delta / pow10(6));
        let sizes = [unsigned(delta), unsigned(existing)].to_vec();
        let end = [signed(0), signed(0), unsigned(after.collateral), unsigned(after.leverage)].to_vec();
        let values = match is_v10 {
            true => [
                vec![abi::boolean(leverage != 0)],
                sizes,
                vec![unsigned(0), unsigned(0), impact(tokens, quote.price), signed(0), signed(profit), signed(profit - fee)],
                vec![signed(profit), unsigned(fee), unsigned(0)],
                end,
            ]
            .concat(),
            false => [sizes, vec![unsigned(0), unsigned(quote.price), signed(profit), unsigned(0), unsigned(fee)], end].concat(),
        };
        let head = resize(after, (user, number), cancel, quote, (0, leverage));
        vec![
            self.left(after, user, false, is_v10),
            self.of(is_v10).emit("PositionSizeDecreaseExecuted", &[head, vec![tuple(values)]].concat()),
        ]
    }

    /// `TradePositionUpdated`.
    fn left(&self, after: &Open, user: Address, grows: bool, is_v10: bool) -> Emitted {
        let start = vec![abi::address(user), abi::uint(after.index), unsigned(after.collateral), unsigned(after.leverage)];
        let end = match is_v10 {
            true => vec![unsigned(after.price), unsigned(0), unsigned(told(after)), abi::uint(0_u64), abi::boolean(true)],
            false => vec![unsigned(after.price), unsigned(0), unsigned(0), abi::boolean(grows), abi::boolean(true)],
        };
        self.of(is_v10).emit("TradePositionUpdated", &[start, end].concat())
    }

    pub(super) fn collateral_updated(&self, open: &Open, user: Address) -> Emitted {
        self.v10.emit("TradeCollateralUpdated", &[abi::address(user), abi::uint(open.index), unsigned(open.collateral)])
    }

    pub(super) fn fees(&self, open: &Open, user: Address, order: Order, fee: i128) -> Emitted {
        let of = abi::uint(LISTED[open.listed].2.index);
        self.v10.emit("FeesProcessed", &[of, abi::address(user), unsigned(open.size()), abi::uint(order as u8), unsigned(fee)])
    }

    /// The level after a change: of trades since v10 in collateral and in tokens, of the others in collateral alone.
    pub(super) fn level(&self, open: &Open, level: Level, (size, tokens): (i128, i128), opens: bool, is_v10: bool) -> Emitted {
        let [of, pair] = names(open.listed);
        if !open.is_legacy {
            let [sizes, all] = [level.size, level.tokens].map(|both| tuple(both.map(unsigned).to_vec()));
            let change = [unsigned(size), unsigned(tokens), abi::boolean(opens), abi::boolean(open.is_long)];
            return self.v10.emit("PairOiAfterV10Updated", &[vec![of, pair], change.to_vec(), vec![sizes, all]].concat());
        }
        let scaled = |size: i128| unsigned(old_level(size, &LISTED[open.listed].2));
        let sizes = [scaled(size), scaled(level.size[0]), scaled(level.size[1])];
        let values = [vec![of, pair, abi::boolean(open.is_long), abi::boolean(opens)], sizes.to_vec()].concat();
        match is_v10 {
            true => self.v10.emit("BorrowingPairOiBeforeV10Updated", &values),
            false => self.v9.emit("BorrowingPairOiUpdated", &values),
        }
    }

    /// A settlement of funding and borrowing. Since v10 one of two events says so, by the sign of the whole.
    pub(super) fn held(&self, open: &Open, user: Address, due: (i128, i128), quote: Quote, is_v10: bool) -> Vec<Emitted> {
        let (funding, borrowing) = due;
        let (of, user, index) = (abi::uint(LISTED[open.listed].2.index), abi::address(user), abi::uint(open.index));
        if !is_v10 {
            return vec![self.v9.emit("BorrowingFeeCharged", &[user, index, of, unsigned(borrowing)])];
        }
        // What was borrowed before v10 stands apart.
        let (new, old) = if open.is_legacy { (0, borrowing) } else { (borrowing, 0) };
        let whole = funding + borrowing;
        let fees = tuple(vec![signed(funding), unsigned(new), unsigned(old), signed(whole)]);
        let start = vec![of, user, index, unsigned(quote.oracle), fees];
        vec![match whole < 0 {
            true => self.v10.emit("HoldingFeesRealizedOnTrade", &[start, vec![signed(-whole)]].concat()),
            false => {
                let end = vec![unsigned(open.collateral), unsigned(whole), unsigned(0), signed(0)];
                self.v10.emit("HoldingFeesChargedOnTrade", &[start, end].concat())
            }
        }]
    }

    /// What funding of both sides and borrowing have accumulated to.
    pub(super) fn accumulated(&self, listed: usize, [long, short, borrowing]: [i128; 3], rate: i128, now_s: i64) -> [Emitted; 2] {
        let now = || unsigned(i128::from(now_s));
        let [of, pair] = names(listed);
        let funding = tuple(vec![signed(long), signed(short), signed(rate), now(), unsigned(0)]);
        let borrowing = tuple(vec![unsigned(borrowing), now(), unsigned(0)]);
        [
            self.v10.emit("PendingAccFundingFeesStored", &[of.clone(), pair.clone(), funding]),
            self.v10.emit("PendingAccBorrowingFeesStored", &[of, pair, borrowing]),
        ]
    }

    fn of(&self, is_v10: bool) -> &Contract {
        if is_v10 { &self.v10 } else { &self.v9 }
    }
}

/// Numbers of collateral and pair.
fn names(listed: usize) -> [DynSolValue; 2] {
    let (pair, _, of) = &LISTED[listed];
    [abi::uint(of.index), abi::uint(*pair)]
}

fn id(user: Address, number: u64) -> DynSolValue {
    tuple(vec![abi::address(user), abi::uint(number)])
}

/// The `Trade` of an execution.
fn trade(open: &Open, user: Address, is_v10: bool) -> DynSolValue {
    let [of, pair] = names(open.listed);
    let mut fields = vec![abi::address(user), abi::uint(open.index), pair, unsigned(open.leverage), abi::boolean(open.is_long)];
    fields.extend([abi::boolean(true), of, abi::uint(0_u64), unsigned(open.collateral), unsigned(open.price), unsigned(0), unsigned(0)]);
    fields.extend(is_v10.then(|| [abi::boolean(false), unsigned(told(open))]).into_iter().flatten());
    fields.push(unsigned(0));
    tuple(fields)
}

/// Tokens that v10 tells: trades of before have none.
fn told(open: &Open) -> i128 {
    if open.is_legacy { 0 } else { open.tokens }
}

/// A `PriceImpact`.
fn impact(tokens: i128, price: i128) -> DynSolValue {
    tuple([vec![unsigned(tokens)], vec![signed(0); 4], vec![unsigned(price)]].concat())
}

/// The fields of both resizes up to their values.
fn resize(open: &Open, (user, number): Request, cancel: u8, quote: Quote, (collateral, leverage): (i128, i128)) -> Vec<DynSolValue> {
    let [of, pair] = names(open.listed);
    let head = vec![id(user, number), abi::uint(cancel), of, abi::address(user), pair, abi::uint(open.index), abi::boolean(open.is_long)];
    let numbers = [quote.oracle, quote.collateral, collateral, leverage].map(unsigned);
    [head, numbers.to_vec()].concat()
}

fn old_level(size: i128, of: &Collateral) -> i128 {
    match of.decimals.checked_sub(OLD_LEVEL_DECIMALS) {
        Some(more) => size / pow10(more),
        None => size * pow10(OLD_LEVEL_DECIMALS - of.decimals),
    }
}
