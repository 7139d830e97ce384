//! Lines of a block taken apart: the events in it as unread JSON, and trouble with one of them.

use std::borrow::Cow;

use alloy_primitives::I256;
use perpdex_core::{Decimal, Failure, FailureKind, RawRecord};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::TOKEN_DECIMALS;

/// Why an event, or a line, could not be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trouble {
    kind: FailureKind,
    error: String,
}

impl Trouble {
    pub(super) fn malformed(error: impl ToString) -> Trouble {
        Trouble { kind: FailureKind::Malformed, error: error.to_string() }
    }

    pub(super) fn invalid(error: impl ToString) -> Trouble {
        Trouble { kind: FailureKind::Invalid, error: error.to_string() }
    }

    pub(super) fn unknown(error: impl ToString) -> Trouble {
        Trouble { kind: FailureKind::UnknownEvent, error: error.to_string() }
    }
}

/// The row that tells of it; `part` is the event's index in the block, or the line.
pub(super) fn failure(record: &RawRecord, part: String, trouble: Trouble) -> Failure {
    Failure { height: record.height, rec: record.rec, part, kind: trouble.kind, error: trouble.error }
}

/// The events of all lines of a block, in order. A line that cannot be read is a failure of its own.
pub(super) fn events<'a>(record: &RawRecord, text: &'a str) -> (Vec<&'a RawValue>, Vec<Failure>) {
    #[derive(Deserialize)]
    struct Line<'a> {
        #[serde(borrow)]
        events: Vec<&'a RawValue>,
    }
    let mut events = Vec::new();
    let mut failures = Vec::new();
    for (at, line) in text.split('\n').enumerate() {
        match serde_json::from_str::<Line<'a>>(line) {
            Ok(mut line) => events.append(&mut line.events),
            Err(error) => failures.push(failure(record, format!("line {}", at + 1), Trouble::malformed(error))),
        }
    }
    (events, failures)
}

/// Most characters of an exponent: doubles are printed with three digits at most.
const EXPONENT_MAX: usize = 4;

/// A decimal string of a named field.
#[inline]
pub(super) fn decimal(field: &str, text: &str) -> Result<Decimal, Trouble> {
    match Decimal::plain(text) {
        Some(plain) => Ok(plain),
        None => unusual_decimal(field, text),
    }
}

fn unusual_decimal(field: &str, text: &str) -> Result<Decimal, Trouble> {
    let exponent = text.bytes().position(|byte| byte.eq_ignore_ascii_case(&b'e'));
    if exponent.is_some_and(|at| text.len() - at - 1 > EXPONENT_MAX) {
        return Err(Trouble::invalid(format!("{field}: the exponent of {text:?} is outside of any amount")));
    }
    Decimal::parse(text).map_err(|error| Trouble::invalid(format!("{field}: {error}")))
}

/// A name that keys are made of: not empty, no control characters.
pub(super) fn name<'a>(field: &str, text: &'a str) -> Result<&'a str, Trouble> {
    // All bytes are looked at, without an end before: many at once.
    let is_plain = text.bytes().fold(true, |is_plain, byte| is_plain & (b' '..=b'~').contains(&byte));
    let is_name = !text.is_empty() && (is_plain || !text.chars().any(char::is_control));
    if is_name { Ok(text) } else { Err(Trouble::invalid(format!("{field} {text:?} is no name"))) }
}

/// The text in lower case; addresses are told apart without case.
pub(super) fn lower<'a>(text: impl Into<Cow<'a, str>>) -> Cow<'a, str> {
    let text = text.into();
    if text.bytes().fold(false, |has_upper, byte| has_upper | byte.is_ascii_uppercase()) {
        Cow::Owned(text.to_ascii_lowercase())
    } else {
        text
    }
}

/// A decimal amount of a token in its smallest units.
pub(super) fn token_units(field: &str, text: &str) -> Result<I256, Trouble> {
    Ok(decimal(field, text)?.rescale(TOKEN_DECIMALS).map_err(Trouble::invalid)?.value)
}
