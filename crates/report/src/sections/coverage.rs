//! What is known, and what the figures above do not say.

use perpdex_core::{AmountError, Decimal};

use super::{number, places, text};
use crate::document::{Cell, Section, Table};
use crate::figure::{cell, count, percent, words};
use crate::input::{Input, StreamState};
use crate::scope::Scope;

pub(super) fn section(input: &Input) -> Result<Section, AmountError> {
    let mut hours = Vec::new();
    for (venue, chain, scope) in places(input) {
        hours.push([vec![words(venue), words(chain)], covered(input, &scope)?].concat());
    }
    Ok(Section {
        key: "coverage",
        title: "Coverage and caveats",
        conventions: caveats(input),
        tables: vec![
            Table {
                key: "market_hours",
                title: "Market hours of the window".to_owned(),
                columns: vec![
                    text("venue", "venue"),
                    text("chain", "chain"),
                    number("markets", "markets", 0),
                    number("market_hours", "market hours", 0),
                    number("fills_whole_pct", "fills whole %", 2),
                    number("funding_whole_pct", "funding whole %", 2),
                    number("oi_known_pct", "OI known %", 2),
                    number("mark_known_pct", "mark known %", 2),
                ],
                rows: hours,
                if_empty: "no market is indexed in the window",
            },
            streams(input),
        ],
        plots: Vec::new(),
    })
}

/// How many hours of the markets are whole, by what.
fn covered(input: &Input, scope: &Scope<'_>) -> Result<Vec<Cell>, AmountError> {
    let (mut expected, mut found) = (0_i64, [0_i64; 4]);
    let markets = scope.markets.iter().filter(|market| market.first_hour < input.window.to_hour);
    for market in markets.clone() {
        for hour_id in input.window.from_hour.max(market.first_hour)..input.window.to_hour {
            expected += 1;
            let Some(hour) = market.hours.get(&hour_id) else { continue };
            let met = [hour.fills_ppm == 1_000_000, hour.funding_ppm == 1_000_000, hour.long_q.is_some(), hour.mark.is_some()];
            found.iter_mut().zip(met).for_each(|(found, met)| *found += i64::from(met));
        }
    }
    let share = |found: i64| percent(&Ok(Decimal::from(found)), &Ok(Decimal::from(expected)), "the number of market hours");
    let mut cells = vec![count(i64::try_from(markets.count()).unwrap_or(i64::MAX)), count(expected)];
    for found in found {
        cells.push(cell(&share(found)?));
    }
    Ok(cells)
}

fn caveats(input: &Input) -> Vec<String> {
    let mut out = vec![
        "only indexed venues are in these figures: a share here is a share of what is indexed, not of the world".to_owned(),
        "heights and evidence are those of the whole store; market hours those of the window".to_owned(),
    ];
    let window = input.window.from_hour..input.window.to_hour;
    let hours = input.markets.iter().flat_map(|market| market.hours.range(window.clone()));
    let unpriced: i64 = hours.filter_map(|(_, hour)| hour.fees_unpriced).sum();
    if unpriced > 0 {
        out.push(format!("{unpriced} fees were paid in tokens without a dollar price and are not in the fees"));
    }
    for waiting in &input.waiting {
        let what = &waiting.target;
        out.push(format!("{} events wait for their {what} and are in no figure yet (v_unresolved)", waiting.events));
    }
    let mut failed: Vec<(&str, i64)> = input.streams.iter().map(|stream| (stream.chain.as_str(), stream.decode_failures)).collect();
    failed.sort_unstable();
    failed.dedup();
    for (chain, failures) in failed.into_iter().filter(|(_, failures)| *failures > 0) {
        out.push(format!("{failures} records of {chain} could not be decoded (v_decode_failures)"));
    }
    out
}

fn streams(input: &Input) -> Table {
    let whole = |number: u64| count(i64::try_from(number).unwrap_or(i64::MAX));
    let row = |stream: &StreamState| {
        vec![
            words(&stream.chain),
            words(&stream.stream),
            whole(stream.covered),
            stream.missing.map_or_else(|| Cell::Missing("no head is known".to_owned()), whole),
            whole(stream.holes),
            words(&stream.evidence),
            words(if stream.sees_unknown { "yes" } else { "no" }),
        ]
    };
    Table {
        key: "streams",
        title: "Streams".to_owned(),
        columns: vec![
            text("chain", "chain"),
            text("stream", "stream"),
            number("covered_heights", "heights covered", 0),
            number("missing_heights", "missing", 0),
            number("holes", "holes", 0),
            text("evidence_min", "weakest evidence"),
            text("sees_unknown", "sees unknown events"),
        ],
        rows: input.streams.iter().map(row).collect(),
        if_empty: "nothing is wanted and nothing is indexed",
    }
}
