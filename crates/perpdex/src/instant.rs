//! Points of a chain as a user writes them: a height, or a time in ISO 8601, UTC.

use std::fmt;

/// A height or a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Point {
    /// Block number, slot or HyperCore block number.
    Height(u64),
    /// Unix milliseconds.
    Time(i64),
}

/// What a point looks like, for error messages.
pub(crate) const POINT_FORMS: &str = "a height such as 450000000, or a UTC time such as 2026-03-01 or 2026-03-01T12:30:00Z";

/// Reads digits as a height and everything else as a time.
pub(crate) fn parse_point(text: &str) -> Result<Point, String> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().map(Point::Height).map_err(|_| format!("height {text} does not fit in 64 bits"));
    }
    parse_time(text).map(Point::Time).ok_or_else(|| format!("{text:?} is not {POINT_FORMS}"))
}

/// Reads `YYYY-MM-DD`, `YYYY-MM-DDTHH:MM` or `YYYY-MM-DDTHH:MM:SS`, with or without `Z`, as unix milliseconds.
pub(crate) fn parse_time(text: &str) -> Option<i64> {
    let text = text.strip_suffix(['Z', 'z']).unwrap_or(text);
    let (date, clock) = match text.split_once(['T', 't', ' ']) {
        Some((date, clock)) => (date, Some(clock)),
        None => (text, None),
    };
    let [year, month, day] = numbers(date, '-', &[4, 2, 2])?[..] else { return None };
    if !(1..=12).contains(&month) || day < 1 || day > days_in_month(year, month) {
        return None;
    }
    let (hour, minute, second) = match clock {
        None => (0, 0, 0),
        Some(clock) => match numbers(clock, ':', &[2, 2, 2]).or_else(|| numbers(clock, ':', &[2, 2]))?[..] {
            [hour, minute, second] => (hour, minute, second),
            [hour, minute] => (hour, minute, 0),
            _ => return None,
        },
    };
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    Some((days_from_epoch(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second) * 1_000)
}

/// Unix milliseconds as `YYYY-MM-DDTHH:MM:SSZ`.
pub(crate) fn format_time(ts_ms: i64) -> String {
    let seconds = ts_ms.div_euclid(1_000);
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = date_of(days);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", second / 3_600, second / 60 % 60, second % 60)
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Point::Height(height) => write!(f, "{height}"),
            Point::Time(ts_ms) => f.write_str(&format_time(*ts_ms)),
        }
    }
}

/// Digit groups of fixed widths between separators.
fn numbers(text: &str, separator: char, widths: &[usize]) -> Option<Vec<i64>> {
    let parts: Vec<&str> = text.split(separator).collect();
    if parts.len() != widths.len() {
        return None;
    }
    parts
        .iter()
        .zip(widths)
        .map(|(part, width)| (part.len() == *width && part.bytes().all(|byte| byte.is_ascii_digit())).then(|| part.parse().ok()).flatten())
        .collect()
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days of all years before `year` since the year 0 of the proleptic Gregorian calendar.
fn days_before_year(year: i64) -> i64 {
    let last = year - 1;
    year * 365 + last.div_euclid(4) - last.div_euclid(100) + last.div_euclid(400)
}

fn days_from_epoch(year: i64, month: i64, day: i64) -> i64 {
    let months: i64 = (1..month).map(|month| days_in_month(year, month)).sum();
    days_before_year(year) - days_before_year(1970) + months + day - 1
}

fn date_of(days: i64) -> (i64, i64, i64) {
    // 146,097 days are 400 years; the estimate is off by one at most.
    let mut year = 1970 + (days * 400).div_euclid(146_097);
    while days < days_from_epoch(year, 1, 1) {
        year -= 1;
    }
    while days >= days_from_epoch(year + 1, 1, 1) {
        year += 1;
    }
    let mut rest = days - days_from_epoch(year, 1, 1);
    let mut month = 1;
    while rest >= days_in_month(year, month) {
        rest -= days_in_month(year, month);
        month += 1;
    }
    (year, month, rest + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points() {
        for (text, want) in [
            ("450000000", Point::Height(450_000_000)),
            ("1970-01-01", Point::Time(0)),
            ("2026-03-01T12:30:00Z", Point::Time(1_772_368_200_000)),
            ("2026-03-01T12:30", Point::Time(1_772_368_200_000)),
            ("2024-02-29 00:00:01", Point::Time(1_709_164_801_000)),
        ] {
            assert_eq!(parse_point(text), Ok(want), "{text}");
        }
        for text in
            ["", "-1", "2026-02-29", "2026-13-01", "2026-3-1", "2026-03-01T24:00", "yesterday", "99999999999999999999", "2026-03-01T12"]
        {
            assert!(parse_point(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn times_survive_the_round_trip() {
        // Days of the years 1 to 9999; the step visits every day of the year.
        for day in (-719_162..2_932_896).step_by(101) {
            let ts_ms = day * 86_400_000 + 3_661_000;
            assert_eq!(parse_time(&format_time(ts_ms)), Some(ts_ms), "day {day}");
        }
    }
}
