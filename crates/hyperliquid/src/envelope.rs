//! What a line says of its place: block number and time where it has them, else its time alone; the events as unread text.

use std::borrow::Cow;

use perpdex_core::HyperliquidStream;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

/// A line's place in its stream.
#[derive(Debug)]
pub(crate) struct Head<'a> {
    /// HyperCore block number; unix milliseconds in streams that name no block.
    pub(crate) number: u64,
    /// Unix milliseconds.
    pub(crate) time_ms: i64,
    /// Whether the line holds any event.
    pub(crate) has_events: bool,
    /// The line as a record keeps it.
    pub(crate) text: &'a str,
}

impl<'a> Head<'a> {
    /// Reads a line of a stream. The error says what is wrong, without file and line.
    pub(crate) fn parse(stream: HyperliquidStream, line: &'a [u8]) -> Result<Head<'a>, String> {
        match stream {
            HyperliquidStream::NodeFills => {
                let text = utf8(line)?;
                let NodeFill(_, fill) = serde_json::from_str(text).map_err(|error| format!("not a line of node_fills: {error}"))?;
                Head::at(fill.time, text)
            }
            HyperliquidStream::NodeTrades => {
                let text = utf8(line)?;
                let trade: Timed<'_> = serde_json::from_str(text).map_err(|error| format!("not a line of node_trades: {error}"))?;
                Head::at(iso_ms(&trade.time).ok_or_else(|| format!("time {:?} is not a time like {TIME_FORM}", trade.time))?, text)
            }
            HyperliquidStream::AssetContexts => {
                let (time, text) = utf8(line)?.split_once('\t').ok_or("not a row of asset_ctxs")?;
                Head::at(time.parse().map_err(|_| "not a row of asset_ctxs")?, text)
            }
            _ => {
                let (envelope, text, time_ms) = Envelope::parse(line)?;
                Ok(Head { number: envelope.block_number, time_ms, has_events: envelope.has_events(), text })
            }
        }
    }

    fn at(time_ms: i64, text: &'a str) -> Result<Head<'a>, String> {
        let number = u64::try_from(time_ms).map_err(|_| format!("time {time_ms} lies before 1970"))?;
        Ok(Head { number, time_ms, has_events: true, text })
    }
}

/// A line of `node_fills`: account and fill.
#[derive(Deserialize)]
struct NodeFill(IgnoredAny, FillTime);

#[derive(Deserialize)]
struct FillTime {
    time: i64,
}

/// A line of `node_trades`.
#[derive(Deserialize)]
struct Timed<'a> {
    #[serde(borrow)]
    time: Cow<'a, str>,
}

const TIME_FORM: &str = "2025-10-27T17:00:00.5";

fn utf8(line: &[u8]) -> Result<&str, String> {
    std::str::from_utf8(line).map_err(|error| format!("not UTF-8: {error}"))
}

/// What a line of a by-block or streaming file begins with. Other keys (`local_time`, new ones) are ignored.
#[derive(Debug, Deserialize)]
pub(crate) struct Envelope<'a> {
    /// HyperCore block number.
    pub(crate) block_number: u64,
    #[serde(borrow)]
    block_time: Cow<'a, str>,
    #[serde(borrow)]
    events: &'a RawValue,
}

impl<'a> Envelope<'a> {
    /// Reads a line; the whole of it must be JSON. The error says what is wrong, without file and line.
    pub(crate) fn parse(line: &'a [u8]) -> Result<(Envelope<'a>, &'a str, i64), String> {
        let text = utf8(line)?;
        let envelope: Envelope<'a> = serde_json::from_str(text).map_err(|error| format!("not a line of a block: {error}"))?;
        let time_ms =
            iso_ms(&envelope.block_time).ok_or_else(|| format!("block_time {:?} is not a time like {TIME_FORM}", envelope.block_time))?;
        Ok((envelope, text, time_ms))
    }

    /// The events as they are printed.
    pub(crate) fn events(&self) -> &'a str {
        self.events.get()
    }

    /// Whether the line holds any event.
    pub(crate) fn has_events(&self) -> bool {
        self.events.get().strip_prefix('[').is_none_or(|rest| rest.trim_start() != "]")
    }

    /// The stream that has such events: fills are pairs of user and fill, misc events are objects. `None` if there is no event.
    pub(crate) fn stream(&self) -> Option<HyperliquidStream> {
        match self.events.get().strip_prefix('[')?.trim_start().as_bytes().first()? {
            b'[' => Some(HyperliquidStream::Fills),
            b'{' => Some(HyperliquidStream::MiscEvents),
            _ => None,
        }
    }
}

/// Unix milliseconds, rounded down, of `2025-10-27T16:59:59.797563798`: UTC without a zone, with any number of digits
/// behind the seconds.
pub(crate) fn iso_ms(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let number = |from: usize, to: usize| -> Option<i64> {
        let digits = text.get(from..to)?;
        digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
    };
    let separated = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')].iter().all(|(at, byte)| bytes.get(*at) == Some(byte));
    if !separated {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let in_range = (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60 && second < 61;
    let millis = match text[19..].trim_end_matches('Z') {
        "" => 0,
        fraction => {
            let digits = fraction.strip_prefix('.')?;
            if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            digits.bytes().chain(*b"000").take(3).fold(0, |n, digit| n * 10 + i64::from(digit - b'0'))
        }
    };
    in_range.then(|| (((days_from_civil(year, month, day) * 24 + hour) * 60 + minute) * 60 + second) * 1_000 + millis)
}

/// Days since 1970-01-01 of a date of the Gregorian calendar.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    // Counting years from March puts the leap day at the end of the year.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_to_the_millisecond() {
        for (text, want) in [
            ("1970-01-01T00:00:00", Some(0)),
            ("2025-10-27T16:59:59.797563798", Some(1_761_584_399_797)),
            ("2024-02-29T12:00:00.5", Some(1_709_208_000_500)),
            ("2000-03-01T00:00:00.0009", Some(951_868_800_000)),
            ("2026-06-11T01:00:00.039772125Z", Some(1_781_139_600_039)),
            ("2025-10-27 16:59:59", None),
            ("2025-13-27T16:59:59", None),
            ("2025-10-27T16:59:59.", None),
            ("2025-10-27T16:59:59,5", None),
            ("2025-1é-27T16:59:59", None),
            ("", None),
        ] {
            assert_eq!(iso_ms(text), want, "{text}");
        }
    }

    #[test]
    fn the_first_event_tells_the_stream() {
        for (events, stream, has_events) in [
            ("[]", None, false),
            ("[ ]", None, false),
            (r#"[["0xa",{}]]"#, Some(HyperliquidStream::Fills), true),
            (r#"[ {"time":"x"} ]"#, Some(HyperliquidStream::MiscEvents), true),
        ] {
            let line = format!(r#"{{"local_time":"x","block_time":"2025-10-27T17:00:00","block_number":7,"new":1,"events":{events}}}"#);
            let (envelope, _, time_ms) = Envelope::parse(line.as_bytes()).unwrap();
            assert_eq!((envelope.block_number, time_ms), (7, 1_761_584_400_000));
            assert_eq!((envelope.stream(), envelope.has_events()), (stream, has_events), "{events}");
        }
    }
}
