//! A Hyperliquid market: positions, matches, and the two legs each match makes.

use std::collections::BTreeMap;

use crate::encode::hyperliquid::{FillEvent, LiquidationNote};
use crate::num::{decimal, half_even, pow10, small};
use crate::truth::{Held, MarketId, Tally, Trade};

/// Prices, sizes and positions carry six decimals.
pub(super) const SCALE: u32 = 6;
/// Fees in millionths of notional: takers, makers, and makers that earn a rebate.
const TAKER_PPM: i128 = 450;
const MAKER_PPM: i128 = 150;
const REBATE_PPM: i128 = -20;

/// What of a market is fixed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Listing {
    pub(super) coin: &'static str,
    pub(super) asset: &'static str,
    /// Units of the asset in one unit of the coin.
    pub(super) multiplier: i128,
    /// Decimals of sizes.
    pub(super) size_decimals: u32,
}

/// The markets, all of the first perp dex.
pub(super) const LISTINGS: &[Listing] = &[
    Listing { coin: "BTC", asset: "BTC", multiplier: 1, size_decimals: 5 },
    Listing { coin: "ETH", asset: "ETH", multiplier: 1, size_decimals: 4 },
    Listing { coin: "SOL", asset: "SOL", multiplier: 1, size_decimals: 2 },
    Listing { coin: "HYPE", asset: "HYPE", multiplier: 1, size_decimals: 2 },
    Listing { coin: "XRP", asset: "XRP", multiplier: 1, size_decimals: 0 },
    Listing { coin: "DOGE", asset: "DOGE", multiplier: 1, size_decimals: 0 },
    Listing { coin: "kPEPE", asset: "PEPE", multiplier: 1_000, size_decimals: 0 },
];

/// An account.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct User {
    /// Lower-case hex.
    pub(super) address: String,
    /// Earns a rebate when it makes.
    pub(super) is_market_maker: bool,
}

/// A position.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Position {
    /// Signed size.
    pub(super) size: i128,
    /// Signed dollars it cost, six decimals.
    cost: i128,
}

/// A market with its positions by account.
#[derive(Debug)]
pub(super) struct Market {
    pub(super) listing: &'static Listing,
    pub(super) id: MarketId,
    pub(super) positions: BTreeMap<User, Position>,
}

/// Why two accounts meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// An ordinary match.
    Ordinary,
    /// The taker is liquidated on the book.
    TakerLiquidated,
    /// The maker's resting order belongs to a liquidation.
    MakerLiquidated,
    /// The liquidator vault, as taker, takes the maker's position over.
    Backstop,
    /// The taker is auto-deleveraged against the vault.
    Adl,
}

/// One match.
#[derive(Clone, Debug)]
pub(super) struct Match<'a> {
    pub(super) taker: &'a User,
    pub(super) maker: &'a User,
    pub(super) taker_buys: bool,
    pub(super) px: i128,
    pub(super) size: i128,
    pub(super) kind: Kind,
    pub(super) time_ms: i64,
    pub(super) hash: &'a str,
    pub(super) tid: u64,
    /// Order of the taker; the maker's is the next.
    pub(super) oid: u64,
    /// Prints the positions before as a double comes out: a little off.
    pub(super) float_noise: bool,
}

impl Market {
    /// Signed size of an account's position.
    pub(super) fn size_of(&self, user: &User) -> i128 {
        self.positions.get(user).map_or(0, |position| position.size)
    }

    /// A price as the exchange accepts it: five significant digits, and no more decimals than the size leaves.
    pub(super) fn price(&self, price_e12: i128) -> i128 {
        let exact = price_e12 * self.listing.multiplier / pow10(6);
        let digits = exact.max(1).ilog10() + 1;
        let tick = pow10(digits.saturating_sub(5)).max(pow10(self.listing.size_decimals));
        (exact / tick).max(1) * tick
    }

    /// A size as the exchange accepts it, never zero.
    pub(super) fn size(&self, size: i128) -> i128 {
        let lot = pow10(SCALE - self.listing.size_decimals);
        (size / lot).max(1) * lot
    }

    /// Matches two accounts: moves both positions, appends both legs, buyer first, and tells the truth.
    pub(super) fn matched(&mut self, deal: &Match<'_>, out: &mut Vec<String>, tally: &mut Tally) {
        let notional_e6 = half_even(deal.px * deal.size, pow10(SCALE));
        let usd_e6 = small(notional_e6);
        let note = self.note(deal);
        for buyer in [true, false] {
            let is_taker = buyer == deal.taker_buys;
            let user = if is_taker { deal.taker } else { deal.maker };
            let fee_e6 = match (deal.kind, is_taker) {
                (Kind::Backstop | Kind::Adl, _) => 0,
                (_, true) => half_even(notional_e6 * TAKER_PPM, pow10(6)),
                (_, false) => half_even(notional_e6 * if user.is_market_maker { REBATE_PPM } else { MAKER_PPM }, pow10(6)),
            };
            let before = self.positions.get(user).copied().unwrap_or_default();
            let closed_pnl_e6 = self.change(user, if buyer { deal.size } else { -deal.size }, deal.px);
            let after = self.positions[user];
            tally.leg(self.id, deal.time_ms, Held { before: before.size, after: after.size }, small(fee_e6));
            let fill = FillEvent {
                user: user.address.clone(),
                coin: self.listing.coin,
                px: decimal(deal.px, SCALE),
                sz: decimal(deal.size, SCALE),
                buyer,
                time_ms: deal.time_ms,
                start_position: printed(before.size, deal.float_noise),
                dir: direction(deal, is_taker, before.size, after.size),
                closed_pnl_e6,
                hash: deal.hash.to_owned(),
                oid: deal.oid + u64::from(!is_taker),
                crossed: is_taker,
                fee_e6,
                tid: deal.tid,
                fee_token: "USDC",
                liquidation: note.clone(),
            };
            let mut text = String::with_capacity(420);
            fill.write(&mut text);
            out.push(text);
        }
        let bought = (!matches!(deal.kind, Kind::Backstop | Kind::Adl)).then_some(deal.taker_buys);
        tally.trade(self.id, Trade { ts_ms: deal.time_ms, volume_usd_e6: usd_e6, exec_usd_e6: usd_e6, bought });
        match deal.kind {
            Kind::Ordinary => {}
            // Who sells to be liquidated was long.
            Kind::TakerLiquidated => tally.liquidation(self.id, deal.time_ms, !deal.taker_buys, usd_e6),
            Kind::MakerLiquidated | Kind::Backstop => tally.liquidation(self.id, deal.time_ms, deal.taker_buys, usd_e6),
            Kind::Adl => tally.adl(self.id, deal.time_ms, usd_e6),
        }
    }

    fn note(&self, deal: &Match<'_>) -> Option<LiquidationNote> {
        let (user, method) = match deal.kind {
            Kind::Ordinary => return None,
            Kind::TakerLiquidated => (deal.taker, "market"),
            Kind::MakerLiquidated => (deal.maker, "market"),
            Kind::Backstop | Kind::Adl => (deal.maker, "backstop"),
        };
        let mark_px = decimal(self.price(deal.px * pow10(6) / self.listing.multiplier * 1_001 / 1_000), SCALE);
        Some(LiquidationNote { user: user.address.clone(), mark_px, method })
    }

    /// Moves a position; gives the realised profit, six decimals.
    fn change(&mut self, user: &User, size: i128, px: i128) -> i128 {
        let position = self.positions.entry(user.clone()).or_default();
        let cash = -half_even(px * size, pow10(SCALE));
        let closing = if position.size.signum() == -size.signum() { size.abs().min(position.size.abs()) } else { 0 };
        let closing_cash = cash * closing / size.abs();
        let released = if closing == 0 { 0 } else { position.cost * closing / position.size.abs() };
        position.size += size;
        position.cost += cash - closing_cash - released;
        closing_cash + released
    }
}

/// The exchange's word for what a leg did.
fn direction(deal: &Match<'_>, is_taker: bool, before: i128, after: i128) -> &'static str {
    match deal.kind {
        Kind::Backstop if deal.taker_buys => return "Liquidated Cross Long",
        Kind::Backstop => return "Liquidated Cross Short",
        Kind::Adl if is_taker => return "Auto-Deleveraging",
        _ => {}
    }
    let (grows, long) = (after.abs() > before.abs(), after > 0 || (after == 0 && before > 0));
    if before.signum() * after.signum() < 0 {
        return if before > 0 { "Long > Short" } else { "Short > Long" };
    }
    match (grows, long) {
        (true, true) => "Open Long",
        (true, false) => "Open Short",
        (false, true) => "Close Long",
        (false, false) => "Close Short",
    }
}

/// A position as the node prints it.
fn printed(size: i128, float_noise: bool) -> String {
    if float_noise && size != 0 { decimal(size * pow10(4) - size.signum(), SCALE + 4) } else { decimal(size, SCALE) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_rounds_away() {
        assert_eq!(printed(3_135_809_400_000, true), "3135809.3999999999");
        assert_eq!(printed(-1_500_000, true), "-1.4999999999");
        assert_eq!(printed(0, true), "0.0");
        assert_eq!(printed(-2_684_000_000, false), "-2684.0");
    }
}
