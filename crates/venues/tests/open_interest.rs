//! What fills add to open interest: on venues where users hold both sides every trade adds the same to longs and shorts, and
//! a position that is told from its open to its close adds nothing in the end.

mod common;

use std::collections::BTreeMap;

use common::{Case, cases, decode};
use perpdex_core::{Basis, Decimal, Event, EventBody, Fill, OiBasis, Text, market_id};
use perpdex_reducer::{Expanded, FillRow, MarketRow, Position, PositionRow, Row, expand, join_close};

/// Digits of quantities, enough for the eighteen of every case.
const QTY_SCALE: u8 = 12;
/// Decimals of the index tokens of the cases.
const TOKEN_DECIMALS: u8 = 18;

#[test]
fn both_sides_of_a_trade_add_the_same() {
    let mut n_trades = 0;
    for case in cases().iter().filter(|case| ["dydx_v1", "mcdex_v2"].contains(&case.venue.as_str()) && !case.path.ends_with("refused")) {
        let mut trades: BTreeMap<Text, Vec<FillRow>> = BTreeMap::new();
        for row in fills(case).into_iter().filter(|row| row.action != perpdex_core::Action::Settlement) {
            trades.entry(row.trade_key.clone()).or_default().push(row);
        }
        for legs in trades.values() {
            let long: i64 = legs.iter().map(|leg| leg.long_delta_q).sum();
            let short: i64 = legs.iter().map(|leg| leg.short_delta_q).sum();
            assert_eq!((legs.len(), long), (2, short), "{}: {legs:?}", case.path.display());
            assert!(legs.iter().filter(|leg| leg.is_taker && leg.in_volume).count() <= 1, "{}", case.path.display());
        }
        n_trades += trades.len();
    }
    assert_eq!(n_trades, 18, "trades of all cases");
}

/// The highest level on the way shows that there was something to lose.
#[test]
fn whole_lives_end_at_nothing() {
    for (path, highest_long_q) in [
        ("bnb/kiloex/long_opened_closed_in_two", 20_000_000_000),
        ("bnb/myx_v1/long_opened_and_closed", 300_000_000_000),
        ("bnb/level/long_opened_and_closed", 50_000_000_000),
    ] {
        let case = cases().into_iter().find(|case| case.path.ends_with(path)).unwrap_or_else(|| panic!("no case {path}"));
        let (mut long, mut highest) = (0, 0);
        for row in fills(&case) {
            assert_eq!(row.short_delta_q, 0, "{path}");
            long += row.long_delta_q;
            highest = highest.max(long);
        }
        assert_eq!((highest, long), (highest_long_q, 0), "{path}");
    }
}

/// The rows of a case's fills; closes are joined to the position as the rows before them leave it.
fn fills(case: &Case) -> Vec<FillRow> {
    let venue = perpdex_venues::venue(&case.venue).unwrap();
    let mut positions: BTreeMap<String, Position> = BTreeMap::new();
    let mut out = Vec::new();
    for event in decode(venue, &case.records()).events {
        let event = match &event.body {
            EventBody::Fill(_) => event,
            EventBody::Close(close) => {
                let joined = join_close(&event, &positions[close.position_key.as_str()], &|_| None).expect("a close of a known side");
                joined.into_iter().next().expect("the fill comes first")
            }
            _ => continue,
        };
        let EventBody::Fill(fill) = &event.body else { unreachable!("a join begins with its fill") };
        if let Some(position) = position(&event, fill) {
            let after = Position::after(positions.get(fill.position_key.as_str()), &position);
            positions.insert(fill.position_key.to_string(), after);
        }
        out.push(row(&event));
    }
    out
}

fn position(event: &Event, fill: &Fill) -> Option<PositionRow> {
    let side = fill.position_side?;
    Some(PositionRow {
        market_key: event.market.as_ref()?.to_string(),
        account: fill.account.clone(),
        side,
        collateral_token: fill.collateral_token.clone(),
        action: fill.action,
        is_opening: fill.side == side.trade_side(true),
        qty: fill.qty,
        price: fill.price.to_decimal(Some(TOKEN_DECIMALS)).unwrap_or(Decimal::ZERO),
        after_qty: None,
        after_usd: None,
    })
}

fn row(event: &Event) -> FillRow {
    let key = event.market.as_deref().expect("a fill names its market");
    let market = MarketRow {
        market_id: market_id(event.venue, event.chain, key),
        venue: event.venue,
        chain: event.chain,
        market_key: key.to_owned(),
        qty_scale: QTY_SCALE,
        multiplier: 1,
        qty_decimals: Some(TOKEN_DECIMALS),
        oi_basis: OiBasis::Qty,
        volume_basis: Basis::Exec,
    };
    let Ok(Expanded::Rows(rows)) = expand(event, Some(&market), &|_| None) else { panic!("{event:?}") };
    let fill = rows.into_iter().find_map(|row| match row {
        Row::Fill(fill) => Some(*fill),
        _ => None,
    });
    fill.expect("a fill has a row")
}
