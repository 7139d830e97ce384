//! The reference tables of `config/`: assets, aliases, tokens, markets.

use perpdex_core::{AliasDef, AssetDef, Catalog, CatalogError, ChainId, MarketDef, TokenDef, VenueSlug};
use serde::Deserialize;
use thiserror::Error;

/// Rows of a reference file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CatalogRows {
    /// Canonical underlyings.
    pub assets: Vec<AssetDef>,
    /// Venue symbols.
    pub aliases: Vec<AliasDef>,
    /// Tokens.
    pub tokens: Vec<TokenDef>,
    /// Markets that a chain does not describe well enough by itself.
    pub markets: Vec<MarketDef>,
}

impl CatalogRows {
    /// Adds the rows to a catalog; they replace rows of the same key.
    pub fn extend(self, catalog: &mut Catalog) -> Result<(), CatalogError> {
        catalog.extend(self.assets, self.aliases, self.tokens, self.markets)
    }
}

/// A reference file that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{file}, line {line}: {message}")]
pub struct CatalogFileError {
    /// Name of the file, as the caller gave it.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// What is wrong there.
    pub message: String,
}

/// Reads a reference file in TOML: arrays `assets`, `aliases`, `tokens`, `markets`, each optional; unknown keys are refused.
pub fn parse_catalog(text: &str, file_name: &str) -> Result<CatalogRows, CatalogFileError> {
    let error = |line, message| CatalogFileError { file: file_name.to_owned(), line, message };
    let rows: CatalogRows = toml::from_str(text).map_err(|source| {
        let line = source.span().map_or(1, |span| line_at(text, span.start));
        error(line, source.message().to_owned())
    })?;
    match find_fault(&rows) {
        Some((value, message)) => Err(error(text.find(value).map_or(1, |at| line_at(text, at)), format!("{value:?} {message}"))),
        None => Ok(rows),
    }
}

/// The first value that no decoder could ever match, and what is wrong with it.
fn find_fault(rows: &CatalogRows) -> Option<(&str, &'static str)> {
    let chains = rows.tokens.iter().map(|token| &token.chain).chain(rows.markets.iter().map(|market| &market.chain));
    let venues = rows.markets.iter().map(|market| &market.venue).chain(rows.aliases.iter().map(|alias| &alias.venue));
    let market_addresses = rows.markets.iter().flat_map(|market| market.collateral_tokens.iter().chain([&market.key]));
    let mut addresses = rows.tokens.iter().map(|token| &token.address).chain(market_addresses);
    let chain = chains.map(String::as_str).find(|chain| ChainId::from_slug(chain).is_none());
    let venue = venues.map(String::as_str).find(|venue| *venue != "*" && VenueSlug::from_slug(venue).is_none());
    let mixed_case = addresses.find(|address| address.starts_with("0x") && **address != address.to_lowercase());
    let faults =
        [(chain, "is not a known chain"), (venue, "is not a known venue"), (mixed_case.map(String::as_str), "must be lower-case hex")];
    faults.into_iter().find_map(|(value, message)| value.map(|value| (value, message)))
}

/// The line of a byte, from 1.
fn line_at(text: &str, at: usize) -> usize {
    text.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count() + 1
}

/// The tables that perpdex ships.
pub fn builtin_catalog() -> Catalog {
    let mut catalog = Catalog::default();
    for (file_name, text) in BUILTIN {
        let rows = parse_catalog(text, file_name).unwrap_or_else(|error| panic!("built-in table: {error}"));
        rows.extend(&mut catalog).unwrap_or_else(|error| panic!("built-in table {file_name}: {error}"));
    }
    catalog
}

/// Assets first: aliases name them.
const BUILTIN: &[(&str, &str)] = &[
    ("config/assets.toml", include_str!("../../../config/assets.toml")),
    ("config/tokens.toml", include_str!("../../../config/tokens.toml")),
    ("config/markets/gmx_v2.toml", include_str!("../../../config/markets/gmx_v2.toml")),
    ("config/markets/gmx_v1.toml", include_str!("../../../config/markets/gmx_v1.toml")),
    ("config/markets/gtrade.toml", include_str!("../../../config/markets/gtrade.toml")),
    ("config/markets/ostium.toml", include_str!("../../../config/markets/ostium.toml")),
    ("config/markets/aster_1001x.toml", include_str!("../../../config/markets/aster_1001x.toml")),
    ("config/markets/jupiter_perps.toml", include_str!("../../../config/markets/jupiter_perps.toml")),
    ("config/markets/drift_v2.toml", include_str!("../../../config/markets/drift_v2.toml")),
    ("config/markets/velocity.toml", include_str!("../../../config/markets/velocity.toml")),
    ("config/markets/gmtrade.toml", include_str!("../../../config/markets/gmtrade.toml")),
    ("config/markets/flash_trade.toml", include_str!("../../../config/markets/flash_trade.toml")),
    ("config/markets/adrena.toml", include_str!("../../../config/markets/adrena.toml")),
    ("config/markets/dydx_v1.toml", include_str!("../../../config/markets/dydx_v1.toml")),
    ("config/markets/mcdex_v2.toml", include_str!("../../../config/markets/mcdex_v2.toml")),
    ("config/markets/level.toml", include_str!("../../../config/markets/level.toml")),
];

#[cfg(test)]
mod tests;
