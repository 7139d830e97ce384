//! `config show`: every effective value with its origin, secrets left out.

use super::{Config, Origin, database_place};

/// One effective value.
#[derive(Debug)]
pub(crate) struct ShownSetting {
    /// Its key, with dots.
    pub(crate) key: String,
    /// The value as text.
    pub(crate) value: String,
    /// Where it comes from.
    pub(crate) origin: String,
}

impl Config {
    /// All effective values, in the order of the file.
    pub(crate) fn shown(&self) -> Vec<ShownSetting> {
        let mut rows = Vec::new();
        let mut push = |key: String, value: String, origin: &Origin| rows.push(ShownSetting { key, value, origin: origin.to_string() });
        push("database.url".to_owned(), database_place(&self.database.value), &self.database.origin);
        for (name, setting, _) in self.sync.rows() {
            push(format!("sync.{name}"), setting.value.to_string(), &setting.origin);
        }
        let files: Vec<String> = self.catalog_files.value.iter().map(|path| path.display().to_string()).collect();
        push("catalog.files".to_owned(), files.join(", "), &self.catalog_files.origin);
        for chain in &self.chains {
            let key = |name: &str| format!("chains.{}.{name}", chain.chain);
            let enabled = if chain.enabled.value { "true".to_owned() } else { format!("false: {}", chain.off_reason()) };
            push(key("enabled"), enabled, &chain.enabled.origin);
            push(key("start"), chain.start.value.to_string(), &chain.start.origin);
            push(key("recent_blocks"), chain.recent_blocks.value.to_string(), &chain.recent_blocks.origin);
            push(key("final_depth"), chain.final_depth.value.to_string(), &chain.final_depth.origin);
            push(key("raw"), chain.raw.value.to_string(), &chain.raw.origin);
            let labels: Vec<&str> = chain.endpoints.value.iter().map(|endpoint| endpoint.label()).collect();
            push(key("endpoints"), labels.join(", "), &chain.endpoints.origin);
        }
        rows
    }
}
