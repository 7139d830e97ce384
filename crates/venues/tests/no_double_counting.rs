//! Over every golden case of every EVM venue: taker volume counts once, an execution liquidates an account once, ADL is kept
//! apart, and what moves collateral alone is no volume.

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::{Case, cases, decode};
use perpdex_core::{Action, CHAINS, ChainKind, CloseReason, CloseSize, Event, EventBody, Fill, Forced, LiquidationKind};

/// What the cases of one venue hold.
#[derive(Default, Debug)]
struct Seen {
    trades: usize,
    liquidations: usize,
    adl: usize,
}

#[test]
fn every_venue_counts_an_execution_once() {
    let mut venues: BTreeMap<String, Seen> = BTreeMap::new();
    for case in cases().iter().filter(|case| is_evm(case)) {
        let venue = perpdex_venues::venue(&case.venue).unwrap();
        let events = decode(venue, &case.records()).events;
        let name = case.path.display().to_string();
        let seen = venues.entry(case.venue.clone()).or_default();
        for transaction in events.chunk_by(|a, b| (a.key.height, &a.tx_id) == (b.key.height, &b.tx_id)) {
            one_taker_a_trade(&name, transaction);
            one_liquidation_an_account(&name, transaction);
        }
        for event in &events {
            match &event.body {
                EventBody::Fill(fill) => {
                    fill_is_what_it_says(&name, fill);
                    seen.trades += usize::from(fill.in_volume);
                    seen.liquidations += usize::from(is_liquidation(fill));
                    seen.adl += usize::from(fill.forced == Forced::Adl);
                }
                EventBody::Close(close) => {
                    seen.trades += 1;
                    seen.liquidations += usize::from(close.reason == CloseReason::Liquidation);
                    if let CloseSize::Qty { qty, .. } = close.size {
                        assert!(qty.native.is_positive(), "{name}: a close of nothing is no trade");
                    }
                }
                _ => {}
            }
        }
    }
    for info in perpdex_venues::VENUES.iter().map(|venue| venue.info()).filter(|info| is_traded_on_evm(info)) {
        let seen = venues.get(info.slug.as_str()).unwrap_or_else(|| panic!("{} has no golden case", info.slug));
        assert!(seen.trades > 0 || !info.gives.contains(&"trades"), "{}: no case trades", info.slug);
        assert!(seen.liquidations > 0 || !info.gives.contains(&"liquidations"), "{}: no case liquidates", info.slug);
    }
    assert!(venues["gmx_v2"].adl > 0, "{venues:?}");
}

fn is_evm(case: &Case) -> bool {
    CHAINS.iter().any(|chain| chain.id == case.chain && chain.kind == ChainKind::Evm)
}

fn is_traded_on_evm(info: &perpdex_core::VenueInfo) -> bool {
    let is_evm = |chain| CHAINS.iter().any(|info| info.id == chain && info.kind == ChainKind::Evm);
    info.deployments.iter().any(|deployment| is_evm(deployment.chain)) && info.gives.contains(&"trades")
}

fn fills(events: &[Event]) -> impl Iterator<Item = (&Event, &Fill)> {
    events.iter().filter_map(|event| match &event.body {
        EventBody::Fill(fill) => Some((event, &**fill)),
        _ => None,
    })
}

fn one_taker_a_trade(name: &str, transaction: &[Event]) {
    let mut takers: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, fill) in fills(transaction).filter(|(_, fill)| fill.in_volume) {
        *takers.entry(&fill.trade_key).or_default() += usize::from(fill.is_taker);
    }
    for event in transaction {
        if let EventBody::Close(close) = &event.body {
            *takers.entry(&close.trade_key).or_default() += 1;
        }
    }
    for (trade, takers) in takers {
        assert_eq!(takers, 1, "{name}: trade {trade} has {takers} takers in one transaction");
    }
}

fn one_liquidation_an_account(name: &str, transaction: &[Event]) {
    let mut liquidated = BTreeSet::new();
    for (event, fill) in fills(transaction).filter(|(_, fill)| is_liquidation(fill)) {
        let key = (event.market.clone(), fill.account.clone(), fill.position_key.clone(), fill.trade_key.clone());
        assert!(liquidated.insert(key.clone()), "{name}: {key:?} is liquidated twice by one execution");
    }
}

fn is_liquidation(fill: &Fill) -> bool {
    fill.liquidation.as_ref().is_some_and(|liquidation| liquidation.kind != LiquidationKind::Adl)
}

fn fill_is_what_it_says(name: &str, fill: &Fill) {
    assert!(fill.qty.native.is_positive(), "{name}: {} of nothing is no fill", fill.action.as_str());
    assert!(!fill.price.native.is_negative(), "{name}: a price below zero");
    if fill.forced == Forced::Adl {
        assert!(!is_liquidation(fill), "{name}: what was deleveraged counts as liquidated");
        assert_ne!(fill.action, Action::Liquidation, "{name}");
    }
    if fill.in_volume && is_liquidation(fill) {
        assert_eq!(fill.forced, Forced::Liq, "{name}: a liquidation is volume of its own class");
    }
}
