//! Curves over the hours of the window. Doubles begin here.

use perpdex_core::AmountError;

use super::{assets, everything, venues};
use crate::document::{Plot, PlotKind, Series};
use crate::figure::Sum;
use crate::input::{Hour, Input};
use crate::scope::Scope;

/// Curves of one plot: more cannot be told apart.
const SERIES_MAX: usize = 8;

/// Open interest of each venue.
pub(super) fn interest(input: &Input) -> Result<Plot, AmountError> {
    let mut series = Vec::new();
    for (name, scope) in venues(input) {
        let points = hours(input).map(|hour| Ok((hour, scope.interest(hour)?.ok().map(|one| one.to_f64())))).collect::<Result<_, _>>()?;
        series.push(Series { name, points });
    }
    Ok(Plot {
        title: "Open interest by venue, one-sided at mark, USD; a gap is not known".to_owned(),
        kind: PlotKind::Lines,
        series: largest(series),
    })
}

/// Volume of each venue by hour.
pub(super) fn volume(input: &Input) -> Plot {
    let of = |scope: &Scope<'_>, hour| total(scope, hour, |hour| hour.volume_usd_e6.filter(|_| hour.fills_ppm == 1_000_000), 1e6);
    let series = |(name, scope): (String, Scope<'_>)| Series { name, points: hours(input).map(|hour| (hour, of(&scope, hour))).collect() };
    Plot {
        title: "Volume by venue and hour, taker side once, USD; a gap is not known".to_owned(),
        kind: PlotKind::Lines,
        series: largest(venues(input).into_iter().map(series).collect()),
    }
}

/// OI-weighted funding of each asset.
pub(super) fn funding(input: &Input) -> Result<Plot, AmountError> {
    let mut series = Vec::new();
    for (name, scope) in assets(input) {
        let rate = |hour| -> Result<Sum, AmountError> { Ok(scope.weighted_rate(hour..hour + 1)?.0) };
        let point = |hour| Ok((hour, rate(hour)?.ok().map(|rate| rate.to_f64() * 800.0)));
        series.push((weight(&scope, input), Series { name, points: hours(input).map(point).collect::<Result<_, AmountError>>()? }));
    }
    // Assets by their open interest: their rates say nothing of their size.
    series.sort_by(|a, b| b.0.total_cmp(&a.0));
    let series = series.into_iter().map(|(_, series)| series).filter(|series| series.points.iter().any(|point| point.1.is_some()));
    Ok(Plot {
        title: "OI-weighted funding of the largest assets, % per 8 h, above 0 longs pay; a gap is not known".to_owned(),
        kind: PlotKind::Lines,
        series: series.take(SERIES_MAX).collect(),
    })
}

/// Liquidated longs upwards, shorts downwards.
pub(super) fn liquidations(input: &Input) -> Plot {
    let all = everything(input);
    let series = |name: &str, pick: fn(&Hour) -> Option<i64>| Series {
        name: name.to_owned(),
        points: hours(input).map(|hour| (hour, total(&all, hour, pick, 1e6))).collect(),
    };
    Plot {
        title: "Liquidations by hour, longs up, shorts down, USD; of what is indexed".to_owned(),
        kind: PlotKind::Bars,
        series: vec![series("longs", |hour| hour.liq_long_usd_e6), series("shorts", |hour| hour.liq_short_usd_e6)],
    }
}

fn hours(input: &Input) -> std::ops::Range<i64> {
    input.window.from_hour..input.window.to_hour
}

/// The sum of what is known of an hour; none where nothing is.
fn total(scope: &Scope<'_>, hour: i64, pick: impl Fn(&Hour) -> Option<i64>, unit: f64) -> Option<f64> {
    let known = scope.markets.iter().filter_map(|market| market.hours.get(&hour).and_then(&pick));
    known.map(i128::from).fold(None, |sum: Option<i128>, value| Some(sum.unwrap_or(0) + value)).map(|sum| sum as f64 / unit)
}

fn weight(scope: &Scope<'_>, input: &Input) -> f64 {
    total(scope, input.window.to_hour - 1, |hour| hour.one_mark_usd_e6, 1e6).unwrap_or(0.0)
}

/// The curves with the highest points, by name.
fn largest(mut series: Vec<Series>) -> Vec<Series> {
    let height = |series: &Series| series.points.iter().filter_map(|point| point.1).fold(f64::MIN, f64::max);
    series.retain(|series| series.points.iter().any(|point| point.1.is_some()));
    series.sort_by(|a, b| height(b).total_cmp(&height(a)).then_with(|| a.name.cmp(&b.name)));
    series.truncate(SERIES_MAX);
    series
}
