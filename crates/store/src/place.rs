//! Where a database is. What is printed of it never holds a user or a password.

use std::fmt;
use std::path::PathBuf;

use perpdex_core::StoreError;

/// A database's engine and address.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// A file.
    File(PathBuf),
    /// A database that lives and dies with its store.
    Memory,
    /// A PostgreSQL address, with whatever secrets it holds.
    Postgres(String),
}

impl Place {
    /// Reads `sqlite:PATH`, a bare path, `sqlite::memory:` or `postgres://…`.
    pub(crate) fn parse(url: &str) -> Result<Place, StoreError> {
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Ok(Place::Postgres(url.to_owned()));
        }
        let path = url.strip_prefix("sqlite:").unwrap_or(url);
        let path = path.strip_prefix("//").unwrap_or(path);
        match (path, path.split_once("://")) {
            (":memory:", _) => Ok(Place::Memory),
            ("", _) => Err(unusable("database address", "names no file: use sqlite:PATH or postgres://HOST/NAME")),
            (_, Some((scheme, _))) => Err(unusable(scheme, "is no database this program knows: use sqlite:PATH or postgres://HOST/NAME")),
            _ => Ok(Place::File(PathBuf::from(path))),
        }
    }

    /// The engine's name.
    pub(crate) fn engine(&self) -> &'static str {
        match self {
            Place::File(_) | Place::Memory => "sqlite",
            Place::Postgres(_) => "postgres",
        }
    }
}

fn unusable(database: &str, message: &str) -> StoreError {
    StoreError::Database { database: database.to_owned(), message: message.to_owned() }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::File(path) => write!(f, "sqlite:{}", path.display()),
            Place::Memory => f.write_str("sqlite::memory:"),
            Place::Postgres(url) => {
                let rest = url.split_once("://").map_or("", |(_, rest)| rest);
                let (address, options) = rest.split_at(rest.find(['?', '#']).unwrap_or(rest.len()));
                // A password may hold unescaped signs: what follows the last '@' is the host, and an '@' behind a '?' or '#'
                // leaves in doubt where the password ends.
                let bare = address.rsplit_once('@').map_or(address, |(_, host)| host);
                write!(f, "postgres://{}", if options.contains('@') { "…" } else { bare })
            }
        }
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_and_printed_without_secrets() {
        for (url, shown) in [
            ("sqlite:a/b.db", "sqlite:a/b.db"),
            ("sqlite://a.db", "sqlite:a.db"),
            ("x.db", "sqlite:x.db"),
            ("sqlite::memory:", "sqlite::memory:"),
            ("postgres://user:p%40ss@host:5432/name?password=x", "postgres://host:5432/name"),
            ("postgresql://user:p@ss@host/name", "postgres://host/name"),
            ("postgres://host/name", "postgres://host/name"),
            ("postgres://user:p#rest@host/name", "postgres://…"),
            ("postgres://user:p?rest@host/name", "postgres://…"),
        ] {
            let place = Place::parse(url).unwrap();
            assert_eq!(place.to_string(), shown);
            assert_eq!(format!("{place:?}"), shown);
        }
        for url in ["", "sqlite:", "mysql://user:secret@host/x"] {
            let error = Place::parse(url).unwrap_err().to_string();
            assert!(!error.contains("secret") && error.contains("postgres://HOST/NAME"), "{error}");
        }
    }
}
