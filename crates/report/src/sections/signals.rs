//! Signals, divergence of marks, collateral flows.

use perpdex_core::AmountError;

use super::{HOUR_MS, number, text, time};
use crate::document::{Cell, Section, Table};
use crate::figure::{count, stored, usd, words};
use crate::input::{Divergence, Flow, Input, SignalRow};

pub(super) fn section(input: &Input) -> Result<Section, AmountError> {
    Ok(Section {
        key: "signals",
        title: "Signals, divergence, flows",
        conventions: vec![
            "a signal describes hours that met its thresholds; it forecasts nothing".to_owned(),
            "divergence: a market's mark against the median of the other venues' marks of the asset, at the end of an hour".to_owned(),
            "flows: collateral in and out of the venue's contracts; dollars of tokens with a dollar price".to_owned(),
        ],
        tables: vec![signals(input), divergences(input), flows(input)?],
        plots: Vec::new(),
    })
}

fn signals(input: &Input) -> Table {
    let row = |signal: &SignalRow| {
        vec![
            words(&signal.name),
            words(&signal.asset),
            words(&signal.venue),
            count(signal.hours),
            words(time(signal.last_hour_id * HOUR_MS)),
            stored(signal.value_e6, 6, "has no single value"),
            stored(signal.threshold_e6, 6, "has no single threshold"),
            words(measured_in(&signal.name)),
        ]
    };
    Table {
        key: "signals",
        title: "Signals".to_owned(),
        columns: vec![
            text("name", "signal"),
            text("asset", "asset"),
            text("venue", "venue"),
            number("hours", "hours", 0),
            text("last_hour", "last hour"),
            number("value", "value then", 4),
            number("threshold", "threshold", 4),
            text("measured_in", "measured in"),
        ],
        rows: input.signals.iter().map(row).collect(),
        if_empty: "none was raised, in what is indexed",
    }
}

/// What the value and the threshold of a signal are.
fn measured_in(name: &str) -> &'static str {
    match name {
        "oi_up_funding_high" | "oi_falling" => "change of OI in quantity, fraction",
        "price_up_oi_down" => "change of price, fraction",
        "liq_spike" => "USD liquidated in the hour",
        "funding_flip" => "rate per hour x 10^6",
        "call_heavy_negative_funding" => "calls' share of options, fraction",
        _ => "",
    }
}

fn divergences(input: &Input) -> Table {
    let row = |one: &Divergence| {
        let names = [one.venue.clone(), one.chain.clone(), one.symbol.clone(), time(one.hour_id * HOUR_MS)];
        let figures = [stored(Some(one.divergence_ppm), 4, ""), count(one.venues)];
        names.into_iter().map(words).chain(figures).collect()
    };
    Table {
        key: "divergence",
        title: "Widest divergence of marks".to_owned(),
        columns: vec![
            text("venue", "venue"),
            text("chain", "chain"),
            text("symbol", "market"),
            text("hour", "hour"),
            number("divergence_pct", "from median %", 3),
            number("venues", "venues", 0),
        ],
        rows: input.divergences.iter().map(row).collect(),
        if_empty: "no asset has marks of several venues",
    }
}

fn flows(input: &Input) -> Result<Table, AmountError> {
    let mut rows = Vec::new();
    for Flow { chain, venue, scope, deposits, withdrawals, deposits_usd_e6, withdrawals_usd_e6 } in &input.flows {
        let net = usd(*deposits_usd_e6).add(&usd(*withdrawals_usd_e6).neg())?;
        rows.push(vec![
            words(venue),
            words(chain),
            words(scope),
            count(*deposits),
            count(*withdrawals),
            Cell::Number(usd(*deposits_usd_e6)),
            Cell::Number(usd(*withdrawals_usd_e6)),
            Cell::Number(net),
        ]);
    }
    Ok(Table {
        key: "flows",
        title: "Collateral flows".to_owned(),
        columns: vec![
            text("venue", "venue"),
            text("chain", "chain"),
            text("scope", "scope"),
            number("deposits", "deposits", 0),
            number("withdrawals", "withdrawals", 0),
            number("deposits_usd", "in USD", 0),
            number("withdrawals_usd", "out USD", 0),
            number("net_usd", "net USD", 0),
        ],
        rows,
        if_empty: "none was seen",
    })
}
