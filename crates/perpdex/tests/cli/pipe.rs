//! A reader that has read enough is no failure.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use crate::support;

/// More text than any pipe holds, so that the program is still writing when its reader leaves.
const MANY_ROWS: &str = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 99999) SELECT i, 'some words to fill the pipe' AS text FROM n";

#[test]
fn a_closed_pipe_ends_the_program_with_success() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(support::code(&support::perpdex(folder.path()).args(["db", "migrate"]).output().unwrap()), 0);
    for format in ["table", "csv", "json"] {
        let mut query = support::perpdex(folder.path());
        query.args(["query", MANY_ROWS, "--format", format]).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = query.spawn().unwrap();
        let mut first = String::new();
        let mut reader = BufReader::new(child.stdout.take().unwrap());
        reader.read_line(&mut first).unwrap();
        drop(reader);
        let output = child.wait_with_output().unwrap();
        assert!(!first.is_empty());
        assert_eq!((support::code(&output), String::from_utf8_lossy(&output.stderr).as_ref()), (0, ""), "{format}");
    }
}
