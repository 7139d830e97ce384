//! The demo's database: made anew each time, and never somebody else's.
//!
//! A database file of the demo has a note beside it (`FILE.demo`) that says which world it holds. The note is written
//! first and removed last, so that a demo killed at any moment is recognised by the next one.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use perpdex_store::SqlStore;
use serde::{Deserialize, Serialize};

use crate::args::DemoArgs;
use crate::config::database_place;
use crate::wiring;

/// Where a demo writes.
#[derive(Debug)]
pub(super) enum DemoDatabase {
    /// A file with its note.
    File,
    /// A server or memory, which has no file to replace.
    Other {
        /// Where, without password.
        place: String,
    },
}

/// Which world a database file holds.
#[derive(Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(deny_unknown_fields)]
struct Note {
    format: String,
    seed: u64,
    hours: u32,
    events: u64,
}

/// The form of the note.
const NOTE_FORMAT: &str = "perpdex-demo/1";

/// Endings of the files that belong to a SQLite database; the file itself comes last.
const FILE_ENDINGS: [&str; 3] = ["-wal", "-shm", ""];

impl DemoDatabase {
    /// Removes the file of an earlier demo, or with `--resume` checks that it holds the same world. Refuses to touch a
    /// database that no demo made.
    pub(super) fn prepare(url: &str, args: &DemoArgs) -> Result<DemoDatabase> {
        let Some(path) = file_of(url) else { return Ok(DemoDatabase::Other { place: database_place(url) }) };
        let note_path = with_ending(&path, ".demo");
        let wanted = Note { format: NOTE_FORMAT.to_owned(), seed: args.seed, hours: args.hours, events: args.events };
        let found = read_note(&note_path)?;
        let shown = path.display();
        match found {
            None if path.exists() => {
                Err(anyhow!("{shown} exists and was not made by a demo: it is left alone; name another file with --database"))
            }
            Some(found) if args.resume && found != wanted => Err(anyhow!(
                "{shown} holds the world of --seed {} --hours {} --events {}: resume with these, or leave --resume out",
                found.seed,
                found.hours,
                found.events
            )),
            Some(_) if args.resume => Ok(DemoDatabase::File),
            _ => {
                write_note(&note_path, &wanted).with_context(|| format!("{}", note_path.display()))?;
                FILE_ENDINGS.iter().try_for_each(|ending| remove(&with_ending(&path, ending)))?;
                Ok(DemoDatabase::File)
            }
        }
    }

    /// A server's database must be empty, unless the demo is resumed.
    pub(super) async fn require_usable(&self, store: &SqlStore, args: &DemoArgs) -> Result<()> {
        match self {
            DemoDatabase::Other { place } if !args.resume && !wiring::known_targets(store).await?.is_empty() => {
                Err(anyhow!("{place} is not empty: the demo needs a database of its own, or --resume for one that an earlier demo began"))
            }
            _ => Ok(()),
        }
    }
}

/// The file of a SQLite URL or bare path; `None` for servers and memory.
fn file_of(url: &str) -> Option<PathBuf> {
    let path = url.strip_prefix("sqlite:").unwrap_or(url);
    let path = path.strip_prefix("//").unwrap_or(path);
    let path = path.split('?').next().unwrap_or(path);
    (!path.contains("://") && path != ":memory:" && !path.is_empty()).then(|| PathBuf::from(path))
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

fn read_note(path: &Path) -> Result<Option<Note>> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("{}", path.display())),
    };
    // A note cut short by a crash or written by hand is no licence to delete anything.
    let note: Option<Note> = serde_json::from_slice(&bytes).ok();
    Ok(note.filter(|note| note.format == NOTE_FORMAT))
}

/// Writes the note as a whole or not at all: a demo killed in between must not disown its database.
fn write_note(path: &Path, note: &Note) -> io::Result<()> {
    let unfinished = with_ending(path, ".new");
    fs::write(&unfinished, serde_json::to_vec(note)?)?;
    fs::rename(&unfinished, path)
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error).with_context(|| format!("{}", path.display())),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::OutputArgs;

    fn args(seed: u64, resume: bool) -> DemoArgs {
        DemoArgs { seed, hours: 24, events: 1_000, resume, output: OutputArgs::default() }
    }

    #[test]
    fn only_a_demo_database_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.db");
        let url = format!("sqlite:{}", path.display());
        fs::write(&path, "precious").unwrap();
        let error = DemoDatabase::prepare(&url, &args(1, false)).unwrap_err().to_string();
        assert!(error.contains("not made by a demo"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");

        fs::remove_file(&path).unwrap();
        DemoDatabase::prepare(&url, &args(1, false)).unwrap();
        fs::write(&path, "rows").unwrap();
        DemoDatabase::prepare(&url, &args(1, true)).unwrap();
        assert!(path.exists(), "a resumed demo keeps its rows");
        let error = DemoDatabase::prepare(&url, &args(2, true)).unwrap_err().to_string();
        assert!(error.contains("--seed 1 --hours 24 --events 1000"), "{error}");
        DemoDatabase::prepare(&url, &args(2, false)).unwrap();
        assert!(!path.exists(), "a new demo begins anew");
    }

    #[test]
    fn servers_and_memory_have_no_file() {
        for (url, file) in [
            ("sqlite:a/b.db", Some("a/b.db")),
            ("x.db", Some("x.db")),
            ("sqlite:x.db?mode=rwc", Some("x.db")),
            ("sqlite::memory:", None),
            ("postgres://h/x", None),
        ] {
            assert_eq!(file_of(url), file.map(PathBuf::from), "{url}");
        }
    }
}
