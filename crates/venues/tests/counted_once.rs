//! Nothing is counted twice: golden cases whose records tell one thing several times, and what may be counted of each.
//! The numbers are worked out by hand from the case's own story, not from its expected events.

mod common;

use std::collections::BTreeMap;

use common::{Case, cases, decode};
use perpdex_core::{CloseReason, CloseSize, Decimal, Event, EventBody, LiquidationKind};

/// What one case counts.
#[derive(Debug, PartialEq, Eq)]
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

#[test]
fn volume_liquidations_and_deleveragings() {
    let mut by_path: BTreeMap<String, Case> = BTreeMap::new();
    for case in cases() {
        let name = case.path.file_name().unwrap().to_str().unwrap().to_owned();
        by_path.insert(format!("{}/{}/{name}", case.chain, case.venue), case);
    }
    for (path, trades, qty, liquidations, adl) in [
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
    ] {
        let case = by_path.get(path).unwrap_or_else(|| panic!("no case {path}"));
        let venue = perpdex_venues::venue(&case.venue).unwrap();
        let events = decode(venue, &case.records()).events;
        assert_eq!(count(&events), Count { trades, qty: qty.to_owned(), liquidations, adl }, "{path}");
    }
}

fn count(events: &[Event]) -> Count {
    let mut out = Count { trades: 0, qty: String::new(), liquidations: 0, adl: 0 };
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
