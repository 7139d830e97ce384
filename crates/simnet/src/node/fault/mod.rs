//! Faults as data: which call of a node goes wrong, and how.
//!
//! The text form has one fault a line; blank lines and lines that start with `#` are skipped:
//!
//! ```text
//! on eth_getLogs 3 status=429 retry_after_secs=2
//! on eth_getLogs * from=100 to=600 empty
//! on * 5 cut_bytes=100
//! on eth_getBlockByNumber 2-4 null
//! on eth_chainId * result=0x5
//! on eth_getLogs 1 error=-32005 message=query returned more than 10000 results
//! on eth_getLogs * blocks_over=100 error=-32602 message=Block range limit exceeded.
//! on eth_getLogs * logs_over=500 error=-32005 message=Too many logs requested.
//! on eth_getLogs 1 malformed_log
//! on eth_getLogs * reversed_logs
//! on eth_getLogs * logs_cut=50
//! on eth_getLogs * without=0x1b6f2d3844c6ae7d56ceb3c3643b9060ba28feb0
//! on eth_getBlockByNumber * zero_blooms
//! on eth_getBlockByNumber * full_blooms
//! on getSlot * delay_ms=50
//! ```
//!
//! First the method, or `*` for all of them; then which calls: the n-th of that method counted from 1 (for `*`, of all
//! calls together), `n-m` both inclusive, or `*`. `from=` and `to=` (heights, inclusive) limit a fault to calls that
//! touch them, `blocks_over=` to calls for more blocks than that, `logs_over=` an error to answers with more logs. `result=` and `message=` take the rest of the line. Every fault that matches a call applies; where two
//! contradict each other the earlier line wins.

mod text;

use std::fmt;

use alloy_primitives::Address;
use thiserror::Error;

/// Longest delay a fault may ask for.
const DELAY_MS_MAX: u64 = 600_000;
/// Statuses that can end a response.
const STATUSES: std::ops::RangeInclusive<u16> = 200..=599;
/// What a status must be, for errors.
const STATUS_EXPECTED: &str = "an HTTP status is from 200 to 599";
/// Most faults one node takes.
const FAULTS_MAX: usize = 10_000;

/// A list of faults, in order of precedence.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults(pub Vec<Fault>);

/// One fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The method it hits; `None` hits all.
    pub method: Option<String>,
    /// First and last call it hits, counted from 1, inclusive; `None` hits every call.
    pub calls: Option<(u64, u64)>,
    /// Heights, inclusive: only calls that touch them are hit, and [`Effect::Empty`] hides nothing else.
    pub heights: Option<(u64, u64)>,
    /// Only calls for more blocks than this are hit.
    pub blocks_over: Option<u64>,
    /// Only answers of more logs than this are hit; for [`Effect::Error`] alone.
    pub logs_over: Option<usize>,
    /// What goes wrong.
    pub effect: Effect,
}

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The whole HTTP response is this status.
    Status {
        /// HTTP status code.
        code: u16,
        /// Value of the `Retry-After` header.
        retry_after_secs: Option<u64>,
    },
    /// The connection closes after this many bytes of the response's body, which was announced in full.
    CutBytes(usize),
    /// The HTTP response comes later by this much. Delays of several faults add up.
    DelayMs(u64),
    /// The result is this JSON.
    Result(String),
    /// The answer is a JSON-RPC error.
    Error {
        /// Error code.
        code: i64,
        /// Error message.
        message: String,
    },
    /// The list in the result lacks everything at the fault's heights, without a word about it.
    Empty,
    /// The first log of the result has data that is not hex.
    MalformedLog,
    /// The first log of the result comes twice.
    DuplicateLog,
    /// Every log but the last of its block is left out, where a block has several.
    OneLogPerBlock,
    /// The logs of a contract are left out.
    Without(Address),
    /// The logs behind the first so many are left out.
    LogsCut(usize),
    /// The logs come in reverse order.
    ReversedLogs,
    /// The logs name no time but zero.
    ZeroTimestamps,
    /// The header's bloom is all zeros.
    ZeroBlooms,
    /// The header's bloom is all ones: it says "maybe" to everything.
    FullBlooms,
}

/// Where a fault stands in its text: the number, from 1, and the text of the line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultLine {
    /// Line number, from 1.
    pub number: usize,
    /// The line.
    pub text: String,
}

impl fmt::Display for FaultLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "fault line {} ({:?})", self.number, self.text)
    }
}

/// Why faults are refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FaultError {
    /// The line does not read `on METHOD CALLS KEY=VALUE…`.
    #[error("{line}: expected `on METHOD CALLS EFFECT`")]
    Shape {
        /// Where.
        line: FaultLine,
    },
    /// The calls are not `*`, `n` or `n-m` with n from 1.
    #[error("{line}: calls {calls:?} are neither *, n nor n-m, counted from 1")]
    Calls {
        /// Where.
        line: FaultLine,
        /// The word.
        calls: String,
    },
    /// A word that is no known key or effect.
    #[error("{line}: unknown word {word:?}")]
    Word {
        /// Where.
        line: FaultLine,
        /// The word.
        word: String,
    },
    /// A value that cannot be read or is out of bounds.
    #[error("{line}: {key} cannot be {value:?}: {expected}")]
    Value {
        /// Where.
        line: FaultLine,
        /// The key.
        key: &'static str,
        /// Its value.
        value: String,
        /// What would do.
        expected: &'static str,
    },
    /// Keys that must come together or exclude each other.
    #[error("{line}: {problem}")]
    Combination {
        /// Where.
        line: FaultLine,
        /// What does not fit.
        problem: &'static str,
    },
    /// The node has no such method.
    #[error("fault on {method}: this node has no such method")]
    Method {
        /// The method.
        method: String,
    },
    /// The effect makes no sense for the method.
    #[error("fault on {method}: its answer has no {what}")]
    Effect {
        /// The method.
        method: String,
        /// What the effect needs.
        what: &'static str,
    },
    /// A status that cannot end a response.
    #[error("fault with status {code}: {}", STATUS_EXPECTED)]
    Status {
        /// The status.
        code: u16,
    },
    /// A result that would break the answer.
    #[error("fault with result {json:?}: not JSON")]
    Result {
        /// The result.
        json: String,
    },
    /// More faults than a node takes.
    #[error("{count} faults are more than {}", FAULTS_MAX)]
    TooMany {
        /// How many.
        count: usize,
    },
}

/// What a method answers; decides which effects make sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answers {
    /// One value.
    Value,
    /// A list with heights.
    List,
    /// A list of EVM logs.
    Logs,
}

/// A method a node answers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Method {
    pub(crate) name: &'static str,
    pub(crate) answers: Answers,
}

/// All faults that hit one call, put together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Applied {
    pub(crate) status: Option<(u16, Option<u64>)>,
    pub(crate) cut_bytes: Option<usize>,
    pub(crate) delay_ms: u64,
    pub(crate) answer: Option<Replaced>,
    pub(crate) malformed_log: bool,
    pub(crate) duplicate_log: bool,
    pub(crate) one_log_per_block: bool,
    pub(crate) without: Vec<Address>,
    pub(crate) logs_cut: Option<usize>,
    pub(crate) reversed_logs: bool,
    pub(crate) zero_timestamps: bool,
    pub(crate) zero_blooms: bool,
    pub(crate) full_blooms: bool,
    /// Errors of answers with more logs than this.
    pub(crate) dense: Vec<(usize, i64, String)>,
    hidden: Vec<(u64, u64)>,
}

/// What stands in the place of the true answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Replaced {
    Result(String),
    Error { code: i64, message: String },
}

impl Applied {
    /// Whether a list answer must leave this height out.
    pub(crate) fn hides(&self, height: u64) -> bool {
        self.hidden.iter().any(|(from, to)| (*from..=*to).contains(&height))
    }
}

impl Faults {
    /// Whether a node with these methods can apply them.
    pub(crate) fn check(&self, methods: &[Method]) -> Result<(), FaultError> {
        if self.0.len() > FAULTS_MAX {
            return Err(FaultError::TooMany { count: self.0.len() });
        }
        for fault in &self.0 {
            match &fault.effect {
                Effect::Status { code, .. } if !STATUSES.contains(code) => return Err(FaultError::Status { code: *code }),
                Effect::Result(json) if !is_json(json) => return Err(FaultError::Result { json: json.clone() }),
                _ => {}
            }
            let Some(name) = &fault.method else { continue };
            let method = methods.iter().find(|method| method.name == name).ok_or_else(|| FaultError::Method { method: name.clone() })?;
            let lacks = |what| Err(FaultError::Effect { method: name.clone(), what });
            match (&fault.effect, method.answers) {
                (Effect::Empty, Answers::Value) => return lacks("list"),
                (
                    Effect::MalformedLog
                    | Effect::DuplicateLog
                    | Effect::OneLogPerBlock
                    | Effect::Without(_)
                    | Effect::LogsCut(_)
                    | Effect::ReversedLogs
                    | Effect::ZeroTimestamps,
                    Answers::Value | Answers::List,
                ) => return lacks("logs"),
                (Effect::ZeroBlooms | Effect::FullBlooms, Answers::List | Answers::Logs) => return lacks("header"),
                _ if fault.logs_over.is_some() && method.answers != Answers::Logs => return lacks("logs"),
                _ => {}
            }
        }
        Ok(())
    }

    /// What happens to a call: the `nth` of its method and the `nth_overall` of the node, both from 1, touching `heights`.
    pub(crate) fn applied(&self, method: &str, nth: u64, nth_overall: u64, heights: Option<(u64, u64)>) -> Applied {
        let mut applied = Applied::default();
        for fault in &self.0 {
            let nth = match &fault.method {
                Some(name) if name == method => nth,
                Some(_) => continue,
                None => nth_overall,
            };
            let called = fault.calls.is_none_or(|(first, last)| first <= nth && nth <= last);
            let blocks = heights.map_or(0, |(from, to)| to.saturating_sub(from).saturating_add(1));
            if called && touches(fault.heights, heights) && fault.blocks_over.is_none_or(|over| over < blocks) {
                applied.add(fault);
            }
        }
        applied
    }
}

impl Applied {
    fn add(&mut self, fault: &Fault) {
        match &fault.effect {
            Effect::Status { code, retry_after_secs } => self.status = self.status.or(Some((*code, *retry_after_secs))),
            Effect::CutBytes(bytes) => self.cut_bytes = self.cut_bytes.or(Some(*bytes)),
            Effect::DelayMs(delay) => self.delay_ms = self.delay_ms.saturating_add(*delay).min(DELAY_MS_MAX),
            Effect::Result(json) => self.replace(Replaced::Result(json.clone())),
            Effect::Error { code, message } if fault.logs_over.is_some() => {
                self.dense.extend(fault.logs_over.map(|over| (over, *code, message.clone())));
            }
            Effect::Error { code, message } => self.replace(Replaced::Error { code: *code, message: message.clone() }),
            Effect::Empty => self.hidden.push(fault.heights.unwrap_or((0, u64::MAX))),
            Effect::MalformedLog => self.malformed_log = true,
            Effect::DuplicateLog => self.duplicate_log = true,
            Effect::OneLogPerBlock => self.one_log_per_block = true,
            Effect::Without(contract) => self.without.push(*contract),
            Effect::LogsCut(logs) => self.logs_cut = self.logs_cut.or(Some(*logs)),
            Effect::ReversedLogs => self.reversed_logs = true,
            Effect::ZeroTimestamps => self.zero_timestamps = true,
            Effect::ZeroBlooms => self.zero_blooms = true,
            Effect::FullBlooms => self.full_blooms = true,
        }
    }

    fn replace(&mut self, with: Replaced) {
        self.answer.get_or_insert(with);
    }
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

fn touches(wanted: Option<(u64, u64)>, called: Option<(u64, u64)>) -> bool {
    match (wanted, called) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some((from, to)), Some((first, last))) => from <= last && first <= to,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_refuses_what_it_cannot_do() {
        let methods = [
            Method { name: "a_value", answers: Answers::Value },
            Method { name: "a_list", answers: Answers::List },
            Method { name: "logs", answers: Answers::Logs },
        ];
        let check = |text: &str| text.parse::<Faults>().unwrap().check(&methods).map_err(|error| error.to_string());
        assert_eq!(check("on a_value 1 null\non a_list 1 empty\non logs 1 malformed_log\non * * empty"), Ok(()));
        assert_eq!(check("on other 1 null"), Err("fault on other: this node has no such method".to_owned()));
        assert_eq!(check("on a_value 1 empty"), Err("fault on a_value: its answer has no list".to_owned()));
        assert_eq!(check("on a_list 1 malformed_log"), Err("fault on a_list: its answer has no logs".to_owned()));
        let made = |effect| {
            Faults(vec![Fault { method: None, calls: None, heights: None, blocks_over: None, logs_over: None, effect }])
                .check(&methods)
                .unwrap_err()
                .to_string()
        };
        assert_eq!(made(Effect::Status { code: 99, retry_after_secs: None }), "fault with status 99: an HTTP status is from 200 to 599");
        assert_eq!(made(Effect::Result("{".to_owned())), "fault with result \"{\": not JSON");
    }

    #[test]
    fn faults_hit_the_calls_they_name() {
        let faults: Faults =
            "on a 2 status=429\non a 2 status=500\non * 5 cut_bytes=9\non a * from=10 to=20 empty\non a * delay_ms=3\non a 1-2 delay_ms=4"
                .parse()
                .unwrap();
        let first = faults.applied("a", 1, 1, Some((0, 9)));
        assert_eq!(first, Applied { delay_ms: 7, ..Applied::default() });
        let second = faults.applied("a", 2, 5, Some((20, 30)));
        assert_eq!((second.status, second.cut_bytes, second.delay_ms), (Some((429, None)), Some(9), 7));
        assert!(second.hides(10) && second.hides(20) && !second.hides(21) && !second.hides(9));
        assert_eq!(faults.applied("b", 2, 4, Some((10, 20))), Applied::default());
        let wide: Faults = "on a * blocks_over=10 null".parse().unwrap();
        assert_eq!(wide.applied("a", 1, 1, Some((1, 10))), Applied::default());
        assert!(wide.applied("a", 1, 1, Some((1, 11))).answer.is_some());
        assert!(!faults.applied("a", 9, 9, None).hides(15));
    }
}
