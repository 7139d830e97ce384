//! How much of a market its largest venues hold.

use perpdex_core::{AmountError, Decimal};

use super::{assets, everything, number, text, venues};
use crate::document::{Cell, Section, Table};
use crate::figure::{Sum, cell, count, words};
use crate::input::Input;
use crate::scope::{Scope, VOLUME};

/// Digits of a share behind the point before it is squared.
const SHARE_DIGITS: u8 = 12;

pub(super) fn section(input: &Input) -> Result<Section, AmountError> {
    let mut rows = Vec::new();
    let all = [("ALL".to_owned(), everything(input))];
    for (asset, _) in all.into_iter().chain(assets(input)) {
        for basis in [Basis::Interest, Basis::Volume] {
            rows.push(row(input, &asset, basis)?);
        }
    }
    Ok(Section {
        key: "concentration",
        title: "Concentration",
        conventions: vec![
            "HHI = 10,000 x the sum of squared shares, over the venues that are listed: those whose figure is known; effective venues = \
             10,000 / HHI"
                .to_owned(),
            "open interest one-sided at mark at the end of the window; volume of the window, taker side once".to_owned(),
        ],
        tables: vec![Table {
            key: "by_asset",
            title: "By asset".to_owned(),
            columns: vec![
                text("asset", "asset"),
                text("basis", "basis"),
                number("total_usd", "total USD", 0),
                number("hhi", "HHI", 0),
                number("effective_venues", "effective venues", 2),
                number("venues", "venues", 0),
                text("venue_shares", "shares"),
                text("venues_left_out", "left out"),
            ],
            rows,
            if_empty: "no market is indexed in the window",
        }],
        plots: Vec::new(),
    })
}

#[derive(Clone, Copy)]
enum Basis {
    Interest,
    Volume,
}

fn row(input: &Input, asset: &str, basis: Basis) -> Result<Vec<Cell>, AmountError> {
    let (mut known, mut left_out) = (Vec::new(), Vec::new());
    for (venue, scope) in venues(input) {
        let markets = scope.markets.into_iter().filter(|market| asset == "ALL" || market.asset == asset);
        let scope = Scope { markets: markets.collect() };
        if scope.markets.is_empty() {
            continue;
        }
        let figure = match basis {
            Basis::Interest => scope.interest(input.window.to_hour - 1)?,
            Basis::Volume => scope.sum(input.window.from_hour..input.window.to_hour, &VOLUME)?,
        };
        match figure {
            Ok(figure) => known.push((venue, figure)),
            Err(_) => left_out.push(venue),
        }
    }
    known.sort_by(|a, b| by_size(&b.1, &a.1).then_with(|| a.0.cmp(&b.0)));
    let total = known.iter().try_fold(Decimal::ZERO, |sum, (_, figure)| sum.add(figure))?;
    let (hhi, effective) = index(&known, &total)?;
    let name = match basis {
        Basis::Interest => "open interest",
        Basis::Volume => "volume",
    };
    let shares = known.iter().map(|(venue, figure)| share_text(venue, figure, &total)).collect::<Result<Vec<_>, _>>()?;
    Ok(vec![
        words(asset),
        words(name),
        cell(&if known.is_empty() { Err(UNKNOWN.to_owned()) } else { Ok(total) }),
        cell(&hhi),
        cell(&effective),
        count(i64::try_from(known.len()).unwrap_or(i64::MAX)),
        words(shares.join(", ")),
        words(left_out.join(", ")),
    ])
}

fn by_size(a: &Decimal, b: &Decimal) -> std::cmp::Ordering {
    let scale = a.scale.max(b.scale);
    match (a.rescale(scale), b.rescale(scale)) {
        (Ok(a), Ok(b)) => a.value.cmp(&b.value),
        _ => std::cmp::Ordering::Equal,
    }
}

/// Why there is no total.
const UNKNOWN: &str = "the figure of no venue is known";

/// HHI and effective venues.
fn index(known: &[(String, Decimal)], total: &Decimal) -> Result<(Sum, Sum), AmountError> {
    if total.is_zero() {
        let why = || if known.is_empty() { UNKNOWN } else { "the total is 0" }.to_owned();
        return Ok((Err(why()), Err(why())));
    }
    let mut squares = Decimal::ZERO;
    for (_, figure) in known {
        let share = figure.div(total, SHARE_DIGITS)?;
        squares = squares.add(&share.mul(&share)?)?;
    }
    let hhi = squares.mul(&Decimal::from(10_000))?;
    Ok((Ok(hhi), Ok(Decimal::from(1).div(&squares, SHARE_DIGITS)?)))
}

fn share_text(venue: &str, figure: &Decimal, total: &Decimal) -> Result<String, AmountError> {
    if total.is_zero() {
        return Ok(venue.to_owned());
    }
    let share = figure.mul(&Decimal::from(100))?.div(total, 1)?;
    Ok(format!("{venue} {} %", crate::figure::grouped(&share, 1)))
}
