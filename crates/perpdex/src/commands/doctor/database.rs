//! The database: there, of this version, writable, with room.

use std::path::Path;

use perpdex_core::Store;

use super::Check;
use crate::config::{Config, database_place};
use crate::wiring;

/// Free bytes below which a disk is worth a word.
const FREE_BYTES_MIN: u64 = 2 << 30;

/// Looks at the database without making one.
pub(super) async fn check(config: &Config) -> Vec<Check> {
    let url = &config.database.value;
    let place = database_place(url);
    let file = file_of(url);
    let mut checks = Vec::new();
    if let Some(path) = file.as_deref() {
        checks.push(disk(&place, path));
        if !path.exists() {
            checks.push(Check::ok("database", "database", format!("{place} does not exist yet; `perpdex sync` makes it")));
            return checks;
        }
    }
    // A catalog that cannot be read is told by the check of the configuration.
    let Ok(catalog) = wiring::catalog(config) else { return checks };
    let store = match wiring::open_store_existing(url, catalog).await {
        Ok(store) => store,
        Err(error) => {
            checks.push(Check::fail(
                "database",
                "database",
                error.to_string(),
                "see the message; `perpdex db migrate` makes or updates a schema",
            ));
            return checks;
        }
    };
    match store.info().await {
        Ok(info) => {
            let found = format!(
                "{place} ({}), schema version {} of {}, {} bytes",
                info.engine, info.schema_version, info.schema_version_known, info.bytes
            );
            checks.push(Check::ok("database", "database", found));
        }
        Err(error) => checks.push(Check::fail("database", "database", error.to_string(), "the database cannot be read")),
    }
    checks.push(match store.set_targets(&[]).await {
        Ok(()) => Check::ok("database", "writable", "a transaction was begun and ended"),
        Err(error) => {
            Check::fail("database", "writable", error.to_string(), "give this user the right to write, or end what holds the lock")
        }
    });
    store.close().await;
    checks
}

/// The file of a SQLite address.
fn file_of(url: &str) -> Option<std::path::PathBuf> {
    if url.starts_with("postgres://") || url.starts_with("postgresql://") || url.ends_with(":memory:") {
        return None;
    }
    let path = url.strip_prefix("sqlite:").unwrap_or(url);
    Some(path.strip_prefix("//").unwrap_or(path).into())
}

#[cfg(unix)]
fn disk(place: &str, path: &Path) -> Check {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match rustix::fs::statvfs(folder) {
        Ok(disk) => {
            let free = disk.f_bavail.saturating_mul(disk.f_frsize);
            let found = format!("{} MiB free beside {place}", free >> 20);
            match free < FREE_BYTES_MIN {
                true => Check::warn("database", "disk", found, "make room: a full disk ends a run, though it loses nothing"),
                false => Check::ok("database", "disk", found),
            }
        }
        Err(error) => {
            Check::fail("database", "disk", format!("the folder of {place}: {error}"), "make the folder, or choose another database")
        }
    }
}

#[cfg(not(unix))]
fn disk(place: &str, _path: &Path) -> Check {
    Check::warn("database", "disk", format!("free room beside {place} is not looked at on this system"), "look at it yourself")
}
