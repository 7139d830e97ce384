//! Lengths of time as a user writes them, and whole hours.

const HOUR_MS: i64 = 3_600_000;
/// Ten years: longer is a slip.
const HOURS_MAX: i64 = 24 * 366 * 10;

/// A number of whole hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    hours: i64,
}

impl Span {
    /// 24 hours.
    pub(crate) const DAY: Span = Span { hours: 24 };

    /// Its hours.
    pub(crate) fn hours(self) -> i64 {
        self.hours
    }

    /// Reads `24h` or `7d`.
    pub(crate) fn parse(text: &str) -> Result<Span, String> {
        let bad = || format!("{text:?} is not a length such as 24h or 7d");
        let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(bad)?;
        let number: i64 = number.parse().map_err(|_| bad())?;
        let hours = match unit {
            "h" => Some(number),
            "d" => number.checked_mul(24),
            _ => None,
        };
        let hours = hours.filter(|hours| (1..=HOURS_MAX).contains(hours)).ok_or_else(bad)?;
        Ok(Span { hours })
    }
}

/// The hour that begins at a moment.
pub(crate) fn whole_hour(ts_ms: i64) -> Result<i64, String> {
    match ts_ms.rem_euclid(HOUR_MS) {
        0 => Ok(ts_ms / HOUR_MS),
        _ => Err(format!("{}: a report counts in whole hours", crate::instant::format_time(ts_ms))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths() {
        for (text, want) in [("24h", Some(24)), ("7d", Some(168)), ("1h", Some(1)), ("0h", None), ("-1d", None), ("24", None), ("", None)] {
            assert_eq!(Span::parse(text).ok().map(Span::hours), want, "{text}");
        }
        assert!(Span::parse("9223372036854775807d").is_err());
        assert!(Span::parse("1µ").is_err());
    }

    #[test]
    fn hours_are_whole() {
        assert_eq!(whole_hour(7_200_000), Ok(2));
        assert_eq!(whole_hour(7_200_001), Err("1970-01-01T02:00:00Z: a report counts in whole hours".to_owned()));
    }
}
