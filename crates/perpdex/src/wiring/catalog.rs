//! Reference tables: the built-in ones, then the user's own files.

use anyhow::{Context, Result};
use perpdex_core::Catalog;
use perpdex_venues::{builtin_catalog, parse_catalog};

use crate::config::Config;

/// The catalog of this configuration; an error names file and line.
pub(crate) fn catalog(config: &Config) -> Result<Catalog> {
    let mut catalog = builtin_catalog();
    for path in &config.catalog_files.value {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path).with_context(|| format!("catalog file {name} ({})", config.catalog_files.origin))?;
        let rows = parse_catalog(&text, &name).context("catalog file")?;
        rows.extend(&mut catalog).with_context(|| format!("catalog file {name}"))?;
    }
    Ok(catalog)
}
