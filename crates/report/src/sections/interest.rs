//! Open interest and its change.

use perpdex_core::AmountError;

use super::{assets, everything, number, places, plots, text};
use crate::document::{Cell, Column, Section, Table};
use crate::figure::{cell, percent, words};
use crate::input::Input;
use crate::scope::Scope;

const FIGURES: [Column; 6] = [
    number("oi_one_usd", "OI USD", 0),
    number("oi_share_pct", "share %", 2),
    number("oi_change_usd", "change USD", 0),
    number("oi_change_pct", "change %", 2),
    number("oi_change_quantity_usd", "by quantity USD", 0),
    number("oi_change_price_usd", "by price USD", 0),
];

pub(super) fn section(input: &Input) -> Result<Section, AmountError> {
    let mut by_place = Vec::new();
    for (venue, chain, scope) in places(input) {
        by_place.push([vec![words(venue), words(chain)], figures(input, &scope)?].concat());
    }
    by_place.push([vec![words("ALL"), words("ALL")], figures(input, &everything(input))?].concat());
    let mut by_asset = Vec::new();
    for (asset, scope) in assets(input) {
        by_asset.push([vec![words(asset)], figures(input, &scope)?].concat());
    }
    let named = |columns: &[Column]| columns.iter().chain(&FIGURES).copied().collect();
    let if_empty = "no market is indexed in the window";
    Ok(Section {
        key: "open_interest",
        title: "Open interest",
        conventions: vec![
            "one-sided, (long + short) / 2, at mark, at the end of the window; sites that add both sides show twice as much".to_owned(),
            "mark: the market's own mark, oracle, index or mid price or its last execution, none older than the store's limit (an hour); \
             where it has none, the median of the asset's marks over the other venues"
                .to_owned(),
            "change: against the end of the hour before the window; by quantity = each market's change of quantity at its mark before, \
             by price = the rest, so that both add up to the change"
                .to_owned(),
        ],
        tables: vec![
            Table {
                key: "by_venue_and_chain",
                title: "By venue and chain".to_owned(),
                columns: named(&[text("venue", "venue"), text("chain", "chain")]),
                rows: by_place,
                if_empty,
            },
            Table { key: "by_asset", title: "By asset".to_owned(), columns: named(&[text("asset", "asset")]), rows: by_asset, if_empty },
        ],
        plots: vec![plots::interest(input)?],
    })
}

fn figures(input: &Input, scope: &Scope<'_>) -> Result<Vec<Cell>, AmountError> {
    let (before, end) = (input.window.from_hour - 1, input.window.to_hour - 1);
    let interest = scope.interest(end)?;
    let all = everything(input).interest(end)?;
    let change = scope.change(before, end)?;
    let growth = percent(&change.whole, &change.base, "open interest before the window")?;
    let share = percent(&interest, &all, "open interest")?;
    Ok([&interest, &share, &change.whole, &growth, &change.quantity, &change.price].map(cell).to_vec())
}
