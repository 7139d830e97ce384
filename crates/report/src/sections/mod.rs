//! The sections: each is one subject, made from the same input.

mod concentration;
mod coverage;
mod funding;
mod interest;
mod liquidations;
mod plots;
mod signals;
mod volume;

use crate::document::{Column, Form, Section};
use crate::error::ReportError;
use crate::input::Input;
use crate::scope::Scope;

/// All sections in order.
pub(crate) fn all(input: &Input) -> Result<Vec<Section>, ReportError> {
    Ok(vec![
        interest::section(input)?,
        volume::section(input)?,
        funding::section(input)?,
        liquidations::section(input)?,
        concentration::section(input)?,
        signals::section(input)?,
        coverage::section(input)?,
    ])
}

/// The heading of the report.
pub(crate) fn title(input: &Input) -> String {
    let window = input.window;
    format!("Perpetual futures, {} to {}", time(window.from_hour * HOUR_MS), time(window.to_hour * HOUR_MS))
}

/// What the report is of.
pub(crate) fn scope_lines(input: &Input) -> Vec<String> {
    let chosen = |what: &str, names: &[String]| match names.is_empty() {
        true => format!("{what}: all that are indexed"),
        false => format!("{what}: {}", names.join(", ")),
    };
    vec![
        format!("{} whole hours, UTC, from the first moment inside to the last outside; {}", input.window.hours(), input.place),
        format!("{}; {}", chosen("venues", &input.venues), chosen("assets", &input.assets)),
        "where a figure is missing, a letter leads to the reason below its table; a reason is never a zero".to_owned(),
    ]
}

pub(crate) const HOUR_MS: i64 = 3_600_000;

/// Unix milliseconds as `YYYY-MM-DDTHH:MM:SSZ`.
pub(crate) fn time(ts_ms: i64) -> String {
    let (days, second) = (ts_ms.div_euclid(86_400_000), ts_ms.div_euclid(1_000).rem_euclid(86_400));
    let (year, month, day) = date(days);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", second / 3_600, second / 60 % 60, second % 60)
}

/// The civil date of a day since 1970, by the calendar of 400-year eras that begin on 1 March of the year 0.
fn date(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let (era, in_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (in_era - in_era / 1_460 + in_era / 36_524 - in_era / 146_096) / 365;
    let in_year = in_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * in_year + 2) / 153;
    let day = in_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

/// A column of words.
const fn text(key: &'static str, label: &'static str) -> Column {
    Column { key, label, form: Form::Text }
}

/// A column of numbers.
const fn number(key: &'static str, label: &'static str, digits: u8) -> Column {
    Column { key, label, form: Form::Digits(digits) }
}

/// Venues on their chains, with their markets, by name.
fn places(input: &Input) -> Vec<(String, String, Scope<'_>)> {
    let mut names: Vec<(&str, &str)> = input.markets.iter().map(|market| (market.venue.as_str(), market.chain.as_str())).collect();
    names.sort_unstable();
    names.dedup();
    let scope = |(venue, chain): (&str, &str)| {
        (venue.to_owned(), chain.to_owned(), Scope::new(input, |market| market.venue == venue && market.chain == chain))
    };
    names.into_iter().map(scope).collect()
}

/// Venues over all their chains, by name.
fn venues(input: &Input) -> Vec<(String, Scope<'_>)> {
    grouped_by(input, |market| &market.venue)
}

/// Assets over all venues, by name.
fn assets(input: &Input) -> Vec<(String, Scope<'_>)> {
    grouped_by(input, |market| &market.asset)
}

fn grouped_by(input: &Input, name: fn(&crate::input::Market) -> &String) -> Vec<(String, Scope<'_>)> {
    let mut names: Vec<&String> = input.markets.iter().map(name).collect();
    names.sort_unstable();
    names.dedup();
    names.into_iter().map(|wanted| (wanted.clone(), Scope::new(input, |market| name(market) == wanted))).collect()
}

/// Everything in one row.
fn everything(input: &Input) -> Scope<'_> {
    Scope::new(input, |_| true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_civil() {
        for (ts_ms, want) in [
            (0, "1970-01-01T00:00:00Z"),
            (1_709_164_801_000, "2024-02-29T00:00:01Z"),
            (1_775_520_000_000, "2026-04-07T00:00:00Z"),
            (951_868_799_000, "2000-02-29T23:59:59Z"),
            (-1_000, "1969-12-31T23:59:59Z"),
        ] {
            assert_eq!(time(ts_ms), want);
        }
    }
}
