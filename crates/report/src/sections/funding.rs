//! Funding, borrow fees, and the extremes of rates.

use perpdex_core::{AmountError, Decimal};

use super::{HOUR_MS, assets, number, places, plots, text, time};
use crate::document::{Cell, Column, Section, Table};
use crate::figure::{Sum, cell, scaled, stored, words};
use crate::input::Input;
use crate::scope::{Measure, Scope};

const RATES: [Column; 4] = [
    number("rate_1h_pct", "per hour %", 5),
    number("rate_8h_pct", "per 8 h %", 4),
    number("apr_pct", "per year %", 2),
    number("oi_covered_share", "share of OI with a rate", 3),
];
const PAID: [Column; 3] = [
    number("funding_charged_usd", "funding paid USD", 0),
    number("funding_received_usd", "funding received USD", 0),
    number("borrow_charged_usd", "borrow fees paid USD", 0),
];

const CHARGED: Measure = Measure::funding_usd(|hour| hour.funding_charged_usd_e6);
const RECEIVED: Measure = Measure::funding_usd(|hour| hour.funding_received_usd_e6);
const BORROW: Measure = Measure::funding_usd(|hour| hour.borrow_charged_usd_e6);

/// Extreme hours that are listed; all are counted.
const LISTED_MAX: usize = 10;

pub(super) fn section(input: &Input) -> Result<Section, AmountError> {
    let hours = || input.window.from_hour..input.window.to_hour;
    let mut by_place = Vec::new();
    for (venue, chain, scope) in places(input) {
        let paid = [&scope.sum(hours(), &CHARGED)?, &scope.sum(hours(), &RECEIVED)?, &scope.sum(hours(), &BORROW)?].map(cell);
        by_place.push([vec![words(venue), words(chain)], rates(input, &scope)?, paid.to_vec()].concat());
    }
    let mut by_asset = Vec::new();
    for (asset, scope) in assets(input) {
        by_asset.push([vec![words(asset)], rates(input, &scope)?].concat());
    }
    Ok(Section {
        key: "funding",
        title: "Funding",
        conventions: vec![
            "holder's cost: above 0 longs pay; mean of the window's hourly rates, each weighted by one-sided OI at mark; 8 h = 8 x hour, \
             year = 8,760 x hour, simple; borrow fees are never mixed in"
                .to_owned(),
            "paid and received are gross: on an order book they cancel, on a pool the rest goes to the pool or a smaller side".to_owned(),
            "extreme: |z| >= 3, or a rank of at most 1 % or at least 99 %, against the market's own previous 30 days of hours (168 or more)".to_owned(),
        ],
        tables: vec![
            Table {
                key: "by_venue_and_chain",
                title: "By venue and chain".to_owned(),
                columns: [&[text("venue", "venue"), text("chain", "chain")][..], &RATES, &PAID].concat(),
                rows: by_place,
                if_empty: "no market is indexed in the window",
            },
            Table {
                key: "by_asset",
                title: "By asset, over all venues".to_owned(),
                columns: [&[text("asset", "asset")][..], &RATES].concat(),
                rows: by_asset,
                if_empty: "no market is indexed in the window",
            },
            extremes(input)?,
        ],
        plots: vec![plots::funding(input)?],
    })
}

/// Rate per hour, 8 hours, year, and the share of open interest behind it.
fn rates(input: &Input, scope: &Scope<'_>) -> Result<Vec<Cell>, AmountError> {
    let (rate, share) = scope.weighted_rate(input.window.from_hour..input.window.to_hour)?;
    let times = |factor: i64| -> Result<Sum, AmountError> {
        rate.as_ref().map_or_else(|why| Ok(Err(why.clone())), |rate| Ok(Ok(rate.mul(&Decimal::from(factor))?)))
    };
    Ok([&times(100)?, &times(800)?, &times(876_000)?, &share].map(cell).to_vec())
}

fn extremes(input: &Input) -> Result<Table, AmountError> {
    let row = |extreme: &crate::input::Extreme| -> Result<Vec<Cell>, AmountError> {
        Ok(vec![
            words(time(extreme.hour_id * HOUR_MS)),
            words(&extreme.venue),
            words(&extreme.chain),
            words(&extreme.symbol),
            Cell::Number(scaled(extreme.rate_1h_e12, 12).mul(&Decimal::from(800))?),
            stored(extreme.z_e6, 6, "the rate did not move in 30 days"),
            stored(extreme.rank_ppm, 4, "no rank"),
        ])
    };
    let shown = input.extremes.iter().take(LISTED_MAX).map(row).collect::<Result<_, _>>()?;
    Ok(Table {
        key: "extremes",
        title: match input.extremes.len() {
            all if all > LISTED_MAX => format!("Extreme rates: the {LISTED_MAX} widest of {all} market hours"),
            _ => "Extreme rates".to_owned(),
        },
        columns: vec![
            text("hour", "hour"),
            text("venue", "venue"),
            text("chain", "chain"),
            text("symbol", "market"),
            number("rate_8h_pct", "per 8 h %", 4),
            number("z", "z", 2),
            number("rank_pct", "rank %", 1),
        ],
        rows: shown,
        if_empty: "no rate was extreme, or no market has a week of rates to compare with",
    })
}
