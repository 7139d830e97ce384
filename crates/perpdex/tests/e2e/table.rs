//! Tables in documents that tests write: compared, or rewritten where `UPDATE_EXPECT=1` asks for it.

use std::env;
use std::path::Path;

/// Compares what stands between `<!-- NAME -->` and `<!-- /NAME -->` of a document with `text`.
#[track_caller]
pub(crate) fn check(document: &Path, name: &str, text: &str) {
    let whole = std::fs::read_to_string(document).expect("the document is there");
    let (open, close) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
    let (head, rest) = whole.split_once(&open).unwrap_or_else(|| panic!("{} has no {open}", document.display()));
    let (found, tail) = rest.split_once(&close).unwrap_or_else(|| panic!("{} has no {close}", document.display()));
    if found == text {
        return;
    }
    if env::var("UPDATE_EXPECT").is_ok_and(|value| value == "1") {
        std::fs::write(document, format!("{head}{open}{text}{close}{tail}")).expect("the document can be written");
        return;
    }
    let differing = found.lines().zip(text.lines()).find(|(a, b)| a != b);
    panic!("{}: table {name} differs, first in {differing:?}; UPDATE_EXPECT=1 rewrites it. New:\n{text}", document.display());
}
