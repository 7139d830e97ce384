//! Payloads a program printed: `Program data:` and `Program log:` lines while it was on top of the call stack.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Shortest payload in printed text: an event's discriminator.
const PAYLOAD_BYTES_MIN: usize = 8;

/// What the log of a transaction holds of one program.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct ProgramLog {
    /// Line number and decoded bytes of each payload line.
    pub(crate) payloads: Vec<(usize, Vec<u8>)>,
    /// Why lines may be missing, or may not be the program's: the walk stopped there.
    pub(crate) broken: Option<&'static str>,
}

/// Why a walk stops.
const TRUNCATED: &str = "log messages were truncated";
const MISNESTED: &str = "log messages do not nest";

/// A line that tells of the call stack or holds a payload.
enum Line<'a> {
    Invoke(&'a str, usize),
    Return(&'a str),
    Payload(Vec<u8>),
}

/// Walks the lines of a transaction that succeeded. After the mark of truncation nothing is accepted: lines are missing
/// anywhere after it, those that tell who is printing included. Nor is anything after a line that contradicts the stack.
pub(crate) fn program_log(lines: &[String], program: &str) -> ProgramLog {
    let mut found = ProgramLog::default();
    let mut stack: Vec<&str> = Vec::new();
    for (number, line) in lines.iter().enumerate() {
        if line == "Log truncated" {
            found.broken = Some(TRUNCATED);
            return found;
        }
        let fits = match read(line, stack.last() == Some(&program)) {
            Some(Line::Invoke(id, depth)) => {
                stack.push(id);
                depth == stack.len()
            }
            Some(Line::Return(id)) => stack.pop() == Some(id),
            Some(Line::Payload(bytes)) => {
                found.payloads.push((number, bytes));
                true
            }
            None => true,
        };
        if !fits {
            found.broken = Some(MISNESTED);
            return found;
        }
    }
    if !stack.is_empty() {
        found.broken = Some(MISNESTED);
    }
    found
}

/// What a line says; payloads only of the program that is on top of the stack.
fn read(line: &str, is_on_top: bool) -> Option<Line<'_>> {
    let said = line.strip_prefix("Program ")?;
    // What a program prints stands behind one of these two, whatever it looks like.
    if let Some(fields) = said.strip_prefix("data: ") {
        return is_on_top.then(|| data(fields)).flatten().map(Line::Payload);
    }
    if let Some(text) = said.strip_prefix("log: ") {
        return is_on_top.then(|| message(text)).flatten().map(Line::Payload);
    }
    let (id, rest) = said.split_once(' ')?;
    match rest {
        "success" => Some(Line::Return(id)),
        _ if rest.starts_with("failed") => Some(Line::Return(id)),
        _ => {
            let depth = rest.strip_prefix("invoke [")?.strip_suffix(']')?;
            depth.bytes().all(|byte| byte.is_ascii_digit()).then(|| depth.parse().ok()).flatten().map(|depth| Line::Invoke(id, depth))
        }
    }
}

/// The bytes of a line that only the runtime writes: base64 fields between spaces, one for each slice the program gave.
pub(crate) fn data(fields: &str) -> Option<Vec<u8>> {
    let parts: Option<Vec<Vec<u8>>> = fields.split(' ').map(|field| STANDARD.decode(field).ok()).collect();
    parts.map(|parts| parts.concat()).filter(|bytes| !bytes.is_empty())
}

/// The bytes of a printed text that is base64 of a payload; `None` for other text.
pub(crate) fn message(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok().filter(|bytes| PAYLOAD_BYTES_MIN <= bytes.len())
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;
    use crate::transaction::Meta;

    const EVENT: &str = "AQIDBAUGBwg=";

    fn walk(lines: &[&str]) -> ProgramLog {
        program_log(&lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>(), "Venue111")
    }

    fn numbers(log: &ProgramLog) -> Vec<usize> {
        log.payloads.iter().map(|(number, _)| *number).collect()
    }

    #[test]
    fn only_the_program_on_top_counts() {
        let data = format!("Program data: {EVENT}");
        let text = format!("Program log: {EVENT}");
        let log = walk(&[
            "Program Router11 invoke [1]",
            &data,
            "Program Venue111 invoke [2]",
            &data,
            "Program log: Instruction: Fill",
            "Program Token111 invoke [3]",
            &data,
            "Program Token111 consumed 7 of 9 compute units",
            "Program Token111 success",
            &text,
            "Program log: Program Venue111 success",
            &data,
            "Program Venue111 success",
            &data,
            "Program return: Router11 AQ==",
            "Program Router11 success",
        ]);
        assert_eq!((numbers(&log), log.broken), (vec![3, 9, 11], None));
        assert_eq!(log.payloads[0].1, [1, 2, 3, 4, 5, 6, 7, 8]);
    }

    #[test]
    fn text_is_no_payload() {
        let own = |line: &str| walk(&["Program Venue111 invoke [1]", line, "Program Venue111 success"]);
        for line in
            ["Program log: AQID", "Program log: hello world", "Program data: !", "Program log: ", "Program data: ", "log: AQIDBAUGBwg="]
        {
            assert_eq!(own(line), ProgramLog::default(), "{line}");
        }
        assert_eq!(own("Program data: AQID").payloads, [(1, vec![1, 2, 3])], "what the runtime wrote is kept, however short");
        assert_eq!(own("Program data: AQI= Aw==").payloads, [(1, vec![1, 2, 3])], "slices of one event");
        assert_eq!(own("Program log: a\nProgram data: AQIDBAUGBwg="), ProgramLog::default(), "a line can contain line breaks");
    }

    #[test]
    fn nothing_counts_after_truncation() {
        let data = format!("Program data: {EVENT}");
        let log = walk(&["Program Venue111 invoke [1]", &data, "Log truncated", &data, "Program Venue111 success"]);
        assert_eq!((numbers(&log), log.broken), (vec![1], Some(TRUNCATED)));
        let spoken = walk(&["Program Venue111 invoke [1]", "Program log: Log truncated", &data, "Program Venue111 success"]);
        assert_eq!((numbers(&spoken), spoken.broken), (vec![2], None));
    }

    #[test]
    fn nothing_counts_after_a_line_that_contradicts_the_stack() {
        let data = format!("Program data: {EVENT}");
        for lines in [
            vec!["Program Venue111 invoke [2]", &data, "Program Venue111 success"],
            vec!["Program Router11 invoke [1]", "Program Venue111 invoke [1]", &data],
            vec!["Program Venue111 success", "Program Venue111 invoke [1]", &data, "Program Venue111 success"],
            vec!["Program Router11 invoke [1]", "Program Venue111 success", "Program Venue111 invoke [2]", &data],
            vec![
                "Program Venue111 invoke [18446744073709551616]",
                "Program Router11 invoke [1]",
                "Program Router11 failed",
                "Program Venue111 success",
                &data,
            ],
        ] {
            let log = walk(&lines);
            assert_eq!((numbers(&log), log.broken), (vec![], Some(MISNESTED)), "{lines:?}");
        }
        let unfinished = walk(&["Program Venue111 invoke [1]", &data]);
        assert_eq!((numbers(&unfinished), unfinished.broken), (vec![1], Some(MISNESTED)));
    }

    #[test]
    fn a_failed_call_leaves_the_stack() {
        let data = format!("Program data: {EVENT}");
        let failed = "Program Venue111 failed: custom program error: 0x1";
        let log = walk(&["Program Router11 invoke [1]", "Program Venue111 invoke [2]", failed, &data, "Program Router11 success"]);
        assert_eq!((numbers(&log), log.broken), (vec![], None));
    }

    /// Words that logs are made of, the hostile ones included.
    fn line() -> impl Strategy<Value = String> {
        let id = prop_oneof![Just("Venue111"), Just("Router11"), Just("log:"), Just("")];
        let word = prop_oneof![
            Just("success".to_owned()),
            Just("failed: x".to_owned()),
            (0_u32..5).prop_map(|depth| format!("invoke [{depth}]")),
            Just("invoke []".to_owned()),
            Just("consumed 1 of 2 compute units".to_owned()),
        ];
        prop_oneof![
            (id, word).prop_map(|(id, word)| format!("Program {id} {word}")),
            "Program (data|log): [A-Za-z0-9+/= ]{0,24}",
            Just("Log truncated".to_owned()),
            any::<String>(),
        ]
    }

    proptest! {
        #[test]
        fn any_lines_are_read_without_panic_and_in_order(lines in proptest::collection::vec(line(), 0..40)) {
            crate::oracle::printed(&lines.join("\n"));
        }
    }

    /// Recorded logs of Drift: which lines are its events, other programs' payloads beside them.
    #[test]
    fn recorded_logs() {
        let folder = std::env::var_os("PERPDEX_REFERENCE").map_or_else(default_reference, PathBuf::from).join("solana/samples");
        if !folder.is_dir() {
            assert!(std::env::var("CI").as_deref() != Ok("true"), "PERPDEX_REFERENCE must name the folder of recorded samples");
            eprintln!("skipped: recorded_logs (set PERPDEX_REFERENCE to the folder of recorded samples)");
            return;
        }
        for (name, payloads) in [
            ("drift_fill_match_2023", 1),
            ("drift_no_events_2025_08", 0),
            ("drift_swap_foreign_program_data_2025_10", 3),
            ("drift_update_funding_rate_2025_08", 2),
        ] {
            let text = std::fs::read_to_string(folder.join(name).with_extension("json")).unwrap();
            let sample: Sample = serde_json::from_str(&text).unwrap();
            let found = program_log(&sample.transaction.meta.log_messages.unwrap(), "dRiftyHA39MWEi3m9aunc5MzRF1JYuBsbn6VPcn33UH");
            let expected = sample.events.iter().map(|event| (event.log_index, STANDARD.decode(&event.payload_base64).unwrap()));
            assert_eq!(found.payloads, expected.collect::<Vec<_>>(), "{name}");
            assert_eq!(found.payloads.len(), payloads, "{name}");
        }
    }

    #[derive(Deserialize)]
    struct Sample {
        transaction: SampleTransaction,
        events: Vec<SampleEvent>,
    }

    #[derive(Deserialize)]
    struct SampleTransaction {
        meta: Meta,
    }

    #[derive(Deserialize)]
    struct SampleEvent {
        log_index: usize,
        payload_base64: String,
    }

    fn default_reference() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/reference")
    }
}
