//! What the walks over carriers must keep to, whatever they are given.

use perpdex_core::{ChainId, RawBody};
use serde::Deserialize;

use crate::events::{Place, Speaker, events};
use crate::program_log::program_log;
use crate::transaction::{Message, Meta};

/// The program whose events are looked for.
pub const PROGRAM: &str = "Venue111";

/// Walks a log, a line a message. Payloads stand in order on lines of their own that were printed after the program was called, and before
/// anything was cut off.
///
/// # Panics
///
/// Where that is not so, or the walk panics.
pub fn printed(text: &str) {
    let lines: Vec<String> = text.split('\n').map(str::to_owned).collect();
    let log = program_log(&lines, PROGRAM);
    assert!(log.payloads.is_sorted_by(|a, b| a.0 < b.0), "{text:?}");
    let called = format!("Program {PROGRAM} invoke [");
    for (number, payload) in &log.payloads {
        assert!(!payload.is_empty(), "{text:?}");
        assert!(lines[*number].starts_with("Program data: ") || lines[*number].starts_with("Program log: "), "{text:?}");
        assert!(lines[..*number].iter().any(|line| line.starts_with(&called)), "{text:?}");
        assert!(!lines[..*number].iter().any(|line| line == "Log truncated"), "{text:?}");
    }
}

/// A transaction's message and what came of it.
#[derive(Deserialize)]
struct Transaction {
    message: Message,
    meta: Meta,
}

/// Walks the instructions of `{"message": …, "meta": …}`; other text is passed over. Each record is an instruction of the program that is
/// there, and stands behind the one before.
///
/// # Panics
///
/// Where that is not so, or the walk panics.
pub fn passed(text: &str) {
    let Ok(Transaction { message, meta }) = serde_json::from_str(text) else { return };
    let place = Place { chain: ChainId::SOLANA, slot: 1, index: 0, signature: "signature", time_ms: 0 };
    for prints in [false, true] {
        let Ok(found) = events(&message, &meta, &Speaker { program: PROGRAM.to_owned(), prints }, &place) else { continue };
        assert!(found.records.is_sorted_by(|a, b| a.ord <= b.ord), "{text:?}");
        for record in &found.records {
            let RawBody::SolanaEvent(event) = &record.body else { panic!("{text:?}") };
            assert_eq!(event.program, PROGRAM, "{text:?}");
            if !prints {
                assert!(is_own(&message, &meta, &event.position), "{}: {text:?}", event.position);
            }
        }
    }
}

/// Whether the inner instruction at `top.inner` is the program's, by a plain look.
fn is_own(message: &Message, meta: &Meta, position: &str) -> bool {
    let numbers = || position.split_once('.').and_then(|(top, inner)| Some((top.parse().ok()?, inner.parse().ok()?)));
    let Some((top, inner)): Option<(usize, usize)> = numbers() else { return false };
    let groups = meta.inner_instructions.iter().flatten().filter(|group| group.index == top);
    let mut called = groups.filter_map(|group| group.instructions.get(inner));
    called.any(|call| message.accounts(meta).get(call.program_id_index) == Some(&PROGRAM))
}
