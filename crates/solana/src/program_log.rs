//! Payloads a program printed: `Program data:` and `Program log:` lines while it was on top of the call stack.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Shortest payload: an event's discriminator.
const PAYLOAD_BYTES_MIN: usize = 8;

/// What the log of a transaction holds of one program.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct ProgramLog {
    /// Line number and decoded bytes of each payload line.
    pub(crate) payloads: Vec<(usize, Vec<u8>)>,
    /// Lines are missing after some point: the runtime cut the log.
    pub(crate) is_truncated: bool,
}

/// Walks the lines of a transaction. After the mark of truncation nothing is accepted: lines are missing anywhere after it,
/// those that tell who is printing included.
pub(crate) fn program_log(lines: &[String], program: &str) -> ProgramLog {
    let mut found = ProgramLog::default();
    let mut stack: Vec<&str> = Vec::new();
    for (number, line) in lines.iter().enumerate() {
        if line == "Log truncated" {
            found.is_truncated = true;
            break;
        }
        let Some(said) = line.strip_prefix("Program ") else { continue };
        let payload = said.strip_prefix("data: ").or_else(|| said.strip_prefix("log: "));
        match (payload, said.split_once(' ')) {
            (Some(payload), _) if stack.last() == Some(&program) => {
                found.payloads.extend(decode(payload).map(|bytes| (number, bytes)));
            }
            (Some(_), _) => {}
            (None, Some((id, "success"))) => pop(&mut stack, id),
            (None, Some((id, rest))) if rest.starts_with("failed") => pop(&mut stack, id),
            (None, Some((id, rest))) if is_invocation(rest) => stack.push(id),
            _ => {}
        }
    }
    found
}

/// Whether the words behind a program's id are `invoke [n]`.
fn is_invocation(rest: &str) -> bool {
    let depth = rest.strip_prefix("invoke [").and_then(|rest| rest.strip_suffix(']'));
    depth.is_some_and(|depth| !depth.is_empty() && depth.bytes().all(|byte| byte.is_ascii_digit()))
}

fn pop(stack: &mut Vec<&str>, id: &str) {
    if stack.last() == Some(&id) {
        stack.pop();
    }
}

/// The bytes of a payload line; `None` for text.
fn decode(payload: &str) -> Option<Vec<u8>> {
    STANDARD.decode(payload).ok().filter(|bytes| bytes.len() >= PAYLOAD_BYTES_MIN)
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

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
            "Program Router11 success",
        ]);
        assert_eq!((numbers(&log), log.is_truncated), (vec![3, 9, 11], false));
        assert_eq!(log.payloads[0].1, [1, 2, 3, 4, 5, 6, 7, 8]);
    }

    #[test]
    fn text_is_no_payload() {
        let log =
            walk(&["Program Venue111 invoke [1]", "Program log: AQID", "Program log: hello world", "Program data: !", "Program log: "]);
        assert_eq!(log, ProgramLog::default());
    }

    #[test]
    fn nothing_counts_after_truncation() {
        let data = format!("Program data: {EVENT}");
        let log = walk(&["Program Venue111 invoke [1]", &data, "Log truncated", &data]);
        assert_eq!((numbers(&log), log.is_truncated), (vec![1], true));
        let spoken = walk(&["Program Venue111 invoke [1]", "Program log: Log truncated", &data]);
        assert_eq!((numbers(&spoken), spoken.is_truncated), (vec![2], false));
    }

    #[test]
    fn a_failed_call_leaves_the_stack() {
        let data = format!("Program data: {EVENT}");
        let log = walk(&[
            "Program Router11 invoke [1]",
            "Program Venue111 invoke [2]",
            "Program Venue111 failed: custom program error: 0x1",
            &data,
        ]);
        assert_eq!(numbers(&log), [0; 0]);
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
