//! Whatever is cut off or overwritten in the lines of a block, decoding ends, and an event gives a fill, a refusal, or
//! nothing.

mod common;

use perpdex_core::{HyperliquidLine, RawBody};

#[test]
fn damaged_lines_never_panic() {
    /// Places of one block that are damaged, spread over its lines.
    const PLACES_MAX: usize = 120;
    let venue = perpdex_venues::venue("hyperliquid").unwrap();
    let mut refusals = 0;
    for case in common::cases().into_iter().filter(|case| case.venue == "hyperliquid") {
        for record in case.records() {
            let RawBody::HyperliquidLine(line) = &record.body else { panic!("{}: not a line", case.path.display()) };
            for byte in (0..line.text.len()).step_by(line.text.len().div_ceil(PLACES_MAX)) {
                for text in damage(&line.text, byte) {
                    let mut record = record.clone();
                    record.body = RawBody::HyperliquidLine(HyperliquidLine { text, ..line.clone() });
                    refusals += common::decode(venue, &[record]).failures.len();
                }
            }
        }
    }
    assert!(refusals > 500, "only {refusals} refusals");
}

/// The text cut at a byte, and with other bytes in its place.
fn damage(text: &str, byte: usize) -> Vec<String> {
    let (head, tail) = (&text[..byte], &text[byte + 1..]);
    let replaced = ["\"", "9", "-", "}", "x", "\\u0000", "9999999999999999999999999999999999999999999999999999999999999999999999999999999"];
    let mut out: Vec<String> = replaced.iter().map(|other| format!("{head}{other}{tail}")).collect();
    out.push(head.to_owned());
    out
}
