//! The text form of faults, read.

use std::str::FromStr;

use super::{DELAY_MS_MAX, Effect, Fault, FaultError, FaultLine, Faults, STATUS_EXPECTED, STATUSES, is_json};

impl FromStr for Faults {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<Faults, FaultError> {
        let lines = text.lines().enumerate().map(|(index, line)| (index + 1, line.trim()));
        let faults = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
        faults.map(|(number, text)| parse_line(FaultLine { number, text: text.to_owned() })).collect::<Result<_, _>>().map(Faults)
    }
}

fn parse_line(line: FaultLine) -> Result<Fault, FaultError> {
    let words = line.text.strip_prefix("on ").and_then(|rest| {
        let (method, rest) = rest.trim_start().split_once(' ')?;
        let (calls, rest) = rest.trim_start().split_once(' ')?;
        Some((method, calls, rest))
    });
    let Some((method, calls, rest)) = words else { return Err(FaultError::Shape { line }) };
    let method = (method != "*").then(|| method.to_owned());
    let Some(calls) = parse_calls(calls) else {
        return Err(FaultError::Calls { calls: calls.to_owned(), line: line.clone() });
    };
    let words = Words::read(&line, rest)?;
    let (blocks_over, logs_over) = (words.blocks_over, words.logs_over);
    let (heights, effect) = words.finish(&line)?;
    Ok(Fault { method, calls, heights, blocks_over, logs_over, effect })
}

/// `*` is every call (`Some(None)`); what cannot be read is `None`.
fn parse_calls(text: &str) -> Option<Option<(u64, u64)>> {
    if text == "*" {
        return Some(None);
    }
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (first.parse().ok()?, last.parse().ok()?);
    (0 < first && first <= last).then_some(Some((first, last)))
}

/// The words behind the calls, before they are known to fit together.
#[derive(Default)]
struct Words {
    from: Option<u64>,
    to: Option<u64>,
    blocks_over: Option<u64>,
    logs_over: Option<usize>,
    retry_after_secs: Option<u64>,
    message: Option<String>,
    effect: Option<Effect>,
}

impl Words {
    fn read(line: &FaultLine, text: &str) -> Result<Words, FaultError> {
        let mut words = Words::default();
        let mut rest = text.trim();
        while !rest.is_empty() {
            let (word, after) = rest.split_once(' ').unwrap_or((rest, ""));
            let (key, value) = word.split_once('=').unwrap_or((word, ""));
            // These two may hold spaces.
            let to_the_end = rest.split_once('=').map_or("", |(_, value)| value);
            rest = after.trim_start();
            match key {
                "from" => words.from = Some(number(line, "from", value, u64::MAX)?),
                "to" => words.to = Some(number(line, "to", value, u64::MAX)?),
                "blocks_over" => words.blocks_over = Some(number(line, "blocks_over", value, u64::MAX)?),
                "logs_over" => {
                    let logs = number(line, "logs_over", value, u64::from(u32::MAX))?;
                    words.logs_over = Some(usize::try_from(logs).expect("32 bits fit"));
                }
                "retry_after_secs" => words.retry_after_secs = Some(number(line, "retry_after_secs", value, u64::MAX)?),
                "message" => {
                    words.message = Some(to_the_end.to_owned());
                    rest = "";
                }
                "result" => {
                    words.set(line, Effect::Result(json_or_string(to_the_end)))?;
                    rest = "";
                }
                _ => words.set(line, effect(line, word, key, value)?)?,
            }
        }
        Ok(words)
    }

    fn set(&mut self, line: &FaultLine, effect: Effect) -> Result<(), FaultError> {
        match self.effect.replace(effect) {
            None => Ok(()),
            Some(_) => Err(FaultError::Combination { line: line.clone(), problem: "more than one effect: write one line for each" }),
        }
    }

    fn finish(self, line: &FaultLine) -> Result<(Option<(u64, u64)>, Effect), FaultError> {
        let wrong = |problem| Err(FaultError::Combination { line: line.clone(), problem });
        let heights = match (self.from, self.to) {
            (None, None) => None,
            (Some(from), Some(to)) if from <= to => Some((from, to)),
            (Some(_), Some(_)) => return wrong("from is above to"),
            _ => return wrong("from and to come together"),
        };
        let Some(mut effect) = self.effect else { return wrong("no effect") };
        if self.logs_over.is_some() && !matches!(effect, Effect::Error { .. }) {
            return wrong("logs_over goes with error only");
        }
        match (&mut effect, self.retry_after_secs, self.message) {
            (Effect::Status { retry_after_secs, .. }, secs, None) => *retry_after_secs = secs,
            (Effect::Error { message, .. }, None, Some(text)) => *message = text,
            (Effect::Error { .. }, _, None) => return wrong("error needs a message"),
            (_, None, None) => {}
            (_, Some(_), _) => return wrong("retry_after_secs goes with status only"),
            (_, None, Some(_)) => return wrong("message goes with error only"),
        }
        Ok((heights, effect))
    }
}

fn effect(line: &FaultLine, word: &str, key: &str, value: &str) -> Result<Effect, FaultError> {
    match key {
        "status" => {
            let code = value.parse().ok().filter(|code| STATUSES.contains(code));
            let code = code.ok_or_else(|| bad_value(line, "status", value, STATUS_EXPECTED))?;
            Ok(Effect::Status { code, retry_after_secs: None })
        }
        "cut_bytes" => {
            let bytes = number(line, "cut_bytes", value, u64::from(u32::MAX))?;
            Ok(Effect::CutBytes(usize::try_from(bytes).expect("32 bits fit")))
        }
        "logs_cut" => {
            let logs = number(line, "logs_cut", value, u64::from(u32::MAX))?;
            Ok(Effect::LogsCut(usize::try_from(logs).expect("32 bits fit")))
        }
        "without" => value.parse().map(Effect::Without).map_err(|_| bad_value(line, "without", value, "an address")),
        "delay_ms" => Ok(Effect::DelayMs(number(line, "delay_ms", value, DELAY_MS_MAX)?)),
        "error" => {
            let code = value.parse().map_err(|_| bad_value(line, "error", value, "a JSON-RPC error code"))?;
            Ok(Effect::Error { code, message: String::new() })
        }
        _ => match word {
            "null" => Ok(Effect::Result("null".to_owned())),
            "empty" => Ok(Effect::Empty),
            "malformed_log" => Ok(Effect::MalformedLog),
            "duplicate_log" => Ok(Effect::DuplicateLog),
            "one_log_per_block" => Ok(Effect::OneLogPerBlock),
            "reversed_logs" => Ok(Effect::ReversedLogs),
            "zero_timestamps" => Ok(Effect::ZeroTimestamps),
            "zero_blooms" => Ok(Effect::ZeroBlooms),
            "full_blooms" => Ok(Effect::FullBlooms),
            _ => Err(FaultError::Word { line: line.clone(), word: word.to_owned() }),
        },
    }
}

fn number(line: &FaultLine, key: &'static str, value: &str, max: u64) -> Result<u64, FaultError> {
    let number = value.parse().ok().filter(|number| *number <= max);
    number.ok_or_else(|| bad_value(line, key, value, "a whole number within its bounds"))
}

fn bad_value(line: &FaultLine, key: &'static str, value: &str, expected: &'static str) -> FaultError {
    FaultError::Value { line: line.clone(), key, value: value.to_owned(), expected }
}

/// `0x5` is short for `"0x5"`.
fn json_or_string(text: &str) -> String {
    if is_json(text) { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::Address;

    use super::*;

    fn one(text: &str) -> Fault {
        let mut faults: Faults = text.parse().unwrap();
        assert_eq!(faults.0.len(), 1, "{text}");
        faults.0.remove(0)
    }

    #[test]
    fn every_effect_is_read() {
        let error = Effect::Error { code: -32_005, message: "query returned more than 10000 results".to_owned() };
        let cases = [
            ("on eth_getLogs 3 status=429 retry_after_secs=2", Effect::Status { code: 429, retry_after_secs: Some(2) }),
            ("on eth_getLogs 3 status=503", Effect::Status { code: 503, retry_after_secs: None }),
            ("on eth_getLogs 3 cut_bytes=100", Effect::CutBytes(100)),
            ("on eth_getLogs 3 delay_ms=50", Effect::DelayMs(50)),
            ("on eth_getLogs 3 null", Effect::Result("null".to_owned())),
            ("on eth_getLogs 3 result=0x5", Effect::Result("\"0x5\"".to_owned())),
            ("on eth_getLogs 3 result={\"a\": [1, 2]}", Effect::Result("{\"a\": [1, 2]}".to_owned())),
            ("on eth_getLogs 3 error=-32005 message=query returned more than 10000 results", error),
            ("on eth_getLogs 3 empty", Effect::Empty),
            ("  on  eth_getLogs  3  malformed_log ", Effect::MalformedLog),
            ("on eth_getLogs 3 duplicate_log", Effect::DuplicateLog),
            ("on eth_getLogs 3 one_log_per_block", Effect::OneLogPerBlock),
            ("on eth_getLogs 3 logs_cut=50", Effect::LogsCut(50)),
            ("on eth_getLogs 3 without=0x1111111111111111111111111111111111111111", Effect::Without(Address::repeat_byte(0x11))),
            ("on eth_getLogs 3 reversed_logs", Effect::ReversedLogs),
            ("on eth_getLogs 3 zero_timestamps", Effect::ZeroTimestamps),
            ("on eth_getLogs 3 zero_blooms", Effect::ZeroBlooms),
            ("on eth_getLogs 3 full_blooms", Effect::FullBlooms),
        ];
        for (text, effect) in cases {
            let method = Some("eth_getLogs".to_owned());
            let want = Fault { method, calls: Some((3, 3)), heights: None, blocks_over: None, logs_over: None, effect };
            assert_eq!(one(text), want, "{text}");
        }
    }

    #[test]
    fn which_calls_is_read() {
        assert_eq!(one("on * 5 empty").method, None);
        assert_eq!(one("on * * empty").calls, None);
        assert_eq!(one("on * 2-4 empty").calls, Some((2, 4)));
        assert_eq!(one("on * * from=100 to=600 empty").heights, Some((100, 600)));
        assert_eq!(one("on * * blocks_over=9 empty").blocks_over, Some(9));
        assert_eq!(one("on * * logs_over=9 error=1 message=a b").logs_over, Some(9));
        let faults: Faults = "# a comment\n\non * 1 empty\non * 2 null\n".parse().unwrap();
        assert_eq!(faults.0.len(), 2);
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let cases = [
            ("of eth_getLogs 3 empty", "fault line 1 (\"of eth_getLogs 3 empty\"): expected `on METHOD CALLS EFFECT`"),
            ("\non eth_getLogs", "fault line 2 (\"on eth_getLogs\"): expected `on METHOD CALLS EFFECT`"),
            ("on x 0 empty", "fault line 1 (\"on x 0 empty\"): calls \"0\" are neither *, n nor n-m, counted from 1"),
            ("on x 4-2 empty", "fault line 1 (\"on x 4-2 empty\"): calls \"4-2\" are neither *, n nor n-m, counted from 1"),
            ("on x 1 broken", "fault line 1 (\"on x 1 broken\"): unknown word \"broken\""),
            ("on x 1 statsu=3", "fault line 1 (\"on x 1 statsu=3\"): unknown word \"statsu=3\""),
            ("on x 1 status=9", "fault line 1 (\"on x 1 status=9\"): status cannot be \"9\": an HTTP status is from 200 to 599"),
            ("on x 1 delay_ms=-1", "fault line 1 (\"on x 1 delay_ms=-1\"): delay_ms cannot be \"-1\": a whole number within its bounds"),
            ("on x 1 without=0x1", "fault line 1 (\"on x 1 without=0x1\"): without cannot be \"0x1\": an address"),
            ("on x 1 from=3 empty", "fault line 1 (\"on x 1 from=3 empty\"): from and to come together"),
            ("on x 1 from=3 to=2 empty", "fault line 1 (\"on x 1 from=3 to=2 empty\"): from is above to"),
            ("on x 1 from=3 to=4", "fault line 1 (\"on x 1 from=3 to=4\"): no effect"),
            ("on x 1 logs_over=3 null", "fault line 1 (\"on x 1 logs_over=3 null\"): logs_over goes with error only"),
            ("on x 1 null empty", "fault line 1 (\"on x 1 null empty\"): more than one effect: write one line for each"),
            ("on x 1 error=5", "fault line 1 (\"on x 1 error=5\"): error needs a message"),
            ("on x 1 null message=a", "fault line 1 (\"on x 1 null message=a\"): message goes with error only"),
            ("on x 1 null retry_after_secs=1", "fault line 1 (\"on x 1 null retry_after_secs=1\"): retry_after_secs goes with status only"),
        ];
        for (text, want) in cases {
            assert_eq!(text.parse::<Faults>().unwrap_err().to_string(), want);
        }
    }
}
