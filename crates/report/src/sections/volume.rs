//! Volume, and open interest over volume.

use perpdex_core::AmountError;

use super::{assets, everything, number, places, plots, text};
use crate::document::{Cell, Column, Section, Table};
use crate::figure::{cell, less, percent, ratio, words};
use crate::input::{Input, RATIO_HOURS};
use crate::scope::{Measure, Scope, VOLUME};

const FIGURES: [Column; 9] = [
    number("trades", "trades", 0),
    number("volume_usd", "volume USD", 0),
    number("volume_share_pct", "share %", 2),
    number("organic_usd", "organic USD", 0),
    number("taker_buy_pct", "taker buy %", 2),
    number("fees_usd", "fees USD", 0),
    number("volume_24h_usd", "24 h volume USD", 0),
    number("oi_over_volume", "OI / 24 h volume", 3),
    number("turnover", "turnover", 3),
];

const TRADES: Measure = Measure::fills(|hour| hour.trades);
const LIQUIDATED: Measure = Measure::fills_usd(|hour| hour.liq_volume_usd_e6).of_liquidations();
const DELEVERAGED: Measure = Measure::fills_usd(|hour| hour.adl_volume_usd_e6).of_liquidations();
const BOUGHT: Measure = Measure::fills_usd(|hour| hour.taker_buy_usd_e6);
const SOLD: Measure = Measure::fills_usd(|hour| hour.taker_sell_usd_e6);
const FEES: Measure = Measure::fills_usd(|hour| hour.fees_usd_e6).of_accounts();

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
        key: "volume",
        title: "Volume",
        conventions: conventions(input),
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
        plots: vec![plots::volume(input)],
    })
}

fn conventions(input: &Input) -> Vec<String> {
    let mut out = vec![
        "taker side, each trade once, as the venue counts notional; organic = without liquidations and auto-deleveraging".to_owned(),
        "taker buy: share of buyers in the taker volume that has a direction (liquidations by a venue's vault and ADL have none)"
            .to_owned(),
        format!(
            "OI / 24 h volume: one-sided OI at mark at the end of the window over the volume of the {RATIO_HOURS} hours to the same \
             instant; turnover is its inverse"
        ),
    ];
    let mut entry: Vec<&str> = input.markets.iter().filter(|market| market.is_entry_volume).map(|market| market.venue.as_str()).collect();
    entry.sort_unstable();
    entry.dedup();
    if !entry.is_empty() {
        out.push(format!("{}: closes count at entry price, as the venue itself counts them", entry.join(", ")));
    }
    out
}

fn figures(input: &Input, scope: &Scope<'_>) -> Result<Vec<Cell>, AmountError> {
    let window = input.window;
    let hours = || window.from_hour..window.to_hour;
    let (trades, volume) = (scope.sum(hours(), &TRADES)?, scope.sum(hours(), &VOLUME)?);
    let all = everything(input).sum(hours(), &VOLUME)?;
    let organic = less(&less(&volume, &scope.sum(hours(), &LIQUIDATED)?)?, &scope.sum(hours(), &DELEVERAGED)?)?;
    let (bought, sold) = (scope.sum(hours(), &BOUGHT)?, scope.sum(hours(), &SOLD)?);
    let directed = less(&bought, &sold.map(|sold| sold.neg()))?;
    let day = scope.sum(window.to_hour - RATIO_HOURS..window.to_hour, &VOLUME)?;
    let day = if window_reaches(input, scope) { day } else { Err(format!("history is shorter than {RATIO_HOURS} hours")) };
    let interest = scope.interest(window.to_hour - 1)?;
    Ok([
        &trades,
        &volume,
        &percent(&volume, &all, "volume")?,
        &organic,
        &percent(&bought, &directed, "volume with a direction")?,
        &scope.sum(hours(), &FEES)?,
        &day,
        &ratio(&interest, &day, "volume of 24 hours")?,
        &ratio(&day, &interest, "open interest")?,
    ]
    .map(cell)
    .to_vec())
}

/// Whether the 24 hours are all there: a market that was listed in them has no more history than it shows.
fn window_reaches(input: &Input, scope: &Scope<'_>) -> bool {
    let first = input.window.to_hour - RATIO_HOURS;
    scope.markets.iter().all(|market| market.first_hour <= first || market.listed_hour.is_some_and(|listed| listed >= first))
}
