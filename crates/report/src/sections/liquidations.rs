//! Liquidations and cascades.

use perpdex_core::AmountError;

use super::{everything, number, places, plots, text, time};
use crate::document::{Cell, Column, Section, Table};
use crate::figure::{Sum, cell, count, less, percent, ratio, stored, usd, words};
use crate::input::{Cascade, Input};
use crate::scope::{Measure, Scope, VOLUME};

const FIGURES: [Column; 7] = [
    number("liquidations", "liquidations", 0),
    number("liq_usd", "liquidated USD", 0),
    number("liq_long_usd", "longs USD", 0),
    number("liq_short_usd", "shorts USD", 0),
    number("liq_volume_pct", "of volume %", 3),
    number("liq_intensity_pct", "of OI before %", 3),
    number("adl_usd", "ADL USD", 0),
];

const ROWS: Measure = Measure::fills(|hour| hour.liq_rows).of_liquidations();
const LONGS: Measure = Measure::fills_usd(|hour| hour.liq_long_usd_e6).of_liquidations();
const SHORTS: Measure = Measure::fills_usd(|hour| hour.liq_short_usd_e6).of_liquidations();
const OF_VOLUME: Measure = Measure::fills_usd(|hour| hour.liq_volume_usd_e6).of_liquidations();
const DELEVERAGED: Measure = Measure::fills_usd(|hour| hour.adl_usd_e6).of_liquidations();

pub(super) fn section(input: &Input) -> Result<Section, AmountError> {
    let mut rows = Vec::new();
    for (venue, chain, scope) in places(input) {
        rows.push([vec![words(venue), words(chain)], figures(input, &scope)?].concat());
    }
    rows.push([vec![words("ALL"), words("ALL")], figures(input, &everything(input))?].concat());
    Ok(Section {
        key: "liquidations",
        title: "Liquidations",
        conventions: vec![
            "the side is that of the position that was closed; notional at execution prices; auto-deleveraging is apart and in no total".to_owned(),
            "of volume: in the venue's own notional on both sides; of OI before: over one-sided OI at mark at the start of the window".to_owned(),
            "a cascade: minutes of liquidations of one asset over all venues at or above max(floor, 3 x the 99th percentile of the day before), \
             joined while five minutes or less lie between; trailing data only"
                .to_owned(),
        ],
        tables: vec![
            Table {
                key: "by_venue_and_chain",
                title: "By venue and chain".to_owned(),
                columns: [&[text("venue", "venue"), text("chain", "chain")][..], &FIGURES].concat(),
                rows,
                if_empty: "no market is indexed in the window",
            },
            largest(input),
            cascades(input)?,
        ],
        plots: vec![plots::liquidations(input)],
    })
}

fn figures(input: &Input, scope: &Scope<'_>) -> Result<Vec<Cell>, AmountError> {
    let hours = || input.window.from_hour..input.window.to_hour;
    let (longs, shorts) = (scope.sum(hours(), &LONGS)?, scope.sum(hours(), &SHORTS)?);
    let both: Sum = less(&longs, &shorts.clone().map(|shorts| shorts.neg()))?;
    let before = scope.change(input.window.from_hour - 1, input.window.to_hour - 1)?.base;
    Ok([
        &scope.sum(hours(), &ROWS)?,
        &both,
        &longs,
        &shorts,
        &percent(&scope.sum(hours(), &OF_VOLUME)?, &scope.sum(hours(), &VOLUME)?, "volume")?,
        &percent(&both, &before, "open interest before the window")?,
        &scope.sum(hours(), &DELEVERAGED)?,
    ]
    .map(cell)
    .to_vec())
}

fn largest(input: &Input) -> Table {
    let row = |one: &crate::input::LargestLiquidation| {
        let names = [time(one.ts_ms), one.venue.clone(), one.chain.clone(), one.asset.clone(), one.side.clone(), one.kind.clone()];
        names.into_iter().map(words).chain([Cell::Number(usd(one.usd_e6)), words(&one.tx_id)]).collect()
    };
    Table {
        key: "largest",
        title: "The largest".to_owned(),
        columns: vec![
            text("time", "time"),
            text("venue", "venue"),
            text("chain", "chain"),
            text("asset", "asset"),
            text("side", "side"),
            text("kind", "kind"),
            number("liq_usd", "liquidated USD", 0),
            text("tx_id", "transaction"),
        ],
        rows: input.largest.iter().map(row).collect(),
        if_empty: "none in what is indexed",
    }
}

fn cascades(input: &Input) -> Result<Table, AmountError> {
    let row = |one: &Cascade| -> Result<Vec<Cell>, AmountError> {
        let total: Sum = Ok(usd(one.usd_e6));
        Ok(vec![
            words(time(one.start_ms)),
            words(&one.asset),
            words(&one.side),
            count((one.end_ms - one.start_ms) / 60_000),
            cell(&total),
            cell(&ratio(&Ok(usd(one.long_usd_e6)), &total, "the total")?),
            Cell::Number(usd(one.peak_minute_usd_e6)),
            stored(one.price_move_ppm, 4, "no price of the asset in it"),
            one.oi_destroyed_usd_e6
                .map_or_else(|| Cell::Missing("open interest is not covered".to_owned()), |fall| Cell::Number(usd(fall))),
            words(&one.venue_list),
            words(&one.first_venue),
            words(if one.is_cross_venue { "yes" } else { "no" }),
        ])
    };
    Ok(Table {
        key: "cascades",
        title: "Cascades".to_owned(),
        columns: vec![
            text("start", "start"),
            text("asset", "asset"),
            text("side", "side"),
            number("minutes", "minutes", 0),
            number("liq_usd", "liquidated USD", 0),
            number("long_share", "long share", 3),
            number("peak_minute_usd", "peak minute USD", 0),
            number("price_move_pct", "price move %", 2),
            number("oi_destroyed_usd", "OI destroyed USD", 0),
            text("venues", "venues"),
            text("first_venue", "first"),
            text("cross_venue", "cross-venue"),
        ],
        rows: input.cascades.iter().map(row).collect::<Result<_, _>>()?,
        if_empty: "none began in the window, in what is indexed",
    })
}
