//! Constructed cases: `records.jsonl` is the encoding of `logs.json` by a general ABI encoder, or of `program.json` by a
//! general borsh encoder, which know no venue and share nothing with the decoders. `UPDATE_EXPECT=1` writes it.

mod common;
mod encoder;

use std::fs;

use common::{Provenance, cases, expect_file};

#[test]
fn records_are_the_encoding_of_the_logs() {
    let mut n_cases = 0;
    for case in cases() {
        let path = case.path.join("logs.json");
        if !path.exists() {
            continue;
        }
        assert_eq!(case.origin.provenance, Provenance::Constructed, "{}", path.display());
        let text = fs::read_to_string(&path).unwrap();
        let logs = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let records = encoder::encode(&logs, case.chain, &case.path.display().to_string());
        let lines: String = records.iter().map(|record| serde_json::to_string(record).unwrap() + "\n").collect();
        expect_file(&case.path.join("records.jsonl"), &lines);
        n_cases += 1;
    }
    assert!(n_cases > 0, "no constructed case");
}

/// The same for programs on Solana: `program.json` and the layout file.
#[test]
fn records_are_the_encoding_of_the_program_events() {
    let mut n_cases = 0;
    for case in cases() {
        let path = case.path.join("program.json");
        if !path.exists() {
            continue;
        }
        assert_eq!(case.origin.provenance, Provenance::Constructed, "{}", path.display());
        let text = fs::read_to_string(&path).unwrap();
        let events = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let records = encoder::borsh::encode(&events, case.chain, &case.path.display().to_string());
        let lines: String = records.iter().map(|record| serde_json::to_string(record).unwrap() + "\n").collect();
        expect_file(&case.path.join("records.jsonl"), &lines);
        n_cases += 1;
    }
    assert!(n_cases > 0, "no constructed case");
}
