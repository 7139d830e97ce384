//! Nothing is counted twice: golden cases whose records tell one thing several times, and what may be counted of each.
//! The numbers are worked out by hand from the case's own story, not from its expected events. Every venue has its rows.

mod common;

use std::collections::BTreeMap;

use common::{Case, cases, decode};
use perpdex_core::{CloseReason, CloseSize, Decimal, Event, EventBody, LiquidationKind};
use perpdex_venues::VENUES;

/// What one case counts.
#[derive(Debug, Default, PartialEq, Eq)]
struct Count {
    /// Taker executions that are volume, closes that the store will join among them.
    trades: usize,
    /// Their quantity in venue units, but for closes whose size the store alone knows.
    qty: String,
    /// Liquidated accounts and executions, kinds other than ADL.
    liquidations: usize,
    /// Auto-deleveraged ones.
    adl: usize,
}

/// Case, trades, quantity, liquidations, deleveragings.
type Row = (&'static str, usize, &'static str, usize, usize);

const TRADED: &[Row] = &[
    // Each trade has a maker's and a taker's leg.
    ("ethereum/dydx_v1/order_filled", 1, "0.5", 0, 0),
    // The second account of two trades stands between two users: one size of 0.1, then an ordinary trade of 0.1.
    ("ethereum/dydx_v1/account_between", 2, "0.2", 0, 0),
    // Told by the liquidation contract and by the trade; handed over, so no volume.
    ("ethereum/dydx_v1/liquidation", 0, "0", 2, 0),
    ("ethereum/dydx_v1/deleveraging", 1, "1", 1, 1),
    // Deposits and the settlement at the end.
    ("ethereum/dydx_v1/margin_and_end", 0, "0", 0, 0),
    // Every trade is told twice.
    ("ethereum/mcdex_v2/order_against_amm", 1, "30", 0, 0),
    ("ethereum/mcdex_v2/two_matches", 2, "3", 0, 0),
    ("ethereum/mcdex_v2/liquidations", 0, "0", 2, 0),
    ("ethereum/mcdex_v2/keeper_who_held", 0, "0", 3, 0),
    // Leveraged positions are no perpetual.
    ("ethereum/fx_v2/positions", 0, "0", 0, 0),
    // Margin added beside an open of 0.02 and closes of 0.01 each.
    ("bnb/kiloex/long_opened_closed_in_two", 3, "0.04", 0, 0),
    // A short of 2,000 dollars at 3,000 opened and liquidated: the liquidation is told by two events.
    ("bnb/kiloex/short_liquidated", 2, "1.333333333333333334", 1, 0),
    // 0.1 and 0.2 opened, both closed; one order of collateral alone. Sizes have 18 decimals.
    ("bnb/myx_v1/long_opened_and_closed", 4, "600000000000000000", 0, 0),
    // An order that waits for deleveraging is no execution.
    ("bnb/myx_v1/short_liquidated", 2, "2000000000000000000", 1, 0),
    ("bnb/myx_v1/auto_deleveraging", 2, "1000000000000000000", 0, 1),
    // Every change is told by two events. 0.05 opened, 0.02 and 0.03 closed.
    ("bnb/level/long_opened_and_closed", 3, "100000000000000000", 0, 0),
    ("bnb/level/increase_and_liquidations", 4, "350000000000000000", 2, 0),
    ("bnb/level/collateral_and_configuration", 0, "0", 0, 0),
    // 0.5 and 0.2 opened, a third and the rest closed; level, state and fees stand beside each.
    ("arbitrum/gtrade/position_over_its_life", 4, "1.4", 0, 0),
    ("arbitrum/gtrade/two_closes_one_transaction", 2, "0.75", 0, 0),
    // A long of before v10 closed and one of v10 opened, each of 2.
    ("arbitrum/gtrade/two_generations_one_transaction", 2, "4", 0, 0),
    // A position of 2 closed, one of 0.8 liquidated.
    ("arbitrum/gtrade/before_v10_closed_and_profitable_liquidation", 2, "2.8", 1, 0),
    ("arbitrum/gtrade/v9_stop_order_and_liquidation", 2, "10", 1, 0),
    // Refused, cancelled, or collateral alone.
    ("arbitrum/gtrade/nothing_traded", 0, "0", 0, 0),
    // 2 and 1 opened, 1.5 closed twice; one change of collateral alone. Every change is told by two events.
    ("arbitrum/gmx_v1/long_over_its_life", 4, "6", 0, 0),
    ("arbitrum/gmx_v1/two_positions_one_transaction", 2, "0.9", 0, 0),
    // 0.1 opened; the liquidation is of what the store knows of the position.
    ("arbitrum/gmx_v1/short_liquidated", 2, "0.1", 1, 0),
    // 20 opened; both closes are of what the store knows. Collateral added and removed is no trade.
    ("arbitrum/ostium/position_over_its_life", 3, "20", 0, 0),
    ("arbitrum/ostium/liquidations", 4, "666.666666666666666666", 2, 0),
    // In smallest units of the index token.
    ("arbitrum/gmx_v2/adl_after_position", 1, "5000000", 0, 1),
    ("arbitrum/gmx_v2/insolvent_close", 1, "500000000000000000", 1, 0),
    ("arbitrum/gmx_v2/collateral_only", 0, "0", 0, 0),
    // Three positions of two pairs in one transaction of a keeper: take profit, stop loss, liquidation. Closes name no size.
    ("bnb/aster_1001x/keeper_closes", 3, "0", 1, 0),
    // The level of the pair and the shares of the fee stand beside the trade.
    ("bnb/aster_1001x/open_long", 1, "0.5", 0, 0),
    ("arbitrum/aster_1001x/open_short", 1, "0.1", 0, 0),
    // Margin, triggers, refusals, refunds.
    ("bnb/aster_1001x/events_without_rows", 0, "0", 0, 0),
    // 0.5 and 0.25 opened, 0.5 and 0.25 closed; collateral comes and goes beside them.
    ("bnb/mux_v1/long_opened_twice_closed_twice", 4, "1.5", 0, 0),
    ("bnb/mux_v1/short_liquidated", 2, "4", 1, 0),
    ("bnb/mux_v1/open_of_nothing", 0, "0", 0, 0),
    // 10 and 4 opened, 2.8 closed, the rest liquidated.
    ("solana/adrena/position_over_its_life", 4, "28", 1, 0),
    ("solana/adrena/shorts_and_other_bodies", 2, "20", 0, 0),
    // An order of the program meets two makers, 2 and 1; their sum is told again. 1 more of another order.
    ("solana/drift_v2/liquidation_on_the_book", 3, "4", 2, 0),
    // Handed over: told by the fill and by the record, no volume.
    ("solana/drift_v2/liquidation_taken_over", 0, "0", 2, 0),
    ("solana/drift_v2/funding_flows_shares_and_levels", 0, "0", 0, 0),
    ("solana/velocity/trades_liquidation_and_funding", 4, "6", 2, 0),
    // 10 and 5 opened, 6 and 9 closed.
    ("solana/flash_trade/position_over_its_life", 4, "30", 0, 0),
    ("solana/flash_trade/shorts_limits_and_liquidations", 8, "10", 2, 0),
    // In smallest units of the index token.
    ("solana/gmtrade/position_over_its_life", 4, "30000000000", 1, 0),
    ("solana/gmtrade/short_and_collateral", 2, "10000000000", 0, 0),
    ("solana/jupiter_perps/liquidations", 4, "40", 4, 0),
    ("solana/jupiter_perps/loans_orders_and_collateral", 0, "0", 0, 0),
    // 3 and 1.5 of two makers are one trade of 4.5; the liquidation names it again.
    ("solana/phoenix_eternal/liquidation_on_the_book", 1, "4.5", 1, 0),
    // The deleveraged winner; what ends at the settlement price is no volume.
    ("solana/phoenix_eternal/adl_and_shutdown", 1, "2", 0, 1),
    ("solana/phoenix_eternal/recorded_liquidation_transfer", 0, "0", 1, 0),
    ("solana/phoenix_eternal/deposit_and_withdrawal", 0, "0", 0, 0),
    // Both legs carry the liquidation; the resting counterparty alone is none.
    ("hyperliquid/hyperliquid/recorded_market_liquidation", 2, "6161.8", 1, 0),
    ("hyperliquid/hyperliquid/recorded_counterparty_of_liquidation", 0, "0", 0, 0),
    ("hyperliquid/hyperliquid/backstop_pair", 1, "0.1037", 1, 0),
    ("hyperliquid/hyperliquid/recorded_adl", 1, "28.53", 0, 1),
    ("hyperliquid/hyperliquid/ledger_and_refusals", 0, "0", 0, 0),
];

/// Cases whose records move money, and how many movements they are.
const MOVED: &[(&str, usize)] = &[
    // Every deposit and withdrawal is told by the token, too: 6 of them, and 4 transfers that nothing explains.
    ("bnb/aster_vault/plain_transfers", 10),
    ("ethereum/aster_vault/plain_transfers", 3),
    ("arbitrum/aster_vault/plain_transfers", 3),
    ("solana/aster_vault/deposits_and_withdrawals", 4),
    // In, a change of debt alone, out, in with another token.
    ("ethereum/fx_v2/positions", 3),
    // A deposit emits its priority request as well; a request to withdraw moves nothing.
    ("ethereum/lighter/requests_and_heartbeats", 1),
    ("ethereum/lighter/both_generations", 6),
    ("ethereum/dydx_v3/requests_move_nothing", 0),
    ("ethereum/dydx_v3/deposit_and_withdrawal", 4),
    ("ethereum/edgex/deposit_with_quantum", 3),
    ("ethereum/dydx_v1/margin_and_end", 4),
    ("ethereum/mcdex_v2/order_against_amm", 2),
    ("bnb/mux_v1/long_opened_twice_closed_twice", 2),
    ("solana/drift_v2/funding_flows_shares_and_levels", 3),
    ("solana/velocity/trades_liquidation_and_funding", 1),
    ("solana/phoenix_eternal/deposit_and_withdrawal", 2),
    ("hyperliquid/hyperliquid/ledger_and_refusals", 3),
];

/// For each venue that trades a case of [`TRADED`] in which collateral moves, or is only asked for, beside what is volume.
const COLLATERAL_ALONE: &[&str] = &[
    "arbitrum/gmx_v2/collateral_only",
    "arbitrum/gmx_v1/long_over_its_life",
    "arbitrum/gtrade/nothing_traded",
    "arbitrum/ostium/position_over_its_life",
    "bnb/aster_1001x/events_without_rows",
    "bnb/kiloex/long_opened_closed_in_two",
    "bnb/mux_v1/long_opened_twice_closed_twice",
    "bnb/myx_v1/long_opened_and_closed",
    "bnb/level/collateral_and_configuration",
    "ethereum/dydx_v1/margin_and_end",
    "ethereum/mcdex_v2/order_against_amm",
    "solana/adrena/shorts_and_other_bodies",
    "solana/drift_v2/funding_flows_shares_and_levels",
    "solana/velocity/trades_liquidation_and_funding",
    "solana/flash_trade/shorts_limits_and_liquidations",
    "solana/gmtrade/short_and_collateral",
    "solana/jupiter_perps/loans_orders_and_collateral",
    "solana/phoenix_eternal/deposit_and_withdrawal",
    "hyperliquid/hyperliquid/ledger_and_refusals",
];

/// Aster Pro's volume is that of its bars; executions and forced orders beside them are none (`aster_pro/executions`, and
/// `crates/perpdex/tests/e2e/aster_pro.rs`).
const TOLD_ONCE: &[&str] = &["aster_pro"];

#[test]
fn volume_liquidations_and_deleveragings() {
    let by_path = by_path();
    for &(path, trades, qty, liquidations, adl) in TRADED {
        let events = events(&by_path, path);
        assert_eq!(count(&events), Count { trades, qty: qty.to_owned(), liquidations, adl }, "{path}");
    }
}

#[test]
fn movements_of_collateral() {
    let by_path = by_path();
    for (path, moved) in MOVED {
        let n = events(&by_path, path).iter().filter(|event| matches!(event.body, EventBody::CollateralFlow(_))).count();
        assert_eq!(n, *moved, "{path}");
    }
}

/// A venue without a case of what it gives would be one of which nobody has shown that it counts once.
#[test]
fn every_venue_is_counted() {
    for info in VENUES.iter().map(|venue| venue.info()).filter(|info| !TOLD_ONCE.contains(&info.slug.as_str())) {
        let is_own = |path: &str| path.split('/').rev().nth(1) == Some(info.slug.as_str());
        let own = || TRADED.iter().filter(|(path, ..)| is_own(path));
        for given in info.gives {
            let is_shown = match *given {
                "trades" => own().any(|(_, trades, ..)| *trades > 0) && COLLATERAL_ALONE.iter().any(|path| is_own(path)),
                "liquidations" => own().any(|(_, _, _, liquidations, adl)| liquidations + adl > 0),
                "flows" => MOVED.iter().any(|(path, moved)| is_own(path) && *moved > 0),
                _ => true,
            };
            assert!(is_shown, "{} gives {given}: no case shows that they count once", info.slug);
        }
    }
    for path in COLLATERAL_ALONE {
        assert!(TRADED.iter().any(|(traded, ..)| traded == path), "{path} is not counted");
    }
}

fn by_path() -> BTreeMap<String, Case> {
    let name = |case: &Case| case.path.file_name().unwrap().to_str().unwrap().to_owned();
    cases().into_iter().map(|case| (format!("{}/{}/{}", case.chain, case.venue, name(&case)), case)).collect()
}

fn events(by_path: &BTreeMap<String, Case>, path: &str) -> Vec<Event> {
    let case = by_path.get(path).unwrap_or_else(|| panic!("no case {path}"));
    decode(perpdex_venues::venue(&case.venue).unwrap(), &case.records()).events
}

fn count(events: &[Event]) -> Count {
    let mut out = Count::default();
    let mut qty = Decimal::ZERO;
    for event in events {
        match &event.body {
            EventBody::Fill(fill) => {
                if fill.is_taker && fill.in_volume {
                    out.trades += 1;
                    qty = qty.add(&whole(&fill.qty)).unwrap();
                }
                match fill.liquidation.as_ref().map(|liquidation| liquidation.kind) {
                    Some(LiquidationKind::Adl) => out.adl += 1,
                    Some(_) => out.liquidations += 1,
                    None => {}
                }
            }
            EventBody::Close(close) => {
                out.trades += 1;
                if let CloseSize::Qty { qty: closed, .. } = &close.size {
                    qty = qty.add(&whole(closed)).unwrap();
                }
                out.liquidations += usize::from(close.reason == CloseReason::Liquidation);
            }
            _ => {}
        }
    }
    out.qty = qty.to_string();
    out
}

/// A quantity; one in the market's own decimals is left in its smallest units.
fn whole(amount: &perpdex_core::Amount) -> Decimal {
    amount.to_decimal(Some(0)).unwrap()
}
