//! Patterns that find numbers in the texts of providers: `limited to a {n} range`, `should work: [{from}, {to}]`.
//!
//! Text matches in any case, anywhere. A number is decimal (with thousands commas, with a `k` behind it) or `0x` hex.

/// A pattern, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern {
    parts: Vec<Part>,
}

/// Numbers a pattern found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Numbers {
    /// `{n}`: a number of blocks.
    pub(crate) cap: Option<u64>,
    /// `{from}`: first block of a suggested range.
    pub(crate) from: Option<u64>,
    /// `{to}`: last block of a suggested range.
    pub(crate) to: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Cap,
    From,
    To,
    Other,
}

impl Pattern {
    /// Reads a pattern; an unknown or unclosed placeholder is an error.
    pub(crate) fn parse(text: &str) -> Result<Pattern, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(open) = rest.find('{') {
            let close = rest[open..].find('}').ok_or_else(|| format!("pattern {text:?}: a brace is not closed"))? + open;
            if open > 0 {
                parts.push(Part::Text(rest[..open].to_ascii_lowercase()));
            }
            parts.push(match &rest[open + 1..close] {
                "n" => Part::Cap,
                "from" => Part::From,
                "to" => Part::To,
                "_" => Part::Other,
                name => return Err(format!("pattern {text:?}: no placeholder is called {name:?}")),
            });
            rest = &rest[close + 1..];
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_ascii_lowercase()));
        }
        if parts.iter().all(|part| matches!(part, Part::Text(_))) {
            return Err(format!("pattern {text:?}: no placeholder"));
        }
        Ok(Pattern { parts })
    }

    /// The numbers of the first place where the pattern fits; `text` must be lower-case.
    pub(crate) fn find(&self, text: &str) -> Option<Numbers> {
        let inside_number = |start: usize| start > 0 && text.as_bytes()[start - 1].is_ascii_digit();
        text.char_indices().filter(|(start, _)| !inside_number(*start)).find_map(|(start, _)| self.fits(&text[start..]))
    }

    fn fits(&self, mut text: &str) -> Option<Numbers> {
        let mut numbers = Numbers::default();
        for part in &self.parts {
            let slot = match part {
                Part::Text(wanted) => {
                    text = text.strip_prefix(wanted.as_str())?;
                    continue;
                }
                Part::Cap => Some(&mut numbers.cap),
                Part::From => Some(&mut numbers.from),
                Part::To => Some(&mut numbers.to),
                Part::Other => None,
            };
            let (number, rest) = leading_number(text)?;
            if let Some(slot) = slot {
                *slot = Some(number);
            }
            text = rest;
        }
        Some(numbers)
    }
}

/// The number that `text` starts with, and what follows it.
fn leading_number(text: &str) -> Option<(u64, &str)> {
    if let Some(hex) = text.strip_prefix("0x") {
        let end = hex.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(hex.len());
        return Some((u64::from_str_radix(&hex[..end], 16).ok()?, &hex[end..]));
    }
    let bytes = text.as_bytes();
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let mut end = 0;
    // A comma belongs to the number only where a digit follows it.
    while digit(end) || (end > 0 && bytes.get(end) == Some(&b',') && digit(end + 1)) {
        end += 1;
    }
    let number: u64 = text[..end].replace(',', "").parse().ok()?;
    match text[end..].strip_prefix('k') {
        Some(rest) => Some((number.checked_mul(1_000)?, rest)),
        None => Some((number, &text[end..])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found() {
        for (pattern, text, cap, from, to) in [
            ("limited to a {n} range", "eth_getlogs is limited to a 10,000 range", Some(10_000), None, None),
            ("up to a {n} block range", "with up to a 2k block range.", Some(2_000), None, None),
            ("work: [{from}, {to}]", "this block range should work: [0x10, 0x1f]", None, Some(16), Some(31)),
            ("plan ({_} > {n})", "allowed for your plan (5000 > 100)", Some(100), None, None),
            ("results {n}", "max results 20000, retry", Some(20_000), None, None),
            ("range {n}", "range none, range 7", Some(7), None, None),
        ] {
            assert_eq!(Pattern::parse(pattern).unwrap().find(text), Some(Numbers { cap, from, to }), "{text}");
        }
        assert_eq!(Pattern::parse("range {n}").unwrap().find("range of 5"), None);
        assert_eq!(Pattern::parse("{n}").unwrap().find("99999999999999999999"), None, "more than 64 bits");
    }

    #[test]
    fn bad_patterns_are_errors() {
        for text in ["limited", "a {n", "a {blocks}"] {
            assert!(Pattern::parse(text).is_err(), "{text}");
        }
    }
}
