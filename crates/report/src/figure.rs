//! Exact figures: from scaled integers to cells.

use perpdex_core::{AmountError, Decimal};

use crate::document::Cell;

/// A sum, or why there is none.
pub(crate) type Sum = Result<Decimal, String>;

/// `value / 10^scale`.
pub(crate) fn scaled(value: i64, scale: u8) -> Decimal {
    Decimal { scale, ..Decimal::from(value) }
}

/// Micro-dollars.
pub(crate) fn usd(value_e6: i64) -> Decimal {
    scaled(value_e6, 6)
}

/// A cell of a sum.
pub(crate) fn cell(sum: &Sum) -> Cell {
    match sum {
        Ok(number) => Cell::Number(*number),
        Err(why) => Cell::Missing(why.clone()),
    }
}

/// A cell of words.
pub(crate) fn words(text: impl Into<String>) -> Cell {
    Cell::Text(text.into())
}

/// A count.
pub(crate) fn count(number: i64) -> Cell {
    Cell::Number(Decimal::from(number))
}

/// A stored figure that may be NULL.
pub(crate) fn stored(value: Option<i64>, scale: u8, why: &str) -> Cell {
    value.map_or_else(|| Cell::Missing(why.to_owned()), |value| Cell::Number(scaled(value, scale)))
}

/// Digits of a ratio behind the point.
const RATIO_DIGITS: u8 = 9;

/// One sum over another; none where either is missing or the divisor is zero.
pub(crate) fn ratio(over: &Sum, under: &Sum, under_name: &str) -> Result<Sum, AmountError> {
    Ok(match (over, under) {
        (_, Ok(under)) if under.is_zero() => Err(format!("{under_name} is 0")),
        (Ok(over), Ok(under)) => Ok(over.div(under, RATIO_DIGITS)?),
        (Err(why), _) | (_, Err(why)) => Err(why.clone()),
    })
}

/// A ratio in per cent.
pub(crate) fn percent(over: &Sum, under: &Sum, under_name: &str) -> Result<Sum, AmountError> {
    ratio(over, under, under_name)?.map(|share| share.mul(&Decimal::from(100))).map_or_else(|why| Ok(Err(why)), |share| Ok(Ok(share?)))
}

/// One sum less another.
pub(crate) fn less(a: &Sum, b: &Sum) -> Result<Sum, AmountError> {
    Ok(match (a, b) {
        (Ok(a), Ok(b)) => Ok(a.add(&b.neg())?),
        (Err(why), _) | (_, Err(why)) => Err(why.clone()),
    })
}

/// A number with `digits` behind the point and thousands divided by commas.
pub(crate) fn grouped(number: &Decimal, digits: u8) -> String {
    let rounded = number.rescale(digits).unwrap_or(*number);
    let plain = rounded.abs().to_string();
    let (whole, fraction) = plain.split_once('.').unwrap_or((&plain, ""));
    let mut out = String::new();
    if rounded.is_negative() && !rounded.is_zero() {
        out.push('-');
    }
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    if digits > 0 {
        out.push('.');
        out.push_str(&format!("{fraction:0<width$}", width = usize::from(digits)));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_and_rounded_once() {
        for (text, digits, want) in [
            ("1234567.5", 0, "1,234,568"),
            ("1234566.5", 0, "1,234,566"),
            ("-999.999", 2, "-1,000.00"),
            ("-0.001", 2, "0.00"),
            ("0.5", 3, "0.500"),
            ("12", 0, "12"),
        ] {
            assert_eq!(grouped(&Decimal::parse(text).unwrap(), digits), want, "{text}");
        }
    }
}
